"""Numbers in free-width cells: `7`, `12`, `2½` in several forms, `7.5`, `7,5`, `-`, AB; struck out and corrected."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.geometry import Points, Rect
from recognizer.simulate.hand import Hand, Sheet
from recognizer.simulate.letters import LETTERS, draw_letter
from recognizer.simulate.slips import struck_digit, wrong_digit
from recognizer.values import ABSENT

HALF_STYLES = ("slash", "raised", "stacked", "decimal")
"""Ways to write a half: `1/2` on the line, `½` with small raised and lowered digits, 1 over a bar over 2, `.5`."""

CELL_SHARE = 0.56
"""Largest share of a cell's height that digits fill; a stacked half is a little taller."""

CELL_MARGIN_MM = 1.2
"""Paper that people leave at the sides of a cell."""

HABIT_SHARE = 0.9
"""How often a half is written the way its writer usually does."""

SMALL = 0.56
"""Height of the digits of a raised or stacked half, as a share of the other digits'."""

SLASH_GAP = 0.03
"""Paper between the digits of a half and the ends of its slash, as a share of the digit height."""

Writer = Callable[[Sheet, Hand, float, float, float], None]
"""Puts a part down: sheet, hand, left edge, middle line and digit height, all mm."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that takes up room on the line: its width as a share of the digit height, and how it is written."""

    width: float
    write: Writer


def write_number(sheet: Sheet, hand: Hand, cell: Rect, value: str, corrected: bool) -> None:
    """Write a canonical number, dash or AB into a cell; when `corrected`, behind a wrong one that is struck out."""
    if corrected:
        half = cell.width / 2
        wrong = str(int(hand.rng.integers(1, 10)))
        where = _write(sheet, hand, Rect(cell.x, cell.y, half, cell.height), wrong)
        _strike(sheet, hand, where)
        cell = Rect(cell.x + half, cell.y, half, cell.height)
    _write(sheet, hand, cell, value)


def write_with_slip(sheet: Sheet, hand: Hand, cell: Rect, value: str) -> None:
    """Write a value into a cell with a wrong digit that is struck out before it, or before one of its later digits."""
    parts = list(_parts(hand, value))
    digits = len(value.lstrip("-").partition(".")[0]) if value[-1].isdigit() and not value.endswith(".5") else 1
    slip = int(hand.rng.integers(digits))
    parts.insert(slip, _struck_digit(hand, wrong_digit(hand, value[slip])))
    _write_parts(sheet, hand, cell, parts)


def _write(sheet: Sheet, hand: Hand, cell: Rect, value: str) -> Rect:
    """Write a number and return about where it stands."""
    return _write_parts(sheet, hand, cell, list(_parts(hand, value)))


def _write_parts(sheet: Sheet, hand: Hand, cell: Rect, parts: Sequence[Part]) -> Rect:
    rng = hand.rng
    height = min(hand.habits.height_mm, CELL_SHARE * cell.height)
    gaps = [float(np.clip(rng.normal(0.17, 0.06), 0.03, 0.4)) for _ in parts[1:]]
    length = sum(part.width for part in parts) + sum(gaps)
    height = min(height, (cell.width - 2 * CELL_MARGIN_MM) / length)
    spare = max(cell.width - 2 * CELL_MARGIN_MM - length * height, 0.0)
    left = cell.x + CELL_MARGIN_MM + spare * float(np.clip(rng.normal(0.5, 0.15), 0.0, 1.0))
    middle = cell.y + cell.height / 2 + float(np.clip(rng.normal(0.0, 0.05), -0.12, 0.12)) * cell.height
    at = left
    for part, gap in zip(parts, [*gaps, 0.0], strict=True):
        part.write(sheet, hand, at, middle, height)
        at += (part.width + gap) * height
    return Rect(left, middle - height / 2, at - left, height)


def _parts(hand: Hand, value: str) -> Iterator[Part]:
    if value == "-":
        width = float(hand.rng.uniform(0.5, 1.1))
        yield Part(width, _dash(width))
        return
    if value == ABSENT:
        yield from (_letter(letter) for letter in hand.habits.absent)
        return
    if value.startswith("-"):
        yield Part(0.5, _dash(0.45))
    whole, _, decimals = value.lstrip("-").partition(".")
    style = _half_style(hand) if decimals == "5" else "decimal"
    if style == "decimal":
        yield from (_digit(hand, digit) for digit in whole)
        if decimals:
            yield Part(0.1, _comma if hand.habits.point == "," else _point)
            yield from (_digit(hand, digit) for digit in decimals)
        return
    if whole != "0":
        yield from (_digit(hand, digit) for digit in whole)
    yield {"slash": _slash_half, "raised": _raised_half, "stacked": _stacked_half}[style](hand)


def _half_style(hand: Hand) -> str:
    return hand.habits.half_style if hand.rng.random() < HABIT_SHARE else str(hand.rng.choice(HALF_STYLES))


def _digit(hand: Hand, digit: str) -> Part:
    width = hand.width_of(digit, 1.0)

    def write(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
        hand.digit(sheet, digit, left + width * height / 2, middle, height)

    return Part(width, write)


def _letter(letter: str) -> Part:
    width = LETTERS[letter].width

    def write(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
        draw_letter(sheet, hand, letter, Rect(left, middle - height / 2, width * height, height))

    return Part(width, write)


def _struck_digit(hand: Hand, digit: str) -> Part:
    width = hand.width_of(digit, 1.0)

    def write(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
        struck_digit(sheet, hand, digit, (left + width * height / 2, middle), height)

    # Strokes that strike something out reach over it on both sides.
    return Part(width + 0.2, write)


def _dash(width: float) -> Writer:
    def write(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
        rise = hand.rng.normal(0.0, 0.05) * height
        hand.stroke(sheet, np.array([[left, middle + rise], [left + width * height, middle - rise]]))

    return write


def _point(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
    dab = hand.rng.uniform(0.02, 0.08) * height
    foot = middle + height * hand.rng.uniform(0.4, 0.48)
    hand.stroke(sheet, np.array([[left, foot], [left + dab, foot + dab / 2]]), wobble=0.02)


def _comma(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
    foot = middle + height * 0.42
    length = hand.rng.uniform(0.16, 0.3) * height
    hand.stroke(sheet, np.array([[left + 0.06 * height, foot], [left - 0.04 * height, foot + length]]), wobble=0.04)


def _slash_half(hand: Hand) -> Part:
    """1, slash and 2 side by side, a little smaller than the number they belong to.

    The slash leans more and is longer than the 1, or nobody could tell `1/2` from `112`.
    """
    size = float(hand.rng.uniform(0.6, 0.85))
    one, two = hand.width_of("1", size), hand.width_of("2", size)
    lean = float(hand.rng.uniform(0.34, 0.6))
    apart = float(hand.rng.uniform(0.0, 0.12))

    def write(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
        hand.digit(sheet, "1", left + one * height / 2, middle - apart * height, size * height)
        foot = left + (one + SLASH_GAP) * height
        length = hand.rng.uniform(1.05, 1.25) * max(size + apart, 0.8) * height
        hand.stroke(sheet, _leaning(foot, middle, lean * height, length))
        hand.digit(sheet, "2", foot + (lean + SLASH_GAP + two / 2) * height, middle + apart * height, size * height)

    return Part(one + lean + two + 2 * SLASH_GAP, write)


def _raised_half(hand: Hand) -> Part:
    """The half of a printed fraction: small 1 up, long slash, small 2 down."""
    one, two = hand.width_of("1", SMALL), hand.width_of("2", SMALL)
    lean = float(hand.rng.uniform(0.35, 0.6))

    def write(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
        hand.digit(sheet, "1", left + one * height / 2, middle - 0.24 * height, SMALL * height)
        foot = left + (one * 0.6) * height
        hand.stroke(sheet, _leaning(foot, middle, lean * height, hand.rng.uniform(0.95, 1.2) * height))
        x = foot + (0.55 * lean + 0.1 + two / 2) * height
        hand.digit(sheet, "2", x, middle + 0.28 * height, SMALL * height)

    return Part(one * 0.6 + 0.55 * lean + 0.1 + two, write)


def _stacked_half(hand: Hand) -> Part:
    """1 over a level bar over 2."""
    width = float(hand.rng.uniform(0.5, 0.75))

    def write(sheet: Sheet, hand: Hand, left: float, middle: float, height: float) -> None:
        x = left + width * height / 2
        apart = (SMALL / 2 + 0.12) * height
        hand.digit(sheet, "1", x, middle - apart, SMALL * height)
        hand.stroke(sheet, np.array([[left, middle], [left + width * height, middle]]))
        hand.digit(sheet, "2", x, middle + apart, SMALL * height)

    return Part(width, write)


def _leaning(foot: float, middle: float, lean: float, length: float) -> Points:
    """Return the ends of a slash whose foot stands at x = `foot`, (2, 2) mm."""
    return np.array([[foot, middle + length / 2], [foot + lean, middle - length / 2]])


def _strike(sheet: Sheet, hand: Hand, where: Rect) -> None:
    """Strike out what stands in a place: a zigzag, or two strokes."""
    rng = hand.rng
    if rng.random() < 0.5:
        count = int(rng.integers(5, 9))
        x = np.linspace(where.x - 0.5, where.right + 0.5, count)
        y = where.y + where.height * np.where(np.arange(count) % 2, 0.15, 0.85)
        hand.stroke(sheet, np.column_stack([x, y]), wobble=0.3)
        return
    for share in (0.4, 0.6):
        level = where.y + where.height * share
        hand.stroke(sheet, np.array([[where.x - 0.8, level + 0.6], [where.right + 0.8, level - 0.6]]))
