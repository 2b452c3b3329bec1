"""`tallymark learn`: a copy of the model learns from what people said of an exam, and is kept if it reads better."""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from flows.errors import PlaceError
from flows.learning import (
    Cut,
    LearningError,
    cut_fields,
    known_rows,
    parts_of_writers,
    rows_to_cut,
)
from flows.settings import EXAM_FILE, OWN_MODEL, Exam, load_exam
from flows.store import open_store
from recognizer.classifier import CARD_FILE, SHIPPED, load_card
from recognizer.known_fields import Comparison, Count, by_part
from recognizer.reading import keep_to_one_core

if TYPE_CHECKING:
    from recognizer.known_fields import KnownField, Part
    from recognizer.training.learn import Learned

EPOCHS = 10
"""Passes over everything that is taught: a few minutes; what stops learning earlier is that it no longer helps."""

SEED = 1
"""Of everything drawn: the same exam and model give the same figures."""

SHOWN_PROBLEMS = 10
"""Pages named that could not be cut again; --json lists all."""


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of handwriting that the model was trained on, if it is here: the promise is then proven anew.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the new model is written; without it, DIR/model-1, model-2 and so on.",
)
@click.option(
    "--model",
    "model_folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="The model to begin with, such as one learned before; without it, the shipped one.",
)
@click.option("--epochs", type=click.IntRange(1, 100), default=EPOCHS, show_default=True, help="Passes, at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all figures.")
def learn(
    folder: Path, *, data: Path | None, out: Path | None, model_folder: Path | None, epochs: int, as_json: bool
) -> None:
    """Let a copy of the model learn from what people said of this exam, and keep it only if it reads better.

    It learns from corrections and from fields that sample checks looked at. A third of the writers is held out. The
    copy is kept if it reads more of all their fields right than before, has no more accepted wrongly, and makes not one
    error more on digits and numbers of other hands. If not, it says why and writes nothing. Both end with exit code 0:
    "kept" in the JSON tells. For the exam nothing changes until its scans are read again with the new model.

    It needs some minutes, and TensorFlow, which `make test` installs into the checkout and `make setup` does not.
    Without it, or with too few corrections, the exit code is 3.

    \b
    Examples:
      tallymark learn chemistry
      tallymark learn chemistry --json
      tallymark learn chemistry --model physics/model-1 --out models/sciences
    """  # noqa: D301 - click wants a real backspace here
    _check_installed()
    # Boxes are composed in processes that are forked from this one: no thread of OpenCV may run in it by then.
    keep_to_one_core()
    from recognizer.training.learn import Plan
    from recognizer.training.learn import learn as learn_from

    exam = load_exam(folder)
    destination = _destination(folder, out)
    parent = model_folder or SHIPPED
    name = f"{_parents_name(parent, exam)}+{exam.settings.exam}-{_next_number(folder)}"
    fields, cut = _known_fields(exam)
    with _unfinished(destination) as place, _shown("Preparing") as progress:
        plan = Plan(
            exam=exam.settings.exam,
            name=name,
            parent=parent,
            folder=place,
            data=data,
            epochs=epochs,
            seed=SEED,
            workers=exam.settings.workers,
            accept_error=exam.settings.accept_error,
        )
        learned = learn_from(fields, plan, progress.say)
        if not learned.against:
            _move(place, destination)
    if as_json:
        click.echo(json.dumps(_figures(learned, name, destination, cut), indent=2, ensure_ascii=False))
    else:
        _print_report(learned, name, folder, destination, cut)


# ---- before ----------------------------------------------------------------------------------------------------------


def _check_installed() -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise LearningError(
            "learning needs TensorFlow, which is not installed: 'make setup' leaves it out, 'make test' installs it "
            "into the checkout; elsewhere: pip install 'tensorflow>=2.21'"
        )
    # TensorFlow's notes about the machine help nobody here, and so little handwriting needs no graphics card.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def _parents_name(parent: Path, exam: Exam) -> str:
    """Return the name of the model to begin with, which must not have seen this exam: its writers could not test."""
    card = load_card(parent / CARD_FILE)
    for one in card.details.get("learned", []):
        if one["exam"] == exam.settings.exam:
            raise LearningError(
                f"{parent}: the model {card.name} learned from this exam already, so that none of its writers can test "
                f"what it learns now; begin with the one before it, {one['parent']['name']}"
            )
    return card.name


def _destination(folder: Path, out: Path | None) -> Path:
    destination = out or folder / f"{OWN_MODEL}{_next_number(folder)}"
    if destination.exists() and any(destination.iterdir()):
        raise PlaceError(f"{destination}: is there already and not empty; name another folder with --out")
    return destination


def _next_number(folder: Path) -> int:
    """Return the number after the highest of the folder's models; earlier ones stay, since runs name them."""
    numbers = (path.name.removeprefix(OWN_MODEL) for path in folder.glob(f"{OWN_MODEL}*"))
    return max((int(number) for number in numbers if number.isdecimal()), default=0) + 1


def _known_fields(exam: Exam) -> "tuple[Mapping[Part, Sequence[KnownField]], Cut]":
    with open_store(exam.dir) as store:
        rows = known_rows(exam, store)
        parts = parts_of_writers(rows, exam.settings.exam)
        rows = rows_to_cut(rows, parts)
        with _shown(
            "Taking pages from the archive", len({(one.row.scan, one.row.page_number) for one in rows})
        ) as progress:
            cut = cut_fields(exam, store, rows, progress.advance)
    return by_part(cut.fields, parts), cut


@contextmanager
def _unfinished(destination: Path) -> Iterator[Path]:
    """Give a folder beside the destination that is gone afterwards, whatever happens."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".learning-", dir=destination.parent) as place:
            yield Path(place) / "model"
    except OSError as error:
        raise PlaceError(f"{destination.parent}: cannot be written: {error.strerror or error}") from error


def _move(place: Path, destination: Path) -> None:
    if destination.exists():
        destination.rmdir()
    place.rename(destination)


# ---- telling ---------------------------------------------------------------------------------------------------------


def _figures(learned: "Learned", name: str, destination: Path, cut: Cut) -> dict[str, Any]:
    kept = not learned.against
    return {
        "kept": kept,
        "model": name,
        "folder": str(destination) if kept else None,
        "why_not": list(learned.against),
        "learned_from": {"boxes_and_cells": learned.lessons, **learned.card["learned"][-1]["writers"]},
        "left_out": dict(learned.left_out),
        "held_out": _comparison(learned.held_out),
        "base": [_comparison(one) for one in learned.base],
        "problems": list(cut.problems),
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {"name": one.name, "fields": one.after.fields, "before": _count(one.before), "after": _count(one.after)}


def _count(count: Count) -> dict[str, int]:
    return {"right": count.right, "accepted": count.accepted, "accepted_wrongly": count.wrong}


def _print_report(learned: "Learned", name: str, folder: Path, destination: Path, cut: Cut) -> None:
    from rich.table import Table

    from flows.commands.output import out, plain

    console = out(sys.stdout)
    for problem in cut.problems[:SHOWN_PROBLEMS]:
        console.print(plain(f"left out: {problem}"))
    if (more := len(cut.problems) - SHOWN_PROBLEMS) > 0:
        console.print(plain(f"and {more} more pages that could not be read again"))
    writers = learned.card["learned"][-1]["writers"]
    console.print(
        plain(
            f"Learned from {learned.lessons:,} boxes and cells of {writers['learn']} writers; {writers['stop']} more "
            f"said when to stop, {writers['test']} tested."
        )
    )
    for reason, count in learned.left_out.items():
        console.print(plain(f"  taught nothing: {count} ({reason})"))
    table = Table(
        "", "fields", "read right", "now", "accepted", "now", "wrong of these", "now", box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for one in (learned.held_out, *learned.base):
        before, after = one.before, one.after
        pairs = ((before.right, after.right), (before.accepted, after.accepted), (before.wrong, after.wrong))
        table.add_row(plain(one.name), f"{after.fields:,}", *(f"{figure:,}" for pair in pairs for figure in pair))
    console.print(table)
    if learned.against:
        console.print("Not kept; nothing was written:")
        for reason in learned.against:
            console.print(plain(f"  {reason}"))
        return
    console.print(plain(f"Kept as {name} in {destination}"))
    inside = destination.resolve().is_relative_to(folder.resolve())
    shown = destination.resolve().relative_to(folder.resolve()) if inside else destination.resolve()
    # A JSON string is a TOML string, whatever the folder is called.
    told = json.dumps(shown.as_posix(), ensure_ascii=False)
    console.print(plain(f"Next: write model = {told} at the top of {folder / EXAM_FILE}, then:"))
    console.print(plain(f"  tallymark regrade {folder}"))


class _Progress:
    """Tells on a terminal how far the work is; elsewhere nothing."""

    def __init__(self, say: Callable[[str], None], advance: Callable[[int], None]) -> None:
        self.say = say
        self.advance = advance


@contextmanager
def _shown(title: str, total: int | None = None) -> Iterator[_Progress]:
    """Show a progress bar on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield _Progress(lambda _: None, lambda _: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield _Progress(
            lambda text: progress.update(task, description=text), lambda count: progress.advance(task, count)
        )
