"""Train the model and write its weights and card.

Three networks are trained one after the other, exported to LiteRT in eight bits, and then the exported files are
calibrated: temperatures, and the curves from which the promise is derived (`calibrate.py`).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from recognizer.classifier import CARD_FILE, CHARACTERS, INPUTS, MARK_BOXES, NUMBERS, SHIPPED, write_card
from recognizer.errors import RecognizerError
from recognizer.plots import draw_learning
from recognizer.records import CLASSES, MARKS
from recognizer.training import Epoch, Say
from recognizer.training.calibrate import calibrated, held_out
from recognizer.training.csv_digits import csv_digits
from recognizer.training.pools import OPTIONAL, PARTS, Pool, held_writers, load_pools, mnist_without_reserved
from recognizer.training.reserved import reserved_writers
from recognizer.training.samples import KINDS, NO_CLASS, Samples, compose, plain_views
from recognizer.training.sources import DataError, mnist_is_there
from recognizer.training.train_marks import as_views, mark_data, train_marks

if TYPE_CHECKING:
    from recognizer.training.network import Trained

NAME = "tallymark-2"

CURVES_FILE = "learning.png"

VALIDATION_PART = 14
"""For so many boxes to learn from, one is composed to say when to stop."""

MARKS_PART = 3
"""For so many boxes and cells, one tick box or bubble is composed: there is less to tell apart."""

FINISHING_VIEWS = 50_000
"""Composed views in the last course of the network for characters; less than half, so that plain digits weigh more."""

PLAIN_STRIPS = 0.4
"""Share of the whole pictures of digits that the network for cells learns from as well."""

SETS = (
    ("MNIST (training part, writers from QMNIST)", "CC BY-SA 3.0; writer numbers BSD-3-Clause"),
    ("Swiss digits (kensanata/numbers, BSI anagnostes)", "public domain, copy under Apache-2.0"),
    ("bhmsds digits and symbols", "MIT"),
    ("UCI optdigits", "CC BY 4.0"),
    ("UCI Semeion", "CC BY 4.0"),
    ("sudoku-scanner handwritten and blank cells", "MIT"),
    ("mdas symbols", "MIT"),
    ("Omniglot Latin letters", "MIT"),
    ("CTCT-Exam-Scanner bubbles", "MIT"),
    ("Noto Sans, printed", "SIL Open Font License 1.1"),
)

LIMITS = (
    "Halves, struck-out and touching digits, capitals and marks in boxes are composed, not real.",
    "Boxes are composed after the product's own print; no real scanner took part.",
    "The sets besides MNIST and the Swiss digits name no writers; their validation part says nothing of new hands.",
    "Eight bits leave steps of about 0.2 between logits: probabilities next to 0 and 1 come in steps.",
)

EXAMPLES = """\
examples:
  python -m recognizer.training.train                          the shipped model, under two hours on two cores
  python -m recognizer.training.train --boxes 3000 --epochs 1 --out build/try    a quick look whether all works
  python -m recognizer.training.train --networks numbers       one network anew, the others as they are
  python -m recognizer.training.train --networks none          calibrate and measure anew, train nothing
  python -m recognizer.training.train --from-csv train.csv     learn from further digits in the CSV form of MNIST
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train: the options of the command line, as `--help` explains them."""

    data: Path
    out: Path
    epochs: int
    seed: int
    boxes: int
    workers: int
    keep: Path | None
    plots: Path | None
    networks: tuple[str, ...]
    uncalibrated: bool
    from_csv: tuple[Path, ...] = ()
    without: tuple[str, ...] = ()


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    # Processes that compose boxes are forked from this one: no other thread may run in it by then.
    cv2.setNumThreads(1)
    # TensorFlow's notes about the machine help nobody here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        card = run(Plan(**{**vars(options), "from_csv": tuple(options.from_csv)}))
    except RecognizerError as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {card['name']}, {sum(one['bytes'] for one in card['networks'].values())} bytes")
    for title, figure in card.get("figures", {}).items():
        print(f"  {title}: {figure}")
    return 0


def run(plan: Plan) -> dict[str, Any]:
    """Train, export, calibrate the exported files, and return their card.

    Raises:
        DataError: the data folder is missing something, or too few views came out of it.
        ModelError: some networks were to be left as they are, but are not there.
    """
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.0f} s] {text}", flush=True)

    extra = csv_digits(plan.from_csv, plan.data, plan.seed, say)
    pools = load_pools(plan.data, plan.seed, extra, plan.without)
    say("pools loaded")
    card = _old_card(plan)
    # Composed before TensorFlow starts, whose threads forbid to fork.
    held = None if plan.uncalibrated else held_out(pools, plan.data, plan.seed, plan.workers)
    if plan.networks:
        card = _trained(plan, pools, card, say)
    card["minutes"] = round(card.get("minutes", 0.0) + (time.monotonic() - started) / 60, 1)
    write_card(plan.out, card)
    return card if held is None else calibrated(plan.out, held, say)


@dataclass(frozen=True, slots=True)
class Views:
    """What the networks for characters and numbers learn from, and what says when they have learned."""

    composed: Samples
    plain: Samples
    validation: Samples
    validation_plain: Samples

    @property
    def finishing(self) -> Samples:
        """Characters for the last course: the first FINISHING_VIEWS composed ones, and all plain ones."""
        some = np.arange(min(FINISHING_VIEWS, len(self.composed.y)))
        return self.composed.chosen(some).characters.joined(self.plain)

    @property
    def unseen(self) -> Samples:
        """Characters that say when the last course is over."""
        return self.validation.characters.joined(self.validation_plain)


def _views(plan: Plan, pools: dict[str, Pool], say: Say) -> Views:
    """Compose what to learn from.

    Raises:
        DataError: too little of some class came out of it.
    """
    learned, held = pools["train"], pools["validation"]
    views = Views(
        compose(learned, plan.boxes, plan.seed, plan.workers),
        plain_views(learned, plan.seed, plan.workers),
        compose(held, max(plan.boxes // VALIDATION_PART, 200), plan.seed + 1, plan.workers),
        plain_views(held, plan.seed, plan.workers),
    )
    _check_enough(views.composed)
    say(
        f"{len(views.composed.y)} composed and {len(views.plain.y)} plain views to learn from, "
        f"{len(views.validation.y)} to stop by"
    )
    return views


def _trained(plan: Plan, pools: dict[str, Pool], card: dict[str, Any], say: Say) -> dict[str, Any]:
    """Train and export what the plan names; return the card with their entries."""
    views = _views(plan, pools, say) if {CHARACTERS, NUMBERS} & set(plan.networks) else None
    marks = (
        mark_data(plan.data, plan.boxes // MARKS_PART, plan.seed, plan.workers, say)
        if MARK_BOXES in plan.networks
        else None
    )

    # TensorFlow takes 15 s to import, and its threads forbid to fork: not before everything is composed.
    import keras

    from recognizer.training.export import export_network
    from recognizer.training.network import as_float32, choose_precision

    keras.utils.set_random_seed(plan.seed)
    card = {**card, **_about(plan, choose_precision())}
    for name in plan.networks:
        if name == MARK_BOXES:
            assert marks is not None
            network, epochs = train_marks(marks, plan.seed, say)
            probe = as_views(marks.validation.x)
            counts = np.bincount(np.concatenate([marks.composed.y, marks.real.y]), minlength=len(MARKS))
            of_class = dict(zip(MARKS, counts.tolist(), strict=True))
        else:
            assert views is not None
            trained, samples = (_characters if name == CHARACTERS else _numbers)(views, plan, say)
            network, epochs = as_float32(trained.network), trained.epochs
            probe = views.validation.characters.glyphs if name == CHARACTERS else views.validation.lines
            of_class = _of_class(samples)
        if plan.keep:
            plan.keep.mkdir(parents=True, exist_ok=True)
            network.save(plan.keep / f"{name}.keras")
        card.setdefault("learning", {})[name] = _learning(epochs, of_class)
        card.setdefault("networks", {})[name] = export_network(network, plan.out, probe[:2000])
        say(f"{name} exported")
        write_card(plan.out, card)
    if plan.plots:
        plan.plots.mkdir(parents=True, exist_ok=True)
        (plan.plots / CURVES_FILE).write_bytes(draw_learning(card["learning"]))
    return card


def _characters(views: Views, plan: Plan, say: Say) -> "tuple[Trained, Samples]":
    from recognizer.training.network import Trained, finish_characters, train_characters

    samples = views.composed.characters.joined(views.plain)
    first = train_characters(samples, views.validation.characters, plan.epochs, plan.seed, say)
    last = finish_characters(first.network, views.finishing, views.unseen, plan.seed, say)
    return Trained(last.network, (*first.epochs, *last.epochs)), samples


def _numbers(views: Views, plan: Plan, say: Say) -> "tuple[Trained, Samples]":
    from recognizer.training.network import train_numbers

    some = np.random.default_rng(plan.seed).random(len(views.plain.y)) < PLAIN_STRIPS
    samples = views.composed.joined(views.plain.chosen(some))
    return train_numbers(samples, views.validation, plan.epochs, plan.seed, say), samples


def _of_class(samples: Samples) -> dict[str, int]:
    """Return how many views show each class; cells are counted together."""
    counts = np.bincount(samples.y[samples.y != NO_CLASS], minlength=len(CLASSES)).tolist()
    return dict(zip(CLASSES, counts, strict=True)) | {"cell": int((samples.y == NO_CLASS).sum())}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.training.train",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the handwriting data")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder for weights and card (default: shipped)")
    parser.add_argument("--epochs", type=_positive, default=12, help="passes over all views (default 12)")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything drawn (default 1)")
    parser.add_argument("--boxes", type=_positive, default=180_000, help="boxes to compose (default 180000)")
    parser.add_argument("--workers", type=_positive, default=2, help="processes that compose boxes (default 2)")
    parser.add_argument(
        "--networks",
        type=_networks,
        default=tuple(INPUTS),
        help="which to train, of characters,numbers,marks, or none; the others stay as they are (default all)",
    )
    parser.add_argument("--uncalibrated", action="store_true", help="leave temperatures and curves as they are")
    parser.add_argument(
        "--plots",
        type=Path,
        default=Path("build/training"),
        help=f"folder for {CURVES_FILE}, how loss and accuracy went (default build/training)",
    )
    parser.add_argument("--keep", type=Path, help="also save the Keras networks in this folder")
    parser.add_argument(
        "--from-csv",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="learn from this file's digits too: MNIST's form of 785 columns, plain or .gz; may be given again",
    )
    parser.add_argument(
        "--without",
        type=_optional_sets,
        default=(),
        metavar="SET[,SET]",
        help=f"train without these sets of the data folder, of {', '.join(OPTIONAL)}",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _networks(text: str) -> tuple[str, ...]:
    names = () if text == "none" else tuple(text.split(","))
    if unknown := [name for name in names if name not in INPUTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(INPUTS)}")
    return names


def _optional_sets(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in OPTIONAL]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(OPTIONAL)}")
    return names


def _old_card(plan: Plan) -> dict[str, Any]:
    """Return the card of the networks that stay; an empty one when there is none and all are trained."""
    path = plan.out / CARD_FILE
    if path.is_file():
        try:
            old: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: is no card ({error}); remove it and train all networks") from error
        return old
    missing = [name for name in INPUTS if name not in plan.networks]
    if missing and not plan.uncalibrated:
        raise DataError(
            f"{path}: is not there, so there are no networks {', '.join(missing)} to leave as they are: train all, or "
            "leave them out with --uncalibrated and train them later"
        )
    return {}


def _check_enough(samples: Samples) -> None:
    counts = np.bincount(samples.characters.y, minlength=len(CLASSES))
    for name, count in zip(CLASSES, counts, strict=True):
        if count < 10:
            raise DataError(f"only {count} glyphs of class {name} to learn from, at least 10 needed: raise --boxes")


def _learning(epochs: Sequence[Epoch], of_class: Mapping[str, int]) -> dict[str, Any]:
    """Return a card's entry of how a network learned."""
    return {
        "views": sum(of_class.values()),
        "of_class": dict(of_class),
        "epochs": [{name: round(value, 5) for name, value in asdict(epoch).items()} for epoch in epochs],
    }


def _about(plan: Plan, precision: str) -> dict[str, Any]:
    from recognizer.training.network import CHARACTER_FILTERS, NUMBER_FILTERS

    there = mnist_is_there(plan.data)
    held = held_writers(mnist_without_reserved(plan.data).writer, plan.seed) if there else {}
    return {
        "name": NAME,
        "date": datetime.now(UTC).date().isoformat(),
        "input": {name: list(shape) for name, shape in INPUTS.items()},
        "shapes": {CHARACTERS: list(CHARACTER_FILTERS), NUMBERS: list(NUMBER_FILTERS)},
        "data": [{"set": name, "licence": licence} for name, licence in SETS]
        + [{"set": f"digits of {path.name}", "licence": "of whoever trained with it"} for path in plan.from_csv],
        "excluded": {
            "reserved_mnist_writers": sorted(reserved_writers()),
            **{f"{part}_mnist_writers": some.tolist() for part, some in held.items()},
            "mnist_t10k": "measured on only",
            "sets_left_out": [*plan.without, *(() if there else ("MNIST",))],
        },
        "parts": list(PARTS),
        "seed": plan.seed,
        "epochs": plan.epochs,
        "boxes_composed": plan.boxes,
        "kinds": KINDS,
        "precision": precision,
        "limits": list(LIMITS),
    }


if __name__ == "__main__":
    sys.exit(main())
