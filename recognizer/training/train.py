"""Train the character model and write its weights and card."""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import SHIPPED, LiteRtModel, load_model, softmax, write_card
from recognizer.errors import RecognizerError
from recognizer.records import CLASSES, GlyphStack
from recognizer.training.calibrate import (
    MARGIN,
    OTHER_SHARE,
    WRONG_PER_ACCEPTED,
    accept_confidence,
    acceptance,
    fit_temperature,
)
from recognizer.training.pools import Pool, load_pools, mnist_without_reserved, validation_writers
from recognizer.training.reserved import reserved_writers
from recognizer.training.samples import KINDS, Samples, compose
from recognizer.training.sheets import measure_fields
from recognizer.training.sources import DataError, LabelledPictures, mnist_digits

NAME = "characters-1"

VALIDATION_PART = 3
"""For so many boxes to learn from, one is composed to validate on."""

SETS = (
    ("MNIST (training part, writers from QMNIST)", "CC BY-SA 3.0; writer numbers BSD-3-Clause"),
    ("Swiss digits (kensanata/numbers, BSI anagnostes)", "public domain, copy under Apache-2.0"),
    ("bhmsds digits and symbols", "MIT"),
    ("UCI optdigits", "CC BY 4.0"),
    ("UCI Semeion", "CC BY 4.0"),
    ("sudoku-scanner handwritten cells", "MIT"),
    ("mdas symbols", "MIT"),
    ("Omniglot Latin letters", "MIT"),
    ("Noto Sans digits, printed", "SIL Open Font License 1.1"),
)

NAMED = ("mnist", "swiss", "printed")
UNNAMED = ("bhmsds", "optdigits", "semeion")
"""Sources of digits (`pools.py`) with writers held out whole, and those that name none."""

MEASURED = 3000
"""Boxes composed for each figure that is measured apart."""

LIMITS = (
    "Halves, struck-out and touching digits are composed, not real.",
    "Boxes are composed after the product's own print; no real scanner took part.",
    "A lone slash less than 35 degrees off upright looks like a 1 and may be called one.",
    "The removal of rules was refined between training and calibration; the figures are of the later state.",
    "The sets besides MNIST and the Swiss digits name no writers; their validation part says nothing of new hands.",
)

EXAMPLES = """\
examples:
  python -m recognizer.training.train                          the shipped model, about 25 minutes on two cores
  python -m recognizer.training.train --boxes 2000 --epochs 1 --out build/try    a quick look whether all works
"""


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    # TensorFlow's notes about the machine help nobody here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        plan = Plan(**vars(options))
        card = recalibrate(plan) if plan.recalibrate else run(plan)
    except RecognizerError as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {card['name']}, {card['bytes']} bytes, accepts from {card['accept_confidence']}")
    for title, figure in card["figures"].items():
        print(f"  {title}: {figure}")
    return 0


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
    recalibrate: bool


def run(plan: Plan) -> dict[str, Any]:
    """Train, export, calibrate the exported file, and return its card.

    Raises:
        DataError: the data folder is missing something, or too few glyphs came out of it.
    """
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.0f} s] {text}", flush=True)

    train_pool, validation_pool = load_pools(plan.data, plan.seed)
    say("pools loaded")
    learned = _joined(compose(train_pool, plan.boxes, plan.seed, plan.workers), _plain(plan.data, plan.seed))
    validation = _validation(validation_pool, plan)
    _check_enough(learned)
    say(f"{len(learned.y)} glyphs to learn from, {len(validation.y)} to validate on")

    # TensorFlow takes 15 s to import: not before the data is known to be good.
    import keras

    from recognizer.training.export import export_network
    from recognizer.training.network import build_network, train

    keras.utils.set_random_seed(plan.seed)
    network = build_network()
    train(network, learned, plan.epochs, plan.seed, say)
    if plan.keep:
        network.save(plan.keep)
    card = export_network(network, plan.out, _card(plan, learned), validation.glyphs[:512])
    say("exported")
    card |= _measured(load_model(plan.out), validation, plan, validation_pool)
    card["minutes"] = round((time.monotonic() - started) / 60, 1)
    return _with_fields(card, plan)


def recalibrate(plan: Plan) -> dict[str, Any]:
    """Fit temperature and threshold of the weights in `plan.out` anew, measure them, and return the new card.

    Raises:
        ModelError: there are no good weights.
        DataError: the data folder is missing something.
    """
    model = load_model(plan.out)
    card = dict(model.card.details)
    # The boxes that the weights were validated on, whatever the command line says.
    plan = replace(plan, seed=int(card["seed"]), boxes=int(card["boxes_composed"]))
    pool = load_pools(plan.data, plan.seed)[1]
    card |= _measured(model, _validation(pool, plan), plan, pool)
    return _with_fields(card, plan)


def _with_fields(card: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Write the card, measure whole fields with the model that it makes, and add that to the card."""
    write_card(plan.out, card)
    fields = measure_fields(load_model(plan.out), plan.data, plan.seed)
    card["figures"] |= {"simulated sheets of validation writers: fields accepted and wrong": fields}
    write_card(plan.out, card)
    return card


def _validation(pool: Pool, plan: Plan) -> Samples:
    """Return what temperature and threshold are fitted on: boxes as the product prints them, by writers held out whole.

    Sets without writers and photographed cells are measured apart: they prove nothing about new hands in our boxes.
    """
    count = max(plan.boxes // VALIDATION_PART, 200)
    return compose(_only(pool, *NAMED), count, plan.seed + 1, plan.workers, _normalised({**KINDS, "cell": 0.0}))


def _normalised(kinds: dict[str, float]) -> dict[str, float]:
    return {kind: share / sum(kinds.values()) for kind, share in kinds.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.training.train",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the handwriting data")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder for weights and card (default: shipped)")
    parser.add_argument("--epochs", type=_positive, default=9, help="passes over all glyphs (default 9)")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything drawn (default 1)")
    parser.add_argument("--boxes", type=_positive, default=70_000, help="boxes to compose (default 70000)")
    parser.add_argument("--workers", type=_positive, default=2, help="processes that compose boxes (default 2)")
    parser.add_argument(
        "--recalibrate",
        action="store_true",
        help="train nothing: fit temperature and threshold of --out's weights anew",
    )
    parser.add_argument("--keep", type=Path, help="also save the Keras network here (.keras)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _plain(data: Path, seed: int) -> Samples:
    """Return MNIST's own pictures, centred as they come, of the writers who train."""
    mnist = mnist_without_reserved(data)
    chosen = ~np.isin(mnist.writer, validation_writers(mnist.writer, seed))
    return _as_samples(LabelledPictures(mnist.x[chosen], mnist.label[chosen], mnist.writer[chosen]))


def _as_samples(digits: LabelledPictures) -> Samples:
    return Samples(digits.x, np.array([CLASSES.index(label) for label in digits.label], np.int64))


def _joined(first: Samples, second: Samples) -> Samples:
    return Samples(np.concatenate([first.x, second.x]), np.concatenate([first.y, second.y]))


def _check_enough(samples: Samples) -> None:
    counts = np.bincount(samples.y, minlength=len(CLASSES))
    for name, count in zip(CLASSES, counts, strict=True):
        if count < 10:
            raise DataError(f"only {count} glyphs of class {name} to learn from, at least 10 needed: raise --boxes")


def _counts(samples: Samples) -> dict[str, int]:
    return dict(zip(CLASSES, np.bincount(samples.y, minlength=len(CLASSES)).tolist(), strict=True))


def _card(plan: Plan, learned: Samples) -> dict[str, Any]:
    from recognizer.training.network import FILTERS

    writers = mnist_without_reserved(plan.data).writer
    return {
        "name": NAME,
        "date": datetime.now(UTC).date().isoformat(),
        "classes": list(CLASSES),
        "input": "(N, 28, 28, 1) float32, 0 paper to 1 ink, cut by recognizer/ink.py",
        "output": "(N, 13) float32 logits; probabilities are softmax(logits / temperature)",
        "network": f"one 5x5 and four 3x3 convolutions ({FILTERS[0]}; 2x{FILTERS[1]}; 2x{FILTERS[2]}), dense 96",
        "data": [{"set": name, "licence": licence} for name, licence in SETS],
        "excluded": {
            "reserved_mnist_writers": sorted(reserved_writers()),
            "validation_mnist_writers": validation_writers(writers, plan.seed).tolist(),
            "mnist_t10k": "measured on only",
        },
        "seed": plan.seed,
        "epochs": plan.epochs,
        "boxes_composed": plan.boxes,
        "training_glyphs": _counts(learned),
        "temperature": 1.0,
        "accept_confidence": 1.0,
        "figures": {},
    }


def _measured(model: LiteRtModel, validation: Samples, plan: Plan, pool: Pool) -> dict[str, Any]:
    """Return temperature, threshold and figures of the exported file."""
    logits = model.logits(validation.glyphs)
    temperature = fit_temperature(logits, validation.y)
    probabilities = softmax(logits, temperature)
    chosen = accept_confidence(probabilities, validation.y)
    guess = probabilities.argmax(axis=1)
    right = guess == validation.y
    test = _as_samples(mnist_digits(plan.data, "test"))
    mnist = softmax(model.logits(test.glyphs), temperature)
    swiss = compose(_only(pool, "swiss"), MEASURED, plan.seed + 2, plan.workers, {"digit": 1.0})
    unnamed = compose(_only(pool, *UNNAMED), MEASURED, plan.seed + 3, plan.workers, {"digit": 1.0})
    cells = compose(pool, MEASURED, plan.seed + 4, plan.workers, {"cell": 1.0})
    return {
        "validation_glyphs": _counts(validation),
        "temperature": temperature,
        "accept_confidence": chosen.threshold,
        "accept_method": (
            f"lowest threshold with at most {WRONG_PER_ACCEPTED / MARGIN:.4f} wrong per accepted glyph of the "
            f"validation writers' composed boxes, `other` weighted to {OTHER_SHARE:.0%} of them; no guarantee"
        ),
        "limits": LIMITS,
        "figures": {
            "composed boxes, validation writers: accuracy": _share(right),
            "composed boxes, validation writers: accepted and wrong": _accepted(
                probabilities, validation.y, chosen.threshold
            ),
            "composed boxes, digits only: accuracy": _share(right[validation.y < 10]),
            "per class recall": {name: _share(right[validation.y == index]) for index, name in enumerate(CLASSES)},
            "MNIST t10k as published: accuracy": _share(mnist.argmax(axis=1) == test.y),
            "MNIST t10k: accepted and wrong": _accepted(mnist, test.y, chosen.threshold),
            "Swiss validation writers in boxes: accuracy": _share(_right(model, swiss)),
            "sets without writers in boxes: accuracy": _share(_right(model, unnamed)),
            "sudoku cells (val puzzles): accuracy": _share(_right(model, cells)),
        },
    }


def _only(pool: Pool, *sources: str) -> Pool:
    """Return the pool with digits of some sources only."""
    groups = tuple((share, hands) for share, hands in pool.groups if hands[0].name.startswith(sources))
    return replace(pool, groups=groups)


def _right(model: LiteRtModel, samples: Samples) -> NDArray[np.bool_]:
    glyphs: GlyphStack = samples.glyphs
    found: NDArray[np.bool_] = model.logits(glyphs).argmax(axis=1) == samples.y
    return found


def _accepted(probabilities: NDArray[np.float32], truth: NDArray[np.int64], threshold: float) -> Mapping[str, float]:
    found = acceptance(probabilities, truth, threshold)
    return {
        "total": found.total,
        "accepted": found.accepted,
        "wrong": found.wrong,
        "weighted_rate": round(found.rate, 6),
    }


def _share(right: NDArray[np.bool_]) -> float:
    return round(float(right.mean()), 5) if len(right) else float("nan")


if __name__ == "__main__":
    sys.exit(main())
