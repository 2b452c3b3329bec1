"""The blank page of somebody's form, laid straight: one resolution, no skew, and what on it is ink."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import PageError
from recognizer.geometry import MM_PER_INCH
from recognizer.records import GreyImage, Page

PX_PER_MM = 10.0
"""Resolution at which boxes are looked for (254 dpi): a hairline of 0.1 mm is a pixel wide."""

LEAST_SIDE_MM, MOST_SIDE_MM = 50.0, 600.0
"""Paper that a template can describe (`template.PaperLength`)."""

MOST_SKEW = 3.0
"""Degrees by which a blank page may have been laid askew on the scanner; a form is not guessed to be crooked."""

LEAST_SKEW = 0.02
"""Degrees below which a page is left as it is: 0.1 mm over the length of A4."""

MOST_INK_POINTS = 150_000
"""Dark pixels by which the skew is judged: more do not tell it better."""

REFERENCE_DPI = 200.0
MOST_REFERENCE_PIXELS = 15_000_000
"""The picture of the blank page: 200 dpi, less on paper above A3, so that it fits what templates may bring along."""

PAPER_WINDOW_MM = 4.5
"""What is dark over less than this is ink; over more, it is shaded paper."""

LEAST_INK = 20.0
"""Grey values by which ink is darker than the paper around it, at least: some forms are pale blue or pink."""

NOISE_FACTOR = 4.0
"""Ink stands out by so many standard deviations of the paper's grain."""

BOLD = 0.45
"""Part of the darkness of ink at which its edge is, however soft the scan."""

SOLID = 0.5
"""What is darker than this part of the paper's grey value is ink however wide it is, such as a black heading."""


@dataclass(frozen=True, slots=True)
class BlankPage:
    """A blank page laid straight.

    `pixels` has `PX_PER_MM`; `width` and `height` are the paper in mm; `skew` says by how many degrees it was turned.
    """

    pixels: GreyImage
    width: float
    height: float
    skew: float


def straight_page(page: Page, width_mm: float | None = None) -> BlankPage:
    """Lay a page straight.

    Args:
        page: a page as it was read.
        width_mm: how wide the paper is; None takes what the file says.

    Raises:
        PageError: the paper has an impossible size.
    """
    height_px, width_px = page.pixels.shape
    width, height = page.width_mm, page.height_mm
    if width_mm is not None:
        width, height = width_mm, width_mm * height_px / width_px
    if not (LEAST_SIDE_MM <= width <= MOST_SIDE_MM and LEAST_SIDE_MM <= height <= MOST_SIDE_MM):
        raise PageError(
            f"page {page.ref.number}: is {width:.0f} x {height:.0f} mm large, from {LEAST_SIDE_MM:.0f} to "
            f"{MOST_SIDE_MM:.0f} mm a side can be described; if the file does not know its paper, say how wide it is "
            "with --width"
        )
    size = (round(width * PX_PER_MM), round(height * PX_PER_MM))
    how = cv2.INTER_AREA if size[0] < width_px else cv2.INTER_CUBIC
    pixels = np.asarray(cv2.resize(page.pixels, size, interpolation=how), dtype=np.uint8)
    skew = skew_of(pixels)
    if abs(skew) >= LEAST_SKEW:
        turn = cv2.getRotationMatrix2D(((size[0] - 1) / 2, (size[1] - 1) / 2), skew, 1.0)
        paper = float(np.median(pixels[::8, ::8]))
        pixels = np.asarray(cv2.warpAffine(pixels, turn, size, flags=cv2.INTER_CUBIC, borderValue=paper), np.uint8)
    return BlankPage(pixels, size[0] / PX_PER_MM, size[1] / PX_PER_MM, skew if abs(skew) >= LEAST_SKEW else 0.0)


def reference_png(page: BlankPage) -> bytes:
    """Return the page as the PNG that a template refers to."""
    dpi = min(REFERENCE_DPI, math.sqrt(MOST_REFERENCE_PIXELS / (page.width * page.height)) * MM_PER_INCH)
    size = (round(page.width * dpi / MM_PER_INCH), round(page.height * dpi / MM_PER_INCH))
    return cv2.imencode(".png", cv2.resize(page.pixels, size, interpolation=cv2.INTER_AREA))[1].tobytes()


def darkness(pixels: GreyImage) -> NDArray[np.float32]:
    """Return by how many grey values each pixel of a page at `PX_PER_MM` is darker than the paper around it, (H, W)."""
    factor = 5
    small = cv2.resize(pixels, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    window = round(PAPER_WINDOW_MM * PX_PER_MM / factor) | 1
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((window, window), np.uint8))
    paper = cv2.GaussianBlur(paper, (0, 0), 2.0)
    near = cv2.resize(paper, pixels.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    usual = float(np.percentile(paper, 80))
    # Wide black areas are no paper: beside them, as on them, ink is told from the page's own white.
    near = np.where(near < SOLID * usual, np.float32(usual), near)
    return np.asarray(np.maximum(near - pixels, 0.0), dtype=np.float32)


def ink_of(dark: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell of each pixel whether it is ink, from how dark it is."""
    smooth = cv2.blur(dark, (3, 3))
    quiet = smooth[smooth < LEAST_INK]
    grain = 1.4826 * float(np.median(np.abs(quiet - np.median(quiet)))) if quiet.size else 0.0
    usual = float(np.median(quiet)) if quiet.size else 0.0
    return np.asarray(smooth > max(LEAST_INK, usual + NOISE_FACTOR * grain))


def bold_ink_of(dark: NDArray[np.float32], ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell of each pixel whether it is nearly as dark as the ink of a page usually is: print without its soft edge."""
    usual = float(np.percentile(dark[ink], 90)) if ink.any() else 0.0
    return np.asarray(ink & (dark > BOLD * usual))


def skew_of(pixels: GreyImage) -> float:
    """Return by how many degrees (counter-clockwise) a page has to be turned for its rows and columns to be level.

    The projections of its ink onto both sides are then at their most uneven (Postl 1986), for rules as for text.
    """
    rows, columns = np.nonzero(ink_of(darkness(pixels)))
    if len(rows) < 100:
        return 0.0
    random = np.random.default_rng(0)
    chosen = random.permutation(len(rows))[:MOST_INK_POINTS]
    # Spread within their pixels: whole numbers fall into bins unevenly, and most so when nothing is turned.
    x, y = (
        (places[chosen] + random.random(len(chosen)) - side / 2).astype(np.float32)
        for places, side in ((columns, pixels.shape[1]), (rows, pixels.shape[0]))
    )
    best, reach = 0.0, MOST_SKEW
    for step, bin_px in ((0.15, 4.0), (0.03, 1.5), (0.01, 1.0)):
        angles = np.arange(best - reach, best + reach + step / 2, step)
        energies = [_unevenness(x, y, math.radians(angle), bin_px) for angle in angles]
        best, reach = float(angles[int(np.argmax(energies))]), 2 * step
    return best if abs(best) < MOST_SKEW else 0.0


def _unevenness(x: NDArray[np.float32], y: NDArray[np.float32], angle: float, bin_px: float) -> float:
    """Return how unevenly ink lies in the rows and columns of a page turned by an angle."""
    cosine, sine = math.cos(angle) / bin_px, math.sin(angle) / bin_px
    total = 0.0
    for along in (x * cosine + y * sine, y * cosine - x * sine):
        counts = np.bincount((along - along.min()).astype(np.intp)).astype(np.float64)
        total += float((counts**2).sum())
    return total
