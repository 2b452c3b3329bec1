"""What a person types of pages without a serial, against what the exam knows: "scan.pdf:5,6" becomes pages. Pure.

"scan.pdf:5,6"              pages 5 and 6 of a file
"scan.pdf:5 + late.pdf:1"   page 5 of one file and page 1 of another
"9f2c41d07ab3:5-7"          pages 5 to 7 of the file of this content, where several have one name
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.errors import PageChoiceError
from flows.records import LEAST_HASH, PageRow
from flows.stacks import At, StackDecision, StackWord, may_be_dropped, may_be_joined

PART = re.compile(r"\s*(?P<file>.+?):(?P<pages>\s*\d+(?:\s*[-,]\s*\d+)*)\s*(?:\+|$)")
MOST_PAGES = 2_000
"""Pages that one decision names: a whole file of the feeder, and no slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person says of some pages, as it was typed."""

    word: StackWord
    typed: str


def decide(
    choices: Sequence[Choice], pages: Sequence[PageRow], said: Sequence[StackDecision], reviewer: str, now: datetime
) -> tuple[StackDecision, ...]:
    """Return what is stored of what was typed, all of it or nothing.

    Raises:
        PageChoiceError: one of them cannot be taken; the message says which and why.
    """
    made = tuple(StackDecision(one.word, _chosen(one, pages, said), reviewer, now) for one in choices)
    named = [at for one in made for at in one.pages]
    if len(set(named)) < len(named):
        raise PageChoiceError("a page is named twice; say one thing of each")
    return made


def _chosen(choice: Choice, pages: Sequence[PageRow], said: Sequence[StackDecision]) -> tuple[At, ...]:
    rows = _pages_named(choice.typed, pages)
    try:
        if choice.word is StackWord.JOIN:
            _refuse_join(rows)
        elif choice.word is StackWord.DROP:
            _refuse_drop(rows)
        else:
            _refuse_undo(rows, {at for one in said for at in one.pages})
    except PageChoiceError as problem:
        raise PageChoiceError(f"'{choice.typed}': {problem}") from None
    return tuple(row.at for row in rows)


def _refuse_join(rows: Sequence[PageRow]) -> None:
    for row in rows:
        if not may_be_joined(row):
            why = "its codes say which sheet it belongs to" if row.sheet else f"it is {row.outcome.value}"
            raise PageChoiceError(f"{row.place} cannot be put together with others by hand: {why}")
    for row in rows:
        if row.template != rows[0].template:
            raise PageChoiceError(f"{row.place} is of '{row.template}', {rows[0].place} is of '{rows[0].template}'")
        for other in rows:
            if other is not row and other.template_page == row.template_page:
                raise PageChoiceError(f"{row.place} and {other.place} are both page {row.template_page} of the sheet")


def _refuse_drop(rows: Sequence[PageRow]) -> None:
    for row in rows:
        if not may_be_dropped(row):
            raise PageChoiceError(f"{row.place} is {row.outcome.value}, and its codes say that it belongs here")


def _refuse_undo(rows: Sequence[PageRow], spoken: Collection[At]) -> None:
    for row in rows:
        if row.at not in spoken:
            raise PageChoiceError(f"nobody has said anything of {row.place}")


def _pages_named(typed: str, pages: Sequence[PageRow]) -> tuple[PageRow, ...]:
    found: list[PageRow] = []
    at = 0
    while at < len(typed):
        part = PART.match(typed, at)
        if part is None:
            raise PageChoiceError(f"'{typed}' is no FILE:PAGES, such as scan.pdf:5,6 or scan.pdf:5+late.pdf:1")
        mine = _of_file(part["file"].strip(), pages)
        for number in _numbers(part["pages"]):
            if number not in mine:
                raise PageChoiceError(f"'{typed}': {part['file'].strip()} has no page {number}")
            found.append(mine[number])
        at = part.end()
    if not found:
        raise PageChoiceError("no page is named; say FILE:PAGES, such as scan.pdf:5,6")
    if len({row.at for row in found}) < len(found):
        raise PageChoiceError(f"'{typed}' names a page twice")
    return tuple(found)


def _of_file(name: str, pages: Sequence[PageRow]) -> dict[int, PageRow]:
    mine = [row for row in pages if row.file == name]
    if not mine and len(name) >= LEAST_HASH:
        mine = [row for row in pages if row.scan.startswith(name.casefold())]
    scans = dict.fromkeys(row.scan for row in mine)
    if not scans:
        raise PageChoiceError(f"no file of the name {name} came in; the sheet Pages names them all")
    if len(scans) > 1:
        which = ", ".join(scan[:12] for scan in scans)
        raise PageChoiceError(f"{len(scans)} files have the name {name}; name it by its content instead: {which}")
    return {row.number: row for row in mine}


def _numbers(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = int(first[:9]), int((last or first)[:9])
        if not (start <= end <= start + MOST_PAGES):
            raise PageChoiceError(f"'{part.strip()}' names no pages, or too many; {MOST_PAGES:,} are the most")
        numbers += range(start, end + 1)
    return numbers
