"""What every page of the review shares: the exam, its desk, who is logged in, and how pages are drawn."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from flows.review.accounts import Gate
from flows.review.around import Unpacked
from flows.review.board import Boards
from flows.review.catalogue import Catalogue
from flows.review.desk import Desk
from flows.review.leases import Leases
from flows.review.people import Person
from flows.review.pictures import Pictures
from flows.review.placing_jobs import PlacingJobs
from flows.review.queue_order import Lines, Skipped
from flows.review.round_files import FOLDER, RoundFiles
from flows.review.rounds import Rounds
from flows.review.sessions import Session, Sessions
from flows.review.shown_flags import ShownFlags
from flows.review.standings import Standings
from flows.review.struck import FILE as STRUCK_FILE
from flows.review.struck import Struck
from flows.settings import Exam
from flows.store import Store
from flows.users import UserRole

VIEWS = (
    ("/queue", "Queue", UserRole.REVIEWER),
    ("/wall", "Wall", UserRole.REVIEWER),
    ("/sheets", "Sheets", UserRole.REVIEWER),
    ("/", "Dashboard", UserRole.VIEWER),
)
"""Address, name and needed role of each view, in the order of the menu."""


HAS_ACCOUNTS = "This exam has accounts now, and its link logs nobody in any more. Log in with an account"
"""Why the session of a link is over."""


def page_drawer() -> Environment:
    """Return what draws pages: every text is escaped, and a name that is missing is a bug."""
    return Environment(
        loader=PackageLoader("flows.review", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(slots=True)
class Office:
    """One exam that is open for review.

    `store` is for requests: no snapshot is ever taken of it, since many threads share it. `struck` are fields that
    somebody struck on a wall: they are no more what others around them are.
    """

    exam: Exam
    store: Store
    desk: Desk
    sessions: Sessions
    gate: Gate = field(default_factory=Gate)
    leases: Leases = field(default_factory=Leases)
    skipped: Skipped = field(default_factory=Skipped)
    pages: Environment = field(default_factory=page_drawer)
    boards: Boards = field(default_factory=Boards)
    catalogue: Catalogue = field(default_factory=Catalogue)
    pictures: Pictures = field(default_factory=Pictures)
    unpacked: Unpacked = field(default_factory=Unpacked)
    shown_flags: ShownFlags = field(default_factory=ShownFlags)
    placing: PlacingJobs = field(default_factory=PlacingJobs)
    struck: Struck = field(init=False)
    lines: Lines = field(init=False)
    rounds: Rounds = field(init=False)
    standings: Standings = field(init=False)

    def __post_init__(self) -> None:
        self.struck = Struck(self.exam.dir / STRUCK_FILE, self.desk)
        self.lines = Lines(self.desk)
        self.leases.waiting = self.desk.waiting
        self.rounds = Rounds(RoundFiles(self.exam.dir / FOLDER), self.desk)
        self.standings = Standings(self.exam, self.desk, self.store)


def office_of(request: Request) -> Office:
    """Return the office that a request came to."""
    office: Office = request.app.state.office
    return office


def session_of(request: Request) -> Session:
    """Return the session of a request (401 without one)."""
    found: Session | None = request.state.session
    if found is None:
        raise HTTPException(401, f"{request.state.ended}." if request.state.ended else "Log in first.")
    return found


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency: the person of a request, who may do what needs this role (else 401 or 403).

    It stands first among the parameters of a route: who may not do something learns nothing else about it.
    """

    role: UserRole

    def __call__(self, request: Request) -> Person:
        """Return the person of a request."""
        who = session_of(request).person
        if not who.role.covers(self.role):
            raise HTTPException(403, f"This needs the role {self.role.value}; you are logged in as {who.role.value}.")
        return who


Here = Annotated[Office, Depends(office_of)]
Viewing = Annotated[Person, Depends(Needs(UserRole.VIEWER))]
Reviewing = Annotated[Person, Depends(Needs(UserRole.REVIEWER))]
Leading = Annotated[Person, Depends(Needs(UserRole.LEAD))]


def draw(request: Request, page: str, *, status: int = 200, **shown: Any) -> HTMLResponse:  # noqa: ANN401 - as templates take
    """Draw a page of `pages/`; it is told the exam, who looks, the CSRF token, the views, and what is given."""
    office = office_of(request)
    session: Session | None = request.state.session
    person = session.person if session else None
    context = {
        "exam": office.exam.settings.exam,
        "person": person,
        "csrf": session.csrf if session else "",
        "views": [(at, name) for at, name, role in VIEWS if person and person.role.covers(role)],
        "here": request.url.path,
    }
    return HTMLResponse(office.pages.get_template(page).render(context | shown), status)
