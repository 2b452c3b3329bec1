"""The sheet *Questions*: how each question was answered, over all sheets whose answer is settled."""

from collections.abc import Sequence

from openpyxl import Workbook

from flows.export.points import maximum_cell
from flows.export.styles import Style
from flows.export.table import Cell, Column, Look, SheetWriter
from flows.key import ChoiceRule, Key
from flows.statistics import QuestionStatistics

QUESTIONS = "Questions"

MOST_OPTIONS = 26
"""Options that get a column each; an exam with more of them has them listed in one."""

HEADING_HEIGHT = 34.0

COLUMNS = (
    Column("paper", 16),
    Column("question", 14),
    Column("section", 14),
    Column("maximum", 10, Style.HEADING_MID),
    Column("sheets settled", 9, Style.HEADING_MID),
    Column("attempted", 11, Style.HEADING_MID),
    Column("unsettled", 10.5, Style.HEADING_MID),
    Column("absent", 9, Style.HEADING_MID),
    Column("mean", 9, Style.HEADING_MID),
    Column("facility", 9, Style.HEADING_MID),
)


def write_questions(book: Workbook, statistics: Sequence[QuestionStatistics], key: Key | None, footer: str) -> None:
    """Write the sheet. Options that the key takes for right are green."""
    options = tuple(sorted({option for each in statistics for option in each.options}))
    single = len(options) > MOST_OPTIONS
    more = [Column("how often each option was marked", 60)] if single else [_option_column(each) for each in options]
    table = SheetWriter(
        book, Look(QUESTIONS, (*COLUMNS, *more), frozen_columns=2, numbers_as_text=(2, 3), footer=footer)
    )
    table.headings(HEADING_HEIGHT)
    right = _right_options(key)
    for each in statistics:
        good = right.get((each.template, each.question), frozenset())
        table.row([*_cells(each), *_option_cells(each, options, good, single=single)])
    table.filter_rows(1, max(2, table.next_row - 1))
    table.finish()


def _option_column(option: str) -> Column:
    return Column(f"marked\n{option}", 8, Style.HEADING_MID)


def _cells(each: QuestionStatistics) -> list[Cell]:
    return [
        Cell(each.template, Style.TEXT),
        Cell(each.question, Style.TEXT),
        Cell(each.section or None, Style.TEXT),
        maximum_cell(each.maximum),
        Cell(each.settled, Style.WHOLE),
        Cell(each.attempted, Style.WHOLE),
        Cell(each.unsettled, Style.COUNT_OPEN if each.unsettled else Style.WHOLE),
        Cell(each.absent, Style.WHOLE),
        Cell(each.mean, Style.ABSENT if each.mean is None else Style.MEAN),
        Cell(each.facility, Style.ABSENT if each.facility is None else Style.PERCENT),
    ]


def _option_cells(
    each: QuestionStatistics, options: Sequence[str], good: frozenset[str], *, single: bool
) -> list[Cell]:
    if single:
        told = ", ".join(f"{option}{' (right)' * (option in good)}: {n}" for option, n in each.options.items())
        return [Cell(told or None, Style.WRAPPED)]
    return [
        Cell(each.options[option], Style.WHOLE_GOOD if option in good else Style.WHOLE)
        if option in each.options
        else Cell(None, Style.ABSENT)
        for option in options
    ]


def _right_options(key: Key | None) -> dict[tuple[str, str], frozenset[str]]:
    """Return the options that are part of a right answer, by template and question."""
    return {
        (paper.template, question.name): frozenset().union(*(each.options for each in question.rule.accepted))
        for paper in (key.papers if key else ())
        for question in paper.questions
        if isinstance(question.rule, ChoiceRule)
    }
