"""`tallymark pages resolve`: which of two pictures of a page counts."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.page_options import BY, FOLDER, SHOWN_PAGES, by_name
from flows.errors import EXIT_SET_ASIDE, PageChoiceError, PlaceError

if TYPE_CHECKING:
    from flows.page_desk import Resolved
    from flows.records import PageRow
    from flows.settings import Exam
    from flows.store import Store


@click.command(no_args_is_help=True)
@FOLDER
@click.argument("choice", type=click.Choice(["hold", "keep", "replace"]), default="hold")
@click.option("--page", "named", metavar="FILE:N", multiple=True, help="A page; may be given several times.")
@click.option("--file", "files", metavar="FILE", multiple=True, help="Every held page of a file: a stack, at once.")
@click.option("--all", "every", is_flag=True, help="Every held page.")
@BY
@click.option(
    "--show",
    metavar="OUT.png|FOLDER",
    type=click.Path(path_type=Path),
    help="Also draw the pages beside those that count, as they were before.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def resolve(
    folder: Path,
    choice: str,
    *,
    named: tuple[str, ...],
    files: tuple[str, ...],
    every: bool,
    name: str | None,
    show: Path | None,
    as_json: bool,
) -> int:
    """Say which picture of a page counts, for one page, for a whole file, or for all.

    \b
    keep     the page that came first counts; the held one becomes a duplicate
    replace  the held page counts; the one that came first becomes a duplicate
    hold     decide nothing: the pages stay as they are (with --show, to look at them first)

    All of it is stored or nothing. Deciding again is allowed: name the page with --page. Corrections that were made on
    a page that no longer counts are kept, named, and not taken over.

    Exit codes: 0 done, or no page is held; 4 done, but corrections or other held pages need a person, or they were left
    as they are with 'hold'; 6 refused.

    \b
    Examples:
      tallymark pages resolve chemistry hold --all --show both
      tallymark pages resolve chemistry keep --file again.pdf --by Kim
      tallymark pages resolve chemistry replace --page again.pdf:3 --page again.pdf:4
    """  # noqa: D301 - click wants a real backspace here
    from flows.page_desk import resolve
    from flows.page_reading import reader_of
    from flows.records import PageChoice
    from flows.settings import load_exam
    from flows.store import open_store

    if bool(named) + bool(files) + every != 1:
        raise click.UsageError(
            "name pages with --page FILE:N, a file with --file FILE, or take --all (one of the three)"
        )
    by = by_name(name)
    exam = load_exam(folder)
    with open_store(folder) as store:
        chosen = _chosen(store, named, files)
        if show is not None:
            _show_all(store, exam, chosen, show)
        if choice == "hold":
            if not chosen:
                click.echo("no page is held; nothing was decided")
                return 0
            count = "1 page stays as it is" if len(chosen) == 1 else f"{len(chosen)} pages stay as they are"
            click.echo(f"{count}; nothing was decided. Decide with 'keep' or 'replace' in place of 'hold'")
            return EXIT_SET_ASIDE
        done = resolve(
            store, exam, chosen, PageChoice(choice), by, readers=partial(reader_of, exam, store), lenient=not named
        )
        pages_now = {(row.scan, row.number): row for row in store.pages()}
    click.echo(
        json.dumps(_resolved_json(done, pages_now), ensure_ascii=False, indent=2)
        if as_json
        else "\n".join(_resolved_text(done, pages_now))
    )
    return EXIT_SET_ASIDE if done.left or done.unused else 0


def _chosen(store: "Store", named: Sequence[str], files: Sequence[str]) -> list["PageRow"]:
    """Return the pages that a person means: any that are named, or those that are held."""
    from flows.page_desk import find_page, held_pages, pages_of_file

    if named:
        return [find_page(store, text) for text in named]
    held = [one.row for one in held_pages(store)]
    if not files:
        return held
    meant = {(row.scan, row.number) for name in files for row in pages_of_file(store, name)}
    found = [row for row in held if (row.scan, row.number) in meant]
    if not found:
        raise PageChoiceError(f"no page of {', '.join(files)} is held; nothing was stored")
    return found


def _resolved_text(done: "Resolved", now: dict[tuple[str, int], "PageRow"]) -> list[str]:
    told = [f"{len(done.made)} decided, {len(done.changed)} pages changed"]
    if not done.made:
        told = ["nothing to decide: it is so already"]
    if done.read_again:
        told.append(f"{done.read_again} pages were read again from the archive")
    for row in done.changed[:SHOWN_PAGES]:
        told.append(f"  {row.file} page {row.number}: {row.outcome.value}{': ' if row.reason else ''}{row.reason}")
    if (more := len(done.changed) - SHOWN_PAGES) > 0:
        told.append(f"  and {more} more")
    for row in done.left:
        told.append(f"  {row.file} page {row.number} waits for something else: {row.reason}")
    for key, count in done.unused.items():
        told.append(
            f"{_corrections(count)} made on {now[key].file} page {key[1]}, which was replaced; look at them again"
        )
    for key, count in done.used.items():
        told.append(f"{_corrections(count)} made on {now[key].file} page {key[1]}, which counts now: they count again")
    return told


def _corrections(count: int) -> str:
    return "1 correction was" if count == 1 else f"{count} corrections were"


def _resolved_json(done: "Resolved", now: dict[tuple[str, int], "PageRow"]) -> dict[str, Any]:
    def counted(found: dict[tuple[str, int], int]) -> list[dict[str, Any]]:
        return [{"file": now[key].file, "page": key[1], "corrections": count} for key, count in found.items()]

    return {
        "decided": len(done.made),
        "read_again": done.read_again,
        "changed": [
            {"file": row.file, "page": row.number, "outcome": row.outcome.value, "reason": row.reason}
            for row in done.changed
        ],
        "left": [{"file": row.file, "page": row.number, "reason": row.reason} for row in done.left],
        "corrections_not_counted": counted(dict(done.unused)),
        "corrections_counted": counted(dict(done.used)),
    }


def _show_all(store: "Store", exam: "Exam", chosen: "Sequence[PageRow]", show: Path) -> None:
    """Draw every chosen page beside the one that counts, into a file or, if there are several, a folder."""
    from flows.page_show import show_page
    from flows.settings import write_bytes

    if show.suffix.lower() == ".png":
        if len(chosen) > 1:
            raise click.BadParameter(
                f"{len(chosen)} pages are not drawn into one file; name a folder", param_hint="'--show'"
            )
        places = [show]
    else:
        try:
            show.mkdir(exist_ok=True, parents=True)
        except OSError as error:
            raise PlaceError(f"{show}: cannot be made: {error.strerror or error}") from error
        # Content names the file: what a scan is called may be no name for one.
        places = [show / _picture_name(row) for row in chosen]
    for row, path in zip(chosen, places, strict=True):
        write_bytes(path, show_page(store, exam, row)[0])
        click.echo(f"{click.format_filename(path)}: {row.file} page {row.number}", err=True)


def _picture_name(row: "PageRow") -> str:
    """Return a name for a picture of a page, by content: what a scan is called may be no name for a file."""
    return f"{row.sheet or 'no-sheet'}-page-{row.template_page}-{row.scan[:12]}-{row.number}.png"
