"""Keeping what stood where a workbook goes."""

import shutil
from pathlib import Path

from flows.errors import PlaceError
from flows.places import refuse_open_file


def keep_copy(path: Path) -> Path:
    """Copy a file that is about to be replaced beside itself, `marks (replaced 1).xlsx`, and return the copy.

    Raises:
        PlaceError: the file is open in another program or cannot be copied.
    """
    refuse_open_file(path)
    number = 1
    while (copy := path.with_name(f"{path.stem} (replaced {number}){path.suffix}")).exists():
        number += 1
    try:
        shutil.copy2(path, copy)
    except OSError as error:
        raise PlaceError(
            f"{path}: cannot be copied to {copy.name}: {error.strerror or error}; nothing was written"
        ) from error
    return copy
