"""The key of an exam folder: key.toml, or the key workbook key.xlsx."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flows.errors import ExamError
from flows.key import Key, plain_key
from recognizer.template import SheetTemplate

KEY_FILE = "key.toml"
KEY_WORKBOOK = "key.xlsx"


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
    """Read a key.

    Raises:
        ExamError: it cannot be read or is faulty; the message names every problem by file, and line or cell.
    """
    # To come: what the file says.
    return replace(plain_key(templates), source=path.name)
