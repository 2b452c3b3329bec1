"""Where a workbook lies: whether another program has it open, and replacing it in one step."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from flows.errors import PlaceError

LOCK_NAMES = (".~lock.{name}#", "~${name}")
"""What LibreOffice and Excel lay beside a file while they have it open."""

PLAIN_PERMISSIONS = 0o666


def refuse_open_file(path: Path) -> None:
    """Raise PlaceError when another program says that it has the file open."""
    for pattern in LOCK_NAMES:
        lock = path.with_name(pattern.format(name=path.name))
        if _is_there(lock):
            raise PlaceError(
                f"{path} is open in another program (it laid {lock.name} beside it); nothing was written. Close it "
                f"there, or write to another file with -o. If no program has it open, remove {lock}"
            )


def replace_file(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a file beside its place and move it there in one step: a reader sees the old file or the new one, whole.

    Raises:
        PlaceError: the file is open in another program, or the folder cannot be written. An older file is untouched.
    """
    path = path.resolve()
    refuse_open_file(path)
    waiting: Path | None = None
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=".tallymark-", suffix=".tmp", delete=False) as file:
            waiting = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        waiting.chmod(_permissions(path))
        refuse_open_file(path)
        waiting.replace(path)
    except PermissionError as error:
        raise PlaceError(
            f"{path}: cannot be written: {error.strerror or error}; close it in other programs, look at the folder's "
            "permissions, or write to another file with -o"
        ) from error
    except OSError as error:
        raise PlaceError(
            f"{path}: cannot be written: {error.strerror or error}; an older file there is untouched. Free some space, "
            "or write to another file with -o"
        ) from error
    finally:
        if waiting is not None:
            waiting.unlink(missing_ok=True)


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


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long for a file: nothing can be there
        return False


def _permissions(path: Path) -> int:
    """Return the permissions of the file that is replaced, or those of any new file: a temporary file is private."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return PLAIN_PERMISSIONS & ~umask
