"""Which picture of a sheet's page counts. Pure: the pages that claim one place, and what people decided, in order.

The first page that came stands for its place; every other picture of it is held until a person says which one counts.
Nobody is asked twice and nothing is decided for good: each decision is between two pages, holds while both are there,
and another one may follow. So what counts depends on the pages and the decisions alone, however often pages are read
again.

    pages, placements ─claims_of─► Claim… + PageDecision… ─arrange─► PageRow… with outcome and reason
    held pages, keep or replace ─decide─► PageDecision…
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from flows.errors import PageChoiceError
from flows.records import By, PageChoice, PageDecision, PagePlacement, PageRow
from recognizer.records import HandPlacement, PageOutcomeKind

Place: TypeAlias = tuple[str, int]
"""A sheet and one of its pages."""

PageKey: TypeAlias = tuple[str, int]
"""A scan and the number of a page."""

CLAIMING = (PageOutcomeKind.READ, PageOutcomeKind.HELD, PageOutcomeKind.DUPLICATE)

COUNTS = "counts instead of "
"""How the reason of a page begins that stands for its place because a person said so."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A page that claims a place on a sheet, and since when: (arrival, page, placement), which grows with time."""

    row: PageRow
    since: tuple[int, int, int]


def key_of(row: PageRow) -> PageKey:
    """Return what names a page by content."""
    return row.scan, row.number


def where(row: PageRow) -> str:
    """Return how people find a page."""
    return f"{row.file} page {row.number}"


def place_of(row: PageRow) -> Place | None:
    """Return the place that a page claims; None where no serial tells two copies of a sheet apart, or it claims none.

    A duplicate claims a place only by a decision: the same picture again has no sheet.
    """
    if not row.sheet or row.serial is None or row.template_page is None or row.outcome not in CLAIMING:
        return None
    return row.sheet, row.template_page


def claims_of(
    pages: Iterable[PageRow], arrivals: Mapping[str, int], placements: Iterable[PagePlacement] = ()
) -> dict[Place, list[Claim]]:
    """Return who claims each place, given the arrival number of every scan; who claimed it first comes first."""
    # The latest of a page counts; none, if that takes the others back.
    numbered = {(one.placed.ref.scan, one.placed.ref.number): (one, at) for at, one in enumerate(placements, start=1)}
    placed = {key: (*one.after, at) for key, (one, at) in numbered.items() if one.holds}
    claims: dict[Place, list[Claim]] = defaultdict(list)
    for row in pages:
        if place := place_of(row):
            since = placed.get(key_of(row), (arrivals[row.scan], row.number, 0))
            claims[place].append(Claim(row, since))
    return {place: sorted(each, key=lambda claim: claim.since) for place, each in claims.items()}


def latest_placements(placements: Iterable[PagePlacement]) -> dict[PageKey, HandPlacement]:
    """Return where each page that was placed by hand was placed last, without those of which that was taken back."""
    latest = {(one.placed.ref.scan, one.placed.ref.number): one for one in placements}
    return {key: one.placed for key, one in latest.items() if one.holds}


def decisions_by_place(decisions: Iterable[PageDecision]) -> dict[Place, list[PageDecision]]:
    """Return what was decided of each place, in order."""
    found: dict[Place, list[PageDecision]] = defaultdict(list)
    for one in decisions:
        found[one.sheet, one.template_page].append(one)
    return dict(found)


@dataclass(slots=True)
class _Standing:
    """Who stands for a place after some decisions: since which decision, and by which ones others do not."""

    stands: PageKey
    risen: PageDecision | None
    aside: dict[PageKey, PageDecision]


def arrange(claims: Sequence[Claim], decisions: Iterable[PageDecision]) -> tuple[PageRow, ...]:
    """Say what becomes of every page that claims one place: exactly one of them is read.

    Args:
        claims: in order, one at least.
        decisions: those about this place, in order. One of which a page is no longer here (it was read again, and is
            now something else) says nothing: the pages that it was about are held until somebody looks again.
    """
    rows = {key_of(claim.row): claim.row for claim in claims}
    standing = _standing(tuple(rows), decisions)
    return tuple(_arranged(row, standing, rows) for row in rows.values())


def _standing(keys: Sequence[PageKey], decisions: Iterable[PageDecision]) -> _Standing:
    standing = _Standing(keys[0], None, {})
    for one in decisions:
        winner, loser = _sides(one)
        if winner not in keys or loser not in keys:
            continue
        if standing.stands == loser:
            standing.stands, standing.risen = winner, one
            standing.aside.pop(winner, None)
        standing.aside[loser] = one
    return standing


def _sides(one: PageDecision) -> tuple[PageKey, PageKey]:
    """Return who wins and who loses by a decision."""
    page, other = (one.scan, one.page), (one.other_scan, one.other_page)
    return (other, page) if one.choice is PageChoice.KEEP else (page, other)


def _arranged(row: PageRow, standing: _Standing, rows: Mapping[PageKey, PageRow]) -> PageRow:
    key = key_of(row)
    if key == standing.stands:
        if standing.risen is None:
            # What else is said of a page that is read is not ours.
            reason = row.reason if row.outcome is PageOutcomeKind.READ and not row.reason.startswith(COUNTS) else ""
        else:
            reason = f"{COUNTS}{where(rows[_sides(standing.risen)[1]])}: {_said(standing.risen)}"
        return replace(row, outcome=PageOutcomeKind.READ, reason=reason)
    if one := standing.aside.get(key):
        winner = where(rows[_sides(one)[0]])
        if one.choice is PageChoice.REPLACE:
            reason = f"replaced by {winner}: {_said(one)}"
        else:
            reason = f"page {row.template_page} of sheet {row.sheet} is kept from {winner}: {_said(one)}"
        return replace(row, outcome=PageOutcomeKind.DUPLICATE, reason=reason)
    return replace(row, outcome=PageOutcomeKind.HELD, reason=held_reason(row, rows[standing.stands]))


def held_reason(row: PageRow, standing: PageRow) -> str:
    """Return why a page is held, given the one that stands for its place."""
    return (
        f"page {row.template_page} of sheet {row.sheet} was read from {where(standing)} already, and this is another "
        "picture of it; decide which one counts"
    )


def _said(one: PageDecision) -> str:
    return f"decided by {one.reviewer}, {one.made_at:%Y-%m-%d %H:%M} UTC"


def decide(
    claims: Mapping[Place, Sequence[Claim]],
    decisions: Sequence[PageDecision],
    chosen: Sequence[PageRow],
    choice: PageChoice,
    by: By,
) -> tuple[PageDecision, ...]:
    """Return what is to be stored when a person decides about pages, all in one act. What holds already adds nothing.

    Raises:
        PageChoiceError: there is nothing to decide about one of them, or two of them would take the same place.
    """
    act = max((one.act for one in decisions), default=0) + 1
    said = decisions_by_place(decisions)
    made: list[PageDecision] = []
    taken: dict[Place, PageRow] = {}
    for row in {key_of(row): row for row in chosen}.values():
        place = place_of(row)
        if place is None:
            raise PageChoiceError(f"{where(row)} is not held for a decision: it is {row.outcome}{_because(row)}")
        if choice is PageChoice.REPLACE and (twin := taken.setdefault(place, row)) is not row:
            raise PageChoiceError(
                f"{where(twin)} and {where(row)} would both be page {place[1]} of sheet {place[0]}, which can have "
                "one; name the one that counts with --page"
            )
        if other := _opponent(row, claims[place], said.get(place, ()), choice):
            becomes = PageOutcomeKind.READ if choice is PageChoice.REPLACE else PageOutcomeKind.DUPLICATE
            made.append(
                PageDecision(
                    act, *key_of(row), choice, *other, *place, row.outcome, becomes, by.reviewer, by.made_at, by.how
                )
            )
    return tuple(made)


def _opponent(
    row: PageRow, claims: Sequence[Claim], said: Iterable[PageDecision], choice: PageChoice
) -> PageKey | None:
    """Return the page with which a page is compared, None when what is chosen holds already."""
    keys = tuple(key_of(claim.row) for claim in claims)
    standing, key = _standing(keys, said), key_of(row)
    if key != standing.stands:
        settled = choice is PageChoice.KEEP and key in standing.aside
        return None if settled else standing.stands
    if choice is PageChoice.REPLACE:
        if len(keys) == 1:
            raise PageChoiceError(f"{where(row)} is not held for a decision: no other picture of this page came")
        return None
    if standing.risen is None:
        raise PageChoiceError(
            f"{where(row)} is not held for a decision: it counts already, and came first. To have another picture of "
            f"page {row.template_page} of sheet {row.sheet} counted, name that one, and replace"
        )
    return _sides(standing.risen)[1]


def _because(row: PageRow) -> str:
    return f" ({row.reason})" if row.reason else ""
