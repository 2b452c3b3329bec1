"""Printed sheets: codes are found again where they belong, boxes stand where the template says, texts are all there."""

import io
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from recognizer.codes import mark_codes, payload
from recognizer.errors import PrintError
from recognizer.geometry import Rect
from recognizer.printing import Paper, SheetCopy, print_sheets
from recognizer.records import SheetIdentity
from recognizer.template import (
    CONTENT,
    MARKS,
    QR_CODE,
    Kind,
    SheetTemplate,
    find_template,
    parse_template,
    shipped_templates,
)

DPI = 200
PX_PER_MM = DPI / 25.4
PAGES = [(name, page) for name, pages in
         [("cover_marks", 1), ("numeric_answers", 1), ("choice_answers", 1), ("booklet", 2)]
         for page in range(1, pages + 1)]  # fmt: skip
COPY = SheetCopy(17, "00123456", "Ada Lovelace")


def printed(
    template: SheetTemplate | str,
    *copies: SheetCopy,
    paper: Paper = Paper.A4,
    exam: str = "chem-2026",
    font: Path | None = None,
) -> bytes:
    file = io.BytesIO()
    sheet = find_template(template) if isinstance(template, str) else template
    print_sheets(sheet, copies or (SheetCopy(17),), exam, paper, file, font)
    return file.getvalue()


@cache
def shipped(name: str, paper: Paper, filled: bool) -> bytes:
    return printed(name, COPY if filled else SheetCopy(17), paper=paper)


@cache
def rendered(pdf: bytes, page: int) -> np.ndarray:
    """Return a page (from 1) as (H, W) uint8 at 200 dpi."""
    pixels = pdfium.PdfDocument(pdf)[page - 1].render(scale=DPI / 72, grayscale=True).to_numpy()
    return np.array(pixels.reshape(*pixels.shape[:2], -1)[..., 0])


def words(pdf: bytes, page: int = 1) -> str:
    """Return the text of a page, each run of spaces and line ends as one space."""
    return " ".join(pdfium.PdfDocument(pdf)[page - 1].get_textpage().get_text_range().split())


def part(pixels: np.ndarray, rect: Rect) -> np.ndarray:
    """Return what lies in a rectangle given in millimetres of the paper."""
    top, bottom = round(rect.y * PX_PER_MM), round(rect.bottom * PX_PER_MM)
    left, right = round(rect.x * PX_PER_MM), round(rect.right * PX_PER_MM)
    return pixels[max(top, 0) : bottom, max(left, 0) : right]


def expected_middle(rect: Rect, paper: Paper) -> np.ndarray:
    dx, dy = paper.offset_mm
    return np.array([rect.x + rect.width / 2 + dx, rect.y + rect.height / 2 + dy])


# --- codes


@pytest.mark.parametrize("paper", list(Paper))
@pytest.mark.parametrize(("name", "page"), PAGES)
def test_marks_and_qr_code_are_found_again(name: str, page: int, paper: Paper) -> None:
    pixels = rendered(shipped(name, paper, filled=False), page)
    identity = SheetIdentity("chem-2026", name, find_template(name).version, page, 17)
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    corners, codes, _ = cv2.aruco.ArucoDetector(family, parameters).detectMarkers(pixels)
    found = {int(code): quad.reshape(4, 2) for code, quad in zip(codes.ravel(), corners, strict=True)}
    assert set(found) == set(mark_codes(identity).values())
    for corner, code in mark_codes(identity).items():
        middle = (found[code].mean(axis=0) + 0.5) / PX_PER_MM
        assert np.abs(middle - expected_middle(MARKS[corner], paper)).max() < 0.1
        assert found[code][0].sum() == found[code].sum(axis=1).min(), "the tag's own top left is at the top left"
    text, quad, _ = cv2.QRCodeDetector().detectAndDecode(pixels)
    assert text == payload(identity)
    middle = quad.reshape(4, 2).mean(axis=0) / PX_PER_MM
    assert np.abs(middle - expected_middle(QR_CODE, paper)).max() < 0.3


def test_every_copy_has_codes_of_its_own() -> None:
    pdf = printed("booklet", SheetCopy(4), SheetCopy(5))
    found = [cv2.QRCodeDetector().detectAndDecode(rendered(pdf, page))[0] for page in range(1, 5)]
    assert found == [f"TM1:chem-2026:booklet:1:{page}:{serial}" for serial in (4, 5) for page in (1, 2)]


def test_codes_have_no_seams_and_clean_surroundings() -> None:
    pixels = rendered(shipped("cover_marks", Paper.A4, filled=False), 1)
    for rect in MARKS.values():
        border = Rect(rect.x + 0.2, rect.y + 0.2, rect.width - 0.4, 0.7)
        assert part(pixels, border).max() == 0
        outside = rect.grown(1.4)
        quiet = part(pixels, Rect(outside.x, outside.y, outside.width, 1.2))
        assert quiet.min() == 255
    quiet = part(pixels, Rect(QR_CODE.x - 2.4, QR_CODE.y - 2.4, QR_CODE.width + 4.8, 2.2))
    assert quiet.min() == 255


# --- boxes


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_boxes_are_printed_where_the_template_says_and_empty(name: str, page: int) -> None:
    pixels = rendered(shipped(name, Paper.A4, filled=False), page)
    for field in find_template(name).pages[page - 1].fields:
        for box in field.boxes(page):
            rect = box.rect
            if field.shape == "bubble":
                left = Rect(rect.x - 0.3, rect.y + rect.height / 2 - 0.1, 0.6, 0.2)
                assert part(pixels, left).min() < 110
                inside = part(pixels, rect.grown(-0.85))
                assert inside.min() > 120, "the letter is light"
                assert (inside < 250).mean() > 0.02, "but there"
                continue
            top = Rect(rect.x + 0.5, rect.y - 0.3, rect.width - 1, 0.6)
            side = Rect(rect.x - 0.3, rect.y + 0.5, 0.6, rect.height - 1)
            assert part(pixels, top).min(axis=0).max() < 110, "the upper rule has no gap"
            assert part(pixels, side).min(axis=1).max() < 110, "the left rule has no gap"
            assert part(pixels, rect.grown(-0.4)).min() == 255, "nothing is printed inside"


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_boxes_have_white_surroundings(name: str, page: int) -> None:
    """A crop has 1.5 mm around its box: no label and no line of the table may lie there."""
    pixels = rendered(shipped(name, Paper.A4, filled=False), page).copy()
    fields = find_template(name).pages[page - 1].fields
    boxes = [box for field in fields for box in field.boxes(page)]
    points = [field for field in fields if field.kind is Kind.DIGITS and field.decimals]
    for rect in [box.rect.grown(0.3) for box in boxes]:
        part(pixels, rect)[:] = 255
    for field in points:
        after = field.boxes(page)[-field.decimals].rect
        part(pixels, Rect(after.x - field.point_gap, after.y, field.point_gap, after.height))[:] = 255
    for box in boxes:
        assert part(pixels, box.rect.grown(1.4)).min() == 255, (box.field, box.position)


def test_the_decimal_point_stands_between_its_boxes() -> None:
    pixels = rendered(shipped("numeric_answers", Paper.A4, filled=False), 1)
    field = find_template("numeric_answers").pages[0].field_named("answer_07")
    before, after = (box.rect for box in field.boxes(1)[3:5])
    gap = Rect(before.right + 0.3, before.y, after.x - before.right - 0.6, before.height + 0.4)
    rows, columns = np.nonzero(part(pixels, gap) < 128)
    assert columns.mean() / PX_PER_MM == pytest.approx(gap.width / 2, abs=0.1)
    assert rows.mean() / PX_PER_MM > 0.8 * before.height


@pytest.mark.parametrize("paper", list(Paper))
@pytest.mark.parametrize(("name", "page"), PAGES)
def test_nothing_is_printed_near_the_edges_of_the_paper(name: str, page: int, paper: Paper) -> None:
    pixels = rendered(shipped(name, paper, filled=True), page)
    margin = round(6 * PX_PER_MM)
    inner = np.full_like(pixels, 255)
    inner[margin:-margin, margin:-margin] = pixels[margin:-margin, margin:-margin]
    assert np.array_equal(inner, pixels)
    width, height = paper.size_mm
    assert pixels.shape == pytest.approx((height * PX_PER_MM, width * PX_PER_MM), abs=2)


def test_letter_is_the_same_sheet_moved() -> None:
    a4 = rendered(shipped("booklet", Paper.A4, filled=True), 1)
    letter = rendered(shipped("booklet", Paper.LETTER, filled=True), 1)
    dx, dy = Paper.LETTER.offset_mm
    assert (dx, dy) == pytest.approx((2.95, -8.8))
    one = part(a4, CONTENT).astype(float)
    other = part(letter, CONTENT.shifted(dx, dy)).astype(float)
    height, width = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
    shift, response = cv2.phaseCorrelate(one[:height, :width], other[:height, :width])
    assert np.abs(shift).max() < 1.0
    assert response > 0.5


# --- what is filled in


def test_the_number_is_filled_into_boxes_and_bubbles() -> None:
    empty = rendered(shipped("choice_answers", Paper.A4, filled=False), 1)
    filled = rendered(shipped("choice_answers", Paper.A4, filled=True), 1)
    page = find_template("choice_answers").pages[0]
    for box in page.field_named("candidate").boxes(1):
        rows, columns = np.nonzero(part(filled, box.rect.grown(-0.4)) < 128)
        assert (np.ptp(rows) + 1) / PX_PER_MM == pytest.approx(5.6, abs=0.3)
        middle = (columns.min() + columns.max()) / 2 / PX_PER_MM
        assert middle == pytest.approx((box.rect.width - 0.8) / 2, abs=0.6)
    marked = [
        box.option
        for box in page.field_named("candidate_grid").boxes(1)
        if part(filled, box.rect.grown(-1.2)).max() < 50
    ]
    assert marked == list("00123456")
    for field in page.fields:
        if field.name.startswith("answer"):
            area = Rect(field.x, field.y, 33, field.height)
            assert np.array_equal(part(empty, area), part(filled, area))


def test_digits_look_as_they_should() -> None:
    """The widest difference between two different printed digits is large: no digit is lost or doubled."""
    pixels = rendered(printed("cover_marks", SheetCopy(1, "01234567")), 1)
    boxes = find_template("cover_marks").pages[0].field_named("candidate").boxes(1)
    pictures = [part(pixels, box.rect.grown(-0.5))[:60, :43].astype(float) for box in boxes]
    for index, one in enumerate(pictures):
        assert all(np.abs(one - other).mean() > 10 for other in pictures[:index])


def test_the_name_is_printed_unless_it_is_not_given() -> None:
    assert "Ada Lovelace" in words(printed("cover_marks", COPY))
    anonymous = words(printed("cover_marks", SheetCopy(17, "00123456")))
    assert "Ada" not in anonymous
    assert "00123456" in anonymous


@pytest.mark.parametrize(
    "name",
    [
        "Ζωή Παπαδοπούλου",
        "Наталья Ёлкина-Щербакова",
        "Łukasz Żółć",
        "O'Brien \"Bill\" d'Ærø, William",
        "Nguyễn Thị Phương Thảo",
        "<b>& {n} \\(x\\)",
    ],
)
def test_names_of_many_scripts_are_printed(name: str) -> None:
    assert name in words(printed("cover_marks", SheetCopy(1, "00123456", name)))


def test_a_long_name_stays_in_its_box() -> None:
    name = "Maximiliana Konstantina Elisabeth von und zu " + "Hohenlohe-" * 12 + "Waldenburg"
    pixels = rendered(printed("cover_marks", SheetCopy(1, "00123456", name)), 1)
    plain = rendered(printed("cover_marks", SheetCopy(1, "00123456")), 1)
    field = find_template("cover_marks").pages[0].field_named("name")
    box = Rect(field.x, field.y, field.width, field.height).grown(-0.5)
    assert part(pixels, box).min() < 100
    part(pixels.copy(), box)
    outside = pixels.copy()
    part(outside, box)[:] = part(plain, box)
    assert np.array_equal(outside, plain)


def test_a_name_becomes_one_line_and_invisible_characters_go() -> None:
    pdf = printed("cover_marks", SheetCopy(1, "00123456", "Ada\n\u200fLovelace\u200b "))
    assert "Ada Lovelace" in words(pdf)


def test_header_and_footer_say_what_the_codes_say() -> None:
    text = words(printed("booklet", COPY), 2)
    assert text.startswith("Examination booklet Exam chem-2026")
    assert "chem-2026 · booklet v1" in text
    assert "page 2 of 2 · copy 00017 · candidate 00123456" in text


def test_fields_say_question_and_maximum() -> None:
    text = words(shipped("cover_marks", Paper.A4, filled=False))
    assert text.count("/ 10") == 12
    assert "/ 120" in text
    assert "Candidate number" in text
    assert "Name" in text


def test_a_template_of_ones_own_prints_its_labels_captions_and_texts() -> None:
    template = parse_template(
        """
        name = "own"
        title = "Ein Bogen"
        instruction = "Bitte deutlich schreiben."
        [[page]]
        [[page.text]]
        x = 20
        y = 60
        width = 100
        text = "Zwischenüberschrift"
        [[page.field]]
        name = "ticks"
        kind = "choice"
        role = "none"
        label = "Was fehlt?"
        x = 20
        y = 80
        width = 5
        height = 5
        pitch = 40
        multiple = true
        options = ["a", "b"]
        captions = ["Heft", "Name"]
        """
    )
    text = words(printed(template))
    for said in ("Ein Bogen", "Bitte deutlich schreiben.", "Zwischenüberschrift", "Was fehlt?", "Heft", "Name"):
        assert said in text


# --- what cannot be printed


def test_a_number_that_does_not_fit_names_the_row() -> None:
    copies = [
        SheetCopy(1, "00000001", source="roster.csv:2"),
        SheetCopy(2, "0002", source="roster.csv:3"),
        SheetCopy(3, "0000000x"),
    ]
    with pytest.raises(PrintError) as caught:
        printed("cover_marks", *copies)
    first, second = str(caught.value).splitlines()
    assert first.startswith("roster.csv:3: the candidate number '0002' has 4 characters, field candidate has 8")
    assert second.startswith("copy 3: the candidate number '0000000x' holds 'x'")


def test_a_character_that_no_font_has_is_named() -> None:
    with pytest.raises(PrintError) as caught:
        printed("cover_marks", SheetCopy(1, "00123456", "王 Li", source="roster.csv:2"))
    assert str(caught.value) == (
        "roster.csv:2: no font has '王' (U+738B) of \"王 Li\"; name a font that has it: --font FILE.ttf"
    )


def font_with(characters: str, path: Path) -> Path:
    """Write a font in which every one of these characters is a black square."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for point in [(100, 700), (800, 700), (800, 0)]:
        pen.lineTo(point)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"uni{ord(character):04X}" for character in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): f"uni{ord(character):04X}" for character in characters})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (900, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return path


def test_a_further_font_prints_what_the_shipped_one_lacks(tmp_path: Path) -> None:
    font = font_with("王小明", tmp_path / "squares.ttf")
    pdf = printed("cover_marks", SheetCopy(1, "00123456", "王小明 Li"), font=font)
    field = find_template("cover_marks").pages[0].field_named("name")
    inside = part(rendered(pdf, 1), Rect(field.x, field.y, field.width, field.height).grown(-0.5))
    count, _, stats, _ = cv2.connectedComponentsWithStats((inside < 128).astype(np.uint8))
    squares = [area for *_, width, height, area in stats[1:].tolist() if abs(width - height) <= 2 and area > 200]
    assert len(squares) == 3
    assert count >= 1 + 3 + 2, "and the Latin letters beside them"
    assert "王小明 Li" in words(pdf)


def test_what_is_no_font_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.ttf"
    text.write_text("no font")
    with pytest.raises(PrintError, match="is no TrueType or OpenType font"):
        printed("cover_marks", font=text)
    with pytest.raises(PrintError, match="cannot be read: No such file"):
        printed("cover_marks", font=tmp_path / "none.ttf")
    other = font_with("王", tmp_path / "squares.ttf").rename(tmp_path / "squares.dat")
    with pytest.raises(PrintError, match=r"use another \.ttf or \.otf file"):
        printed("cover_marks", font=other)


def test_no_copies_are_refused() -> None:
    with pytest.raises(PrintError, match="no copies"):
        print_sheets(find_template("cover_marks"), [], "exam", Paper.A4, io.BytesIO())


# --- the file


def test_the_same_sheets_are_the_same_bytes() -> None:
    assert printed("choice_answers", COPY) == printed("choice_answers", COPY)


def test_files_are_vectors_with_embedded_fonts_and_small(tmp_path: Path) -> None:
    path = tmp_path / "sheets.pdf"
    print_sheets(find_template("booklet"), [SheetCopy(number) for number in range(1, 4)], "exam", Paper.A4, path)
    assert path.stat().st_size < 200_000
    with pikepdf.open(path) as pdf:
        assert len(pdf.pages) == 6
        assert pdf.docinfo["/Title"] == "Examination booklet - exam"
        for page in pdf.pages:
            assert "/XObject" not in page.Resources, "no picture"
            for font in page.Resources.Font.values():
                descriptor = font.DescendantFonts[0].FontDescriptor
                assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_the_shipped_pdfs_are_printed_from_the_shipped_templates(name: str, page: int) -> None:
    """After a change: tallymark template print NAME -o templates/NAME.pdf."""
    path = shipped_templates()[name].with_suffix(".pdf")
    assert path.stat().st_size < 200_000
    fresh = printed(name, SheetCopy(1), exam="exam")
    assert np.array_equal(rendered(path.read_bytes(), page), rendered(fresh, page))
