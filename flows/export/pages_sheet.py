"""The sheet *Pages*: the ledger. Every page that came in and what became of it, every file too, and sums that close."""

from collections import Counter
from collections.abc import Mapping, Sequence

from openpyxl import Workbook

from flows.export.styles import ORANGE, Style
from flows.export.table import Cell, Column, Formula, Look, SheetWriter
from flows.records import FileOutcome, FileRow, PageRow
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

FILE_HEADINGS = ("file", "pages", "outcome", "reason")

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
    FileOutcome.READ: Style.TEXT,
    FileOutcome.DUPLICATE: Style.WARNING,
    FileOutcome.QUARANTINED: Style.BAD,
}


def write_pages(
    book: Workbook, pages: Sequence[PageRow], files: Sequence[FileRow], scan_pages: Mapping[str, int], footer: str
) -> None:
    """Write the sheet. `scan_pages` are the pages that each scan was found to hold: what the ledger must add up to."""
    wanting = any(_OUTCOME_STYLE[page.outcome] is not Style.TEXT for page in pages)
    wanting = wanting or any(_FILE_STYLE[file.outcome] is Style.BAD for file in files)
    tab = ORANGE if wanting else None
    table = SheetWriter(book, Look(PAGES, COLUMNS, heading_row=HEADING_ROW, frozen_columns=2, tab=tab, footer=footer))
    last = HEADING_ROW + len(pages)
    first_file = last + 4
    _write_sums(table, pages, files, scan_pages, last=last, first_file=first_file)
    table.headings(HEADING_HEIGHT)
    for page in pages:
        table.row(_page_cells(page))
    table.filter_rows(HEADING_ROW, max(last, HEADING_ROW + 1))
    table.row([])
    table.row([Cell("Files, in order of arrival", Style.SECTION)], 22.0)
    table.row([Cell(heading, Style.HEADING_MID if heading == "pages" else Style.HEADING) for heading in FILE_HEADINGS])
    seen: set[str] = set()
    for file in files:
        came = 0 if file.scan in seen or file.outcome is FileOutcome.DUPLICATE else scan_pages.get(file.scan, 0)
        seen.add(file.scan)
        table.row(_file_cells(file, came))
    _colour_left_over(table)
    table.finish()


def _write_sums(
    table: SheetWriter,
    pages: Sequence[PageRow],
    files: Sequence[FileRow],
    scan_pages: Mapping[str, int],
    *,
    last: int,
    first_file: int,
) -> None:
    """Write what came in and what became of it: as formulas over the rows below, and as values for programs."""
    last_file = max(first_file, first_file + len(files) - 1)
    table.row([Cell("What came in and what became of it", Style.TITLE)], 24.0)
    page_counts = Counter(page.outcome.value for page in pages)
    _write_band(
        table,
        "pages",
        tuple(page_counts[kind.value] for kind in PageOutcomeKind),
        tuple(kind.value for kind in PageOutcomeKind),
        came_in=sum(scan_pages.values()),
        came_in_formula=f"=SUM(B{first_file}:B{last_file})",
        outcomes=f"$C${HEADING_ROW + 1}:$C${max(last, HEADING_ROW + 1)}",
    )
    file_counts = Counter(file.outcome.value for file in files)
    _write_band(
        table,
        "files",
        tuple(file_counts[kind.value] for kind in FileOutcome),
        tuple(kind.value for kind in FileOutcome),
        came_in=len(files),
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


def _file_cells(file: FileRow, came: int) -> list[Cell]:
    return [
        Cell(file.name, Style.TEXT),
        Cell(came, Style.WHOLE),
        Cell(file.outcome.value, _FILE_STYLE[file.outcome]),
        Cell(file.reason, Style.PLAIN),
    ]


def _colour_left_over(table: SheetWriter) -> None:
    """Colour what is left over unless it is 0: a ledger that does not close must not look like one that does."""
    for cell in ("I3", "F6"):
        table.colour_where(cell, f"{cell}<>0", ORANGE)
