"""The part of a page around one field, for people: where the field stands, what is beside it, and which it is."""

import cv2
import numpy as np

from recognizer.geometry import Rect, bounding_rect
from recognizer.overlay import UNSETTLED_COLOUR, ColourImage
from recognizer.page_view import JPEG_QUALITY
from recognizer.records import GreyImage
from recognizer.template import SheetField

LEAST_WIDTH_MM = 120.0
"""What is shown at least: the row of a field with its label, and the fields beside it."""

MARGIN_MM = 14.0
"""What is shown around a field at least: one row above it and one below."""

ASPECT = 2.0
"""Width by height of every picture: the place that it takes on the screen never changes."""

OUTLINE_GAP_MM = 0.8
"""Between the boxes of a field and the line around it: a mark that leaves its box is seen."""

OUTLINE_MM = 0.7


def field_area(field: SheetField, page: int) -> Rect:
    """Return the area (mm) that all boxes of a field take."""
    return bounding_rect(np.vstack([box.rect.corners() for box in field.boxes(page)]))


def area_around(field: Rect, paper: Rect) -> Rect:
    """Return the area (mm) to show around a field: of one shape, and within the paper where that is large enough.

    >>> area_around(Rect(100, 100, 20, 10), Rect(0, 0, 210, 297))
    Rect(x=50.0, y=75.0, width=120.0, height=60.0)
    >>> area_around(Rect(10, 10, 20, 10), Rect(0, 0, 210, 297))
    Rect(x=0.0, y=0.0, width=120.0, height=60.0)
    """
    need = field.grown(MARGIN_MM)
    width = max(need.width, need.height * ASPECT, LEAST_WIDTH_MM)
    height = width / ASPECT
    x = min(max(field.x + field.width / 2 - width / 2, paper.x), max(paper.right - width, paper.x))
    y = min(max(field.y + field.height / 2 - height / 2, paper.y), max(paper.bottom - height, paper.y))
    return Rect(x, y, width, height)


def draw_around(page: GreyImage, shown: Rect, area: Rect, field: Rect) -> ColourImage:
    """Return an area of an upright page with a line around a field.

    Args:
        page: the picture of the upright page.
        shown: what area (mm) of the sheet that is.
        area: what is wanted of it (mm); what lies outside the picture is white.
        field: what the line goes around (mm).
    """
    scale = page.shape[1] / shown.width
    left, top = round((area.x - shown.x) * scale), round((area.y - shown.y) * scale)
    width, height = round(area.width * scale), round(area.height * scale)
    canvas = np.full((height, width), 255, dtype=np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, page.shape[1]), min(top + height, page.shape[0])
    if x1 > x0 and y1 > y0:
        canvas[y0 - top : y1 - top, x0 - left : x1 - left] = page[y0:y1, x0:x1]
    drawn = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    around = field.grown(OUTLINE_GAP_MM + OUTLINE_MM / 2)
    corners = [round((at - start) * scale) for at, start in ((around.x, area.x), (around.y, area.y))]
    others = [round((at - start) * scale) for at, start in ((around.right, area.x), (around.bottom, area.y))]
    thickness = max(round(OUTLINE_MM * scale), 1)
    cv2.rectangle(drawn, corners, others, UNSETTLED_COLOUR, thickness, cv2.LINE_AA)
    return drawn


def grey_picture(encoded: bytes) -> GreyImage:
    """Return the pixels of a picture that was encoded here."""
    return np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def colour_jpeg(picture: ColourImage) -> bytes:
    """Return a drawn picture as JPEG: a tenth of what a PNG of a scan takes."""
    encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise ValueError(f"a picture of {picture.shape} cannot be written as JPEG")
    return data.tobytes()
