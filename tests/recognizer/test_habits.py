"""Habits of other countries: a 7 gets its bar and a 1 its upstroke, where a writer has none yet."""

import cv2
import numpy as np
import pytest

from recognizer.training.drawn_hands import drawn_digits
from recognizer.training.habits import CROSSED, FLAGGED, crossed_seven, european, flagged_one
from recognizer.training.pools import DIGITS

SIZE = 48


def inked(*strokes: list[tuple[int, int]]) -> np.ndarray:
    """Return strokes through points (x, y) of a 48 x 48 picture, cut to their ink."""
    picture = np.zeros((SIZE, SIZE), np.uint8)
    for points in strokes:
        cv2.polylines(picture, [np.array(points, np.int32)], False, 255, 4, cv2.LINE_AA)
    rows, columns = (np.flatnonzero((picture > 0).any(axis=axis)) for axis in (1, 0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


PLAIN_SEVEN = inked([(12, 6), (36, 6), (20, 42)])
CROSSED_SEVEN = inked([(12, 6), (36, 6), (20, 42)], [(14, 24), (40, 24)])
STICK = inked([(24, 6), (24, 42)])
FLAGGED_ONE = inked([(8, 22), (26, 6), (26, 42)])


@pytest.mark.parametrize("seed", range(8))
def test_a_plain_seven_gets_a_bar_on_both_sides_of_its_stem(seed: int) -> None:
    crossed = crossed_seven(PLAIN_SEVEN, np.random.default_rng(seed))
    third, most = len(crossed) // 3, 3 * len(crossed) // 4
    with_bar, without = ((ink[third:most] > 127).sum(axis=1).max() for ink in (crossed, PLAIN_SEVEN))
    assert with_bar > without + 6
    # It is one piece, and its top is as it was.
    assert cv2.connectedComponents((crossed > 127).view(np.uint8))[0] == 2
    assert (crossed[:6] > 127).sum() == (PLAIN_SEVEN[:6] > 127).sum()


@pytest.mark.parametrize("seed", range(8))
def test_a_stick_gets_an_upstroke_to_the_left_of_its_top(seed: int) -> None:
    flagged = flagged_one(STICK, np.random.default_rng(seed))
    assert flagged.shape[1] > STICK.shape[1] + 2
    upper, lower = flagged[: len(flagged) // 2], flagged[3 * len(flagged) // 4 :]
    assert (upper > 127).any(axis=0).sum() > (lower > 127).any(axis=0).sum() + 1
    # The stem stands at the right of it.
    assert np.flatnonzero((lower > 127).any(axis=0)).mean() > flagged.shape[1] / 2


def test_who_has_the_habit_already_gets_nothing() -> None:
    rng = np.random.default_rng(1)
    assert crossed_seven(CROSSED_SEVEN, rng) is CROSSED_SEVEN
    assert flagged_one(FLAGGED_ONE, rng) is FLAGGED_ONE


@pytest.mark.parametrize("ink", [np.zeros((20, 8), np.uint8), np.full((1, 1), 255, np.uint8)])
def test_ink_that_is_none_does_no_harm(ink: np.ndarray) -> None:
    for change in (crossed_seven, flagged_one):
        assert change(ink, np.random.default_rng(0)).dtype == np.uint8


def test_a_writer_has_a_habit_in_all_digits_or_in_none_and_the_share_holds() -> None:
    hand = {digit: [PLAIN_SEVEN if digit == "7" else STICK] * 3 for digit in DIGITS}
    sevens = ones = 0
    for seed in range(300):
        given = european(hand, np.random.default_rng(seed))
        changed = {digit: {not np.array_equal(ink, hand[digit][0]) for ink in inks} for digit, inks in given.items()}
        assert all(len(kinds) == 1 for kinds in changed.values())
        assert all(kinds == {False} for digit, kinds in changed.items() if digit not in "17")
        sevens += True in changed["7"]
        ones += True in changed["1"]
    assert sevens / 300 == pytest.approx(CROSSED, abs=0.1)
    assert ones / 300 == pytest.approx(FLAGGED, abs=0.1)


def test_strokes_of_all_forms_can_be_given_habits() -> None:
    for hand in drawn_digits(5, hands=10, each=1):
        given = european(hand, np.random.default_rng(2))
        assert all(ink.max() == 255 and ink.ndim == 2 for inks in given.values() for ink in inks)
