"""The sheet *Flags*: every reading that a person has to look at, with its picture and room for a correction.

Readings that a person has settled stand below, muted: whoever sees that a correction was wrong corrects it there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from flows.export.pictures import CropPicture, shown_size
from flows.export.styles import ORANGE, PALE_GREEN, Style
from flows.export.table import Cell, Column, Look, SheetWriter
from flows.records import Correction, FieldRow
from flows.settling import SettledSheet, heading
from recognizer.records import ValueState
from recognizer.template import SheetField, SheetTemplate
from recognizer.values import expectation

FLAGS = "Flags"

CORRECTION, KEY, REVISION = "correction", "key", "revision"
"""Headings by which `corrections.py` finds its columns again, wherever they were moved."""

SHEET, FILE, PAGE, FIELD = "sheet", "file", "page", "field"

STATUS = "status"
OPEN, CORRECTED = "open", "corrected"
"""What the column *status* tells, to filter by."""

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
    Column(STATUS, 10, Style.HEADING_MID),
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
    """One row of the sheet: a reading, why somebody has to look at it, and what its field may hold.

    When it is no longer open (`is_open` False), `why` says who settled it.
    """

    row: FieldRow
    why: str
    question: str
    may_hold: str
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class _Looks:
    """The cell styles of one row."""

    text: Style
    whole: Style
    guess: Style
    percent: Style
    correction: Style
    status: Style


OPEN_LOOKS = _Looks(Style.WRAPPED, Style.WHOLE, Style.MARK_TEXT, Style.PERCENT, Style.CORRECTION, Style.STATUS_OPEN)
SETTLED_LOOKS = _Looks(
    Style.SETTLED,
    Style.SETTLED_MID,
    Style.SETTLED_MID,
    Style.SETTLED_PERCENT,
    Style.CORRECTION_AGAIN,
    Style.SETTLED_MID,
)


def flag_rows(
    fields: Iterable[FieldRow], sheets: Iterable[SettledSheet], templates: Sequence[SheetTemplate]
) -> tuple[FlagRow, ...]:
    """Return every reading that is still open, in the order of the pages; `SettledSheet.open_keys` has the same."""
    doubts = _doubts(sheets)
    known = fields_by_name(templates)
    return tuple(
        _flag_row(row, row.decision.why if row.state is ValueState.UNSETTLED else doubts[row.key], known)
        for row in fields
        if row.state is ValueState.UNSETTLED or row.key in doubts
    )


def corrected_rows(
    fields: Iterable[FieldRow], sheets: Iterable[SettledSheet], templates: Sequence[SheetTemplate]
) -> tuple[FlagRow, ...]:
    """Return every reading that a person has settled, in the order of the pages; none that `flag_rows` returns."""
    doubts = _doubts(sheets)
    known = fields_by_name(templates)
    return tuple(
        replace(_flag_row(row, _who_said(row.correction), known), is_open=False)
        for row in fields
        if row.correction is not None and row.key not in doubts
    )


def fields_by_name(templates: Iterable[SheetTemplate]) -> dict[tuple[str, str], SheetField]:
    """Return every field by the names of its template and its own."""
    pages = ((template.name, page) for template in templates for page in template.pages)
    return {(name, field.name): field for name, page in pages for field in page.fields}


def _doubts(sheets: Iterable[SettledSheet]) -> dict[str, str]:
    return {key: why for sheet in sheets for key, why in sheet.doubts.items()}


def _who_said(correction: Correction) -> str:
    said = correction.value or BLANK_WORD
    return (
        f"said {said} by {correction.reviewer} on {correction.made_at:%Y-%m-%d}; if that is wrong, type what is right"
    )


def _flag_row(row: FieldRow, why: str, known: Mapping[tuple[str, str], SheetField]) -> FlagRow:
    field = known.get((row.template, row.field))
    return FlagRow(
        row,
        why,
        heading(field) if field else row.field,
        expectation(field) if field else "",
    )


def write_flags(book: Workbook, rows: Sequence[FlagRow], crops: Callable[[str], bytes], footer: str) -> None:
    """Write the sheet, the open rows above the others; `crops` returns the PNG of a reading by its key."""
    table = SheetWriter(
        book,
        Look(
            FLAGS,
            COLUMNS,
            tab=ORANGE if any(row.is_open for row in rows) else None,
            numbers_as_text=(GUESS_AT, CORRECTION_AT),
            footer=footer,
        ),
    )
    table.headings(HEADING_HEIGHT)
    for row in sorted(rows, key=lambda each: not each.is_open):
        _write_row(table, row, crops)
    last = max(2, table.next_row - 1)
    table.filter_rows(1, last)
    _colour_filled(table, last)
    table.finish()


def _write_row(table: SheetWriter, flag: FlagRow, crops: Callable[[str], bytes]) -> None:
    row, looks = flag.row, OPEN_LOOKS if flag.is_open else SETTLED_LOOKS
    size = shown_size(crops(row.key))
    number = table.row(
        [
            Cell(row.sheet, looks.text),
            Cell(row.file, looks.text),
            Cell(row.page_number, looks.whole),
            Cell(row.field, looks.text),
            Cell(flag.question, looks.text),
            Cell(None if size else "no picture", looks.text),
            Cell(_shown_guess(flag), looks.guess),
            Cell(row.decision.confidence, looks.percent),
            Cell(flag.why, looks.text),
            Cell(flag.may_hold, looks.text),
            Cell(None, looks.correction),
            Cell(OPEN if flag.is_open else CORRECTED, looks.status),
            Cell(row.key, Style.QUIET),
            Cell(row.revision, Style.QUIET),
        ],
        max(LEAST_HEIGHT, size.row_height if size else 0.0),
    )
    if size:
        table.sheet.add_image(CropPicture(row.key, crops, size, number, PICTURE_AT))


def _shown_guess(flag: FlagRow) -> str:
    """Return what was read; of an open row that holds a value in spite of it (ids that disagree), that value."""
    row = flag.row
    if flag.is_open and row.state is ValueState.VALUE:
        return row.value
    return row.decision.guess_in_words


def _colour_filled(table: SheetWriter, last: int) -> None:
    """Turn a correction green as soon as something is typed, so that what is left can be seen."""
    letter = get_column_letter(CORRECTION_AT)
    table.colour_where(f"{letter}2:{letter}{last}", f"LEN(TRIM(${letter}2))>0", PALE_GREEN)
