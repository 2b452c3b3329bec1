"""Bubbles of a blank form -> the fields that they are: a question a row, or a number in a grid, a digit a column."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from recognizer.blank_boxes import FoundBox
from recognizer.blank_rows import DIGITS, EVEN_MM, Draft, around, choice, middle, pitch_of, row_keys, rows_of, runs_of

ALIKE = 0.12
"""Bubbles of a form differ in size by less than this part."""

LEAST_ALIKE = 3
"""A form has at least so many bubbles of a size; fewer are letters."""

WIDEST_PITCH = 4.5
"""Bubbles of a field stand at most so many of their widths apart."""

TELLING = 1.25
"""What is printed in bubbles differs by so much more along the options of a field than across."""

LEAST_FACE = 4.0
"""Standard deviation, in grey values, of what is printed in a bubble; below, nothing is."""

MOST_CHOICES = 5
"""Rows of bubbles without print, ten rows of them: with so many or fewer in a row they are ten questions."""

LONGEST_NUMBER = 12
"""Digits of a number in a grid of bubbles."""

MOST_COMPARED = 60
"""Neighbours that are compared, in rows and in columns."""


def bubble_drafts(found: Sequence[FoundBox]) -> tuple[list[Draft], list[FoundBox]]:
    """Return the fields that bubbles make up, and the bubbles in them."""
    drafts: list[Draft] = []
    used: list[FoundBox] = []
    for alike in _sizes(box for box in found if box.shape == "bubble"):
        widest = WIDEST_PITCH * alike[0].rect.width
        runs = [run for row in rows_of(alike) for run in runs_of(row, widest)]
        for block in _with_whole_columns(_blocks(runs, widest)):
            bubbles = [bubble for run in block for bubble in run]
            if len(bubbles) > 1:
                drafts += _fields(block)
                used += bubbles
    return drafts, used


def _sizes(bubbles: Iterable[FoundBox]) -> list[list[FoundBox]]:
    """Return bubbles grouped by size, with what occurs once or twice left out."""
    groups: list[list[FoundBox]] = []
    for bubble in sorted(bubbles, key=lambda one: one.rect.width * one.rect.height):
        for group in groups:
            first = group[len(group) // 2].rect
            if all(
                abs(one / other - 1) < ALIKE
                for one, other in ((bubble.rect.width, first.width), (bubble.rect.height, first.height))
            ):
                group.append(bubble)
                break
        else:
            groups.append([bubble])
    return [group for group in groups if len(group) >= LEAST_ALIKE]


def _blocks(runs: Sequence[list[FoundBox]], widest: float) -> list[list[list[FoundBox]]]:
    """Return runs that stand below one another at an even pitch together."""
    blocks: list[list[list[FoundBox]]] = []
    for run in runs:
        for block in reversed(blocks):
            if _is_below(block, run, widest):
                block.append(run)
                break
        else:
            blocks.append([run])
    return blocks


def _is_below(block: Sequence[Sequence[FoundBox]], run: Sequence[FoundBox], widest: float) -> bool:
    """Tell whether a run is the next one of a block."""
    last = block[-1]
    if len(last) != len(run):
        return False
    if any(abs(middle(one.rect)[0] - middle(other.rect)[0]) > EVEN_MM for one, other in zip(last, run, strict=True)):
        return False
    step = middle(run[0].rect)[1] - middle(last[0].rect)[1]
    if len(block) == 1:
        return 0 < step <= widest
    before = (middle(last[0].rect)[1] - middle(block[0][0].rect)[1]) / (len(block) - 1)
    return abs(step - before) <= EVEN_MM


def _with_whole_columns(blocks: Sequence[list[list[FoundBox]]]) -> list[list[list[FoundBox]]]:
    """Return blocks, those that end in the middle of columns put together again.

    A date has four bubbles for the tens of its days and ten for the ones: its rows are not of one length.
    """
    result: list[list[list[FoundBox]]] = []
    ragged: list[list[FoundBox]] = []
    for block in blocks:
        if ragged and _continues(ragged, block):
            ragged += block
            continue
        result += _columns_of(ragged)
        ragged = []
        if _varies_along(block) == 1:
            ragged = list(block)
        else:
            result.append(block)
    return result + _columns_of(ragged)


def _continues(above: Sequence[Sequence[FoundBox]], block: Sequence[Sequence[FoundBox]]) -> bool:
    """Tell whether a block begins right below rows of another length, in the same columns and at the same pitch."""
    last, first = above[-1], block[0]
    if len(last) == len(first) or len(above) < 2 or _varies_along(block) == 0:
        return False
    pitch = middle(last[0].rect)[1] - middle(above[-2][0].rect)[1]
    if abs(middle(first[0].rect)[1] - middle(last[0].rect)[1] - pitch) > EVEN_MM:
        return False
    more, fewer = (last, first) if len(last) > len(first) else (first, last)
    columns = [middle(bubble.rect)[0] for bubble in more]
    return all(min(abs(middle(bubble.rect)[0] - x) for x in columns) <= EVEN_MM for bubble in fewer)


def _columns_of(ragged: Sequence[Sequence[FoundBox]]) -> list[list[list[FoundBox]]]:
    """Return rows of several lengths as blocks of columns that begin and end together."""
    columns: list[list[FoundBox]] = []
    for bubble in sorted((one for run in ragged for one in run), key=lambda one: middle(one.rect)[0]):
        if columns and middle(bubble.rect)[0] - middle(columns[-1][0].rect)[0] <= EVEN_MM:
            columns[-1].append(bubble)
        else:
            columns.append([bubble])
    blocks: list[list[list[FoundBox]]] = []
    for column in (sorted(one, key=lambda bubble: bubble.rect.y) for one in columns):
        before = blocks[-1] if blocks else []
        ends = [middle(bubble.rect)[1] for bubble in (column[0], column[-1])]
        joins = len(before) == len(column) and all(
            abs(middle(row[-1].rect)[1] - end) <= EVEN_MM
            for row, end in zip((before[0], before[-1]), ends, strict=True)
        )
        if joins:
            for row, bubble in zip(before, column, strict=True):
                row.append(bubble)
        else:
            blocks.append([[bubble] for bubble in column])
    return blocks


def _fields(block: Sequence[list[FoundBox]]) -> list[Draft]:
    """Return the fields that a block of bubbles is: its rows, its columns, or one grid."""
    rows, columns = len(block), len(block[0])
    along = _varies_along(block)
    if columns == 1:
        return [choice("q", [run[0] for run in block][start : start + 40], 1) for start in range(0, rows, 40)]
    if rows == len(DIGITS) and columns <= LONGEST_NUMBER and (along == 1 or (along is None and columns > MOST_CHOICES)):
        return [_grid(block, 1)]
    if columns == len(DIGITS) and 1 < rows <= LONGEST_NUMBER and along != 1:
        return [_grid(block, 0)]
    if along == 1 and rows <= 40:
        return [choice("q", [run[index] for run in block], 1) for index in range(columns)]
    return [choice("q", run) for run in block]


def _grid(block: Sequence[Sequence[FoundBox]], axis: int) -> Draft:
    """Return a number in a grid: its digits stand along `axis` (0 in rows, 1 in columns), its places across."""
    rects = [[bubble.rect for bubble in run] for run in block]
    everything = [rect for row in rects for rect in row]
    columns = [float(np.mean([middle(row[index])[0] for row in rects])) for index in range(len(rects[0]))]
    rows = [float(np.mean([middle(rect)[1] for rect in row])) for row in rects]
    (x, across), (y, down) = pitch_of(columns), pitch_of(rows)
    keys = row_keys(rects[0])
    keys |= {
        "kind": "choice",
        "x": x - keys["width"] / 2,
        "y": y - keys["height"] / 2,
        "options": list(DIGITS),
        "shape": "bubble",
        "direction": ("row", "column")[axis],
        "positions": (len(rows), len(columns))[axis],
        "pitch": (across, down)[axis],
        "position_pitch": (down, across)[axis],
    }
    return Draft("ids", around(everything), keys)


def _varies_along(block: Sequence[Sequence[FoundBox]]) -> int | None:
    """Return in which direction what is printed in the bubbles changes: 0 along rows, 1 along columns, None unknown.

    A question repeats its letters in every row; a number repeats its digits in every column.
    """
    faces = np.array([[bubble.face for bubble in run] for run in block], dtype=np.float32)
    if faces.std(axis=(2, 3)).mean() < LEAST_FACE or min(faces.shape[:2]) < 2:
        return None
    in_rows = [np.abs(one - other).mean() for one, other in pairwise(faces.swapaxes(0, 1)[:MOST_COMPARED])]
    in_columns = [np.abs(one - other).mean() for one, other in pairwise(faces[:MOST_COMPARED])]
    across, down = float(np.mean(in_rows)), float(np.mean(in_columns))
    if across > TELLING * down:
        return 0
    return 1 if down > TELLING * across else None
