"""`tallymark batches`: how many papers each batch should hold and does, and why if they differ."""

import json
from pathlib import Path

import click

from flows.batch_list import exam_batches
from flows.batches import Batch, BatchExplanation, in_words
from flows.commands.page_options import BY, by_name
from flows.errors import EXIT_SET_ASIDE, ExamError
from flows.report import batch_report
from flows.settings import load_exam
from flows.store import open_store

LONGEST_TEXT = 400
"""Characters of an explanation: a few sentences."""


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--explain", nargs=2, metavar="NAME TEXT", help="Say why a batch holds other papers than was stated.")
@BY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def batches(folder: Path, *, explain: tuple[str, str] | None, name: str | None, as_json: bool) -> int:
    """List every batch: how many papers were stated, how many came in, and what explains a difference.

    A batch is what 'tallymark grade --expect' took, a file named in batches.csv (columns file,papers or
    file,papers,batch), or what lies behind a cover sheet (tallymark template cover). One that holds too few or too many
    papers blocks the final export until somebody explains it; if the numbers change after that, it blocks again.

    Exit codes: 0 every batch is complete or explained; 4 one is not.

    \b
    Examples:
      tallymark batches chemistry
      tallymark batches chemistry --explain Monday "49: seat 17 left the room" --by AB
    """  # noqa: D301 - click wants a real backspace here
    exam = load_exam(folder)
    with open_store(folder) as store:
        if explain is not None:
            text, by = _text(explain[1]), by_name(name)
            batch = _named(explain[0], exam_batches(exam, store))
            if not batch.differs:
                raise ExamError(f"{in_words(batch)}: there is nothing to explain")
            said = BatchExplanation(batch.name, batch.stated, batch.found, text, by.reviewer, by.made_at)
            store.explain_batch(said)
        with store.snapshot():
            found = exam_batches(exam, store)
    code = EXIT_SET_ASIDE if any(batch.blocks for batch in found) else 0
    if as_json:
        click.echo(json.dumps([batch_report(batch) for batch in found], indent=2, ensure_ascii=False))
        return code
    if not found:
        click.echo("No batch is known: neither grade --expect nor a cover sheet nor batches.csv stated any papers.")
    for batch in found:
        click.echo(f"{'NOT EXPLAINED: ' if batch.blocks else ''}{in_words(batch)}")
    return code


def _named(name: str, found: tuple[Batch, ...]) -> Batch:
    for batch in found:
        if batch.name == name:
            return batch
    known = ", ".join(f"'{batch.name}'" for batch in found) or "none"
    raise ExamError(f"there is no batch '{name}'; there are {known}")


def _text(text: str) -> str:
    text = " ".join(text.split())
    if not (0 < len(text) <= LONGEST_TEXT and text.isprintable()):
        raise click.BadParameter(f"give 1 to {LONGEST_TEXT} printable characters", param_hint="'--explain'")
    return text
