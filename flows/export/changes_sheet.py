"""The sheet *Changes*: what re-marks changed; above them, what is marked otherwise now and is not yet recorded."""

from collections.abc import Mapping, Sequence

from openpyxl import Workbook

from flows.export.styles import ORANGE, Style
from flows.export.table import Cell, Column, Look, SheetWriter
from flows.remarking import Comparison
from flows.results import MarkChange, Remark

CHANGES = "Changes"

NOT_RECORDED = "not yet recorded"
NOTHING_CHANGED = "no re-mark has changed anything"
NO_CHANGE = "the rules changed; that changes nobody's marks"

COLUMNS = (
    Column("re-mark", 16),
    Column("when (UTC)", 20),
    Column("who", 16),
    Column("why", 30),
    Column("sheet", 23),
    Column("candidate", 14),
    Column("name", 24),
    Column("what", 18),
    Column("from", 12, Style.HEADING_MID),
    Column("to", 12, Style.HEADING_MID),
    Column("cause", 50),
)
HEADING_HEIGHT = 22.0
AS_TEXT = (6, 9, 10)


def write_changes(
    book: Workbook,
    remarks: Sequence[Remark],
    pending: Comparison | None,
    names: Mapping[str, str],
    footer: str,
) -> None:
    """Write the sheet: pending changes first, then re-marks, oldest first."""
    look = Look(CHANGES, COLUMNS, tab=ORANGE if pending else None, numbers_as_text=AS_TEXT, footer=footer)
    table = SheetWriter(book, look)
    table.headings(HEADING_HEIGHT)
    if pending is not None:
        first = [Cell(NOT_RECORDED, Style.STATUS_OPEN), *(Cell(None, Style.TEXT) for _ in range(3))]
        for change in pending.changes:
            table.row([*first, *_change_cells(change, names)])
        if not pending.changes:
            rest = [Cell(None, Style.TEXT) for _ in range(3)]
            told = Cell("; ".join(pending.rules), Style.WRAPPED)
            table.row([*first, *rest, Cell(NO_CHANGE, Style.WRAPPED), *rest[:2], told])
    for remark in remarks:
        first = [
            Cell(remark.number, Style.FACT),
            Cell(remark.made_at, Style.MOMENT),
            Cell(remark.reviewer, Style.TEXT),
            Cell(remark.why or None, Style.WRAPPED),
        ]
        for change in remark.changes:
            table.row([*first, *_change_cells(change, names)])
    if table.next_row == 2:
        table.row([Cell(NOTHING_CHANGED, Style.NOTE)])
    table.filter_rows(1, max(2, table.next_row - 1))
    table.finish()


def _change_cells(change: MarkChange, names: Mapping[str, str]) -> list[Cell]:
    return [
        Cell(change.sheet, Style.TEXT),
        Cell(change.candidate or None, Style.TEXT),
        Cell(names.get(change.candidate), Style.TEXT),
        Cell(change.what, Style.TEXT),
        Cell(change.before or None, Style.MARK_TEXT),
        Cell(change.after or None, Style.MARK_TEXT),
        Cell(change.cause, Style.WRAPPED),
    ]
