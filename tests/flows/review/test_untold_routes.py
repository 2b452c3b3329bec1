"""Whatever a person asks for in blind review, the answer does not depend on what others said unseen.

Two copies of one exam, in which the same people answered the same fields, with other values: marks that lead to other
guesses, sums and totals, and numbers of other candidates. To who has answered none of it, every page is the same.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from shutil import copytree

import pytest
from starlette.testclient import TestClient

from flows.final import Obstacle
from flows.review.app import create_app
from flows.review.board import Boards
from flows.review.guard import CSRF_HEADER
from flows.review.office import Office
from flows.review.people import Person
from flows.review.queue_order import Order
from flows.review.refusals import Refused
from flows.review.saying import Said, Word, say
from flows.review.sheet_list import Which
from flows.store import Store
from flows.users import UserRole
from tests.helpers.exam_folder import remember
from tests.helpers.exam_rows import SCAN, marks_fields, page_row
from tests.helpers.review_office import (
    ADA,
    BEN,
    CAM,
    OPEN_BLANK,
    OPEN_ID,
    OPEN_MARK,
    SECOND,
    VIC,
    browser,
    exam_copy,
    office_of,
)
from tests.helpers.review_routes import routes_of

SEES_NAMES = Person("Cam", CAM.role, sees_names=True)
STEM = SCAN[:12]
ONE_OPEN, OTHER_OPEN = f"{STEM}-5-q1", f"{STEM}-5-q2"
"""Two marks of one sheet, each 7 or 1, of which one settles the other by the total."""
AT_ODDS = f"{STEM}-6-q1"
"""A mark that, as 7, agrees with the total, and as 3 puts in doubt what was read well."""

SHEETS = [f"marks#0000{number}" for number in (1, 2, 3, 5, 6)]
KEYS = [f"{STEM}-{number}-{name}" for number in (1, 2, 3, 5, 6) for name in ("candidate", "q1", "q2", "q3", "total")]
NUMBERS = ("00123456", "00777777", "00666666", "Quill", "Reed")

# Of what was said only 7 agrees with the total of the second sheet; of the last one, each with another second mark; and
# both numbers are candidates'.
FIRST = {OPEN_MARK: "9.5", ONE_OPEN: "7", AT_ODDS: "7", OPEN_ID: "00777777", OPEN_BLANK: "6.5"}
SECOND_ANSWERS = {OPEN_BLANK: "4.5"}
OTHER_FIRST = {OPEN_MARK: "7", ONE_OPEN: "1", AT_ODDS: "3", OPEN_ID: "00666666", OPEN_BLANK: "5.5"}
OTHER_SECOND_ANSWERS = {OPEN_BLANK: "3.5"}

TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+\d\d:\d\d)?|\d\d:\d\d on \d{4}-\d\d-\d\d")
PACE = re.compile(r'(&#34;|\\?")(active_s|per_hour)(&#34;|\\?"): ?[^,}]*')
"""When things were said, and how fast: the two copies were not made in the same second."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, Office]]:
    folder = exam_copy(tmp_path_factory.mktemp("worlds") / "one" / "exam", SECOND)
    with (folder / "roster.csv").open("a", encoding="utf-8") as roster:
        roster.write("00777777,Quill Example\n00666666,Reed Example\n")
    page = page_row("marks", 5)
    remember(folder, [page], marks_fields(page, "00123457", [None, None, "3"], "11"), again=True)
    page = page_row("marks", 6)
    remember(folder, [page], marks_fields(page, "00123458", [None, None, "3"], "11"), again=True)
    other = copytree(folder, folder.parent.parent / "other" / "exam")
    with office_of(folder) as one, office_of(other) as another:
        answered(one, FIRST, SECOND_ANSWERS)
        answered(another, OTHER_FIRST, OTHER_SECOND_ANSWERS)
        yield one, another


def answered(office: Office, first: Mapping[str, str], second: Mapping[str, str]) -> None:
    """Have people answer fields unseen, and everything worked out that follows."""
    number = 0
    for who, answers in ((ADA, first), (BEN, second)):
        for key, text in answers.items():
            row, number = office.store.field(key), number + 1
            assert row is not None
            say(office, who, Said(key, row.revision, Word.VALUE, text, f"{number:032d}", "queue"))
    office.desk.look()
    office.boards = Boards(rest_share=0.0)


def groups() -> Iterator[str]:
    for value in ("", "1", "2", "3", "7", "9.5", "8.5", "6.5", "5.5", "11"):
        yield from (f"mark.number.{value}", f"total.number.{value}")


ASKED: dict[str, Callable[[], Iterator[str]]] = {
    "/": lambda: iter(("/",)),
    "/board.json": lambda: iter(("/board.json",)),
    "/queue": lambda: iter(("/queue",)),
    "/queue/session": lambda: iter(("/queue/session",)),
    "/queue/field/{key}": lambda: (f"/queue/field/{key}" for key in KEYS),
    "/wall": lambda: iter(("/wall",)),
    "/wall/group": lambda: (f"/wall/group?name={name}" for name in groups()),
    "/sheets": lambda: (f"/sheets{more}" for more in ("", "?sheet=marks%2300005")),
    "/sheets/found": lambda: iter(
        (
            *(f"/sheets/found?show={each.value}" for each in Which),
            *(f"/sheets/found?q={text}" for text in (*NUMBERS, "9.5", "17")),
        )
    ),
    "/sheets/data": lambda: (f"/sheets/data?sheet={sheet.replace('#', '%23')}" for sheet in SHEETS),
    "/sheets/check": lambda: (f"/sheets/check?key={key}&text={text}" for key in KEYS[:6] for text in ("9.5", "AB", "")),
    "/sheets/history": lambda: (f"/sheets/history?key={key}" for key in KEYS),
    "/crop/{key}.png": lambda: iter((f"/crop/{OPEN_MARK}.png", f"/crop/{OPEN_ID}.png")),
    "/around/{key}.jpg": lambda: iter((f"/around/{OPEN_MARK}.jpg",)),
    "/page/{scan}/{number}.jpg": lambda: iter((f"/page/{SCAN}/2.jpg",)),
}
"""Addresses of every route by which somebody who is no lead gets anything."""

WAYS_IN = {"/open", "/login"}


def gotten(client: TestClient, person: Person) -> Iterator[tuple[str, str]]:
    """Yield everything that is asked for, and what is answered."""
    for path, asked in ASKED.items():
        for at in asked():
            kind = "text/html" if path in ("/", "/queue", "/wall", "/wall/group", "/sheets") else "application/json"
            answer = client.get(at, headers={"accept": kind})
            yield at, f"{answer.status_code} {answer.content.decode('utf-8', 'replace')}"
    if person.role is UserRole.VIEWER:
        return
    for order in Order:
        for reason in ("", "sum", "second"):
            ask = {"tab": "0123456789abcdef", "want": 16, "order": order.value, "reason": reason}
            yield f"/queue/next {order} {reason}", client.post("/queue/next", json=ask).text
            client.post("/queue/leave", json={"tab": ask["tab"]})
    for name in groups():
        answer = client.post("/wall/page", json={"group": name})
        yield f"/wall/page {name}", answer.text
        client.post("/wall/free", json={"keys": [cell["key"] for cell in answer.json()["cells"]]})


POSTED = {
    *("/queue/next", "/queue/check", "/queue/say", "/queue/undo", "/queue/skip"),
    *("/wall/page", "/wall/keep", "/wall/confirm", "/wall/undo"),
    *("/sheets/say", "/sheets/undo"),
}
"""Routes to which somebody who is no lead sends anything, and gets more for it than that it came."""

ONLY_TAKEN = {"/queue/leave", "/wall/free", "/login", "/logout"}

WORDS = (("value", "7"), ("value", "00777777"), ("value", "AB"), ("guess", ""), ("guess", "7"), ("blank", ""))


def posted(client: TestClient, office: Office) -> Iterator[tuple[str, str]]:
    """Yield everything that is sent, and what is answered: why it is refused, or that it would be stored."""
    tab, token, numbers = "0123456789abcdef", "a" * 32, {row.number for row in office.store.trail()}

    def told(path: str, body: dict[str, object]) -> tuple[str, str]:
        answer = client.post(path, json=body)
        return f"{path} {body}", f"{answer.status_code} {answer.text}"

    for key in KEYS:
        row = office.store.field(key)
        assert row is not None
        reading, _, _ = row.revision.rpartition(".")
        of_sheet = {"sheet": row.sheet}
        for word, text in WORDS:
            said = {"key": key, "word": word, "text": text, "token": token}
            yield told("/queue/say", said | {"tab": tab, "revision": row.revision})
            if word == "value":
                yield told("/queue/check", {"key": key, "text": text})
        for revision in (row.revision, f"{reading}.0"):
            said = {"key": key, "word": "value", "text": "1", "token": token, "revision": revision}
            yield told("/sheets/say", said | of_sheet)
        for path, number in (("/queue/undo", None), ("/sheets/undo", max(numbers))):
            yield told(path, {"key": key, "token": token, "row": number} | (of_sheet if "sheets" in path else {}))
        yield told("/queue/skip", {"tab": tab, "key": key})
        yield told("/wall/keep", {"tab": tab, "keys": [key]})
        client.post("/wall/free", json={"tab": tab, "keys": [key]})
        for guess in ("7", "1"):
            page = [{"key": key, "revision": row.revision}]
            yield told("/wall/confirm", {"tab": tab, "token": token, "guess": guess, "fields": page})
        yield told("/wall/undo", {"token": token, "confirmed": "b" * 32, "keys": [key]})


def would_decide(self: Store, key: str, token: str, choose: Callable[..., object], *, reviewer: str) -> object:
    """Stand for `Store.decide_field`: all is asked, and nothing stored."""
    row = self.field(key)
    assert row is not None
    choose(row, self.trail(key))
    raise Refused(418, "It would be stored.")


def would_decide_all(
    self: Store, keys: list[str], token: str, choose: Callable[..., object], *, reviewer: str
) -> tuple[tuple[()], bool]:
    """Stand for `Store.decide_fields`: what would be stored is named like what came too late, with other words."""
    found = self.fields_with_trails(keys)
    choose(tuple(row for row, _ in found), {row.key: trail for row, trail in found})
    return (), False


OF_THE_WHOLE_EXAM = ("fields", "sheets", "reasons", "checks")
"""What the dashboard counts: how much is open and accepted, in all. Viewers are told; they answer nothing."""


def without_counts(at: str, text: str, person: Person) -> str:
    """What the dashboard says, to viewers besides how many fields of the whole exam are open."""
    if at == "/":
        return re.sub(r'data-known="[^"]*"', "", text)
    if at != "/board.json" or person.role is not UserRole.VIEWER:
        return text
    told = json.loads(text.removeprefix("200 "))
    told["blocks"] = [one["named"] for one in told["blocks"] if one["what"] not in (Obstacle.SHEETS, Obstacle.FIELDS)]
    return json.dumps({name: each for name, each in told.items() if name not in OF_THE_WHOLE_EXAM})


def seen_by(office: Office, person: Person) -> dict[str, str]:
    client = browser(office, person)
    token = client.headers[CSRF_HEADER]
    found = {}
    for at, text in gotten(client, person):
        plain = TIME.sub("TIME", without_counts(at, text, person))
        plain = PACE.sub("PACE", plain)
        found[at] = plain.replace(token, "TOKEN")
    return found


def test_every_route_for_who_is_no_lead_is_asked(worlds: tuple[Office, Office]) -> None:
    routes = routes_of(create_app(worlds[0]))
    open_to = {one.path for one in routes if one.method == "GET" and one.role is not UserRole.LEAD}
    assert open_to - WAYS_IN == set(ASKED)
    sent_to = {one.path for one in routes if one.method == "POST" and one.role is not UserRole.LEAD}
    assert sent_to - ONLY_TAKEN == POSTED


@pytest.mark.parametrize("person", [CAM, SEES_NAMES, VIC], ids=["reviewer", "sees names", "viewer"])
def test_no_answer_depends_on_what_others_said_unseen(worlds: tuple[Office, Office], person: Person) -> None:
    one, another = (seen_by(office, person) for office in worlds)
    assert {at: (text, another[at]) for at, text in one.items() if text != another[at]} == {}


def test_no_refusal_depends_on_what_others_said_unseen(
    worlds: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "decide_field", would_decide)
    monkeypatch.setattr(Store, "decide_fields", would_decide_all)
    one, another = (
        {at: TIME.sub("TIME", text) for at, text in posted(browser(office, SEES_NAMES), office)} for office in worlds
    )
    assert {text[:3] for text in one.values()} >= {"200", "409", "418", "422"}
    assert {at: (text, another[at]) for at, text in one.items() if text != another[at]} == {}


def test_who_may_know_sees_that_the_two_differ(worlds: tuple[Office, Office]) -> None:
    """What is compared above is not the same for everybody, and so does depend on what was said."""
    one, another = (seen_by(office, ADA) for office in worlds)
    differ = {at.split("?")[0].split(" ")[0] for at, text in one.items() if text != another[at]}
    assert {"/sheets/found", "/sheets/data", "/sheets/history", "/queue/next", "/wall/page"} <= differ


def test_what_a_sum_may_settle_waits_until_the_rest_of_the_sheet_was_answered_unseen(
    worlds: tuple[Office, Office],
) -> None:
    for office in worlds:
        client = browser(office, CAM)

        def handed(client: TestClient = client) -> set[str]:
            ask = {"tab": "0123456789abcdef", "want": 16}
            got = {one["key"] for one in client.post("/queue/next", json=ask).json()["fields"]}
            client.post("/queue/leave", json={"tab": ask["tab"]})
            return got

        # Open in both, but whether it is follows from what was said of the mark beside it.
        assert office.desk.is_open(OTHER_OPEN) is not None
        assert ONE_OPEN in handed() and OTHER_OPEN not in handed()
        row = office.store.field(ONE_OPEN)
        assert row is not None
        say(office, CAM, Said(ONE_OPEN, row.revision, Word.VALUE, row.value, "f" * 32, "queue"))
        assert ONE_OPEN not in handed() and OTHER_OPEN in handed()
