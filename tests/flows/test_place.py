"""Replacing a file in one step, whatever happens on the way."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from flows.errors import PlaceError
from flows.export.place import keep_copy, refuse_open_file, replace_file


def writes(data: bytes) -> Callable[[IO[bytes]], None]:
    def write(file: IO[bytes]) -> None:
        file.write(data)

    return write


def fails(error: Exception) -> Callable[[IO[bytes]], None]:
    def write(file: IO[bytes]) -> None:
        file.write(b"half")
        raise error

    return write


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "shared.xlsx").write_bytes(b"older")
    (tmp_path / "link.xlsx").symlink_to(tmp_path / "shared.xlsx")
    replace_file(tmp_path / "link.xlsx", writes(b"newer"))
    assert (tmp_path / "link.xlsx").is_symlink()
    assert (tmp_path / "shared.xlsx").read_bytes() == b"newer"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "close it in other programs"),
        (OSError(errno.ENOSPC, "No space left on device"), "Free some space"),
    ],
)
def test_what_the_system_refuses_is_said_with_advice(tmp_path: Path, error: OSError, advice: str) -> None:
    (tmp_path / "m.xlsx").write_bytes(b"older")
    with pytest.raises(PlaceError, match=advice):
        replace_file(tmp_path / "m.xlsx", fails(error))
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("m.xlsx", b"older")]


def test_a_bug_is_no_message_but_leaves_no_rubbish_either(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        replace_file(tmp_path / "m.xlsx", fails(ZeroDivisionError()))
    assert list(tmp_path.iterdir()) == []


def test_the_longest_names_work_and_longer_ones_are_named(tmp_path: Path) -> None:
    longest = tmp_path / ("x" * 250 + ".xlsx")
    replace_file(longest, writes(b"new"))
    assert longest.read_bytes() == b"new"
    refuse_open_file(longest)
    with pytest.raises(PlaceError, match="cannot be written"):
        replace_file(tmp_path / ("x" * 251 + ".xlsx"), writes(b"new"))


def test_copies_do_not_replace_each_other(tmp_path: Path) -> None:
    path = tmp_path / "m.xlsx"
    for number in (1, 2):
        path.write_bytes(str(number).encode())
        assert keep_copy(path).name == f"m (replaced {number}).xlsx"
    assert (tmp_path / "m (replaced 1).xlsx").read_bytes() == b"1"
