"""Which hash of the trail exported workbooks note on their sheet Run: a trail that lost rows since does not have it."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from flows.errors import WorkbookError
from flows.export.contents import HEAD_LABEL
from flows.export.reading_back import refuse_what_is_no_workbook, translated
from flows.export.run_sheet import RUN

MOST_LOOKED = 2000
"""Rows of the sheet Run in which the hash is looked for: what stands above it takes some dozens."""

HASH = re.compile(r"[0-9a-f]{64}")

LOCK_FILES = "~$"
"""How the names of files begin that spreadsheet programs lay beside an open workbook."""


@dataclass(frozen=True, slots=True)
class NotedHead:
    """What one workbook notes: `head` is the hash of the last row then; `trouble` says why none is known.

    A workbook without such a sheet, as older versions and other commands wrote them, notes nothing and is left out.
    """

    file: str
    head: str = ""
    trouble: str = ""


def noted_heads(folder: Path) -> tuple[NotedHead, ...]:
    """Return what the workbooks of a folder note, by name; nothing if there is no such folder."""
    if not folder.is_dir():
        return ()
    paths = sorted(one for one in folder.glob("*.xlsx") if one.is_file() and not one.name.startswith(LOCK_FILES))
    return tuple(found for path in paths if (found := _noted(path)) is not None)


def _noted(path: Path) -> NotedHead | None:
    try:
        refuse_what_is_no_workbook(path)
        # openpyxl warns about parts that it does not keep; only cells are read here.
        with warnings.catch_warnings(), path.open("rb") as file, translated(path):
            warnings.simplefilter("ignore")
            book: Any = load_workbook(file, read_only=True, keep_links=False)
            if RUN not in book.sheetnames:
                return None
            found = next(_said(book[RUN]), None)
    except (WorkbookError, OSError) as problem:
        return NotedHead(path.name, trouble=str(problem).removeprefix(f"{path}: "))
    if found is None:
        return None
    if not HASH.fullmatch(found):
        return NotedHead(path.name, trouble="what stands beside its hash is none")
    return NotedHead(path.name, found)


def _said(sheet: Any) -> Iterator[str]:  # noqa: ANN401 - the stubs know no read-only worksheets
    """Yield what stands beside the label of the hash."""
    for row in islice(sheet.iter_rows(max_row=MOST_LOOKED, max_col=2, values_only=True), MOST_LOOKED):
        if len(row) > 1 and row[0] == HEAD_LABEL:
            yield str(row[1]).strip().casefold()
