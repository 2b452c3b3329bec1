"""Find the sheet on the page: which one, which way up, and how well it fits. A bad fit is an error, never a guess.

The four corner marks give the position (any three are enough, or two and the QR code), the QR code and, without it, the
marks themselves say which sheet it is, and the printed rules of the boxes, measured where they should be, tell how far
off the fit is.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import cv2
import numpy as np

from recognizer.blank import is_blank
from recognizer.codes import (
    COVER_TEMPLATE,
    FIELD_PRIME,
    MARK_SERIALS,
    Corner,
    codes_of,
    decode_marks,
    mark_codes,
    page_code,
)
from recognizer.cover import cover_template
from recognizer.damaged_marks import find_damaged, is_whole, read_damaged
from recognizer.errors import BlankPageError, ForeignSheetError, RegistrationError
from recognizer.fitting import (
    BENT_MARK_LIMIT_MM,
    MARK_LIMIT_MM,
    MISSHAPEN_MM,
    RESCAN_FLAT,
    Fit,
    check_shape,
    fit_to_marks,
    homography_between,
    misshapen,
)
from recognizer.forms import register_form
from recognizer.marks import SEARCHES, FoundMark, find_marks, find_missing_marks, marks_in_corners, refine
from recognizer.qr import SeenCode, read_qr
from recognizer.records import GreyImage, Page, RegisteredPage, SheetIdentity
from recognizer.rule_fit import check_by_rules
from recognizer.template import QR_CODE, SheetSet, SheetTemplate

LEAST_SIDE_PX = 200
"""A page with fewer pixels along a side holds no sheet that can be read."""

NEAR_MARGIN_MM, FAR_MARGIN_MM = 4.0, 14.0
"""How far around its place a damaged mark is looked for, when three others tell where that is, and when two do."""

CODE_MARGIN_MM = 30.0
"""How far around its place the QR code is looked for when two marks tell where that is: so far off a slant puts it."""

CONTRADICTION = (
    "the QR code and the corner marks name different sheets; one page may lie over another: scan them singly"
)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What is known of a sheet before it is known which: its marks and where it lies."""

    marks: Mapping[Corner, FoundMark]
    fit: Fit

    def decoded(self) -> tuple[int, int | None]:
        """Return the page code and the serial number that the marks hold."""
        return decode_marks({corner: mark.code for corner, mark in self.marks.items()})


def register(page: Page, sheets: SheetSet) -> RegisteredPage:
    """Lay the template that a page belongs to over it.

    A page with corner marks is one of our sheets, whatever else is on it; a page without any may be a form.

    Raises:
        BlankPageError: there is nothing on the page.
        ForeignSheetError: the page is a sheet, but not one of this exam.
        RegistrationError: there is no sheet on the page, two of them, a mirrored one, or it does not fit.
        TemplateError: the picture of a form's blank page cannot be used.
    """
    if min(page.pixels.shape) < LEAST_SIDE_PX:
        height, width = page.pixels.shape
        raise RegistrationError(f"the page has only {width} x {height} pixels; scan it at 300 dpi")
    only_forms = all(template.is_form for template in sheets.templates)
    if only_forms:
        with suppress(RegistrationError):
            return register_form(page, sheets, quickly=True)
    if any(template.is_form for template in sheets.templates) and not find_marks(page.pixels, SEARCHES[:1]):
        if is_blank(page.pixels):
            raise BlankPageError("the page is empty")
        if only_forms:
            return register_form(page, sheets)
        with suppress(RegistrationError):
            return register_form(page, sheets)
    return _register_own(page, sheets)


def _register_own(page: Page, sheets: SheetSet) -> RegisteredPage:
    """Lay one of our own sheets over a page, by its corner marks."""
    try:
        marks = _refined(page.pixels, _of_one_sheet(_found(page.pixels)))
        return _known_by(page, marks, sheets)
    except (cv2.error, np.linalg.LinAlgError) as error:
        raise RegistrationError(
            f"the corner marks on the page make no sheet ({type(error).__name__}); {RESCAN_FLAT}"
        ) from error


def _known_by(page: Page, marks: Mapping[Corner, FoundMark], sheets: SheetSet) -> RegisteredPage:
    """Return the page as what its marks and its QR code say."""
    if len(marks) == 2:
        return _known_by_two(page, marks, sheets)
    return _known_by_three(page, _Sheet(*_fitted(page.pixels, marks)), sheets)


def _known_by_three(page: Page, sheet: _Sheet, sheets: SheetSet) -> RegisteredPage:
    """Return the page as what its QR code says, or without that its marks, of which there are three or four."""
    code = read_qr(page.pixels, sheet.fit.mm_to_px)
    if code is None:
        return _known_by_marks(page, sheet, sheets)
    return _known_by_qr(page, sheet, code.identity, sheets)


def _found(pixels: GreyImage) -> tuple[FoundMark, ...]:
    """Return the corner marks of a page, one at least; a blank page is told before the search grows thorough.

    Raises:
        BlankPageError: there is nothing on the page.
        RegistrationError: there are no marks on the page, or mirrored ones.
    """
    if found := marks_in_corners(pixels):
        return found
    if found := find_marks(pixels, SEARCHES[:1]):
        return found if len(found) >= 3 else find_marks(pixels)
    if is_blank(pixels):
        raise BlankPageError("the page is empty")
    if found := find_marks(pixels, SEARCHES[1:]):
        return found
    if len(find_marks(np.ascontiguousarray(pixels[:, ::-1]))) >= 2:
        raise RegistrationError(
            "the page is mirrored (its corner marks are found in a mirror); turn off mirroring in the scanner"
        )
    raise RegistrationError(
        "no corner marks were found, at least 3 of 4 are needed; is this a sheet printed by this program? If it is, "
        f"{RESCAN_FLAT}, at 150 dpi or more"
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
    """Fit the sheet to its marks, looking once more for a missing one."""
    if len(marks) < 3:
        raise RegistrationError(_too_few(marks))
    exact = dict(marks)
    fit = fit_to_marks(exact)
    check_shape(fit.mm_to_px)
    if len(exact) == 3:
        missing = [mark for mark in refine(pixels, find_missing_marks(pixels, fit.mm_to_px, exact)) if is_whole(mark)]
        if missing:
            exact |= {mark.corner: mark for mark in missing}
            fit = fit_to_marks(exact)
            check_shape(fit.mm_to_px)
        else:
            exact, fit = _with_damaged(pixels, exact, fit)
    if fit.rms_mm > BENT_MARK_LIMIT_MM:
        raise RegistrationError(
            f"the corner marks miss the sheet by {fit.rms_mm:.2f} mm, at most {BENT_MARK_LIMIT_MM} mm are accepted; "
            f"the paper is bent, or the marks belong to different sheets: {RESCAN_FLAT}"
        )
    return exact, fit


def _refined(pixels: GreyImage, marks: Mapping[Corner, FoundMark]) -> dict[Corner, FoundMark]:
    """Return marks with their corners exactly where they are, without those that are damaged, while two are left."""
    exact = {mark.corner: mark for mark in refine(pixels, tuple(marks.values()))}
    whole = {corner: mark for corner, mark in exact.items() if is_whole(mark)}
    if len(whole) < 3:
        return whole if len(whole) >= 2 else exact
    worst, off = misshapen(fit_to_marks(whole))
    if off > MISSHAPEN_MM:
        del whole[list(whole)[worst]]
    return whole


def _may_be(marks: Mapping[Corner, FoundMark]) -> list[dict[Corner, int]]:
    """Return the codes that the other marks of a sheet may have, when two of them were read."""
    known = {corner: mark.code for corner, mark in marks.items()}
    third = next(corner for corner in Corner if corner not in known)
    possible = []
    for symbol in range(FIELD_PRIME):
        data = decode_marks(known | {third: third * FIELD_PRIME + symbol})
        possible.append({corner: code for corner, code in codes_of(*data).items() if corner not in known})
    return possible


def _too_few(marks: Mapping[Corner, FoundMark]) -> str:
    names = ", ".join(corner.name.lower().replace("_", " ") for corner in sorted(marks))
    return (
        f"only {len(marks)} of 4 corner marks found ({names}), at least 3 are needed, or 2 and the square code; "
        f"{RESCAN_FLAT}"
    )


def _with_damaged(pixels: GreyImage, exact: dict[Corner, FoundMark], fit: Fit) -> tuple[dict[Corner, FoundMark], Fit]:
    """Return three marks and their fit with the fourth, if it is there but cannot be read: three tell its code."""
    code, serial = decode_marks({corner: mark.code for corner, mark in exact.items()})
    codes = {corner: mark for corner, mark in codes_of(code, serial).items() if corner not in exact}
    damaged = find_damaged(pixels, fit.mm_to_px, codes, NEAR_MARGIN_MM)
    if not damaged:
        return exact, fit
    more = exact | {mark.corner: mark for mark in damaged}
    try:
        fuller = fit_to_marks(more)
        check_shape(fuller.mm_to_px)
    except RegistrationError:
        return exact, fit
    return (more, fuller) if fuller.rms_mm <= max(MARK_LIMIT_MM, fit.rms_mm) else (exact, fit)


def _known_by_two(page: Page, marks: Mapping[Corner, FoundMark], sheets: SheetSet) -> RegisteredPage:
    """Return the page as the sheet that its QR code names, when two corner marks are left and belong to that sheet.

    Raises:
        ForeignSheetError: it belongs to another exam, or no template of this exam reads it.
        RegistrationError: the QR code cannot be read, or the marks say something else.
    """
    exact = dict(marks)
    fit = fit_to_marks(exact)
    check_shape(fit.mm_to_px)
    if (third := read_damaged(page.pixels, fit.mm_to_px, _may_be(exact), FAR_MARGIN_MM)) is not None:
        return _known_by_three(page, _Sheet(*_fitted(page.pixels, {**exact, third.corner: third})), sheets)
    code = read_qr(page.pixels, fit.mm_to_px, CODE_MARGIN_MM) if fit.rms_mm <= BENT_MARK_LIMIT_MM else None
    if code is None:
        raise RegistrationError(_too_few(marks))
    codes = mark_codes(code.identity)
    if any(mark.code != codes[corner] for corner, mark in exact.items()):
        raise RegistrationError(CONTRADICTION)
    exact, fit = _with_code(page.pixels, exact, fit, code)
    if fit.rms_mm > BENT_MARK_LIMIT_MM:
        raise RegistrationError(_too_few(marks))
    return _registered(page, _Sheet(exact, fit), _named(code.identity, sheets), code.identity, "qr")


def _with_code(
    pixels: GreyImage, marks: Mapping[Corner, FoundMark], fit: Fit, code: SeenCode
) -> tuple[dict[Corner, FoundMark], Fit]:
    """Return two marks and their fit with those of the others that the QR code tells, where they cannot be read.

    Two marks say little of a slant, a QR code that was searched for says some more: so wide is the first search.
    """
    exact, guess = dict(marks), fit.mm_to_px
    leaning = None
    if code.corners is not None:
        on_sheet, on_page = np.vstack([fit.on_sheet, QR_CODE.corners()]), np.vstack([fit.on_page, code.corners])
        guess = leaning = homography_between(on_sheet, on_page)
    missing = {corner: mark for corner, mark in mark_codes(code.identity).items() if corner not in exact}
    for margin in (FAR_MARGIN_MM, NEAR_MARGIN_MM):
        for mark in find_damaged(pixels, guess, missing, margin):
            exact[mark.corner] = mark
            missing.pop(mark.corner)
        if len(exact) > len(marks):
            fit = fit_to_marks(exact)
            check_shape(fit.mm_to_px)
            guess = fit.mm_to_px
    return exact, fit if len(exact) > len(marks) else replace(fit, leaning=leaning)


def _known_by_qr(page: Page, sheet: _Sheet, said: SheetIdentity, sheets: SheetSet) -> RegisteredPage:
    """Return the page as the sheet that its QR code names.

    Raises:
        ForeignSheetError: it belongs to another exam, or no template of this exam reads it.
        RegistrationError: the corner marks say something else, or the boxes are not where they should be.
    """
    code, serial = sheet.decoded()
    expected = said.serial if (said.serial or 0) <= MARK_SERIALS else None
    if code != page_code(said.exam, said.template, said.version, said.page) or serial != expected:
        raise RegistrationError(CONTRADICTION)
    return _registered(page, sheet, _named(said, sheets), said, "qr")


def _named(said: SheetIdentity, sheets: SheetSet) -> SheetTemplate:
    """Return the template that a QR code names.

    Raises:
        ForeignSheetError: it belongs to another exam, or no template of this exam reads it.
    """
    if said.exam != sheets.exam:
        raise ForeignSheetError(f"the sheet belongs to exam '{said.exam}'; this is exam '{sheets.exam}'")
    known = (*sheets.templates, cover_template())
    template = next((template for template in known if template.name == said.template), None)
    names = ", ".join(template.name for template in sheets.templates)
    if template is None:
        raise ForeignSheetError(
            f"the sheet is '{said.template}', which is not one of this exam's templates ({names}); "
            "add it to exam.toml, then have the scans read again (regrade)"
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


def _known_by_marks(page: Page, sheet: _Sheet, sheets: SheetSet) -> RegisteredPage:
    """Return the page as the only sheet that the marks can mean, without help from the QR code.

    There are 139 page codes only: where two templates share one, the printed rules decide, if they can.

    Raises:
        ForeignSheetError: the marks are of no template of this exam.
        RegistrationError: two templates fit alike, or none fits.
    """
    code, serial = sheet.decoded()
    meant = [
        (template, SheetIdentity(sheets.exam, template.name, version, number, serial))
        for template in sheets.templates
        if not template.is_form
        for number in range(1, len(template.pages) + 1)
        for version in _versions_meant(code, sheets.exam, template, number)
    ]
    if not meant and code == page_code(sheets.exam, COVER_TEMPLATE, 1, 1):
        # Only where no sheet of the exam is meant: a cover sheet has no rules that could speak against it.
        meant = [(cover_template(), SheetIdentity(sheets.exam, COVER_TEMPLATE, 1, 1, serial))]
    if not meant:
        raise ForeignSheetError(
            f"the QR code cannot be read, and the corner marks are of no sheet of exam '{sheets.exam}'"
        )
    if len(meant) == 1:
        return _registered(page, sheet, *meant[0], "marks")
    fitting = []
    for template, identity in meant:
        with suppress(RegistrationError):
            fitting.append(_registered(page, sheet, template, identity, "marks"))
    if len(fitting) == 1:
        return fitting[0]
    names = " and ".join(f"'{template.name}' page {identity.page}" for template, identity in meant)
    raise RegistrationError(
        f"the QR code cannot be read, and the corner marks are those of {names}, which fit "
        f"{'alike' if fitting else 'badly'}; scan the page again with a clean code"
    )


def _versions_meant(code: int, exam: str, template: SheetTemplate, page: int) -> tuple[int, ...]:
    """Return the version from which a page with this code was printed, none when it is another page.

    Versions that the template reads have their boxes in the same places, so the newest stands for all that fit.
    """
    versions = (template.version, *template.also_reads)
    return tuple(version for version in versions if page_code(exam, template.name, version, page) == code)[:1]


def _registered(
    page: Page, sheet: _Sheet, template: SheetTemplate, identity: SheetIdentity, identified_by: str
) -> RegisteredPage:
    laid, error_mm = check_by_rules(page.pixels, sheet.fit, template, identity.page)
    return RegisteredPage(
        page=page,
        template=template,
        identity=identity,
        mm_to_px=laid.mm_to_px,
        error_mm=error_mm,
        marks_found=len(sheet.marks),
        identified_by=identified_by,
        bend=laid.bend,
    )
