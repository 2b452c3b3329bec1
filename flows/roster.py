"""Who is expected to sit the exam: roster.csv or roster.xlsx becomes candidates. Pure but for the file itself."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.check_digits import has_check
from flows.errors import ExamError
from flows.table_file import listed, parse_table, read_table
from recognizer.template import Role, SheetTemplate

MAX_ID, MAX_NAME = 40, 200
"""The longest candidate number that any comb of boxes has room for, and the longest name worth printing."""

MAX_EXTRA = 500
"""Characters of a cell in any other column."""

WORKBOOK = ".xlsx"

SPOILT_NUMBER = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+", re.IGNORECASE)
"""What a spreadsheet makes of a long number: 1.23457E+11."""

AS_TEXT = "format the column as text and type the id again"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the roster: the number as text (it keeps its zeros), the name, and the line it stands on.

    `group` is what the column of that name says, "" without one; `extra` all other columns, by heading, in their order.
    """

    id: str
    name: str
    line: int
    group: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a roster file; `trouble` and `numbers` as in `table_workbook.SheetRow`."""

    number: int
    cells: Sequence[str]
    trouble: Mapping[int, str] = field(default_factory=dict)
    numbers: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where each column of a roster stands, from 0; -1 for one that it lacks."""

    headings: Sequence[str]
    id: int
    name: int
    group: int

    @property
    def extra(self) -> list[int]:
        """The columns that mean nothing to us."""
        return [at for at, text in enumerate(self.headings) if text and at not in (self.id, self.name, self.group)]


def load_roster(path: Path, check: str = "") -> tuple[Candidate, ...]:
    """Read a roster: CSV or XLSX with the columns `id` and `name`, perhaps `group`, in any order, among others.

    Of CSV, commas, semicolons and tabs are understood, and the mark that spreadsheets put in front of UTF-8. `check`
    is the scheme of the ids' check characters, "" for none (`check_digits.SCHEMES`).

    Raises:
        ExamError: the file cannot be read, has no such columns, or has rows without a number or with one that stands
            twice or fails its check. Every such row is named by its line, or its cell.
    """
    if path.suffix.lower() == WORKBOOK:
        from flows.table_workbook import read_workbook

        found, wrong = read_workbook(path, "roster")
        rows = [_Row(row.number, row.cells, row.trouble, row.numbers) for row in found]
        return _candidates(rows, str(path), check, wrong, is_workbook=True)
    return _candidates([_Row(*row) for row in read_table(path, "roster")], str(path), check)


def exam_candidates(path: Path, check: str, templates: Iterable[SheetTemplate]) -> tuple[Candidate, ...]:
    """Read the roster of an exam, and see that its sheets can hold every id.

    Raises:
        ExamError: as `load_roster`, or ids fit no id field of the templates; all of them are named.
    """
    candidates = load_roster(path, check)
    shapes = {
        field.id_alphabets
        for template in templates
        for page in template.pages
        for field in page.fields
        if field.role is Role.ID
    }
    holding = " or ".join(str(length) for length in sorted({len(shape) for shape in shapes}))
    problems = [
        f"{path}:{one.line}: the id {one.id} has {len(one.id)} characters and fits no id field of the exam's sheets, "
        f"which hold {holding}; did a spreadsheet take zeros away, or is it another exam's roster?"
        for one in candidates
        if shapes and not any(_fits(one.id, shape) for shape in shapes)
    ]
    if problems:
        raise ExamError(listed(problems, str(path)))
    return candidates


def _fits(number: str, alphabets: Sequence[str]) -> bool:
    return len(number) == len(alphabets) and all(
        character in alphabet for character, alphabet in zip(number, alphabets, strict=True)
    )


def parse_roster(text: str, name: str = "roster.csv", check: str = "") -> tuple[Candidate, ...]:
    """Read a roster from the text of a CSV file; `name` stands in front of every error.

    Raises:
        ExamError: as `load_roster`.
    """
    return _candidates([_Row(*row) for row in parse_table(text, name, "roster")], name, check)


def _candidates(
    rows: Sequence[_Row], name: str, check: str, wrong: Sequence[str] = (), *, is_workbook: bool = False
) -> tuple[Candidate, ...]:
    if not rows:
        raise ExamError(f"{name}:1: is empty; the first line says id,name")
    columns = _columns(rows[0], name)
    candidates = [_candidate(row, columns) for row in rows[1:]]
    problems = list(wrong)
    first: dict[str, int] = {}
    for row, candidate in zip(rows[1:], candidates, strict=True):
        for column, problem in _problems(row, candidate, columns, first, check):
            where = f"{_letter(column)}{row.number}" if is_workbook else row.number
            problems.append(f"{name}:{where}: {problem}")
        first.setdefault(candidate.id, row.number)
    if problems:
        raise ExamError(listed(problems, name))
    return tuple(candidates)


def _columns(row: _Row, name: str) -> _Columns:
    headings = [_one_line(cell) for cell in row.cells]
    known = [heading.casefold() for heading in headings]
    for wanted in ("id", "name"):
        if known.count(wanted) != 1:
            seen = ", ".join(headings)[:120]
            raise ExamError(f"{name}:{row.number}: the first line needs one column '{wanted}', it says: {seen}")
    if known.count("group") > 1:
        raise ExamError(f"{name}:{row.number}: the first line has {known.count('group')} columns 'group'; keep one")
    group = known.index("group") if "group" in known else -1
    return _Columns(headings, known.index("id"), known.index("name"), group)


def _candidate(row: _Row, columns: _Columns) -> Candidate:
    return Candidate(
        _cell(row, columns.id),
        _cell(row, columns.name),
        row.number,
        _cell(row, columns.group) if columns.group >= 0 else "",
        tuple((columns.headings[at], _cell(row, at)) for at in columns.extra),
    )


def _cell(row: _Row, index: int) -> str:
    """Return a cell as one line of text, "" where the row is short."""
    return _one_line(row.cells[index]) if index < len(row.cells) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _letter(column: int) -> str:
    """Return what a spreadsheet calls a column, counted from 0."""
    return (chr(64 + column // 26) if column >= 26 else "") + chr(65 + column % 26)


def _problems(
    row: _Row, candidate: Candidate, columns: _Columns, first: Mapping[str, int], check: str
) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a row that cannot be a candidate, each with its column."""
    yield from row.trouble.items()
    if columns.id not in row.trouble:
        if columns.id in row.numbers:
            yield columns.id, f"the id {row.numbers[columns.id]}; {AS_TEXT}"
        elif problem := _problem_of_id(candidate, first, check):
            yield columns.id, problem
    whose = candidate.id[:MAX_ID] or "the candidate"
    for at, most in ((columns.name, MAX_NAME), *((at, MAX_EXTRA) for at in (columns.group, *columns.extra) if at >= 0)):
        text, what = _cell(row, at), "name" if at == columns.name else f"column '{columns.headings[at][:40]}'"
        if len(text) > most:
            yield at, f"the {what} of {whose} is longer than {most} characters"
        elif strange := _control(text):
            yield at, f"the {what} of {whose} holds the control character U+{ord(strange):04X}; delete it"


def _problem_of_id(candidate: Candidate, first: Mapping[str, int], check: str) -> str:
    number = candidate.id
    if not number:
        return f"the candidate {candidate.name[:MAX_NAME] or 'without a name'} has no id"
    if SPOILT_NUMBER.fullmatch(number):
        return f"a spreadsheet has rounded the id to {number}; make the column 'text', type it again"
    if len(number) > MAX_ID or not number.isprintable():
        return f"the id {number[:MAX_ID]!r} is longer than {MAX_ID} characters, or not all can be printed"
    if number in first:
        return f"the id {number} stands on line {first[number]} already"
    if check and not has_check(number, check):
        return f"the id {number} fails its check character ({check}, by [roster] check in exam.toml); a slip?"
    return ""


def _control(text: str) -> str:
    """Return the first character that no name has: one that moves a cursor, rings a bell, or ends a text."""
    return next((character for character in text if unicodedata.category(character) in ("Cc", "Cs")), "")
