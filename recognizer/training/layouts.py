"""How people put strokes together: numbers with halves and points, dashes, words, ticks, scribbles and strikes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import MM_PER_INCH
from recognizer.training.compose import Cover, Ink, Written, canvas_box, cover_of, stroke_cover
from recognizer.training.halves import Part, draw_half
from recognizer.training.pools import DIGITS, Pool

Points = NDArray[np.float64]
"""(N, 2) mm."""

Place = tuple[float, float, float]
"""Centre x, centre y and height of a character, in mm from the box's top left."""

Hand = Callable[[str, Place], Written]
"""A writer: what of a digit is written at a place."""

FORMS: dict[str, float] = {
    "d": 0.17,
    "dh": 0.24,
    "h": 0.10,
    "d.d": 0.12,
    "dd": 0.12,
    "dd.d": 0.02,
    "ddh": 0.05,
    "ddd": 0.03,
    "dddd": 0.01,
    "-": 0.04,
    "-d": 0.03,
    "-dd": 0.01,
    "-d.d": 0.01,
    "AB": 0.015,
    "ABS": 0.015,
    "xd": 0.02,
    "x": 0.01,
    "d.": 0.05,
}
"""What stands in a cell, by how often: d a digit, h a half, x something struck out, letters for absent."""

ONES = 0.15
"""Share of digits before a half that are a 1 for sure: with a half in one go it is what is mistaken most often."""


USUAL_HEIGHTS, TALL_HEIGHTS = (0.28, 0.66), (0.66, 1.08)
"""Height of a digit by its cell's, where there is room; tall ones fill their cell."""

LONGEST_ONE = 1.5
"""Height of a long 1 by that of other digits at most, before hands differ."""

TALLEST = 1.15
"""Height of a number by its cell's: people write over rules, but not over the next row."""

LARGER_HALF = 1.1
"""Logarithm of how much larger than its digit a half may be: two small digits and a bar take room."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How often numbers are tall, and how often a 1 is longer than the other digits."""

    tall: float
    long_ones: float


LEARNED, MET = Habits(0.15, 0.06), Habits(0.08, 0.0)
"""What is learned from, and what calibrates. A 1 from rule to rule looks like a rule itself where nobody learned that
it is not; in real mark cells 8 numbers in 100 are higher than two thirds of the cell, and nobody counted long ones."""


REDRAWN = 12
"""Times a number is placed anew that nobody could read as what it is: cut off, or without its point. What is written,
and whether it is tall, stays, or hard numbers would become rare. Of 24,000 numbers
none was left as it was."""

OWN_POINT = 0.6
"""Share of a point's ink that must lie apart from all other strokes, or nobody sees a point."""

APART_MM = 0.2
"""Distance from which ink lies apart: one to three pixels of a scan."""


@dataclass(frozen=True, slots=True)
class Line:
    """A number as it is written: its parts from the left edge, its width in digit heights, and its symbols."""

    parts: tuple[Part, ...]
    width: float
    text: str


def draw_number(
    size: tuple[float, float], hand: Hand, pool: Pool, dpi: int, rng: np.random.Generator, *, habits: Habits = LEARNED
) -> tuple[tuple[Cover, ...], str]:
    """Return the ink of a number as people write it in a mark cell, and the symbols that it shows.

    What nobody could read as these symbols is placed anew: `1.0` whose point is lost in the 0 is 10 for everybody.
    """
    form = str(rng.choice(list(FORMS), p=np.array(list(FORMS.values())) / sum(FORMS.values())))
    heights = TALL_HEIGHTS if rng.random() < habits.tall else USUAL_HEIGHTS
    for _ in range(REDRAWN):
        line = _line(form, rng, habits.long_ones)
        covers = _drawn(line, size, hand, pool, rng, dpi=dpi, heights=heights)
        if _is_whole(covers) and shows_points(line.parts, covers, dpi):
            break
    return covers, line.text


def _drawn(
    line: Line,
    size: tuple[float, float],
    hand: Hand,
    pool: Pool,
    rng: np.random.Generator,
    *,
    dpi: int,
    heights: tuple[float, float],
) -> tuple[Cover, ...]:
    tallest = max(max(abs(part.y) + part.height / 2 for part in line.parts) * 2, 1.0)
    height = min(float(rng.uniform(*heights)) * size[1], (size[0] - 1.2) / max(line.width, 0.5))
    height = min(height, TALLEST * size[1] / tallest)
    spare = size[0] - 1.2 - line.width * height
    left = 0.6 + spare * float(np.clip(rng.normal(0.5, 0.24), 0, 1))
    middle = size[1] / 2 + float(np.clip(rng.normal(0, 0.4), -1.1, 1.1)) * max((size[1] - 1.2 * height) / 2, 0)
    drift = float(rng.normal(0, 0.05))
    pen = float(rng.uniform(0.25, 0.75))
    box = canvas_box(size)
    covers = []
    for part in line.parts:
        place = (left + part.x * height, middle + (part.y + drift * part.x) * height, part.height * height)
        ink = _real_stroke(part, pool, rng)
        if part.kind in DIGITS:
            covers.append(cover_of(hand(part.kind, place), box, dpi))
        elif ink is not None:
            covers.append(cover_of(_stroke_in(ink, part, place, height, rng), box, dpi))
        else:
            covers.append(stroke_cover(_points_of(part, place, height, rng), pen, box, dpi))
    return tuple(covers)


def _is_whole(covers: Sequence[Cover]) -> bool:
    """Tell whether all strokes end within the canvas."""
    return not any(max(edge.max() for edge in (one[0], one[-1], one[:, 0], one[:, -1])) > 0.5 for one in covers)


def shows_points(parts: Sequence[Part], covers: Sequence[Cover], dpi: int) -> bool:
    """Tell whether every point lies apart from all other strokes for the most part; each part has its cover."""
    reach = 2 * round(APART_MM * dpi / MM_PER_INCH) + 1
    for at, part in enumerate(parts):
        if part.kind == "point":
            others = np.maximum.reduce([one for place, one in enumerate(covers) if place != at])
            near = cv2.dilate(others, np.ones((reach, reach), np.uint8)) > 0.5
            if covers[at][~near].sum() < OWN_POINT * covers[at].sum() or covers[at].max() < 0.5:
                return False
    return True


def _real_stroke(part: Part, pool: Pool, rng: np.random.Generator) -> Ink | None:
    """Return a real dash, slash, point or letter to draw a part with; None where it is drawn."""
    inks = {"bar": pool.dashes, "slash": pool.slashes, "point": pool.points}.get(part.kind, ())
    if part.kind in "abs" and pool.letters.get(part.kind):
        inks = pool.letters[part.kind]
    elif rng.random() < 0.6 or (part.height > 0.2 and part.kind == "point"):
        return None
    return inks[int(rng.integers(len(inks)))] if len(inks) else None


def _stroke_in(ink: Ink, part: Part, place: Place, height: float, rng: np.random.Generator) -> Written:
    """Return a real stroke stretched to the part's size."""
    x, y, tall = place
    if part.kind == "bar":
        wide = max(part.lean * height, 0.3)
        return Written(ink, x, y, max(wide * ink.shape[0] / ink.shape[1], 0.4), 0.0, rng.normal(0, 3))
    if part.kind == "point":
        return Written(ink, x, y, max(rng.uniform(0.08, 0.2) * height, 0.35))
    wide = max(part.lean * height, 0.3) if part.kind == "slash" else tall * ink.shape[1] / ink.shape[0]
    return Written(ink, x, y, tall, 0.0, rng.normal(0, 3), wide / max(tall * ink.shape[1] / ink.shape[0], 0.1))


def _points_of(part: Part, place: Place, height: float, rng: np.random.Generator) -> Points:
    x, y, tall = place
    lean = part.lean * height
    if part.points:
        return smooth(np.array([x, y]) + np.array(part.points) * height)
    if part.kind == "bar":
        return draw_stroke("dash", (x, y, lean), rng)
    if part.kind == "slash":
        bow = rng.normal(0, 0.04) * tall
        return np.array([[x - lean / 2, y + tall / 2], [x + bow, y + bow], [x + lean / 2, y - tall / 2]])
    # A point or comma: a dab of the pen, with or without a tail.
    return np.array([[x, y], [x - lean / 2, y + tall]])


def _line(form: str, rng: np.random.Generator, long_ones: float) -> Line:
    if form in ("AB", "ABS"):
        return _word(form, rng)
    parts: list[Part] = []
    at, text = 0.0, ""
    # Some people write all digits apart, others let them touch.
    close = float(rng.normal(0.12, 0.08))
    large = float(np.exp(rng.uniform(0, LARGER_HALF))) if "dh" in form and rng.random() < 0.5 else 1.0
    for place, sign in enumerate(form):
        before_half = sign == "d" and form[place + 1 : place + 2] == "h"
        symbol, found, step = _character("1" if before_half and rng.random() < ONES else sign, at, rng, long_ones)
        if sign == "h":
            found, step = _scaled(found, at, large), step * large
        parts += found
        text += symbol
        at += step + float(np.clip(rng.normal(close, 0.07), -0.1, 0.5))
        if before_half and rng.random() < 0.25:
            at += float(rng.uniform(0.1, 0.8))
        if sign == "-" and place:
            at += 0.1
    return Line(tuple(parts), at, text)


def _scaled(parts: Sequence[Part], left: float, factor: float) -> list[Part]:
    """Return parts made larger from their left edge and the middle of the line."""
    return [
        Part(
            one.kind,
            left + (one.x - left) * factor,
            one.y * factor,
            one.height * factor,
            one.lean * factor,
            tuple((x * factor, y * factor) for x, y in one.points),
        )
        for one in parts
    ]


def _character(sign: str, at: float, rng: np.random.Generator, long_ones: float) -> tuple[str, list[Part], float]:
    """Return the symbol, the parts and the width of one character of a form."""
    if sign in ("d", "1"):
        digit = "1" if sign == "1" else str(rng.choice(list(DIGITS)))
        wide = 0.35 if digit == "1" else 0.64
        tall = float(rng.normal(1, 0.07))
        if digit == "1" and rng.random() < long_ones:
            tall *= float(rng.uniform(1.1, LONGEST_ONE))
        return digit, [Part(digit, at + wide / 2, float(rng.normal(0, 0.03)), tall)], wide
    if sign == "h":
        parts, step = draw_half(rng)
        return "½", [Part(p.kind, p.x + at, p.y, p.height, p.lean, p.points) for p in parts], step
    if sign == ".":
        comma = rng.random() < 0.45
        tall = float(rng.uniform(0.12, 0.34) if comma else rng.uniform(0.0, 0.06))
        return ".", [Part("point", at + 0.05, float(rng.uniform(0.34, 0.5)), tall, tall * 0.6)], 0.12
    if sign == "x":
        digit = str(rng.choice(list(DIGITS)))
        return "#", [Part(digit, at + 0.32, 0.0, 1.0), *_strike(at + 0.32, rng)], 0.75
    length = float(rng.uniform(0.35, 0.9))
    return "-", [Part("bar", at + length / 2, float(rng.normal(0, 0.08)), 0.0, length)], length


def _strike(x: float, rng: np.random.Generator) -> list[Part]:
    """Return the strokes through a digit of height 1 at x."""
    shape = str(rng.choice(["cross", "double", "zigzag", "scribble"]))
    lines = line_points(shape, (0.0, 0.0, 1.0), (1.0, 1.0), rng)
    return [Part("stroke", x, 0.0, 1.0, 0.0, tuple((float(a), float(b)) for a, b in points)) for points in lines]


CAPITALS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "A": (((-0.32, 0.5), (-0.05, -0.5), (0.3, 0.5)), ((-0.22, 0.12), (0.22, 0.1))),
    "B": (
        ((-0.22, -0.5), (-0.22, 0.5)),
        ((-0.22, -0.5), (0.2, -0.42), (0.2, -0.1), (-0.2, -0.03), (0.28, 0.08), (0.26, 0.44), (-0.22, 0.5)),
    ),
    "S": (((0.26, -0.4), (0.0, -0.5), (-0.25, -0.3), (0.0, 0.0), (0.25, 0.25), (0.0, 0.5), (-0.28, 0.38)),),
}
"""Strokes of capitals of height 1: no free set of handwritten capitals is at hand."""


def _word(text: str, rng: np.random.Generator) -> Line:
    """Return "AB", "Ab", "abs" and the like."""
    capitals = [rng.random() < 0.75, rng.random() < 0.5, rng.random() < 0.3]
    parts: list[Part] = []
    at = 0.0
    for letter, capital in zip(text, capitals, strict=False):
        if capital:
            wobble = rng.normal(0, 0.045, (3, 8, 2))
            for stroke, noise in zip(CAPITALS[letter], wobble, strict=False):
                points = tuple((x + float(n[0]), y + float(n[1])) for (x, y), n in zip(stroke, noise, strict=False))
                parts.append(Part("stroke", at + 0.32, 0.0, 1.0, 0.0, points))
            at += 0.64
        else:
            tall = 1.0 if letter == "B" else float(rng.uniform(0.6, 0.8))
            parts.append(Part(letter.lower(), at + 0.27, (1 - tall) / 2, tall))
            at += 0.52
        at += float(np.clip(rng.normal(0.12, 0.08), -0.05, 0.4))
    return Line(tuple(parts), at, text)


def draw_stroke(shape: str, place: Place, rng: np.random.Generator) -> Points:
    """Return the points of a `dash`, `tick`, `doodle` or `scribble`; a dash is as long as its place is high."""
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
    if shape == "doodle":
        return np.asarray(np.array([x, y]) + _doodle(rng) * tall * rng.uniform(0.6, 1.0))
    count = int(rng.integers(8, 22))
    return smooth(np.array([x, y]) + rng.normal(0, 0.24, (count, 2)) * tall)


def _doodle(rng: np.random.Generator) -> Points:
    """Return a star, a wave, a spiral, a house or an arrow of height 1 around (0, 0)."""
    kind = int(rng.integers(5))
    if kind == 0:
        angle = np.pi / 2 + np.arange(6) * 4 * np.pi / 5
        return np.column_stack([np.cos(angle), -np.sin(angle)]) * 0.5 + rng.normal(0, 0.04, (6, 2))
    if kind == 1:
        along = np.linspace(-0.6, 0.6, 40)
        wave = np.sin(along * rng.uniform(14, 26) + rng.uniform(0, 6)) * rng.uniform(0.12, 0.4)
        return np.column_stack([along, wave])
    if kind == 2:
        angle = np.linspace(0, 2 * np.pi * rng.uniform(2.2, 4), 50)
        return np.asarray(np.column_stack([np.cos(angle), np.sin(angle)]) * (angle / angle[-1] * 0.5)[:, None])
    if kind == 3:
        house = [[-0.4, 0.5], [-0.4, -0.1], [0, -0.5], [0.4, -0.1], [-0.4, -0.1], [0.4, 0.5], [0.4, -0.1], [-0.4, 0.5]]
        return np.array([*house, [0.4, 0.5]]) + rng.normal(0, 0.04, (9, 2))
    turn = rng.uniform(0, 2 * np.pi)
    arrow = np.array([[-0.55, 0.0], [0.55, 0.0], [0.25, -0.25], [0.55, 0.0], [0.25, 0.25]])
    return np.asarray(arrow @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))


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
    if shape == "level":
        high = rng.normal(0, 0.12)
        return [middle + np.array([[-1.25, high + rng.normal(0, 0.06)], [1.25, high + rng.normal(0, 0.06)]]) * half]
    slope = rng.uniform(-1, 1) if shape == "double" else rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
    first = np.array([[-1.15, slope], [1.15, -slope]])
    if shape == "single":
        return [middle + first * half]
    if shape == "cross":
        return [middle + first * half, middle + first * [1, -1] * half]
    gap = np.array([0.0, rng.uniform(0.12, 0.3) * tall])
    return [middle + first * half * 0.95 + gap / 2, middle + first * half * 0.95 - gap / 2]


def smooth(points: Points) -> Points:
    """Return a curve through points rounded at its corners (Chaikin 1974), ends kept."""
    for _ in range(2):
        near, far = points[:-1] * 0.75 + points[1:] * 0.25, points[:-1] * 0.25 + points[1:] * 0.75
        points = np.concatenate([points[:1], np.stack([near, far], axis=1).reshape(-1, 2), points[-1:]])
    return points
