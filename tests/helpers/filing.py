"""Pages as the recognizer would hand them over, without reading anything: for tests of what is done with them."""

import hashlib
from collections.abc import Mapping

import numpy as np

from flows.assemble import Filed, file_page
from flows.records import FiledPage
from recognizer.geometry import Rect
from recognizer.records import (
    CharacterReading,
    Decision,
    FieldPicture,
    Flag,
    PageFailure,
    PageOutcomeKind,
    PageRef,
    PageResult,
    PageSource,
    RankedValue,
    Reading,
    SheetIdentity,
    ValueState,
)
from recognizer.template import Kind, SheetTemplate, parse_template

PNG = b"\x89PNG\r\n\x1a\n"

TWO_PAGES = """
name = "small"
[[page]]
  [[page.field]]
  name = "candidate"
  kind = "digits"
  role = "id"
  x = 20
  y = 45
  width = 8
  height = 10
  characters = 4
  [[page.field]]
  name = "name"
  kind = "image"
  role = "none"
  x = 80
  y = 45
  width = 60
  height = 10
  [[page.field]]
  name = "q{n}"
  kind = "number"
  role = "mark"
  question = "{n}"
  minimum = 0
  maximum = 10
  step = 0.5
  x = 30
  y = 70
  width = 18
  height = 10
  repeat = { count = 2, rows = 2, dy = 14 }
[[page]]
  [[page.field]]
  name = "sum"
  kind = "number"
  role = "total"
  x = 30
  y = 70
  width = 18
  height = 10
"""


def small_template() -> SheetTemplate:
    """Two pages: candidate, name, q1 and q2 on the first, sum on the second."""
    return parse_template(TWO_PAGES)


def picture_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def reading(field: str, value: str, confidence: float = 0.999) -> Reading:
    ink = tuple(
        CharacterReading(at, ("7", "other"), (confidence, round(1 - confidence, 6)), Rect(1.0, 2.0, 3.0, 4.0))
        for at, _ in enumerate(value, start=1)
    )
    characters = ink or (CharacterReading(1, ("blank",), (1.0,)),)
    ranked = (RankedValue(value, confidence), RankedValue("4", round(1 - confidence, 6)))
    return Reading(field, ranked, characters, None, PNG + f"{field}={value}".encode())


def decision(field: str, value: str, confidence: float = 0.999, threshold: float = 0.99) -> Decision:
    if confidence < threshold:
        return Decision(field, ValueState.UNSETTLED, "", value, confidence, Flag.UNSURE, f"unsure: {value}, 4")
    state = ValueState.VALUE if value else ValueState.BLANK
    return Decision(field, state, value, value, confidence, None, "")


def page_result(
    ref: PageRef,
    values: Mapping[str, str],
    *,
    template: SheetTemplate | None = None,
    page: int = 1,
    serial: int | None = 1,
    picture: str | None = None,
    confidence: float = 0.999,
    exam: str = "exam",
    identified_by: str = "qr",
) -> PageResult:
    """A page that was read; fields that `values` does not name are blank. Its picture is its own unless named."""
    template = template or small_template()
    fields = template.pages[page - 1].fields
    read = [field.name for field in fields if field.kind is not Kind.IMAGE]
    return PageResult(
        ref=ref,
        identity=SheetIdentity(exam, template.name, template.version, page, serial),
        source=PageSource.EMBEDDED,
        picture_hash=picture_hash(picture or f"{ref.scan}/{ref.number}"),
        mm_to_px=np.diag([11.8, 11.8, 1.0]),
        error_mm=0.05,
        identified_by=identified_by,
        readings=tuple(reading(name, values.get(name, ""), confidence) for name in read),
        decisions=tuple(decision(name, values.get(name, ""), confidence) for name in read),
        pictures=tuple(FieldPicture(field.name, PNG + b"ink") for field in fields if field.kind is Kind.IMAGE),
    )


def page_failure(
    ref: PageRef,
    outcome: PageOutcomeKind = PageOutcomeKind.FAILED,
    reason: str = "no corner marks",
    picture: str | None = None,
) -> PageFailure:
    return PageFailure(ref, outcome, reason, PageSource.EMBEDDED, picture_hash(picture or f"{ref.scan}/{ref.number}"))


def filed(result: PageResult | PageFailure, file: str = "a.pdf", before: Filed | None = None) -> FiledPage:
    """File one page, after those in `before`."""
    return file_page(result, file, {"small": small_template()}, Filed() if before is None else before)
