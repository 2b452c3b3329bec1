"""Which fields of a template the questions of a key are answered in; ranges of names."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flows.key_source import Entry
from recognizer.template import Kind, Role, SheetField, SheetTemplate

MOST_NAMES = 5_000
"""Names of one list: more than any sheet has fields."""

MOST_NAMED = 8
"""Names that a message lists."""

_RANGE = re.compile(r"(.{1,60}?)\s*[-–]\s*(.{1,60})")
_WHOLE = re.compile(r"\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Names:
    """The fields of a template that hold answers or marks, by their questions and by their own names."""

    template: SheetTemplate
    fields: tuple[SheetField, ...]
    order: dict[str, int]
    by_name: dict[str, list[SheetField]] = field(default_factory=dict)

    def place_of(self, field_name: str) -> int:
        """Return where a field stands on the sheet."""
        return self.order[field_name]

    def any_field(self, name: str) -> SheetField | None:
        """Return any field of the template by its own name."""
        every = (each for page in self.template.pages for each in page.fields)
        return next((each for each in every if each.name == name), None)

    def fitting(self, name: str, role: Role | None) -> list[SheetField]:
        """Return the fields that a question may mean; those of a role where the key makes clear which it means."""
        found = self.by_name.get(name, [])
        wanted = [each for each in found if each.role is role]
        return wanted or found


def names_of(template: SheetTemplate) -> Names:
    """Gather the fields of a template that may be marked."""
    fields = tuple(
        each
        for page in template.pages
        for each in page.fields
        if each.role in (Role.ANSWER, Role.MARK) and each.kind is not Kind.IMAGE
    )
    names = Names(template, fields, {each.name: at for at, each in enumerate(fields)})
    for each in fields:
        for name in dict.fromkeys((each.question, each.name)):
            if name:
                names.by_name.setdefault(name, []).append(each)
    return names


def expanded(texts: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, "") for each name of a list, ranges written out, and (text, what is wrong) for the others.

    >>> list(expanded(["1-3", "7"], ["1", "2", "3", "7"]))
    [('1', ''), ('2', ''), ('3', ''), ('7', '')]
    """
    have = set(known)
    for text in texts:
        if text in have:
            yield text, ""
        elif (found := _RANGE.fullmatch(text)) and (names := _range(found[1], found[2], known)):
            yield from ((name, "") for name in names if name in have)
            if strange := [name for name in names if name not in have]:
                yield strange[0], _unknown(strange[0], known)
        else:
            yield text, _unknown(text, known)


def names_in(entry: Entry, setting: str, known: Sequence[str]) -> list[str]:
    """Return the names that a setting lists, every one that is unknown or stands twice noted."""
    found: list[str] = []
    for name, trouble in expanded(entry.texts(setting) or [], known):
        if trouble:
            entry.problem(setting, trouble)
        elif name in found:
            entry.problem(setting, f"question {name} stands there twice")
        elif len(found) < MOST_NAMES:
            found.append(name)
    return found


def _range(first: str, last: str, known: Sequence[str]) -> list[str]:
    """Return the names from one to another, none when that is no range."""
    if _WHOLE.fullmatch(first) and _WHOLE.fullmatch(last):
        low, high = int(first), int(last)
        return [str(number) for number in range(low, high + 1)] if high - low < MOST_NAMES else []
    if first in known and last in known:
        return list(known[known.index(first) : known.index(last) + 1])
    return []


def _unknown(name: str, known: Sequence[str]) -> str:
    meant = difflib.get_close_matches(name, known, 1)
    listed = ", ".join(known[:MOST_NAMED]) + (f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else "")
    hint = f"did you mean {meant[0]}?" if meant else f"there are {listed}" if known else "there are none"
    return f"there is no question '{name[:60]}'; {hint}"
