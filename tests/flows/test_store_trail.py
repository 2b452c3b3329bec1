import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from flows import store_together
from flows.errors import TokenUsedError
from flows.migrations.versions import v0001_first_tables
from flows.records import Act, Correction, FieldRow, ScanRow, TrailRow
from flows.stacks import Together, put_together
from flows.store import Store, open_store
from flows.trail import FIRST_PREVIOUS, broken, undo_of
from recognizer.records import Flag, PageRef, ValueState
from tests.flows.test_store import NOON, OTHER, SCAN, correction, run_of, save
from tests.helpers.filing import PNG, filed, page_failure, page_result
from tests.helpers.trails import said

Q1, Q2 = "9f2c41d07ab3-1-q1", "9f2c41d07ab3-1-q2"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        save(opened, filed(page_result(PageRef(SCAN, 1), {"q1": "7"}, confidence=0.5)))
        yield opened


def say(value: str, who: str = "Kim", act: Act = Act.SAY) -> Callable[[FieldRow, tuple[TrailRow, ...]], Correction]:
    return lambda row, _: said(value, who, act, row.key)


def never(_: FieldRow, __: tuple[TrailRow, ...]) -> Correction:
    raise AssertionError("was asked again")


def test_rows_are_chained_and_carry_the_hash_of_the_picture(store: Store) -> None:
    store.insert_corrections([correction(Q1, "3"), correction("gone-1-q1", "4")])
    store.correct(lambda fields: [correction(fields[2].key, "5")])
    rows = store.trail()
    assert [row.number for row in rows] == [1, 2, 3]
    assert [row.previous for row in rows] == [FIRST_PREVIOUS, rows[0].hash, rows[1].hash]
    assert broken(rows) == ()
    pictures = [hashlib.sha256(PNG + text).hexdigest() for text in (b"q1=7", b"q2=")]
    assert [row.correction.crop for row in rows] == [pictures[0], "", pictures[1]]
    assert store.trail(Q1) == rows[:1]


def test_one_field_is_as_it_stands_among_all(store: Store) -> None:
    store.insert_corrections([correction(Q1, "3")])
    for row in store.fields():
        assert store.field(row.key) == row
    assert store.field("nothing-1-q1") is None


def test_a_field_of_a_page_that_does_not_count_is_none(store: Store) -> None:
    save(store, filed(page_failure(PageRef(SCAN, 1))))
    assert store.field(Q1) is None
    with pytest.raises(KeyError):
        store.decide_field(Q1, "t", say("8"))


def test_a_field_is_decided_in_view_of_its_trail(store: Store) -> None:
    seen = []

    def choose(row: FieldRow, rows: tuple[TrailRow, ...]) -> Correction:
        seen.append((row.value, row.flag, len(rows)))
        return said("8", key=row.key)

    row, is_new = store.decide_field(Q1, "t1", choose)
    assert is_new
    assert (row.number, row.correction.value, row.correction.token) == (1, "8", "t1")
    assert row.correction.crop == hashlib.sha256(PNG + b"q1=7").hexdigest()
    store.decide_field(Q1, "t2", choose)
    assert seen == [("", Flag.UNSURE, 0), ("8", None, 1)]
    assert store.trail() == (row, *store.trail()[1:])


def test_sent_twice_is_stored_once(store: Store) -> None:
    first, _ = store.decide_field(Q1, "t1", say("8"))
    assert store.decide_field(Q1, "t1", never) == (first, False)
    with pytest.raises(TokenUsedError, match=r"'t1' of a decision about 9f2c41d07ab3-1-q1"):
        store.decide_field(Q2, "t1", never)
    assert len(store.trail()) == 1


def test_a_token_finds_nothing_that_somebody_else_said(store: Store) -> None:
    first, _ = store.decide_field(Q1, "t1", say("8"), reviewer="Kim")
    assert store.decide_field(Q1, "t1", never, reviewer="kim ") == (first, False)
    rows, _ = store.decide_fields(
        [Q1, Q2], "w", lambda rows, _: [said("9", key=row.key) for row in rows], reviewer="Kim"
    )
    assert store.decide_fields([Q1, Q2], "w", lambda _, __: 1 / 0, reviewer="KIM") == (rows, False)
    for decide in (
        lambda: store.decide_field(Q1, "t1", never, reviewer="Ada"),
        lambda: store.decide_fields([Q1, Q2], "w", lambda _, __: 1 / 0, reviewer="Ada"),
    ):
        with pytest.raises(TokenUsedError, match="somebody else sent before; nothing was stored") as found:
            decide()
        assert "Kim" not in str(found.value)
    assert len(store.trail()) == 3


def test_without_a_token_everything_is_stored(store: Store) -> None:
    assert [store.decide_field(Q1, "", say("8"))[1] for _ in range(2)] == [True, True]
    assert len(store.trail()) == 2


def test_an_unknown_field_and_a_failure_to_choose_store_nothing(store: Store) -> None:
    with pytest.raises(KeyError):
        store.decide_field("nothing-1-q1", "t", say("8"))
    with pytest.raises(AssertionError, match="asked again"):
        store.decide_field(Q1, "t", never)
    with pytest.raises(ValueError, match=f"{Q2} was decided where {Q1} was asked for"):
        store.decide_field(Q1, "t", lambda _, __: said("8", key=Q2))
    assert store.trail() == ()


def test_several_fields_are_decided_together_or_not_at_all(store: Store) -> None:
    def choose(fields: tuple[FieldRow, ...], trails: Mapping[str, tuple[TrailRow, ...]]) -> list[Correction]:
        assert [row.key for row in fields] == list(trails) == [Q2, Q1]
        return [said("8", key=row.key) for row in fields]

    rows, is_new = store.decide_fields([Q2, Q1], "w", choose)
    assert is_new
    assert [(row.correction.key, row.correction.token) for row in rows] == [(Q2, "w/0"), (Q1, "w/1")]
    assert store.decide_fields([Q2, Q1], "w", lambda _, __: 1 / 0) == (rows, False)
    with pytest.raises(TokenUsedError):
        store.decide_fields([Q2], "w", choose)
    with pytest.raises(KeyError):
        store.decide_fields([Q1, "nothing-1-q1"], "x", choose)
    assert store.trail() == rows
    assert broken(rows) == ()


def test_a_token_is_no_beginning_of_another(store: Store) -> None:
    store.decide_field(Q1, "w1/0", say("8"))
    _, is_new = store.decide_fields([Q1], "w", lambda rows, _: [said("9", key=rows[0].key)])
    assert is_new


def test_an_undo_is_a_row_that_leaves_the_machines_word(store: Store) -> None:
    store.decide_field(Q1, "a", say("8"))
    store.decide_field(Q1, "b", lambda _, rows: undo_of(rows, "Kim", lead=False))
    row = store.field(Q1)
    assert row is not None
    assert (row.correction, row.flag, row.revision[-2:]) == (None, Flag.UNSURE, ".2")
    assert [one.value for one in store.corrections()] == ["8"]
    assert broken(store.trail()) == ()


@pytest.mark.parametrize("undoes", [2, 3, 9])
def test_an_undo_of_an_undo_of_another_field_or_of_nothing_is_refused(store: Store, undoes: int) -> None:
    store.decide_field(Q1, "", say("8"))
    store.decide_field(Q1, "", lambda _, rows: undo_of(rows, "Kim", lead=False))
    store.decide_field(Q2, "", say("8"))
    with pytest.raises(ValueError, match="none of this field that could be undone"):
        store.insert_corrections([said("8", act=Act.UNDO, undoes=undoes)])
    with pytest.raises(ValueError, match="was taken back before"):
        store.insert_corrections([said("8", act=Act.UNDO, undoes=1)])
    third = said("8", key=Q2, act=Act.UNDO, undoes=3)
    with pytest.raises(ValueError, match="was taken back before"):
        store.insert_corrections([third, third])
    with pytest.raises(ValueError, match="names the row that it takes back"):
        store.insert_corrections([said("8", undoes=1)])
    assert len(store.trail()) == 3


def test_what_nobody_can_read_stays_open_and_says_why(store: Store) -> None:
    store.decide_field(Q1, "", say("?"))
    row = store.field(Q1)
    assert row is not None
    assert (row.state, row.value, row.flag, row.why) == (
        *(ValueState.UNSETTLED, "", Flag.UNREADABLE),
        "Kim could not read it",
    )
    assert not row.settled_by_person
    store.decide_field(Q1, "", say("8", "Ada"))
    row = store.field(Q1)
    assert row is not None
    assert (row.state, row.value, row.flag, row.why, row.settled_by_person) == (ValueState.VALUE, "8", None, "", True)


def test_what_two_disagree_about_is_open_until_a_third_settles_it(store: Store) -> None:
    store.decide_field(Q1, "", say("8"))
    store.decide_field(Q1, "", say("9", "Ada", Act.SECOND))
    row = store.field(Q1)
    assert row is not None
    assert (row.state, row.flag, row.why) == (ValueState.UNSETTLED, Flag.DISPUTED, "two people disagree")
    store.decide_field(Q1, "", say("9", "Lee", Act.THIRD))
    row = store.field(Q1)
    assert row is not None
    assert (row.value, row.flag) == ("9", None)


def test_reading_again_overwrites_nobody(store: Store) -> None:
    store.decide_field(Q1, "", say("8"))
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "3"})))
    row = store.field(Q1)
    assert row is not None
    assert (row.value, row.decision.value, row.state) == ("8", "3", ValueState.VALUE)


def test_changes_tell_of_everything_that_bears_on_decisions(store: Store) -> None:
    seen = [store.changes()]

    def is_new() -> bool:
        seen.append(store.changes())
        return seen[-1] not in seen[:-1]

    assert store.changes() == seen[0]
    store.decide_field(Q1, "t", say("8"))
    assert is_new()
    run = run_of(store)
    assert is_new()
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "3"})), run=run)
    assert is_new()
    store.finish_run(run, 1.0)
    assert is_new()
    store.decide_field(Q1, "t", say("8"))
    assert not is_new()


# ---- older databases --------------------------------------------------------------------------------------------


def test_corrections_of_an_older_version_are_chained_and_keep_what_they_say(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "tallymark.db")
    for statement in (*v0001_first_tables.TABLES, *v0001_first_tables.INDEXES, *v0001_first_tables.TRIGGERS):
        old.execute(statement)
    old.execute(f"PRAGMA application_id = {v0001_first_tables.APPLICATION_ID}")
    old.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    old.execute("INSERT INTO alembic_version VALUES ('0001')")
    for state, value in (("value", "8 ½ “x”"), ("blank", "")):
        row = ("k", state, value, "", "7", "m", "Zoë", "2026-05-04T12:00:00.000Z", "workbook")
        old.execute(f"INSERT INTO corrections VALUES (NULL, {', '.join('?' * 9)})", row)
    old.commit()
    old.close()
    with open_store(tmp_path) as store:
        plain = Correction("k", ValueState.VALUE, "8 ½ “x”", "", "7", "m", "Zoë", NOON, "workbook")
        assert store.corrections() == (plain, replace(plain, state=ValueState.BLANK, value=""))
        assert broken(store.trail()) == ()
        store.insert_corrections([correction("k")])
        assert [row.number for row in store.trail()] == [1, 2, 3]
        assert broken(store.trail()) == ()


def test_there_is_room_for_accounts_whose_changes_are_never_forgotten(store: Store) -> None:
    by_hand = sqlite3.connect(store.path)
    with by_hand:
        by_hand.execute("INSERT INTO users VALUES ('Kim', 'lead', 'x', 'now', 'now', 0)")
        by_hand.execute("UPDATE users SET role = 'viewer'")
        by_hand.execute("""INSERT INTO user_changes VALUES (NULL, 'Kim', 'viewer', 'Ada', 'now')""")
    for statement in ("UPDATE user_changes SET what = 'lead'", "DELETE FROM user_changes"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever inserted"):
            by_hand.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="users_role"):
        by_hand.execute("INSERT INTO users VALUES ('Max', 'owner', 'x', 'now', 'now', 0)")
    by_hand.close()


# ---- at the speed of a clerk ------------------------------------------------------------------------------------


def test_deciding_one_field_reads_no_table_from_end_to_end(store: Store) -> None:
    """Told by SQLite itself, so that it holds for 50,000 fields and is no matter of a fast machine."""
    seen: list[tuple[str, Sequence[object]]] = []

    def remember(*about: Any) -> None:
        seen.append((about[2], about[3]))

    event.listen(store._engine, "before_cursor_execute", remember)
    store.decide_field(Q1, "t1", say("8"))
    store.decide_fields([Q1, Q2], "w", lambda rows, _: [said("9", key=row.key) for row in rows])
    store.decide_field(Q1, "t2", lambda _, rows: undo_of(rows, "Kim", lead=False))
    event.remove(store._engine, "before_cursor_execute", remember)
    asked = [(text, values) for text, values in seen if text.startswith(("SELECT", "INSERT"))]
    assert len(asked) > 20
    by_hand = sqlite3.connect(store.path)
    plans = [
        f"{step[3]} in {text}"
        for text, values in asked
        for step in by_hand.execute(f"EXPLAIN QUERY PLAN {text}", values if isinstance(values, tuple) else values[0])
    ]
    by_hand.close()
    assert any("USING INDEX ix_corrections_token" in plan for plan in plans)
    # The last is the index of pages that are not told by their codes: in most exams it is empty.
    small = ("stack_decisions", "runs", "sqlite_sequence", "CONSTANT ROW", "USING INDEX ix_pages_loose")
    backwards = "ORDER BY corrections.number DESC\n LIMIT"
    whole = [p for p in plans if p.startswith("SCAN") and not any(name in p.split(" in ")[0] for name in small)]
    assert [plan for plan in whole if backwards not in plan and "max(" not in plan] == []


def test_pages_that_find_each_other_are_put_together_anew_only_for_an_id(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = (
        filed(page_result(PageRef(OTHER, 1), {"candidate": "0042", "q1": "7"}, serial=None), "b.pdf"),
        filed(page_result(PageRef(OTHER, 2), {"sum": "9"}, serial=None, page=2), "b.pdf"),
    )
    store.add_scan(ScanRow(OTHER, 2, "b.pdf", 2, "b.pdf"))
    store.save_pages(pages, "plain-1", run_of(store), 1.0)
    times = 0

    def counted(*about: Any) -> Together:
        nonlocal times
        times += 1
        return put_together(*about)

    rows = {row.key: row for row in store.fields()}
    assert len({row.sheet for row in rows.values() if row.scan == OTHER}) == 1
    monkeypatch.setattr(store_together, "put_together", counted)
    assert {key: store.field(key) for key in rows} == rows
    mark, candidate = f"{OTHER[:12]}-1-q1", f"{OTHER[:12]}-1-candidate"
    for _ in range(3):
        store.decide_field(mark, "", say("8"))
    assert times == 1
    store.decide_field(candidate, "", say("0043"))
    row = store.field(mark)
    assert (times, row) == (2, next(row for row in store.fields() if row.key == mark))


def test_many_at_once_lose_nothing_and_break_no_chain(store: Store, tmp_path: Path) -> None:
    """Each with a connection of his own; all of them send one decision that is the same for all, too."""

    def clerk(number: int) -> list[bool]:
        with open_store(tmp_path) as mine:
            alone = [mine.decide_field(Q1, f"c{number}-{n}", say(str(n), f"Clerk {number}"))[1] for n in range(5)]
            return [*alone, mine.decide_field(Q2, "the same", say("8"))[1]]

    with ThreadPoolExecutor(4) as pool:
        stored = [each for found in pool.map(clerk, range(4)) for each in found]
    assert (stored.count(True), stored.count(False)) == (21, 3)
    rows = store.trail()
    assert len({row.correction.token for row in rows}) == len(rows) == 21
    assert store.chain().is_whole
