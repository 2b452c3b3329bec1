"""Pieces of ink on a level picture -> lines of writing, from top to bottom, each from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recognizer.free_paper import Pieces

FULL = 0.5
"""A piece at least so many digits high makes a line; smaller ones (bars, dots, broken ends) join one."""

OFF_LINE = 0.58
"""A piece whose middle lies farther from the line's, in heights of a digit, is in another line."""

NEAR_LINE = 1.1
"""A small piece joins a line whose nearest piece lies so near, in heights of a digit, across and down."""

STEADY = 3.0
"""A line's slope is believed as far as its pieces lie apart by more than so many heights of a digit."""

MEMORY = 6
"""The slope of a line is that of its last pieces: paper may be curved."""


@dataclass(slots=True)
class _Line:
    """A line as it grows to the right: the numbers of its pieces, and their middles."""

    members: list[int] = field(default_factory=list)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)

    def add(self, member: int, x: float, y: float) -> None:
        self.members.append(member)
        self.x.append(x)
        self.y.append(y)

    def level_at(self, x: float, digit: float) -> float:
        """Return where the middle of the line is expected."""
        across, down = np.array(self.x[-MEMORY:]), np.array(self.y[-MEMORY:])
        dx, dy = across - across.mean(), down - down.mean()
        slope = float((dx * dy).sum() / ((dx**2).sum() + (STEADY * digit) ** 2))
        return float(down.mean() + slope * (x - across.mean()))


def text_lines(pieces: Pieces, digit: float) -> list[list[int]]:
    """Return the numbers of the pieces of each line; a piece that is small and far from all lines is in none.

    Args:
        pieces: (K, 5) int32, K may be 0.
        digit: height of a digit in pixels.
    """
    middle = pieces[:, :2] + pieces[:, 2:4] / 2
    full = pieces[:, 3] >= FULL * digit
    lines: list[_Line] = []
    for number in np.argsort(middle[:, 0], kind="stable").tolist():
        if full[number]:
            x, y = middle[number].tolist()
            _line_for(lines, x, y, digit).add(number, x, y)
    lines.sort(key=lambda line: float(np.mean(line.y)))
    found = [line.members for line in lines]
    _join_small(found, np.flatnonzero(~full), pieces, digit)
    return [sorted(members, key=lambda number: float(middle[number, 0])) for members in found]


def _line_for(lines: list[_Line], x: float, y: float, digit: float) -> _Line:
    """Return the line that a piece continues, a new one when there is none."""
    off = [abs(line.level_at(x, digit) - y) for line in lines]
    nearest = int(np.argmin(off)) if off else -1
    if nearest >= 0 and off[nearest] <= OFF_LINE * digit:
        return lines[nearest]
    lines.append(_Line())
    return lines[-1]


def _join_small(lines: list[list[int]], small: Sequence[int] | NDArray[np.intp], pieces: Pieces, digit: float) -> None:
    """Add small pieces to the lines whose pieces are nearest."""
    full = [number for members in lines for number in members]
    line_of = [at for at, members in enumerate(lines) for _ in members]
    if not full:
        return
    low, high = pieces[full, :2], pieces[full, :2] + pieces[full, 2:4]
    for number in small:
        x, y, wide, tall = pieces[number, :4].tolist()
        apart = np.maximum(np.maximum(low - (x + wide, y + tall), (x, y) - high), 0)
        gaps = np.hypot(apart[:, 0], apart[:, 1])
        nearest = int(gaps.argmin())
        if gaps[nearest] <= NEAR_LINE * digit:
            lines[line_of[nearest]].append(int(number))
