"""The first account closes the database to others: it holds what passwords are checked against."""

import io
import os
from pathlib import Path

import pytest

from flows.cli import run
from flows.places import keep_private
from flows.settings import DATABASE
from flows.store import open_store
from tests.helpers.review_office import exam_copy

GOOD = "seven grey herons asleep"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = exam_copy(tmp_path / "exam")
    (found / DATABASE).chmod(0o644)
    return found


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def add(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(GOOD))
    assert run(["users", "add", str(folder), name, "--role", "lead", "--password-stdin"]) == 0


def test_with_the_first_account_nobody_else_may_read_the_database(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / f"{DATABASE}.before").write_bytes(b"a copy")
    (folder / "roster.csv").chmod(0o644)
    with open_store(folder) as open_elsewhere:
        open_elsewhere.fields()
        assert mode(folder / f"{DATABASE}-wal") == 0o644
        add(folder, "Lea", monkeypatch)
        named = sorted(one.name for one in folder.glob(f"{DATABASE}*"))
        assert named == [DATABASE, f"{DATABASE}-shm", f"{DATABASE}-wal", f"{DATABASE}.before"]
        assert {mode(folder / name) for name in named} == {0o600}
    told = capsys.readouterr().err
    assert "only you may read it" in told and "chmod 660" in told
    assert mode(folder / "roster.csv") == 0o644
    # What SQLite lays there later is closed as well.
    with open_store(folder) as again:
        again.has_users()
        assert {mode(one) for one in folder.glob(f"{DATABASE}*")} == {0o600}


def test_who_opens_it_to_a_group_afterwards_keeps_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add(folder, "Lea", monkeypatch)
    (folder / DATABASE).chmod(0o660)
    capsys.readouterr()
    add(folder, "Ada", monkeypatch)
    assert mode(folder / DATABASE) == 0o660
    assert capsys.readouterr().err == ""


def test_what_is_closed_already_is_not_talked_about(folder: Path) -> None:
    for one in folder.glob(f"{DATABASE}*"):
        one.chmod(0o600)
    assert keep_private(folder / DATABASE) == ""


@pytest.mark.parametrize("refuses", [True, False])
def test_a_file_system_that_refuses_is_told_and_the_account_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refuses: bool
) -> None:
    """Some say that they cannot, and some say nothing and do nothing."""

    def chmod(_: Path, __: int) -> None:
        if refuses:
            raise PermissionError(1, os.strerror(1))

    monkeypatch.setattr(Path, "chmod", chmod)
    add(folder, "Lea", monkeypatch)
    told = capsys.readouterr().err
    assert "could not be kept from them" in told
    assert ("Operation not permitted" if refuses else "knows no permissions") in told
    with open_store(folder) as store:
        assert [user.name for user in store.users()] == ["Lea"]
