"""Somebody with a pen: writes digits, signs, numbers, ticks and squiggles onto a page."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from recognizer.geometry import MM_PER_INCH, Points, Rect
from recognizer.glyphs import GlyphSet
from recognizer.records import GreyImage
from recognizer.simulate.strokes import Coverage, Placing, Trace, curve, line, place, trace


@dataclass(frozen=True, slots=True)
class Pen:
    """What is written with: width in mm, ink from 0.0 (black) to 1.0 (white), and how uneven the ink runs (0 to 1)."""

    width_mm: float
    grey: float
    unevenness: float


@dataclass(frozen=True, slots=True)
class Habits:
    """How somebody writes.

    `slant` is a shear, `stray` how far things are off, as a share of the height; `half_style` is one of
    `numbers.HALF_STYLES`, `point` "." or ",", and the styles of boxes and bubbles are "tick", "cross" or "fill";
    `absent` is one of `letters.SPELLINGS`.
    """

    height_mm: float
    slant: float
    stray: float
    half_style: str
    point: str
    box_style: str
    bubble_style: str
    absent: str = "AB"


class Sheet:
    """A printed page that ink is laid on: grey pixels at `px_per_mm`."""

    def __init__(self, pixels: GreyImage, dpi: float) -> None:
        self.pixels = pixels
        self.px_per_mm = dpi / MM_PER_INCH

    def lay(self, coverage: Coverage, left: int, top: int, grey: float) -> None:
        """Darken the page where ink covers it; what falls off the page is lost."""
        height, width = self.pixels.shape
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + coverage.shape[1], width), min(top + coverage.shape[0], height)
        if x0 >= x1 or y0 >= y1:
            return
        part = coverage[y0 - top : y1 - top, x0 - left : x1 - left]
        page = self.pixels[y0:y1, x0:x1]
        page[:] = np.round(page * (1.0 - part * (1.0 - grey))).astype(np.uint8)


class Hand:
    """One person: whose digits, which pen, which habits. All lengths in mm, places in mm of the page."""

    def __init__(self, glyphs: GlyphSet, writer: str, pen: Pen, habits: Habits, rng: np.random.Generator) -> None:
        self._glyphs = glyphs
        self._writer = writer
        self.pen = pen
        self.habits = habits
        self.rng = rng

    def digit(self, sheet: Sheet, digit: str, x: float, y: float, height: float) -> Rect:
        """Write a digit with its centre near (x, y); return where its ink is."""
        trace_, size = self._sized(digit, height)
        stray = self.habits.stray * height
        x, y = x + self.rng.normal(0.0, stray * 0.5), y + self.rng.normal(0.0, stray * 0.5)
        placing = Placing(
            size=size * sheet.px_per_mm,
            slant=self.habits.slant + self.rng.normal(0.0, 0.03),
            turn=self.rng.normal(0.0, 0.035),
            pen_width=self._pen_width() * sheet.px_per_mm,
        )
        coverage = self._inked(place(trace_, placing))
        height_px, width_px = coverage.shape
        left, top = round(x * sheet.px_per_mm - width_px / 2), round(y * sheet.px_per_mm - height_px / 2)
        sheet.lay(coverage, left, top, self.pen.grey)
        width = size * trace_.size[0] / max(trace_.size)
        return Rect(x - width / 2, y - height / 2, width, height)

    def stroke(self, sheet: Sheet, waypoints: Points, wobble: float | None = None) -> None:
        """Draw a line through waypoints, (N, 2) mm; `wobble` mm off each."""
        off = self.habits.stray * self.habits.height_mm * 0.3 if wobble is None else wobble
        points = curve(np.asarray(waypoints, dtype=np.float64), self.rng, off) * sheet.px_per_mm
        coverage, left, top = line(points, self._pen_width() * sheet.px_per_mm)
        sheet.lay(self._inked(coverage), left, top, self.pen.grey)

    def width_of(self, digit: str, height: float) -> float:
        """Return about how wide this person writes a digit."""
        rows = self._glyphs.where[self._writer][digit]
        width, tall = _traced(self._glyphs, rows[0]).size
        return height * min(1.0, width / tall)

    def _sized(self, digit: str, height: float) -> tuple[Trace, float]:
        """Return one of this person's pictures of a digit, and the length of its longer side in mm."""
        rows = self._glyphs.where[self._writer][digit]
        trace_ = _traced(self._glyphs, int(self.rng.choice(rows)))
        return trace_, height * float(np.clip(self.rng.normal(1.0, self.habits.stray * 0.6), 0.75, 1.25))

    def _pen_width(self) -> float:
        return self.pen.width_mm * float(np.clip(self.rng.normal(1.0, 0.05), 0.8, 1.2))

    def _inked(self, coverage: Coverage) -> Coverage:
        """Let the ink run unevenly, in patches of a few tenths of a millimetre."""
        if self.pen.unevenness <= 0:
            return coverage
        height, width = coverage.shape
        patches = self.rng.normal(0.0, self.pen.unevenness, (height // 5 + 2, width // 5 + 2)).astype(np.float32)
        flow = cv2.resize(patches, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(coverage * np.clip(1.0 - np.abs(flow), 0.2, 1.0), dtype=np.float32)


@lru_cache(maxsize=1024)
def _cached_trace(picture: bytes, height: int, width: int) -> Trace:
    return trace(np.frombuffer(picture, np.uint8).reshape(height, width))


def _traced(glyphs: GlyphSet, row: int) -> Trace:
    picture = glyphs.images[row]
    return _cached_trace(picture.tobytes(), *picture.shape)
