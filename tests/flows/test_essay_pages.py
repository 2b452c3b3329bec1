"""Essay pages, which have no fields, through the whole pipeline: kept with their sheet, counted, never flagged."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from openpyxl import load_workbook

from flows.export.contents import exam_contents
from flows.export.workbook import write_workbook
from flows.grading import Tally, Workplace, grade_inbox, here
from flows.settings import Exam, load_exam
from flows.store import Store, open_store
from recognizer.printing import Paper, SheetCopy, print_sheets
from recognizer.raster import rendered_pages
from recognizer.records import GreyImage, PageOutcomeKind
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.template import parse_template
from tests.helpers.fakes import SETTINGS
from tests.helpers.reading_here import ReadingHere

ESSAY = """
name = "essay"
[[page]]
  [[page.field]]
  name = "candidate"
  kind = "digits"
  role = "id"
  x = 20
  y = 45
  width = 8
  height = 10
  characters = 4
[[page]]
  [[page.text]]
  x = 20
  y = 50
  width = 100
  text = "Write your essay here."
[[page]]
"""
DPI = 150


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    folder = tmp_path / "exam"
    for name in ("inbox", "archive", "quarantine", "exports", "templates"):
        (folder / name).mkdir(parents=True)
    (folder / "templates" / "essay.toml").write_text(ESSAY)
    (folder / "exam.toml").write_text(SETTINGS.replace("small", "essay"))
    return load_exam(folder)


@pytest.fixture
def store(exam: Exam) -> Iterator[Store]:
    with open_store(exam.dir) as opened:
        yield opened


def printed(serial: int) -> list[GreyImage]:
    """The three pages of one copy, as a scanner sees them with nothing written."""
    pdf = io.BytesIO()
    print_sheets(parse_template(ESSAY), [SheetCopy(serial)], "exam", Paper.A4, pdf)
    return [page.copy() for page in rendered_pages(pdf.getvalue(), DPI)]


def scribbled(page: GreyImage) -> GreyImage:
    """A page full of handwriting, line by line."""
    rng = np.random.default_rng(7)
    for top in range(int(45 / 25.4 * DPI), int(262 / 25.4 * DPI), 40):
        across: NDArray[np.int32] = np.arange(100, page.shape[1] - 100, 6, dtype=np.int32)
        line = np.column_stack([across, top + rng.integers(-14, 15, len(across)).astype(np.int32)])
        cv2.polylines(page, [line.reshape(-1, 1, 2)], False, 40, 3)
    return page


def scan(exam: Exam, pages: Sequence[GreyImage]) -> None:
    pictures = []
    for page in pages:
        _, data = cv2.imencode(".jpg", page)
        pictures.append(ScannedPicture(data.tobytes(), page.shape[1], page.shape[0], DPI))
    images_to_pdf(pictures, exam.inbox / "a.pdf")


def grade(exam: Exam, store: Store) -> Tally:
    reader = ReadingHere(exam)
    with store.grading():
        return grade_inbox(Workplace(exam, store, reader, here(reader)))


def marks(exam: Exam, store: Store) -> list[dict[str, object]]:
    """The rows of the sheet Marks by heading."""
    path = exam.dir / "exports" / "marks.xlsx"
    write_workbook(exam_contents(exam, store), store.crop_png, path)
    headings, *found = load_workbook(path)["Marks"].iter_rows(values_only=True)
    return [{str(name): cell for name, cell in zip(headings, row, strict=True)} for row in found]


def test_essay_pages_are_read_whatever_stands_on_them_and_ask_nobody_anything(exam: Exam, store: Store) -> None:
    cover, essay, unwritten = printed(1)
    scan(exam, [cover, scribbled(essay), unwritten])
    tally = grade(exam, store)
    assert (tally.pages, tally.set_aside) == ({PageOutcomeKind.READ: 3}, [])
    assert [row.template_page for row in store.pages()] == [1, 2, 3]
    assert {row.sheet for row in store.pages()} == {"essay#00001"}
    assert {field.field for field in store.fields()} == {"candidate"}
    assert tally.fields == 1
    (row,) = marks(exam, store)
    assert (row["page"], row["remarks"]) == ("1, 2, 3", None)


def test_an_essay_page_that_is_lost_is_said(exam: Exam, store: Store) -> None:
    cover, _, last = printed(1)
    scan(exam, [cover, last, *printed(2)])
    grade(exam, store)
    lost, whole = marks(exam, store)
    assert (lost["page"], lost["remarks"]) == ("1, 2", "page 2 of the sheet has not come")
    assert (whole["page"], whole["remarks"]) == ("3, 4, 5", None)
