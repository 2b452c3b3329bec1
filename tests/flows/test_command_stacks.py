"""`tallymark stacks` and `tallymark batches`: what is held or missing is named, and one decision settles it."""

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flows.cli import run
from flows.errors import EXIT_SET_ASIDE
from flows.export.run_sheet import RUN
from flows.grading import Workplace, grade_inbox, here
from flows.settings import Exam, load_exam
from flows.store import open_store
from recognizer.records import PageOutcome, PageRef
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet
from tests.helpers.filing import page_result

BY = ("--by", "Kim")


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    return exam_folder(tmp_path / "exam")


def grade(exam: Exam, name: str, *pages: dict[str, Any]) -> None:
    (exam.inbox / name).write_text(fake_scan(*pages, mark=f" of {name}"))
    reader = FakeReader()
    with open_store(exam.dir) as store, store.grading():
        grade_inbox(Workplace(exam, store, reader, here(reader)))


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    assert run([str(one) for one in arguments]) == code
    captured = capsys.readouterr()
    return captured.out if code in (0, EXIT_SET_ASIDE) else captured.err


def booklets(count: int) -> list[dict[str, Any]]:
    return [
        sheet(None, page, values={"candidate": f"{n:04d}", "q1": "1", "q2": "2", "sum": "3"})
        for n in range(count)
        for page in (1, 2)
    ]


# ---- stacks ----------------------------------------------------------------------------------------------------------


def test_a_break_is_named_and_one_decision_settles_it(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    stack = booklets(3)
    grade(exam, "scan.pdf", *stack[:3], *stack[4:])
    listed = told(capsys, "stacks", exam.dir, code=4)
    assert "scan.pdf: 'small': 1 sheet by their order, 3 pages held" in listed
    assert "that breaks at page 4" in listed
    grade(exam, "late.pdf", stack[3])
    printed = told(capsys, "stacks", exam.dir, "--join", "scan.pdf:3+late.pdf:1", *BY)
    assert printed.splitlines() == ["1 stored", "scan.pdf: 'small': 2 sheets by their order, 0 pages held"]
    figures = json.loads(told(capsys, "stacks", exam.dir, "--json"))
    assert [(one["sheets"], one["held"], one["reason"]) for one in figures["stacks"]] == [(2, [], "")]
    (said,) = figures["said"]
    assert (said["word"], said["reviewer"], [page["page"] for page in said["pages"]]) == ("join", "Kim", [3, 1])
    assert '"held": 0' in told(capsys, "ledger", exam.dir, "--json")


def test_what_is_refused_stores_nothing(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, "scan.pdf", *booklets(1), sheet(5))
    options = ("--drop", "scan.pdf:1", "--drop", "scan.pdf:3")
    assert "scan.pdf page 3 is read, and its codes say" in told(capsys, "stacks", exam.dir, *options, *BY, code=6)
    assert "1 to 80 printable" in told(capsys, "stacks", exam.dir, "--drop", "scan.pdf:1", "--by", " ", code=2)
    with open_store(exam.dir) as store:
        assert store.stack_decisions() == ()


def test_without_such_pages_it_says_so(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    grade(exam, "scan.pdf", sheet(5))
    printed = told(capsys, "stacks", exam.dir).strip()
    assert printed == "Pages that find their sheet: 1 page by the printed serial; nothing is put together by order."


def test_a_page_out_of_a_torn_stack_frees_nobody_elses(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    stack = booklets(4)
    grade(exam, "scan.pdf", *stack[:3], {"outcome": "failed"}, *stack[5:])
    printed = told(capsys, "stacks", exam.dir, "--drop", "scan.pdf:4", *BY, code=4)
    assert "scan.pdf: 'small': 2 sheets by their order, 2 pages held" in printed
    assert "page 3 is part of a 'small' that breaks at page 4 of scan.pdf" in printed
    printed = told(capsys, "stacks", exam.dir, "--join", "scan.pdf:3", "--join", "scan.pdf:5", *BY)
    assert "2 sheets by their order, 0 pages held" in printed
    with open_store(exam.dir) as store:
        assert [row.sheet for row in store.pages()].count("") == 1
        assert len({row.sheet for row in store.pages() if row.sheet}) == 4


def test_a_join_that_is_taken_back_says_what_becomes_of_the_other_page(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = booklets(3)
    grade(exam, "scan.pdf", *stack[:3], *stack[4:])
    grade(exam, "late.pdf", stack[3])
    told(capsys, "stacks", exam.dir, "--join", "scan.pdf:3+late.pdf:1", *BY)
    printed = told(capsys, "stacks", exam.dir, "--undo", "scan.pdf:3", *BY, code=4)
    assert (
        "late.pdf page 1 was put together with a page that was taken out now; it is held: pages of 'small'" in printed
    )
    figures = json.loads(told(capsys, "stacks", exam.dir, "--json", code=4))
    assert [one["page"] for one in figures["left_by_void_joins"]] == [1]
    assert "was put together with" not in told(capsys, "stacks", exam.dir, code=4), "it is said once"


def with_numbers(exam: Exam, *pages: tuple[int, str]) -> None:
    """Grade pages of a sheet that has a number on each of its two pages."""
    template = exam.dir / "templates" / "small.toml"
    again = template.read_text().split("[[page.field]]")[1].replace("candidate", "again").replace("y = 45", "y = 90")
    template.write_text(f"{template.read_text()}[[page.field]]{again}")
    small = load_exam(exam.dir).template_named("small")

    class Numbers(FakeReader):
        def _outcome(self, ref: PageRef, line: dict[str, Any], *_: object) -> PageOutcome:
            return page_result(ref, line["values"], template=small, page=line["page"], serial=None)

    names = {1: "candidate", 2: "again"}
    lines = [sheet(None, page, values={names[page]: number, "q1": "1", "q2": "1"}) for page, number in pages]
    (exam.inbox / "scan.pdf").write_text(fake_scan(*lines))
    reader, loaded = Numbers(), load_exam(exam.dir)
    with open_store(exam.dir) as store, store.grading():
        tally = grade_inbox(Workplace(loaded, store, reader, here(reader)))
    assert tally.needs_person == (len(set(pages)) < len(pages))


def test_pages_that_say_the_number_of_others_wait_for_a_person(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    with_numbers(exam, (1, "0001"), (2, "0001"), (1, "0003"), (1, "0003"), (2, "0003"))
    why = "page 1 with the number 0003 came 2 times (scan.pdf page 3, scan.pdf page 4): none of them is joined"
    listed = told(capsys, "stacks", exam.dir, code=4)
    assert [f"scan.pdf page {page}: {why}" in listed for page in range(1, 6)] == [False, False, True, True, True]
    figures = json.loads(told(capsys, "stacks", exam.dir, "--json", code=4))
    assert [one["page"] for one in figures["claimed"]] == [3, 4, 5]
    assert json.loads(told(capsys, "ledger", exam.dir, "--json", code=4))["open"] is True
    assert "Say which of several pages of one number make a sheet" in told(capsys, "ledger", exam.dir, code=4)
    assert "3 pages say a number that others say too" in told(capsys, "export", exam.dir, "--final", code=7)
    told(capsys, "export", exam.dir)
    headings, *rows = load_workbook(exam.dir / "exports" / "marks.xlsx")["Marks"].iter_rows(values_only=True)
    remarks = [str(row[headings.index("remarks")] or "") for row in rows]
    assert [why in one for one in remarks] == [False, True, True, True]
    assert "number 0003" not in told(capsys, "stacks", exam.dir, "--drop", "scan.pdf:4", *BY)
    assert '"open": false' in told(capsys, "ledger", exam.dir, "--json")


def test_pages_that_say_their_number_are_not_said_to_go_by_codes(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    with_numbers(exam, (1, "0001"), (2, "0001"))
    assert "2 pages by the candidate number on each page; nothing" in told(capsys, "stacks", exam.dir)


def test_the_workbook_shows_what_is_held_and_which_pages_make_a_sheet(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    grade(exam, "scan.pdf", *booklets(2)[:3])
    told(capsys, "export", exam.dir)
    book = load_workbook(exam.dir / "exports" / "marks.xlsx")
    headings, *rows = book["Marks"].iter_rows(values_only=True)
    assert [row[headings.index("page")] for row in rows] == ["1, 2"]
    assert [row[headings.index("computed total") + 1] for row in rows] == [3]
    held = [row for row in book["Pages"].iter_rows(min_row=10, max_row=12, values_only=True) if row[2] == "held"]
    assert [row[1] for row in held] == [3] and "the file ends after it" in str(held[0][9])


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_that_lacks_a_paper_blocks_until_it_is_explained(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    (exam.dir / "batches.csv").write_text("file,papers,batch\nscan.pdf,3,Monday\n")
    full = {"candidate": "0042", "q1": "1", "q2": "2"}
    pages = [sheet(1, values=full), sheet(1, 2, values={"sum": "3"})]
    grade(exam, "scan.pdf", *pages, sheet(2, values=full | {"candidate": "0043"}), sheet(2, 2, values={"sum": "3"}))
    stands = "batch 'Monday' should hold 3 papers (batches.csv), 2 came in"
    assert told(capsys, "batches", exam.dir, code=4).strip() == f"NOT EXPLAINED: {stands}"
    assert stands in told(capsys, "export", exam.dir, "--final", code=7)
    assert not (exam.dir / "exports" / "marks.xlsx").exists()

    explained = told(capsys, "batches", exam.dir, "--explain", "Monday", "seat 17 left", *BY).strip()
    assert explained == f"{stands}; explained by Kim: seat 17 left"
    told(capsys, "export", exam.dir, "--final")
    facts = {
        row[0]: row[1] for row in load_workbook(exam.dir / "exports" / "marks.xlsx")[RUN].iter_rows(values_only=True)
    }
    assert facts["Monday"] == explained

    (exam.dir / "batches.csv").write_text("file,papers,batch\nscan.pdf,4,Monday\n")
    assert "it was explained for other numbers (3 stated, 2 found)" in told(
        capsys, "export", exam.dir, "--final", code=7
    )
    (batch,) = json.loads(told(capsys, "batches", exam.dir, "--json", code=4))
    assert (batch["stated"], batch["found"], batch["blocks_final"], batch["explained"]) == (
        [{"by": "batches.csv", "papers": 4}],
        2,
        True,
        None,
    )


def test_a_batch_that_lacks_papers_is_named_by_every_run(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    (exam.dir / "batches.csv").write_text("file,papers\nscan.pdf,2\nb.pdf,1\n")
    grade(exam, "scan.pdf", sheet(1))
    grade(exam, "b.pdf", sheet(2))
    assert run(["grade", str(exam.dir)]) == EXIT_SET_ASIDE
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "The inbox is empty; nothing to do. batch 'scan.pdf' should hold 2 papers (batches.csv), 1 came in" in printed
    )
    assert "1 batch is complete or explained" in printed


def test_there_is_nothing_to_explain_of_a_batch_that_is_whole_or_unknown(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No batch is known" in told(capsys, "batches", exam.dir)
    (exam.dir / "batches.csv").write_text("file,papers\nscan.pdf,1\n")
    grade(exam, "scan.pdf", sheet(1))
    said = ("--explain", "scan.pdf", "why", *BY)
    assert "there is nothing to explain" in told(capsys, "batches", exam.dir, *said, code=3)
    assert "there is no batch 'x'; there are 'scan.pdf'" in told(
        capsys, "batches", exam.dir, "--explain", "x", "why", *BY, code=3
    )
    assert "printable" in told(capsys, "batches", exam.dir, "--explain", "scan.pdf", " ", *BY, code=2)


def test_a_batch_needs_a_number_of_papers(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    assert "say both" in told(capsys, "grade", exam.dir, "--batch", "Monday", code=2)
    assert "--expect" in told(capsys, "grade", exam.dir, "--expect", "0", code=2)


def test_a_cover_sheet_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pdf = tmp_path / "cover.pdf"
    command = ("template", "cover", "--papers", "50", "-o", pdf, "--batch")
    assert told(capsys, *command, "Monday") == f"{pdf}: cover sheet of batch Monday for exam exam, 50 papers\n"
    assert pdf.read_bytes().startswith(b"%PDF")
    assert "a batch's name is 1 to 32 letters" in told(capsys, *command, "Monday morning", code=2)
