"""`tallymark export`: the marks workbook."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from flows.adopting import adopt_silently, pending_in_words
from flows.batches import in_words as in_batch_words
from flows.checking import Standing, in_words
from flows.errors import NotFinalError, PlaceError, WorkbookError
from flows.export.contents import exam_contents
from flows.export.corrections import unread
from flows.export.flags_sheet import flag_rows
from flows.export.place import keep_copy
from flows.export.reading_back import Filled, read_filled
from flows.export.run_sheet import Section
from flows.export.workbook import Contents, write_workbook
from flows.final import left_open, what_blocks
from flows.places import refuse_open_file
from flows.sample_rounds import standing_of
from flows.settings import EXPORTS, load_exam
from flows.store import open_store

WORKBOOK = "marks.xlsx"
SUFFIX = ".xlsx"


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The workbook; without it, DIR/{EXPORTS}/{WORKBOOK}.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace a workbook that holds corrections not yet taken, or that is not ours; a copy of it is kept.",
)
@click.option(
    "--final",
    is_flag=True,
    help="Only if nothing waits for a person, every batch holds its papers and no sample check stands against it; the "
    "sheet Run then says 'final'.",
)
def export(folder: Path, output: Path | None, force: bool, final: bool) -> None:
    """Write the marks workbook of an exam folder.

    \b
    Marks       one row a candidate sheet; totals stay empty until every part is settled
    Candidates  who is expected, with sheets and total; the sheets of nobody, and who may have written them
    Flags       what a person has to look at, with pictures and a column for corrections
    Questions   how each question was answered
    Changes     what re-marks changed: who, when, from what to what
    Pages       every page that came in and what became of it
    Run         settings, versions, model, times, and how to read the cells

    Fill in the corrections on Flags, save, and give the file to 'tallymark correct'.

    \b
    Examples:
      tallymark export chemistry
      tallymark export chemistry -o marks.xlsx
      tallymark export chemistry --final
    """  # noqa: D301 - click takes the backspace character as "do not wrap"
    exam = load_exam(folder)
    destination = _destination(folder, output)
    refuse_open_file(destination)
    # Pictures are fetched while the workbook is written: what they show is as old as what is said of them.
    with open_store(folder) as store, store.snapshot():
        contents = exam_contents(exam, store)
        told = pending_in_words(folder, store.last_snapshot(), now := contents.results.snapshot())
        standing = standing_of(exam, contents.fields, store)
        if final:
            _refuse_unfinished(
                contents, standing, told, exam.settings.review.second_share, is_whole=store.chain().is_whole
            )
        contents = replace(
            contents, facts=(*contents.facts, _about_checks(standing, final, len(contents.ledger.accepted)))
        )
        if destination.exists():
            _protect(destination, contents, force)
        written = write_workbook(contents, store.crop_png, destination)
        adopt_silently(store, now)
    if told:
        click.echo(f"Marked by rules that are not yet recorded, see Changes: {told}", err=True)
    for batch in contents.batches:
        if batch.blocks:
            click.echo(f"Not final: {in_batch_words(batch)}", err=True)
    name = click.format_filename(written.path)
    click.echo(f"{name}: {written.sheets} candidate sheets, {written.open_sheets} of them open, {written.flags} flags")
    if written.flags:
        click.echo(f"Fill in the corrections on Flags, then: tallymark correct {folder} {name} --reviewer NAME")
    elif written.open_sheets:
        click.echo("Nothing is flagged; what is still open stands in the column 'remarks' of Marks")


def _refuse_unfinished(contents: Contents, standing: Standing, told: str, share: float, *, is_whole: bool) -> None:
    """Raise NotFinalError for what a person still has to look at.

    `told` says that changed rules are not recorded; `share` is the share of fields that two people answer; `is_whole`
    whether the chain of corrections is.
    """
    reasons = what_blocks(
        standing,
        contents.ledger,
        contents.settled,
        contents.batches,
        flags=len(flag_rows(contents.fields, contents.settled, contents.sheets.templates)),
        left=left_open(contents.fields, contents.trail, share),
        rules=told,
        is_whole=is_whole,
    )
    if reasons:
        raise NotFinalError("\n".join(("this exam cannot be final yet:", *(f"  {one.in_words()}" for one in reasons))))


def _about_checks(standing: Standing, final: bool, accepted: int) -> Section:
    """Say on the sheet Run whether the workbook is final, and what sample checks found."""
    nothing = "nothing waits for a person"
    if accepted:
        nothing += f"; {accepted:,} times somebody accepted something as it is, see the end of the sheet Pages"
    told = (("final" if final else "not final", nothing if final else "work in progress"),)
    return Section(
        "Final or not, and sample checks",
        (
            *told,
            ("the promise", "is not kept" if standing.broken else standing.found.kept.value),
            ("sample checks", " ".join(in_words(standing))),
            *(
                (
                    f"tightened by {one.reviewer}",
                    f"{one.made_at:%Y-%m-%d %H:%M} UTC, model {one.model}: {one.why}; {one.reopened:,} reopened",
                )
                for one in standing.tightenings
            ),
        ),
    )


def _destination(folder: Path, output: Path | None) -> Path:
    """Return the file to write, in a folder that exists.

    Raises:
        PlaceError: there is no such folder, or it cannot be made.
    """
    if output is None:
        output = folder / EXPORTS / WORKBOOK
        try:
            output.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise PlaceError(f"{output.parent}: cannot be made: {error.strerror or error}") from error
    if output.suffix.lower() != SUFFIX:
        raise click.BadParameter(f"'{output.name}' does not end in {SUFFIX}", param_hint="'-o'")
    if not output.parent.is_dir():
        raise PlaceError(f"{output.parent}: there is no such folder; make it, or name another file with -o")
    return output


def _protect(destination: Path, contents: Contents, force: bool) -> None:
    """Refuse to replace what people filled in and nobody took yet, and what is not ours; with force, keep a copy of it.

    Raises:
        PlaceError: corrections would be lost.
        WorkbookError: the file there is no workbook of ours.
    """
    try:
        waiting = unread(read_filled(destination), contents.fields, contents.corrections, contents.sheets.templates)
    except WorkbookError as problem:
        if not force:
            raise WorkbookError(f"{problem}. It was not replaced; --force does it, and keeps a copy") from problem
    else:
        if not waiting:
            return
        if not force:
            raise PlaceError(_would_be_lost(destination, waiting))
    click.echo(f"the older file is kept as {click.format_filename(keep_copy(destination))}", err=True)


def _would_be_lost(destination: Path, waiting: Sequence[Filled]) -> str:
    number = f"{len(waiting)} filled correction{'s' if len(waiting) > 1 else ''}"
    return (
        f"{destination} was not replaced: it holds {number} that the exam does not know yet ({waiting[0].place}"
        f"{', …' if len(waiting) > 1 else ''}). Take them with 'tallymark correct', write to another file with -o, or "
        "replace it with --force (a copy is kept)"
    )
