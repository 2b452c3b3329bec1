"""The small tools under every worksheet."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from flows.export.styles import Style, named_styles
from flows.export.table import (
    LONGEST_TEXT,
    Cell,
    Column,
    Formula,
    Look,
    Scalar,
    SheetWriter,
    lines_needed,
    number_or_text,
    ranges,
)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [([], ()), ([1], ("A7",)), ([3, 1, 2], ("A7:C7",)), ([5, 6, 8, 27, 28], ("E7:F7", "H7", "AA7:AB7"))],
)
def test_neighbours_become_one_range(columns: list[int], expected: tuple[str, ...]) -> None:
    assert ranges(7, columns) == expected


def test_a_number_that_a_spreadsheet_would_round_is_kept_as_text() -> None:
    assert number_or_text(Decimal("123456789012345"), "123456789012345") == Decimal("123456789012345")
    assert number_or_text(Decimal("1234567890123456"), "1234567890123456") == "1234567890123456"


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", 1), ("x" * 18, 1), ("x" * 19, 2), ("a\nb\nc", 3), ("x" * 10**6, LONGEST_TEXT // 18 + 1)],
)
def test_a_row_is_as_tall_as_its_longest_text(text: str, lines: int) -> None:
    assert lines_needed(text, 20) == lines


def written(path: Path, value: Scalar, style: Style = Style.TEXT) -> tuple[object, str]:
    book = Workbook(write_only=True)
    for each in named_styles():
        book.add_named_style(each)
    SheetWriter(book, Look("One", (Column("a", 10),))).row([Cell(value, style)])
    book.save(path)
    cell = load_workbook(path)["One"]["A1"]
    return cell.value, cell.data_type


@pytest.mark.parametrize(
    ("value", "shown", "kind"),
    [
        (Decimal("2.50"), 2.5, "n"),
        (Decimal("7.0"), 7, "n"),
        (Decimal("-0.5"), -0.5, "n"),
        (3, 3, "n"),
        (None, None, "n"),
        ("=1+1", "=1+1", "s"),
        ("#N/A", "#N/A", "s"),
        (Formula("=1+1"), "=1+1", "f"),
    ],
)
def test_values_arrive_as_what_they_are(tmp_path: Path, value: Scalar, shown: object, kind: str) -> None:
    assert written(tmp_path / "t.xlsx", value) == (shown, kind)


def test_times_are_told_in_utc_to_the_second(tmp_path: Path) -> None:
    for hours in (0, 2):
        zone = timezone(timedelta(hours=hours))
        moment = datetime(2026, 1, 2, 12 + hours, 30, 5, 999, tzinfo=zone)
        assert written(tmp_path / "t.xlsx", moment, Style.MOMENT) == (datetime(2026, 1, 2, 12, 30, 5), "d")


def test_endless_text_makes_no_row_taller_than_the_format_allows(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    written(path, "x" * 40_000, Style.WRAPPED)
    assert load_workbook(path)["One"].row_dimensions[1].height <= 409.5


def test_every_style_has_its_own_name() -> None:
    names = [style.name for style in named_styles()]
    assert len(set(names)) == len(names) == len(Style)
