"""What people decide about pages: which picture of a sheet's page counts, and where a sheet lies on a failed page."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = (
    """
    CREATE TABLE page_decisions (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        act INTEGER NOT NULL,
        scan TEXT NOT NULL,
        page INTEGER NOT NULL,
        choice TEXT NOT NULL,
        other_scan TEXT NOT NULL,
        other_page INTEGER NOT NULL,
        sheet TEXT NOT NULL,
        template_page INTEGER NOT NULL,
        was TEXT NOT NULL,
        becomes TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        made_at TEXT NOT NULL,
        how TEXT NOT NULL,
        CONSTRAINT page_decisions_choice CHECK (choice IN ('keep', 'replace'))
    )
    """,
    "CREATE INDEX ix_page_decisions_sheet ON page_decisions (sheet)",
    """
    CREATE TABLE page_placements (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        scan TEXT NOT NULL,
        page INTEGER NOT NULL,
        template TEXT NOT NULL,
        template_version INTEGER NOT NULL,
        template_page INTEGER NOT NULL,
        serial INTEGER,
        corners TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        after_arrival INTEGER NOT NULL,
        after_page INTEGER NOT NULL,
        was TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        made_at TEXT NOT NULL,
        how TEXT NOT NULL
    )
    """,
    "CREATE INDEX ix_page_placements_scan ON page_placements (scan, page)",
)

TRIGGERS = tuple(
    f"""
    CREATE TRIGGER {table}_are_never_{done} BEFORE {verb} ON {table}{when}
    BEGIN SELECT RAISE(ABORT, '{table} are only ever inserted'); END
    """
    for table in ("page_decisions", "page_placements")
    for done, verb, when in (
        ("changed", "UPDATE", ""),
        ("deleted", "DELETE", ""),
        # INSERT OR REPLACE deletes a row without asking the trigger above.
        ("replaced", "INSERT", f" WHEN EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number)"),
    )
)


def upgrade() -> None:
    """Make the tables; nobody has decided anything yet. Pages that are held keep no readings: they are read again."""
    for statement in (*TABLES, *TRIGGERS):
        op.execute(statement)
