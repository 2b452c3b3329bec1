"""What every sheet was worth, by which rules, and what re-marks changed."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = (
    """
    CREATE TABLE remarks (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        made_at TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        why TEXT NOT NULL,
        rules TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE mark_changes (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        remark INTEGER NOT NULL REFERENCES remarks (number),
        sheet TEXT NOT NULL,
        candidate TEXT NOT NULL,
        what TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        cause TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE snapshots (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        remark INTEGER REFERENCES remarks (number),
        made_at TEXT NOT NULL,
        rules TEXT NOT NULL,
        results TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE rule_files (
        hash TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        content BLOB NOT NULL
    )
    """,
)

KEYS = {"remarks": "number", "mark_changes": "number", "rule_files": "hash"}

TRIGGERS = tuple(
    f"""
    CREATE TRIGGER {table}_are_never_{done} BEFORE {verb} ON {table}{when.format(table=table, key=key)}
    BEGIN SELECT RAISE(ABORT, '{table} are only ever inserted'); END
    """
    for table, key in KEYS.items()
    for done, verb, when in (
        ("changed", "UPDATE", ""),
        ("deleted", "DELETE", ""),
        # INSERT OR REPLACE deletes a row without asking the trigger above.
        ("replaced", "INSERT", " WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"),
    )
)

SNAPSHOT_TRIGGERS = (
    """
    CREATE TRIGGER snapshots_are_never_changed BEFORE UPDATE ON snapshots
    BEGIN SELECT RAISE(ABORT, 'snapshots are never changed'); END
    """,
    # One that no re-mark stands behind makes room for the next: it changed nobody's marks.
    """
    CREATE TRIGGER snapshots_of_remarks_are_never_deleted BEFORE DELETE ON snapshots WHEN OLD.remark IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'snapshots of re-marks are never deleted'); END
    """,
)


def upgrade() -> None:
    """Make the tables; nothing was marked yet."""
    for statement in (*TABLES, *TRIGGERS, *SNAPSHOT_TRIGGERS):
        op.execute(statement)
