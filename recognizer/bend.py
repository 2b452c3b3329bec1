"""How paper that does not lie flat differs from paper that does, seen from where the picture was taken."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Points


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
