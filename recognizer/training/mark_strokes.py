"""How people mark tick boxes and bubbles, and how they take a mark back, as strokes of a pen.

Everything is drawn in parts of the box, from -0.5 to 0.5 of its width and height, so that a habit looks the same in a
small and in a large box.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from recognizer.boxes import SURROUNDINGS_MM
from recognizer.geometry import Points
from recognizer.simulate.strokes import curve

FINE_PX_PER_MM = 16.0
"""Resolution in which ink is drawn before it is scanned at 100 to 400 dpi."""

REACH = 0.62
"""Paper around a box, in parts of its size, that is drawn at least."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page's boxes are printed: lengths in mm, darkness 0 paper to 1 black.

    `pitch` is how far the neighbours' centres are, in parts of the size, 0 where there is none on that axis.
    """

    bubble: bool
    width: float
    height: float
    rule_mm: float
    rule: float
    letter: float
    letter_height: float
    weight: int
    round: float
    pitch: tuple[float, float]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in mm."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class Pen:
    """What somebody marks with: its width in mm, its darkness, and how far his hand is off, in parts of the box."""

    width_mm: float
    darkness: float
    wobble: float


class Ink:
    """Ink on the paper around one box, in parts of the box: (0, 0) its middle, 0.5 its right and lower edge."""

    def __init__(self, look: Look, pen: Pen, rng: np.random.Generator) -> None:
        self.look, self.pen, self.rng = look, pen, rng
        self.margin = margin_mm(look)
        self.cover = np.zeros(canvas_shape(look), np.uint8)

    def stroke(self, points: object, width_mm: float | None = None) -> None:
        """Draw a line through points, (N, 2), shaken a little."""
        shaken = curve(np.asarray(points, dtype=np.float64), self.rng, self.pen.wobble)
        width = (width_mm or self.pen.width_mm) * float(np.clip(self.rng.normal(1, 0.08), 0.8, 1.25))
        line = np.round(self._pixels(shaken) * 16).astype(np.int32)
        cv2.polylines(self.cover, [line], False, 255, max(round(width * FINE_PX_PER_MM), 1), cv2.LINE_AA, 4)

    def area(self, points: Points) -> None:
        """Ink everything inside a closed line through points, (N, 2)."""
        line = np.round(self._pixels(points) * 16).astype(np.int32)
        cv2.fillPoly(self.cover, [line], 255, cv2.LINE_AA, 4)

    def _pixels(self, points: Points) -> Points:
        middle = np.array([self.margin + self.look.width / 2, self.margin + self.look.height / 2])
        placed: Points = (points * np.array(self.look.size) + middle) * FINE_PX_PER_MM
        return placed


def margin_mm(look: Look) -> float:
    """Return how much paper around a box is drawn."""
    return max(SURROUNDINGS_MM + 0.5, REACH * max(look.size))


def canvas_shape(look: Look) -> tuple[int, int]:
    """Return height and width of the drawing in fine pixels."""
    margin = margin_mm(look)
    return (
        round((look.height + 2 * margin) * FINE_PX_PER_MM),
        round((look.width + 2 * margin) * FINE_PX_PER_MM),
    )


def _tick(ink: Ink) -> None:
    rng, size = ink.rng, float(ink.rng.uniform(0.45, 1.15))
    corner = np.array([rng.uniform(-0.3, 0.3), rng.uniform(0.02, 0.46)])
    start = corner + size * np.array([-rng.uniform(0.12, 0.4), -rng.uniform(0.1, 0.45)])
    end = corner + size * np.array([rng.uniform(0.25, 1.0), -rng.uniform(0.45, 1.25)])
    if rng.random() < 0.1:
        start, end = end * (-1, 1), start * (-1, 1)
    if rng.random() < 0.5:
        ink.stroke([start, corner, end])
    else:
        ink.stroke([start, corner])
        ink.stroke([corner, end])


def _cross(ink: Ink) -> None:
    rng = ink.rng
    shift, size = rng.normal(0, 0.06, 2), float(rng.uniform(0.45, 1.12))
    for flip in (1, -1):
        a, b = rng.uniform(0.75, 1.1, 2) * size / 2
        lean = np.array([1.0, flip * rng.uniform(0.75, 1.3)])
        ink.stroke([shift - a * lean, shift + b * lean])


def _slash(ink: Ink) -> None:
    rng = ink.rng
    angle = rng.uniform(0, np.pi)
    half = rng.uniform(0.28, 0.62) * np.array([np.cos(angle), np.sin(angle)])
    shift = rng.normal(0, 0.06, 2)
    ink.stroke([shift - half, shift + half])


def _round_points(ink: Ink, radius: float, rough: float, corner: float, count: int = 14) -> Points:
    """Return points around the middle: a circle, or with `corner` up to 1 more and more a square."""
    rng = ink.rng
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 1)
    cos, sin = np.cos(angle), np.sin(angle)
    square = 1 / np.maximum(np.abs(cos), np.abs(sin))
    reach = radius * (1 + corner * (square - 1)) * np.exp(rng.normal(0, rough, count))
    points: Points = np.column_stack([reach * cos, reach * sin])
    closed = np.vstack([points, points[:1]])
    return curve(closed, rng, 0.0)


def _fill(ink: Ink) -> None:
    rng = ink.rng
    bubble = ink.look.bubble
    radius = float(rng.uniform(0.36, 0.58) if bubble else rng.uniform(0.34, 0.5))
    corner = 0.0 if bubble else float(rng.uniform(0.3, 1.0))
    ink.area(_round_points(ink, radius, float(rng.uniform(0.0, 0.09)), corner) + rng.normal(0, 0.04, 2))


def _dot(ink: Ink) -> None:
    radius = float(ink.rng.uniform(0.13, 0.33))
    ink.area(_round_points(ink, radius, 0.1, 0.0) + ink.rng.normal(0, 0.06, 2))


def _zigzag(ink: Ink, reach: float, spacing_mm: float, width: float | None = None) -> None:
    """Draw a line to and fro over the box, `reach` parts of it wide and high."""
    rng, bubble = ink.rng, ink.look.bubble
    rows = int(np.clip(reach * min(ink.look.size) / spacing_mm, 3, 26))
    along = np.linspace(-0.5, 0.5, rows) * reach
    across = np.full(rows, reach / 2)
    if bubble:
        across = np.sqrt(np.maximum((0.53 * reach) ** 2 - along**2, 0.0))
    across = across * rng.uniform(0.72, 1.08, rows) * np.where(np.arange(rows) % 2, 1, -1)
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    if not bubble:
        # A square that is turned would leave the box.
        across, along = across * 0.9, along * 0.9
    ink.stroke(np.column_stack([across, along]) @ turn + rng.normal(0, 0.04, 2), width)


def _scribbled(ink: Ink) -> None:
    """Fill a box with strokes, dense or not."""
    _zigzag(ink, float(ink.rng.uniform(0.7, 1.02)), ink.pen.width_mm * float(ink.rng.uniform(0.5, 2.2)))


def _spiral(ink: Ink) -> None:
    rng = ink.rng
    turns = rng.uniform(1.5, 5)
    angle = np.linspace(0, 2 * np.pi * turns, int(9 * turns))
    radius = np.linspace(rng.uniform(0.02, 0.15), rng.uniform(0.3, 0.5), len(angle))
    ink.stroke(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]) + rng.normal(0, 0.04, 2))


def _half(ink: Ink) -> None:
    """Fill one half only."""
    rng = ink.rng
    points = _round_points(ink, float(rng.uniform(0.36, 0.5)), 0.06, 0.0 if ink.look.bubble else 0.6, 20)
    side, cut = int(rng.integers(2)), rng.uniform(-0.12, 0.2)
    points[:, side] = np.maximum(points[:, side], cut) if rng.random() < 0.5 else np.minimum(points[:, side], -cut)
    ink.area(points)


def _ring(ink: Ink) -> None:
    """Draw a circle inside the box."""
    points = _round_points(ink, float(ink.rng.uniform(0.2, 0.42)), 0.06, 0.0, 10)
    ink.stroke(points + ink.rng.normal(0, 0.04, 2))


def _writing(ink: Ink) -> None:
    """Write something like a letter: a bent stroke or two through the middle."""
    rng = ink.rng
    for _ in range(int(rng.integers(1, 4))):
        ink.stroke(rng.uniform(-0.42, 0.42, (int(rng.integers(3, 6)), 2)))


def _plus(ink: Ink) -> None:
    rng = ink.rng
    for flip in (0, 1):
        half = np.array([rng.uniform(0.25, 0.55), rng.normal(0, 0.06)])
        ink.stroke([-half[:: 1 - 2 * flip], half[:: 1 - 2 * flip]])


Drawer = Callable[[Ink], None]

MARK_SHARES: Mapping[bool, tuple[tuple[Drawer, float], ...]] = MappingProxyType(
    {
        False: (
            (_tick, 0.30),
            (_cross, 0.28),
            (_slash, 0.08),
            (_fill, 0.07),
            (_scribbled, 0.08),
            (_dot, 0.05),
            (_half, 0.03),
            (_spiral, 0.03),
            (_ring, 0.03),
            (_writing, 0.03),
            (_plus, 0.02),
        ),
        True: (
            (_tick, 0.11),
            (_cross, 0.13),
            (_slash, 0.08),
            (_fill, 0.24),
            (_scribbled, 0.20),
            (_dot, 0.07),
            (_half, 0.06),
            (_spiral, 0.05),
            (_ring, 0.02),
            (_writing, 0.02),
            (_plus, 0.02),
        ),
    }
)
"""How boxes (False) and bubbles (True) are marked, and how often."""


def draw_mark(ink: Ink, drawers: tuple[Drawer, ...] = ()) -> None:
    """Mark a box in one of the ways of `MARK_SHARES`, or of `drawers`."""
    shares = MARK_SHARES[ink.look.bubble]
    shares = tuple((drawer, share) for drawer, share in shares if not drawers or drawer in drawers)
    weights = np.array([share for _, share in shares])
    shares[int(ink.rng.choice(len(shares), p=weights / weights.sum()))][0](ink)


def cancel(ink: Ink) -> None:
    """Cancel what stands in a box: scribble over it, strike it through, circle it, or blacken it beyond its outline."""
    kind = ink.rng.random()
    if kind < 0.42:
        draw_mark(ink)
        _zigzag(ink, float(ink.rng.uniform(1.3, 1.75)), ink.pen.width_mm * float(ink.rng.uniform(1.0, 2.4)))
    elif kind < 0.75:
        draw_mark(ink, (_tick, _cross, _fill, _scribbled, _half, _spiral))
        _strike(ink)
    elif kind < 0.9 or ink.look.bubble:
        draw_mark(ink, (_tick, _cross, _fill, _scribbled, _spiral))
        _encircle(ink)
    else:
        _zigzag(ink, float(ink.rng.uniform(1.35, 1.75)), ink.pen.width_mm * float(ink.rng.uniform(0.5, 0.9)))


def _strike(ink: Ink) -> None:
    """Draw two to four strokes through the box that end well outside, side by side or crossing."""
    rng = ink.rng
    count, angle = int(rng.integers(2, 5)), rng.uniform(0, np.pi)
    crossing = rng.random() < 0.35
    for place in np.linspace(-0.26, 0.26, count) if count > 2 else (-0.14, 0.14):
        along = angle + (rng.normal(0, 0.08) if not crossing else rng.uniform(0, np.pi))
        if crossing and count == 2:
            along = angle + (np.pi / 2 if place > 0 else 0.0)
        direction = np.array([np.cos(along), np.sin(along)])
        # A diagonal is longer within the box.
        reach = rng.uniform(0.72, 0.95, 2) / max(np.abs(direction).max(), 0.75)
        off = np.array([-direction[1], direction[0]]) * (0.0 if crossing else place)
        ink.stroke([off - reach[0] * direction, off + reach[1] * direction])


def _encircle(ink: Ink) -> None:
    """Draw a circle around the whole box."""
    rng = ink.rng
    corner = 0.0 if ink.look.bubble else 0.25
    points = _round_points(ink, float(rng.uniform(0.62, 0.74)), 0.05, corner, 12)
    ink.stroke(points[: len(points) - int(rng.integers(0, 12))])
