"""Box crops -> glyphs to classify: the ink of one digit, or the pieces of a free-width number, or blank.

`isolate_digit` serves boxes that hold one character. `segment_number` serves cells where people write `12`, `2½` or
`7.5` as they like: nobody knows beforehand which pieces of ink make one character, so it offers every group of one to
four neighbouring pieces and leaves the choice to `decode`, which knows how likely each group is a character and what
the field may hold.

Example: `2 1/2` with all strokes apart gives four pieces and ten segments; the path (0,1) (1,4) reads `2`, `½`; the
path (0,1) (1,2) (2,3) (3,4) reads `2`, `1`, other, `2`, and loses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Rect
from recognizer.ink import BoxInk, as_glyph, find_ink
from recognizer.records import BoxCrop, Glyph

STRAY_SHARE = 0.06
"""A piece with less than this share of a digit's ink is a stray spot..."""

STRAY_GAP_MM = 0.5
"""...when it also lies farther than this from the largest piece; nearer, it is a broken end of a stroke."""

MAX_GROUP = 4
"""Pieces in one candidate: a half has three (1, stroke, 2), and one of them may be broken."""

MAX_PIECES = 14
"""More pieces than any number has: a scribble or a smear, offered as a single piece for the class `other`."""

GROUP_GAP_MM = 2.5
"""Neighbouring pieces farther apart than this never make one character."""

POINT_HEIGHT = 0.42
"""A decimal point or comma is lower than this share of the tallest piece (a comma with its tail reaches 0.4)..."""

POINT_WIDTH_MM = 1.6
"""...narrower than this..."""

POINT_DEPTH = 0.45
"""...and its middle lies below this share of the tallest piece's height, from its top."""

LONE_POINT_MM = 1.3
"""Alone in its cell, only ink smaller than this both ways is a point; nothing else tells its size."""

BAR_ASPECT = 2.2
"""A dash or fraction bar is at least this many times wider than high."""


@dataclass(frozen=True, slots=True)
class IsolatedBox:
    """What is written in a box for one character.

    `glyph` is None when the box is blank. `ink_mm2` is the area of ink found, specks left out; `overflow` tells that it
    crosses the printed outline; `specks` counts the spots left out, `unplaced` and `pale` the larger pieces
    (see `ink.BoxInk`).
    """

    glyph: Glyph | None
    ink_mm2: float
    overflow: bool
    specks: int = 0
    unplaced: int = 0
    pale: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A candidate character: the pieces `start` to `stop` (exclusive) of a number, counted from the left.

    `glyph` is the group as one picture. `is_point`: a single small piece low on the line, a decimal point or comma.
    `is_bar`: a single wide, flat piece, a dash or a fraction bar. `height_ratio` is its height over the tallest single
    piece's; `gap_mm` is the clear space to the ink before it (0 for the first; negative where they overlap).
    """

    start: int
    stop: int
    glyph: Glyph
    is_point: bool
    is_bar: bool
    height_ratio: float
    gap_mm: float


@dataclass(frozen=True, slots=True)
class NumberInk:
    """The ink of a free-width cell: pieces from left to right (bounds in crop pixels) and the lattice over them.

    Blank cells have no pieces and no segments. Every single piece is a segment, so a path always exists. `low_spots`
    counts what was left out but may be a decimal point.
    """

    pieces: tuple[Rect, ...]
    segments: tuple[Segment, ...]
    ink_mm2: float
    overflow: bool
    specks: int = 0
    unplaced: int = 0
    pale: int = 0
    low_spots: int = 0

    @property
    def number_of_pieces(self) -> int:
        """How many pieces there are; 0 is blank."""
        return len(self.pieces)

    @property
    def glyphs(self) -> tuple[Glyph, ...]:
        """The segments' glyphs, in the order of `segments`."""
        return tuple(segment.glyph for segment in self.segments)


def isolate_digit(crop: BoxCrop) -> IsolatedBox:
    """Return the ink of a box that holds one character.

    Example: a crop of clean paper and rules gives `IsolatedBox(None, 0.0, False)`; with a 7 in it that crosses the
    right rule, a glyph of the whole 7 and `overflow=True`. Two digits in the box make one glyph, of class `other`.
    """
    ink = find_ink(crop)
    if ink.is_blank:
        return IsolatedBox(None, ink.area_mm2, ink.overflow, ink.all_specks, ink.unplaced, ink.pale)
    glyph = as_glyph(ink, _without_strays(ink))
    return IsolatedBox(glyph, ink.area_mm2, ink.overflow, ink.specks, ink.unplaced, ink.pale)


def segment_number(crop: BoxCrop) -> NumberInk:
    """Return the candidate characters of a free-width number cell, left to right.

    Example: `7.5` gives three pieces; of its segments, (1, 2) has `is_point`, and (0, 3), the whole as one glyph, is
    classified `other`.
    """
    return segment_ink(find_ink(crop))


def segment_ink(ink: BoxInk) -> NumberInk:
    """Return the candidate characters in ink that was found already; see `segment_number`."""
    if ink.is_blank:
        return NumberInk((), (), ink.area_mm2, ink.overflow, ink.all_specks, ink.unplaced, ink.pale)
    groups = pieces_in_order(ink)
    boxes = tuple(_bounds(ink.stats[[k - 1 for k in group]]) for group in groups)
    segments = tuple(
        _segment(ink, groups, boxes, start, stop) for start in range(len(groups)) for stop in _stops(boxes, start, ink)
    )
    return NumberInk(
        boxes,
        segments,
        ink.area_mm2,
        ink.overflow,
        ink.specks,
        ink.unplaced,
        ink.pale,
        _low_spots(ink.spots, boxes),
    )


def _low_spots(spots: NDArray[np.int32], pieces: tuple[Rect, ...]) -> int:
    """Count the spots left out that lie where a decimal point would: low, and between two pieces."""
    tallest = max(pieces, key=lambda piece: piece.height)
    line = tallest.y + POINT_DEPTH * tallest.height
    first, last = min(piece.right for piece in pieces), max(piece.x for piece in pieces)
    middles = spots[:, 0] + spots[:, 2] / 2
    return int(((middles > first) & (middles < last) & (spots[:, 1] + spots[:, 3] / 2 >= line)).sum())


def _without_strays(ink: BoxInk) -> NDArray[np.bool_]:
    """Return which labels make the digit: everything but small spots away from the largest piece."""
    areas = ink.stats[:, 4]
    main = _bounds(ink.stats[[int(areas.argmax())]])
    reach = STRAY_GAP_MM * ink.px_per_mm
    kept = [
        bool(area >= STRAY_SHARE * areas.sum()) or main.grown(reach).overlaps(_bounds(ink.stats[[k]]))
        for k, area in enumerate(areas)
    ]
    return np.array([False, *kept])


def pieces_in_order(ink: BoxInk) -> list[list[int]]:
    """Return the ink labels of each piece of a number, pieces ordered by their middles from left to right."""
    count = len(ink.stats)
    if count > MAX_PIECES:
        return [list(range(1, count + 1))]
    middles = ink.stats[:, 0] + ink.stats[:, 2] / 2
    return [[int(k) + 1] for k in np.argsort(middles, kind="stable")]


def _stops(boxes: tuple[Rect, ...], start: int, ink: BoxInk) -> list[int]:
    """Return where a group that begins at `start` may end."""
    stops = [start + 1]
    right = boxes[start].right
    for stop in range(start + 2, min(start + MAX_GROUP, len(boxes)) + 1):
        if boxes[stop - 1].x - right > GROUP_GAP_MM * ink.px_per_mm:
            break
        right = max(right, boxes[stop - 1].right)
        stops.append(stop)
    return stops


def _segment(ink: BoxInk, groups: list[list[int]], boxes: tuple[Rect, ...], start: int, stop: int) -> Segment:
    chosen = np.zeros(len(ink.stats) + 1, np.bool_)
    chosen[[label for group in groups[start:stop] for label in group]] = True
    glyph = as_glyph(ink, chosen)
    tallest = max(boxes, key=lambda box: box.height)
    single = stop - start == 1
    before = max((box.right for box in boxes[:start]), default=glyph.bounds.x)
    return Segment(
        start=start,
        stop=stop,
        glyph=glyph,
        is_point=single and _is_point(glyph.bounds, tallest, ink.px_per_mm),
        is_bar=single and glyph.bounds.width >= BAR_ASPECT * glyph.bounds.height,
        height_ratio=glyph.bounds.height / tallest.height,
        gap_mm=(glyph.bounds.x - before) / ink.px_per_mm,
    )


def _is_point(box: Rect, tallest: Rect, px_per_mm: float) -> bool:
    if box is tallest or box == tallest:
        return max(box.width, box.height) <= LONE_POINT_MM * px_per_mm
    low = box.y + box.height / 2 >= tallest.y + POINT_DEPTH * tallest.height
    small = box.height <= POINT_HEIGHT * tallest.height and box.width <= POINT_WIDTH_MM * px_per_mm
    return small and low and box.width < BAR_ASPECT * box.height


def _bounds(stats: NDArray[np.int32]) -> Rect:
    x, y = int(stats[:, 0].min()), int(stats[:, 1].min())
    right, bottom = int((stats[:, 0] + stats[:, 2]).max()), int((stats[:, 1] + stats[:, 3]).max())
    return Rect(float(x), float(y), float(right - x), float(bottom - y))
