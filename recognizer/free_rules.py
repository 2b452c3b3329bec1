"""Ruled and squared paper: where its lines run, and the ink without them.

A photo bends lines a little, so they are looked for at several slopes. What is cut out of a stroke where it crosses a
line is put back: where the ink is darker than the line, or goes on on both sides of it (as in `rule_remains`).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.rule_remains import Darkness, Mask

SLOPES = tuple(float(slope) for slope in np.tan(np.radians(np.arange(-6.0, 6.1, 1.5))))
"""Slopes at which lines are looked for, as rise by run: paper that was levelled, but is seen from the side."""

RUN = 2.5
"""Length of straight ink that no digit has, not even with the next one, in heights of a digit."""

AROUND = 6
"""Lines of paper are parallel to those around them, so many heights of a digit far: other slopes are strokes that
happen to line up."""

COARSE = 8
"""Pixels of which one is made where slopes are compared."""

GAP = 0.1
"""Noise breaks a pale line; gaps up to so many heights of a digit are closed."""

THICKEST = 0.14
"""A line is not thicker than so many heights of a digit; a felt pen's stroke is."""

SOFT_PX = 1
"""Pixels beside a line that its blur darkens."""

LEVEL = 0.75
"""Share of a line's pixels that are paler than its level: writing lies on less than a quarter of all lines."""

OWN_SHARE = 0.3
"""A piece of which less than this share lies off the lines, or is much darker, is what was left of them."""

DARKER = 1.25
"""Ink on a line is kept where it is so many times as dark as the lines are: it was written over them."""

SLANT = 0.6
"""How far aside a stroke moves while it crosses a line, by the line's thickness: slants up to 30 degrees."""

MUCH_DARKER = 1.6
"""So much darker than the lines are not even the places where two of them cross."""


@dataclass(frozen=True, slots=True)
class PaperRules:
    """Lines of the paper, level and upright ones, (H, W) bool each."""

    across: Mask
    upright: Mask

    @property
    def mask(self) -> Mask:
        """Where any line is, with its soft edges, (H, W) bool."""
        return np.asarray(_grown(self.across, (1, SOFT_PX)) | _grown(self.upright, (SOFT_PX, 1)), np.bool_)


def rules_of(dark: Mask, digit: float, span: float) -> PaperRules:
    """Return the lines among all that is darker than paper.

    Args:
        dark: (H, W) bool.
        digit: height of a digit in pixels.
        span: length from which something thin and straight is a line, in pixels.
    """
    run, thickest = max(round(RUN * digit), 12), max(round(THICKEST * digit), 2)
    across = _lines(dark, run, span, thickest)
    upright = np.ascontiguousarray(_lines(np.ascontiguousarray(dark.T), run, span, thickest).T)
    return PaperRules(across, upright)


def without_rules(darkness: Darkness, threshold: Darkness, rules: PaperRules) -> Mask:
    """Return where ink is darker than its threshold, without lines but with the strokes across them, (H, W) bool."""
    ink = darkness > threshold
    cut = ink & ~rules.mask
    own = ~rules.mask
    for lines, sideways in ((rules.across, False), (rules.upright, True)):
        if not lines.any():
            continue
        zone = _grown(lines, (SOFT_PX, 1) if sideways else (1, SOFT_PX))
        level = float(np.quantile(darkness[lines], LEVEL))
        cut |= zone & ink & (darkness > DARKER * level)
        own |= zone & (darkness > MUCH_DARKER * level)
        cut |= zone & ink & _between(cut, lines, sideways)
    return _without_crumbs(cut, own)


def _without_crumbs(ink: Mask, own: Mask) -> Mask:
    """Return the pieces that consist of more than what was left of lines; `own` (H, W) is where no line can be."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.view(np.uint8), connectivity=8)
    off = np.bincount(labels[own], minlength=count)
    kept = off >= OWN_SHARE * stats[:, 4]
    kept[0] = False
    whole: Mask = kept[labels]
    return whole


def _lines(dark: Mask, run: int, span: float, thickest: int) -> Mask:
    """Return which pixels belong to level lines, (H, W) bool."""
    pixels = dark.view(np.uint8)
    height, width = pixels.shape
    gap = max(round(GAP * run / RUN), 1) | 1
    straight_at = []
    for slope in SLOPES:
        rise = int(np.ceil(abs(slope) * width))
        shear = np.array([[1.0, 0.0, 0.0], [-slope, 1.0, rise if slope > 0 else 0.0]])
        level = cv2.warpAffine(pixels, shear, (width, height + rise), flags=cv2.INTER_NEAREST)
        whole = cv2.dilate(level, np.ones((3, gap), np.uint8))
        straight = cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        back = np.asarray(cv2.warpAffine(straight, shear, (width, height), flags=flags), np.uint8)
        straight_at.append(back & pixels)
    found = _parallel(straight_at, round(AROUND * run / RUN))
    joined = cv2.dilate(found, np.ones((3, max(run // 2, 1)), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    area = np.bincount(labels.ravel(), weights=found.ravel(), minlength=count)
    is_line = (stats[:, 2] - run // 2 >= span) & (area <= thickest * stats[:, 2])
    is_line[0] = False
    lines: Mask = is_line[labels] & (found > 0)
    return lines


def _parallel(straight_at: list[NDArray[np.uint8]], around: int) -> NDArray[np.uint8]:
    """Return what is straight at the commonest slope around it, or the next to that."""
    height, width = straight_at[0].shape
    size = (max(width // COARSE, 1), max(height // COARSE, 1))
    reach = max(around // COARSE, 1) | 1
    amounts = np.stack(
        [
            cv2.blur(cv2.resize(straight, size, interpolation=cv2.INTER_AREA).astype(np.float32), (reach, reach))
            for straight in (255 * one for one in straight_at)
        ]
    )
    commonest = amounts.argmax(axis=0).astype(np.uint8)
    best = cv2.resize(commonest, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.int8)
    found = np.zeros((height, width), np.uint8)
    for number, straight in enumerate(straight_at):
        found[(straight > 0) & (np.abs(best - number) <= 1)] = 1
    return found


def _grown(mask: Mask, by: tuple[int, int]) -> Mask:
    """Return the mask, wider by `by[0]` pixels left and right and `by[1]` above and below."""
    kernel = np.ones((2 * by[1] + 1, 2 * by[0] + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.view(np.uint8), kernel)) > 0


def _between(cut: Mask, lines: Mask, sideways: bool) -> Mask:
    """Return the pixels that have ink on both sides within a line's thickness, however a stroke may slant there."""
    pixels, level = (np.ascontiguousarray(mask.T if sideways else mask).view(np.uint8) for mask in (cut, lines))
    tops = int(np.count_nonzero(level[1:] > level[:-1]) + np.count_nonzero(level[0]))
    reach = round(float(level.sum()) / max(tops, 1)) + 2 * SOFT_PX + 1
    # A triangle: the farther away, the more a slanting stroke may have moved.
    above = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    for row in range(reach):
        half = round((reach - row) * SLANT)
        above[row, reach - half : reach + half + 1] = 1
    both = np.asarray(cv2.dilate(pixels, above), np.uint8) & np.asarray(
        cv2.dilate(pixels, above[::-1].copy()), np.uint8
    )
    return np.ascontiguousarray(both.T if sideways else both) > 0
