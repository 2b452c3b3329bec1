"""Corrections become a chained trail, in which people may also say that they cannot read, and take back; accounts.

Every row that is there keeps what it says and gets its hash; which picture it was about is not known any more.
"""

import hashlib
import json

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"

CORRECTIONS = """
    CREATE TABLE corrections (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "key" TEXT NOT NULL,
        state TEXT NOT NULL,
        value TEXT NOT NULL,
        was TEXT NOT NULL,
        machine TEXT NOT NULL,
        model TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        made_at TEXT NOT NULL,
        how TEXT NOT NULL,
        act TEXT NOT NULL,
        note TEXT NOT NULL,
        undoes INTEGER,
        token TEXT NOT NULL,
        crop TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash TEXT NOT NULL,
        CONSTRAINT corrections_state CHECK (state IN ('value', 'blank', 'unsettled')),
        CONSTRAINT corrections_act CHECK (act IN ('say', 'second', 'third', 'undo')),
        CONSTRAINT corrections_undoes CHECK ((act = 'undo') = (undoes IS NOT NULL)),
        CONSTRAINT corrections_note CHECK (state <> 'unsettled' OR act = 'undo' OR note = 'unreadable')
    )
"""

BEFORE = (
    "DROP TRIGGER corrections_are_never_changed",
    "DROP TRIGGER corrections_are_never_deleted",
    "DROP TRIGGER corrections_are_never_replaced",
    "DROP INDEX ix_corrections_key",
    "ALTER TABLE corrections RENAME TO corrections_before_0008",
)

AFTER = (
    "DROP TABLE corrections_before_0008",
    'CREATE INDEX ix_corrections_key ON corrections ("key")',
    "CREATE UNIQUE INDEX ix_corrections_token ON corrections (token) WHERE token <> ''",
    "CREATE INDEX ix_pages_loose ON pages (joining) WHERE joining <> 'code'",
)

USERS = (
    """
    CREATE TABLE users (
        name TEXT NOT NULL PRIMARY KEY,
        role TEXT NOT NULL,
        secret TEXT NOT NULL,
        made_at TEXT NOT NULL,
        changed_at TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        CONSTRAINT users_role CHECK (role IN ('viewer', 'reviewer', 'lead')),
        CONSTRAINT users_disabled CHECK (disabled IN (0, 1))
    )
    """,
    """
    CREATE TABLE user_changes (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        what TEXT NOT NULL,
        "by" TEXT NOT NULL,
        at TEXT NOT NULL
    )
    """,
)

TRIGGERS = tuple(
    f"""
    CREATE TRIGGER {table}_are_never_{done} BEFORE {verb} ON {table}{when}
    BEGIN SELECT RAISE(ABORT, '{table} are only ever inserted'); END
    """
    for table, same in (
        ("corrections", "number = NEW.number OR (NEW.token <> '' AND token <> '' AND token = NEW.token)"),
        ("user_changes", "number = NEW.number"),
    )
    for done, verb, when in (
        ("changed", "UPDATE", ""),
        ("deleted", "DELETE", ""),
        # INSERT OR REPLACE deletes a row without asking the trigger above.
        ("replaced", "INSERT", f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"),
    )
)

KEPT = ("key", "state", "value", "was", "machine", "model", "reviewer", "made_at", "how")
NEW = {"act": "say", "note": "", "undoes": None, "token": "", "crop": ""}


def upgrade() -> None:
    """Make the tables, and chain what people said so far."""
    for statement in (*BEFORE, CORRECTIONS):
        op.execute(statement)
    _chain()
    for statement in (*AFTER, *USERS, *TRIGGERS):
        op.execute(statement)


def _chain() -> None:
    connection = op.get_bind()
    columns = ("number", *KEPT, *NEW, "previous", "hash")
    quoted = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f":{name}" for name in columns)
    store = text(f"INSERT INTO corrections ({quoted}) VALUES ({values})")
    previous, rows = "0" * 64, []
    for row in connection.execute(text("SELECT * FROM corrections_before_0008 ORDER BY number")).all():
        said = {name: getattr(row, name) for name in KEPT} | NEW
        # As `flows.trail_rows.hash_of` has it, written out: a released step does not change.
        told = json.dumps({"number": row.number, "previous": previous} | said, sort_keys=True, separators=(",", ":"))
        own = hashlib.sha256(told.encode()).hexdigest()
        rows.append({"number": row.number, "previous": previous, "hash": own} | said)
        previous = own
    if rows:
        connection.execute(store, rows)
