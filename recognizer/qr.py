"""The QR code of a sheet that lies on a page: read where it must be, or where it is, when the paper is bent."""

from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.codes import parse_payload
from recognizer.geometry import Homography, Points, Rect, apply_homography
from recognizer.records import GreyImage, SheetIdentity
from recognizer.template import QR_CODE

QR_PX_PER_MM = (8.0, 5.0, 12.0)
"""Scales at which the QR code is cut out, tried in turn; its modules of about 0.6 mm then have 5, 3 or 8 pixels."""

QR_QUIET_MM = 2.6
QR_FAR_MM = 12.0
"""Where the paper is bent, the code is looked for this far around its place."""


@dataclass(frozen=True, slots=True)
class SeenCode:
    """What a QR code says, and its corners in page pixels (clockwise from the top left) where it had to be searched."""

    identity: SheetIdentity
    corners: Points | None = None


def read_qr(pixels: GreyImage, mm_to_px: Homography, far_mm: float = QR_FAR_MM) -> SeenCode | None:
    """Return what the QR code says, or None when it cannot be read, nor found within `far_mm` around its place."""
    area = QR_CODE.grown(QR_QUIET_MM)
    detector = cv2.QRCodeDetector()
    for scale in QR_PX_PER_MM:
        place = (QR_CODE.shifted(-area.x, -area.y).corners() * scale).astype(np.float32)
        try:
            # Where the code is we know; searching for it would take five times as long as decoding it.
            text, _ = detector.decode(_cut(pixels, mm_to_px, area, scale), place[None])
        except cv2.error:
            # The decoder trips over some damaged codes instead of reporting them.
            continue
        identity = parse_payload(text)
        if identity is not None:
            return SeenCode(identity)
    return _searched(pixels, mm_to_px, far_mm)


def _searched(pixels: GreyImage, mm_to_px: Homography, far_mm: float) -> SeenCode | None:
    """Return the QR code that is near its place, but not in it; None when there is none."""
    area, scale = QR_CODE.grown(far_mm), QR_PX_PER_MM[0]
    try:
        # OpenCV's other detector misses clean codes in photographs.
        text, corners, _ = cv2.QRCodeDetectorAruco().detectAndDecode(_cut(pixels, mm_to_px, area, scale))
    except cv2.error:
        return None
    identity = parse_payload(text)
    if identity is None:
        return None
    on_sheet = np.asarray(corners, dtype=np.float64).reshape(4, 2) / scale + np.array([area.x, area.y])
    return SeenCode(identity, apply_homography(mm_to_px, on_sheet))


def _cut(pixels: GreyImage, mm_to_px: Homography, area: Rect, scale: float) -> GreyImage:
    """Return an area (mm) of the sheet upright; what lies outside the page is white."""
    cut = np.array([[1 / scale, 0, area.x], [0, 1 / scale, area.y], [0, 0, 1]])
    size = (round(area.width * scale), round(area.height * scale))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(pixels, mm_to_px @ cut, size, flags=flags, borderValue=255), dtype=np.uint8)
