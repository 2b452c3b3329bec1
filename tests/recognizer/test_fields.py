"""Fields are read through one door, whatever their kinds and order; a doubtful box is looked at twice."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.digits import isolate_digit
from recognizer.fields import SURE, FieldCrops, agreed, box_probabilities, read_fields
from recognizer.records import CLASSES, SYMBOLS, Flag
from recognizer.template import SheetField
from tests.helpers.drawn_box import ONE, SEVEN, Stroke, box_pixels, crop_of
from tests.helpers.reading_model import WidthModel

CELL = (18.0, 11.0)
FILL: list[Stroke] = [[(1.0, y), (6.0, y)] for y in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)]


def field(**keys: Any) -> SheetField:
    place = {"x": 20, "y": 60, "width": 8, "height": 10}
    return SheetField.model_validate({"name": "f", "role": "answer", **place, **keys})


COMB = field(kind="digits", characters=2, maximum=99)
NUMBER = field(kind="number", minimum=0, maximum=10, step=Decimal("0.5"))
CHOICE = field(kind="choice", options=["A", "B"], width=5, height=5, pitch=8)


def comb(*digits: Stroke | None) -> FieldCrops:
    return FieldCrops(COMB, tuple(crop_of(box_pixels([digit] if digit else [])) for digit in digits))


def number(digit: Stroke) -> FieldCrops:
    return FieldCrops(NUMBER, (crop_of(box_pixels([[(x + 5.0, y) for x, y in digit]], CELL), CELL),))


def choice(*filled: bool) -> FieldCrops:
    return FieldCrops(CHOICE, tuple(crop_of(box_pixels(FILL if one else [], pen_mm=1.2)) for one in filled))


def test_fields_of_all_kinds_come_back_in_their_order() -> None:
    given = [choice(True, False), comb(ONE, SEVEN), number(SEVEN), comb(None, ONE), choice(False, True), number(ONE)]
    found = read_fields(given, WidthModel())
    assert [one.values[0].value for one in found] == ["A", "17", "7", "1", "B", "1"]
    assert [one.trouble for one in found] == [None] * 6


def test_a_choice_of_which_a_picture_was_cut_through_is_for_a_person() -> None:
    given = choice(True, False)
    cut = FieldCrops(CHOICE, tuple(replace(crop, cut_through=True) for crop in given.crops))
    whole, parted = read_fields([given, cut], WidthModel())
    assert (whole.trouble, parted.trouble) == (None, Flag.UNREADABLE)
    assert whole.values == parted.values


def test_no_fields_and_fields_without_ink() -> None:
    assert read_fields([], WidthModel()) == []
    empty, cell = read_fields(
        [comb(None, None), FieldCrops(NUMBER, (crop_of(box_pixels((), CELL), CELL),))], WidthModel()
    )
    assert (empty.values[0].value, cell.values[0].value) == ("", "")


class Asked(WidthModel):
    """Counts how many boxes are looked at a second time, and says 1 of these whatever they show."""

    def __init__(self, confidence: float) -> None:
        super().__init__(confidence)
        self.again = 0

    def sequences(self, strips: NDArray[np.float32]) -> NDArray[np.float32]:
        self.again += len(strips)
        found = np.zeros((len(strips), 30, 1 + len(SYMBOLS)), np.float32)
        found[..., 0] = 1.0
        found[:, 10] = np.eye(1 + len(SYMBOLS))[1 + SYMBOLS.index("1")]
        return found


def test_only_doubtful_boxes_are_looked_at_twice() -> None:
    boxes = [isolate_digit(crop_of(box_pixels([digit]))) for digit in (ONE, SEVEN)]
    sure, unsure = Asked(1 - (1 - SURE) / 2), Asked(0.9)
    box_probabilities(boxes, sure)
    one, seven = box_probabilities(boxes, unsure)
    assert (sure.again, unsure.again) == (0, 2)
    assert one[CLASSES.index("1")] > 0.99
    assert seven[CLASSES.index("7")] < 0.6


def test_two_networks_that_agree_are_surer_than_one_and_that_differ_are_not() -> None:
    first = np.full(len(CLASSES), 0.002, np.float32)
    first[CLASSES.index("3")] = 1 - 0.002 * (len(CLASSES) - 1)
    steps = np.zeros((5, 1 + len(SYMBOLS)), np.float32)
    steps[:, 0] = 1.0
    steps[2] = 0.001
    steps[2, 1 + SYMBOLS.index("3")] = 1 - 0.001 * len(SYMBOLS)
    together = agreed(first, steps)
    assert together.sum() == pytest.approx(1.0, abs=1e-5) and together[3] > first[3]
    steps[2, [4, 9]] = steps[2, [9, 4]]
    assert agreed(first, steps).max() < first[3]


def test_two_digits_in_a_box_count_for_something_else() -> None:
    first = np.full(len(CLASSES), 0.01, np.float32)
    first[CLASSES.index("4")], first[CLASSES.index("other")] = 0.5, 0.38
    steps = np.zeros((5, 1 + len(SYMBOLS)), np.float32)
    steps[:, 0] = 1.0
    steps[1], steps[3] = np.eye(1 + len(SYMBOLS))[[1 + SYMBOLS.index("1"), 1 + SYMBOLS.index("7")]]
    assert CLASSES[int(agreed(first, steps).argmax())] == "other"


def test_a_scribble_is_trouble() -> None:
    class Other(WidthModel):
        def probabilities(self, glyphs: NDArray[np.float32]) -> NDArray[np.float32]:
            return self._rows(len(CLASSES), [CLASSES.index("other")] * len(glyphs))

        def sequences(self, strips: NDArray[np.float32]) -> NDArray[np.float32]:
            found = np.zeros((len(strips), 30, 1 + len(SYMBOLS)), np.float32)
            found[..., 0] = 1.0
            found[:, 10] = np.eye(1 + len(SYMBOLS))[1 + SYMBOLS.index("#")]
            return found

    first, second = read_fields([comb(ONE, SEVEN), number(SEVEN)], Other())
    assert (first.trouble, second.trouble) == (Flag.UNREADABLE, Flag.UNREADABLE)


def test_a_cell_that_seems_to_hold_one_character_is_shown_to_the_network_for_characters_too() -> None:
    class Halting(WidthModel):
        """Is half sure of the 1 that it sees in every cell."""

        def sequences(self, strips: NDArray[np.float32]) -> NDArray[np.float32]:
            found = np.zeros((len(strips), 30, 1 + len(SYMBOLS)), np.float32)
            found[..., 0] = 1.0
            found[:, 10] = 0.7 * np.eye(1 + len(SYMBOLS))[1 + SYMBOLS.index("1")]
            found[:, 10] += 0.3 * np.eye(1 + len(SYMBOLS))[1 + SYMBOLS.index("7")]
            return found

    beside = [[(x + away, y) for x, y in ONE] for away in (0.0, 11.0)]
    wide = FieldCrops(NUMBER, (crop_of(box_pixels(beside, CELL), CELL),))
    one, two = read_fields([number(ONE), wide], Halting())
    assert one.values[0].value == two.values[0].value == "1"
    assert one.values[0].probability > 0.95
    assert two.values[0].probability == pytest.approx(0.7)
