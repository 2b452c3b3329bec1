"""Sheet templates: which boxes are printed where, and what each may hold. Read from TOML, in millimetres.

Coordinates count from the top left corner of an A4 page. The sheet keeps clear of the edges so far that the same
sheet fits Letter paper, moved but not scaled (`printing.py`); reading needs no paper size, since everything is
measured from the corner marks.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recognizer.codes import CODE_NAME, Corner
from recognizer.errors import TemplateError
from recognizer.geometry import Rect

A4_MM = (210.0, 297.0)
LETTER_MM = (215.9, 279.4)

MARK_SIZE_MM = 9.0
"""Edge of a corner mark, black border included: 10 modules of 0.9 mm would hold its white rim too; at 150 dpi one
module is 6.6 px."""

MARK_QUIET_MM = 1.5
"""Paper kept clear around a corner mark, without which the detector cannot see its border."""

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


class Kind(StrEnum):
    """What a field looks like and how it is read."""

    DIGITS = "digits"
    NUMBER = "number"
    CHOICE = "choice"
    IMAGE = "image"


class Role(StrEnum):
    """What a field means."""

    ID = "id"
    ANSWER = "answer"
    MARK = "mark"
    TOTAL = "total"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Box:
    """One printed box. `position` counts from 1 within its field; `option` is set in choice fields only."""

    page: int
    field: str
    kind: Kind
    role: Role
    position: int
    option: str | None
    rect: Rect


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Millimetres = Annotated[float, Field(ge=0, le=400, allow_inf_nan=False)]
Length = Annotated[float, Field(gt=0, le=400, allow_inf_nan=False)]


class Repeat(_Frozen):
    """Prints a field `count` times: `rows` down, then the next column. `{n}` in texts becomes the number."""

    count: int = Field(ge=1, le=500)
    rows: int = Field(ge=1, le=500)
    dx: Millimetres = 0.0
    dy: Millimetres = 0.0
    start: int = Field(default=1, ge=0)


class SheetField(_Frozen):
    """One field of a page: its kind, its role, its boxes, and what it may hold.

    kind `digits`: `characters` boxes of `width` x `height`, `pitch` apart; with `sign` one more box comes first;
    `decimals` of the boxes stand behind a printed decimal point (`point_gap` wide).
    kind `number`: one free-width cell.
    kind `choice`: one box an option, `pitch` apart along `direction`; `positions` such rows (a bubbled id grid) stand
    `position_pitch` apart, one character each.
    kind `image`: one area kept for people.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")
    kind: Kind
    role: Role
    label: str = Field(default="", max_length=200)
    label_at: Literal["above", "left"] = "above"
    label_width: Length = 20.0
    x: Millimetres
    y: Millimetres
    width: Length
    height: Length
    characters: int = Field(default=1, ge=1, le=40)
    pitch: Length | None = None
    sign: bool = False
    decimals: int = Field(default=0, ge=0, le=10)
    point_gap: Millimetres = 3.0
    minimum: Decimal | None = Field(default=None, allow_inf_nan=False)
    maximum: Decimal | None = Field(default=None, allow_inf_nan=False)
    step: Decimal | None = Field(default=None, gt=0, allow_inf_nan=False)
    dash: bool = False
    question: str = Field(default="", max_length=60)
    options: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    multiple: bool = False
    shape: str = Field(default="box", pattern=r"^(box|bubble)$")
    direction: str = Field(default="row", pattern=r"^(row|column)$")
    positions: int = Field(default=1, ge=1, le=40)
    position_pitch: Length | None = None

    @field_validator("options")
    @classmethod
    def _options_are_distinct(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(options)) != len(options):
            raise ValueError("the same option stands twice")
        if any(not re.fullmatch(r"[^\s+]{1,12}", option) for option in options):
            raise ValueError("an option is 1 to 12 characters without spaces or '+'")
        return options

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.kind is Kind.CHOICE and len(self.options) < 1:
            raise ValueError("a choice field needs options, such as options = [\"A\", \"B\"]")
        if self.kind is not Kind.CHOICE and (self.options or self.multiple or self.positions > 1):
            raise ValueError("options, multiple and positions belong to kind = \"choice\" only")
        if self.kind is not Kind.DIGITS and (self.characters > 1 or self.sign or self.decimals):
            raise ValueError("characters, sign and decimals belong to kind = \"digits\" only")
        if self.decimals >= self.characters and self.decimals:
            raise ValueError(f"decimals = {self.decimals} leaves no box before the point of {self.characters} characters")
        if self.role in (Role.MARK, Role.TOTAL) and self.kind in (Kind.IMAGE,):
            raise ValueError("a mark or total cannot be an image")
        if self.role is Role.MARK and (not self.question or self.maximum is None):
            raise ValueError("a mark says its question and its maximum")
        if self.multiple and self.positions > 1:
            raise ValueError("a grid (positions > 1) holds one option a position")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self

    @property
    def is_numeric(self) -> bool:
        """Whether the value is a number (12.50 and 12.5 are equal) rather than a text (an id keeps its zeros)."""
        return self.kind is Kind.NUMBER or (self.kind is Kind.DIGITS and self.role not in (Role.ID, Role.NONE))

    def boxes(self, page: int) -> tuple[Box, ...]:
        """Return every printed box of the field, in reading order."""
        return tuple(
            Box(page, self.name, self.kind, self.role, position, option, rect)
            for position, (option, rect) in enumerate(self._placed(), start=1)
        )

    def _placed(self) -> Iterator[tuple[str | None, Rect]]:
        first = Rect(self.x, self.y, self.width, self.height)
        if self.kind is Kind.DIGITS:
            count = self.characters + self.sign
            point_at = count - self.decimals if self.decimals else count
            for index in range(count):
                gap = self.point_gap if index >= point_at else 0.0
                yield None, first.shifted(index * (self.pitch or self.width) + gap, 0.0)
        elif self.kind is Kind.CHOICE:
            along = self.pitch or (self.width if self.direction == "row" else self.height)
            across = self.position_pitch or (self.height if self.direction == "row" else self.width)
            for position in range(self.positions):
                for index, option in enumerate(self.options):
                    dx, dy = index * along, position * across
                    yield option, first.shifted(*((dx, dy) if self.direction == "row" else (dy, dx)))
        else:
            yield None, first


class SheetPage(_Frozen):
    """One page of a template."""

    fields: tuple[SheetField, ...] = Field(default=(), alias="field")

    def field_named(self, name: str) -> SheetField:
        """Return a field of this page (KeyError when there is none: our bug)."""
        return next(field for field in self.fields if field.name == name)


class SheetTemplate(_Frozen):
    """One kind of sheet: its pages and what each field may hold."""

    name: str
    version: int = Field(default=1, ge=1, le=9999)
    also_reads: tuple[int, ...] = ()
    title: str = Field(default="", max_length=200)
    pages: tuple[SheetPage, ...] = Field(alias="page", min_length=1, max_length=50)

    @field_validator("name")
    @classmethod
    def _name_can_be_printed(cls, name: str) -> str:
        if not CODE_NAME.fullmatch(name):
            raise ValueError("a template name is 1 to 32 letters, digits, '.', '_' or '-'")
        return name

    @model_validator(mode="after")
    def _boxes_are_apart(self) -> Self:
        names = [field.name for page in self.pages for field in page.fields]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"field name used twice: {', '.join(twice)}")
        for number in range(1, len(self.pages) + 1):
            _check_placement(self.boxes(number))
        return self

    def boxes(self, page: int) -> tuple[Box, ...]:
        """Return every box of one page (from 1), field by field."""
        return tuple(box for field in self.pages[page - 1].fields for box in field.boxes(page))

    def all_boxes(self) -> tuple[Box, ...]:
        """Return every box of every page."""
        return tuple(box for number in range(1, len(self.pages) + 1) for box in self.boxes(number))

    def reads(self, version: int) -> bool:
        """Tell whether sheets printed from this version of the template can be read with it."""
        return version == self.version or version in self.also_reads


@dataclass(frozen=True, slots=True)
class SheetSet:
    """The sheets that one exam expects: its code, printed on every sheet, and its templates."""

    exam: str
    templates: tuple[SheetTemplate, ...]


def _check_placement(boxes: Sequence[Box]) -> None:
    """Raise ValueError for a box outside the printable area, or two boxes on one another."""
    for box in boxes:
        if not CONTENT.contains(box.rect):
            raise ValueError(
                f"field {box.field}: box {box.position} at x {box.rect.x:g} to {box.rect.right:g}, y {box.rect.y:g} to "
                f"{box.rect.bottom:g} mm leaves the printable area (x {CONTENT.x:g} to {CONTENT.right:g}, "
                f"y {CONTENT.y:g} to {CONTENT.bottom:g} mm)"
            )
    ordered = sorted(boxes, key=lambda box: box.rect.y)
    for index, box in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other.rect.y >= box.rect.bottom:
                break
            if box.rect.overlaps(other.rect, tolerance=1e-6):
                raise ValueError(
                    f"field {box.field} box {box.position} and field {other.field} box {other.position} overlap"
                )


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
        f"there is no template '{name_or_file}'; shipped are {', '.join(shipped)}; a template of your own is named by its .toml file"
    )


def load_template(path: Path) -> SheetTemplate:
    """Read a template from a TOML file.

    Raises:
        TemplateError: the file is missing, no TOML, or describes no possible sheet; the message names line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TemplateError(f"{path}: is no UTF-8 text; save the template as UTF-8") from error
    return parse_template(text, str(path))


def parse_template(text: str, name: str = "template") -> SheetTemplate:
    """Read a template from TOML text; `name` stands in front of every error.

    Raises:
        TemplateError: as `load_template`.
    """
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TemplateError(f"{name}: is no valid TOML: {error}") from error
    try:
        return SheetTemplate.model_validate(_expanded(raw))
    except ValidationError as error:
        raise TemplateError("\n".join(_explain(name, text, raw, detail) for detail in error.errors())) from error


def _expanded(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the raw template with every repeated field written out. Wrong shapes are left for pydantic to name."""
    pages = raw.get("page")
    if not isinstance(pages, list):
        return raw
    return {**raw, "page": [_expanded_page(page) for page in pages]}


def _expanded_page(page: Any) -> Any:  # noqa: ANN401 - anything can stand in a TOML file
    if not isinstance(page, dict) or not isinstance(page.get("field"), list):
        return page
    return {**page, "field": [copy for field in page["field"] for copy in _copies(field)]}


def _copies(field: Any) -> Iterator[Any]:  # noqa: ANN401
    if not isinstance(field, dict) or "repeat" not in field:
        yield field
        return
    rest = {key: value for key, value in field.items() if key != "repeat"}
    try:
        repeat = Repeat.model_validate(field["repeat"])
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise TemplateError(f"field {field.get('name', '?')}: repeat.{where}: {problem['msg']}") from error
    for index in range(repeat.count):
        column, row = divmod(index, repeat.rows)
        yield {key: _numbered(value, repeat.start + index) for key, value in rest.items()} | {
            "x": _moved(rest.get("x"), column * repeat.dx),
            "y": _moved(rest.get("y"), row * repeat.dy),
        }


def _moved(value: Any, by: float) -> Any:  # noqa: ANN401
    return value + by if isinstance(value, int | float) else value


def _numbered(value: Any, number: int) -> Any:  # noqa: ANN401
    """Replace `{n}` and `{n:02}` in a text."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\{n(?::0(\d))?\}", lambda found: str(number).zfill(int(found[1] or 1)), value)


def _explain(name: str, text: str, raw: dict[str, Any], detail: Any) -> str:  # noqa: ANN401 - pydantic's error dict
    """Return one pydantic error as 'FILE:LINE: field NAME: key: what is wrong'."""
    location = tuple(part for part in detail["loc"])
    page, entry, key = _origin(raw, location)
    line = _line_of(text, page, entry, key)
    field = ""
    if page is not None and entry is not None:
        field = f"field {raw['page'][page]['field'][entry].get('name', '?')}: "
    message = detail["msg"].removeprefix("Value error, ")
    return f"{name}:{line}: {field}{f'{key}: ' if key else ''}{message}"


def _origin(raw: dict[str, Any], location: tuple[Any, ...]) -> tuple[int | None, int | None, str | None]:
    """Return page index, index of the field entry as written, and key, for an error location after expansion."""
    if len(location) < 2 or location[0] != "page":
        return None, None, str(location[0]) if location else None
    page = int(location[1])
    if len(location) < 4 or location[2] != "field":
        return page, None, str(location[2]) if len(location) > 2 else None
    expanded = -1
    for entry, field in enumerate(raw["page"][page]["field"]):
        expanded += field["repeat"]["count"] if isinstance(field, dict) and "repeat" in field else 1
        if expanded >= int(location[3]):
            return page, entry, str(location[4]) if len(location) > 4 else None
    return page, None, None


def _line_of(text: str, page: int | None, entry: int | None, key: str | None) -> int:
    """Return the line (from 1) where a key stands, or where its table begins when the key is absent."""
    at_page, at_entry, begins = -1, -1, 1
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().replace(" ", "")
        if stripped.startswith("[[page]]"):
            at_page, at_entry = at_page + 1, -1
        elif stripped.startswith("[[page.field]]"):
            at_entry += 1
        here = (page is None and at_page < 0) or (at_page == page and (entry is None or at_entry == entry))
        if not here:
            continue
        if stripped.startswith("[["):
            begins = number
        if key and re.match(rf"\"?{re.escape(key)}\"?=", stripped):
            return number
    return begins
