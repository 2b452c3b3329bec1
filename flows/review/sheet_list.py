"""The list of sheets: what somebody looks for, and the pages that wait for a decision of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flows.acceptances import AcceptedKind
from flows.page_decisions import place_of
from flows.page_desk import PLACEABLE
from flows.records import PageRow
from flows.results import Match
from flows.review.accepted import told_of, told_of_page
from flows.review.catalogue import Index
from flows.review.desk import Desk, Seen
from flows.review.naming import without_names
from flows.review.people import Person
from flows.settling import SettledSheet
from flows.stacks import was_dropped
from recognizer.records import PageOutcomeKind, ValueState

T = TypeVar("T")

ROWS = 100
"""Rows that are sent at once: two screens of them."""

HAND = "hand"
"""What identified a page that a person placed: it may be placed again, or that be taken back."""


class Which(StrEnum):
    """What the list is narrowed to."""

    ALL = "all"
    OPEN = "open"
    """Sheets on which a field waits for somebody."""
    REMARKS = "remarks"
    """Sheets with remarks."""
    FAILED = "failed"
    """Pages on which no sheet was found."""
    HELD = "held"
    """Pages that are another picture of one that is there, or wait for something else."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks for: a text, a narrowing, and how many rows are there already."""

    text: str
    which: Which
    at: int


def found_sheets(desk: Desk, seen: Seen, index: Index, asked: Asked, person: Person) -> dict[str, Any]:
    """Return the sheets that somebody looks for: by their name, their files, and whose they are.

    Names are looked through, and told, only for who may see them.
    """
    waiting: dict[str, int] = {}
    for flag in desk.open_flags().values():
        waiting[flag.row.sheet] = waiting.get(flag.row.sheet, 0) + 1
    needle = asked.text.casefold()
    fitting = [
        sheet
        for sheet in seen.results.decided.sheets
        if _is_meant(sheet, asked.which, waiting) and (not needle or needle in _text(sheet, index, person))
    ]
    rows = [_sheet(sheet, index, waiting, person, seen) for sheet in _part(fitting, asked.at)]
    return {"rows": rows, "count": len(fitting), "of": len(seen.sheets), "counts": _counts(seen, waiting)}


def _counts(seen: Seen, waiting: dict[str, int]) -> dict[str, int]:
    pages = seen.ledger.pages
    return {
        Which.ALL.value: len(seen.sheets),
        Which.OPEN.value: sum(sheet.sheet in waiting for sheet in seen.results.decided.sheets),
        Which.REMARKS.value: sum(bool(sheet.remarks) for sheet in seen.results.decided.sheets),
        Which.FAILED.value: sum(is_failed(page) for page in pages),
        Which.HELD.value: sum(page.outcome is PageOutcomeKind.HELD for page in pages),
    }


def found_pages(seen: Seen, asked: Asked, person: Person) -> dict[str, Any]:
    """Return pages that failed, or are held, by their file or why."""
    wanted = is_failed if asked.which is Which.FAILED else _is_held
    needle = asked.text.casefold()
    fitting = [
        page
        for page in seen.ledger.pages
        if wanted(page) and (not needle or needle in f"{page.place}\n{page.sheet}\n{page.reason}".casefold())
    ]
    roster = seen.results.decided.candidates
    rows = [
        _page(page, without_names(person, page.reason, roster)) | {"accepted": _by(told_of_page(person, seen, page))}
        for page in _part(fitting, asked.at)
    ]
    waiting: dict[str, int] = {}
    for flag in seen.flags:
        waiting[flag.row.sheet] = waiting.get(flag.row.sheet, 0) + 1
    return {"pages": rows, "count": len(fitting), "of": seen.ledger.pages_in, "counts": _counts(seen, waiting)}


def is_failed(page: PageRow) -> bool:
    """Tell whether no sheet was found on a page, and nobody said that this is as it should be."""
    return page.outcome in PLACEABLE and page.outcome is not PageOutcomeKind.BLANK and not was_dropped(page)


def _is_held(page: PageRow) -> bool:
    return page.outcome is PageOutcomeKind.HELD


def _is_meant(sheet: SettledSheet, which: Which, waiting: dict[str, int]) -> bool:
    if which is Which.OPEN:
        return sheet.sheet in waiting
    return which is Which.ALL or bool(sheet.remarks)


def _text(sheet: SettledSheet, index: Index, person: Person) -> str:
    return "\n".join(_searched(sheet, index.matches.get(sheet.sheet), index, person)).casefold()


def _searched(sheet: SettledSheet, match: Match | None, index: Index, person: Person) -> Iterator[str]:
    yield sheet.sheet
    yield from (page.place for page in sheet.pages)
    number = _number(sheet, match)
    yield number
    if person.sees_names and number in index.candidates:
        yield index.candidates[number].name


def _number(sheet: SettledSheet, match: Match | None) -> str:
    if match is not None and match.id:
        return match.id
    return sheet.identity.value if sheet.identity.state is ValueState.VALUE else ""


def _sheet(sheet: SettledSheet, index: Index, waiting: dict[str, int], person: Person, seen: Seen) -> dict[str, Any]:
    number = _number(sheet, index.matches.get(sheet.sheet))
    known = index.candidates.get(number)
    roster = seen.results.decided.candidates
    return {
        "sheet": sheet.sheet,
        "id": number,
        "name": known.name if known is not None and person.sees_names else "",
        "files": [page.place for page in sheet.pages],
        "open": waiting.get(sheet.sheet, 0),
        "remarks": [without_names(person, each, roster) for each in sheet.remarks],
        "accepted": _by(told_of(person, seen.ledger.accepted, AcceptedKind.SHEET, sheet.sheet, sheet.remarks)),
    }


def _page(page: PageRow, reason: str) -> dict[str, Any]:
    return {
        "scan": page.scan,
        "number": page.number,
        "at": page.place,
        "outcome": page.outcome.value,
        "reason": reason,
        "sheet": page.sheet,
        "placeable": page.outcome in PLACEABLE or page.identified_by == HAND,
        "choice": place_of(page) is not None,
    }


def _by(acceptance: dict[str, Any] | None) -> str:
    """Return who takes a thing as it is, "" if nobody does."""
    return str(acceptance["by"]) if acceptance else ""


def _part(rows: Sequence[T], at: int) -> Sequence[T]:
    return rows[at : at + ROWS]
