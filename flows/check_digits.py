"""Check characters of candidate numbers: the one door to python-stdnum."""

from collections.abc import Callable, Mapping

from stdnum import damm, luhn, verhoeff
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_11_2, mod_11_10, mod_37_2, mod_37_36, mod_97_10

SCHEMES: Mapping[str, Callable[[str], str]] = {
    "luhn": luhn.validate,
    "verhoeff": verhoeff.validate,
    "damm": damm.validate,
    "mod11_2": mod_11_2.validate,
    "mod11_10": mod_11_10.validate,
    "mod37_2": mod_37_2.validate,
    "mod37_36": mod_37_36.validate,
    "mod97_10": mod_97_10.validate,
}
"""What exam.toml may name in `[roster] check`, and what raises when a number fails it."""

MOST_CHARACTERS = 64
"""Longer texts are no candidate numbers; whole numbers are made of some, which takes time by the square."""


def has_check(number: str, scheme: str) -> bool:
    """Tell whether a number ends in the check character that its scheme asks for.

    >>> has_check("79927398713", "luhn"), has_check("79927398718", "luhn"), has_check("", "luhn")
    (True, False, False)
    """
    if not number.isascii() or not number.rstrip("*").isalnum():
        return False
    if len(number) > MOST_CHARACTERS:
        return False
    try:
        SCHEMES[scheme](number)
    except (ValidationError, ValueError):
        return False
    return True
