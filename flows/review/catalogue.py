"""What is looked up in a whole exam again and again: its sheets in order, their pages, whose they are."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock

from flows.deciding import decide_fields
from flows.marking import mark_sheets
from flows.records import FieldRow, PageRow
from flows.results import Match, SheetResult
from flows.review.desk import Desk, Seen
from flows.roster import Candidate
from flows.settling import SettledSheet, settle_sheets
from flows.sum_findings import SumFinding
from recognizer.records import PageOutcomeKind
from recognizer.template import Role


@dataclass(frozen=True, slots=True)
class Index:
    """One look at an exam, by sheet.

    `order` are the sheets that have pages, extra paper behind the sheet that it belongs to; `came` are the same as
    their pages came.
    """

    order: tuple[str, ...]
    came: tuple[str, ...]
    pages: Mapping[str, tuple[PageRow, ...]]
    matches: Mapping[str, Match]
    results: Mapping[str, SheetResult]
    candidates: Mapping[str, Candidate]


@dataclass(slots=True)
class Catalogue:
    """Keeps the index of the latest look at an exam."""

    _last: tuple[Seen, Index] | None = None
    _lock: Lock = field(default_factory=Lock)

    def of(self, seen: Seen) -> Index:
        """Return the index of a look, made once."""
        with self._lock:
            if self._last is None or self._last[0] is not seen:
                self._last = (seen, _indexed(seen))
            return self._last[1]


def _indexed(seen: Seen) -> Index:
    pages: defaultdict[str, list[PageRow]] = defaultdict(list)
    for page in seen.ledger.pages:
        if page.sheet:
            pages[page.sheet].append(page)
    order = tuple(sheet.sheet for sheet in seen.results.decided.sheets)
    known = set(order)
    read = (page.sheet for page in seen.ledger.pages if page.outcome is PageOutcomeKind.READ)
    return Index(
        order=order,
        came=tuple(dict.fromkeys(sheet for sheet in read if sheet in known)),
        pages={sheet: tuple(rows) for sheet, rows in pages.items()},
        matches=seen.results.decided.matching.by_sheet(),
        results={result.sheet: result for result in seen.results.sheets},
        candidates={one.id: one for one in seen.results.decided.candidates},
    )


@dataclass(frozen=True, slots=True)
class SheetNow:
    """One sheet with what was said of it since the exam was looked at. `rows` are its fields by key, as decided now."""

    settled: SettledSheet
    result: SheetResult | None
    match: Match | None
    rows: Mapping[str, FieldRow]


def sheet_now(desk: Desk, index: Index, seen: Seen, name: str) -> SheetNow | None:
    """Return a sheet as it stands now, None when there is none of that name.

    What a sheet alone can tell is told anew. What all sheets tell together, such as that another one bears the same
    number, is as it was when the exam was looked at, which happens again soon.
    """
    before = seen.sheets.get(name)
    if before is None:
        return None
    raw = desk.fields_of_sheet(name)
    rows = {row.key: desk.row(row.key) or row for row in raw}
    same = all(seen.rows.get(key) == row for key, row in rows.items())
    match = index.matches.get(name)
    if same:
        return SheetNow(before, index.results.get(name), match, rows)
    findings, by_reading = _alone(raw, seen)
    if any(row.role is Role.ID and _said(row) != _said(seen.rows.get(key)) for key, row in rows.items()):
        # Who else it may be the class list says, which is asked about all sheets at once: as it said last.
        match = _with_ranked(by_reading.get(name, match), match)
    old_findings, _ = _alone(seen.raw.get(name, ()), seen)
    old_rows = [seen.rows[row.key] for row in seen.raw.get(name, ())]
    known = _settled(old_rows, before.pages, seen, index.matches.get(name), old_findings)
    fresh = _settled(list(rows.values()), before.pages, seen, match, findings)
    if known is None or fresh is None:
        return SheetNow(before, index.results.get(name), match, rows)
    beyond = [remark for remark in before.remarks if remark not in known.remarks]
    settled = replace(
        fresh,
        remarks=tuple(dict.fromkeys((*fresh.remarks, *beyond))),
        extra_of=before.extra_of,
        extras=before.extras,
        open_keys=tuple(key for key in rows if desk.is_open(key)),
    )
    whose = {name: match.id} if match and match.id else {}
    marked = mark_sheets([settled], seen.results.key, seen.grounds.rule, whose, seen.grounds.templates)
    return SheetNow(settled, marked[0] if marked else None, match, rows)


def _with_ranked(match: Match | None, before: Match | None) -> Match | None:
    return replace(match, ranked=before.ranked) if match is not None and before is not None else match


def _said(row: FieldRow | None) -> tuple[str, str] | None:
    return (row.correction.state.value, row.correction.value) if row is not None and row.correction else None


def _alone(raw: tuple[FieldRow, ...], seen: Seen) -> tuple[dict[str, SumFinding], dict[str, Match]]:
    """Return what a sheet says of its sums and of whose it is, without any class list."""
    decided = decide_fields(raw, replace(seen.grounds, candidates=()))
    return {finding.sheet: finding for finding in decided.findings}, decided.matching.by_sheet()


def _settled(
    rows: list[FieldRow],
    pages: tuple[PageRow, ...],
    seen: Seen,
    match: Match | None,
    findings: Mapping[str, SumFinding],
) -> SettledSheet | None:
    matches = {match.sheet: match} if match else {}
    by = seen.grounds
    found = settle_sheets(rows, pages, by.templates, by.rule, matches=matches, sums=findings)
    return found[0] if found else None
