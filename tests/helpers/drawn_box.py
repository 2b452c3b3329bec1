"""Draw a box crop as a scan shows it: paper, printed rules, and pen strokes in millimetres from the box's top left."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Rect
from recognizer.records import BoxCrop

PX = 8.0
MARGIN_MM = 1.5

Stroke = Sequence[tuple[float, float]]

SEVEN: Stroke = [(1.5, 2.0), (5.5, 2.0), (3.0, 7.5)]
TWO: Stroke = [(1.5, 3.5), (2.5, 2.5), (3.5, 3.5), (1.5, 7.5), (3.8, 7.5)]
ONE: Stroke = [(3.5, 1.5), (3.3, 7.5)]


def box_pixels(
    strokes: Sequence[Stroke] = (),
    size: tuple[float, float] = (7.0, 9.0),
    *,
    ink: int = 40,
    pen_mm: float = 0.5,
    rule: int | None = 77,
    paper: int = 245,
) -> NDArray[np.uint8]:
    """Return (H, W) uint8 of one box of a comb, rules of 0.25 mm, with strokes."""
    width, height = (round((side + 2 * MARGIN_MM) * PX) for side in size)
    pixels = np.full((height, width), paper, np.uint8)
    left, top = round(MARGIN_MM * PX), round(MARGIN_MM * PX)
    right, bottom = left + round(size[0] * PX), top + round(size[1] * PX)
    if rule is not None:
        for y in (top, bottom):
            pixels[y - 1 : y + 1] = rule
        for x in (left, right):
            pixels[top:bottom, x - 1 : x + 1] = rule
    for stroke in strokes:
        points = (np.array(stroke) + MARGIN_MM) * PX * 16
        drawn = np.full_like(pixels, 255)
        cv2.polylines(drawn, [np.round(points).astype(np.int32)], False, ink, round(pen_mm * PX), cv2.LINE_AA, 4)
        pixels = np.minimum(pixels, drawn)
    return pixels


def crop_of(pixels: NDArray[np.uint8], size: tuple[float, float] = (7.0, 9.0)) -> BoxCrop:
    """Return pixels from `box_pixels` as the crop of a box of that size."""
    edge = MARGIN_MM * PX
    return BoxCrop("field", 1, pixels, PX, Rect(edge, edge, size[0] * PX, size[1] * PX))
