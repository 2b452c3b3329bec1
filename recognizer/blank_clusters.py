"""Boxes of a blank form that share rules: without the frames around them, their common sides in one place."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recognizer.blank_boxes import FoundBox
from recognizer.geometry import Rect

TOUCH_MM = 0.5
"""Boxes share a rule when their sides lie this near."""

NEAR_MM, WIDEST_MM = 0.12, 0.25
"""Sides that lie within the first of the next one, and within the second in all, are one rule, measured twice."""

OVERLAP_MM = 1.0
"""Length of the rule that boxes share, at least: more than a corner."""


def without_frames(boxes: Sequence[FoundBox], bubbles: Sequence[FoundBox]) -> list[FoundBox]:
    """Leave out boxes in which other boxes or bubbles lie."""
    inner = np.array([(box.rect.x, box.rect.y, box.rect.right, box.rect.bottom) for box in [*boxes, *bubbles]])
    area = (inner[:, 2] - inner[:, 0]) * (inner[:, 3] - inner[:, 1]) if len(inner) else np.zeros(0)
    kept = []
    for index, box in enumerate(boxes):
        outer = box.rect.grown(0.2)
        inside = (inner[:, 0] >= outer.x) & (inner[:, 1] >= outer.y)
        inside &= (inner[:, 2] <= outer.right) & (inner[:, 3] <= outer.bottom) & (area < area[index])
        if not inside.any():
            kept.append(box)
    return kept


def with_shared_sides(boxes: Sequence[FoundBox]) -> list[FoundBox]:
    """Return boxes whose sides, where they share a rule, lie in the same place to the last digit."""
    across = _gathered([side for box in boxes for side in (box.rect.x, box.rect.right)])
    down = _gathered([side for box in boxes for side in (box.rect.y, box.rect.bottom)])
    moved = []
    for index, box in enumerate(boxes):
        (left, right), (top, bottom) = across[2 * index : 2 * index + 2], down[2 * index : 2 * index + 2]
        moved.append(replace(box, rect=Rect(left, top, right - left, bottom - top)))
    return moved


def _gathered(places: Sequence[float]) -> list[float]:
    """Return places with those that lie close together replaced by their mean."""
    order = np.argsort(places)
    result = [0.0] * len(places)
    group: list[int] = []
    for at in [*order.tolist(), None]:
        if at is not None and (
            not group or (places[at] - places[group[-1]] <= NEAR_MM and places[at] - places[group[0]] <= WIDEST_MM)
        ):
            group.append(at)
            continue
        mean = round(float(np.mean([places[one] for one in group])), 3) if group else 0.0
        for one in group:
            result[one] = mean
        group = [] if at is None else [at]
    return result


def clusters(boxes: Sequence[FoundBox]) -> list[list[FoundBox]]:
    """Return boxes that share rules together, from the top down."""
    leader = list(range(len(boxes)))

    def head(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    sides = np.array([(box.rect.x, box.rect.y, box.rect.right, box.rect.bottom) for box in boxes]).reshape(-1, 4)
    for index, box in enumerate(boxes):
        for other in np.flatnonzero(_touching(box.rect, sides)).tolist():
            leader[head(other)] = head(index)
    groups: dict[int, list[FoundBox]] = {}
    for index, box in enumerate(boxes):
        groups.setdefault(head(index), []).append(box)
    return list(groups.values())


def _touching(rect: Rect, sides: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rectangles (N, 4: left, top, right, bottom) share a rule with one."""
    left, top, right, bottom = sides.T
    over = np.minimum(bottom, rect.bottom) - np.maximum(top, rect.y) > OVERLAP_MM
    beside = np.minimum(np.abs(left - rect.right), np.abs(right - rect.x)) <= TOUCH_MM
    along = np.minimum(right, rect.right) - np.maximum(left, rect.x) > OVERLAP_MM
    below = np.minimum(np.abs(top - rect.bottom), np.abs(bottom - rect.y)) <= TOUCH_MM
    return np.asarray((over & beside) | (along & below))
