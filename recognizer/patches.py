"""Patches of one picture looked for in another one that shows about the same.

What is measured is how alike a patch and a piece of the picture are (normalised cross-correlation, Lewis 1995), so that
neither light nor the darkness of the print matters; the place comes to a fraction of a pixel from a parabola.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Points
from recognizer.records import GreyImage

PATCH_MM = 6.0
"""Edge of a patch: a corner of a box with some of its sides, or a word of small print."""

ALIKE = 0.5
"""Correlation from which a patch is seen: print and the same print blurred, cut to black and white or crossed by a pen
stroke have more; print and other print of the same kind hardly ever reach it (`docs/registration.md`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was seen of a form's patches: by how many mm each lies off (N, 2), and how alike it is (N,), 0 to 1."""

    moves: Points
    alike: NDArray[np.float64]

    @property
    def are_seen(self) -> NDArray[np.bool_]:
        """Which patches were seen at all, (N,)."""
        return self.alike >= ALIKE


def compare(picture: GreyImage, blank: GreyImage, centres: Points, scale: float, reach_mm: float) -> Seen:
    """Look for patches of one picture in another one that shows about the same.

    Args:
        picture: where to look, at `scale` pixels a mm.
        blank: where the patches are, at the same scale.
        centres: (N, 2) their middles in mm.
        scale: pixels a mm.
        reach_mm: how far off they may lie.
    """
    half, reach = round(PATCH_MM * scale / 2), round(reach_mm * scale)
    around = half + reach
    # A little blur: one-pixel differences of thin rules must not decide.
    shown = cv2.GaussianBlur(cv2.copyMakeBorder(picture, *(around,) * 4, cv2.BORDER_CONSTANT, value=255), (3, 3), 0)
    printed = cv2.GaussianBlur(blank, (3, 3), 0)
    moves, alike = np.zeros((len(centres), 2)), np.zeros(len(centres))
    for index, (column, row) in enumerate(np.floor(centres * scale).astype(int)):
        top, left = max(row - half, 0), max(column - half, 0)
        patch = printed[top : row + half, left : column + half]
        # In the picture with its border, everything lies `around` further on.
        window = shown[
            top + around - reach : top + around + patch.shape[0] + reach,
            left + around - reach : left + around + patch.shape[1] + reach,
        ]
        if window.shape != (patch.shape[0] + 2 * reach, patch.shape[1] + 2 * reach):
            continue
        scores = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
        alike[index], moves[index] = _peak(np.asarray(scores, dtype=np.float32), reach)
    return Seen(moves / scale, np.nan_to_num(alike, posinf=0.0, neginf=0.0))


def _peak(scores: NDArray[np.float32], reach: int) -> tuple[float, tuple[float, float]]:
    """Return the highest score and where it lies from the middle, to a fraction of a pixel."""
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    if not 0 < x < scores.shape[1] - 1 or not 0 < y < scores.shape[0] - 1:
        # At the edge of what was searched it may rise further: that is no place.
        return 0.0, (0.0, 0.0)
    across = _vertex(*scores[y, x - 1 : x + 2].tolist())
    down = _vertex(*scores[y - 1 : y + 2, x].tolist())
    return best, (x - reach + across, y - reach + down)


def _vertex(before: float, here: float, after: float) -> float:
    """Return where a parabola through three neighbours is highest, -0.5 to 0.5."""
    bow = before - 2 * here + after
    return min(max((before - after) / (2 * bow), -0.5), 0.5) if bow < -1e-6 else 0.0
