"""A page that a person placed: four points of the sheet were shown, the printed rules do the rest, or refuse it."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from recognizer.bend import Laid
from recognizer.codes import Corner
from recognizer.errors import ForeignSheetError, RegistrationError
from recognizer.fitting import Fit, check_shape
from recognizer.form_fit import fit_form
from recognizer.form_reference import reference_of
from recognizer.geometry import Homography, Points, apply_homography
from recognizer.marks import SEARCHES, find_marks, px_per_mm_at
from recognizer.neighbours import refuse_flat_neighbours, refuse_neighbours
from recognizer.qr import read_qr
from recognizer.records import GreyImage, HandPlacement, Page, RegisteredPage, SheetIdentity
from recognizer.rule_fit import ERROR_LIMIT_MM, check_by_rules, pulled_in
from recognizer.rules import measure, probes_of
from recognizer.template import MARKS, SheetSet, SheetTemplate
from recognizer.warp import Halves

PLACING_REACHES_MM = (3.0, 1.8, 1.0)
"""How far off the printed rules are looked for, in turn. A person who clicks a corner hits it within about 2 mm."""

PULL_LIMIT_MM = 3.5
"""How far from where the sheet was shown its boxes may come to lie: more, and something else was found."""

MARK_NEAR_MM = 2.5
"""How far a corner mark that is found on the page may lie from its place. Paper that is bent so much does not fit."""

FEW_PROBES = 24
"""A box or two do not tell how a page leans or bends: with fewer rules than these it is only shifted to them."""

FEW_SEEN = 0.7
"""Share of so few rules that must be seen."""

NO_POINTS: Points = np.empty((0, 2))
"""Nothing was measured on corner marks: what a person showed is no measurement."""

CLOCKWISE = (Corner.TOP_LEFT, Corner.TOP_RIGHT, Corner.BOTTOM_RIGHT, Corner.BOTTOM_LEFT)
POINTS = ("top left", "top right", "bottom right", "bottom left")
"""The order in which the points of a sheet are shown."""

SHOW_AGAIN = f"show the corners of the sheet again, in the order {', '.join(POINTS)} of the sheet as it is read"


def points_to_place(template: SheetTemplate, page: int) -> Points:
    """Return which points (mm) of a page of a template a person is to show, (4, 2), in the order of `POINTS`.

    On a sheet with corner marks these are the outer corners of the marks, on a form without the corners of the paper.
    """
    if template.is_form:
        return template.pages[page - 1].paper.corners()
    return np.array([MARKS[corner].corners()[outer] for outer, corner in enumerate(CLOCKWISE)])


def register_placed(page: Page, placed: HandPlacement, sheets: SheetSet) -> RegisteredPage:
    """Lay the template that a person named over a page, where the person showed it, and measure how well it fits.

    Raises:
        ForeignSheetError: no template of this exam is meant, or it has no such page.
        RegistrationError: the boxes do not land on those that are printed on the page.
    """
    template = _named(placed, sheets)
    try:
        rough = _through(placed, page.pixels.shape, template)
        lay = _laid_form if template.is_form else _laid_sheet
        laid, error_mm = lay(page.pixels, rough, template, placed.page)
        if not template.is_form:
            _refuse_other_code(page.pixels, laid, placed, sheets)
    except RegistrationError as error:
        raise RegistrationError(
            f"placed by hand as '{template.name}' page {placed.page}, but it does not fit there ({error}); {SHOW_AGAIN}"
        ) from error
    return RegisteredPage(
        page=page,
        template=template,
        identity=SheetIdentity(sheets.exam, template.name, placed.version, placed.page, placed.serial),
        mm_to_px=laid.mm_to_px,
        error_mm=error_mm,
        marks_found=0,
        identified_by="hand",
        bend=laid.bend,
    )


def _refuse_other_code(pixels: GreyImage, laid: Laid, placed: HandPlacement, sheets: SheetSet) -> None:
    """Raise RegistrationError when the square code can be read and says another sheet than the person."""
    if (code := read_qr(pixels, laid.mm_to_px)) is None:
        return
    said = code.identity
    meant = SheetIdentity(sheets.exam, placed.template, placed.version, placed.page, placed.serial)
    same = (said.exam, said.template, said.page) == (meant.exam, meant.template, meant.page)
    if not same or placed.serial not in (None, said.serial):
        raise RegistrationError(
            f"the square code on the page says copy {said.serial or 'without a number'} of page {said.page} of "
            f"'{said.template}', exam '{said.exam}'"
        )


def _named(placed: HandPlacement, sheets: SheetSet) -> SheetTemplate:
    template = next((one for one in sheets.templates if one.name == placed.template), None)
    if template is None:
        names = ", ".join(one.name for one in sheets.templates)
        raise ForeignSheetError(f"placed by hand as '{placed.template}', which this exam does not read ({names})")
    if not 1 <= placed.page <= len(template.pages):
        raise ForeignSheetError(
            f"placed by hand as page {placed.page} of '{template.name}', which has {len(template.pages)} pages"
        )
    if not template.reads(placed.version):
        raise ForeignSheetError(
            f"placed by hand as version {placed.version} of '{template.name}', the exam has version "
            f"{template.version}; place it again, or add {placed.version} to the template's also_reads"
        )
    return template


def shown_at(placed: HandPlacement, template: SheetTemplate) -> Callable[[Points], Points]:
    """Return what maps points (mm) of a sheet to where a person shows them (pixels), before any printed rule is seen.

    Raises:
        RegistrationError: the four points are not the corners of a sheet, in order.
    """
    through = _through(placed, (placed.height, placed.width), template)
    return partial(apply_homography, through)


def _through(placed: HandPlacement, shape: tuple[int, ...], template: SheetTemplate) -> Homography:
    """Return the homography through the points that were shown, on the page as it was rendered now."""
    height, width = shape
    grown = np.array([width / placed.width, height / placed.height])
    shown = (np.array(placed.corners, dtype=np.float64) + 0.5) * grown - 0.5
    _refuse_crossed(shown)
    on_sheet = points_to_place(template, placed.page)
    return np.asarray(
        cv2.getPerspectiveTransform(on_sheet.astype(np.float32), shown.astype(np.float32)), dtype=np.float64
    )


def _refuse_crossed(shown: Points) -> None:
    """Raise RegistrationError unless the points are the corners of a convex shape, clockwise as on paper."""
    sides = np.roll(shown, -1, axis=0) - shown
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    if not np.isfinite(shown).all() or (turns <= 0).any():
        raise RegistrationError("the four points are not the corners of a sheet, in order")


def _laid_sheet(pixels: GreyImage, rough: Homography, template: SheetTemplate, number: int) -> tuple[Laid, float]:
    """Lay one of our own sheets near a place, and tell how far off it is."""
    check_shape(rough)

    def pull(start: Homography) -> Homography:
        return pulled_in(pixels, start, template, number, PLACING_REACHES_MM)

    near = pull(rough)
    check_shape(near)
    laid, error_mm = _checked(pixels, near, template, number)
    probes = probes_of(template, number)
    if len(probes.points):
        _refuse_pulled(laid, rough, probes.points)
        refuse_neighbours(pixels, laid, probes)
        if laid.bend is not None:
            refuse_flat_neighbours(pixels, laid, rough, pull, probes)
    _refuse_marks_elsewhere(pixels, laid)
    return laid, error_mm


def _laid_form(pixels: GreyImage, rough: Homography, template: SheetTemplate, number: int) -> tuple[Laid, float]:
    """Lay somebody else's form near a place, and tell how far off it is."""
    reference = reference_of(template, number)
    fit = fit_form(Halves(pixels), reference, rough)
    _refuse_pulled(fit.laid, rough, reference.centres)
    return fit.laid, fit.error_mm


def _checked(pixels: GreyImage, near: Homography, template: SheetTemplate, number: int) -> tuple[Laid, float]:
    """Return the sheet as the printed rules have it, and how far off it is, or refuse it when that is too far."""
    probes = probes_of(template, number)
    if not 0 < len(probes.points) < FEW_PROBES:
        return check_by_rules(pixels, Fit(near, 0.0, NO_POINTS, NO_POINTS), template, number)
    offsets = measure(pixels, Laid(near).to_px, probes)
    if np.isnan(offsets).mean() > 1 - FEW_SEEN or np.nanmax(np.abs(offsets)) > ERROR_LIMIT_MM:
        raise RegistrationError(f"the few boxes of '{template.name}' page {number} are not printed there")
    return Laid(near), float(np.nanmax(np.abs(offsets)))


def _refuse_pulled(laid: Laid, rough: Homography, points: Points) -> None:
    """Raise RegistrationError when the rules led far away from where the sheet was shown."""
    pulled = _apart_mm(laid, points, apply_homography(rough, points))
    if not pulled <= PULL_LIMIT_MM:
        raise RegistrationError(
            f"the printed boxes lie {pulled:.1f} mm from where the sheet was shown, at most {PULL_LIMIT_MM} mm are "
            "accepted"
        )


def _refuse_marks_elsewhere(pixels: GreyImage, laid: Laid) -> None:
    """Raise RegistrationError when corner marks are found, and one of no corner where the sheet would have it."""
    away: dict[Corner, float] = {}
    for mark in find_marks(pixels, SEARCHES[:1]):
        # Of two sheets on one page the marks of one may lie anywhere.
        distance = _apart_mm(laid, MARKS[mark.corner].corners(), mark.corners)
        away[mark.corner] = min(distance, away.get(mark.corner, np.inf))
    for corner, distance in away.items():
        if not distance <= MARK_NEAR_MM:
            name = corner.name.lower().replace("_", " ")
            raise RegistrationError(f"the {name} corner mark lies {distance:.0f} mm from where the sheet would have it")


def _apart_mm(laid: Laid, on_sheet: Points, on_page: Points) -> float:
    """Return how far points of the page lie from where the sheet has them, at most."""
    apart = float(np.hypot(*(laid.to_px(on_sheet) - on_page).T).max())
    return apart / px_per_mm_at(laid.mm_to_px, on_sheet.mean(axis=0))
