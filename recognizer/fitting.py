"""Lay a sheet over a page: by its corner marks, then checked, and where needed improved, by its printed rules."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.codes import Corner
from recognizer.errors import RegistrationError
from recognizer.geometry import MM_PER_INCH, Homography, Points, apply_homography
from recognizer.marks import FoundMark, px_per_mm_at
from recognizer.records import GreyImage
from recognizer.rules import Probes, measure, probes_of
from recognizer.template import A4_MM, MARKS, SheetTemplate

MARK_LIMIT_MM = 0.35
"""Root mean square distance of the mark corners from where they should be, at most: a flat scan has 0.05."""

ERROR_LIMIT_MM = 0.5
"""How far off the printed rules of any part of the page may lie: what is left must stay within reach of the snapping of
box outlines (`boxes.SNAP_REACH_MM`), and well below the 0.8 mm at which a box is cut wrongly."""

WORTH_REFINING_MM = 0.12
"""A fit whose rules lie farther off than this in some part of the page is improved by them: paper stretches."""

LEAST_PX_PER_MM = 3.5
"""Below about 90 dpi a digit has too few pixels to be read."""

ASPECT_LIMIT = 1.06
"""How different the scale along and across the page may be; scanners and photocopiers stay within 1.02."""

PERSPECTIVE_LIMIT = 1.35
"""How different the scale at the corners of the page may be: a phone held over a desk gives up to 1.2."""

AFFINE_LIMIT_MM = 0.12
"""Three marks are fitted without perspective, which they determine badly, while they fit so well."""

REGIONS = (4, 5)
"""The page is judged in parts of about 4.5 cm: a curled corner must not hide behind the good rest."""

LEAST_RULES = 5
"""Measured places in one part and direction that say something; of fewer all may be hidden or imitated by ink."""

MOST_RULES = 75
"""Percentile of the distances in a part that is taken for its error: a quarter may be ink instead of rules."""

MANY_RULES = 12
"""With fewer measured places in a part its error is the middle one: two or three that are ink would be a quarter."""

LEAST_SEEN = 0.35
LEAST_SEEN_IN_REGION = 0.2
"""Share of the printed rules that must be seen where expected; crossing ink hides some, a wrong place nearly all."""

LEAST_PULLING = 16
"""Measured rules that move a rough fit: twice as many as a homography has freedoms."""

RESCAN_FLAT = "scan the page again, flat and with all four corner marks on it"
"""What to try when the marks or the boxes do not fit."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A sheet laid over a page by its corner marks, and by how much the marks miss it.

    `leaning` is the same with perspective, where `mm_to_px` has none because there are three marks only.
    """

    mm_to_px: Homography
    rms_mm: float
    leaning: Homography | None = None


def fit_to_marks(marks: Mapping[Corner, FoundMark]) -> Fit:
    """Fit a sheet to the corners of its marks by least squares."""
    on_sheet = np.vstack([MARKS[corner].corners() for corner in marks])
    on_page = np.vstack([mark.corners for mark in marks.values()])
    leaning = _homography(on_sheet, on_page)
    if len(marks) == 3:
        homogeneous = np.column_stack([on_sheet, np.ones(len(on_sheet))])
        affine = np.linalg.lstsq(homogeneous, on_page, rcond=None)[0].T
        flat = np.vstack([affine, [0.0, 0.0, 1.0]])
        rms = _rms_mm(flat, on_sheet, on_page)
        if rms <= AFFINE_LIMIT_MM:
            return Fit(flat, rms, leaning)
    return Fit(leaning, _rms_mm(leaning, on_sheet, on_page))


def _homography(on_sheet: Points, on_page: Points) -> Homography:
    transform, _ = cv2.findHomography(on_sheet, on_page, 0)
    if transform is None:
        raise RegistrationError(f"the corner marks stand in a line; {RESCAN_FLAT}")
    return np.asarray(transform, dtype=np.float64)


def _rms_mm(transform: Homography, on_sheet: Points, on_page: Points) -> float:
    away = apply_homography(transform, on_sheet) - on_page
    scale = px_per_mm_at(transform, on_sheet.mean(axis=0))
    return float(np.sqrt((away**2).sum(axis=1).mean())) / scale


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
    scales = [px_per_mm_at(mm_to_px, corner) for corner in corners]
    if large / small > ASPECT_LIMIT or max(scales) / min(scales) > PERSPECTIVE_LIMIT:
        raise RegistrationError(
            f"the sheet is distorted (its sides scaled {large / small:.2f} : 1, its corners "
            f"{max(scales) / min(scales):.2f} : 1); {RESCAN_FLAT}"
        )
    if small < LEAST_PX_PER_MM:
        raise RegistrationError(
            f"the sheet is scanned at about {small * MM_PER_INCH:.0f} dpi, at least 100 are needed; scan it at 300 dpi"
        )


def check_by_rules(
    pixels: GreyImage, fit: Fit, marks: int, template: SheetTemplate, page: int
) -> tuple[Homography, float]:
    """Measure the fit on the printed rules, improve it by them where that is worth it, and refuse it when it is bad."""
    probes = probes_of(template, page)
    if not len(probes.points):
        return fit.mm_to_px, 0.0
    mm_to_px = fit.mm_to_px
    offsets = measure(pixels, mm_to_px, probes)
    error, seen = _error_mm(probes, offsets)
    if fit.leaning is not None and error > WORTH_REFINING_MM:
        other = measure(pixels, fit.leaning, probes)
        if _error_mm(probes, other)[1] > seen:
            mm_to_px, offsets = fit.leaning, other
            error, seen = _error_mm(probes, offsets)
    for _ in range(2):
        if seen < LEAST_SEEN or (error <= WORTH_REFINING_MM and marks == 4):
            break
        better = _moved_by(mm_to_px, probes, offsets)
        again = measure(pixels, better, probes)
        new_error, new_seen = _error_mm(probes, again)
        if new_error >= error or new_seen < seen - 0.02:
            break
        mm_to_px, offsets, error, seen = better, again, new_error, new_seen
    if seen < LEAST_SEEN:
        raise RegistrationError(
            f"only {seen:.0%} of the boxes' printed rules are where '{template.name}' page {page} has them; the sheet "
            f"does not fit its template: was it printed from another version, or is the paper bent? {RESCAN_FLAT}"
        )
    if error > ERROR_LIMIT_MM:
        raise RegistrationError(
            f"the boxes of '{template.name}' page {page} are off by more than {ERROR_LIMIT_MM} mm in part of the page; "
            f"the paper is bent or stretched: {RESCAN_FLAT}"
        )
    return mm_to_px, error


def _error_mm(probes: Probes, offsets: NDArray[np.float64]) -> tuple[float, float]:
    """Return by how many mm the worst part of the page is off, and the share of the rules that were seen.

    Both directions are judged by themselves: along its own rules a box can slip unseen. A part in which next to no
    rules of a direction are seen is off by more than they are looked for: infinitely far.
    """
    low, high = probes.anchors.min(axis=0), probes.anchors.max(axis=0) + 1e-6
    cells = ((probes.anchors - low) / (high - low) * np.array(REGIONS)).astype(int)
    keys = np.column_stack([cells, probes.normals[:, 0] > 0.5]) @ np.array([100, 2, 1])
    visible = ~np.isnan(offsets)
    off: dict[int, float] = defaultdict(float)
    for key in np.unique(keys).tolist():
        inside = keys == key
        seen = np.abs(offsets[inside & visible])
        if inside.sum() >= LEAST_RULES and len(seen) < LEAST_SEEN_IN_REGION * inside.sum():
            return np.inf, float(visible.mean())
        if len(seen) >= LEAST_RULES:
            share = MOST_RULES if len(seen) >= MANY_RULES else 50
            off[key // 2] += float(np.percentile(seen, share)) ** 2
    return float(np.sqrt(max(off.values(), default=0.0))), float(visible.mean())


def _moved_by(mm_to_px: Homography, probes: Probes, offsets: NDArray[np.float64]) -> Homography:
    """Return the homography moved to where the rules were seen: a small homography fitted to the offsets.

    Close to the identity a homography moves (x, y) by (a + b x + c y + g x^2 + h x y, d + e x + f y + g x y + h y^2).
    """
    visible = ~np.isnan(offsets)
    middle, size = np.array(A4_MM) / 2, max(A4_MM) / 2
    x, y = ((probes.points[visible] - middle) / size).T
    normal_x, normal_y = probes.normals[visible].T
    plane = np.column_stack([np.ones_like(x), x, y])
    lean = np.column_stack([x, y]) * (normal_x * x + normal_y * y)[:, None]
    equations = np.column_stack([plane * normal_x[:, None], plane * normal_y[:, None], lean])
    wanted = offsets[visible]
    weight: NDArray[np.float64] = np.ones(len(wanted))
    solution: NDArray[np.float64] = np.zeros(8)
    for _ in range(4):
        solution = np.asarray(np.linalg.lstsq(equations * weight[:, None], wanted * weight, rcond=None)[0], np.float64)
        away = np.abs(equations @ solution - wanted)
        # Cauchy weights: ink that crosses a rule gives offsets that belong to nobody.
        weight = np.sqrt(1 / (1 + (away / 0.06) ** 2))
    corners = np.array([[-0.7, -1], [0.7, -1], [0.7, 1], [-0.7, 1]])
    u, v = corners.T
    a, b, c, d, e, f, g, h = solution
    shift = np.column_stack([a + b * u + c * v + g * u * u + h * u * v, d + e * u + f * v + g * u * v + h * v * v])
    before = corners * size + middle
    return _homography(before, apply_homography(mm_to_px, before + shift))


def pulled_in(
    pixels: GreyImage, mm_to_px: Homography, template: SheetTemplate, page: int, reaches_mm: Sequence[float]
) -> Homography:
    """Return a rough fit moved to where the printed rules are, looked for less and less far away.

    Nothing is checked: `check_by_rules` does that with what comes of it.
    """
    probes = probes_of(template, page)
    for reach in reaches_mm:
        offsets = measure(pixels, mm_to_px, probes, reach)
        if np.count_nonzero(~np.isnan(offsets)) >= LEAST_PULLING:
            mm_to_px = _moved_by(mm_to_px, probes, offsets)
    return mm_to_px
