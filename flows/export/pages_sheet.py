"""The sheet *Pages*: the ledger. Every page that came in and what became of it, every file too, and sums that close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openpyxl import Workbook

from flows.acceptances import Acceptance, AcceptedKind
from flows.export.styles import ORANGE, Style
from flows.export.table import Cell, Column, Formula, Look, SheetWriter
from flows.ledger import FileLine, Ledger
from flows.records import FileOutcome, PageChoice, PageDecision, PagePlacement, PageRow
from recognizer.records import PageOutcomeKind

PAGES = "Pages"

COLUMNS = (
    Column("file", 30),
    Column("page", 9, Style.HEADING_MID),
    Column("outcome", 14),
    Column("sheet", 23),
    Column("template", 16),
    Column("sheet page", 10, Style.HEADING_MID),
    Column("version", 9, Style.HEADING_MID),
    Column("serial", 9, Style.HEADING_MID),
    Column("fit error (mm)", 9, Style.HEADING_MID),
    Column("reason", 62),
    Column("made pixels by", 12, Style.HEADING_QUIET),
    Column("known by", 9, Style.HEADING_QUIET),
    Column("scan", 14, Style.HEADING_QUIET),
)

FILE_HEADINGS = (
    ("file", Style.HEADING),
    ("pages", Style.HEADING_MID),
    ("outcome", Style.HEADING),
    *((kind.value, Style.HEADING_MID) for kind in PageOutcomeKind),
    ("reason", Style.HEADING),
    ("left over", Style.HEADING_MID),
)

DECISION_HEADINGS = ("file", "page", "decision", "sheet", "template", "sheet page", "by", "at (UTC)", "how", "what")

HEADING_ROW = 9
"""Where the ledger begins: above it stand the sums, two bands of three rows, and a line of links."""

HEADING_HEIGHT = 32.0
SCAN_CHARACTERS = 12
"""As many characters of a content hash as reading keys carry."""

_OUTCOME_STYLE = {
    PageOutcomeKind.READ: Style.TEXT,
    PageOutcomeKind.BLANK: Style.TEXT,
    PageOutcomeKind.FAILED: Style.BAD,
    PageOutcomeKind.DUPLICATE: Style.WARNING,
    PageOutcomeKind.HELD: Style.WARNING,
    PageOutcomeKind.FOREIGN: Style.WARNING,
}
_FILE_STYLE = {
    FileOutcome.READ.value: Style.TEXT,
    FileOutcome.DUPLICATE.value: Style.WARNING,
    FileOutcome.QUARANTINED.value: Style.BAD,
}


@dataclass(frozen=True, slots=True)
class SaidOfPages:
    """What people decided about pages, and how they placed some."""

    decisions: tuple[PageDecision, ...] = ()
    placements: tuple[PagePlacement, ...] = ()


NOTHING_SAID = SaidOfPages()


def write_pages(book: Workbook, ledger: Ledger, footer: str, said: SaidOfPages = NOTHING_SAID) -> None:
    """Write the sheet: every page, every file with its own sum, and what people decided about pages."""
    pages = ledger.pages
    wanting = any(_OUTCOME_STYLE[page.outcome] is not Style.TEXT for page in pages)
    wanting = wanting or bool(ledger.open_files) or not ledger.closes
    tab = ORANGE if wanting else None
    table = SheetWriter(book, Look(PAGES, COLUMNS, heading_row=HEADING_ROW, frozen_columns=2, tab=tab, footer=footer))
    last = HEADING_ROW + len(pages)
    first_file = last + 4
    _write_sums(table, ledger, last=last, first_file=first_file)
    table.headings(HEADING_HEIGHT)
    for page in pages:
        table.row(_page_cells(page))
    table.filter_rows(HEADING_ROW, max(last, HEADING_ROW + 1))
    table.row([])
    table.row([Cell("Files, in order of arrival", Style.SECTION)], 22.0)
    table.row([Cell(heading, style) for heading, style in FILE_HEADINGS])
    for line in ledger.lines:
        row = table.row(_file_cells(line))
        table.colour_where(f"K{row}", f"K{row}<>0", ORANGE)
    _write_decisions(table, pages, said, ledger.accepted)
    _colour_left_over(table)
    table.finish()


def _write_decisions(
    table: SheetWriter, pages: Sequence[PageRow], said: SaidOfPages, accepted: Sequence[Acceptance]
) -> None:
    """Write what people decided about pages, oldest first; nothing when nobody did."""
    if not (said.decisions or said.placements or accepted):
        return
    names = {(page.scan, page.number): page for page in pages}
    table.row([])
    table.row([Cell("What people decided about pages", Style.SECTION)], 22.0)
    table.row([Cell(heading, Style.HEADING) for heading in DECISION_HEADINGS])
    every = [(one.made_at, _decision_cells(one, names)) for one in said.decisions]
    every += [(one.made_at, _placement_cells(one, names)) for one in said.placements]
    every += [(one.made_at, _acceptance_cells(one)) for one in accepted]
    for _, cells in sorted(every, key=lambda each: each[0]):
        table.row(cells)


def _acceptance_cells(one: Acceptance) -> list[Cell]:
    is_sheet = one.kind is AcceptedKind.SHEET
    return [
        Cell("" if is_sheet else one.name, Style.TEXT),
        Cell(None, Style.WHOLE),
        Cell("accepted as it is", Style.TEXT),
        Cell(one.name if is_sheet else "", Style.TEXT),
        Cell("", Style.TEXT),
        Cell(None, Style.WHOLE),
        Cell(one.reviewer, Style.TEXT),
        Cell(one.made_at, Style.MOMENT),
        Cell(one.how, Style.TEXT),
        Cell(f"{one.text} ({'; '.join(one.reasons)})", Style.WRAPPED),
    ]


def _decision_cells(one: PageDecision, names: Mapping[tuple[str, int], PageRow]) -> list[Cell]:
    page, other = names.get((one.scan, one.page)), names.get((one.other_scan, one.other_page))
    against = f"{other.file} page {other.number}" if other else "a page that is gone"
    kept = one.choice is PageChoice.KEEP
    return [
        Cell(page.file if page else "", Style.TEXT),
        Cell(one.page, Style.WHOLE),
        Cell(one.choice.value, Style.TEXT),
        Cell(one.sheet, Style.TEXT),
        Cell(page.template if page else "", Style.TEXT),
        Cell(one.template_page, Style.WHOLE),
        Cell(one.reviewer, Style.TEXT),
        Cell(one.made_at, Style.MOMENT),
        Cell(one.how, Style.TEXT),
        Cell(f"{against} {'counts, and this page does not' if kept else 'was replaced by this page'}", Style.WRAPPED),
    ]


def _placement_cells(one: PagePlacement, names: Mapping[tuple[str, int], PageRow]) -> list[Cell]:
    placed = one.placed
    page = names.get((placed.ref.scan, placed.ref.number))
    corners = ", ".join(f"({x:g}, {y:g})" for x, y in placed.corners)
    serial = "without a serial" if placed.serial is None else f"serial {placed.serial}"
    what = f"was {one.was.value}; {serial}; corners at {corners} of {placed.width} x {placed.height}"
    return [
        Cell(page.file if page else "", Style.TEXT),
        Cell(placed.ref.number, Style.WHOLE),
        Cell("placed" if one.holds else "placement taken back", Style.TEXT),
        Cell(page.sheet if page else "", Style.TEXT),
        Cell(placed.template, Style.TEXT),
        Cell(placed.page if one.holds else None, Style.WHOLE),
        Cell(one.reviewer, Style.TEXT),
        Cell(one.made_at, Style.MOMENT),
        Cell(one.how, Style.TEXT),
        Cell(what if one.holds else f"was {one.was.value}", Style.WRAPPED),
    ]


def _write_sums(
    table: SheetWriter,
    ledger: Ledger,
    *,
    last: int,
    first_file: int,
) -> None:
    """Write what came in and what became of it: as formulas over the rows below, and as values for programs."""
    last_file = max(first_file, first_file + len(ledger.lines) - 1)
    table.row([Cell("What came in and what became of it", Style.TITLE)], 24.0)
    _write_band(
        table,
        "pages",
        tuple(ledger.counts[kind] for kind in PageOutcomeKind),
        tuple(kind.value for kind in PageOutcomeKind),
        came_in=ledger.pages_in,
        came_in_formula=f"=SUM(B{first_file}:B{last_file})",
        outcomes=f"$C${HEADING_ROW + 1}:$C${max(last, HEADING_ROW + 1)}",
    )
    _write_band(
        table,
        "files",
        tuple(ledger.files[kind.value] for kind in FileOutcome),
        tuple(kind.value for kind in FileOutcome),
        came_in=ledger.files_in,
        came_in_formula=f"=COUNTA(A{first_file}:A{last_file})",
        outcomes=f"$C${first_file}:$C${last_file}",
    )
    link = f"#{PAGES}!A{first_file - 2}"
    told = f"The pages stand below, the files from row {first_file} on."
    table.row([Cell(Formula(f'=HYPERLINK("{link}","{told}")'), Style.LINK)], 20.0)


def _write_band(
    table: SheetWriter,
    what: str,
    counts: Sequence[int],
    outcomes_named: Sequence[str],
    *,
    came_in: int,
    came_in_formula: str,
    outcomes: str,
) -> None:
    """Write three rows: headings, formulas, stored values. What is left over has to be 0."""
    headings = (f"{what} in", *outcomes_named, "left over")
    table.row([Cell("", Style.HEADING), *(Cell(heading, Style.HEADING_MID) for heading in headings)])
    row = table.next_row
    parts = [Formula(f'=COUNTIF({outcomes},"{outcome}")') for outcome in outcomes_named]
    end = chr(ord("B") + len(parts))
    left_over = Formula(f"=B{row}-SUM(C{row}:{end}{row})")
    table.row(
        [Cell(what, Style.TEXT), *(Cell(each, Style.TOTAL) for each in (Formula(came_in_formula), *parts, left_over))]
    )
    stored = (came_in, *counts, came_in - sum(counts))
    table.row([Cell(f"{what} (stored values)", Style.QUIET), *(Cell(each, Style.STORED) for each in stored)])


def _page_cells(page: PageRow) -> list[Cell]:
    style = _OUTCOME_STYLE[page.outcome]
    return [
        Cell(page.file, Style.TEXT),
        Cell(page.number, Style.WHOLE),
        Cell(page.outcome.value, style),
        Cell(page.sheet, Style.TEXT),
        Cell(page.template, Style.TEXT),
        Cell(page.template_page, Style.WHOLE),
        Cell(page.template_version, Style.WHOLE),
        Cell(page.serial, Style.WHOLE),
        Cell(None if page.error_mm is None else round(page.error_mm, 3), Style.NUMBER),
        Cell(page.reason, Style.WRAPPED),
        Cell(page.source, Style.QUIET),
        Cell(page.identified_by, Style.QUIET),
        Cell(page.scan[:SCAN_CHARACTERS], Style.QUIET),
    ]


def _file_cells(line: FileLine) -> list[Cell]:
    return [
        Cell(line.name, Style.TEXT),
        Cell(line.pages, Style.WHOLE),
        Cell(line.outcome, _FILE_STYLE.get(line.outcome, Style.WARNING)),
        *(Cell(line.counts.get(kind, 0), Style.WHOLE) for kind in PageOutcomeKind),
        Cell(line.reason, Style.PLAIN),
        Cell(line.pages - sum(line.counts.values()), Style.WHOLE),
    ]


def _colour_left_over(table: SheetWriter) -> None:
    """Colour what is left over unless it is 0: a ledger that does not close must not look like one that does."""
    for cell in ("I3", "F6"):
        table.colour_where(cell, f"{cell}<>0", ORANGE)
