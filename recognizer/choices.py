"""Tick boxes and bubbles: how much is written in each, and how likely it is meant as a mark.

An empty box is not white: a bubble holds a printed letter, paper has a tone, a scanner adds noise. So each box is
compared with the emptier boxes of the same shape on the same page, and only the excess counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Rect
from recognizer.records import BoxCrop

RULE_INSET_MM = 0.45
"""Left out along the printed outline: half a 0.25 mm rule, its blur at 150 dpi, and what registration may be off."""

NOISE_FLOOR = 0.10
"""Darkness, 0 paper to 1 black, that paper texture and scanner noise reach without any ink."""

EMPTY_SHARE = 40
"""Percentile of the boxes on a page taken as empty: on any sheet fewer than 60 % of the boxes are marked."""

MARK_EXCESS = {"box": 0.045, "bubble": 0.12}
"""Mean darkness above an empty box at which a mark is as likely as not. A thin tick covers about 8 % of a 5 mm box
but a fill more than half of a bubble; on rough simulated scans empty bubbles vary by 0.06."""

MOST_EMPTY = {"box": 0.01, "bubble": 0.12}
"""Darkness that an empty box never exceeds: a tick box has nothing printed inside, a bubble has a letter. Where most of
a page's boxes are marked, the percentile alone would take marks for paper."""

MARK_SOFTNESS = 0.10
"""Width of the doubtful zone, as a share of MARK_EXCESS: at 0 and at twice the excess the odds are 20,000 to 1."""


@dataclass(frozen=True, slots=True)
class MarkReading:
    """How likely one box is marked, and the darkness that says so (mean over its inside, 0 to 1)."""

    marked: float
    darkness: float


def read_marks(crops: Sequence[BoxCrop], shape: str) -> tuple[MarkReading, ...]:
    """Return how likely each box is marked; all boxes are of one shape ("box" or "bubble") and from one page."""
    if not crops:
        return ()
    darkness = np.array([inside_darkness(crop, shape) for crop in crops])
    empty = float(np.percentile(darkness, EMPTY_SHARE)) if len(crops) > 1 else 0.0
    middle = MARK_EXCESS[shape]
    empty = min(empty, MOST_EMPTY[shape])
    odds = (darkness - empty - middle) / (MARK_SOFTNESS * middle)
    marked = 1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))
    return tuple(MarkReading(float(p), float(d)) for p, d in zip(marked, darkness, strict=True))


def inside_darkness(crop: BoxCrop, shape: str) -> float:
    """Return the mean darkness inside the printed outline, 0.0 paper to 1.0 black."""
    inner = crop.outline.grown(-RULE_INSET_MM * crop.px_per_mm)
    mask = _inside_mask(crop.pixels.shape, inner, shape)
    if not mask.any():
        return 0.0
    paper = max(float(np.percentile(crop.pixels, 90)), 1.0)
    dark = np.clip((paper - crop.pixels[mask].astype(np.float64)) / paper, 0.0, 1.0)
    return float(np.mean(np.where(dark > NOISE_FLOOR, dark, 0.0)))


def _inside_mask(size: tuple[int, ...], inner: Rect, shape: str) -> NDArray[np.bool_]:
    mask = np.zeros(size[:2], dtype=np.uint8)
    if inner.width <= 0 or inner.height <= 0:
        return mask.astype(bool)
    if shape == "bubble":
        center = (round(inner.x + inner.width / 2), round(inner.y + inner.height / 2))
        cv2.ellipse(mask, center, (round(inner.width / 2), round(inner.height / 2)), 0, 0, 360, 1, cv2.FILLED)
    else:
        top, left = max(round(inner.y), 0), max(round(inner.x), 0)
        mask[top : round(inner.bottom), left : round(inner.right)] = 1
    return mask.astype(bool)
