"""Hands that no set has: digits drawn as strokes, in the forms that people of other countries are taught.

The sets hold American, Swiss, Turkish and Italian hands. A 2 with loops at both ends, a crossed 7 whose top is a wave,
or a 4 like a lightning is rare in them, and common elsewhere. A hand chooses one form of each digit and its own slant,
width and pen; every digit it writes differs a little.
"""

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.training.compose import Ink

Stroke: TypeAlias = tuple[tuple[float, float], ...]
"""Points that the pen passes, x to the right and y down, of a digit that is 1 high; a point said twice is a corner."""

Form: TypeAlias = tuple[Stroke, ...]

FORMS: dict[str, tuple[Form, ...]] = {
    "0": (
        (((0.36, 0.0), (0.06, 0.28), (0.05, 0.7), (0.3, 1.0), (0.6, 0.68), (0.58, 0.25), (0.33, 0.01)),),
        (((0.4, 0.03), (0.1, 0.2), (0.03, 0.68), (0.3, 1.0), (0.6, 0.7), (0.55, 0.22), (0.28, 0.04), (0.16, 0.16)),),
        (((0.26, 0.08), (0.04, 0.45), (0.2, 0.97), (0.55, 0.8), (0.6, 0.3), (0.42, 0.02)),),
    ),
    "1": (
        (((0.2, 0.0), (0.2, 1.0)),),
        (((0.08, 0.26), (0.36, 0.0), (0.36, 0.0), (0.34, 1.0)),),
        (((0.0, 0.5), (0.4, 0.0), (0.4, 0.0), (0.4, 1.0)),),
        (((0.1, 0.2), (0.34, 0.0), (0.34, 0.0), (0.34, 1.0)), ((0.08, 1.0), (0.6, 0.99))),
        (((0.12, 0.08), (0.3, 0.0), (0.3, 0.0), (0.26, 0.85), (0.4, 1.0)),),
    ),
    "2": (
        (((0.04, 0.26), (0.3, 0.0), (0.58, 0.24), (0.36, 0.62), (0.02, 1.0), (0.02, 1.0), (0.66, 0.97)),),
        (
            (
                (0.05, 0.26),
                (0.3, 0.0),
                (0.55, 0.22),
                (0.36, 0.62),
                (0.1, 0.97),
                (0.04, 0.86),
                (0.2, 0.8),
                (0.42, 0.97),
                (0.68, 0.9),
            ),
        ),
        (
            (
                (0.3, 0.22),
                (0.14, 0.3),
                (0.12, 0.1),
                (0.36, 0.0),
                (0.54, 0.2),
                (0.4, 0.55),
                (0.12, 0.95),
                (0.06, 0.84),
                (0.22, 0.8),
                (0.42, 0.97),
                (0.66, 0.9),
            ),
        ),
        (((0.28, 0.3), (0.1, 0.26), (0.24, 0.02), (0.52, 0.12), (0.44, 0.5), (0.06, 1.0), (0.06, 1.0), (0.62, 0.93)),),
        (((0.04, 0.1), (0.32, 0.0), (0.56, 0.1), (0.46, 0.36), (0.02, 1.0), (0.02, 1.0), (0.64, 0.98)),),
        (((0.06, 0.2), (0.28, 0.0), (0.52, 0.16), (0.42, 0.46), (0.1, 0.84), (0.16, 0.96), (0.38, 0.88), (0.64, 1.0)),),
    ),
    "3": (
        (((0.04, 0.12), (0.32, 0.0), (0.54, 0.2), (0.24, 0.46), (0.24, 0.46), (0.6, 0.72), (0.3, 1.0), (0.0, 0.86)),),
        (((0.04, 0.03), (0.56, 0.03), (0.56, 0.03), (0.24, 0.4), (0.24, 0.4), (0.6, 0.68), (0.32, 1.0), (0.0, 0.88)),),
        (
            (
                (0.1, 0.16),
                (0.34, 0.0),
                (0.52, 0.2),
                (0.32, 0.44),
                (0.2, 0.48),
                (0.28, 0.54),
                (0.56, 0.74),
                (0.3, 1.0),
                (0.02, 0.9),
            ),
        ),
        (((0.06, 0.1), (0.34, 0.02), (0.48, 0.16), (0.26, 0.36), (0.26, 0.36), (0.58, 0.6), (0.4, 0.92), (0.0, 1.0)),),
        (((0.02, 0.2), (0.26, 0.0), (0.5, 0.22), (0.3, 0.5), (0.5, 0.56), (0.54, 0.8), (0.26, 1.0), (0.02, 0.76)),),
    ),
    "4": (
        (((0.12, 0.0), (0.04, 0.58), (0.04, 0.58), (0.64, 0.56)), ((0.44, 0.26), (0.42, 1.0))),
        (((0.46, 0.0), (0.0, 0.66), (0.0, 0.66), (0.66, 0.66)), ((0.46, 0.02), (0.46, 1.0))),
        (((0.06, 0.0), (0.08, 0.46), (0.3, 0.54), (0.54, 0.42)), ((0.56, 0.0), (0.5, 1.0))),
        (((0.3, 0.0), (0.02, 0.56), (0.02, 0.56), (0.58, 0.5)), ((0.5, 0.2), (0.24, 1.0))),
        (((0.44, 0.0), (0.06, 0.6), (0.1, 0.66), (0.62, 0.6)), ((0.48, 0.34), (0.36, 1.0))),
        (((0.42, 1.0), (0.44, 0.0), (0.44, 0.0), (0.0, 0.68), (0.0, 0.68), (0.66, 0.68)),),
    ),
    "5": (
        (
            ((0.14, 0.0), (0.1, 0.42), (0.1, 0.42), (0.36, 0.37), (0.58, 0.66), (0.32, 1.0), (0.0, 0.9)),
            ((0.14, 0.02), (0.6, 0.0)),
        ),
        (((0.6, 0.02), (0.15, 0.03), (0.15, 0.03), (0.1, 0.42), (0.1, 0.42), (0.36, 0.38), (0.56, 0.68), (0.0, 0.96)),),
        (((0.56, 0.03), (0.2, 0.05), (0.12, 0.36), (0.42, 0.48), (0.54, 0.76), (0.28, 1.0), (0.0, 0.9)),),
        (
            ((0.12, 0.1), (0.06, 0.46), (0.06, 0.46), (0.36, 0.4), (0.52, 0.7), (0.28, 1.0), (0.02, 0.92)),
            ((0.16, 0.04), (0.4, 0.06), (0.68, 0.0)),
        ),
        (((0.64, 0.0), (0.22, 0.04), (0.22, 0.04), (0.12, 0.44), (0.3, 0.4), (0.5, 0.62), (0.36, 0.96), (0.0, 0.98)),),
    ),
    "6": (
        (((0.5, 0.02), (0.16, 0.3), (0.03, 0.7), (0.26, 1.0), (0.56, 0.78), (0.34, 0.54), (0.06, 0.74)),),
        (((0.4, 0.0), (0.1, 0.52), (0.1, 0.94), (0.4, 1.0), (0.52, 0.74), (0.3, 0.58), (0.08, 0.76)),),
        (((0.54, 0.14), (0.38, 0.0), (0.1, 0.34), (0.06, 0.8), (0.3, 1.0), (0.54, 0.8), (0.36, 0.6), (0.1, 0.72)),),
        (((0.3, 0.0), (0.06, 0.6), (0.14, 0.98), (0.48, 0.96), (0.5, 0.66), (0.22, 0.66), (0.12, 0.86)),),
    ),
    "7": (
        (((0.02, 0.05), (0.58, 0.03), (0.58, 0.03), (0.22, 1.0)),),
        (((0.02, 0.05), (0.58, 0.03), (0.58, 0.03), (0.22, 1.0)), ((0.1, 0.5), (0.56, 0.46))),
        (((0.04, 0.2), (0.05, 0.03), (0.05, 0.03), (0.58, 0.03), (0.58, 0.03), (0.34, 0.5), (0.26, 1.0)),),
        (
            ((0.0, 0.14), (0.16, 0.02), (0.36, 0.1), (0.58, 0.02), (0.58, 0.02), (0.32, 0.55), (0.22, 1.0)),
            ((0.06, 0.54), (0.6, 0.46)),
        ),
        (
            ((0.08, 0.16), (0.14, 0.04), (0.4, 0.1), (0.56, 0.0), (0.46, 0.4), (0.4, 0.8), (0.2, 1.0)),
            ((0.16, 0.44), (0.72, 0.4)),
        ),
        (
            ((0.04, 0.08), (0.3, 0.12), (0.56, 0.02), (0.56, 0.02), (0.44, 0.5), (0.26, 0.94), (0.12, 0.92)),
            ((0.2, 0.5), (0.66, 0.5)),
        ),
    ),
    "8": (
        (
            (
                (0.5, 0.12),
                (0.3, 0.0),
                (0.09, 0.2),
                (0.3, 0.46),
                (0.56, 0.76),
                (0.3, 1.0),
                (0.05, 0.78),
                (0.3, 0.48),
                (0.52, 0.22),
                (0.44, 0.06),
            ),
        ),
        (
            ((0.32, 0.0), (0.1, 0.2), (0.3, 0.44), (0.52, 0.22), (0.3, 0.01)),
            ((0.3, 0.44), (0.04, 0.72), (0.3, 1.0), (0.58, 0.74), (0.31, 0.44)),
        ),
        (((0.46, 0.1), (0.12, 0.12), (0.3, 0.46), (0.54, 0.8), (0.24, 1.0), (0.08, 0.76), (0.4, 0.36), (0.62, 0.02)),),
        (((0.3, 0.46), (0.08, 0.2), (0.32, 0.0), (0.5, 0.2), (0.06, 0.78), (0.28, 1.0), (0.54, 0.8), (0.28, 0.44)),),
    ),
    "9": (
        (((0.54, 0.2), (0.3, 0.0), (0.05, 0.26), (0.26, 0.5), (0.53, 0.26), (0.55, 0.14), (0.48, 1.0)),),
        (
            (
                (0.52, 0.18),
                (0.28, 0.0),
                (0.05, 0.24),
                (0.24, 0.48),
                (0.52, 0.26),
                (0.56, 0.6),
                (0.38, 0.96),
                (0.08, 0.98),
            ),
        ),
        (((0.5, 0.12), (0.22, 0.02), (0.04, 0.3), (0.24, 0.5), (0.52, 0.16), (0.42, 0.64), (0.2, 1.0)),),
        (((0.36, 0.0), (0.08, 0.2), (0.26, 0.46), (0.52, 0.22), (0.34, 0.0)), ((0.53, 0.1), (0.5, 1.0))),
        (((0.46, 0.04), (0.12, 0.08), (0.06, 0.4), (0.34, 0.46), (0.5, 0.1), (0.5, 0.1), (0.54, 0.98)),),
    ),
}
"""The forms of each digit: none of them is a tracing, all are drawn from what school books and copy books show."""

HEIGHT_PX = 64
"""Height of a digit; about what a box holds at 200 dpi."""

EDGE_PX = 16

PEN_PX = (3.0, 9.0)
"""Width of a pen: 0.3 to 1 mm where the digit is 7 mm high."""

SOFT_PX = 1.4
"""Blur of a stroke's edge, which `compose.cover_of` takes for ink from one threshold or another."""

HAND_SD, STROKE_SD = 0.035, 0.02
"""How far a hand's points lie from those of its form, and each writing's from the hand's, in heights."""

SLANT_SD, WIDTH_SD = 0.13, 0.18
"""Slant of a hand, and the logarithm of its width."""

HANDS, EACH = 80, 8
"""How many hands are drawn, and how often each writes every digit."""

STEPS = 10
"""Points of the curve between two that the pen passes."""


def drawn_digits(seed: int, hands: int = HANDS, each: int = EACH) -> tuple[dict[str, list[Ink]], ...]:
    """Return the digits of hands that are drawn, by digit: pictures (H, W) uint8, 0 paper to 255 ink.

    >>> [len(inks) for inks in drawn_digits(1, hands=1, each=2)[0].values()] == [2] * 10
    True
    """
    return tuple(_hand(np.random.default_rng([seed, number]), each) for number in range(hands))


def _hand(rng: np.random.Generator, each: int) -> dict[str, list[Ink]]:
    slant, width = float(rng.normal(0, SLANT_SD)), float(np.exp(rng.normal(0, WIDTH_SD)))
    pen = float(rng.uniform(*PEN_PX))
    found: dict[str, list[Ink]] = {}
    for digit, forms in FORMS.items():
        own = [np.array(stroke) + _moved(stroke, HAND_SD, rng) for stroke in forms[int(rng.integers(len(forms)))]]
        found[digit] = [
            _drawn([stroke + _moved(stroke, STROKE_SD, rng) for stroke in own], slant, width, pen, rng)
            for _ in range(each)
        ]
    return found


def _moved(stroke: Stroke | NDArray[np.float64], spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how far each point of a stroke is moved; both points of a corner alike, so that it stays one."""
    points = np.array(stroke)
    moved = rng.normal(0, spread, points.shape)
    same = np.flatnonzero((points[1:] == points[:-1]).all(axis=1)) + 1
    moved[same] = moved[same - 1]
    return moved


def _drawn(
    strokes: Sequence[NDArray[np.float64]], slant: float, width: float, pen: float, rng: np.random.Generator
) -> Ink:
    tilt = slant + float(rng.normal(0, 0.03))
    wide = width * float(np.exp(rng.normal(0, 0.05)))
    curves = [curve(stroke) for stroke in strokes]
    curves = [np.column_stack([(at[:, 0] - tilt * (at[:, 1] - 0.5)) * wide, at[:, 1]]) for at in curves]
    low = np.min([at.min(axis=0) for at in curves], axis=0)
    high = np.max([at.max(axis=0) for at in curves], axis=0)
    scale = HEIGHT_PX / max(float(high[1] - low[1]), 0.5)
    size = np.ceil((high - low) * scale).astype(int) + 2 * EDGE_PX
    canvas = np.zeros((size[1], size[0]), np.uint8)
    thick = max(round(pen * float(np.exp(rng.normal(0, 0.08)))), 1)
    fine = 4
    for at in curves:
        line = np.round(((at - low) * scale + EDGE_PX) * 2**fine).astype(np.int32)
        cv2.polylines(canvas, [line], False, 255, thick, cv2.LINE_AA, fine)
    soft = cv2.GaussianBlur(canvas, (0, 0), SOFT_PX)
    rows, columns = (np.flatnonzero((soft > 0).any(axis=axis)) for axis in (1, 0))
    cut = soft[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    # At full contrast, as `pools.cropped` has the ink of others: blur makes a fine pen's stroke pale.
    ink: Ink = np.round(cut * (255 / cut.max())).astype(np.uint8)
    return ink


def curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a curve (M, 2) through points (N, 2), with corners at doubled ones: a Catmull-Rom spline (1974)."""
    parts, start = [], 0
    ends = [at for at in range(1, len(points)) if (points[at] == points[at - 1]).all()] + [len(points)]
    for end in ends:
        parts.append(_spline(points[start:end]))
        start = end
    return np.concatenate(parts)


def _spline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(points) < 2:
        return points
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, STEPS, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        bent = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        parts.append(b + (c - a) / 2 * t + bent / 2)
    return np.concatenate([*parts, points[-1:]])
