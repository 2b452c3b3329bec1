"""Exact numbers of marking: fractions inside, decimals outside, rounding where the key states it. No binary float."""

import re
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from recognizer.values import format_number

LARGEST = 10**9
"""No mark, weight or answer is as large; what is larger is a slip of the keyboard."""

SHOWN_DECIMALS = 6
"""Decimals of points that no decimal number holds exactly (a third of a mark), where they are shown. Sums are taken
before, over the exact fractions."""

_MINUS_SIGNS = str.maketrans({"−": "-", "–": "-", ",": "."})
_DECIMAL = re.compile(r"-?(\d{1,12}(\.\d{1,12})?|\.\d{1,12})", re.ASCII)
_FRACTION = re.compile(r"(-?)(?:(\d{1,9})[ ])?(\d{1,9})/(\d{1,9})", re.ASCII)
_HALF = re.compile(r"(-?)(\d{0,9}) ?½", re.ASCII)


class Mode(StrEnum):
    """Where a number goes that lies in the middle between two steps."""

    HALF_UP = "half_up"
    """Away from zero, as people and spreadsheets round: 2.5 becomes 3, -2.5 becomes -3."""
    HALF_EVEN = "half_even"
    """To the even step: 2.5 becomes 2, 3.5 becomes 4."""


def exact(text: str) -> Fraction | None:
    """Return the number that a text writes, None when it writes none, or one beyond LARGEST.

    >>> exact("2,50"), exact("1/3"), exact("2½"), exact("−1 1/2"), exact("1/0"), exact("NaN"), exact("1e3")
    (Fraction(5, 2), Fraction(1, 3), Fraction(5, 2), Fraction(-3, 2), None, None, None)
    """
    plain = text.strip().translate(_MINUS_SIGNS)
    if _DECIMAL.fullmatch(plain):
        number = Fraction(plain)
    elif (found := _FRACTION.fullmatch(plain)) and int(found[4]):
        number = int(found[2] or 0) + Fraction(int(found[3]), int(found[4]))
        number = -number if found[1] else number
    elif (found := _HALF.fullmatch(plain)) is not None:
        number = int(found[2] or 0) + Fraction(1, 2)
        number = -number if found[1] else number
    else:
        return None
    return number if abs(number) <= LARGEST else None


def rounded(number: Fraction, step: Fraction, mode: Mode) -> Fraction:
    """Return the multiple of `step` that lies nearest.

    >>> half = Fraction(1, 2)
    >>> rounded(Fraction(5, 4), half, Mode.HALF_UP), rounded(Fraction(5, 4), half, Mode.HALF_EVEN)
    (Fraction(3, 2), Fraction(1, 1))
    """
    steps = number / step
    if mode is Mode.HALF_EVEN:
        return round(steps) * step
    whole = (abs(steps) + Fraction(1, 2)).__floor__()
    return (whole if steps >= 0 else -whole) * step


def significant(number: Fraction, figures: int) -> Fraction:
    """Return a number to so many significant figures, halves away from zero.

    >>> significant(Fraction("0.001205"), 3) == Fraction("0.00121"), significant(Fraction(0), 3)
    (True, Fraction(0, 1))
    """
    if not number:
        return number
    size = abs(number)
    exponent = len(str(size.numerator)) - len(str(size.denominator))
    if size < Fraction(10) ** exponent:
        exponent -= 1
    return rounded(number, Fraction(10) ** (exponent - figures + 1), Mode.HALF_UP)


@lru_cache(maxsize=16384)
def shown(number: Fraction) -> Decimal:
    """Return a number as a decimal: exactly where that can be, else to SHOWN_DECIMALS decimals.

    >>> shown(Fraction(5, 2)), shown(Fraction(2, 3)), shown(Fraction(0))
    (Decimal('2.5'), Decimal('0.666667'), Decimal('0'))
    """
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1:
        places = 0
        scaled = number
        while scaled.denominator != 1:
            scaled *= 10
            places += 1
        return Decimal(format_number(Decimal(f"{scaled.numerator}E-{places}")))
    return to_decimals(number)


def to_decimals(number: Fraction) -> Decimal:
    """Return a number rounded to SHOWN_DECIMALS decimals, for what is no mark: a mean, a share."""
    steps = rounded(number * 10**SHOWN_DECIMALS, Fraction(1), Mode.HALF_UP)
    return Decimal(format_number(Decimal(f"{steps.numerator}E-{SHOWN_DECIMALS}")))


def in_words(number: Fraction) -> str:
    """Write a number for people: 2.5, or 1/3 where no decimal is exact."""
    text = format_number(shown(number))
    return text if exact(text) == number else f"{number.numerator}/{number.denominator}"
