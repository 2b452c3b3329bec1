"""What people find in samples of accepted fields, and the thresholds that this raised."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    """
    CREATE TABLE sample_checks (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        round INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        revision TEXT NOT NULL,
        kind TEXT NOT NULL,
        score FLOAT NOT NULL,
        machine TEXT NOT NULL,
        model TEXT NOT NULL,
        wrong INTEGER NOT NULL,
        state TEXT NOT NULL,
        value TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        made_at TEXT NOT NULL,
        how TEXT NOT NULL,
        CONSTRAINT sample_checks_state CHECK (state IN ('value', 'blank')),
        CONSTRAINT sample_checks_wrong CHECK (wrong IN (0, 1))
    )
    """,
    'CREATE UNIQUE INDEX ix_sample_checks_once ON sample_checks ("key", model)',
    """
    CREATE TABLE tightenings (
        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        round INTEGER NOT NULL,
        model TEXT NOT NULL,
        accept_error FLOAT NOT NULL,
        digits_score FLOAT NOT NULL,
        number_score FLOAT NOT NULL,
        choice_score FLOAT NOT NULL,
        reopened INTEGER NOT NULL,
        why TEXT NOT NULL,
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
    for table, same in (
        ("sample_checks", 'number = NEW.number OR ("key" = NEW."key" AND model = NEW.model)'),
        ("tightenings", "number = NEW.number"),
    )
    for done, verb, when in (
        ("changed", "UPDATE", ""),
        ("deleted", "DELETE", ""),
        # INSERT OR REPLACE deletes a row without asking the trigger above.
        ("replaced", "INSERT", f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"),
    )
)


def upgrade() -> None:
    """Make the tables; nobody has looked at a sample yet."""
    for statement in (*TABLES, *TRIGGERS):
        op.execute(statement)
