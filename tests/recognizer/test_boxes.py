"""Crops show each box where it is printed, at a known scale, whatever was written on it and however it was scanned."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from recognizer.boxes import CROP_PX_PER_MM, PICTURE_PX_PER_MM, SURROUNDINGS_MM, crop_boxes, field_picture
from recognizer.geometry import Homography, apply_homography
from recognizer.records import BoxCrop, GreyImage, Page, PageRef, PageSource, RegisteredPage, SheetIdentity
from recognizer.template import Box, Kind, SheetTemplate, parse_template
from tests.helpers.paper import PAPER, PLAIN, as_page, draw_page, millimetres_to_pixels, plain_template, scan

TEMPLATE = plain_template()
BOXES = TEMPLATE.boxes(1)
CLEAN = draw_page(TEMPLATE)
EMPTY = np.full_like(CLEAN, PAPER)


def laid(pixels: GreyImage, mm_to_px: Homography, template: SheetTemplate = TEMPLATE) -> RegisteredPage:
    identity = SheetIdentity("exam", template.name, template.version, 1, 7)
    return RegisteredPage(as_page(pixels), template, identity, mm_to_px, 0.0, 4, "qr")


def shifted(dx: float, dy: float) -> Homography:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


def spot(pixels: GreyImage, mm_to_px: Homography, at_mm: tuple[float, float], radius_mm: float = 0.4) -> None:
    x, y = apply_homography(mm_to_px, np.array([at_mm]))[0]
    scale = float(np.hypot(*mm_to_px[:2, 0]))
    shift = 256
    cv2.circle(pixels, (round(x * shift), round(y * shift)), round(radius_mm * scale * shift), 0, -1, cv2.LINE_AA, 8)


def middle_of_ink(crop: BoxCrop) -> tuple[float, float]:
    """The middle of the ink inside a crop's outline, in mm from the outline's corner."""
    box = crop.outline
    inside = 255.0 - crop.pixels
    y, x = np.mgrid[: inside.shape[0], : inside.shape[1]] + 0.5
    from_middle = abs(x - box.x - box.width / 2), abs(y - box.y - box.height / 2)
    within = (from_middle[0] < box.width / 2 - 4) & (from_middle[1] < box.height / 2 - 4)
    weight = np.where(within & (inside > 100), inside, 0.0)
    return (
        float(((x - box.x) * weight).sum() / weight.sum()) / crop.px_per_mm,
        float(((y - box.y) * weight).sum() / weight.sum()) / crop.px_per_mm,
    )


def angular(crops: tuple[BoxCrop, ...]) -> list[tuple[BoxCrop, Box]]:
    pairs = zip(crops, BOXES, strict=True)
    return [(crop, box) for crop, box in pairs if not box.field.startswith("c") or box.kind is Kind.DIGITS]


def test_every_box_has_a_crop_in_template_order() -> None:
    crops = crop_boxes(laid(CLEAN, millimetres_to_pixels(300)))
    assert [(crop.field, crop.position) for crop in crops] == [(box.field, box.position) for box in BOXES]
    for crop, box in zip(crops, BOXES, strict=True):
        assert crop.px_per_mm == (PICTURE_PX_PER_MM if box.kind is Kind.IMAGE else CROP_PX_PER_MM)
        around = SURROUNDINGS_MM * crop.px_per_mm
        height, width = crop.pixels.shape
        assert crop.outline.width == pytest.approx(box.rect.width * crop.px_per_mm, abs=0.3)
        assert crop.outline.height == pytest.approx(box.rect.height * crop.px_per_mm, abs=0.3)
        assert min(crop.outline.x, crop.outline.y) >= around - 1
        assert min(width - crop.outline.right, height - crop.outline.bottom) >= around - 1.5


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"angle": 7, "noise": 8, "blur": 0.8},
        {"quarter_turns": 1, "angle": -3},
        {"quarter_turns": 2, "scale": 0.5, "noise": 6},
        {"scale": 2.0, "angle": 1},
        {"scale": 4 / 3, "quarter_turns": 3},
        {"one_bit": True, "angle": 2, "noise": 10, "blur": 0.7},
        {"perspective": 0.04},
    ],
    ids=str,
)
def test_a_spot_is_seen_where_it_was_drawn(how: dict[str, float]) -> None:
    """One spot in every box, at a place that no mirroring or shifting leaves the same."""
    drawn, truth = CLEAN.copy(), millimetres_to_pixels(300)
    for _, box in angular(crop_boxes(laid(CLEAN, truth))):
        spot(drawn, truth, (box.rect.x + 0.3 * box.rect.width, box.rect.y + 0.35 * box.rect.height))
    scanned = scan(drawn, **how)  # type: ignore[arg-type]
    for crop, box in angular(crop_boxes(laid(scanned.pixels, scanned.mm_to_px))):
        seen = middle_of_ink(crop)
        assert seen == pytest.approx((0.3 * box.rect.width, 0.35 * box.rect.height), abs=0.12), box


@pytest.mark.parametrize(("dx", "dy"), [(0.5, 0.0), (-0.3, 0.45), (0.2, -0.5)])
@pytest.mark.parametrize("one_bit", [False, True])
def test_outlines_are_snapped_to_the_printed_rules(dx: float, dy: float, one_bit: bool) -> None:
    scanned = scan(CLEAN, noise=8, blur=0.7, one_bit=one_bit)
    tolerance = 0.1 if one_bit else 0.06
    expected = {(crop.field, crop.position): crop for crop in crop_boxes(laid(EMPTY, scanned.mm_to_px))}
    for crop, box in angular(crop_boxes(laid(scanned.pixels, scanned.mm_to_px @ shifted(dx, dy)))):
        unsnapped = expected[crop.field, crop.position]
        moved_x, moved_y = crop.outline.x - unsnapped.outline.x, crop.outline.y - unsnapped.outline.y
        assert (moved_x / crop.px_per_mm, moved_y / crop.px_per_mm) == pytest.approx((-dx, -dy), abs=tolerance), box
        assert crop.outline.width / crop.px_per_mm == pytest.approx(box.rect.width, abs=tolerance)


def test_a_rule_too_far_off_is_not_believed() -> None:
    expected = crop_boxes(laid(EMPTY, millimetres_to_pixels(300)))
    found = crop_boxes(laid(CLEAN, millimetres_to_pixels(300) @ shifted(1.1, 1.1)))
    for crop, before in zip(found, expected, strict=True):
        assert crop.outline == before.outline


def written(strokes_mm: list[tuple[float, float, float, float]]) -> GreyImage:
    page, scale = CLEAN.copy(), 300 / 25.4
    for x0, y0, x1, y1 in strokes_mm:
        ends = [(round(x * scale), round(y * scale)) for x, y in ((x0, y0), (x1, y1))]
        cv2.line(page, *ends, 20, 7, cv2.LINE_AA)
    return page


def test_strokes_along_a_side_do_not_pull_the_outline() -> None:
    """A `1` half a millimetre inside the left side of its box is darker than the rule, but shorter."""
    box = BOXES[8].rect
    one = (box.x + 0.5, box.y + 2.5, box.x + 0.5, box.y + 6.5)
    page = written([one, (box.x - 2, box.y + 4, box.right + 2, box.y + 5)])
    crop = crop_boxes(laid(page, millimetres_to_pixels(300)))[8]
    clean = crop_boxes(laid(CLEAN, millimetres_to_pixels(300)))[8]
    assert crop.outline.x == pytest.approx(clean.outline.x, abs=0.5)
    assert crop.outline.width == pytest.approx(clean.outline.width, abs=0.5)


def test_one_hidden_side_moves_with_the_other() -> None:
    box = BOXES[8].rect
    page, scale = CLEAN.copy(), 300 / 25.4
    left, right = round((box.x - 1) * scale), round((box.x + 1) * scale)
    page[round((box.y - 1) * scale) : round((box.bottom + 1) * scale), left:right] = PAPER
    crop = crop_boxes(laid(page, millimetres_to_pixels(300) @ shifted(0.4, 0)))[8]
    blank = crop_boxes(laid(EMPTY, millimetres_to_pixels(300)))[8]
    assert (crop.outline.x - blank.outline.x) / 8 == pytest.approx(-0.4, abs=0.06)
    assert crop.outline.width == pytest.approx(box.width * 8, abs=0.5)


def test_bubbles_are_left_where_they_are() -> None:
    pairs = list(zip(crop_boxes(laid(CLEAN, millimetres_to_pixels(300) @ shifted(0.4, 0.4))), BOXES, strict=True))
    bubbles = [(crop, box) for crop, box in pairs if box.field.startswith("c0")]
    assert len(bubbles) == 45
    for crop, box in bubbles:
        assert (crop.outline.width, crop.outline.height) == (box.rect.width * 8, box.rect.height * 8)
        assert 12 <= crop.outline.x < 13.01


def test_what_lies_outside_the_scan_is_paper() -> None:
    crops = crop_boxes(laid(CLEAN[:, :2000], millimetres_to_pixels(300)))
    outside = [crop for crop, box in zip(crops, BOXES, strict=True) if box.rect.x > 2000 / 300 * 25.4 + 2]
    assert outside
    assert all(crop.pixels.min() == PAPER for crop in outside)


def test_a_dense_scan_keeps_thin_strokes() -> None:
    """Skipping pixels would drop a hairline or double it; averaging keeps its darkness."""
    drawn = draw_page(TEMPLATE, dpi=300)
    large = cv2.resize(drawn, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    box = BOXES[8].rect
    scale = 750 / 25.4
    middle = round((box.x + box.width / 2) * scale)
    large[round((box.y + 2) * scale) : round((box.bottom - 2) * scale), middle : middle + 3] = 0
    crop = crop_boxes(laid(large, millimetres_to_pixels(750)))[8]
    inside = 255.0 - crop.pixels[34:74, 60:110]
    assert inside.sum(axis=1) == pytest.approx(255 * 3 / scale * 8, rel=0.12)


def test_a_page_without_boxes_has_no_crops() -> None:
    essay = parse_template(PLAIN.replace("[[page]]", "[[page]]\n[[page]]", 1))
    assert crop_boxes(laid(CLEAN, millimetres_to_pixels(300), essay)) == ()


@pytest.mark.parametrize("px_per_mm", [4.0, 8.0])
def test_the_picture_of_a_field_shows_all_of_it_upright(px_per_mm: float) -> None:
    scanned = scan(CLEAN, quarter_turns=2, angle=3)
    field = TEMPLATE.pages[0].field_named("candidate")
    picture = field_picture(laid(scanned.pixels, scanned.mm_to_px), field, px_per_mm)
    straight = field_picture(laid(CLEAN, millimetres_to_pixels(300)), field, px_per_mm)
    assert picture.shape == (round(14 * px_per_mm), round(68 * px_per_mm))
    assert np.abs(picture.astype(int) - straight).mean() < 6
    assert straight[round(7 * px_per_mm), round(2 * px_per_mm)] < 160


def test_crops_do_not_hold_the_page() -> None:
    """A crop that is stored must not keep four megabytes alive."""
    crops = crop_boxes(laid(CLEAN, millimetres_to_pixels(300)))
    assert all(crop.pixels.base is None or crop.pixels.base.size <= crop.pixels.size for crop in crops)


def test_the_page_record_is_not_changed() -> None:
    page = Page(PageRef("0" * 64, 1), CLEAN.copy(), 210, 297, PageSource.IMAGE, "")
    crop_boxes(replace(laid(CLEAN, millimetres_to_pixels(300)), page=page))
    assert np.array_equal(page.pixels, CLEAN)


def test_a_covered_box_shows_no_sides_and_its_neighbours_do() -> None:
    box = BOXES[8].rect
    page, scale = CLEAN.copy(), 300 / 25.4
    rows = slice(round((box.y - 1) * scale), round((box.bottom + 1) * scale))
    page[rows, round((box.x - 1) * scale) : round((box.right + 1) * scale)] = PAPER
    crops = crop_boxes(laid(page, millimetres_to_pixels(300)))
    assert crops[8].sides_seen == 0
    assert crops[6].sides_seen == crops[12].sides_seen == 4
    assert {crop.sides_seen for crop in crop_boxes(laid(CLEAN, millimetres_to_pixels(300)))} == {4}


def test_a_box_that_reaches_off_the_scan_is_not_seen() -> None:
    crops = crop_boxes(laid(CLEAN[:, :2000], millimetres_to_pixels(300)))
    edge_mm = 2000 / 300 * 25.4
    for crop, box in zip(crops, BOXES, strict=True):
        assert (crop.sides_seen == 4) == (box.rect.right < edge_mm), box
