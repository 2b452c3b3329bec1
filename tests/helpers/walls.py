"""Exams of which many fields have one guess, so that they fill pages of a wall."""

from pathlib import Path

from tests.helpers.exam_folder import SETTINGS, exam_folder, remember
from tests.helpers.exam_rows import marks_fields, page_row

FIRST = 5
"""The number of the first page beside those of `exam_folder`, which has one such field itself."""


def walled(folder: Path, sheets: int, settings: str = SETTINGS) -> Path:
    """An exam with so many more sheets, each with one mark that may be a 7 or a 1: one more waits in the group."""
    exam_folder(folder, settings)
    numbers = range(FIRST, FIRST + sheets)
    pages = [page_row("marks", number, serial=100 + number, sheet=f"marks#{100 + number}") for number in numbers]
    fields = [row for page in pages for row in marks_fields(page, "00123456", [None, "2", "3"], "12")]
    remember(folder, pages, fields, again=True)
    return folder
