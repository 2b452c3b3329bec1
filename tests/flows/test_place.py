"""Replacing a file in one step, whatever happens on the way."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

import pytest

from flows.commands.template import print_template
from flows.errors import PlaceError
from flows.export.place import keep_copy
from flows.places import refuse_open_file, replace_file
from flows.settings import write_whole


def writes(data: bytes) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        file.write(data)

    return write


def fails(error: Exception) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
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
    ("step", "error", "advice"),
    [
        ("replace", PermissionError(errno.EACCES, "Permission denied"), "close it in other programs"),
        ("fsync", OSError(errno.ENOSPC, "No space left on device"), "is there space"),
    ],
)
def test_what_the_system_refuses_is_said_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: OSError, advice: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    (tmp_path / "m.xlsx").write_bytes(b"older")
    monkeypatch.setattr(*((Path, "replace") if step == "replace" else (os, "fsync")), refuse)
    with pytest.raises(PlaceError, match=advice):
        replace_file(tmp_path / "m.xlsx", writes(b"newer"))
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("m.xlsx", b"older")]


@pytest.mark.parametrize("pieces", [1, 1000])
def test_a_file_that_cannot_grow_is_named(tmp_path: Path, pieces: int) -> None:
    def write(file: BinaryIO) -> None:
        for _ in range(pieces):
            file.write(bytes(2_000_000 // pieces))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(PlaceError, match="cannot be written: File too large"):
            replace_file(tmp_path / "m.xlsx", write)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_troubles_with_other_files_are_not_told_as_troubles_of_the_place(tmp_path: Path) -> None:
    (tmp_path / "m.xlsx").write_bytes(b"older")
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "m.xlsx", fails(FileNotFoundError(errno.ENOENT, "No such file", "font.ttf")))
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("m.xlsx", b"older")]


def test_an_archive_of_many_parts_arrives_whole(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        with ZipFile(file, "w") as archive:
            for number in range(50):
                archive.writestr(f"{number}.txt", bytes(10_000))

    replace_file(tmp_path / "m.zip", write)
    with ZipFile(tmp_path / "m.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 50


@pytest.mark.parametrize("lock", [".~lock.exam.toml#", "~$exam.toml"])
def test_every_file_that_is_replaced_is_replaced_alike(tmp_path: Path, lock: str) -> None:
    """Settings, printed sheets and workbooks have one way: all look whether somebody has the file open."""
    path = tmp_path / "exam.toml"
    write_whole(path, "a = 1\n")
    path.chmod(0o640)
    write_whole(path, "a = 2\n")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("a = 2\n", 0o640)
    (tmp_path / lock).write_text("somebody")
    for replace in (lambda: write_whole(path, "a = 3\n"), lambda: print_to(path)):
        with pytest.raises(PlaceError, match="open in another program"):
            replace()
    assert path.read_text() == "a = 2\n"


def print_to(path: Path) -> None:
    print_template.main(["cover_marks", "-o", str(path)], standalone_mode=False)


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
