"""Where the boxes of a sheet land on a page for four corners that somebody shows: geometry alone."""

from typing import Any

import numpy as np

from recognizer.errors import RegistrationError
from recognizer.geometry import Points, Rect
from recognizer.placing import points_to_place, shown_at
from recognizer.records import HandPlacement
from recognizer.template import A4_MM, SheetTemplate

DIGITS = 1
"""Decimals of a pixel that are sent: a tenth is finer than a screen shows."""


def landing(placed: HandPlacement, template: SheetTemplate) -> dict[str, Any]:
    """Return every box of a page as a polygon in pixels of its picture, and the frame that the four points make.

    Raises:
        RegistrationError: the four points are not the corners of a sheet, in order.
    """
    to_px = shown_at(placed, template)
    boxes = [{"field": box.field, "points": _rounded(to_px(box.rect.corners()))} for box in template.boxes(placed.page)]
    return {"boxes": boxes, "frame": _rounded(to_px(points_to_place(template, placed.page)))}


def starting_corners(template: SheetTemplate, page: int, width: int, height: int) -> list[list[float]]:
    """Return where the points to show lie on a page that was scanned straight and whole."""
    paper = template.pages[page - 1].paper if template.is_form else Rect(0, 0, *A4_MM)
    points = points_to_place(template, page) / np.array([paper.width, paper.height]) * np.array([width, height])
    return _rounded(points)


def refusal(error: RegistrationError) -> str:
    """Say why four points cannot be."""
    return f"{str(error)[:1].upper()}{str(error)[1:]}: top left, top right, bottom right, bottom left of the sheet."


def _rounded(points: Points) -> list[list[float]]:
    return [[round(float(x), DIGITS), round(float(y), DIGITS)] for x, y in points]
