"""Who wrote what: pools of ink to compose training boxes from, split by writer into training and validation.

Nothing of a reserved writer (`reserved.py`) enters either part. MNIST's published test set enters neither.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from recognizer.training.compose import Ink
from recognizer.training.reserved import reserved_writers
from recognizer.training.sources import LabelledPictures, Pictures, archive_column, archive_pictures, mnist_digits

DIGITS = "0123456789"

VALIDATION_SHARE = 0.1
"""Share of MNIST's writers kept for validation: some 50 people, 5,500 digits."""

SWISS_VALIDATION = (2, 7, 13)
"""Three of the fifteen Swiss writers, by order of name."""

UNNAMED_VALIDATION = 10
"""Of sets without writers every tenth picture validates; these say nothing about new hands, and are few."""

STRANGE_LETTERS = frozenset("aefkmnprtuvwx")
"""Letters that no digit looks like."""

PRINTED_WEIGHTS = (300, 400, 400, 600, 800)
"""Weights of Noto Sans in which a candidate's number may be printed into the boxes beforehand."""

INK_FLOOR = 60
"""Grey value (of 255) below which a pixel is outside the character when its picture is cropped."""


@dataclass(frozen=True, slots=True)
class Hand:
    """One writer's digits (or one set's, where writers are not named): pictures of each digit, cropped to the ink."""

    name: str
    digits: dict[str, list[Ink]]


@dataclass(frozen=True, slots=True)
class Pool:
    """Ink of one part, training or validation.

    `groups` pairs how often a source is drawn from with its hands; `strange` are things that are no digit; `dashes` are
    minus signs; `cells` are whole photographed cells (dark on light) with a digit, or several (label `candidates`).
    """

    groups: tuple[tuple[float, tuple[Hand, ...]], ...]
    strange: tuple[Ink, ...]
    dashes: tuple[Ink, ...]
    cells: tuple[tuple[Pictures, str], ...]


def load_pools(data: Path, seed: int) -> tuple[Pool, Pool]:
    """Return the pools for training and for validation.

    Raises:
        DataError: a set is missing or damaged.
    """
    mnist = mnist_without_reserved(data)
    held = validation_writers(mnist.writer, seed)
    swiss = archive_pictures(data, "digits_swiss", blank_border=True)
    unnamed = [archive_pictures(data, name) for name in ("digits_symbols_bhmsds", "digits_optdigits", "digits_semeion")]
    letters = archive_pictures(data, "letters_omniglot")
    signs = archive_pictures(data, "symbols_mdas")
    sudoku = archive_pictures(data, "cells_sudoku_handwritten")
    sudoku_split = archive_column(data, "cells_sudoku_handwritten", "split")
    printed = (_printed(),)

    def part(validation: bool) -> Pool:
        tenth = [(np.arange(len(one.x)) % UNNAMED_VALIDATION == 0) == validation for one in unnamed]
        bhmsds, optdigits, semeion = (_chosen(one, mask) for one, mask in zip(unnamed, tenth, strict=True))
        mdas = _chosen(signs, (np.arange(len(signs.x)) % UNNAMED_VALIDATION == 0) == validation)
        drawers = _chosen(letters, (letters.writer >= 17) == validation)
        cells = _chosen(sudoku, sudoku_split == ("val" if validation else "train"))
        return Pool(
            groups=(
                (0.64, _hands("mnist", _chosen(mnist, np.isin(mnist.writer, held) == validation))),
                (0.16, _hands("swiss", _chosen(swiss, np.isin(swiss.writer, SWISS_VALIDATION) == validation))),
                (0.08, _hands("bhmsds", bhmsds)),
                (0.03, _hands("optdigits", optdigits)),
                (0.03, _hands("semeion", semeion)),
                (0.06, printed),
            ),
            strange=tuple(
                _inks(drawers, STRANGE_LETTERS)
                + _inks(bhmsds, {"plus", "w", "x"})[:1500]
                + _inks(mdas, {"addition_plus", "multiplication_cross", "division_obelus"})[:1000]
            ),
            dashes=tuple(_inks(bhmsds, {"minus"}) + _inks(mdas, {"subtraction_minus"})),
            cells=tuple((255 - x, str(label)) for x, label in zip(cells.x, cells.label, strict=True)),
        )

    return part(False), part(True)


def mnist_without_reserved(data: Path) -> LabelledPictures:
    """Return MNIST's training part without the reserved writers."""
    digits = mnist_digits(data, "train")
    return _chosen(digits, ~np.isin(digits.writer, sorted(reserved_writers())))


def validation_writers(writers: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the writers kept for validation, chosen by the seed."""
    names = np.unique(writers)
    return np.sort(np.random.default_rng(seed).choice(names, round(len(names) * VALIDATION_SHARE), replace=False))


def cropped(picture: NDArray[np.uint8]) -> Ink:
    """Return a picture of ink cut to its ink, at full contrast; an empty picture stays whole."""
    rows, columns = (np.flatnonzero((picture > INK_FLOOR).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return picture
    cut = picture[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2].astype(np.float32)
    # A pixel of paper all round lets strokes that fill the frame end softly.
    return np.pad((cut * (255 / cut.max())).astype(np.uint8), 1)


def _chosen(pictures: LabelledPictures, mask: NDArray[np.bool_]) -> LabelledPictures:
    return LabelledPictures(pictures.x[mask], pictures.label[mask], pictures.writer[mask])


def _hands(name: str, pictures: LabelledPictures) -> tuple[Hand, ...]:
    hands = []
    for writer in np.unique(pictures.writer):
        own = _chosen(pictures, pictures.writer == writer)
        digits = {digit: [cropped(x) for x in own.x[own.label == digit]] for digit in DIGITS}
        if all(digits[digit] for digit in DIGITS):
            hands.append(Hand(f"{name} {writer}", digits))
    return tuple(hands)


def _inks(pictures: LabelledPictures, labels: set[str] | frozenset[str]) -> list[Ink]:
    return [cropped(x) for x in pictures.x[np.isin(pictures.label, sorted(labels))]]


def _printed() -> Hand:
    """Return the digits of Noto Sans in several weights, 64 px high."""
    path = str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")
    digits: dict[str, list[Ink]] = {digit: [] for digit in DIGITS}
    for weight in PRINTED_WEIGHTS:
        font = ImageFont.truetype(path, 64)
        font.set_variation_by_axes([weight, 100])
        for digit in DIGITS:
            image = Image.new("L", (90, 110))
            ImageDraw.Draw(image).text((20, 10), digit, fill=255, font=font)
            digits[digit].append(cropped(np.asarray(image)))
    return Hand("printed", digits)
