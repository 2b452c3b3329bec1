"""The sheet *Run*: how this workbook came about (settings, versions, model, times) and how to read it."""

from collections.abc import Sequence
from dataclasses import dataclass

from openpyxl import Workbook

from flows.export.styles import Style
from flows.export.table import Cell, Column, Look, Scalar, SheetWriter
from flows.records import RunPromise, RunRow, TrailRow
from flows.run_promise import in_words, review_share
from flows.trail import act_in_words
from flows.trail_words import from_in_words, machine_in_words, to_in_words

RUN = "Run"

COLUMNS = (
    Column("", 24),
    Column("", 46),
    Column("", 20),
    Column("", 20),
    Column("", 14),
    Column("", 26),
    Column("", 12),
    Column("", 9),
    Column("", 9),
    Column("", 9),
    Column("", 9),
    Column("", 11),
)

LEGEND: tuple[tuple[Style, str, str], ...] = (
    (
        Style.UNSETTLED,
        "",
        "unsettled: nobody knows yet; its reason and picture stand on Flags. Totals with it stay empty.",
    ),
    (Style.BLANK, "", "blank: seen, and nothing is written there."),
    (Style.ABSENT, "", "this kind of sheet has no such field."),
    (Style.CORRECTED_NUMBER, "7.5", "said by a person, not read by the machine; 'corrected by a person' names who."),
    (Style.CORRECTED_BLANK, "", "a person says that the field is blank."),
    (Style.MARK_TEXT, "-", "a dash: the examiner looked and awarded nothing."),
    (Style.MARK_TEXT, "AB", "absent: neither a mark nor zero; 'Settings now' says what it is worth."),
    (
        Style.CORRECTION,
        "",
        "to be filled in on Flags: a value, or the word blank. Then: tallymark correct DIR FILE.xlsx --reviewer NAME",
    ),
    (
        Style.MARK_TEXT,
        "in question",
        "on Flags: its sheet contradicts itself, another one or the roster; what is wrong there is typed anew.",
    ),
    (
        Style.SETTLED_MID,
        "repaired",
        "on Flags: the written total or the class list makes it another value than its picture alone would be.",
    ),
    (
        Style.SETTLED_MID,
        "corrected",
        "on Flags: settled by a person; whoever finds that wrong types what is right there.",
    ),
)

RUN_HEADINGS = (
    "run",
    "settings",
    "started (UTC)",
    "finished (UTC)",
    "tallymark",
    "model",
    "renderer",
    "files",
    "pages",
    "fields",
    "flagged",
    "seconds",
)
PROMISE_HEADINGS = (
    "run",
    "what it promises",
    "fields",
    "accepted",
    "to a person",
    "wrong in 1,000 at most",
    "proven",
    "wrong",
    "from",
    "to",
)
"""`wrong` is how many of the accepted fields are expected to be, `from` and `to` hold 95 of 100 such runs."""

CORRECTION_HEADINGS = ("reading", "from, to", "when (UTC)", "who", "how", "read as, by model", "row")


@dataclass(frozen=True, slots=True)
class Section:
    """One block of facts under a title: what, and what it is."""

    title: str
    facts: tuple[tuple[str, Scalar], ...]


def write_run(
    book: Workbook, sections: Sequence[Section], runs: Sequence[RunRow], trail: Sequence[TrailRow], footer: str
) -> None:
    """Write the sheet."""
    table = SheetWriter(book, Look(RUN, COLUMNS, footer=footer))
    table.row([Cell("How this workbook came about", Style.TITLE)], 26.0)
    _write_legend(table)
    for section in sections:
        _write_title(table, section.title)
        for label, value in section.facts:
            table.row([Cell(label, Style.LABEL), Cell(value, _fact_style(value))])
    _write_title(table, "Runs")
    table.row([Cell(heading, Style.HEADING) for heading in RUN_HEADINGS])
    for run in runs:
        table.row(_run_cells(run))
    if any(run.promise for run in runs):
        _write_title(table, "What the runs promise of the fields that they accepted")
        table.row([Cell(heading, Style.HEADING) for heading in PROMISE_HEADINGS])
        for run in runs:
            if run.promise:
                table.row(_promise_cells(run, run.promise))
    if trail:
        _write_title(table, "Corrections, oldest first")
        table.row([Cell(heading, Style.HEADING) for heading in CORRECTION_HEADINGS])
        was = from_in_words(trail)
        for row in trail:
            table.row(_trail_cells(row, was[row.number]))
    table.finish()


def _write_title(table: SheetWriter, title: str) -> None:
    table.row([])
    table.row([Cell(title, Style.SECTION)], 20.0)


def _write_legend(table: SheetWriter) -> None:
    _write_title(table, "How to read the cells")
    for style, example, meaning in LEGEND:
        table.row([Cell(example or None, style), Cell(meaning, Style.NOTE)])


def _fact_style(value: Scalar) -> Style:
    if isinstance(value, str):
        return Style.WRAPPED
    return Style.MOMENT if hasattr(value, "astimezone") else Style.FACT


def _run_cells(run: RunRow) -> list[Cell]:
    return [
        Cell(f"{run.number} {run.command}", Style.TEXT),
        Cell(run.settings, Style.WRAPPED),
        Cell(run.started_at, Style.MOMENT),
        Cell(run.finished_at or "stopped, or still going on", Style.MOMENT if run.finished_at else Style.WARNING),
        Cell(run.tallymark, Style.TEXT),
        Cell(run.model, Style.WRAPPED),
        Cell(run.renderer, Style.TEXT),
        *(Cell(count, Style.WHOLE) for count in (run.files, run.pages, run.fields, run.flagged)),
        Cell(round(run.seconds, 1), Style.NUMBER),
    ]


def _promise_cells(run: RunRow, promise: RunPromise) -> list[Cell]:
    expected = promise.expected
    told = " ".join((*in_words(promise), *(f"{one}." for one in promise.thresholds)))
    return [
        Cell(f"{run.number} {run.command}", Style.TEXT),
        Cell(told, Style.WARNING if promise.drift else Style.WRAPPED),
        Cell(promise.fields, Style.WHOLE),
        Cell(promise.accepted, Style.WHOLE),
        Cell(review_share(promise), Style.PERCENT),
        Cell(promise.accept_error * 1000, Style.NUMBER),
        Cell("yes" if promise.proven else "no", Style.TEXT),
        Cell(round(expected.expected, 2) if expected else None, Style.NUMBER),
        Cell(expected.low if expected else None, Style.WHOLE),
        Cell(expected.high if expected else None, Style.WHOLE),
    ]


def _trail_cells(row: TrailRow, was: str) -> list[Cell]:
    correction = row.correction
    return [
        Cell(correction.key, Style.TEXT),
        Cell(f"{was} → {to_in_words(correction)}", Style.TEXT),
        Cell(correction.made_at, Style.MOMENT),
        Cell(correction.reviewer, Style.TEXT),
        Cell(act_in_words(correction), Style.TEXT),
        Cell(f"{machine_in_words(correction)}, {correction.model}", Style.TEXT),
        Cell(row.number, Style.WHOLE),
    ]
