"""Forms without corner marks are found where they lie, told apart by what is printed on them, or refused."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from recognizer.boxes import crop_boxes
from recognizer.errors import BlankPageError, RegistrationError, TemplateError
from recognizer.forms import form_references, refuse_same_forms
from recognizer.geometry import MM_PER_INCH
from recognizer.records import GreyImage, RegisteredPage
from recognizer.register import register
from recognizer.residuals import box_residuals
from recognizer.simulate.photo import photograph
from recognizer.template import SheetSet, SheetTemplate
from tests.helpers.forms import PX_PER_MM, Form, blank_png, cover, drawn_form, every_form, form_template
from tests.helpers.paper import PAPER, Scanned, as_page, draw_page, plain_template, scan

FORMS = {form.name: form.template() for form in every_form()}
SHEETS = SheetSet("exam", tuple(FORMS.values()))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


def written_on(form: Form, seed: int = 0) -> GreyImage:
    """Return the form with strokes in many of its boxes."""
    pixels, random = form.pixels.copy(), np.random.default_rng(seed)
    boxes = FORMS[form.name].boxes(1)
    for box in [boxes[index] for index in random.choice(len(boxes), len(boxes) // 2, replace=False)]:
        middle = np.array([box.rect.x + box.rect.width / 2, box.rect.y + box.rect.height / 2])
        size = np.array([min(box.rect.width, 12), box.rect.height])
        line = np.rint((middle + size * random.normal(0, 0.25, (5, 2))) * PX_PER_MM).astype(np.int32)
        cv2.polylines(pixels, [line], False, 50, 5, cv2.LINE_AA)
    return pixels


def farthest(found: RegisteredPage, template: SheetTemplate, scanned: Scanned) -> float:
    """Return by how many mm the corners of boxes are off at most."""
    corners = np.vstack([box.rect.corners() for box in template.boxes(1)])
    away = found.to_px(corners) - (np.column_stack([corners, np.ones(len(corners))]) @ scanned.mm_to_px.T)[:, :2]
    return float(np.hypot(*away.T).max() / np.sqrt(abs(np.linalg.det(scanned.mm_to_px[:2, :2]))))


@pytest.mark.parametrize("name", list(FORMS))
def test_a_form_is_found_among_five(name: str) -> None:
    form = drawn_form(name)
    seed = list(FORMS).index(name)
    scanned = scan(
        written_on(form, seed),
        angle=1.5 - 0.7 * seed,
        shift=(3.0, -2.0),
        quarter_turns=seed % 4,
        blur=0.6,
        noise=6,
        scale=200 / 300,
        one_bit=seed == 2,
    )
    found = register(as_page(scanned.pixels), SHEETS)
    assert (found.template.name, found.identity.page, found.identity.serial) == (name, 1, None)
    assert found.identified_by == "form"
    assert farthest(found, FORMS[name], scanned) <= 0.25
    assert found.error_mm <= 0.25
    residuals = [one.off_mm for one in box_residuals(found) if one.off_mm is not None]
    assert np.median(residuals) <= 0.15


def test_empty_rows_are_found_by_all_their_ink() -> None:
    # A list has next to no features that tell one place of it from another; it is found all the same.
    pixels = drawn_form("table").pixels
    blank = pixels.copy()
    blank[: round(23.5 * PX_PER_MM)] = PAPER
    template = form_template(drawn_form("table").toml(), blank)
    scanned = scan(blank, angle=0.8, shift=(2.0, 1.0), noise=8, scale=200 / 300)
    page = replace(as_page(scanned.pixels), width_mm=scanned.pixels.shape[1] / 200 * MM_PER_INCH)
    found = register(page, SheetSet("exam", (template,)))
    assert farthest(found, template, scanned) <= 0.25


def test_a_row_too_low_is_no_place() -> None:
    # Cut off at the top by three rows, the list still fits itself; what is printed in its rows says where.
    form = drawn_form("table")
    cut = form.pixels.copy()
    cut[: round(54 * PX_PER_MM)] = PAPER
    cut = np.roll(cut, -round(30 * PX_PER_MM), axis=0)
    try:
        found = register(as_page(cut), SheetSet("exam", (FORMS["table"],)))
    except RegistrationError:
        return
    assert farthest(found, FORMS["table"], Scanned(cut, _drawn(0.0, -30.0))) <= 0.5


def _drawn(right: float, down: float) -> np.ndarray:
    return np.array([[PX_PER_MM, 0, right * PX_PER_MM - 0.5], [0, PX_PER_MM, down * PX_PER_MM - 0.5], [0, 0, 1.0]])


def test_a_curled_photo_is_followed() -> None:
    form = drawn_form("combs")
    shot = photograph(written_on(form), 300, np.random.default_rng(5))
    found = register(as_page(shot.pixels), SHEETS)
    corners = np.vstack([box.rect.corners() for box in FORMS["combs"].boxes(1)])
    step = np.hypot(*(shot.mm_to_px(corners + np.array([0, 1.0])) - shot.mm_to_px(corners)).T)
    assert (np.hypot(*(found.to_px(corners) - shot.mm_to_px(corners)).T) / step).max() <= 0.4


CURL_MM = 2.5
"""By how much the lower left corner is shifted: so far that its few patches are outvoted at first."""


def curled(down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return by how many mm a page whose lower left corner curls is shifted at places (mm)."""
    return np.asarray(CURL_MM * np.clip((down - 225) / 70, 0, None) ** 2 * np.clip(1 - right / 180, 0, 1))


@pytest.mark.parametrize("hidden", [False, True])
def test_a_box_in_a_curled_corner_is_followed_by_its_own_outline(hidden: bool) -> None:
    pixels = written_on(drawn_form("cover"), 3)
    if hidden:
        # Then nothing in the corner says where the box is.
        pixels[int(244 * PX_PER_MM) :, : int(115 * PX_PER_MM)] = 255
    rows, columns = np.indices(pixels.shape, dtype=np.float32)
    away = (curled(rows / PX_PER_MM, columns / PX_PER_MM) * PX_PER_MM).astype(np.float32)
    page = as_page(cv2.remap(pixels, columns, rows + away, cv2.INTER_LINEAR, borderValue=255))
    if hidden:
        with pytest.raises(RegistrationError, match="around field signature"):
            register(page, SHEETS)
        return
    corners = np.vstack([box.rect.corners() for box in FORMS["cover"].boxes(1)])
    shown = corners.copy()
    for _ in range(30):
        shown[:, 1] = corners[:, 1] - curled(shown[:, 1], shown[:, 0])
    assert np.hypot(*(register(page, SHEETS).to_px(corners) / PX_PER_MM - shown).T).max() <= 0.2


def changed(text: str) -> tuple[SheetTemplate, GreyImage]:
    """Return a cover page that differs from the shipped one in a line of its print only, and its picture."""
    form = cover()
    form.name = "other"
    form.text(150, 24, text, 16)
    form.text(150, 34, text, 16)
    return form.template(), form.pixels


def test_forms_that_look_alike_are_told_apart_by_what_only_one_has() -> None:
    other, pixels = changed("Group B, Tuesday")
    both = SheetSet("exam", (FORMS["cover"], other))
    for drawn, name in ((drawn_form("cover").pixels, "cover"), (pixels, "other")):
        scanned = scan(drawn, angle=0.5, noise=5, scale=200 / 300)
        assert register(as_page(scanned.pixels), both).template.name == name


def test_forms_that_fit_alike_are_refused() -> None:
    other = FORMS["cover"].model_copy(update={"name": "other"})
    with pytest.raises(RegistrationError, match=r"fits 'cover' page 1 and 'other' page 1 alike"):
        register(as_page(scan(drawn_form("cover").pixels, scale=0.5).pixels), SheetSet("exam", (FORMS["cover"], other)))


def test_what_only_one_of_two_has_may_not_be_covered() -> None:
    other, pixels = changed("Group B, Tuesday")
    covered = pixels.copy()
    covered[round(10 * PX_PER_MM) : round(38 * PX_PER_MM), round(145 * PX_PER_MM) :] = 120
    covered[round(12 * PX_PER_MM) : round(36 * PX_PER_MM), round(150 * PX_PER_MM) :: 7] = 20
    try:
        found = register(as_page(scan(covered, scale=0.5).pixels), SheetSet("exam", (FORMS["cover"], other)))
    except RegistrationError as error:
        assert "alike" in str(error)
    else:
        # Its print is not seen, so nothing speaks for it: the plain one is what is there to be seen.
        assert found.template.name == "cover"


@pytest.mark.parametrize("name", ["combs", "survey"])
def test_a_form_of_another_exam_is_refused(name: str) -> None:
    others = SheetSet("exam", tuple(FORMS[other] for other in ("cover", "table")))
    with pytest.raises(RegistrationError, match="form"):
        register(as_page(scan(drawn_form(name).pixels, angle=1, scale=0.4).pixels), others)


def test_a_mirrored_form_is_refused() -> None:
    with pytest.raises(RegistrationError):
        register(
            as_page(np.ascontiguousarray(drawn_form("cover").pixels[::3, ::-3])), SheetSet("exam", (FORMS["cover"],))
        )


def test_an_empty_page_is_blank() -> None:
    with pytest.raises(BlankPageError):
        register(as_page(np.full((1754, 1240), 250, np.uint8)), SHEETS)


def test_our_sheets_and_forms_live_in_one_exam() -> None:
    plain = plain_template()
    mixed = SheetSet("exam", (plain, FORMS["combs"]))
    ours = register(as_page(draw_page(plain, dpi=150)), mixed)
    assert (ours.template.name, ours.identity.serial, ours.identified_by) == ("plain", 7, "qr")
    form = register(as_page(scan(drawn_form("combs").pixels, scale=0.5).pixels), mixed)
    assert (form.template.name, form.identified_by) == ("combs", "form")
    with pytest.raises(RegistrationError, match="no corner marks"):
        register(as_page(scan(drawn_form("survey").pixels, scale=0.4).pixels), mixed)


def test_boxes_are_cut_where_they_are() -> None:
    form = drawn_form("combs")
    scanned = scan(form.pixels, angle=2, shift=(1, 1))
    crops = crop_boxes(register(as_page(scanned.pixels), SHEETS))
    assert len(crops) == len(FORMS["combs"].boxes(1))
    assert {crop.sides_seen for crop in crops} == {4}


def test_a_blank_page_with_nothing_on_it_is_no_reference() -> None:
    toml = 'name = "empty"\n[[page]]\nreference = "empty-1.png"\n' + "\n".join(drawn_form("combs").fields)
    template = form_template(toml, np.full((3508, 2480), 255, np.uint8))
    with pytest.raises(TemplateError, match=r"template 'empty': blank page 1 shows too little"):
        form_references(SheetSet("exam", (template,)))


def test_a_damaged_picture_of_a_blank_page_is_named() -> None:
    page = FORMS["cover"].pages[0].with_blank(blank_png(drawn_form("cover").pixels)[:5000] + b"IEND\xaeB`\x82")
    damaged = FORMS["cover"].model_copy(update={"pages": (page,), "name": "broken"})
    with pytest.raises(TemplateError, match=r"template 'broken': blank page 1"):
        form_references(SheetSet("exam", (damaged,)))


def upside_down_alike(*, heading: bool) -> Form:
    """Draw boxes that look the same upside down, with a heading or without."""
    form = Form("turn")
    for row in range(6):
        for column in range(3):
            form.box(45 + 40 * column, 38.5 + 40 * row, 40, 20)
            form.add(
                name=f"r{row}_c{column}",
                kind="number",
                role="none",
                x=45.0 + 40 * column,
                y=38.5 + 40 * row,
                width=40.0,
                height=20.0,
            )
    if heading:
        form.paragraph(45, 20, 120, 3)
    return form


def test_a_form_that_looks_the_same_upside_down_is_no_template() -> None:
    with pytest.raises(TemplateError, match="looks the same upside down"):
        form_references(SheetSet("exam", (upside_down_alike(heading=False).template(),)))


def test_a_heading_says_which_way_up_it_is() -> None:
    form = upside_down_alike(heading=True)
    template = form.template()
    for quarters in (0, 2):
        scanned = scan(form.pixels, quarter_turns=quarters, noise=4, scale=0.5)
        assert farthest(register(as_page(scanned.pixels), SheetSet("exam", (template,))), template, scanned) <= 0.25


def test_forms_that_look_the_same_are_refused_at_once() -> None:
    other = FORMS["combs"].model_copy(update={"name": "other"})
    with pytest.raises(TemplateError, match=r"page 1 of 'combs' and page 1 of 'other' look the same"):
        refuse_same_forms(SheetSet("exam", (FORMS["combs"], other)))
    refuse_same_forms(SheetSet("exam", (FORMS["combs"], FORMS["cover"])))
