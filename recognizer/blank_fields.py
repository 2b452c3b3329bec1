"""What was found on the blank pages of a form -> named fields that a template may have."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from recognizer.blank_boxes import FoundBox
from recognizer.blank_bubbles import bubble_drafts
from recognizer.blank_rows import Draft
from recognizer.blank_tables import box_drafts
from recognizer.template import Kind, Role, SheetField
from recognizer.template_parts import MIN_BOX_MM

ROLES = {Kind.DIGITS: Role.NONE, Kind.NUMBER: Role.NONE, Kind.CHOICE: Role.ANSWER, Kind.IMAGE: Role.NONE}
"""What a field is until somebody says what it means."""

FARTHEST_MM = 600.0
"""How far from the corner of the page a template can place a box (`template_parts.Millimetres`)."""

MOST_CUT_MM = 0.6
"""Fields that lie on one another by so much were found twice; by less, their rules were not measured quite alike."""

TOUCH_MM = 1e-6
"""Boxes that share a rule lie on one another by no more (`template_checks`)."""

MOST_ROUNDS = 6

BAND_MM = 4.0
"""Fields that begin within this are named from left to right."""

COLUMN_MM = 2.0
"""Questions that begin within this stand in one column of the page."""

NUMBERED = {"q": "q{:02}", "ids": "ids{}"}
"""How fields of a stem are named, where that is not the stem and a number."""


def propose_fields(found: Sequence[FoundBox], names: "FieldNames") -> tuple[SheetField, ...]:
    """Return the fields of one page of a form; `names` is the same for all of its pages.

    What a template cannot describe, smaller than 3 mm or beyond 600 mm, is left out.
    """
    within = [box for box in found if max(box.rect.right, box.rect.bottom) <= FARTHEST_MM]
    drafts, bubbles = bubble_drafts(within)
    drafts += box_drafts(within, bubbles)
    names.next_page()
    return _apart([_field(draft, names.name(draft)) for draft in _in_order(drafts) if _is_possible(draft)])


def _is_possible(draft: Draft) -> bool:
    """Tell whether a template may describe a field: boxes that stand too close together are too small."""
    return all(draft.keys.get(pitch, MIN_BOX_MM) >= MIN_BOX_MM for pitch in ("pitch", "position_pitch"))


def _in_order(drafts: Iterable[Draft]) -> list[Draft]:
    """Return drafts as one reads: bubbles column by column of the page, all others from the top down."""
    ordered = sorted(drafts, key=lambda draft: (draft.area.y, draft.area.x))
    result: list[Draft] = []
    band: list[Draft] = []
    for draft in ordered:
        if band and draft.area.y - band[0].area.y > BAND_MM:
            result += sorted(band, key=lambda one: one.area.x)
            band = []
        band.append(draft)
    result += sorted(band, key=lambda one: one.area.x)
    questions = iter(_by_columns([draft for draft in result if draft.stem == "q"]))
    return [next(questions) if draft.stem == "q" else draft for draft in result]


def _by_columns(drafts: Sequence[Draft]) -> list[Draft]:
    """Return drafts column by column of the page, those of a column from the top down."""
    columns: list[list[Draft]] = []
    for draft in sorted(drafts, key=lambda one: one.area.x):
        if columns and draft.area.x - columns[-1][-1].area.x <= COLUMN_MM:
            columns[-1].append(draft)
        else:
            columns.append([draft])
    return [draft for column in columns for draft in sorted(column, key=lambda one: one.area.y)]


class FieldNames:
    """Gives names to the fields of a form, each once."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._tables: dict[int, int] = {}
        self._count = 0

    def next_page(self) -> None:
        """Begin a page: its tables are others than those of the page before."""
        self._tables = {}

    def name(self, draft: Draft) -> str:
        """Return the name of a field: `comb1`, `q01`, `t1_r02_c3`."""
        if draft.table is not None:
            if draft.table not in self._tables:
                self._count += 1
                self._tables[draft.table] = self._count
            row, column = draft.cell
            name = f"t{self._tables[draft.table]}_r{row:02}_c{column}"
            if name not in self._taken:
                self._taken.add(name)
                return name
        while True:
            self._given[draft.stem] += 1
            name = NUMBERED.get(draft.stem, draft.stem + "{}").format(self._given[draft.stem])
            if name not in self._taken:
                self._taken.add(name)
                return name


def _field(draft: Draft, name: str) -> SheetField:
    """Return a draft as a field, its lengths rounded to a hundredth of a mm, pitches to a thousandth."""
    keys: dict[str, Any] = dict(draft.keys)
    kind = Kind(keys["kind"])
    for start, size in (("x", "width"), ("y", "height")):
        # The smallest box that a template may describe; bubbles are sometimes a little smaller.
        grown = max(MIN_BOX_MM - keys[size], 0.0)
        end = keys[start] + keys[size] + grown / 2
        keys[start] = round(max(keys[start] - grown / 2, 0.0), 2)
        keys[size] = round(max(round(end, 2) - keys[start], MIN_BOX_MM), 2)
    for pitch in ("pitch", "position_pitch"):
        if pitch in keys:
            keys[pitch] = round(keys[pitch], 3)
    in_row = keys.get("direction", "row") == "row"
    for pitch, side in (
        ("pitch", "width" if in_row else "height"),
        ("position_pitch", "height" if in_row else "width"),
    ):
        # Neighbours share a rule; what was measured of each is wider by a hundredth or two.
        if pitch in keys:
            keys[side] = min(keys[side], math.floor(keys[pitch] * 100 + 1e-6) / 100)
    return SheetField.model_validate(keys | {"name": name, "kind": kind, "role": ROLES[kind]})


def _apart(fields: Sequence[SheetField]) -> tuple[SheetField, ...]:
    """Return fields with those that lie on one another taken apart: cut by the hundredths of a mm that measuring left.

    What lies on another field by more was found twice, and the later one is left out.
    """
    fields = list(fields)
    for _ in range(MOST_ROUNDS):
        overlaps = list(_overlaps(fields))
        if not overlaps:
            break
        cuts: dict[tuple[int, str], float] = {}
        twice: set[int] = set()
        for one, other, across, down in overlaps:
            if min(across, down) > MOST_CUT_MM:
                twice.add(max(one, other))
            else:
                key = (one, "width" if across < down else "height")
                cuts[key] = max(cuts.get(key, 0.0), min(across, down))
        for (index, side), cut in cuts.items():
            length = round(getattr(fields[index], side) - cut - 0.005, 2)
            fields[index] = fields[index].model_copy(update={side: max(length, MIN_BOX_MM)})
        fields = [field for index, field in enumerate(fields) if index not in twice]
    return tuple(fields)


def _overlaps(fields: Sequence[SheetField]) -> Iterator[tuple[int, int, float, float]]:
    """Yield two fields that lie on one another, the left or upper one first, and by how many mm across and down."""
    placed = [(index, box.rect) for index, field in enumerate(fields) for box in field.boxes(1)]
    owner = np.array([index for index, _ in placed], dtype=np.intp)
    sides = np.array([(rect.x, rect.y, rect.right, rect.bottom) for _, rect in placed]).reshape(-1, 4)
    for at, (index, rect) in enumerate(placed):
        others = sides[at + 1 :]
        across = np.minimum(others[:, 2], rect.right) - np.maximum(others[:, 0], rect.x)
        down = np.minimum(others[:, 3], rect.bottom) - np.maximum(others[:, 1], rect.y)
        for hit in np.flatnonzero((across > TOUCH_MM) & (down > TOUCH_MM) & (owner[at + 1 :] != index)).tolist():
            other, over = int(owner[at + 1 + hit]), (float(across[hit]), float(down[hit]))
            axis = 0 if over[0] < over[1] else 1
            first = (rect.x, rect.y)[axis] <= float(others[hit, axis])
            yield (index, other, *over) if first else (other, index, *over)
