"""The wall: pages of one guess confirmed in one act, with what is struck left open."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows.records import Act
from flows.review import leases
from flows.review.office import Office
from flows.review.saying import Said, Word, say
from flows.settings import DATABASE
from flows.trail import broken
from recognizer.template import Role
from tests.helpers.exam_folder import remember
from tests.helpers.exam_rows import OTHER_SCAN, marks_fields, page_row
from tests.helpers.review_office import ADA, BEN, LEA, SECOND, VIC, browser, office_of
from tests.helpers.walls import walled

SEVENS = "mark.number.7"
TOKEN, OTHER = "a" * 32, "b" * 32
SHEETS = 5


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_of(walled(tmp_path / "exam", SHEETS)) as found:
        yield found


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Office]:
    with office_of(walled(tmp_path / "blind", SHEETS, SECOND)) as found:
        yield found


@pytest.fixture
def ada(office: Office) -> TestClient:
    return browser(office, ADA)


def page_of(who: TestClient, *without: str) -> dict[str, Any]:
    answer = who.post("/wall/page", json={"group": SEVENS, "without": without})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def confirmed(cells: Sequence[dict[str, Any]], *struck: str, token: str = TOKEN, guess: str = "7") -> dict[str, Any]:
    told = [{"key": cell["key"], "revision": cell["revision"]} for cell in cells]
    return {
        "token": token,
        "guess": guess,
        "fields": [one for one in told if one["key"] not in struck],
        "struck": [one for one in told if one["key"] in struck],
    }


def revision(office: Office, key: str) -> str:
    row = office.store.field(key)
    assert row is not None
    return row.revision


def said_by(office: Office, key: str, text: str, who: Any = BEN) -> None:
    row = office.store.field(key)
    assert row is not None
    say(office, who, Said(key, row.revision, Word.VALUE, text, f"other-{key[-9:]}", "queue"))


def test_groups_are_listed_with_their_counts(ada: TestClient) -> None:
    page = ada.get("/wall", headers={"accept": "text/html"}).text
    assert "read as 7" in page
    assert "/wall/group?name=mark.number.7" in page
    assert "Sample check" not in page


def test_a_page_shows_what_is_open_of_a_group(office: Office, ada: TestClient) -> None:
    told = page_of(ada)
    assert (told["guess"], len(told["cells"]), told["left"]) == ("7", SHEETS + 1, SHEETS + 1)
    assert {cell["key"] for cell in told["cells"]} == {
        key
        for key, flag in office.desk.open_flags().items()
        if flag.row.decision.guess == "7" and flag.row.role is Role.MARK
    }
    assert all(cell["read"] == "7" and cell["why"] and cell["may_hold"] for cell in told["cells"])


def test_a_confirmed_page_becomes_decisions_and_what_is_struck_stays_open(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    struck, *kept = (cell["key"] for cell in cells)
    told = ada.post("/wall/confirm", json=confirmed(cells, struck)).json()
    assert (sorted(told["stored"]), told["struck"], told["late"]) == (sorted(kept), 1, [])
    rows = office.store.trail()
    assert {row.correction.key for row in rows} == set(kept)
    assert {(row.correction.value, row.correction.how, row.correction.reviewer) for row in rows} == {
        ("7", "wall", "Ada")
    }
    assert office.desk.is_open(struck) is not None
    assert all(office.desk.is_open(key) is None for key in kept)
    # It waits in the queue, and comes on no wall again, whoever asks.
    assert page_of(browser(office, BEN))["cells"] == []


def test_what_is_struck_comes_first_in_the_queue(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    struck = [cell["key"] for cell in cells[-2:]]
    ask = {"tab": "a" * 32, "order": "sheet", "want": 4}
    before = ada.post("/queue/next", json=ask).json()
    assert not {field["key"] for field in before["fields"]} & set(struck)
    ada.post("/wall/confirm", json=confirmed(cells, *struck))
    after = ada.post("/queue/next", json=ask | {"tab": "b" * 32}).json()
    assert [field["key"] for field in after["fields"][:2]] == struck
    # What somebody saw to be wrong is said, and no key takes it.
    for field in after["fields"]:
        is_struck = field["key"] in struck
        assert ("Struck on a wall: it is not 7" in field["sentence"]) == is_struck
        assert ("7" not in [guess["value"] for guess in field["guesses"]]) == is_struck


def test_a_page_that_is_sent_again_is_stored_once(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    first, second = (ada.post("/wall/confirm", json=confirmed(cells)).json() for _ in range(2))
    assert first == second
    assert len(office.store.trail()) == SHEETS + 1
    # Also after it was taken back.
    keys = [cell["key"] for cell in cells]
    ada.post("/wall/undo", json={"token": OTHER, "confirmed": TOKEN, "keys": keys})
    ada.post("/wall/confirm", json=confirmed(cells))
    assert len(office.store.trail()) == 2 * (SHEETS + 1)
    assert all(office.desk.is_open(key) for key in keys)


def test_what_somebody_else_decided_meanwhile_is_named_and_the_rest_is_stored(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    taken = cells[0]["key"]
    said_by(office, taken, "1")
    for _ in range(2):
        told = ada.post("/wall/confirm", json=confirmed(cells)).json()
        assert len(told["stored"]) == SHEETS
        assert [one["key"] for one in told["late"]] == [taken]
    row = office.store.field(taken)
    assert row is not None
    assert (row.value, len(office.store.trail(taken))) == ("1", 1)


def test_a_field_that_was_read_again_is_not_taken(office: Office, ada: TestClient, tmp_path: Path) -> None:
    cells = page_of(ada)["cells"]
    page = page_row("marks", 5, serial=105, sheet="marks#105")
    remember(tmp_path / "exam", [page], marks_fields(page, "00123456", ["1", "2", "3"], "12"), again=True)
    told = ada.post("/wall/confirm", json=confirmed(cells)).json()
    assert len(told["stored"]) == SHEETS
    assert "read again" in told["late"][0]["words"]


def test_a_field_that_is_gone_is_named(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    gone = f"{OTHER_SCAN[:12]}-1-q1"
    told = ada.post("/wall/confirm", json=confirmed([*cells, {"key": gone, "revision": "r1.0"}])).json()
    assert len(told["stored"]) == SHEETS + 1
    assert [one["key"] for one in told["late"]] == [gone]
    only = ada.post("/wall/confirm", json=confirmed([{"key": gone, "revision": "r1.0"}], token=OTHER)).json()
    assert (only["stored"], len(only["late"])) == ([], 1)
    ada.post("/wall/confirm", json=confirmed([{"key": gone, "revision": "r1.0"}], gone, token="c" * 32))
    assert gone not in office.struck


def test_a_whole_page_is_taken_back_with_a_row_for_each_field(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    struck, *keys = (cell["key"] for cell in cells)
    ada.post("/wall/confirm", json=confirmed(cells, struck))
    body = {"token": OTHER, "confirmed": TOKEN, "keys": keys, "struck": [struck]}
    first, second = (ada.post("/wall/undo", json=body).json() for _ in range(2))
    assert sorted(first["undone"]) == sorted(keys)
    assert first == second
    rows = office.store.trail()
    assert [row.correction.act for row in rows] == [Act.SAY] * SHEETS + [Act.UNDO] * SHEETS
    assert sorted(row.correction.undoes or 0 for row in rows[SHEETS:]) == [row.number for row in rows[:SHEETS]]
    assert {cell["key"] for cell in page_of(ada)["cells"]} == {struck, *keys}


def test_what_was_decided_anew_since_is_not_taken_back(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    keys = [cell["key"] for cell in cells]
    ada.post("/wall/confirm", json=confirmed(cells))
    said_by(office, keys[0], "1")
    told = ada.post("/wall/undo", json={"token": OTHER, "confirmed": TOKEN, "keys": keys}).json()
    assert [one["key"] for one in told["late"]] == [keys[0]]
    assert sorted(told["undone"]) == sorted(keys[1:])
    row = office.store.field(keys[0])
    assert row is not None
    assert row.value == "1"


def test_nobody_takes_back_the_page_of_somebody_else_but_a_lead(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    keys = [cell["key"] for cell in cells]
    ada.post("/wall/confirm", json=confirmed(cells))
    body = {"token": OTHER, "confirmed": TOKEN, "keys": keys}
    assert browser(office, BEN).post("/wall/undo", json=body).json()["undone"] == []
    assert sorted(browser(office, LEA).post("/wall/undo", json=body | {"token": "c" * 32}).json()["undone"]) == sorted(
        keys
    )


def test_two_people_never_have_one_field_on_their_walls(office: Office, ada: TestClient) -> None:
    ben = browser(office, BEN)
    mine = [cell["key"] for cell in page_of(ada)["cells"]]
    told = page_of(ben)
    assert (told["cells"], told["elsewhere"]) == ([], SHEETS + 1)
    ada.post("/wall/free", json={"keys": mine[:2]})
    assert {cell["key"] for cell in page_of(ben)["cells"]} == set(mine[:2])
    assert ada.post("/wall/keep", json={"keys": mine}).json()["lost"] == mine[:2]


def test_the_page_after_is_another_one(ada: TestClient) -> None:
    keys = [cell["key"] for cell in page_of(ada)["cells"]]
    assert {cell["key"] for cell in page_of(ada, *keys[:4])["cells"]} == set(keys[4:])


def test_in_blind_review_a_wall_is_the_first_answer_and_shows_no_second_look(blind: Office) -> None:
    ada, ben = browser(blind, ADA), browser(blind, BEN)
    cells = page_of(ada)["cells"]
    ada.post("/wall/confirm", json=confirmed(cells))
    assert {row.correction.act for row in blind.store.trail()} == {Act.SAY}
    assert page_of(ben)["cells"] == []
    # Sent all the same by somebody who saw it before: that is no second answer given unseen.
    told = ben.post("/wall/confirm", json=confirmed(cells, token=OTHER)).json()
    assert told["stored"] == []
    assert all("Ada" in one["words"] and "(7)" not in one["words"] for one in told["late"])


def test_a_database_in_use_stores_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = walled(tmp_path / "exam", SHEETS)
    monkeypatch.setattr("flows.migrations.opening.BUSY_SECONDS", 0.05)
    with office_of(folder) as office, closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as other:
        ada = browser(office, ADA)
        cells = page_of(ada)["cells"]
        other.execute("BEGIN IMMEDIATE")
        answer = ada.post("/wall/confirm", json=confirmed(cells))
        other.execute("ROLLBACK")
        assert answer.status_code == 503
        assert answer.json()["problem"]
        assert office.store.trail() == ()
        assert len(ada.post("/wall/confirm", json=confirmed(cells)).json()["stored"]) == SHEETS + 1


NO_PAGES: tuple[dict[str, Any], ...] = (
    {},
    {"token": "short", "guess": "7", "fields": []},
    {"token": TOKEN, "guess": "7", "fields": [{"key": "../../etc/passwd", "revision": "r1.0"}]},
    {"token": TOKEN, "guess": "7", "fields": "all"},
    {"token": TOKEN, "guess": 7, "fields": []},
    {"token": TOKEN, "guess": "7", "fields": [{"key": f"9f2c41d07ab3-{n}-q1", "revision": "r"} for n in range(61)]},
    {"token": TOKEN, "guess": "7", "fields": [{"key": "9f2c41d07ab3-2-q2", "revision": "r"}] * 2},
    {"token": TOKEN, "guess": "7", "reviewer": "Lea"},
)


def test_what_is_no_page_is_refused_in_words(office: Office, ada: TestClient) -> None:
    for body in NO_PAGES:
        answer = ada.post("/wall/confirm", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["problem"]
    assert office.store.trail() == ()


def test_what_a_field_may_not_hold_is_never_stored(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    for guess in ("<script>alert(1)</script>", "11", "seven", "\u202e7", "😀"):
        told = ada.post("/wall/confirm", json=confirmed(cells, guess=guess)).json()
        assert told["stored"] == [], guess
        assert len(told["late"]) == SHEETS + 1
    assert office.store.trail() == ()


def test_a_group_that_is_not_there_is_empty_and_its_name_is_only_text(ada: TestClient) -> None:
    name = '"><script>alert(1)</script>'
    page = ada.get("/wall/group", params={"name": name}, headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    told = ada.post("/wall/page", json={"group": name}).json()
    assert (told["cells"], told["left"]) == ([], 0)


def test_only_who_reviews_has_a_wall(office: Office) -> None:
    vic = browser(office, VIC)
    assert vic.get("/wall").status_code == 403
    assert vic.post("/wall/page", json={"group": SEVENS}).status_code == 403
    assert vic.post("/wall/confirm", json=confirmed([])).status_code == 403
    nobody = browser(office, ADA)
    nobody.cookies.clear()
    assert nobody.post("/wall/confirm", json=confirmed([])).status_code in (401, 403)


def test_while_the_exam_is_read_the_wall_says_so(office: Office, ada: TestClient) -> None:
    office.desk.seen = None
    assert page_of(ada)["loading"] is True
    assert "is being read" in ada.get("/wall", headers={"accept": "text/html"}).text


def test_what_somebody_has_answered_is_not_answered_again_on_a_wall(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    ada.post("/wall/confirm", json=confirmed(cells))
    fresh = [{"key": cell["key"], "revision": revision(office, cell["key"])} for cell in cells]
    told = browser(office, BEN).post("/wall/confirm", json=confirmed(fresh, token=OTHER, guess="1")).json()
    assert told["stored"] == []
    assert {one["words"] for one in told["late"]} == {"Ada has answered this field already; it was left as it is."}
    assert len(office.store.trail()) == SHEETS + 1


class Session:
    """Two people at the walls of one exam; `stands` is what they are told holds, by field: value and token."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office, self.chance = office, Random(seed)
        self.people = [browser(office, ADA), browser(office, BEN)]
        self.keys = [cell["key"] for cell in page_of(self.people[0])["cells"]]
        self.seen = {key: revision(office, key) for key in self.keys}
        self.sent: list[tuple[TestClient, str, dict[str, Any]]] = []
        self.stands: dict[str, tuple[str, str]] = {}
        self.done: set[str] = set()

    def send(self, who: TestClient, url: str, body: dict[str, Any]) -> None:
        """Send something, for the first time or again, and take down what it says was done."""
        told = who.post(url, json=body).json()
        changed = told["stored" if url == "/wall/confirm" else "undone"]
        if body["token"] in self.done:
            return
        for key in changed:
            self.done.add(body["token"])
            if url == "/wall/confirm":
                assert body["guess"] == "7"
                assert key not in self.stands
                self.stands[key] = (body["guess"], body["token"])
            else:
                assert self.stands.pop(key)[1] == body["confirmed"]

    def step(self, number: int) -> None:
        """Confirm three fields as they are or were, take one's own page back, or send anything again."""
        chance, token, who = self.chance, f"{number:032x}", self.chance.choice(self.people)
        kind = chance.choice(["confirm", "undo", "again"])
        pages = [body for at, url, body in self.sent if url == "/wall/confirm" and at is who]
        if kind == "again" and self.sent:
            self.send(*chance.choice(self.sent))
            return
        url, body = "/wall/confirm", {}
        if kind == "undo" and pages:
            page = chance.choice(pages)
            keys = [one["key"] for one in page["fields"]]
            url, body = "/wall/undo", {"token": token, "confirmed": page["token"], "keys": keys}
        else:
            if chance.random() < 0.7:
                self.seen = {key: revision(self.office, key) for key in self.keys}
            shown = [{"key": key, "revision": self.seen[key]} for key in chance.sample(self.keys, 3)]
            body = confirmed(shown, token=token, guess="7" if number % 5 else "1")
        self.sent.append((who, url, body))
        self.send(who, url, body)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_is_sent_in_whatever_order_no_decision_is_lost_or_counted_twice(office: Office, seed: int) -> None:
    session = Session(office, seed)
    for number in range(40):
        session.step(number)
        rows = [office.store.field(key) for key in session.keys]
        held = {row.key: row.value for row in rows if row and row.correction}
        assert held == {key: value for key, (value, _) in session.stands.items()}
    assert len(office.store.trail()) > 10
    assert broken(office.store.trail()) == ()


def test_keys_that_are_made_up_are_kept_by_nobody(office: Office, ada: TestClient) -> None:
    made_up = [f"{OTHER_SCAN[:12]}-{at}-q1" for at in range(1, 200)]
    assert ada.post("/wall/keep", json={"keys": made_up}).json()["lost"] == made_up
    assert {office.leases.holder_of(key) for key in made_up} == {None}


def test_who_has_all_that_one_person_may_have_is_told_so(
    office: Office, ada: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MOST_HELD", 2)
    assert len(page_of(ada)["cells"]) == 2
    other = browser(office, ADA)
    told = page_of(other)
    assert (told["cells"], told["enough"]) == ([], leases.ENOUGH)
    queue = other.post("/queue/next", json={"tab": "c" * 32, "want": 4}).json()
    assert (queue["fields"], queue["enough"]) == ([], leases.ENOUGH)
    assert len(page_of(browser(office, BEN))["cells"]) == 2


def test_two_windows_of_one_log_in_do_not_show_the_same_field(ada: TestClient) -> None:
    """Closed in one, a page stays kept for the other."""

    def shown(tab: str) -> list[str]:
        told = ada.post("/wall/page", json={"group": SEVENS, "tab": tab}).json()
        return [cell["key"] for cell in told["cells"]]

    first, second = "a" * 32, "b" * 32
    mine = shown(first)
    assert mine and shown(second) == []
    ada.post("/wall/free", json={"tab": second, "keys": mine})
    assert shown(second) == []
    assert ada.post("/wall/keep", json={"tab": first, "keys": mine}).json()["lost"] == []
    ada.post("/wall/free", json={"tab": first, "keys": mine})
    assert shown(second) == mine
    assert ada.post("/wall/page", json={"group": SEVENS, "tab": "<script>"}).status_code == 422


@pytest.mark.parametrize("guess", ["1", "8", ""])
def test_a_page_says_only_what_the_machine_guesses(office: Office, ada: TestClient, guess: str) -> None:
    cells = page_of(ada)["cells"]
    told = ada.post("/wall/confirm", json=confirmed(cells, guess=guess)).json()
    assert (told["stored"], len(told["late"])) == ([], len(cells))
    assert "does not guess" in told["late"][0]["words"]
    assert office.store.trail() == ()


def test_what_one_struck_another_reviewer_does_not_take_back(office: Office, ada: TestClient) -> None:
    cells = page_of(ada)["cells"]
    struck = cells[0]["key"]
    ada.post("/wall/confirm", json=confirmed(cells, struck))
    body = {"token": OTHER, "confirmed": TOKEN, "struck": [struck]}
    again = {**confirmed(cells[:1], struck), "token": "c" * 32}
    ben = browser(office, BEN)
    ben.post("/wall/confirm", json=again)
    ben.post("/wall/undo", json=body)
    assert struck in office.struck
    ada.post("/wall/undo", json=body)
    assert struck not in office.struck
    ada.post("/wall/confirm", json=again)
    browser(office, LEA).post("/wall/undo", json=body)
    assert struck not in office.struck
