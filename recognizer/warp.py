"""A sheet that lies on a page in any way, taken from it upright, straight from the scan's own pixels."""

import cv2
import numpy as np

from recognizer.bend import Laid
from recognizer.geometry import Homography, Rect, apply_homography
from recognizer.records import GreyImage

BEND_STEP_PX = 8
"""A bent sheet is followed exactly at every so many pixels, and straight in between."""


def reduced(pixels: GreyImage, factor: int) -> GreyImage:
    """Return a page with every `factor` x `factor` pixels made one; halving again and again is several times faster."""
    return Halves(pixels).reduced(factor)


class Halves:
    """A page, and the same halved again and again, each of them made once."""

    def __init__(self, pixels: GreyImage) -> None:
        self._sizes = [pixels]

    def reduced(self, factor: int) -> GreyImage:
        """Return the page with every `factor` x `factor` pixels made one."""
        times = 0
        while factor % 2 == 0 and min(self._sizes[times].shape) > 1:
            factor //= 2
            times += 1
            if times == len(self._sizes):
                self._sizes.append(_in_cells(self._sizes[-1], 2))
        pixels = self._sizes[times]
        return pixels if factor == 1 or min(pixels.shape) < factor else _in_cells(pixels, factor)


def _in_cells(pixels: GreyImage, edge: int) -> GreyImage:
    size = (pixels.shape[1] // edge, pixels.shape[0] // edge)
    # Cut to whole cells first: then every reduced pixel is the mean of exactly edge x edge pixels.
    cells = pixels[: size[1] * edge, : size[0] * edge]
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def warped(pixels: GreyImage, laid: Laid, area: Rect, px_per_mm: float) -> GreyImage:
    """Return an area (mm) of a sheet upright at a resolution; what lies outside the page is white.

    A pixel centre lies half a pixel inside: pixel (0, 0) shows the place (0.5, 0.5) / px_per_mm from the corner.
    """
    step = 1 / px_per_mm
    cut = np.array([[step, 0, area.x + step / 2], [0, step, area.y + step / 2], [0, 0, 1]])
    size = (round(area.width * px_per_mm), round(area.height * px_per_mm))
    if laid.bend is not None:
        return _straightened(pixels, laid, cut, size)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpPerspective(pixels, laid.mm_to_px @ cut, size, flags=flags, borderValue=255), dtype=np.uint8
    )


def _straightened(pixels: GreyImage, laid: Laid, cut: Homography, size: tuple[int, int]) -> GreyImage:
    """Return an area of a bent sheet flat."""
    width, height = size
    columns, rows = -(-width // BEND_STEP_PX) + 2, -(-height // BEND_STEP_PX) + 2
    x, y = np.meshgrid(*((np.arange(count) - 0.5) * BEND_STEP_PX - 0.5 for count in (columns, rows)))
    knots = laid.to_px(apply_homography(cut, np.column_stack([x.ravel(), y.ravel()]))).astype(np.float32)
    full, first = (columns * BEND_STEP_PX, rows * BEND_STEP_PX), BEND_STEP_PX
    across, down = (
        cv2.resize(knots[:, axis].reshape(rows, columns), full, interpolation=cv2.INTER_LINEAR)[
            first : first + height, first : first + width
        ]
        for axis in (0, 1)
    )
    return np.asarray(cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderValue=255), dtype=np.uint8)
