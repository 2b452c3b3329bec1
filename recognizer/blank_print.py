"""What is printed inside of the boxes of a blank form: labels, and the short rules that part a comb."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.blank_page import PX_PER_MM
from recognizer.geometry import Rect

LEAST_PRINT_MM, LEAST_PRINT_MM2 = 0.8, 0.12
"""Length and area of the smallest piece of print that counts; less is a speck, or a dot of a dotted line."""

WRITING_LINE_MM = (0.6, 8.0)
"""Lines to write on are not thicker, and not shorter."""

TOOTH_MM = 0.8
"""The short rules that part a comb are not thicker, and stand this near to the rule from which they grow."""

PART_MM = (3.0, 14.0)
"""Width of the parts of a comb: one character each."""

EVEN_MM = 0.4
"""How far the short rules of a comb may lie off their even places."""

Pieces: TypeAlias = NDArray[np.float64]
"""(N, 4) left, top, right and bottom of pieces of print, in mm on the page; N may be 0."""


def pieces_of_print(ink: NDArray[np.bool_], corner: tuple[int, int]) -> Pieces:
    """Return the pieces of print in a part of a page, without specks and lines to write on.

    Args:
        ink: the part, from inside of a box.
        corner: its first pixel on the page, (x, y).
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    stats = stats[1:]
    wide, high = stats[:, cv2.CC_STAT_WIDTH] / PX_PER_MM, stats[:, cv2.CC_STAT_HEIGHT] / PX_PER_MM
    thin, long = WRITING_LINE_MM
    kept = (np.maximum(wide, high) >= LEAST_PRINT_MM) & (stats[:, cv2.CC_STAT_AREA] >= LEAST_PRINT_MM2 * PX_PER_MM**2)
    stats = stats[kept & ~((high <= thin) & (wide >= long))]
    low = stats[:, :2] + np.array(corner)
    return np.asarray(np.hstack([low, low + stats[:, 2:4]]) / PX_PER_MM, dtype=np.float64)


def around_print(pieces: Pieces) -> Rect | None:
    """Return the rectangle around pieces of print; None when there are none."""
    if not len(pieces):
        return None
    (x, y), (right, bottom) = pieces[:, :2].min(axis=0).tolist(), pieces[:, 2:].max(axis=0).tolist()
    return Rect(x, y, right - x, bottom - y)


def teeth_of(pieces: Pieces, rect: Rect) -> tuple[float, ...]:
    """Return where (mm) short rules part a box evenly into places for characters; nothing when other print is in it."""
    if not len(pieces):
        return ()
    upright = (pieces[:, 2] - pieces[:, 0] <= TOOTH_MM) & (pieces[:, 3] - pieces[:, 1] >= LEAST_PRINT_MM)
    rooted = (pieces[:, 1] <= rect.y + TOOTH_MM) | (pieces[:, 3] >= rect.bottom - TOOTH_MM)
    if not (upright & rooted).all():
        return ()
    middles = np.sort((pieces[:, 0] + pieces[:, 2]) / 2)
    # They may grow from both rules.
    parts = np.split(middles, np.flatnonzero(np.diff(middles) > EVEN_MM) + 1)
    places = np.array([part.mean() for part in parts])
    width = rect.width / (len(places) + 1)
    even = rect.x + width * np.arange(1, len(places) + 1)
    is_comb = PART_MM[0] <= width <= PART_MM[1] and (np.abs(places - even) <= EVEN_MM).all()
    return tuple(places.tolist()) if is_comb else ()
