"""A file of labelled pictures of boxes or cells -> a set that was checked. Nothing in such a file is trusted.

It is an npz as the data sets of handwriting come: `x`, `label`, `polarity` and, where known, `writer`.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import PictureSetError
from recognizer.glyphs import GlyphSet

PictureStack: TypeAlias = NDArray[np.uint8]
"""(N, H, W) uint8, 0 black ink to 255 white paper, one box or cell each."""

POLARITIES = ("dark_on_light", "white_on_black")

SMALLEST_EDGE, LARGEST_EDGE = 8, 8192
"""Pixels a picture may measure: in a smaller one no stroke can be told, a larger one is no box or cell."""

LARGEST_UNPACKED = 2**30
"""Bytes that one array may unpack to: 1.3 million pictures of 28 x 28; a larger claim is a mistake or an attack."""

LONGEST_LABEL = 40
"""Characters of a label, and of a writer's name, that are kept."""

LOOKED_AT = 500
"""Pictures that are looked at to tell whether the polarity can be true."""

DARK_SHARE = 0.6
"""Share of dark pixels from which a picture looks like light strokes on dark ground. Not half: digits that were
stretched to fill a small frame cover up to that much of it."""

INVERTED_SHARE = 0.85
"""Share of pictures that look so from which the file's polarity is not believed: in no real set at hand, any does."""

LEAST_CONTRAST = 40
"""Grey levels between ink and ground below which a picture tells nothing of its polarity: it is noise, or a shadow."""

NEEDED = ("x", "label", "polarity")

EXPECTED = (
    "expected x (N, height, width) uint8, label (N,) texts such as 7, 2.5, blank, other, polarity dark_on_light or "
    "white_on_black and, where known, writer (N,)"
)


@dataclass(frozen=True, slots=True)
class PictureSet:
    """Whole pictures of boxes or cells, what is written in each, and who wrote it.

    `labels` are N texts as the file has them; `writers` are N names, or None when the file does not say.
    """

    name: str
    pictures: PictureStack
    labels: tuple[str, ...]
    writers: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self.pictures)


def load_pictures(path: Path) -> PictureSet:
    """Return the labelled pictures of an npz file.

    Raises:
        PictureSetError: the file cannot be read, is damaged, or holds something else; the message says what.
    """
    arrays = _arrays(path)
    pictures = _pictures(path, arrays["x"])
    labels = _texts(path, "label", arrays["label"], len(pictures))
    writers = _texts(path, "writer", arrays["writer"], len(pictures)) if "writer" in arrays else None
    polarity = str(arrays["polarity"].ravel()[0]) if arrays["polarity"].size == 1 else "not one text"
    if polarity not in POLARITIES:
        raise PictureSetError(
            f"{path}: polarity is '{polarity[:LONGEST_LABEL]}', expected {' or '.join(POLARITIES)}; without it nobody "
            "knows what is ink"
        )
    dark_on_light = pictures if polarity == "dark_on_light" else np.subtract(255, pictures, dtype=np.uint8)
    if _looks_inverted(dark_on_light):
        other = POLARITIES[1 - POLARITIES.index(polarity)]
        raise PictureSetError(
            f"{path}: polarity is '{polarity}', but most pictures look as if it were '{other}' (their ground is the "
            "darker part); put it right in the file"
        )
    return PictureSet(str(path), dark_on_light, labels, writers)


def set_of_glyphs(glyphs: GlyphSet) -> PictureSet:
    """Return handwritten digits, such as those that samples are written with, as pictures with their labels."""
    rows = sorted(
        (row, digit, writer)
        for writer, by_digit in glyphs.where.items()
        for digit, found in by_digit.items()
        for row in found
    )
    ink = glyphs.images[[row for row, _, _ in rows]]
    return PictureSet(
        glyphs.source,
        np.subtract(255, ink, dtype=np.uint8),
        tuple(digit for _, digit, _ in rows),
        tuple(writer for _, _, writer in rows),
    )


# ---- what a file may hold --------------------------------------------------------------------------------------------


_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    MemoryError,
    RuntimeError,
)
"""What zipfile and numpy raise over files that are cut off, scrambled, encrypted, pickled or absurdly large."""


def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays that we use; each is looked at before it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = {name.removesuffix(".npy") for name in archive.namelist()}
            missing = [key for key in NEEDED if key not in held]
            if missing:
                raise PictureSetError(f"{path}: has no {', '.join(repr(key) for key in missing)}; {EXPECTED}")
            wanted = [key for key in (*NEEDED, "writer") if key in held]
            for key in wanted:
                _check_header(path, key, archive)
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in wanted}
    except OSError as error:
        raise PictureSetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise PictureSetError(
            f"{path}: is no whole npz file of plain arrays ({_short(error)}); write it with numpy.savez_compressed"
        ) from error


def _check_header(path: Path, key: str, archive: zipfile.ZipFile) -> None:
    """Refuse an array by what it claims to be."""
    with archive.open(f"{key}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise PictureSetError(
            f"{path}: '{key}' holds Python objects, which are not read; store plain texts and numbers"
        )
    if key == "x" and dtype != np.uint8:
        raise PictureSetError(
            f"{path}: 'x' is {dtype} of shape {shape}, expected uint8 of shape (N, height, width), grey values 0 to 255"
        )
    size = prod(shape) * dtype.itemsize
    if size > LARGEST_UNPACKED:
        raise PictureSetError(
            f"{path}: '{key}' unpacks to {size:,} bytes, at most {LARGEST_UNPACKED:,} are read; take fewer pictures"
        )


def _pictures(path: Path, found: NDArray[np.uint8]) -> PictureStack:
    shape = found.shape
    if len(shape) == 4 and shape[3] == 1:
        found = found[..., 0]
    if found.ndim != 3:
        raise PictureSetError(f"{path}: 'x' has shape {shape}, expected (N, height, width): grey pictures, one a row")
    if not len(found):
        raise PictureSetError(f"{path}: holds no pictures; {EXPECTED}")
    height, width = found.shape[1:]
    if not all(SMALLEST_EDGE <= edge <= LARGEST_EDGE for edge in (height, width)):
        raise PictureSetError(
            f"{path}: pictures of {width} x {height} pixels, expected {SMALLEST_EDGE} to {LARGEST_EDGE} each way; cut "
            "boxes out at 100 to 300 dpi"
        )
    return found


def _texts(path: Path, key: str, found: NDArray[Any], count: int) -> tuple[str, ...]:
    if found.shape != (count,):
        raise PictureSetError(
            f"{path}: '{key}' has shape {found.shape}, expected ({count},), one text for each picture"
        )
    if found.dtype.kind not in "USiu":
        raise PictureSetError(f"{path}: '{key}' is {found.dtype}, expected texts such as 7, 2.5, blank")
    return tuple(_text(one) for one in found.tolist())


def _text(one: str | bytes | int) -> str:
    text = one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
    return text.strip()[:LONGEST_LABEL]


def _looks_inverted(pictures: PictureStack) -> bool:
    """Tell whether most of a set that should be dark on light is light on dark."""
    looked = (_dark_share(picture) for picture in pictures[:: max(len(pictures) // LOOKED_AT, 1)])
    shares = [share for share in looked if share is not None]
    return bool(shares) and float(np.mean(np.array(shares) > DARK_SHARE)) >= INVERTED_SHARE


def _dark_share(picture: NDArray[np.uint8]) -> float | None:
    """Return which share of a picture is darker than the middle between its ends, None when it shows nothing."""
    low, high = (int(tone) for tone in np.percentile(picture, (1, 99)))
    return float(np.mean(picture < (low + high) / 2)) if high - low >= LEAST_CONTRAST else None


def _short(error: Exception) -> str:
    """Return a library's message, without the pages some of them have."""
    words: Sequence[str] = str(error).split()
    return " ".join(words)[:160] or type(error).__name__
