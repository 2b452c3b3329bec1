"""How pages without a serial find one another, what people say of them, and how many papers a batch should hold."""

from alembic import op

revision = "0005"
down_revision = "0004"

COLUMNS = (
    # Of pages that were stored before nobody knows; they stay sheets of their own until they are read again.
    "ALTER TABLE pages ADD COLUMN joining TEXT NOT NULL DEFAULT 'code'",
    "ALTER TABLE pages ADD COLUMN template_pages INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE pages ADD COLUMN batch TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE arrivals ADD COLUMN batch TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE files ADD COLUMN batch TEXT NOT NULL DEFAULT ''",
)

TABLES = (
    """
    CREATE TABLE stack_decisions (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        word TEXT NOT NULL,
        pages TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        made_at TEXT NOT NULL,
        CONSTRAINT stack_decisions_word CHECK (word IN ('join', 'drop', 'undo'))
    )
    """,
    """
    CREATE TABLE batch_statements (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        papers INTEGER NOT NULL,
        run INTEGER NOT NULL,
        made_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE batch_explanations (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        stated TEXT NOT NULL,
        found INTEGER NOT NULL,
        text TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        made_at TEXT NOT NULL
    )
    """,
)

TRIGGERS = tuple(
    f"""
    CREATE TRIGGER {table}_are_never_{done} BEFORE {verb} ON {table}{when}
    BEGIN SELECT RAISE(ABORT, '{table} are only ever inserted'); END
    """
    for table in ("stack_decisions", "batch_statements", "batch_explanations")
    for done, verb, when in (
        ("changed", "UPDATE", ""),
        ("deleted", "DELETE", ""),
        # INSERT OR REPLACE deletes a row without asking the trigger above.
        ("replaced", "INSERT", f" WHEN EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number)"),
    )
)


def upgrade() -> None:
    """Make columns and tables; nobody has said anything yet."""
    for statement in (*COLUMNS, *TABLES, *TRIGGERS):
        op.execute(statement)
