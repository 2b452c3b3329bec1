"""Train the model and write its weights and card.

Three networks are trained one after the other, exported to LiteRT in eight bits, and then the exported files are
calibrated: temperatures, and the curves from which the promise is derived (`calibrate.py`).
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from recognizer.classifier import CHARACTERS, INPUTS, MARK_BOXES, NUMBERS, SHIPPED, write_card
from recognizer.errors import RecognizerError
from recognizer.plots import draw_learning
from recognizer.records import CLASSES, MARKS
from recognizer.training import Say
from recognizer.training.calibrate import calibrated, held_out
from recognizer.training.cards import about, check_held, learning_entry, lineage, old_card
from recognizer.training.csv_digits import csv_digits
from recognizer.training.model_folder import files_of, replaced
from recognizer.training.plan import COURSES, Plan
from recognizer.training.pools import OPTIONAL, Pool, load_pools
from recognizer.training.samples import NO_CLASS, Samples, compose, plain_views
from recognizer.training.sources import DataError
from recognizer.training.train_marks import as_views, mark_data, train_marks

if TYPE_CHECKING:
    from recognizer.training.network import Trained

CURVES_FILE = "learning.png"

VALIDATION_PART = 14
"""For so many boxes to learn from, one is composed to say when to stop."""


FRESH_SEED = 100
"""What is added to the seed for what is composed anew."""

NEXT_RATE = 2e-4
"""Learning rate of the next course: faster, a network forgets more than a short course can teach it again."""

FINISHING_VIEWS = 50_000
"""Composed views in the calm course of the network for characters; less than half, so that plain digits weigh more."""

PLAIN_STRIPS = 0.4
"""Share of the whole pictures of digits that the network for cells learns from as well."""

SINGLE_STRIPS = 0.35
"""Share of single characters that it goes on learning from in the next course."""

WAYS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far from the weights before a course to those after it the weights that are kept may lie."""

EXAMPLES = """\
examples:
  python -m recognizer.training.train                          go on from the shipped model, and replace it
  python -m recognizer.training.train --out build/model        the same, and leave the shipped model alone
  python -m recognizer.training.train --course short           a model of your own, from nothing
  python -m recognizer.training.train --course long            most of what the shipped model learned from
  python -m recognizer.training.train --boxes 3000 --epochs 1 --out build/try    a quick look whether all works
  python -m recognizer.training.train --networks numbers       one network, the others as they are
  python -m recognizer.training.train --networks none          calibrate and measure anew, train nothing
  python -m recognizer.training.train --from-csv train.csv     learn from further digits in the CSV form of MNIST
"""


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.unexported:
        if options.keep is None:
            parser.error("--unexported keeps nothing but what --keep saves: name a folder with --keep")
        # The card lies with the networks that it is about; those in `out` are others.
        options.out = options.keep
    # Processes that compose boxes are forked from this one: no other thread may run in it by then.
    cv2.setNumThreads(1)
    # TensorFlow's notes about the machine help nobody here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        card = run(Plan(**{**vars(options), "from_csv": tuple(options.from_csv)}))
    except RecognizerError as error:
        print("\n".join([f"train: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        return 1
    print(f"{options.out}: {card['name']}, {sum(one['bytes'] for one in card.get('networks', {}).values())} bytes")
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

    card = old_card(plan)
    extra = csv_digits(plan.from_csv, plan.data, plan.seed, say)
    pools = load_pools(plan.data, plan.seed, extra, plan.without)
    if set(plan.networks) != set(INPUTS) or plan.goes_on:
        check_held(plan, card)
    say("pools loaded")
    if plan.unexported:
        # The card lies with the networks that it is about, and speaks of no others.
        plan.out.mkdir(parents=True, exist_ok=True)
        card = {name: about for name, about in card.items() if name not in ("networks", "calibration")}
        return _made(plan, pools, card, say)
    if not plan.goes_on and set(plan.networks) == set(INPUTS):
        # Of a model that is there it takes nothing, nor what was done to it.
        card = {}
    staying = [name for name in INPUTS if name not in plan.networks and name in card.get("networks", {})]
    kept = {file: plan.stays_in / file for name in staying for file in files_of(card, name)}
    with replaced(plan.out, kept) as part:
        return _made(replace(plan, out=part, start=plan.begun_from), pools, card, say)


def _made(plan: Plan, pools: dict[str, Pool], card: dict[str, Any], say: Say) -> dict[str, Any]:
    """Make the model that is planned in the plan's folder, and return its card."""
    started = time.monotonic()
    # Composed before TensorFlow starts, whose threads forbid to fork.
    held = None if plan.uncalibrated or plan.unexported else held_out(pools, plan.data, plan.seed, plan.workers)
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
    fresh: Samples

    @property
    def finishing(self) -> Samples:
        """Characters for the calm course: the first FINISHING_VIEWS composed ones, and all plain ones."""
        some = np.arange(min(FINISHING_VIEWS, len(self.composed.y)))
        return self.composed.chosen(some).characters.joined(self.plain)

    @property
    def unseen(self) -> Samples:
        """Characters that say when a calm course is over."""
        return self.validation.characters.joined(self.validation_plain)


def _views(plan: Plan, pools: dict[str, Pool], say: Say) -> Views:
    """Compose what to learn from.

    Raises:
        DataError: too little of some class came out of it.
    """
    learned, held = pools["train"], pools["validation"]
    views = Views(
        compose(learned, plan.lengths.boxes, plan.drawn_seed, plan.workers),
        plain_views(learned, plan.drawn_seed, plan.workers),
        compose(held, max(plan.lengths.boxes // VALIDATION_PART, 200), plan.seed + 1, plan.workers),
        plain_views(held, plan.seed, plan.workers),
        compose(learned, plan.lengths.fresh_boxes, plan.seed + FRESH_SEED, plan.workers),
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
        mark_data(plan.data, plan.lengths.mark_boxes, plan.drawn_seed, plan.workers, say)
        if MARK_BOXES in plan.networks
        else None
    )

    # TensorFlow takes 15 s to import, and its threads forbid to fork: not before everything is composed.
    import keras

    from recognizer.training.network import as_float32, choose_precision

    keras.utils.set_random_seed(plan.seed)
    old = card
    card = {**card, **about(plan, choose_precision(), keras.backend.backend())}
    if plan.goes_on:
        card |= lineage(plan, old, card)
    for name in plan.networks:
        if name == MARK_BOXES:
            assert marks is not None
            network, epochs = train_marks(marks, plan.lengths.marks, plan.drawn_seed, say)
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
        entry = learning_entry(epochs, of_class)
        if plan.goes_on and name != MARK_BOXES and (before := old.get("learning", {}).get(name)):
            # One curve over all courses; what the first began with is what was learned from for longest.
            entry = {**before, "epochs": [*before["epochs"], *entry["epochs"]]}
        card.setdefault("learning", {})[name] = entry
        if not plan.unexported:
            # LiteRT is TensorFlow's: where Keras computes with another library, it may not be there.
            from recognizer.training.export import export_network

            card.setdefault("networks", {})[name] = export_network(network, plan.out, probe[:2000])
            say(f"{name} exported")
        write_card(plan.out, card)
    if plan.plots:
        plan.plots.mkdir(parents=True, exist_ok=True)
        (plan.plots / CURVES_FILE).write_bytes(draw_learning(card["learning"]))
    return card


def _characters(views: Views, plan: Plan, say: Say) -> "tuple[Trained, Samples]":
    from recognizer.training.network import (
        FINISHING_EPOCHS,
        FINISHING_RATE,
        Course,
        Trained,
        as_learning,
        build_characters,
        finishing,
        train,
    )
    from recognizer.training.trained import load_trained

    lengths, samples = plan.lengths, views.composed.characters.joined(views.plain)
    if plan.goes_on:
        start = Trained(as_learning(load_trained(plan.begun_from, CHARACTERS)), ())
        return _again(lengths.characters, (start,), samples, views.unseen, plan, say), samples
    course = Course(lengths.characters, batch=lengths.batch)
    first = train(build_characters(), course, samples, views.validation.characters, plan.seed, say)
    calm = Course(FINISHING_EPOCHS, FINISHING_RATE)
    second = train(finishing(first.network), calm, views.finishing, views.unseen, plan.seed, say)
    fresh = views.fresh.characters.joined(views.plain)
    return _again(lengths.fresh_characters, (first, second), fresh, views.unseen, plan, say), samples


def _numbers(views: Views, plan: Plan, say: Say) -> "tuple[Trained, Samples]":
    from recognizer.training.network import Course, Trained, as_learning, build_numbers, train
    from recognizer.training.trained import load_trained

    lengths = plan.lengths
    rng = np.random.default_rng(plan.seed)
    plain = views.plain.chosen(rng.random(len(views.plain.y)) < PLAIN_STRIPS)
    if plan.goes_on:
        # Single characters it knows best by now: fewer of them.
        some = (views.composed.y == NO_CLASS) | (rng.random(len(views.composed.y)) < SINGLE_STRIPS)
        samples = views.composed.chosen(some).joined(plain.chosen(rng.random(len(plain.y)) < SINGLE_STRIPS))
        start = Trained(as_learning(load_trained(plan.begun_from, NUMBERS)), ())
        return _again(lengths.numbers, (start,), samples, views.validation, plan, say), samples
    samples = views.composed.joined(plain)
    course = Course(lengths.numbers, batch=lengths.batch)
    first = train(build_numbers(), course, samples, views.validation, plan.seed, say)
    fresh = views.fresh.joined(plain)
    return _again(lengths.fresh_numbers, (first,), fresh, views.validation, plan, say), samples


def _again(  # noqa: PLR0917
    epochs: int, before: "tuple[Trained, ...]", fresh: Samples, unseen: Samples, plan: Plan, say: Say
) -> "Trained":
    """Return what the network of earlier courses learns from views composed anew, with all epochs.

    Of its weights before, those after, and some on the way (`WAYS`), those are kept that read writers never seen best.
    Some on the way often do: what both courses found carries over to other hands, what one of them learned by heart
    does not (averaging weights, Izmailov et al. 2018, Wortsman et al. 2022).
    """
    from recognizer.training.network import FRESH_RATE, Course, Trained, set_between, train, unseen_loss

    done = tuple(epoch for one in before for epoch in one.epochs)
    network = before[-1].network
    if not epochs or not (plan.lengths.fresh_boxes or plan.goes_on):
        return Trained(network, done)
    old = network.get_weights()
    course = Course(epochs, NEXT_RATE if plan.goes_on else FRESH_RATE)
    last = train(network, course, fresh, unseen, plan.drawn_seed + 1, say)
    new = network.get_weights()
    losses = {}
    for share in WAYS:
        losses[share] = unseen_loss(set_between(network, old, new, share), unseen)
    best = min(losses, key=lambda share: losses[share])
    say(f"{network.name}: on writers never seen {losses}; {best} of the way is taken")
    return Trained(set_between(network, old, new, best), (*done, *last.epochs))


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
    parser.add_argument(
        "--course",
        choices=sorted(COURSES),
        default="next",
        help="next: go on from the model of --start; short: begin with nothing; both for two hours on two cores; long: "
        "the first courses of the shipped model, with 16 GB of memory (default next)",
    )
    parser.add_argument(
        "--start",
        type=Path,
        help="folder of the model that the next course goes on from, and that gives the networks that are not trained "
        "(default: the model in --out, or the shipped one)",
    )
    parser.add_argument("--epochs", type=_positive, help="passes over all views at most (default: as the course says)")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything drawn (default 1)")
    parser.add_argument("--boxes", type=_positive, help="boxes to compose (default: as the course says)")
    parser.add_argument("--workers", type=_positive, default=2, help="processes that compose boxes (default 2)")
    parser.add_argument(
        "--networks",
        type=_networks,
        default=tuple(INPUTS),
        help="which to train, of characters,numbers,marks, or none: calibrate only; the others stay as they are "
        "(default all)",
    )
    parser.add_argument(
        "--unexported",
        action="store_true",
        help="only train, and leave networks and card in the folder of --keep; recognizer.training.export goes on, "
        "here or where LiteRT is",
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


def _check_enough(samples: Samples) -> None:
    counts = np.bincount(samples.characters.y, minlength=len(CLASSES))
    for name, count in zip(CLASSES, counts, strict=True):
        if count < 10:
            raise DataError(f"only {count} glyphs of class {name} to learn from, at least 10 needed: raise --boxes")


if __name__ == "__main__":
    sys.exit(main())
