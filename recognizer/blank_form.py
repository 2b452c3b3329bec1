"""The blank pages of a form that somebody else printed -> a template that proposes its fields, for people to finish."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import cv2

from recognizer.blank_boxes import find_boxes
from recognizer.blank_fields import FieldNames, propose_fields
from recognizer.blank_overlay import draw_fields
from recognizer.blank_page import reference_png, straight_page
from recognizer.blank_rings import with_missing_bubbles
from recognizer.errors import PageError, TemplateError
from recognizer.records import Page
from recognizer.template import SheetField

MOST_PAGES = 50
"""Pages of a template (`template.SheetTemplate`)."""

HEADER = """\
# Proposed from a blank form: what was found on it, without what it means.
#
# 1. Look at {checks}: is every box where it should be, and none too many?
#    Change, join or delete entries here; lengths are millimetres from the top left corner of the page.
# 2. Say what the fields mean: role = "id", "answer", "mark" (with question and maximum), "total" or "none"; say what
#    they may hold (minimum, maximum, step, options); give them names that people know.
# 3. tallymark template check {file}
#    tallymark template check {file} --scan FILLED.pdf
# 4. Name {file} in the exam's exam.toml. Keep the .png of every page beside it; the .check.png may go.
"""

SHOWN_KEYS = (
    "name",
    "kind",
    "role",
    "x",
    "y",
    "width",
    "height",
    "characters",
    "pitch",
    "options",
    "shape",
    "direction",
    "positions",
    "position_pitch",
)
"""What is written of a field, in this order, when it is not what a template assumes anyway."""


@dataclass(frozen=True, slots=True)
class DescribedPage:
    """One page of a proposed template.

    `reference` and `check` are PNG files: the blank page, and what was found drawn over it. `width` and `height` are
    the paper's in mm, `skew` says by how many degrees the page was turned.
    """

    width: float
    height: float
    skew: float
    fields: tuple[SheetField, ...]
    reference: bytes
    check: bytes

    @property
    def box_count(self) -> int:
        """How many boxes all fields of the page have."""
        return sum(field.box_count for field in self.fields)


@dataclass(frozen=True, slots=True)
class BlankForm:
    """A proposed template: its text, and its pages with the pictures that belong to them."""

    toml: str
    pages: tuple[DescribedPage, ...]


def describe_blank(pages: Iterable[Page], name: str, stem: str, width_mm: float | None = None) -> BlankForm:
    """Propose a template for a form.

    Args:
        pages: its blank pages, in order; one is held at a time.
        name: what the template will be called.
        stem: what its files will be called: `STEM.toml`, and as `reference_name` and `check_name` say.
        width_mm: how wide the paper is; None takes what the file says.

    Raises:
        PageError: a page cannot be used, or no boxes are on any.
        TemplateError: there are more pages than a template may have.
    """
    names = FieldNames()
    described: list[DescribedPage] = []
    for page in pages:
        if len(described) == MOST_PAGES:
            raise TemplateError(f"the form has more than {MOST_PAGES} pages; describe only those that are read")
        described.append(_described(page, names, width_mm))
    if not any(one.fields for one in described):
        raise PageError(
            "no boxes were found: no rectangle of printed rules, no comb, no row of tick boxes or bubbles; use a blank "
            "form, scanned in grey at 200 dpi or more, on which boxes are drawn with closed rules"
        )
    checks = check_name(stem, 1) + (f" to {check_name(stem, len(described))}" if len(described) > 1 else "")
    parts = [HEADER.format(checks=checks, file=f"{stem}.toml"), f"name = {_toml(name)}\n"]
    for number, entry in enumerate(described, start=1):
        head = {"reference": reference_name(stem, number), "width": entry.width, "height": entry.height}
        parts.append("\n".join(["[[page]]", *(f"{key} = {_toml(value)}" for key, value in head.items())]) + "\n")
        parts += [_entry(field) for field in entry.fields]
    return BlankForm("\n".join(parts), tuple(described))


def reference_name(stem: str, number: int) -> str:
    """Return what the picture of a blank page is called."""
    return f"{stem}-{number}.png"


def check_name(stem: str, number: int) -> str:
    """Return what the picture to look at is called."""
    return f"{stem}-{number}.check.png"


def _described(page: Page, names: FieldNames, width_mm: float | None) -> DescribedPage:
    straight = straight_page(page, width_mm)
    try:
        found = with_missing_bubbles(straight, find_boxes(straight))
    except PageError as error:
        raise PageError(f"page {page.ref.number}: {error}") from error
    fields = propose_fields(found, names)
    check = cv2.imencode(".png", draw_fields(straight, fields))[1].tobytes()
    return DescribedPage(straight.width, straight.height, straight.skew, fields, reference_png(straight), check)


def _entry(field: SheetField) -> str:
    """Return the TOML of one field."""
    assumed = {key: value.default for key, value in SheetField.model_fields.items()}
    lines = ["[[page.field]]"]
    for key in SHOWN_KEYS:
        value = getattr(field, key)
        if value != assumed[key]:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, float):
        # Not `:g`, which knows powers of ten.
        return f"{value:.3f}".rstrip("0") + ("0" if float(value).is_integer() else "")
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    # TOML's basic strings escape as JSON's do.
    return str(value) if isinstance(value, int) else json.dumps(str(value), ensure_ascii=False)
