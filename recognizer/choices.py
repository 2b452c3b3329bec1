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


STROKE_MM2 = 0.5
"""Connected ink of this area inside a tick box is a stroke, however pale or short: such a box is not called empty. In
150 boxes of simulated scans, grey and 1-bit, empty ones held none and ticked ones 3 mm2 and more."""

STROKE_CONTRAST = 0.08
"""Darkness, 0 paper to 1 black, from which a pixel may belong to such a stroke."""

BLACKENED = {"box": 0.6, "bubble": 1.0}
"""Mean darkness from which a box is blackened, which may mean marked or cancelled; bubbles are meant to be filled."""

DOUBT = 0.5
"""How likely a box is marked when a person has to say."""


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
    return tuple(
        MarkReading(DOUBT if _is_doubtful(crop, shape, float(p), float(d)) else float(p), float(d))
        for crop, p, d in zip(crops, marked, darkness, strict=True)
    )


def _is_doubtful(crop: BoxCrop, shape: str, marked: float, darkness: float) -> bool:
    """Tell whether darkness alone does not say what is meant: a light or short tick, or a box blackened all over."""
    if marked >= DOUBT:
        return darkness > BLACKENED[shape]
    return shape == "box" and _largest_stroke_mm2(crop) >= STROKE_MM2


def _largest_stroke_mm2(crop: BoxCrop) -> float:
    """Return the area of the largest connected ink inside a tick box, in mm2."""
    inside = _inside_mask(crop.pixels.shape, crop.outline.grown(-RULE_INSET_MM * crop.px_per_mm), "box")
    smooth = cv2.GaussianBlur(crop.pixels, (3, 3), 0).astype(np.float64)
    paper = max(float(np.percentile(crop.pixels, 90)), 1.0)
    ink = inside & (smooth < (1 - STROKE_CONTRAST) * paper)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.view(np.uint8), connectivity=8)
    return float(stats[1:, 4].max(initial=0)) / crop.px_per_mm**2


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
