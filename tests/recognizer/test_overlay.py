"""Overlays show where the boxes are and what was decided, without hiding either."""

import numpy as np
import pytest

from recognizer.boxes import crop_boxes
from recognizer.geometry import apply_homography
from recognizer.overlay import (
    BLANK_COLOUR,
    PLAIN_COLOUR,
    UNSETTLED_COLOUR,
    VALUE_COLOUR,
    draw_contact_sheet,
    draw_overlay,
)
from recognizer.records import Decision, Flag, ValueState
from recognizer.register import register
from recognizer.template import SheetSet
from tests.helpers.paper import as_page, draw_page, millimetres_to_pixels, plain_template, scan

TEMPLATE = plain_template()
DRAWN = draw_page(TEMPLATE, dpi=150)
TRUTH = millimetres_to_pixels(150)


def decided(field: str, state: ValueState, guess: str = "7.5") -> Decision:
    unsettled = state is ValueState.UNSETTLED
    value = guess if state is ValueState.VALUE else ""
    return Decision(field, state, value, guess, 0.9, Flag.UNSURE if unsettled else None, "unsure" if unsettled else "")


DECISIONS = (
    decided("q01", ValueState.VALUE),
    decided("q02", ValueState.BLANK, ""),
    decided("q03", ValueState.UNSETTLED),
)


def colour_at(picture: np.ndarray, mm: tuple[float, float], mm_to_px: np.ndarray = TRUTH) -> tuple[int, ...]:
    x, y = np.rint(apply_homography(mm_to_px, np.array([mm]))[0]).astype(int)
    return tuple(int(value) for value in picture[y, x])


@pytest.mark.parametrize(
    ("field", "colour"),
    [("q01", VALUE_COLOUR), ("q02", BLANK_COLOUR), ("q03", UNSETTLED_COLOUR), ("q04", PLAIN_COLOUR)],
)
@pytest.mark.parametrize("quarter_turns", [0, 1, 2])
def test_boxes_are_outlined_in_the_colour_of_their_state(
    field: str, colour: tuple[int, ...], quarter_turns: int
) -> None:
    scanned = scan(DRAWN, 150, quarter_turns=quarter_turns)
    picture = draw_overlay(as_page(scanned.pixels), scanned.mm_to_px, TEMPLATE, 1, DECISIONS)
    box = TEMPLATE.pages[0].field_named(field)
    assert picture.shape == (*scanned.pixels.shape, 3)
    assert colour_at(picture, (box.x - 0.4, box.y + 5), scanned.mm_to_px) == colour


def test_what_is_in_a_box_stays_visible() -> None:
    before = draw_overlay(as_page(DRAWN), TRUTH, TEMPLATE, 1)
    after = draw_overlay(as_page(DRAWN), TRUTH, TEMPLATE, 1, DECISIONS)
    for box in TEMPLATE.boxes(1):
        (x0, y0), (x1, y1) = np.rint(apply_homography(TRUTH, box.rect.grown(-0.6).corners())[[0, 2]]).astype(int)
        assert np.array_equal(before[y0:y1, x0:x1], after[y0:y1, x0:x1])


def test_values_are_written_beside_their_fields_and_blanks_are_not() -> None:
    picture = draw_overlay(as_page(DRAWN), TRUTH, TEMPLATE, 1, DECISIONS)
    beside = {name: (field.x + field.width + 2, field.y + 5) for name, field in fields().items()}
    labelled = {name for name, place in beside.items() if colour_at(picture, place) in (VALUE_COLOUR, UNSETTLED_COLOUR)}
    assert labelled == {"q01", "q03"}


def fields() -> dict[str, object]:
    return {field.name: field for field in TEMPLATE.pages[0].fields if field.name.startswith("q")}


def test_the_page_itself_is_not_drawn_on() -> None:
    page = as_page(DRAWN.copy())
    draw_overlay(page, TRUTH, TEMPLATE, 1, DECISIONS)
    assert np.array_equal(page.pixels, DRAWN)


def test_a_contact_sheet_shows_every_crop() -> None:
    crops = crop_boxes(register(as_page(DRAWN), SheetSet("exam", (TEMPLATE,))))[:30]
    sheet = draw_contact_sheet(crops, width=800, zoom=1)
    assert sheet.shape[1] <= 800
    orange = (sheet == UNSETTLED_COLOUR).all(axis=2).sum()
    perimeter = sum(2 * (crop.outline.width + crop.outline.height) for crop in crops)
    assert orange == pytest.approx(perimeter, rel=0.05)
    assert draw_contact_sheet(()).size > 0
