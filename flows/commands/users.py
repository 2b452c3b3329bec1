"""`tallymark users`: who may use the review of an exam from elsewhere, and as what."""

import json
import sys
import warnings
from datetime import UTC, datetime
from getpass import GetPassWarning
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.commands.page_options import FOLDER, by_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.users import Changed, User

ROLES = click.Choice(["viewer", "reviewer", "lead"])
NAME = click.argument("name", metavar="NAME")
PASSWORD_STDIN = click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")

NO_TERMINAL = (
    "a password is typed at a terminal, and there is none here; send it instead as the first line of standard input, "
    "with --password-stdin"
)


@click.group(no_args_is_help=True)
def users() -> None:
    """Say who may use the review of an exam over the network, and as what.

    Roles: a viewer sees the dashboard; a reviewer settles fields; a lead also sees names, and decides about candidates
    and pages. Passwords have at least 12 characters; what is kept of them tells nobody what they are. Every change is
    logged in the exam's database. Who is disabled, or gets another role or password, is logged out at once.

    \b
    Examples:
      tallymark users add chemistry "Reviewer One" --role reviewer
      tallymark users list chemistry
      tallymark users disable chemistry "Reviewer One"
    """  # noqa: D301 - click wants a real backspace here


@users.command()
@FOLDER
@NAME
@click.option("--role", type=ROLES, required=True, help="What the account may do.")
@PASSWORD_STDIN
def add(folder: Path, name: str, *, role: str, password_stdin: bool) -> None:
    """Make an account; its password is typed twice.

    With the first one, only you may read tallymark.db from then on, and who opened the review with its link is logged
    out: log in with an account.
    """
    from flows import users as accounts
    from flows.passwords import hash_password
    from flows.places import keep_private
    from flows.reviewer import check_reviewer
    from flows.settings import DATABASE
    from flows.users import UserRole

    name = check_reviewer(name)
    there = _there(folder)
    accounts.refuse_taken(there, name)
    secret = hash_password(_password(name, password_stdin))
    if not there and (said := keep_private(folder / DATABASE)):
        # Before the first hash stands in it.
        click.echo(said, err=True)
    _change(folder, lambda there, at: accounts.added(there, name, UserRole(role), secret, at))


@users.command("list")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def list_(folder: Path, *, as_json: bool) -> None:
    """List the accounts of an exam."""
    there = _there(folder)
    if as_json:
        click.echo(json.dumps([_told(user) for user in there], indent=2, ensure_ascii=False))
        return
    if not there:
        click.echo("No accounts: the review is open to who starts it, on this machine only. Make one: users add")
    width = max((len(user.name) for user in there), default=0)
    for user in there:
        since = f"since {user.made_at:%Y-%m-%d}"
        click.echo(f"{user.name:{width}}  {user.role.value:8}  {since}{'  disabled' if user.disabled else ''}")


@users.command()
@FOLDER
@NAME
@click.argument("new", metavar="ROLE", type=ROLES)
def role(folder: Path, name: str, new: str) -> None:
    """Give an account another role: viewer, reviewer or lead."""
    from flows import users as accounts
    from flows.users import UserRole

    _change(folder, lambda there, at: accounts.with_role(there, name, UserRole(new), at))


@users.command()
@FOLDER
@NAME
@PASSWORD_STDIN
def password(folder: Path, name: str, *, password_stdin: bool) -> None:
    """Give an account another password, which is typed twice."""
    from flows import users as accounts
    from flows.passwords import hash_password

    user = accounts.known(_there(folder), name)
    secret = hash_password(_password(user.name, password_stdin))
    _change(folder, lambda there, at: accounts.with_password(there, name, secret, at))


@users.command()
@FOLDER
@NAME
def disable(folder: Path, name: str) -> None:
    """Let an account in no more; what it said stays."""
    from flows import users as accounts

    _change(folder, lambda there, at: accounts.turned(there, name, at, disabled=True))


@users.command()
@FOLDER
@NAME
def enable(folder: Path, name: str) -> None:
    """Let an account in again."""
    from flows import users as accounts

    _change(folder, lambda there, at: accounts.turned(there, name, at, disabled=False))


def _there(folder: Path) -> "tuple[User, ...]":
    """Return the accounts, looked at before anybody types a password for nothing."""
    from flows.settings import load_exam
    from flows.store import open_store

    load_exam(folder)
    with open_store(folder) as store:
        return store.users()


def _change(folder: Path, choose: "Callable[[tuple[User, ...], datetime], Changed]") -> None:
    from flows.settings import load_exam
    from flows.store import open_store

    load_exam(folder)
    by, at = by_name(None).reviewer, datetime.now(UTC)
    said = ""

    def chosen(there: "tuple[User, ...]") -> "Changed":
        nonlocal said
        user, said = choose(there, at)
        return user, said

    with open_store(folder) as store:
        user = store.change_user(chosen, by, at)
    click.echo(f"{user.name}: {said}")


def _password(name: str, from_stdin: bool) -> str:
    """Return a password that may be taken: the first line of standard input, or what somebody types twice."""
    from flows.passwords import check_password

    if from_stdin:
        return check_password(sys.stdin.readline().rstrip("\r\n"), name)
    with warnings.catch_warnings():
        # Without a terminal what is typed would be seen, or nobody is there to type it.
        warnings.simplefilter("error", GetPassWarning)
        try:
            typed = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        except GetPassWarning:
            raise click.UsageError(NO_TERMINAL) from None
    return check_password(typed, name)


def _told(user: "User") -> dict[str, str | bool]:
    return {
        "name": user.name,
        "role": user.role.value,
        "disabled": user.disabled,
        "made_at": user.made_at.isoformat(timespec="seconds"),
        "changed_at": user.changed_at.isoformat(timespec="seconds"),
    }
