"""Find the sheet on the page: which one, which way up, and how well it fits. A bad fit is an error, never a guess.

The four corner marks give the position (any three are enough), the QR code and, without it, the marks themselves say
which sheet it is, and the printed rules of the boxes, measured where they should be, tell how far off the fit is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.blank import is_blank
from recognizer.codes import MARK_SERIALS, Corner, decode_marks, page_code, parse_payload
from recognizer.errors import BlankPageError, ForeignSheetError, RegistrationError
from recognizer.geometry import MM_PER_INCH, Homography, Points, apply_homography
from recognizer.marks import FoundMark, find_marks, find_missing_marks, px_per_mm_at, refine
from recognizer.records import GreyImage, Page, RegisteredPage, SheetIdentity
from recognizer.rules import Probes, measure, probes_of
from recognizer.template import A4_MM, MARKS, QR_CODE, SheetSet, SheetTemplate

MARK_LIMIT_MM = 0.35
"""Root mean square distance of the mark corners from where they should be, at most: a flat scan has 0.05."""

ERROR_LIMIT_MM = 0.5
"""How far off the printed rules of any part of the page may lie: what is left must stay within reach of the snapping of
box outlines (`boxes.SNAP_REACH_MM`), and well below the 0.8 mm at which a box is cut wrongly."""

WORTH_REFINING_MM = 0.12
"""A fit whose rules lie farther off than this in some part of the page is improved by them: paper stretches."""

LEAST_SIDE_PX = 200
"""A page with fewer pixels along a side holds no sheet that can be read."""

LEAST_PX_PER_MM = 3.5
"""Below about 90 dpi a digit has too few pixels to be read."""

ASPECT_LIMIT = 1.06
"""How different the scale along and across the page may be; scanners and photocopiers stay within 1.02."""

PERSPECTIVE_LIMIT = 1.35
"""How different the scale at the corners of the page may be: a phone held over a desk gives up to 1.2."""

AFFINE_LIMIT_MM = 0.12
"""Three marks are fitted without perspective, which they determine badly, while they fit so well."""

REGIONS = (5, 7)
"""The page is judged in parts of about 4 x 4 cm: a curled corner must not hide behind the good rest."""

LEAST_RULES_IN_REGION = 6
"""Parts with fewer printed rules than this say too little by themselves and count only for the whole."""

MOST_RULES = 75
"""Percentile of the distances in a part that is taken for its error: a quarter may be ink instead of rules."""

LEAST_SEEN = 0.4
LEAST_SEEN_IN_REGION = 0.35
"""Share of the printed rules that must be seen where expected; crossing ink hides some, a wrong place nearly all."""

QR_PX_PER_MM = (8.0, 5.0, 12.0)
"""Scales at which the QR code is cut out, tried in turn; its modules of about 0.6 mm then have 5, 3 or 8 pixels."""

QR_QUIET_MM = 2.6

_ADVICE = "scan the page again, flat and with all four corner marks on it"


@dataclass(frozen=True, slots=True)
class Fit:
    """A sheet laid over a page by its corner marks, and by how much the marks miss it."""

    mm_to_px: Homography
    rms_mm: float


def register(page: Page, sheets: SheetSet) -> RegisteredPage:
    """Lay the template that a page belongs to over it.

    Raises:
        BlankPageError: there is nothing on the page.
        ForeignSheetError: the page is a sheet, but not one of this exam.
        RegistrationError: there is no sheet on the page, two of them, a mirrored one, or it does not fit.
    """
    if min(page.pixels.shape) < LEAST_SIDE_PX:
        height, width = page.pixels.shape
        raise RegistrationError(f"the page has only {width} x {height} pixels; scan it at 300 dpi")
    found = find_marks(page.pixels)
    if not found:
        raise _without_marks(page.pixels)
    marks, fit = _fitted(page.pixels, _of_one_sheet(found))
    template, identity, identified_by = _identify(page.pixels, marks, fit.mm_to_px, sheets)
    mm_to_px, rules_mm = _checked_by_rules(page.pixels, fit, len(marks), template, identity.page)
    return RegisteredPage(
        page=page,
        template=template,
        identity=identity,
        mm_to_px=mm_to_px,
        error_mm=max(fit.rms_mm, rules_mm),
        marks_found=len(marks),
        identified_by=identified_by,
    )


def _without_marks(pixels: GreyImage) -> Exception:
    """Return why a page has no corner marks: it is empty, mirrored, or no sheet."""
    if is_blank(pixels):
        return BlankPageError("the page is empty")
    if len(find_marks(np.ascontiguousarray(pixels[:, ::-1]))) >= 2:
        return RegistrationError(
            "the page is mirrored (its corner marks are found in a mirror); turn off mirroring in the scanner"
        )
    return RegistrationError(
        "no corner marks were found, at least 3 of 4 are needed; is this a sheet printed by this program? If it is, "
        f"{_ADVICE}, at 150 dpi or more"
    )


def _of_one_sheet(found: Sequence[FoundMark]) -> dict[Corner, FoundMark]:
    """Return the marks by corner.

    Raises:
        RegistrationError: a corner mark stands on the page twice.
    """
    marks: dict[Corner, FoundMark] = {}
    for mark in found:
        if mark.corner in marks:
            name = mark.corner.name.lower().replace("_", " ")
            raise RegistrationError(
                f"the {name} corner mark is on the page twice; two sheets may lie on one another: scan them one by one"
            )
        marks[mark.corner] = mark
    return marks


def _fitted(pixels: GreyImage, marks: Mapping[Corner, FoundMark]) -> tuple[dict[Corner, FoundMark], Fit]:
    """Refine the marks, look once more for a missing one, and fit the sheet to them."""
    if len(marks) < 3:
        names = ", ".join(corner.name.lower().replace("_", " ") for corner in sorted(marks))
        raise RegistrationError(
            f"only {len(marks)} of 4 corner marks found ({names}), at least 3 are needed; {_ADVICE}"
        )
    exact = {mark.corner: mark for mark in refine(pixels, tuple(marks.values()))}
    fit = _fit(exact)
    _check_shape(fit.mm_to_px)
    if len(exact) == 3:
        missing = find_missing_marks(pixels, fit.mm_to_px, exact)
        if missing:
            exact |= {mark.corner: mark for mark in refine(pixels, tuple(missing))}
            fit = _fit(exact)
            _check_shape(fit.mm_to_px)
    if fit.rms_mm > MARK_LIMIT_MM:
        raise RegistrationError(
            f"the corner marks miss the sheet by {fit.rms_mm:.2f} mm, at most {MARK_LIMIT_MM} mm are accepted; the "
            f"paper is bent, or the marks belong to different sheets: {_ADVICE}"
        )
    return exact, fit


def _fit(marks: Mapping[Corner, FoundMark]) -> Fit:
    """Fit a sheet to the corners of its marks by least squares."""
    on_sheet = np.vstack([MARKS[corner].corners() for corner in marks])
    on_page = np.vstack([mark.corners for mark in marks.values()])
    if len(marks) == 3:
        homogeneous = np.column_stack([on_sheet, np.ones(len(on_sheet))])
        affine = np.linalg.lstsq(homogeneous, on_page, rcond=None)[0].T
        transform = np.vstack([affine, [0.0, 0.0, 1.0]])
        rms = _rms_mm(transform, on_sheet, on_page)
        if rms <= AFFINE_LIMIT_MM:
            return Fit(transform, rms)
    transform = _homography(on_sheet, on_page)
    return Fit(transform, _rms_mm(transform, on_sheet, on_page))


def _homography(on_sheet: Points, on_page: Points) -> Homography:
    transform, _ = cv2.findHomography(on_sheet, on_page, 0)
    if transform is None:
        raise RegistrationError(f"the corner marks stand in a line; {_ADVICE}")
    return np.asarray(transform, dtype=np.float64)


def _rms_mm(transform: Homography, on_sheet: Points, on_page: Points) -> float:
    away = apply_homography(transform, on_sheet) - on_page
    scale = px_per_mm_at(transform, on_sheet.mean(axis=0))
    return float(np.sqrt((away**2).sum(axis=1).mean())) / scale


def _check_shape(mm_to_px: Homography) -> None:
    """Raise RegistrationError when the sheet would be folded, stretched, leaning or tiny."""
    width, height = A4_MM
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    depth = corners @ mm_to_px[2, :2] + mm_to_px[2, 2]
    steps = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    middle, right, down = apply_homography(mm_to_px, steps + np.array([width / 2, height / 2]))
    jacobian = np.column_stack([right - middle, down - middle])
    if depth.min() <= 0 < depth.max() or np.linalg.det(jacobian) <= 0:
        raise RegistrationError(f"the corner marks do not stand in the order of a sheet; {_ADVICE}")
    large, small = np.linalg.svd(jacobian, compute_uv=False)
    scales = [px_per_mm_at(mm_to_px, corner) for corner in corners]
    if large / small > ASPECT_LIMIT or max(scales) / min(scales) > PERSPECTIVE_LIMIT:
        raise RegistrationError(
            f"the sheet is distorted (its sides scaled {large / small:.2f} : 1, its corners "
            f"{max(scales) / min(scales):.2f} : 1); {_ADVICE}"
        )
    if small < LEAST_PX_PER_MM:
        raise RegistrationError(
            f"the sheet is scanned at about {small * MM_PER_INCH:.0f} dpi, at least 100 are needed; scan it at 300 dpi"
        )


def _identify(
    pixels: GreyImage, marks: Mapping[Corner, FoundMark], mm_to_px: Homography, sheets: SheetSet
) -> tuple[SheetTemplate, SheetIdentity, str]:
    """Return which sheet it is, and by what it is known ("qr" or "marks")."""
    code, serial = decode_marks({corner: mark.code for corner, mark in marks.items()})
    said = _read_qr(pixels, mm_to_px)
    if said is None:
        template, page = _known_by_marks(code, sheets)
        return template, SheetIdentity(sheets.exam, template.name, template.version, page, serial), "marks"
    expected = said.serial if (said.serial or 0) <= MARK_SERIALS else None
    if code != page_code(said.exam, said.template, said.page) or serial != expected:
        raise RegistrationError(
            "the QR code and the corner marks name different sheets; one page may lie over another: scan them singly"
        )
    return _known_by_qr(said, sheets), said, "qr"


def _known_by_qr(said: SheetIdentity, sheets: SheetSet) -> SheetTemplate:
    """Return the template that a QR code names.

    Raises:
        ForeignSheetError: it belongs to another exam, or no template of this exam reads it.
    """
    if said.exam != sheets.exam:
        raise ForeignSheetError(f"the sheet belongs to exam '{said.exam}'; this is exam '{sheets.exam}'")
    template = next((template for template in sheets.templates if template.name == said.template), None)
    names = ", ".join(template.name for template in sheets.templates)
    if template is None:
        raise ForeignSheetError(
            f"the sheet is '{said.template}', which is not one of this exam's templates ({names}); add it to exam.toml"
        )
    if not template.reads(said.version):
        also = f" and also_reads {', '.join(map(str, template.also_reads))}" if template.also_reads else ""
        raise ForeignSheetError(
            f"the sheet was printed from version {said.version} of template '{said.template}', the exam has version "
            f"{template.version}{also}; if the boxes have not moved, add {said.version} to the template's also_reads"
        )
    if not 1 <= said.page <= len(template.pages):
        raise ForeignSheetError(
            f"the sheet is page {said.page} of '{said.template}', which has {len(template.pages)} pages in this exam"
        )
    return template


def _known_by_marks(code: int, sheets: SheetSet) -> tuple[SheetTemplate, int]:
    """Return the only template and page that the marks can mean, without help from the QR code."""
    fitting = [
        (template, page)
        for template in sheets.templates
        for page in range(1, len(template.pages) + 1)
        if page_code(sheets.exam, template.name, page) == code
    ]
    if not fitting:
        raise ForeignSheetError(
            f"the QR code cannot be read, and the corner marks are of no sheet of exam '{sheets.exam}'"
        )
    if len(fitting) > 1:
        names = " and ".join(f"'{template.name}' page {page}" for template, page in fitting)
        raise RegistrationError(
            f"the QR code cannot be read, and the corner marks fit {names} alike; scan the page again with a clean code"
        )
    return fitting[0]


def _read_qr(pixels: GreyImage, mm_to_px: Homography) -> SheetIdentity | None:
    """Return what the QR code says, or None when it cannot be read."""
    area = QR_CODE.grown(QR_QUIET_MM)
    detector = cv2.QRCodeDetector()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for scale in QR_PX_PER_MM:
        cut = np.array([[1 / scale, 0, area.x], [0, 1 / scale, area.y], [0, 0, 1]])
        size = (round(area.width * scale), round(area.height * scale))
        picture = cv2.warpPerspective(pixels, mm_to_px @ cut, size, flags=flags, borderValue=255)
        place = (QR_CODE.shifted(-area.x, -area.y).corners() * scale).astype(np.float32)
        try:
            # Where the code is we know; searching for it would take five times as long as decoding it.
            text, _ = detector.decode(picture, place[None])
        except cv2.error:
            # The decoder trips over some damaged codes instead of reporting them.
            continue
        identity = parse_payload(text)
        if identity is not None:
            return identity
    return None


def _checked_by_rules(
    pixels: GreyImage, fit: Fit, marks: int, template: SheetTemplate, page: int
) -> tuple[Homography, float]:
    """Measure the fit on the printed rules, improve it by them where that is worth it, and refuse it when it is bad."""
    probes = probes_of(template, page)
    if not len(probes.points):
        return fit.mm_to_px, 0.0
    mm_to_px = fit.mm_to_px
    offsets = measure(pixels, mm_to_px, probes)
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
            f"does not fit its template: was it printed from another version, or is the paper bent? {_ADVICE}"
        )
    if error > ERROR_LIMIT_MM:
        raise RegistrationError(
            f"the boxes of '{template.name}' page {page} are off by more than {ERROR_LIMIT_MM} mm in part of the page; "
            f"the paper is bent or stretched: {_ADVICE}"
        )
    return mm_to_px, error


def _error_mm(probes: Probes, offsets: NDArray[np.float64]) -> tuple[float, float]:
    """Return by how many mm the worst part of the page is off, and the share of the rules that were seen.

    A part in which next to no rules are seen is off by more than they are looked for: infinitely far.
    """
    low, high = probes.points.min(axis=0), probes.points.max(axis=0) + 1e-6
    cells = ((probes.points - low) / (high - low) * np.array(REGIONS)).astype(int)
    across = probes.normals[:, 0] > 0.5
    visible = ~np.isnan(offsets)
    worst = 0.0
    for cell in {tuple(cell) for cell in cells.tolist()}:
        inside = (cells == cell).all(axis=1)
        if inside.sum() < LEAST_RULES_IN_REGION:
            continue
        if visible[inside].mean() < LEAST_SEEN_IN_REGION:
            return np.inf, float(visible.mean())
        parts = (np.abs(offsets[inside & visible & way]) for way in (across, ~across))
        dx, dy = (float(np.percentile(part, MOST_RULES)) if len(part) else 0.0 for part in parts)
        worst = max(worst, float(np.hypot(dx, dy)))
    return worst, float(visible.mean())


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
