"""The sheet *Flags*: every reading that a person has to look at, with its picture and room for a correction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from flows.export.pictures import CropPicture, shown_size
from flows.export.styles import ORANGE, PALE_GREEN, Style
from flows.export.table import Cell, Column, Look, SheetWriter
from flows.records import FieldRow
from flows.settling import SettledSheet, heading
from recognizer.records import ValueState
from recognizer.template import SheetField, SheetTemplate
from recognizer.values import expectation

FLAGS = "Flags"

CORRECTION, KEY, REVISION = "correction", "key", "revision"
"""Headings by which `corrections.py` finds its columns again, wherever they were moved."""

SHEET, FILE, PAGE, FIELD = "sheet", "file", "page", "field"

BLANK_WORD = "blank"
"""What stands for "nothing is written there", in guesses and in corrections; an empty correction says nothing."""

COLUMNS = (
    Column(SHEET, 23),
    Column(FILE, 20),
    Column(PAGE, 6, Style.HEADING_MID),
    Column(FIELD, 13),
    Column("question", 13),
    Column("picture", 33),
    Column("guess", 11, Style.HEADING_MID),
    Column("confidence", 11, Style.HEADING_MID),
    Column("why", 36),
    Column("may hold", 26),
    Column(CORRECTION, 14, Style.HEADING_MID),
    Column(KEY, 20, Style.HEADING_QUIET),
    Column(REVISION, 12, Style.HEADING_QUIET),
)

PICTURE_AT = 6
GUESS_AT = 7
CORRECTION_AT = 11

HEADING_HEIGHT = 30.0
LEAST_HEIGHT = 34.0
"""Points: two lines of a reason."""


@dataclass(frozen=True, slots=True)
class FlagRow:
    """One row of the sheet: a reading, why somebody has to look at it, and what its field may hold."""

    row: FieldRow
    why: str
    question: str
    may_hold: str


def flag_rows(
    fields: Iterable[FieldRow], sheets: Iterable[SettledSheet], templates: Sequence[SheetTemplate]
) -> tuple[FlagRow, ...]:
    """Return every reading that is still open, in the order of the pages; `SettledSheet.open_keys` has the same."""
    doubts = {key: why for sheet in sheets for key, why in sheet.doubts.items()}
    pages = ((template.name, page) for template in templates for page in template.pages)
    known = {(name, field.name): field for name, page in pages for field in page.fields}
    return tuple(
        _flag_row(row, doubts.get(row.key, ""), known)
        for row in fields
        if row.state is ValueState.UNSETTLED or row.key in doubts
    )


def _flag_row(row: FieldRow, doubt: str, known: Mapping[tuple[str, str], SheetField]) -> FlagRow:
    field = known.get((row.template, row.field))
    return FlagRow(
        row,
        row.decision.why if row.state is ValueState.UNSETTLED else doubt,
        heading(field) if field else row.field,
        expectation(field) if field else "",
    )


def write_flags(book: Workbook, rows: Sequence[FlagRow], crops: Callable[[str], bytes], footer: str) -> None:
    """Write the sheet; `crops` returns the PNG of a reading by its key."""
    table = SheetWriter(
        book,
        Look(
            FLAGS,
            COLUMNS,
            tab=ORANGE if rows else None,
            numbers_as_text=(GUESS_AT, CORRECTION_AT),
            footer=footer,
        ),
    )
    table.headings(HEADING_HEIGHT)
    for row in rows:
        _write_row(table, row, crops)
    last = max(2, table.next_row - 1)
    table.filter_rows(1, last)
    _colour_filled(table, last)
    table.finish()


def _write_row(table: SheetWriter, flag: FlagRow, crops: Callable[[str], bytes]) -> None:
    row = flag.row
    size = shown_size(crops(row.key))
    number = table.row(
        [
            Cell(row.sheet, Style.WRAPPED),
            Cell(row.file, Style.WRAPPED),
            Cell(row.page_number, Style.WHOLE),
            Cell(row.field, Style.TEXT),
            Cell(flag.question, Style.WRAPPED),
            Cell(None if size else "no picture", Style.TEXT),
            Cell(row.value if row.state is ValueState.VALUE else row.decision.guess_in_words, Style.MARK_TEXT),
            Cell(row.decision.confidence, Style.PERCENT),
            Cell(flag.why, Style.WRAPPED),
            Cell(flag.may_hold, Style.WRAPPED),
            Cell(None, Style.CORRECTION),
            Cell(row.key, Style.QUIET),
            Cell(row.revision, Style.QUIET),
        ],
        max(LEAST_HEIGHT, size.row_height if size else 0.0),
    )
    if size:
        table.sheet.add_image(CropPicture(row.key, crops, size, number, PICTURE_AT))


def _colour_filled(table: SheetWriter, last: int) -> None:
    """Turn a correction green as soon as something is typed, so that what is left can be seen."""
    letter = get_column_letter(CORRECTION_AT)
    table.colour_where(f"{letter}2:{letter}{last}", f"LEN(TRIM(${letter}2))>0", PALE_GREEN)
