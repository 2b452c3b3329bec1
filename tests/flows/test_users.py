"""Accounts: who may come in, what is kept of passwords, and that every change is logged."""

import getpass
import io
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import click.termui
import pytest
from sqlalchemy.exc import IntegrityError

from flows.cli import run
from flows.errors import AccountError
from flows.passwords import COST, Cost, check_password, hash_password, is_password
from flows.reviewer import folded
from flows.store import Store, open_store
from flows.users import User, UserRole, added, find, turned, with_role
from tests.helpers.exam_folder import exam_folder

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CHEAP = Cost(log_n=4, r=8, p=1)
GOOD = "seven grey herons asleep"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exam_folder(tmp_path_factory.mktemp("made") / "exam")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "exam")


def user(name: str, role: UserRole = UserRole.REVIEWER) -> User:
    return User(name, role, "scrypt$…", NOON, NOON)


# ---- passwords -------------------------------------------------------------------------------------------------------


def test_a_password_is_known_again_and_no_other() -> None:
    kept = hash_password(GOOD, CHEAP)
    assert is_password(GOOD, kept)
    assert not is_password(GOOD + " ", kept)
    assert not is_password(GOOD + "\0", kept)
    assert not is_password("", kept)
    assert GOOD not in kept


def test_the_same_password_is_kept_differently_each_time() -> None:
    assert hash_password(GOOD, CHEAP) != hash_password(GOOD, CHEAP)


def test_a_password_is_the_same_however_a_keyboard_composes_it() -> None:
    assert is_password("sept hérons endormis", hash_password("sept he\u0301rons endormis", CHEAP))


def test_trying_a_password_costs_what_owasp_asks_for() -> None:
    assert Cost(17, 8, 1) == COST
    kind, log_n, r, p, *_ = hash_password(GOOD).split("$")
    assert (kind, log_n, r, p) == ("scrypt", "17", "8", "1")


def test_a_hash_of_another_kind_is_no_password() -> None:
    with pytest.raises(ValueError, match="kept as 'md5'"):
        is_password(GOOD, "md5$1$1$1$aa$aa")


@pytest.mark.parametrize("password", [GOOD, "Tr0ub4dor&3xkcd", "日本語の長い合言葉を使う", "x7#pQ9!mZ2&k"])
def test_good_passwords_are_taken(password: str) -> None:
    assert check_password(password, "Reviewer One") == password


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "x" * 257,
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "password1234",
        "Password123456!",
        "1234567890123456",
        "qwertyuiop1234",
        "zyxwvutsrqponm",
        "Reviewer One 12",
        "reviewerreviewer",
        "tallymark2026!",
        "tab\tulator in the middle",
        "\ud800" * 12,
    ],
)
def test_short_and_obvious_passwords_are_refused(password: str) -> None:
    with pytest.raises(AccountError) as refused:
        check_password(password, "Reviewer One")
    assert not password or password not in str(refused.value)


# ---- accounts --------------------------------------------------------------------------------------------------------


def test_capitals_do_not_tell_two_names_apart() -> None:
    there = (user("Reviewer One"), user("STRASSE"))
    for name in ("reviewer one", "REVIEWER  ONE", "straße", "ＳＴＲＡＳＳＥ"):
        with pytest.raises(AccountError, match="already"):
            added(there, name, UserRole.LEAD, "", NOON)
    assert find(there, " reviewer one ") == there[0]
    assert folded("Reviewer Two") != folded("Reviewer One")


def test_what_does_not_change_anything_is_told() -> None:
    there = (user("Reviewer One"),)
    with pytest.raises(AccountError, match="'Reviewer One' is enabled already"):
        turned(there, "reviewer one", NOON, disabled=False)
    with pytest.raises(AccountError, match="no account of 'Nobody'; accounts of this exam: 'Reviewer One'"):
        with_role(there, "Nobody", UserRole.LEAD, NOON)


def test_the_database_keeps_accounts_and_what_changed(folder: Path) -> None:
    with open_store(folder) as store:
        assert not store.has_users()
        store.change_user(lambda there: added(there, "Ada", UserRole.REVIEWER, "s", NOON), "root", NOON)
        store.change_user(lambda there: with_role(there, "ada", UserRole.LEAD, NOON), "kim", NOON)
        assert store.user("Ada") == User("Ada", UserRole.LEAD, "s", NOON, NOON)
        assert store.user("ada") is None
        assert store.has_users()
        told = [(one.name, one.what, one.by, one.at) for one in store.user_changes()]
    assert told == [("Ada", "added as reviewer", "root", NOON), ("Ada", "from reviewer to lead", "kim", NOON)]


def test_what_is_refused_leaves_no_trace(folder: Path) -> None:
    with open_store(folder) as store:
        with pytest.raises(AccountError):
            store.change_user(lambda there: with_role(there, "Ada", UserRole.LEAD, NOON), "root", NOON)
        assert (store.users(), store.user_changes()) == ((), ())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE user_changes SET by = 'nobody'",
        "DELETE FROM user_changes",
        "INSERT OR REPLACE INTO user_changes VALUES (1, 'Ada', 'nothing', 'nobody', '2026-05-04T12:00:00.000Z')",
    ],
)
def test_the_log_of_changes_is_never_rewritten(folder: Path, statement: str) -> None:
    with open_store(folder) as store:
        store.change_user(lambda there: added(there, "Ada", UserRole.REVIEWER, "s", NOON), "root", NOON)
        path = store.path
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="only ever inserted"):
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute(statement)


def test_an_unknown_role_never_gets_into_the_database(folder: Path) -> None:
    with open_store(folder) as store:
        store.change_user(lambda there: added(there, "Ada", UserRole.REVIEWER, "s", NOON), "root", NOON)
        with pytest.raises(IntegrityError), store._write() as connection:
            connection.exec_driver_sql("UPDATE users SET role = 'owner'")


def test_a_record_of_an_account_does_not_print_its_hash() -> None:
    assert "scrypt" not in repr(user("Ada"))


# ---- the command -----------------------------------------------------------------------------------------------------


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def there(folder: Path) -> list[tuple[str, str, bool]]:
    with open_store(folder) as store:
        return [(one.name, one.role.value, one.disabled) for one in store.users()]


def test_an_account_is_made_changed_and_disabled(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = str(folder)
    typed(monkeypatch, f"{GOOD}\n")
    assert run(["users", "add", at, "Reviewer  One", "--role", "reviewer", "--password-stdin"]) == 0
    assert there(folder) == [("Reviewer One", "reviewer", False)]
    assert run(["users", "role", at, "reviewer one", "lead"]) == 0
    assert run(["users", "disable", at, "reviewer one"]) == 0
    assert there(folder) == [("Reviewer One", "lead", True)]
    assert run(["users", "disable", at, "reviewer one"]) == 6
    assert run(["users", "enable", at, "reviewer one"]) == 0
    before = _secret(folder)
    typed(monkeypatch, "nine green herons awake\n")
    assert run(["users", "password", at, "reviewer one", "--password-stdin"]) == 0
    assert _secret(folder) != before
    assert is_password("nine green herons awake", _secret(folder))
    capsys.readouterr()
    assert run(["users", "list", at]) == 0
    assert capsys.readouterr().out.startswith("Reviewer One  lead      since ")
    assert run(["users", "list", at, "--json"]) == 0
    printed = capsys.readouterr().out
    (told,) = json.loads(printed)
    assert (told["name"], told["role"], told["disabled"]) == ("Reviewer One", "lead", False)
    assert "scrypt" not in printed
    with open_store(folder) as store:
        log = [one.what for one in store.user_changes()]
    assert log == ["added as reviewer", "from reviewer to lead", "disabled", "enabled", "new password"]


@pytest.mark.parametrize(
    ("arguments", "text", "refusal"),
    [
        (["add", "Ada", "--role", "lead", "--password-stdin"], "short\n", (6, "at least 12 characters")),
        (["add", "Ada", "--role", "lead", "--password-stdin"], "", (6, "at least 12 characters")),
        (["add", "Ada", "--role", "owner", "--password-stdin"], GOOD, (2, "'owner' is not one of")),
        (["add", "a\tb\u202e", "--role", "lead", "--password-stdin"], GOOD, (6, "cannot be kept as a name")),
        (["add", "", "--role", "lead", "--password-stdin"], GOOD, (6, "cannot be kept as a name")),
        (["role", "Ada", "lead"], "", (6, "accounts of this exam: none yet")),
        (["password", "Ada", "--password-stdin"], GOOD, (6, "no account of 'Ada'")),
        (["enable", "'; DROP TABLE users; --"], "", (6, "no account of")),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    folder: Path,
    arguments: list[str],
    text: str,
    refusal: tuple[int, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, says = refusal
    with pytest.MonkeyPatch.context() as patch:
        typed(patch, text)
        assert run(["users", arguments[0], str(folder), *arguments[1:]]) == code
    told = capsys.readouterr().err
    assert says in told
    assert GOOD not in told
    assert there(folder) == []


def test_without_a_terminal_it_is_said_how_a_password_is_sent(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(getpass, "getpass", getpass.fallback_getpass)
    assert run(["users", "add", str(folder), "Ada", "--role", "lead"]) == 2
    said = capsys.readouterr()
    assert "with --password-stdin" in said.err and "Warning" not in said.err
    with open_store(folder) as store:
        assert store.users() == ()


def test_a_password_is_asked_for_twice_and_never_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    answers = iter(["one two three four", "something else here", GOOD, GOOD])

    def hidden(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    monkeypatch.setattr(click.termui, "hidden_prompt_func", hidden)
    assert run(["users", "add", str(folder), "Ada", "--role", "viewer"]) == 0
    assert len(asked) == 4
    printed = capsys.readouterr()
    assert GOOD not in printed.out + printed.err
    assert is_password(GOOD, _secret(folder))


def test_a_folder_without_an_exam_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["users", "list", str(tmp_path)]) == 3
    assert "exam" in capsys.readouterr().err


def test_an_exam_without_accounts_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["users", "list", str(folder)]) == 0
    assert "No accounts" in capsys.readouterr().out


def _secret(folder: Path) -> str:
    with open_store(folder) as store:
        return _only(store).secret


def _only(store: Store) -> User:
    (found,) = store.users()
    return found
