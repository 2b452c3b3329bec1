"""How people put strokes together: numbers with halves and points, dashes, ticks, scribbles and strikes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.training.compose import Cover, Written, canvas_box, cover_of, stroke_cover
from recognizer.training.pools import DIGITS

Points = NDArray[np.float64]
"""(N, 2) mm."""

Place = tuple[float, float, float]
"""Centre x, centre y and height of a character, in mm from the box's top left."""

CLEAR_SLANT = 35.0
"""Degrees off upright from which a lone slash is surely no 1; below, people write ones like that."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One stroke or digit: its ink, what it shows alone (None: cannot be told), and which character it is part of."""

    cover: Cover
    label: str | None
    group: int
    is_point: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a half or number before it is placed: `x`, `y`, `height` in units of the number's digit height."""

    kind: str
    x: float
    y: float
    height: float
    lean: float = 0.0


def draw_number(
    size: tuple[float, float], written: Callable[[str, Place], Written], dpi: int, rng: np.random.Generator
) -> tuple[Layer, ...]:
    """Return the layers of a number as people write it in a mark cell: digits, halves, points, dashes."""
    characters, width = _line(rng)
    height = min(float(rng.uniform(0.3, 0.62)) * size[1], (size[0] - 1.6) / max(width, 0.5))
    spare = size[0] - 1.6 - width * height
    left = 0.8 + spare * float(np.clip(rng.normal(0.5, 0.22), 0, 1))
    middle = size[1] / 2 + float(np.clip(rng.normal(0, 0.35), -1, 1)) * max((size[1] - 1.3 * height) / 2, 0)
    pen = float(rng.uniform(0.25, 0.75))
    box = canvas_box(size)
    layers = []
    for group, parts in enumerate(characters):
        for part in parts:
            x, y, tall = left + part.x * height, middle + part.y * height, part.height * height
            if part.kind in DIGITS:
                layers.append(Layer(cover_of(written(part.kind, (x, y, tall)), box, dpi), part.kind, group))
                continue
            points = _stroke_of(part, x, y, height, rng)
            layers.append(Layer(stroke_cover(points, pen, box, dpi), _alone(part), group, part.kind == "point"))
    return tuple(layers)


def _alone(part: Part) -> str | None:
    if part.kind == "bar":
        return "-"
    slanted = np.degrees(np.arctan2(part.lean, part.height)) > CLEAR_SLANT
    return "other" if part.kind == "slash" and slanted else None


def _stroke_of(part: Part, x: float, y: float, height: float, rng: np.random.Generator) -> Points:
    tall, lean = part.height * height, part.lean * height
    if part.kind == "bar":
        return draw_stroke("dash", (x, y, lean), rng)
    if part.kind == "slash":
        bow = rng.normal(0, 0.04) * tall
        return np.array([[x - lean / 2, y + tall / 2], [x + bow, y + bow], [x + lean / 2, y - tall / 2]])
    # A point or comma: a dab of the pen, with or without a tail.
    return np.array([[x, y], [x - lean / 2, y + tall]])


def _line(rng: np.random.Generator) -> tuple[list[list[Part]], float]:
    """Return the parts of each character from the left edge, and the whole width, in digit heights."""
    form = str(
        rng.choice(["d", "dh", "h", "d.d", "dd", "ddh", "-", "-d"], p=[0.12, 0.38, 0.15, 0.1, 0.12, 0.04, 0.05, 0.04])
    )
    characters: list[list[Part]] = []
    at = 0.0
    for sign in form:
        if sign == "d":
            characters.append([Part(str(rng.choice(list(DIGITS))), at + 0.32, 0.0, float(rng.normal(1, 0.06)))])
            step = 0.64
        elif sign == "h":
            parts, step = draw_half(rng)
            characters.append([Part(p.kind, p.x + at, p.y, p.height, p.lean) for p in parts])
        elif sign == ".":
            comma = rng.random() < 0.4
            tall = float(rng.uniform(0.12, 0.3) if comma else rng.uniform(0.0, 0.06))
            characters.append([Part("point", at + 0.05, float(rng.uniform(0.36, 0.48)), tall, tall * 0.6)])
            step = 0.1
        else:
            length = float(rng.uniform(0.35, 0.9))
            characters.append([Part("bar", at + length / 2, float(rng.normal(0, 0.08)), 0.0, length)])
            step = length
        at += step + float(np.clip(rng.normal(0.14, 0.09), -0.06, 0.5))
    return characters, at


def draw_half(rng: np.random.Generator) -> tuple[list[Part], float]:
    """Return 1, stroke and 2 of a half, and its width, in digit heights.

    On the line (`1/2`), raised and lowered around a slash (`½`), or stacked over a bar; strokes may touch.
    """
    style = rng.choice(["line", "raised", "stacked"], p=[0.42, 0.38, 0.2])
    small = float(rng.uniform(0.42, 0.68))
    if style == "stacked":
        width = float(rng.uniform(0.4, 0.8))
        apart = small / 2 + float(rng.uniform(0.04, 0.16))
        slope = float(rng.normal(0, 0.05))
        return [
            Part("1", width / 2 + slope, -apart, small),
            Part("bar", width / 2, 0.0, 0.0, width),
            Part("2", width / 2 - slope, apart, small),
        ], width
    if style == "raised":
        lean, tall = float(rng.uniform(0.2, 0.75)), float(rng.uniform(0.7, 1.25))
        up, down = float(rng.uniform(0.1, 0.3)), float(rng.uniform(0.1, 0.32))
        middle = 0.15 + lean * 0.4 + float(rng.uniform(-0.04, 0.12))
        two = middle + lean * 0.15 + 0.3 * small + float(rng.uniform(0.02, 0.16))
    else:
        small = float(rng.uniform(0.55, 0.95))
        lean, tall = float(rng.uniform(0.25, 0.7)), float(rng.uniform(0.85, 1.3)) * max(small, 0.7)
        up, down = float(rng.uniform(-0.03, 0.1)), float(rng.uniform(-0.03, 0.1))
        middle = 0.15 + lean / 2 + float(rng.uniform(0.0, 0.15))
        two = middle + lean * 0.4 + 0.32 * small + float(rng.uniform(0.0, 0.15))
    return [
        Part("1", 0.1, -up, small),
        Part("slash", middle, float(rng.normal(0, 0.03)), tall, lean),
        Part("2", two, down, small),
    ], two + 0.35 * small


def draw_stroke(shape: str, place: Place, rng: np.random.Generator) -> Points:
    """Return the points of a `dash`, `tick` or `scribble` at a place; a dash is as long as the place is high."""
    x, y, tall = place
    if shape == "dash":
        turn = rng.normal(0, 0.09)
        along = np.linspace(-0.5, 0.5, 5)
        bow = rng.normal(0, 0.05) * (0.25 - along**2) * 4 + rng.normal(0, 0.012, 5)
        return np.column_stack([x + along * tall, y + (along * turn + bow) * tall])
    if shape == "tick":
        corner = rng.uniform(0.2, 0.45)
        shape_of = np.array([[-0.5, rng.uniform(-0.1, 0.2)], [corner - 0.5, 0.5], [0.5, -0.5]])
        return np.array([x, y]) + shape_of * tall * rng.uniform(0.7, 1.1)
    count = int(rng.integers(8, 22))
    return _smooth(np.array([x, y]) + rng.normal(0, 0.24, (count, 2)) * tall)


def line_points(shape: str, place: Place, size: tuple[float, float], rng: np.random.Generator) -> list[Points]:
    """Return the strokes that strike out a character at a place, reaching beyond it on both sides."""
    x, y, tall = place
    wide = min(tall * rng.uniform(0.7, 1.0), size[0] * 1.1)
    middle = np.array([x, y])
    half = np.array([wide, tall]) / 2 * rng.uniform(0.9, 1.2)
    if shape == "scribble":
        return [draw_stroke("scribble", (x, y, tall), rng)]
    if shape == "zigzag":
        count = int(rng.integers(5, 10))
        along = np.linspace(-1, 1, count)
        across = np.where(np.arange(count) % 2, 1.0, -1.0) * rng.uniform(0.5, 1.0, count)
        return [middle + np.column_stack([along, across]) * half]
    slope = rng.uniform(-1, 1) if shape == "double" else rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
    first = np.array([[-1.15, slope], [1.15, -slope]])
    if shape == "single":
        return [middle + first * half]
    if shape == "cross":
        return [middle + first * half, middle + first * [1, -1] * half]
    gap = np.array([0.0, rng.uniform(0.12, 0.3) * tall])
    return [middle + first * half * 0.95 + gap / 2, middle + first * half * 0.95 - gap / 2]


def _smooth(points: Points) -> Points:
    """Return a curve through points rounded at its corners (Chaikin 1974), ends kept."""
    for _ in range(2):
        near, far = points[:-1] * 0.75 + points[1:] * 0.25, points[:-1] * 0.25 + points[1:] * 0.75
        points = np.concatenate([points[:1], np.stack([near, far], axis=1).reshape(-1, 2), points[-1:]])
    return points
