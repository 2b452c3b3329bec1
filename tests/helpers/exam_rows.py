"""Hand-made rows of an exam, as the store would give them."""

import io
from collections.abc import Mapping, Sequence
from functools import cache

from PIL import Image, ImageDraw

from flows.records import Correction, FieldRow, FileOutcome, FileRow, PageRow
from recognizer.records import Decision, Flag, PageOutcomeKind, RankedValue, ValueState
from recognizer.template import SheetField, SheetTemplate, parse_template

SCAN = "9f2c41d07ab3" + "e" * 52
OTHER_SCAN = "0011223344aa" + "b" * 52

MARKS = """
name = "marks"
[[page]]
[[page.field]]
name = "candidate"
kind = "digits"
role = "id"
label = "Candidate number"
x = 15
y = 52
width = 7
height = 9
characters = 8
[[page.field]]
name = "signature"
kind = "image"
role = "none"
x = 81
y = 71
width = 114
height = 13
[[page.field]]
name = "q{n}"
kind = "number"
role = "mark"
question = "{n}"
x = 57
y = 112
width = 18
height = 11
minimum = 0
maximum = 10
step = 0.5
dash = true
absent = true
repeat = { count = 3, rows = 3, dy = 17 }
[[page.field]]
name = "total"
kind = "number"
role = "total"
label = "Total"
x = 153
y = 222
width = 18
height = 11
minimum = 0
maximum = 30
step = 0.5
absent = true
"""

ANSWERS = """
name = "answers"
[[page]]
[[page.field]]
name = "candidate"
kind = "digits"
role = "id"
x = 15
y = 52
width = 7
height = 9
characters = 8
[[page.field]]
name = "grid"
kind = "choice"
role = "id"
x = 15
y = 64
width = 4.5
height = 4.5
direction = "column"
options = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
pitch = 6
positions = 8
position_pitch = 7
[[page]]
[[page.field]]
name = "a1"
kind = "choice"
role = "answer"
question = "1"
x = 22
y = 146
width = 4.5
height = 4.5
options = ["A", "B", "C"]
pitch = 7
[[page.field]]
name = "n2"
kind = "digits"
role = "answer"
question = "2"
x = 22
y = 160
width = 7
height = 9
characters = 4
decimals = 1
sign = true
"""


EXTRA = """
name = "extra"
extra_to = "marks"
[[page]]
[[page.field]]
name = "candidate"
kind = "digits"
role = "id"
x = 15
y = 52
width = 7
height = 9
characters = 8
"""


@cache
def marks_template() -> SheetTemplate:
    """Three marks in halves out of ten and a total, one page."""
    return parse_template(MARKS)


@cache
def answers_template() -> SheetTemplate:
    """An id written and bubbled on page 1; a choice and a number on page 2."""
    return parse_template(ANSWERS)


@cache
def extra_template() -> SheetTemplate:
    """Extra paper for candidates of `marks_template`: a number, and room to write."""
    return parse_template(EXTRA)


def page_row(template: str, number: int = 1, **changes: object) -> PageRow:
    """A page that was read."""
    usual: dict[str, object] = {
        "scan": SCAN,
        "number": number,
        "file": "a.pdf",
        "outcome": PageOutcomeKind.READ,
        "reason": "",
        "sheet": f"{template}#{number:05d}",
        "template": template,
        "template_version": 1,
        "template_page": 1,
        "serial": number,
        "error_mm": 0.1234,
        "source": "embedded",
        "identified_by": "qr",
    }
    return PageRow(**{**usual, **changes})  # type: ignore[arg-type]


def failed_page(number: int, outcome: PageOutcomeKind, reason: str) -> PageRow:
    """A page that was not read."""
    return page_row(
        "",
        number,
        outcome=outcome,
        reason=reason,
        sheet="",
        template_version=None,
        template_page=None,
        serial=None,
        error_mm=None,
        identified_by="",
    )


def file_row(
    name: str = "a.pdf", scan: str = SCAN, outcome: FileOutcome = FileOutcome.READ, reason: str = ""
) -> FileRow:
    return FileRow(name, scan, outcome, reason)


def field_row(
    page: PageRow, field: SheetField, written: str | None, correction: Correction | None = None, **changes: object
) -> FieldRow:
    """A field of a page: `written` None is unsettled (guessed 7), "" is blank."""
    if written is None:
        decision = Decision(field.name, ValueState.UNSETTLED, "", "7", 0.62, Flag.UNSURE, "it may be 7 or 1")
        values = (RankedValue("7", 0.62), RankedValue("1", 0.3), RankedValue("", 0.001))
    else:
        state = ValueState.VALUE if written else ValueState.BLANK
        decision = Decision(field.name, state, written, written, 0.999, None, "")
        values = (RankedValue(written, 0.999),)
    key = f"{page.scan[:12]}-{page.number}-{field.name}"
    usual: dict[str, object] = {
        "key": key,
        "revision": "r1.1" if correction else "r1.0",
        "scan": page.scan,
        "page_number": page.number,
        "file": page.file,
        "sheet": page.sheet,
        "template": page.template,
        "template_page": page.template_page or 1,
        "field": field.name,
        "kind": field.kind,
        "role": field.role,
        "decision": decision,
        "values": values,
        "correction": correction,
        "model": "digits-1",
    }
    return FieldRow(**{**usual, **changes})  # type: ignore[arg-type]


def fields_of_page(
    page: PageRow,
    template: SheetTemplate,
    written: Mapping[str, str | None],
    corrections: Mapping[str, Correction] | None = None,
) -> list[FieldRow]:
    """Every field of a page in template order, as `written` by name; pictures have none."""
    number = page.template_page or 1
    return [
        field_row(page, field, written[field.name], (corrections or {}).get(field.name))
        for field in template.pages[number - 1].fields
        if field.name in written
    ]


def marks_fields(
    page: PageRow, candidate: str | None, marks: Sequence[str | None], total: str | None
) -> list[FieldRow]:
    """Every field of one page of `marks_template`."""
    written = {"candidate": candidate, **{f"q{n}": mark for n, mark in enumerate(marks, 1)}, "total": total}
    return fields_of_page(page, marks_template(), written)


def crop_png(key: str = "", width: int = 168, height: int = 112) -> bytes:
    """A picture such as a reviewer sees; the same bytes for the same key."""
    picture = Image.new("L", (width, height), 250)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((12, 12, width - 12, height - 12), outline=150, width=2)
    draw.text((width // 3, height // 3), key[-3:] or "7", fill=30, font_size=height // 3)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
