"""What may stand at each position of an id: alphabets as templates write them."""

import re
import string

DIGITS = string.digits
CAPITALS = string.ascii_uppercase

_PART = re.compile(r"([0-9A-Z])-([0-9A-Z])|([0-9A-Z])")
_FIXED = re.compile(r"[!-*,-~]")


def expanded(entry: str) -> str:
    """Return the characters that an entry such as "0-9X" stands for, in its order.

    One character alone is printed in its box and not read; it may be any but a space or a plus.

    >>> expanded("0-9X"), expanded("A-CE"), expanded("P"), expanded("/")
    ('0123456789X', 'ABCE', 'P', '/')

    Raises:
        ValueError: it is no alphabet; the message says what is.
    """
    if _FIXED.fullmatch(entry):
        return entry
    characters, at = "", 0
    while at < len(entry):
        part = _PART.match(entry, at)
        if part is None:
            raise ValueError(
                f"'{entry[:20]}' is no alphabet: write digits and capital letters, or ranges of them, such as 0-9 or "
                "A-HJ; one character alone is printed and not read"
            )
        first, last = part[1] or part[3], part[2] or part[3]
        if first > last or first.isdigit() != last.isdigit():
            raise ValueError(f"'{part[0]}' is no range: it runs from a digit or capital letter up to a later one")
        characters += "".join(chr(code) for code in range(ord(first), ord(last) + 1))
        at = part.end()
    if not characters or len(set(characters)) < len(characters):
        raise ValueError(f"'{entry[:20]}' is empty, or names a character twice")
    return characters


def has_letters(alphabet: str) -> bool:
    """Tell whether what stands there may be a letter, so that no network for digits can read it."""
    return len(alphabet) > 1 and any(character in CAPITALS for character in alphabet)
