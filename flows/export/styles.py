"""How the workbook looks: every colour and cell style in one place, as named styles that an office can change."""

from enum import StrEnum
from typing import Literal

from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side

INK = "1F2933"
"""Text: nearly black, softer than black on a white sheet."""

SLATE = "2F4858"
"""Headings: dark enough for white letters (contrast 9.6:1), quiet enough beside orange."""

ORANGE = "F9B872"
"""Open: somebody has to look. The only strong colour in the workbook; mid grey when printed without colour."""

PALE_ORANGE = "FDE8CF"
GREY = "EDEFF1"
HATCH = "8795A1"
INPUT = "FFFBE3"
LINE = "CBD2D9"
MUTED = "6B7785"
BLUE = "1B4F9C"
"""Said by a person rather than read by the machine."""

PALE_RED = "F9DCD8"
PALE_GREEN = "E3F1E2"

FONT = "Calibri"
"""Excel's own face since 2007; LibreOffice puts Carlito, of the same widths, in its place."""

TEXT_FORMAT = "@"
"""What is typed stays what was typed: no dates made of 1/2, no leading zeros lost, no formulas."""

STYLE_PREFIX = "Tallymark "


class Style(StrEnum):
    """The named cell styles of the workbook."""

    HEADING = "heading"
    HEADING_MID = "heading mid"
    HEADING_MARK = "heading mark"
    HEADING_QUIET = "heading quiet"
    TITLE = "title"
    SECTION = "section"
    LABEL = "label"
    NOTE = "note"
    TEXT = "text"
    WRAPPED = "wrapped"
    PLAIN = "plain"
    NUMBER = "number"
    WHOLE = "whole"
    WHOLE_GOOD = "whole good"
    MEAN = "mean"
    PERCENT = "percent"
    FACT = "fact"
    MOMENT = "moment"
    TOTAL = "total"
    STORED = "stored"
    STORED_OPEN = "stored open"
    QUIET = "quiet"
    UNSETTLED = "unsettled"
    BLANK = "blank"
    ABSENT = "not on this sheet"
    MARK_TEXT = "mark text"
    CORRECTED_NUMBER = "corrected number"
    CORRECTED_TEXT = "corrected text"
    CORRECTED_ID = "corrected id"
    CORRECTED_BLANK = "corrected blank"
    COUNT_OPEN = "count open"
    CORRECTION = "correction"
    CORRECTION_AGAIN = "correction again"
    STATUS_OPEN = "status open"
    SETTLED = "settled"
    SETTLED_MID = "settled mid"
    SETTLED_PERCENT = "settled percent"
    BAD = "bad"
    WARNING = "warning"
    GOOD = "good"
    LINK = "link"

    @property
    def title(self) -> str:  # type: ignore[override] # the name people see, not str.title
        """The name under which a spreadsheet lists the style."""
        return STYLE_PREFIX + self.value


def named_styles() -> tuple[NamedStyle, ...]:
    """Return every style, ready to be added to a workbook."""
    return tuple(_BUILT[style](style.title) for style in Style)


def _fill(colour: str) -> PatternFill:
    return PatternFill("solid", fgColor=colour)


def _border(colour: str = LINE) -> Border:
    side = Side(style="thin", color=colour)
    return Border(left=side, right=side, top=side, bottom=side)


class _Recipe:
    """Builds one named style: what differs from plain text."""

    def __init__(
        self,
        fill: PatternFill | None = None,
        *,
        colour: str = INK,
        bold: bool = False,
        italic: bool = False,
        underline: Literal["single"] | None = None,
        size: float = 11,
        across: str | None = None,
        down: str = "center",
        indent: int = 0,
        wrap: bool = False,
        number_format: str = "General",
        border: bool = True,
    ) -> None:
        self.fill = fill
        self.font = Font(name=FONT, size=size, bold=bold, italic=italic, color=colour, underline=underline)
        self.alignment = Alignment(horizontal=across, vertical=down, wrap_text=wrap, indent=indent)
        self.number_format = number_format
        self.border = _border() if border else Border()

    def __call__(self, name: str) -> NamedStyle:
        style = NamedStyle(
            name=name,
            font=self.font,
            alignment=self.alignment,
            number_format=self.number_format,
            border=self.border,
        )
        if self.fill is not None:
            style.fill = self.fill
        return style


_BUILT: dict[Style, _Recipe] = {
    Style.HEADING: _Recipe(
        _fill(SLATE), colour="FFFFFF", bold=True, wrap=True, across="left", indent=1, number_format=TEXT_FORMAT
    ),
    Style.HEADING_MID: _Recipe(
        _fill(SLATE), colour="FFFFFF", bold=True, wrap=True, across="center", number_format=TEXT_FORMAT
    ),
    Style.HEADING_MARK: _Recipe(
        _fill(SLATE), colour="FFFFFF", bold=True, size=9, wrap=True, across="center", number_format=TEXT_FORMAT
    ),
    Style.HEADING_QUIET: _Recipe(_fill(GREY), colour=MUTED, size=9, wrap=True, number_format=TEXT_FORMAT),
    Style.TITLE: _Recipe(colour=SLATE, bold=True, size=16, border=False, number_format=TEXT_FORMAT),
    Style.SECTION: _Recipe(colour=SLATE, bold=True, size=12, border=False, number_format=TEXT_FORMAT),
    Style.LABEL: _Recipe(colour=MUTED, across="left", indent=1, wrap=True, number_format=TEXT_FORMAT),
    Style.NOTE: _Recipe(colour=MUTED, italic=True, across="left", indent=1, border=False, number_format=TEXT_FORMAT),
    Style.TEXT: _Recipe(across="left", indent=1, number_format=TEXT_FORMAT),
    Style.WRAPPED: _Recipe(across="left", indent=1, wrap=True, number_format=TEXT_FORMAT),
    Style.PLAIN: _Recipe(across="left", indent=1, number_format=TEXT_FORMAT, border=False),
    Style.NUMBER: _Recipe(across="center"),
    Style.WHOLE: _Recipe(across="center", number_format="0"),
    Style.WHOLE_GOOD: _Recipe(_fill(PALE_GREEN), bold=True, across="center", number_format="0"),
    Style.MEAN: _Recipe(across="center", number_format="0.00"),
    Style.PERCENT: _Recipe(across="center", number_format="0.0%"),
    Style.FACT: _Recipe(across="left", indent=1),
    Style.MOMENT: _Recipe(across="left", indent=1, number_format="yyyy-mm-dd hh:mm:ss"),
    Style.TOTAL: _Recipe(across="center", bold=True),
    Style.STORED: _Recipe(colour=MUTED, across="center"),
    Style.STORED_OPEN: _Recipe(_fill(PALE_ORANGE), across="center"),
    Style.QUIET: _Recipe(colour=MUTED, size=8, number_format=TEXT_FORMAT),
    Style.UNSETTLED: _Recipe(_fill(ORANGE), across="center"),
    Style.BLANK: _Recipe(_fill(GREY), across="center"),
    Style.ABSENT: _Recipe(PatternFill("lightUp", fgColor=HATCH, bgColor="FFFFFF"), across="center"),
    Style.MARK_TEXT: _Recipe(across="center", number_format=TEXT_FORMAT),
    Style.CORRECTED_NUMBER: _Recipe(colour=BLUE, bold=True, italic=True, across="center"),
    Style.CORRECTED_TEXT: _Recipe(colour=BLUE, bold=True, italic=True, across="center", number_format=TEXT_FORMAT),
    Style.CORRECTED_ID: _Recipe(
        colour=BLUE, bold=True, italic=True, across="left", indent=1, number_format=TEXT_FORMAT
    ),
    Style.CORRECTED_BLANK: _Recipe(
        PatternFill("lightGray", fgColor="B7CBE8", bgColor=GREY), colour=BLUE, italic=True, across="center"
    ),
    Style.COUNT_OPEN: _Recipe(_fill(ORANGE), bold=True, across="center", number_format="0"),
    Style.CORRECTION: _Recipe(_fill(INPUT), bold=True, size=12, across="center", number_format=TEXT_FORMAT),
    Style.CORRECTION_AGAIN: _Recipe(size=12, bold=True, across="center", number_format=TEXT_FORMAT),
    Style.STATUS_OPEN: _Recipe(_fill(PALE_ORANGE), across="center", number_format=TEXT_FORMAT),
    Style.SETTLED: _Recipe(
        _fill(GREY), colour=MUTED, italic=True, across="left", indent=1, wrap=True, number_format=TEXT_FORMAT
    ),
    Style.SETTLED_MID: _Recipe(_fill(GREY), colour=MUTED, italic=True, across="center", number_format=TEXT_FORMAT),
    Style.SETTLED_PERCENT: _Recipe(_fill(GREY), colour=MUTED, italic=True, across="center", number_format="0.0%"),
    Style.BAD: _Recipe(_fill(PALE_RED), across="left", indent=1, wrap=True, number_format=TEXT_FORMAT),
    Style.WARNING: _Recipe(_fill(PALE_ORANGE), across="left", indent=1, wrap=True, number_format=TEXT_FORMAT),
    Style.GOOD: _Recipe(_fill(PALE_GREEN), across="left", indent=1, wrap=True, number_format=TEXT_FORMAT),
    Style.LINK: _Recipe(colour=BLUE, underline="single", border=False),
}
