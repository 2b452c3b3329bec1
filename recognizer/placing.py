"""A page that a person placed: four points of the sheet were shown, the printed rules do the rest, or refuse it."""

import cv2
import numpy as np

from recognizer.codes import Corner
from recognizer.errors import ForeignSheetError, RegistrationError
from recognizer.fitting import Fit, check_by_rules, check_shape, pulled_in
from recognizer.geometry import Homography, Points
from recognizer.records import HandPlacement, Page, RegisteredPage, SheetIdentity
from recognizer.template import MARKS, SheetSet, SheetTemplate

PLACING_REACHES_MM = (3.0, 1.8, 1.0)
"""How far off the printed rules are looked for, in turn. A person who clicks a corner hits it within about 2 mm."""

POINTS = ("top left", "top right", "bottom right", "bottom left")
"""The order in which the points of a sheet are shown."""

SHOW_AGAIN = f"show the corners of the sheet again, in the order {', '.join(POINTS)} of the sheet as it is read"


def points_to_place(template: SheetTemplate, page: int) -> Points:  # noqa: ARG001 - sheets of other makes differ
    """Return which points (mm) of a page of a template a person is to show, (4, 2), in the order of `POINTS`.

    On a sheet with corner marks these are the outer corners of the marks.
    """
    return np.array([MARKS[corner].corners()[corner_at(corner)] for corner in _ORDER])


_ORDER = (Corner.TOP_LEFT, Corner.TOP_RIGHT, Corner.BOTTOM_RIGHT, Corner.BOTTOM_LEFT)


def corner_at(corner: Corner) -> int:
    """Return which corner of a mark, clockwise from the top left, is the outer one."""
    return _ORDER.index(corner)


def register_placed(page: Page, placed: HandPlacement, sheets: SheetSet) -> RegisteredPage:
    """Lay the template that a person named over a page, where the person showed it, and measure how well it fits.

    Raises:
        ForeignSheetError: no template of this exam is meant, or it has no such page.
        RegistrationError: the boxes do not land on those that are printed on the page.
    """
    template = _named(placed, sheets)
    try:
        rough = _through(placed, page, template)
        check_shape(rough)
        near = pulled_in(page.pixels, rough, template, placed.page, PLACING_REACHES_MM)
        check_shape(near)
        mm_to_px, error_mm = check_by_rules(page.pixels, Fit(near, 0.0), 0, template, placed.page)
    except RegistrationError as error:
        raise RegistrationError(
            f"placed by hand as '{template.name}' page {placed.page}, but it does not fit there ({error}); {SHOW_AGAIN}"
        ) from error
    return RegisteredPage(
        page=page,
        template=template,
        identity=SheetIdentity(sheets.exam, template.name, placed.version, placed.page, placed.serial),
        mm_to_px=mm_to_px,
        error_mm=error_mm,
        marks_found=0,
        identified_by="hand",
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


def _through(placed: HandPlacement, page: Page, template: SheetTemplate) -> Homography:
    """Return the homography through the points that were shown, on the page as it was rendered now."""
    height, width = page.pixels.shape
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
