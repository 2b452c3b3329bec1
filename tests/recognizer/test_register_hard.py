"""Pages that were scanned badly, photographed, or damaged are found where they are, or refused; never elsewhere."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from recognizer.boxes import crop_boxes
from recognizer.codes import Corner
from recognizer.errors import RegistrationError
from recognizer.geometry import MM_PER_INCH, Rect, apply_homography
from recognizer.marks import find_marks, marks_in_corners
from recognizer.records import GreyImage, RegisteredPage, SheetIdentity
from recognizer.register import register
from recognizer.simulate import wear
from recognizer.simulate.hard_scan import ScanRange, scan_badly
from recognizer.simulate.photo import PhotoRange, photograph
from recognizer.simulate.taking import Shot
from recognizer.template import MARKS, QR_CODE, SheetSet
from tests.helpers.paper import PAPER, as_page, draw_page, erase, plain_template, scan

TEMPLATE = plain_template()
SHEETS = SheetSet("exam", (TEMPLATE,))
DPI = 200
PAGE = draw_page(TEMPLATE, dpi=DPI)
IDENTITY = SheetIdentity("exam", "plain", 2, 1, 7)
PX_PER_MM = DPI / MM_PER_INCH
CORNERS = np.vstack([box.rect.corners() for box in TEMPLATE.boxes(1)])
LIMIT_MM = 0.8


class Found(NamedTuple):
    """A registered page and how far (mm) its worst box corner is from the truth."""

    page: RegisteredPage
    off_mm: float


def found_on(shot: Shot) -> Found:
    page = register(as_page(shot.pixels), SHEETS)
    assert page.identity == IDENTITY
    scale = np.hypot(*(shot.mm_to_px(CORNERS + np.array([1.0, 0.0])) - shot.mm_to_px(CORNERS)).T)
    return Found(page, float((np.hypot(*(page.to_px(CORNERS) - shot.mm_to_px(CORNERS)).T) / scale).max()))


def worn(seed: int) -> GreyImage:
    page, random = PAGE.copy(), np.random.default_rng(seed)
    effects = (wear.stain, wear.crease, wear.holes, wear.staple, wear.specks)
    for effect in effects:
        if random.random() < 0.4:
            effect(page, PX_PER_MM, random)
    if random.random() < 0.3:
        wear.scribble_over(MARKS[Corner(random.integers(4))])(page, PX_PER_MM, random)
    return page


@pytest.mark.parametrize("seed", range(12))
def test_a_worn_page_is_found_on_a_bad_scan(seed: int) -> None:
    reach = ScanRange(resolutions=(100, 150, 200, 300))
    assert found_on(scan_badly(worn(seed), DPI, np.random.default_rng(seed), reach)).off_mm <= LIMIT_MM


@pytest.mark.parametrize("seed", range(7))
def test_a_worn_page_is_found_on_a_photo(seed: int) -> None:
    assert found_on(photograph(worn(seed), DPI, np.random.default_rng(seed))).off_mm <= LIMIT_MM


@pytest.mark.parametrize("seed", range(4))
def test_a_curled_page_is_straightened(seed: int) -> None:
    """No flat sheet comes nearer than 0.8 mm, and the crops show the boxes only where the bend is followed."""
    reach = PhotoRange(curled=1, slope=0.14, shadow=0)
    shot = photograph(PAGE, DPI, np.random.default_rng(seed + 30), reach)
    found = found_on(shot)
    assert found.off_mm <= 0.3
    if found.page.bend is None:
        return
    seen = [crop.sides_seen for crop in crop_boxes(found.page)]
    flat = [crop.sides_seen for crop in crop_boxes(replace(found.page, bend=None))]
    assert np.mean(seen) > 3.8
    assert np.mean(seen) >= np.mean(flat)


def test_curled_pages_have_bends() -> None:
    reach = PhotoRange(curled=1, slope=0.14, shadow=0)
    shots = [photograph(PAGE, DPI, np.random.default_rng(seed + 30), reach) for seed in range(3)]
    assert any(found_on(shot).page.bend is not None for shot in shots)


@pytest.mark.parametrize("shift_mm", [(-15.0, 0.0), (15.0, 0.0), (-14.0, 13.0), (0.0, -15.0), (0.0, 15.0)])
@pytest.mark.parametrize("angle", [1.5])
def test_a_page_cut_off_by_15_mm_is_found(shift_mm: tuple[float, float], angle: float) -> None:
    """Sideways that takes two corner marks; the square code and the rules do the rest."""
    scanned = scan(PAGE, DPI, shift=shift_mm, noise=4)
    middle = np.array(scanned.pixels.shape[::-1]) / 2
    turn = cv2.getRotationMatrix2D(tuple(middle.tolist()), angle, 1.0)
    pixels = cv2.warpAffine(scanned.pixels, turn, scanned.pixels.shape[::-1], borderValue=PAPER)
    full = np.vstack([turn, [0, 0, 1]]) @ scanned.mm_to_px
    shot = Shot(np.asarray(pixels, np.uint8), lambda points: apply_homography(full, points))
    found = found_on(shot)
    assert found.off_mm <= 0.4
    assert found.page.marks_found >= 2


def test_two_marks_that_belong_to_another_sheet_are_refused() -> None:
    page = draw_page(TEMPLATE, dpi=DPI, marks=SheetIdentity("exam", "plain", 2, 1, 8))
    for corner in (Corner.TOP_LEFT, Corner.BOTTOM_LEFT):
        page = erase(page, MARKS[corner], DPI)
    with pytest.raises(RegistrationError, match="name different sheets"):
        register(as_page(page), SHEETS)


def punched(corner: Corner, at: tuple[float, float], pixels: GreyImage = PAGE) -> GreyImage:
    page, mark = pixels.copy(), MARKS[corner]
    centre = (round((mark.x + at[0]) * PX_PER_MM), round((mark.y + at[1]) * PX_PER_MM))
    cv2.circle(page, centre, round(2.9 * PX_PER_MM), 120, -1, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("at", [(0.0, 0.0), (9.0, 4.0), (4.5, 4.5), (2.0, 8.0)])
@pytest.mark.parametrize("qr", [True, False])
def test_punched_marks_move_nothing(at: tuple[float, float], *, qr: bool) -> None:
    """A hole in both left marks, as a four-hole punch makes them; in their middles it leaves too little to be sure."""
    page = punched(Corner.BOTTOM_LEFT, at, punched(Corner.TOP_LEFT, at, PAGE if qr else erase(PAGE, QR_CODE, DPI)))
    scanned = scan(page, DPI, angle=1.0, noise=4)
    shot = Shot(scanned.pixels, lambda points: apply_homography(scanned.mm_to_px, points))
    if at == (4.5, 4.5) and not qr:
        with pytest.raises(RegistrationError, match="only 2 of 4"):
            found_on(shot)
        return
    assert found_on(shot).off_mm <= 0.4


def test_a_mark_written_over_is_not_guessed() -> None:
    """Two marks gone for good and no square code: nothing says whose sheet it is."""
    page = erase(PAGE, QR_CODE, DPI)
    for corner in (Corner.TOP_LEFT, Corner.BOTTOM_RIGHT):
        page = erase(page, MARKS[corner], DPI)
        mark = MARKS[corner]
        left, top = round(mark.x * PX_PER_MM), round(mark.y * PX_PER_MM)
        page[top : top + 70, left : left + 70] = (
            np.random.default_rng(corner).integers(0, 2, (10, 10)).repeat(7, 0).repeat(7, 1) * 255
        )
    with pytest.raises(RegistrationError):
        register(as_page(page), SHEETS)


def test_the_quick_search_finds_what_the_full_one_finds() -> None:
    quick, full = ({m.corner: m for m in search(PAGE)} for search in (marks_in_corners, find_marks))
    assert quick.keys() == full.keys() == set(Corner)
    for corner in Corner:
        assert quick[corner].code == full[corner].code
        assert quick[corner].corners == pytest.approx(full[corner].corners, abs=1.5)


def test_the_quick_search_leaves_two_sheets_to_the_full_one() -> None:
    assert marks_in_corners(np.hstack([PAGE, PAGE])) == ()


def test_a_page_covered_by_another_paper_is_refused() -> None:
    page = PAGE.copy()
    area = Rect(20, 60, 170, 190)
    page[
        round(area.y * PX_PER_MM) : round(area.bottom * PX_PER_MM),
        round(area.x * PX_PER_MM) : round(area.right * PX_PER_MM),
    ] = 230
    with pytest.raises(RegistrationError, match="printed rules"):
        register(as_page(page), SHEETS)
