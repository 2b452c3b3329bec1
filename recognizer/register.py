"""Find the sheet on the page: which one, which way up, and how well it fits. A bad fit is an error, never a guess.

The four corner marks give the position (any three are enough), the QR code and, without it, the marks themselves say
which sheet it is, and the printed rules of the boxes, measured where they should be, tell how far off the fit is.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.blank import is_blank
from recognizer.codes import COVER_TEMPLATE, MARK_SERIALS, Corner, decode_marks, page_code, parse_payload
from recognizer.cover import cover_template
from recognizer.errors import BlankPageError, ForeignSheetError, RegistrationError
from recognizer.fitting import (
    MARK_LIMIT_MM,
    RESCAN_FLAT,
    Fit,
    check_by_rules,
    check_shape,
    fit_to_marks,
)
from recognizer.geometry import Homography
from recognizer.marks import SEARCHES, FoundMark, find_marks, find_missing_marks, refine
from recognizer.records import GreyImage, Page, RegisteredPage, SheetIdentity
from recognizer.template import QR_CODE, SheetSet, SheetTemplate

LEAST_SIDE_PX = 200
"""A page with fewer pixels along a side holds no sheet that can be read."""

QR_PX_PER_MM = (8.0, 5.0, 12.0)
"""Scales at which the QR code is cut out, tried in turn; its modules of about 0.6 mm then have 5, 3 or 8 pixels."""

QR_QUIET_MM = 2.6


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

    Raises:
        BlankPageError: there is nothing on the page.
        ForeignSheetError: the page is a sheet, but not one of this exam.
        RegistrationError: there is no sheet on the page, two of them, a mirrored one, or it does not fit.
    """
    if min(page.pixels.shape) < LEAST_SIDE_PX:
        height, width = page.pixels.shape
        raise RegistrationError(f"the page has only {width} x {height} pixels; scan it at 300 dpi")
    found = _found(page.pixels)
    marks, fit = _fitted(page.pixels, _of_one_sheet(found))
    sheet = _Sheet(marks, fit)
    said = _read_qr(page.pixels, fit.mm_to_px)
    return _known_by_marks(page, sheet, sheets) if said is None else _known_by_qr(page, sheet, said, sheets)


def _found(pixels: GreyImage) -> tuple[FoundMark, ...]:
    """Return the corner marks of a page, one at least; a blank page is told before the search grows thorough.

    Raises:
        BlankPageError: there is nothing on the page.
        RegistrationError: there are no marks on the page, or mirrored ones.
    """
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
    """Refine the marks, look once more for a missing one, and fit the sheet to them."""
    if len(marks) < 3:
        names = ", ".join(corner.name.lower().replace("_", " ") for corner in sorted(marks))
        raise RegistrationError(
            f"only {len(marks)} of 4 corner marks found ({names}), at least 3 are needed; {RESCAN_FLAT}"
        )
    exact = {mark.corner: mark for mark in refine(pixels, tuple(marks.values()))}
    fit = fit_to_marks(exact)
    check_shape(fit.mm_to_px)
    if len(exact) == 3:
        missing = find_missing_marks(pixels, fit.mm_to_px, exact)
        if missing:
            exact |= {mark.corner: mark for mark in refine(pixels, tuple(missing))}
            fit = fit_to_marks(exact)
            check_shape(fit.mm_to_px)
    if fit.rms_mm > MARK_LIMIT_MM:
        raise RegistrationError(
            f"the corner marks miss the sheet by {fit.rms_mm:.2f} mm, at most {MARK_LIMIT_MM} mm are accepted; the "
            f"paper is bent, or the marks belong to different sheets: {RESCAN_FLAT}"
        )
    return exact, fit


def _known_by_qr(page: Page, sheet: _Sheet, said: SheetIdentity, sheets: SheetSet) -> RegisteredPage:
    """Return the page as the sheet that its QR code names.

    Raises:
        ForeignSheetError: it belongs to another exam, or no template of this exam reads it.
        RegistrationError: the corner marks say something else, or the boxes are not where they should be.
    """
    code, serial = sheet.decoded()
    expected = said.serial if (said.serial or 0) <= MARK_SERIALS else None
    if code != page_code(said.exam, said.template, said.version, said.page) or serial != expected:
        raise RegistrationError(
            "the QR code and the corner marks name different sheets; one page may lie over another: scan them singly"
        )
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
    mm_to_px, rules_mm = check_by_rules(page.pixels, sheet.fit, len(sheet.marks), template, identity.page)
    return RegisteredPage(
        page=page,
        template=template,
        identity=identity,
        mm_to_px=mm_to_px,
        error_mm=max(sheet.fit.rms_mm, rules_mm),
        marks_found=len(sheet.marks),
        identified_by=identified_by,
    )


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
