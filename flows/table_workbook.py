"""Tables that people keep in workbooks: one worksheet as rows of text, and whatever no table should hold.

A worksheet says more than its text: formulas, merged cells, hidden sheets, numbers that have lost their zeros. None of
it is guessed at; each is named by its cell. The file is foreign, and so are its claims about its own size.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from flows.errors import ExamError
from flows.table_file import listed
from recognizer.values import format_number

MAX_ROWS, MAX_COLUMNS = 200_000, 64
"""A table of all candidates of a country's largest exam; columns beyond these are not looked at."""

MAX_UNPACKED = 64_000_000
"""Bytes of one part of a workbook, unpacked: 200,000 rows of a few cells. A zip bomb has more."""

MAX_CELL = 2_000
"""Characters of a cell that are kept: whatever is longer is refused later, for what it is."""

SIGNIFICANT_DIGITS = 15
"""What a spreadsheet keeps of a number; the rest is dust of binary arithmetic."""

ZEROS = re.compile(r"0+")
"""A number format such as 00000000: the cell shows its number with all leading zeros."""

_STRANGE = re.compile(
    rb"<(?:\w+:)?c\s(?=[^>]*?\br=[\"']([A-Z]{1,3}[0-9]{1,7})[\"'])[^>]*>\s*"
    rb"<(?:\w+:)?v>\s*([+-]?(?:nan|inf|infinity))\s*</",
    re.IGNORECASE,
)
"""A cell with what no spreadsheet writes, and over which the library falls without a word about the cell."""

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z0-9:$]{2,40})[\"']")

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How .xls files and password-protected .xlsx files begin (MS-CFB, 2.2)."""

Trouble = Mapping[int, str]
"""What is wrong with cells of a row, by column from 0."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a worksheet that is not empty: its number, its cells as text, and what is wrong with some of them.

    `numbers` says of cells that hold a bare number, or a date, why they cannot be a text of digits.
    """

    number: int
    cells: tuple[str, ...]
    trouble: Trouble
    numbers: Trouble


def read_workbook(path: Path, what: str) -> tuple[tuple[SheetRow, ...], tuple[str, ...]]:
    """Return the rows of the one worksheet of a workbook, and what is wrong with the sheet as a whole.

    Raises:
        ExamError: the file is no workbook, is too large, or has more than one worksheet that holds anything.
    """
    _refuse_what_is_no_workbook(path, what)
    from openpyxl import load_workbook

    # openpyxl warns about parts that it does not keep; only cells are read here.
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")
        with _translated(path, what):
            _refuse_strange_numbers(path)
            book: Any = load_workbook(file, read_only=True, data_only=False, keep_links=False)
            found = {sheet.title: (sheet, tuple(_rows(path, sheet, what))) for sheet in book.worksheets}
            merged = {title: _merged(path, sheet) for title, (sheet, _) in found.items()}
    filled = {title: rows for title, (_, rows) in found.items() if rows}
    hidden = [title for title in filled if found[title][0].sheet_state != "visible"]
    if hidden:
        raise ExamError(f"{path}: the sheet '{_short(hidden[0])}' is hidden; show it or delete it")
    if len(filled) > 1:
        named = ", ".join(f"'{_short(title)}'" for title in list(filled)[:3])
        raise ExamError(f"{path}: {len(filled)} sheets hold something ({named}); keep the one with the {what} only")
    for title, rows in filled.items():
        return rows, tuple(
            f"{path}:{reference}: these cells are merged; unmerge them, so that each row says what is its own"
            for reference in merged[title]
        )
    return (), ()


@contextmanager
def _translated(path: Path, what: str) -> Iterator[None]:
    """Turn whatever the library raises into one message: it has no errors of its own for damaged workbooks."""
    try:
        yield
    except ExamError:
        raise
    except Exception as error:
        said = _short(str(error))
        raise ExamError(
            f"{path}: cannot be read as a workbook ({type(error).__name__}: {said}); open the {what} in your "
            "spreadsheet program, save it as .xlsx or as CSV (UTF-8) under another name, and try that"
        ) from error


def _refuse_what_is_no_workbook(path: Path, what: str) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(len(OLE_MAGIC))
    except OSError as error:
        raise ExamError(f"{path}: the {what} cannot be read: {error.strerror or error}") from error
    if head == OLE_MAGIC:
        raise ExamError(
            f"{path}: is protected by a password, or in the old .xls format; save it as .xlsx without a password"
        )
    if not head.startswith(b"PK"):
        raise ExamError(f"{path}: is no .xlsx workbook; save the {what} as .xlsx, or as CSV (UTF-8) named .csv")
    with _translated(path, what), zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise ExamError(f"{path}: is a zip archive, but no workbook; save the {what} as .xlsx")
    for part in parts:
        if part.file_size > MAX_UNPACKED:
            raise ExamError(
                f"{path}: {_short(part.filename)} unpacks to {part.file_size / 1e6:,.0f} MB; no {what} does; keep the "
                "rows that matter only"
            )


def _refuse_strange_numbers(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and (found := _STRANGE.findall(archive.read(name))):
                said = [f"{path}:{cell.decode()}: holds {text.decode()}, which is no number" for cell, text in found]
                raise ExamError(listed(said, str(path)))


def _merged(path: Path, sheet: Any) -> list[str]:  # noqa: ANN401 - the stubs know no read-only worksheets
    """Return the merged ranges of a worksheet; read row by row, the library does not tell them."""
    with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path) as part:
        data = part.read(MAX_UNPACKED)
    return [found.decode() for found in _MERGED.findall(data)]


def _rows(path: Path, sheet: Any, what: str) -> Iterator[SheetRow]:  # noqa: ANN401
    for number, row in enumerate(sheet.iter_rows(max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS), start=1):
        values = [(cell.value, cell.data_type, cell.number_format) if cell.value is not None else None for cell in row]
        if not any(value is not None and str(value[0]).strip() for value in values):
            continue
        if number > MAX_ROWS:
            raise ExamError(f"{path}: has more than {MAX_ROWS:,} rows; no {what} does; delete what stands below it")
        told = [("", "", "") if value is None else _text(*value) for value in values]
        yield SheetRow(
            number,
            tuple(text for text, _, _ in told),
            {at: trouble for at, (_, trouble, _) in enumerate(told) if trouble},
            {at: bare for at, (_, _, bare) in enumerate(told) if bare},
        )


def _text(value: object, data_type: str, number_format: str) -> tuple[str, str, str]:
    """Return a cell as text, what is wrong with it, and why it is no text of digits ("" where nothing is)."""
    shown = _short(str(value))
    if data_type == "f" or not isinstance(value, str | bool | int | float | datetime | date | time | timedelta):
        return "", f"holds a formula ({shown}); put the value itself there", ""
    if data_type == "e":
        return "", f"holds the error {shown}; put the value there", ""
    if isinstance(value, str):
        return value[:MAX_CELL], "", ""
    if isinstance(value, bool):
        return shown.upper(), "", f"holds the truth value {shown.upper()}"
    if isinstance(value, int | float):
        return _number(value, number_format)
    return shown, "", f"holds a date or time ({shown})"


def _number(value: float, number_format: str) -> tuple[str, str, str]:
    if not isfinite(value):
        return "", f"holds {value}, which is no number", ""
    if abs(value) >= 10**SIGNIFICANT_DIGITS:
        lost = f"holds a number of which the spreadsheet has kept {SIGNIFICANT_DIGITS} digits only"
        return _short(str(value)), "", lost
    text = format_number(Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}"))
    if ZEROS.fullmatch(number_format) and len(number_format) > 1 and text.isdigit():
        return text.zfill(len(number_format)), "", ""
    return text, "", f"holds the number {text}, whose leading zeros are lost, if it had any"


def _short(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()[:60]
