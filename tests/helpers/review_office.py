"""An office that reviews a small exam, without a server: its desk has looked once, and looks no more by itself."""

from atexit import register
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp

from starlette.testclient import TestClient

from flows.review.app import create_app
from flows.review.desk import Desk
from flows.review.guard import CSRF_HEADER
from flows.review.office import Office
from flows.review.people import Person
from flows.review.sessions import COOKIE, Session, Sessions
from flows.settings import load_exam
from flows.store import open_store
from flows.users import UserRole
from tests.helpers.exam_folder import SETTINGS, exam_folder

ADA = Person("Ada", UserRole.REVIEWER)
BEN = Person("Ben", UserRole.REVIEWER)
CAM = Person("Cam", UserRole.REVIEWER)
LEA = Person("Lea", UserRole.LEAD, sees_names=True)
VIC = Person("Vic", UserRole.VIEWER)

SECOND = SETTINGS + '[review]\nsecond = "all"\n'
"""Every field is answered by two people."""

BLANK_IS_ZERO = SETTINGS + '[marks]\nblank = "zero"\n'
"""An empty mark cell counts 0, so that people may say that it is blank."""

OPEN_MARK = "9f2c41d07ab3-2-q2"
OPEN_ID = "9f2c41d07ab3-3-candidate"
OPEN_BLANK = "9f2c41d07ab3-3-q1"
"""What is open in `exam_folder`: a mark that may be 7 or 1, an id, and a mark cell left blank."""


@cache
def _made(settings: str) -> Path:
    """An exam folder as `exam_folder` makes it, once in a run: making its database takes longer than most tests."""
    place = Path(mkdtemp(prefix="tallymark-tests-"))
    register(rmtree, place, ignore_errors=True)
    return exam_folder(place / "exam", settings)


def exam_copy(place: Path, settings: str = SETTINGS) -> Path:
    """An exam folder of one's own, as `exam_folder` makes it."""
    copytree(_made(settings), place)
    return place


@contextmanager
def office_of(folder: Path) -> Iterator[Office]:
    """The office of an exam folder."""
    exam = load_exam(folder)
    desk = Desk(exam, lambda: open_store(folder))
    desk.look()
    with open_store(folder) as store:
        yield Office(exam, store, desk, Sessions())


def begin(office: Office, person: Person) -> Session:
    """A log-in: with the account of that name where there is one."""
    return office.sessions.begin(person, office.store.user(person.name))


def browser(office: Office, person: Person) -> TestClient:
    """A browser in which somebody has logged in, and whose script knows the token of its page."""
    session = begin(office, person)
    return TestClient(
        create_app(office, hosts=("testserver",)),
        cookies={COOKIE: office.sessions.cookie(session)},
        headers={CSRF_HEADER: session.csrf, "accept": "application/json"},
        follow_redirects=False,
    )
