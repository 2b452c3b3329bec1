"""A page that a person placed lies where it lies, though the corners were shown badly; or it is refused."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from recognizer.codes import Corner
from recognizer.errors import ForeignSheetError, RegistrationError
from recognizer.geometry import Homography, Points, apply_homography
from recognizer.placing import points_to_place, register_placed
from recognizer.records import GreyImage, HandPlacement, PageRef, RegisteredPage
from recognizer.template import MARKS, QR_CODE, SheetSet, find_template, parse_template
from tests.helpers.forms import drawn_form, form_template
from tests.helpers.paper import Scanned, as_page, draw_page, erase, farthest_mm, plain_template, scan

TEMPLATE = plain_template()
BOOKLET = find_template("booklet")


DPI = 150


def without_marks(pixels: GreyImage, *kept: Corner) -> GreyImage:
    """What is left when corner marks and code are torn off or covered."""
    for corner, rect in MARKS.items():
        if corner not in kept:
            pixels = erase(pixels, rect, DPI)
    return erase(pixels, QR_CODE, DPI)


ONE_BOX = parse_template(
    'name = "one"\n[[page]]\n[[page.field]]\nname = "a"\nkind = "number"\nrole = "total"\n'
    "x = 150\ny = 200\nwidth = 18\nheight = 10\n"
)
SHEETS = SheetSet("exam", (TEMPLATE, BOOKLET, ONE_BOX))
BARE = without_marks(draw_page(TEMPLATE, dpi=DPI))


def shown(truth: Homography, off_mm: Points | float = 0.0) -> Points:
    """Where a person clicks who misses the points by so much, (4, 2)."""
    return apply_homography(truth, points_to_place(TEMPLATE, 1) + off_mm)


def placed(scanned: Scanned, points: Points, **changes: object) -> RegisteredPage:
    height, width = scanned.pixels.shape
    corners = tuple((float(x), float(y)) for x, y in points)
    usual = {"ref": PageRef("0" * 64, 1), "template": "plain", "version": 2, "page": 1, "serial": 7}
    said = HandPlacement(**{**usual, "corners": corners, "width": width, "height": height, **changes})  # type: ignore[arg-type]
    return register_placed(as_page(scanned.pixels), said, SHEETS)


def test_the_points_are_the_outer_corners_of_the_marks() -> None:
    assert points_to_place(TEMPLATE, 1).tolist() == [[9, 16], [201, 16], [201, 281], [9, 281]]


@pytest.mark.parametrize("quarter_turns", range(4))
def test_corners_that_are_2_mm_off_are_enough(quarter_turns: int) -> None:
    random = np.random.default_rng(quarter_turns)
    turn = random.uniform(0, 2 * np.pi, 4)
    scanned = scan(BARE, DPI, angle=random.uniform(-8, 8), quarter_turns=quarter_turns, noise=6, perspective=0.02)
    found = placed(scanned, shown(scanned.mm_to_px, 2 * np.column_stack([np.cos(turn), np.sin(turn)])))
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3
    assert found.error_mm <= 0.3
    assert (found.identified_by, found.marks_found) == ("hand", 0)
    assert (found.identity.serial, found.identity.page, found.identity.exam) == (7, 1, "exam")


def test_corners_shown_on_a_picture_of_another_size_are_the_same_corners() -> None:
    scanned = scan(BARE, DPI, angle=2)
    height, width = scanned.pixels.shape
    points = (shown(scanned.mm_to_px) + 0.5) * 2 - 0.5
    found = placed(scanned, points, width=2 * width, height=2 * height)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3


@pytest.mark.parametrize("seed", range(2))
def test_a_page_with_one_box_is_shifted_to_it_and_no_more(seed: int) -> None:
    turn = np.random.default_rng(seed).uniform(0, 2 * np.pi, 4)
    scanned = scan(without_marks(draw_page(ONE_BOX, dpi=DPI)), DPI, angle=2, noise=4, seed=seed)
    points = shown(scanned.mm_to_px, 2 * np.column_stack([np.cos(turn), np.sin(turn)]))
    found = placed(scanned, points, template="one", version=1)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, ONE_BOX) <= 0.4
    with pytest.raises(RegistrationError, match="does not fit there"):
        placed(scanned, shown(scanned.mm_to_px, 6.0), template="one", version=1)


@pytest.mark.parametrize("order", [[1, 2, 3, 0], [2, 3, 0, 1], [1, 0, 2, 3], [0, 0, 0, 0]])
def test_corners_in_another_order_are_refused(order: list[int]) -> None:
    scanned = scan(BARE, DPI)
    with pytest.raises(RegistrationError, match=r"does not fit there.*show the corners of the sheet again"):
        placed(scanned, shown(scanned.mm_to_px)[order])


@pytest.mark.parametrize("off", [(8.0, 0.0), (0.0, 9.0), (0.0, 14.0)])
def test_corners_one_box_beside_are_refused_though_boxes_land_on_boxes(off: tuple[float, float]) -> None:
    scanned = scan(BARE, DPI, noise=4)
    with pytest.raises(RegistrationError, match="does not fit there"):
        placed(scanned, shown(scanned.mm_to_px, np.array(off)))


def test_a_mark_that_is_still_there_is_a_witness() -> None:
    drawn = without_marks(draw_page(TEMPLATE, dpi=DPI), Corner.TOP_LEFT)
    scanned = scan(drawn, DPI, angle=1)
    assert placed(scanned, shown(scanned.mm_to_px)).error_mm < 0.3
    moved = drawn.copy()
    # The same mark, pasted 20 mm further down.
    moved[220:300, 40:120] = drawn[90:170, 40:120]
    moved[90:170, 40:120] = 255
    with pytest.raises(RegistrationError, match=r"the top left corner mark lies 2[0-9] mm from where"):
        placed(Scanned(moved, scan(drawn, DPI).mm_to_px), shown(scan(drawn, DPI).mm_to_px))


def test_another_page_of_the_sheet_does_not_fit() -> None:
    scanned = scan(without_marks(draw_page(BOOKLET, 1, dpi=DPI)), DPI)
    points = shown(scanned.mm_to_px)
    with pytest.raises(RegistrationError, match="placed by hand as 'booklet' page 2"):
        placed(scanned, points, template="booklet", version=BOOKLET.version, page=2)


def test_empty_paper_is_refused() -> None:
    scanned = scan(np.full_like(BARE, 255), DPI, noise=5)
    with pytest.raises(RegistrationError, match="does not fit there"):
        placed(scanned, shown(scanned.mm_to_px))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"template": "other"}, "which this exam does not read"),
        ({"page": 2}, "which has 1 pages"),
        ({"version": 9}, "the exam has version 2"),
    ],
)
def test_a_sheet_that_the_exam_does_not_have_is_refused(changes: dict[str, object], said: str) -> None:
    scanned = scan(BARE, DPI)
    with pytest.raises(ForeignSheetError, match=said):
        placed(scanned, shown(scanned.mm_to_px), **changes)


def test_an_older_version_that_the_template_reads_may_be_placed() -> None:
    scanned = scan(BARE, DPI)
    assert placed(scanned, shown(scanned.mm_to_px), version=1).identity.version == 1


def test_a_form_without_marks_is_placed_by_the_corners_of_its_paper() -> None:
    form = drawn_form("cover")
    template = form_template(form.toml(), form.pixels)
    half = cv2.resize(form.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    scanned = scan(half, DPI, angle=4, noise=5)
    turn = np.random.default_rng(1).uniform(0, 2 * np.pi, 4)
    off = 1.5 * np.column_stack([np.cos(turn), np.sin(turn)])
    points = apply_homography(scanned.mm_to_px, points_to_place(template, 1) + off)
    height, width = scanned.pixels.shape
    corners = tuple((float(x), float(y)) for x, y in points)
    said = HandPlacement(PageRef("0" * 64, 1), template.name, 1, 1, None, corners, width, height)
    found = register_placed(as_page(scanned.pixels), said, SheetSet("exam", (template,)))
    assert found.identified_by == "hand" and found.error_mm < 0.3
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, template) <= 0.4
    turned = replace(said, corners=(*corners[1:], corners[0]))
    with pytest.raises(RegistrationError, match="does not fit there"):
        register_placed(as_page(scanned.pixels), turned, SheetSet("exam", (template,)))


def test_a_square_code_that_can_be_read_outweighs_a_mistyped_serial() -> None:
    page = draw_page(TEMPLATE, dpi=DPI)
    for mark in MARKS.values():
        page = erase(page, mark, DPI)
    scanned = scan(page, DPI, angle=1)
    assert placed(scanned, shown(scanned.mm_to_px), serial=7).identity.serial == 7
    with pytest.raises(RegistrationError, match="square code on the page says copy 7 of page 1 of 'plain'"):
        placed(scanned, shown(scanned.mm_to_px), serial=8)
