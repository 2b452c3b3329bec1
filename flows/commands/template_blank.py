"""`tallymark template from-blank`: propose a template for a form that somebody else printed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from flows.errors import ExamError, PlaceError
from flows.places import replace_file

if TYPE_CHECKING:
    from recognizer.blank_form import BlankForm, DescribedPage
    from recognizer.records import Page

STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,50}")
"""What the file may be called: its pictures are called after it, and a template names them (`REFERENCE_NAME`)."""

PAPERS_MM = ((210.0, 297.0), (148.0, 210.0), (297.0, 420.0), (215.9, 279.4), (215.9, 355.6))
"""A4, A5, A3, Letter, Legal: what forms are printed on."""

PAPER_TOLERANCE_MM = 6.0
"""How far a side of a scanned page may differ from that of its paper."""


@click.command("from-blank")
@click.argument("blank", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .toml file to write.")
@click.option("--name", help="What the template is called.  [default: as the file is]")
@click.option(
    "--width",
    type=click.FloatRange(50, 600),
    help="How wide the paper is, in mm, for pictures that do not say it.  [default: what the file says]",
)
@click.option("--force", is_flag=True, help="Replace files of the same names.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a line.")
def from_blank(blank: Path, output: Path, name: str | None, width: float | None, *, force: bool, as_json: bool) -> None:
    """Propose a template for a form without corner marks: find the boxes of a blank one.

    BLANK is a PDF or a picture of the blank form, all pages that are read, in order. Beside the template NAME.toml a
    picture of each blank page is written, NAME-1.png, and one to look at, NAME-1.check.png, in which combs are blue,
    cells for numbers green, tick boxes and bubbles violet and areas that are kept for people orange. What the fields
    mean is for you to say, in the file; how is written at its top.

    \b
    Examples:
      tallymark template from-blank form.pdf -o exam/form.toml
      tallymark template from-blank form.png -o form.toml --width 210
      tallymark template from-blank form.pdf -o form.toml --name cover-2026 --force
    """  # noqa: D301 - click wants the character itself
    from recognizer.blank_form import describe_blank
    from recognizer.reading import keep_to_one_core

    if output.suffix != ".toml" or not STEM.fullmatch(output.stem):
        raise click.BadParameter(
            "the file is called by 1 to 51 letters, digits, '.', '_' or '-' and .toml, such as form.toml",
            param_hint="--output",
        )
    called = _template_name(name, output.stem)
    keep_to_one_core()
    with _named(blank):
        form = describe_blank(_pages(blank), called, output.stem, width)
    files = _files(form, output)
    if not force and (there := [path.name for path in files if path.exists()]):
        raise PlaceError(
            f"{output.parent} holds {', '.join(there)} already; nothing was written. Take another name, or replace "
            "these files with --force"
        )
    _check(form, files, output)
    _write(files)
    _report(form, output, called, as_json)


def _template_name(name: str | None, stem: str) -> str:
    from recognizer.codes import CODE_NAME

    called = stem if name is None else name
    if not CODE_NAME.fullmatch(called):
        raise click.BadParameter(
            f"'{called}' cannot name a template: 1 to 32 letters, digits, '.', '_' or '-'", param_hint="--name"
        )
    return called


@contextmanager
def _named(blank: Path) -> Iterator[None]:
    """Name the file in what is said about its pages."""
    from recognizer.errors import PageError, TemplateError

    try:
        yield
    except (PageError, TemplateError) as error:
        raise type(error)(f"{blank.name}: {error}") from error


def _pages(blank: Path) -> Iterator["Page"]:
    """Yield the pages of the blank form, one at a time."""
    from recognizer.raster import open_scan, scan_digest
    from recognizer.records import PageRef

    digest = scan_digest(blank)
    with open_scan(blank) as scan:
        for number in range(1, scan.page_count + 1):
            yield scan.load(PageRef(digest, number))


def _files(form: "BlankForm", output: Path) -> dict[Path, bytes]:
    """Return what is to be written, the template last: it is of no use without its pictures."""
    from recognizer.blank_form import check_name, reference_name

    files: dict[Path, bytes] = {}
    for number, page in enumerate(form.pages, start=1):
        files[output.with_name(reference_name(output.stem, number))] = page.reference
        files[output.with_name(check_name(output.stem, number))] = page.check
    return files | {output: form.toml.encode()}


def _check(form: "BlankForm", files: dict[Path, bytes], output: Path) -> None:
    """Load what will be written; what is wrong with it is our fault, and said so."""
    from recognizer.errors import TemplateError
    from recognizer.template import load_template

    with TemporaryDirectory(prefix="tallymark-") as folder:
        for path, data in files.items():
            (Path(folder) / path.name).write_bytes(data)
        try:
            sheet = load_template(Path(folder) / output.name)
        except TemplateError as error:
            raise ExamError(
                f"the template that was proposed is faulty, which is a bug of this program: {error}; nothing was "
                "written. Please report it with the form"
            ) from error
    if len(sheet.all_boxes()) != sum(page.box_count for page in form.pages):
        raise AssertionError("a template has other boxes than were proposed")


def _write(files: dict[Path, bytes]) -> None:
    """Write all files or none; of files that are replaced, those before the one that failed are new."""
    made: list[Path] = []
    try:
        for path, data in files.items():
            is_new = not path.exists()
            replace_file(path, lambda file, data=data: file.write(data))  # type: ignore[misc]
            made += [path] if is_new else []
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise


def _report(form: "BlankForm", output: Path, called: str, as_json: bool) -> None:
    from recognizer.blank_form import check_name

    fields, boxes = sum(len(page.fields) for page in form.pages), sum(page.box_count for page in form.pages)
    if as_json:
        pages = [_page_as_json(page, output.stem, number) for number, page in enumerate(form.pages, start=1)]
        summary = {"template": str(output), "name": called, "fields": fields, "boxes": boxes, "pages": pages}
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    shown = [str(output.with_name(check_name(output.stem, number))) for number in range(1, len(form.pages) + 1)]
    look_at = shown[0] if len(shown) == 1 else f"{shown[0]} to {shown[-1]}"
    click.echo(
        f"{output}: {_count(fields, 'field')}, {_count(boxes, 'box')} on {_count(len(form.pages), 'page')}; look at "
        f"{look_at}"
    )
    for number, page in enumerate(form.pages, start=1):
        if not _is_paper(page):
            click.echo(
                f"Note: page {number} is {page.width:.0f} x {page.height:.0f} mm large by what the file says; if the "
                "paper is not, say how wide it is with --width.",
                err=True,
            )


def _page_as_json(page: "DescribedPage", stem: str, number: int) -> dict[str, Any]:
    from recognizer.blank_form import check_name, reference_name

    return {
        "page": number,
        "reference": reference_name(stem, number),
        "check": check_name(stem, number),
        "width": page.width,
        "height": page.height,
        "turned": round(page.skew, 2),
        "fields": [{"name": field.name, "kind": str(field.kind), "boxes": field.box_count} for field in page.fields],
    }


def _is_paper(page: "DescribedPage") -> bool:
    """Tell whether a page has the size of some usual paper, upright or not."""
    sides = sorted((page.width, page.height))
    return any(
        abs(sides[0] - paper[0]) <= PAPER_TOLERANCE_MM and abs(sides[1] - paper[1]) <= PAPER_TOLERANCE_MM
        for paper in PAPERS_MM
    )


def _count(number: int, noun: str) -> str:
    plural = "boxes" if noun == "box" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
