"""What was proposed of a blank form, drawn over it: boxes in the colour of their kind, with the names of fields."""

import cv2
import numpy as np

from recognizer.blank_page import PX_PER_MM, BlankPage
from recognizer.overlay import ColourImage
from recognizer.template import Kind, SheetField

KIND_COLOURS = {
    Kind.DIGITS: (200, 90, 20),
    Kind.NUMBER: (40, 140, 0),
    Kind.CHOICE: (160, 0, 160),
    Kind.IMAGE: (0, 120, 255),
}
"""Blue, green, red: combs are blue, cells for numbers green, tick boxes and bubbles violet, areas for people orange."""

LINE_MM = 0.3
NAME_MM = 1.6
"""Height of a capital of a name: several stand beside one another in a narrow table."""

_FACE = cv2.FONT_HERSHEY_SIMPLEX
_CAP_HEIGHT_PX = 21.0
"""Height of a capital of that face at scale 1."""

PALED = 110
"""Grey value of black in the pale copy of the page."""


def draw_fields(page: BlankPage, fields: tuple[SheetField, ...]) -> ColourImage:
    """Draw the boxes of fields over the page that they were found on."""
    pale = (PALED + page.pixels.astype(np.uint16) * (255 - PALED) // 255).astype(np.uint8)
    canvas = np.asarray(cv2.cvtColor(pale, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    for field in fields:
        colour = KIND_COLOURS[field.kind]
        for box in field.boxes(1):
            rect = box.rect
            thickness = round(LINE_MM * PX_PER_MM)
            if field.shape == "bubble":
                centre = _px(rect.x + rect.width / 2, rect.y + rect.height / 2)
                axes = (round(rect.width / 2 * PX_PER_MM), round(rect.height / 2 * PX_PER_MM))
                cv2.ellipse(canvas, centre, axes, 0, 0, 360, colour, thickness, cv2.LINE_AA)
            else:
                cv2.rectangle(canvas, _px(rect.x, rect.y), _px(rect.right, rect.bottom), colour, thickness, cv2.LINE_AA)
    for field in fields:
        _write_name(canvas, field)
    return canvas


def _write_name(canvas: ColourImage, field: SheetField) -> None:
    """Write a field's name on its upper left corner, in white on its colour."""
    scale = NAME_MM * PX_PER_MM / _CAP_HEIGHT_PX
    (width, height), _ = cv2.getTextSize(field.name, _FACE, scale, 1)
    x, y = _px(field.x, field.y)
    y = max(y, height + 4)
    cv2.rectangle(canvas, (x, y - height - 4), (x + width + 4, y + 1), KIND_COLOURS[field.kind], cv2.FILLED)
    cv2.putText(canvas, field.name, (x + 2, y - 2), _FACE, scale, (255, 255, 255), 1, cv2.LINE_AA)


def _px(x_mm: float, y_mm: float) -> tuple[int, int]:
    return round(x_mm * PX_PER_MM - 0.5), round(y_mm * PX_PER_MM - 0.5)
