"""Printed boxes of a blank form -> the fields that they are: combs, cells of tables, tick boxes, areas for people."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from recognizer.blank_boxes import FoundBox
from recognizer.blank_clusters import TOUCH_MM, clusters, with_shared_sides, without_frames
from recognizer.blank_rows import Draft, around, choice, middle, row_keys, rows_of, runs_of
from recognizer.geometry import Rect

SAME_SIDES_MM = 0.5
"""Cells of a column begin and end within this."""

SAME_SIZE_MM = 0.5

TICK_MM = 6.6
"""Boxes up to this size are ticked, larger ones are written in."""

TICK_ASPECT = 1.35
TICK_PITCH_MM = 40.0
"""Tick boxes of one question stand at most so far apart."""

COMB_WIDTH_MM = 14.0
"""Boxes for one character each are at most so wide..."""

CELL_WIDTH_MM = 9.0
"""...and in a table, where columns may be narrow too, so wide."""

COMB_GAP = 0.4
"""Part of their width that may lie between boxes of a comb that do not touch."""

NUMBER_MM = (60.0, 18.0)
"""Width and height up to which a cell is for a number; a larger one is for words or a drawing."""

CAPTION_SHARE, CAPTIONED_MM = 0.15, (30.0, 14.0)
"""An area at least this large (width, height) is kept for people although a caption stands in it, if that is small."""

AT_END, FREE_SHARE, FREE_MM = 0.2, 0.5, 12.0
"""A mark is written before its maximum where that stands in the last part of a cell, and leaves so much of it free."""

TEXT_GAP_MM = 0.8
"""Paper between what is written and what is printed after it."""


def box_drafts(found: Sequence[FoundBox], bubbles: Sequence[FoundBox]) -> list[Draft]:
    """Return the fields that boxes make up; `bubbles` are those in fields already: what is around them is a frame."""
    boxes = without_frames([box for box in found if box.shape == "box"], bubbles)
    drafts: list[Draft] = []
    lone: list[FoundBox] = []
    tables = 0
    for cluster in clusters(with_shared_sides(boxes)):
        if len(cluster) == 1:
            lone += [box for box in cluster if _is_open(box)]
        elif _is_table(cluster):
            cells = _table(cluster, tables + 1)
            tables += bool(cells)
            drafts += cells
        else:
            drafts += [draft for row in rows_of(cluster) for draft in _strip(row)]
    return drafts + _lone_fields(lone)


def _is_open(box: FoundBox) -> bool:
    """Tell whether somebody may write in a box: it is white, and no label."""
    if box.shaded:
        return False
    if box.printed is None:
        return True
    rect, caption = box.rect, box.printed
    return (
        rect.width >= CAPTIONED_MM[0]
        and rect.height >= CAPTIONED_MM[1]
        and caption.width * caption.height <= CAPTION_SHARE * rect.width * rect.height
    )


def _is_table(cluster: Sequence[FoundBox]) -> bool:
    """Tell whether boxes stand below one another in columns."""
    return any(_same_column(one.rect, other.rect) for one in cluster for other in cluster if one is not other)


def _same_column(one: Rect, other: Rect) -> bool:
    """Tell whether one cell stands right below another, as wide."""
    return (
        abs(one.bottom - other.y) <= TOUCH_MM
        and abs(one.x - other.x) <= SAME_SIDES_MM
        and abs(one.right - other.right) <= SAME_SIDES_MM
    )


def _table(cluster: Sequence[FoundBox], number: int) -> list[Draft]:
    """Return the fields of a table: its cells, and characters where narrow ones stand side by side unheaded.

    Rows and columns of labels before the first field are not counted; what comes after is, so that a row keeps its
    number whatever it holds.
    """
    rows = _levels([box.rect.y for box in cluster])
    columns = _levels([box.rect.x for box in cluster])
    cluster = [box if _level(columns, box.rect.x) == 0 else _before_maximum(box) for box in cluster]
    fields: list[tuple[int, int, Draft]] = []
    for row in rows_of(cluster):
        for run in _touching_runs(row):
            narrow = len(run) > 1 and run[0].rect.width <= CELL_WIDTH_MM and _size_of_character(run[0].rect)
            ticked = len(run) > 1 and all(_is_tick(box.rect) for box in run)
            if ticked:
                drafts = [choice("tick", run)]
            elif narrow and not any(_is_headed(box, cluster) for box in run):
                drafts = [_comb(run)]
            else:
                drafts = [_cell(box) for box in run]
            for draft in drafts:
                fields.append((_level(rows, draft.area.y), _level(columns, draft.area.x), draft))
    if not fields:
        return []
    first_row, first_column = min(row for row, _, _ in fields), min(column for _, column, _ in fields)
    return [
        replace(draft, table=number, cell=(row - first_row + 1, column - first_column + 1))
        for row, column, draft in fields
    ]


def _before_maximum(box: FoundBox) -> FoundBox:
    """Return a cell with a text at its right end, such as "/ 30", as the empty part before it; others as they are."""
    rect, text = box.rect, box.printed
    if text is None or rect.right - text.right > AT_END * rect.width:
        return box
    free = text.x - TEXT_GAP_MM - rect.x
    if free < max(FREE_MM, FREE_SHARE * rect.width):
        return box
    return replace(box, rect=Rect(rect.x, rect.y, round(free, 3), rect.height), printed=None)


def _levels(places: Sequence[float]) -> list[float]:
    """Return the distinct places, in order."""
    levels: list[float] = []
    for place in sorted(places):
        if not levels or place - levels[-1] > SAME_SIDES_MM:
            levels.append(place)
    return levels


def _level(levels: Sequence[float], place: float) -> int:
    return int(np.argmin([abs(level - place) for level in levels]))


def _is_headed(box: FoundBox, cluster: Sequence[FoundBox]) -> bool:
    """Tell whether a label of its own stands over the column of a cell."""
    return any(
        other.printed is not None
        and other.rect.y < box.rect.y
        and abs(other.rect.x - box.rect.x) <= SAME_SIDES_MM
        and abs(other.rect.right - box.rect.right) <= SAME_SIDES_MM
        for other in cluster
    )


def _touching_runs(row: Sequence[FoundBox]) -> list[list[FoundBox]]:
    """Return the open boxes of a row in stretches of one size that share their rules."""
    runs: list[list[FoundBox]] = []
    last: FoundBox | None = None
    for box in row:
        if _is_open(box):
            joins = (
                last is not None
                and _is_open(last)
                and abs(box.rect.x - last.rect.right) <= TOUCH_MM
                and _same_size(box.rect, last.rect)
                and len(runs[-1]) < 40
            )
            if joins:
                runs[-1].append(box)
            else:
                runs.append([box])
        last = box
    return runs


def _same_size(one: Rect, other: Rect) -> bool:
    return abs(one.width - other.width) <= SAME_SIZE_MM and abs(one.height - other.height) <= SAME_SIZE_MM


def _strip(row: Sequence[FoundBox]) -> list[Draft]:
    """Return the fields of boxes that touch in a row but in no column."""
    drafts = []
    for run in _touching_runs(row):
        if len(run) > 1 and run[0].rect.width <= COMB_WIDTH_MM and _size_of_character(run[0].rect):
            drafts.append(_comb(run))
        else:
            drafts += [_cell(box) for box in run]
    return drafts


def _size_of_character(rect: Rect) -> bool:
    """Tell whether a box has the proportions of one character."""
    return 0.6 <= rect.height / rect.width <= 3.0


def _comb(run: Sequence[FoundBox]) -> Draft:
    rects = [box.rect for box in run]
    return Draft("comb", around(rects), row_keys(rects) | {"kind": "digits", "characters": len(rects)})


def _is_tick(rect: Rect) -> bool:
    sides = sorted((rect.width, rect.height))
    return sides[1] <= TICK_MM and sides[1] <= TICK_ASPECT * sides[0]


def _cell(box: FoundBox) -> Draft:
    """Return a box as a field of its own: a tick box, a cell for a number, or an area kept for people."""
    rect = box.rect
    if _is_tick(rect):
        return choice("tick", [box])
    place = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height}
    if box.printed is not None or rect.width > NUMBER_MM[0] or rect.height > NUMBER_MM[1]:
        return Draft("area", rect, place | {"kind": "image"})
    return Draft("cell", rect, place | {"kind": "number"})


def _lone_fields(boxes: Sequence[FoundBox]) -> list[Draft]:
    """Return the fields of boxes that touch no other: tick boxes in rows or columns, combs with gaps, and cells."""
    small = [box for box in boxes if _is_tick(box.rect)]
    drafts = [_cell(box) for box in boxes if box.printed is not None]
    singles: list[FoundBox] = []
    for row in rows_of(small):
        for run in (part for alike in _alike(row) for part in runs_of(alike, TICK_PITCH_MM)):
            if len(run) > 1:
                drafts.append(choice("tick", run))
            else:
                singles += run
    drafts += _columns(singles)
    for row in rows_of(box for box in boxes if box not in small and box.printed is None):
        for alike in _alike(row):
            for run in runs_of(alike, COMB_WIDTH_MM * (1 + COMB_GAP)):
                rect = run[0].rect
                near = len(run) > 1 and run[1].rect.x - rect.right <= COMB_GAP * rect.width
                if near and rect.width <= COMB_WIDTH_MM and _size_of_character(rect):
                    drafts.append(_comb(run))
                else:
                    drafts += [_cell(box) for box in run]
    return drafts


def _columns(singles: Iterable[FoundBox]) -> list[Draft]:
    """Return tick boxes that stand alone in their rows, below one another, as fields; the rest one by one."""
    columns: list[list[FoundBox]] = []
    for box in sorted(singles, key=lambda one: one.rect.y):
        for column in columns:
            if abs(middle(column[0].rect)[0] - middle(box.rect)[0]) <= SAME_SIDES_MM and _same_size(
                column[0].rect, box.rect
            ):
                column.append(box)
                break
        else:
            columns.append([box])
    return [choice("tick", run, 1) for column in columns for run in runs_of(column, TICK_PITCH_MM, 1)]


def _alike(row: Sequence[FoundBox]) -> list[list[FoundBox]]:
    """Return the boxes of a row by size."""
    groups: list[list[FoundBox]] = []
    for box in row:
        for group in groups:
            if _same_size(group[0].rect, box.rect):
                group.append(box)
                break
        else:
            groups.append([box])
    return groups
