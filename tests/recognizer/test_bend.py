"""A bend is smooth, exact for what is straight, and its equations say what it does."""

import numpy as np
import pytest

from recognizer.bend import Bend, bend_equations
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
