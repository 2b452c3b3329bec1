"""Sheet templates: which boxes are printed where, and what each may hold. Read from TOML, in millimetres.

Coordinates count from the top left corner of an A4 page. The sheet keeps clear of the edges so far that the same
sheet fits Letter paper, moved but not scaled (`printing.py`); reading needs no paper size, since everything is
measured from the corner marks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator, model_validator

from recognizer.codes import CODE_NAME, COVER_TEMPLATE, Corner
from recognizer.errors import TemplateError
from recognizer.geometry import Rect
from recognizer.template_checks import Placed, layout_problems, read_blank
from recognizer.template_fields import Box, Kind, Role, SheetField
from recognizer.template_parts import (
    Frozen,
    Printed,
    PrintedBubble,
    PrintedLine,
    PrintedPanel,
    PrintedText,
    Text,
)
from recognizer.template_source import MAX_TEXT_BYTES, Key, Problem, friendly, read_source, report
from recognizer.template_sums import added_by, marks_of, sum_problems

__all__ = [
    "A4_MM",
    "CONTENT",
    "LETTER_MM",
    "MARKS",
    "MARK_SIZE_MM",
    "QR_CODE",
    "Box",
    "Kind",
    "Role",
    "SheetField",
    "SheetPage",
    "SheetSet",
    "SheetTemplate",
    "find_template",
    "load_template",
    "parse_template",
    "shipped_templates",
]

A4_MM = (210.0, 297.0)
LETTER_MM = (215.9, 279.4)

MARK_SIZE_MM = 9.0
"""Edge of a corner mark, its black border included: eight modules, of 6.6 px each at 150 dpi."""

MARKS: dict[Corner, Rect] = {
    Corner.TOP_LEFT: Rect(9.0, 16.0, MARK_SIZE_MM, MARK_SIZE_MM),
    Corner.TOP_RIGHT: Rect(192.0, 16.0, MARK_SIZE_MM, MARK_SIZE_MM),
    Corner.BOTTOM_RIGHT: Rect(192.0, 272.0, MARK_SIZE_MM, MARK_SIZE_MM),
    Corner.BOTTOM_LEFT: Rect(9.0, 272.0, MARK_SIZE_MM, MARK_SIZE_MM),
}
"""Where the corner marks are printed on every sheet: at least 7 mm from the edges of A4 and of Letter."""

QR_CODE = Rect(168.0, 16.0, 19.0, 19.0)
"""Where the QR code is printed on every sheet (its quiet zone lies outside)."""

CONTENT = Rect(9.0, 38.0, 192.0, 231.0)
"""Where boxes may stand: below the header, above the footer."""


REFERENCE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.png$"
"""What the picture of a blank page may be called: a file beside the template, never a path."""

PaperLength = Annotated[float, Field(strict=True, ge=50, le=600, allow_inf_nan=False)]

MAX_BOXES = 4_000
"""Boxes of a page; an A4 page has room for some hundreds that a hand can write in."""


class SheetPage(Frozen):
    """One page of a template: its fields, and what is printed around them for people.

    A page of a form that somebody else printed has no corner marks; `reference` names the picture of the blank page, a
    PNG file beside the template, `width` and `height` are the paper's.
    """

    reference: Annotated[str, Field(pattern=REFERENCE_NAME)] | None = None
    width: PaperLength = A4_MM[0]
    height: PaperLength = A4_MM[1]
    fields: tuple[SheetField, ...] = Field(default=(), alias="field")
    texts: tuple[PrintedText, ...] = Field(default=(), alias="text")
    lines: tuple[PrintedLine, ...] = Field(default=(), alias="line")
    panels: tuple[PrintedPanel, ...] = Field(default=(), alias="panel")
    bubbles: tuple[PrintedBubble, ...] = Field(default=(), alias="bubble")
    _blank: bytes = PrivateAttr(default=b"")

    @property
    def blank_png(self) -> bytes:
        """The picture of the blank page that `reference` names; empty for our own sheets."""
        return self._blank

    @property
    def paper(self) -> Rect:
        """The paper, from its top left corner, in mm."""
        return Rect(0.0, 0.0, self.width, self.height)

    def with_blank(self, png: bytes) -> Self:
        """Return the page with the picture of its blank form."""
        page = self.model_copy()
        page._blank = png
        return page

    def printed(self) -> dict[str, Sequence[Printed]]:
        """Return what is printed for people, by the name of its section in the file."""
        return {"text": self.texts, "line": self.lines, "panel": self.panels, "bubble": self.bubbles}

    def field_named(self, name: str) -> SheetField:
        """Return a field of this page (KeyError when there is none: our bug)."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


class SheetTemplate(Frozen):
    """One kind of sheet: its pages and what each field may hold.

    With `extra_to` its sheets are extra paper for candidates of the template of that name, joined by candidate number.
    """

    name: str
    version: int = Field(default=1, strict=True, ge=1, le=9999)
    also_reads: tuple[Annotated[int, Field(strict=True, ge=1, le=9999)], ...] = ()
    title: Text = Field(default="", max_length=200)
    instruction: Text = Field(default="", max_length=200)
    extra_to: str = ""
    pages: tuple[SheetPage, ...] = Field(alias="page", max_length=50)

    @field_validator("name")
    @classmethod
    def _name_can_be_printed(cls, name: str) -> str:
        if not CODE_NAME.fullmatch(name):
            raise ValueError("a template name is 1 to 32 letters, digits, '.', '_' or '-'")
        return name

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        problems = [*_naming_problems(self), *_form_problems(self), *_extra_problems(self), *_placement_problems(self)]
        if problems:
            raise _ImpossibleSheetError(problems)
        return self

    def boxes(self, page: int) -> tuple[Box, ...]:
        """Return every box of one page (from 1), field by field."""
        return tuple(box for field in self.pages[page - 1].fields for box in field.boxes(page))

    def all_boxes(self) -> tuple[Box, ...]:
        """Return every box of every page."""
        return tuple(box for number in range(1, len(self.pages) + 1) for box in self.boxes(number))

    @property
    def is_form(self) -> bool:
        """Whether this is a form without our corner marks, known by pictures of its blank pages."""
        return any(page.reference for page in self.pages)

    def files_beside(self) -> dict[str, bytes]:
        """Return what has to lie beside the template's file: the pictures of a form's blank pages, by name."""
        return {page.reference: page.blank_png for page in self.pages if page.reference}

    def reads(self, version: int) -> bool:
        """Tell whether sheets printed from this version of the template can be read with it."""
        return version == self.version or version in self.also_reads


@dataclass(frozen=True, slots=True)
class SheetSet:
    """The sheets that one exam expects: its code, printed on every sheet, and its templates."""

    exam: str
    templates: tuple[SheetTemplate, ...]


class _ImpossibleSheetError(ValueError):
    """Fields that are right one by one but not together. Carries every problem with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems[:3]))
        self.problems = problems


def _fields(template: SheetTemplate) -> Iterator[tuple[Key, SheetField]]:
    for page_index, page in enumerate(template.pages):
        for index, field in enumerate(page.fields):
            yield ("page", page_index, "field", index), field


def _naming_problems(template: SheetTemplate) -> Iterator[Problem]:
    """Yield what is wrong with names, questions and totals of the whole template."""
    names: set[str] = set()
    questions: set[str] = set()
    for where, field in _fields(template):
        if field.name in names:
            yield Problem((*where, "name"), f"the name {field.name} is used twice")
        if field.role is Role.MARK:
            if field.question in questions:
                yield Problem((*where, "question"), f"question {field.question} has a mark already")
            questions.add(field.question)
        names.add(field.name)
    placed = list(_fields(template))
    yield from sum_problems(placed)
    added = added_by([field for _, field in placed])
    largest = {field.name: field.maximum or Decimal(0) for _, field in placed}
    for where, field in placed:
        awarded = sum((largest[name] for name in marks_of(added, field.name)), Decimal(0))
        if field.role is Role.TOTAL and field.maximum is not None and field.maximum < awarded:
            yield Problem((*where, "maximum"), f"{field.maximum} is less than the marks add up to ({awarded})")
    if not names and template.name != COVER_TEMPLATE:
        yield Problem((), "the template has no field")


def _extra_problems(template: SheetTemplate) -> Iterator[Problem]:
    """Yield why the sheets of a template cannot be extra paper: they need a number, and nothing that is added up."""
    if not template.extra_to:
        return
    where = ("extra_to",)
    if not CODE_NAME.fullmatch(template.extra_to) or template.extra_to == template.name:
        yield Problem(where, f"should be the name of another template, not '{template.extra_to}'")
    roles = {field.role for _, field in _fields(template) if field.kind is not Kind.IMAGE}
    if Role.ID not in roles:
        yield Problem(where, "needs a field with the role id: without a candidate number nobody knows whose a sheet is")
    if roles & {Role.MARK, Role.TOTAL}:
        yield Problem(where, f"a sheet that is extra to '{template.extra_to}' has no marks and no total of its own")


def _placement_problems(template: SheetTemplate) -> Iterator[Problem]:
    """Yield every field that leaves the printable area or lies on another, page by page."""
    for index, page in enumerate(template.pages):
        count = sum(field.box_count for field in page.fields)
        if count > MAX_BOXES:
            yield Problem(("page", index), f"has {count:,} boxes; a page has room for {MAX_BOXES:,}")
            continue
        yield from layout_problems(_placed(index, page), page.paper if page.reference else CONTENT)


def _form_problems(template: SheetTemplate) -> Iterator[Problem]:
    """Yield what does not belong on a form, or is missing there."""
    for index, page in enumerate(template.pages):
        if page.reference is None:
            if template.is_form:
                yield Problem(("page", index), "needs a reference, as the other pages of this form have one")
            elif (page.width, page.height) != A4_MM:
                yield Problem(("page", index, "width"), "width and height belong to pages with a reference only")
            continue
        for section, printed in page.printed().items():
            if printed:
                yield Problem(("page", index, section, 0), "nothing is printed on a form that is printed already")


def _placed(index: int, page: SheetPage) -> Iterator[Placed]:
    """Yield everything that is printed on a page, with its place in the template."""
    for entry, field in enumerate(page.fields):
        for box in field.boxes(index + 1):
            yield Placed(box.rect, f"field {field.name}, box {box.position},", ("page", index, "field", entry), True)
        if field.left_label and not page.reference:
            where = ("page", index, "field", entry, "label_width")
            yield Placed(field.left_label, f"the label of {field.name}", where, False)
    for section, printed in page.printed().items():
        for entry, item in enumerate(printed):
            yield Placed(item.area, f"{section} {entry + 1}", ("page", index, section, entry), False)


def shipped_templates() -> dict[str, Path]:
    """Return the templates that come with Tallymark, by name."""
    inside = Path(__file__).parent / "shipped_templates"
    folder = inside if inside.is_dir() else Path(__file__).parent.parent / "templates"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_template(name_or_file: str) -> SheetTemplate:
    """Load a template by the name of a shipped one, or from a TOML file.

    Raises:
        TemplateError: there is no such template, or it is faulty.
    """
    shipped = shipped_templates()
    if name_or_file in shipped:
        return load_template(shipped[name_or_file])
    path = Path(name_or_file)
    if path.suffix == ".toml":
        return load_template(path)
    raise TemplateError(
        f"there is no template '{name_or_file}'; shipped are {', '.join(shipped)}; a template of your own is named by "
        "its .toml file"
    )


def load_template(path: Path) -> SheetTemplate:
    """Read a template from a TOML file.

    Raises:
        TemplateError: the file is missing, no TOML, or describes no possible sheet; the message names line and field.
    """
    try:
        if path.is_file() and path.stat().st_size > MAX_TEXT_BYTES:
            raise TemplateError(f"{path}: is {path.stat().st_size:,} bytes long; no template is; name a .toml file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TemplateError(f"{path}: is no UTF-8 text; save the template as UTF-8") from error
    return parse_template(text, str(path), path.parent)


def parse_template(text: str, name: str = "template", folder: Path | None = None) -> SheetTemplate:
    """Read a template from TOML text; `name` stands in front of every error.

    Args:
        text: the TOML.
        name: what errors call it.
        folder: where the pictures of a form's blank pages lie.

    Raises:
        TemplateError: as `load_template`.
    """
    source = read_source(text, name)
    problems = list(source.problems)
    try:
        template = SheetTemplate.model_validate(source.expanded)
        if not problems and template.is_form:
            template = _with_blanks(template, folder, problems)
    except ValidationError as error:
        problems += [problem for detail in error.errors(include_url=False) for problem in _problems(detail)]
    if source.raw.get("name") == COVER_TEMPLATE:
        why = f"'{COVER_TEMPLATE}' is the name of cover sheets; give the template another one"
        problems.append(Problem(("name",), why))
    if problems:
        written = [Problem(source.as_written(problem.where), problem.message) for problem in problems]
        raise TemplateError(report(source, written))
    return template


def _with_blanks(template: SheetTemplate, folder: Path | None, problems: list[Problem]) -> SheetTemplate:
    """Return a form with the pictures of its blank pages; adds to `problems` what is wrong with them."""
    pages = []
    for index, page in enumerate(template.pages):
        name = page.reference or ""
        try:
            pages.append(page.with_blank(read_blank((folder or Path()) / name, page.width, page.height)))
        except TemplateError as error:
            problems.append(Problem(("page", index, "reference"), str(error)))
    return template.model_copy(update={"pages": tuple(pages)})


_MODELS: Mapping[str, type[BaseModel]] = {
    "field": SheetField,
    "text": PrintedText,
    "line": PrintedLine,
    "panel": PrintedPanel,
}


def _problems(detail: Any) -> list[Problem]:  # noqa: ANN401 - pydantic's error dict
    """Turn one of pydantic's errors into problems with their places."""
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, _ImpossibleSheetError):
        return cause.problems
    where = tuple(detail["loc"])
    model: type[BaseModel] | None = SheetPage if len(where) > 1 else SheetTemplate
    if len(where) > 3:
        model = _MODELS.get(where[2])
    return [Problem(where, friendly(detail, model))]
