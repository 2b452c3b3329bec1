"""Tick boxes and bubbles: how likely each is marked, empty, or was marked and cancelled.

A network looks at each box with its surroundings (`marks_view.py`). What is printed in a bubble, and how, it has to
know by itself: it learned from many printers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import ReadingModel
from recognizer.marks_view import mark_views
from recognizer.records import MARKS, BoxCrop

EMPTY, MARKED, CANCELLED = (MARKS.index(name) for name in ("empty", "marked", "cancelled"))


@dataclass(frozen=True, slots=True)
class MarkReading:
    """How likely one box is marked, and how likely it was cancelled; otherwise it is empty."""

    marked: float
    cancelled: float = 0.0

    @property
    def empty(self) -> float:
        """How likely nobody meant anything in this box."""
        return max(1.0 - self.marked - self.cancelled, 0.0)

    @property
    def is_cancelled(self) -> bool:
        """Tell whether cancelled is the likeliest of the three."""
        return self.cancelled > max(self.marked, self.empty)

    @property
    def unmarked(self) -> float:
        """How likely this box does not count.

        A box that may be cancelled, but more likely is not, does not count as surely as an empty one.
        """
        return self.empty + self.cancelled if self.is_cancelled else self.empty


def read_marks(crops: Sequence[BoxCrop], model: ReadingModel) -> tuple[MarkReading, ...]:
    """Return how likely each box is marked; all boxes are of one shape and from one page. There may be none."""
    return mark_readings(model.marks(mark_views(crops)))


def mark_readings(probabilities: NDArray[np.float32]) -> tuple[MarkReading, ...]:
    """Return what (N, 3) probabilities in the order of `MARKS` say."""
    return tuple(MarkReading(float(row[MARKED]), float(row[CANCELLED])) for row in probabilities)
