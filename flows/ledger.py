"""The ledger: every page that came in and what became of it, and sums that close. Pure, from rows of the database.

    pages in = read + blank + failed + duplicate + held + foreign, per file and in all
    files in = read + duplicate + quarantined

What a stopped run left in hand is named apart; it is neither lost nor read. Whatever is left over is a fault of ours or
of the database, and is said loudly.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from flows.acceptances import Acceptance, AcceptedKind, is_accepted
from flows.records import ABSENT_PAGE, Arrival, FileOutcome, FileRow, PageRow, ScanRow
from flows.stacks import is_claimed, was_dropped
from recognizer.records import PageOutcomeKind

OPEN_OUTCOMES = (PageOutcomeKind.FAILED, PageOutcomeKind.HELD, PageOutcomeKind.FOREIGN)
"""Pages that a person has to look at. A blank page is no trouble, and a duplicate adds nothing."""

MEND = "; look at the lines whose residual is not 0, and have the archived scans read again: tallymark regrade"
"""What is done about a ledger that does not close."""

IN_HAND = "in hand"
"""What is said of a file that a stopped run left."""


MOST_LACKING = 5
"""Sheets without a page that one line names; --json names all."""


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file that came in: how many pages it added, what became of them, and how badly the worst one fits.

    A duplicate adds no pages: those of the same bytes are counted where these came first. `waiting` are pages of a file
    in hand that are not stored yet. `residual` is what is left over: 0, unless pages were lost.
    """

    name: str
    scan: str
    outcome: str
    reason: str
    pages: int
    counts: Mapping[PageOutcomeKind, int]
    waiting: int
    worst_mm: float | None
    worst_page: int | None

    @property
    def residual(self) -> int:
        """Pages that came in and of which nothing is known."""
        return self.pages - sum(self.counts.values()) - self.waiting


@dataclass(frozen=True, slots=True)
class Lacking:
    """A sheet some pages of which came, and which have not."""

    sheet: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that came in, and what people accepted. `strays` are stored pages of which no scan is known."""

    lines: tuple[FileLine, ...]
    pages: tuple[PageRow, ...]
    strays: int = 0
    accepted: tuple[Acceptance, ...] = ()

    @property
    def files(self) -> Counter[str]:
        """Files by what became of them."""
        return Counter(line.outcome for line in self.lines)

    @property
    def files_in(self) -> int:
        """Files that came in."""
        return len(self.lines)

    @property
    def in_hand(self) -> int:
        """Files that a stopped run left: grading again goes on with them."""
        return self.files[IN_HAND]

    @property
    def files_residual(self) -> int:
        """Files of which it is not known what became of them."""
        return self.files_in - sum(self.files[kind.value] for kind in FileOutcome) - self.in_hand

    @property
    def pages_in(self) -> int:
        """Pages that the files hold, each content once."""
        return sum(line.pages for line in self.lines)

    @property
    def counts(self) -> Counter[PageOutcomeKind]:
        """Pages by what became of them."""
        return Counter(page.outcome for page in self.pages)

    @property
    def waiting(self) -> int:
        """Pages of files in hand that are not stored yet."""
        return sum(line.waiting for line in self.lines)

    @property
    def residual(self) -> int:
        """Pages in, less those of which it is known what became of them or that they wait; 0 when nothing was lost."""
        return self.pages_in - self.counts.total() - self.waiting

    @property
    def closes(self) -> bool:
        """Whether nothing is left over: in all, in every file, and of files."""
        return not (self.residual or self.files_residual or self.strays or any(line.residual for line in self.lines))

    @property
    def open_pages(self) -> tuple[PageRow, ...]:
        """The pages that need a person: also those that are read, and nobody knows which of them make a sheet."""
        return tuple(
            page
            for page in self.pages
            if (page.outcome in OPEN_OUTCOMES and not was_dropped(page) and not self._takes_page(page))
            or is_claimed(page)
        )

    @property
    def claimed(self) -> tuple[PageRow, ...]:
        """The pages that are read and could not be joined by their number, because others say the same."""
        return tuple(page for page in self.pages if is_claimed(page))

    def _takes_page(self, page: PageRow) -> bool:
        """Tell whether a person accepted a page; of a held one it is asked which picture counts, and nothing else."""
        return page.outcome is not PageOutcomeKind.HELD and is_accepted(
            self.accepted, AcceptedKind.PAGE, page_subject(page), (page.reason,)
        )

    @property
    def open_files(self) -> tuple[FileLine, ...]:
        """The files that need a person, or another run."""
        return (*self.quarantined, *(line for line in self.lines if line.outcome == IN_HAND))

    @property
    def quarantined(self) -> tuple[FileLine, ...]:
        """The files that could not be taken, and that nobody has accepted."""
        return tuple(
            line
            for line in self.lines
            if line.outcome == FileOutcome.QUARANTINED.value
            and not is_accepted(self.accepted, AcceptedKind.FILE, line.scan, (line.reason,))
        )

    @property
    def held(self) -> tuple[tuple[PageRow, ...], tuple[PageRow, ...]]:
        """The held pages: those of which there is another picture, and those that their order does not explain."""
        rows = [page for page in self.pages if page.outcome is PageOutcomeKind.HELD]
        # A second picture keeps the sheet of which it is one; a page out of order has none.
        return tuple(row for row in rows if row.sheet), tuple(row for row in rows if not row.sheet)

    @property
    def lacking(self) -> tuple[Lacking, ...]:
        """The sheets of which a page has not come and nobody accepted that, in order of arrival."""
        came: dict[str, list[PageRow]] = {}
        for page in self.pages:
            if page.outcome is PageOutcomeKind.READ and page.sheet:
                came.setdefault(page.sheet, []).append(page)
        found = []
        for sheet, rows in came.items():
            numbers = {row.template_page for row in rows}
            pages = max(row.template_pages for row in rows)
            lost = tuple(number for number in range(1, pages + 1) if number not in numbers)
            if lost and not is_accepted(
                self.accepted, AcceptedKind.SHEET, sheet, [ABSENT_PAGE.format(n) for n in lost]
            ):
                found.append(Lacking(sheet, lost))
        return tuple(found)

    @property
    def is_open(self) -> bool:
        """Whether anything needs a person."""
        return bool(self.open_pages or self.open_files or self.lacking)

    @property
    def measured(self) -> tuple[PageRow, ...]:
        """The pages over which a template was laid, worst fit first."""
        found = [page for page in self.pages if page.error_mm is not None]
        return tuple(sorted(found, key=lambda page: -(page.error_mm or 0.0)))


def ledger_of(
    files: Sequence[FileRow],
    scans: Sequence[ScanRow],
    pages: Sequence[PageRow],
    in_hand: Sequence[Arrival] = (),
    accepted: Sequence[Acceptance] = (),
) -> Ledger:
    """Return the ledger of an exam.

    Args:
        files: every file that is done with, in order of arrival.
        scans: every scan that was taken for reading.
        pages: every page.
        in_hand: files that came in and are in none of `files` yet.
        accepted: what people take as it is, oldest first.
    """
    by_scan: dict[str, list[PageRow]] = {}
    for page in pages:
        by_scan.setdefault(page.scan, []).append(page)
    left = {scan.scan: scan for scan in scans}
    lines = []
    for file in files:
        # Of all arrivals of the same bytes the one that was read has the pages.
        scan = left.pop(file.scan, None) if file.outcome is FileOutcome.READ else None
        lines.append(_filled(_line(file.name, file.scan, file.outcome.value, file.reason), scan, by_scan))
    for arrival in in_hand:
        scan = left.get(arrival.scan)
        scan = left.pop(arrival.scan) if scan and scan.arrival == arrival.number else None
        lines.append(_filled(_line(arrival.name, arrival.scan, IN_HAND, "grade again: it goes on"), scan, by_scan))
    # A scan that no file explains keeps its pages in the sums.
    lines += [
        _filled(_line(scan.file, scan.scan, "unknown", "no file explains it"), scan, by_scan) for scan in left.values()
    ]
    known = {scan.scan for scan in scans}
    strays = sum(len(some) for scan, some in by_scan.items() if scan not in known)
    return Ledger(tuple(lines), tuple(pages), strays, tuple(accepted))


def page_subject(page: PageRow) -> str:
    """Return how acceptances name a page."""
    return f"{page.scan}:{page.number}"


def _line(name: str, scan: str, outcome: str, reason: str) -> FileLine:
    """Return the line of a file that added no pages."""
    return FileLine(name, scan, outcome, reason, 0, Counter(), 0, None, None)


def _filled(line: FileLine, scan: ScanRow | None, by_scan: Mapping[str, Sequence[PageRow]]) -> FileLine:
    """Return the line with the pages of its scan."""
    if scan is None:
        return line
    pages = by_scan.get(scan.scan, ())
    measured = [page for page in pages if page.error_mm is not None]
    worst = max(measured, key=lambda page: page.error_mm or 0.0, default=None)
    return replace(
        line,
        pages=scan.pages,
        counts=Counter(page.outcome for page in pages),
        waiting=max(scan.pages - len(pages), 0) if line.outcome == IN_HAND else 0,
        worst_mm=worst.error_mm if worst else None,
        worst_page=worst.number if worst else None,
    )


def in_words(ledger: Ledger, *, mend: bool = True) -> str:
    """Return in one sentence how the sums stand, and (`mend`) what a person at a terminal does about it."""
    if not ledger.closes:
        return (
            f"the ledger does not close: {ledger.pages_in} pages came in, of {ledger.counts.total()} it is known what "
            f"became of them, {ledger.waiting} wait, {ledger.residual + ledger.strays} are left over, and "
            f"{ledger.files_residual} files{MEND if mend else ''}"
        )
    if ledger.in_hand:
        files = "1 file is" if ledger.in_hand == 1 else f"{ledger.in_hand} files are"
        pages = "1 page waits" if ledger.waiting == 1 else f"{ledger.waiting} pages wait"
        return f"the ledger closes; {files} in hand ({pages}): grade again"
    return "the ledger closes"


def lacking_in_words(ledger: Ledger) -> str:
    """Return in one line which sheets lack a page, "" when none does."""
    lacking = ledger.lacking
    named = [f"{one.sheet} page {', '.join(map(str, one.numbers))}" for one in lacking]
    if not named:
        return ""
    more = f" and {len(named) - MOST_LACKING:,} more" if len(named) > MOST_LACKING else ""
    count = "1 sheet lacks a page" if len(named) == 1 else f"{len(named):,} sheets lack a page"
    return f"{count}: {'; '.join(named[:MOST_LACKING])}{more}"


def as_json(ledger: Ledger, *, with_pages: bool = True) -> dict[str, Any]:
    """Return the ledger for programs; `with_pages` lists every page with its registration error."""
    told: dict[str, Any] = {
        "closes": ledger.closes,
        "open": ledger.is_open,
        "files_in": ledger.files_in,
        "files": {kind.value: ledger.files[kind.value] for kind in FileOutcome},
        "files_in_hand": ledger.in_hand,
        "files_residual": ledger.files_residual,
        "pages_in": ledger.pages_in,
        "pages": {kind.value: ledger.counts[kind] for kind in PageOutcomeKind},
        "pages_waiting": ledger.waiting,
        "residual": ledger.residual,
        "registration": _registration(ledger),
        "by_file": [_line_json(line) for line in ledger.lines],
        "needs_person": [
            {"file": page.file, "page": page.number, "outcome": page.outcome.value, "reason": page.reason}
            for page in ledger.open_pages
        ],
        "accepted": [
            {
                "what": one.kind.value,
                "name": one.name,
                "reasons": list(one.reasons),
                "why": one.text,
                "by": one.reviewer,
                "at": one.made_at.isoformat(timespec="seconds"),
            }
            for one in ledger.accepted
        ],
        "sheets_lacking_pages": [{"sheet": one.sheet, "pages": list(one.numbers)} for one in ledger.lacking],
    }
    if with_pages:
        told["by_page"] = [
            {
                "file": page.file,
                "page": page.number,
                "outcome": page.outcome.value,
                "sheet": page.sheet or None,
                "error_mm": page.error_mm,
                "scan": page.scan,
            }
            for page in ledger.pages
        ]
    return told


def _registration(ledger: Ledger) -> dict[str, Any]:
    """Return how well pages fit; nothing is None, not 0."""
    measured = ledger.measured
    worst = measured[0] if measured else None
    return {
        "pages": len(measured),
        "median_mm": round(median(page.error_mm or 0.0 for page in measured), 4) if measured else None,
        "worst_mm": worst.error_mm if worst else None,
        "worst_at": {"file": worst.file, "page": worst.number} if worst else None,
    }


def _line_json(line: FileLine) -> dict[str, Any]:
    return {
        "file": line.name,
        "scan": line.scan,
        "outcome": line.outcome,
        "reason": line.reason,
        "pages_in": line.pages,
        **{kind.value: line.counts.get(kind, 0) for kind in PageOutcomeKind},
        "waiting": line.waiting,
        "residual": line.residual,
        "worst_mm": line.worst_mm,
        "worst_page": line.worst_page,
    }
