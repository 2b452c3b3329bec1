"""Prints sheets: a template becomes a vector PDF with corner marks, a QR code, and what is known of each candidate."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from fpdf import FPDF
from fpdf.drawing import DeviceGray, PaintedPath
from numpy.typing import NDArray

from recognizer.codes import mark_codes, payload
from recognizer.errors import PrintError
from recognizer.geometry import Rect
from recognizer.records import SheetIdentity
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.template import (
    A4_MM,
    LETTER_MM,
    MARKS,
    QR_CODE,
    Kind,
    Role,
    SheetField,
    SheetPage,
    SheetTemplate,
)
from recognizer.typefaces import REGULAR, SEMIBOLD, characters_of, shipped_characters, write_static

__all__ = ["Paper", "ScannedPicture", "SheetCopy", "images_to_pdf", "mark_modules", "print_sheets", "qr_modules"]

RULE_MM = 0.25
"""Thickness of a box rule: three pixels at 300 dpi, so no scanner loses it."""

RULE_GREY = 0.3
"""Grey value of box rules: dark enough to survive a scan in black and white, lighter than ink."""

QUIET_GREY = 0.45
"""Grey value of captions and footers."""

LETTER_GREY = 0.66
"""Grey value of the letters inside bubbles, which must not be taken for a filled bubble."""

HAIRLINE_GREY = 0.75
PANEL_GREY = 0.95

ID_DIGIT_MM = 5.5
"""Height of the machine-printed digits of a pre-filled candidate number."""

CAP_HEIGHT = 0.714
"""Height of capitals and digits of Noto Sans, in parts of the font size."""

POINTS_PER_MM = 72 / 25.4
PRINTED_ON = datetime(2000, 1, 1, tzinfo=UTC)
"""The date written into every PDF: the same sheets are then the same bytes."""


class Paper(StrEnum):
    """The paper sizes that sheets are printed on."""

    A4 = "a4"
    LETTER = "letter"

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        return A4_MM if self is Paper.A4 else LETTER_MM

    @property
    def offset_mm(self) -> tuple[float, float]:
        """How far the sheet is moved so that it stands in the middle of the paper."""
        width, height = self.size_mm
        return (width - A4_MM[0]) / 2, (height - A4_MM[1]) / 2


@dataclass(frozen=True, slots=True)
class SheetCopy:
    """One printed copy: its serial number (from 1) and, where known, whose it is.

    `source` says where the candidate stands, such as "roster.csv line 7", for messages.
    """

    serial: int
    candidate_id: str = ""
    candidate_name: str = ""
    source: str = ""


def print_sheets(
    template: SheetTemplate,
    copies: Sequence[SheetCopy],
    exam: str,
    paper: Paper,
    destination: BinaryIO | Path,
    font: Path | None = None,
) -> None:
    """Write a PDF with every page of copy 1, then of copy 2, and so on. The same input gives the same bytes.

    Args:
        template: what to print.
        copies: one entry a copy.
        exam: the exam code, part of every printed code.
        paper: the sheet is moved to the middle of the paper, never scaled.
        destination: a file, or a path to write to.
        font: a further font file for characters that Noto Sans lacks.

    Raises:
        PrintError: a character no font has, or a candidate number that does not fit its boxes.
    """
    with tempfile.TemporaryDirectory() as folder:
        sheet = _Sheet(paper, _load_fonts(template, copies, exam, font, Path(folder)))
        for copy in copies:
            for number in range(1, len(template.pages) + 1):
                _draw_page(sheet, template, number, copy, exam)
        data = sheet.finish(f"{template.title or template.name} - {exam}")
    if isinstance(destination, Path):
        destination.write_bytes(data)
    else:
        destination.write(data)


@dataclass(frozen=True, slots=True)
class _Fonts:
    regular: Path
    semibold: Path
    further: Path | None


def _load_fonts(
    template: SheetTemplate, copies: Sequence[SheetCopy], exam: str, further: Path | None, folder: Path
) -> _Fonts:
    """Cut the fonts down to what these sheets say.

    Raises:
        PrintError: a character that neither the shipped nor the further font has.
    """
    shipped = shipped_characters()
    known = shipped | characters_of(further) if further else shipped
    texts = [(f"the template {template.name}", text) for text in _template_texts(template)]
    texts += [
        (copy.source or f"copy {copy.serial}", text)
        for copy in copies
        for text in (copy.candidate_id, copy.candidate_name)
    ]
    for where, text in texts:
        if lacking := sorted(
            {character for character in text if ord(character) not in known and character.isprintable()}
        ):
            names = ", ".join(f"'{character}' (U+{ord(character):04X})" for character in lacking[:5])
            raise PrintError(f'{where}: no font has {names} of "{text}"; name a font that has it with --font FILE.ttf')
    used = frozenset(ord(character) for _, text in texts for character in text) | frozenset(range(0x20, 0x7F))
    used |= {ord(character) for character in exam + "·…–/±"}
    fonts = _Fonts(folder / "regular.ttf", folder / "semibold.ttf", further)
    write_static(fonts.regular, used & shipped, REGULAR)
    write_static(fonts.semibold, used & shipped, SEMIBOLD)
    return fonts


def _template_texts(template: SheetTemplate) -> Iterator[str]:
    yield from (template.title, template.name)
    for page in template.pages:
        for field in page.fields:
            yield from (field.label, *field.options, *field.captions)


class _Sheet:
    """Paper to draw on, in the sheet's own millimetres; knows fpdf2 so that the rest need not."""

    def __init__(self, paper: Paper, fonts: _Fonts) -> None:
        self._dx, self._dy = paper.offset_mm
        self._pdf = FPDF(unit="mm", format=paper.size_mm)
        self._pdf.set_auto_page_break(False)
        self._pdf.set_creation_date(PRINTED_ON)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._pdf.add_font("sheet", "", str(fonts.regular))
        self._pdf.add_font("sheet", "B", str(fonts.semibold))
        if fonts.further:
            self._pdf.add_font("further", "", str(fonts.further))
            self._pdf.add_font("further", "B", str(fonts.further))
            self._pdf.set_fallback_fonts(["further"])
        self._pdf.set_text_shaping(True)

    def new_page(self) -> None:
        self._pdf.add_page()

    def finish(self, title: str) -> bytes:
        self._pdf.set_title(title)
        return bytes(self._pdf.output())

    def text(
        self,
        x: float,
        baseline: float,
        text: str,
        size: float,
        width: float,
        align: str = "L",
        bold: bool = False,
        grey: float = 0.0,
    ) -> None:
        """Write one line of `size` points between x and x + width; shrink, then shorten what is too long."""
        pdf = self._pdf
        pdf.set_font("sheet", "B" if bold else "", size)
        pdf.set_text_color(round(grey * 255))
        smallest = max(4.0, size * 0.6)
        while (natural := pdf.get_string_width(text)) > width and size > smallest:
            size = max(smallest, min(size - 0.1, size * width / natural))
            pdf.set_font_size(size)
        while pdf.get_string_width(text) > width and len(text) > 2:
            text = text[:-2].rstrip() + "…"
        # fpdf2 sets the baseline at half the height of a cell and 0.3 of the font size.
        pdf.set_xy(x + self._dx, baseline + self._dy - 0.3 * pdf.font_size)
        pdf.cell(width, 0, text, align=align)

    def rules(self, rects: Iterable[Rect]) -> None:
        """Draw box outlines; boxes that adjoin share their rule."""
        edges = {edge for rect in rects for edge in _edges(rect)}
        self._pdf.set_line_width(RULE_MM)
        self._pdf.set_draw_color(round(RULE_GREY * 255))
        for x0, y0, x1, y1 in sorted(edges):
            self._pdf.line(x0 + self._dx, y0 + self._dy, x1 + self._dx, y1 + self._dy)

    def bubble(self, rect: Rect, filled: bool) -> None:
        self._pdf.set_line_width(RULE_MM)
        self._pdf.set_draw_color(round(RULE_GREY * 255))
        self._pdf.set_fill_color(0)
        self._pdf.ellipse(rect.x + self._dx, rect.y + self._dy, rect.width, rect.height, style="DF" if filled else "D")

    def dot(self, x: float, y: float, diameter: float) -> None:
        self._pdf.set_fill_color(round(RULE_GREY * 255))
        self._pdf.ellipse(x - diameter / 2 + self._dx, y - diameter / 2 + self._dy, diameter, diameter, style="F")

    def line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self._pdf.set_line_width(0.2)
        self._pdf.set_draw_color(round(HAIRLINE_GREY * 255))
        self._pdf.line(x0 + self._dx, y0 + self._dy, x1 + self._dx, y1 + self._dy)

    def panel(self, rect: Rect) -> None:
        self._pdf.set_fill_color(round(PANEL_GREY * 255))
        self._pdf.rect(rect.x + self._dx, rect.y + self._dy, rect.width, rect.height, style="F")

    def modules(self, dark: NDArray[np.bool_], area: Rect) -> None:
        """Draw a square code as one path, so that no seam shows between its modules.

        Args:
            dark: (N, N) bool, True where ink is.
            area: where the N by N modules stand.
        """
        module = area.width / len(dark)
        path = PaintedPath()
        path.style.fill_color = DeviceGray(0)
        path.style.stroke_color = None
        path.style.intersection_rule = "nonzero"
        for row, start, stop in _runs(dark):
            path.rectangle(
                area.x + self._dx + start * module, area.y + self._dy + row * module, (stop - start) * module, module
            )
        self._pdf.draw_path(path)


def _edges(rect: Rect) -> tuple[tuple[float, float, float, float], ...]:
    x0, y0, x1, y1 = (round(value, 3) for value in (rect.x, rect.y, rect.right, rect.bottom))
    return (x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)


def _runs(dark: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Return every horizontal run of ink as (row, start, stop)."""
    padded = np.pad(dark.astype(np.int8), ((0, 0), (1, 1)))
    for row, steps in enumerate(np.diff(padded, axis=1)):
        for start, stop in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            yield row, int(start), int(stop)


def mark_modules(code: int) -> NDArray[np.bool_]:
    """Return a corner mark, (8, 8), True where it is black; its black border is part of it."""
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    return np.asarray(cv2.aruco.generateImageMarker(family, code, 8)) < 128


def qr_modules(text: str) -> NDArray[np.bool_]:
    """Return a QR code (error correction M), (N, N), True where it is black, without its quiet zone."""
    parameters = cv2.QRCodeEncoder.Params()
    parameters.correction_level = cv2.QRCodeEncoder_CORRECT_LEVEL_M
    dark = np.asarray(cv2.QRCodeEncoder.create(parameters).encode(text)) < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _draw_page(sheet: _Sheet, template: SheetTemplate, number: int, copy: SheetCopy, exam: str) -> None:
    identity = SheetIdentity(exam, template.name, template.version, number, copy.serial)
    page = template.pages[number - 1]
    sheet.new_page()
    for corner, code in mark_codes(identity).items():
        sheet.modules(mark_modules(code), MARKS[corner])
    sheet.modules(qr_modules(payload(identity)), QR_CODE)
    _draw_header(sheet, template, number, exam)
    _draw_footer(sheet, template, identity, copy, len(template.pages))
    for field in page.fields:
        _draw_field(sheet, field, number)
    _fill_in(sheet, page, number, copy)


def _draw_header(sheet: _Sheet, template: SheetTemplate, number: int, exam: str) -> None:
    sheet.text(22, 22.5, template.title or template.name, 18, 140, bold=True)
    sheet.text(22, 29, f"Exam {exam}", 10, 140, grey=QUIET_GREY)


def _draw_footer(sheet: _Sheet, template: SheetTemplate, identity: SheetIdentity, copy: SheetCopy, pages: int) -> None:
    sheet.text(22, 275.5, "Write with a dark pen, one character in each box.", 8, 166, grey=QUIET_GREY)
    parts = [
        identity.exam,
        f"{template.name} v{template.version}",
        f"page {identity.page} of {pages}",
        f"copy {copy.serial}",
    ]
    sheet.text(22, 280, "  ·  ".join(parts), 8, 166, grey=QUIET_GREY)


def _draw_field(sheet: _Sheet, field: SheetField, page: int) -> None:
    boxes = field.boxes(page)
    if field.shape == "bubble":
        for box in boxes:
            sheet.bubble(box.rect, filled=False)
            sheet.text(
                box.rect.x,
                box.rect.y + box.rect.height / 2 + 0.85,
                box.option or "",
                6.5,
                box.rect.width,
                "C",
                grey=LETTER_GREY,
            )
    else:
        sheet.rules(box.rect for box in boxes)
    if field.kind is Kind.DIGITS and field.decimals:
        after = boxes[-field.decimals].rect
        sheet.dot(after.x - field.point_gap / 2, after.bottom - 1.0, 1.2)
    if field.kind is Kind.CHOICE and field.shape == "box":
        for box, caption in zip(boxes, field.captions or field.options, strict=False):
            sheet.text(box.rect.right + 3, box.rect.y + box.rect.height / 2 + 1.2, caption, 9.5, 80)
    _draw_label(sheet, field)


def _draw_label(sheet: _Sheet, field: SheetField) -> None:
    middle = field.y + field.height / 2
    if field.label_at == "left":
        sheet.text(field.x - (field.label_width or 20), middle + 1.3, field.label, 10.5, (field.label_width or 20) - 3, bold=True)
    else:
        sheet.text(field.x, field.y - 2.2, field.label, 8.5, 100, grey=QUIET_GREY)
    if field.role in (Role.MARK, Role.TOTAL) and field.maximum is not None:
        sheet.text(field.x + field.width + 3, middle + 1.3, f"/ {field.maximum}", 10, 20, grey=QUIET_GREY)


def _fill_in(sheet: _Sheet, page: SheetPage, number: int, copy: SheetCopy) -> None:
    """Print what is known of the candidate into its boxes."""
    if not copy.candidate_id:
        return
    for field in page.fields:
        if field.role is Role.ID:
            _fill_id(sheet, field, number, copy)
        elif field.kind is Kind.IMAGE and field.name == "name" and copy.candidate_name:
            sheet.text(field.x + 3, field.y + field.height / 2 + 1.5, copy.candidate_name, 12, field.width - 6)


def _fill_id(sheet: _Sheet, field: SheetField, number: int, copy: SheetCopy) -> None:
    boxes = field.boxes(number)
    length = field.positions if field.kind is Kind.CHOICE else field.characters
    where = copy.source or f"copy {copy.serial}"
    if len(copy.candidate_id) != length:
        raise PrintError(
            f"{where}: the candidate number {copy.candidate_id} has {len(copy.candidate_id)} characters, field "
            f"{field.name} has {length} boxes; correct the number or use a template that fits"
        )
    if field.kind is Kind.CHOICE:
        for position, character in enumerate(copy.candidate_id):
            row = boxes[position * len(field.options) : (position + 1) * len(field.options)]
            chosen = [box for box in row if box.option == character]
            if not chosen:
                raise PrintError(
                    f"{where}: the candidate number {copy.candidate_id} holds '{character}', which field {field.name} has no bubble for"
                )
            sheet.bubble(chosen[0].rect, filled=True)
        return
    size = ID_DIGIT_MM / CAP_HEIGHT * POINTS_PER_MM
    for box, character in zip(boxes, copy.candidate_id, strict=True):
        sheet.text(box.rect.x, box.rect.y + (box.rect.height + ID_DIGIT_MM) / 2, character, size, box.rect.width, "C")
