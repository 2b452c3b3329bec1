"""A key as it was written, in a file or a workbook: tables of settings, each with its place, and all that is wrong."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

from flows.errors import ExamError
from flows.exact import LARGEST, exact
from flows.key_lines import Path

MAX_LISTED = 40
"""More problems than these are counted, not listed."""

MAX_COUNTED = 400
"""More problems than these are not even counted."""

LONGEST_NAME = 60
"""Characters of the name of a question, section, group, version or grade: as many as a question of a sheet may have."""

LONGEST_SHOWN = 60
"""Characters of a wrong value that a message repeats."""

MOST_EXPONENT = 12
"""Powers of ten, up and down, of a number that is looked at."""

YES, NO = ("yes", "true"), ("no", "false")

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class RawKey:
    """What a key says before anybody knows what it means. `where` names the place of a setting."""

    name: str
    data: Mapping[str, Any]
    where: Callable[[Path], str]


@dataclass(slots=True)
class Problems:
    """Everything that is wrong with a key, gathered before anything is said."""

    raw: RawKey
    found: dict[str, None] = field(default_factory=dict)

    def add(self, path: Path, message: str) -> None:
        """Note what is wrong at a place."""
        told = f"{self.raw.where(path)}: {message}"
        self.found["".join(each if each.isprintable() else "?" for each in told)] = None
        if len(self.found) >= MAX_COUNTED:
            self.refuse()

    def refuse(self) -> None:
        """Raise ExamError if anything is wrong."""
        listed = list(self.found)
        if not listed:
            return
        more = [f"{self.raw.name}: and {len(listed) - MAX_LISTED} more"] if len(listed) > MAX_LISTED else []
        raise ExamError("\n".join([*listed[:MAX_LISTED], *more]))


class Entry:
    """One table of settings. Each is taken by name; what nobody takes is unknown. A wrong value is noted and None.

    What the entry does not say, `fallback` may say: the defaults of all questions of a paper.
    """

    def __init__(
        self, problems: Problems, value: Mapping[str, Any], path: Path, fallback: "Entry | None" = None
    ) -> None:
        self.problems = problems
        self.value = value
        self.path = path
        self.fallback = fallback
        self.known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.value

    def problem(self, name: str, message: str) -> None:
        """Note what is wrong with a setting, where it stands; or with the whole entry when the name is ""."""
        if name and name not in self.value and self.fallback is not None and name in self.fallback.value:
            self.fallback.problem(name, message)
        else:
            here = (*self.path, name) if name and name in self.value else self.path
            self.problems.add(here, f"{name}: {message}" if name else message)

    def raw(self, name: str) -> Any:  # noqa: ANN401 - anything can stand in a file
        """Return what stands there, None for nothing."""
        self.known.add(name)
        if name in self.value:
            return self.value[name]
        return self.fallback.raw(name) if self.fallback is not None else None

    def text(self, name: str) -> str | None:
        """Return a text (a number counts as one), None when there is none."""
        value = self.raw(name)
        if value is None:
            return None
        text = as_text(value)
        if text is None or not text.strip():
            self.problem(name, f"is no text ({_shown(value)})" if text is None else "is empty")
            return None
        if len(text) > LONGEST_NAME or not text.isprintable():
            self.problem(name, f"is longer than {LONGEST_NAME} characters, or not all can be printed ({_shown(value)})")
            return None
        return " ".join(text.split())

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts, which may be written as one text with commas."""
        value = self.raw(name)
        if value is None:
            return None
        values = value if isinstance(value, list) else (as_text(value) or "").split(",")
        texts = [" ".join((as_text(each) or "").split()) for each in values]
        if not texts or not all(texts):
            self.problem(name, f"is no list of names ({_shown(value)}); write for example 1-10, 12")
            return None
        return texts

    def number(self, name: str, low: Fraction | None = None, *, above: bool = False) -> Fraction | None:
        """Return an exact number; `low` is the least that is allowed, itself not when `above`."""
        value = self.raw(name)
        if value is None:
            return None
        number = as_number(value)
        if number is None:
            self.problem(name, f'{_shown(value)} is no number; write for example 2, 0.5, "1/3" or "2½"')
            return None
        if low is not None and (number < low or (above and number == low)):
            self.problem(name, f"{_shown(value)} has to be {'more than' if above else 'at least'} {low}")
            return None
        return number

    def whole(self, name: str, low: int = 1) -> int | None:
        """Return a whole number that is at least `low`."""
        number = self.number(name, Fraction(low))
        if number is not None and number.denominator != 1:
            self.problem(name, f"{_shown(self.raw(name))} is no whole number")
            return None
        return None if number is None else int(number)

    def flag(self, name: str) -> bool | None:
        """Return true or false; yes and no mean the same."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        said = str(value).strip().casefold()
        if said in (*YES, *NO):
            return said in YES
        self.problem(name, f"{_shown(value)} is neither true nor false")
        return None

    def one_of(self, name: str, kinds: type[Choice]) -> Choice | None:
        """Return one of a few words."""
        value = self.raw(name)
        if value is None:
            return None
        words = [kind.value for kind in kinds]
        if isinstance(value, str) and value.strip().casefold() in words:
            return kinds(value.strip().casefold())
        meant = difflib.get_close_matches(str(value).casefold(), words, 1)
        hint = f"; did you mean {meant[0]}?" if meant else ""
        self.problem(name, f"{_shown(value)} is none of {', '.join(words)}{hint}")
        return None

    def table(self, name: str) -> "Entry":
        """Return a table, an empty one when there is none."""
        value = self.raw(name)
        if value is not None and not isinstance(value, dict):
            self.problem(name, f"is no table ({_shown(value)})")
        return Entry(self.problems, value if isinstance(value, dict) else {}, (*self.path, name))

    def entries(self, name: str) -> Iterator["Entry"]:
        """Yield the entries of a list of tables."""
        value = self.raw(name)
        if value is None:
            return
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.problem(name, f"is no list of tables; write [[{'.'.join(map(str, (*self._names(), name)))}]]")
            return
        for number, each in enumerate(value):
            yield Entry(self.problems, each, (*self.path, name, number))

    def done(self) -> None:
        """Note every setting that nobody has taken."""
        for name in self.value:
            if name not in self.known:
                meant = difflib.get_close_matches(name.casefold(), sorted(self.known), 1)
                hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(sorted(self.known))}"
                self.problems.add((*self.path, name), f"{name[:LONGEST_SHOWN]}: there is no such setting; {hint}")

    def _names(self) -> list[str]:
        return [part for part in self.path if isinstance(part, str)]


def as_text(value: object) -> str | None:
    """Return a text or an exact number as text, None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = as_number(value)
    return None if number is None else format(Decimal(value), "f")


def as_number(value: object) -> Fraction | None:
    """Return the exact number that stands in a setting, None when it is none."""
    if isinstance(value, str):
        return exact(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > MOST_EXPONENT):
        return None
    number = Fraction(value)
    return number if abs(number) <= LARGEST else None


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        return "a number beyond 1,000,000,000"
    text = re.sub(r"[^ -~\w½−]", "?", str(value).lower() if isinstance(value, bool) else str(value))
    return f"'{text[:LONGEST_SHOWN]}{'...' if len(text) > LONGEST_SHOWN else ''}'"
