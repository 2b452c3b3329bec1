"""Pictures of whole pages for people: one with a ruler, to show corners on it; two beside one another, to choose."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.bend import Laid
from recognizer.geometry import Homography
from recognizer.overlay import Colour, ColourImage, draw_overlay
from recognizer.records import Decision, GreyImage, Page
from recognizer.template import A4_MM, SheetTemplate

RULER_STEPS_PX = (50, 100, 200, 500, 1000)
MOST_LINES = 24
"""Lines of a ruler along the longer side: more hide the page, and fewer leave too much to guess between them."""

RULER_COLOUR: Colour = (200, 120, 0)
RULER_STRENGTH = 0.35
"""How far a line takes the page's own colour away: what is under it stays readable."""

BESIDE_PX_PER_MM = 5.0
"""Resolution of pages side by side: two fit on a large screen, and handwriting is read with ease."""

BESIDE_MARGIN_MM = 6.0
CAPTION_PX = 44
GAP_PX = 16
GROUND = 235
INK: Colour = (40, 40, 40)
_FACE = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Panel:
    """One of several pages that are shown together, with what is said above it."""

    caption: str
    picture: ColourImage


def draw_ruler(pixels: GreyImage) -> ColourImage:
    """Draw a page, pixel for pixel, with lines at round coordinates and their numbers: what a person gives as corners.

    The picture has the size of the page, so any program that tells the pixel under the pointer tells it right.
    """
    canvas = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    height, width = pixels.shape
    step = next((one for one in RULER_STEPS_PX if max(height, width) / one <= MOST_LINES), RULER_STEPS_PX[-1])
    lined = canvas.copy()
    thickness = max(max(height, width) // 2000, 1)
    for x in range(step, width, step):
        cv2.line(lined, (x, 0), (x, height - 1), RULER_COLOUR, thickness)
    for y in range(step, height, step):
        cv2.line(lined, (0, y), (width - 1, y), RULER_COLOUR, thickness)
    canvas = np.asarray(cv2.addWeighted(lined, RULER_STRENGTH, canvas, 1 - RULER_STRENGTH, 0), dtype=np.uint8)
    size = max(height, width) / 3500
    for at in range(step, max(height, width), step):
        text, inset = str(at), max(round(14 * size), 4)
        if at < width:
            _write(canvas, text, (at + inset // 2, round(34 * size) + inset), size)
        if at < height:
            _write(canvas, text, (inset, at - inset // 2), size)
    _write(canvas, f"{width} x {height}", (round(14 * size), height - round(14 * size)), size)
    return canvas


def upright_panel(
    caption: str,
    page: Page,
    laid: Laid,
    sheet: tuple[SheetTemplate, int] | None,
    decisions: Sequence[Decision] = (),
) -> Panel:
    """Return a page the way its sheet is read, however it lay on the glass, with what was read of it.

    `sheet` is the template and which page of it, None when it is not at hand.
    """
    if sheet is None:
        drawn = np.asarray(cv2.cvtColor(page.pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    else:
        drawn = draw_overlay(page, laid.mm_to_px, *sheet, decisions, laid.bend)
    step, margin = 1 / BESIDE_PX_PER_MM, BESIDE_MARGIN_MM
    to_page = laid.mm_to_px @ np.array([[step, 0, -margin], [0, step, -margin], [0, 0, 1]])
    size = tuple(round((side + 2 * margin) * BESIDE_PX_PER_MM) for side in A4_MM)
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    shrunk, to_shrunk = _halved(drawn, to_page)
    picture = cv2.warpPerspective(shrunk, to_shrunk, size, flags=flags, borderValue=(GROUND, GROUND, GROUND))
    return Panel(caption, np.asarray(picture, dtype=np.uint8))


def plain_panel(caption: str, page: Page) -> Panel:
    """Return a page as it was scanned, as tall as the others: of one that no template was laid over."""
    height = round((A4_MM[1] + 2 * BESIDE_MARGIN_MM) * BESIDE_PX_PER_MM)
    width = max(round(page.pixels.shape[1] * height / page.pixels.shape[0]), 1)
    small = cv2.resize(page.pixels, (width, height), interpolation=cv2.INTER_AREA)
    return Panel(caption, np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), dtype=np.uint8))


def draw_beside(panels: Sequence[Panel]) -> ColourImage:
    """Draw pages side by side, each under its caption."""
    tallest = max((panel.picture.shape[0] for panel in panels), default=1)
    width = sum(panel.picture.shape[1] + GAP_PX for panel in panels) + GAP_PX
    canvas = np.full((tallest + CAPTION_PX + GAP_PX, width, 3), GROUND, dtype=np.uint8)
    left = GAP_PX
    for panel in panels:
        high, wide = panel.picture.shape[:2]
        canvas[CAPTION_PX : CAPTION_PX + high, left : left + wide] = panel.picture
        cut = canvas[:CAPTION_PX, left : left + wide]
        _write(cut, panel.caption, (2, CAPTION_PX - 14), 0.75)
        left += wide + GAP_PX
    return canvas


def as_png(picture: ColourImage) -> bytes:
    """Return a picture as PNG."""
    encoded, data = cv2.imencode(".png", picture)
    if not encoded:
        raise ValueError(f"a picture of {picture.shape} cannot be written as PNG")
    return data.tobytes()


def _halved(picture: ColourImage, to_picture: Homography) -> tuple[ColourImage, Homography]:
    """Halve a picture while it is far larger than it is shown: warping alone would leave out thin lines."""
    while min(picture.shape[:2]) > 2 * A4_MM[0] * BESIDE_PX_PER_MM:
        size = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        to_picture = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]]) @ to_picture
    return picture, to_picture


def _write(canvas: ColourImage, text: str, at: tuple[int, int], size: float) -> None:
    """Write a text on a light edge; the face has Latin letters without accents only."""
    shown = text.encode("ascii", "replace").decode()
    size = max(size, 0.35)
    thickness = max(round(2 * size), 1)
    cv2.putText(canvas, shown, at, _FACE, size, (255, 255, 255), 3 * thickness, cv2.LINE_AA)
    cv2.putText(canvas, shown, at, _FACE, size, INK, thickness, cv2.LINE_AA)
