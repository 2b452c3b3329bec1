"""Crops of fields -> what was decoded of each: find the ink, let the networks look at it, decode with the template.

Pages (`reading.py`), labelled pictures (`evaluation.py`) and training's calibration all read through this one door, so
that what is measured is what is used. All fields are given at once: networks are faster on many views.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recognizer.choices import mark_readings
from recognizer.classifier import CHARACTERS, INPUTS, NUMBERS, ReadingModel
from recognizer.decode import (
    ALONE,
    ALONE_CLASSES,
    BoxEvidence,
    CellEvidence,
    Decoded,
    decode_choice,
    decode_digits,
    decode_number,
)
from recognizer.digits import IsolatedBox, IsolatedCell, isolate_digit, isolate_number
from recognizer.marks_view import mark_views
from recognizer.records import CLASSES, BoxCrop, Flag, Glyph, Probabilities, Strip, SymbolSteps
from recognizer.sequences import text_probabilities
from recognizer.template import Kind, SheetField

SURE = 0.9995
"""A box of which one network is less sure than this is shown to the other one as well: two that learned to see the same
ink in two ways seldom agree on the same error. The rest is spared the second look, for speed."""

AGREEMENT = 0.65
"""Power of the product of two networks' probabilities. 1 would hold were their errors independent, 0.5 were they the
same. Of 0.5 to 1, 0.60 made labels of composed boxes by validation writers likeliest, 0.70 those of plain digits."""

SEEMS_SINGLE = 0.5
"""In a cell that is likelier than this to hold one character or nothing, the network for characters has a say too."""


@dataclass(frozen=True, slots=True)
class FieldCrops:
    """One field of a page or one labelled picture: what it may hold, and its boxes in order."""

    field: SheetField
    crops: tuple[BoxCrop, ...]


def read_fields(fields: Sequence[FieldCrops], model: ReadingModel) -> list[Decoded]:
    """Return what each field says, in order; fields of kind image must not be among them."""
    combs = [[isolate_digit(crop) for crop in one.crops] for one in fields if one.field.kind is Kind.DIGITS]
    cells = [(one.field, isolate_number(one.crops[0])) for one in fields if one.field.kind is Kind.NUMBER]
    boxes = [crop for one in fields if one.field.kind is Kind.CHOICE for crop in one.crops]
    written = [box for comb in combs for box in comb if box.glyph is not None]
    seen = iter(box_probabilities(written, model).tolist())
    marks = iter(mark_readings(model.marks(mark_views(boxes))))
    next_comb, numbers = iter(combs), iter(read_cells(cells, model))
    found = []
    for one in fields:
        if one.field.kind is Kind.CHOICE:
            decoded = decode_choice(one.field, one.field.boxes(1), [next(marks) for _ in one.crops])
            cut_through = any(crop.cut_through for crop in one.crops)
            found.append(replace(decoded, trouble=decoded.trouble or Flag.UNREADABLE) if cut_through else decoded)
        elif one.field.kind is Kind.NUMBER:
            found.append(next(numbers))
        else:
            characters = [
                _box_evidence(position, box, None if box.glyph is None else next(seen))
                for position, box in enumerate(next(next_comb), start=1)
            ]
            found.append(decode_digits(one.field, characters))
    return found


def read_cells(cells: Sequence[tuple[SheetField, IsolatedCell]], model: ReadingModel) -> list[Decoded]:
    """Return what each number cell says, in order."""
    steps = iter(model.sequences(_strips([cell.strip for _, cell in cells if cell.strip is not None])))
    narrow = iter(model.probabilities(_glyphs([cell.glyph for _, cell in cells if cell.glyph is not None])))
    found = []
    for field, cell in cells:
        evidence = _cell_evidence(cell, None if cell.strip is None else next(steps))
        if cell.glyph is not None and evidence.steps is not None:
            evidence = _with_single(evidence, next(narrow), evidence.steps)
        found.append(decode_number(field, evidence))
    return found


def box_probabilities(boxes: Sequence[IsolatedBox], model: ReadingModel) -> Probabilities:
    """Return how likely each of `CLASSES` is for boxes with ink, (N, C) float32; each row sums to 1."""
    first = model.probabilities(_glyphs([box.glyph for box in boxes if box.glyph is not None]))
    doubtful = np.flatnonzero(first.max(axis=1, initial=0.0) < SURE)
    if not len(doubtful):
        return first
    strips = [strip for index in doubtful.tolist() if (strip := boxes[index].strip) is not None]
    found = first.copy()
    for index, steps in zip(doubtful, model.sequences(_strips(strips)), strict=True):
        found[index] = agreed(first[index], steps)
    return found


def agreed(first: NDArray[np.float32], steps: SymbolSteps) -> NDArray[np.float32]:
    """Return (C,) probabilities of what two networks say together (a product of experts, Hinton 1999).

    Args:
        first: (C,) what the network for characters says.
        steps: (T, 1 + S) what the network for cells says of the same ink. What it takes for a single digit, a dash or
            nothing counts for that class; all else, such as two digits, for `cancelled` and `other` alike.
    """
    return _product(first, text_probabilities(steps, ALONE))


def _product(first: NDArray[np.float32], singles: NDArray[np.float64]) -> NDArray[np.float32]:
    second = np.full(len(CLASSES), max(1.0 - float(singles.sum()), 0.0))
    second[ALONE_CLASSES] = singles
    together = (np.maximum(first, 1e-9) * np.maximum(second, 1e-9)) ** AGREEMENT
    return np.asarray(together / together.sum(), np.float32)


def _with_single(evidence: CellEvidence, first: NDArray[np.float32], steps: SymbolSteps) -> CellEvidence:
    """Add what both networks say of a cell that seems to hold a single character; another one stays as it is."""
    singles = text_probabilities(steps, ALONE)
    alone = float(singles.sum())
    if alone <= SEEMS_SINGLE:
        return evidence
    return replace(evidence, single=tuple(_product(first, singles).tolist()), alone=alone)


def _box_evidence(position: int, box: IsolatedBox, probabilities: Sequence[float] | None) -> BoxEvidence:
    bounds = None if box.glyph is None else box.glyph.bounds
    return BoxEvidence(position, probabilities, bounds, box.specks, box.unplaced, box.pale)


def _cell_evidence(cell: IsolatedCell, steps: SymbolSteps | None) -> CellEvidence:
    if cell.strip is None:
        return CellEvidence(None, specks=cell.specks, unplaced=cell.unplaced, pale=cell.pale)
    strip = cell.strip
    place = (strip.bounds, strip.x, strip.scale)
    return CellEvidence(steps, *place, cell.specks, cell.unplaced, cell.pale, faded=cell.faded, uprights=cell.uprights)


def _glyphs(glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
    return np.stack([glyph.image for glyph in glyphs]) if glyphs else np.zeros((0, *INPUTS[CHARACTERS]), np.float32)


def _strips(strips: Sequence[Strip]) -> NDArray[np.float32]:
    return np.stack([strip.image for strip in strips]) if strips else np.zeros((0, *INPUTS[NUMBERS]), np.float32)
