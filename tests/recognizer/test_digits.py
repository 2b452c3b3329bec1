"""Blank or ink, the ink of one digit, and all the writing of a cell."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.digits import isolate_digit, isolate_number
from recognizer.records import BoxCrop, GlyphImage
from tests.helpers.drawn_box import MARGIN_MM, ONE, PX, SEVEN, TWO, Stroke, box_pixels, crop_of

CELL = (18.0, 11.0)
HALF: list[Stroke] = [
    [(6.0, 2.5), (6.0, 5.0)],
    [(6.6, 7.5), (8.6, 2.5)],
    [(8.8, 5.0), (10.0, 5.0), (8.8, 7.4), (10.2, 7.4)],
]


def cell(strokes: list[Stroke], pen_mm: float = 0.5) -> BoxCrop:
    return crop_of(box_pixels(strokes, CELL, pen_mm=pen_mm), CELL)


def glyph_of(strokes: list[Stroke], **drawing: float) -> GlyphImage:
    glyph = isolate_digit(crop_of(box_pixels(strokes, **drawing))).glyph  # type: ignore[arg-type]
    assert glyph is not None
    return glyph.image


def difference(first: GlyphImage, second: GlyphImage) -> float:
    """Return the mean difference of two glyphs' ink; whole pixels decide where it is centred, so one is forgiven."""
    first, second = first[..., 0], second[..., 0]
    shifts = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    return min(float(np.abs(np.roll(first, shift, axis=(0, 1)) - second).mean()) for shift in shifts)


def noisy(pixels: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0))


def blank_boxes() -> dict[str, np.ndarray]:
    empty = box_pixels()
    ghost: list[Stroke] = [SEVEN]
    dotted = np.where(empty < 128, 0, 255).astype(np.uint8)
    dotted[:, ::7] = 255
    return {
        "clean": empty,
        "no rules": box_pixels(rule=None),
        "pale rules": box_pixels(rule=200),
        "blurred": cv2.GaussianBlur(empty, (0, 0), 1.5),
        "noise": noisy(empty, 8),
        "JPEG": jpeg(noisy(empty, 4), 40),
        "1-bit, broken rules": dotted,
        "grey paper": box_pixels(paper=160, rule=60),
        "show-through": cv2.GaussianBlur(box_pixels(ghost, ink=228), (0, 0), 2),
        "a grain of dust": box_pixels([[(3.0, 4.0), (3.05, 4.0)]], pen_mm=0.3),
        "black all over the margin": np.pad(box_pixels()[12:-12, 12:-12], 12),
    }


@pytest.mark.parametrize("name", blank_boxes())
def test_blank_box_has_no_glyph(name: str) -> None:
    crop = crop_of(blank_boxes()[name])
    assert isolate_digit(crop).glyph is None
    assert isolate_number(crop).strip is None


@pytest.mark.parametrize("shift", [-3, -2, 2, 3])
def test_rules_that_are_off_by_a_third_of_a_millimetre_are_no_ink(shift: int) -> None:
    assert isolate_digit(crop_of(np.roll(box_pixels(), shift, axis=(0, 1)))).glyph is None


@pytest.mark.parametrize("tilt_mm", [-0.8, 0.0, 0.8])
def test_rule_far_inside_a_cell_is_no_dash_but_a_dash_is(tilt_mm: float) -> None:
    rule: Stroke = [(0.3, 1.0), (17.7, 1.0 + tilt_mm / 2)]
    assert isolate_number(cell([rule], pen_mm=0.4)).strip is None
    dash: Stroke = [(6.0, 7.0), (10.0, 7.0 + tilt_mm)]
    assert isolate_number(cell([rule, dash], pen_mm=0.4)).strip is not None


def test_faint_pencil_and_thin_pen_are_ink() -> None:
    assert isolate_digit(crop_of(noisy(box_pixels([ONE], ink=195, pen_mm=0.4), 3))).glyph is not None
    assert isolate_digit(crop_of(box_pixels([ONE], pen_mm=0.2))).glyph is not None


def test_faint_digit_beside_dark_dust_is_ink() -> None:
    pixels = box_pixels([SEVEN], ink=200)
    pixels[30:35, 30:35] = 0
    found = isolate_digit(crop_of(pixels))
    assert found.glyph is not None and found.glyph.bounds.width > 3 * PX


def test_narrow_one_near_the_rule_is_ink() -> None:
    assert isolate_digit(crop_of(box_pixels([[(0.9, 2.0), (0.9, 6.0)]], pen_mm=0.35))).glyph is not None


def test_glyph_is_framed_as_mnist_frames_it() -> None:
    image = glyph_of([SEVEN])
    assert image.shape == (28, 28, 2) and image.dtype == np.float32
    image = image[..., 0]
    rows, columns = np.flatnonzero(image.max(axis=1) > 0), np.flatnonzero(image.max(axis=0) > 0)
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == 20
    y, x = (np.indices(image.shape) * image).sum(axis=(1, 2)) / image.sum()
    assert abs(x - 13.5) <= 0.5 and abs(y - 13.5) <= 0.5
    assert image.min() == 0.0 and image.max() == 1.0


@settings(max_examples=40, deadline=None)
@given(
    place=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    ink=st.integers(30, 140),
    paper=st.integers(200, 255),
    sigma=st.floats(0, 4),
    seed=st.integers(0, 9),
)
def test_glyph_does_not_depend_on_place_ink_paper_or_noise(
    place: tuple[float, float], *, ink: int, paper: int, sigma: float, seed: int
) -> None:
    moved = [[(x + place[0], y + place[1]) for x, y in SEVEN]]
    found = isolate_digit(crop_of(noisy(box_pixels(moved, ink=ink, paper=paper), sigma, seed))).glyph
    assert found is not None
    assert difference(found.image, glyph_of([SEVEN])) < 0.04


def test_stroke_across_the_rule_stays_whole() -> None:
    over = [[(x + 2.3, y) for x, y in SEVEN]]
    found = isolate_digit(crop_of(box_pixels(over)))
    assert found.overflow
    assert found.glyph is not None
    assert found.glyph.bounds.right == pytest.approx((7.8 + 0.25 + MARGIN_MM) * PX, abs=2)
    assert difference(found.glyph.image, glyph_of([SEVEN])) < 0.05


def test_neighbours_stroke_that_reaches_in_is_left_out() -> None:
    neighbour: Stroke = [(-1.5, 3.0), (0.7, 3.2)]
    found = isolate_digit(crop_of(box_pixels([SEVEN, neighbour])))
    assert np.abs(found.glyph.image - glyph_of([SEVEN]))[..., 0].max() < 0.02  # type: ignore[union-attr]
    assert isolate_digit(crop_of(box_pixels([neighbour]))).glyph is None


def test_digit_that_touches_a_neighbour_is_cut_at_the_rule() -> None:
    found = isolate_digit(crop_of(box_pixels([[(-1.5, 4.0), (-0.2, 2.0), (-1.2, 8.0), (1.5, 4.0), (2.5, 4.0)]])))
    assert found.overflow


def test_broken_stroke_stays_with_its_digit_and_a_stray_spot_does_not() -> None:
    five: list[Stroke] = [[(2.0, 2.0), (2.0, 4.5), (4.5, 5.0), (4.0, 7.5), (2.0, 7.3)], [(3.0, 2.0), (5.0, 1.8)]]
    assert isolate_digit(crop_of(box_pixels(five))).glyph.bounds.width > 3 * PX  # type: ignore[union-attr]
    spot: Stroke = [(6.0, 8.0), (6.1, 8.0)]
    assert np.abs(glyph_of([*five, spot]) - glyph_of(five))[..., 0].max() < 0.02


def test_a_cell_is_shown_whole_and_says_where_it_lay() -> None:
    strip = isolate_number(cell([TWO, *HALF])).strip
    assert strip is not None and strip.image.shape == (48, 120, 2) and strip.image.dtype == np.float32
    assert strip.bounds.x == pytest.approx((1.5 - 0.25 + MARGIN_MM) * PX, abs=2)
    assert strip.bounds.right == pytest.approx((10.2 + 0.25 + MARGIN_MM) * PX, abs=2)
    columns = np.flatnonzero(strip.image[..., 0].max(axis=0) > 0.5)
    left, right = strip.x + columns[[0, -1]] / strip.scale
    assert left == pytest.approx(strip.bounds.x, abs=2) and right == pytest.approx(strip.bounds.right, abs=4)


def test_only_writing_as_narrow_as_a_digit_is_shown_as_a_single_character_too() -> None:
    single = isolate_number(cell([TWO])).glyph
    assert single is not None and single.image.shape == (28, 28, 2)
    assert isolate_number(cell([TWO, *HALF])).glyph is None


def test_writing_with_a_point_beside_it_is_not_shown_as_a_single_character() -> None:
    point: Stroke = [(6.3, 7.6), (6.4, 7.6)]
    found = isolate_number(cell([TWO, point]))
    assert found.strip is not None and found.glyph is None


def test_a_dash_is_not_blown_up_to_the_height_of_a_digit() -> None:
    strip = isolate_number(cell([[(5.0, 5.5), (9.0, 5.4)]])).strip
    assert strip is not None
    assert np.ptp(np.flatnonzero(strip.image[..., 0].max(axis=1) > 0.5)) < 10


def test_the_first_channel_shows_the_ink_alone_and_the_second_all_around_it() -> None:
    image = glyph_of([[(x - 1.0, y) for x, y in SEVEN]])
    assert (image[..., 1] >= image[..., 0] - 0.35).all()
    # The printed rule on the left is in the window, and no ink.
    assert image[:, :6, 1].max() > 0.5 > image[:, :3, 0].max()


def test_what_the_edge_of_a_loose_picture_cuts_off_beside_the_digit_is_the_neighbours() -> None:
    neighbour: Stroke = [(6.6, 3.0), (7.6, 3.4), (6.8, 6.0), (7.8, 7.0)]
    pixels = box_pixels([SEVEN, neighbour], rule=None)[:, : round((7.0 + MARGIN_MM) * PX)]
    crop = crop_of(pixels)
    assert isolate_digit(crop).glyph.bounds.right > 65  # type: ignore[union-attr]
    cut = replace(crop, cut_at=(0, pixels.shape[1]))
    alone = isolate_digit(cut).glyph
    assert alone is not None and difference(alone.image[..., :1], glyph_of([SEVEN], rule=None)[..., :1]) < 0.02


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (30, 30)])
def test_paper_of_any_shape_is_blank(shape: tuple[int, int]) -> None:
    crop = crop_of(np.full(shape, 255, np.uint8))
    assert isolate_digit(crop).glyph is None
    assert isolate_number(crop).strip is None


def test_box_blackened_all_over_is_ink() -> None:
    pixels = box_pixels()
    pixels[13:83, 13:67] = 20
    found = isolate_digit(crop_of(pixels))
    assert found.glyph is not None and found.ink_mm2 > 40


@pytest.mark.parametrize("y", [0.5, 0.7, 0.9, 8.1, 8.3, 8.5])
def test_a_dash_near_a_rule_is_kept_or_counted(y: float) -> None:
    found = isolate_digit(crop_of(box_pixels([[(1.5, y), (5.0, y + 0.1)]])))
    assert found.glyph is not None or found.unplaced > 0


def test_a_dash_near_the_rule_of_a_wide_cell_is_ink() -> None:
    assert isolate_number(cell([[(6.0, 1.3), (10.0, 1.3)]])).strip is not None


def test_a_stroke_mostly_outside_its_cell_is_counted() -> None:
    outside: Stroke = [(-1.1, 2.5), (0.8, 8.0)]
    number = isolate_number(cell([outside, TWO]))
    assert number.strip is not None and number.strip.bounds.x > MARGIN_MM * PX and number.unplaced == 1
    assert isolate_number(cell([TWO])).unplaced == 0


def test_a_point_on_the_rule_or_as_fine_as_dust_is_still_to_be_seen() -> None:
    later: Stroke = [(x + 6.0, y) for x, y in TWO]
    pixels = box_pixels([TWO, later], CELL)
    pixels[72:74, 60:62] = 40
    fine = isolate_number(crop_of(pixels, CELL)).strip
    without = isolate_number(cell([TWO, later])).strip
    assert fine is not None and without is not None
    assert np.abs(fine.image - without.image)[..., 0].max() < 0.1 < np.abs(fine.image - without.image)[..., 1].max()


def test_writing_too_faint_to_read_is_counted_and_paper_is_not() -> None:
    for sigma in (0, 3):
        faint = isolate_digit(crop_of(noisy(box_pixels([SEVEN], ink=219), sigma)))
        assert (faint.glyph, faint.pale) == (None, 1)
        beside = isolate_number(crop_of(noisy(np.minimum(box_pixels([TWO], CELL), faint_seven()), sigma), CELL))
        assert beside.strip is not None and beside.pale == 1
    for name, pixels in blank_boxes().items():
        assert isolate_digit(crop_of(pixels)).pale == 0, name


@pytest.mark.parametrize("x", [1.4, 2.0, 9.0])
def test_a_stroke_as_high_as_its_cell_is_counted_since_it_may_be_a_rule(x: float) -> None:
    tall = isolate_number(cell([[(x + 0.2, 0.6), (x, 10.4)], [(at + 3.0, y) for at, y in TWO]]))
    assert tall.strip is not None and (tall.uprights, tall.faded) == (1, False)
    usual = isolate_number(cell([[(x + 0.2, 2.5), (x, 8.5)], TWO]))
    assert (usual.uprights, usual.faded) == (0, False)


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.8), (0.6, 0.8), (0.8, 0.8), (0.8, 1.2), (0.8, 1.35)])
def test_a_tall_stroke_beside_the_rule_that_was_found_is_left_out_and_said_so(x: float, y: float) -> None:
    beside = isolate_number(cell([[(x, y), (x, 11.0 - y)], [(at + 3.0, y) for at, y in TWO]]))
    assert beside.strip is not None
    assert beside.faded or beside.strip.bounds.x < 2 * MARGIN_MM * PX
    assert not isolate_number(cell([TWO])).faded
    alone = isolate_number(cell([[(x, y), (x, 11.0 - y)]]))
    assert alone.strip is not None or alone.pale > 0


@pytest.mark.parametrize(("ink", "lost"), [(120, False), (190, True)])
def test_a_pale_stroke_beside_dark_ones_is_ink_or_said_to_be_lost(ink: int, lost: bool) -> None:
    pale = box_pixels([[(10.0, 2.5), (9.8, 8.5)]], CELL, ink=ink)
    seen = isolate_number(crop_of(np.minimum(box_pixels([TWO], CELL, ink=20), pale), CELL))
    assert seen.strip is not None and seen.faded is lost
    assert (seen.strip.bounds.right > 9.0 * PX) is not lost


def faint_seven() -> np.ndarray:
    return box_pixels([[(x + 8.0, y) for x, y in SEVEN]], CELL, ink=219)
