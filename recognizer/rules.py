"""The printed rules of boxes: where on the page they really are, measured against where they should be."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Points, Rect
from recognizer.records import GreyImage
from recognizer.template import Kind, SheetTemplate

RULE_REACH_MM = 0.8
"""How far to both sides of its expected place a rule is looked for; boxes further off are never accepted."""

RULE_STEP_MM = 0.05
PROBE_WIDTH_MM = 1.2
"""Length along a rule over which it is measured: long enough to average noise, short enough for a bubble's side."""

LEAST_CONTRAST = 0.1
"""By how much of the paper's grey value a rule is darker than the paper beside it, at least..."""

LEAST_CONTRAST_GREY = 10.0
"""...and by how many grey values: scanner noise on an average is below 5."""

AGREEMENT_MM, AGREEMENT_SHARE = 0.2, 0.003
"""Opposite sides of a box lie off by the same, to this much and this share of their distance (curled paper); more
apart, one of them is a pen stroke."""

WIDEST_RULE_MM = 0.7
"""What is darker over a wider stretch is no rule but ink or a shadow."""

MOST_PROBES = 500
"""Probes a page is measured by, about: more do not make the result better, only slower."""

CLOSEST_PROBES_MM = 4.0
"""Probes along a side are not closer than this: they would see the same pixels."""


LONG_SIDE_MM = 15.0
"""A side at least this long is measured in three places: a field may stand alone in its part of the page."""

CORNER_INSET_MM = 1.1
"""From the corner of a box to the first probe on its side: the probe (`PROBE_WIDTH_MM`) just misses the other side."""

ANCHOR_REACH_MM = 12.0
"""A probe speaks for the part of the page that lies this near."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Places where a printed rule is expected.

    `points` (N, 2) are on the rules, in mm, `normals` (N, 2) of length 1 point across them, `anchors` (N, 2) are
    inside the boxes (so that all sides of a box count for the same part of the page), `pairs` (P, 2) says which two
    probes lie opposite one another on the same box, and `vital` (N,) which ones must not be hidden: not those of boxes
    that are kept for people only, which may be full of ink.
    """

    points: Points
    normals: Points
    anchors: Points
    pairs: NDArray[np.intp]
    vital: NDArray[np.bool_]


@lru_cache(maxsize=64)
def probes_of(template: SheetTemplate, page: int) -> Probes:
    """Return where the sides of a page's boxes are to be measured, spread evenly over all boxes."""
    bubbles = {field.name for field in template.pages[page - 1].fields if field.shape == "bubble"}
    boxes = template.boxes(page)
    for_people = {box.rect for box in boxes if box.kind is Kind.IMAGE}
    for_people = for_people if len(for_people) < len(boxes) else set()
    round_ones = [box.rect for box in boxes if box.field in bubbles]
    angular = [box.rect for box in boxes if box.field not in bubbles]
    share = MOST_PROBES * len(angular) // max(len(boxes), 1)
    apart = max(sum(2 * (rect.width + rect.height) for rect in angular) / max(share, 1), CLOSEST_PROBES_MM)
    # Whole bubbles are left out, and not sides of them: all directions have to be measured everywhere.
    every = max(-(-4 * len(round_ones) // max(MOST_PROBES - share, 1)), 1)
    opposite = [(rect, pair) for index, rect in enumerate(angular) for pair in _opposite(rect, apart, index)]
    opposite += [(rect, pair) for rect in round_ones[::every] for pair in _opposite(rect, np.inf, None)]
    # Neighbours in a comb share a side, and its probes.
    numbers: dict[_Place, int] = {}
    anchors: dict[_Place, tuple[float, float]] = {}
    vital: set[_Place] = set()
    for rect, pair in opposite:
        for place in pair:
            numbers.setdefault(place, len(numbers))
            anchors.setdefault(place, _anchor(rect, place))
            vital |= set() if rect in for_people else {place}
    places = np.array(list(numbers), dtype=np.float64).reshape(-1, 4)
    return Probes(
        places[:, :2],
        places[:, 2:],
        np.array([anchors[place] for place in numbers], dtype=np.float64).reshape(-1, 2),
        np.array([[numbers[place] for place in pair] for _, pair in opposite], dtype=np.intp).reshape(-1, 2),
        np.array([place in vital for place in numbers], dtype=bool),
    )


def _anchor(rect: Rect, place: "_Place") -> tuple[float, float]:
    """Return the middle of a box, or in a wide one the place inside that is near enough."""
    x, y = rect.x + rect.width / 2, rect.y + rect.height / 2
    near = ANCHOR_REACH_MM
    return min(max(x, place[0] - near), place[0] + near), min(max(y, place[1] - near), place[1] + near)


_Place: TypeAlias = tuple[float, float, float, float]
"""A point and its normal."""


def _opposite(rect: Rect, apart: float, index: int | None) -> Iterator[tuple[_Place, _Place]]:
    """Yield pairs of places opposite one another on the sides of a rectangle, about `apart` from the next pair."""
    for y in _spread(rect.y, rect.height, apart, index):
        yield (round(rect.x, 3), y, 1.0, 0.0), (round(rect.right, 3), y, 1.0, 0.0)
    for x in _spread(rect.x, rect.width, apart, index):
        yield (x, round(rect.y, 3), 0.0, 1.0), (x, round(rect.bottom, 3), 0.0, 1.0)


def _spread(start: float, length: float, apart: float, index: int | None) -> list[float]:
    """Return places along a side: the middle of a bubble's, else one at least, near an end, where few people write."""
    if index is None:
        return [start + length / 2]
    inset = min(CORNER_INSET_MM, 0.3 * length)
    count = max(int(length / apart), 3 if length >= LONG_SIDE_MM else 1)
    if count == 1:
        # Changing ends: what is printed beside a row of boxes must not decide for all of them.
        return [start + (inset, length - inset)[index % 2]]
    step = (length - 2 * inset) / (count - 1)
    return [start + inset + number * step for number in range(count)]


def measure(
    pixels: GreyImage, to_px: Callable[[Points], Points], probes: Probes, reach_mm: float = RULE_REACH_MM
) -> NDArray[np.float64]:
    """Return by how many mm along its normal each rule lies off its place, (N,); NaN where none is seen.

    A rule is seen, at most `reach_mm` away, where the opposite side of its box lies off by the same.
    """
    count = len(probes.points)
    if not count:
        return np.zeros(0)
    steps = np.arange(-reach_mm - 0.4, reach_mm + 0.4 + RULE_STEP_MM / 2, RULE_STEP_MM)
    beside = np.linspace(-PROBE_WIDTH_MM / 2, PROBE_WIDTH_MM / 2, 7)
    # Over so short a way every mapping is a straight line: three points tell where all others are.
    feet, ahead, aside = (
        to_px(points).astype(np.float32)
        for points in (probes.points, probes.points + probes.normals, probes.points + probes.normals[:, ::-1])
    )
    across, along = beside.astype(np.float32)[:, None], steps.astype(np.float32)
    x, y = (
        (foot[:, None] + sideways[:, None] * across.T)[:, :, None] + forwards[:, None, None] * along
        for foot, sideways, forwards in (
            (feet[:, axis], (aside - feet)[:, axis], (ahead - feet)[:, axis]) for axis in (0, 1)
        )
    )
    on_page = (x.reshape(count * len(beside), -1), y.reshape(count * len(beside), -1))
    sampled = cv2.remap(pixels, *on_page, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profiles = sampled.reshape(count, len(beside), len(steps)).mean(axis=1, dtype=np.float32)
    return _agreeing(ridge_offsets(profiles, steps, reach_mm), probes)


def _agreeing(offsets: NDArray[np.float64], probes: Probes) -> NDArray[np.float64]:
    """Return the offsets of which one opposite says the same, and NaN for the others: those are ink."""
    pairs = probes.pairs
    one, other = offsets[pairs[:, 0]], offsets[pairs[:, 1]]
    apart = np.abs(probes.points[pairs[:, 0]] - probes.points[pairs[:, 1]]).max(axis=1)
    agree = np.abs(one - other) <= AGREEMENT_MM + AGREEMENT_SHARE * apart
    believed = np.zeros(len(offsets), dtype=bool)
    believed[pairs[agree].ravel()] = True
    return np.where(believed, offsets, np.nan)


def ridge_offsets(profiles: NDArray[np.float32], steps: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Return where dark, narrow ridges lie in profiles (N, K), in the unit of `steps`; NaN where there is none."""
    third = 3 * profiles.shape[1] // 4
    paper = np.partition(profiles, third, axis=1)[:, third, None]
    darkness = np.maximum(paper - profiles, 0.0)
    within = np.abs(steps) <= reach
    searched = np.where(within, darkness, -1.0)
    peak = searched.argmax(axis=1)
    height = np.take_along_axis(darkness, peak[:, None], axis=1)
    half = max(round(WIDEST_RULE_MM / 2 / RULE_STEP_MM), 1)
    index = np.arange(len(steps))
    away = np.abs(index[None, :] - peak[:, None])
    near = away <= half
    weight = np.where(near, np.maximum(darkness - 0.4 * height, 0.0), 0.0)
    total = weight.sum(axis=1)
    offsets = (weight * steps).sum(axis=1) / np.maximum(total, 1e-6)
    wide = (~near & (away <= 2 * half) & (darkness > 0.6 * height)).sum(axis=1)
    contrast = np.maximum(LEAST_CONTRAST * paper[:, 0], LEAST_CONTRAST_GREY)
    seen = (height[:, 0] >= contrast) & (wide * RULE_STEP_MM <= WIDEST_RULE_MM / 3)
    return np.where(seen, offsets, np.nan)
