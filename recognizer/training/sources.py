"""Read the handwriting data folder: what each set holds, by whom, under which licence, and how it was split.

Pictures leave this module as ink on nothing: uint8, 0 paper to 255 ink, whatever the set's own polarity.
"""

import gzip
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


def mnist_digits(data: Path, part: str) -> LabelledPictures:
    """Return MNIST's `train` or `test` part, with its writers.

    Raises:
        DataError: a file is missing or damaged.
    """
    stem = {"train": "train", "test": "t10k"}[part]
    images = _idx(data / "train" / f"{stem}-images-idx3-ubyte.gz")
    labels = _idx(data / "train" / f"{stem}-labels-idx1-ubyte.gz")
    if len(images) != len(labels):
        raise DataError(f"MNIST {part}: {len(images)} pictures but {len(labels)} labels; fetch both files again")
    return LabelledPictures(images, labels.astype(np.str_), mnist_writers(data, part))


def mnist_writers(data: Path, part: str) -> NDArray[np.int64]:
    """Return the NIST writer number of every picture of MNIST's `train` or `test` part."""
    return _archive(data / "train" / "mnist_writers.npz")[part].astype(np.int64)


def _idx(path: Path) -> NDArray[np.uint8]:
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); --data must name a folder with MNIST in train/") from error
    axes = raw[3] if len(raw) > 4 else 0
    header = 4 + 4 * axes
    if raw[:3] != b"\x00\x00\x08" or len(raw) < header:
        raise DataError(f"{path}: no IDX file of bytes; fetch it again")
    shape = tuple(np.frombuffer(raw, ">u4", count=axes, offset=4).tolist())
    if len(raw) - header != int(np.prod(shape)):
        raise DataError(f"{path}: holds {len(raw) - header} bytes of pixels where {shape} needs {np.prod(shape)}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _archive(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); --data must name the handwriting data folder") from error
