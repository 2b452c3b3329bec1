"""Pictures for people, drawn afterwards from records: where the boxes are and what was read in them."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Bend, Laid
from recognizer.geometry import Homography, Points, Rect, apply_homography, bounding_rect
from recognizer.marks import px_per_mm_at
from recognizer.records import BoxCrop, Decision, GreyImage, Page, RegisteredPage, ValueState
from recognizer.residuals import BoxResidual
from recognizer.template import A4_MM, MARKS, QR_CODE, SheetTemplate

ColourImage: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, blue, green, red."""

Colour: TypeAlias = tuple[int, int, int]

VALUE_COLOUR: Colour = (40, 140, 0)
BLANK_COLOUR: Colour = (150, 140, 130)
UNSETTLED_COLOUR: Colour = (0, 120, 255)
PLAIN_COLOUR: Colour = (200, 90, 20)
"""Of boxes about which nothing was decided, and of the corner marks."""

RESIDUAL_MM = 0.25
"""A box that is farther off than this is worth a look: half of what registration accepts."""

LINE_MM = 0.4
TEXT_MM = 3.4
"""Height of a capital beside a field: legible when the whole page is shown 900 pixels high."""

GAP_MM = 1.2
_FACE = cv2.FONT_HERSHEY_SIMPLEX
_CAP_HEIGHT_PX = 21.0
"""Height of a capital of that face at scale 1 (OpenCV's Hershey Simplex)."""


def draw_overlay(  # noqa: PLR0917 - a page, how a sheet lies on it, and what was read
    page: Page,
    mm_to_px: Homography,
    template: SheetTemplate,
    template_page: int,
    decisions: Sequence[Decision] = (),
    bend: Bend | None = None,
) -> ColourImage:
    """Draw every box over a page, upright or not as it was scanned, and what was decided beside it.

    Green is a value, grey is blank, orange is what a person has to look at; blue is what nothing is known about.
    """
    canvas = np.asarray(cv2.cvtColor(_paled(page.pixels), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    decided = {decision.field: decision for decision in decisions}
    px_per_mm = px_per_mm_at(mm_to_px, np.array(A4_MM) / 2)
    thickness = max(round(LINE_MM * px_per_mm), 1)
    laid = Laid(mm_to_px, bend)
    for rect in () if template.is_form else (*MARKS.values(), QR_CODE):
        _polygon(canvas, laid.to_px(rect.corners()), PLAIN_COLOUR, thickness)
    bubbles = {field.name for field in template.pages[template_page - 1].fields if field.shape == "bubble"}
    for box in template.boxes(template_page):
        around = box.rect.grown(LINE_MM)
        outline = _ellipse(around) if box.field in bubbles else around.corners()
        _polygon(canvas, laid.to_px(outline), _colour(decided.get(box.field)), thickness)
    _write_values(canvas, mm_to_px, template, template_page, decided)
    return canvas


def draw_residuals(registered: RegisteredPage, residuals: Sequence[BoxResidual]) -> ColourImage:
    """Draw every box over a page and, beside each field, by how many mm the worst of its boxes lies off.

    Green is close, orange is farther off than `RESIDUAL_MM`; grey boxes have no printed sides that are seen.
    """
    page, template, number = registered.page, registered.template, registered.identity.page
    canvas = np.asarray(cv2.cvtColor(_paled(page.pixels), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    px_per_mm = px_per_mm_at(registered.mm_to_px, np.array(A4_MM) / 2)
    thickness = max(round(LINE_MM / 2 * px_per_mm), 1)
    bubbles = {field.name for field in template.pages[number - 1].fields if field.shape == "bubble"}
    worst: dict[str, float] = {}
    for one in residuals:
        outline = _ellipse(one.box.rect) if one.box.field in bubbles else one.box.rect.corners()
        _polygon(canvas, registered.to_px(outline), _residual_colour(one.off_mm), thickness)
        if one.off_mm is not None:
            worst[one.box.field] = max(worst.get(one.box.field, 0.0), one.off_mm)
    taken = [one.box.rect for one in residuals]
    for field in template.pages[number - 1].fields:
        off = worst.get(field.name)
        area = bounding_rect(np.vstack([box.rect.corners() for box in field.boxes(number)]))
        label = _label("?" if off is None else f"{off:.2f}", _residual_colour(off), px_per_mm * 0.8)
        place = beside(area, label.shape[1] / px_per_mm, label.shape[0] / px_per_mm, taken)
        taken.append(place)
        _lay(canvas, label, registered.mm_to_px, (place.x, place.y), px_per_mm)
    return canvas


def _residual_colour(off_mm: float | None) -> Colour:
    if off_mm is None:
        return BLANK_COLOUR
    return VALUE_COLOUR if off_mm <= RESIDUAL_MM else UNSETTLED_COLOUR


def _ellipse(rect: Rect) -> Points:
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.column_stack(
        [
            rect.x + rect.width / 2 * (1 + np.cos(turn)),
            rect.y + rect.height / 2 * (1 + np.sin(turn)),
        ]
    )


def _paled(pixels: GreyImage) -> GreyImage:
    """Return the page a little paler, so that what is drawn over it stands out."""
    return np.asarray(80 + pixels.astype(np.uint16) * 175 // 255, dtype=np.uint8)


def _polygon(canvas: ColourImage, corners: NDArray[np.float64], colour: Colour, thickness: int) -> None:
    cv2.polylines(canvas, [np.rint(corners).astype(np.int32)], True, colour, thickness, cv2.LINE_AA)


def _colour(decision: Decision | None) -> Colour:
    if decision is None:
        return PLAIN_COLOUR
    return {
        ValueState.VALUE: VALUE_COLOUR,
        ValueState.BLANK: BLANK_COLOUR,
        ValueState.UNSETTLED: UNSETTLED_COLOUR,
    }[decision.state]


def _write_values(
    canvas: ColourImage,
    mm_to_px: Homography,
    template: SheetTemplate,
    template_page: int,
    decided: Mapping[str, Decision],
) -> None:
    """Write what was decided beside each field, turned the way the sheet lies on the page."""
    taken = [box.rect for box in template.boxes(template_page)]
    px_per_mm = px_per_mm_at(mm_to_px, np.array(A4_MM) / 2)
    for field in template.pages[template_page - 1].fields:
        decision = decided.get(field.name)
        if decision is None or not (text := _said(decision)):
            continue
        area = bounding_rect(np.vstack([box.rect.corners() for box in field.boxes(template_page)]))
        label = _label(text, _colour(decision), px_per_mm)
        place = beside(area, label.shape[1] / px_per_mm, label.shape[0] / px_per_mm, taken)
        taken.append(place)
        _lay(canvas, label, mm_to_px, (place.x, place.y), px_per_mm)


def _said(decision: Decision) -> str:
    if decision.state is ValueState.UNSETTLED:
        return f"{decision.guess or '(blank)'} ?"
    return decision.value if decision.state is ValueState.VALUE else ""


def beside(area: Rect, width: float, height: float, taken: Sequence[Rect]) -> Rect:
    """Return where (mm) a label hides no box and no other label: right of its field, above, below, or left of it."""
    level = area.y + (area.height - height) / 2
    places = [
        Rect(area.right + GAP_MM, level, width, height),
        Rect(max(area.right - width, area.x), area.y - GAP_MM - height, width, height),
        Rect(max(area.right - width, area.x), area.bottom + GAP_MM, width, height),
        Rect(area.x - GAP_MM - width, level, width, height),
    ]
    sheet = Rect(0, 0, *A4_MM)
    free = (place for place in places if sheet.contains(place) and not any(place.overlaps(other) for other in taken))
    return next(free, places[0])


def _label(text: str, colour: Colour, px_per_mm: float) -> ColourImage:
    """Return a text in white on a colour."""
    # The face has no half, and draws question marks for what it lacks.
    shown = text.replace("½", ".5").encode("ascii", "replace").decode()
    scale = TEXT_MM * 0.7 * px_per_mm / _CAP_HEIGHT_PX
    thickness = max(round(0.3 * px_per_mm), 1)
    (width, height), _ = cv2.getTextSize(shown, _FACE, scale, thickness)
    pad = max(round(0.5 * px_per_mm), 1)
    label = np.full((height + 2 * pad, width + 2 * pad, 3), colour, dtype=np.uint8)
    cv2.putText(label, shown, (pad, pad + height), _FACE, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return label


def _lay(
    canvas: ColourImage, label: ColourImage, mm_to_px: Homography, at_mm: tuple[float, float], px_per_mm: float
) -> None:
    """Lay a label onto the page where the sheet has `at_mm`, along with the sheet's own directions."""
    step = 1 / px_per_mm
    to_page = mm_to_px @ np.array([[step, 0, at_mm[0]], [0, step, at_mm[1]], [0, 0, 1]])
    height, width = label.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    area = bounding_rect(apply_homography(to_page, corners))
    left, top = max(int(area.x), 0), max(int(area.y), 0)
    right, bottom = min(int(area.right) + 2, canvas.shape[1]), min(int(area.bottom) + 2, canvas.shape[0])
    if right <= left or bottom <= top:
        return
    to_part = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]]) @ to_page
    size = (right - left, bottom - top)
    part = canvas[top:bottom, left:right]
    covered = cv2.warpPerspective(np.full((height, width), 255, np.uint8), to_part, size) > 127
    part[covered] = cv2.warpPerspective(label, to_part, size)[covered]


def draw_contact_sheet(crops: Sequence[BoxCrop], width: int = 1600, zoom: int = 2) -> ColourImage:
    """Draw crops side by side with their outlines, each under its field's name; for looking at many at once."""
    rows: list[list[ColourImage]] = [[]]
    for cell in (_cell(crop, zoom) for crop in crops):
        if rows[-1] and sum(other.shape[1] for other in rows[-1]) + cell.shape[1] > width:
            rows.append([])
        rows[-1].append(cell)
    heights = [max((cell.shape[0] for cell in row), default=1) for row in rows]
    widest = max((sum(cell.shape[1] for cell in row) for row in rows), default=1)
    sheet = np.full((sum(heights), max(widest, 1), 3), 235, dtype=np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for cell in row:
            sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
            left += cell.shape[1]
        top += height
    return sheet


def _cell(crop: BoxCrop, zoom: int) -> ColourImage:
    name_px = 16
    grown = cv2.resize(crop.pixels, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    cell = cv2.cvtColor(cv2.copyMakeBorder(grown, name_px, 2, 2, 2, cv2.BORDER_CONSTANT, value=235), cv2.COLOR_GRAY2BGR)
    outline = (np.asarray(crop.outline.corners()) * zoom + np.array([2, name_px])).astype(np.int32)
    cv2.polylines(cell, [outline], True, UNSETTLED_COLOUR, 1)
    cv2.putText(cell, f"{crop.field} {crop.position}", (2, 11), _FACE, 0.38, (60, 60, 60), 1, cv2.LINE_AA)
    return np.asarray(cell, dtype=np.uint8)


def drawn_png(drawn: ColourImage) -> bytes:
    """Return a drawn picture as PNG."""
    return cv2.imencode(".png", drawn, [cv2.IMWRITE_PNG_COMPRESSION, 4])[1].tobytes()


def picture_png(pixels: GreyImage, height: int) -> bytes:
    """Return a picture as PNG, brought to a height in pixels."""
    scale = height / pixels.shape[0]
    width = min(max(round(pixels.shape[1] * scale), 1), 6 * height)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    _, packed = cv2.imencode(".png", cv2.resize(pixels, (width, height), interpolation=how))
    return packed.tobytes()
