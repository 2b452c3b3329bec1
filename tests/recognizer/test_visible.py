"""What a composed scan shows nothing of is left out of the calibration, whatever it was; all else counts."""

import pytest

from recognizer.records import BoxCrop
from recognizer.training.calibrate import SINGLE, LabelledField, visible
from recognizer.values import BLANK
from tests.helpers.drawn_box import SEVEN, box_pixels, crop_of

EMPTY, DARK = crop_of(box_pixels()), crop_of(box_pixels([SEVEN]))


@pytest.mark.parametrize(
    ("crop", "truth", "kept"),
    [(EMPTY, BLANK, True), (EMPTY, "7", False), (EMPTY, None, False), (DARK, "7", True), (DARK, None, True)],
)
def test_only_writing_that_is_not_there_is_left_out(crop: BoxCrop, truth: str | None, kept: bool) -> None:
    field = LabelledField(SINGLE, crop, truth)
    assert bool(visible([field])) == kept
