"""batches.csv: how many papers each file holds, as an office counted them. Text in, records out."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from flows.batches import Batch, BatchExplanation, BatchStatement, ListedFile, Stated, count_batches
from flows.errors import ExamError
from flows.records import FileRow, PageRow
from flows.settings import Exam
from flows.table_file import MAX_LISTED, read_table

BATCH_FILE = "batches.csv"
COLUMNS = ("file", "papers", "batch")

MOST_PAPERS = 100_000
"""More papers than any exam has; whatever is larger stands in the wrong column."""

LONGEST_NAME = 80
"""Characters of the name of a batch."""


class KnowsBatches(Protocol):
    """The reading side of `flows.store.Store`, as far as batches need it."""

    def files(self) -> tuple[FileRow, ...]:
        """Return every file, in order of arrival."""
        ...

    def pages(self) -> tuple[PageRow, ...]:
        """Return every page as it stands."""
        ...

    def batch_statements(self) -> tuple[BatchStatement, ...]:
        """Return what runs were told of their papers."""
        ...

    def batch_explanations(self) -> tuple[BatchExplanation, ...]:
        """Return why batches hold other papers."""
        ...


def exam_batches(exam: Exam, store: KnowsBatches) -> tuple[Batch, ...]:
    """Return every batch of an exam with what it holds.

    Raises:
        ExamError: batches.csv is faulty; every faulty row is named with its column.
    """
    said = Stated(store.batch_statements(), listed_batches(exam), store.batch_explanations())
    extras = {template.name for template in exam.sheets.templates if template.extra_to}
    return count_batches(store.pages(), store.files(), said, extras)


def listed_batches(exam: Exam) -> tuple[ListedFile, ...]:
    """Return what the batches.csv of an exam says, nothing where it has none (ExamError when it is faulty)."""
    path = exam.dir / BATCH_FILE
    if not os.path.lexists(path):
        return ()
    if not path.is_file():
        raise ExamError(f"{path}: is no ordinary file; put the list of batches there anew")
    return load_batches(path)


def load_batches(path: Path) -> tuple[ListedFile, ...]:
    """Read batches.csv: the columns `file` and `papers`, and `batch` where several files make one.

    Raises:
        ExamError: it cannot be read, lacks a column, or has a row that says nothing usable.
    """
    return parse_batches(read_table(path, "list of batches"), str(path))


def parse_batches(rows: list[tuple[int, list[str]]], name: str) -> tuple[ListedFile, ...]:
    """Return what the rows say; each comes with the line that it begins on."""
    if not rows:
        raise ExamError(f"{name}:1: is empty; the first line says file,papers or file,papers,batch")
    line, header = rows[0]
    columns = [cell.strip().casefold() for cell in header]
    for wanted in COLUMNS:
        if columns.count(wanted) != 1 and not (wanted == "batch" and wanted not in columns):
            seen = ", ".join(cell.strip() for cell in header)[:120]
            raise ExamError(f"{name}:{line}: the first line needs one column '{wanted}', it says: {seen}")
    places = {wanted: columns.index(wanted) for wanted in COLUMNS if wanted in columns}
    found = [(at, {key: _cell(row, index) for key, index in places.items()}) for at, row in rows[1:]]
    if problems := list(_problems(found)):
        more = [f"{name}: and {len(problems) - MAX_LISTED} more"] if len(problems) > MAX_LISTED else []
        raise ExamError("\n".join([*(f"{name}:{problem}" for problem in problems[:MAX_LISTED]), *more]))
    return tuple(ListedFile(row["file"], int(row["papers"]), row.get("batch") or row["file"]) for _, row in found)


def _problems(rows: list[tuple[int, dict[str, str]]]) -> Iterator[str]:
    """Yield 'LINE: COLUMN: what is wrong' for every row that says nothing usable."""
    first: dict[str, int] = {}
    for line, row in rows:
        file, papers = row["file"], row["papers"]
        if not file:
            yield f"{line}: file: is empty; name the file as it comes into the inbox"
        elif file in first:
            yield f"{line}: file: {file} stands on line {first[file]} already"
        if not (papers.isascii() and papers.isdigit() and 0 < int(papers[:9]) <= MOST_PAPERS and len(papers) < 9):
            yield f"{line}: papers: '{papers[:40]}' is no number of papers from 1 to {MOST_PAPERS:,}"
        if len(row.get("batch", "")) > LONGEST_NAME:
            yield f"{line}: batch: a name is at most {LONGEST_NAME} characters long"
        for column in ("file", "batch"):
            if not row.get(column, "").isprintable():
                yield f"{line}: {column}: {row[column][:LONGEST_NAME]!r} holds a new line, or what cannot be printed"
        first.setdefault(file, line)


def _cell(row: list[str], index: int) -> str:
    """Return a cell, composed in the way in which file names are compared; "" where the row is short."""
    return unicodedata.normalize("NFC", row[index].strip()) if index < len(row) else ""
