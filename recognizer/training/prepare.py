"""Public originals -> the files that training reads.

    python -m recognizer.training.prepare --originals FOLDER --out DATA

FOLDER holds what was fetched, each set in a folder of its own; `docs/data.md` says which, where from and under which
licence. Files are written to DATA/train, checked like those that training reads. What is there already stays as it is.
Pictures are brought to size by averaging areas, so that they are not the same to the last bit as those that the shipped
network learned from.
"""

import argparse
import gzip
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import RecognizerError
from recognizer.training.sources import (
    DARK_ON_LIGHT,
    EXPECTED,
    MNIST_SIZE,
    MNIST_TRAIN,
    DataError,
    Pictures,
    check_archive,
    packed_idx,
    read_archive,
    unpacked_idx,
)

SWISS_WRITERS = (
    *("0002_CH5M", "0003_CH3M", "0004_CH4M", "0006_CH4M", "0007_CH3M", "0009_CH4M", "0010_CH3M", "0011_CH2F"),
    *("0012_CH3M", "0013_CH3M", "0014_CH3F", "0016_CH3F", "0017_CH4M", "0018_CHXX", "0020_CH4M"),
)
"""Whose digits train. The others of this set are kept for measuring, and must be learned from nowhere."""

MNIST_PARTS = {"train": ("train", MNIST_TRAIN), "t10k": ("test", 10_000)}
"""MNIST's name of a part, and Keras's name of it with its number of pictures."""

QMNIST_INTEGERS = 0x0C02
"""First number of a QMNIST file of labels: big-endian 32-bit integers in two dimensions."""

QMNIST_DIGIT, QMNIST_WRITER, QMNIST_COLUMNS = 0, 2, 8

SEMEION_PIXELS, SEMEION_COLUMNS = 256, 266
"""A line of semeion.data: 16x16 pixels of 0 or 1, then which of the ten digits it is."""

Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Original:
    """A set as it is fetched: in which folder, whose, under which licence, and what reads it."""

    folder: str
    source: str
    licence: str
    read: Callable[[Path, str], Columns]


def swiss(folder: Path, name: str) -> Columns:
    """Read `WRITER/DIGIT/*.png`: one whole cell a picture."""
    if missing := [writer for writer in SWISS_WRITERS if not (folder / writer).is_dir()]:
        raise DataError(f"{folder}: has no folder {missing[0]}; expected one for each of {len(SWISS_WRITERS)} writers")
    files = [path for writer in SWISS_WRITERS for path in _files(folder, f"{writer}/[0-9]/*.png")]
    return _labelled(files, name, [path.parent.name for path in files]) | {
        "writer": np.array([path.parent.parent.name for path in files])
    }


def bhmsds(folder: Path, name: str) -> Columns:
    """Read `symbols/SYMBOL-NUMBER.png`."""
    files = _files(folder, "symbols/*-*.png")
    return _labelled(files, name, [path.stem.rsplit("-", 1)[0] for path in files])


def mdas(folder: Path, name: str) -> Columns:
    """Read `symbols_partitioned/PART/SYMBOL/*.png`, which `mdas_symbols_v1.zip` unpacks to."""
    files = _files(folder, "symbols_partitioned/*/*/*.png")
    parts = np.array([path.parent.parent.name for path in files])
    return _labelled(files, name, [path.parent.name for path in files]) | {"split": parts}


def omniglot(folder: Path, name: str) -> Columns:
    """Read `images_background/Latin/characterNN/*_DRAWER.png`: 01 is a, 26 is z."""
    files = _files(folder, "images_background/Latin/character[0-9][0-9]/*_[0-9][0-9].png")
    numbers = [int(path.parent.name.removeprefix("character")) for path in files]
    if max(numbers) > 26:
        raise DataError(f"{folder}: Latin has a character {max(numbers)}, expected 01 to 26 for a to z")
    drawers = np.array([f"omni_{path.stem[-2:]}" for path in files])
    return _labelled(files, name, [chr(ord("a") + number - 1) for number in numbers], dark=True) | {"writer": drawers}


def bubbles(folder: Path, name: str) -> Columns:
    """Read `custom_dataset/choice/*.png` and `custom_dataset/unchoice/*.png`, binarised bubbles."""
    files = [*_files(folder, "custom_dataset/choice/*.png"), *_files(folder, "custom_dataset/unchoice/*.png")]
    return _labelled(files, name, ["marked" if path.parent.name == "choice" else "empty" for path in files])


def optdigits(folder: Path, name: str) -> Columns:
    """Read `optdigits-orig.tra` and `.cv` (copies say `.tes`), unpacked: 32 lines of 0 and 1, then the digit."""
    pictures, labels, parts = [], [], []
    for path in (folder / "optdigits-orig.tra", _either(folder, "optdigits-orig.cv", "optdigits-orig.tes")):
        rows: list[str] = []
        for number, line in enumerate(_text(path), start=1):
            if len(line) == 32 and set(line) <= {"0", "1"}:
                rows.append(line)
            elif rows:
                if len(rows) != 32 or line not in EXPECTED[name].labels:
                    raise DataError(f"{path}: line {number}: after {len(rows)} lines of a picture stands '{line[:20]}'")
                pictures.append(_bits("".join(rows), 32))
                labels.append(line)
                parts.append("tra" if path.suffix == ".tra" else "tes")
                rows = []
        if rows:
            raise DataError(f"{path}: ends within a picture: the file is short")
    return _columns(np.array(pictures, np.uint8), name, labels) | {"split": np.array(parts)}


def semeion(folder: Path, name: str) -> Columns:
    """Read `semeion.data`: 256 pixels and ten marks a line, with or without spaces between them.

    A copy in two files has the rest in `test.data`, which is read when it is there.
    """
    pictures, labels = [], []
    for path in (folder / "semeion.data", *sorted(folder.glob("test.data"))):
        for number, line in enumerate(_text(path), start=1):
            # UCI writes 1.0000, copies write 1.
            cells = [cell[:1] for cell in line.split()] if " " in line else list(line)
            marks = cells[SEMEION_PIXELS:]
            if len(cells) != SEMEION_COLUMNS or set(cells) - {"0", "1"} or marks.count("1") != 1:
                raise DataError(
                    f"{path}: line {number}: {len(cells)} values, expected {SEMEION_COLUMNS} of 0 and 1 whose last ten "
                    "mark one digit"
                )
            pictures.append(_bits("".join(cells[:SEMEION_PIXELS]), 16))
            labels.append(str(marks.index("1")))
    return _columns(np.array(pictures, np.uint8), name, labels)


ORIGINALS: Mapping[str, Original] = {
    "digits_swiss": Original("numbers", "kensanata/numbers", "CC0 1.0", swiss),
    "digits_symbols_bhmsds": Original("bhmsds", "wblachowski/bhmsds", "MIT", bhmsds),
    "digits_optdigits": Original("optdigits", "UCI optdigits", "CC BY 4.0", optdigits),
    "digits_semeion": Original("semeion", "UCI Semeion", "CC BY 4.0", semeion),
    "symbols_mdas": Original("mdas", "jdmacleod/handwritten-calculator", "MIT", mdas),
    "letters_omniglot": Original("omniglot", "brendenlake/omniglot", "MIT", omniglot),
    "bubbles_ctct": Original("CTCT-Exam-Scanner", "LTPhat/CTCT-Exam-Scanner", "MIT", bubbles),
}
"""The sets that can be made from their originals. The sudoku cells cannot: which of them are handwritten was told apart
by clustering and by eye, and stands nowhere."""


def prepare_archive(name: str, originals: Path, out: Path) -> str:
    """Make one of `ORIGINALS`; return a line for people.

    Raises:
        DataError: the original is there, but not as expected, or holds too little.
    """
    original = ORIGINALS[name]
    folder, target = originals / original.folder, out / "train" / f"{name}.npz"
    if target.exists():
        return f"{name}: is there already; remove {target} to make it anew"
    if not folder.is_dir():
        return f"{name}: not made, {folder} is not there"
    made = original.read(folder, name)
    check_archive(made, name, f"{folder} as {name}")
    about = {"source": np.array(original.source), "licence": np.array(original.licence), "note": np.array("prepare.py")}
    _write_archive(target, made | about)
    return f"{name}: {len(made['x'])} pictures"


def prepare_mnist(originals: Path, out: Path) -> str:
    """Bring MNIST, as IDX files or Keras's mnist.npz, to DATA; return a line for people.

    Raises:
        DataError: there is something else than MNIST.
    """
    folder = originals / "mnist"
    if not folder.is_dir():
        return f"MNIST: not made, {folder} is not there"
    lines = []
    for stem, (part, count) in MNIST_PARTS.items():
        x, y = _mnist_part(folder, stem, part)
        if x.shape != (count, *MNIST_SIZE) or y.shape != (count,) or x.dtype != np.uint8 or y.max() > 9:
            raise DataError(
                f"{folder}: {part} has pictures {x.dtype} {x.shape} and labels {y.shape} up to {y.max()}, expected "
                f"uint8 ({count}, 28, 28) and ({count},) up to 9"
            )
        for kind, array in (("images-idx3", x), ("labels-idx1", y)):
            target = out / "train" / f"{stem}-{kind}-ubyte.gz"
            if not target.exists():
                _write(target, gzip.compress(packed_idx(array), mtime=0))
        lines.append(f"{count} {part}")
    return f"MNIST: {' and '.join(lines)} pictures"


def prepare_writers(originals: Path, out: Path) -> str:
    """Make mnist_writers.npz from QMNIST's labels; return a line for people.

    Raises:
        DataError: MNIST is not there, the labels are damaged, or belong to other pictures.
    """
    folder, target = originals / "qmnist", out / "train" / "mnist_writers.npz"
    if target.exists():
        return f"mnist_writers: is there already; remove {target} to make it anew"
    if not folder.is_dir():
        return f"mnist_writers: not made, {folder} is not there"
    columns: Columns = {}
    for stem, (part, count) in MNIST_PARTS.items():
        path = folder / f"qmnist-{part}-labels-idx2-int.gz"
        table = _integers(path)[:count]
        digits = unpacked_idx(_unpacked(out / "train" / f"{stem}-labels-idx1-ubyte.gz"), path)
        if len(table) != len(digits) or (other := int((table[:, QMNIST_DIGIT] != digits).sum())):
            different = f"{len(table)} and {len(digits)}" if len(table) != len(digits) else f"{other} other digits"
            raise DataError(f"{path}: its labels are not those of MNIST's {part} part ({different}); fetch both again")
        columns[part] = table[:, QMNIST_WRITER].astype(np.int32)
    columns["source"] = np.array("facebookresearch/qmnist labels")
    columns["licence"] = np.array("BSD-3-Clause")
    _write_archive(target, columns)
    return f"mnist_writers: {len(np.unique(columns['train']))} writers of MNIST's training part"


def main(arguments: list[str] | None = None) -> int:
    """Make what can be made; return the exit code, 1 when an original is not as expected."""
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.training.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--originals", type=Path, required=True, help="folder of what was fetched")
    parser.add_argument("--out", type=Path, required=True, help="data folder to write to, the --data of training")
    options = parser.parse_args(arguments)
    if not options.originals.is_dir():
        print(f"prepare: {options.originals}: is no folder; --originals names what was fetched", file=sys.stderr)
        return 1
    code = 0
    steps: list[Callable[[Path, Path], str]] = [
        prepare_mnist,
        prepare_writers,
        *(partial(prepare_archive, name) for name in ORIGINALS),
    ]
    for step in steps:
        # One set that is not as expected must not keep the others from being made.
        try:
            print(step(options.originals, options.out), flush=True)
        except RecognizerError as error:
            print(f"prepare: {error}", file=sys.stderr)
            code = 1
    return code


def _labelled(files: Sequence[Path], name: str, labels: Sequence[str], dark: bool = False) -> Columns:
    """Return picture files as columns, brought to the set's size; `dark` ones become white on black."""
    height, width = EXPECTED[name].size
    pictures = np.stack([_picture(path, (width, height)) for path in files])
    return _columns(255 - pictures if dark else pictures, name, labels)


def _columns(x: Pictures, name: str, labels: Sequence[str]) -> Columns:
    polarity = EXPECTED[name].polarity
    if not len(x):
        raise DataError(f"{name}: no picture was found in the original")
    edges = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    if (float(np.median(edges)) > 127) != (polarity == DARK_ON_LIGHT):
        raise DataError(f"{name}: the pictures' edges say that they are not {polarity}; is this the original?")
    return {"x": x, "label": np.array(labels), "polarity": np.array(polarity)}


def _picture(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE) if path.stat().st_size else None
    if found is None:
        raise DataError(f"{path}: is no picture; fetch it again, or remove it if its original is damaged")
    same = found.shape == (size[1], size[0])
    return np.asarray(found if same else cv2.resize(found, size, interpolation=cv2.INTER_AREA), np.uint8)


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return files in the order of their names, numbers by value."""
    if not (found := sorted(folder.glob(pattern), key=lambda path: (path.parent, len(path.name), path.name))):
        raise DataError(f"{folder}: nothing in it is named {pattern}; see docs/data.md for how originals lie")
    return found


def _either(folder: Path, first: str, second: str) -> Path:
    return folder / first if (folder / first).exists() else folder / second


def _text(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); unpack it if it is packed") from error
    return [line.strip() for line in lines if line.strip()]


def _bits(text: str, side: int) -> NDArray[np.uint8]:
    bits: NDArray[np.uint8] = np.frombuffer(text.encode("ascii"), np.uint8) - ord("0")
    return (bits * 255).astype(np.uint8).reshape(side, side)


def _mnist_part(folder: Path, stem: str, part: str) -> tuple[NDArray[Any], NDArray[Any]]:
    keras = folder / "mnist.npz"
    if keras.exists():
        archive = read_archive(keras)
        if missing := [name for name in (f"x_{part}", f"y_{part}") if name not in archive]:
            raise DataError(f"{keras}: has no {missing[0]}, so it is not Keras's mnist.npz; fetch it again")
        return np.asarray(archive[f"x_{part}"]), np.asarray(archive[f"y_{part}"])
    paths = [
        _either(folder, f"{stem}-{kind}-ubyte.gz", f"{stem}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")
    ]
    x, y = (unpacked_idx(_unpacked(path), path) for path in paths)
    return x, y


def _unpacked(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); see docs/data.md for what is needed") from error


def _integers(path: Path) -> NDArray[np.int32]:
    """Return QMNIST's table: (N, 8)."""
    raw = _unpacked(path)
    head = np.frombuffer(raw[:12].ljust(12, b"\0"), ">i4")
    if head[0] != QMNIST_INTEGERS or head[2] != QMNIST_COLUMNS or len(raw) != 12 + 4 * int(head[1]) * QMNIST_COLUMNS:
        raise DataError(
            f"{path}: is no whole QMNIST file of labels (idx2-int, {QMNIST_COLUMNS} columns); fetch it again"
        )
    return np.frombuffer(raw, ">i4", offset=12).reshape(-1, QMNIST_COLUMNS).astype(np.int32)


def _write_archive(target: Path, columns: Mapping[str, NDArray[np.generic]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}")
    with half.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **columns)
    half.replace(target)


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}")
    half.write_bytes(data)
    half.replace(target)


if __name__ == "__main__":
    sys.exit(main())
