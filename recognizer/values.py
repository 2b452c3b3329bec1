"""How a value is written down: one text for one value, everywhere (readings, truth, corrections, workbooks)."""

from collections.abc import Iterable
from decimal import Decimal

NOTHING_AWARDED = "-"
"""A dash in a mark cell: the examiner looked and awarded nothing. What it is worth is a rule of the exam."""

BLANK = ""
"""Nothing is written in the field."""


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
    return "+".join(options)
