"""The sheet *Candidates*: everybody who is expected, with sheets and total; below them the sheets that are nobody's."""

from collections.abc import Sequence

from openpyxl import Workbook

from flows.candidate_list import CandidateLine, Group, candidate_lines
from flows.exam_results import ExamResults
from flows.export.points import maximum_cell, points_cell
from flows.export.styles import ORANGE, Style
from flows.export.table import Cell, Column, Look, SheetWriter
from recognizer.template import SheetTemplate

CANDIDATES = "Candidates"

GUESSES = 5
"""Candidates who are proposed for a sheet of nobody, likeliest first."""

HEADING_HEIGHT = 34.0
OPEN_GROUPS = frozenset({Group.DOUBLED, Group.OFF_ROSTER, Group.UNSURE})


def write_candidates(book: Workbook, results: ExamResults, templates: Sequence[SheetTemplate], footer: str) -> None:
    """Write the sheet."""
    lines = candidate_lines(results, templates)
    extra = tuple(dict.fromkeys(name for line in lines for name in line.extra))
    grouped = any(line.class_group for line in lines)
    graded = any(line.grade for line in lines)
    guessed = any(line.ranked for line in lines)
    lacking = any(line.not_come for line in lines)
    columns = _columns(extra, grouped=grouped, graded=graded, guessed=guessed, lacking=lacking)
    table = SheetWriter(
        book,
        Look(
            CANDIDATES,
            columns,
            frozen_columns=2,
            tab=ORANGE if any(line.is_open for line in lines) else None,
            numbers_as_text=tuple(range(1, 4 + len(extra) + grouped)),
            footer=footer,
        ),
    )
    table.headings(HEADING_HEIGHT)
    for line in lines:
        cells = _cells(line, extra, grouped=grouped, graded=graded, lacking=lacking)
        table.row([*cells, *(_guess_cells(line) if guessed else ())])
    table.filter_rows(1, max(2, table.next_row - 1))
    table.finish()


def _columns(extra: Sequence[str], *, grouped: bool, graded: bool, guessed: bool, lacking: bool) -> tuple[Column, ...]:
    columns = [Column("id", 13), Column("name", 26)]
    if grouped:
        columns.append(Column("group", 12))
    columns += [Column(_heading(name), 14) for name in extra]
    columns += [
        Column("status", 17),
        Column("sheets", 24),
        Column("total", 8, Style.HEADING_MID),
        Column("maximum", 10, Style.HEADING_MID),
    ]
    if graded:
        columns.append(Column("grade", 8, Style.HEADING_MID))
    if lacking:
        columns.append(Column("papers that have not come", 20))
    columns.append(Column("what is open or missing, and why", 60))
    if guessed:
        for number in range(1, GUESSES + 1):
            columns += [Column(f"guess {number}", 28), Column(f"guess {number}\nprobability", 11, Style.HEADING_MID)]
    return tuple(columns)


def _heading(name: str) -> str:
    """Return the heading of a column of the roster, so that it is not taken for one of ours."""
    return f"{name}\n(roster)"


def _cells(line: CandidateLine, extra: Sequence[str], *, grouped: bool, graded: bool, lacking: bool) -> list[Cell]:
    cells = [Cell(line.id or None, Style.TEXT), Cell(line.name or None, Style.TEXT if line.on_roster else Style.ABSENT)]
    if grouped:
        cells.append(Cell(line.class_group or None, Style.TEXT if line.on_roster else Style.ABSENT))
    cells += [Cell(line.extra.get(name), Style.TEXT if line.on_roster else Style.ABSENT) for name in extra]
    cells += [
        Cell(line.status, _status_style(line)),
        Cell("\n".join(line.sheets) or None, Style.WRAPPED),
        points_cell(line.total, Style.TOTAL),
        maximum_cell(line.maximum),
    ]
    if graded:
        cells.append(Cell(line.grade or None, Style.MARK_TEXT))
    if lacking:
        cells.append(Cell("\n".join(line.not_come) or None, Style.WRAPPED))
    cells.append(Cell("\n".join(line.reasons) or None, Style.WARNING if line.reasons else Style.WRAPPED))
    return cells


def _status_style(line: CandidateLine) -> Style:
    if line.group in OPEN_GROUPS:
        return Style.BAD
    return Style.WARNING if line.group is Group.MISSING else Style.TEXT


def _guess_cells(line: CandidateLine) -> list[Cell]:
    cells: list[Cell] = []
    for one in line.ranked[:GUESSES]:
        cells += [Cell(f"{one.id} {one.name}".strip(), Style.TEXT), Cell(round(one.probability, 4), Style.PERCENT)]
    while len(cells) < 2 * GUESSES:
        cells.append(Cell(None, Style.ABSENT if line.on_roster else Style.TEXT))
    return cells
