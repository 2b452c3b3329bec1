"""People decide about pages and place them; nothing is lost, counted twice, or forgotten when pages are read again."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.checking import Answer, weigh
from flows.errors import PageChoiceError, PlaceError
from flows.grading import Tally, Workplace, grade_inbox, here, regrade_scans
from flows.page_desk import Resolved, find_page, held_pages, pages_of_file, place, resolve, unplace
from flows.records import By, CheckedField, CheckOutcome, Correction, FieldRow, PageChoice, PageRow
from flows.settings import Exam
from flows.settling import settle_sheets
from flows.stacks import StackDecision, StackWord, was_dropped
from flows.store import Store, open_store
from flows.worth import MarkRule
from recognizer.records import Flag, HandPlacement, PageOutcomeKind, PageRef, ValueState
from tests.helpers.dumps import dump
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet

KEEP, REPLACE = PageChoice.KEEP, PageChoice.REPLACE
READ, HELD, DUPLICATE = PageOutcomeKind.READ, PageOutcomeKind.HELD, PageOutcomeKind.DUPLICATE
FAILED = PageOutcomeKind.FAILED
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
KIM = By("Kim", NOON, "command")


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    return exam_folder(tmp_path / "exam")


@pytest.fixture
def store(exam: Exam) -> Iterator[Store]:
    with open_store(exam.dir) as opened:
        yield opened


def drop(exam: Exam, store: Store, name: str, *pages: dict[str, object]) -> Tally:
    (exam.inbox / name).write_text(fake_scan(*pages))
    reader = FakeReader()
    with store.grading():
        return grade_inbox(Workplace(exam, store, reader, here(reader)))


def regrade(exam: Exam, store: Store, reader: FakeReader | None = None) -> Tally:
    reader = reader or FakeReader()
    with store.grading():
        return regrade_scans(Workplace(exam, store, reader, here(reader)))


def say(
    exam: Exam, store: Store, choice: PageChoice, *pages: str, reader: FakeReader | None = None, lenient: bool = False
) -> Resolved:
    reader = reader or FakeReader()
    rows = [find_page(store, page) for page in pages]
    return resolve(store, exam, rows, choice, KIM, readers=lambda: nullcontext(reader), lenient=lenient)


def put(exam: Exam, store: Store, page: str, serial: int | None = 5, size: int = 100) -> PageRow:
    row = find_page(store, page)
    corners = ((1.0, 2.0), (90.0, 2.0), (90.0, 95.0), (1.0, 95.0))
    placed = HandPlacement(PageRef(row.scan, row.number), "small", 1, 1, serial, corners, size, size)
    reader = FakeReader()
    return place(store, exam, row, placed, KIM, readers=lambda: nullcontext(reader))


def outcomes(store: Store) -> list[str]:
    return [f"{row.file}:{row.number} {row.outcome.value}" for row in store.pages()]


def q1(store: Store) -> list[str]:
    return [row.value for row in store.fields() if row.field == "q1"]


def rescanned(exam: Exam, store: Store) -> None:
    """Three pictures of one page, with three different marks."""
    for name, mark in (("a.pdf", "1"), ("b.pdf", "2"), ("c.pdf", "3")):
        drop(exam, store, name, sheet(5, values={"q1": mark, "candidate": "0042"}))


# ---- held pages ------------------------------------------------------------------------------------------------------


def test_what_was_read_of_a_held_page_is_kept_and_counts_nowhere(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    assert q1(store) == ["1"]
    assert [(run.fields, run.pages) for run in store.runs()] == [(3, 1), (0, 1), (0, 1)]
    assert len(store.kept_pages()) == 3
    (settled,) = settle_sheets(store.fields(), store.pages(), exam.sheets.templates, MarkRule("zero"))
    assert settled.parts["q1"].value == "1"
    held = held_pages(store)
    assert [(one.row.file, one.standing and one.standing.file) for one in held] == [
        ("b.pdf", "a.pdf"),
        ("c.pdf", "a.pdf"),
    ]


def test_a_replacement_needs_no_reading_and_no_scan(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    for path in exam.archive.iterdir():
        path.unlink()
    reader = FakeReader()
    done = say(exam, store, REPLACE, "b.pdf:1", reader=reader)
    assert (q1(store), reader.pages_read, done.read_again) == (["2"], 0, 0)
    assert outcomes(store) == ["a.pdf:1 duplicate", "b.pdf:1 read", "c.pdf:1 held"]
    assert [row.file for row in done.changed] == ["a.pdf", "b.pdf", "c.pdf"]
    assert held_pages(store)[0].standing == find_page(store, "b.pdf:1")


def test_a_stack_that_was_scanned_twice_is_settled_in_one_decision(exam: Exam, store: Store) -> None:
    stack = range(1, 21)
    drop(exam, store, "first.pdf", *(sheet(number, values={"q1": "1"}) for number in stack))
    drop(exam, store, "again.pdf", *(sheet(number, values={"q1": "2"}) for number in stack))
    rows = pages_of_file(store, "again.pdf")
    done = resolve(store, exam, rows, REPLACE, KIM, readers=lambda: nullcontext(FakeReader()))
    assert len(done.made) == 20 and {one.act for one in store.page_decisions()} == {1}
    assert Counter(q1(store)) == {"2": 20}
    ledger = store.ledger()
    assert ledger.closes and ledger.counts == {READ: 20, DUPLICATE: 20} and not ledger.open_pages


def test_all_or_none_of_a_decision_is_stored(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    drop(exam, store, "d.pdf", {"outcome": "failed"})
    before = dump(store)
    with pytest.raises(PageChoiceError, match=r"d\.pdf page 1 is not held"):
        say(exam, store, KEEP, "b.pdf:1", "d.pdf:1")
    with pytest.raises(PageChoiceError, match="would both be page 1"):
        say(exam, store, REPLACE, "b.pdf:1", "c.pdf:1")
    assert (dump(store), store.page_decisions()) == (before, ())


def test_held_pages_that_wait_for_something_else_are_named_and_left(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    drop(exam, store, "d.pdf", sheet(None))
    by_hand = sqlite3.connect(store.path)
    with by_hand:
        by_hand.execute("UPDATE pages SET outcome = 'held', reason = 'one page is missing' WHERE serial IS NULL")
    by_hand.close()
    done = say(exam, store, KEEP, "b.pdf:1", "d.pdf:1", lenient=True)
    assert [row.reason for row in done.left] == ["one page is missing"]
    assert outcomes(store) == ["a.pdf:1 read", "b.pdf:1 duplicate", "c.pdf:1 held", "d.pdf:1 held"]
    assert [one.standing for one in held_pages(store)][1] is None


def test_corrections_on_a_replaced_page_are_named_kept_and_come_back_with_it(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    key = next(row.key for row in store.fields() if row.field == "q1")
    store.insert_corrections([Correction(key, ValueState.VALUE, "9", "1", "1", "fake-1", "Kim", NOON, "workbook")])
    assert q1(store) == ["9"]
    done = say(exam, store, REPLACE, "b.pdf:1")
    first = find_page(store, "a.pdf:1")
    assert (q1(store), done.unused, done.used) == (["2"], {(first.scan, 1): 1}, {})
    assert len(store.corrections()) == 1
    done = say(exam, store, KEEP, "b.pdf:1")
    assert (q1(store), done.unused, done.used) == (["9"], {}, {(first.scan, 1): 1})


def test_a_page_that_was_held_while_others_were_checked_is_judged_as_they_were(exam: Exam, store: Store) -> None:
    stack = range(1, 6)
    drop(exam, store, "a.pdf", *(sheet(number, values={"q1": "1"}) for number in stack))
    drop(exam, store, "b.pdf", sheet(5, values={"q1": "2"}))

    def all_wrong(fields: tuple[FieldRow, ...], _: tuple[CheckedField, ...]) -> CheckOutcome:
        answers = tuple(Answer(row, ValueState.VALUE, "7") for row in fields if row.field == "q1")
        return weigh(answers[:4], fields, (), {}, accept_error=0.001, by=KIM)

    store.check(all_wrong)
    say(exam, store, REPLACE, "b.pdf:1")
    (field,) = (row for row in store.fields() if row.file == "b.pdf" and row.field == "q1")
    # It was accepted when it was read; since then four of four such marks were found wrong.
    assert (field.flag, field.value, field.decision.guess) == (Flag.DOUBTED, "", "2")


def test_decisions_hold_when_everything_is_read_again(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    say(exam, store, REPLACE, "c.pdf:1")
    say(exam, store, KEEP, "b.pdf:1")
    before = dump(store)
    tally = regrade(exam, store)
    assert dump(store) == before
    assert tally.pages == {READ: 1, DUPLICATE: 2}
    assert (tally.fields, store.runs()[-1].fields, tally.set_aside) == (3, 3, [])


def test_a_page_that_comes_later_is_held_against_the_one_that_counts(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", sheet(5, values={"q1": "1"}))
    drop(exam, store, "b.pdf", sheet(5, values={"q1": "2"}))
    say(exam, store, REPLACE, "b.pdf:1")
    tally = drop(exam, store, "c.pdf", sheet(5, values={"q1": "3"}))
    assert tally.pages == {HELD: 1} and "b.pdf page 1 already" in tally.set_aside[0].reason


def test_no_two_pictures_count_while_pages_are_read_again(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    say(exam, store, REPLACE, "b.pdf:1")
    counted: list[list[str]] = []

    class Watcher:
        def progress(self, tally: Tally) -> None:  # noqa: ARG002 - the store is asked instead
            counted.append(q1(store))

    reader = FakeReader()
    with store.grading():
        regrade_scans(Workplace(exam, store, reader, here(reader), [Watcher()]))
    assert counted == [["2"], ["2"], ["2"]]


def test_a_decision_against_a_page_that_is_another_one_now_is_asked_again(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    say(exam, store, REPLACE, "b.pdf:1")
    # A corrected reader: the first page was of another sheet all along.
    scan = store.scans()[0]
    (exam.archive / scan.archived).write_text(fake_scan(sheet(6, values={"q1": "1"})))
    tally = regrade(exam, store)
    assert outcomes(store) == ["a.pdf:1 read", "b.pdf:1 read", "c.pdf:1 held"]
    assert tally.pages == {READ: 2, HELD: 1}
    assert store.ledger().closes


def test_a_page_that_a_later_one_replaces_is_counted_anew_while_reading_goes_on(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", sheet(5, values={"q1": "1"}, confidence=0.5))
    drop(exam, store, "b.pdf", sheet(5, values={"q1": "2"}))
    say(exam, store, REPLACE, "b.pdf:1")
    archived = exam.archive / store.scans()[1].archived
    right = archived.read_text()
    archived.write_text(fake_scan(sheet(6, values={"q1": "2"})))
    assert regrade(exam, store).pages == {READ: 2}
    archived.write_text(right)
    # The first page counts until the second is read, which was decided to count instead.
    tally = regrade(exam, store)
    assert outcomes(store) == ["a.pdf:1 duplicate", "b.pdf:1 read"]
    assert (tally.pages[READ], tally.pages[DUPLICATE], tally.fields, tally.flagged) == (1, 1, 3, 0)
    assert tally.pages_done == 2 and tally.ledger is not None and tally.ledger.counts == {READ: 1, DUPLICATE: 1}


def test_held_pages_of_which_an_older_version_kept_nothing_are_read_again(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    forget(store)
    done = say(exam, store, KEEP, "c.pdf:1")
    assert done.read_again == 0
    done = say(exam, store, REPLACE, "b.pdf:1")
    assert (done.read_again, q1(store)) == (1, ["2"])
    run = store.runs()[-1]
    assert (run.command, run.pages, run.finished_at is not None) == ("pages resolve", 1, True)


def forget(store: Store) -> None:
    """Leave of held pages what version 0003 of the tables left."""
    by_hand = sqlite3.connect(store.path)
    held = "(SELECT scan FROM pages WHERE outcome = 'held')"
    with by_hand:
        by_hand.execute(f'DELETE FROM decisions WHERE "key" IN (SELECT "key" FROM readings WHERE scan IN {held})')
        by_hand.execute(f"DELETE FROM readings WHERE scan IN {held}")
        by_hand.execute(f"DELETE FROM pictures WHERE scan IN {held}")
    by_hand.close()


def test_a_page_that_cannot_be_read_again_is_not_decided_about(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    forget(store)
    (exam.archive / store.scans()[1].archived).write_text(fake_scan(sheet(8)))
    with pytest.raises(PageChoiceError, match="it is page 1 of sheet small#00008, not page 1 of sheet small"):
        say(exam, store, REPLACE, "b.pdf:1")
    (exam.archive / store.scans()[1].archived).unlink()
    with pytest.raises(PlaceError, match=r"b\.pdf page 1 cannot be read"):
        say(exam, store, REPLACE, "b.pdf:1")
    assert (q1(store), store.page_decisions(), len(store.runs())) == (["1"], (), 3)


@pytest.mark.parametrize("table", ["page_decisions", "page_placements"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {0} SET reviewer = 'me'", "DELETE FROM {0}", "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"],
)
def test_nobody_changes_what_was_decided_not_even_by_hand(exam: Exam, store: Store, table: str, statement: str) -> None:
    rescanned(exam, store)
    say(exam, store, KEEP, "b.pdf:1")
    drop(exam, store, "d.pdf", {"outcome": "failed"})
    put(exam, store, "d.pdf:1")
    by_hand = sqlite3.connect(store.path)
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} are only ever inserted"):
        by_hand.execute(statement.format(table))
    by_hand.close()


def test_nothing_is_decided_while_pages_are_read(exam: Exam, store: Store) -> None:
    rescanned(exam, store)
    with store.grading(), pytest.raises(PlaceError, match="another process"):
        say(exam, store, KEEP, "b.pdf:1")


# ---- naming pages ----------------------------------------------------------------------------------------------------


def test_a_page_is_named_by_its_file_or_its_content(exam: Exam, store: Store) -> None:
    drop(exam, store, "week 1: chem.pdf", sheet(1), sheet(2))
    drop(exam, store, "copy.pdf", sheet(1), sheet(2))
    row = find_page(store, "week 1: chem.pdf:2")
    assert row.number == 2 and find_page(store, f"{row.scan[:8]}:2") == row
    # The same bytes under another name are the same pages.
    assert find_page(store, "copy.pdf:2") == row
    wrong = {"chem.pdf:1": "no file", "copy.pdf:3": "2 pages", "copy.pdf": "FILE:N", "copy.pdf:-1": "FILE:N"}
    for name, said in wrong.items():
        with pytest.raises(PageChoiceError, match=said):
            find_page(store, name)
    drop(exam, store, "copy.pdf", sheet(3))
    with pytest.raises(PageChoiceError, match=r"2 files came as 'copy\.pdf'"):
        find_page(store, "copy.pdf:1")


# ---- lost pages, placed pages ----------------------------------------------------------------------------------------


def test_a_lost_page_can_be_added_later_and_joins_its_sheet(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", sheet(7, values={"q1": "4", "q2": "5", "candidate": "0042"}))
    (settled,) = settle_sheets(store.fields(), store.pages(), exam.sheets.templates, MarkRule("zero"))
    assert settled.remarks[0] == "page 2 of the sheet has not come"
    drop(exam, store, "found.pdf", sheet(7, page=2, values={"sum": "9"}))
    (settled,) = settle_sheets(store.fields(), store.pages(), exam.sheets.templates, MarkRule("zero"))
    assert (settled.remarks, [page.file for page in settled.pages]) == ((), ["a.pdf", "found.pdf"])
    assert settled.parts["sum"].value == "9"


def test_a_failed_page_that_is_placed_is_read_like_any_other_and_stays_so(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", sheet(1), {"outcome": "failed", "values": {"q1": "6"}}, {"outcome": "blank"})
    row = put(exam, store, "a.pdf:2", serial=7)
    assert (row.outcome, row.sheet, row.identified_by, row.reason) == (READ, "small#00007", "hand", "")
    assert q1(store) == ["", "6"]
    (said,) = store.placements()
    assert (said.was, said.reviewer, said.placed.corners[2], said.after) == (FAILED, "Kim", (90.0, 95.0), (1, 3))
    before = dump(store)
    assert regrade(exam, store).pages == {READ: 2, PageOutcomeKind.BLANK: 1}
    assert dump(store) == before


def test_a_placed_page_without_a_serial_is_a_sheet_of_its_own(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", {"outcome": "failed"}, {"outcome": "foreign"})
    told = [put(exam, store, f"a.pdf:{number}", serial=None) for number in (1, 2)]
    filed = store.filed_pages()
    assert len({row.sheet for row in filed}) == 2 and all(row.sheet.startswith("small@") for row in filed)
    assert [row.outcome for row in told] == [HELD, HELD], "two first pages in a row: the second pages are missing"
    assert told[1] == store.pages()[1] and "tallymark stacks" in told[1].reason


def test_a_page_that_was_dropped_stays_so_when_it_is_placed_and_says_it(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", {"outcome": "failed"})
    at = store.pages()[0].at
    store.decide_stacks(lambda _pages, _said: [StackDecision(StackWord.DROP, (at,), "Kim", NOON)])
    placed = put(exam, store, "a.pdf:1", serial=None)
    assert placed == store.pages()[0] and was_dropped(placed) and placed.sheet == ""
    store.decide_stacks(lambda _pages, _said: [StackDecision(StackWord.UNDO, (at,), "Kim", NOON)])
    assert store.pages()[0].outcome is HELD, "now it waits for the second page of its sheet"
    assert take_back(exam, store, "a.pdf:1").outcome is FAILED


def test_a_placed_page_whose_place_is_taken_is_held_even_if_it_came_first(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", {"outcome": "failed", "values": {"q1": "6"}})
    drop(exam, store, "b.pdf", sheet(5, values={"q1": "2"}))
    row = put(exam, store, "a.pdf:1")
    assert row.outcome is HELD and "b.pdf page 1 already" in row.reason
    before = dump(store)
    regrade(exam, store)
    assert (dump(store), q1(store)) == (before, ["2"])
    # Showing the corners again, better, is no later claim and no earlier one.
    drop(exam, store, "c.pdf", sheet(5, values={"q1": "3"}))
    assert put(exam, store, "a.pdf:1", size=101).outcome is HELD
    assert [one.after for one in store.placements()] == [(2, 1), (2, 1)]
    say(exam, store, REPLACE, "a.pdf:1")
    assert q1(store) == ["6"]
    regrade(exam, store)
    assert q1(store) == ["6"]


def test_a_page_on_which_the_sheet_does_not_fit_stays_failed(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", {"outcome": "failed", "fits": False}, sheet(1))
    before = dump(store)
    with pytest.raises(PageChoiceError, match=r"said so\. Nothing was stored"):
        put(exam, store, "a.pdf:1")
    with pytest.raises(PageChoiceError, match="needs no placing, it is read"):
        put(exam, store, "a.pdf:2")
    assert (dump(store), store.placements(), len(store.runs())) == (before, (), 1)


def test_a_placement_that_is_taken_back_leaves_the_page_as_it_was(exam: Exam, store: Store) -> None:
    drop(exam, store, "a.pdf", {"outcome": "failed", "values": {"q1": "6"}}, sheet(1))
    before = dump(store)
    put(exam, store, "a.pdf:1", serial=7)
    row = take_back(exam, store, "a.pdf:1")
    assert (row.outcome, row.reason, row.sheet) == (FAILED, "said so", "")
    assert dump(store) == before and [one.was for one in store.placements()] == [FAILED, READ]
    regrade(exam, store)
    assert dump(store) == before
    with pytest.raises(PageChoiceError, match="was not placed by hand"):
        take_back(exam, store, "a.pdf:1")
    # Placed again, it comes after what came meanwhile.
    drop(exam, store, "b.pdf", sheet(7, values={"q1": "2"}))
    assert put(exam, store, "a.pdf:1", serial=7).outcome is HELD


def take_back(exam: Exam, store: Store, page: str) -> PageRow:
    return unplace(store, exam, find_page(store, page), KIM, readers=lambda: nullcontext(FakeReader()))


# ---- whatever happens ------------------------------------------------------------------------------------------------

page = st.tuples(st.integers(1, 2), st.integers(1, 2), st.sampled_from(["ok", "ok", "ok", "failed"]))
arrival = st.lists(page, min_size=1, max_size=3)
event = st.one_of(
    arrival.map(lambda pages: ("drop", pages)),
    st.tuples(st.sampled_from(["keep", "replace", "place", "unplace"]), st.integers(0, 20)),
    st.just(("regrade", 0)),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(event, max_size=8))
def test_whatever_comes_and_is_decided_the_ledger_closes_and_no_page_counts_twice(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, object]]
) -> None:
    exam = exam_folder(tmp_path_factory.mktemp("exam") / "exam")
    with open_store(exam.dir) as store:
        came = 0
        for at, (what, more) in enumerate(events):
            rows = store.pages()
            if what == "drop":
                pages = [
                    {"serial": serial, "page": page, "picture": f"{at}/{number}"}
                    | ({"outcome": "failed"} if how == "failed" else {})
                    for number, (serial, page, how) in enumerate(more)  # type: ignore[arg-type]
                ]
                drop(exam, store, f"{at}.pdf", *pages)
                came += len(pages)
            elif what == "regrade":
                before = dump(store)
                regrade(exam, store)
                assert dump(store) == before
            elif rows:
                row = rows[int(more) % len(rows)]  # type: ignore[call-overload]
                page = f"{row.file}:{row.number}"
                try:
                    if what == "place":
                        put(exam, store, page, serial=1 + row.number % 2)
                    elif what == "unplace":
                        take_back(exam, store, page)
                    else:
                        say(exam, store, PageChoice(what), page)
                except PageChoiceError:
                    assert store.pages() == rows
            ledger = store.ledger()
            assert ledger.closes and ledger.pages_in == came
            counting = Counter((row.sheet, row.template_page) for row in store.pages() if row.outcome is READ)
            assert set(counting.values()) <= {1}
            claimed = {(row.sheet, row.template_page) for row in store.pages() if row.outcome is HELD}
            assert claimed <= counting.keys()
            assert {row.key.split("-")[0] for row in store.fields()} <= {row.scan[:12] for row in store.pages()}
