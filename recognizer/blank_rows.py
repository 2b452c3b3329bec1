"""Boxes that belong together: rows, runs at an even pitch, and what a template says about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from recognizer.blank_boxes import FoundBox
from recognizer.geometry import Rect

SAME_ROW = 0.35
"""The middles of boxes of a row differ by less than this part of their height."""

EVEN_MM = 0.5
"""By how much the pitch of a row may vary: printers and copiers stretch paper, and a template knows one pitch."""

WIDER = 1.3
"""A gap this much wider than the next one separates two rows that stand side by side."""

MOST_IN_A_RUN = 40
"""Boxes that one field may have in a row (`template_parts.Count`)."""

DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class Draft:
    """A field that is proposed, without a name.

    `stem` begins its name; `cell` is its row and column when it stands in a table, `table` says which one on the page.
    `keys` is what the template says about it, `area` the paper that it takes.
    """

    stem: str
    area: Rect
    keys: Mapping[str, Any]
    table: int | None = None
    cell: tuple[int, int] = (0, 0)


def around(rects: Iterable[Rect]) -> Rect:
    """Return the rectangle around rectangles."""
    many = list(rects)
    left, top = min(rect.x for rect in many), min(rect.y for rect in many)
    return Rect(left, top, max(rect.right for rect in many) - left, max(rect.bottom for rect in many) - top)


def middle(rect: Rect) -> tuple[float, float]:
    """Return the middle of a rectangle."""
    return rect.x + rect.width / 2, rect.y + rect.height / 2


def rows_of(boxes: Iterable[FoundBox], same: float = SAME_ROW) -> list[list[FoundBox]]:
    """Return boxes in rows from the top down, each from left to right."""
    rows: list[list[FoundBox]] = []
    for box in sorted(boxes, key=lambda one: middle(one.rect)[1]):
        level = middle(box.rect)[1]
        if rows:
            levels = [middle(other.rect)[1] for other in rows[-1]]
            if level - sum(levels) / len(levels) < same * min(box.rect.height, rows[-1][0].rect.height):
                rows[-1].append(box)
                continue
        rows.append([box])
    return [sorted(row, key=lambda one: one.rect.x) for row in rows]


def runs_of(line: Sequence[FoundBox], most_mm: float, axis: int = 0) -> list[list[FoundBox]]:
    """Return the stretches of a line at an even pitch of at most `most_mm`; a lone box is one of its own.

    Args:
        line: boxes in order along the line.
        most_mm: the widest pitch.
        axis: 0 for a row, 1 for a column.
    """
    runs: list[list[FoundBox]] = []
    at = [middle(box.rect)[axis] for box in line]
    steps = [after - before for before, after in pairwise(at)]
    for index, box in enumerate(line):
        if runs and _goes_on(len(runs[-1]), steps, index, most_mm):
            runs[-1].append(box)
        else:
            runs.append([box])
    return runs


def _goes_on(length: int, steps: Sequence[float], index: int, most_mm: float) -> bool:
    """Tell whether the box at `index` continues a run of `length` boxes that ends before it."""
    step = steps[index - 1]
    if step > most_mm or length == MOST_IN_A_RUN:
        return False
    if length > 1:
        before = steps[index - length : index - 1]
        return abs(step - sum(before) / len(before)) <= EVEN_MM
    return index == len(steps) or step <= WIDER * steps[index]


def pitch_of(places: Sequence[float]) -> tuple[float, float]:
    """Return where the first of evenly spaced places lies, and their pitch (0 for a single one), by least squares."""
    if len(places) == 1:
        return places[0], 0.0
    pitch, start = np.polyfit(np.arange(len(places)), places, 1)
    return float(start), float(pitch)


def row_keys(rects: Sequence[Rect], axis: int = 0) -> dict[str, Any]:
    """Return what a template says about boxes of one size in a row or column: the first one, and the pitch."""
    size = [float(np.median([getattr(rect, side) for rect in rects])) for side in ("width", "height")]
    x, across = pitch_of([middle(rect)[0] for rect in rects])
    y, down = pitch_of([middle(rect)[1] for rect in rects])
    if axis == 0:
        y = float(np.median([middle(rect)[1] for rect in rects]))
    else:
        x = float(np.median([middle(rect)[0] for rect in rects]))
    keys: dict[str, Any] = {"x": x - size[0] / 2, "y": y - size[1] / 2, "width": size[0], "height": size[1]}
    if len(rects) > 1:
        keys["pitch"] = (across, down)[axis]
    return keys


def choice(stem: str, boxes: Sequence[FoundBox], axis: int = 0) -> Draft:
    """Return a field with one option a box, in a row (axis 0) or a column."""
    rects = [box.rect for box in boxes]
    keys = row_keys(rects, axis) | {"kind": "choice", "options": options_of(len(rects)), "shape": boxes[0].shape}
    return Draft(stem, around(rects), keys | {"direction": ("row", "column")[axis]})


def options_of(count: int) -> list[str]:
    """Return names for options: letters as long as there are enough."""
    return [chr(ord("A") + index) if count <= 26 else str(index + 1) for index in range(count)]
