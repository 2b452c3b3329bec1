"""The desk: an exam in memory that is right at once where somebody decided, and everywhere a little later."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event

from flows.records import Correction
from flows.review.desk import Desk
from flows.settings import load_exam
from flows.store import Store, open_store
from recognizer.records import ValueState
from tests.helpers.exam_folder import exam_folder
from tests.helpers.exam_rows import SCAN

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
OPEN_MARK, BLANK_MARK, OPEN_ID = (f"{SCAN[:12]}-{at}" for at in ("2-q2", "3-q1", "3-candidate"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return exam_folder(tmp_path / "exam")


@pytest.fixture
def desk(folder: Path) -> Desk:
    return Desk(load_exam(folder), lambda: open_store(folder))


def say(store: Store, key: str, value: str) -> None:
    state = ValueState.VALUE if value else ValueState.BLANK
    store.insert_corrections([Correction(key, state, value, "", "7", "digits-1", "AB", NOON, "queue")])


def test_what_is_open_is_what_the_workbook_lists(desk: Desk) -> None:
    seen = desk.look()
    assert list(desk.open_flags()) == [flag.row.key for flag in seen.flags]
    assert {OPEN_MARK, BLANK_MARK, OPEN_ID} <= set(desk.open_flags())


def test_a_decided_field_is_closed_at_once_and_others_of_its_sheet_are_decided_anew(desk: Desk, folder: Path) -> None:
    desk.look()
    before = desk.version
    with open_store(folder) as store:
        say(store, OPEN_MARK, "7")
        desk.touched(store, [OPEN_MARK])
    row = desk.row(OPEN_MARK)
    assert row is not None
    assert (row.value, desk.is_open(OPEN_MARK)) == ("7", None)
    assert desk.version > before
    # 1 + 7 + 3 is what the examiner added.
    patched = set(desk.open_flags())
    assert patched == {flag.row.key for flag in desk.look().flags}


def test_whose_a_sheet_is_stays_as_all_sheets_together_said_when_a_mark_on_it_is_decided(
    desk: Desk, folder: Path
) -> None:
    # Of the two on the class list one has no sheet yet: that bears on the id which the picture leaves open.
    desk.look()
    before, flag = desk.row(OPEN_ID), desk.is_open(OPEN_ID)
    assert before is not None
    with open_store(folder) as store:
        alone = store.field(OPEN_ID)
        assert alone is not None and alone.decision != before.decision
        say(store, BLANK_MARK, "")
        desk.touched(store, [BLANK_MARK])
        assert (desk.row(OPEN_ID), desk.is_open(OPEN_ID)) == (before, flag)
        # What a person says of the id itself holds at once.
        say(store, OPEN_ID, "00123457")
        desk.touched(store, [OPEN_ID])
    after = desk.row(OPEN_ID)
    assert after is not None
    assert (after.value, desk.is_open(OPEN_ID)) == ("00123457", None)


def test_another_sheet_is_not_touched(desk: Desk, folder: Path) -> None:
    desk.look()
    with open_store(folder) as store:
        say(store, OPEN_MARK, "7")
        desk.touched(store, [OPEN_MARK])
    assert desk.is_open(OPEN_ID) is not None


def test_a_mark_that_does_not_fit_the_written_total_opens_it_when_the_exam_is_looked_at_again(
    desk: Desk, folder: Path
) -> None:
    desk.look()
    total = f"{SCAN[:12]}-2-total"
    assert desk.is_open(total) is None
    with open_store(folder) as store:
        say(store, OPEN_MARK, "2")
        desk.touched(store, [OPEN_MARK])
    desk.look()
    assert desk.is_open(total) is not None


def test_what_is_said_while_the_exam_is_looked_at_is_not_forgotten(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.look()
    real = Store.ledger

    def slow(self: Store) -> object:
        found = real(self)
        # Everything was read from the store by now, and nothing of this is in it.
        with open_store(folder) as other:
            say(other, OPEN_MARK, "7")
            desk.touched(other, [OPEN_MARK])
        return found

    monkeypatch.setattr(Store, "ledger", slow)
    seen = desk.look()
    assert OPEN_MARK in {flag.row.key for flag in seen.flags}
    assert desk.is_open(OPEN_MARK) is None


def test_what_was_read_before_somebody_else_said_something_newer_does_not_hide_it(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.look()
    real = Store.fields_with_trails
    others = iter(["9"])

    def overtaken(self: Store, keys: Sequence[str]) -> object:
        found = real(self, keys)
        # Read, and not shown yet: somebody else comes first.
        for value in others:
            with open_store(folder) as other:
                say(other, OPEN_MARK, value)
                desk.touched(other, [OPEN_MARK])
        return found

    monkeypatch.setattr(Store, "fields_with_trails", overtaken)
    with open_store(folder) as store:
        say(store, OPEN_MARK, "7")
        desk.touched(store, [OPEN_MARK])
        row = desk.row(OPEN_MARK)
        assert row is not None and row == store.field(OPEN_MARK)
        assert row.value == "9"


def test_what_was_read_before_a_look_does_not_hide_what_the_look_found(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.look()
    real = Store.fields_with_trails
    others = iter(["9"])

    def overtaken(self: Store, keys: Sequence[str]) -> object:
        found = real(self, keys)
        for value in others:
            # As the command line does, which tells the desk of nothing.
            with open_store(folder) as other:
                say(other, OPEN_MARK, value)
            desk.look()
        return found

    monkeypatch.setattr(Store, "fields_with_trails", overtaken)
    with open_store(folder) as store:
        say(store, OPEN_MARK, "7")
        desk.touched(store, [OPEN_MARK])
    row = desk.row(OPEN_MARK)
    assert row is not None and row.value == "9"


def test_what_is_read_for_a_page_of_fields_is_read_at_once_and_while_nobody_waits(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = desk.look()
    asked, answered = list(seen.rows), []
    real = Store.fields_with_trails

    def read(self: Store, keys: Sequence[str]) -> object:
        other = threading.Thread(target=lambda: answered.append(desk.is_open(OPEN_MARK)))
        other.start()
        other.join(10.0)
        return real(self, keys)

    monkeypatch.setattr(Store, "fields_with_trails", read)
    with open_store(folder) as store:
        statements: list[str] = []
        event.listen(store._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        desk.touched(store, asked[:1])
        for_one = len(statements)
        desk.touched(store, asked)
        assert len(statements) == 2 * for_one
    assert len(answered) == 2 and all(answered)


def test_what_another_program_stores_is_seen_soon(desk: Desk, folder: Path) -> None:
    desk.begin()
    try:
        until(lambda: desk.seen is not None)
        with open_store(folder) as other:
            say(other, OPEN_MARK, "7")
        desk.hurry()
        until(lambda: desk.is_open(OPEN_MARK) is None)
    finally:
        desk.end()


def test_a_faulty_roster_is_told_and_looked_at_again(desk: Desk, folder: Path) -> None:
    good = (folder / "roster.csv").read_text(encoding="utf-8")
    (folder / "roster.csv").write_text("id,name\n00123456,A\n00123456,B\n", encoding="utf-8")
    desk.begin()
    try:
        until(lambda: "roster.csv" in desk.trouble)
        assert desk.seen is None
        (folder / "roster.csv").write_text(good, encoding="utf-8")
        desk.hurry()
        until(lambda: desk.seen is not None)
        until(lambda: not desk.trouble)
    finally:
        desk.end()


def test_a_fault_of_ours_is_told_without_what_it_said_and_looked_at_again(folder: Path) -> None:
    fails = iter([True])

    def opener() -> Store:
        if next(fails, False):
            raise RuntimeError(f"secret of {folder}")
        return open_store(folder)

    desk = Desk(load_exam(folder), opener)
    desk.begin()
    try:
        until(lambda: bool(desk.trouble))
        assert desk.trouble.startswith("Something went wrong that should not; the terminal shows more: ")
        assert "secret" not in desk.trouble
        desk.hurry()
        until(lambda: desk.seen is not None)
    finally:
        desk.end()


def test_a_roster_that_is_saved_is_seen_soon(desk: Desk, folder: Path) -> None:
    desk.begin()
    try:
        until(lambda: desk.seen is not None)
        with (folder / "roster.csv").open("a", encoding="utf-8") as roster:
            roster.write("00222222,Cy\n")
        desk.hurry()
        until(lambda: desk.seen is not None and len(desk.seen.grounds.candidates) == 3)
    finally:
        desk.end()


def until(holds: object, seconds: float = 10.0) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"did not happen; threads: {threading.enumerate()}"
        time.sleep(0.01)


def test_a_look_at_fields_of_which_nothing_was_said_changes_nothing(desk: Desk, folder: Path) -> None:
    """Whoever is refused has the desk look at the field: what the class list made of it has to stand."""
    desk.look()
    before = desk.version, desk.rows(), desk.open_flags()
    with open_store(folder) as store:
        desk.touched(store, [row.key for row in desk.rows()])
    assert (desk.version, desk.rows(), desk.open_flags()) == before
