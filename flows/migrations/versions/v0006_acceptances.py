"""What people looked at and take as it is."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLE = """
    CREATE TABLE acceptances (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        reasons TEXT NOT NULL,
        text TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        made_at TEXT NOT NULL,
        CONSTRAINT acceptances_kind CHECK (kind IN ('file', 'page', 'sheet'))
    )
    """

TRIGGERS = tuple(
    f"""
    CREATE TRIGGER acceptances_are_never_{done} BEFORE {verb} ON acceptances{when}
    BEGIN SELECT RAISE(ABORT, 'acceptances are only ever inserted'); END
    """
    for done, verb, when in (
        ("changed", "UPDATE", ""),
        ("deleted", "DELETE", ""),
        # INSERT OR REPLACE deletes a row without asking the trigger above.
        ("replaced", "INSERT", " WHEN EXISTS (SELECT 1 FROM acceptances WHERE number = NEW.number)"),
    )
)


def upgrade() -> None:
    """Make the table; nobody has accepted anything yet."""
    for statement in (TABLE, *TRIGGERS):
        op.execute(statement)
