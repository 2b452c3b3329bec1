"""A key workbook: one worksheet for each kind of entry of a key, a row an entry, a column a setting, as in key.toml."""

import difflib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from flows.errors import ExamError
from flows.export.reading_back import refuse_what_is_no_workbook, translated, typed_text
from flows.key_lines import Path as Place
from flows.key_source import MAX_LISTED, RawKey

SHEETS = {
    "papers": "",
    "questions": "question",
    "sections": "section",
    "groups": "group",
    "versions": "version",
    "grades": "grade",
    "rounding": "rounding",
}
"""Worksheet -> what its rows are in a key.toml. A row of `papers` is a paper itself."""

EXAM = "exam"
"""The worksheet with one row of what is said of all papers together."""

PAPER = "paper"
"""The column that says to which template a row belongs; not needed where an exam has one only."""

WEIGHT = "overall_weight"
"""The column of `papers` that says what a paper is worth in the overall total."""

MOST_ROWS = 20_000
MOST_COLUMNS = 40
"""Rows and columns of a worksheet that are looked at: four times what the largest key needs."""


def read_key_workbook(path: Path) -> RawKey:
    """Read a key workbook.

    Raises:
        WorkbookError: it is no workbook, or cannot be read.
        ExamError: it has sheets, columns or cells that no key has; every one is named.
    """
    refuse_what_is_no_workbook(path)
    reader = _Reader(path)
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")
        with translated(path):
            book: Any = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        for title in book.sheetnames:
            reader.take(book, title)
    return reader.raw_key()


class _Reader:
    """Gathers the rows of all worksheets, and where each stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self.titles: dict[str, str] = {}
        self.cells: dict[tuple[str, int, str], str] = {}
        self.problems: list[str] = []

    def take(self, book: Any, title: str) -> None:  # noqa: ANN401 - the stubs know no read-only worksheets
        """Take one worksheet; others than those of a key are refused unless they are empty."""
        name = title.strip().casefold()
        with translated(self.path):
            sheet = book[title]
        rows = [(number, cells) for number, cells in self._rows(sheet) if any(text or why for _, text, why in cells)]
        if not rows:
            return
        if name not in (*SHEETS, EXAM):
            meant = difflib.get_close_matches(name, (*SHEETS, EXAM), 1)
            hint = f"did you mean {meant[0]}?" if meant else f"a key has the sheets {', '.join((*SHEETS, EXAM))}"
            self.problems.append(f"{self.path}: a key has no sheet '{title[:60]}'; {hint}")
            return
        self.titles[name] = title
        self.rows[name] = list(self._entries(name, rows))

    def _rows(self, sheet: Any) -> Iterator[tuple[int, list[tuple[int, Any, str]]]]:  # noqa: ANN401
        """Yield the number of each row, and of each cell its column, what was typed, and why that cannot be taken."""
        rows = sheet.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS)
        number = 0
        while True:
            with translated(self.path):
                row = next(rows, None)
            if row is None:
                return
            number += 1
            yield number, [(at, *_typed(cell)) for at, cell in enumerate(row, start=1)]

    def _entries(
        self, name: str, rows: Sequence[tuple[int, list[tuple[int, Any, str]]]]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the rows below the headings as settings."""
        line, header = rows[0]
        headings: dict[int, str] = {}
        for at, text, why in header:
            heading = "_".join(str(text).strip().casefold().split())
            if heading and heading in headings.values():
                self.problems.append(f"{self._at(name, line, at)}: there is a column {heading} already")
            elif heading or why:
                headings[at] = heading
        for number, cells in rows[1:]:
            entry = {}
            for at, value, why in cells:
                setting = headings.get(at, "")
                if why:
                    self.problems.append(f"{self._at(name, number, at)}: {why}")
                elif value != "" and not setting:
                    self.problems.append(f"{self._at(name, number, at)}: has no heading above it")
                elif value != "":
                    entry[setting] = value
                    self.cells[name, number, setting] = self._at(name, number, at)
            if entry:
                yield number, entry

    def _at(self, name: str, row: int, column: int | None = None) -> str:
        title = self.titles.get(name, name)
        cell = f"row {row}" if column is None else f"cell {get_column_letter(column)}{row}"
        return f"{self.path}: sheet {title}, {cell}"

    def raw_key(self) -> RawKey:
        """Return what the workbook says, as if a key.toml had said it."""
        places: dict[Place, str] = {}
        papers: dict[str, dict[str, Any]] = {}
        order: list[str] = []
        data: dict[str, Any] = {}
        weights: dict[str, Any] = {}

        def paper_of(row: dict[str, Any], name: str, number: int) -> tuple[dict[str, Any], int]:
            template = str(row.pop(PAPER, ""))
            if template not in papers:
                papers[template] = {"template": template} if template else {}
                order.append(template)
                cell = self.cells.get((name, number, PAPER), self._at(name, number))
                places["paper", order.index(template)] = cell
                places["paper", order.index(template), "template"] = cell
            return papers[template], order.index(template)

        for name, kind in SHEETS.items():
            for number, row in self.rows.get(name, []):
                paper, at = paper_of(row, name, number)
                base: Place = ("paper", at)
                if kind:
                    base = (*base, kind, len(paper.setdefault(kind, [])))
                    paper[kind].append(row)
                    places[base] = self._at(name, number)
                else:
                    if WEIGHT in row:
                        weights[paper.get("template", "")] = row.pop(WEIGHT)
                        places["overall", "weights", paper.get("template", "")] = self.cells[name, number, WEIGHT]
                    for setting in row:
                        if setting in paper:
                            self.problems.append(f"{self._at(name, number)}: the paper has a row already")
                    paper.update(row)
                for setting in row:
                    places[*base, setting] = self.cells[name, number, setting]
        for number, row in self.rows.get(EXAM, []):
            if data:
                self.problems.append(f"{self._at(EXAM, number)}: the sheet {EXAM} has one row only")
            data.update(row)
            for setting in row:
                places[setting,] = self.cells[EXAM, number, setting]
        if weights:
            data["overall"] = {"weights": weights}
            if "missing" in data:
                data["overall"]["missing"] = data.pop("missing")
                places["overall", "missing"] = places["missing",]
        if self.problems:
            more = len(self.problems) - MAX_LISTED
            raise ExamError(
                "\n".join([*self.problems[:MAX_LISTED], *([f"{self.path}: and {more} more"] if more > 0 else [])])
            )
        data["paper"] = [papers[template] for template in order]

        def where(path: Place) -> str:
            while path and path not in places:
                path = path[:-1]
            return places.get(path, str(self.path))

        return RawKey(str(self.path), data, where)


def _typed(cell: Any) -> tuple[Any, str]:  # noqa: ANN401 - the stubs know no read-only cells
    """Return what was typed into a cell, and why that cannot be taken. A percentage keeps its sign."""
    if isinstance(cell.value, bool):
        return cell.value, ""
    text, why = typed_text(cell.value, cell.data_type)
    if text and isinstance(cell.value, int | float) and "%" in str(cell.number_format):
        from flows.exact import exact, in_words

        share = exact(text)
        return (text if share is None else f"{in_words(share * 100)}%"), why
    return text, why
