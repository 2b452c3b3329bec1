"""What is said to people, and what to the terminal in which the server runs."""

import logging
import re
import secrets
from functools import lru_cache
from pathlib import Path

LOG = logging.getLogger("flows.review")
"""Goes to the terminal: refused log-ins and faults of ours, never names or what was typed."""

FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^/\s:;,'\"]+/)+")
"""Where a file lies, as messages for the terminal have it."""


def without_paths(words: str, folder: Path) -> str:
    """Return a message with names of files, and not where they lie.

    >>> without_paths("/exams/chemistry/tallymark.db cannot be written", Path("/exams/chemistry"))
    'tallymark.db cannot be written'
    """
    for place in names_of(folder):
        words = words.replace(f"{place}/", "").replace(place, "the exam folder")
    return FOLDERS.sub("", words)


@lru_cache(maxsize=8)
def names_of(folder: Path) -> tuple[str, ...]:
    """Return the names by which a folder is called, the longest first; looked up once, since a share may hang later."""
    names = {str(folder), str(folder.resolve())} - {"", ".", "/"}
    return tuple(sorted(names, key=len, reverse=True))


def fault_number(problem: BaseException) -> str:
    """Show a fault of ours on the terminal, and return the number under which it stands there."""
    number = secrets.token_hex(4)
    LOG.error("Fault %s", number, exc_info=problem)
    return number
