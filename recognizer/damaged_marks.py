"""Corner marks that cannot be read any more, punched or written over, found by what must have been printed there."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.codes import Corner, mark_modules
from recognizer.geometry import Homography, Points, apply_homography
from recognizer.marks import FoundMark, refine
from recognizer.records import GreyImage
from recognizer.template import MARK_SIZE_MM, MARKS

MODULE_PX, COARSE_PX = 4, 2
"""Pixels of a module where marks are looked for exactly, and where many that it may be are compared."""

QUIET_MODULES = 1
LEAST_LIKENESS = 0.55
"""Correlation with the printed pattern, at least: half a mark still has 0.6, what is no mark has 0.4 at most."""

SURE_LIKENESS, SURE_AHEAD = 0.65, 0.12
"""What the pattern of a mark that nobody could read must reach, and by how much it must be ahead of all others: two
marks differ in 11 of 36 modules at least, which makes 0.2 to 0.3."""

CLOSED_MM = 0.25
"""By how much a mark may be no parallelogram; perspective makes 0.1 mm of it."""

REFINED_WITHIN_MM = 0.4
"""A corner that is refined farther away than this was torn off or written over: then the whole pattern knows better."""


def find_damaged(
    pixels: GreyImage, mm_to_px: Homography, codes: Mapping[Corner, int], margin_mm: float
) -> list[FoundMark]:
    """Return the marks with known codes that are found within a margin around where they should be."""
    found = []
    for corner, code in codes.items():
        quad = _found_by_pattern(pixels, mm_to_px, corner, code, margin_mm)
        if quad is None:
            continue
        scale = float(np.linalg.norm(quad[1] - quad[0])) / MARK_SIZE_MM
        exact = refine(pixels, (FoundMark(corner, code, quad),))[0].corners
        away = np.hypot(*(exact - quad).T) / scale
        found.append(FoundMark(corner, code, np.where((away <= REFINED_WITHIN_MM)[:, None], exact, quad)))
    return found


def read_damaged(
    pixels: GreyImage, mm_to_px: Homography, candidates: Sequence[Mapping[Corner, int]], margin_mm: float
) -> FoundMark | None:
    """Return the one mark that is surely one of those that may have been printed; None where that is not sure.

    Args:
        pixels: the page.
        mm_to_px: about where the sheet lies.
        candidates: for each sheet that it may be, the codes of the marks that were not found.
        margin_mm: how far around its place a mark may be.
    """
    best: tuple[float, Corner, int] | None = None
    for corner in candidates[0]:
        picture = _cut(pixels, mm_to_px, corner, margin_mm, COARSE_PX)
        codes = [candidate[corner] for candidate in candidates]
        likeness = np.array(
            [cv2.matchTemplate(picture, _pattern(code, COARSE_PX), cv2.TM_CCOEFF_NORMED).max() for code in codes]
        )
        first, second = np.argsort(likeness)[[-1, -2]]
        sure = likeness[first] >= SURE_LIKENESS and likeness[first] - likeness[second] >= SURE_AHEAD
        if sure and (best is None or likeness[first] > best[0]):
            best = (float(likeness[first]), corner, codes[first])
    if best is None:
        return None
    found = find_damaged(pixels, mm_to_px, {best[1]: best[2]}, margin_mm)
    return found[0] if found else None


def is_whole(mark: FoundMark) -> bool:
    """Tell whether the corners of a mark are those of a square seen from anywhere: one that was punched has others."""
    closing = mark.corners[0] - mark.corners[1] + mark.corners[2] - mark.corners[3]
    return float(np.hypot(*closing)) <= CLOSED_MM * mark.edge_px / MARK_SIZE_MM


def _found_by_pattern(
    pixels: GreyImage, mm_to_px: Homography, corner: Corner, code: int, margin_mm: float
) -> Points | None:
    """Return the corners of a mark, in page pixels, where its pattern fits best; None where it does not fit."""
    step = MARK_SIZE_MM / 8 / MODULE_PX
    picture = _cut(pixels, mm_to_px, corner, margin_mm, MODULE_PX)
    fit = np.asarray(cv2.matchTemplate(picture, _pattern(code, MODULE_PX), cv2.TM_CCOEFF_NORMED), dtype=np.float32)
    _, likeness, _, (column, row) = cv2.minMaxLoc(fit)
    if likeness < LEAST_LIKENESS:
        return None
    x = (column + _between(fit[row], column)) * step
    y = (row + _between(fit[:, column], row)) * step
    shift = np.array([x - margin_mm, y - margin_mm])
    return apply_homography(mm_to_px, MARKS[corner].corners() + shift)


def _cut(pixels: GreyImage, mm_to_px: Homography, corner: Corner, margin_mm: float, module_px: int) -> GreyImage:
    """Return the surroundings of a mark, upright, a module `module_px` wide."""
    step = MARK_SIZE_MM / 8 / module_px
    area = MARKS[corner].grown(QUIET_MODULES * MARK_SIZE_MM / 8 + margin_mm)
    cut = np.array([[step, 0, area.x + step / 2], [0, step, area.y + step / 2], [0, 0, 1]])
    size = (round(area.width / step), round(area.height / step))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(pixels, mm_to_px @ cut, size, flags=flags, borderValue=255), dtype=np.uint8)


@lru_cache(maxsize=1200)
def _pattern(code: int, module_px: int) -> GreyImage:
    """Return a printed mark with the paper around it."""
    dark = np.pad(mark_modules(code), QUIET_MODULES)
    pattern = np.kron(np.where(dark, 0, 255), np.ones((module_px, module_px))).astype(np.uint8)
    pattern.flags.writeable = False
    return pattern


def _between(profile: NDArray[np.float32], at: int) -> float:
    """Return where between the places of a profile its peak is, by a parabola."""
    if not 0 < at < len(profile) - 1:
        return 0.0
    before, peak, after = (float(profile[place]) for place in (at - 1, at, at + 1))
    return 0.5 * (before - after) / min(before - 2 * peak + after, -1e-6)
