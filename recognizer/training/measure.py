"""Write the pictures that no network learned from as files for `tallymark evaluate`.

Real handwriting: MNIST's test part, whole Swiss writers, photographed cells of puzzles kept out, real bubbles kept out,
and whatever lies in the data folder's `validate/`. Composed, and named so: boxes with something that is no digit.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.digits import isolate_digit
from recognizer.errors import RecognizerError
from recognizer.records import CLASSES, MARKS
from recognizer.training.pools import DIGITS, Pool, load_pools
from recognizer.training.samples import MAKERS
from recognizer.training.sources import mnist_digits
from recognizer.training.train_marks import real_bubbles

EXAMPLES = """\
examples:
  python -m recognizer.training.measure --data ../shared/data --out build/held
  tallymark evaluate --cells build/held/digits_*.npz --cells build/held/cells_*.npz
"""

NOT_DIGITS = {"strange": 600, "struck": 600}
"""Composed boxes that hold no single digit, by what is in them."""

PICTURE = (88, 72)
"""Height and width, in pixels, of a composed box as a picture: 11 x 9 mm."""


@dataclass(frozen=True, slots=True)
class HeldSet:
    """Labelled pictures, (N, H, W) uint8, dark on light, under the name of their file."""

    name: str
    x: NDArray[np.uint8]
    label: NDArray[np.str_]
    writer: NDArray[np.str_] | None = None


def held_sets(data: Path, seed: int) -> Iterator[HeldSet]:
    """Yield every set that no network learned from.

    Raises:
        DataError: the data is missing something.
    """
    pools = load_pools(data, seed)
    test = mnist_digits(data, "test")
    yield HeldSet(
        "digits_mnist_test", np.subtract(255, test.x, dtype=np.uint8), test.label, test.writer.astype(np.str_)
    )
    kept = (pools["validation"], pools["calibration"])
    swiss = [plain for pool in kept for plain in pool.plain if plain.name == "swiss"]
    yield HeldSet(
        "digits_swiss_held",
        np.concatenate([one.x for one in swiss]),
        np.concatenate([one.label for one in swiss]),
        np.concatenate([one.writer for one in swiss]).astype(np.str_),
    )
    (cells,) = [plain for plain in pools["validation"].plain if plain.name == "sudoku"]
    digits = np.isin(cells.label, list(DIGITS))
    yield HeldSet("digits_sudoku_held", cells.x[digits], cells.label[digits])
    yield not_digits(pools["calibration"], seed)
    bubbles = real_bubbles(data, held=True)
    yield HeldSet("choice_bubbles_held", bubbles.pictures, np.array(MARKS)[bubbles.y])


def not_digits(pool: Pool, seed: int) -> HeldSet:
    """Return composed boxes with letters, ticks, two digits, scribbles and struck-out digits in them."""
    rng = np.random.default_rng([seed, 99])
    made = [MAKERS[kind](pool, rng) for kind, count in NOT_DIGITS.items() for _ in range(count)]
    # A tick that left no ink in the box is nothing that could be taken for a digit.
    made = [one for one in made if isolate_digit(one.crop).glyph is not None]
    size = PICTURE[::-1]
    pictures = [cv2.resize(one.crop.pixels, size, interpolation=cv2.INTER_AREA) for one in made]
    return HeldSet(
        "digits_none_composed", np.stack(pictures).astype(np.uint8), np.array([CLASSES[one.label] for one in made])
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the sets as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.training.measure",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the handwriting data")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the files into")
    parser.add_argument("--seed", type=int, default=1, help="seed that training was given (default 1)")
    options = parser.parse_args(arguments)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for one in held_sets(options.data, options.seed):
            path = options.out / f"{one.name}.npz"
            columns: dict[str, Any] = {"x": one.x, "label": one.label, "polarity": "dark_on_light"}
            np.savez_compressed(path, **(columns if one.writer is None else {**columns, "writer": one.writer}))
            print(f"{path}: {len(one.x)} pictures")
    except RecognizerError as error:
        print(f"measure: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"measure: {options.out}: cannot be written ({error.strerror})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
