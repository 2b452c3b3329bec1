"""Box probabilities + what the field may hold -> values with probabilities. Pure.

A field's value is decided by all its characters together with what its template says: how many boxes, which range,
which step, whether a dash means "nothing awarded". What no value explains is said as trouble, never bent into a value.

What leaves here are probabilities over values, the likeliest first, and those over the characters behind them: sums and
class lists, which know more than one field, can weigh them again.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recognizer.alphabets import has_letters
from recognizer.geometry import Rect
from recognizer.records import CLASSES, MARKS, SYMBOLS, CharacterReading, Flag, RankedValue
from recognizer.sequences import Steps, Texts, best_path, likely_texts, places_of, text_probabilities
from recognizer.template import Box, SheetField
from recognizer.values import (
    BLANK,
    MULTIPLE_SEPARATOR,
    allowed_number,
    format_number,
    format_options,
    is_enumerable,
    writings,
    written_value,
)

if TYPE_CHECKING:
    # Only here: whoever decides again by what was read needs no pictures, and so no OpenCV.
    from recognizer.choices import MarkReading

DIGITS = CLASSES[:10]
MINUS = "-"
BLANK_CLASS, CANCELLED, OTHER = "blank", "cancelled", "other"
HIDDEN = "hidden"
LETTER = "letter"
"""What is said of a box in which a letter may stand: no network reads it."""

EMPTY = " "
"""How a box with nothing in it stands in the text of a comb."""

NO_NUMBER = "#"
"""The symbol for whatever is no part of a number."""

KEPT_VALUES = 5
"""Ranked values kept for a field: what a reviewer can take in, and enough for sums and rosters to choose from."""

NEGLIGIBLE = 1e-4
"""Class probabilities below this are not followed: they cannot change which value is accepted."""

FAINT_SPECKS = 3
"""Spots in an empty box from which it is not called blank. Of 1,700 empty boxes on simulated black-and-white scans none
had more than one grain of dust; faint pencil falls apart into three to eleven."""

FAINT_SPECKS_BESIDE = 5
"""The same in a cell where something else was read: part of the number may have faded."""

BLANK_WITH_TRACES = 0.5
"""How likely a cell is blank in which there are mere traces: as likely as not. A person looks in any case."""

UPRIGHT_SYMBOLS = "1½"
"""What a stroke as high as its cell may be a part of."""

REFUSED_PRIOR = 0.002
"""How likely, before looking, a cell holds a value that its field cannot hold. Small, since examiners know the maximum:
a half read as 1, 1, 2 is 112 only on paper where 112 is a mark. Not zero: `13` under a maximum of 12 is flagged."""

_ALONE_TEXTS = ("", *DIGITS, MINUS)
ALONE = Texts.of(_ALONE_TEXTS)
"""Nothing, and whatever can stand as a single character."""

ALONE_CLASSES = [CLASSES.index(name) for name in (BLANK_CLASS, *DIGITS, MINUS)]
"""The class of each of them."""

_CLASS_OF = np.array([CLASSES.index(BLANK_CLASS), *(CLASSES.index(s) if s in CLASSES else -1 for s in SYMBOLS)])
"""The class of a text of one symbol, by its column of `Steps`; -1 where it has none."""

STEP_PX = 4
"""Pixels of a strip for each place of the network that reads it."""


@dataclass(frozen=True, slots=True)
class BoxEvidence:
    """What was seen in one box of a comb: nothing (`probabilities` None), or how likely each class of `CLASSES` is.

    `specks` counts spots of ink too small to be writing, `unplaced` pieces left out for where they lie, `pale`
    pieces too faint to rely on, whatever was read of them.
    """

    position: int
    probabilities: Sequence[float] | None
    bounds: Rect | None = None
    specks: int = 0
    unplaced: int = 0
    pale: int = 0


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """What was seen in a number cell: nothing (`steps` None), or what stands at each place from left to right.

    `bounds` is where the ink lies in the crop; `left` is the place of the strip's left edge in the crop, `scale` how
    many pixels of the strip are one of the crop. `single` is how likely each class of `CLASSES` is where the cell seems
    to hold one character, by whatever knows characters better than `steps`, and `alone` how likely `steps` take it for
    one character or nothing. `faded` tells that strokes fall to pieces or are lost beside darker ones, so that what is
    read may lack some; `uprights` counts strokes as high as the cell. The rest as in `BoxEvidence`.
    """

    steps: Steps | None
    bounds: Rect | None = None
    left: float = 0.0
    scale: float = 1.0
    specks: int = 0
    unplaced: int = 0
    pale: int = 0
    single: Sequence[float] | None = None
    alone: float = 0.0
    faded: bool = False
    uprights: int = 0


@dataclass(frozen=True, slots=True)
class Decoded:
    """Ranked values of one field, the characters behind the best of them, and what no value explains."""

    values: tuple[RankedValue, ...]
    characters: tuple[CharacterReading, ...]
    trouble: Flag | None = None


# ---- a character in a box --------------------------------------------------------------------------------------------


def decode_digits(field: SheetField, boxes: Sequence[BoxEvidence]) -> Decoded:
    """Decode a comb of boxes, one character each, in box order."""
    if field.alphabet:
        return _decode_alphabets(field, boxes)
    characters = tuple(_character(box) for box in boxes)
    faint = [box for box in boxes if _is_faint(field, box)]
    if any(box.probabilities is None for box in faint):
        return Decoded((), characters, Flag.FAINT)
    if field.sign and boxes[0].unplaced:
        # A minus on the rule must not be lost. Other boxes of a comb have neighbours whose strokes reach in.
        return Decoded((), characters, Flag.FAINT)
    texts = _products([_box_options(field, index, box) for index, box in enumerate(boxes)])
    values = _ranked((value, p) for text, p in texts if (value := _comb_value(field, text)) is not None)
    # Traces that were read all the same: a guess.
    return Decoded(values, characters, _comb_trouble(field, boxes, texts) or (Flag.FAINT if faint else None))


def _decode_alphabets(field: SheetField, boxes: Sequence[BoxEvidence]) -> Decoded:
    """Decode an id that says what may stand at each position: printed, a digit, or a letter, which is not read."""
    alphabets = field.id_alphabets
    read = [(box, alphabet) for box, alphabet in zip(boxes, alphabets, strict=True) if len(alphabet) > 1]
    characters = tuple(_of_alphabet(box, alphabet) for box, alphabet in zip(boxes, alphabets, strict=True))
    if any(_is_faint(field, box) for box, _ in read):
        return Decoded((), characters, Flag.FAINT)
    digits = [box for box, alphabet in read if not has_letters(alphabet)]
    seen = [CLASSES[int(np.argmax(box.probabilities))] for box in digits if box.probabilities is not None]
    texts = _products([_alphabet_options(alphabet, box) for box, alphabet in read])
    values = _ranked((value, p) for text, p in texts if (value := _alphabet_value(field, text)) is not None)
    if values and values[0].value == BLANK:
        return Decoded(values, characters)
    if CANCELLED in seen:
        return Decoded(values, characters, Flag.CANCELLED)
    if OTHER in seen or MINUS in seen or not texts or any(has_letters(alphabet) for _, alphabet in read):
        return Decoded(() if len(digits) < len(read) else values, characters, Flag.UNREADABLE)
    return Decoded(values, characters, Flag.INCOMPLETE if EMPTY in texts[0][0] else None)


def _alphabet_options(alphabet: str, box: BoxEvidence) -> Mapping[str, float]:
    if box.probabilities is None:
        return {EMPTY: 1.0}
    if has_letters(alphabet):
        return {LETTER[0]: 1.0}
    chances = zip(CLASSES, box.probabilities, strict=True)
    wanted = {**{digit: digit for digit in alphabet}, BLANK_CLASS: EMPTY}
    return {wanted[name]: float(p) for name, p in chances if name in wanted and p >= NEGLIGIBLE}


def _alphabet_value(field: SheetField, text: str) -> str | None:
    """Return the id of what was read, the printed characters filled in; None where a box is empty or not read."""
    if not text.strip(EMPTY):
        return BLANK
    if EMPTY in text or LETTER[0] in text:
        return None
    read = iter(text)
    return "".join(field.printed_characters.get(at) or next(read) for at in range(field.characters))


def _of_alphabet(box: BoxEvidence, alphabet: str) -> CharacterReading:
    if len(alphabet) == 1:
        return CharacterReading(box.position, (alphabet,), (1.0,))
    if has_letters(alphabet) and box.probabilities is not None:
        return CharacterReading(box.position, (LETTER,), (1.0,), box.bounds)
    return _character(box)


def _is_faint(field: SheetField, box: BoxEvidence) -> bool:
    """Tell whether a box may hold writing that cannot be relied on.

    In a comb, a neighbour's strokes lie where none should; a box of its own that seems empty has no such excuse.
    """
    empty = box.probabilities is None
    return bool(box.pale) or (empty and (box.specks >= FAINT_SPECKS or (field.characters == 1 and box.unplaced > 0)))


def _comb_trouble(field: SheetField, boxes: Sequence[BoxEvidence], texts: Sequence[tuple[str, float]]) -> Flag | None:
    """Return what speaks against every value of a comb."""
    seen = [CLASSES[int(np.argmax(box.probabilities))] for box in boxes if box.probabilities is not None]
    if CANCELLED in seen:
        return Flag.CANCELLED
    if OTHER in seen or MINUS in seen[1:] or (MINUS in seen and not field.sign) or not texts:
        return Flag.UNREADABLE
    best = texts[0][0]
    if _comb_value(field, best) is not None:
        return None
    return Flag.INCOMPLETE if _has_gap(field, best) else Flag.NOT_ALLOWED


def _box_options(field: SheetField, index: int, box: BoxEvidence) -> Mapping[str, float]:
    """Return what may stand in a box, EMPTY for nothing, as far as it is not negligible."""
    if box.probabilities is None:
        return {EMPTY: 1.0}
    wanted = {MINUS: MINUS} if field.sign and index == 0 else {digit: digit for digit in DIGITS}
    wanted[BLANK_CLASS] = EMPTY
    chances = zip(CLASSES, box.probabilities, strict=True)
    return {wanted[name]: float(p) for name, p in chances if name in wanted and p >= NEGLIGIBLE}


def _comb_value(field: SheetField, text: str) -> str | None:
    """Return the value of a comb's boxes, EMPTY where nothing stands; None when the field cannot hold it.

    In an id every box holds a digit, and zeros count. Digits around a printed point may begin late and end early.
    """
    if not text.strip(EMPTY):
        return BLANK
    if _has_gap(field, text):
        return None
    if not field.is_numeric:
        return text
    sign, digits = (text[0], text[1:]) if field.sign else ("", text)
    whole, decimals = _parts(field, digits)
    number = Decimal(f"{sign.strip(EMPTY)}{whole.strip(EMPTY)}.{decimals.strip(EMPTY) or '0'}")
    return format_number(number) if allowed_number(field, number) else None


def _has_gap(field: SheetField, text: str) -> bool:
    """Tell whether a box is empty that must not be while others are filled."""
    if not field.is_numeric:
        return EMPTY in text
    whole, decimals = _parts(field, text[1:] if field.sign else text)
    return not whole.strip(EMPTY) or EMPTY in whole.lstrip(EMPTY) or EMPTY in decimals.rstrip(EMPTY)


def _parts(field: SheetField, digits: str) -> tuple[str, str]:
    point = len(digits) - field.decimals
    return digits[:point], digits[point:]


def _products(places: Sequence[Mapping[str, float]]) -> list[tuple[str, float]]:
    """Return the most likely texts over independent places, at most 4 * KEPT_VALUES of them, best first.

    >>> _products([{"1": 0.9, "7": 0.1}, {"2": 1.0}])
    [('12', 0.9), ('72', 0.1)]
    """
    texts = [("", 1.0)]
    for place in places:
        grown = [(text + name, p * q) for text, p in texts for name, q in place.items()]
        texts = heapq.nlargest(4 * KEPT_VALUES, grown, key=lambda pair: pair[1])
    return texts


def _character(box: BoxEvidence) -> CharacterReading:
    if box.probabilities is None:
        return CharacterReading(box.position, (BLANK_CLASS,), (1.0,))
    return CharacterReading(box.position, CLASSES, tuple(float(p) for p in box.probabilities), box.bounds)


# ---- a number in a cell ----------------------------------------------------------------------------------------------


def decode_number(field: SheetField, cell: CellEvidence) -> Decoded:
    """Decode a free-width cell by all that its field may hold.

    A value's probability is the sum over every way to write it. What the cell seems to hold but may not, such as 112
    for a half where the maximum is 10, weighs REFUSED_PRIOR only; what is no number at all weighs in full.
    """
    traces = cell.unplaced or cell.pale or cell.specks >= (FAINT_SPECKS if cell.steps is None else FAINT_SPECKS_BESIDE)
    if cell.steps is None:
        certain = BLANK_WITH_TRACES if traces else 1.0
        return Decoded((RankedValue(BLANK, certain),), (), Flag.FAINT if traces else None)
    texts, values, encoded = _candidates(field, cell.steps)
    plain = text_probabilities(cell.steps, encoded)
    chances = _weighed(cell, plain, encoded)
    seen = best_path(cell.steps)
    refused = _refused(field, cell, cell.steps, seen)
    total = 1.0 - (1.0 - REFUSED_PRIOR) * refused
    ranked = _ranked((value, float(p) / total) for value, p in zip(values, chances, strict=True) if p > NEGLIGIBLE**2)
    best = texts[int(chances.argmax())] if len(chances) else seen
    trouble = Flag.FAINT if traces else _cell_trouble(cell, seen, ranked, refused)
    if not trouble and (cell.faded or cell.uprights > sum(best.count(symbol) for symbol in UPRIGHT_SYMBOLS)):
        # What was read may lack a stroke: a guess, for a person to look at.
        trouble = Flag.FAINT
    # A text that only the other look made likely has no places in this one.
    shown = best if len(plain) and not trouble and plain[int(chances.argmax())] > 0 else seen
    return Decoded(ranked, _placed(cell, shown), trouble)


def _weighed(cell: CellEvidence, chances: NDArray[np.float64], texts: Texts) -> NDArray[np.float64]:
    """Return how likely each text is by all that is known, (K,) from 0 to 1; `chances` is what the steps say.

    Where `single` is known, texts of one character are as likely as it says. Longer ones are at most as likely as
    `steps` says, and less where `single` leaves less for something else: a digit that one network takes for cancelled
    must not make two digits of what the other hardly saw.
    """
    if cell.single is None:
        return chances
    of_class = np.asarray(cell.single, np.float64)
    longer = max(1.0 - cell.alone, 1e-9)
    first = texts.symbols[:, 0] if texts.symbols.size else np.zeros(len(chances), np.int64)
    classes = np.where(texts.lengths <= 1, _CLASS_OF[first], -1)
    return np.where(classes >= 0, of_class[classes], chances * min(of_class[CLASSES.index(OTHER)] / longer, 1.0))


def _refused(field: SheetField, cell: CellEvidence, steps: Steps, seen: str) -> float:
    """Return how likely the cell holds what it seems to hold but may not."""
    texts = {seen}
    if cell.single is not None:
        texts.add(_ALONE_TEXTS[int(np.asarray(cell.single)[ALONE_CLASSES].argmax())])
    refused = [text for text in sorted(texts) if NO_NUMBER not in text and written_value(field, text) is None]
    if not refused:
        return 0.0
    encoded = Texts.of(refused)
    return float(_weighed(cell, text_probabilities(steps, encoded), encoded).sum())


def _cell_trouble(cell: CellEvidence, seen: str, ranked: Sequence[RankedValue], refused: float) -> Flag | None:
    """Return what speaks against every value of a cell in which `seen` seems to stand."""
    if NO_NUMBER in seen:
        return Flag.UNREADABLE
    if cell.single is not None and CLASSES[int(np.argmax(cell.single))] == CANCELLED:
        return Flag.CANCELLED
    if refused > 0.5 or (refused and not ranked):
        return Flag.NOT_ALLOWED
    return None if ranked else Flag.UNREADABLE


def _candidates(field: SheetField, steps: Steps) -> tuple[Sequence[str], Sequence[str], Texts]:
    """Return texts that may stand in a cell, the value of each, and the texts made ready."""
    if is_enumerable(field):
        return _all_candidates(field)
    found = [(text, value) for text in likely_texts(steps) if (value := written_value(field, text)) is not None]
    texts = [text for text, _ in found]
    return texts, [value for _, value in found], Texts.of(texts)


@lru_cache(maxsize=256)
def _all_candidates(field: SheetField) -> tuple[Sequence[str], Sequence[str], Texts]:
    pairs = [(way, value) for value, ways in writings(field).items() for way in ways]
    texts = tuple(text for text, _ in pairs)
    return texts, tuple(value for _, value in pairs), Texts.of(texts)


def _placed(cell: CellEvidence, text: str) -> tuple[CharacterReading, ...]:
    """Return where each symbol of a text lies in the crop: halfway to the next one on either side."""
    if cell.steps is None or cell.bounds is None or not text or len(text) > len(cell.steps):
        return ()
    places = places_of(cell.steps, text)
    middles = [cell.left + (at + 0.5) * STEP_PX / cell.scale for at in places]
    edges = [cell.bounds.x, *((a + b) / 2 for a, b in pairwise(middles)), cell.bounds.right]
    return tuple(
        CharacterReading(
            position,
            ("none", *SYMBOLS),
            tuple(float(p) for p in cell.steps[at]),
            Rect(left, cell.bounds.y, max(right - left, 0.0), cell.bounds.height),
        )
        for position, (at, (left, right)) in enumerate(zip(places, pairwise(edges), strict=True), start=1)
    )


# ---- tick boxes and bubbles ------------------------------------------------------------------------------------------


def decode_choice(field: SheetField, boxes: Sequence[Box], marks: "Sequence[MarkReading]") -> Decoded:
    """Decode tick boxes or bubbles, or a grid of them (`positions` rows, one option each), in box order.

    A value is a set of marked boxes and its probability the product over all boxes. A box that was cancelled counts as
    not marked, but its field is always for a person: nobody but him can say what was meant.
    """
    characters = tuple(
        CharacterReading(box.position, MARKS, (mark.empty, mark.marked, mark.cancelled))
        for box, mark in zip(boxes, marks, strict=True)
    )
    found = iter(marks)
    rows = [_row_values(options, [next(found) for _ in options]) for options in field.option_rows if options]
    cancelled = Flag.CANCELLED if any(mark.is_cancelled for mark in marks) else None
    if field.positions == 1:
        several = MULTIPLE_SEPARATOR in rows[0][0].value and not field.multiple
        return Decoded(rows[0], characters, Flag.SEVERAL_MARKED if several else cancelled)
    best = [row[0].value for row in rows]
    if any(MULTIPLE_SEPARATOR in value for value in best):
        return Decoded((), characters, Flag.SEVERAL_MARKED)
    if BLANK in best and any(best):
        return Decoded((), characters, cancelled or Flag.INCOMPLETE)
    return Decoded(_grid_values(field, rows), characters, cancelled)


def _row_values(options: Sequence[str], marks: "Sequence[MarkReading]") -> tuple[RankedValue, ...]:
    """Return the most likely sets of marked options, best first."""
    sets: list[tuple[tuple[str, ...], float]] = [((), 1.0)]
    for option, mark in zip(options, marks, strict=True):
        grown = [(chosen, p * mark.unmarked) for chosen, p in sets]
        grown += [((*chosen, option), p * mark.marked) for chosen, p in sets]
        sets = heapq.nlargest(4 * KEPT_VALUES, grown, key=lambda pair: pair[1])
    return _ranked((format_options(chosen), p) for chosen, p in sets)


def _grid_values(field: SheetField, rows: Sequence[Sequence[RankedValue]]) -> tuple[RankedValue, ...]:
    """Return the most likely texts of a grid: one option in every row, or none in any."""
    blank = float(np.prod([sum(one.probability for one in row if one.value == BLANK) for row in rows]))
    single = [
        {one.value: one.probability for one in row if one.value != BLANK and MULTIPLE_SEPARATOR not in one.value}
        for row in rows
    ]
    open_rows = iter(single)
    printed = field.printed_characters
    places = [{printed[at]: 1.0} if at in printed else next(open_rows) for at in range(field.positions)]
    return _ranked([(BLANK, blank), *_products(places)])


# ---- all kinds -------------------------------------------------------------------------------------------------------


def hidden_field(positions: Sequence[int]) -> Decoded:
    """Return what is said of a field some of whose boxes cannot be seen: nothing, above all not that it is blank."""
    return Decoded((), tuple(CharacterReading(at, (HIDDEN,), (1.0,)) for at in positions), Flag.UNREADABLE)


def _ranked(values: Iterable[tuple[str, float]]) -> tuple[RankedValue, ...]:
    """Return the best few values, most likely first; equal values (05 and 5) are added up."""
    sums: dict[str, float] = {}
    for value, probability in values:
        sums[value] = sums.get(value, 0.0) + probability
    best = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:KEPT_VALUES]
    return tuple(RankedValue(value, min(probability, 1.0)) for value, probability in best)
