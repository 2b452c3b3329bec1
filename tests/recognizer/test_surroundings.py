"""What is shown around a field: one shape, the field in it with a line around, nothing of the page moved."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recognizer.geometry import Rect
from recognizer.surroundings import (
    ASPECT,
    MARGIN_MM,
    area_around,
    colour_jpeg,
    draw_around,
    field_area,
    grey_picture,
)
from tests.helpers.exam_rows import answers_template

A4 = Rect(0, 0, 210, 297)
SCALE = 4.0
"""Pixels per mm of the pages that are drawn here."""


@given(
    x=st.floats(0, 180), y=st.floats(0, 270), width=st.floats(3, 120), height=st.floats(3, 60), edge=st.floats(-6, 6)
)
def test_every_field_is_seen_whole_in_a_picture_of_one_shape(
    x: float, y: float, width: float, height: float, edge: float
) -> None:
    field = Rect(x, y, min(width, 210 - x), min(height, 297 - y))
    area = area_around(field, A4.grown(edge) if edge > 0 else A4)
    assert abs(area.width / area.height - ASPECT) < 1e-9
    assert area.grown(1e-6).contains(field)


def test_a_field_in_the_middle_of_the_page_has_room_on_all_sides() -> None:
    field = Rect(80, 120, 40, 60)
    assert area_around(field, A4).contains(field.grown(MARGIN_MM))


def test_all_boxes_of_a_field_are_in_its_area() -> None:
    grid = answers_template().pages[0].fields[1]
    area = field_area(grid, 1)
    assert all(area.grown(1e-6).contains(box.rect) for box in grid.boxes(1))
    assert (area.x, area.y) == (grid.x, grid.y)


def test_the_page_is_cut_where_it_lies_and_white_beyond_its_edge() -> None:
    page = np.full((round(297 * SCALE), round(210 * SCALE)), 200, dtype=np.uint8)
    page[round(100 * SCALE) : round(101 * SCALE), round(50 * SCALE) : round(51 * SCALE)] = 0
    area, field = Rect(-20, 80, 120, 60), Rect(60, 110, 10, 8)
    drawn = draw_around(page, A4, area, field)
    assert drawn.shape == (round(60 * SCALE), round(120 * SCALE), 3)
    spot = drawn[round(20.5 * SCALE), round(70.5 * SCALE)]
    assert spot.tolist() == [0, 0, 0]
    assert (drawn[:, : round(20 * SCALE) - 1] == 255).all()
    assert (drawn[:5, round(21 * SCALE) :] == 200).all()
    coloured = np.argwhere(drawn.min(axis=2) != drawn.max(axis=2)) / SCALE + np.array([area.y, area.x])
    (top, left), (bottom, right) = coloured.min(axis=0), coloured.max(axis=0)
    assert field.y - 3 < top < field.y < field.bottom < bottom < field.bottom + 3
    assert field.x - 3 < left < field.x < field.right < right < field.right + 3
    # The line goes around the field and not over it.
    inside = drawn[round(31 * SCALE) : round(37 * SCALE), round(81 * SCALE) : round(89 * SCALE)]
    assert (inside == 200).all()


def test_a_picture_is_packed_and_unpacked() -> None:
    page = np.full((80, 160), 180, dtype=np.uint8)
    packed = colour_jpeg(np.dstack([page] * 3))
    assert packed.startswith(b"\xff\xd8")
    assert abs(grey_picture(packed).astype(int) - page).max() <= 2
