"""Blank forms that were drawn: each box is found where it was drawn, each field proposed, and nothing else."""

import functools
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognizer.blank_form import BlankForm, describe_blank, reference_name
from recognizer.blank_page import skew_of
from recognizer.errors import PageError
from recognizer.geometry import Rect
from recognizer.records import GreyImage
from recognizer.rules import measure, probes_of
from recognizer.template import Kind, SheetField, SheetTemplate, parse_template
from tests.helpers.forms import DPI, FORMS, Form, drawn_form
from tests.helpers.paper import as_page, scan

NAMES = [draw.__name__ for draw in FORMS]
NEAR_MM = 0.3
REMARKS = Rect(15, 258, 180, 24)
"""The frame for remarks on `combs`: its template leaves it out, a proposal keeps it for people."""


def scanned(pixels: GreyImage, angle: float) -> GreyImage:
    """Scan a page at 200 dpi, askew and with grain, as large as it is."""
    seen = scan(pixels, DPI, angle=angle, scale=2 / 3, blur=0.6, noise=6).pixels
    height, width = round(pixels.shape[0] * 2 / 3), round(pixels.shape[1] * 2 / 3)
    top, left = (seen.shape[0] - height) // 2, (seen.shape[1] - width) // 2
    return np.ascontiguousarray(seen[top : top + height, left : left + width])


@functools.cache
def proposed(name: str, angle: float | None = None) -> BlankForm:
    """Describe a drawn form, as it was drawn or from a scan."""
    pixels = drawn_form(name).pixels
    return describe_blank([as_page(pixels if angle is None else scanned(pixels, angle))], name, name)


def loaded(form: BlankForm, stem: str) -> SheetTemplate:
    """Load the template that was proposed, as from a file."""
    with tempfile.TemporaryDirectory() as folder:
        for number, page in enumerate(form.pages, start=1):
            (Path(folder) / reference_name(stem, number)).write_bytes(page.reference)
        return parse_template(form.toml, folder=Path(folder))


def apart_mm(one: SheetField, other: SheetField) -> float:
    """How far corners of the boxes of two fields are apart, at most; infinite when they are not of a kind."""
    if one.kind is not other.kind or one.box_count != other.box_count or one.shape != other.shape:
        return np.inf
    pairs = zip(one.boxes(1), other.boxes(1), strict=True)
    return max(float(np.abs(box.rect.corners() - true.rect.corners()).max()) for box, true in pairs)


@pytest.mark.parametrize("angle", [None, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_drawn_form_is_proposed_and_no_other(name: str, angle: float | None) -> None:
    truth = drawn_form(name).template().pages[0].fields
    fields = proposed(name, angle).pages[0].fields
    missing = [true.name for true in truth if not any(apart_mm(field, true) < NEAR_MM for field in fields)]
    invented = [field.name for field in fields if not any(apart_mm(field, true) < NEAR_MM for true in truth)]
    assert missing == []
    assert invented == (["area1"] if name == "combs" else [])
    if name == "combs":
        remarks = next(field for field in fields if field.name == "area1")
        assert remarks.kind is Kind.IMAGE
        assert np.abs(remarks.boxes(1)[0].rect.corners() - REMARKS.corners()).max() < NEAR_MM


@pytest.mark.parametrize("name", NAMES)
def test_the_template_loads_and_its_boxes_lie_on_the_rules_of_its_own_picture(name: str) -> None:
    form = proposed(name, 1.0)
    template = loaded(form, name)
    assert template.pages[0].fields == form.pages[0].fields
    assert (template.pages[0].width, template.pages[0].height) == (210.0, 297.0)
    blank = cv2.imdecode(np.frombuffer(template.pages[0].blank_png, np.uint8), cv2.IMREAD_GRAYSCALE)
    probes = probes_of(template, 1)
    scale = blank.shape[1] / 210.0
    offsets = measure(blank, lambda points: points * scale - 0.5, probes)
    assert np.isfinite(offsets).mean() > 0.9
    assert np.nanmedian(np.abs(offsets)) < 0.1


def test_names_and_numbers_follow_the_reading_of_the_page() -> None:
    names = {name: [field.name for field in proposed(name).pages[0].fields] for name in NAMES}
    assert names["cover"] == ["comb1", *(f"t1_r{row:02}_c1" for row in range(1, 13)), "area1"]
    assert names["bubbles"] == ["ids1", *(f"q{number:02}" for number in range(1, 61))]
    assert names["survey"] == [f"tick{number}" for number in range(1, 17)]
    assert names["table"] == [f"t1_r{row:02}_c{column}" for row in range(1, 25) for column in range(1, 7)]
    true, grid = drawn_form("bubbles").template().pages[0].fields[0], proposed("bubbles").pages[0].fields[0]
    assert (grid.options, grid.direction, grid.positions) == (true.options, true.direction, true.positions)
    second = proposed("bubbles").pages[0].fields[2]
    true = drawn_form("bubbles").template().pages[0].field_named("q02")
    assert apart_mm(second, true) < NEAR_MM
    assert second.options == ("A", "B", "C", "D", "E")


def test_pages_are_numbered_and_no_name_is_given_twice() -> None:
    pages = [as_page(drawn_form("combs").pixels, 1), as_page(drawn_form("cover").pixels, 2)]
    form = describe_blank(pages, "both", "both")
    template = loaded(form, "both")
    assert [page.reference for page in template.pages] == ["both-1.png", "both-2.png"]
    assert [len(page.fields) for page in template.pages] == [11, 14]
    assert [field.name for field in template.pages[1].fields if field.name.startswith(("comb", "area"))] == [
        "comb11",
        "area2",
    ]


def test_a_page_of_text_has_no_boxes() -> None:
    form = Form("letter")
    form.text(20, 20, "BOOK 0000 OOOO 8888", 30)
    form.paragraph(20, 40, 160, 40)
    with pytest.raises(PageError, match="no boxes were found"):
        describe_blank([as_page(form.pixels)], "letter", "letter")


def test_a_bubble_that_is_not_closed_is_found_beside_others() -> None:
    pixels = drawn_form("bubbles").pixels.copy()
    truth = drawn_form("bubbles").template()
    for name, options in (("q07", (2,)), ("q31", (0, 1)), ("candidate", (0, 17, 59))):
        boxes = truth.pages[0].field_named(name).boxes(1)
        for option in options:
            rect = boxes[option].rect
            # A letter that touches its ring: the paper inside is in parts.
            x, y = ((side * DPI / 25.4) for side in (rect.x + rect.width / 2, rect.y + rect.height / 2))
            cv2.line(pixels, (round(x), round(y) - 27), (round(x), round(y) + 27), 90, 9)
    fields = describe_blank([as_page(pixels)], "bubbles", "bubbles").pages[0].fields
    assert all(min(apart_mm(field, true) for field in fields) < NEAR_MM for true in truth.pages[0].fields)
    assert len(fields) == len(truth.pages[0].fields)


def test_short_rules_part_a_comb_and_letters_do_not() -> None:
    form = Form("teeth")
    form.box(20, 40, 56, 10)
    form.box(20, 60, 48, 10)
    form.box(20, 80, 56, 10)
    form.text(22, 87, "llll", 12)
    for x in range(1, 8):
        form.box(20 + 7 * x, 47, 0, 3)
    for x in range(1, 6):
        form.box(20 + 8 * x, 60, 0, 2)
        form.box(20 + 8 * x, 68, 0, 2)
    fields = describe_blank([as_page(scanned(form.pixels, 0.8))], "teeth", "teeth").pages[0].fields
    assert [(field.kind, field.characters) for field in fields] == [(Kind.DIGITS, 8), (Kind.DIGITS, 6)]
    for field, true in zip(fields, (Rect(20, 40, 7, 10), Rect(20, 60, 8, 10)), strict=True):
        for index, box in enumerate(field.boxes(1)):
            assert np.abs(box.rect.corners() - true.shifted(index * true.width, 0).corners()).max() < NEAR_MM


def test_squared_paper_is_no_form() -> None:
    squares = np.full((2970, 2100), 255, np.uint8)
    squares[::34], squares[:, ::34] = 90, 90
    with pytest.raises(PageError, match=r"page 1: more than 4,000 boxes .* squared paper"):
        describe_blank([as_page(squares)], "squares", "squares")


def test_a_picture_that_does_not_know_its_paper_needs_its_width() -> None:
    page = as_page(drawn_form("combs").pixels)
    tiny = type(page)(page.ref, page.pixels, 21.0, 29.7, page.source, page.picture_hash)
    with pytest.raises(PageError, match="--width"):
        describe_blank([tiny], "combs", "combs")
    assert describe_blank([tiny], "combs", "combs", 210.0).pages[0].box_count == 42


@pytest.mark.parametrize("angle", [-2.0, -0.4, 0.0, 0.7])
def test_the_skew_of_text_is_found(angle: float) -> None:
    form = Form("letter")
    form.paragraph(20, 40, 160, 40)
    seen = scan(form.pixels, DPI, angle=angle, scale=254 / DPI, noise=5)
    # What was turned one way is turned back.
    assert skew_of(seen.pixels) == pytest.approx(-angle, abs=0.04)


def test_labels_shades_and_frames_are_no_fields() -> None:
    form = Form("office")
    form.box(15, 15, 180, 120)
    form.box(20, 20, 40, 10)
    form.text(23, 27, "Examiner", 10)
    form.box(60, 20, 40, 10)
    form.picture.paste(210, tuple(round(side * DPI / 25.4) for side in (102, 42, 138, 48)))
    form.box(100, 40, 40, 10)
    form.box(20, 60, 60, 30)
    form.text(22, 65, "Signature", 8)
    fields = describe_blank([as_page(form.pixels)], "office", "office").pages[0].fields
    assert [(field.kind, round(field.x), round(field.y)) for field in fields] == [
        (Kind.NUMBER, 60, 20),
        (Kind.IMAGE, 20, 60),
    ]
