"""A key workbook: one worksheet for each kind of entry of a key, a row an entry, a column a setting, as in key.toml."""

import difflib
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from flows.errors import ExamError
from flows.exact import LARGEST, exact, in_words
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

TOML_ONLY = {
    "overall": "the weights of papers stand in the column overall_weight of the sheet papers; rounding and grades of "
    "all papers together can be said in key.toml only",
    "defaults": "say it in each row of the sheet questions; the defaults of a paper can be said in key.toml only",
}
"""Worksheets that people look for and a key workbook does not have -> where it is said."""

PAPER = "paper"
"""The column that says to which template a row belongs; not needed where an exam has one only."""

WEIGHT = "overall_weight"
"""The column of `papers` that says what a paper is worth in the overall total."""

MOST_ROWS = 20_000
MOST_COLUMNS = 40
"""Rows and columns of a worksheet of a key: four times what the largest one needs."""

LARGEST_UNPACKED = 40 * 1024**2
"""Bytes of all parts of a key workbook: a worksheet of MOST_ROWS rows is half of that."""


def read_key_workbook(path: Path) -> RawKey:
    """Read a key workbook.

    Raises:
        WorkbookError: it is no workbook, or cannot be read.
        ExamError: it has sheets, columns or cells that no key has; every one is named.
    """
    refuse_what_is_no_workbook(path)
    with translated(path), zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > LARGEST_UNPACKED:
        raise ExamError(f"{path}: unpacks to {unpacked / 1024**2:.0f} MB; no key is as large")
    reader = _Reader(path)
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")
        with translated(path):
            # Not read-only: only then are merged cells known, which hide all values but one.
            book: Any = load_workbook(file, data_only=False, keep_links=False)
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
        sheet = book[title]
        if not hasattr(sheet, "iter_rows"):
            # A chart on a sheet of its own.
            return
        rows = [(number, cells) for number, cells in self._rows(sheet) if any(text or why for _, text, why in cells)]
        if not rows:
            return
        if name not in (*SHEETS, EXAM):
            if name in TOML_ONLY:
                self.problems.append(f"{self.path}: a key workbook has no sheet '{title[:60]}'; {TOML_ONLY[name]}")
                return
            meant = difflib.get_close_matches(name, (*SHEETS, EXAM), 1)
            hint = f"did you mean {meant[0]}?" if meant else f"a key has the sheets {', '.join((*SHEETS, EXAM))}"
            self.problems.append(f"{self.path}: a key has no sheet '{title[:60]}'; {hint}")
            return
        if name in self.titles:
            self.problems.append(
                f"{self.path}: the sheets '{self.titles[name]}' and '{title}' are both the sheet {name} of a key; "
                "put their rows into one and delete the other"
            )
            return
        if sheet.sheet_state != "visible":
            self.problems.append(f"{self.path}: sheet {title}: is hidden, and says something; show it or delete it")
        self.titles[name] = title
        self._note_hidden(sheet, rows)
        self.rows[name] = list(self._entries(name, rows))

    def _note_hidden(self, sheet: Any, rows: Sequence[tuple[int, list[tuple[int, Any, str]]]]) -> None:  # noqa: ANN401
        """Note rows and columns that nobody sees and that hold something."""
        columns = {at for _, cells in rows for at, text, why in cells if text or why}
        hidden = [
            f"column {get_column_letter(at)}"
            for each in sheet.column_dimensions.values()
            if each.hidden
            for at in sorted(columns)
            if (each.min or 0) <= at <= (each.max or 0)
        ]
        hidden += [f"row {number}" for number, _ in rows if sheet.row_dimensions[number].hidden]
        self.problems += [
            f"{self.path}: sheet {sheet.title}, {place}: is hidden, and says something; show it or delete it"
            for place in hidden
        ]

    def _rows(self, sheet: Any) -> Iterator[tuple[int, list[tuple[int, Any, str]]]]:  # noqa: ANN401
        """Yield the number of each row, and of each cell its column, what was typed, and why that cannot be taken."""
        title = sheet.title
        for merged in sorted(map(str, getattr(sheet.merged_cells, "ranges", ()))):
            self.problems.append(
                f"{self.path}: sheet {title}, cells {merged}: are merged, so that only one of them holds a value; "
                "unmerge them and fill each"
            )
        if sheet.max_row > MOST_ROWS or sheet.max_column > MOST_COLUMNS:
            self.problems.append(
                f"{self.path}: sheet {title}: reaches to row {sheet.max_row:,} and column {sheet.max_column:,}; a key "
                f"has at most {MOST_ROWS:,} rows and {MOST_COLUMNS} columns. Delete what lies beyond"
            )
            return
        for number, row in enumerate(sheet.iter_rows(), start=1):
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
        written = _Written()
        for name, kind in SHEETS.items():
            for number, row in self.rows.get(name, []):
                at = written.paper(row, self.cells.get((name, number, PAPER), self._at(name, number)))
                places = {setting: self.cells[name, number, setting] for setting in row}
                if kind:
                    written.entry(at, kind, row, self._at(name, number), places)
                elif not written.settings(at, row, places):
                    self.problems.append(f"{self._at(name, number)}: the paper has a row already")
        for count, (number, row) in enumerate(self.rows.get(EXAM, [])):
            if count:
                self.problems.append(f"{self._at(EXAM, number)}: the sheet {EXAM} has one row only")
            written.exam(row, {setting: self.cells[EXAM, number, setting] for setting in row})
        if self.problems:
            more = len(self.problems) - MAX_LISTED
            listed = self.problems[:MAX_LISTED] + ([f"{self.path}: and {more} more"] if more > 0 else [])
            raise ExamError("\n".join(listed))
        return RawKey(str(self.path), written.data(), lambda place: written.place(place, str(self.path)))


class _Written:
    """The papers of a key as its rows make them, and the cell of every setting."""

    def __init__(self) -> None:
        self.papers: list[dict[str, Any]] = []
        self.rows_of_papers: set[int] = set()
        self.top: dict[str, Any] = {}
        self.weights: dict[str, Any] = {}
        self.places: dict[Place, str] = {}

    def paper(self, row: dict[str, Any], cell: str) -> int:
        """Return the place of the paper to which a row belongs, and take the column out of the row."""
        template = str(row.pop(PAPER, ""))
        for at, paper in enumerate(self.papers):
            if paper.get("template", "") == template:
                return at
        at = len(self.papers)
        self.papers.append({"template": template} if template else {})
        self.places["paper", at] = self.places["paper", at, "template"] = cell
        return at

    def entry(self, at: int, kind: str, row: dict[str, Any], here: str, places: dict[str, str]) -> None:
        """Take one question, section, group, version, grade or rounding."""
        entries = self.papers[at].setdefault(kind, [])
        base: Place = ("paper", at, kind, len(entries))
        entries.append(row)
        self.places[base] = here
        self.places |= {(*base, setting): cell for setting, cell in places.items()}

    def settings(self, at: int, row: dict[str, Any], places: dict[str, str]) -> bool:
        """Take what is said of a paper itself; False when that was said already."""
        if at in self.rows_of_papers:
            return False
        self.rows_of_papers.add(at)
        if WEIGHT in row:
            template = self.papers[at].get("template", "")
            self.weights[template] = row.pop(WEIGHT)
            self.places["overall", "weights", template] = places[WEIGHT]
        self.papers[at] |= row
        self.places |= {("paper", at, setting): cell for setting, cell in places.items()}
        return True

    def exam(self, row: dict[str, Any], places: dict[str, str]) -> None:
        """Take what is said of all papers together."""
        self.top |= row
        self.places |= {(setting,): cell for setting, cell in places.items()}

    def data(self) -> dict[str, Any]:
        """Return everything."""
        data = dict(self.top)
        if self.weights:
            overall: dict[str, Any] = {"weights": self.weights}
            if "missing" in data:
                overall["missing"] = data.pop("missing")
                self.places["overall", "missing"] = self.places["missing",]
            data["overall"] = overall
        if self.papers:
            data["paper"] = self.papers
        return data

    def place(self, path: Place, otherwise: str) -> str:
        """Return the cell of a setting, or of what it belongs to."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, otherwise)


def _typed(cell: Any) -> tuple[Any, str]:  # noqa: ANN401 - the stubs know no read-only cells
    """Return what was typed into a cell, and why that cannot be taken. A percentage keeps its sign."""
    if isinstance(cell.value, bool):
        return cell.value, ""
    text, why = typed_text(cell.value, cell.data_type)
    if text and isinstance(cell.value, int | float) and "%" in str(cell.number_format):
        share = exact(text)
        return (text if share is None else f"{in_words(share * 100)}%"), why
    if text and isinstance(cell.value, float) and abs(cell.value) < LARGEST and exact(text) is None:
        return "", (
            f"the spreadsheet holds {text}, which may stand for a fraction that no decimal is; format the cell as text "
            "and type what is meant, such as 1/3"
        )
    return text, why
