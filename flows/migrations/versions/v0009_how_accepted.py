"""By what means people accepted things: by a command, or in the review."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; of what was accepted before nobody kept it."""
    op.execute("ALTER TABLE acceptances ADD COLUMN how TEXT NOT NULL DEFAULT ''")
