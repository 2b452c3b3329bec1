"""`tallymark evaluate`: how well labelled pictures of boxes or cells are read."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.errors import PlaceError
from flows.places import replace_file

if TYPE_CHECKING:
    from recognizer.classifier import ReadingModel
    from recognizer.evaluation import Evaluation, Wall
    from recognizer.picture_fields import Limits
    from recognizer.picture_sets import PictureSet

PAGE = "evaluation.html"

LARGEST_LIMIT = Decimal(10**6)


class Share(click.FloatRange):
    """A share; click takes NaN for one that lies in every range."""

    name = "share"

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share, or fail as click does."""
        share = float(super().convert(value, param, ctx))
        if isnan(share):
            self.fail(f"{value!r} is no share; 0.001 is one in 1,000", param, ctx)
        return share


class Number(click.ParamType[Decimal]):
    """A plain number, kept exact."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the number that was typed."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"'{value}' is no number such as 20 or 0.5", param, ctx)
        if not number.is_finite() or abs(number) > LARGEST_LIMIT or number != round(number, 6):
            self.fail(f"'{value}' is no plain number up to {LARGEST_LIMIT:,}", param, ctx)
        return number


@click.command()
@click.option(
    "--cells",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An npz of labelled pictures (see below); more may follow. Without it: the MNIST digits that come "
    "with Tallymark, of writers kept out of all training.",
)
@click.option(
    "--kind",
    type=click.Choice(["digits", "number", "choice"]),
    help="What each picture is: one box for a digit, one number cell, one tick box or bubble. Without it, the labels "
    "tell.",
)
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE.npz]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object for each file.")
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Write {PAGE} there: all plots, and the worst errors as pictures.",
)
@click.option(
    "--model", "model_folder", type=click.Path(path_type=Path, file_okay=False), help="A model other than the shipped."
)
@click.option(
    "--accept-error",
    type=Share(1e-6, 1.0, max_open=True),
    help="The target: which share of accepted fields may be wrong.  [default: 0.001]",
)
@click.option("--minimum", type=Number(), help="Number cells hold at least this.  [default: 0, or the least label]")
@click.option("--maximum", type=Number(), help="Number cells hold at most this.  [default: 10, or the largest label]")
@click.option("--step", type=Number(), help="Number cells count in steps of this.  [default: 0.5, or as labels need]")
def evaluate(  # noqa: PLR0917 - one parameter an option, passed by name
    files: tuple[Path, ...],
    more: tuple[Path, ...],
    kind: str | None,
    as_json: bool,
    folder: Path | None,
    model_folder: Path | None,
    accept_error: float | None,
    minimum: Decimal | None,
    maximum: Decimal | None,
    step: Decimal | None,
) -> None:
    """Tell how well labelled pictures of boxes or cells are read.

    A file holds x (N, height, width) uint8, label (N,) texts, polarity (dark_on_light or white_on_black) and, where
    known, writer (N,). Labels are what is written: 7, 2.5, -, AB; blank; other or cancelled for what must not be
    accepted as a value; marked, empty, cancelled for tick boxes.

    In the JSON, accuracy and review_share are shares from 0 to 1; wrong_accepted_per_1000 and upper_95, its exact
    one-sided 95 % bound, are per 1,000 accepted fields, null when none was accepted.

    Of several files each is read that can be; those that cannot are named, and the exit code is 3.

    \b
    Examples:
      tallymark evaluate
      tallymark evaluate --cells digits.npz --report report
      tallymark evaluate --cells held/*.npz
      tallymark evaluate --cells marks.npz --cells more.npz --kind number --maximum 12 --json
    """  # noqa: D301 - click wants a real backspace here
    from recognizer.classifier import load_model
    from recognizer.errors import PictureSetError
    from recognizer.evaluation import wall
    from recognizer.picture_fields import Limits
    from recognizer.promise import ACCEPT_ERROR

    files += more
    if step is not None and step <= 0:
        raise click.BadParameter("a step lies above 0", param_hint="--step")
    if not files and kind not in (None, "digits"):
        raise click.UsageError(f"--kind {kind} needs pictures: name a file with --cells")
    target = ACCEPT_ERROR if accept_error is None else accept_error
    model = load_model(model_folder)
    limits = Limits(minimum, maximum, step)
    found: list[Evaluation] = []
    walls: list[Wall] = []
    faulty: list[Path] = []
    # One file after the other, so that only one is in memory.
    for path in files or (None,):
        try:
            pictures = _pictures(path)
            found.append(_evaluated(pictures, kind, limits, model, target))
        except PictureSetError as error:
            if path is None or len(files) == 1:
                raise
            faulty.append(path)
            click.echo(f"Error: {error}", err=True)
        else:
            walls.append(wall(found[-1], pictures))
    page = _write_page(folder, found, walls) if folder is not None else None
    if as_json:
        _print_json(found)
    else:
        _print_tables(found, bool(files))
    if page is not None:
        click.echo(f"Wrote {page}", err=as_json)
    if faulty:
        raise PictureSetError(
            f"{len(faulty)} of {len(files)} files could not be evaluated, the reasons stand above; what is told is of "
            "the others"
        )


def _pictures(path: Path | None) -> "PictureSet":
    """Return the pictures of a file, or those that come along."""
    from recognizer.errors import GlyphError, PictureSetError
    from recognizer.glyphs import load_glyphs
    from recognizer.picture_sets import load_pictures, set_of_glyphs

    if path is not None:
        return load_pictures(path)
    try:
        return set_of_glyphs(load_glyphs())
    except GlyphError as error:
        raise PictureSetError(f"there is nothing to evaluate with: {error}; or name a file with --cells") from error


def _evaluated(
    pictures: "PictureSet", kind: str | None, limits: "Limits", model: "ReadingModel", target: float
) -> "Evaluation":
    from recognizer.evaluation import evaluate as evaluated
    from recognizer.picture_fields import field_for, kind_of_labels
    from recognizer.promise import policy_thresholds

    field = field_for(pictures, kind or kind_of_labels(pictures.labels), limits)
    with _shown(pictures.name, len(pictures)) as done:
        return evaluated(pictures, field, model, policy_thresholds(model.card.details, target), target, done=done)


def _write_page(folder: Path, found: Sequence["Evaluation"], walls: Sequence["Wall"]) -> Path:
    from flows.evaluation_page import evaluation_page

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlaceError(f"{folder}: cannot be made: {error.strerror or error}") from error
    path = folder / PAGE
    page = evaluation_page(found, walls).encode("utf-8", "replace")
    replace_file(path, lambda file: file.write(page))
    return path


def _print_json(found: Sequence["Evaluation"]) -> None:
    from recognizer.evaluation import summary

    click.echo(json.dumps([summary(one) for one in found], ensure_ascii=False, indent=1))


def _print_tables(found: Sequence["Evaluation"], from_files: bool) -> None:
    from rich.table import Table

    from flows.commands.output import out, plain
    from recognizer.evaluation import by_label
    from recognizer.picture_fields import field_in_words

    console = out(sys.stdout)
    for one in found:
        wrong, correct = one.wrong_accepted, one.correct
        console.print(plain(f"{one.name}: {correct.total:,} pictures, each read as {field_in_words(one.field)}"))
        if not from_files:
            console.print(
                plain("They come with Tallymark; their writers are in no training set. Other pictures: --cells.")
            )
        per = f"{1000 * wrong.value:.2f} in 1,000, at most {1000 * wrong.high:.2f} at 95 %"
        rows = (
            ("model", one.model),
            ("read right", f"{correct.value:.2%} ({correct.count:,}; at least {correct.low:.2%} at 95 %)"),
            ("accepted", f"{wrong.total:,}"),
            ("wrong of these", f"{wrong.count:,} ({per})" if wrong.total else "nothing was accepted"),
            ("target", f"at most {1000 * one.accept_error:g} in 1,000"),
            ("to a person", f"{one.reviewed.value:.2%} ({one.reviewed.count:,})"),
        )
        figures = Table(box=None, show_header=False, pad_edge=False)
        for name, value in rows:
            figures.add_row(name, plain(value))
        console.print(figures)
        groups = Table("label", "pictures", "read right", "accepted", "wrong accepted", box=None, pad_edge=False)
        for group in by_label(one):
            accepted = group.wrong_accepted
            groups.add_row(
                plain(group.name),
                f"{group.correct.total:,}",
                f"{group.correct.value:.2%}",
                f"{accepted.total:,}",
                f"{accepted.count:,}",
            )
        console.print(groups)
        console.print()


@contextmanager
def _shown(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(Path(name).name, total=total)
        yield lambda count: progress.advance(task, count)
