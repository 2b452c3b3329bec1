"""`tallymark check`: a sample of what the machine accepted, looked at by a person."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from flows.checking import (
    USEFUL_DRAW,
    Standing,
    accepted_untouched,
    can_show,
    draw,
    how_it_stands,
)
from flows.deciding import decide_fields, grounds_of
from flows.errors import CorrectionError, PlaceError, WorkbookError
from flows.export.check_sheet import LAYOUT, OK_WORD, write_check
from flows.export.reading_back import Filled, read_filled
from flows.places import refuse_open_file
from flows.records import By, CheckedField, FieldRow
from flows.reviewer import check_reviewer
from flows.sample_rounds import as_filled, hand_in, standing_in, threshold_scores, told_by
from flows.settings import EXPORTS, Exam, load_exam
from flows.store import Store, open_store
from recognizer.promise import Verdict
from recognizer.records import ValueState

WORKBOOK = "check.xlsx"
SUFFIX = ".xlsx"


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--draw",
    "drawn",
    metavar="[N]",
    type=click.IntRange(min=1),
    is_flag=False,
    flag_value=USEFUL_DRAW,
    help=f"Choose N accepted fields at random ({USEFUL_DRAW} if no number is given) and write them into a workbook.",
)
@click.option("--seed", type=int, help="Draw the same fields again; for tests and audits.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The workbook of --draw; without it, DIR/{EXPORTS}/{WORKBOOK}.",
)
@click.option(
    "--from",
    "workbook",
    metavar="FILE.xlsx",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take answers back.",
)
@click.option("--ok", "right", metavar="KEY", multiple=True, help="Say that a field was read right.")
@click.option("--set", "wrong", metavar="KEY=VALUE", multiple=True, help="Say what is written in a field.")
@click.option("--reviewer", metavar="NAME", help="Who looked; needed for answers.")
@click.option(
    "--model",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="The model that read this exam, if exam.toml names another: its card tells which readings are surer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --draw, a list, and no workbook.")
def check(
    folder: Path,
    *,
    drawn: int | None,
    seed: int | None,
    output: Path | None,
    workbook: Path | None,
    right: tuple[str, ...],
    wrong: tuple[str, ...],
    reviewer: str | None,
    model: Path | None,
    as_json: bool,
) -> None:
    """Have a person look at a random sample of accepted fields, and say whether the promise is kept.

    Draw a sample, type into "right value" what is written there, or the word ok, and hand the workbook in. A field that
    was read wrong becomes a correction too. More errors than promised raise the thresholds: accepted fields that are as
    unsure are reopened, and the exam cannot be final until a person has looked at them. Without options it says how the
    promise stands. The answers of a workbook are stored together or, if one is faulty, not at all.

    \b
    Examples:
      tallymark check chemistry --draw 300
      tallymark check chemistry --from chemistry/exports/check.xlsx --reviewer AB
      tallymark check chemistry --ok b854e93f680f-3-mark_06 --set b854e93f680f-3-mark_07=1.5 --reviewer AB
      tallymark check chemistry
    """  # noqa: D301 - click wants a real backspace here
    if sum((drawn is not None, workbook is not None, bool(right or wrong))) > 1:
        raise click.UsageError("--draw, --from, and --ok or --set exclude each other")
    exam = load_exam(folder)
    with open_store(folder) as store:
        if drawn is not None:
            _draw(exam, store, drawn, seed, None if as_json else _destination(exam, output))
            return
        told: dict[str, Any] = {}
        if workbook is not None or right or wrong:
            filled = read_filled(workbook, LAYOUT) if workbook else ()
            told = _take(exam, store, (filled, _pairs(right, wrong)), _reviewer(reviewer), model)
        with store.snapshot():
            standing = standing_in(exam, store, model)
    if as_json:
        click.echo(json.dumps(told | _figures(standing), indent=2, ensure_ascii=False))
        return
    if told:
        click.echo(
            f"answers: {told['stored']} stored, {told['already']} stored before; {told['corrected']} fields corrected"
        )
    for sentence in told_by(standing):
        click.echo(sentence)


# ---- drawing ---------------------------------------------------------------------------------------------------------


def _draw(exam: Exam, store: Store, number: int, seed: int | None, destination: Path | None) -> None:
    """Write the workbook, or print a list where there is no destination."""
    with store.snapshot():
        fields, checks = decide_fields(store.fields(), grounds_of(exam, store)).fields, store.sample_checks()
        chosen = draw(fields, checks, number, seed)
        if destination is None:
            click.echo(json.dumps([_listed(row) for row in chosen], indent=2, ensure_ascii=False))
            return
        if not chosen:
            click.echo("There is nothing to draw: no accepted field that nobody has looked at")
            return
        _protect(destination, checks)
        write_check(chosen, exam.sheets.templates, store.crop_png, destination, exam.settings.exam)
    there = accepted_untouched(fields, checks)
    looked_at = how_it_stands(fields, checks, (), {}, exam.settings.accept_error).found.looked_at
    name = click.format_filename(destination)
    click.echo(f"{name}: {len(chosen):,} fields, drawn from {len(there):,} accepted ones that nobody has looked at")
    click.echo(can_show(looked_at + len(chosen), exam.settings.accept_error, len(there) - len(chosen)))
    click.echo(f"Fill in 'right value' for every row (ok: read right), then: tallymark check {exam.dir} --from {name} "
               "--reviewer NAME")  # fmt: skip


def _listed(row: FieldRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "sheet": row.sheet,
        "file": row.file,
        "page": row.page_number,
        "field": row.field,
        "machine": row.value,
        "blank": row.state is ValueState.BLANK,
        "confidence": round(row.decision.confidence, 6),
    }


def _destination(exam: Exam, output: Path | None) -> Path:
    if output is None:
        output = exam.dir / EXPORTS / WORKBOOK
        try:
            output.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise PlaceError(f"{output.parent}: cannot be made: {error.strerror or error}") from error
    if output.suffix.lower() != SUFFIX:
        raise click.BadParameter(f"'{output.name}' does not end in {SUFFIX}", param_hint="'-o'")
    if not output.parent.is_dir():
        raise PlaceError(f"{output.parent}: there is no such folder; make it, or name another file with -o")
    refuse_open_file(output)
    return output


def _protect(destination: Path, checks: Sequence[CheckedField]) -> None:
    """Refuse to replace answers that nobody took yet, and what is no workbook of ours."""
    if not destination.exists():
        return
    known = {one.key for one in checks}
    try:
        waiting = [each for each in read_filled(destination, LAYOUT) if each.key not in known]
    except WorkbookError as problem:
        raise WorkbookError(f"{problem}. It was not replaced; write to another file with -o") from problem
    if waiting:
        raise PlaceError(
            f"{destination} was not replaced: it holds {len(waiting)} answers that the exam does not know yet "
            f"({waiting[0].place}). Take them with 'tallymark check --from', or write to another file with -o"
        )


# ---- taking answers --------------------------------------------------------------------------------------------------


def _reviewer(name: str | None) -> str:
    if name is None:
        raise click.UsageError("say with --reviewer NAME who looked")
    try:
        return check_reviewer(name)
    except CorrectionError as problem:
        raise click.BadParameter(str(problem), param_hint="'--reviewer'") from problem


def _pairs(right: Sequence[str], wrong: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = [(key.strip(), OK_WORD) for key in right]
    for text in wrong:
        key, equals, value = text.partition("=")
        if not (key and equals and value.strip()):
            raise click.BadParameter(f"'{text}' is no KEY=VALUE; for a field where nothing is written: KEY=blank")
        pairs.append((key.strip(), value.strip()))
    return tuple(pairs)


def _take(
    exam: Exam,
    store: Store,
    said: tuple[Sequence[Filled], Sequence[tuple[str, str]]],
    reviewer: str,
    model: Path | None,
) -> dict[str, Any]:
    """Check and store all answers in one transaction, and say how many there were.

    Raises:
        CheckError: an answer is faulty; nothing was stored.
        PlaceError: somebody is grading: a run must not accept with thresholds that are just being raised.
    """
    filled, pairs = said
    by = _by(reviewer, bool(pairs))
    told = hand_in(exam, store, lambda fields: (*filled, *as_filled(pairs, fields)), by, model=model)
    return {"stored": told.stored, "already": told.already, "corrected": told.corrected}


def _by(reviewer: str, single: bool) -> By:
    return By(reviewer, datetime.now(UTC), "sample check, command" if single else "sample check, workbook")


# ---- telling ---------------------------------------------------------------------------------------------------------


def _figures(standing: Standing) -> dict[str, Any]:
    return {
        "accept_error": standing.accept_error,
        "accepted": standing.accepted,
        **_verdict(standing.found),
        "interval_95": [round(standing.low, 6), round(standing.high, 6)],
        "broken": standing.broken,
        "blocks_final": standing.blocks,
        "reopened": standing.reopened,
        "reopened_waiting": standing.waiting,
        "still_accepted": _verdict(standing.left),
        "thresholds": {name: threshold_scores(held) for name, held in standing.thresholds.items()},
        "tightened": [
            {
                "round": one.round,
                "model": one.model,
                "digits": one.digits,
                "number": one.number,
                "choice": one.choice,
                "reopened": one.reopened,
                "why": one.why,
                "reviewer": one.reviewer,
                "made_at": one.made_at.isoformat(timespec="seconds"),
            }
            for one in standing.tightenings
        ],
    }


def _verdict(found: Verdict) -> dict[str, Any]:
    return {
        "looked_at": found.looked_at,
        "wrong": found.wrong,
        "rate": round(found.rate, 6),
        "kept": found.kept.value,
    }
