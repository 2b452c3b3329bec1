"""The sheet *Flags*: every reading that a person has to look at, with its picture and room for a correction.

Below them stand settled readings that may have to be put right all the same: those of a sheet that contradicts itself,
another sheet or the roster, and, muted, those that sums or the class list read otherwise than their picture alone would
be, and those that a person has corrected.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from flows.export.pictures import CropPicture, shown_size
from flows.export.styles import ORANGE, PALE_GREEN, Style
from flows.export.table import Cell, Column, Look, SheetWriter
from flows.records import Correction, FieldRow
from flows.results import Settler
from flows.settling import SettledSheet, heading
from recognizer.records import ValueState
from recognizer.template import SheetField, SheetTemplate
from recognizer.values import expectation

FLAGS = "Flags"

CORRECTION, KEY, REVISION = "correction", "key", "revision"
"""Headings by which `corrections.py` finds its columns again, wherever they were moved."""

SHEET, FILE, PAGE, FIELD = "sheet", "file", "page", "field"

STATUS = "status"


class Standing(StrEnum):
    """What the column *status* tells, to filter by; in the order in which the rows stand."""

    OPEN = "open"
    QUESTIONED = "in question"
    REPAIRED = "repaired"
    CORRECTED = "corrected"


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
    Column(STATUS, 12, Style.HEADING_MID),
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

    When it is no longer open, `why` says what contradicts it or who settled it.
    """

    row: FieldRow
    why: str
    question: str
    may_hold: str
    standing: Standing = Standing.OPEN


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
QUESTIONED_LOOKS = replace(OPEN_LOOKS, correction=Style.CORRECTION_AGAIN, status=Style.MARK_TEXT)
CORRECTED_LOOKS = _Looks(
    Style.SETTLED,
    Style.SETTLED_MID,
    Style.SETTLED_MID,
    Style.SETTLED_PERCENT,
    Style.CORRECTION_AGAIN,
    Style.SETTLED_MID,
)
LOOKS = {
    Standing.OPEN: OPEN_LOOKS,
    Standing.QUESTIONED: QUESTIONED_LOOKS,
    Standing.REPAIRED: CORRECTED_LOOKS,
    Standing.CORRECTED: CORRECTED_LOOKS,
}


def flag_rows(
    fields: Iterable[FieldRow], sheets: Iterable[SettledSheet], templates: Sequence[SheetTemplate]
) -> tuple[FlagRow, ...]:
    """Return every reading that is still open, in the order of the pages; `SettledSheet.open_keys` has the same."""
    doubts = _doubts(sheets)
    known = fields_by_name(templates)
    return tuple(
        _flag_row(row, row.why if row.state is ValueState.UNSETTLED else doubts[row.key], known)
        for row in fields
        if row.state is ValueState.UNSETTLED or row.key in doubts
    )


def settled_rows(
    fields: Iterable[FieldRow], sheets: Iterable[SettledSheet], templates: Sequence[SheetTemplate]
) -> tuple[FlagRow, ...]:
    """Return settled readings that may have to be put right: those in question, repaired, corrected, in this order."""
    sheets = tuple(sheets)
    doubts = _doubts(sheets)
    questioned = {key: why for sheet in sheets for key, why in sheet.questioned.items()}
    known = fields_by_name(templates)
    found = [
        _settled_row(row, questioned.get(row.key, ""), known)
        for row in fields
        if row.key not in doubts and (row.settled_by_person or row.key in questioned or is_repaired(row))
    ]
    return tuple(sorted(found, key=_standing))


def is_repaired(row: FieldRow) -> bool:
    """Tell whether sums or the class list made something else of a field than its picture alone says."""
    if row.settled_by is Settler.READING or row.correction is not None or row.decision.state is ValueState.UNSETTLED:
        return False
    return not row.values or row.values[0].value != row.decision.value


def _settled_row(row: FieldRow, question: str, known: Mapping[tuple[str, str], SheetField]) -> FlagRow:
    told = (question, _who_said(row.correction) if row.correction else _repaired_how(row))
    why = "; ".join(each for each in told if each)
    standing = Standing.CORRECTED if row.correction else Standing.REPAIRED
    return replace(_flag_row(row, why, known), standing=Standing.QUESTIONED if question else standing)


def _repaired_how(row: FieldRow) -> str:
    """Say what made a field what its picture alone would not be."""
    if not is_repaired(row):
        return ""
    alone = f"{row.values[0].value or BLANK_WORD} ({row.values[0].probability:.0%})" if row.values else "nothing"
    by = "the sum" if row.settled_by is Settler.SUM else "the class list"
    more = f": {row.decision.why}" if row.decision.why else ""
    return f"its picture alone says {alone}; {by} makes it {row.decision.value or BLANK_WORD}{more}"


def _standing(row: FlagRow) -> int:
    return list(Standing).index(row.standing)


def fields_by_name(templates: Iterable[SheetTemplate]) -> dict[tuple[str, str], SheetField]:
    """Return every field by the names of its template and its own."""
    pages = ((template.name, page) for template in templates for page in template.pages)
    return {(name, field.name): field for name, page in pages for field in page.fields}


def _doubts(sheets: Iterable[SettledSheet]) -> dict[str, str]:
    return {key: why for sheet in sheets for key, why in sheet.doubts.items()}


def _who_said(correction: Correction) -> str:
    when = f"{correction.made_at:%Y-%m-%d}"
    return f"said {correction.in_words} by {correction.reviewer} on {when}; if that is wrong, type what is right"


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
            tab=ORANGE if any(row.standing is Standing.OPEN for row in rows) else None,
            numbers_as_text=(GUESS_AT, CORRECTION_AT),
            footer=footer,
        ),
    )
    table.headings(HEADING_HEIGHT)
    for row in sorted(rows, key=_standing):
        _write_row(table, row, crops)
    last = max(2, table.next_row - 1)
    table.filter_rows(1, last)
    _colour_filled(table, last)
    table.finish()


def _write_row(table: SheetWriter, flag: FlagRow, crops: Callable[[str], bytes]) -> None:
    row, looks = flag.row, LOOKS[flag.standing]
    size = shown_size(crops(row.key))
    number = table.row(
        [
            Cell(row.sheet, looks.text),
            Cell(row.file, looks.text),
            Cell(row.page_number, looks.whole),
            Cell(row.field, looks.text),
            Cell(flag.question, looks.text),
            Cell(None if size else "no picture", looks.text),
            Cell(row.decision.guess_in_words, looks.guess),
            Cell(row.decision.confidence, looks.percent),
            Cell(flag.why, looks.text),
            Cell(flag.may_hold, looks.text),
            Cell(None, looks.correction),
            Cell(flag.standing.value, looks.status),
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
