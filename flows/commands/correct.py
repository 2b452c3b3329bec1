"""`tallymark correct`: what people filled in on a workbook becomes corrections."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from flows.deciding import decide_about, grounds_of
from flows.errors import CorrectionError
from flows.export.corrections import Checked, Refusal, check_filled
from flows.export.reading_back import Filled, read_filled
from flows.records import DISPUTED, Correction, FieldRow
from flows.reviewer import check_reviewer
from flows.settings import Exam, load_exam
from flows.store import Store, open_store
from flows.trail import standing


def _reviewer(_context: click.Context, _option: click.Parameter, name: str) -> str:
    try:
        return check_reviewer(name)
    except CorrectionError as problem:
        raise click.BadParameter(str(problem)) from problem


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.argument("workbook", metavar="[FILE.xlsx]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--set",
    "single",
    metavar="KEY=VALUE",
    multiple=True,
    help="Correct one reading without a workbook, also one that was accepted; its key: 'tallymark readings --csv'.",
)
@click.option("--reviewer", metavar="NAME", required=True, callback=_reviewer, help="Who filled in the corrections.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: stored, already, refused.")
def correct(folder: Path, workbook: Path | None, single: tuple[str, ...], reviewer: str, as_json: bool) -> None:
    """Take the filled correction column of a workbook's Flags sheet, or single corrections.

    A value is typed as it should stand: 7.5, 2½, -, AB, B, A+C, 00123456; the word blank means that nothing is
    written there. Rows may be sorted and columns moved. Rows that are out of range, or were decided or read again after
    the workbook was written, are refused by name, all others are stored. Taking the same workbook again changes
    nothing.

    \b
    Examples:
      tallymark correct chemistry chemistry/exports/marks.xlsx --reviewer AB
      tallymark correct chemistry --set b854e93f680f-3-mark_06=1.5 --reviewer AB
    """  # noqa: D301 - click wants a real backspace here
    if (workbook is None) == (not single):
        raise click.UsageError("name a workbook, or single corrections with --set KEY=VALUE (one of the two)")
    exam = load_exam(folder)
    filled = read_filled(workbook) if workbook else ()
    pairs = tuple(_pair(text) for text in single)
    with open_store(folder) as store:
        checked = _take(store, filled, pairs, exam, reviewer)
    source = click.format_filename(workbook) if workbook else "--set"
    click.echo(_as_json(checked) if as_json else _as_text(source, checked))
    if checked.refused:
        raise CorrectionError(
            "\n".join((f"{len(checked.refused)} refused:", *(f"  {each}" for each in checked.refused)))
        )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value.strip()):
        raise click.BadParameter(f"'{text}' is no KEY=VALUE; for a field where nothing is written: KEY=blank")
    return key.strip(), value.strip()


def _single(pairs: Sequence[tuple[str, str]], fields: Sequence[FieldRow]) -> tuple[Filled, ...]:
    """Return single corrections as filled rows about the readings as they are now."""
    present = {row.key: row for row in fields}
    return tuple(
        Filled(number, key, row.revision, value, "", row.sheet, row.file, str(row.page_number), row.field)
        if (row := present.get(key))
        else Filled(number, key, "", value, "", "", "", "", key)
        for number, (key, value) in enumerate(pairs, start=1)
    )


def _take(
    store: Store,
    filled: Sequence[Filled],
    pairs: Sequence[tuple[str, str]],
    exam: Exam,
    reviewer: str,
) -> Checked:
    """Check the filled rows and store those that hold, in one transaction: of two reviewers the second is told."""
    checked = Checked((), (), ())
    by = grounds_of(exam, store)

    def choose(fields: tuple[FieldRow, ...]) -> tuple[Correction, ...]:
        nonlocal checked
        rows = (*filled, *_single(pairs, fields))
        shown = decide_about(fields, {row.key for row in rows}, by)
        disputes = _disputes(store, shown, {row.key for row in rows})
        checked = check_filled(rows, shown, exam.sheets.templates, reviewer, datetime.now(UTC), disputes=disputes)
        return tuple(replace(taken, how="command") for taken in checked.taken) if pairs else checked.taken

    store.correct(choose)
    return checked


def _disputes(store: Store, fields: Sequence[FieldRow], keys: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return who differ about those of some fields that two people read differently."""
    return {
        row.key: standing(store.trail(row.key)).people
        for row in fields
        if row.key in keys and row.correction is not None and row.correction.note == DISPUTED
    }


def _as_text(name: str, checked: Checked) -> str:
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
