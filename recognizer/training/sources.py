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


def archive_pictures(data: Path, name: str, blank_border: bool = False) -> LabelledPictures:
    """Return one of the `train/*.npz` sets as ink on nothing.

    Args:
        data: the data folder.
        name: the file's name without `.npz`.
        blank_border: the set shows paper around the glyph, whose grey level is taken off.
    """
    archive = _archive(data / "train" / f"{name}.npz")
    x = archive["x"].astype(np.uint8)
    if str(archive["polarity"]) == "dark_on_light":
        x = _inverted(x) if blank_border else (255 - x)
    label = archive["label"].astype(np.str_)
    names = archive.get("writer", np.zeros(len(x), np.int64)).astype(np.str_)
    return LabelledPictures(x, label, np.unique(names, return_inverse=True)[1].astype(np.int64))


def archive_column(data: Path, name: str, column: str) -> NDArray[np.str_]:
    """Return a column of text of one of the `train/*.npz` sets, such as `split`."""
    return _archive(data / "train" / f"{name}.npz")[column].astype(np.str_)


def _inverted(x: Pictures) -> Pictures:
    """Return dark on light pictures as ink on nothing, each with its own paper and ink level."""
    flat = x.reshape(len(x), -1).astype(np.float32)
    paper = np.median(flat, axis=1)[:, None]
    depth = np.maximum(paper - np.quantile(flat, 0.01, axis=1)[:, None], 1.0)
    inverted: Pictures = (np.clip((paper - flat) / depth, 0, 1) * 255).astype(np.uint8).reshape(x.shape)
    return inverted


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
