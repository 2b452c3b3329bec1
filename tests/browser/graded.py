"""A small exam, graded by the real reader from real scans, with something of everything that people settle."""

import io
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from flows.cli import run
from flows.jobs import Job, carry_out, in_threads
from recognizer.geometry import apply_homography
from recognizer.placing import points_to_place
from recognizer.records import GreyImage
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.template import MARKS, QR_CODE, find_template
from tests.helpers.paper import draw_page, erase, scan

SAMPLES = Path(__file__).parent.parent.parent / "sample_sheets"
SCANS = ("cover_marks-300dpi-1-bit-001.pdf", "booklet-200dpi-1-bit-001.pdf")
"""Twelve cover sheets, which tell the story of the samples, and two booklets."""

TEMPLATES = ("cover_marks", "booklet")

TORN = "torn.pdf"
"""A booklet whose second page lost its marks and its code: a person has to place it."""
TORN_SERIAL = 7007

AGAIN = "torn-again.pdf"
"""Page 1 of the same booklet, scanned again upside down: a person says which picture counts."""

DPI = 150


def graded_exam(
    folder: Path,
    scans: Sequence[str] = SCANS,
    templates: Sequence[str] = TEMPLATES,
    *more: str,
    drawn: Mapping[str, Sequence[GreyImage]] = MappingProxyType({}),
) -> np.ndarray:
    """Make an exam folder with these samples, the torn booklet and more pages, and grade it.

    Args:
        folder: where it is made.
        scans: samples, by file name.
        templates: of the exam.
        more: goes to `tallymark init`.
        drawn: pages scanned at `DPI`, by file name.

    Returns:
        (4, 2) float64: where the corners of the page to be placed lie on its picture, as shares of width and height.
    """
    named = [word for template in templates for word in ("--template", template)]
    if run(["init", str(folder), "--exam", "demo", "--roster", str(SAMPLES / "roster.csv"), *named, *more]):
        raise RuntimeError("the exam folder was not made")
    for name in scans:
        shutil.copy(SAMPLES / name, folder / "inbox")
    corners = _torn(folder / "inbox")
    for name, pages in drawn.items():
        (folder / "inbox" / name).write_bytes(_pdf(*pages))
    carry_out(Job("grade", folder, workers=2), in_threads)
    return corners


def _torn(inbox: Path) -> np.ndarray:
    template = find_template("booklet")
    first, second = (draw_page(template, number, "demo", TORN_SERIAL, DPI) for number in (1, 2))
    for rect in (*MARKS.values(), QR_CODE):
        second = erase(second, rect, DPI)
    torn = scan(second, DPI, angle=1, noise=4)
    (inbox / TORN).write_bytes(_pdf(scan(first, DPI, angle=1, noise=4).pixels, torn.pixels))
    (inbox / AGAIN).write_bytes(_pdf(scan(first, DPI, angle=-2, quarter_turns=2, noise=4, seed=1).pixels))
    height, width = torn.pixels.shape
    return apply_homography(torn.mm_to_px, points_to_place(template, 2)) / (width, height)


def _pdf(*pictures: GreyImage) -> bytes:
    buffer = io.BytesIO()
    encoded = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]
    images_to_pdf(
        [ScannedPicture(data, one.shape[1], one.shape[0], DPI) for data, one in zip(encoded, pictures, strict=True)],
        buffer,
    )
    return buffer.getvalue()
