"""Box crops -> what the networks look at: the ink of one character, or all the writing of a cell, or blank.

`isolate_digit` serves boxes that hold one character. `isolate_number` serves cells where people write `12`, `2½` or
`7.5` as they like: nobody knows beforehand which strokes make one character, so the cell goes as a whole to a network
that reads it from left to right, and `decode` knows what the field may hold.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Rect
from recognizer.ink import BoxInk, as_glyph, as_strip, find_faint_ink, find_ink
from recognizer.records import BoxCrop, Glyph, Strip

STRAY_SHARE = 0.06
"""A piece with less than this share of a digit's ink is a stray spot..."""

STRAY_GAP_MM = 0.5
"""...when it also lies farther than this from the largest piece; nearer, it is a broken end of a stroke."""

SINGLE_WIDTH = 1.2
"""Width by height up to which the writing in a cell may be a single digit."""

CUT_OFF_SHARE = 0.7
"""A piece that is cut off by the picture's edge, beside the largest piece and with less than this share of its ink, is
what a loosely cut picture shows of the neighbour."""

FADED_SHARE, FADED_FROM, FADED_REACH_PX = 0.35, 0.25, 5
"""A picture whose strokes fall to pieces: around what was found, within so many pixels of the strip, lies so much
again, as a share of it, that is so dark and was not taken for ink. Of the photographed cells that were read right, one
in a hundred had more than 0.36; the four whose strokes had fallen to dots had 0.6 to 1."""

FULL_HEIGHT = 0.85
"""Height of the writing, as a share of its picture's, from which there is no room for a cell's rules around it: what
looks like one is the 1 of a 10."""

UPRIGHT_SHARE, UPRIGHT_ASPECT = 0.75, 0.3
"""A piece so high, as a share of its cell, and so narrow, as a share of its height, is a tall 1 or what is left of a
rule. The network for cells, which sees rules that reach into cells, takes some of those 1s for rules."""


@dataclass(frozen=True, slots=True)
class IsolatedBox:
    """What is written in a box for one character.

    `glyph` and `strip`, two views of it, are None when the box is blank. `ink_mm2` is the area of ink found, specks
    left out; `overflow` tells that it crosses the printed outline; `specks` counts the spots left out, `unplaced`,
    `pale` and `lost` the larger pieces (see `ink.BoxInk`). With `pale` pieces the views, if any, show just these.
    """

    glyph: Glyph | None
    strip: Strip | None
    ink_mm2: float
    overflow: bool
    specks: int = 0
    unplaced: int = 0
    pale: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class IsolatedCell:
    """All that is written in a free-width cell; `strip` is None when it is blank, the rest as in `IsolatedBox`.

    `glyph` shows the same writing as that of a box for one character, where it is narrow enough to be one and no piece
    of it would be left out. `faded` tells that much of the writing is too pale to be found, or that a piece of it was
    left out beside darker ink or a rule; `uprights` counts strokes as high as the cell, each a 1 or a rule.
    """

    strip: Strip | None
    ink_mm2: float
    overflow: bool
    specks: int = 0
    unplaced: int = 0
    pale: int = 0
    glyph: Glyph | None = None
    faded: bool = False
    uprights: int = 0


def isolate_digit(crop: BoxCrop) -> IsolatedBox:
    """Return the ink of a box that holds one character.

    Example: a crop of clean paper and rules gives `IsolatedBox(None, None, 0.0, False)`; with a 7 in it that crosses
    the right rule, a glyph of the whole 7 and `overflow=True`. Two digits in the box make one glyph, of class `other`.
    """
    ink = find_ink(crop)
    if ink.is_blank:
        traces = ink.pale + ink.lost
        faint = _faint(crop, traces)
        if faint is None:
            return IsolatedBox(None, None, ink.area_mm2, ink.overflow, ink.all_specks, ink.unplaced, traces)
        every = np.arange(len(faint.stats) + 1) > 0
        views = (as_glyph(faint, every), as_strip(faint, every, crop.outline.height))
        return IsolatedBox(*views, faint.area_mm2, False, ink.all_specks, 0, traces)
    pieces = _without_neighbours(ink, crop)
    glyph, strip = as_glyph(ink, _without_strays(ink, pieces)), as_strip(ink, pieces, crop.outline.height)
    # Smudges beside a character do not make it another one.
    return IsolatedBox(glyph, strip, ink.area_mm2, ink.overflow, ink.specks, _unplaced(ink, crop), 0, ink.lost)


def isolate_number(crop: BoxCrop) -> IsolatedCell:
    """Return the writing of a free-width number cell."""
    ink = find_ink(crop)
    if ink.is_blank:
        traces = ink.pale + ink.lost
        faint = _faint(crop, traces)
        if faint is None:
            return IsolatedCell(None, ink.area_mm2, ink.overflow, ink.all_specks, ink.unplaced, traces)
        strip = as_strip(faint, np.arange(len(faint.stats) + 1) > 0, crop.outline.height)
        return IsolatedCell(strip, faint.area_mm2, False, faded=True)
    strip = as_strip(ink, np.arange(len(ink.stats) + 1) > 0, crop.outline.height)
    # Beside what is clearly there, a smudge may be a fainter digit: on a sheet, whose paper is even, it counts.
    pale = 0 if crop.cut_at else ink.pale
    faded = bool(ink.lost) or (crop.cut_at is not None and (_falls_to_pieces(strip) or _fills_picture(strip, crop)))
    narrow = strip.bounds.width <= SINGLE_WIDTH * strip.bounds.height
    pieces = _without_strays(ink, _without_neighbours(ink, crop))
    # A stray spot may be the point of a number: whoever takes it for one character must have seen all of it.
    glyph = as_glyph(ink, pieces) if narrow and pieces[1:].all() else None
    return IsolatedCell(
        strip, ink.area_mm2, ink.overflow, ink.specks, _unplaced(ink, crop), pale, glyph, faded, _uprights(ink, crop)
    )


def _faint(crop: BoxCrop, traces: int) -> BoxInk | None:
    """Return the traces of a picture as ink that can be guessed at; None on a page, or where they are no writing."""
    if not traces or crop.cut_at is None:
        return None
    faint = find_faint_ink(crop)
    return None if faint.is_blank else faint


def _unplaced(ink: BoxInk, crop: BoxCrop) -> int:
    """Return how many large pieces lie where none should; in a loosely cut picture nobody knows where that is."""
    return 0 if crop.cut_at else ink.unplaced


def _uprights(ink: BoxInk, crop: BoxCrop) -> int:
    width, height = ink.stats[:, 2], ink.stats[:, 3]
    return int(((height >= UPRIGHT_SHARE * crop.outline.height) & (width <= UPRIGHT_ASPECT * height)).sum())


def _fills_picture(strip: Strip, crop: BoxCrop) -> bool:
    """Say whether a picture was cut to its writing, and something at its edge was taken for a rule all the same."""
    edge = crop.cut_at[0] if crop.cut_at else 0
    return crop.sides_seen > 0 and strip.bounds.height >= FULL_HEIGHT * (len(crop.pixels) - 2 * edge)


def _falls_to_pieces(strip: Strip) -> bool:
    """Say whether much of the strokes is too pale to be found: what is left of a faint 1½ can look like a ½."""
    alone, around = strip.image[..., 0], strip.image[..., 1]
    found = (alone > FADED_FROM).astype(np.uint8)
    side = 2 * FADED_REACH_PX + 1
    near = cv2.dilate(found, np.ones((side, side), np.uint8)).astype(np.bool_)
    lost = near & (around > FADED_FROM) & (alone < FADED_FROM / 2)
    return bool(lost.sum() > FADED_SHARE * found.sum())


def _without_neighbours(ink: BoxInk, crop: BoxCrop) -> NDArray[np.bool_]:
    """Return all labels but those of pieces that the edge of a loosely cut picture shares with the neighbour's box."""
    kept = np.arange(len(ink.stats) + 1) > 0
    if crop.cut_at is None or len(ink.stats) == 1:
        return kept
    x, width, area = ink.stats[:, 0], ink.stats[:, 2], ink.stats[:, 4]
    main = int(area.argmax())
    # The grey edge of a stroke is paper to the component, and ends a pixel before the cut.
    cut = (x <= crop.cut_at[0] + 1) | (x + width >= crop.cut_at[1] - 1)
    beside = (x + width <= x[main]) | (x >= x[main] + width[main])
    kept[1:] = ~(cut & beside & (area < CUT_OFF_SHARE * area[main]))
    return kept


def _without_strays(ink: BoxInk, pieces: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the labels make the digit: everything but small spots away from the largest piece."""
    areas = np.where(pieces[1:], ink.stats[:, 4], 0)
    main = _bounds(ink.stats[[int(areas.argmax())]])
    reach = STRAY_GAP_MM * ink.px_per_mm
    near = [
        bool(area >= STRAY_SHARE * areas.sum()) or main.grown(reach).overlaps(_bounds(ink.stats[[k]]))
        for k, area in enumerate(areas)
    ]
    kept: NDArray[np.bool_] = pieces & np.array([False, *near])
    return kept


def _bounds(stats: NDArray[np.int32]) -> Rect:
    x, y = int(stats[:, 0].min()), int(stats[:, 1].min())
    right, bottom = int((stats[:, 0] + stats[:, 2]).max()), int((stats[:, 1] + stats[:, 3]).max())
    return Rect(float(x), float(y), float(right - x), float(bottom - y))
