"""Any page picture as it comes out of the worst of office machines: cut, skewed, scaled, faxed; with the truth."""

from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.geometry import MM_PER_INCH, Points
from recognizer.records import GreyImage
from recognizer.simulate.scanner import BLACK_BELOW
from recognizer.simulate.taking import Shot, add_noise, lit, quarter_turned, rendered, to_jpeg

RESOLUTIONS = (100, 150, 150, 200, 200, 240, 300, 300, 300, 400, 600)
"""Dots an inch, some more often than others."""

FAX_DPI = (204, 98)
FINE_FAX_DPI = (204, 196)
"""Across and down: what fax machines send (ITU-T T.4, standard and fine)."""

FLATBED = 1.15
"""A page laid on a glass may turn by any angle: then the glass is this much larger than the page."""


@dataclass(frozen=True, slots=True)
class ScanRange:
    """How badly pages are scanned, as the largest of each.

    `skew` degrees; `shift` mm by which the page is moved under the glass, and cut off where it leaves it, in a share
    `shifted` of pages; `scale` of the print, in a share `scaled` of pages; `wobble` mm by which the feed runs ahead or
    behind; `one_bit` and `fax` shares.
    """

    skew: float = 15.0
    shift: float = 15.0
    shifted: float = 0.2
    scale: tuple[float, float] = (0.85, 1.10)
    scaled: float = 0.3
    wobble: float = 0.25
    one_bit: float = 0.2
    fax: float = 0.06
    noise: float = 10.0
    resolutions: tuple[int, ...] = RESOLUTIONS


ROUGH_SCAN = ScanRange()


@dataclass(frozen=True, slots=True)
class _Feed:
    """Maps paper millimetres to pixels: print scale, skew, shift, the uneven feed, and the resolution."""

    matrix: np.ndarray
    offset: Points
    wobble: float
    wave: float
    phase: float
    px_per_mm: Points

    def __call__(self, points: Points) -> Points:
        """Map paper millimetres (N, 2) to pixels (N, 2)."""
        on_glass = points @ self.matrix.T + self.offset
        ahead = self.wobble * np.sin(2 * np.pi * on_glass[:, 1] / self.wave + self.phase)
        moved = np.column_stack([on_glass[:, 0], on_glass[:, 1] + ahead])
        placed: Points = moved * self.px_per_mm - 0.5
        return placed


def scan_badly(paper: GreyImage, dpi: float, rng: np.random.Generator, reach: ScanRange = ROUGH_SCAN) -> Shot:
    """Scan a page as badly as it happens.

    Args:
        paper: the page at `dpi`, white 255.
        dpi: resolution of `paper`.
        rng: decides.
        reach: how bad it may get.
    """
    paper_mm = np.array([paper.shape[1], paper.shape[0]]) * MM_PER_INCH / dpi
    fax = rng.random() < reach.fax
    one_bit = fax or rng.random() < reach.one_bit
    resolution = float(rng.choice(reach.resolutions))
    across, down = (FAX_DPI if rng.random() < 0.5 else FINE_FAX_DPI) if fax else (resolution, resolution)
    feed, glass_mm, what = _laid(paper_mm, np.array([across, down]) / MM_PER_INCH, rng, reach)
    size = (round(glass_mm[0] * across / MM_PER_INCH), round(glass_mm[1] * down / MM_PER_INCH))
    background = np.full((size[1], size[0]), int(rng.choice([255, 255, 245, 40, 0])), np.uint8)
    pixels = rendered(paper, dpi / MM_PER_INCH, feed, size, background)
    sigma = float(rng.uniform(0.03, 0.1)) * min(across, down) / MM_PER_INCH
    pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(sigma, 0.3)), dtype=np.uint8)
    pixels = lit(pixels, rng, depth=0.15, white=(215, 253), black=(5, 35), shadow=False)
    pixels = add_noise(pixels, float(rng.uniform(1.0, reach.noise)) * (0.4 if one_bit else 1.0), rng)
    if one_bit:
        pixels = np.where(pixels < rng.uniform(*BLACK_BELOW), np.uint8(0), np.uint8(255))
        what = (*what, "fax" if fax else "1-bit")
    else:
        pixels = to_jpeg(pixels, int(rng.integers(45, 85)))
    shot = Shot(
        np.asarray(pixels, dtype=np.uint8), feed, (f"{resolution:.0f} dpi" if not fax else f"{down} lines", *what)
    )
    if fax:
        shot = _squared(shot, across / down)
    return quarter_turned(shot, int(rng.integers(4)))


def _squared(shot: Shot, taller: float) -> Shot:
    """Return a fax with as many dots down as across: its lines are repeated, as every program that shows one does."""
    height, width = shot.pixels.shape
    rows = round(height * taller)
    pixels = cv2.resize(shot.pixels, (width, rows), interpolation=cv2.INTER_NEAREST)
    ratio = rows / height

    def truth(points: Points) -> Points:
        placed = shot.mm_to_px(points)
        return np.column_stack([placed[:, 0], (placed[:, 1] + 0.5) * ratio - 0.5])

    return Shot(np.asarray(pixels, dtype=np.uint8), truth, shot.what)


def _laid(
    paper_mm: Points, px_per_mm: Points, rng: np.random.Generator, reach: ScanRange
) -> tuple[_Feed, Points, tuple[str, ...]]:
    """Lay the page on the glass; return also the size of the glass (mm) and what was done."""
    skew = float(np.clip(rng.normal(0.0, reach.skew / 2), -reach.skew, reach.skew))
    scale, shift = 1.0, rng.uniform(-2, 2, 2)
    if rng.random() < reach.scaled:
        scale = float(rng.uniform(*reach.scale))
    cut = rng.random() < reach.shifted
    if cut:
        # Along one way, or both: moved, and cut off at the edge of the glass.
        shift = rng.uniform(-reach.shift, reach.shift, 2) * (1, 1) if rng.random() < 0.3 else _one_way(rng, reach.shift)
        skew = float(np.clip(skew, -2.0, 2.0))
    uneven = 1.0 + rng.uniform(-0.006, 0.006, 2)
    angle = np.deg2rad(skew)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag(scale * uneven)
    glass = paper_mm.copy()
    if abs(skew) > 2.0 or scale > 1.0:
        glass = np.ceil(np.abs(matrix) @ paper_mm) + 4
    if not cut and rng.random() < 0.15:
        glass = glass * FLATBED
    offset = glass / 2 + shift - matrix @ (paper_mm / 2)
    wobble = float(rng.uniform(0.0, reach.wobble))
    feed = _Feed(matrix, offset, wobble, float(rng.uniform(120, 400)), float(rng.uniform(0, 2 * np.pi)), px_per_mm)
    what = [f"skew {skew:.0f}"]
    what += [f"scale {scale:.2f}"] if scale != 1.0 else []
    what += [f"shift {shift[0]:.0f} {shift[1]:.0f}"] if cut else []
    return feed, glass, tuple(what)


def _one_way(rng: np.random.Generator, reach: float) -> Points:
    far = float(rng.uniform(-reach, reach))
    return np.array([far, 0.0]) if rng.random() < 0.5 else np.array([0.0, far])
