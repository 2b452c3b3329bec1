"""From what each piece of ink may be to what the field may say: ranked values with probabilities.

Nothing is forced: a reading that the field cannot hold, or ink that is no character, lowers the probability of every
value or is named as trouble. Probabilities over values are kept (not only the best), so that later knowledge, a
roster or a sum, can join in.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from recognizer.choices import MarkReading
from recognizer.geometry import Rect
from recognizer.records import CLASSES, CharacterReading, Flag, RankedValue
from recognizer.template import Box, SheetField
from recognizer.values import BLANK, HALF, NOTHING_AWARDED, allowed_number, format_number, format_options

DIGITS = CLASSES[:10]
MINUS = "-"
HALF_CLASS = "½"
OTHER = "other"
POINT = "."
HIDDEN = "hidden"

KEPT_VALUES = 5
"""Ranked values kept for a field: what a reviewer can take in, and enough for sums and rosters to choose from."""

NEGLIGIBLE = 1e-4
"""Class probabilities below this are not followed: they cannot change which value is accepted."""

FAINT_SPECKS = 3
"""Spots in an empty box from which it is not called blank. Of 1,700 empty boxes on simulated black-and-white scans none
had more than one grain of dust; faint pencil falls apart into three to eleven."""

FAINT_SPECKS_BESIDE = 5
"""The same in a cell where something else was read: part of the number may have faded."""

REFUSED_PRIOR = 0.002
"""How likely, before looking, a cell holds a value that its field cannot hold. Small, since examiners know the maximum:
a half read as 1, 1, 2 is 112 only on paper where 112 is a mark. Not zero: `13` under a maximum of 12 is flagged."""

GAP_MM = 0.25
"""Clear paper between two pieces from which they are hardly one digit: the bar of a 5 or the stroke of a 4 that came
apart hangs over the rest."""

APART_PRIOR = 0.01
"""How likely pieces with such a gap between them are one digit all the same. A half is the exception: it has gaps."""

MAX_PIECES = 9
"""Pieces of ink in one number cell beyond which it is a text or a scribble, not a number: `12½` has at most six."""

MAX_WHOLE_DIGITS = 4
"""Digits before the point in a free-width cell; no mark has more."""


@dataclass(frozen=True, slots=True)
class BoxEvidence:
    """What was seen in one box of a comb: nothing (`probabilities` None), or how likely each class of `CLASSES` is.

    `specks` counts spots of ink too small to be writing, `unplaced` pieces left out for where they lie, `pale`
    pieces too faint to read.
    """

    position: int
    probabilities: Sequence[float] | None
    bounds: Rect | None = None
    specks: int = 0
    unplaced: int = 0
    pale: int = 0


@dataclass(frozen=True, slots=True)
class SegmentEvidence:
    """One way to take the pieces `start` to `stop` (exclusive) of a cell as one character.

    `is_point` says that its size and place make it a decimal point or comma; `gap_mm` is the widest clear paper between
    its pieces, 0 for a single one and where they hang over one another.
    """

    start: int
    stop: int
    probabilities: Sequence[float]
    is_point: bool = False
    gap_mm: float = 0.0
    bounds: Rect | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Ranked values of one field, the characters behind the best of them, and what no value explains."""

    values: tuple[RankedValue, ...]
    characters: tuple[CharacterReading, ...]
    trouble: Flag | None = None


def decode_digits(field: SheetField, boxes: Sequence[BoxEvidence]) -> Decoded:
    """Decode a comb of boxes, one character each, in box order."""
    characters = tuple(_character(box) for box in boxes)
    if any(box.pale or (box.probabilities is None and box.specks >= FAINT_SPECKS) for box in boxes):
        return Decoded((), characters, Flag.FAINT)
    if field.sign and boxes[0].unplaced:
        # A minus on the rule must not be lost. Other boxes of a comb have neighbours whose strokes reach in.
        return Decoded((), characters, Flag.FAINT)
    if all(box.probabilities is None for box in boxes):
        return Decoded((RankedValue(BLANK, 1.0),), characters)
    if not field.is_numeric:
        return _decode_text(boxes, characters)
    return _decode_comb_number(field, boxes, characters)


def decode_number(
    field: SheetField,
    pieces: int,
    segments: Sequence[SegmentEvidence],
    *,
    specks: int = 0,
    unplaced: int = 0,
    pale: int = 0,
    low_spots: int = 0,
) -> Decoded:
    """Decode a free-width cell by the best way to group its pieces into characters.

    A value's probability is the product of its characters' probabilities along its best grouping, times its share
    among all values that can be read: a rival grouping lowers it, and so does one that gives no allowed value, by
    REFUSED_PRIOR. `low_spots` were left out as dust: next to two whole digits one may be a point after all.
    """
    if unplaced or pale or specks >= (FAINT_SPECKS_BESIDE if pieces else FAINT_SPECKS):
        return Decoded((), _characters_of(segments), Flag.FAINT)
    if pieces == 0:
        return Decoded((RankedValue(BLANK, 1.0),), ())
    if pieces > MAX_PIECES:
        return Decoded((), _characters_of(segments), Flag.UNREADABLE)
    best: dict[str, tuple[float, tuple[SegmentEvidence, ...]]] = {}
    refused = 0.0
    for text, probability, path in _paths(pieces, segments):
        number = _number_in_cell(field, text)
        if number is None:
            refused = max(refused, probability)
        elif probability > best.get(number, (0.0, ()))[0]:
            best[number] = (probability, path)
    if not best:
        return Decoded((), _characters_of(segments), Flag.NOT_ALLOWED if refused > 0.5 else Flag.UNREADABLE)
    total = sum(probability for probability, _ in best.values()) + REFUSED_PRIOR * refused
    ranked = _ranked((value, p * p / total) for value, (p, _) in best.items())
    probability, path = best[ranked[0].value]
    trouble = Flag.NOT_ALLOWED if probability < 0.5 < refused else None
    if low_spots and Decimal(ranked[0].value if len(path) > 1 else "0.5") % 1 == 0:
        trouble = Flag.FAINT
    return Decoded(ranked, _characters_of(path), trouble)


def hidden_field(positions: Sequence[int]) -> Decoded:
    """Return what is said of a field some of whose boxes cannot be seen: nothing, above all not that it is blank."""
    return Decoded((), tuple(CharacterReading(at, (HIDDEN,), (1.0,)) for at in positions), Flag.UNREADABLE)


def decode_choice(field: SheetField, boxes: Sequence[Box], marks: Sequence[MarkReading]) -> Decoded:
    """Decode tick boxes or bubbles, or a grid of them (`positions` rows, one option each), in box order."""
    characters = tuple(
        CharacterReading(box.position, ("marked", "empty"), (mark.marked, 1.0 - mark.marked))
        for box, mark in zip(boxes, marks, strict=True)
    )
    width = len(field.options)
    rows = [_decode_row(field, marks[start : start + width]) for start in range(0, len(marks), width)]
    values = [value for value, _ in rows]
    probability = float(np.prod([p for _, p in rows]))
    if field.positions == 1:
        several = "+" in values[0] and not field.multiple
        ranked = (RankedValue(values[0], probability),)
        return Decoded(ranked, characters, Flag.SEVERAL_MARKED if several else None)
    if any("+" in value for value in values):
        return Decoded((), characters, Flag.SEVERAL_MARKED)
    if BLANK in values and any(values):
        return Decoded((), characters, Flag.INCOMPLETE)
    return Decoded((RankedValue("".join(values), probability),), characters)


def _decode_row(field: SheetField, marks: Sequence[MarkReading]) -> tuple[str, float]:
    chosen = [option for option, mark in zip(field.options, marks, strict=True) if mark.marked >= 0.5]
    return format_options(chosen), float(np.prod([max(mark.marked, 1.0 - mark.marked) for mark in marks]))


def _decode_text(boxes: Sequence[BoxEvidence], characters: tuple[CharacterReading, ...]) -> Decoded:
    """Decode an id: every box holds a digit, zeros count."""
    filled = [box.probabilities for box in boxes if box.probabilities is not None]
    if len(filled) < len(boxes):
        return Decoded((), characters, Flag.INCOMPLETE)
    values = _ranked(_products([_options(probabilities, DIGITS) for probabilities in filled]))
    return Decoded(values, characters, Flag.UNREADABLE if _has_other(filled) else None)


def _decode_comb_number(
    field: SheetField, boxes: Sequence[BoxEvidence], characters: tuple[CharacterReading, ...]
) -> Decoded:
    """Decode digits around a printed point: empty boxes may stand before the number and after its decimals."""
    sign, digits = (boxes[0], boxes[1:]) if field.sign else (None, boxes)
    whole = list(digits[: len(digits) - field.decimals])
    decimals = list(digits[len(digits) - field.decimals :])
    while whole and whole[0].probabilities is None:
        whole.pop(0)
    while decimals and decimals[-1].probabilities is None:
        decimals.pop()
    filled = [box.probabilities for box in (*whole, *decimals) if box.probabilities is not None]
    if not filled or len(filled) < len(whole) + len(decimals) or (field.decimals and not whole):
        return Decoded((), characters, Flag.INCOMPLETE)
    signs = {"": 1.0} if sign is None or sign.probabilities is None else _options(sign.probabilities, (MINUS,))
    raw = _products([signs, *(_options(probabilities, DIGITS) for probabilities in filled)])
    texts = ((_pointed(text, len(decimals)), probability) for text, probability in raw)
    numbers = [(Decimal(text), probability) for text, probability in texts]
    allowed = [(format_number(number), probability) for number, probability in numbers if allowed_number(field, number)]
    everything = filled if sign is None or sign.probabilities is None else [*filled, sign.probabilities]
    if _has_other(everything):
        return Decoded(_ranked(allowed), characters, Flag.UNREADABLE)
    best_is_allowed = not numbers or allowed_number(field, max(numbers, key=lambda pair: pair[1])[0])
    return Decoded(_ranked(allowed), characters, None if best_is_allowed else Flag.NOT_ALLOWED)


def _pointed(text: str, decimals: int) -> str:
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text


def _options(probabilities: Sequence[float], classes: Iterable[str]) -> Mapping[str, float]:
    """Return the classes that may stand here and are not negligible."""
    wanted = set(classes)
    return {
        name: float(p) for name, p in zip(CLASSES, probabilities, strict=True) if name in wanted and p >= NEGLIGIBLE
    }


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


def _ranked(values: Iterable[tuple[str, float]]) -> tuple[RankedValue, ...]:
    """Return the best few values, most likely first; equal values (05 and 5) are added up."""
    sums: dict[str, float] = {}
    for value, probability in values:
        sums[value] = sums.get(value, 0.0) + probability
    best = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:KEPT_VALUES]
    return tuple(RankedValue(value, probability) for value, probability in best)


def _has_other(stack: Sequence[Sequence[float]]) -> bool:
    return any(CLASSES[int(np.argmax(probabilities))] == OTHER for probabilities in stack)


def _character(box: BoxEvidence) -> CharacterReading:
    if box.probabilities is None:
        return CharacterReading(box.position, ("blank",), (1.0,))
    return CharacterReading(box.position, CLASSES, tuple(float(p) for p in box.probabilities), box.bounds)


def _characters_of(segments: Sequence[SegmentEvidence]) -> tuple[CharacterReading, ...]:
    return tuple(
        CharacterReading(
            position,
            (POINT,) if segment.is_point else CLASSES,
            (1.0,) if segment.is_point else tuple(float(p) for p in segment.probabilities),
            segment.bounds,
        )
        for position, segment in enumerate(segments, start=1)
    )


def _paths(pieces: int, segments: Sequence[SegmentEvidence]) -> list[tuple[str, float, tuple[SegmentEvidence, ...]]]:
    """Return every text that some grouping of all pieces gives, with its probability, best few a place."""
    partial: list[list[tuple[str, float, tuple[SegmentEvidence, ...]]]] = [[] for _ in range(pieces + 1)]
    partial[0] = [("", 1.0, ())]
    for stop in range(1, pieces + 1):
        for segment in (segment for segment in segments if segment.stop == stop):
            symbols = {POINT: 1.0} if segment.is_point else _symbols(segment)
            partial[stop] += [
                (text + symbol, p * q, (*path, segment))
                for text, p, path in partial[segment.start]
                for symbol, q in symbols.items()
            ]
        partial[stop] = heapq.nlargest(8 * KEPT_VALUES, partial[stop], key=lambda entry: entry[1])
    return partial[pieces]


def _symbols(segment: SegmentEvidence) -> Mapping[str, float]:
    """Return what a segment may be; pieces that lie clearly apart are hardly anything but a half."""
    symbols = _options(segment.probabilities, CLASSES[:-1])
    if segment.gap_mm < GAP_MM:
        return symbols
    return {name: p if name == HALF_CLASS else APART_PRIOR * p for name, p in symbols.items()}


def _number_in_cell(field: SheetField, text: str) -> str | None:
    """Return the canonical value of a text such as `12`, `2½`, `7.5`, `-3`, `-`; None when the field cannot hold it."""
    if text == MINUS:
        return NOTHING_AWARDED if field.dash else None
    body = text.removeprefix(MINUS)
    half = body.endswith(HALF_CLASS)
    whole, point, decimals = body.removesuffix(HALF_CLASS).partition(POINT)
    digits_only = all(character in DIGITS for character in whole + decimals)
    if not digits_only or (point and (half or not whole or not decimals)) or not (whole or half):
        return None
    if len(whole) > MAX_WHOLE_DIGITS or (len(whole) > 1 and whole.startswith("0")):
        return None
    number = Decimal(f"{whole or 0}.{decimals or 0}") + (HALF if half else 0)
    number = -number if text.startswith(MINUS) else number
    return format_number(number) if allowed_number(field, number) else None
