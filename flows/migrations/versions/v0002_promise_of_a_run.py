"""Runs say what error they promise and expect; pages say which run stored them."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE runs ADD COLUMN batch_fields INTEGER",
    "ALTER TABLE runs ADD COLUMN batch_accepted INTEGER",
    "ALTER TABLE runs ADD COLUMN accept_error FLOAT",
    "ALTER TABLE runs ADD COLUMN proven INTEGER",
    "ALTER TABLE runs ADD COLUMN expected_wrong FLOAT",
    "ALTER TABLE runs ADD COLUMN wrong_low INTEGER",
    "ALTER TABLE runs ADD COLUMN wrong_high INTEGER",
    "ALTER TABLE runs ADD COLUMN drift TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE runs ADD COLUMN thresholds TEXT DEFAULT '' NOT NULL",
    # No foreign key: SQLite cannot add one to a table that is there without copying it whole.
    "ALTER TABLE pages ADD COLUMN run INTEGER",
    "CREATE INDEX ix_pages_run ON pages (run)",
)


def upgrade() -> None:
    """Add the columns; what is there already keeps "nobody knows"."""
    for statement in STATEMENTS:
        op.execute(statement)
