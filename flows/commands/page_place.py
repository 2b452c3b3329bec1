"""`tallymark pages place`: where the sheet lies on a page that failed."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from flows.commands.page_options import BY, FOLDER, by_name
from flows.errors import EXIT_SET_ASIDE


class Corner(click.ParamType[tuple[float, float]]):
    """A place on a page, in pixels: X,Y."""

    name = "X,Y"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:  # noqa: ANN401
        """Return the place as numbers."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        try:
            x, y = (float(part) for part in parts)
        except ValueError:
            self.fail(f"'{value}' is no place on a page; write X,Y in pixels, such as 118,197", param, ctx)
        if not (abs(x) < FARTHEST_PX and abs(y) < FARTHEST_PX):
            self.fail(f"'{value}' is on no page", param, ctx)
        return x, y


FARTHEST_PX = 100_000.0
"""No page has so many pixels along a side; what is farther is a typing error, or no number at all."""


@click.command(no_args_is_help=True)
@FOLDER
@click.argument("page", metavar="FILE:N")
@click.option("--template", required=True, metavar="NAME", help="Which sheet it is.")
@click.option("--sheet-page", required=True, type=click.IntRange(1, 50), help="Which page of that sheet.")
@click.option("--serial", type=click.IntRange(min=1), help="The number of the printed copy, if the page has one.")
@click.option("--corners", required=True, nargs=4, type=Corner(), help="Four places on the page, in pixels; see above.")
@BY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def place(
    folder: Path,
    page: str,
    *,
    template: str,
    sheet_page: int,
    serial: int | None,
    corners: tuple[tuple[float, float], ...],
    name: str | None,
    as_json: bool,
) -> int:
    """Have a page read that failed, by showing where its sheet lies.

    'pages show' draws the page with a ruler. Give four places as X,Y in its pixels, in this order: top left, top right,
    bottom right, bottom left of the sheet as it is read, whichever way up it lies. On a sheet with corner marks these
    are the outer corners of the four marks, on a form without them the corners of the paper (which may lie outside of
    the picture); 2 mm more or less do not matter. The page is refused when the boxes do not
    land on printed ones. Without --serial it finds its sheet as other pages without a
    serial do, see 'tallymark stacks'. Placing a page again replaces the placement.

    Exit codes: 0 the page is read; 4 it does not count yet, because its sheet has this page already, its stack is out
    of order or somebody dropped it with 'stacks --drop'; 6 refused.

    \b
    Example:
      tallymark pages place chemistry scan.pdf:7 --template booklet --sheet-page 2 --serial 17
          --corners 106,189 2374,188 2373,3319 105,3320
    """  # noqa: D301 - click wants a real backspace here
    from flows.page_desk import find_page, place
    from flows.page_reading import reader_of
    from flows.page_show import load
    from flows.settings import load_exam
    from flows.stacks import was_dropped
    from flows.store import open_store
    from recognizer.records import HandPlacement, PageOutcomeKind, PageRef

    by = by_name(name)
    exam = load_exam(folder)
    sheet = next((one for one in exam.sheets.templates if one.name == template), None)
    if sheet is None:
        names = ", ".join(one.name for one in exam.sheets.templates)
        raise click.BadParameter(f"'{template}' is no template of this exam ({names})", param_hint="'--template'")
    if sheet_page > len(sheet.pages):
        raise click.BadParameter(f"'{template}' has {len(sheet.pages)} pages", param_hint="'--sheet-page'")
    with open_store(folder) as store:
        row = find_page(store, page)
        pixels = load(store, exam, row).pixels
        ref = PageRef(row.scan, row.number)
        height, width = pixels.shape
        placed = HandPlacement(ref, template, sheet.version, sheet_page, serial, corners, width, height)
        now = place(store, exam, row, placed, by, readers=partial(reader_of, exam, store))
    held = now.outcome is not PageOutcomeKind.READ
    if as_json:
        told = {"file": now.file, "page": now.number, "outcome": now.outcome.value, "reason": now.reason}
        told |= {"sheet": now.sheet, "serial": now.serial, "error_mm": now.error_mm}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        belongs = f"sheet {now.sheet}" if now.sheet else f"a '{now.template}'"
        fit = f"page {now.template_page} of {belongs}"
        fit += "" if now.error_mm is None else f", fits within {now.error_mm:.2f} mm"
        click.echo(f"{now.file} page {now.number}: {now.outcome.value}: {fit}{': ' if now.reason else ''}{now.reason}")
    if serial is not None and now.serial is None:
        click.echo("--serial was ignored: sheets of this exam carry no serials that tell one from another", err=True)
    if was_dropped(row) and not was_dropped(now):
        click.echo("It was dropped before; its serial says now where it belongs, and that counts", err=True)
    if was_dropped(now):
        click.echo(
            f"It was dropped and does not count; to undo that: tallymark stacks {folder} --undo '{page}'", err=True
        )
    return EXIT_SET_ASIDE if held else 0


@click.command(no_args_is_help=True)
@FOLDER
@click.argument("page", metavar="FILE:N")
@BY
def unplace(folder: Path, page: str, name: str | None) -> int:
    """Take back that a page was placed by hand: it is read again, as it is by itself.

    \b
    Example:
      tallymark pages unplace chemistry scan.pdf:7
    """  # noqa: D301 - click wants a real backspace here
    from flows.page_desk import PLACEABLE, find_page, unplace
    from flows.page_reading import reader_of
    from flows.settings import load_exam
    from flows.store import open_store

    by = by_name(name)
    exam = load_exam(folder)
    with open_store(folder) as store:
        now = unplace(store, exam, find_page(store, page), by, readers=partial(reader_of, exam, store))
    click.echo(f"{now.file} page {now.number}: {now.outcome.value}{': ' if now.reason else ''}{now.reason}")
    return EXIT_SET_ASIDE if now.outcome in PLACEABLE else 0
