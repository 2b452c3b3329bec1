"""`tallymark template`: list, show, check and print sheet templates."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.template_blank import from_blank
from flows.errors import ExamError
from flows.places import replace_file

if TYPE_CHECKING:
    from recognizer.printing import SheetCopy
    from recognizer.template import SheetField, SheetTemplate

MAX_COPIES = 5_000
"""Copies of one PDF: ten reams of paper. Larger runs are printed in parts with --first-serial."""

MAX_SERIAL = 999_999_999
"""The largest serial number that the QR code holds."""

MAX_PAPERS = 5_000
"""Papers of one batch: as many as one print job has copies."""


@click.group()
def template() -> None:
    """List, show, check and print sheet templates.

    \b
    Examples:
      tallymark template list
      tallymark template show cover_marks
      tallymark template check my_sheet.toml
      tallymark template print cover_marks -o sheets.pdf --copies 30
      tallymark template cover --batch Monday --papers 50 -o cover.pdf
      tallymark template from-blank form.pdf -o form.toml
    """  # noqa: D301 - click wants the character itself


template.add_command(from_blank)


@template.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of a table.")
def list_templates(as_json: bool) -> None:
    """List the templates that come with Tallymark.

    \b
    Examples:
      tallymark template list
      tallymark template list --json
    """  # noqa: D301 - click wants the character itself
    from recognizer.template import load_template, shipped_templates

    summaries = [_summary(load_template(path)) for path in shipped_templates().values()]
    if as_json:
        click.echo(json.dumps(summaries, indent=2, ensure_ascii=False))
        return
    columns = ("name", "version", "title", "pages", "fields", "boxes")
    _print_table(columns, [[str(summary[column]) for column in columns] for summary in summaries])


@template.command("show")
@click.argument("name")
@click.option(
    "--json", "as_json", is_flag=True, help="Print every box with its place in millimetres as one JSON object."
)
def show_template(name: str, as_json: bool) -> None:
    """Show the fields of a template, or with --json every box.

    NAME is a shipped template or a .toml file. Lengths are millimetres from the top left corner of an A4 page.

    \b
    Examples:
      tallymark template show booklet
      tallymark template show booklet --json
    """  # noqa: D301 - click wants the character itself
    from recognizer.template import find_template

    sheet = find_template(name)
    if as_json:
        click.echo(json.dumps(_as_json(sheet), indent=2, ensure_ascii=False))
        return
    click.echo(f"{sheet.name} version {sheet.version}: {sheet.title}")
    if sheet.extra_to:
        click.echo(f"extra paper for candidates of '{sheet.extra_to}'")
    columns = ("page", "field", "kind", "role", "question", "boxes", "x", "y", "width", "height", "holds")
    rows = [_field_row(page, field) for page, field in _fields(sheet)]
    _print_table(columns, rows)


@template.command("check")
@click.argument("file")
@click.option(
    "--scan",
    "scan",
    type=click.Path(path_type=Path),
    help="A filled scan (PDF or picture): every box is drawn over its pages, with how far it lies off in mm.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="With --scan: the PNG to write.")
@click.option("--exam", default="exam", show_default=True, help="With --scan: the exam's code on sheets of ours.")
@click.option("--json", "as_json", is_flag=True, help="With --scan: print one JSON list, an entry a page.")
def check_template(file: str, scan: Path | None, output: Path | None, exam: str, as_json: bool) -> int:
    """Check a template of your own; every error is named with its line.

    With --scan, its boxes are laid over a filled scan as grading would lay them: look at the picture before you trust
    the template. Pages on which it is not found are named, and the exit code is 4.

    \b
    Examples:
      tallymark template check my_sheet.toml
      tallymark template check form.toml --scan filled.pdf -o look.png
    """  # noqa: D301 - click wants the character itself
    from recognizer.template import find_template, load_template

    path = Path(file)
    sheet = load_template(path) if path.suffix == ".toml" or path.exists() else find_template(file)
    if scan is None:
        if output is not None or as_json:
            raise click.UsageError("-o and --json go with --scan FILE")
        if sheet.is_form:
            from recognizer.forms import refuse_same_forms
            from recognizer.template import SheetSet

            refuse_same_forms(SheetSet(exam, (sheet,)))
        counts = _summary(sheet)
        click.echo(
            f"OK {file}: {sheet.name} version {sheet.version}, {_count(counts['pages'], 'page')}, "
            f"{_count(counts['fields'], 'field')}, {_count(counts['boxes'], 'box')}"
        )
        return 0
    from flows.commands.template_scan import check_on_scan

    return check_on_scan(sheet, scan, output, exam, as_json=as_json)


@template.command("print")
@click.argument("name")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The PDF to write.")
@click.option("--paper", type=click.Choice(["a4", "letter"]), default="a4", show_default=True, help="Paper size.")
@click.option("--copies", type=click.IntRange(1, MAX_COPIES), help="How many copies.  [default: 1]")
@click.option(
    "--first-serial",
    type=click.IntRange(1, MAX_SERIAL),
    default=1,
    show_default=True,
    help="Number of the first copy; go on from the last one when you print more for the same exam.",
)
@click.option(
    "--roster",
    type=click.Path(path_type=Path),
    help="A CSV file with the columns id and name: one copy a candidate, number and name filled in.",
)
@click.option("--exam", default="exam", show_default=True, help="The exam's code, as in exam.toml.")
@click.option("--anonymous", is_flag=True, help="With --roster: fill in the numbers but not the names.")
@click.option(
    "--font",
    type=click.Path(path_type=Path),
    help="A font file (.ttf, .otf) for characters beyond Latin, Greek, Cyrillic.",
)
def print_template(name: str, output: Path, paper: str, first_serial: int, exam: str, **choice: Any) -> None:  # noqa: ANN401
    """Print a template to a PDF: blank copies, or one for each candidate.

    NAME is a shipped template or a .toml file. Print the PDF at its actual size ("100 %", not "fit to page").

    \b
    Examples:
      tallymark template print cover_marks -o sheets.pdf --copies 30 --exam chem-2026
      tallymark template print choice_answers -o sheets.pdf --roster exam/roster.csv --paper letter
      tallymark template print my_sheet.toml -o sheets.pdf
    """  # noqa: D301 - click wants the character itself
    from recognizer.codes import CODE_NAME, MARK_SERIALS
    from recognizer.printing import Paper, print_sheets
    from recognizer.template import find_template

    if not CODE_NAME.fullmatch(exam):
        raise click.BadParameter(
            "an exam code is 1 to 32 letters, digits, '.', '_' or '-', such as chem-2026", param_hint="--exam"
        )
    sheet = find_template(name)
    copies = _copies(first_serial, choice["copies"], choice["roster"], choice["anonymous"])
    if copies[-1].serial > MAX_SERIAL:
        raise click.BadParameter(
            f"the last of {len(copies)} copies would be above {MAX_SERIAL}", param_hint="--first-serial"
        )
    replace_file(output, lambda file: print_sheets(sheet, copies, exam, Paper(paper), file, choice["font"]))
    first, last = copies[0].serial, copies[-1].serial
    which = f"copy {first:05d}" if first == last else f"copies {first:05d} to {last:05d}"
    click.echo(
        f"{output}: {sheet.name} version {sheet.version} for exam {exam}, {which}, "
        f"{_count(len(copies) * len(sheet.pages), 'page')}, {paper.upper() if paper == 'a4' else 'Letter'}. "
        "Print it at its actual size."
    )
    if last > MARK_SERIALS:
        click.echo(
            f"Note: copies above {MARK_SERIALS} are told apart by their QR code alone; a page without a readable one "
            "will not say whose it is.",
            err=True,
        )


@template.command("cover")
@click.option("--batch", required=True, help="The batch's name: 1 to 32 letters, digits, '.', '_' or '-'.")
@click.option("--papers", required=True, type=click.IntRange(1, MAX_PAPERS), help="How many papers it holds.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The PDF to write.")
@click.option("--exam", default="exam", show_default=True, help="The exam's code, as in exam.toml.")
@click.option("--paper", type=click.Choice(["a4", "letter"]), default="a4", show_default=True, help="Paper size.")
def print_cover(batch: str, papers: int, output: Path, exam: str, paper: str) -> None:
    """Print the cover sheet of a batch, which says how many papers lie behind it.

    Scan it on top of its papers. A batch that holds fewer or more is named, and no export is final until somebody
    explains it (tallymark batches). Extra paper and the cover sheet itself do not count.

    \b
    Example:
      tallymark template cover --batch Monday --papers 50 -o cover.pdf --exam chem-2026
    """  # noqa: D301 - click wants the character itself
    from recognizer.codes import CODE_NAME
    from recognizer.cover import cover_template
    from recognizer.printing import Paper, SheetCopy, print_sheets

    for text, option, what in ((batch, "--batch", "a batch's name"), (exam, "--exam", "an exam code")):
        if not CODE_NAME.fullmatch(text):
            raise click.BadParameter(f"{what} is 1 to 32 letters, digits, '.', '_' or '-'", param_hint=option)
    copies = [SheetCopy(papers, batch=batch)]
    sheet = cover_template(batch, papers)
    replace_file(output, lambda file: print_sheets(sheet, copies, exam, Paper(paper), file))
    click.echo(f"{output}: cover sheet of batch {batch} for exam {exam}, {_count(papers, 'paper')}")


def _copies(first_serial: int, count: int | None, roster: Path | None, anonymous: bool) -> list["SheetCopy"]:
    """Return the copies to print: so many blank ones, or one a candidate."""
    from flows.roster import load_roster
    from recognizer.printing import SheetCopy

    if roster is None:
        if anonymous:
            raise click.UsageError("--anonymous leaves names out that --roster would fill in; name a roster too")
        return [SheetCopy(first_serial + index) for index in range(count or 1)]
    if count is not None:
        raise click.UsageError("--copies and --roster exclude one another: a roster gives one copy a candidate")
    candidates = load_roster(roster)
    if not candidates:
        raise ExamError(f"{roster}: names no candidates; add a line for each, or leave --roster out")
    if len(candidates) > MAX_COPIES:
        raise ExamError(f"{roster}: names {len(candidates):,} candidates; print at most {MAX_COPIES:,} at a time")
    return [
        SheetCopy(
            first_serial + index,
            candidate.id,
            "" if anonymous else candidate.name,
            f"{roster}:{candidate.line}",
        )
        for index, candidate in enumerate(candidates)
    ]


def _fields(sheet: "SheetTemplate") -> Iterator[tuple[int, "SheetField"]]:
    for number, page in enumerate(sheet.pages, start=1):
        for field in page.fields:
            yield number, field


def _summary(sheet: "SheetTemplate") -> dict[str, Any]:
    return {
        "name": sheet.name,
        "version": sheet.version,
        "title": sheet.title,
        "pages": len(sheet.pages),
        "fields": sum(1 for _ in _fields(sheet)),
        "boxes": len(sheet.all_boxes()),
    }


def _as_json(sheet: "SheetTemplate") -> dict[str, Any]:
    """Return the template as `show --json` prints it: millimetres on its paper, rounded to a thousandth."""
    from recognizer.template import A4_MM

    paper = {"name": "a4", "width": A4_MM[0], "height": A4_MM[1], "unit": "mm"}
    if sheet.is_form:
        paper = {"name": "form", "width": sheet.pages[0].width, "height": sheet.pages[0].height, "unit": "mm"}
    return {
        "name": sheet.name,
        "version": sheet.version,
        "title": sheet.title,
        "paper": paper,
        "pages": len(sheet.pages),
        "boxes": [
            {
                "page": box.page,
                "field": box.field,
                "kind": str(box.kind),
                "role": str(box.role),
                "position": box.position,
                "option": box.option,
                "x": round(box.rect.x, 3),
                "y": round(box.rect.y, 3),
                "width": round(box.rect.width, 3),
                "height": round(box.rect.height, 3),
            }
            for box in sheet.all_boxes()
        ],
    }


def _field_row(page: int, field: "SheetField") -> list[str]:
    from recognizer.values import expectation

    place = (f"{length:g}" for length in (field.x, field.y, field.width, field.height))
    return [
        str(page),
        field.name,
        str(field.kind),
        str(field.role),
        field.question,
        str(field.box_count),
        *place,
        expectation(field),
    ]


def _print_table(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from flows.commands.output import out

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    numeric = {"page", "pages", "fields", "boxes", "version", "x", "y", "width", "height"}
    for column in columns:
        table.add_column(
            column, justify="right" if column in numeric else "left", no_wrap=column not in ("holds", "title")
        )
    for row in rows:
        # A text of the template is shown as it is: brackets in it are no markup.
        table.add_row(*(Text(cell) for cell in row))
    out(sys.stdout).print(table)


def _count(number: int, noun: str) -> str:
    plural = "boxes" if noun == "box" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
