"""No final export while anything waits; what people accept as it is does not wait any more."""

import json
import sqlite3
from pathlib import Path

import pytest
from openpyxl import load_workbook

from flows.cli import run
from flows.commands.grade import report_tally
from flows.final import what_waits
from flows.grading import Tally, Workplace, grade_inbox, here
from flows.jobs import Job
from flows.ledger import ledger_of
from flows.records import Arrival, ScanRow
from flows.settings import Exam
from flows.store import open_store
from recognizer.records import PageOutcomeKind
from tests.helpers.exam_rows import page_row
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet

FULL = {"candidate": "0042", "q1": "7", "q2": "2"}
OTHER = FULL | {"candidate": "0043"}
SHEET = (sheet(1, values=FULL), sheet(1, 2, values={"sum": "9"}))
BY = ("--by", "Kim")


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    return exam_folder(tmp_path / "exam")


def grade(exam: Exam, **files: str) -> Tally:
    for name, text in files.items():
        (exam.inbox / f"{name}.pdf").write_text(text)
    reader = FakeReader()
    with open_store(exam.dir) as store, store.grading():
        return grade_inbox(Workplace(exam, store, reader, here(reader)))


def told(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    capsys.readouterr()
    assert run([str(word) for word in words]) == code
    printed = capsys.readouterr()
    return " ".join((printed.out + printed.err).split())


def final(exam: Exam, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    said = told(capsys, "export", exam.dir, "--final", code=code)
    assert (exam.dir / "exports" / "marks.xlsx").exists() == (code == 0)
    return said


def on_sheet(exam: Exam, name: str) -> str:
    cells = load_workbook(exam.dir / "exports" / "marks.xlsx")[name].iter_rows(values_only=True)
    return "\n".join(" | ".join(str(cell) for cell in row if cell is not None) for row in cells)


def test_nothing_waits_for_a_complete_exam(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, a=fake_scan(*SHEET))
    final(exam, capsys)
    assert "final | nothing waits for a person\n" in on_sheet(exam, "Run")


@pytest.mark.parametrize("outcome", ["failed", "foreign"])
def test_a_page_that_nobody_looked_at_blocks_until_it_is_accepted(
    exam: Exam, capsys: pytest.CaptureFixture[str], outcome: str
) -> None:
    grade(exam, a=fake_scan(*SHEET, {"outcome": outcome}))
    assert f"1 {outcome} page is not settled (a.pdf page 3)" in final(exam, capsys, 7)
    said = told(capsys, "ledger", exam.dir, "--accept", "a.pdf:3", "a page of notes", *BY)
    assert "accepted: page a.pdf page 3: said so" in said and "accepted by Kim: page a.pdf page 3" in said
    final(exam, capsys)
    assert "somebody accepted something" in on_sheet(exam, "Run")
    assert "a page of notes (said so)" in on_sheet(exam, "Pages")
    (one,) = json.loads(told(capsys, "ledger", exam.dir, "--json"))["accepted"]
    assert (one["what"], one["name"], one["why"], one["by"]) == ("page", "a.pdf page 3", "a page of notes", "Kim")


def test_a_failed_page_said_to_be_of_no_sheet_does_not_block(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, a=fake_scan(SHEET[0], {"outcome": "failed"}, SHEET[1]))
    assert "1 sheet has remarks that nobody accepted" in final(exam, capsys, 7)
    told(capsys, "stacks", exam.dir, "--drop", "a.pdf:2", *BY)
    final(exam, capsys)


def test_a_file_in_quarantine_blocks_until_it_is_accepted(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, a=fake_scan(*SHEET), broken="no scan")
    assert "1 file is in quarantine (broken.pdf)" in final(exam, capsys, 7)
    told(capsys, "ledger", exam.dir, code=4)
    # It has no pages to look at; and who takes it as it is says so.
    said = told(capsys, "pages", "show", exam.dir, "broken.pdf:1", "-o", exam.dir / "page.png", code=6)
    assert "broken.pdf lies in quarantine, and none of its pages was read" in said
    said = told(capsys, "ledger", exam.dir, "--accept", "broken.pdf", "scanned again as a.pdf", code=2)
    assert "say with --by NAME" in said
    told(capsys, "ledger", exam.dir, "--accept", "broken.pdf", "scanned again as a.pdf", *BY)
    final(exam, capsys)


def test_a_page_that_never_came_blocks_until_it_is_accepted(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, a=fake_scan(*SHEET, sheet(2, values=OTHER)))
    assert "1 sheet has remarks that nobody accepted" in (said := final(exam, capsys, 7))
    assert "small#00002: page 2 of the sheet has not come" in said
    assert "1 sheet lacks a page: small#00002 page 2" in told(capsys, "ledger", exam.dir, code=4)
    assert json.loads(told(capsys, "ledger", exam.dir, "--json", code=4))["sheets_lacking_pages"] == [
        {"sheet": "small#00002", "pages": [2]}
    ]
    told(capsys, "ledger", exam.dir, "--accept", "small#00002", "lost", *BY)
    final(exam, capsys)


def test_a_run_names_sheets_that_lack_a_page(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    tally = grade(exam, a=fake_scan(SHEET[0]))
    assert report_tally(Job("grade", exam.dir), tally, as_json=False) == 0
    assert "1 sheet lacks a page: small#00001 page 2" in capsys.readouterr().out


def test_what_was_accepted_for_one_reason_is_open_again_for_another(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    grade(exam, a=fake_scan(*SHEET, sheet(2, values=OTHER)))
    told(capsys, "ledger", exam.dir, "--accept", "small#00002", "lost", *BY)
    exam.roster.write_text("id,name\n0042,Ada\n")
    assert "2 fields wait for a person" in final(exam, capsys, 7)


def test_what_is_not_open_is_not_accepted(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, a=fake_scan(*SHEET, sheet(2, values=OTHER), sheet(2, values=OTHER | {"q1": "1"})))
    for name in ("small#00001", "a.pdf", "a.pdf:1", "a.pdf:4", "a.pdf:9", "b.pdf:1", "small#00009"):
        told(capsys, "ledger", exam.dir, "--accept", name, "why", *BY, code=6)
    told(capsys, "ledger", exam.dir, "--accept", "a.pdf:1", " ", *BY, code=2)
    # The first of the two could be accepted; all of it is stored or nothing.
    told(capsys, "ledger", exam.dir, "--accept", "small#00002", "lost", "--accept", "b.pdf", "why", *BY, code=6)
    with open_store(exam.dir) as store:
        assert store.ledger().accepted == ()


def test_an_acceptance_is_never_changed(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, a=fake_scan({"outcome": "failed"}))
    told(capsys, "ledger", exam.dir, "--accept", "a.pdf:1", "notes", *BY)
    by_hand = sqlite3.connect(exam.dir / "tallymark.db")
    for statement in ("UPDATE acceptances SET text = 'x'", "DELETE FROM acceptances"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever inserted"):
            by_hand.execute(statement)
    by_hand.close()


def test_files_in_hand_and_pages_out_of_order_are_named_with_the_command_that_helps() -> None:
    hand = Arrival(1, b"b.pdf", "b.pdf", "b", "b.pdf", 1, 2, 3)
    held = page_row("marks", 1, scan="b", file="b.pdf", outcome=PageOutcomeKind.HELD, sheet="", reason="…")
    copy = page_row("marks", 2, scan="b", file="b.pdf", outcome=PageOutcomeKind.HELD, sheet="marks#00001", reason="…")
    lines = what_waits(ledger_of([], [ScanRow("b", 1, "b.pdf", 9, "")], [held, copy], [hand]), [], [], 0)
    assert lines == (
        "1 file is in hand, of which 7 pages wait to be read (b.pdf): tallymark grade DIR goes on with them",
        "1 page is held until somebody decides (b.pdf page 2): tallymark pages DIR",
        "1 page is held out of order (b.pdf page 1): tallymark stacks DIR",
    )


def test_the_ledger_names_the_command_for_pages_out_of_order(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, a=fake_scan(sheet(None, values=FULL), sheet(None, values=OTHER)))
    said = told(capsys, "ledger", exam.dir, code=4)
    assert "tallymark stacks" in said and "tallymark pages " not in said
