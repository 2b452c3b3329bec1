"""Draw photos of paper with handwritten digits on it, and the truth: which digit lies where, in which line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Rect
from recognizer.glyphs import GlyphSet, load_glyphs

Colours = NDArray[np.uint8]
"""(H, W, 3) uint8, blue, green, red."""

BLUE, RED, BLACK, GREEN, PENCIL = (140, 60, 25), (50, 40, 190), (40, 35, 35), (60, 110, 20), (125, 125, 125)
ORANGE = (40, 130, 240)


@dataclass(frozen=True)
class Look:
    """How a page is written and photographed. Lengths are in heights of a digit, `slope` is in degrees."""

    size: int = 48
    ink: tuple[int, int, int] = BLUE
    paper: str = "plain"
    paper_tone: tuple[int, int, int] = (240, 245, 246)
    rule: tuple[int, int, int] = (225, 190, 165)
    slope: float = 0.0
    perspective: float = 0.0
    shade: float = 0.0
    shadow: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    gap: float = 0.18
    table: float = 0.0
    line_gap: float = 1.0


@dataclass(frozen=True)
class Drawn:
    """A picture, and in reading order what stands on it: one list for each line, of (digit, where)."""

    pixels: Colours
    lines: list[list[tuple[str, Rect]]] = field(default_factory=list)

    @property
    def digits(self) -> list[tuple[str, Rect]]:
        return [digit for line in self.lines for digit in line]


@cache
def glyphs() -> GlyphSet:
    return load_glyphs()


def draw_page(texts: Sequence[str], look: Look | None = None, seed: int = 0) -> Drawn:
    """Write lines of digits and spaces; anything else in a text leaves a place for `size` free."""
    look = look or Look()
    rng = np.random.default_rng(seed)
    size = look.size
    pitch = round(size * (1 + look.line_gap))
    width = round(size * (max(map(len, texts), default=4) + 3) * (0.9 + look.gap))
    height = pitch * (len(texts) + 1)
    cover = np.zeros((height, width), np.float32)
    placed: list[list[tuple[str, NDArray[np.float32]]]] = []
    for number, text in enumerate(texts):
        x, line = float(size), []
        for character in text:
            if not character.isdigit():
                x += size
                continue
            ink = _ink(character, rng, size)
            x += 0.0
            top = round(pitch * (number + 0.7) + rng.normal(0, 0.04 * size) + (size - ink.shape[0]) / 2)
            left = round(x)
            window = cover[top : top + ink.shape[0], left : left + ink.shape[1]]
            np.maximum(window, ink, out=window)
            corners = [[left, top], [left + ink.shape[1], top], [left + ink.shape[1], top + ink.shape[0]]]
            line.append((character, np.array([*corners, [left, top + ink.shape[0]]], np.float32)))
            x += ink.shape[1] + size * (look.gap + rng.uniform(-0.04, 0.04))
        placed.append(line)
    page = _paper((height, width), pitch, look)
    page = page * (1 - cover[..., None]) + np.array(look.ink, np.float32) * cover[..., None]
    page, transform = _photographed(page, look, rng)
    lines = [[(digit, _moved(corners, transform)) for digit, corners in line] for line in placed]
    return Drawn(page, lines)


def _ink(digit: str, rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Return one digit cropped to its ink, about `size` high, (h, w) float32, with a pen's sharp edge."""
    writer = glyphs().writers[int(rng.integers(len(glyphs().writers)))]
    rows = glyphs().where[writer][digit]
    small = glyphs().images[rows[int(rng.integers(len(rows)))]].astype(np.float32) / 255
    high = np.flatnonzero((small > 0.2).any(axis=1))
    scale = size * rng.uniform(0.88, 1.1) / (high[-1] - high[0] + 1)
    large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    sharp = np.clip((large - 0.5) / min(0.45, 0.6 / max(scale, 0.6)) + 0.5, 0, 1).astype(np.float32)
    rows_of, columns = np.flatnonzero((sharp > 0.3).any(axis=1)), np.flatnonzero((sharp > 0.3).any(axis=0))
    cut: NDArray[np.float32] = sharp[rows_of[0] : rows_of[-1] + 1, columns[0] : columns[-1] + 1]
    return cut


def _paper(shape: tuple[int, int], pitch: int, look: Look) -> NDArray[np.float32]:
    page = np.empty((*shape, 3), np.float32)
    page[:] = look.paper_tone
    thick = max(round(look.size / 24), 1)
    if look.paper == "ruled":
        for y in range(round(0.7 * pitch) + look.size, shape[0], pitch):
            page[y : y + thick] = look.rule
    if look.paper == "squared":
        square = round(look.size * 0.75)
        for y in range(square // 2, shape[0], square):
            page[y : y + thick] = look.rule
        for x in range(square // 3, shape[1], square):
            page[:, x : x + thick] = look.rule
    return page


def _photographed(
    page: NDArray[np.float32], look: Look, rng: np.random.Generator
) -> tuple[Colours, NDArray[np.float64]]:
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -look.slope, 1.0)
    reach = abs(np.tan(np.radians(look.slope)))
    across, down = round(width + reach * height), round(height + reach * width)
    edge = round(look.table * look.size)
    turn[:, 2] += [(across - width) / 2 + edge, (down - height) / 2 + edge]
    transform = np.vstack([turn, [0, 0, 1]])
    across, down = across + 2 * edge, down + 2 * edge
    if look.perspective:
        shift = look.perspective * across
        seen = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32)
        bent = seen + np.array([[shift, shift / 3], [-shift / 2, 0], [0, -shift / 4], [shift / 5, 0]], np.float32)
        transform = cv2.getPerspectiveTransform(seen, bent) @ transform
    mode = cv2.BORDER_CONSTANT if edge else cv2.BORDER_REPLICATE
    shot = cv2.warpPerspective(page, transform, (across, down), borderMode=mode, borderValue=(50, 70, 90))
    light = 1 - look.shade * np.linspace(0, 1, across, dtype=np.float32)[None, :] * np.ones((down, 1), np.float32)
    if look.shadow:
        edge_of = np.zeros((down, across), np.float32)
        corners = np.array([[0.55 * across, 0], [across, 0], [across, down], [0.3 * across, down]]).astype(np.int32)
        cv2.fillPoly(edge_of, [corners], (1.0,))
        light *= 1 - look.shadow * cv2.GaussianBlur(edge_of, (0, 0), look.size / 12)
    shot = shot * light[..., None]
    if look.blur:
        shot = cv2.GaussianBlur(shot, (0, 0), look.blur)
    if look.noise:
        shot = shot + rng.normal(0, look.noise, shot.shape)
    return np.clip(shot, 0, 255).astype(np.uint8), np.asarray(transform, np.float64)


def _moved(corners: NDArray[np.float32], transform: NDArray[np.float64]) -> Rect:
    moved = cv2.perspectiveTransform(corners[None].astype(np.float64), transform)[0]
    low, high = moved.min(axis=0), moved.max(axis=0)
    return Rect(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
