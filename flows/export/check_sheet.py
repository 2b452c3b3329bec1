"""The workbook of a sample check: accepted fields with their pictures, and room to say what is really written there."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

from flows.checking import Answer, accepted_untouched
from flows.export.corrections import NotTakenError, contradicting, judged
from flows.export.flags_sheet import FIELD, FILE, KEY, LEAST_HEIGHT, PAGE, REVISION, SHEET, fields_by_name
from flows.export.pictures import CropPicture, shown_size
from flows.export.reading_back import Filled, Layout
from flows.export.styles import ORANGE, PALE_GREEN, Style
from flows.export.table import Cell, Column, Look, SheetWriter
from flows.export.workbook import new_book
from flows.places import refuse_open_file
from flows.records import CheckedField, FieldRow
from flows.settling import heading
from recognizer.records import ValueState
from recognizer.template import SheetField, SheetTemplate
from recognizer.values import expectation

CHECK = "Check"
RIGHT_VALUE = "right value"
LAYOUT = Layout(CHECK, RIGHT_VALUE, "tallymark check --draw")

CHECK_DIGITS = 8
"""Digits of the hash of what was accepted: enough to tell a few values of one field apart."""

OK_WORD = "ok"
"""What stands for "the machine is right"; the value itself, typed again, says the same."""

COLUMNS = (
    Column(SHEET, 23),
    Column(FILE, 20),
    Column(PAGE, 6, Style.HEADING_MID),
    Column(FIELD, 13),
    Column("question", 13),
    Column("picture", 33),
    Column("machine's value", 14, Style.HEADING_MID),
    Column(RIGHT_VALUE, 14, Style.HEADING_MID),
    Column("may hold", 26),
    Column(KEY, 20, Style.HEADING_QUIET),
    Column(REVISION, 12, Style.HEADING_QUIET),
)
PICTURE_AT, MACHINE_AT, ANSWER_AT = 6, 7, 8
HEADING_HEIGHT = 30.0


def write_check(
    rows: Sequence[FieldRow],
    templates: Sequence[SheetTemplate],
    crops: Callable[[str], bytes],
    destination: Path,
    exam: str,
) -> None:
    """Write the workbook, replacing an older one in one step.

    Args:
        rows: the fields that were drawn.
        templates: the exam's templates.
        crops: returns the PNG of a reading by its key.
        destination: the file; its folder exists.
        exam: the exam's code.

    Raises:
        PlaceError: the file is open in another program, or its folder cannot be written.
    """
    refuse_open_file(destination)
    known = fields_by_name(templates)
    with new_book(destination, f"Sample check of {exam}") as book:
        _write(book, rows, known, crops, f"Tallymark, exam {exam}, sample check")


def answers(
    filled: Sequence[Filled],
    fields: Sequence[FieldRow],
    checks: Iterable[CheckedField],
    templates: Sequence[SheetTemplate],
) -> tuple[tuple[Answer, ...], tuple[Filled, ...], tuple[str, ...]]:
    """Return what filled rows say, those that were handed in before, and every problem, a line each."""
    present = {row.key: row for row in fields}
    known = fields_by_name(templates)
    earlier = {(one.key, one.model): one for one in checks}
    may_be_checked = {row.key for row in accepted_untouched(fields, earlier.values())}
    contradicted = contradicting(filled)
    taken: dict[str, Answer] = {}
    before: list[Filled] = []
    problems: list[str] = []
    for each in filled:
        try:
            if each.key in contradicted:
                raise NotTakenError(f"another row answers otherwise for the same field ({contradicted[each.key]})")
            answer = _answer(each, present, known)
            found = earlier.get((each.key, answer.row.model))
            if found is not None and (found.state, found.value) == (answer.state, answer.value):
                before.append(each)
                continue
            if answer.row.key in taken:
                continue
            _refuse_unfit(answer.row, each, found, may_be_checked)
        except NotTakenError as problem:
            problems.append(f"{each.place}: {problem}")
        else:
            taken[answer.row.key] = answer
    return tuple(taken.values()), tuple(before), tuple(problems)


def _answer(each: Filled, present: Mapping[str, FieldRow], known: Mapping[tuple[str, str], SheetField]) -> Answer:
    row = present.get(each.key)
    if row is not None and each.text.casefold() == OK_WORD:
        field = known.get((row.template, row.field))
        if field is None or OK_WORD not in field.options:
            # As the machine accepted it; `check_revision` tells whether it still does.
            said = row.decision
            return Answer(row, ValueState.VALUE if said.guess else ValueState.BLANK, said.guess)
    row, typed = judged(each, present, known)
    return Answer(row, typed.state, typed.value)


def _refuse_unfit(row: FieldRow, each: Filled, found: CheckedField | None, may_be_checked: set[str]) -> None:
    if found is not None:
        said = found.value or "blank"
        raise NotTakenError(
            f"{found.reviewer} looked at it before and said {said}; if that was wrong, correct it: tallymark correct "
            f"DIR --set {row.key}=VALUE"
        )
    if row.correction is not None:
        raise NotTakenError(f"it was decided by {row.correction.reviewer} since, and is no machine decision any more")
    if row.key not in may_be_checked:
        raise NotTakenError("the machine has not accepted it (any more); it stands on the sheet Flags")
    if check_revision(row) != each.revision:
        raise NotTakenError(
            "it was read again after this workbook was written, or the machine takes it for something else since; draw "
            "a new sample"
        )


def check_revision(row: FieldRow) -> str:
    """Return what changes whenever an ok would say something else: with the reading, and with what is accepted of it.

    Sums and the class list look at other fields too, so what is accepted may change while the reading stays the same.
    """
    said = row.decision
    text = json.dumps([said.state, said.value, said.guess])
    return f"{row.revision}-{hashlib.sha256(text.encode()).hexdigest()[:CHECK_DIGITS]}"


def _write(
    book: Workbook,
    rows: Sequence[FieldRow],
    known: Mapping[tuple[str, str], SheetField],
    crops: Callable[[str], bytes],
    footer: str,
) -> None:
    look = Look(CHECK, COLUMNS, tab=ORANGE, numbers_as_text=(MACHINE_AT, ANSWER_AT), footer=footer)
    table = SheetWriter(book, look)
    table.headings(HEADING_HEIGHT)
    for row in rows:
        _write_row(table, row, known.get((row.template, row.field)), crops)
    last = max(2, table.next_row - 1)
    table.filter_rows(1, last)
    table.colour_where(f"H2:H{last}", "LEN(TRIM($H2))>0", PALE_GREEN)
    table.finish()


def _write_row(table: SheetWriter, row: FieldRow, field: SheetField | None, crops: Callable[[str], bytes]) -> None:
    size = shown_size(crops(row.key))
    number = table.row(
        [
            Cell(row.sheet, Style.WRAPPED),
            Cell(row.file, Style.WRAPPED),
            Cell(row.page_number, Style.WHOLE),
            Cell(row.field, Style.WRAPPED),
            Cell(heading(field) if field else row.field, Style.WRAPPED),
            Cell(None if size else "no picture", Style.WRAPPED),
            Cell(row.decision.guess_in_words, Style.MARK_TEXT),
            Cell(None, Style.CORRECTION),
            Cell(expectation(field) if field else "", Style.WRAPPED),
            Cell(row.key, Style.QUIET),
            Cell(check_revision(row), Style.QUIET),
        ],
        max(LEAST_HEIGHT, size.row_height if size else 0.0),
    )
    if size:
        table.sheet.add_image(CropPicture(row.key, crops, size, number, PICTURE_AT))
