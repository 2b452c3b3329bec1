"""Drawn hands: each writes every digit in one form of its own, a little differently each time, the same for a seed."""

import numpy as np
import pytest

from recognizer.classifier import load_model
from recognizer.pictures import crop_of_picture
from recognizer.records import CLASSES
from recognizer.training.drawn_hands import FORMS, HEIGHT_PX, curve, drawn_digits
from recognizer.training.pools import DIGITS
from recognizer.training.samples import Composed, views_of


def test_the_same_seed_draws_the_same_hands_and_another_one_others() -> None:
    once, again, other = (drawn_digits(seed, hands=2, each=2) for seed in (4, 4, 5))
    assert all(
        (a == b).all() for one, two in zip(once, again, strict=True) for d in DIGITS for a, b in _pairs(one, two, d)
    )
    assert any(a.shape != b.shape or (a != b).any() for d in DIGITS for a, b in _pairs(once[0], other[0], d))


def _pairs(one: dict[str, list[np.ndarray]], two: dict[str, list[np.ndarray]], digit: str) -> list[tuple]:
    return list(zip(one[digit], two[digit], strict=True))


def test_a_hand_writes_every_digit_and_never_twice_alike() -> None:
    for hand in drawn_digits(3, hands=4, each=3):
        assert list(hand) == list(DIGITS) == list(FORMS)
        for inks in hand.values():
            assert len({(ink.shape, ink.tobytes()) for ink in inks}) == 3
            assert all(ink.dtype == np.uint8 and ink.max() == 255 for ink in inks)
            # Nothing is cut off, and no paper is left around the ink; a level 5 may be lower than it is wide.
            assert all(ink[edge].any() and ink[:, edge].any() for ink in inks for edge in (0, -1))
            assert all(ink[[0, -1]].max() < 64 and ink[:, [0, -1]].max() < 64 for ink in inks)
            assert all(HEIGHT_PX / 2 < ink.shape[0] < 2 * HEIGHT_PX for ink in inks)


def test_a_curve_passes_its_points_and_turns_at_once_where_one_is_said_twice() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    found = curve(points)
    assert all(np.abs(found - point).sum(axis=1).min() < 1e-9 for point in points)
    # Both parts are straight: a corner bends nothing before or after it.
    assert all(y == pytest.approx(0) or x == pytest.approx(1) for x, y in found)
    round_one = curve(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]))
    assert any(abs(y) > 0.01 and abs(x - 1) > 0.01 for x, y in round_one)


def test_the_shipped_network_reads_drawn_digits_as_what_they_are() -> None:
    boxes = [
        Composed(crop_of_picture(np.pad(255 - ink, 24, constant_values=255)), CLASSES.index(digit), digit)
        for hand in drawn_digits(99, hands=6, each=1)
        for digit, inks in hand.items()
        for ink in inks
    ]
    views = views_of(boxes)
    right = load_model().probabilities(views.glyphs).argmax(axis=1) == views.y
    assert len(right) == 60 and right.sum() >= 56
