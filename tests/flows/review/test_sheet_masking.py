"""Names never leave: whatever was written where a name may stand is hidden, however the sheet lies on the page."""

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.review.masking import FORM_MARGIN_MM, NAME_MARGIN_MM, mask, may_show
from flows.review.people import Person
from flows.users import UserRole
from recognizer.bend import COLUMNS, ORIGIN_MM, ROWS, SPACING_MM, Bend, Laid
from recognizer.geometry import Homography, Points, Rect, apply_homography
from recognizer.records import GreyImage
from recognizer.template import CONTENT, Kind, SheetTemplate
from tests.helpers.forms import drawn_form
from tests.helpers.paper import draw_page, millimetres_to_pixels, plain_template, scan

DPI = 150
INK = 0
EDGE_MM = 0.5
"""Of what is hidden, a pixel or two at its edge may fall either way."""


def bowed() -> Bend:
    """Paper that rises in the middle: its places move by up to 3 mm."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    hill = 3.0 * np.sin(np.pi * row / (ROWS - 1)) * np.sin(np.pi * column / (COLUMNS - 1))
    return Bend(ORIGIN_MM, SPACING_MM, np.stack([hill, hill], axis=2))


def lying(angle: float, turns: int) -> tuple[Homography, tuple[int, int]]:
    scanned = scan(draw_page(plain_template(), dpi=DPI), DPI, angle=angle, quarter_turns=turns)
    return scanned.mm_to_px, scanned.pixels.shape


def spots(area: Rect, step: float = 0.7) -> Points:
    """Places all over an area."""
    x, y = np.meshgrid(np.arange(area.x, area.right, step), np.arange(area.y, area.bottom, step))
    return np.column_stack([x.ravel(), y.ravel()])


def seen(masked: GreyImage, laid: Laid, points: Points) -> NDArray[np.uint8]:
    """Return the greys at some places of the sheet, of those that lie on the page."""
    at = np.rint(laid.to_px(points)).astype(int)
    inside = (at[:, 0] >= 0) & (at[:, 0] < masked.shape[1]) & (at[:, 1] >= 0) & (at[:, 1] < masked.shape[0])
    found: NDArray[np.uint8] = masked[at[inside, 1], at[inside, 0]]
    return found


def areas(template: SheetTemplate, *, pictures: bool) -> list[Rect]:
    return [
        box.rect
        for field in template.pages[0].fields
        if (field.kind is Kind.IMAGE) is pictures
        for box in field.boxes(1)
    ]


@pytest.mark.parametrize(
    ("angle", "turns", "bend"), [(0.0, 0, None), (3.0, 1, None), (-2.0, 2, bowed()), (1.0, 3, None)]
)
def test_every_picture_field_is_hidden_and_every_field_that_is_read_is_not(
    angle: float, turns: int, bend: Bend | None
) -> None:
    template = plain_template()
    mm_to_px, shape = lying(angle, turns)
    laid = Laid(mm_to_px, bend)
    masked = mask(np.full(shape, INK, dtype=np.uint8), laid, template, 1)

    for hidden in areas(template, pictures=True):
        assert (seen(masked, laid, spots(hidden.grown(NAME_MARGIN_MM - EDGE_MM))) != INK).all()
    for shown in areas(template, pictures=False):
        assert (seen(masked, laid, spots(shown)) == INK).all()


def test_what_is_written_above_the_header_or_on_the_margin_is_hidden() -> None:
    laid = Laid(millimetres_to_pixels(DPI))
    masked = mask(np.full((1754, 1240), INK, dtype=np.uint8), laid, plain_template(), 1)

    above = Rect(1, 1, 208, CONTENT.y - 2)
    left = Rect(0.5, 1, CONTENT.x - 1.5, 290)
    below = Rect(1, CONTENT.bottom + 1, 208, 295 - CONTENT.bottom - 1)
    for area in (above, left, below):
        assert (seen(masked, laid, spots(area)) != INK).all()


def test_of_a_form_nothing_but_the_boxes_that_are_read_is_shown() -> None:
    template = drawn_form("cover").template()
    page = template.pages[0]
    size = (round(page.height * 6), round(page.width * 6))
    laid = Laid(np.diag([6.0, 6.0, 1.0]))
    masked = mask(np.full(size, INK, dtype=np.uint8), laid, template, 1)

    near = [box.grown(FORM_MARGIN_MM + EDGE_MM) for box in areas(template, pictures=False)]
    far = np.array(
        [(x, y) for x, y in spots(page.paper, 2.0) if not any(area.contains(Rect(x, y, 0, 0)) for area in near)]
    )
    assert len(far) > 100
    assert (seen(masked, laid, far) != INK).all()


def test_the_page_itself_is_left_alone() -> None:
    pixels = draw_page(plain_template(), dpi=DPI)
    before = pixels.copy()
    mask(pixels, Laid(millimetres_to_pixels(DPI)), plain_template(), 1)
    assert (pixels == before).all()


def test_a_page_on_which_nobody_knows_where_a_name_stands_is_for_those_who_may_see_names() -> None:
    reviewer, lead = Person("AB", UserRole.REVIEWER), Person("CD", UserRole.LEAD, sees_names=True)
    laid = Laid(millimetres_to_pixels(DPI))
    assert not may_show(reviewer, None, plain_template())
    assert not may_show(reviewer, laid, None)
    assert may_show(reviewer, laid, plain_template())
    assert may_show(lead, None, None)


def test_places_of_the_sheet_are_found_on_the_page() -> None:
    # The tests above ask where a sheet lies; that answer is checked here once, against drawn ink.
    template = plain_template()
    scanned = scan(draw_page(template, dpi=DPI), DPI, angle=3.0, quarter_turns=1)
    corner = np.array([[areas(template, pictures=False)[0].x, areas(template, pictures=False)[0].y]])
    (x, y) = np.rint(apply_homography(scanned.mm_to_px, corner)[0]).astype(int)
    assert scanned.pixels[y - 2 : y + 3, x - 2 : x + 3].min() < 200
