"""`tallymark correct`: what people filled in on a workbook becomes corrections."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from flows.errors import CorrectionError
from flows.export.corrections import Checked, Refusal, check_filled, check_reviewer
from flows.export.reading_back import Filled, read_filled
from flows.records import Correction, FieldRow
from flows.settings import load_exam
from flows.store import Store, open_store
from recognizer.template import SheetTemplate


def _reviewer(_context: click.Context, _option: click.Parameter, name: str) -> str:
    try:
        return check_reviewer(name)
    except CorrectionError as problem:
        raise click.BadParameter(str(problem)) from problem


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.argument("workbook", metavar="FILE.xlsx", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--reviewer", metavar="NAME", required=True, callback=_reviewer, help="Who filled in the corrections.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: stored, already, refused.")
def correct(folder: Path, workbook: Path, reviewer: str, as_json: bool) -> None:
    """Take the filled correction column of a workbook's Flags sheet.

    A value is typed as it should stand: 7.5, 2½, -, B, A+C, 00123456; the word blank means that nothing is written
    there. Rows may be sorted and columns moved. Rows that are out of range, or were decided or read again after the
    workbook was written, are refused by name, all others are stored. Taking the same workbook again changes nothing.
    """
    exam = load_exam(folder)
    filled = read_filled(workbook)
    with open_store(folder) as store:
        checked = _take(store, filled, exam.sheets.templates, reviewer)
    click.echo(_as_json(checked) if as_json else _as_text(workbook, checked))
    if checked.refused:
        raise CorrectionError(
            "\n".join((f"{len(checked.refused)} refused:", *(f"  {each}" for each in checked.refused)))
        )


def _take(store: Store, filled: Sequence[Filled], templates: Sequence[SheetTemplate], reviewer: str) -> Checked:
    """Check the filled rows and store those that hold, in one transaction: of two reviewers the second is told."""
    checked = Checked((), (), ())

    def choose(fields: tuple[FieldRow, ...]) -> tuple[Correction, ...]:
        nonlocal checked
        checked = check_filled(filled, fields, templates, reviewer, datetime.now(UTC))
        return checked.taken

    store.correct(choose)
    return checked


def _as_text(workbook: Path, checked: Checked) -> str:
    name = click.format_filename(workbook)
    if not (checked.taken or checked.already or checked.refused):
        return f"{name}: no correction is filled in; nothing was stored"
    counts = [f"{len(checked.taken)} stored"]
    if checked.already:
        counts.append(f"{len(checked.already)} stored before")
    if checked.refused:
        counts.append(f"{len(checked.refused)} refused")
    return f"{name}: corrections: {', '.join(counts)}"


def _as_json(checked: Checked) -> str:
    told = {
        "stored": len(checked.taken),
        "already": len(checked.already),
        "refused": [_refusal(each) for each in checked.refused],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _refusal(refusal: Refusal) -> dict[str, str | int]:
    filled = refusal.filled
    return {
        "row": filled.number,
        "key": filled.key,
        "sheet": filled.sheet,
        "file": filled.file,
        "page": filled.page,
        "field": filled.field,
        "typed": filled.text,
        "reason": refusal.reason,
    }
