"""Read the handwriting data folder: what each set holds, by whom, under which licence, and how it was split.

Pictures leave this module as ink on nothing: uint8, 0 paper to 255 ink, whatever the set's own polarity. Every file is
compared with what it must hold (`EXPECTED`) before anything is learned from it. `docs/data.md` tells where the sets
come from, `prepare.py` makes the files from the public originals.
"""

import gzip
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import RecognizerError

Pictures = NDArray[np.uint8]
"""(N, H, W) uint8, 0 paper to 255 ink."""


class DataError(RecognizerError):
    """The training data is missing, short or not what its README says."""


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    """One set of handwriting: pictures, what each shows, and who wrote it (-1: unknown)."""

    x: Pictures
    label: NDArray[np.str_]
    writer: NDArray[np.int64]


DIGITS = frozenset("0123456789")

DARK_ON_LIGHT, WHITE_ON_BLACK = "dark_on_light", "white_on_black"

SHORT = 0.9
"""Share of a set's pictures that must be there: originals lose or gain a few between editions, a file cut short loses
more."""

MNIST_SIZE = (28, 28)
MNIST_TRAIN = 60_000
"""Pictures in MNIST's training part."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one of the `train/*.npz` files must hold.

    `size` is height and width, `labels` are all that occur, `count` is the number of pictures, `writers` the number of
    writers where the split goes by them, `columns` are further columns that training reads.
    """

    size: tuple[int, int]
    polarity: str
    labels: frozenset[str]
    count: int
    writers: int | None = None
    columns: tuple[str, ...] = ()

    @property
    def at_least(self) -> int:
        """Pictures below which the file is called short."""
        return int(SHORT * self.count)


EXPECTED: Mapping[str, Expected] = {
    "digits_swiss": Expected((64, 64), DARK_ON_LIGHT, DIGITS, 8_941, writers=15),
    "digits_symbols_bhmsds": Expected(
        (28, 28), WHITE_ON_BLACK, DIGITS | {"dot", "minus", "plus", "slash", *"wxyz"}, 26_999
    ),
    "digits_optdigits": Expected((32, 32), WHITE_ON_BLACK, DIGITS, 2_880),
    "digits_semeion": Expected((16, 16), WHITE_ON_BLACK, DIGITS, 1_593),
    "cells_sudoku_handwritten": Expected(
        (48, 48), DARK_ON_LIGHT, DIGITS - {"0"} | {"candidates"}, 3_572, columns=("group", "split")
    ),
    "cells_sudoku_blank": Expected((48, 48), DARK_ON_LIGHT, frozenset({"blank"}), 4_736, columns=("group",)),
    "symbols_mdas": Expected(
        (28, 28),
        WHITE_ON_BLACK,
        frozenset(
            {
                "addition_plus",
                "division_obelus",
                "division_slash",
                "multiplication_cross",
                "multiplication_dot",
                "subtraction_minus",
            }
        ),
        5_924,
    ),
    "letters_omniglot": Expected((64, 64), WHITE_ON_BLACK, frozenset("abcdefghijklmnopqrstuvwxyz"), 520, writers=20),
    "bubbles_ctct": Expected((40, 40), WHITE_ON_BLACK, frozenset({"empty", "marked"}), 2_253),
}
"""The sets that are read beside MNIST."""


def mnist_is_there(data: Path) -> bool:
    """Return whether any of MNIST's training files is in the data folder; all of them are needed then."""
    names = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "mnist_writers.npz")
    return any((data / "train" / name).exists() for name in names)


def mnist_digits(data: Path, part: str) -> LabelledPictures:
    """Return MNIST's `train` or `test` part, with its writers.

    Raises:
        DataError: a file is missing or damaged, holds other pictures or labels than MNIST's, or they do not belong
            together.
    """
    stem = {"train": "train", "test": "t10k"}[part]
    images = _idx(data / "train" / f"{stem}-images-idx3-ubyte.gz")
    labels = _idx(data / "train" / f"{stem}-labels-idx1-ubyte.gz")
    if len(images) != len(labels):
        raise DataError(f"MNIST {part}: {len(images)} pictures but {len(labels)} labels; fetch both files again")
    if images.shape[1:] != MNIST_SIZE:
        raise DataError(f"MNIST {part}: pictures are {images.shape[1:]}, expected {MNIST_SIZE}; fetch the file again")
    if labels.ndim != 1 or labels.max(initial=0) > 9:
        raise DataError(f"MNIST {part}: labels are {labels.shape} up to {labels.max()}, expected one of 0-9 a picture")
    writers = mnist_writers(data, part)
    if len(writers) != len(images):
        raise DataError(
            f"{_writers_file(data)}: names {len(writers)} writers of MNIST's {part} part, which holds {len(images)} "
            "pictures; take both from their originals again"
        )
    return LabelledPictures(images, labels.astype(np.str_), writers)


def mnist_writers(data: Path, part: str) -> NDArray[np.int64]:
    """Return the NIST writer number of every picture of MNIST's `train` or `test` part.

    Raises:
        DataError: the file is missing or damaged, or holds no such column of whole numbers.
    """
    column = read_archive(_writers_file(data)).get(part)
    if column is None or column.ndim != 1 or column.dtype.kind not in "iu":
        raise DataError(
            f"{_writers_file(data)}: holds no whole number a picture under '{part}'; make it from QMNIST's labels again"
        )
    return column.astype(np.int64)


def archive_pictures(data: Path, name: str, blank_border: bool = False, raw: bool = False) -> LabelledPictures:
    """Return one of the `train/*.npz` sets as ink on nothing.

    Args:
        data: the data folder.
        name: the file's name without `.npz`.
        blank_border: the set shows paper around the glyph, whose grey level is taken off.
        raw: leave the pictures as they are, dark on light.

    Raises:
        DataError: the file is missing or damaged, or is not what `EXPECTED` says.
    """
    archive = _checked(data, name)
    x = archive["x"].astype(np.uint8)
    if not raw and str(archive["polarity"]) == DARK_ON_LIGHT:
        x = _inverted(x) if blank_border else (255 - x)
    label = archive["label"].astype(np.str_)
    names = archive.get("writer", np.zeros(len(x), np.int64)).astype(np.str_)
    return LabelledPictures(x, label, np.unique(names, return_inverse=True)[1].astype(np.int64))


def archive_column(data: Path, name: str, column: str) -> NDArray[np.str_]:
    """Return a column of text of one of the `train/*.npz` sets, such as `split`.

    Raises:
        DataError: the file is missing or damaged, or is not what `EXPECTED` says.
    """
    return _checked(data, name)[column].astype(np.str_)


def check_archive(archive: Mapping[str, NDArray[np.generic]], name: str, where: str) -> None:
    """Compare a set with what it must hold.

    Args:
        archive: the columns of the file.
        name: which of `EXPECTED` it is.
        where: file name for messages.

    Raises:
        DataError: it is something else; the message says what was seen and what was expected.
    """
    wanted = EXPECTED[name]
    advice = "take the file from its place again, or make it anew with recognizer.training.prepare"
    columns = ("x", "label", "polarity", *(("writer",) if wanted.writers else ()), *wanted.columns)
    if missing := [column for column in columns if column not in archive]:
        raise DataError(f"{where}: has no '{missing[0]}' but {', '.join(archive) or 'nothing'}; {advice}")
    x, label = archive["x"], archive["label"]
    if x.dtype != np.uint8 or x.ndim != 3 or x.shape[1:] != wanted.size:
        seen = f"{x.dtype} {'x'.join(map(str, x.shape))}"
        raise DataError(f"{where}: pictures are {seen}, expected uint8 Nx{wanted.size[0]}x{wanted.size[1]}; {advice}")
    for column in columns:
        if column not in ("x", "polarity") and archive[column].shape != (len(x),):
            shape = archive[column].shape
            raise DataError(f"{where}: {len(x)} pictures but '{column}' is {shape}, expected one each; {advice}")
    if str(archive["polarity"]) != wanted.polarity:
        raise DataError(f"{where}: polarity is '{archive['polarity']}', expected '{wanted.polarity}'; {advice}")
    if len(x) < wanted.at_least:
        raise DataError(
            f"{where}: holds {len(x)} pictures, expected {wanted.count} (at least {wanted.at_least}): the file is "
            f"short; {advice}"
        )
    found = frozenset(np.unique(label.astype(np.str_)).tolist())
    if found != wanted.labels:
        strange, lacking = (", ".join(sorted(one)) or "none" for one in (found - wanted.labels, wanted.labels - found))
        raise DataError(f"{where}: unknown labels: {strange}; labels that are missing: {lacking}; {advice}")
    writers = len(np.unique(archive["writer"])) if wanted.writers else None
    if writers != wanted.writers:
        raise DataError(f"{where}: by {writers} writers, expected {wanted.writers}: the split goes by them; {advice}")


def _checked(data: Path, name: str) -> dict[str, NDArray[np.generic]]:
    path = data / "train" / f"{name}.npz"
    archive = read_archive(path)
    check_archive(archive, name, str(path))
    return archive


def _writers_file(data: Path) -> Path:
    return data / "train" / "mnist_writers.npz"


def _inverted(x: Pictures) -> Pictures:
    """Return dark on light pictures as ink on nothing, each with its own paper and ink level."""
    flat = x.reshape(len(x), -1).astype(np.float32)
    paper = np.median(flat, axis=1)[:, None]
    depth = np.maximum(paper - np.quantile(flat, 0.01, axis=1)[:, None], 1.0)
    inverted: Pictures = (np.clip((paper - flat) / depth, 0, 1) * 255).astype(np.uint8).reshape(x.shape)
    return inverted


def _idx(path: Path) -> NDArray[np.uint8]:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); --data must name a folder with MNIST in train/"
        ) from error
    try:
        raw = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is no whole gzip file ({error}); fetch it again") from error
    return unpacked_idx(raw, path)


def unpacked_idx(raw: bytes, path: Path) -> NDArray[np.uint8]:
    """Return what an unpacked IDX file of bytes holds.

    Raises:
        DataError: it is none, or has more or less data than its head says.
    """
    axes = raw[3] if len(raw) > 4 else 0
    header = 4 + 4 * axes
    if raw[:3] != b"\x00\x00\x08" or len(raw) < header:
        raise DataError(f"{path}: no IDX file of bytes; fetch it again")
    shape = tuple(np.frombuffer(raw, ">u4", count=axes, offset=4).tolist())
    if len(raw) - header != int(np.prod(shape)):
        raise DataError(f"{path}: holds {len(raw) - header} bytes of pixels where {shape} needs {np.prod(shape)}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def packed_idx(array: NDArray[np.uint8]) -> bytes:
    """Return an array as an IDX file of bytes, not compressed."""
    shape = np.array(array.shape, ">u4").tobytes()
    return b"\x00\x00\x08" + bytes([array.ndim]) + shape + array.tobytes()


def read_archive(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the columns of an `.npz` file.

    Raises:
        DataError: it is missing, damaged or no such file.
    """
    try:
        # NumPy leaves a file that it cannot read open.
        with path.open("rb") as stream:
            archive = np.load(stream)
            if isinstance(archive, np.lib.npyio.NpzFile):
                return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: is not there; --data must name the handwriting data folder (docs/data.md tells how to get it)"
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); take the file from its place again") from error
    raise DataError(f"{path}: is a single array, expected an archive with x, label and polarity")
