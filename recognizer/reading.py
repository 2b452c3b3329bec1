"""The pipeline: a page in, a page outcome out. Whoever reads this file knows the product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.boxes import CROP_PX_PER_MM, crop_boxes, field_picture
from recognizer.choices import MarkReading, read_marks
from recognizer.classifier import CharacterModel
from recognizer.decode import (
    BoxEvidence,
    Decoded,
    SegmentEvidence,
    decode_choice,
    decode_digits,
    decode_number,
    hidden_field,
)
from recognizer.digits import IsolatedBox, NumberInk, isolate_digit, segment_number
from recognizer.errors import BlankPageError, ForeignSheetError, PageError, RegistrationError
from recognizer.geometry import Rect
from recognizer.judge import ReviewPolicy, judge
from recognizer.records import (
    BoxCrop,
    FieldPicture,
    Glyph,
    GlyphStack,
    GreyImage,
    Page,
    PageFailure,
    PageOutcome,
    PageOutcomeKind,
    PageResult,
    Reading,
    RegisteredPage,
)
from recognizer.register import register
from recognizer.template import Kind, SheetField, SheetSet

REVIEW_PX_PER_MM = 5.0
"""Resolution of the pictures kept for review: 127 dpi, at which a person reads any handwriting with ease."""

HIDDEN_SIDES = 1
"""A box of which at most so many printed sides are seen is covered, by a sticky note or a fold, or lies off the scan.
In 6,000 boxes of simulated office scans, grey and 1-bit, all four were seen everywhere."""

KEPT_GREY_BITS = 4
"""Grey levels kept in review pictures, as bits: sixteen look the same to a person and weigh a third as PNG."""


@dataclass(frozen=True, slots=True)
class _Ink:
    """What was isolated in the boxes of one page, by field name; `hidden` are the positions of boxes nobody can see."""

    combs: Mapping[str, tuple[IsolatedBox, ...]]
    cells: Mapping[str, NumberInk]
    marks: Mapping[str, tuple[MarkReading, ...]]
    hidden: Mapping[str, tuple[int, ...]]


def read_page(page: Page, sheets: SheetSet, model: CharacterModel, policy: ReviewPolicy) -> PageOutcome:
    """Read every field of one scanned page, or say why the page cannot be read.

    Raises:
        ModelError: the model cannot be run (a fault of the installation, not of the page).
    """
    try:
        registered = register(page, sheets)
    except (BlankPageError, ForeignSheetError, RegistrationError, PageError) as error:
        return page_failure(page, error)
    fields = registered.template.pages[registered.identity.page - 1].fields
    ink = _isolate(crop_boxes(registered), fields)
    readings = tuple(
        _reading(field, decoded, registered)
        for field, decoded in zip(_read_fields(fields), _decode(ink, fields, registered, model), strict=True)
    )
    return PageResult(
        ref=page.ref,
        identity=registered.identity,
        source=page.source,
        picture_hash=page.picture_hash,
        mm_to_px=registered.mm_to_px,
        error_mm=registered.error_mm,
        identified_by=registered.identified_by,
        readings=readings,
        decisions=tuple(
            judge(reading, field, policy) for reading, field in zip(readings, _read_fields(fields), strict=True)
        ),
        pictures=tuple(
            FieldPicture(field.name, _png(field_picture(registered, field, REVIEW_PX_PER_MM)))
            for field in fields
            if field.kind is Kind.IMAGE
        ),
    )


def keep_to_one_core() -> None:
    """Let OpenCV start no threads in this process: whoever reads in several processes shares out the cores itself."""
    cv2.setNumThreads(1)


def page_failure(page: Page, error: Exception) -> PageFailure:
    """Return what is recorded of a page that was not read."""
    outcome = PageOutcomeKind.FAILED
    if isinstance(error, BlankPageError):
        outcome = PageOutcomeKind.BLANK
    elif isinstance(error, ForeignSheetError):
        outcome = PageOutcomeKind.FOREIGN
    return PageFailure(page.ref, outcome, str(error), page.source, page.picture_hash)


def _read_fields(fields: Sequence[SheetField]) -> tuple[SheetField, ...]:
    return tuple(field for field in fields if field.kind is not Kind.IMAGE)


def _isolate(crops: Sequence[BoxCrop], fields: Sequence[SheetField]) -> _Ink:
    """Find the ink in every box of the page."""
    by_field: dict[str, list[BoxCrop]] = {}
    for crop in crops:
        by_field.setdefault(crop.field, []).append(crop)
    combs = {
        field.name: tuple(isolate_digit(crop) for crop in by_field[field.name])
        for field in fields
        if field.kind is Kind.DIGITS
    }
    cells = {field.name: segment_number(by_field[field.name][0]) for field in fields if field.kind is Kind.NUMBER}
    hidden = {
        name: positions
        for name, boxes in by_field.items()
        if (positions := tuple(box.position for box in boxes if box.sides_seen <= HIDDEN_SIDES))
    }
    return _Ink(combs, cells, _read_all_marks(by_field, fields), hidden)


def _read_all_marks(
    by_field: Mapping[str, Sequence[BoxCrop]], fields: Sequence[SheetField]
) -> dict[str, tuple[MarkReading, ...]]:
    """Read the tick boxes, then the bubbles, each against the empty ones of their shape on the page."""
    marks: dict[str, tuple[MarkReading, ...]] = {}
    for shape in ("box", "bubble"):
        names = [field.name for field in fields if field.kind is Kind.CHOICE and field.shape == shape]
        read = read_marks([crop for name in names for crop in by_field[name]], shape)
        start = 0
        for name in names:
            marks[name] = read[start : start + len(by_field[name])]
            start += len(by_field[name])
    return marks


def _decode(
    ink: _Ink, fields: Sequence[SheetField], registered: RegisteredPage, model: CharacterModel
) -> list[Decoded]:
    """Classify every piece of ink of the page in one batch and decode field by field."""
    glyphs = [box.glyph for boxes in ink.combs.values() for box in boxes if box.glyph is not None]
    glyphs += [segment.glyph for cell in ink.cells.values() for segment in cell.segments]
    probabilities = model.probabilities(_stack(glyphs))
    seen = {id(glyph): row.tolist() for glyph, row in zip(glyphs, probabilities, strict=True)}

    def decode_field(field: SheetField) -> Decoded:
        if field.name in ink.hidden:
            return hidden_field(ink.hidden[field.name])
        if field.kind is Kind.CHOICE:
            return decode_choice(field, field.boxes(registered.identity.page), ink.marks[field.name])
        if field.kind is Kind.NUMBER:
            return _decode_cell(field, ink.cells[field.name], seen)
        return _decode_comb(field, ink.combs[field.name], seen)

    return [decode_field(field) for field in _read_fields(fields)]


def _decode_comb(field: SheetField, boxes: Sequence[IsolatedBox], seen: Mapping[int, list[float]]) -> Decoded:
    return decode_digits(
        field,
        [
            BoxEvidence(
                position,
                None if box.glyph is None else seen[id(box.glyph)],
                None if box.glyph is None else box.glyph.bounds,
                specks=box.specks,
                unplaced=box.unplaced,
                pale=box.pale,
            )
            for position, box in enumerate(boxes, start=1)
        ],
    )


def _decode_cell(field: SheetField, cell: NumberInk, seen: Mapping[int, list[float]]) -> Decoded:
    segments = [
        SegmentEvidence(
            segment.start,
            segment.stop,
            seen[id(segment.glyph)],
            segment.is_point,
            _widest_gap(cell.pieces[segment.start : segment.stop]) / CROP_PX_PER_MM,
            segment.glyph.bounds,
        )
        for segment in cell.segments
    ]
    return decode_number(
        field,
        len(cell.pieces),
        segments,
        specks=cell.specks,
        unplaced=cell.unplaced,
        pale=cell.pale,
        low_spots=cell.low_spots,
    )


def _widest_gap(pieces: Sequence[Rect]) -> float:
    """Return the widest clear space between neighbouring pieces, in their unit; 0 where they hang over one another."""
    ordered = sorted(pieces, key=lambda piece: piece.x)
    reached, widest = ordered[0].right, 0.0
    for piece in ordered[1:]:
        widest = max(widest, piece.x - reached)
        reached = max(reached, piece.right)
    return widest


def _stack(glyphs: Sequence[Glyph]) -> GlyphStack:
    if not glyphs:
        return np.zeros((0, 28, 28), dtype=np.float32)
    return np.stack([glyph.image for glyph in glyphs])


def _reading(field: SheetField, decoded: Decoded, registered: RegisteredPage) -> Reading:
    picture = field_picture(registered, field, REVIEW_PX_PER_MM)
    return Reading(field.name, decoded.values, decoded.characters, decoded.trouble, _png(picture))


def _png(picture: GreyImage) -> bytes:
    kept = picture >> (8 - KEPT_GREY_BITS)
    spread = (kept * (255 // (2**KEPT_GREY_BITS - 1))).astype(np.uint8)
    encoded, data = cv2.imencode(".png", spread, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not encoded:
        raise ValueError(f"a picture of {picture.shape} cannot be written as PNG")
    return data.tobytes()
