"""The first tables.

Written as SQL on purpose: a released step must not change when `tables.py` does.
"""

from alembic import op

revision = "0001"
down_revision = None

APPLICATION_ID = 0x544D4B31
"""'TMK1' in the header of the file: tells our databases from those of other programs."""

TABLES = (
    """
    CREATE TABLE runs (
        number INTEGER NOT NULL PRIMARY KEY,
        command TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        tallymark TEXT NOT NULL,
        model TEXT NOT NULL,
        renderer TEXT NOT NULL,
        settings TEXT NOT NULL,
        files INTEGER DEFAULT '0' NOT NULL,
        pages INTEGER DEFAULT '0' NOT NULL,
        fields INTEGER DEFAULT '0' NOT NULL,
        flagged INTEGER DEFAULT '0' NOT NULL,
        seconds FLOAT DEFAULT '0' NOT NULL
    )
    """,
    """
    CREATE TABLE files (
        number INTEGER NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        scan TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        CONSTRAINT files_outcome CHECK (outcome IN ('read', 'duplicate', 'quarantined'))
    )
    """,
    """
    CREATE TABLE arrivals (
        number INTEGER NOT NULL PRIMARY KEY,
        inbox_name BLOB NOT NULL,
        name TEXT NOT NULL,
        scan TEXT NOT NULL,
        archived TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode TEXT NOT NULL,
        quarantine_name TEXT DEFAULT '' NOT NULL
    )
    """,
    """
    CREATE TABLE scans (
        scan TEXT NOT NULL PRIMARY KEY,
        arrival INTEGER NOT NULL UNIQUE,
        file TEXT NOT NULL,
        pages INTEGER NOT NULL,
        archived TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE pages (
        scan TEXT NOT NULL REFERENCES scans (scan),
        number INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        sheet TEXT DEFAULT '' NOT NULL,
        template TEXT DEFAULT '' NOT NULL,
        template_version INTEGER,
        template_page INTEGER,
        serial INTEGER,
        error_mm FLOAT,
        source TEXT DEFAULT '' NOT NULL,
        identified_by TEXT DEFAULT '' NOT NULL,
        picture_hash TEXT,
        mm_to_px TEXT,
        PRIMARY KEY (scan, number),
        CONSTRAINT pages_outcome CHECK (outcome IN ('read', 'blank', 'failed', 'duplicate', 'held', 'foreign'))
    )
    """,
    """
    CREATE TABLE readings (
        "key" TEXT NOT NULL PRIMARY KEY,
        scan TEXT NOT NULL REFERENCES scans (scan),
        page INTEGER NOT NULL,
        position INTEGER NOT NULL,
        field TEXT NOT NULL,
        kind TEXT NOT NULL,
        role TEXT NOT NULL,
        candidates TEXT NOT NULL,
        characters TEXT NOT NULL,
        trouble TEXT,
        model TEXT NOT NULL,
        crop BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE pictures (
        scan TEXT NOT NULL REFERENCES scans (scan),
        page INTEGER NOT NULL,
        field TEXT NOT NULL,
        crop BLOB NOT NULL,
        PRIMARY KEY (scan, page, field)
    )
    """,
    """
    CREATE TABLE decisions (
        "key" TEXT NOT NULL PRIMARY KEY REFERENCES readings ("key"),
        state TEXT NOT NULL,
        value TEXT NOT NULL,
        guess TEXT NOT NULL,
        confidence FLOAT NOT NULL,
        flag TEXT,
        why TEXT NOT NULL,
        revision TEXT NOT NULL,
        CONSTRAINT decisions_state CHECK (state IN ('value', 'blank', 'unsettled'))
    )
    """,
    """
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
        CONSTRAINT corrections_state CHECK (state IN ('value', 'blank'))
    )
    """,
)

INDEXES = (
    "CREATE INDEX ix_files_scan ON files (scan)",
    "CREATE INDEX ix_pages_sheet ON pages (sheet)",
    "CREATE INDEX ix_pages_picture_hash ON pages (picture_hash)",
    "CREATE INDEX ix_readings_scan ON readings (scan, page)",
    'CREATE INDEX ix_corrections_key ON corrections ("key")',
)

TRIGGERS = (
    """
    CREATE TRIGGER corrections_are_never_changed BEFORE UPDATE ON corrections
    BEGIN SELECT RAISE(ABORT, 'corrections are only ever inserted'); END
    """,
    """
    CREATE TRIGGER corrections_are_never_deleted BEFORE DELETE ON corrections
    BEGIN SELECT RAISE(ABORT, 'corrections are only ever inserted'); END
    """,
    # INSERT OR REPLACE deletes a row without asking the trigger above.
    """
    CREATE TRIGGER corrections_are_never_replaced BEFORE INSERT ON corrections
    WHEN EXISTS (SELECT 1 FROM corrections WHERE number = NEW.number)
    BEGIN SELECT RAISE(ABORT, 'corrections are only ever inserted'); END
    """,
)


def upgrade() -> None:
    """Make every table of the first version."""
    op.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in (*TABLES, *INDEXES, *TRIGGERS):
        op.execute(statement)
