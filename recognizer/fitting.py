"""Lay a sheet over a page by its corner marks, and tell what cannot be a sheet that lies on a page."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.codes import Corner
from recognizer.errors import RegistrationError
from recognizer.geometry import MM_PER_INCH, Homography, Points, apply_homography
from recognizer.marks import FoundMark, px_per_mm_at
from recognizer.template import A4_MM, MARKS

MARK_LIMIT_MM = 0.35
"""Root mean square distance of the mark corners from where they should be, at most: a flat scan has 0.05."""

BENT_MARK_LIMIT_MM = 2.5
"""The same before the sheet is bent to follow its rules (`rule_fit.py`): so far do curled corners stray."""

LEAST_PX_PER_MM = 3.2
"""Below about 82 dpi a digit has too few pixels to be read; 85 dpi has a sheet printed at 85 % and scanned at 100."""

ASPECT_LIMIT = 1.12
"""How different the scale along and across the page may be: scanners and photocopiers stay within 1.02, a phone that
looks at the page at a slant of 25 degrees gives 1.1."""

PERSPECTIVE_LIMIT = 1.9
"""How different the scale at the corners of the page may be: a phone at such a slant, and near, gives up to 1.7."""

MISSHAPEN_MM = 0.35
"""By how much the corners of one mark may differ from a square, at most: curl makes 0.1 mm of it, a punch 2 mm."""

AFFINE_LIMIT_MM = 0.12
"""Three marks are fitted without perspective, which they determine badly, while they fit so well."""

RESCAN_FLAT = "scan the page again, flat and with all four corner marks on it"
"""What to try when the marks or the boxes do not fit."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A sheet laid over a page by its corner marks, and by how much the marks miss it.

    `on_sheet` (mm) and `on_page` (pixels), (N, 2) each, are the corners of the marks. `leaning` is `mm_to_px` with
    perspective, where that has none because there are three marks only.
    """

    mm_to_px: Homography
    rms_mm: float
    on_sheet: Points
    on_page: Points
    leaning: Homography | None = None

    @property
    def marks(self) -> int:
        """How many marks there are."""
        return len(self.on_sheet) // 4


def fit_to_marks(marks: Mapping[Corner, FoundMark]) -> Fit:
    """Fit a sheet to the corners of its marks by least squares."""
    on_sheet = np.vstack([MARKS[corner].corners() for corner in marks])
    on_page = np.vstack([mark.corners for mark in marks.values()])
    if len(marks) == 2:
        alike = _similarity(on_sheet, on_page)
        return Fit(alike, _rms_mm(alike, on_sheet, on_page), on_sheet, on_page)
    leaning = homography_between(on_sheet, on_page)
    if len(marks) == 3:
        homogeneous = np.column_stack([on_sheet, np.ones(len(on_sheet))])
        affine = np.linalg.lstsq(homogeneous, on_page, rcond=None)[0].T
        flat = np.vstack([affine, [0.0, 0.0, 1.0]])
        rms = _rms_mm(flat, on_sheet, on_page)
        if rms <= AFFINE_LIMIT_MM:
            return Fit(flat, rms, on_sheet, on_page, leaning)
    return Fit(leaning, _rms_mm(leaning, on_sheet, on_page), on_sheet, on_page)


def _similarity(on_sheet: Points, on_page: Points) -> Homography:
    """Return the turned, scaled and shifted sheet: what two marks tell for sure."""
    (x, y), none = on_sheet.T, np.zeros(len(on_sheet))
    equations = np.vstack([np.column_stack([x, -y, none + 1, none]), np.column_stack([y, x, none, none + 1])])
    a, b, right, down = np.linalg.lstsq(equations, on_page.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, right], [b, a, down], [0.0, 0.0, 1.0]])


def homography_between(on_sheet: Points, on_page: Points) -> Homography:
    """Return the homography that maps one set of points nearest to another, by least squares."""
    transform, _ = cv2.findHomography(on_sheet, on_page, 0)
    if transform is None:
        raise RegistrationError(f"the corner marks stand in a line; {RESCAN_FLAT}")
    return np.asarray(transform, dtype=np.float64)


def _rms_mm(transform: Homography, on_sheet: Points, on_page: Points) -> float:
    away = apply_homography(transform, on_sheet) - on_page
    scale = px_per_mm_at(transform, on_sheet.mean(axis=0))
    return float(np.sqrt((away**2).sum(axis=1).mean())) / scale


def perspective(mm_to_px: Homography) -> float:
    """Return how many times larger the sheet is seen at its nearest corner than at its farthest."""
    width, height = A4_MM
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    scales = [px_per_mm_at(mm_to_px, corner) for corner in corners]
    return max(scales) / min(scales)


def misshapen(fit: Fit) -> tuple[int, float]:
    """Return which mark differs most from the square that the fit makes of it, and by how many mm."""
    away = apply_homography(fit.mm_to_px, fit.on_sheet) - fit.on_page
    each = away.reshape(-1, 4, 2)
    off = np.hypot(*np.moveaxis(each - each.mean(axis=1, keepdims=True), 2, 0)).max(axis=1)
    worst = int(off.argmax())
    return worst, float(off[worst]) / px_per_mm_at(fit.mm_to_px, fit.on_sheet.mean(axis=0))


def check_shape(mm_to_px: Homography) -> None:
    """Raise RegistrationError when the sheet would be folded, stretched, leaning or tiny."""
    width, height = A4_MM
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    depth = corners @ mm_to_px[2, :2] + mm_to_px[2, 2]
    steps = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    middle, right, down = apply_homography(mm_to_px, steps + np.array([width / 2, height / 2]))
    jacobian = np.column_stack([right - middle, down - middle])
    if depth.min() <= 0 < depth.max() or np.linalg.det(jacobian) <= 0:
        raise RegistrationError(f"the corner marks do not stand in the order of a sheet; {RESCAN_FLAT}")
    large, small = np.linalg.svd(jacobian, compute_uv=False)
    leaning = perspective(mm_to_px)
    if large / small > ASPECT_LIMIT or leaning > PERSPECTIVE_LIMIT:
        raise RegistrationError(
            f"the sheet is distorted (its sides scaled {large / small:.2f} : 1, its corners {leaning:.2f} : 1); "
            f"{RESCAN_FLAT}"
        )
    if small < LEAST_PX_PER_MM:
        raise RegistrationError(
            f"the sheet is scanned at about {small * MM_PER_INCH:.0f} dpi, at least 100 are needed; scan it at 300 dpi"
        )
