"""How people write a half: `1/2` on the line, `½` around its slash, over a bar, or in one go."""

from dataclasses import dataclass

import numpy as np

STYLES: dict[str, float] = {
    "line": 0.20,
    "raised": 0.19,
    "stacked": 0.22,
    "joined": 0.13,
    "waved": 0.12,
    "humped": 0.06,
    "curled": 0.08,
}
"""How a half is written: `1/2` on the line, `½` around its slash, over a bar, or in one go: the slash running into the
2, or into what is left of a 2, a wave or a hump, or 1, bar and 2 as one curl."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a number before it is placed: `x`, `y`, `height` in units of the number's digit height.

    `points`, (N, 2) in the same units from (x, y), are a stroke of its own shape.
    """

    kind: str
    x: float
    y: float
    height: float
    lean: float = 0.0
    points: tuple[tuple[float, float], ...] = ()


def draw_half(rng: np.random.Generator) -> tuple[list[Part], float]:
    """Return 1, stroke and 2 of a half, and its width, in digit heights.

    On the line (`1/2`), raised and lowered around a slash (`½`), stacked over a bar, or joined so that the 1 runs into
    the slash and the slash into the 2, or what is left of these when somebody writes hundreds; strokes may touch.
    """
    style = str(rng.choice(list(STYLES), p=list(STYLES.values())))
    small = float(rng.uniform(0.42, 0.7))
    if style == "stacked":
        width = float(rng.uniform(0.35, 0.8))
        apart = small / 2 + float(rng.uniform(0.02, 0.16))
        slope = float(rng.normal(0, 0.06))
        return [
            Part("1", width / 2 + slope, -apart, small),
            Part("bar", width / 2, 0.0, 0.0, width),
            Part("2", width / 2 - slope, apart, small),
        ], width
    if style in ONE_GO:
        return ONE_GO[style](rng)
    if style == "raised":
        lean, tall = float(rng.uniform(0.15, 0.75)), float(rng.uniform(0.7, 1.3))
        up, down = float(rng.uniform(0.08, 0.3)), float(rng.uniform(0.1, 0.34))
        middle = 0.15 + lean * 0.4 + float(rng.uniform(-0.06, 0.12))
        two = middle + lean * 0.15 + 0.3 * small + float(rng.uniform(-0.04, 0.16))
    else:
        small = float(rng.uniform(0.55, 0.95))
        lean, tall = float(rng.uniform(0.2, 0.7)), float(rng.uniform(0.85, 1.35)) * max(small, 0.7)
        up, down = float(rng.uniform(-0.03, 0.1)), float(rng.uniform(-0.03, 0.1))
        middle = 0.15 + lean / 2 + float(rng.uniform(-0.03, 0.15))
        two = middle + lean * 0.4 + 0.32 * small + float(rng.uniform(-0.04, 0.15))
    return [
        Part("1", 0.1, -up, small),
        Part("slash", middle, float(rng.normal(0, 0.03)), tall, lean),
        Part("2", two, down, small),
    ], two + 0.35 * small


def _joined_half(rng: np.random.Generator) -> tuple[list[Part], float]:
    """Return a half in two strokes: a short 1 that meets the slash, and a slash whose end runs into a small 2."""
    tall, lean = float(rng.uniform(0.8, 1.25)), float(rng.uniform(0.2, 0.55))
    foot, head = (0.2, tall / 2), (0.2 + lean, -tall / 2)
    meets = float(rng.uniform(0.35, 0.75))
    meeting = (foot[0] + meets * lean, foot[1] - meets * tall)
    one = ((meeting[0] - float(rng.uniform(0.15, 0.35)), -float(rng.uniform(0.3, 0.55))), meeting)
    wide, high = float(rng.uniform(0.25, 0.45)), float(rng.uniform(0.35, 0.6))
    left = foot[0] + lean * float(rng.uniform(0.45, 0.9)) + 0.05
    top = tall / 2 - high + float(rng.normal(0, 0.05))
    two = [
        (left, top + 0.25 * high),
        (left + 0.5 * wide, top),
        (left + wide, top + 0.3 * high),
        (left + 0.4 * wide, top + 0.75 * high),
        (left, top + high),
        (left + wide * float(rng.uniform(0.8, 1.6)), top + high * float(rng.uniform(0.85, 1.05))),
    ]
    two = list(_wobbled(two, rng))
    slash = (head, ((head[0] + foot[0]) / 2 + float(rng.normal(0, 0.02)), 0.0), foot)
    parts = [Part("stroke", 0.0, 0.0, 1.0, 0.0, one)]
    if rng.random() < 0.5:
        parts.append(Part("stroke", 0.0, 0.0, 1.0, 0.0, (*slash, *two)))
    else:
        parts += [Part("stroke", 0.0, 0.0, 1.0, 0.0, slash), Part("stroke", 0.0, 0.0, 1.0, 0.0, tuple(two))]
    return parts, left + wide + 0.05


def _humped_half(rng: np.random.Generator) -> tuple[list[Part], float]:
    """Return a half that became an h with a tail: down, up over a hump, out to the right; a 1 before it or not."""
    tall, lean = float(rng.uniform(0.85, 1.2)), float(rng.uniform(-0.02, 0.35))
    hump, wide, tail = float(rng.uniform(0.3, 0.55)), float(rng.uniform(0.22, 0.4)), float(rng.uniform(0.1, 0.4))
    low = tall / 2
    x = float(rng.uniform(0.05, 0.25))
    path = [
        (x + lean, -low),
        (x + lean / 2, 0.0),
        (x, low),
        (x + 0.35 * wide, low - 0.8 * hump),
        (x + 0.75 * wide, low - hump),
        (x + wide, low - 0.7 * hump),
        (x + 0.75 * wide, low - 0.1 * hump),
        (x + wide + tail, low - float(rng.uniform(-0.08, 0.15))),
    ]
    parts = [Part("stroke", 0.0, 0.0, 1.0, 0.0, _wobbled(path, rng))]
    if rng.random() < 0.4:
        one = [(x + lean - float(rng.uniform(0.15, 0.3)), -low + float(rng.uniform(0.1, 0.35))), (x + lean, -low)]
        parts.append(Part("stroke", 0.0, 0.0, 1.0, 0.0, _wobbled(one, rng)))
    return parts, x + wide + tail


def _waved_half(rng: np.random.Generator) -> tuple[list[Part], float]:
    """Return a half like a Y with a tail: a short 1 that meets the slash, whose foot runs into a flat wave."""
    tall, lean = float(rng.uniform(0.85, 1.2)), float(rng.uniform(0.12, 0.5))
    low, x = tall / 2, float(rng.uniform(0.1, 0.35))
    meets = float(rng.uniform(0.25, 0.65))
    meeting = (x + meets * lean, low - meets * tall)
    arm = (meeting[0] - float(rng.uniform(0.12, 0.35)), meeting[1] - float(rng.uniform(0.15, 0.45)))
    high, step = float(rng.uniform(0.12, 0.35)), float(rng.uniform(0.13, 0.28))
    foot = low + float(rng.normal(0, 0.04))
    wave = [(x + lean, -low), (x + 0.45 * lean, 0.0), (x, foot), (x + 0.5 * step, foot - 0.6 * high)]
    wave += [(x + step, foot - high), (x + 1.5 * step, foot - 0.2 * high), (x + 2.1 * step, foot - 0.1 * high)]
    wave.append((x + step * float(rng.uniform(2.4, 4.0)), foot - high * float(rng.uniform(0.1, 0.8))))
    parts = [Part("stroke", 0.0, 0.0, 1.0, 0.0, _wobbled(wave, rng))]
    if rng.random() < 0.85:
        parts.append(Part("stroke", 0.0, 0.0, 1.0, 0.0, _wobbled([arm, meeting], rng)))
    return parts, wave[-1][0]


def _curled_half(rng: np.random.Generator) -> tuple[list[Part], float]:
    """Return 1, bar and 2 stacked and written as one curl, or what is left of it: two bumps and a tail."""
    if rng.random() < 0.4:
        return _bumps(rng)
    tall, wide = float(rng.uniform(0.9, 1.25)), float(rng.uniform(0.25, 0.5))
    top, bar = -tall / 2, float(rng.normal(-0.06, 0.04))
    path = [
        (0.6 * wide, top),
        (0.45 * wide, bar - 0.05),
        (float(rng.uniform(0.1, 0.3)) * wide, bar),
        (wide, bar - float(rng.uniform(0.0, 0.1))),
        (0.45 * wide, bar + 0.08),
        (0.95 * wide, bar + 0.22 * tall),
        (0.1 * wide, tall / 2 - 0.04),
        (wide * float(rng.uniform(0.9, 1.5)), tall / 2),
    ]
    return [Part("stroke", 0.0, 0.0, 1.0, 0.0, _wobbled(path, rng))], wide + 0.08


def _bumps(rng: np.random.Generator) -> tuple[list[Part], float]:
    tall, wide = float(rng.uniform(0.8, 1.25)), float(rng.uniform(0.2, 0.4))
    top, waist = -tall / 2, float(rng.uniform(-0.2, 0.0)) * tall
    lean = float(rng.uniform(0.0, 0.25))
    path = [
        (lean + float(rng.uniform(0.1, 0.8)) * wide, top),
        (lean + float(rng.uniform(-0.1, 0.4)) * wide, top + 0.45 * (waist - top)),
        (lean + float(rng.uniform(0.5, 1.0)) * wide, waist),
        (0.5 * lean + float(rng.uniform(0.0, 0.4)) * wide, waist + 0.14 * tall),
        (0.5 * lean + float(rng.uniform(0.7, 1.1)) * wide, waist + 0.26 * tall),
        (float(rng.uniform(-0.1, 0.2)) * wide, tall / 2 - 0.05),
        (wide * float(rng.uniform(0.9, 2.0)), tall / 2 - float(rng.uniform(-0.08, 0.12))),
    ]
    return [Part("stroke", 0.0, 0.0, 1.0, 0.0, _wobbled(path, rng))], max(path[-1][0], wide + lean) + 0.08


def _wobbled(path: list[tuple[float, float]], rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    noise = rng.normal(0, 0.02, (len(path), 2))
    return tuple((x + float(n[0]), y + float(n[1])) for (x, y), n in zip(path, noise, strict=True))


ONE_GO = {"joined": _joined_half, "waved": _waved_half, "humped": _humped_half, "curled": _curled_half}
"""Halves that are not put together from a 1, a stroke and a 2."""
