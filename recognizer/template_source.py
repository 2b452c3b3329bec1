"""A template as it was written: TOML text, repeated entries written out, and where every key stands.

`template.py` says what a template means; this module only knows lines, so that an error can name one.
"""

import difflib
import re
import reprlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recognizer.errors import TemplateError

MAX_TEXT_BYTES = 200_000
"""A template is a few pages of text; whatever is larger is another file, named by mistake."""

MAX_LINE = 2_000
"""Characters of a line. Reading TOML takes time by the square of the dots in a key, which lines bound."""

MAX_ENTRIES = 5_000
"""Fields and texts of a whole template once repeats are written out; an A4 page holds some hundreds."""

MAX_PROBLEMS = 40
"""More problems than these are counted, not listed."""

MAX_COUNTED = 400
"""More problems than these are not even counted."""

Key = tuple[Any, ...]
"""Where a value stands: keys and indices, as pydantic counts them."""


class Repeat(BaseModel):
    """Prints an entry `count` times: `rows` down, then the next column. `{n}` in texts becomes the number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: Annotated[int, Field(strict=True, ge=1, le=500)]
    rows: Annotated[int, Field(strict=True, ge=1, le=500)] = 500
    dx: Annotated[float, Field(strict=True, ge=0, le=600, allow_inf_nan=False)] = 0.0
    dy: Annotated[float, Field(strict=True, ge=0, le=600, allow_inf_nan=False)] = 0.0
    start: Annotated[int, Field(strict=True, ge=0, le=9999)] = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `where` counts entries as they are written in the file."""

    where: Key
    message: str


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A template file that is valid TOML.

    `expanded` is what the template says once every repeat is written out. `written` maps (page, section) to the
    index, in the file, of each expanded entry. `problems` are those of the repeats themselves.
    """

    name: str
    text: str
    raw: dict[str, Any]
    expanded: dict[str, Any]
    written: dict[tuple[int, str], list[int]]
    problems: list[Problem]

    def as_written(self, where: Key) -> Key:
        """Turn a place in `expanded` into the place in the file."""
        if len(where) < 4 or where[0] != "page" or (where[1], where[2]) not in self.written:
            return where
        return (*where[:3], self.written[where[1], where[2]][where[3]], *where[4:])


def read_source(text: str, name: str) -> TemplateSource:
    """Read TOML text and write its repeated entries out.

    Raises:
        TemplateError: it is too large, no TOML, or repeats too often.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise TemplateError(
            f"{name}:1: is {len(text):,} characters long; no template is longer than {MAX_TEXT_BYTES:,}"
        )
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > MAX_LINE:
            raise TemplateError(f"{name}:{number}: the line is {len(line):,} characters long; {MAX_LINE:,} are allowed")
    try:
        raw = tomllib.loads(text)
    except RecursionError as error:
        raise TemplateError(f"{name}:1: is nested too deeply for a template") from error
    except ValueError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise TemplateError(f"{name}:{found[1] if found else 1}: is no valid TOML: {error}") from error
    source = TemplateSource(name, text, raw, dict(raw), {}, [])
    if isinstance(raw.get("page"), list):
        source.expanded["page"] = [_expanded_page(source, index, page) for index, page in enumerate(raw["page"])]
    return source


def _expanded_page(source: TemplateSource, index: int, page: Any) -> Any:  # noqa: ANN401 - anything can stand in a TOML file
    if not isinstance(page, dict):
        return page
    return page | {
        section: _expanded_entries(source, index, section, entries)
        for section, entries in page.items()
        if isinstance(entries, list)
    }


def _expanded_entries(source: TemplateSource, page: int, section: str, entries: list[Any]) -> list[Any]:
    expanded: list[Any] = []
    written = source.written[page, section] = []
    for index, entry in enumerate(entries):
        for copy in _copies(source, ("page", page, section, index), entry):
            if sum(len(indices) for indices in source.written.values()) >= MAX_ENTRIES:
                line = _line_of(source.text, ("page", page, section, index))
                raise TemplateError(
                    f"{source.name}:{line}: the template has more than {MAX_ENTRIES:,} fields and texts"
                )
            expanded.append(copy)
            written.append(index)
    return expanded


def _copies(source: TemplateSource, where: Key, entry: Any) -> Iterator[Any]:  # noqa: ANN401
    if not isinstance(entry, dict) or "repeat" not in entry:
        yield entry
        return
    rest = {key: value for key, value in entry.items() if key != "repeat"}
    try:
        repeat = Repeat.model_validate(entry["repeat"])
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            source.problems.append(Problem((*where, "repeat", *detail["loc"]), friendly(detail, Repeat)))
        yield rest
        return
    for index in range(repeat.count):
        column, row = divmod(index, repeat.rows)
        moves = {"x": column * repeat.dx, "y": row * repeat.dy}
        yield {
            key: _moved(value, moves[key]) if key in moves else _numbered(value, repeat.start + index)
            for key, value in rest.items()
        }


def _moved(value: Any, by: float) -> Any:  # noqa: ANN401
    return value + by if isinstance(value, int | float) and not isinstance(value, bool) else value


def _numbered(value: Any, number: int) -> Any:  # noqa: ANN401
    """Replace `{n}` and `{n:02}` in a text."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\{n(?::0(\d))?\}", lambda found: str(number).zfill(int(found[1] or 1)), value)


_MESSAGES = {
    "missing": "is missing",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "bool_type": "should be true or false",
    "string_type": "should be a text in quotes",
    "tuple_type": "should be a list in [ ]",
    "finite_number": "should be a finite number",
}
"""What is said instead of pydantic's own words."""


def friendly(detail: Mapping[str, Any], model: type[BaseModel] | None) -> str:
    """Return one of pydantic's errors in words for whoever writes templates."""
    kind, seen = detail["type"], detail.get("input")
    if kind == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return _MESSAGES[kind]
    if kind == "extra_forbidden":
        return _unknown_key(str(detail["loc"][-1]), model)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"should be a table, is {_short(seen)}"
    message = _MESSAGES.get(kind) or str(detail["msg"]).replace("Input should", "should", 1).replace(
        "String should", "should", 1
    )
    return f"{message}, is {_short(seen)}"


def _unknown_key(key: str, model: type[BaseModel] | None) -> str:
    known = sorted(field.alias or name for name, field in model.model_fields.items()) if model else []
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}" if known else ""
    return f"is no key that belongs here{hint}"


def _short(value: Any) -> str:  # noqa: ANN401
    writer = reprlib.Repr()
    writer.maxlevel, writer.maxstring, writer.maxother, writer.maxlong = 2, 60, 60, 40
    if isinstance(value, bool):
        return "true" if value else "false"
    return writer.repr(value)


def report(source: TemplateSource, problems: Iterable[Problem]) -> str:
    """Return all problems, one a line, `FILE:LINE: field NAME: key: message`, in the order of the file.

    What is wrong with every copy of a repeated entry is said once.
    """
    said: dict[tuple[Key, str], list[Problem]] = {}
    for problem in problems:
        said.setdefault((problem.where, re.sub(r"\d+", "", problem.message)), []).append(problem)
    lines = sorted(
        {
            (_line_of(source.text, same[0].where), _sentence(source, same[0]))
            for same in list(said.values())[:MAX_COUNTED]
        }
    )
    listed = [f"{source.name}:{line}: {sentence}" for line, sentence in lines[:MAX_PROBLEMS]]
    if len(lines) > MAX_PROBLEMS:
        listed.append(f"{source.name}: and {len(lines) - MAX_PROBLEMS} more problems")
    return "\n".join(listed)


def _sentence(source: TemplateSource, problem: Problem) -> str:
    where = problem.where
    subject, key = "", where
    if len(where) >= 2 and where[0] == "page" and isinstance(where[1], int):
        subject, key = f"page {where[1] + 1}: ", where[2:]
        if len(where) >= 4 and isinstance(where[3], int):
            subject, key = _subject(source.raw, where), where[4:]
    named = ".".join(str(part) for part in key if isinstance(part, str))
    return f"{subject}{named}{': ' if named else ''}{problem.message}"


def _subject(raw: dict[str, Any], where: Key) -> str:
    """Return how an entry is called: a field by its name, anything else by its number on the page."""
    _, page, section, index = where[:4]
    entry = raw["page"][page][section][index]
    name = entry.get("name") if isinstance(entry, dict) else None
    if section == "field" and isinstance(name, str):
        return f"field {name[:40]}: "
    return f"{section} {index + 1} of page {page + 1}: "


def _line_of(text: str, where: Key) -> int:
    """Return the line (from 1) where a key stands, or where its table begins when the key is absent."""
    page, section, entry, key = _split(where)
    at_page, at_entry, begins, inside = -1, -1, 1, page is None
    found = inside
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.replace(" ", "").replace("\t", "")
        if bare.startswith("[[page]]"):
            at_page, at_entry = at_page + 1, -1
            inside = at_page == page and section is None
        elif bare.startswith("[[page."):
            same = bare.startswith(f"[[page.{section}]]") and at_page == page
            at_entry += same
            inside = same and at_entry == entry
        found = found or inside
        if inside and bare.startswith("[["):
            begins = number
        if inside and key and _names(bare, key):
            return number
    if entry is not None and not found:
        # The entries are written as one list, not as tables of their own.
        return _line_of(text, where[:3])
    return begins


def _names(bare: str, key: str) -> bool:
    """Tell whether a line without spaces sets `key`, or opens its table."""
    return bool(re.match(rf"([\"']?{re.escape(key)}[\"']?[=.])|(\[page\.\w+\.{re.escape(key)}\])", bare))


def _split(where: Key) -> tuple[int | None, str | None, int | None, str | None]:
    """Split a place into page, section, entry and key, each None when the place does not say it."""
    if len(where) < 2 or where[0] != "page" or not isinstance(where[1], int):
        return None, None, None, str(where[0]) if where else None
    if len(where) < 4 or not isinstance(where[3], int):
        return where[1], None, None, str(where[2]) if len(where) > 2 else None
    return where[1], str(where[2]), where[3], str(where[4]) if len(where) > 4 else None
