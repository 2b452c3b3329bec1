"""What is struck on walls: kept over a restart, forgotten when it is decided, and no more than what waits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows.review.office import Office
from flows.review.saying import Said, Word, say
from flows.review.struck import FILE
from tests.helpers.review_office import ADA, BEN, LEA, SECOND, browser, office_of
from tests.helpers.walls import walled

SEVENS = "mark.number.7"
SHEETS = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return walled(tmp_path / "exam", SHEETS)


@pytest.fixture
def office(folder: Path) -> Iterator[Office]:
    with office_of(folder) as found:
        yield found


@pytest.fixture
def ada(office: Office) -> TestClient:
    return browser(office, ADA)


def shown(who: TestClient) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = who.post("/wall/page", json={"group": SEVENS}).json()["cells"]
    return cells


def strike(who: TestClient, *cells: dict[str, Any], token: str = "a" * 32) -> Any:
    struck = [{"key": cell["key"], "revision": cell["revision"]} for cell in cells]
    return who.post("/wall/confirm", json={"token": token, "guess": "7", "fields": [], "struck": struck})


def decide(office: Office, key: str) -> None:
    row = office.store.field(key)
    assert row is not None
    say(office, BEN, Said(key, row.revision, Word.VALUE, "1", f"other-{key[-9:]}", "queue"))


def on_disc(folder: Path) -> set[str]:
    return {key for key, _, _ in json.loads((folder / FILE).read_text())}


def test_what_is_struck_stays_so_when_the_review_is_started_again(folder: Path) -> None:
    with office_of(folder) as office:
        struck, *others = shown(browser(office, ADA))
        strike(browser(office, ADA), struck)
    with office_of(folder) as office:
        ben = browser(office, BEN)
        assert {cell["key"] for cell in shown(ben)} == {cell["key"] for cell in others}
        assert "1 was struck on a wall" in ben.get("/wall", headers={"accept": "text/html"}).text
        queue = ben.post("/queue/next", json={"tab": "c" * 32, "order": "sheet", "want": 2}).json()
        assert queue["fields"][0]["key"] == struck["key"]
        # Who struck it is known, too.
        undo = {"token": "b" * 32, "confirmed": "a" * 32, "struck": [struck["key"]]}
        ben.post("/wall/undo", json=undo)
        assert struck["key"] in office.struck
        browser(office, ADA).post("/wall/undo", json=undo)
        assert struck["key"] not in office.struck
    assert on_disc(folder) == set()


def test_what_is_decided_is_struck_no_more(folder: Path, office: Office, ada: TestClient) -> None:
    first, second, third, _ = shown(ada)
    strike(ada, first, second)
    assert on_disc(folder) == {first["key"], second["key"]}
    decide(office, first["key"])
    assert (first["key"] in office.struck, office.struck.waiting(ADA)) == (False, 1)
    strike(ada, third, token="b" * 32)
    assert on_disc(folder) == {second["key"], third["key"]}


def test_what_was_seen_otherwise_than_it_is_now_is_not_struck(office: Office, ada: TestClient) -> None:
    cell, *_ = shown(ada)
    strike(ada, cell | {"revision": "another.0"}, {"key": f"{'0' * 12}-1-q1", "revision": "r.0"})
    decide(office, cell["key"])
    strike(ada, cell, token="b" * 32)
    assert office.struck.told(ADA) == {}


def test_while_the_exam_is_read_no_strike_is_lost(office: Office, ada: TestClient) -> None:
    cell, *_ = shown(ada)
    seen, office.desk.seen = office.desk.seen, None
    early = strike(ada, cell)
    assert (early.status_code, "is being read" in early.json()["problem"]) == (503, True)
    office.desk.seen = seen
    assert strike(ada, cell).status_code == 200
    assert list(office.struck.told(ADA)) == [cell["key"]]


def test_what_cannot_be_kept_on_disc_is_told_and_not_taken(folder: Path, office: Office, ada: TestClient) -> None:
    cell, *_ = shown(ada)
    (folder / FILE).mkdir()
    answer = strike(ada, cell)
    assert answer.status_code == 503
    assert "cannot be written" in answer.json()["problem"]
    assert str(folder) not in answer.text
    assert cell["key"] not in office.struck
    (folder / FILE).rmdir()
    assert strike(ada, cell).status_code == 200
    assert on_disc(folder) == {cell["key"]}
    assert (folder / FILE).stat().st_mode & 0o077 == 0


NO_STRIKES = b'[1, "abc", ["k", "r"], ["k", "r", 1], ["k", "r", "w", "x"], {"k": "r", "l": "w", "m": "x"}]'
DAMAGED = (b"", b"\xff\x00", b"{}", b"7", b"[" * 100_000, NO_STRIKES)


@pytest.mark.parametrize("data", DAMAGED)
def test_a_file_that_is_damaged_harms_nobody(folder: Path, data: bytes) -> None:
    (folder / FILE).write_bytes(data)
    with office_of(folder) as office:
        ada = browser(office, ADA)
        cell, *_ = shown(ada)
        assert office.struck.told(ADA) == {}
        assert strike(ada, cell).status_code == 200
    assert on_disc(folder) == {cell["key"]}


def test_who_answers_unseen_is_not_told_what_somebody_else_struck(folder: Path) -> None:
    """That a field is no 7 is what the other person said of it."""
    (folder / "exam.toml").write_text(SECOND, encoding="utf-8")
    with office_of(folder) as office:
        ada, ben = browser(office, ADA), browser(office, BEN)
        before = [cell["key"] for cell in shown(ben)]
        ben.post("/wall/free", json={"keys": before})
        struck, *others = shown(ada)
        strike(ada, struck)
        ada.post("/wall/free", json={"keys": [cell["key"] for cell in others]})
        assert [cell["key"] for cell in shown(ben)] == before
        assert "struck on a wall" not in ben.get("/wall", headers={"accept": "text/html"}).text
        strike(ben, struck, token="b" * 32)
        ben.post("/wall/free", json={"keys": before})
        kept = {cell["key"] for cell in others}
        assert ({cell["key"] for cell in shown(ben)}, set(office.struck.told(LEA))) == (kept, {struck["key"]})
        # Each takes back his own.
        ben.post("/wall/undo", json={"token": "c" * 32, "confirmed": "b" * 32, "struck": [struck["key"]]})
        assert (office.struck.told(BEN), set(office.struck.told(ADA))) == ({}, {struck["key"]})
