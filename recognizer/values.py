"""How a value is written down: one text for one value, everywhere (readings, truth, corrections, workbooks)."""

import re
from collections.abc import Iterable
from decimal import Decimal

from recognizer.errors import ValueNotAllowedError
from recognizer.template import Kind, Role, SheetField

NOTHING_AWARDED = "-"
"""A dash in a mark cell: the examiner looked and awarded nothing. What it is worth is a rule of the exam."""

BLANK = ""
"""Nothing is written in the field."""

HALF = Decimal("0.5")

MULTIPLE_SEPARATOR = "+"

_MINUS_SIGNS = str.maketrans({"−": "-", "–": "-", "—": "-", ",": "."})
_PLAIN = re.compile(r"-?(\d{1,12}(\.\d{1,6})?|\.\d{1,6})", re.ASCII)
_WITH_HALF = re.compile(r"(-?)(\d{0,12}) ?(?:½|1/2)", re.ASCII)


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


def expectation(field: SheetField) -> str:
    """Say in plain words what a field may hold, for messages and for reviewers."""
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
    return words + (f", or {NOTHING_AWARDED} for nothing awarded" if field.dash else "")


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
