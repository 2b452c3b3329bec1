"""Tables that people keep in CSV files: rows of text, with the line on which each begins."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from flows.errors import ExamError

MAX_BYTES = 20_000_000
"""A roster of a million candidates; whatever is larger is another file, named by mistake."""

MAX_LISTED = 20
"""More problems than these are counted, not listed."""

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How workbooks begin: .xlsx and .ods, and .xls."""


def listed(problems: list[str], name: str) -> str:
    """Return problems, one a line; of very many the first, and how many more there are."""
    more = [f"{name}: and {len(problems) - MAX_LISTED} more"] if len(problems) > MAX_LISTED else []
    return "\n".join([*problems[:MAX_LISTED], *more])


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
    if data.startswith(WORKBOOKS):
        raise ExamError(f"{path}: is a workbook, not CSV; name it .xlsx, or save the {what} as CSV (UTF-8)")
    return parse_table(_decoded(data, path, what), str(path), what)


def parse_table(text: str, name: str, what: str) -> list[tuple[int, list[str]]]:
    """Read the text of a CSV file, as `read_table`; `name` stands in front of every error."""
    try:
        return list(_rows(text))
    except csv.Error as error:
        raise ExamError(f"{name}: is no CSV file ({error}); save the {what} as CSV (UTF-8)") from error


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
