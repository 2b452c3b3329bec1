"""A bend is smooth, exact for what is straight, and its equations say what it does."""

import numpy as np
import pytest

from recognizer.bend import Bend, Displaced, Laid, bend_equations, fit_bend, straightened
from recognizer.geometry import Points

SHAPE = (11, 9)
ORIGIN, SPACING = (-5.0, -6.0), 40.0


def places(count: int = 300) -> Points:
    return np.random.default_rng(1).uniform([-5, -6], [205, 290], (count, 2))


def test_a_constant_and_a_slope_are_kept_exactly() -> None:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    x, y = ORIGIN[0] + (columns - 1) * SPACING, ORIGIN[1] + (rows - 1) * SPACING
    bend = Bend(ORIGIN, SPACING, np.stack([0.3 + 0.01 * x, -0.2 + 0.02 * y - 0.005 * x], axis=-1))
    points = places()
    moved = bend.flattened(points) - points
    assert moved[:, 0] == pytest.approx(0.3 + 0.01 * points[:, 0], abs=1e-9)
    assert moved[:, 1] == pytest.approx(-0.2 + 0.02 * points[:, 1] - 0.005 * points[:, 0], abs=1e-9)


def test_the_equations_are_those_of_the_field() -> None:
    shifts = np.random.default_rng(2).normal(0, 1, (*SHAPE, 2))
    points = places()
    moved = bend_equations(points, ORIGIN, SPACING, SHAPE) @ shifts.reshape(-1, 2)
    assert Bend(ORIGIN, SPACING, shifts).flattened(points) == pytest.approx(points + moved, abs=1e-9)


def test_beyond_its_grid_it_goes_on_as_at_the_edge() -> None:
    bend = Bend(ORIGIN, SPACING, np.random.default_rng(3).normal(0, 1, (*SHAPE, 2)))
    far = np.array([[-500.0, 100.0], [-5.0, 100.0]])
    moved = bend.flattened(far) - far
    assert moved[0] == pytest.approx(moved[1])


def test_a_field_is_found_from_what_was_measured_of_it() -> None:
    """Smooth, measured along one axis at each place, a tenth of it nonsense."""
    random = np.random.default_rng(4)
    points = places(600)
    wave = np.column_stack([np.sin(points[:, 1] / 45), 0.8 * np.cos(points[:, 0] / 50)])
    axis = np.arange(600) % 2
    offsets = wave[np.arange(600), axis] + random.normal(0, 0.02, 600)
    offsets[::10] += random.uniform(-2, 2, 60)
    measured = Displaced(points, np.eye(2)[axis], offsets, np.ones(600), np.full(600, 0.1))
    away = np.abs(fit_bend(measured, 0.001).flattened(points) - points - wave)
    assert np.percentile(away, 98) < 0.1


def test_directions_askew_give_the_same_field() -> None:
    points = places(400)
    wave = np.column_stack([np.sin(points[:, 1] / 60), np.cos(points[:, 0] / 60)])
    angle = np.random.default_rng(5).uniform(0, 2 * np.pi, 400)
    directions = np.column_stack([np.cos(angle), np.sin(angle)])
    measured = Displaced(points, directions, (wave * directions).sum(axis=1), np.ones(400), np.ones(400))
    assert np.abs(fit_bend(measured, 0.001).flattened(points) - points - wave).max() < 0.1


def test_a_straightened_sheet_is_where_it_was() -> None:
    bend = Bend((0.0, 0.0), 35.0, np.random.default_rng(6).normal(0, 0.5, (12, 9, 2)))
    laid = Laid(np.array([[8.0, 0.2, 30.0], [-0.1, 7.9, 20.0], [1e-5, 2e-5, 1.0]]), bend)
    straight, most_mm, strain = straightened(laid)
    points = places()
    inside = (points > 12).all(axis=1) & (points < np.array([198, 285])).all(axis=1)
    assert straight.to_px(points[inside]) == pytest.approx(laid.to_px(points[inside]), abs=0.3)
    assert 0 < most_mm < 2
    assert 0 < strain < 0.1


def test_of_nothing_measured_no_bend_is_made() -> None:
    nothing = Displaced(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0))
    assert np.allclose(fit_bend(nothing, 0.02).flattened(np.array([[10.0, 20.0]])), [[10.0, 20.0]])
