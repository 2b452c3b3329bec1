"""`tallymark audit`: who said what of a field, and proof that nothing of it was changed."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flows.audit import CellHistory
    from flows.results import MarkChange, Remark
    from flows.settings import Exam
    from flows.store import Store
    from flows.trail_pairs import PairFigures

LEAST_HEAD, HEAD_DIGITS = 12, 64
"""Digits of a hash that somebody may have noted: its beginning will do, if it is too long to be met by chance."""

PAIR_COLUMNS = (
    *("first", "second", "answered", "agreed", "disagreed"),
    *("first_confirmed", "second_confirmed", "neither_confirmed", "taken_back", "waiting"),
)


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--field",
    "name",
    metavar="NAME",
    help="The history of one cell: a key, SHEET:FIELD as the sheet Marks shows them, or a whole SHEET.",
)
@click.option("--verify", is_flag=True, help="Prove that no row was changed, added or removed by other means.")
@click.option("--head", metavar="HASH", help="Prove too that the trail only grew since its last row had this hash.")
@click.option("--pairs", "show_pairs", is_flag=True, help="How often two reviewers of one field agreed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a heading: a line for every row of the trail.")
def audit(
    folder: Path, *, name: str | None, verify: bool, head: str | None, show_pairs: bool, as_json: bool, as_csv: bool
) -> int:
    """Show who said what of which field, when and how, and prove that the trail of it is whole.

    Every correction is a row that carries the hash of the row before: whoever changes, removes or slips in a row breaks
    the chain. Length and last hash stand on the sheet Run of every workbook: --verify compares those of DIR/exports,
    and --head the one that you noted where nobody can change it. Taking back is a row too.

    \b
    --field tells of a cell of the workbook
      what the machine read, with which model and how sure it was
      what the sums of the sheet or the class list made of it
      what people said of it, from what to what, and what they took back
      what re-marks changed of it
      whether that was about the picture that is stored now

    Exit codes: 0 done, and with --verify the trail is whole; 9 it is broken, or what protects it is gone.

    \b
    Examples:
      tallymark audit chemistry
      tallymark audit chemistry --field cover_marks#00017:mark_01
      tallymark audit chemistry --field "cover_marks#00017:computed total"
      tallymark audit chemistry --verify --head 5a0c…
      tallymark audit chemistry --pairs
    """  # noqa: D301 - click wants a real backspace here
    from flows.settings import load_exam
    from flows.store import open_store

    verify = verify or head is not None
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    if (name is not None) + verify + show_pairs > 1:
        raise click.UsageError("--field, --verify (or --head) and --pairs are asked for one at a time")
    if verify and as_csv:
        raise click.UsageError("--verify prints text or --json, no CSV")
    exam = load_exam(folder)
    with open_store(folder) as store, store.snapshot():
        if verify:
            from flows.commands.audit_verify import verify_trail

            return verify_trail(store, exam.dir, _noted(head), as_json=as_json)
        if show_pairs:
            _show_pairs(store, as_json, as_csv)
        elif name is not None:
            from flows.commands.audit_print import show_cells

            show_cells(*_histories(exam, store, name), as_json=as_json, as_csv=as_csv)
        else:
            _show_trail(store, as_json, as_csv)
    return 0


def _noted(head: str | None) -> str:
    """Return the hash that was noted, "" for none."""
    if head is None:
        return ""
    noted = head.strip().rstrip("…").casefold()
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST_HEAD},{HEAD_DIGITS}}}", noted):
        raise click.BadParameter(
            f"{head!r} is no hash of a row; one has {HEAD_DIGITS} digits 0-9 a-f, and its first {LEAST_HEAD} will do",
            param_hint="'--head'",
        )
    return noted


# ---- the trail and cells ---------------------------------------------------------------------------------------------


def _show_trail(store: "Store", as_json: bool, as_csv: bool) -> None:
    from flows.audit import entries
    from flows.commands.audit_print import show_trail

    trail = store.trail()
    found = entries(trail, store.crop_hashes({row.correction.key for row in trail}))
    show_trail(trail, found, as_json=as_json, as_csv=as_csv)


def _histories(
    exam: "Exam", store: "Store", name: str
) -> "tuple[tuple[CellHistory, ...], tuple[tuple[Remark, MarkChange], ...]]":
    from flows.audit import Known, NoSuchCellError, changes_of, histories, named_keys
    from flows.deciding import decide_fields, grounds_of

    templates, stored, trail, by = exam.sheets.templates, store.fields(), store.trail(), grounds_of(exam, store)
    try:
        keys = named_keys(name, stored, templates, (row.correction.key for row in trail))
    except NoSuchCellError as problem:
        raise click.BadParameter(str(problem), param_hint="'--field'") from problem
    decided = decide_fields(stored, by).fields
    mine = set(keys)
    without = decided
    if any(row.key in mine and row.correction for row in stored):
        alone = [replace(row, correction=None) if row.key in mine else row for row in stored]
        without = decide_fields(alone, by).fields
    known = Known(stored, decided, without, trail, store.sample_checks(), store.crop_hashes(keys))
    return histories(keys, templates, known), changes_of(name, keys, stored, templates, store.remarks())


# ---- pairs -----------------------------------------------------------------------------------------------------------


def _show_pairs(store: "Store", as_json: bool, as_csv: bool) -> None:
    from rich.table import Table

    from flows.commands.audit_print import write_csv
    from flows.commands.output import out, plain
    from flows.trail_pairs import pairs

    found = [_pair(names, figures) for names, figures in pairs(store.trail()).items()]
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif as_csv:
        write_csv(PAIR_COLUMNS, found)
    elif not found:
        click.echo("No field was answered by two people; review.second in exam.toml asks for it")
    else:
        table = Table(*(name.replace("_", " ") for name in PAIR_COLUMNS), box=None, pad_edge=False)
        for each in found:
            table.add_row(*(plain(str(each[name])) for name in PAIR_COLUMNS))
        out(sys.stdout).print(table)


def _pair(names: tuple[str, str], figures: "PairFigures") -> dict[str, Any]:
    return {
        "first": names[0],
        "second": names[1],
        "answered": figures.answered,
        "agreed": figures.agreed,
        "disagreed": figures.disagreed,
        "first_confirmed": figures.first_confirmed,
        "second_confirmed": figures.second_confirmed,
        "neither_confirmed": figures.neither_confirmed,
        "taken_back": figures.taken_back,
        "waiting": figures.waiting,
    }
