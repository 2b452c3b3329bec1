"""`tallymark readings`: every field that was read."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flows.records import FieldRow

COLUMNS = (
    *("file", "page", "sheet", "template", "field", "state", "value", "guess", "confidence", "flag", "why"),
    *("corrected_by", "settled_by", "key"),
)


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a heading.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
@click.option("--flagged", is_flag=True, help="Only fields that a person still has to look at.")
def readings(folder: Path, as_csv: bool, as_json: bool, flagged: bool) -> None:
    """List every field that was read: where, what, how sure, and why it is flagged.

    An empty value in state "blank" means that nothing is written there; in state "unsettled", that nobody knows yet.
    "settled_by" (in --csv and --json) says whether its picture alone, the sum of its sheet, the class list (roster) or
    a person decided.

    \b
    Examples:
      tallymark readings chemistry --flagged
      tallymark readings chemistry --csv > readings.csv
    """  # noqa: D301 - click wants a real backspace here
    from flows.deciding import decide_fields, grounds_of
    from flows.settings import load_exam
    from flows.store import open_store

    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    exam = load_exam(folder)
    with open_store(folder) as store, store.snapshot():
        fields = decide_fields(store.fields(), grounds_of(exam, store)).fields
        rows = [_row(field) for field in fields if field.flag is not None or not flagged]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print_table(rows)


def _row(field: "FieldRow") -> dict[str, Any]:
    decision = field.decision
    return {
        "file": field.file,
        "page": field.page_number,
        "sheet": field.sheet,
        "template": field.template,
        "field": field.field,
        "state": field.state.value,
        "value": field.value,
        "guess": decision.guess,
        "confidence": round(decision.confidence, 4),
        "flag": field.flag.value if field.flag else "",
        "why": field.why if field.flag else "",
        "corrected_by": field.correction.reviewer if field.correction else "",
        "settled_by": "person" if field.correction else field.settled_by.value,
        "key": field.key,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from flows.commands.output import out, plain

    columns = tuple(name for name in COLUMNS if name not in ("template", "settled_by", "key"))
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(plain(str(row[name])) for name in columns))
    out(sys.stdout).print(table)
