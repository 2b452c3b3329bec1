"""Prints sheets: a template becomes a vector PDF with corner marks, a QR code, and what is known of each candidate.

What stands where is decided in `sheet_drawing.py`; here are the fonts and the one door to fpdf2.
"""

import math
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from fpdf import FPDF
from fpdf.drawing import PaintedPath
from fpdf.drawing_primitives import DeviceGray
from fpdf.errors import FPDFException
from fpdf.fonts import TTFFont
from numpy.typing import NDArray

from recognizer.errors import PrintError
from recognizer.geometry import Rect
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.sheet_drawing import SheetCopy, TextStyle, draw_page, prefill_problems, template_texts
from recognizer.template import A4_MM, LETTER_MM, SheetTemplate
from recognizer.template_parts import HAIRLINE_MM
from recognizer.typefaces import REGULAR, SEMIBOLD, characters_of, shipped_characters, static_font

__all__ = ["Canvas", "Paper", "ScannedPicture", "SheetCopy", "images_to_pdf", "print_sheets"]

RULE_MM = 0.25
"""Thickness of a box rule: three pixels at 300 dpi, so no scanner loses it."""

RULE_GREY = 0.3
"""Grey value of box rules: dark enough to survive a scan in black and white, lighter than ink."""

HAIRLINE_GREY = 0.7
PANEL_GREY = 0.95

PEN_MM = 0.6
"""Thickness of a pen in the examples of how not to fill a bubble."""

SMALLEST_SHRINK = 0.55
"""A text too long for its place is made smaller down to this part of its size, then cut."""

MAX_LISTED = 20
"""More problems of a roster than these are counted, not listed."""

PRINTED_ON = datetime(2000, 1, 1, tzinfo=UTC)
"""The date written into every PDF: the same sheets are then the same bytes."""

FRAME_CHARACTERS = frozenset(range(0x20, 0x7F)) | frozenset(range(0xA0, 0x180)) | {ord("…")}
"""What headers and footers may say besides the texts of the template. Most sheets need no more characters than these,
so most print jobs of a process share their fonts."""


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


def print_sheets(  # noqa: PLR0917 - each says something else, and all are needed
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
        copies: one entry a copy, at least one.
        exam: the exam code, part of every printed code.
        paper: the sheet is moved to the middle of the paper, never scaled.
        destination: a file open for writing bytes, or a path.
        font: a further font file for characters that Noto Sans lacks.

    Raises:
        PrintError: a character no font has, or a candidate number that does not fit its boxes. Every such copy is
            named.
    """
    if template.is_form:
        raise PrintError(
            f"'{template.name}' is a form that was printed elsewhere; copy the blank form itself, it needs no codes"
        )
    if not copies:
        raise PrintError("there is nothing to print: no copies; ask for at least one")
    copies = [_tidied(copy) for copy in copies]
    known = shipped_characters() | (characters_of(font) if font else frozenset())
    problems = [problem for copy in copies for problem in prefill_problems(template, copy)]
    if problems := [*_lacking(template, copies, known), *problems]:
        more = [f"and {len(problems) - MAX_LISTED} more"] if len(problems) > MAX_LISTED else []
        raise PrintError("\n".join([*problems[:MAX_LISTED], *more]))
    with tempfile.TemporaryDirectory(prefix="tallymark-fonts-") as folder:
        fonts = _write_fonts(template, copies, font, Path(folder))
        data = _drawn(template, copies, exam, Canvas(paper, fonts))
    if isinstance(destination, Path):
        destination.write_bytes(data)
    else:
        destination.write(data)


def _drawn(template: SheetTemplate, copies: Sequence[SheetCopy], exam: str, canvas: "Canvas") -> bytes:
    """Return the PDF of all copies."""
    with canvas as sheet:
        for copy in copies:
            for number in range(1, len(template.pages) + 1):
                sheet.new_page()
                draw_page(sheet, template, number, copy, exam)
        return sheet.finish(f"{template.title or template.name} - {exam}")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Font files: the shipped one cut down in two weights, and a further one for what it lacks."""

    regular: Path
    semibold: Path
    further: Path | None


def _tidied(copy: SheetCopy) -> SheetCopy:
    """Make a name one line. Invisible characters (direction marks, joiners) go: fonts need not have them."""
    visible = "".join(character for character in copy.candidate_name if unicodedata.category(character) != "Cf")
    name = unicodedata.normalize("NFC", " ".join(visible.split()))
    return replace(copy, candidate_id=copy.candidate_id.strip(), candidate_name=name)


def _texts(template: SheetTemplate, copies: Sequence[SheetCopy]) -> Iterator[tuple[str, str]]:
    """Yield every text with the place it comes from."""
    yield from ((f"template {template.name}", text) for text in template_texts(template))
    yield from ((copy.place, text) for copy in copies for text in (copy.candidate_id, copy.candidate_name))


def _lacking(template: SheetTemplate, copies: Sequence[SheetCopy], known: frozenset[int]) -> Iterator[str]:
    """Yield a sentence for every text with characters that no font has."""
    for place, text in _texts(template, copies):
        if lacking := dict.fromkeys(character for character in text if ord(character) not in known):
            names = ", ".join(f"'{character}' (U+{ord(character):04X})" for character in list(lacking)[:4])
            yield f'{place}: no font has {names} of "{text}"; name a font that has it: --font FILE.ttf'


def _write_fonts(template: SheetTemplate, copies: Sequence[SheetCopy], further: Path | None, folder: Path) -> Fonts:
    used = FRAME_CHARACTERS | {ord(character) for _, text in _texts(template, copies) for character in text}
    fonts = Fonts(folder / "regular.ttf", folder / "semibold.ttf", further)
    fonts.regular.write_bytes(static_font(used & shipped_characters(), REGULAR))
    fonts.semibold.write_bytes(static_font(used & shipped_characters(), SEMIBOLD))
    return fonts


class Canvas:
    """Paper to draw on, in the sheet's own millimetres; knows fpdf2 so that nothing else need."""

    def __init__(self, paper: Paper, fonts: Fonts) -> None:
        self._dx, self._dy = paper.offset_mm
        self._pdf = FPDF(unit="mm", format=paper.size_mm)
        self._pdf.set_auto_page_break(False)
        self._pdf.set_creation_date(PRINTED_ON)
        self._pdf.set_creator("Tallymark")
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._fonts = fonts
        self._widths: dict[tuple[str, bool], float] = {}

    def __enter__(self) -> Self:
        """Load the fonts.

        Raises:
            PrintError: the further font cannot be printed with.
        """
        self._pdf.add_font("sheet", "", str(self._fonts.regular))
        self._pdf.add_font("sheet", "B", str(self._fonts.semibold))
        if self._fonts.further:
            self._add_further(self._fonts.further)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the font files, which fpdf2 leaves open."""
        self._close_fonts()

    def _close_fonts(self) -> None:
        for font in self._pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    def _add_further(self, font: Path) -> None:
        try:
            self._pdf.add_font("further", "", str(font))
            self._pdf.add_font("further", "B", str(font))
        except (FPDFException, ValueError, KeyError) as error:
            self._close_fonts()
            raise PrintError(
                f"the font {font} cannot be printed with: {error}; use another .ttf or .otf file"
            ) from error
        self._pdf.set_fallback_fonts(["further"])

    def new_page(self) -> None:
        """Begin the next page."""
        self._pdf.add_page()

    def finish(self, title: str) -> bytes:
        """Return the PDF."""
        self._pdf.set_title(title)
        return bytes(self._pdf.output())

    def text(self, x: float, baseline: float, text: str, width: float, style: TextStyle) -> float:
        """Write one line between x and x + width; return the width it takes.

        What is too long is made smaller, and what is still too long is cut.
        """
        if not text:
            return 0.0
        shown, size = self._fitted(text, width, style)
        taken = self._width(shown, style.bold) * size
        left = x + {"L": 0.0, "C": (width - taken) / 2, "R": width - taken}[style.align] + self._dx
        self._pdf.set_font("sheet", "B" if style.bold else "", size)
        self._pdf.set_text_color(round(style.grey * 255))
        if _is_plain(shown):
            self._pdf.text(left, baseline + self._dy, shown)
        else:
            self._shaped(left, baseline + self._dy, shown, taken)
        return taken

    def _fitted(self, text: str, width: float, style: TextStyle) -> tuple[str, float]:
        """Return what of a text is printed, and at which size, so that it is no wider than `width`."""
        shown, size = text, style.size
        if (natural := self._width(text, style.bold) * size) > width:
            size = max(size * SMALLEST_SHRINK, math.floor(size * width / natural * 20) / 20)
        for end in range(len(text) - 1, 0, -1):
            if self._width(shown, style.bold) * size <= width + 1e-6:
                break
            shown = text[:end].rstrip() + "…"
        return shown, size

    def _shaped(self, left: float, baseline: float, text: str, taken: float) -> None:
        """Write a text that needs joined letters, marks on letters, another direction or the further font."""
        self._pdf.set_text_shaping(True)
        # fpdf2 sets the baseline 0.3 of the font size below the middle of a cell.
        self._pdf.set_xy(left, baseline - 0.3 * self._pdf.font_size)
        self._pdf.cell(taken, 0, text)
        self._pdf.set_text_shaping(False)

    def _width(self, text: str, bold: bool) -> float:
        """Return the width of a text in millimetres for each point of its size. Every page says much the same."""
        if (text, bold) not in self._widths:
            self._pdf.set_font("sheet", "B" if bold else "", 100)
            self._pdf.set_text_shaping(not _is_plain(text))
            self._widths[text, bold] = self._pdf.get_string_width(text) / 100
            self._pdf.set_text_shaping(False)
        return self._widths[text, bold]

    def rules(self, rects: Iterable[Rect]) -> None:
        """Draw box outlines; boxes that adjoin share their rule."""
        self._stroke(RULE_MM, RULE_GREY)
        for x0, y0, x1, y1 in sorted({edge for rect in rects for edge in _edges(rect)}):
            self._pdf.line(x0 + self._dx, y0 + self._dy, x1 + self._dx, y1 + self._dy)

    def bubble(self, area: Rect, filled: bool) -> None:
        """Draw a bubble, filled as with a dark pen or empty."""
        self._stroke(RULE_MM, RULE_GREY)
        self._pdf.set_fill_color(0)
        self._pdf.ellipse(area.x + self._dx, area.y + self._dy, area.width, area.height, style="DF" if filled else "D")

    def dot(self, x: float, y: float, diameter: float) -> None:
        """Draw a printed decimal point around (x, y)."""
        self._pdf.set_fill_color(round(RULE_GREY * 255))
        left, top = x - diameter / 2 + self._dx, y - diameter / 2 + self._dy
        self._pdf.ellipse(left, top, diameter, diameter, style="F")

    def hairline(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Draw a light line."""
        self._stroke(HAIRLINE_MM, HAIRLINE_GREY)
        self._pdf.line(x0 + self._dx, y0 + self._dy, x1 + self._dx, y1 + self._dy)

    def panel(self, area: Rect) -> None:
        """Draw a light grey background."""
        self._pdf.set_fill_color(round(PANEL_GREY * 255))
        left, top = area.x + self._dx, area.y + self._dy
        self._pdf.rect(left, top, area.width, area.height, style="F", round_corners=True, corner_radius=1.2)

    def pen_stroke(self, points: Sequence[tuple[float, float]]) -> None:
        """Draw a line through points, as with a pen."""
        self._stroke(PEN_MM, 0.0)
        self._pdf.polyline([(x + self._dx, y + self._dy) for x, y in points])

    def modules(self, dark: NDArray[np.bool_], area: Rect) -> None:
        """Draw a square code as one path, so that no seam shows between its modules.

        Args:
            dark: (N, N) bool, True where ink is.
            area: where the N by N modules stand.
        """
        module = area.width / len(dark)
        left, top = area.x + self._dx, area.y + self._dy
        path = PaintedPath()
        path.style.fill_color = DeviceGray(0)
        path.style.stroke_color = None
        for row, start, stop in _runs(dark):
            path.rectangle(left + start * module, top + row * module, (stop - start) * module, module)
        with self._pdf.drawing_context() as drawing:
            drawing.add_item(path, clone=False)

    def _stroke(self, thickness: float, grey: float) -> None:
        self._pdf.set_line_width(thickness)
        self._pdf.set_draw_color(round(grey * 255))


def _is_plain(text: str) -> bool:
    """Tell whether a text is written letter by letter from left to right; shaping it would cost ten times as much."""
    return all(" " <= character <= "ɏ" for character in text)


def _edges(rect: Rect) -> tuple[tuple[float, float, float, float], ...]:
    x0, y0, x1, y1 = (round(value, 3) for value in (rect.x, rect.y, rect.right, rect.bottom))
    return (x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)


def _runs(dark: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Return every horizontal run of ink as (row, start, stop)."""
    padded = np.pad(dark.astype(np.int8), ((0, 0), (1, 1)))
    for row, steps in enumerate(np.diff(padded, axis=1)):
        for start, stop in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            yield row, int(start), int(stop)
