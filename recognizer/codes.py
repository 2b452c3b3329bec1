"""The printed codes of a sheet page: what the QR code says, and the same again, shorter, in the four corner marks.

The corner marks are AprilTags of the family 36h11 (Olson 2011; Wang & Olson 2016), which has 587 codes. A mark's
code is `corner * 139 + symbol`. The four symbols are a Reed-Solomon codeword (Reed & Solomon 1960) over the prime
field of 139 elements with three data symbols: a page code (exam, template, version and page, hashed) and the serial
number in base 139. Any three marks give all three data symbols back, and the fourth checks them; so a page whose QR
code is lost, or one of whose marks is lost, still says what it is and whose.

With 139 page codes a sheet of another exam whose QR code is lost has one chance in 139 for each page of this exam to
pass for one of ours, if its boxes stand in the same places; with the QR code it never does.
"""

import re
import zlib
from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import RegistrationError
from recognizer.records import SheetIdentity

FIELD_PRIME = 139
"""Largest prime p with 4 p <= 587, the number of AprilTag 36h11 codes."""

MARK_SERIALS = FIELD_PRIME**2 - 1
"""Serial numbers from 1 to this are told apart by the corner marks alone; larger ones need the QR code."""

PAYLOAD_PREFIX = "TM1"
CODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
"""What an exam code or a template name may look like: it is printed into QR codes and used in file names."""

COVER_TEMPLATE = "batch-cover"
"""What the codes of a cover sheet name in place of a template; no template may have this name."""


class Corner(IntEnum):
    """The corners of a sheet, clockwise; the number is part of the mark's code."""

    TOP_LEFT = 0
    TOP_RIGHT = 1
    BOTTOM_RIGHT = 2
    BOTTOM_LEFT = 3


def payload(identity: SheetIdentity) -> str:
    """Return the text of the QR code; a cover sheet says one thing more.

    >>> payload(SheetIdentity("chem-2026", "cover_marks", 1, 1, 17))
    'TM1:chem-2026:cover_marks:1:1:17'
    >>> payload(SheetIdentity("chem-2026", "batch-cover", 1, 1, 50, "Monday"))
    'TM1:chem-2026:batch-cover:1:1:50:Monday'
    """
    return ":".join(
        (
            PAYLOAD_PREFIX,
            identity.exam,
            identity.template,
            str(identity.version),
            str(identity.page),
            str(identity.serial or 0),
            *([identity.batch] if identity.batch else []),
        )
    )


def parse_payload(text: str) -> SheetIdentity | None:
    """Return what a QR code says, or None when it is none of ours (other codes stand on paper too)."""
    parts = text.split(":")
    batch = parts.pop() if len(parts) == 7 and parts[2] == COVER_TEMPLATE else ""
    if len(parts) != 6 or parts[0] != PAYLOAD_PREFIX or (batch and not CODE_NAME.fullmatch(batch)):
        return None
    exam, template, *numbers = parts[1:]
    if not (CODE_NAME.fullmatch(exam) and CODE_NAME.fullmatch(template)):
        return None
    if not all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers):
        return None
    version, page, serial = (int(number) for number in numbers)
    return SheetIdentity(exam, template, version, page, serial or None, batch)


def page_code(exam: str, template: str, version: int, page: int) -> int:
    """Return the symbol that stands for one page of one template version in one exam, 0 to 138."""
    return zlib.crc32(f"{exam}:{template}:{version}:{page}".encode()) % FIELD_PRIME


def mark_codes(identity: SheetIdentity) -> dict[Corner, int]:
    """Return the AprilTag code of each corner mark of a page."""
    serial = identity.serial or 0
    if serial > MARK_SERIALS:
        serial = 0
    return codes_of(page_code(identity.exam, identity.template, identity.version, identity.page), serial)


def codes_of(code: int, serial: int | None) -> dict[Corner, int]:
    """Return the AprilTag code of each corner mark from a page code and a serial number: what `decode_marks` reads."""
    data = (code, (serial or 0) // FIELD_PRIME, (serial or 0) % FIELD_PRIME)
    return {corner: corner * FIELD_PRIME + _evaluate(data, corner + 1) for corner in Corner}


def corner_of(code: int) -> Corner | None:
    """Return which corner an AprilTag code belongs to; None for a code that we never print."""
    corner = code // FIELD_PRIME
    return Corner(corner) if 0 <= corner <= Corner.BOTTOM_LEFT else None


def decode_marks(codes: Mapping[Corner, int]) -> tuple[int, int | None]:
    """Return the page code and the serial number (None when the marks carry none) from three or four marks.

    Raises:
        RegistrationError: fewer than three marks, or four that do not belong to one sheet.
    """
    if len(codes) < 3:
        raise RegistrationError(
            f"{len(codes)} of 4 corner marks were found, at least 3 are needed; scan the page again"
        )
    symbols = {corner + 1: code % FIELD_PRIME for corner, code in codes.items()}
    known = dict(list(symbols.items())[:3])
    data = _interpolate(known)
    if any(_evaluate(data, at) != symbol for at, symbol in symbols.items()):
        raise RegistrationError(
            "the corner marks belong to different sheets; two sheets may lie on one another: scan them one by one"
        )
    serial = data[1] * FIELD_PRIME + data[2]
    return data[0], serial or None


def mark_modules(code: int) -> NDArray[np.bool_]:
    """Return a corner mark, (8, 8), True where it is black; its black border is part of it."""
    import cv2  # here, because whoever only reads templates needs no pictures

    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    return np.asarray(cv2.aruco.generateImageMarker(family, code, 8)) < 128


def qr_modules(text: str) -> NDArray[np.bool_]:
    """Return a QR code (error correction M), (N, N), True where it is black, without its quiet zone."""
    import cv2  # as above

    parameters = cv2.QRCodeEncoder.Params()
    parameters.correction_level = cv2.QRCodeEncoder_CORRECT_LEVEL_M
    dark = np.asarray(cv2.QRCodeEncoder.create(parameters).encode(text)) < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _evaluate(data: tuple[int, ...], at: int) -> int:
    """Evaluate the polynomial with the coefficients `data` at a point of the field."""
    return int(sum(coefficient * at**power for power, coefficient in enumerate(data)) % FIELD_PRIME)


def _interpolate(points: Mapping[int, int]) -> tuple[int, int, int]:
    """Return the coefficients of the quadratic through three points of the field (Lagrange)."""
    total = np.zeros(3, dtype=np.int64)
    for at, value in points.items():
        a, b = (other for other in points if other != at)
        scale = value * pow((at - a) * (at - b), -1, FIELD_PRIME)
        total += np.array([a * b, -(a + b), 1], dtype=np.int64) * scale
    c0, c1, c2 = (int(symbol) % FIELD_PRIME for symbol in total)
    return c0, c1, c2
