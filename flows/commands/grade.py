"""`tallymark grade` and `tallymark regrade`: read what is in the inbox, or in the archive."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.commands.page_options import PHOTOCOPIES
from flows.commands.progress import shown_progress
from flows.errors import EXIT_NOT_CLOSED, EXIT_SET_ASIDE

if TYPE_CHECKING:
    from flows.expecting import Expected
    from flows.grading import Tally
    from flows.jobs import Job

SHOWN_ASIDE = 20
"""Files and pages named under the summary; a whole stack of foreign sheets need not scroll everything else away."""

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the figures of this run.")
WORKERS = click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes that read at once; without it, what exam.toml says."
)


@click.command(no_args_is_help=True)
@FOLDER
@JSON
@WORKERS
@click.option(
    "--expect",
    "papers",
    metavar="N",
    type=click.IntRange(min=1),
    help="How many papers the files hold that this run takes; other numbers block the final export until explained.",
)
@click.option("--batch", metavar="NAME", help="What to call these files; with --expect.")
def grade(folder: Path, *, as_json: bool, workers: int | None, papers: int | None, batch: str | None) -> int:
    """Read every complete scan in the inbox.

    A scan moves to archive/ when it is read, or to quarantine/ with a reason beside it. Running again is harmless: what
    is read is not read twice, and a run that was stopped goes on where it was.

    \b
    Examples:
      tallymark grade chemistry
      tallymark grade chemistry --json --workers 4
      tallymark grade chemistry --expect 50 --batch Monday
    """  # noqa: D301 - click wants a real backspace here
    from flows.jobs import Job

    return _run(Job("grade", folder, workers=workers, expected=_expected(papers, batch)), as_json)


def _expected(papers: int | None, batch: str | None) -> "Expected | None":
    from flows.batch_list import LONGEST_NAME
    from flows.expecting import Expected

    if papers is None:
        if batch is not None:
            raise click.UsageError("--batch names the files of which --expect says how many papers they hold; say both")
        return None
    name = " ".join((batch or "").split())
    if batch is not None and not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise click.BadParameter(f"a name is 1 to {LONGEST_NAME} printable characters", param_hint="'--batch'")
    return Expected(papers, name)


@click.command(no_args_is_help=True)
@FOLDER
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Another model than exam.toml says, for this run: a folder with its model.json and weights.",
)
@click.option(
    "--template",
    "template",
    type=click.Path(path_type=Path),
    help="A corrected .toml file of one of the exam's templates; it takes that one's place for good.",
)
@JSON
@WORKERS
def regrade(folder: Path, model: Path | None, template: Path | None, as_json: bool, workers: int | None) -> int:
    """Read the archived scans again, with another model or a corrected template.

    Every correction by people is kept and still counts.

    \b
    Examples:
      tallymark regrade chemistry
      tallymark regrade chemistry --template cover_marks.toml
    """  # noqa: D301 - click wants a real backspace here
    from flows.jobs import Job
    from flows.places import only_writer
    from flows.settings import load_exam, replace_template
    from flows.store import open_store

    if template is not None:
        exam = load_exam(folder)
        with only_writer(folder):
            with open_store(folder) as store:
                printed = {(page.template, page.template_version or 0) for page in store.pages() if page.template}
            replace_template(exam, template, printed)
    return _run(Job("regrade", folder, model=model, workers=workers), as_json)


def _run(job: "Job", as_json: bool) -> int:
    from flows.grade import with_prefect
    from flows.jobs import carry_out

    with shown_progress() as watchers:
        tally = carry_out(job, with_prefect, watchers)
    return report_tally(job, tally, as_json)


def report_tally(job: "Job", tally: "Tally", as_json: bool) -> int:
    """Print what a run did, and return the exit code that it ends with."""
    from flows.ledger import in_words

    for warning in tally.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if tally.ledger is not None and not tally.ledger.closes:
        click.echo(f"Warning: {in_words(tally.ledger)}", err=True)
    if as_json:
        from flows.report import json_report

        click.echo(json.dumps(json_report(tally), ensure_ascii=False, indent=2))
    else:
        _print_summary(job, tally)
    if tally.ledger is not None and not tally.ledger.closes:
        return EXIT_NOT_CLOSED
    return EXIT_SET_ASIDE if tally.needs_person else 0


def _print_summary(job: "Job", tally: "Tally") -> None:
    from rich.table import Table

    from flows.commands.output import out, plain
    from flows.ledger import lacking_in_words
    from flows.records import FileOutcome
    from recognizer.records import PageOutcomeKind

    console = out(sys.stdout)
    for note in tally.left:
        console.print(plain(f"left in the inbox: {note.name}: {note.reason}"))
    if tally.run is None:
        empty = {"grade": "The inbox is empty; nothing to do.", "regrade": "Nothing was graded yet; nothing to do."}
        console.print("Nothing to do." if tally.left else empty[job.command])
        _print_batches(job, tally)
        return
    table = Table("what", "outcome", "how many", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for file in FileOutcome:
        if tally.files[file]:
            table.add_row("files", file.value, str(tally.files[file]))
    for page in PageOutcomeKind:
        if tally.pages[page]:
            table.add_row("pages", page.value, str(tally.pages[page]))
    table.add_row("fields", "read", str(tally.fields))
    table.add_row("fields", "flagged", str(tally.flagged))
    console.print(table)
    console.print(f"{tally.pages_done} pages in {tally.seconds:.1f} s: {tally.pages_per_second:.1f} pages a second")
    _print_promise(tally)
    _print_batches(job, tally)
    _print_aside(job, tally)
    if tally.ledger is not None and (lacking := lacking_in_words(tally.ledger)):
        console.print(plain(lacking))
    if tally.flagged:
        console.print("That is by their pictures alone: written totals and the class list settle more of them.")
    console.print(plain(f"Next: tallymark export {job.exam_dir}"))


def _print_promise(tally: "Tally") -> None:
    from flows.commands.output import out, plain
    from flows.run_promise import in_words

    console = out(sys.stdout)
    if tally.promise is None:
        return
    for sentence in in_words(tally.promise):
        console.print(plain(sentence))
    if not tally.promise.proven:
        for rests_on in tally.promise.thresholds:
            console.print(plain(f"  {rests_on}"))


def _print_batches(job: "Job", tally: "Tally") -> None:
    from flows.batches import in_words
    from flows.commands.output import out, plain

    console = out(sys.stdout)
    blocking = [batch for batch in tally.batches if batch.blocks]
    for batch in blocking[:SHOWN_ASIDE]:
        console.print(plain(in_words(batch)))
    if blocking:
        more = f"{len(blocking)} batches differ. " if len(blocking) > 1 else ""
        console.print(
            plain(f"{more}Explain it: tallymark batches {job.exam_dir} --explain '{blocking[0].name}' TEXT --by NAME")
        )
    if fine := len(tally.batches) - len(blocking):
        console.print(f"{fine} {'batch is' if fine == 1 else 'batches are'} complete or explained")


def _print_aside(job: "Job", tally: "Tally") -> None:
    from flows.commands.output import out, plain

    console = out(sys.stdout)
    if not tally.set_aside:
        return
    console.print("\nSet aside, a person has to look:")
    for one in tally.set_aside[:SHOWN_ASIDE]:
        where = one.file if one.page is None else f"{one.file} page {one.page}"
        console.print(plain(f"  {where}: {one.outcome}: {one.reason}"))
    if (more := len(tally.set_aside) - SHOWN_ASIDE) > 0:
        console.print(plain(f"  and {more} more: see the sheet Pages of the workbook"))
    # Pages of a stack out of order say themselves what to do.
    if any(one.outcome == "held" and "tallymark stacks" not in one.reason for one in tally.set_aside):
        console.print(plain(f"Which picture of a held page counts: tallymark pages {job.exam_dir}"))
        console.print(plain(PHOTOCOPIES))
    if any(one.outcome == "read" for one in tally.set_aside):
        console.print(plain(f"Which pages of one number make a sheet: tallymark stacks {job.exam_dir} --help"))
    if any(one.page is None for one in tally.set_aside):
        console.print(plain(f"Files lie in {job.exam_dir / 'quarantine'}, each with its reason beside it."))
    console.print()
