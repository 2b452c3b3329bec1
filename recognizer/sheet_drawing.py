"""Where everything stands on a printed page: header, footer, boxes, labels, and what is known of the candidate."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recognizer.codes import mark_codes, mark_modules, payload, qr_modules
from recognizer.geometry import Rect
from recognizer.records import SheetIdentity
from recognizer.template import MARKS, QR_CODE, Box, Kind, Role, SheetField, SheetPage, SheetTemplate
from recognizer.template_parts import PrintedBubble, PrintedText

if TYPE_CHECKING:
    from recognizer.printing import Canvas

QUIET_GREY = 0.42
"""Grey value of captions and footers."""

LETTER_GREY = 0.62
"""Grey value of the letters inside bubbles, which must not be taken for a filled bubble."""

CAP_HEIGHT = 0.714
"""Height of capitals and digits of Noto Sans, in parts of the font size."""

POINTS_PER_MM = 72 / 25.4

ID_DIGIT_MM = 5.5
"""Height of the machine-printed digits of a pre-filled candidate number: as high as people write them."""

BUBBLE_LETTER = 0.38
"""Height of the letter in a bubble, in parts of the bubble's."""

LABEL_GAP_MM = 2.2
"""From the top of a box up to the baseline of its label."""

HEADER_X, HEADER_WIDTH = 22.0, 140.0
"""The header stands between the top left mark and the QR code..."""

FOOTER_WIDTH = 166.0
"""...and the footer between the two bottom marks."""


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a text looks: points, weight, grey value (0 black), and where it stands in its width."""

    size: float
    bold: bool = False
    grey: float = 0.0
    align: str = "L"


TITLE = TextStyle(20, bold=True)
BODY = TextStyle(10)
LABEL = TextStyle(11, bold=True)
MAXIMUM = TextStyle(11, grey=QUIET_GREY)
CAPTION = TextStyle(8.5, grey=QUIET_GREY)
FOOTER = TextStyle(8)
HINT = TextStyle(8, grey=QUIET_GREY)

INSTRUCTION = "Use a dark pen and stay inside the boxes. Keep the four corner marks and the square code clean."


@dataclass(frozen=True, slots=True)
class SheetCopy:
    """One printed copy: its serial number (from 1) and, where known, whose it is.

    `source` says where the candidate stands, such as "roster.csv line 7", for messages. A cover sheet names its
    `batch`; its serial is the number of papers.
    """

    serial: int
    candidate_id: str = ""
    candidate_name: str = ""
    source: str = ""
    batch: str = ""

    @property
    def place(self) -> str:
        """How a message calls this copy."""
        return self.source or f"copy {self.serial}"


def template_texts(template: SheetTemplate) -> Iterator[str]:
    """Yield every text that a template prints."""
    yield from (template.title, template.instruction)
    for page in template.pages:
        yield from (text.text for text in page.texts)
        for field in page.fields:
            yield from (field.label, *field.options, *field.captions, *field.id_alphabets)


def prefill_problems(template: SheetTemplate, copy: SheetCopy) -> Iterator[str]:
    """Yield why the candidate number of a copy cannot be printed into the sheet."""
    number = copy.candidate_id
    fields = [field for page in template.pages for field in page.fields if field.role is Role.ID]
    for field in fields if number else ():
        alphabets = field.id_alphabets
        length = len(alphabets)
        if len(number) != length:
            yield (
                f"{copy.place}: the candidate number '{number}' has {len(number)} characters, field {field.name} has "
                f"{length}; correct the number (leading zeros?) or use a template that fits"
            )
        elif foreign := sorted((c, at) for at, c in enumerate(number) if c not in alphabets[at]):
            character, at = foreign[0]
            yield (
                f"{copy.place}: the candidate number '{number}' holds '{character}', field {field.name} takes "
                f"{' '.join(sorted(alphabets[at]))} only{f' at position {at + 1}' if field.alphabet else ''}; correct "
                "the number"
            )


def draw_page(sheet: "Canvas", template: SheetTemplate, number: int, copy: SheetCopy, exam: str) -> None:
    """Draw one page (from 1) of one copy."""
    identity = SheetIdentity(exam, template.name, template.version, number, copy.serial, copy.batch)
    page = template.pages[number - 1]
    for corner, code in mark_codes(identity).items():
        sheet.modules(mark_modules(code), MARKS[corner])
    sheet.modules(qr_modules(payload(identity)), QR_CODE)
    _draw_header(sheet, template, exam)
    _draw_footer(sheet, template, identity, copy)
    _draw_decor(sheet, page)
    for field in page.fields:
        _draw_field(sheet, field, field.boxes(number))
    if copy.candidate_id or copy.candidate_name:
        for field in page.fields:
            _fill_in(sheet, field, field.boxes(number), copy)


def _draw_header(sheet: "Canvas", template: SheetTemplate, exam: str) -> None:
    sheet.text(HEADER_X, 23.0, template.title or template.name, HEADER_WIDTH, TITLE)
    used = sheet.text(HEADER_X, 30.5, "Exam", 20, TextStyle(10, grey=QUIET_GREY))
    sheet.text(HEADER_X + used + 2.5, 30.5, exam, HEADER_WIDTH - used - 2.5, BODY)


def _draw_footer(sheet: "Canvas", template: SheetTemplate, identity: SheetIdentity, copy: SheetCopy) -> None:
    left, right = HEADER_X, HEADER_X + FOOTER_WIDTH / 2
    sheet.text(left, 275.6, template.instruction or INSTRUCTION, FOOTER_WIDTH, HINT)
    what = [identity.exam, f"{template.name} v{template.version}"]
    which = [f"page {identity.page} of {len(template.pages)}", f"copy {copy.serial:05d}"]
    which = [f"batch {copy.batch}", f"{copy.serial} papers"] if copy.batch else which
    which += [f"candidate {copy.candidate_id}"] if copy.candidate_id else []
    sheet.text(left, 280.2, "  ·  ".join(what), FOOTER_WIDTH / 2 - 2, FOOTER)
    sheet.text(right, 280.2, "  ·  ".join(which), FOOTER_WIDTH / 2, replace(FOOTER, align="R"))


def _draw_decor(sheet: "Canvas", page: SheetPage) -> None:
    for panel in page.panels:
        sheet.panel(panel.area)
    for line in page.lines:
        sheet.hairline(line.x, line.y, line.x + line.width, line.y + line.height)
    for text in page.texts:
        _draw_text(sheet, text)
    for bubble in page.bubbles:
        _draw_example(sheet, bubble)


def _draw_text(sheet: "Canvas", text: PrintedText) -> None:
    grey = QUIET_GREY if text.tone == "quiet" else 0.0
    style = TextStyle(text.size, text.weight == "bold", grey, text.align[0].upper())
    sheet.text(text.x, text.y, text.text, text.width, style)


def _draw_example(sheet: "Canvas", bubble: PrintedBubble) -> None:
    area = bubble.area
    sheet.bubble(area, filled=bubble.mark == "fill")
    x, y, size = area.x, area.y, bubble.size
    strokes: dict[str, Sequence[tuple[float, float]]] = {
        "cross": ((0.15, 0.15), (0.85, 0.85), (0.5, 0.5), (0.85, 0.15), (0.15, 0.85)),
        "tick": ((0.2, 0.5), (0.42, 0.8), (0.95, 0.05)),
    }
    if bubble.mark == "dot":
        sheet.dot(x + size / 2, y + size / 2, size / 3)
    if bubble.mark in strokes:
        sheet.pen_stroke([(x + across * size, y + down * size) for across, down in strokes[bubble.mark]])


def _draw_field(sheet: "Canvas", field: SheetField, boxes: Sequence[Box]) -> None:
    if field.shape == "bubble":
        _draw_bubbles(sheet, boxes)
    else:
        sheet.rules(box.rect for box in boxes)
    if field.kind is Kind.DIGITS and field.decimals:
        behind = boxes[-field.decimals].rect
        sheet.dot(behind.x - field.point_gap / 2, behind.bottom - 0.9, 1.3)
    if field.kind is Kind.CHOICE and field.shape == "box":
        _draw_captions(sheet, field, boxes)
    for position, character in field.printed_characters.items():
        comb = field.kind is Kind.DIGITS
        place = boxes[position].rect if comb else field.bubble_at(position, 0)
        height = ID_DIGIT_MM if comb else min(ID_DIGIT_MM, place.height)
        _draw_in(sheet, place, character, height)
    _draw_label(sheet, field, boxes)


def _draw_bubbles(sheet: "Canvas", boxes: Sequence[Box]) -> None:
    for box in boxes:
        height = box.rect.height * BUBBLE_LETTER
        sheet.bubble(box.rect, filled=False)
        _draw_centred(sheet, box, box.option or "", height, LETTER_GREY)


def _draw_centred(sheet: "Canvas", box: Box, text: str, height: float, grey: float = 0.0) -> None:
    _draw_in(sheet, box.rect, text, height, grey)


def _draw_in(sheet: "Canvas", rect: Rect, text: str, height: float, grey: float = 0.0) -> None:
    baseline = rect.y + (rect.height + height) / 2
    style = TextStyle(height / CAP_HEIGHT * POINTS_PER_MM, grey=grey, align="C")
    sheet.text(rect.x, baseline, text, rect.width, style)


def _draw_captions(sheet: "Canvas", field: SheetField, boxes: Sequence[Box]) -> None:
    """Write what each tick box means on its right, and no wider than up to the next box in the row."""
    across = (field.pitch or field.width) - field.width - 3 if field.direction == "row" and len(boxes) > 1 else 80
    for box, caption in zip(boxes, field.captions or field.options, strict=False):
        middle = box.rect.y + box.rect.height / 2
        sheet.text(box.rect.right + 2.5, middle + 1.25, caption, max(across, 4), BODY)


def _draw_label(sheet: "Canvas", field: SheetField, boxes: Sequence[Box]) -> None:
    middle = field.y + field.height / 2
    if field.left_label:
        sheet.text(field.left_label.x, middle + 1.35, field.label, field.left_label.width, LABEL)
    else:
        width = field.label_width or max(boxes[-1].rect.right - field.x, 60)
        sheet.text(field.x, field.y - LABEL_GAP_MM, field.label, width, CAPTION)
    if field.role in (Role.MARK, Role.TOTAL) and field.kind is not Kind.CHOICE and field.maximum is not None:
        sheet.text(boxes[-1].rect.right + 3, middle + 1.35, f"/ {field.maximum}", 20, MAXIMUM)


def _fill_in(sheet: "Canvas", field: SheetField, boxes: Sequence[Box], copy: SheetCopy) -> None:
    """Print what is known of the candidate into its boxes (`prefill_problems` has seen that it fits)."""
    if field.kind is Kind.IMAGE and field.name == "name" and copy.candidate_name:
        baseline = field.y + field.height / 2 + 1.6
        sheet.text(field.x + 3, baseline, copy.candidate_name, field.width - 6, TextStyle(13))
    elif field.role is Role.ID and copy.candidate_id:
        fill: dict[Kind, Callable[..., None]] = {Kind.DIGITS: _fill_digits, Kind.CHOICE: _fill_grid}
        fill[field.kind](sheet, field, boxes, copy.candidate_id)


def _fill_digits(sheet: "Canvas", field: SheetField, boxes: Sequence[Box], number: str) -> None:
    for at, (box, character) in enumerate(zip(boxes, number, strict=True)):
        if at not in field.printed_characters:
            _draw_centred(sheet, box, character, ID_DIGIT_MM)


def _fill_grid(sheet: "Canvas", field: SheetField, boxes: Sequence[Box], number: str) -> None:
    for position, box in zip(field.box_positions, boxes, strict=True):
        if box.option == number[position]:
            sheet.bubble(box.rect, filled=True)
