"""The printed rules of boxes: where on the page they really are, measured against where they should be."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Homography, Points, Rect, apply_homography
from recognizer.records import GreyImage
from recognizer.template import SheetTemplate

RULE_REACH_MM = 0.8
"""How far to both sides of its expected place a rule is looked for; boxes further off are never accepted."""

RULE_STEP_MM = 0.05
PROBE_WIDTH_MM = 1.2
"""Length along a rule over which it is measured: long enough to average noise, short enough for a bubble's side."""

LEAST_CONTRAST = 24.0
"""Grey values by which a rule is darker than the paper beside it, at least; scanner noise on an average is below 5."""

WIDEST_RULE_MM = 0.7
"""What is darker over a wider stretch is no rule but ink or a shadow."""

MOST_PROBES = 500
"""Probes a page is measured by, about: more do not make the result better, only slower."""

CLOSEST_PROBES_MM = 4.0
"""Probes along a side are not closer than this: they would see the same pixels."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Places where a printed rule is expected: `points` (N, 2) mm on the rules, unit `normals` (N, 2) across them."""

    points: Points
    normals: Points


def probes_of(template: SheetTemplate, page: int) -> Probes:
    """Return where the sides of a page's boxes are to be measured, spread evenly over all boxes."""
    bubbles = {field.name for field in template.pages[page - 1].fields if field.shape == "bubble"}
    boxes = template.boxes(page)
    round_ones = [box.rect for box in boxes if box.field in bubbles]
    angular = [box.rect for box in boxes if box.field not in bubbles]
    share = MOST_PROBES * len(angular) // max(len(boxes), 1)
    apart = max(sum(2 * (rect.width + rect.height) for rect in angular) / max(share, 1), CLOSEST_PROBES_MM)
    # Whole bubbles are left out, and not sides of them: all directions have to be measured everywhere.
    every = max(-(-4 * len(round_ones) // max(MOST_PROBES - share, 1)), 1)
    places = [place for index, rect in enumerate(angular) for place in _sides(rect, apart, index)]
    places += [place for rect in round_ones[::every] for place in _sides(rect, np.inf, None)]
    # Neighbours in a comb share a side.
    distinct = np.array(list(dict.fromkeys(places)), dtype=np.float64).reshape(-1, 4)
    return Probes(distinct[:, :2], distinct[:, 2:])


def _sides(rect: Rect, apart: float, index: int | None) -> Iterator[tuple[float, float, float, float]]:
    """Yield places (x, y) on the sides of a rectangle with the normal there, about `apart` from one another."""
    for y in _spread(rect.y, rect.height, apart, index):
        yield from ((round(rect.x, 3), y, 1.0, 0.0), (round(rect.right, 3), y, 1.0, 0.0))
    for x in _spread(rect.x, rect.width, apart, index):
        yield from ((x, round(rect.y, 3), 0.0, 1.0), (x, round(rect.bottom, 3), 0.0, 1.0))


def _spread(start: float, length: float, apart: float, index: int | None) -> list[float]:
    """Return places along a side: the middle of a bubble's, else one at least, at changing places in a row of boxes."""
    count = max(int(length / apart), 1)
    if index is None:
        return [start + length / 2]
    if count == 1:
        return [start + length * (0.3, 0.7)[index % 2]]
    return [start + length * (0.12 + 0.76 * step / (count - 1)) for step in range(count)]


def measure(pixels: GreyImage, mm_to_px: Homography, probes: Probes) -> NDArray[np.float64]:
    """Return by how many mm along its normal each rule lies off its place, (N,); NaN where none is seen."""
    count = len(probes.points)
    if not count:
        return np.zeros(0)
    steps = np.arange(-RULE_REACH_MM - 0.4, RULE_REACH_MM + 0.4 + RULE_STEP_MM / 2, RULE_STEP_MM)
    beside = np.linspace(-PROBE_WIDTH_MM / 2, PROBE_WIDTH_MM / 2, 7)
    tangents = probes.normals[:, ::-1]
    places = (
        probes.points[:, None, None, :]
        + tangents[:, None, None, :] * beside[None, :, None, None]
        + probes.normals[:, None, None, :] * steps[None, None, :, None]
    )
    on_page = apply_homography(mm_to_px, places.reshape(-1, 2)).astype(np.float32).reshape(count * len(beside), -1, 2)
    sampled = cv2.remap(pixels, on_page[..., 0], on_page[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profiles = sampled.reshape(count, len(beside), len(steps)).astype(np.float32).mean(axis=1)
    return ridge_offsets(profiles, steps, RULE_REACH_MM)


def ridge_offsets(profiles: NDArray[np.float32], steps: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Return where dark, narrow ridges lie in profiles (N, K), in the unit of `steps`; NaN where there is none."""
    paper = np.percentile(profiles, 75, axis=1, keepdims=True)
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
    seen = (height[:, 0] >= LEAST_CONTRAST) & (wide * RULE_STEP_MM <= WIDEST_RULE_MM / 3)
    return np.where(seen, offsets, np.nan)
