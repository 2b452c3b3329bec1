"""Habits of other countries given to the hands of a set: a 7 with a bar through its stem, a 1 with an upstroke.

MNIST's writers, most of whose digits are learned from, are American: few cross a 7, and their 1 is a stick. Where one
does it already, nothing is added.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.training.compose import Ink

CROSSED, FLAGGED = 0.4, 0.3
"""Share of writers who get a bar through every 7, and an upstroke to every 1."""

INKED = 127
"""Grey value (of 255) from which a pixel is ink when strokes are measured."""

ALREADY_WIDE = 0.45
"""Width, in heights, from which a stem has a bar already or a 1 is more than a stick."""

FINE_BITS = 4
"""Strokes are drawn at 1/16 px."""


def european(digits: Mapping[str, list[Ink]], rng: np.random.Generator) -> dict[str, list[Ink]]:
    """Return a writer's digits, some writers' with crossed sevens or flagged ones."""
    given = dict(digits)
    if rng.random() < CROSSED:
        given["7"] = [crossed_seven(ink, rng) for ink in digits["7"]]
    if rng.random() < FLAGGED:
        given["1"] = [flagged_one(ink, rng) for ink in digits["1"]]
    return given


def crossed_seven(ink: Ink, rng: np.random.Generator) -> Ink:
    """Return a 7, (H, W) uint8 cut to its ink, with a bar through its stem, as broad as its strokes are."""
    height = len(ink)
    row = round(height * float(rng.uniform(0.42, 0.62)))
    left, right = _reach(ink[max(row - height // 8, 0) : row + height // 8 + 1])
    if right - left >= ALREADY_WIDE * height:
        return ink
    stem = float(np.mean(_reach(ink[row : row + 1])))
    half = float(rng.uniform(0.18, 0.36)) * height
    middle = stem + float(rng.normal(0, 0.05)) * height
    fall = float(rng.normal(-0.03, 0.06)) * height
    bow = float(rng.normal(0, 0.03)) * height
    return _with_stroke(ink, [(middle - half, row + fall), (middle, row + bow), (middle + half, row - fall)])


def flagged_one(ink: Ink, rng: np.random.Generator) -> Ink:
    """Return a 1, (H, W) uint8 cut to its ink, with an upstroke from the left to its top."""
    height, width = ink.shape
    if width >= ALREADY_WIDE * height:
        return ink
    top = int(np.flatnonzero((ink > INKED).any(axis=1))[0]) if (ink > INKED).any() else 0
    tip = float(np.mean(_reach(ink[top : top + 2])))
    long, turn = float(rng.uniform(0.22, 0.6)) * height, np.radians(float(rng.uniform(22, 60)))
    foot = (tip - long * float(np.sin(turn)), top + long * float(np.cos(turn)))
    bow = float(rng.normal(0, 0.03)) * height
    return _with_stroke(ink, [foot, ((foot[0] + tip) / 2 + bow, (foot[1] + top) / 2 + bow), (tip, float(top))])


def _reach(rows: Ink) -> tuple[int, int]:
    """Return the first and the last column with ink in some rows; the middle twice where there is none."""
    columns = np.flatnonzero((rows > INKED).any(axis=0))
    middle = rows.shape[1] // 2
    return (int(columns[0]), int(columns[-1])) if len(columns) else (middle, middle)


def _with_stroke(ink: Ink, points: list[tuple[float, float]]) -> Ink:
    """Return ink with one more stroke, on a picture that is larger where the stroke leaves it."""
    edge = len(ink)
    wide = np.pad(ink, ((0, 0), (edge, edge)))
    line = np.round((np.array(points) + np.array([edge, 0])) * 2**FINE_BITS).astype(np.int32)
    drawn = np.zeros_like(wide)
    cv2.polylines(drawn, [line], False, 255, max(round(_stroke_px(ink)), 1), cv2.LINE_AA, FINE_BITS)
    both: NDArray[np.uint8] = np.maximum(wide, drawn)
    columns = np.flatnonzero((both > 0).any(axis=0))
    return both[:, max(columns[0] - 1, 0) : columns[-1] + 2]


def _stroke_px(ink: Ink) -> float:
    """Return about how broad the strokes are: twice what lies deep inside them."""
    inside = cv2.distanceTransform(np.pad((ink > INKED).astype(np.uint8), 1), cv2.DIST_L2, 3)
    deep = inside[inside > 0]
    return float(2 * np.percentile(deep, 80) - 0.5) if len(deep) else 1.0
