"""Any picture of digits, without a form: a photo or scan of paper -> the digits on it, in reading order.

    load_colours ─► find_writing ─► text_lines ─► parts_of ─► candidates ─classify─► best_way ─► FreeReading

A digit counts as read from `SURE` on; everything else that looks like writing is reported as "?", never forced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from recognizer.classifier import ReadingModel
from recognizer.colour_picture import ColourImage
from recognizer.errors import ScanError
from recognizer.free_digits import BLANK, DIGIT_CLASSES, Candidate, LineParts, best_way, parts_of
from recognizer.free_lines import FULL, text_lines
from recognizer.free_paper import Writing, find_writing, pieces_of
from recognizer.geometry import Rect
from recognizer.records import CLASSES, Probabilities

SURE = 0.85
"""Probability from which a digit is read. Chosen on 787 drawn digits, of which none above it was read wrong, before the
network was calibrated. Below it stands "?" in the text, and the digit as a guess beside it."""

GUESS = 0.5
"""Probability from which there is a guess: below, something else is likelier than any digit."""

WORD_GAP = 0.75
"""Paper between two digits from which they belong to two numbers, in heights of a digit."""

USUAL_WIDTH = 0.55
"""Narrower digits (1) are taken for so wide where gaps are measured: they stand in as wide a place."""

TRIFLE = 0.4
"""What is smaller than so many heights of a digit and cannot be read is left out: a point, dust, a broken end."""


MOST_PIECES = 2500
"""Strokes and specks of a picture up to which it is read: a page full of digits has under a thousand."""


class DigitStatus(StrEnum):
    """What is known of something written."""

    READ = "read"
    UNSURE = "unsure"
    NOT_A_DIGIT = "not a digit"


@dataclass(frozen=True, slots=True)
class FoundDigit:
    """One thing written on a picture.

    `bounds` are in pixels of the picture as it is displayed; `line` counts from 1. `digit` is the likeliest one, ""
    where it is none, and `probability` how likely it is that digit (or none).
    """

    bounds: Rect
    line: int
    digit: str
    probability: float
    status: DigitStatus

    @property
    def text(self) -> str:
        """The digit where it was read, else "?"."""
        return self.digit if self.status is DigitStatus.READ else "?"


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One line of writing: its digits from left to right, and its text with a space where numbers stand apart."""

    text: str
    digits: tuple[FoundDigit, ...]


@dataclass(frozen=True, slots=True)
class FreeReading:
    """What was read on a picture of `width` x `height` pixels; without writing there are no lines."""

    width: int
    height: int
    lines: tuple[FoundLine, ...]

    @property
    def digits(self) -> tuple[FoundDigit, ...]:
        """Everything found, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """One candidate that was taken, in pixels of the level picture, and its probabilities (14,)."""

    bounds: Rect
    found: Probabilities


def read_picture(picture: ColourImage, model: ReadingModel) -> FreeReading:
    """Find and read the digits on a picture.

    Args:
        picture: (H, W, 3) uint8, the way up it is displayed.
        model: the recogniser.

    Raises:
        ScanError: the picture is so full of specks that it shows no writing.
    """
    height, width = picture.shape[:2]
    writing = find_writing(picture)
    lines: list[FoundLine] = []
    for chosen in _chosen_lines(writing, model) if writing is not None else ():
        if chosen and writing is not None:
            lines.append(_line(chosen, writing, len(lines) + 1))
    return FreeReading(width, height, tuple(lines))


def _chosen_lines(writing: Writing, model: ReadingModel) -> list[list[_Chosen]]:
    labels, pieces = pieces_of(writing.ink, writing.digit_px)
    if len(pieces) > MOST_PIECES:
        raise ScanError(
            f"shows {len(pieces):,} separate strokes and specks, expected at most {MOST_PIECES:,}: is it a picture of "
            "writing? Take it again with more light, or cut it to the page"
        )
    lines = [
        parts_of(writing.darkness, labels, pieces, members, writing.digit_px)
        for members in text_lines(pieces, writing.digit_px)
    ]
    candidates = [_with_whole_pieces(parts) for parts in lines]
    if not lines:
        return []
    stacks = [parts.glyphs(those) for parts, those in zip(lines, candidates, strict=True)]
    found = np.split(model.probabilities(np.concatenate(stacks)), np.cumsum([len(stack) for stack in stacks])[:-1])
    return [
        [
            _Chosen(those[number].bounds, rows[number])
            for number in best_way(parts, those, rows, GUESS)
            if _is_writing(those[number].bounds, rows[number], writing)
        ]
        for parts, those, rows in zip(lines, candidates, found, strict=True)
    ]


def _with_whole_pieces(parts: LineParts) -> list[Candidate]:
    """Return all candidates, and every piece as it was before it was cut."""
    candidates = parts.candidates()
    known = {(candidate.first, candidate.last) for candidate in candidates}
    for piece in np.unique(parts.piece_of):
        places = np.flatnonzero(parts.piece_of == piece)
        ends = (int(places[0]), int(places[-1]))
        if ends not in known:
            known.add(ends)
            candidates.append(parts.whole(*ends))
    return candidates


def _is_writing(bounds: Rect, found: Probabilities, writing: Writing) -> bool:
    """Tell whether something is worth a "?" when it is no digit."""
    if found[:DIGIT_CLASSES].max() >= SURE:
        return True
    size = max(bounds.width, bounds.height)
    blank = int(found.argmax()) == BLANK and bounds.height < FULL * writing.digit_px
    return size >= TRIFLE * writing.digit_px and not blank and not writing.is_cut_off(bounds)


def _line(chosen: Sequence[_Chosen], writing: Writing, number: int) -> FoundLine:
    digits = [_digit(one, writing, number) for one in chosen]
    spaces = [""] + [
        " " if _gap(left.bounds, right.bounds, writing.digit_px) >= WORD_GAP * writing.digit_px else ""
        for left, right in pairwise(chosen)
    ]
    text = "".join(space + digit.text for space, digit in zip(spaces, digits, strict=True))
    return FoundLine(text, tuple(digits))


def _gap(left: Rect, right: Rect, digit: float) -> float:
    """Return the paper between two digits, less what narrow ones leave free of their place."""
    free = sum(max(USUAL_WIDTH * digit - one.width, 0.0) / 2 for one in (left, right))
    return right.x - left.right - free


def _digit(chosen: _Chosen, writing: Writing, line: int) -> FoundDigit:
    best = int(chosen.found[:DIGIT_CLASSES].argmax())
    probability = float(chosen.found[best])
    bounds = writing.in_picture(chosen.bounds)
    if probability < GUESS:
        none = 1.0 - float(chosen.found[:DIGIT_CLASSES].sum())
        return FoundDigit(bounds, line, "", none, DigitStatus.NOT_A_DIGIT)
    status = DigitStatus.READ if probability >= SURE else DigitStatus.UNSURE
    return FoundDigit(bounds, line, CLASSES[best], probability, status)
