"""Sheets that leave fields to people however well they are read: a test needs fields that are open, not bad readings.

On one nobody awarded anything: whether a mark was forgotten there, no picture tells. On the others somebody added
wrongly, by ten: the reader is sure of the marks and of the total, and one of them is wrong. Three of these have the
same total each, so that there are walls.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from recognizer.glyphs import load_glyphs
from recognizer.records import GreyImage
from recognizer.simulate.filling import Writers, fill_page
from recognizer.simulate.hand import Habits, Hand, Pen, Sheet
from recognizer.template import find_template
from recognizer.values import BLANK
from tests.helpers.paper import draw_page, scan

TEMPLATE = "cover_marks"

UNMARKED = "unmarked.pdf"
UNMARKED_SERIALS = (7011,)

MISADDED = "misadded.pdf"
MISADDED_TOTALS = {7021: 73, 7022: 73, 7023: 73, 7024: 48, 7025: 48, 7026: 48}
"""What is written as the total, ten more than it is, by serial number."""

MARKS = {73: (8, 3, 6, 2, 9, 4, 7, 5, 6, 2, 8, 3), 48: (4, 2, 3, 5, 1, 6, 2, 4, 3, 5, 2, 1)}

CANDIDATES = ("14513195", "76316594", "38119993", "23530190", "85333589", "47136988", "08940387")
"""Of the samples' roster; of their cover sheets, none is in the exam."""


def sheets_left_open(dpi: int) -> dict[str, list[GreyImage]]:
    """Return the scanned pages of both files."""
    serials = (*UNMARKED_SERIALS, *MISADDED_TOTALS)
    pages = dict(zip(serials, _pages(dpi), strict=True))
    return {
        UNMARKED: [pages[serial] for serial in UNMARKED_SERIALS],
        MISADDED: [pages[serial] for serial in MISADDED_TOTALS],
    }


def _pages(dpi: int) -> Iterator[GreyImage]:
    template = find_template(TEMPLATE)
    nothing = {field.name: BLANK for field in template.pages[0].fields}
    for serial, candidate in zip((*UNMARKED_SERIALS, *MISADDED_TOTALS), CANDIDATES, strict=True):
        sheet = Sheet(draw_page(template, 1, "demo", serial, dpi), dpi)
        written = nothing | {"candidate": candidate} | _written(MISADDED_TOTALS.get(serial))
        fill_page(sheet, template.pages[0], written, _writers(serial))
        yield scan(sheet.pixels, dpi, angle=0.5, noise=4, seed=serial).pixels


def _written(total: int | None) -> Mapping[str, str]:
    if total is None:
        return {}
    return {f"mark_{at:02}": str(mark) for at, mark in enumerate(MARKS[total], start=1)} | {"total": str(total)}


def _writers(serial: int) -> Writers:
    glyphs = load_glyphs()
    habits = Habits(5.5, 0.0, 0.04, "slash", ".", "cross", "fill")
    candidate, examiner = (
        Hand(glyphs, name, Pen(0.5, 0.1, 0.1), habits, np.random.default_rng(serial))
        for name in (glyphs.writers[0], glyphs.writers[serial % len(glyphs.writers)])
    )
    return Writers(candidate, examiner, corrected_share=0.0)
