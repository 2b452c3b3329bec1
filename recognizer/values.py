"""How a value is written down: one text for one value, everywhere (readings, truth, corrections, workbooks).

And the other way round: every way in which people write the values of a number cell, symbol by symbol (`writings`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from types import MappingProxyType

from recognizer.errors import ValueNotAllowedError
from recognizer.template import Kind, Role, SheetField

NOTHING_AWARDED = "-"
"""A dash in a mark cell: the examiner looked and awarded nothing. What it is worth is a rule of the exam."""

ABSENT = "AB"
"""The candidate was absent: neither a number nor a blank. What it is worth is a rule of the exam."""

BLANK = ""
"""Nothing is written in the field."""

HALF = Decimal("0.5")

MULTIPLE_SEPARATOR = "+"

ABSENT_WORDS = ("ab", "abs", "abs.", "absent")
"""What people type for an absent candidate, in small or capital letters."""

ABSENT_SYMBOLS = ("AB", "ABS")
"""What they write by hand, in symbols of `records.SYMBOLS`; small letters are the same symbols."""

HALF_SYMBOL = "½"

MOST_WHOLE_DIGITS = 4
"""Digits before the point of a number in a free cell: no mark has more."""

MOST_DECIMALS = 2
"""Decimals of a number in a free cell whose template names no step."""

MOST_VALUES = 20_000
"""Values of a field up to which all are gone through, one by one; with more, the likeliest writings are looked for."""

_MINUS_SIGNS = str.maketrans({"−": "-", "–": "-", "—": "-", ",": "."})
_PLAIN = re.compile(r"-?(\d{1,12}(\.\d{1,6})?|\.\d{1,6})", re.ASCII)
_WITH_HALF = re.compile(r"(-?)(\d{0,12}) ?(?:½|1/2)", re.ASCII)
_BY_HAND = re.compile(r"(-?)(\d{0,4})(?:\.(\d{0,6})|(½))?", re.ASCII)


@lru_cache(maxsize=4096)
def format_number(number: Decimal) -> str:
    """Write a number in its one canonical form: no exponent, no trailing zeros, no minus zero.

    >>> format_number(Decimal("12.50")), format_number(Decimal("007")), format_number(Decimal("-0.0"))
    ('12.5', '7', '0')
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    negative = text.startswith("-")
    text = text.lstrip("-").lstrip("0") or "0"
    if text.startswith("."):
        text = "0" + text
    return f"-{text}" if negative and text.strip("0.") else text


def format_options(options: Iterable[str]) -> str:
    """Write the chosen options of a choice field, in printed order: "B", or "A+C" when several are marked."""
    return MULTIPLE_SEPARATOR.join(options)


def parse_value(field: SheetField, text: str) -> str:
    """Return the canonical text of a value that a person typed for a field.

    >>> mark = SheetField(name="q1", kind="number", role="mark", x=9, y=40, width=18, height=11,
    ...                   question="1", minimum=0, maximum=10, step=Decimal("0.5"))
    >>> parse_value(mark, "2 1/2"), parse_value(mark, "7,50"), parse_value(mark, "")
    ('2.5', '7.5', '')

    Raises:
        ValueNotAllowedError: the field may not hold this; the message says what it may hold.
    """
    text = text.strip()
    if not text:
        return BLANK
    if field.alphabet:
        return _parse_alphabet(field, text)
    if field.kind is Kind.CHOICE:
        return _parse_options(field, text)
    if field.is_numeric:
        return _parse_number(field, text)
    if field.kind is Kind.DIGITS and re.fullmatch(r"[0-9]{1,40}", text) and len(text) == field.characters:
        return text
    raise _not_allowed(field, text)


def allowed_number(field: SheetField, number: Decimal) -> bool:
    """Tell whether a number lies in the field's range, on its step, and fits its boxes."""
    if field.minimum is not None and number < field.minimum:
        return False
    if field.maximum is not None and number > field.maximum:
        return False
    if field.step is not None and number % field.step != 0:
        return False
    if field.kind is Kind.DIGITS:
        whole, _, decimals = format_number(abs(number)).partition(".")
        fits = len(whole) <= field.characters - field.decimals and len(decimals) <= field.decimals
        return fits and (number >= 0 or field.sign)
    return True


def is_enumerable(field: SheetField) -> bool:
    """Tell whether `writings` can list a number field: whether it may hold at most MOST_VALUES numbers.

    >>> place = {"name": "q1", "kind": "number", "role": "answer", "x": 9, "y": 40, "width": 18, "height": 11}
    >>> is_enumerable(SheetField(**place, minimum=0, maximum=100)), is_enumerable(SheetField(**place, minimum=0))
    (True, False)
    """
    low, high, step = _grid(field)
    return (high - low) / step < MOST_VALUES


@lru_cache(maxsize=1024)
def writings(field: SheetField) -> Mapping[str, tuple[str, ...]]:
    """Return every value that a number field may hold, and every way people write it in symbols of `records.SYMBOLS`.

    The blank, "", is a value like the others; no writing belongs to two values, and `written_value` takes each back to
    its own. A number field without a maximum is taken to hold up to MOST_WHOLE_DIGITS digits before the point, one
    without a minimum as far below zero as above, one without a step up to MOST_DECIMALS decimals.

    >>> place = {"name": "q1", "kind": "number", "role": "answer", "x": 9, "y": 40, "width": 18, "height": 11}
    >>> half = SheetField(**place, minimum=-3, maximum=10, step=Decimal("0.5"), dash=True, absent=True)
    >>> [writings(half)[value] for value in ("7", "2.5", "0.5", "-3", "10")]
    [('7', '7.', '7.0', '07'), ('2½', '2.5'), ('½', '0.5', '.5', '0½'), ('-3', '-3.', '-3.0'), ('10', '10.', '10.0')]
    >>> [writings(half)[value] for value in (NOTHING_AWARDED, ABSENT, BLANK)]
    [('-',), ('AB', 'ABS'), ('',)]

    Where only whole numbers may stand, `7.0` is a 7 unless it could be a 70 with a speck in it:

    >>> whole = SheetField(**place, minimum=0, maximum=12, step=1)
    >>> writings(whole)["7"], writings(whole)["1"]
    (('7', '7.', '7.0', '07'), ('1', '1.', '01'))

    Raises:
        ValueError: the field has too many values, or is no number field (our bug: ask `is_enumerable` first).
    """
    if field.kind is not Kind.NUMBER or not is_enumerable(field):
        raise ValueError(f"the values of {field.name} ({field.kind}) cannot be listed")
    found = {format_number(number): tuple(_ways(field, number)) for number in _numbers(field)}
    if field.dash:
        found[NOTHING_AWARDED] = (NOTHING_AWARDED,)
    if field.absent:
        found[ABSENT] = ABSENT_SYMBOLS
    found[BLANK] = ("",)
    return MappingProxyType(found)


def written_value(field: SheetField, symbols: str) -> str | None:
    """Return the value that symbols of `records.SYMBOLS` stand for in a number cell, None when it may not hold that.

    It takes everything that `writings` lists, and for a field whose values are too many, everything of that kind.

    >>> place = {"name": "q1", "kind": "number", "role": "answer", "x": 9, "y": 40, "width": 18, "height": 11}
    >>> free = SheetField(**place, minimum=0)
    >>> [written_value(free, symbols) for symbols in ("12½", "7.50", "0½", "", "7.", "-3", "7.125", "1A")]
    ['12.5', '7.5', '0.5', '', '7', None, None, None]
    """
    if symbols == "":
        return BLANK
    if symbols == NOTHING_AWARDED:
        return NOTHING_AWARDED if field.dash else None
    if symbols in ABSENT_SYMBOLS:
        return ABSENT if field.absent else None
    found = _BY_HAND.fullmatch(symbols)
    if found is None or not (found[2] or found[3] or found[4]):
        return None
    number = Decimal(f"{found[2] or 0}.{found[3] or 0}") + (HALF if found[4] else 0)
    number = -number if found[1] else number
    return format_number(number) if allowed_number(field, number) and symbols in _ways(field, number) else None


def expectation(field: SheetField) -> str:
    """Say in plain words what a field may hold, for messages and for reviewers."""
    if field.alphabet:
        return f"{len(field.alphabet)} characters: {', '.join(field.alphabet)}"
    if field.kind is Kind.CHOICE and field.positions > 1:
        return f"{field.positions} characters out of {' '.join(field.options)}"
    if field.kind is Kind.CHOICE:
        joined = " ".join(field.options)
        return f"any of {joined}, joined by +" if field.multiple else f"one of {joined}"
    if field.is_numeric:
        return _number_expectation(field)
    if field.kind is Kind.DIGITS:
        return f"{field.characters} digits"
    return "a picture for people; it holds no value"


def _number_expectation(field: SheetField) -> str:
    low = format_number(field.minimum) if field.minimum is not None else None
    high = format_number(field.maximum) if field.maximum is not None else None
    words = {
        (True, True): f"a number from {low} to {high}",
        (True, False): f"a number from {low}",
        (False, True): f"a number up to {high}",
        (False, False): "a number",
    }[(low is not None, high is not None)]
    if field.kind is Kind.DIGITS:
        whole = field.characters - field.decimals
        words += f" with up to {whole} digits" + (f" and {field.decimals} decimals" if field.decimals else "")
    if field.step is not None and field.step != 1:
        words += f" in steps of {format_number(field.step)}"
    elif field.step is not None:
        words += " without decimals"
    words += f", or {NOTHING_AWARDED} for nothing awarded" if field.dash else ""
    return words + (f", or {ABSENT} for absent" if field.absent else "")


def _grid(field: SheetField) -> tuple[Decimal, Decimal, Decimal]:
    """Return the least and the largest number that is looked for in a number cell, and the step between them."""
    step = field.step or Decimal(1).scaleb(-MOST_DECIMALS)
    largest = Decimal(10) ** MOST_WHOLE_DIGITS - min(step, Decimal(1))
    high = min(field.maximum, largest) if field.maximum is not None else largest
    low = max(field.minimum, -largest) if field.minimum is not None else -abs(high)
    return low, high, step


def _numbers(field: SheetField) -> Iterator[Decimal]:
    low, high, step = _grid(field)
    first = (low / step).to_integral_value(ROUND_CEILING)
    last = (high / step).to_integral_value(ROUND_FLOOR)
    return (each * step for each in range(int(first), int(last) + 1))


def _ways(field: SheetField, number: Decimal) -> Iterator[str]:
    """Yield how a number is written by hand, the commonest way first."""
    sign = NOTHING_AWARDED if number < 0 else ""
    plain = format_number(abs(number))
    whole, _, decimals = plain.partition(".")
    places = _decimal_places(field)
    if decimals == "5":
        yield sign + (whole if whole != "0" else "") + HALF_SYMBOL
    if len(decimals) <= max(places, 1):
        yield sign + plain
        if not decimals:
            # One in a hundred real mark cells ends with a full stop.
            yield f"{sign}{plain}."
        yield from (sign + padded for padded in _with_zeros(field, number, whole, decimals, places))
    if whole == "0" and decimals:
        yield f"{sign}.{decimals}"
    if plain == "0.5":
        yield f"{sign}0{HALF_SYMBOL}"
    if not decimals and not sign:
        yield from (whole.zfill(width) for width in range(len(whole) + 1, _whole_digits(field) + 1))


def _with_zeros(field: SheetField, number: Decimal, whole: str, decimals: str, places: int) -> Iterator[str]:
    """Yield a number with zeros behind: as many decimals as its step has, and `7.0` where only whole ones may stand."""
    for width in range(len(decimals) + 1, places + 1):
        yield f"{whole}.{decimals.ljust(width, '0')}"
    if places == 0 and not decimals and number and not allowed_number(field, number * 10):
        yield f"{whole}.0"


@lru_cache(maxsize=1024)
def _decimal_places(field: SheetField) -> int:
    """Return how many decimals a number of the field may have."""
    if field.step is None:
        return MOST_DECIMALS
    return len(format_number(field.step).partition(".")[2])


def _whole_digits(field: SheetField) -> int:
    """Return how many digits the largest number of the field has before its point; 1 where it names none."""
    return (
        1
        if field.maximum is None
        else min(MOST_WHOLE_DIGITS, len(format_number(field.maximum.to_integral_value(ROUND_FLOOR)).lstrip("-")))
    )


def _parse_alphabet(field: SheetField, text: str) -> str:
    """Take the characters of an id; small letters are taken for capitals where only those may stand."""
    alphabets = field.id_alphabets
    if len(text) != len(alphabets):
        raise _not_allowed(field, text)
    found = [
        character if character in alphabet else character.upper()
        for character, alphabet in zip(text, alphabets, strict=True)
    ]
    if any(character not in alphabet for character, alphabet in zip(found, alphabets, strict=True)):
        raise _not_allowed(field, text)
    return "".join(found)


def _parse_options(field: SheetField, text: str) -> str:
    by_lower = {option.casefold(): option for option in field.options}
    if field.positions > 1:
        characters = [by_lower.get(character.casefold()) for character in text]
        if len(characters) != field.positions or None in characters:
            raise _not_allowed(field, text)
        return "".join(character for character in characters if character)
    chosen = {by_lower.get(part.strip().casefold()) for part in text.split(MULTIPLE_SEPARATOR)}
    if None in chosen or (len(chosen) > 1 and not field.multiple):
        raise _not_allowed(field, text)
    return format_options(option for option in field.options if option in chosen)


def _parse_number(field: SheetField, text: str) -> str:
    plain = text.translate(_MINUS_SIGNS)
    if plain == NOTHING_AWARDED and field.dash:
        return NOTHING_AWARDED
    if plain.casefold() in ABSENT_WORDS and field.absent:
        return ABSENT
    if found := _WITH_HALF.fullmatch(plain):
        number = Decimal(found[2] or 0) + HALF
        number = -number if found[1] else number
    elif _PLAIN.fullmatch(plain):
        number = Decimal(plain)
    else:
        raise _not_allowed(field, text)
    if not allowed_number(field, number):
        raise _not_allowed(field, text)
    return format_number(number)


def _not_allowed(field: SheetField, text: str) -> ValueNotAllowedError:
    what = field.name if field.role is not Role.MARK else f"{field.name} (question {field.question})"
    shown = text if len(text) <= 40 else text[:37] + "..."
    return ValueNotAllowedError(f"{what}: '{shown}' is not allowed here; it may hold {expectation(field)}")
