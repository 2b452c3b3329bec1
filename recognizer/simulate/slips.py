"""Slips of the pen: a wrong digit that is struck out, and the right one beside it, above it, or in the next box."""

from collections.abc import Callable, Mapping

import numpy as np

from recognizer.geometry import Rect
from recognizer.simulate.hand import Hand, Sheet

SMALLER = 0.72
"""Height of two digits that share a box, as a share of what one alone has."""


DIGITS_WITH_A_BAR = "017"
"""Digits that many people write with a stroke across: one alone does not strike them out."""


def wrong_digit(hand: Hand, right: str) -> str:
    """Return a digit that somebody may write in place of another."""
    return str(hand.rng.choice([digit for digit in "0123456789" if digit != right]))


def strike_out(sheet: Sheet, hand: Hand, digit: str, where: Rect) -> None:
    """Strike out a digit that stands in a place (mm), in one of the ways of STRIKES that leave no doubt."""
    ways = [name for name in STRIKES if name != "line" or digit not in DIGITS_WITH_A_BAR]
    STRIKES[str(hand.rng.choice(ways))](sheet, hand, where)


def struck_digit(sheet: Sheet, hand: Hand, digit: str, centre: tuple[float, float], height: float) -> None:
    """Write a digit near a place (mm) and strike it out."""
    strike_out(sheet, hand, digit, hand.digit(sheet, digit, *centre, height))


def corrected_digit(sheet: Sheet, hand: Hand, digit: str, box: Rect, height: float) -> None:
    """Write a wrong digit into a box, strike it out, and write the right one beside it or over the edge of the box."""
    rng = hand.rng
    x, y = box.x + box.width / 2, box.y + box.height / 2
    if rng.random() < 0.5:
        struck_digit(sheet, hand, wrong_digit(hand, digit), (x - 0.22 * box.width, y), SMALLER * height)
        hand.digit(sheet, digit, x + 0.27 * box.width, y + rng.normal(0.0, 0.05) * height, SMALLER * height)
        return
    struck_digit(sheet, hand, wrong_digit(hand, digit), (x, y + 0.08 * box.height), height)
    hand.digit(sheet, digit, x + rng.normal(0.0, 0.1) * box.width, box.y - 0.15 * height, SMALLER * height)


def _line(sheet: Sheet, hand: Hand, where: Rect) -> None:
    """Draw one stroke across, level or slanted either way."""
    rise = hand.rng.choice((-0.8, 0.0, 0.8)) * where.height / 2 + hand.rng.normal(0.0, 0.3)
    over = hand.rng.uniform(0.4, 1.2)
    middle = where.y + where.height / 2
    hand.stroke(sheet, np.array([[where.x - over, middle + rise], [where.right + over, middle - rise]]))


def _cross(sheet: Sheet, hand: Hand, where: Rect) -> None:
    over = hand.rng.uniform(0.2, 0.9)
    left, right = where.x - over, where.right + over
    for start, end in ((where.y, where.bottom), (where.bottom, where.y)):
        hand.stroke(sheet, np.array([[left, start], [right, end]]), wobble=0.25)


def _zigzag(sheet: Sheet, hand: Hand, where: Rect) -> None:
    count = int(hand.rng.integers(5, 10))
    x = np.linspace(where.x - 0.5, where.right + 0.5, count)
    y = where.y + where.height * np.where(np.arange(count) % 2, 0.1, 0.9)
    hand.stroke(sheet, np.column_stack([x, y]), wobble=0.3)


def _scribble(sheet: Sheet, hand: Hand, where: Rect) -> None:
    """Go round and round over the place until little of it can be seen."""
    rng = hand.rng
    rounds = int(rng.integers(4, 8))
    turn = np.linspace(0.0, 2 * np.pi * rounds, 10 * rounds)
    drift = np.linspace(-0.35, 0.35, len(turn)) * (where.width + 0.6)
    x = where.x + where.width / 2 + drift + (where.width / 3 + 0.3) * np.cos(turn)
    y = where.y + where.height / 2 + where.height * rng.uniform(0.4, 0.55) * np.sin(turn)
    hand.stroke(sheet, np.column_stack([x, y]), wobble=0.2)


STRIKES: Mapping[str, Callable[[Sheet, Hand, Rect], None]] = {
    "line": _line,
    "cross": _cross,
    "zigzag": _zigzag,
    "scribble": _scribble,
}
"""Ways to strike something out."""
