"""The pipeline: a page in, a page outcome out. Whoever reads this file knows the product."""

from collections.abc import Sequence

import cv2
import numpy as np

from recognizer.boxes import crop_boxes, field_picture
from recognizer.classifier import ReadingModel
from recognizer.decode import Decoded, hidden_field
from recognizer.errors import BlankPageError, ForeignSheetError, PageError, RegistrationError
from recognizer.fields import FieldCrops, read_fields
from recognizer.judge import ReviewPolicy, judge
from recognizer.placing import register_placed
from recognizer.records import (
    BoxCrop,
    FieldPicture,
    GreyImage,
    HandPlacement,
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


def read_page(page: Page, sheets: SheetSet, model: ReadingModel, policy: ReviewPolicy) -> PageOutcome:
    """Read every field of one scanned page, or say why the page cannot be read.

    Raises:
        ModelError: the model cannot be run (a fault of the installation, not of the page).
    """
    try:
        registered = register(page, sheets)
    except (BlankPageError, ForeignSheetError, RegistrationError, PageError) as error:
        return page_failure(page, error)
    return read_registered(registered, model, policy)


def read_placed(
    page: Page, placed: HandPlacement, sheets: SheetSet, model: ReadingModel, policy: ReviewPolicy
) -> PageOutcome:
    """Read a page on which a person showed where the sheet lies and said which it is, or say why it does not fit.

    Raises:
        ModelError: as `read_page`.
    """
    try:
        registered = register_placed(page, placed, sheets)
    except (ForeignSheetError, RegistrationError) as error:
        return page_failure(page, error)
    return read_registered(registered, model, policy)


def read_registered(registered: RegisteredPage, model: ReadingModel, policy: ReviewPolicy) -> PageResult:
    """Read every field of a page whose template lies over it, however that came about.

    Raises:
        ModelError: as `read_page`.
    """
    page = registered.page
    fields = registered.template.pages[registered.identity.page - 1].fields
    read = tuple(field for field in fields if field.kind is not Kind.IMAGE)
    decoded = _decode(read, crop_boxes(registered), model)
    readings = tuple(_reading(field, one, registered) for field, one in zip(read, decoded, strict=True))
    return PageResult(
        ref=page.ref,
        identity=registered.identity,
        source=page.source,
        picture_hash=page.picture_hash,
        mm_to_px=registered.mm_to_px,
        error_mm=registered.error_mm,
        identified_by=registered.identified_by,
        bend=registered.bend,
        readings=readings,
        decisions=tuple(judge(reading, field, policy) for reading, field in zip(readings, read, strict=True)),
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


def _decode(fields: Sequence[SheetField], crops: Sequence[BoxCrop], model: ReadingModel) -> list[Decoded]:
    """Decode every field whose boxes can be seen; of the others nothing is said."""
    by_field: dict[str, list[BoxCrop]] = {}
    for crop in crops:
        by_field.setdefault(crop.field, []).append(crop)
    hidden = {
        name: positions
        for name, boxes in by_field.items()
        if (positions := tuple(box.position for box in boxes if box.sides_seen <= HIDDEN_SIDES))
    }
    seen = [FieldCrops(field, tuple(by_field[field.name])) for field in fields if field.name not in hidden]
    decoded = iter(read_fields(seen, model))
    return [hidden_field(hidden[field.name]) if field.name in hidden else next(decoded) for field in fields]


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
