"""A picture beside what was read on it, drawn afterwards from records: the original left, an annotated copy right."""

import cv2
import numpy as np

from recognizer.colour_picture import ColourImage
from recognizer.free_picture import DigitStatus, FoundDigit, FreeReading
from recognizer.overlay import BLANK_COLOUR, UNSETTLED_COLOUR, VALUE_COLOUR, Colour

LARGEST_SIDE = 2400
"""Pixels of the longest side of each half; photos are reduced to it."""

SMALLEST_SIDE = 480
"""Tiny pictures are enlarged to this longest side, so that what is written beside a digit can be read."""

COLOURS: dict[DigitStatus, Colour] = {
    DigitStatus.READ: VALUE_COLOUR,
    DigitStatus.UNSURE: UNSETTLED_COLOUR,
    DigitStatus.NOT_A_DIGIT: BLANK_COLOUR,
}
"""Green was read, orange has a guess only, grey is no digit."""

MARGIN_SHARE = 0.08
"""Paper between a digit and its outline, as a share of its height."""

TEXT_SHARE = 0.42
"""Height of what is written above a digit, as a share of the usual digit's height..."""

SMALLEST_TEXT = 9.0
"""...but at least so many pixels."""

BETWEEN = 12
"""Pixels between the two halves."""

PALE = 0.45
"""How much of its darkness the copy keeps, so that what is drawn over it stands out."""

_FACE = cv2.FONT_HERSHEY_SIMPLEX
_CAP_HEIGHT_PX = 21.0
"""Height of a capital of that face at scale 1 (OpenCV's Hershey Simplex)."""


def side_by_side_png(picture: ColourImage, reading: FreeReading) -> bytes:
    """Return `side_by_side` as a PNG file."""
    _, packed = cv2.imencode(".png", side_by_side(picture, reading))
    return packed.tobytes()


def side_by_side(picture: ColourImage, reading: FreeReading) -> ColourImage:
    """Draw a picture twice: as it is, and pale with every found digit outlined and what was read above it.

    Args:
        picture: (H, W, 3) uint8, the one that was read.
        reading: what was read on it.
    """
    longest = max(picture.shape[:2])
    scale = min(max(1.0, SMALLEST_SIDE / longest), LARGEST_SIDE / longest)
    size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    original = np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)
    between = np.full((size[1], BETWEEN, 3), 255, np.uint8)
    return np.hstack([original, between, _annotated(original, reading, scale)])


def _annotated(original: ColourImage, reading: FreeReading, scale: float) -> ColourImage:
    grey = cv2.cvtColor(original, cv2.COLOR_BGR2GRAY).astype(np.float32)
    pale = np.asarray(255 - PALE * (255 - grey), np.uint8)
    canvas = np.asarray(cv2.cvtColor(pale, cv2.COLOR_GRAY2BGR), np.uint8)
    usual = float(np.median([digit.bounds.height for digit in reading.digits])) * scale if reading.digits else 0.0
    for digit in reading.digits:
        _draw(canvas, digit, scale, usual)
    return canvas


def _draw(canvas: ColourImage, digit: FoundDigit, scale: float, usual: float) -> None:
    colour = COLOURS[digit.status]
    margin = max(MARGIN_SHARE * usual, 1.0)
    left, top = round(digit.bounds.x * scale - margin), round(digit.bounds.y * scale - margin)
    right, bottom = round(digit.bounds.right * scale + margin), round(digit.bounds.bottom * scale + margin)
    thickness = max(round(usual / 30), 1)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
    text = digit.digit + "?" if digit.status is DigitStatus.UNSURE else digit.text
    height = max(TEXT_SHARE * usual, SMALLEST_TEXT)
    bold = max(round(height / 8), 1)
    (width, drawn), _ = cv2.getTextSize(text, _FACE, height / _CAP_HEIGHT_PX, bold)
    x = min(max((left + right - width) // 2, 0), max(canvas.shape[1] - width, 0))
    above = top - max(round(height / 4), 2)
    y = above if above - drawn >= 0 else min(bottom + drawn + max(round(height / 4), 2), canvas.shape[0] - 1)
    cv2.putText(canvas, text, (x, y), _FACE, height / _CAP_HEIGHT_PX, colour, bold, cv2.LINE_AA)
