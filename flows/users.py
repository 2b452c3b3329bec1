"""Accounts of an exam: who may use its review from elsewhere, and as what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from flows.errors import AccountError
from flows.reviewer import folded, typed_name


class UserRole(StrEnum):
    """What somebody may do: each role may do what the one before it may."""

    VIEWER = "viewer"
    """Sees the dashboard; no picture, no name."""
    REVIEWER = "reviewer"
    """Settles fields; sees pictures, and names only where the exam says so."""
    LEAD = "lead"
    """Sees names, decides about candidates and pages, takes sample checks, undoes what others said."""

    def covers(self, needed: "UserRole") -> bool:
        """Tell whether somebody with this role may do what needs another."""
        ranks = list(UserRole)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """An account. `secret` is what is kept of the password (`flows.passwords`)."""

    name: str
    role: UserRole
    secret: str = field(repr=False)
    made_at: datetime
    changed_at: datetime
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class UserChange:
    """What somebody changed about an account."""

    name: str
    what: str
    by: str
    at: datetime


Changed = tuple[User, str]
"""An account as it is from now on, and what changed about it."""


def find(users: Iterable[User], typed: str) -> User | None:
    """Return the account of a name, however its capitals and the white space around its words were typed."""
    wanted = typed_name(typed)
    return next((user for user in users if folded(user.name) == wanted), None)


def refuse_taken(users: Sequence[User], name: str) -> None:
    """Raise AccountError when there is an account of a name."""
    if (there := find(users, name)) is not None:
        raise AccountError(f"there is an account of '{there.name}' already; capitals do not tell two names apart")


def added(users: Sequence[User], name: str, role: UserRole, secret: str, at: datetime) -> Changed:
    """Return a new account (AccountError when there is one of that name)."""
    refuse_taken(users, name)
    return User(name, role, secret, at, at), f"added as {role.value}"


def with_role(users: Sequence[User], name: str, role: UserRole, at: datetime) -> Changed:
    """Return an account with another role."""
    user = known(users, name)
    return replace(user, role=role, changed_at=at), f"from {user.role.value} to {role.value}"


def with_password(users: Sequence[User], name: str, secret: str, at: datetime) -> Changed:
    """Return an account with another password."""
    return replace(known(users, name), secret=secret, changed_at=at), "new password"


def turned(users: Sequence[User], name: str, at: datetime, *, disabled: bool) -> Changed:
    """Return an account that may not, or may again, be used."""
    user = known(users, name)
    if user.disabled == disabled:
        raise AccountError(f"the account of '{user.name}' is {'disabled' if disabled else 'enabled'} already")
    return replace(user, disabled=disabled, changed_at=at), "disabled" if disabled else "enabled"


def known(users: Sequence[User], name: str) -> User:
    """Return the account of a name (AccountError when there is none)."""
    user = find(users, name)
    if user is None:
        there = ", ".join(f"'{one.name}'" for one in users) or "none yet"
        raise AccountError(f"there is no account of '{name}'; accounts of this exam: {there}")
    return user
