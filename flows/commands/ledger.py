"""`tallymark ledger`: what came in, what became of it, and whether the sums close."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.commands.page_options import by_name
from flows.errors import EXIT_NOT_CLOSED, EXIT_SET_ASIDE

if TYPE_CHECKING:
    from flows.ledger import Ledger

SHOWN_OPEN = 40
"""Pages named on the terminal; all of them stand in --json and on the sheet Pages of the workbook."""

LONGEST_WHY = 400
"""Characters of why something is accepted: a few sentences."""

SHOWN_FILES = 60
"""Files named on the terminal."""


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--accept",
    nargs=2,
    multiple=True,
    metavar="NAME WHY",
    help="Say that a person has looked and takes it as it is: a file in quarantine, a failed or foreign page (FILE:N), "
    "or a sheet with remarks, such as a page that is lost. For what is wrong with it now; it no longer blocks.",
)
@click.option("--by", "name", metavar="NAME", help="Who has looked; needed for --accept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: totals, files, pages, what is open.")
def ledger(folder: Path, *, accept: tuple[tuple[str, str], ...], name: str | None, as_json: bool) -> int:
    """Say what came in and what became of it, and whether the sums close.

    \b
    pages in = read + blank + failed + duplicate + held + foreign
    files in = read + duplicate + quarantined

    Exit codes: 0 the sums close and nothing is open; 4 they close, and files or pages need a person, a sheet lacks a
    page, or a stopped run is to go on; 8 they do not close.

    \b
    Examples:
      tallymark ledger chemistry
      tallymark ledger chemistry --json
      tallymark ledger chemistry --accept scan.pdf:7 "a page of notes" --by AB
      tallymark ledger chemistry --accept booklet#03001 "page 2 is lost, candidate told" --by AB
    """  # noqa: D301 - click wants a real backspace here
    from flows.ledger import as_json as ledger_json
    from flows.settings import load_exam
    from flows.store import open_store

    exam = load_exam(folder)
    with open_store(folder) as store:
        if accept:
            from flows.accepting import accept as accept_it

            if name is None:
                # Who takes a sheet as it is answers for it: no login that many share.
                raise click.UsageError("say with --by NAME who has looked")
            for one in accept_it(store, exam, [(called, _why(why)) for called, why in accept], by_name(name)):
                click.echo(f"accepted: {one.kind.value} {one.name}: {'; '.join(one.reasons)}", err=True)
        found = store.ledger()
    if as_json:
        click.echo(json.dumps(ledger_json(found), ensure_ascii=False, indent=2))
    else:
        _print(folder, found)
    return exit_code(found)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _why(text: str) -> str:
    text = " ".join(text.split())
    if not (0 < len(text) <= LONGEST_WHY and text.isprintable()):
        raise click.BadParameter(f"say why in 1 to {LONGEST_WHY} printable characters", param_hint="'--accept'")
    return text


def exit_code(found: "Ledger") -> int:
    """Return the exit code that says how a ledger stands."""
    if not found.closes:
        return EXIT_NOT_CLOSED
    return EXIT_SET_ASIDE if found.is_open else 0


def _print(folder: Path, found: "Ledger") -> None:
    from rich.table import Table

    from flows.commands.output import out, plain
    from flows.ledger import in_words
    from flows.records import FileOutcome
    from recognizer.records import PageOutcomeKind

    console = out(sys.stdout)
    files = " + ".join(f"{found.files[kind.value]} {kind.value}" for kind in FileOutcome)
    pages = " + ".join(f"{found.counts[kind]} {kind.value}" for kind in PageOutcomeKind)
    hand = f" + {found.in_hand} in hand" if found.in_hand else ""
    waiting = f" + {found.waiting} waiting" if found.waiting else ""
    console.print(plain(f"{_count(found.files_in, 'file')} in = {files}{hand}; residual {found.files_residual}"))
    console.print(plain(f"{_count(found.pages_in, 'page')} in = {pages}{waiting}; residual {found.residual}"))
    table = Table("file", "outcome", "pages", *(kind.value for kind in PageOutcomeKind), box=None, pad_edge=False)
    for name in ("residual", "worst fit (mm)"):
        table.add_column(name)
    for column in table.columns[2:]:
        column.justify = "right"
    for line in found.lines[:SHOWN_FILES]:
        counts = (str(line.counts.get(kind, 0)) for kind in PageOutcomeKind)
        fit = "" if line.worst_mm is None else f"{line.worst_mm:.2f} (page {line.worst_page})"
        table.add_row(plain(line.name), line.outcome, str(line.pages), *counts, str(line.residual), fit)
    console.print(table)
    if (more := found.files_in - SHOWN_FILES) > 0:
        console.print(f"and {more} more files: see --json")
    if measured := found.measured:
        worst = measured[0]
        console.print(
            plain(f"Worst fit of {len(measured)} pages: {worst.error_mm:.2f} mm, {worst.file} page {worst.number}")
        )
    _print_open(folder, found)
    for one in found.accepted:
        console.print(plain(f"  accepted by {one.reviewer}: {one.kind.value} {one.name}: {one.text}"))
    sentence = in_words(found)
    console.print(plain(f"{sentence[0].upper()}{sentence[1:]}."))


def _print_open(folder: Path, found: "Ledger") -> None:
    from flows.commands.output import out, plain
    from flows.ledger import lacking_in_words
    from recognizer.records import PageOutcomeKind

    console = out(sys.stdout)
    for line in found.open_files:
        console.print(plain(f"  {line.name}: {line.outcome}: {line.reason}"))
    for page in found.open_pages[:SHOWN_OPEN]:
        console.print(plain(f"  {page.file} page {page.number}: {page.outcome.value}: {page.reason}"))
    if (more := len(found.open_pages) - SHOWN_OPEN) > 0:
        console.print(f"  and {more} more pages: see --json")
    if lacking := lacking_in_words(found):
        console.print(plain(lacking))
    copies, out_of_order = found.held
    if copies:
        console.print(plain(f"Decide about held pages: tallymark pages {folder}"))
    if found.claimed:
        console.print(plain(f"Say which of several pages of one number make a sheet: tallymark stacks {folder} --help"))
    if out_of_order:
        console.print(plain(f"Say which pages out of order belong together: tallymark stacks {folder}"))
    if found.counts[PageOutcomeKind.FAILED]:
        console.print(plain(f"Place a failed page by hand: tallymark pages place {folder} FILE:N --help"))
