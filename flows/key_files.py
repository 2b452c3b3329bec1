"""The key of an exam folder: key.toml, or the key workbook key.xlsx."""

import re
import tomllib
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from flows.errors import ExamError
from flows.key import Key
from flows.key_check import check_key
from flows.key_lines import Path as Place
from flows.key_lines import lines_of
from flows.key_source import RawKey
from recognizer.template import SheetTemplate

KEY_FILE = "key.toml"
KEY_WORKBOOK = "key.xlsx"

MAX_BYTES = 1_000_000
"""A key of 5,000 questions, an entry each, is half of that; whatever is larger is another file, named by mistake."""

MAX_LINE = 2_000
"""Characters of a line. Reading TOML takes time by the square of the dots in a key, which lines bound."""

MOST_DEPTH = 12
"""Tables and lists within each other: the settings of a printed version, the deepest of a key, are in eight."""

MAX_DIGITS = 40
"""Digits of a number: more than any mark has, and few enough to be looked at."""


def find_key(folder: Path) -> Path | None:
    """Return the key of an exam folder, None when it has none.

    Raises:
        ExamError: it has both a key.toml and a key.xlsx.
    """
    found = [path for path in (folder / KEY_FILE, folder / KEY_WORKBOOK) if path.exists()]
    if len(found) > 1:
        raise ExamError(f"{folder}: holds both {KEY_FILE} and {KEY_WORKBOOK}; which of them counts? Move one away")
    return found[0] if found else None


def exam_key(folder: Path, templates: Sequence[SheetTemplate]) -> Key | None:
    """Return the key of an exam folder, None when it has none.

    Raises:
        ExamError: as `find_key` and `load_key`.
    """
    path = find_key(folder)
    return None if path is None else load_key(path, templates)


def load_key(path: Path, templates: Sequence[SheetTemplate]) -> Key:
    """Read a key from a TOML file or, by its name, from a workbook.

    Raises:
        ExamError: it cannot be read or is faulty; the message names every problem by file, and line or cell.
        WorkbookError: it is called .xlsx and is no workbook.
    """
    if path.suffix.casefold() == ".xlsx":
        from flows.export.key_workbook import read_key_workbook

        return check_key(read_key_workbook(path), templates)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ExamError(f"{path}: is {path.stat().st_size:,} bytes long; no key is longer than {MAX_BYTES:,}")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ExamError(f"{path}: the key cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ExamError(f"{path}:{line}: is no UTF-8 text; save the key as UTF-8") from error
    return parse_key(text, templates, str(path))


def parse_key(text: str, templates: Sequence[SheetTemplate], name: str = KEY_FILE) -> Key:
    """Read a key from TOML text; `name` stands in front of every error.

    Raises:
        ExamError: as `load_key`.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_LINE:
            raise ExamError(f"{name}:{number}: the line is {len(line):,} characters long; {MAX_LINE:,} are allowed")
        if found := re.search(rf"\d{{{MAX_DIGITS},}}", line):
            raise ExamError(f"{name}:{number}: a number of {len(found[0])} digits; no mark has as many")
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except RecursionError as error:
        raise ExamError(f"{name}:1: is nested too deeply for a key") from error
    except (ValueError, ArithmeticError) as error:
        line_number = re.search(r"at line (\d+)", str(error))
        raise ExamError(f"{name}:{line_number[1] if line_number else 1}: is no valid TOML: {error}") from error
    where = _places(name, text)
    if deep := _too_deep(data):
        raise ExamError(
            f"{where(deep)}: is nested too deeply for a key, which has {MOST_DEPTH} tables in each other at most"
        )
    return check_key(RawKey(name, data, where), templates)


def _too_deep(data: object) -> Place:
    """Return the place of what lies within more than MOST_DEPTH tables and lists, () when nothing does."""
    left: list[tuple[Place, object]] = [((), data)]
    while left:
        place, value = left.pop()
        if not isinstance(value, dict | list):
            continue
        if len(place) >= MOST_DEPTH:
            return place
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        left += [((*place, name), each) for name, each in pairs]
    return ()


def _places(name: str, text: str) -> Callable[[Place], str]:
    """Return what finds the line of a place; of one that is not written, the line of the table it belongs to."""
    try:
        lines = lines_of(text)
    except RecursionError:
        lines = {}

    def where(path: Place) -> str:
        while path and path not in lines:
            path = path[:-1]
        return f"{name}:{lines.get(path, 1)}"

    return where
