"""A cover sheet says its batch and its papers, and is never taken for a candidate's sheet."""

from dataclasses import replace
from pathlib import Path

import pytest

from recognizer.classifier import load_model
from recognizer.codes import COVER_TEMPLATE, parse_payload, payload
from recognizer.cover import cover_template
from recognizer.judge import ReviewPolicy
from recognizer.printing import Paper, SheetCopy, print_sheets
from recognizer.promise import Thresholds
from recognizer.raster import Renderer, load_page
from recognizer.reading import read_page
from recognizer.records import PageOutcome, PageRef, PageResult, SheetIdentity
from recognizer.template import QR_CODE, SheetSet, find_template

SHEETS = SheetSet("exam", (find_template("cover_marks"),))


def scanned(folder: Path, batch: str = "Monday", papers: int = 50, *, hide_code: bool = False) -> PageOutcome:
    """Print a cover sheet and read it as the inbox would."""
    path = folder / "cover.pdf"
    print_sheets(cover_template(batch, papers), [SheetCopy(papers, batch=batch)], "exam", Paper.A4, path)
    page = load_page(path, PageRef("0" * 64, 1), Renderer.AUTO)
    if hide_code:
        scale = page.pixels.shape[1] / 210
        left, top, right, bottom = (
            round(edge * scale) for edge in (QR_CODE.x - 1, QR_CODE.y - 1, QR_CODE.right + 1, QR_CODE.bottom + 1)
        )
        pixels = page.pixels.copy()
        pixels[top:bottom, left:right] = 120
        page = replace(page, pixels=pixels)
    return read_page(page, SHEETS, load_model(), ReviewPolicy(Thresholds(0.9, 0.9, 0.9)))


@pytest.mark.parametrize(("batch", "papers"), [("Monday", 50), ("x" * 32, 5000)])
def test_a_cover_sheet_is_read(tmp_path: Path, batch: str, papers: int) -> None:
    result = scanned(tmp_path, batch, papers)
    assert isinstance(result, PageResult), result
    assert result.identity == SheetIdentity("exam", COVER_TEMPLATE, 1, 1, papers, batch)
    assert result.readings == () and result.decisions == () and result.pictures == ()


def test_without_its_square_code_it_still_says_how_many_papers(tmp_path: Path) -> None:
    result = scanned(tmp_path, hide_code=True)
    assert isinstance(result, PageResult), result
    assert (result.identity.template, result.identity.serial, result.identity.batch) == (COVER_TEMPLATE, 50, "")
    assert result.identified_by == "marks"


def test_the_code_of_a_batch_is_read_from_cover_sheets_alone() -> None:
    said = SheetIdentity("exam", COVER_TEMPLATE, 1, 1, 50, "Monday")
    assert parse_payload(payload(said)) == said
    assert parse_payload("TM1:exam:cover_marks:1:1:50:Monday") is None
    assert parse_payload("TM1:exam:batch-cover:1:1:50:Mon day") is None
