"""A batch holds the papers that somebody counted, or it is named until somebody explains it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.batch_list import listed_batches, load_batches
from flows.batches import Batch, BatchExplanation, BatchStatement, ListedFile, Stated, count_batches, in_words
from flows.errors import ExamError
from flows.records import FileOutcome, PageRow
from recognizer.codes import COVER_TEMPLATE
from recognizer.records import PageOutcomeKind
from tests.helpers.exam_rows import OTHER_SCAN, SCAN, failed_page, file_row, page_row
from tests.helpers.fakes import exam_folder

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FILES = [replace(file_row(), batch="Monday"), file_row("b.pdf", OTHER_SCAN)]


def cover(number: int, papers: int, batch: str = "Monday", **changes: object) -> PageRow:
    return page_row(COVER_TEMPLATE, number, sheet="", serial=papers, batch=batch, **changes)


def paper(number: int, sheet: int | None = None, template: str = "marks", **changes: object) -> PageRow:
    return page_row(template, number, sheet=f"{template}#{sheet or number:05d}", **changes)


def other(number: int, sheet: int | None = None) -> PageRow:
    return paper(number, sheet, scan=OTHER_SCAN, file="b.pdf")


def expected(papers: int, name: str = "Monday") -> Stated:
    return Stated(statements=[BatchStatement(name, papers, 1, NOON)])


def one(pages: list[PageRow], said: Stated | None = None) -> Batch:
    (batch,) = count_batches(pages, FILES, said or Stated(), {"extra"})
    return batch


def test_a_batch_that_holds_what_was_counted_is_all_right() -> None:
    batch = one([paper(1), paper(2), other(1)], expected(2))
    assert (batch.found, batch.differs, batch.blocks) == (2, False, False)
    assert in_words(batch) == "batch 'Monday' should hold 2 papers (grade --expect), 2 came in"


def test_one_paper_too_few_blocks_and_names_what_may_be_it() -> None:
    lost = failed_page(3, PageOutcomeKind.FAILED, "no corner marks")
    held = paper(4, 1, outcome=PageOutcomeKind.HELD)
    batch = one([paper(1), paper(2), lost, held], expected(3))
    assert (batch.found, batch.differs, batch.blocks) == (2, True, True)
    assert batch.causes == ("failed: a.pdf page 3", "held: a.pdf page 4")
    assert one([paper(1), paper(2)], expected(1)).blocks, "one too many is no better"


def test_a_sheet_counts_once_where_its_first_page_came() -> None:
    whole = [paper(1, 7), paper(2, 7, template_page=2), paper(3, 8)]
    assert one(whole, expected(2)).found == 2
    late = [paper(1, 7), other(1, 7), other(2, 9)]
    assert one(late, expected(1)).found == 1
    assert count_batches(late, FILES, Stated(listed=[ListedFile("b.pdf", 1, "late")]))[0].found == 1


def test_extra_paper_cover_sheets_and_pages_that_do_not_count_are_no_papers() -> None:
    pages = [cover(1, 1), paper(2), paper(3, template="extra"), failed_page(4, PageOutcomeKind.BLANK, "empty")]
    assert one(pages).found == 1


def test_a_cover_sheet_speaks_for_what_lies_behind_it_in_its_file() -> None:
    pages = [paper(1), cover(2, 2), paper(3), paper(4), cover(5, 3, "Tuesday"), paper(6), other(1)]
    monday, tuesday = count_batches(pages, FILES, Stated())
    assert (monday.name, monday.stated, monday.found, monday.blocks) == ("Monday", "2", 2, False)
    assert (tuesday.name, tuesday.stated, tuesday.found, tuesday.blocks) == ("Tuesday", "3", 1, True)


def test_a_cover_sheet_whose_picture_came_before_is_one_all_the_same() -> None:
    again = cover(1, 2, scan=OTHER_SCAN, file="b.pdf", outcome=PageOutcomeKind.DUPLICATE)
    assert one([cover(1, 2), paper(2), again, other(2, 5)]).found == 2


def test_a_cover_sheet_without_a_name_is_called_by_its_place() -> None:
    assert one([cover(1, 1, batch=""), paper(2)]).name == "cover sheet on a.pdf page 1"


def test_sources_that_contradict_one_another_block() -> None:
    batch = one([cover(1, 1), paper(2)], expected(2))
    assert (batch.stated, batch.found, batch.blocks) == ("1 or 2", 1, True)


def test_files_that_came_to_nothing_are_named() -> None:
    files = [
        file_row("a.pdf", outcome=FileOutcome.QUARANTINED, reason="no PDF"),
        file_row("b.pdf", OTHER_SCAN, FileOutcome.DUPLICATE, "the same bytes as a.pdf"),
    ]
    listed = [ListedFile(name, 10, "all") for name in ("a.pdf", "b.pdf", "c.pdf")]
    (batch,) = count_batches([], files, Stated(listed=listed))
    assert (batch.sources, batch.found) == ((("batches.csv", 30),), 0)
    assert batch.causes == (
        "a.pdf is quarantined: no PDF",
        "b.pdf is duplicate: the same bytes as a.pdf",
        "c.pdf has not come",
    )


def test_an_explanation_holds_for_these_numbers_and_no_others() -> None:
    said = BatchExplanation("Monday", "3", 2, "seat 17 left", "Kim", NOON)
    stated = replace(expected(3), explanations=[said])
    batch = one([paper(1), paper(2)], stated)
    assert (batch.differs, batch.is_explained, batch.blocks) == (True, True, False)
    assert in_words(batch).endswith("; explained by Kim: seat 17 left")
    assert one([paper(1)], stated).blocks
    assert "explained for other numbers (3 stated, 2 found)" in in_words(one([paper(1)], stated))
    again = Stated([*stated.statements, BatchStatement("Monday", 4, 2, NOON)], (), [said])
    assert one([paper(1), paper(2)], again).blocks


# ---- batches.csv -----------------------------------------------------------------------------------------------------


def listed(folder: Path, text: str) -> tuple[ListedFile, ...]:
    path = folder / "batches.csv"
    path.write_text(text, encoding="utf-8")
    return load_batches(path)


def test_a_list_names_files_their_papers_and_perhaps_their_batch(tmp_path: Path) -> None:
    assert listed(tmp_path, "papers;file\n50;a.pdf\n") == (ListedFile("a.pdf", 50, "a.pdf"),)
    assert listed(tmp_path, "file,papers,batch\na.pdf,50,Monday\nb.pdf,9,\n") == (
        ListedFile("a.pdf", 50, "Monday"),
        ListedFile("b.pdf", 9, "b.pdf"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "batches.csv:1: is empty; the first line says file,papers or file,papers,batch"),
        ("file\na.pdf\n", "batches.csv:1: the first line needs one column 'papers', it says: file"),
        ("file,papers\n,5\n", "batches.csv:2: file: is empty; name the file as it comes into the inbox"),
        ("file,papers\na.pdf,4x\n", "batches.csv:2: papers: '4x' is no number of papers from 1 to 100,000"),
        ("file,papers\na.pdf,0\n", "batches.csv:2: papers: '0' is no number"),
        ("file,papers\na.pdf,²\n", "batches.csv:2: papers: '²' is no number"),
        ("file,papers\na.pdf\n", "batches.csv:2: papers: '' is no number"),
        ('file,papers,batch\na.pdf,5,"Mon\nday"\n', "batches.csv:2: batch: 'Mon\\nday' holds a new line"),
        ("file,papers,batch\na.pdf,5,\x1b[31mMon\n", "batches.csv:2: batch: '\\x1b[31mMon' holds"),
        ("file,papers\na\x07.pdf,5\n", "batches.csv:2: file: 'a\\x07.pdf' holds"),
        ("file,papers\na.pdf,5\na.pdf,5\n", "batches.csv:3: file: a.pdf stands on line 2 already"),
        ('file,papers\n"a.pdf,5\n', "is no CSV file"),
    ],
)
def test_a_faulty_list_names_row_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ExamError) as caught:
        listed(tmp_path, text)
    assert said in str(caught.value)


def test_a_file_is_found_however_its_name_is_composed() -> None:
    composed, apart = "Übung.pdf", "U\u0308bung.pdf"
    pages = [paper(1, file=apart)]
    (batch,) = count_batches(pages, [file_row(apart)], Stated(listed=[ListedFile(composed, 1, "x")]))
    assert batch.found == 1 and not batch.differs
    assert pages[0].scan == SCAN


def test_a_list_that_is_no_ordinary_file_is_not_ignored(tmp_path: Path) -> None:
    exam = exam_folder(tmp_path / "exam")
    assert listed_batches(exam) == ()
    (exam.dir / "batches.csv").mkdir()
    with pytest.raises(ExamError, match=r"batches\.csv: is no ordinary file"):
        listed_batches(exam)
    (exam.dir / "batches.csv").rmdir()
    (exam.dir / "batches.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(ExamError, match=r"batches\.csv: is no ordinary file"):
        listed_batches(exam)
