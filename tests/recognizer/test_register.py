"""A drawn and scanned page is found again where it is, said to be what it is, or refused with a reason."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.blank import ink_mm2
from recognizer.codes import MARK_SERIALS, Corner, mark_codes, page_code
from recognizer.errors import BlankPageError, ForeignSheetError, RegistrationError
from recognizer.geometry import Homography, Rect, apply_homography
from recognizer.records import GreyImage, SheetIdentity
from recognizer.register import register
from recognizer.rule_fit import ERROR_LIMIT_MM
from recognizer.template import MARKS, QR_CODE, SheetSet, SheetTemplate
from tests.helpers.paper import PAPER, as_page, draw_page, erase, farthest_mm, plain_template, scan

TEMPLATE = plain_template()
SHEETS = SheetSet("exam", (TEMPLATE,))
CLEAN = draw_page(TEMPLATE)
NO_QR = erase(CLEAN, QR_CODE)
HALF = draw_page(TEMPLATE, dpi=150)
"""Pages at 150 dpi, for tests in which the resolution plays no part: four times as fast."""


def registered_half(pixels: GreyImage, sheets: SheetSet = SHEETS) -> SheetIdentity:
    return register(as_page(pixels), sheets).identity


@settings(max_examples=25, deadline=None)
@given(
    angle=st.floats(-10, 10),
    quarter_turns=st.integers(0, 3),
    dpi=st.sampled_from([150, 200, 240, 300, 360]),
    blur=st.floats(0, 1.0),
    noise=st.floats(0, 14),
    shift=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    one_bit=st.booleans(),
    lost=st.sampled_from([None, None, *Corner]),
    qr=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_scanned_page_is_found_where_it_is(
    *,
    angle: float,
    quarter_turns: int,
    dpi: int,
    blur: float,
    noise: float,
    shift: tuple[float, float],
    one_bit: bool,
    lost: Corner | None,
    qr: bool,
    seed: int,
) -> None:
    drawn = CLEAN if qr else NO_QR
    scanned = scan(
        drawn,
        angle=angle,
        quarter_turns=quarter_turns,
        scale=dpi / 300,
        blur=blur * dpi / 300,
        noise=noise,
        shift=shift,
        one_bit=one_bit,
        lost=lost,
        seed=seed,
    )
    found = register(as_page(scanned.pixels), SHEETS)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3
    assert found.error_mm <= 0.3
    assert found.marks_found == (4 if lost is None else 3)
    assert found.identified_by == ("qr" if qr else "marks")
    assert found.identity == SheetIdentity("exam", "plain", 2, 1, 7)
    assert found.template is TEMPLATE


@pytest.mark.parametrize("lost", [None, Corner.TOP_LEFT])
def test_a_600_dpi_page_is_found(lost: Corner | None) -> None:
    scanned = scan(CLEAN, scale=2, angle=-2, lost=lost)
    found = register(as_page(scanned.pixels), SHEETS)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3


@pytest.mark.parametrize("lean", [0.02, -0.05])
@pytest.mark.parametrize("lost", [None, Corner.TOP_RIGHT, Corner.BOTTOM_LEFT])
def test_a_page_seen_at_a_slant_is_found(lean: float, lost: Corner | None) -> None:
    scanned = scan(CLEAN, perspective=lean, angle=3, lost=lost, noise=4)
    found = register(as_page(scanned.pixels), SHEETS)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3


def written_on(pixels: GreyImage, seed: int, strokes: int = 120) -> GreyImage:
    """Scribble dark strokes over the boxes, as full as a sheet ever gets."""
    random, page = np.random.default_rng(seed), pixels.copy()
    for _ in range(strokes):
        start = random.integers([300, 500], [2300, 3100])
        points = start + np.cumsum(random.normal(0, 25, (6, 2)), axis=0)
        cv2.polylines(page, [points.astype(np.int32)], False, int(random.integers(0, 90)), 6, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("seed", range(3))
def test_handwriting_over_the_boxes_moves_nothing(seed: int) -> None:
    scanned = scan(written_on(CLEAN, seed), angle=-4, blur=0.8, noise=6, lost=(None, Corner.BOTTOM_RIGHT)[seed % 2])
    found = register(as_page(scanned.pixels), SHEETS)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3


def test_zeros_that_fill_their_boxes_do_not_pass_for_rules() -> None:
    """Their sides run along the boxes' sides, both by the same, darker than the rules."""
    page, scale = CLEAN.copy(), 300 / 25.4
    for box in TEMPLATE.boxes(1):
        if box.field in ("candidate", "tick") or box.field.startswith("q"):
            rect = box.rect
            middle = round((rect.x + rect.width / 2) * scale), round((rect.y + rect.height / 2) * scale)
            axes = round((rect.width / 2 - 0.7) * scale), round((rect.height / 2 - 0.7) * scale)
            cv2.ellipse(page, middle, axes, 0, 0, 360, 20, 7, cv2.LINE_AA)
    assert register(as_page(scan(page, angle=2, noise=5).pixels), SHEETS).error_mm < 0.12


@pytest.mark.parametrize("corner", list(Corner))
def test_a_stroke_through_a_mark_moves_nothing(corner: Corner) -> None:
    page, scale = CLEAN.copy(), 300 / 25.4
    mark = MARKS[corner]
    ends = [(round(x * scale), round(y * scale)) for x, y in ((mark.x - 4, mark.y + 1), (mark.x + 4, mark.bottom + 3))]
    cv2.line(page, *ends, 40, 7, cv2.LINE_AA)
    scanned = scan(page, angle=2, noise=5)
    found = register(as_page(scanned.pixels), SHEETS)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3


def test_a_page_on_darker_paper_under_uneven_light_is_found() -> None:
    light = np.linspace(0.45, 0.85, CLEAN.shape[1])[None, :]
    scanned = scan((CLEAN * light).astype(np.uint8), angle=1, noise=5)
    found = register(as_page(scanned.pixels), SHEETS)
    assert farthest_mm(found.mm_to_px, scanned.mm_to_px, TEMPLATE) <= 0.3


def bump(x: np.ndarray, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return how much of the bend is at pixels: most in the middle of the height, right, where no mark tells of it."""
    height, width = shape
    return np.sin(np.pi * np.clip(y / height, 0, 1)) ** 2 * np.clip(x / width * 2 - 0.6, 0, 1)


def warped(pixels: GreyImage, bend_mm: float, dpi: float) -> GreyImage:
    """Bend the right half of a page sideways."""
    height, width = pixels.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = x + bump(x, y, pixels.shape) * bend_mm * dpi / 25.4
    return cv2.remap(pixels, moved.astype(np.float32), y, cv2.INTER_LINEAR, borderValue=PAPER)


@pytest.mark.parametrize("bend_mm", [1.6, 2.5])
def test_a_bent_page_whose_marks_lie_flat_is_refused(bend_mm: float) -> None:
    """Its marks are where they should be; only the printed rules tell that the boxes are not."""
    with pytest.raises(RegistrationError, match=r"bent"):
        register(as_page(warped(HALF, bend_mm, 150)), SHEETS)


def test_a_bent_page_whose_marks_tell_of_it_is_followed() -> None:
    """So far bent that the marks move, too: then the sheet may bend with the paper, and has to be where that is."""
    found = register(as_page(warped(HALF, 5.0, 150)), SHEETS)
    corners = np.vstack([box.rect.corners() for box in TEMPLATE.boxes(1)])
    x, y = (corners * 150 / 25.4 - 0.5).T
    seen = x.copy()
    for _ in range(50):
        seen = x - bump(seen, y, HALF.shape) * 5.0 * 150 / 25.4
    assert np.hypot(*(found.to_px(corners) - np.column_stack([seen, y])).T).max() * 25.4 / 150 <= 0.5


def test_a_little_bend_is_measured() -> None:
    assert 0.1 < register(as_page(warped(HALF, 0.45, 150)), SHEETS).error_mm <= ERROR_LIMIT_MM


def test_a_template_whose_boxes_moved_is_refused() -> None:
    """The same name and version, but edited after printing."""
    moved = TEMPLATE.model_copy(
        update={
            "pages": tuple(
                page.model_copy(
                    update={"fields": tuple(field.model_copy(update={"y": field.y + 2}) for field in page.fields)}
                )
                for page in TEMPLATE.pages
            )
        }
    )
    with pytest.raises(RegistrationError, match="does not fit its template"):
        register(as_page(HALF), SheetSet("exam", (moved,)))


def test_a_mirrored_page_is_refused() -> None:
    with pytest.raises(RegistrationError, match="mirrored"):
        register(as_page(scan(HALF, 150, mirrored=True).pixels), SHEETS)


@pytest.mark.parametrize("gone", [(Corner.TOP_LEFT, Corner.BOTTOM_RIGHT), (Corner.TOP_LEFT, Corner.TOP_RIGHT)])
def test_two_marks_without_the_square_code_are_too_few(gone: tuple[Corner, ...]) -> None:
    page = erase(HALF, QR_CODE, 150)
    for corner in gone:
        page = erase(page, MARKS[corner], 150)
    with pytest.raises(RegistrationError, match="only 2 of 4 corner marks"):
        register(as_page(page), SHEETS)


def test_a_low_resolution_is_named() -> None:
    with pytest.raises(RegistrationError, match=r"about 7\d dpi|no corner marks"):
        register(as_page(scan(CLEAN, scale=0.25).pixels), SHEETS)


def test_a_stretched_page_is_refused() -> None:
    stretched = cv2.resize(HALF, None, fx=1.0, fy=1.15, interpolation=cv2.INTER_AREA)
    with pytest.raises(RegistrationError, match=r"distorted \(its sides scaled 1.15 : 1"):
        register(as_page(stretched), SHEETS)


@pytest.mark.parametrize("qr", [True, False])
def test_a_sheet_of_another_exam_is_foreign(qr: bool) -> None:
    other = draw_page(TEMPLATE, exam="biology", dpi=150, qr=qr)
    with pytest.raises(ForeignSheetError, match="exam 'exam'"):
        register(as_page(other), SHEETS)


@pytest.mark.parametrize("qr", [True, False])
def test_a_sheet_of_another_template_is_foreign(qr: bool) -> None:
    other = draw_page(plain_template("essay"), dpi=150, qr=qr)
    with pytest.raises(ForeignSheetError, match=r"'essay', which is not|of no sheet of exam"):
        register(as_page(other), SHEETS)


def test_versions_that_can_be_read_are_read_and_others_are_foreign() -> None:
    assert registered_half(draw_page(TEMPLATE, version=1, dpi=150)).version == 1
    with pytest.raises(ForeignSheetError, match=r"version 3 .* has version 2 and also_reads 1.* add 3"):
        registered_half(draw_page(TEMPLATE, version=3, dpi=150))


def test_the_marks_say_the_version_too() -> None:
    assert registered_half(draw_page(TEMPLATE, version=1, dpi=150, qr=False)).version == 1
    with pytest.raises(ForeignSheetError, match="of no sheet of exam"):
        registered_half(draw_page(TEMPLATE, version=3, dpi=150, qr=False))


def test_a_page_that_the_template_does_not_have_is_foreign() -> None:
    twice = TEMPLATE.model_copy(update={"pages": TEMPLATE.pages * 2})
    with pytest.raises(ForeignSheetError, match="page 2 of 'plain', which has 1 pages"):
        registered_half(draw_page(twice, 2, dpi=150))


def twins() -> tuple[SheetTemplate, SheetTemplate]:
    """Two templates whose names have the same page code."""
    by_code: dict[int, str] = {}
    for number in range(1000):
        name = f"t{number}"
        code = page_code("exam", name, plain_template(name).version, 1)
        if code in by_code:
            return plain_template(by_code[code]), plain_template(name)
        by_code[code] = name
    raise AssertionError("no twins among a thousand names of 139 codes")


def test_of_two_templates_that_fit_alike_none_is_guessed() -> None:
    one, two = twins()
    sheets = SheetSet("exam", (one, two))
    assert registered_half(draw_page(two, dpi=150), sheets).template == two.name
    with pytest.raises(RegistrationError, match=f"'{one.name}' page 1 and '{two.name}' page 1, which fit alike"):
        registered_half(draw_page(two, dpi=150, qr=False), sheets)


@pytest.mark.parametrize("serial", [None, 1, MARK_SERIALS, MARK_SERIALS + 1, 123_456])
def test_the_serial_number_is_read(serial: int | None) -> None:
    by_qr = registered_half(draw_page(TEMPLATE, serial=serial, dpi=150))
    by_marks = registered_half(draw_page(TEMPLATE, serial=serial, dpi=150, qr=False))
    assert by_qr.serial == serial
    assert by_marks.serial == (serial if (serial or 0) <= MARK_SERIALS else None)


@pytest.mark.parametrize(
    "marks",
    [SheetIdentity("exam", "plain", 2, 1, 8), SheetIdentity("biology", "plain", 2, 1, 7)],
    ids=["another copy", "another exam"],
)
def test_codes_that_contradict_each_other_are_refused(marks: SheetIdentity) -> None:
    with pytest.raises(RegistrationError, match="name different sheets"):
        registered_half(draw_page(TEMPLATE, marks=marks, dpi=150))


def test_marks_of_two_sheets_are_refused() -> None:
    """The lower half of another copy lies over the page."""
    other = draw_page(TEMPLATE, serial=4000, dpi=150)
    page = HALF.copy()
    page[1000:] = other[1000:]
    with pytest.raises(RegistrationError, match="different sheets"):
        registered_half(page)


def test_two_sheets_side_by_side_are_refused() -> None:
    with pytest.raises(RegistrationError, match="twice"):
        registered_half(np.hstack([HALF, HALF]))


def test_a_picture_of_a_mark_among_the_boxes_is_no_mark() -> None:
    page = HALF.copy()
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    code = mark_codes(SheetIdentity("exam", "plain", 2, 1, 7))[Corner.TOP_LEFT]
    page[1250:1290, 700:740] = PAPER
    page[1258:1282, 708:732] = cv2.aruco.generateImageMarker(dictionary, code, 24)
    assert registered_half(page).serial == 7


def paper(seed: int = 0, grey: int = 245) -> GreyImage:
    grain = np.random.default_rng(seed).normal(grey, 4, (1754, 1240))
    return np.clip(grain, 0, 255).astype(np.uint8)


def shadowed() -> GreyImage:
    page = paper().astype(np.float64)
    page[:, :30] *= np.linspace(0.1, 1, 30)
    page[-20:] = 30
    return page.astype(np.uint8)


def punched() -> GreyImage:
    page = paper()
    for y in (640, 1110):
        cv2.circle(page, (71, y), 18, 15, -1)
    return page


def shown_through() -> GreyImage:
    other = 255 - (255 - cv2.GaussianBlur(HALF[:, ::-1], (0, 0), 2).astype(int)) // 7
    return np.minimum(paper(), other).astype(np.uint8)


def dusty() -> GreyImage:
    page = paper()
    for x, y in np.random.default_rng(3).integers(100, 1100, (40, 2)):
        cv2.circle(page, (int(x), int(y)), 1, 60, -1)
    return page


@pytest.mark.parametrize(
    "make", [paper, shadowed, punched, shown_through, dusty, lambda: np.full((1754, 1240), 255, np.uint8)]
)
def test_empty_paper_is_blank(make: object) -> None:
    assert callable(make)
    with pytest.raises(BlankPageError, match="empty"):
        register(as_page(make()), SHEETS)


def with_a_seven() -> GreyImage:
    page = paper()
    cv2.polylines(page, [np.array([[600, 800], [630, 800], [612, 850]], np.int32)], False, 60, 4, cv2.LINE_AA)
    return page


def letter() -> GreyImage:
    page = paper()
    for line in range(30):
        cv2.putText(page, "Dear sir or madam, this is no sheet", (150, 200 + 45 * line), 0, 1.0, 20, 2, cv2.LINE_AA)
    return page


@pytest.mark.parametrize(
    "make", [with_a_seven, letter, lambda: np.zeros((1754, 1240), np.uint8), lambda: 255 - paper()]
)
def test_a_page_with_something_else_is_neither_blank_nor_a_sheet(make: object) -> None:
    assert callable(make)
    with pytest.raises(RegistrationError, match="no corner marks were found"):
        register(as_page(make()), SHEETS)


def test_ink_is_measured_in_square_millimetres() -> None:
    page = paper()
    page[800:859, 500:530] = 20
    assert ink_mm2(page) == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (40, 40), (2000, 5), (60_000, 201)])
def test_tiny_pages_are_no_sheets(shape: tuple[int, int]) -> None:
    with pytest.raises((RegistrationError, BlankPageError)):
        register(as_page(np.full(shape, 255, np.uint8)), SHEETS)


def test_the_transform_maps_pixel_centres() -> None:
    """A black pixel drawn around a point is found where the transform says."""
    found: Homography = register(as_page(HALF), SHEETS).mm_to_px
    corner = apply_homography(found, np.array([[MARKS[Corner.TOP_LEFT].x, MARKS[Corner.TOP_LEFT].y]]))[0]
    assert corner == pytest.approx(np.array([9.0, 16.0]) * 150 / 25.4 - 0.5, abs=0.02)


def test_erasing_leaves_paper() -> None:
    area = Rect(100, 100, 10, 10)
    assert erase(np.zeros((1754, 1240), np.uint8), area, 150)[600, 600] == PAPER
