"""Pictures of whole pages for the screen: upright and flat, with parts hidden, packed small."""

from collections.abc import Iterable

import cv2
import numpy as np

from recognizer.bend import Laid
from recognizer.geometry import Points, Rect
from recognizer.marks import px_per_mm_at
from recognizer.records import GreyImage
from recognizer.template import A4_MM
from recognizer.warp import reduced, warped

STEP_MM = 5.0
"""An edge of bent paper is followed at points so far apart: in between it leaves a straight line by under 0.1 mm."""

GROUND = 214
HATCH = 190
"""Greys of what is hidden: neither paper nor ink, so that nobody takes it for an empty line."""

HATCH_MM = 2.5
"""Distance of the hatching's lines: seen as a pattern even where one line alone is hidden."""

VIEW_PX_PER_MM = 8.0
"""Resolution of a page on the screen, about 200 dpi: handwriting stays sharp when a page is zoomed in fourfold."""

PLAIN_PX = 2600
"""Pixels along the longer side of a page that is shown as it was scanned: about those of A4 at 220 dpi."""

JPEG_QUALITY = 82
"""Grey pages of handwriting take 300 to 600 kB, and no ringing is seen around thin strokes."""


def hide(pixels: GreyImage, laid: Laid, steps: Iterable[tuple[bool, Rect]]) -> GreyImage:
    """Return a page of which only some areas are seen, however the sheet lies on it.

    Args:
        pixels: the page as it was scanned.
        laid: where the sheet lies on it.
        steps: areas of the sheet (mm) that are shown (True) or hidden again, each over those before it.
    """
    shown = np.zeros(pixels.shape, dtype=np.uint8)
    for is_shown, area in steps:
        cv2.fillPoly(shown, [np.rint(laid.to_px(_outline(area))).astype(np.int32)], 255 if is_shown else 0)
    return np.where(shown > 0, pixels, _hatching(pixels.shape, px_per_mm_at(laid.mm_to_px, np.array(A4_MM) / 2)))


def upright(pixels: GreyImage, laid: Laid, area: Rect) -> GreyImage:
    """Return an area (mm) of a sheet as a reader holds it, flat, at `VIEW_PX_PER_MM`."""
    # A scan far finer than the screen is halved first: picking pixels alone would leave out thin lines.
    while px_per_mm_at(laid.mm_to_px, np.array(A4_MM) / 2) > 2 * VIEW_PX_PER_MM:
        pixels = reduced(pixels, 2)
        laid = Laid(np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]]) @ laid.mm_to_px, laid.bend)
    return warped(pixels, laid, area, VIEW_PX_PER_MM)


def fitting(pixels: GreyImage) -> GreyImage:
    """Return a page as it was scanned, no larger than a screen can use."""
    scale = PLAIN_PX / max(pixels.shape)
    if scale >= 1:
        return pixels
    size = (max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def as_jpeg(pixels: GreyImage) -> bytes:
    """Return a grey picture as JPEG."""
    encoded, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise ValueError(f"a picture of {pixels.shape} cannot be written as JPEG")
    return data.tobytes()


def _outline(area: Rect) -> Points:
    """Return points along the edge of an area, clockwise."""
    across = np.linspace(area.x, area.right, max(round(area.width / STEP_MM), 1), endpoint=False)
    down = np.linspace(area.y, area.bottom, max(round(area.height / STEP_MM), 1), endpoint=False)
    sides = (
        np.column_stack([across, np.full_like(across, area.y)]),
        np.column_stack([np.full_like(down, area.right), down]),
        np.column_stack([area.right - (across - area.x), np.full_like(across, area.bottom)]),
        np.column_stack([np.full_like(down, area.x), area.bottom - (down - area.y)]),
    )
    return np.vstack(sides)


def _hatching(shape: tuple[int, ...], px_per_mm: float) -> GreyImage:
    """Return a picture of diagonal lines."""
    step = max(round(HATCH_MM * px_per_mm), 4)
    rows, columns = np.ogrid[:step, :step]
    tile = np.where((rows + columns) % step < max(step // 6, 1), HATCH, GROUND).astype(np.uint8)
    times = (-(-shape[0] // step), -(-shape[1] // step))
    return np.tile(tile, times)[: shape[0], : shape[1]]
