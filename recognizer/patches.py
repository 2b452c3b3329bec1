"""Patches of one picture looked for in another one that shows about the same.

What is measured is how alike a patch and a piece of the picture are (normalised cross-correlation, Lewis 1995), so that
neither light nor the darkness of the print matters; the place comes to a fraction of a pixel from a parabola. Only what
lies around the patches is taken from the page: a fifth of it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Laid
from recognizer.geometry import Points
from recognizer.records import GreyImage

PATCH_MM = 6.0
"""Edge of a patch: a corner of a box with some of its sides, or a word of small print."""

ALIKE = 0.5
"""Correlation from which a patch is seen: print and the same print blurred, cut to black and white or crossed by a pen
stroke have more; print and other print of the same kind hardly ever reach it (`docs/registration.md`)."""

AT_ONCE = 300
"""Patches looked for together: OpenCV maps no picture of more than 32,767 rows."""

BALANCED = 0.816
"""How far from its middle, in halves of a patch's edge, four places have the mean of a field that is curved: its square
root of 2/3. Then what is straight in a window, and curved on the page, lies off by nothing in all."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Patches of a blank page at one resolution, prepared once.

    `scale` is in pixels a mm, `middles` (N, 2) are the pixels that their middles lie in, `shown` (N, E, E) their
    pixels, a little blurred: one-pixel differences of thin rules must not decide.
    """

    scale: float
    middles: NDArray[np.int_]
    shown: NDArray[np.float32]

    def every(self, step: int) -> "Patches":
        """Return every `step`-th patch."""
        return Patches(self.scale, self.middles[::step], self.shown[::step])


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was seen of a form's patches: by how many mm each lies off (N, 2), and how alike it is (N,), 0 to 1."""

    moves: Points
    alike: NDArray[np.float64]

    @property
    def are_seen(self) -> NDArray[np.bool_]:
        """Which patches were seen at all, (N,)."""
        return self.alike >= ALIKE


def patches_of(blank: GreyImage, centres: Points, scale: float) -> Patches:
    """Return the patches of a blank page around their middles (N, 2), in mm; the page is larger than a patch."""
    half = round(PATCH_MM * scale / 2)
    size = np.array(blank.shape[::-1])
    middles = np.clip(np.floor(centres * scale).astype(int), half, size - half)
    soft = cv2.GaussianBlur(blank, (3, 3), 0)
    shown = [soft[row - half : row + half, column - half : column + half] for column, row in middles.tolist()]
    return Patches(scale, middles, np.array(shown, dtype=np.float32).reshape(-1, 2 * half, 2 * half))


def compare(pixels: GreyImage, laid: Laid, patches: Patches, reach_mm: float) -> Seen:
    """Look for patches of a blank page on a page.

    Args:
        pixels: the page, white beyond its edges.
        laid: how the blank page lies on it.
        patches: what is looked for.
        reach_mm: how far off they may lie.
    """
    reach = round(reach_mm * patches.scale)
    count, side = len(patches.middles), 2 * reach + 1
    scores = np.zeros((count, side, side), dtype=np.float32)
    for first in range(0, count, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        some = Patches(patches.scale, patches.middles[part], patches.shown[part])
        windows = _windows(pixels, laid, some, reach)
        for window, patch, score in zip(windows, some.shown, scores[part], strict=True):
            cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED, score)
    alike, moves = _peaks(np.nan_to_num(scores, copy=False, posinf=0.0, neginf=0.0), reach)
    return Seen(moves / patches.scale, alike)


def _windows(pixels: GreyImage, laid: Laid, patches: Patches, reach: int) -> NDArray[np.float32]:
    """Return what lies around where patches should be, upright at their resolution and as blurred, (N, W, W)."""
    count, half = len(patches.middles), patches.shown.shape[1] // 2
    # Over so short a way every mapping is a straight line.
    middles, away = patches.middles.astype(np.float64), BALANCED * half
    left, right, above, below = (
        laid.to_px((middles + np.array(aside) * away) / patches.scale).astype(np.float32)
        for aside in ((-1, 0), (1, 0), (0, -1), (0, 1))
    )
    foot, across, down = (left + right + above + below) / 4, (right - left) / (2 * away), (below - above) / (2 * away)
    # One pixel more on each side is needed to blur, and not kept.
    steps = np.arange(-half - reach - 1, half + reach + 1, dtype=np.float32) + np.float32(0.5)
    x, y = (
        ((foot[:, axis, None] + down[:, axis, None] * steps)[:, :, None] + (across[:, axis, None] * steps)[:, None, :])
        for axis in (0, 1)
    )
    wide = len(steps)
    taken = cv2.remap(pixels, x.reshape(-1, wide), y.reshape(-1, wide), cv2.INTER_LINEAR, borderValue=255)
    soft = cv2.GaussianBlur(taken, (3, 3), 0).reshape(count, wide, wide)
    return np.ascontiguousarray(soft[:, 1:-1, 1:-1], dtype=np.float32)


def _peaks(scores: NDArray[np.float32], reach: int) -> tuple[NDArray[np.float64], Points]:
    """Return the highest score of each patch and where it lies from the middle, to a fraction of a pixel."""
    count, side, _ = scores.shape
    y, x = np.divmod(scores.reshape(count, -1).argmax(axis=1), side)
    # At the edge of what was searched it may rise further: that is no place.
    inside = (x > 0) & (x < side - 1) & (y > 0) & (y < side - 1)
    which, middle_x, middle_y = np.arange(count), np.clip(x, 1, side - 2), np.clip(y, 1, side - 2)
    here = scores[which, middle_y, middle_x]
    across = _vertex(scores[which, middle_y, middle_x - 1], here, scores[which, middle_y, middle_x + 1])
    down = _vertex(scores[which, middle_y - 1, middle_x], here, scores[which, middle_y + 1, middle_x])
    moves = np.column_stack([x - reach + across, y - reach + down])
    return np.where(inside, here, 0.0).astype(np.float64), np.where(inside[:, None], moves, 0.0)


def _vertex(before: NDArray[np.float32], here: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return where parabolas through three neighbours are highest, -0.5 to 0.5."""
    bow = before.astype(np.float64) - 2 * here + after
    bowed = bow < -1e-6
    return np.where(bowed, np.clip((before - after) / np.where(bowed, 2 * bow, 1.0), -0.5, 0.5), 0.0)
