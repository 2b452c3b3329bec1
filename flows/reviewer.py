"""Who says something about an exam: a name as it will be kept, and when two names are one person's."""

import unicodedata
from functools import lru_cache

from flows.errors import CorrectionError

LONGEST_NAME = 80

NAMES_KEPT = 4096
"""Names whose folded form is kept: an exam has some dozens, each of them compared for every field."""


def check_reviewer(name: str) -> str:
    """Return the reviewer's name as it will be kept.

    Raises:
        CorrectionError: it is empty, too long, or cannot be printed.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise CorrectionError(
            f"{name[:LONGEST_NAME]!r} cannot be kept as a name; give 1 to {LONGEST_NAME} printable characters"
        )
    return name


def folded(name: str) -> str:
    """Return a name as it is compared: neither capitals nor ways to encode a letter tell two apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def typed_name(typed: str) -> str:
    """Return what somebody typed as names are compared: `folded`, and without white space that tells nothing.

    >>> typed_name(" ANN  Lee ") == typed_name("Ann Lee")
    True
    """
    # Once more behind it: NFKC makes other white space of some characters.
    return " ".join(folded(" ".join(typed.split())).split())


@lru_cache(maxsize=NAMES_KEPT)
def person_of(name: str) -> str:
    """Return what stands for the person of a name, as names are kept: one person may be spelled in several ways."""
    return typed_name(name)


def is_same_person(one: str, other: str) -> bool:
    """Tell whether two names, as they are kept, are one person's."""
    return one == other or person_of(one) == person_of(other)
