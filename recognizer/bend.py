"""How paper that does not lie flat differs from paper that does, seen from where the picture was taken."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import RegistrationError
from recognizer.geometry import Homography, Points, apply_homography
from recognizer.template import A4_MM


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """A smooth field of shifts in millimetres of the sheet: add them, and a homography does the rest.

    A uniform cubic B-spline (de Boor 1978): `shifts` (R, C, 2) are its coefficients, `spacing` mm apart; the first one
    lies one spacing left of and above `origin`. Beyond its grid the field goes on as it is at the edge.
    """

    origin: tuple[float, float]
    spacing: float
    shifts: NDArray[np.float64]

    def flattened(self, points: Points) -> Points:
        """Return where points (N, 2) of the sheet, in mm, would be if the paper lay flat."""
        rows, columns, _ = self.shifts.shape
        (column, across), (row, down) = (
            _pieces(points[:, axis], self.origin[axis], self.spacing, count)
            for axis, count in ((0, columns), (1, rows))
        )
        flat: Points = points.astype(np.float64)
        for i in range(4):
            for j in range(4):
                flat += self.shifts[row + i, column + j] * (down[:, i] * across[:, j])[:, None]
        return flat


def bend_equations(points: Points, origin: tuple[float, float], spacing: float, shape: tuple[int, int]) -> Points:
    """Return by how much every coefficient of a bend moves points: (N, 2) to (N, R * C), row by row."""
    rows, columns = shape
    (column, across), (row, down) = (
        _pieces(points[:, axis], origin[axis], spacing, count) for axis, count in ((0, columns), (1, rows))
    )
    weights = np.zeros((len(points), rows * columns))
    index = np.arange(len(points))
    for i in range(4):
        for j in range(4):
            weights[index, (row + i) * columns + column + j] += down[:, i] * across[:, j]
    return weights


def _pieces(
    values: NDArray[np.float64], origin: float, spacing: float, count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the first of the four coefficients that count at each place, and the weights of the four, (N, 4)."""
    along = np.clip((values - origin) / spacing, 0.0, count - 3 - 1e-9)
    first = np.floor(along).astype(np.intp)
    t = along - first
    s = 1.0 - t
    weights = np.column_stack([s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3]) / 6
    return first, weights


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A sheet laid over a page: flat by a homography (millimetres to pixels), with what bends it before."""

    mm_to_px: Homography
    bend: Bend | None = None

    def to_px(self, points: Points) -> Points:
        """Map millimetres of the sheet (N, 2) to pixels (N, 2)."""
        return apply_homography(self.mm_to_px, points if self.bend is None else self.bend.flattened(points))


# ---- fitting ----------------------------------------------------------------------------------------------------

SPACING_MM = 35.0
"""Paper bends in waves of 20 cm and more, and rises over 5 cm at a corner: a spline this fine follows it to 0.05 mm."""

COLUMNS, ROWS = 9, 12
"""Coefficients across and down: enough for A4."""

BAND = 3 * COLUMNS + 3
"""Farthest coefficients, row by row, that one place of the sheet depends on."""

ORIGIN_MM = (0.0, 0.0)
ROUNDS = 4
EVEN_MM = 10.0
"""Distance of the points by which a bend is parted into a homography and the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Displaced:
    """Places at which it was measured how far the sheet is shifted, each along one direction.

    `points` (N, 2) mm, `directions` (N, 2) of length 1, `offsets` (N,) mm; how much each counts, `weights` (N,); and
    `spreads` (N,) mm: one that the others contradict by more than about this counts little (Cauchy weights).
    """

    points: Points
    directions: Points
    offsets: NDArray[np.float64]
    weights: NDArray[np.float64]
    spreads: NDArray[np.float64]

    def joined(self, other: "Displaced") -> "Displaced":
        """Return the places of both."""
        return Displaced(
            np.vstack([self.points, other.points]),
            np.vstack([self.directions, other.directions]),
            np.concatenate([self.offsets, other.offsets]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.spreads, other.spreads]),
        )


def fit_bend(measured: Displaced, stiffness: float) -> Bend:
    """Return the smoothest field that passes near what was measured.

    Args:
        measured: where, which way, how far.
        stiffness: what curving costs against missing what was measured; a slope costs nothing.
    """
    aside = np.abs(measured.directions[:, 0]) > 1 - 1e-9
    if (aside | (np.abs(measured.directions[:, 1]) > 1 - 1e-9)).all():
        # Each was measured along one axis alone: two problems of half the size.
        parts = [_solved(_chosen(measured, side), (axis,), stiffness) for axis, side in ((0, aside), (1, ~aside))]
        solution = np.concatenate(parts)
    else:
        solution = _solved(measured, (0, 1), stiffness)
    return Bend(ORIGIN_MM, SPACING_MM, solution.reshape(2, ROWS, COLUMNS).transpose(1, 2, 0))


def _chosen(measured: Displaced, which: NDArray[np.bool_]) -> Displaced:
    return Displaced(
        measured.points[which],
        measured.directions[which],
        measured.offsets[which],
        measured.weights[which],
        measured.spreads[which],
    )


def _solved(measured: Displaced, axes: tuple[int, ...], stiffness: float) -> NDArray[np.float64]:
    """Return the coefficients of the shifts along some axes, one axis after the other."""
    places, values = _sparse_equations(measured, axes)
    size, count = len(axes) * ROWS * COLUMNS, len(places)
    if not count:
        return np.zeros(size)
    # Each equation has 16 coefficients an axis that are not zero; a product of whole matrices would start the threads
    # of a BLAS library, which take longer than all of this.
    into = (places[:, :, None] * size + places[:, None, :]).reshape(count, -1)
    products = (values[:, :, None] * values[:, None, :]).reshape(count, -1)
    curving = np.kron(np.eye(len(axes)), _curving()) * stiffness
    weights, solution = measured.weights, np.zeros(size)
    for _ in range(ROUNDS):
        normal = np.bincount(into.ravel(), (products * weights[:, None]).ravel(), size * size).reshape(size, size)
        summed = np.bincount(places.ravel(), (values * (weights * measured.offsets)[:, None]).ravel(), size)
        wanted = np.asarray(summed, dtype=np.float64)
        solution = _eliminated(normal + curving, wanted, BAND if len(axes) == 1 else size)
        away = (values * solution[places]).sum(axis=1) - measured.offsets
        weights = measured.weights / (1 + (away / measured.spreads) ** 2)
    return solution


def _eliminated(matrix: NDArray[np.float64], right: NDArray[np.float64], band: int) -> NDArray[np.float64]:
    """Solve a symmetric, positive system with nothing farther than `band` from its diagonal (Gauss, without pivots).

    For so few unknowns this is faster than LAPACK, which starts threads; both arguments are written over.
    """
    size = len(right)
    for row in range(size - 1):
        end = min(row + band + 1, size)
        factors = matrix[row + 1 : end, row] / matrix[row, row]
        matrix[row + 1 : end, row + 1 : end] -= factors[:, None] * matrix[row, row + 1 : end]
        right[row + 1 : end] -= factors * right[row]
    solution = right / matrix.diagonal()
    for row in range(size - 2, -1, -1):
        end = min(row + band + 1, size)
        known = (matrix[row, row + 1 : end] * solution[row + 1 : end]).sum()
        solution[row] = (right[row] - known) / matrix[row, row]
    return solution


def _sparse_equations(measured: Displaced, axes: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return which coefficients of a bend move each place along its direction, (N, 16 an axis), and by how much."""
    (column, across), (row, down) = (
        _pieces(measured.points[:, axis], ORIGIN_MM[axis], SPACING_MM, count)
        for axis, count in ((0, COLUMNS), (1, ROWS))
    )
    four = np.arange(4)
    one = ((row[:, None, None] + four[:, None]) * COLUMNS + column[:, None, None] + four).reshape(-1, 16)
    weights = (down[:, :, None] * across[:, None, :]).reshape(-1, 16)
    places = np.hstack([one + number * ROWS * COLUMNS for number in range(len(axes))])
    return places, np.hstack([weights * measured.directions[:, axis, None] for axis in axes])


@cache
def _curving() -> NDArray[np.float64]:
    """Return the bending energy of a field as a quadratic form of its coefficients (as of a thin plate)."""
    rows, columns = np.eye(ROWS), np.eye(COLUMNS)
    down, across = np.diff(rows, axis=0), np.diff(columns, axis=0)
    parts = (
        np.kron(np.diff(down, axis=0), columns),
        np.kron(rows, np.diff(across, axis=0)),
        np.sqrt(2) * np.kron(down, across),
    )
    energy = sum(part.T @ part for part in parts)
    # Far from everything that was measured the field has to be something: flat.
    return np.asarray(energy + 1e-7 * np.eye(ROWS * COLUMNS), dtype=np.float64)


def in_all(measured: Displaced, laid: Laid) -> Displaced:
    """Return what was measured on a sheet that is bent already as the shifts of a flat one."""
    if laid.bend is None:
        return measured
    moved = laid.bend.flattened(measured.points) - measured.points
    return replace(measured, offsets=measured.offsets + (moved * measured.directions).sum(axis=1))


def straightened(laid: Laid) -> tuple[Laid, float, float]:
    """Return the sheet with as much of its bend as possible in the homography.

    Returns:
        The sheet, by how many mm it is bent at most, and how much that stretches it at most (1 is twice as long).
    """
    import cv2  # here, because whoever only remembers where a sheet lay needs no pictures

    if laid.bend is None:
        return laid, 0.0, 0.0
    points, to_coefficients = _even_points()
    placed = laid.to_px(points)
    nearest, _ = cv2.findHomography(points, placed, 0)
    if nearest is None:
        raise RegistrationError("the sheet cannot be laid flat; scan the page again, flat")
    transform = np.asarray(nearest, dtype=np.float64)
    shifts = apply_homography(np.asarray(np.linalg.inv(transform), dtype=np.float64), placed) - points
    grid = shifts.reshape(-1, len(np.unique(points[:, 0])), 2)
    strain = max(float(np.abs(np.diff(grid, axis=axis)).max()) / EVEN_MM for axis in (0, 1))
    bend = Bend(ORIGIN_MM, SPACING_MM, (to_coefficients @ shifts).reshape(ROWS, COLUMNS, 2))
    return Laid(transform, bend), float(np.hypot(*shifts.T).max()), strain


@cache
def _even_points() -> tuple[Points, NDArray[np.float64]]:
    """Return points all over the sheet, and the matrix that makes a bend's coefficients of their shifts."""
    x, y = np.meshgrid(np.arange(EVEN_MM, A4_MM[0], EVEN_MM), np.arange(1.5 * EVEN_MM, A4_MM[1], EVEN_MM))
    points = np.column_stack([x.ravel(), y.ravel()])
    weights = bend_equations(points, ORIGIN_MM, SPACING_MM, (ROWS, COLUMNS))
    solved = np.linalg.solve(weights.T @ weights + 1e-4 * _curving(), weights.T)
    return points.astype(np.float64), np.asarray(solved, dtype=np.float64)
