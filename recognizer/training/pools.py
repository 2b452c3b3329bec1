"""Who wrote what: pools of ink to compose training boxes from, split by writer into training and validation.

Nothing of a reserved writer (`reserved.py`) enters either part. MNIST's published test set enters neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from recognizer.digits import isolate_digit
from recognizer.pictures import crop_of_picture
from recognizer.training.compose import Ink
from recognizer.training.drawn_hands import drawn_digits
from recognizer.training.habits import european
from recognizer.training.reserved import reserved_writers
from recognizer.training.sources import (
    MNIST_TRAIN,
    SHORT,
    DataError,
    LabelledPictures,
    Pictures,
    archive_column,
    archive_pictures,
    mnist_digits,
    mnist_is_there,
)

DIGITS = "0123456789"

NOTHING = LabelledPictures(np.zeros((0, 48, 48), np.uint8), np.zeros(0, np.str_), np.zeros(0, np.int64))
"""What a set that is left out holds."""

PARTS = ("train", "validation", "calibration")
"""What is learned from, what says when to stop, and what the promise is derived from: no writer is in two of them."""

MNIST_HELD = {"validation": 25, "calibration": 80}
"""So many of MNIST's writers are held out whole, with about 110 digits each; none of the reserved is among them."""

MISLABELLED = (4476, 32342, 54264)
"""Rows of MNIST's training part whose label is not what they show. Of the calibration writers' digits that were read
otherwise with a score above 0.99, nine were looked at: these are 1, 7 and 1, and labelled 2, 9 and 4. The other six
count as errors: open, cut or crowded ones, and what may be a 7 without its bar."""

SWISS_HELD = {"validation": (2,), "calibration": (7, 13)}
"""Of the fifteen Swiss writers, by order of name."""

DRAWERS_HELD = {"validation": (18,), "calibration": (19,)}
"""Of the twenty who drew letters."""

UNNAMED_VALIDATION = 10
"""Of sets without writers every tenth picture validates; these say nothing about new hands, so none calibrates."""

STRANGE_LETTERS = frozenset("acdefhkmnprtuvwxy")
"""Letters that no digit looks like."""

ABSENT_LETTERS = frozenset("abs")
"""Letters that "abs" is written with."""

PRINTED_WEIGHTS = (300, 400, 400, 600, 800)
"""Weights of Noto Sans in which a candidate's number may be printed into the boxes beforehand."""

WIDE = 1.0
"""Width by height from which the ink of a cell is more than one digit."""

LETTERS = "ACEFHKMNPRVWXadefhkmnrtuwx?&%"
"""Printed letters and signs that no digit looks like."""

INK_FLOOR = 60
"""Grey value (of 255) below which a pixel is outside the character when its picture is cropped."""


@dataclass(frozen=True, slots=True)
class Hand:
    """One writer's digits (or one set's, where writers are not named): pictures of each digit, cropped to the ink."""

    name: str
    digits: dict[str, list[Ink]]


@dataclass(frozen=True, slots=True)
class Plain:
    """Whole pictures of a set, dark on light as it gives them, with what each shows; `share`: how often drawn.

    `writer` (N,) are numbers within the set, or nothing where they do not matter.
    """

    share: float
    x: Pictures
    label: NDArray[np.str_]
    name: str = ""
    writer: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class Pool:
    """Ink of one part: training, validation or calibration.

    `groups` pairs how often a source is drawn from with its hands; `strange` are things that are no digit; `dashes`,
    `slashes` and `points` are real strokes; `letters` are a, b, s; `plain` are pictures as their sets give them, with
    labels out of `CLASSES`; `blanks` are photographed cells, dark on light, in which nothing is written.
    """

    groups: tuple[tuple[float, tuple[Hand, ...]], ...]
    strange: tuple[Ink, ...] = ()
    dashes: tuple[Ink, ...] = ()
    slashes: tuple[Ink, ...] = ()
    points: tuple[Ink, ...] = ()
    letters: Mapping[str, tuple[Ink, ...]] = field(default_factory=dict)
    plain: tuple[Plain, ...] = ()
    blanks: Pictures = field(default_factory=lambda: np.zeros((0, 48, 48), np.uint8))


OPTIONAL = (
    "digits_symbols_bhmsds",
    "digits_optdigits",
    "digits_semeion",
    "letters_omniglot",
    "symbols_mdas",
    "cells_sudoku_handwritten",
    "cells_sudoku_blank",
)
"""Sets that training can do without, where `--without` says so; MNIST, Swiss digits and bubbles it cannot."""

DRAWN_SHARE = 0.16
"""How often a digit is drawn from hands that are drawn stroke by stroke, and that nobody validates or calibrates by."""

CSV_SHARE = 0.20
"""How often a digit is drawn from all CSV files together, as often as from the Swiss ones. Without MNIST they stand in
for it."""


def load_pools(
    data: Path, seed: int, extra: Sequence[LabelledPictures] = (), without: Sequence[str] = ()
) -> dict[str, Pool]:
    """Return the pool of each of `PARTS`.

    Args:
        data: the data folder.
        seed: chooses the writers that are held out.
        extra: further digits by unknown writers, 28x28, to learn from (`csv_digits`). MNIST may be missing then, and
            every tenth of them validates; beside MNIST, whose writers do that, all are learned from.
        without: sets out of `OPTIONAL` that are left out.

    Raises:
        DataError: a set is missing, damaged or not what it should be.
    """
    stand_in = bool(extra) and not mnist_is_there(data)
    mnist = NOTHING if stand_in else mnist_without_reserved(data)
    held = held_writers(mnist.writer, seed)

    def optional(name: str, raw: bool = False) -> LabelledPictures:
        return NOTHING if name in without else archive_pictures(data, name, raw=raw)

    def puzzles(name: str) -> NDArray[np.str_]:
        return np.zeros(0, np.str_) if name in without else archive_column(data, name, "group")

    swiss = archive_pictures(data, "digits_swiss", blank_border=True)
    swiss_cells = archive_pictures(data, "digits_swiss", raw=True)
    unnamed = [optional(name) for name in ("digits_symbols_bhmsds", "digits_optdigits", "digits_semeion")]
    letters, signs = optional("letters_omniglot"), optional("symbols_mdas")
    sudoku, blank = optional("cells_sudoku_handwritten", raw=True), optional("cells_sudoku_blank", raw=True)
    sudoku_puzzles, blank_puzzles = puzzles("cells_sudoku_handwritten"), puzzles("cells_sudoku_blank")
    kept = np.zeros(0, np.str_) if "cells_sudoku_handwritten" in without else _kept_puzzles(data)
    printed, letters_printed = (_printed(),), 3 * printed_signs(LETTERS)

    def part(name: str) -> Pool:
        ours = mnist_part(mnist, held, name)
        swiss_ours = _of_writers(swiss.writer, SWISS_HELD, name)
        thirds = [_of_unnamed(len(one.x), name) for one in unnamed]
        bhmsds, optdigits, semeion = (_chosen(one, mask) for one, mask in zip(unnamed, thirds, strict=True))
        mdas = _chosen(signs, _of_unnamed(len(signs.x), name))
        drawers = _chosen(letters, _of_writers(letters.writer, DRAWERS_HELD, name))
        cells = _chosen(sudoku, _of_puzzles(sudoku_puzzles, kept, name))
        empty = blank.x[_of_puzzles(blank_puzzles, kept, name)]
        further = [_of_csv(one, name, stand_in) for one in extra]
        groups = (
            (0.60, _with_habits(_hands("mnist", ours), seed) if name == "train" else _hands("mnist", ours)),
            (0.60 if stand_in else CSV_SHARE, tuple(hand for one in further for hand in _hands("csv", one))),
            (0.20, _hands("swiss", _chosen(swiss, swiss_ours))),
            (0.08, _hands("bhmsds", bhmsds)),
            (0.03, _hands("optdigits", optdigits)),
            (0.03, _hands("semeion", semeion)),
            (0.06, printed),
            (DRAWN_SHARE, _drawn_hands(seed) if name == "train" else ()),
        )
        return Pool(
            groups=tuple((share, hands) for share, hands in groups if hands),
            strange=tuple(
                2 * _inks(drawers, STRANGE_LETTERS)
                + _inks(bhmsds, {"plus", "w", "x", "y"})[::12]
                + _inks(mdas, {"addition_plus", "multiplication_cross", "division_obelus"})[::12]
                + letters_printed
            ),
            dashes=tuple(_inks(bhmsds, {"minus"}) + _inks(mdas, {"subtraction_minus"})),
            slashes=tuple(_inks(bhmsds, {"slash"}) + _inks(mdas, {"division_slash"})),
            points=tuple(_inks(bhmsds, {"dot"}) + _inks(mdas, {"multiplication_dot"})),
            letters={letter: tuple(_inks(drawers, {letter})) for letter in sorted(ABSENT_LETTERS)},
            plain=tuple(
                Plain(share, one.x, one.label, name, one.writer)
                for name, share, one in (
                    ("mnist", 1.0, _inverted_digits(ours)),
                    *(("csv", 1.0, _inverted_digits(one)) for one in further),
                    ("swiss", 1.5, _chosen(swiss_cells, swiss_ours)),
                    ("bhmsds", 0.4, _inverted_digits(bhmsds)),
                    ("optdigits", 1.0, _inverted_digits(optdigits)),
                    ("semeion", 1.0, _inverted_digits(semeion)),
                    ("sudoku", 2.0, _as_classes(cells)),
                )
                if len(one.x)
            ),
            blanks=empty,
        )

    return {name: part(name) for name in PARTS}


def mnist_without_reserved(data: Path) -> LabelledPictures:
    """Return MNIST's training part without the reserved writers, and without what is labelled wrongly.

    Raises:
        DataError: MNIST is missing, damaged or short.
    """
    digits = mnist_digits(data, "train")
    if len(digits.x) < SHORT * MNIST_TRAIN:
        raise DataError(f"MNIST train: holds {len(digits.x)} pictures, expected {MNIST_TRAIN}; fetch both files again")
    usable = ~np.isin(digits.writer, sorted(reserved_writers()))
    usable[[row for row in MISLABELLED if row < len(usable)]] = False
    return _chosen(digits, usable)


def held_writers(writers: NDArray[np.int64], seed: int) -> dict[str, NDArray[np.int64]]:
    """Return MNIST's writers kept for validation and for calibration, chosen by the seed."""
    names = np.random.default_rng(seed).permutation(np.unique(writers))
    held, start = {}, 0
    for part, count in MNIST_HELD.items():
        held[part] = np.sort(names[start : start + count])
        start += count
    return held


def mnist_part(mnist: LabelledPictures, held: Mapping[str, NDArray[np.int64]], part: str) -> LabelledPictures:
    """Return the digits of the writers of one of `PARTS`."""
    if part in held:
        return _chosen(mnist, np.isin(mnist.writer, held[part]))
    return _chosen(mnist, ~np.isin(mnist.writer, np.concatenate(list(held.values()))))


def cropped(picture: NDArray[np.uint8]) -> Ink:
    """Return a picture of ink cut to its ink, at full contrast; an empty picture stays whole."""
    rows, columns = (np.flatnonzero((picture > INK_FLOOR).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return picture
    cut = picture[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2].astype(np.float32)
    # A pixel of paper all round lets strokes that fill the frame end softly.
    return np.pad((cut * (255 / cut.max())).astype(np.uint8), 1)


def _of_csv(pictures: LabelledPictures, part: str, stand_in: bool) -> LabelledPictures:
    """Return what one part gets of digits by unknown writers."""
    if stand_in:
        return _chosen(pictures, _of_unnamed(len(pictures.x), part))
    return _chosen(pictures, np.full(len(pictures.x), part == "train", np.bool_))


def _chosen(pictures: LabelledPictures, mask: NDArray[np.bool_]) -> LabelledPictures:
    return LabelledPictures(pictures.x[mask], pictures.label[mask], pictures.writer[mask])


def _of_writers(writers: NDArray[np.int64], held: Mapping[str, tuple[int, ...]], part: str) -> NDArray[np.bool_]:
    if part in held:
        return np.isin(writers, held[part])
    return ~np.isin(writers, [writer for some in held.values() for writer in some])


def _of_unnamed(count: int, part: str) -> NDArray[np.bool_]:
    tenth: NDArray[np.bool_] = np.arange(count) % UNNAMED_VALIDATION == 0
    return {"train": ~tenth, "validation": tenth}.get(part, np.zeros(count, np.bool_))


def _kept_puzzles(data: Path) -> NDArray[np.str_]:
    """Return the puzzles of the sudoku cells that validate: every third of those its own split keeps for that.

    All are by one writer, so that they say nothing of new hands whatever is kept back.
    """
    group = archive_column(data, "cells_sudoku_handwritten", "group")
    split = archive_column(data, "cells_sudoku_handwritten", "split")
    return np.unique(group[split == "val"])[::3]


def _of_puzzles(group: NDArray[np.str_], kept: NDArray[np.str_], part: str) -> NDArray[np.bool_]:
    validates = np.isin(group, kept)
    return {"train": ~validates, "validation": validates}.get(part, np.zeros(len(group), np.bool_))


def _inverted_digits(pictures: LabelledPictures) -> LabelledPictures:
    """Return the digits of a set dark on light."""
    digits = _chosen(pictures, np.isin(pictures.label, list(DIGITS)))
    return LabelledPictures(255 - digits.x, digits.label, digits.writer)


def _as_classes(cells: LabelledPictures) -> LabelledPictures:
    """Return photographed cells with labels out of `CLASSES`: several small digits are no character.

    A single small digit is one, which nobody labelled: cells whose ink is not wider than high are left out.
    """
    several = cells.label == "candidates"
    usable = ~several | np.array([_is_wide(x) for x in cells.x], np.bool_)
    kept = _chosen(cells, usable)
    return LabelledPictures(kept.x, np.where(kept.label == "candidates", "other", kept.label), kept.writer)


def _is_wide(picture: NDArray[np.uint8]) -> bool:
    bounds = [piece.bounds for piece in (isolate_digit(crop_of_picture(picture)).strip,) if piece is not None]
    return any(one.width > WIDE * one.height for one in bounds)


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


def _with_habits(hands: Sequence[Hand], seed: int) -> tuple[Hand, ...]:
    return tuple(
        Hand(hand.name, european(hand.digits, np.random.default_rng([seed, number])))
        for number, hand in enumerate(hands)
    )


def _drawn_hands(seed: int) -> tuple[Hand, ...]:
    return tuple(Hand(f"drawn {number}", digits) for number, digits in enumerate(drawn_digits(seed)))


def _printed() -> Hand:
    """Return the digits of Noto Sans in several weights."""
    return Hand("printed", {digit: printed_signs(digit) for digit in DIGITS})


def printed_signs(signs: str) -> list[Ink]:
    """Return signs of Noto Sans in several weights, 64 px high."""
    path = str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")
    inks: list[Ink] = []
    for weight in PRINTED_WEIGHTS:
        font = ImageFont.truetype(path, 64)
        font.set_variation_by_axes([weight, 100])
        for sign in signs:
            image = Image.new("L", (90, 110))
            ImageDraw.Draw(image).text((20, 10), sign, fill=255, font=font)
            inks.append(cropped(np.asarray(image)))
    return inks
