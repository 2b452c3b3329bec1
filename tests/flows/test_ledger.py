"""The sums of what came in and what became of it: they close, and say so loudly when they do not."""

import json
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cli import run
from flows.commands.grade import report_tally
from flows.grading import Workplace, grade_inbox, here
from flows.jobs import Job
from flows.ledger import as_json, in_words, ledger_of
from flows.records import Arrival, FileOutcome, FileRow, PageRow, ScanRow
from flows.store import open_store
from recognizer.records import PageOutcomeKind
from tests.helpers.exam_rows import failed_page, page_row
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet

READ, HELD = PageOutcomeKind.READ, PageOutcomeKind.HELD


def page(scan: str, number: int, outcome: PageOutcomeKind = READ, error: float | None = 0.1) -> PageRow:
    return page_row("marks", number, scan=scan, file=f"{scan}.pdf", outcome=outcome, error_mm=error)


def read(scan: str) -> FileRow:
    return FileRow(f"{scan}.pdf", scan, FileOutcome.READ, "")


outcomes = st.lists(st.sampled_from(list(PageOutcomeKind)), min_size=1, max_size=6)


@given(st.lists(outcomes, max_size=5), st.integers(0, 3), st.integers(0, 3))
def test_it_closes_whatever_becomes_of_pages(scans: list[list[PageOutcomeKind]], again: int, broken: int) -> None:
    files, rows, pages = [], [], []
    for at, kinds in enumerate(scans):
        files.append(read(f"{at}"))
        rows.append(ScanRow(f"{at}", at, f"{at}.pdf", len(kinds), ""))
        pages += [page(f"{at}", number, kind) for number, kind in enumerate(kinds, start=1)]
    if scans:
        files += [FileRow(f"again {n}", "0", FileOutcome.DUPLICATE, "the same bytes") for n in range(again)]
    files += [FileRow(f"broken {n}", f"b{n}", FileOutcome.QUARANTINED, "is no PDF") for n in range(broken)]
    found = ledger_of(files, rows, pages)
    assert found.closes and found.residual == found.files_residual == 0
    assert found.pages_in == sum(map(len, scans)) and found.files_in == len(files)
    assert found.counts == Counter(kind for kinds in scans for kind in kinds)
    assert [line.residual for line in found.lines] == [0] * len(files)
    assert json.loads(json.dumps(as_json(found)))["closes"] is True


def test_a_page_that_was_lost_is_left_over() -> None:
    found = ledger_of([read("a"), read("b")], [ScanRow("a", 1, "a", 3, ""), ScanRow("b", 2, "b", 1, "")], [
        page("a", 1), page("a", 3), page("b", 1),
    ])  # fmt: skip
    assert (found.closes, found.residual, [line.residual for line in found.lines]) == (False, 1, [1, 0])
    assert "does not close: 4 pages came in, of 3" in in_words(found)


def test_what_two_files_lost_and_won_does_not_cancel_out() -> None:
    scans = [ScanRow("a", 1, "a", 2, ""), ScanRow("b", 2, "b", 1, "")]
    found = ledger_of([read("a"), read("b")], scans, [page("a", 1), page("b", 1), page("b", 2)])
    assert (found.residual, found.closes) == (0, False)


def test_pages_of_no_known_scan_are_left_over() -> None:
    assert not ledger_of([], [], [page("a", 1)]).closes


def test_a_file_in_hand_is_neither_lost_nor_read() -> None:
    arrival = Arrival(2, b"b.pdf", "b.pdf", "b", "b.pdf", 1, 2, 3)
    scans = [ScanRow("a", 1, "a.pdf", 1, ""), ScanRow("b", 2, "b.pdf", 9, "")]
    found = ledger_of([read("a")], scans, [page("a", 1), page("b", 1)], [arrival])
    assert (found.files_in, found.in_hand, found.pages_in, found.waiting, found.residual) == (2, 1, 10, 8, 0)
    assert found.closes and found.is_open
    assert in_words(found) == "the ledger closes; 1 file is in hand (8 pages wait): grade again"
    # The same bytes again in hand add nothing to what is there.
    again = Arrival(3, b"a.pdf", "a.pdf", "a", "a.pdf", 1, 2, 3)
    found = ledger_of([read("a")], scans[:1], [page("a", 1)], [again])
    assert (found.files_in, found.pages_in, found.closes) == (2, 1, True)


def test_the_worst_fit_is_named_and_unknown_is_not_zero() -> None:
    pages = [page("a", 1, error=0.1), page("a", 2, error=0.31), page("a", 3, error=None), page("a", 4, HELD, 0.05)]
    found = ledger_of([read("a")], [ScanRow("a", 1, "a.pdf", 4, "")], pages)
    told = as_json(found)["registration"]
    assert told == {"pages": 3, "median_mm": 0.1, "worst_mm": 0.31, "worst_at": {"file": "a.pdf", "page": 2}}
    assert (found.lines[0].worst_mm, found.lines[0].worst_page) == (0.31, 2)
    assert [one["error_mm"] for one in as_json(found)["by_page"]] == [0.1, 0.31, None, 0.05]
    nothing = as_json(ledger_of([], [], []))["registration"]
    assert nothing == {"pages": 0, "median_mm": None, "worst_mm": None, "worst_at": None}


def test_what_needs_a_person_is_named_with_its_reason() -> None:
    pages = [page("a", 1), failed_page(2, PageOutcomeKind.FAILED, "no corner marks")]
    found = ledger_of([read("a")], [], pages)
    assert [(one.number, one.reason) for one in found.open_pages] == [(2, "no corner marks")]
    blank = ledger_of([], [], [failed_page(2, PageOutcomeKind.BLANK, ""), page("a", 1, PageOutcomeKind.DUPLICATE)])
    assert blank.open_pages == ()


# ---- the command, and what grading says -----------------------------------------------------------------------------


def graded(tmp_path: Path, *pages: dict[str, object]) -> Path:
    exam = exam_folder(tmp_path / "exam")
    (exam.inbox / "[b]a.pdf").write_text(fake_scan(*pages))
    reader = FakeReader()
    with open_store(exam.dir) as store, store.grading():
        grade_inbox(Workplace(exam, store, reader, here(reader)))
    return exam.dir


def test_the_command_says_that_the_sums_close(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = graded(tmp_path, sheet(1), sheet(1, 2), {"outcome": "blank"})
    assert run(["ledger", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "3 pages in = 2 read + 1 blank + 0 failed + 0 duplicate + 0 held + 0 foreign; residual 0" in printed
    assert "1 file in = 1 read + 0 duplicate + 0 quarantined; residual 0" in printed
    assert "[b]a.pdf" in printed and "The ledger closes." in printed
    assert "Worst fit of 2 pages: 0.05 mm" in printed


def test_what_needs_a_person_has_its_own_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = graded(tmp_path, sheet(1), sheet(1), {"outcome": "failed"})
    assert run(["ledger", str(folder)]) == 4
    printed = capsys.readouterr().out
    assert "[b]a.pdf page 2: held: page 1 of sheet small#00001 was read from [b]a.pdf page 1 already" in printed
    assert "[b]a.pdf page 3: failed: said so" in printed
    assert run(["ledger", str(folder), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["pages"] == {"read": 1, "blank": 0, "failed": 1, "duplicate": 0, "held": 1, "foreign": 0}
    assert (told["pages_in"], told["residual"], told["by_file"][0]["residual"]) == (3, 0, 0)
    assert [one["outcome"] for one in told["needs_person"]] == ["held", "failed"]


def test_a_ledger_that_does_not_close_is_loud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = graded(tmp_path, sheet(1), sheet(2))
    by_hand = sqlite3.connect(folder / "tallymark.db")
    with by_hand:
        by_hand.execute("DELETE FROM pages WHERE number = 2")
    by_hand.close()
    assert run(["ledger", str(folder)]) == 8
    assert "The ledger does not close: 2 pages came in, of 1" in capsys.readouterr().out
    assert run(["grade", str(folder), "--json"]) == 8
    printed = capsys.readouterr()
    assert json.loads(printed.out)["ledger"]["residual"] == 1
    assert "does not close" in printed.err
    assert run(["export", str(folder), "--final"]) == 7
    assert "does not close" in capsys.readouterr().err


def test_grading_tells_the_ledger_of_the_whole_exam(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = graded(tmp_path, sheet(1))
    exam = exam_folder(tmp_path / "other")
    assert run(["grade", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pages"]["read"], told["ledger"]["pages"]["read"], told["ledger"]["closes"]) == (0, 1, True)
    (exam.inbox / "b.pdf").write_text(fake_scan(sheet(1), {"outcome": "foreign"}))
    reader = FakeReader()
    with open_store(exam.dir) as store, store.grading():
        tally = grade_inbox(Workplace(exam, store, reader, here(reader)))
    assert report_tally(Job("grade", exam.dir), tally, as_json=True) == 4
    assert json.loads(capsys.readouterr().out)["ledger"]["by_file"][0]["foreign"] == 1


def test_a_final_export_is_refused_while_a_page_is_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"candidate": "0042", "q1": "7", "q2": "2"}
    folder = graded(tmp_path, sheet(1, values=values), sheet(1, page=2, values={"sum": "9"}), sheet(1, values=values))
    assert run(["export", str(folder), "--final"]) == 7
    assert "1 page is held" in capsys.readouterr().err
    assert run(["pages", "resolve", str(folder), "keep", "--all", "--by", "Kim"]) == 0
    assert run(["export", str(folder), "--final"]) == 0
