"""The list of sheets: what somebody looks for, and the pages that wait for a decision of their own."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flows.acceptances import AcceptedKind
from flows.page_decisions import place_of
from flows.page_desk import PLACEABLE
from flows.records import PageRow
from flows.review.accepted import told_of, told_of_page
from flows.review.catalogue import Index
from flows.review.desk import Seen
from flows.review.people import Person
from flows.review.scan_names import place_told, readable
from flows.review.untold import REMARKS_UNSEEN, Sight
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


def found_sheets(sight: Sight, seen: Seen, index: Index, asked: Asked) -> dict[str, Any]:
    """Return the sheets that somebody looks for: by their name, their files, and whose they are.

    Names are looked through, and told, only for who may see them; and of numbers and remarks what may be seen.
    """
    waiting = Counter(flag.row.sheet for flag in sight.open_flags())
    needle = asked.text.casefold()
    fitting = [
        sheet
        for sheet in map(seen.sheets.__getitem__, sight.order(index))
        if _is_meant(sheet, asked.which, waiting, index, sight) and (not needle or needle in _text(sheet, index, sight))
    ]
    rows = [_sheet(sheet, index, waiting, sight, seen) for sheet in _part(fitting, asked.at)]
    return {"rows": rows, "count": len(fitting), "of": len(seen.sheets), "counts": _counts(seen, waiting, index, sight)}


def _counts(seen: Seen, waiting: Counter[str], index: Index, sight: Sight) -> dict[str, int]:
    pages, sheets = seen.ledger.pages, seen.results.decided.sheets
    return {
        Which.ALL.value: len(seen.sheets),
        Which.OPEN.value: sum(sheet.sheet in waiting for sheet in sheets),
        Which.REMARKS.value: sum(bool(_remarks(sheet, index, sight)) for sheet in sheets),
        Which.FAILED.value: sum(is_failed(page) for page in pages),
        Which.HELD.value: sum(page.outcome is PageOutcomeKind.HELD for page in pages),
    }


def found_pages(sight: Sight, seen: Seen, index: Index, asked: Asked) -> dict[str, Any]:
    """Return pages that failed, or are held, by their file or why."""
    person = sight.person
    wanted = is_failed if asked.which is Which.FAILED else _is_held
    needle = asked.text.casefold()

    def told(page: PageRow) -> str:
        return f"{place_told(person, page)}\n{page.sheet}\n{readable(person, page.reason, seen)}".casefold()

    fitting = [page for page in seen.ledger.pages if wanted(page) and (not needle or needle in told(page))]
    rows = [
        _page(page, person, seen) | {"accepted": _by(told_of_page(person, seen, page))}
        for page in _part(fitting, asked.at)
    ]
    counts = _counts(seen, Counter(flag.row.sheet for flag in sight.open_flags()), index, sight)
    return {"pages": rows, "count": len(fitting), "of": seen.ledger.pages_in, "counts": counts}


def is_failed(page: PageRow) -> bool:
    """Tell whether no sheet was found on a page, and nobody said that this is as it should be."""
    return page.outcome in PLACEABLE and page.outcome is not PageOutcomeKind.BLANK and not was_dropped(page)


def _is_held(page: PageRow) -> bool:
    return page.outcome is PageOutcomeKind.HELD


def _is_meant(sheet: SettledSheet, which: Which, waiting: Counter[str], index: Index, sight: Sight) -> bool:
    if which is Which.OPEN:
        return sheet.sheet in waiting
    return which is Which.ALL or bool(_remarks(sheet, index, sight))


def _remarks(sheet: SettledSheet, index: Index, sight: Sight) -> tuple[str, ...]:
    return sight.remarks(sheet, index.matches.get(sheet.sheet))


def _text(sheet: SettledSheet, index: Index, sight: Sight) -> str:
    return "\n".join(_searched(sheet, index, sight)).casefold()


def _searched(sheet: SettledSheet, index: Index, sight: Sight) -> Iterator[str]:
    yield sheet.sheet
    yield from (place_told(sight.person, page) for page in sheet.pages)
    number = _number(sheet, index, sight)
    yield number
    if sight.person.sees_names and number in index.candidates:
        yield index.candidates[number].name


def _number(sheet: SettledSheet, index: Index, sight: Sight) -> str:
    if sight.is_blind:
        return sight.number(sheet.sheet)
    match = index.matches.get(sheet.sheet)
    if match is not None and match.id:
        return match.id
    return sheet.identity.value if sheet.identity.state is ValueState.VALUE else ""


def _sheet(sheet: SettledSheet, index: Index, waiting: Counter[str], sight: Sight, seen: Seen) -> dict[str, Any]:
    person, number = sight.person, _number(sheet, index, sight)
    known = index.candidates.get(number)
    remarks = (REMARKS_UNSEEN,) if sight.hidden(sheet.sheet) else _remarks(sheet, index, sight)
    return {
        "sheet": sheet.sheet,
        "id": number,
        "name": known.name if known is not None and person.sees_names else "",
        "files": [place_told(person, page) for page in sheet.pages],
        "open": waiting[sheet.sheet],
        "remarks": [readable(person, each, seen) for each in remarks],
        "accepted": _by(told_of(person, seen.ledger.accepted, AcceptedKind.SHEET, sheet.sheet, sheet.remarks)),
    }


def _page(page: PageRow, person: Person, seen: Seen) -> dict[str, Any]:
    return {
        "scan": page.scan,
        "number": page.number,
        "at": place_told(person, page),
        "outcome": page.outcome.value,
        "reason": readable(person, page.reason, seen),
        "sheet": page.sheet,
        "placeable": page.outcome in PLACEABLE or page.identified_by == HAND,
        "choice": place_of(page) is not None,
    }


def _by(acceptance: dict[str, Any] | None) -> str:
    """Return who takes a thing as it is, "" if nobody does."""
    return str(acceptance["by"]) if acceptance else ""


def _part(rows: Sequence[T], at: int) -> Sequence[T]:
    return rows[at : at + ROWS]
