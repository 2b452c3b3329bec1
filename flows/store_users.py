"""The part of the database about accounts: rows that change, and a log of what changed, which does not."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Row

from flows.migrations.tables import user_changes, users
from flows.rows import time_of, time_text
from flows.store_transactions import Transactions
from flows.users import Changed, User, UserChange, UserRole


class UserStore(Transactions):
    """What `flows.store.Store` does for accounts."""

    def users(self) -> tuple[User, ...]:
        """Return every account, in the order in which they were made."""
        with self._read() as connection:
            return all_users(connection)

    def user(self, name: str) -> User | None:
        """Return the account of exactly this name."""
        with self._read() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).first()
        return _user(row) if row else None

    def has_users(self) -> bool:
        """Tell whether the exam has accounts, disabled ones too."""
        with self._read() as connection:
            return bool(connection.execute(select(func.count()).select_from(users)).scalar_one())

    def change_user(self, choose: Callable[[tuple[User, ...]], Changed], by: str, at: datetime) -> User:
        """Have one account made or changed in view of all, store it, and log what changed, in one transaction.

        An error in `choose` passes through, and nothing is stored.

        Args:
            choose: given every account, returns one as it is from now on, and what changed about it.
            by: who changes it.
            at: when.
        """
        with self._write() as connection:
            user, what = choose(all_users(connection))
            values = {
                "name": user.name,
                "role": user.role.value,
                "secret": user.secret,
                "made_at": time_text(user.made_at),
                "changed_at": time_text(user.changed_at),
                "disabled": int(user.disabled),
            }
            changed = {name: value for name, value in values.items() if name not in ("name", "made_at")}
            # Not INSERT OR REPLACE: the row stays the same one.
            connection.execute(
                sqlite_insert(users).on_conflict_do_update(index_elements=["name"], set_=changed), values
            )
            connection.execute(insert(user_changes), {"name": user.name, "what": what, "by": by, "at": time_text(at)})
        return user

    def user_changes(self) -> tuple[UserChange, ...]:
        """Return what was changed about accounts, oldest first."""
        with self._read() as connection:
            rows = connection.execute(select(user_changes).order_by(user_changes.c.number)).all()
        return tuple(UserChange(row.name, row.what, row.by, time_of(row.at)) for row in rows)


def all_users(connection: Connection) -> tuple[User, ...]:
    """Return every account, in the order in which they were made."""
    rows = connection.execute(select(users).order_by(users.c.made_at, users.c.name)).all()
    return tuple(_user(row) for row in rows)


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(
        row.name, UserRole(row.role), row.secret, time_of(row.made_at), time_of(row.changed_at), bool(row.disabled)
    )
