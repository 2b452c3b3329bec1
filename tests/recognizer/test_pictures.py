"""A loose picture becomes a crop like the product's own: even paper, one height, its printed rules found."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from recognizer.classifier import load_model
from recognizer.digits import isolate_digit, isolate_number
from recognizer.fields import FieldCrops, read_fields
from recognizer.picture_fields import field_for
from recognizer.picture_sets import PictureSet
from recognizer.pictures import PAD_SHARE, PICTURE_HEIGHT, crop_of_picture
from recognizer.records import Flag, GreyImage
from tests.helpers.drawn_box import MARGIN_MM, ONE, PX, SEVEN, box_pixels

PAD = round(PAD_SHARE * PICTURE_HEIGHT)


def test_printed_rules_become_the_outline() -> None:
    pixels = box_pixels([SEVEN])
    crop = crop_of_picture(pixels)
    scale = PICTURE_HEIGHT / len(pixels)
    expected = (PAD + MARGIN_MM * PX * scale, PAD + (MARGIN_MM + 7.0) * PX * scale)
    assert (crop.outline.x, crop.outline.right) == pytest.approx(expected, abs=1.5)
    assert crop.sides_seen == 4


def test_without_rules_the_outline_is_the_edge_of_the_paper_around() -> None:
    crop = crop_of_picture(box_pixels([SEVEN], rule=None))
    height, width = crop.pixels.shape
    assert (crop.outline.x, crop.outline.y, crop.outline.right, crop.outline.bottom) == (0, 0, width, height)
    assert crop.sides_seen == 0 and crop.cut_at == (PAD, width - PAD)


def test_a_shadow_is_evened_out() -> None:
    pixels = box_pixels([SEVEN], rule=None)
    shade = np.linspace(0.7, 1.0, pixels.shape[1])[None, :]
    even = crop_of_picture((pixels * shade).astype(np.uint8)).pixels
    paper = even[PAD + 2 : PAD + 8]
    assert int(paper.min()) > 210
    glyph = isolate_digit(crop_of_picture((pixels * shade).astype(np.uint8))).glyph
    assert glyph is not None and glyph.bounds.height > 0.5 * PICTURE_HEIGHT


@pytest.mark.parametrize("scale", [0.25, 0.5, 2.0, 6.0])
def test_the_size_of_a_picture_does_not_matter(scale: float) -> None:
    pixels = box_pixels([ONE], rule=None)
    sized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    first, second = (isolate_digit(crop_of_picture(one)).glyph for one in (pixels, sized))
    assert first is not None and second is not None
    assert second.bounds.height == pytest.approx(first.bounds.height, abs=4)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 900), (900, 2), (3000, 3000)])
def test_any_shape_of_paper_is_blank(shape: tuple[int, int]) -> None:
    assert isolate_digit(crop_of_picture(np.full(shape, 230, np.uint8))).glyph is None


# ---- rules of cells that were cut by eye -----------------------------------------------------------------------------

CELL = 90


def cell(*lines: tuple[tuple[int, int], tuple[int, int], int]) -> np.ndarray:
    """Return a picture of a cell, (90, 90) uint8, with lines: from, to and how broad."""
    pixels = np.full((CELL, CELL), 190, np.uint8)
    for start, end, broad in lines:
        cv2.line(pixels, start, end, 70, broad, cv2.LINE_AA)
    return cv2.GaussianBlur(pixels, (0, 0), 0.7).astype(np.uint8)


TOP, LEAVING, BROAD, LEFT, PART = (
    ((0, 4), (89, 11), 4),
    ((0, 80), (50, 89), 6),
    ((0, 84), (89, 84), 11),
    ((2, 0), (2, 89), 4),
    ((0, 88), (35, 88), 3),
)


@pytest.mark.parametrize("lines", [[TOP], [LEAVING], [BROAD], [LEFT], [TOP, LEFT], [LEFT, BROAD], [LEFT, PART]])
def test_a_cell_with_nothing_but_rules_is_blank(lines: list[tuple[tuple[int, int], tuple[int, int], int]]) -> None:
    found = isolate_number(crop_of_picture(cell(*lines)))
    assert (found.strip, found.unplaced, found.pale) == (None, 0, 0)


@pytest.mark.parametrize("lines", [[TOP], [BROAD], [TOP, LEFT], [LEFT, BROAD], [LEFT, PART]])
def test_a_digit_among_rules_stays_whole_and_alone(lines: list[tuple[tuple[int, int], tuple[int, int], int]]) -> None:
    seven = [((30, 30), (62, 30), 4), ((62, 30), (42, 68), 4)]
    bounds = []
    for others in ([], lines):
        found = isolate_number(crop_of_picture(cell(*seven, *others))).strip
        assert found is not None
        bounds.append((found.bounds.x, found.bounds.y, found.bounds.width, found.bounds.height))
    assert bounds[1] == pytest.approx(bounds[0], abs=4)


def test_a_leaning_rule_is_made_level() -> None:
    crop = crop_of_picture(cell(TOP))
    rows = (crop.pixels[:, PAD + 8 : -PAD - 8] < 200).mean(axis=1)
    # As thick as it was drawn, and its middle is the outline.
    dark = np.flatnonzero(rows > 0.9)
    assert 2 <= len(dark) <= 6 and (rows[:30] > 0.1).sum() <= len(dark) + 4
    assert crop.outline.y == pytest.approx(dark.mean(), abs=1.5)


@pytest.mark.parametrize(
    "strokes",
    [
        [((12, 20), (74, 14), 4), ((74, 14), (40, 80), 4)],
        [((70, 16), (73, 78), 4), ((70, 16), (40, 30), 4), ((40, 30), (71, 42), 4)],
        [((45, 8), (45, 84), 4)],
        [((8, 18), (8, 74), 4), ((40, 18), (40, 74), 4)],
        [((10, 45), (80, 45), 4)],
        [((14, 8), (14, 82), 4), ((70, 8), (70, 82), 4)],
        [((12, 9), (12, 80), 5)],
        [((10, 12), (80, 12), 4)],
    ],
    ids=["flag of a 7", "stem of a 9", "1", "11", "dash", "tall 11", "tall 1 at a side", "long dash at the top"],
)
def test_long_strokes_of_digits_are_no_rules(strokes: list[tuple[tuple[int, int], tuple[int, int], int]]) -> None:
    found = isolate_number(crop_of_picture(cell(*strokes)))
    assert found.strip is not None
    points = np.array([point for start, end, _ in strokes for point in (start, end)]) * PICTURE_HEIGHT / CELL
    wide, tall = np.ptp(points, axis=0)
    assert found.strip.bounds.width == pytest.approx(wide + 4, abs=5)
    assert found.strip.bounds.height == pytest.approx(tall + 4, abs=5)


def test_beside_a_rule_a_tall_stroke_is_writing() -> None:
    box = [((2, 0), (2, 89), 3), ((87, 0), (87, 89), 3), ((0, 2), (89, 2), 3), ((0, 87), (89, 87), 3)]
    found = isolate_number(crop_of_picture(cell(*box, ((14, 14), (14, 76), 4), ((75, 14), (75, 76), 4)))).strip
    assert found is not None
    assert found.bounds.width == pytest.approx((75 - 14 + 4) * PICTURE_HEIGHT / CELL, abs=5)


def test_a_minus_under_a_rule_is_not_lost_without_a_word() -> None:
    found = isolate_number(crop_of_picture(cell(((0, 2), (89, 2), 3), ((25, 8), (65, 8), 5))))
    assert found.strip is not None or found.unplaced or found.pale


@pytest.mark.parametrize("apart", [7, 9, 12])
@pytest.mark.parametrize("ink", [60, 110, 150, 170])
def test_a_scribble_over_the_whole_picture_is_not_blank(apart: int, ink: int) -> None:
    pixels = np.full((CELL, 60), 235, np.uint8)
    points = [(8 + number * apart // 2, (10, 80)[number % 2]) for number in range(2 * 44 // apart)]
    cv2.polylines(pixels, [np.array(points, np.int32)], False, ink, 6, cv2.LINE_AA)
    found = isolate_digit(crop_of_picture(cv2.GaussianBlur(pixels, (0, 0), 1.0).astype(np.uint8)))
    assert found.glyph is not None and found.glyph.bounds.height > 0.6 * PICTURE_HEIGHT


def test_what_is_no_grey_picture_is_our_bug() -> None:
    for wrong in (np.zeros((0, 5), np.uint8), np.zeros((5, 5), np.float32), np.zeros((5, 5, 3), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            crop_of_picture(wrong)  # type: ignore[arg-type]


# ---- strokes that fall to pieces -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pale", "faded"), [(0.35, False), (0.09, True)])
def test_strokes_that_are_too_pale_but_for_some_dots_are_said_to_be_faded(pale: float, faded: bool) -> None:
    stroke, dots = np.zeros((CELL, CELL), np.uint8), np.zeros((CELL, CELL), np.uint8)
    corners = [(32, 26), (58, 26), (40, 66)]
    for start, end in itertools.pairwise(corners):
        cv2.line(stroke, start, end, 255, 4, cv2.LINE_AA)
    for at in (*corners, (45, 26), (49, 46)):
        cv2.circle(dots, at, 1, 255, -1, cv2.LINE_AA)
    picture = 235 * (1 - np.maximum(pale * (stroke / 255), 0.16 * (dots / 255)))
    seen = isolate_number(crop_of_picture(picture.astype(np.uint8)))
    assert seen.strip is not None
    assert seen.faded is faded


@pytest.mark.parametrize("margin", [0, 1, 2])
def test_a_one_at_the_edge_of_a_picture_cut_to_its_writing_is_not_lost_unseen(margin: int) -> None:
    picture = np.full((60 + 2 * margin, 70 + 2 * margin), 240, np.uint8)
    cv2.line(picture, (margin + 2, margin), (margin + 2, margin + 59), 40, 4, cv2.LINE_AA)
    cv2.ellipse(picture, (margin + 46, margin + 30), (20, 28), 0, 0, 360, 40, 4, cv2.LINE_AA)
    seen = isolate_number(crop_of_picture(picture))
    assert seen.strip is not None
    assert seen.faded or seen.strip.bounds.x < PAD + 10
    # A cell with room around its writing may lose the rule at its edge.
    bordered = cv2.copyMakeBorder(picture[:, margin + 16 :], 30, 30, 30, 10, cv2.BORDER_CONSTANT, value=(240,))
    roomy: GreyImage = np.asarray(bordered, np.uint8)
    cv2.line(roomy, (3, 0), (3, len(roomy) - 1), 90, 2)
    alone = isolate_number(crop_of_picture(roomy))
    assert alone.strip is not None and not alone.faded


@pytest.mark.parametrize(("inset", "tall", "lost"), [(0, 18, False), (8, 18, True), (0, 30, True), (1, 40, True)])
def test_a_short_pale_piece_of_rule_along_the_cut_is_no_lost_stroke(inset: int, tall: int, lost: bool) -> None:
    picture = np.full((CELL, CELL), 240, np.uint8)
    cv2.line(picture, (40, 20), (52, 62), 30, 4, cv2.LINE_AA)
    # Too pale to be ink beside so dark a stroke, and dark enough to be some of it; a long one may be a 1.
    picture[30 : 30 + tall, CELL - 2 - inset : CELL - inset] = 190
    seen = isolate_number(crop_of_picture(picture))
    assert seen.strip is not None
    assert seen.faded is lost


# ---- faint writing ---------------------------------------------------------------------------------------------------


def faint_seven(darkness: float) -> GreyImage:
    picture = np.full((60, 44), 230, np.float32)
    stroke = np.zeros(picture.shape, np.uint8)
    for start, end in itertools.pairwise([(12, 14), (33, 14), (20, 47)]):
        cv2.line(stroke, start, end, 255, 4, cv2.LINE_AA)
    return np.asarray(np.round(picture * (1 - darkness * (stroke / 255))), np.uint8)


def test_faint_writing_in_a_picture_is_guessed_and_never_accepted() -> None:
    crop = crop_of_picture(faint_seven(0.09))
    box, seen = isolate_digit(crop), isolate_number(crop)
    assert box.glyph is not None and box.pale
    assert seen.strip is not None and seen.faded
    one = PictureSet("faint", faint_seven(0.09)[None], ("7",))
    for field in (field_for(one, "digits"), field_for(one, "number")):
        (decoded,) = read_fields([FieldCrops(field, (crop,))], load_model())
        assert decoded.values[0].value == "7" and decoded.trouble is Flag.FAINT


def test_what_nobody_sees_is_not_guessed_at() -> None:
    crop = crop_of_picture(faint_seven(0.02))
    assert isolate_digit(crop).glyph is None and isolate_number(crop).strip is None


def test_faint_writing_on_a_page_is_not_guessed_at() -> None:
    crop = replace(crop_of_picture(faint_seven(0.09)), cut_at=None)
    assert isolate_digit(crop).glyph is None and isolate_digit(crop).pale
    assert isolate_number(crop).strip is None and isolate_number(crop).pale
