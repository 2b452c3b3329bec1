"""A workbook that came back: the filled cells of its correction column, found by headings. Nothing in it is trusted."""

import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from flows.errors import WorkbookError
from flows.export.flags_sheet import CORRECTION, FIELD, FILE, FLAGS, KEY, PAGE, REVISION, SHEET
from recognizer.values import format_number

HEADING_ROWS = 20
"""Rows in which the headings are looked for: people put a title above them."""

MOST_ROWS = 1_048_576
MOST_COLUMNS = 64
"""Rows that a worksheet can have at all; columns beyond these are not ours."""

LARGEST_FILE = 2 * 1024**3
LARGEST_UNPACKED = 4 * 1024**3
LARGEST_SHEET = 1024**3
"""Bytes: ten times what 20,000 rows and 10,000 pictures come to."""

MOST_PACKED = 200
"""Times that a worksheet may grow when unpacked; ours grow 10 to 30 times, a zip bomb a thousand times."""

SMALL_ENOUGH = 50 * 1024**2
"""Bytes below which a worksheet may grow as it likes."""

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How .xls files and password-protected .xlsx files begin (MS-CFB, 2.2)."""

LONGEST_SHOWN = 300
"""Characters of a cell that are looked at: longer than any key, name of a file, or value."""

SIGNIFICANT_DIGITS = 15
"""What a spreadsheet keeps of a typed number; the rest is dust of binary arithmetic."""

LARGEST_NUMBER = 10**SIGNIFICANT_DIGITS
"""From here on the last digits that were typed are lost, whatever the file holds now."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a workbook has room for people: its sheet, the heading of the column, the command that wrote it."""

    sheet: str
    answer: str
    command: str


CORRECTIONS = Layout(FLAGS, CORRECTION, "tallymark export")


@dataclass(frozen=True, slots=True)
class Filled:
    """One row whose correction column holds something.

    `number` is the row in the worksheet, 0 for none; `text` is what was typed, or "" when it cannot be taken, with the
    `trouble`. `sheet`, `file`, `page` and `field` are what the row shows of its reading.
    """

    number: int
    key: str
    revision: str
    text: str
    trouble: str
    sheet: str
    file: str
    page: str
    field: str

    @property
    def place(self) -> str:
        """Name the row as a person finds it."""
        shown = ", ".join(part for part in (self.sheet, f"{self.file} page {self.page}".strip(), self.field) if part)
        return f"row {self.number} ({shown})" if self.number else shown


def read_filled(path: Path, layout: Layout = CORRECTIONS) -> tuple[Filled, ...]:
    """Return the filled corrections (or other answers) of a workbook, in the order of its rows.

    Raises:
        WorkbookError: the file is no workbook of ours, or cannot be read; the message says what it is instead.
    """
    refuse_what_is_no_workbook(path)
    # openpyxl warns about parts that it does not keep; only cells are read here.
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")
        with translated(path):
            book: Any = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        return tuple(_filled_rows(path, book, layout))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn whatever the library raises into one message: it has no errors of its own for damaged workbooks."""
    try:
        yield
    except Exception as error:
        raise WorkbookError(
            f"{path}: cannot be read as a workbook ({type(error).__name__}: {_one_line(error)}); open it in your "
            "spreadsheet program, save it as .xlsx under another name, and try that"
        ) from error


def _rows(path: Path, sheet: Any) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - the stubs know no read-only worksheets
    """Return the rows of a worksheet; no more than one can have, whatever it says."""
    rows = sheet.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS)
    while True:
        with translated(path):
            row = next(rows, None)
        if row is None:
            return
        yield row


def refuse_what_is_no_workbook(path: Path) -> None:
    """Raise WorkbookError for what a look at the container tells: no file, not .xlsx, encrypted, or a zip bomb."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(len(OLE_MAGIC))
    except OSError as error:
        raise WorkbookError(f"{path}: cannot be read: {error.strerror or error}") from error
    if head == OLE_MAGIC:
        raise WorkbookError(
            f"{path}: is protected by a password, or in the old .xls format; save it as .xlsx without a password"
        )
    if not head.startswith(b"PK"):
        raise WorkbookError(
            f"{path}: is no .xlsx workbook; give the file that 'tallymark export' wrote, filled in and saved as .xlsx"
        )
    if size > LARGEST_FILE:
        raise WorkbookError(f"{path}: is {size / 1024**3:.1f} GB large, more than any workbook of ours")
    with translated(path):
        archive = zipfile.ZipFile(path)
    with archive:
        _check_parts(path, archive)


def _check_parts(path: Path, archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        what = "an OpenDocument spreadsheet" if "content.xml" in names else "a zip archive, but no workbook"
        raise WorkbookError(f"{path}: is {what}; save the filled workbook as .xlsx")
    if sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise WorkbookError(
            f"{path}: unpacks to more than {LARGEST_UNPACKED / 1024**3:.0f} GB; that is no workbook of ours"
        )
    for part in parts:
        grows = part.file_size / max(1, part.compress_size)
        if part.file_size > LARGEST_SHEET or (part.file_size > SMALL_ENOUGH and grows > MOST_PACKED):
            raise WorkbookError(
                f"{path}: {part.filename} unpacks to {part.file_size / 1024**2:.0f} MB; that is no workbook of ours"
            )


def _filled_rows(
    path: Path,
    book: Any,  # noqa: ANN401 - the stubs know no read-only worksheets
    layout: Layout,
) -> Iterator[Filled]:
    if layout.sheet not in book.sheetnames:
        raise WorkbookError(
            f"{path}: has no sheet '{layout.sheet}' (it has {_one_line(', '.join(book.sheetnames))}); give the "
            f"workbook that '{layout.command}' wrote, with the {layout.answer}s filled in"
        )
    with translated(path):
        sheet = book[layout.sheet]
    columns: Mapping[str, int] | None = None
    for number, row in enumerate(_rows(path, sheet), start=1):
        if columns is None:
            columns = _columns(path, row, layout)
            if columns is None and number >= HEADING_ROWS:
                break
        elif (filled := _filled(number, row, columns, layout)) is not None:
            yield filled
    if columns is None:
        raise WorkbookError(
            f"{path}: the sheet '{layout.sheet}' lacks its headings; it needs the columns {layout.answer}, {KEY} and "
            f"{REVISION}. Do not delete columns; moving and sorting them is fine"
        )


def _columns(path: Path, row: Sequence[Any], layout: Layout) -> Mapping[str, int] | None:
    """Return where each column stands if this is the row of headings, None if not."""
    headings = [str(cell.value).strip().lower() if cell.value is not None else "" for cell in row]
    if not {layout.answer, KEY, REVISION} <= set(headings):
        return None
    for name in (layout.answer, KEY, REVISION):
        if headings.count(name) > 1:
            raise WorkbookError(
                f"{path}: the sheet '{layout.sheet}' has {headings.count(name)} columns named '{name}'; keep one"
            )
    return {heading: at for at, heading in enumerate(headings) if heading}


def _filled(number: int, row: Sequence[Any], columns: Mapping[str, int], layout: Layout) -> Filled | None:
    def shown(name: str) -> str:
        at = columns.get(name)
        value = None if at is None or at >= len(row) else row[at].value
        return "" if value is None else _one_line(value)

    at = columns[layout.answer]
    if at >= len(row):
        return None
    text, trouble = typed_text(row[at].value, row[at].data_type)
    if not text and not trouble:
        return None
    return Filled(
        number, shown(KEY), shown(REVISION), text, trouble, shown(SHEET), shown(FILE), shown(PAGE), shown(FIELD)
    )


def typed_text(value: object, data_type: str) -> tuple[str, str]:  # noqa: PLR0911 - a case each
    """Return what was typed into a correction cell as text, and why it cannot be taken ("" when it can)."""
    if value is None:
        return "", ""
    if data_type == "f" or not isinstance(value, str | bool | int | float | datetime | date | time | timedelta):
        return "", "a formula stands there; type the value itself"
    if data_type == "e":
        return "", f"the error {_one_line(value)} stands there; type the value"
    if isinstance(value, str):
        return _one_line(value), ""
    if isinstance(value, bool):
        return "", f"the truth value {str(value).upper()} stands there; type the value as text"
    if isinstance(value, int | float):
        if abs(value) >= LARGEST_NUMBER:
            return "", (
                f"the spreadsheet keeps only the first {SIGNIFICANT_DIGITS} digits of a number ({_one_line(value)}); "
                "format the cell as text and type it again"
            )
        return format_number(Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}")), ""
    return "", (
        f"the spreadsheet made a date or time of what was typed ({_one_line(value)}); format the cell as text and type "
        "it again, a half as 0.5 or ½"
    )


def _one_line(value: object) -> str:
    """Return a cell's value as one short printable line, for keys and messages."""
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return text.strip()[:LONGEST_SHOWN]
