"""Points, rectangles, homographies; millimetres on the sheet to pixels on the page."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
"""(N, 2) float64, x then y."""

Homography: TypeAlias = NDArray[np.float64]
"""(3, 3) float64, maps homogeneous column vectors."""

MM_PER_INCH = 25.4


@dataclass(frozen=True, slots=True)
class Rect:
    """An upright rectangle: left and top edge, width and height, in the unit of its surroundings."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The bottom edge."""
        return self.y + self.height

    def grown(self, margin: float) -> "Rect":
        """Return the rectangle with `margin` added on every side (taken away when negative)."""
        return Rect(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def shifted(self, dx: float, dy: float) -> "Rect":
        """Return the rectangle moved by (dx, dy)."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)

    def overlaps(self, other: "Rect", tolerance: float = 0.0) -> bool:
        """Tell whether the two share more than an edge (more than `tolerance` in both directions)."""
        across = min(self.right, other.right) - max(self.x, other.x)
        down = min(self.bottom, other.bottom) - max(self.y, other.y)
        return across > tolerance and down > tolerance

    def contains(self, other: "Rect") -> bool:
        """Tell whether `other` lies wholly inside."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.right <= self.right + 1e-9
            and other.bottom <= self.bottom + 1e-9
        )

    def corners(self) -> Points:
        """Return the corners clockwise from the top left, (4, 2)."""
        return np.array(
            [[self.x, self.y], [self.right, self.y], [self.right, self.bottom], [self.x, self.bottom]], dtype=np.float64
        )


def apply_homography(transform: Homography, points: Points) -> Points:
    """Map points, (N, 2) to (N, 2)."""
    # Written out: a matrix product of many points would start the threads of a BLAS library for nothing.
    x, y = points[:, 0], points[:, 1]
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(transform, dtype=np.float64)
    depth = g * x + h * y + i
    mapped: Points = np.column_stack([(a * x + b * y + c) / depth, (d * x + e * y + f) / depth])
    return mapped


def bounding_rect(points: Points) -> Rect:
    """Return the smallest upright rectangle around points, (N, 2) with N at least 1."""
    low, high = points.min(axis=0), points.max(axis=0)
    return Rect(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
