"""Draws the picture of a graded page in the README: the first page of the cover samples, as it is read today.

    python docs/make_pictures.py

The picture of the workbook is the sheets Marks and Flags of the cover sheets among the samples, rendered by LibreOffice
and cropped by hand.
"""

from pathlib import Path

import cv2

from recognizer.classifier import load_model
from recognizer.judge import ReviewPolicy
from recognizer.overlay import draw_overlay
from recognizer.promise import ACCEPT_ERROR, policy_thresholds
from recognizer.raster import load_page
from recognizer.reading import read_page
from recognizer.records import PageRef, PageResult
from recognizer.template import SheetSet, find_template

ROOT = Path(__file__).parent.parent
SCAN = ROOT / "sample_sheets" / "cover_marks-300dpi-grey-001.pdf"
SCALE = 0.36


def main() -> None:
    """Read the page and draw what was read over it."""
    template = find_template("cover_marks")
    model = load_model()
    page = load_page(SCAN, PageRef("0" * 64, 1))
    policy = ReviewPolicy(policy_thresholds(model.card.details, ACCEPT_ERROR))
    result = read_page(page, SheetSet("demo", (template,)), model, policy)
    if not isinstance(result, PageResult):
        raise SystemExit(f"{SCAN}: {result.reason}")
    drawn = draw_overlay(page, result.mm_to_px, template, 1, result.decisions)
    small = cv2.resize(drawn, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
    bottom = round(small.shape[0] * 0.83)
    cv2.imwrite(str(ROOT / "docs" / "images" / "graded_page.jpg"), small[:bottom])


if __name__ == "__main__":
    main()
