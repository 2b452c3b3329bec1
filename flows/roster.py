"""Who is expected to sit the exam: roster.csv becomes candidates. Pure: text in, records out."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.errors import ExamError

MAX_BYTES = 20_000_000
"""A roster of a million candidates; whatever is larger is another file, named by mistake."""

MAX_LISTED = 20
"""More problems than these are counted, not listed."""

MAX_ID, MAX_NAME = 40, 200
"""The longest candidate number that any comb of boxes has room for, and the longest name worth printing."""

SPOILT_NUMBER = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+", re.IGNORECASE)
"""What a spreadsheet makes of a long number: 1.23457E+11."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the roster: the number as text (it keeps its zeros), the name, and the line it stands on."""

    id: str
    name: str
    line: int


def load_roster(path: Path) -> tuple[Candidate, ...]:
    """Read a roster: CSV with the columns `id` and `name`, in any order, among others.

    Commas, semicolons and tabs are understood, and the mark that spreadsheets put in front of UTF-8.

    Raises:
        ExamError: the file cannot be read, has no such columns, or has rows without a number or with one that stands
            twice. Every such row is named by its line.
    """
    return _candidates(read_table(path, "roster"), str(path))


def parse_roster(text: str, name: str = "roster.csv") -> tuple[Candidate, ...]:
    """Read a roster from text; `name` stands in front of every error.

    Raises:
        ExamError: as `load_roster`.
    """
    return _candidates(parse_table(text, name, "roster"), name)


def read_table(path: Path, what: str) -> list[tuple[int, list[str]]]:
    """Read a CSV file: every row that is not empty, with the line it begins on. `what` is what it should be.

    Raises:
        ExamError: the file cannot be read, is endless, or is no CSV file in UTF-8.
    """
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise ExamError(f"{path}: is {path.stat().st_size:,} bytes long; no {what} is; name the .csv file")
        data = path.read_bytes()
    except OSError as error:
        raise ExamError(f"{path}: the {what} cannot be read: {error.strerror or error}") from error
    return parse_table(_decoded(data, path, what), str(path), what)


def parse_table(text: str, name: str, what: str) -> list[tuple[int, list[str]]]:
    """Read the text of a CSV file, as `read_table`; `name` stands in front of every error."""
    try:
        return list(_rows(text))
    except csv.Error as error:
        raise ExamError(f"{name}: is no CSV file ({error}); save the {what} as CSV (UTF-8)") from error


def _candidates(rows: list[tuple[int, list[str]]], name: str) -> tuple[Candidate, ...]:
    if not rows:
        raise ExamError(f"{name}:1: is empty; the first line says id,name")
    line, header = rows[0]
    columns = [cell.strip().casefold() for cell in header]
    for wanted in ("id", "name"):
        if columns.count(wanted) != 1:
            seen = ", ".join(cell.strip() for cell in header)[:120]
            raise ExamError(f"{name}:{line}: the first line needs one column '{wanted}', it says: {seen}")
    at_id, at_name = columns.index("id"), columns.index("name")
    candidates = [Candidate(_cell(row, at_id), _cell(row, at_name), line) for line, row in rows[1:]]
    if problems := list(_problems(candidates)):
        more = [f"{name}: and {len(problems) - MAX_LISTED} more"] if len(problems) > MAX_LISTED else []
        raise ExamError("\n".join([*(f"{name}:{problem}" for problem in problems[:MAX_LISTED]), *more]))
    return tuple(candidates)


def _decoded(data: bytes, path: Path, what: str) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ExamError(f"{path}:{line}: is no UTF-8 text; save the {what} as CSV (UTF-8)") from error


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every row that is not empty, with the line it begins on."""
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    for row in reader:
        if any(cell.strip() for cell in row):
            yield begins, row
        begins = reader.line_num + 1


def _cell(row: list[str], index: int) -> str:
    """Return a cell as one line of text, "" where the row is short."""
    return " ".join(row[index].split()) if index < len(row) else ""


def _problems(candidates: list[Candidate]) -> Iterator[str]:
    """Yield 'LINE: what is wrong' for every row that cannot be a candidate."""
    first: dict[str, int] = {}
    for candidate in candidates:
        where, number = candidate.line, candidate.id
        if not number:
            yield f"{where}: the candidate {candidate.name or 'without a name'} has no id"
        elif SPOILT_NUMBER.fullmatch(number):
            yield f"{where}: a spreadsheet has rounded the id to {number}; make the column 'text', type it again"
        elif len(number) > MAX_ID or not number.isprintable():
            yield f"{where}: the id {number[:MAX_ID]!r} is longer than {MAX_ID} characters, or not all can be printed"
        elif number in first:
            yield f"{where}: the id {number} stands on line {first[number]} already"
        if len(candidate.name) > MAX_NAME:
            yield f"{where}: the name of {number or 'the candidate'} is longer than {MAX_NAME} characters"
        first.setdefault(number, where)
