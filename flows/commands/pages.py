"""`tallymark pages`: look at pages, decide between two pictures of one, and place one that failed."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.page_options import FOLDER, PHOTOCOPIES, SHOWN_PAGES
from flows.commands.page_place import place, unplace
from flows.commands.page_resolve import resolve
from flows.errors import EXIT_SET_ASIDE

if TYPE_CHECKING:
    from flows.page_desk import HeldPage


class PagesGroup(click.Group):
    """A group of which `pages DIR` means `pages list DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before a folder."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=PagesGroup, no_args_is_help=True)
def pages() -> None:
    """Decide about pages that are held, and place pages that failed.

    A second picture of a page that is there already is held: it counts nowhere until somebody decides.

    \b
    Examples:
      tallymark pages chemistry
      tallymark pages show chemistry again.pdf:3 -o both.png
      tallymark pages resolve chemistry keep --file again.pdf
      tallymark pages place chemistry scan.pdf:7 --help
    """  # noqa: D301 - click wants a real backspace here


@pages.command("list", no_args_is_help=True)
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def list_pages(folder: Path, as_json: bool) -> int:
    """List the pages that are held, with what they wait for.

    Exit codes: 0 none is held; 4 some are.
    """
    from flows.page_desk import held_pages
    from flows.settings import load_exam
    from flows.store import open_store

    load_exam(folder)
    with open_store(folder) as store:
        held = held_pages(store)
    if as_json:
        click.echo(json.dumps([_held_json(one) for one in held], ensure_ascii=False, indent=2))
    else:
        _print_held(folder, held)
    return EXIT_SET_ASIDE if held else 0


def _held_json(one: "HeldPage") -> dict[str, Any]:
    row, standing = one.row, one.standing
    return {
        "file": row.file,
        "page": row.number,
        "scan": row.scan,
        "sheet": row.sheet or None,
        "sheet_page": row.template_page,
        "counts_meanwhile": None if standing is None else {"file": standing.file, "page": standing.number},
        "reason": row.reason,
    }


def _print_held(folder: Path, held: "Sequence[HeldPage]") -> None:
    from flows.commands.output import out, plain

    console = out(sys.stdout)
    if not held:
        console.print("No page is held.")
        return
    for one in held[:SHOWN_PAGES]:
        console.print(plain(f"{one.row.file}:{one.row.number}: {one.row.reason}"))
    if (more := len(held) - SHOWN_PAGES) > 0:
        console.print(f"and {more} more: see --json")
    shown = f"{held[0].row.file}:{held[0].row.number}"
    console.print(plain(f"Look: tallymark pages show {folder} '{shown}' -o both.png"))
    console.print(plain(f"Then: tallymark pages resolve {folder} keep|replace --page '{shown}' (or --file, --all)"))
    console.print(plain(PHOTOCOPIES))


@pages.command(no_args_is_help=True)
@FOLDER
@click.argument("page", metavar="FILE:N")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The PNG to write."
)
@click.option("--alone", is_flag=True, help="Draw only this page, with a ruler, also if there is another of it.")
def show(folder: Path, page: str, output: Path, alone: bool) -> None:
    """Draw a page: beside the one that counts when it is held, otherwise with a ruler to place it by.

    With the ruler the picture has the pixels of the page: what your picture viewer tells of the pixel under the pointer
    is what 'pages place --corners' takes.

    \b
    Examples:
      tallymark pages show chemistry again.pdf:3 -o both.png
      tallymark pages show chemistry scan.pdf:7 -o page.png
    """  # noqa: D301 - click wants a real backspace here
    from flows.page_desk import PLACEABLE, find_page
    from flows.page_show import show_page
    from flows.settings import load_exam, write_bytes
    from flows.store import open_store

    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"'{output.name}' does not end in .png, and a PNG is written", param_hint="'-o'")
    exam = load_exam(folder)
    with open_store(folder) as store:
        row = find_page(store, page)
        png, (width, height) = show_page(store, exam, row, alone=alone)
    write_bytes(output, png)
    click.echo(f"{click.format_filename(output)}: the page has {width} x {height} pixels")
    if row.outcome in PLACEABLE:
        click.echo(f"To place it: tallymark pages place {folder} '{page}' --help")


pages.add_command(resolve)
pages.add_command(place)
pages.add_command(unplace)
