"""`tallymark candidates`: who wrote which sheet, who has none, and which sheets are nobody's."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flows.candidate_list import CandidateLine

LOOKED_FOR = ("missing", "doubled", "off-roster", "unsure")


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--only", type=click.Choice(LOOKED_FOR), help="Only candidates and sheets of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def candidates(folder: Path, only: str | None, as_json: bool) -> None:
    """Say who wrote which sheet: every candidate of the roster, then the sheets that are nobody's.

    A sheet is given to a candidate at the error that exam.toml allows (accept_error); where it is not, up to five
    candidates are named with their probabilities. Who is right is said on the sheet Flags, or with 'correct --set'.

    \b
    Examples:
      tallymark candidates chemistry
      tallymark candidates chemistry --only missing
    """  # noqa: D301 - click wants a real backspace here
    from flows.candidate_list import candidate_lines
    from flows.exam_results import exam_results
    from flows.settings import load_exam
    from flows.store import open_store

    exam = load_exam(folder)
    with open_store(folder) as store, store.snapshot():
        results = exam_results(exam, store)
    every = candidate_lines(results, exam.sheets.templates)
    lines = tuple(line for line in every if only is None or line.group.value == only)
    counts = Counter(line.group.value for line in every)
    if as_json:
        figures = {
            "counts": {name: counts[name] for name in ("matched", *LOOKED_FOR)},
            "lines": [_figures(line) for line in lines],
        }
        click.echo(json.dumps(figures, ensure_ascii=False, indent=1))
        return
    _print(lines)
    told = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    click.echo(f"{told}" if every else "There is no roster, and no sheet was read yet")


def _figures(line: "CandidateLine") -> dict[str, Any]:
    from flows.mark_changes import in_words
    from recognizer.values import format_number

    return {
        "id": line.id,
        "name": line.name,
        "group": line.class_group,
        "extra": dict(line.extra),
        "on_roster": line.on_roster,
        "kind": line.group.value,
        "status": line.status,
        "sheets": list(line.sheets),
        "total": None if line.total is None else in_words(line.total),
        "maximum": None if line.maximum is None else format_number(line.maximum),
        "grade": line.grade,
        "reasons": list(line.reasons),
        "not_come": list(line.not_come),
        "ranked": [{"id": one.id, "name": one.name, "probability": round(one.probability, 6)} for one in line.ranked],
    }


def _print(lines: "tuple[CandidateLine, ...]") -> None:
    from rich.table import Table

    from flows.commands.output import out, plain
    from flows.mark_changes import in_words

    table = Table(
        "id", "name", "status", "sheets", "total", "grade", "what is open or missing", box=None, pad_edge=False
    )
    table.columns[4].justify = "right"
    for line in lines:
        absent = [f"not come: {', '.join(line.not_come)}"] if line.not_come else []
        guesses = [f"{one.probability:.1%} {one.id} {one.name}" for one in line.ranked]
        table.add_row(
            plain(line.id),
            plain(line.name),
            plain(line.status),
            plain("\n".join(line.sheets)),
            plain("" if line.total is None else in_words(line.total)),
            plain(line.grade),
            plain("\n".join((*line.reasons, *absent, *guesses))),
        )
    if lines:
        out(sys.stdout).print(table)
