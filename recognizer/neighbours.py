"""Whether the boxes of a sheet fit as well beside the place where it was laid: a row lands on its neighbour easily.

Corner marks rule that out for sheets that are found by themselves; of a page that a person placed only this is known.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Laid
from recognizer.errors import RegistrationError
from recognizer.geometry import Homography
from recognizer.marks import px_per_mm_at
from recognizer.records import GreyImage
from recognizer.rules import Probes, measure

NEIGHBOUR_REACH_MM = 16.0
"""So far around the place that was found it is tried whether the boxes fit better: two columns of bubbles, or a row."""

NEIGHBOUR_STEP_MM = 1.2
"""Rules are looked for 0.8 mm to both sides and surely found 0.6 mm off, so no place between two tries is missed."""

PULLED_STEP_MM = 4.0
"""The same where the sheet is pulled to rules up to 3 mm away."""

LEAST_LEAD = 0.02
"""By so much more of the printed rules have to be seen where the sheet lies than anywhere around. In simulated office
and rough scans of the shipped sheets it was never less than 0.07; one row or column off, it is less than nothing."""

GLANCE_EVERY = 6
GLANCE_MARGIN = 0.35
"""At each place around every sixth rule is looked at first: of 30 rules the share that is seen is right to 0.2, and up
to 0.6 mm off it is smaller."""


def refuse_neighbours(pixels: GreyImage, laid: Laid, probes: Probes) -> None:
    """Raise RegistrationError when the boxes fit as well elsewhere: shown one row off, a row lands on its neighbour."""
    few = _every(probes, GLANCE_EVERY)
    least = _seen(_offsets(pixels, laid, np.zeros(2), probes)) - LEAST_LEAD
    steps = np.arange(-NEIGHBOUR_REACH_MM, NEIGHBOUR_REACH_MM + NEIGHBOUR_STEP_MM / 2, NEIGHBOUR_STEP_MM)
    for x, y in itertools.product(steps, steps):
        if not NEIGHBOUR_STEP_MM < math.hypot(x, y) <= NEIGHBOUR_REACH_MM:
            continue
        # Most places are nothing like it, which a few rules tell. Where it is, boxes are shifted onto those there.
        shift = np.array([x, y])
        if _seen(_offsets(pixels, laid, shift, few)) < least - GLANCE_MARGIN:
            continue
        for _ in range(2):
            offsets = _offsets(pixels, laid, shift, probes)
            if _seen(offsets) >= least and np.hypot(*shift) > NEIGHBOUR_STEP_MM:
                raise RegistrationError(
                    f"the boxes fit as well or better {np.hypot(*shift):.0f} mm beside the place that was shown"
                )
            shift = shift + _wanted(probes, offsets)


def refuse_flat_neighbours(
    pixels: GreyImage, laid: Laid, shown: Homography, pull: Callable[[Homography], Homography], probes: Probes
) -> None:
    """Raise RegistrationError when a flat sheet fits elsewhere as well as a bent one does where it was laid.

    A sheet that was bent to follow its rules may have been bent onto those of the row beside, here more and there
    less: no shift undoes that. So it is begun anew, from where it was shown, all around.

    Args:
        pixels: the page.
        laid: the bent sheet.
        shown: where a person saw the sheet.
        pull: moves a flat sheet to the rules near by.
        probes: where its rules are.
    """
    least = _seen(_offsets(pixels, laid, np.zeros(2), probes)) - LEAST_LEAD
    here, scale = laid.to_px(probes.points), px_per_mm_at(laid.mm_to_px, probes.points.mean(axis=0))
    steps = np.arange(-NEIGHBOUR_REACH_MM, NEIGHBOUR_REACH_MM + PULLED_STEP_MM / 2, PULLED_STEP_MM)
    for x, y in itertools.product(steps, steps):
        if math.hypot(x, y) > NEIGHBOUR_REACH_MM:
            continue
        try:
            there = Laid(pull(shown @ np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])))
        except RegistrationError:
            # No sheet can be laid there.
            continue
        away = float(np.median(np.hypot(*(there.to_px(probes.points) - here).T))) / scale
        if away > NEIGHBOUR_STEP_MM and _seen(_offsets(pixels, there, np.zeros(2), probes)) >= least:
            raise RegistrationError(f"the boxes fit as well, and flat, {away:.0f} mm beside the place that was shown")


def _offsets(pixels: GreyImage, laid: Laid, shift: NDArray[np.float64], probes: Probes) -> NDArray[np.float64]:
    """Return how far the rules lie off if the whole sheet lies shifted (mm)."""
    return measure(pixels, lambda points: laid.to_px(points + shift), probes)


def _seen(offsets: NDArray[np.float64]) -> float:
    """Return the share of the rules that were seen."""
    return float((~np.isnan(offsets)).mean())


def _wanted(probes: Probes, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much (x, y) the rules ask the sheet to be shifted."""
    visible = ~np.isnan(offsets)
    across = np.abs(probes.normals[:, 0]) > 0.5
    found = (offsets[visible & across], offsets[visible & ~across])
    return np.array([float(np.median(each)) if len(each) else 0.0 for each in found])


def _every(probes: Probes, step: int) -> Probes:
    """Return every so manieth pair of probes."""
    pairs = probes.pairs[::step]
    kept, numbers = np.unique(pairs, return_inverse=True)
    return replace(
        probes,
        points=probes.points[kept],
        normals=probes.normals[kept],
        anchors=probes.anchors[kept],
        pairs=numbers.reshape(pairs.shape),
        vital=probes.vital[kept],
    )
