"""A loose picture becomes a crop like the product's own: even paper, one height, its printed rules found."""

import cv2
import numpy as np
import pytest

from recognizer.digits import isolate_digit
from recognizer.pictures import PAD_SHARE, PICTURE_HEIGHT, crop_of_picture
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


def test_what_is_no_grey_picture_is_our_bug() -> None:
    for wrong in (np.zeros((0, 5), np.uint8), np.zeros((5, 5), np.float32), np.zeros((5, 5, 3), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            crop_of_picture(wrong)  # type: ignore[arg-type]
