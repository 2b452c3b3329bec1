"""Corner marks that cannot be read any more, punched or written over, found by what must have been printed there."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.codes import Corner, mark_modules
from recognizer.geometry import Homography, Points, apply_homography
from recognizer.marks import FoundMark, refine
from recognizer.records import GreyImage
from recognizer.template import MARK_SIZE_MM, MARKS

MODULE_PX = 4
"""Pixels of a module where marks are looked for: a quarter of one is seen, and less with the parabola."""

QUIET_MODULES = 1
LEAST_LIKENESS = 0.55
"""Correlation with the printed pattern, at least: half a mark still has 0.6, what is no mark has 0.4 at most."""

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


def _found_by_pattern(
    pixels: GreyImage, mm_to_px: Homography, corner: Corner, code: int, margin_mm: float
) -> Points | None:
    """Return the corners of a mark, in page pixels, where its pattern fits best; None where it does not fit."""
    step = MARK_SIZE_MM / 8 / MODULE_PX
    pattern = _pattern(code)
    area = MARKS[corner].grown(QUIET_MODULES * MARK_SIZE_MM / 8 + margin_mm)
    cut = np.array([[step, 0, area.x + step / 2], [0, step, area.y + step / 2], [0, 0, 1]])
    size = (round(area.width / step), round(area.height / step))
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    picture = cv2.warpPerspective(pixels, mm_to_px @ cut, size, flags=flags, borderValue=255)
    fit = np.asarray(cv2.matchTemplate(picture, pattern, cv2.TM_CCOEFF_NORMED), dtype=np.float32)
    _, likeness, _, (column, row) = cv2.minMaxLoc(fit)
    if likeness < LEAST_LIKENESS:
        return None
    x = (column + _between(fit[row], column)) * step
    y = (row + _between(fit[:, column], row)) * step
    shift = np.array([x - margin_mm, y - margin_mm])
    return apply_homography(mm_to_px, MARKS[corner].corners() + shift)


def _pattern(code: int) -> GreyImage:
    """Return a printed mark with the paper around it."""
    dark = np.pad(mark_modules(code), QUIET_MODULES)
    return np.asarray(np.kron(np.where(dark, 0, 255), np.ones((MODULE_PX, MODULE_PX))), dtype=np.uint8)


def _between(profile: NDArray[np.float32], at: int) -> float:
    """Return where between the places of a profile its peak is, by a parabola."""
    if not 0 < at < len(profile) - 1:
        return 0.0
    before, peak, after = (float(profile[place]) for place in (at - 1, at, at + 1))
    return 0.5 * (before - after) / min(before - 2 * peak + after, -1e-6)
