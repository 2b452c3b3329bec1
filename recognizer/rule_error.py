"""By how many millimetres a sheet is off in the worst part of the page, from what was seen of its printed rules."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Displaced
from recognizer.geometry import Points
from recognizer.rules import Probes

REGIONS = (4, 5)
"""The page is judged in parts of about 4.5 cm: a curled corner must not hide behind the good rest."""

LEAST_RULES = 5
"""Measured places in one part and direction that say something; of fewer all may be hidden or imitated by ink."""

MOST_RULES = 75
"""Percentile of the distances in a part that is taken for its error: a quarter may be ink instead of rules."""

MANY_RULES = 12
"""With fewer measured places in a part its error is the middle one: two or three that are ink would be a quarter."""

WITNESS_MM = 0.35
"""Where the rules of a part of the page are hidden, a block that fits within this tells that they are in place."""

FEW_RULES = 2
"""As `LEAST_RULES`, where it does no harm to be too strict."""

LEAST_SEEN_IN_REGION = 0.2
"""Share of the rules of a part of the page that must be seen; of which fewer are seen lies elsewhere, or is covered."""


def error_mm(
    probes: Probes, offsets: NDArray[np.float64], witnesses: Displaced | None = None, *, lenient: bool = False
) -> tuple[float, float]:
    """Return by how many mm the worst part of the page is off, and the share of the rules that were seen.

    Both directions are judged by themselves: along its own rules a box can slip unseen. A part in which next to no
    rules of a direction are seen is off by more than they are looked for: infinitely far, unless `witnesses` (whole
    blocks) tell where they are. `lenient`, parts with very few rules, and those kept for people only, may be hidden.
    """
    low, high = probes.anchors.min(axis=0), probes.anchors.max(axis=0) + 1e-6
    keys = _part_of(probes.anchors, probes.normals, low, high)
    visible = ~np.isnan(offsets)
    vouched: dict[int, list[float]] = defaultdict(list)
    if witnesses is not None:
        parts = _part_of(witnesses.points, witnesses.directions, low, high)
        for key, offset in zip(parts.tolist(), np.abs(witnesses.offsets).tolist(), strict=True):
            vouched[key].append(offset)
    off: dict[int, float] = defaultdict(float)
    least = LEAST_RULES if lenient else FEW_RULES
    distances, needed = np.abs(offsets), probes.vital if lenient else np.ones(len(offsets), dtype=bool)
    for key in np.unique(keys).tolist():
        inside = keys == key
        seen = np.sort(distances[inside & visible])
        vital = needed[inside]
        enough = max(LEAST_SEEN_IN_REGION * vital.sum(), 1 if lenient else FEW_RULES)
        if vital.sum() >= least and visible[inside][vital].sum() < enough:
            if max(vouched.get(key, [np.inf])) > WITNESS_MM:
                return np.inf, float(visible.mean())
            off[key // 2] += max(vouched[key]) ** 2
        elif len(seen) >= least:
            share = MOST_RULES if len(seen) >= MANY_RULES else 50
            off[key // 2] += percentile(seen, share) ** 2
    return float(np.sqrt(max(off.values(), default=0.0))), float(visible.mean())


def percentile(ordered: NDArray[np.float64], share: float) -> float:
    """Return a percentile of few values in order, between two of them where it lies there (NumPy's takes 0.1 ms)."""
    at = share / 100 * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (at - low) * (ordered[high] - ordered[low]))


def _part_of(points: Points, directions: Points, low: Points, high: Points) -> NDArray[np.intp]:
    """Return in which part of the page points lie, and across or down, as one number: even and odd ones are a pair."""
    cells = np.clip((points - low) / (high - low) * np.array(REGIONS), 0, np.array(REGIONS) - 1).astype(np.intp)
    return np.asarray(np.column_stack([cells, directions[:, 0] > 0.5]) @ np.array([100, 2, 1]), dtype=np.intp)
