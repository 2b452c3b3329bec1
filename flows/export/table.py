"""One worksheet, written row by row: headings that stay, widths, filter, print set-up; and text that stays text."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.formatting.rule import Rule
from openpyxl.styles import PatternFill
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.xml.functions import Element

from flows.export.styles import Style

A4_PAPER = 9
"""The number that the file format gives to A4."""

LONGEST_TEXT = 32_767
"""Characters that one cell can hold."""

LINE_POINTS = 15.0
"""Height of one line of text at 11 points."""

ROW_ROOM_POINTS = 3.0
"""What a row has to spare above and below its text."""

PAGE_CHARACTERS = 270.0
"""Characters across one printed page, at the smallest type that can be read (about 5 points on A4)."""

TALLEST_POINTS = 400.0
"""The file format allows 409.5 points a row."""

INDENT_CHARACTERS = 2.0
"""What indent and borders take of a column's width."""

WRAPPING = frozenset({Style.WRAPPED, Style.SETTLED, Style.WARNING, Style.BAD, Style.GOOD, Style.LABEL})

MOST_DIGITS = 15
"""Significant digits that a spreadsheet keeps of a number; longer ones are written as text, so that none is lost."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot carry (section 2.2): control characters, and what stands for undecodable bytes in file names."""

_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""The file format writes odd characters as _xHHHH_ (ECMA-376, ST_Xstring); a name that looks so must be escaped."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula of ours, beginning with "=". A type of its own, so that no text from people can become one."""

    text: str


Scalar: TypeAlias = str | int | float | Decimal | datetime | Formula | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what stands in it and how it looks."""

    value: Scalar
    style: Style


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, its width in characters, and how the heading looks."""

    heading: str
    width: float
    style: Style = Style.HEADING


@dataclass(frozen=True, slots=True)
class Look:
    """What a worksheet needs to know before its first row. `heading_row` is repeated on every printed page."""

    title: str
    columns: tuple[Column, ...]
    heading_row: int = 1
    frozen_columns: int = 0
    tab: str | None = None
    numbers_as_text: tuple[int, ...] = ()
    """Columns (from 1) in which a text of digits is meant, so that no warning triangle is shown."""
    footer: str = ""


@dataclass(frozen=True, slots=True)
class _MeantAsText:
    """Tells Excel not to mark texts of digits in these cells with a green triangle (ECMA-376, ignoredErrors)."""

    cells: str

    def to_tree(self) -> Any:  # noqa: ANN401 - an element of whichever XML library openpyxl found
        errors = Element("ignoredErrors")
        errors.append(Element("ignoredError", {"sqref": self.cells, "numberStoredAsText": "1"}))
        return errors


class SheetWriter:
    """Writes one worksheet from the top down."""

    def __init__(self, book: Workbook, look: Look) -> None:
        self.look = look
        # Any, because the library's stubs leave most of a write-only worksheet out.
        sheet: Any = book.create_sheet(look.title)
        self.sheet = sheet
        self.next_row = 1
        for number, column in enumerate(look.columns, start=1):
            sheet.column_dimensions[get_column_letter(number)].width = column.width
        sheet.freeze_panes = f"{get_column_letter(look.frozen_columns + 1)}{look.heading_row + 1}"
        sheet.sheet_view.showGridLines = False
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        sheet.sheet_properties.tabColor = look.tab
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = A4_PAPER
        across = math.ceil(sum(column.width for column in look.columns) / PAGE_CHARACTERS)
        sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = across, 0
        sheet.print_title_rows = f"{look.heading_row}:{look.heading_row}"
        if across > 1 and look.frozen_columns:
            sheet.print_title_cols = f"A:{get_column_letter(look.frozen_columns)}"
        sheet.page_margins.left = sheet.page_margins.right = 0.4
        sheet.page_margins.top, sheet.page_margins.bottom, sheet.page_margins.footer = 0.5, 0.75, 0.35
        sheet.sheet_format.defaultRowHeight, sheet.sheet_format.customHeight = LINE_POINTS + ROW_ROOM_POINTS, True
        sheet.oddFooter.left.text = look.footer.replace("&", "&&")
        sheet.oddFooter.right.text = f"{look.title}, page &P of &N"

    def row(self, cells: Sequence[Cell | None], height: float = 0.0) -> int:
        """Write one row, at least `height` points tall and tall enough for its wrapped texts, and return its number."""
        number = self.next_row
        height = max(height, self._needed_height(cells))
        self.sheet.row_dimensions[number].height = height
        self.sheet.append([None if cell is None else self._written(cell) for cell in cells])
        self.next_row += 1
        return number

    def headings(self, height: float) -> int:
        """Write the row of headings."""
        return self.row([Cell(column.heading, column.style) for column in self.look.columns], height)

    def filter_rows(self, first: int, last: int) -> None:
        """Put a filter on the headings in row `first`, over all rows down to `last`."""
        self.sheet.auto_filter.ref = f"A{first}:{get_column_letter(len(self.look.columns))}{last}"

    def colour_where(self, cells: str, formula: str, colour: str) -> None:
        """Colour cells for which a formula (written for the first of them) holds, now or later."""
        rule = Rule(
            type="expression", formula=[formula], dxf=DifferentialStyle(fill=PatternFill("solid", bgColor=colour))
        )
        self.sheet.conditional_formatting.add(cells, rule)

    def finish(self) -> None:
        """Add what comes after the last row."""
        if self.look.numbers_as_text:
            columns = (get_column_letter(number) for number in self.look.numbers_as_text)
            cells = " ".join(f"{column}1:{column}{self.next_row}" for column in columns)
            # openpyxl has no place for this element; column breaks, of which we have none, are written exactly where it
            # has to stand.
            self.sheet.col_breaks = _MeantAsText(cells)

    def _needed_height(self, cells: Sequence[Cell | None]) -> float:
        """Return the height that wrapped texts need: spreadsheets do not look by themselves when they open a file."""
        most = 1
        for cell, column in zip(cells, self.look.columns, strict=False):
            if cell is not None and cell.style in WRAPPING and isinstance(cell.value, str):
                most = max(most, lines_needed(cell.value, column.width))
        return min(most * LINE_POINTS + ROW_ROOM_POINTS, TALLEST_POINTS)

    def _written(self, cell: Cell) -> Any:  # noqa: ANN401 - the stubs know no type for such a cell
        value = cell.value
        written: Any
        if isinstance(value, str):
            written = WriteOnlyCell(self.sheet, clean(value))
            written.data_type = "s"  # openpyxl would make a formula of "=…" and an error of "#N/A"
        elif isinstance(value, Formula):
            written = WriteOnlyCell(self.sheet, value.text)
        elif isinstance(value, datetime):
            written = WriteOnlyCell(self.sheet, value.astimezone(UTC).replace(tzinfo=None, microsecond=0))
        elif isinstance(value, Decimal):
            written = WriteOnlyCell(self.sheet, _number(value))
        else:
            written = WriteOnlyCell(self.sheet, value)
        written.style = cell.style.title
        return written


def clean(text: str) -> str:
    """Return a text as a cell can hold it: no character that XML forbids, not too long, never read as an escape."""
    return _NO_XML.sub("\ufffd", _LOOKS_ESCAPED.sub("_x005F_", text))[:LONGEST_TEXT]


def _number(value: Decimal) -> Any:  # noqa: ANN401 - the stubs know no Decimal, which is written digit by digit
    return int(value) if value == value.to_integral_value() else value


def lines_needed(text: str, width: float) -> int:
    """Estimate how many lines a text takes in a column of `width` characters."""
    room = max(1.0, width - INDENT_CHARACTERS)
    return sum(max(1, math.ceil(len(line) / room)) for line in text[:LONGEST_TEXT].splitlines() or [""])


def number_or_text(number: Decimal, text: str) -> Decimal | str:
    """Return the number where a spreadsheet can hold it exactly, else its text."""
    return number if len(number.as_tuple().digits) <= MOST_DIGITS else text


def ranges(row: int, columns: Sequence[int]) -> tuple[str, ...]:
    """Return the cells of a row as few ranges: neighbours together.

    >>> ranges(2, [6, 7, 8, 10])
    ('F2:H2', 'J2')
    """
    runs: list[list[int]] = []
    for column in sorted(columns):
        if runs and runs[-1][-1] == column - 1:
            runs[-1].append(column)
        else:
            runs.append([column])
    return tuple(_range(row, run[0], run[-1]) for run in runs)


def _range(row: int, first: int, last: int) -> str:
    start = f"{get_column_letter(first)}{row}"
    return start if first == last else f"{start}:{get_column_letter(last)}{row}"
