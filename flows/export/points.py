"""How points look in the workbook, and the columns of *Marks* that a key fills."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from flows.export.styles import Style
from flows.export.table import Cell, Column
from flows.results import Absent, Points, SheetResult, Unsettled
from recognizer.values import ABSENT

SHARE_STEP = Decimal("0.000001")
"""A share of the maximum is stored to a ten-thousandth of a percent, and shown to a tenth."""


def points_cell(points: Points | None, style: Style = Style.NUMBER) -> Cell:
    """Return how points are shown: unsettled is empty and coloured, and never zero."""
    if points is None:
        return Cell(None, Style.ABSENT)
    if isinstance(points, Unsettled):
        return Cell(None, Style.UNSETTLED)
    return Cell(ABSENT if isinstance(points, Absent) else points, style)


def maximum_cell(maximum: Decimal | None) -> Cell:
    """Return how a maximum is shown."""
    return Cell(maximum, Style.ABSENT if maximum is None else Style.STORED)


def share(points: Points | None, maximum: Decimal | None) -> Decimal | None:
    """Return points as a share of the maximum, None where there is none."""
    if not isinstance(points, Decimal) or not maximum:
        return None
    return (points / maximum).quantize(SHARE_STEP)


def key_columns(results: Mapping[str, SheetResult]) -> Iterator[tuple[Column, Callable[[str], Cell]]]:
    """Yield the columns that a key fills, and how each sheet fills them, given its name.

    They hold values, no formulas: weights, sections and rounding stand in the key, not in the cells beside them.
    """

    def column(heading: str, width: float, cell: Callable[[SheetResult], Cell]) -> tuple[Column, Callable[[str], Cell]]:
        def fill(sheet: str) -> Cell:
            result = results.get(sheet)
            return Cell(None, Style.ABSENT) if result is None else cell(result)

        return Column(heading, width, Style.HEADING_MID), fill

    yield column("points by key", 9, lambda result: points_cell(result.total, Style.TOTAL))
    yield column("maximum by key", 9.5, lambda result: maximum_cell(result.maximum))
    yield column("percent", 9, _percent_cell)
    if any(result.grade for result in results.values()):
        yield column("grade", 8, lambda result: Cell(result.grade or None, _open_or(result, Style.MARK_TEXT)))
    if any(result.version for result in results.values()):
        yield column("version", 9, lambda result: Cell(result.version or None, Style.MARK_TEXT))


def _percent_cell(result: SheetResult) -> Cell:
    if isinstance(result.total, Decimal) and result.maximum:
        return Cell(share(result.total, result.maximum), Style.PERCENT)
    return Cell(None, _open_or(result, Style.ABSENT))


def _open_or(result: SheetResult, settled: Style) -> Style:
    return Style.UNSETTLED if isinstance(result.total, Unsettled) else settled
