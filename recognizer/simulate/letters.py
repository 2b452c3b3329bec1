"""Letters, drawn stroke by stroke: those of AB and abs, for absent candidates, and capitals, for ids that have some.

Unlike the digits these are not real handwriting: no set of glyphs in this package has letters. Each is a few waypoints
that a hand goes through, every time a little elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.geometry import Points, Rect
from recognizer.simulate.capitals import CAPITALS
from recognizer.simulate.hand import Hand, Sheet

SPELLINGS = ("AB", "Ab", "ab", "abs", "Abs", "ABS")
"""Ways to write that somebody was absent."""

JITTER = 0.045
"""How far a waypoint is off, as a share of the letter's height."""

Stroke = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter's width, in parts of the height of a capital, and several ways to draw it.

    The strokes go through points (0, 0) top left to (1, 1) where the letter's width meets the line.
    """

    width: float
    ways: Sequence[Sequence[Stroke]]


INSET = 0.04
"""How far capitals keep from the edges of their place, as a share of it: a pen has a width, and hands wander."""


def _inset(strokes: Sequence[Stroke]) -> Sequence[Stroke]:
    return [[(INSET + (1 - 2 * INSET) * x, INSET + (1 - 2 * INSET) * y) for x, y in stroke] for stroke in strokes]


LETTERS: Mapping[str, Letter] = {
    **{name: Letter(width, (_inset(strokes),)) for name, (width, strokes) in CAPITALS.items()},
    "A": Letter(
        0.75,
        (
            (((0.0, 1.0), (0.5, 0.0)), ((0.5, 0.0), (1.0, 1.0)), ((0.18, 0.64), (0.84, 0.62))),
            (((0.0, 1.0), (0.2, 0.3), (0.5, 0.0), (0.8, 0.3), (0.95, 1.0)), ((0.1, 0.6), (0.95, 0.6))),
        ),
    ),
    "B": Letter(
        0.62,
        (
            (
                ((0.05, 0.0), (0.05, 0.5), (0.05, 1.0)),
                ((0.05, 0.02), (0.6, 0.04), (0.8, 0.24), (0.55, 0.45), (0.1, 0.48)),
                ((0.1, 0.48), (0.7, 0.54), (0.95, 0.76), (0.6, 0.98), (0.02, 1.0)),
            ),
            (
                ((0.1, 1.0), (0.12, 0.5), (0.1, 0.0), (0.7, 0.05), (0.75, 0.36), (0.3, 0.5)),
                ((0.3, 0.5), (0.9, 0.6), (0.85, 0.95), (0.1, 1.0)),
            ),
        ),
    ),
    "S": Letter(
        0.55, ((((0.92, 0.14), (0.5, 0.0), (0.1, 0.2), (0.5, 0.48), (0.92, 0.76), (0.5, 1.0), (0.04, 0.88)),),)
    ),
    "a": Letter(
        0.52,
        (
            (
                ((0.82, 0.5), (0.4, 0.44), (0.06, 0.74), (0.34, 1.0), (0.78, 0.78), (0.84, 0.48)),
                ((0.84, 0.48), (0.84, 0.85), (1.0, 1.0)),
            ),
        ),
    ),
    "b": Letter(
        0.5,
        (
            (
                ((0.08, 0.0), (0.06, 0.5), (0.08, 1.0)),
                ((0.08, 0.66), (0.46, 0.46), (0.9, 0.72), (0.5, 1.0), (0.08, 0.92)),
            ),
        ),
    ),
    "s": Letter(
        0.42, ((((0.9, 0.5), (0.45, 0.44), (0.1, 0.58), (0.5, 0.72), (0.9, 0.86), (0.45, 1.0), (0.0, 0.93)),),)
    ),
}


def draw_letter(sheet: Sheet, hand: Hand, letter: str, place: Rect) -> None:
    """Draw one of LETTERS where a capital of its width would fill `place` (mm)."""
    shape = LETTERS[letter]
    way = shape.ways[int(hand.rng.integers(len(shape.ways)))]
    slant = hand.habits.slant + hand.rng.normal(0.0, 0.05)
    for stroke in way:
        points = np.array(stroke) + hand.rng.normal(0.0, JITTER, (len(stroke), 2))
        hand.stroke(sheet, _placed(points, slant, place), wobble=0.02 * place.height)


def _placed(points: Points, slant: float, place: Rect) -> Points:
    """Return waypoints in mm; `slant` leans them to the right."""
    y = points[:, 1] - 0.5
    x = place.x + points[:, 0] * place.width - slant * y * place.height
    return np.column_stack([x, place.y + points[:, 1] * place.height])
