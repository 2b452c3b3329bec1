"""The tables as they are today. How a database of an older version gets there is told in `versions/`.

Names and units are meant to be read by a person with `sqlite3 tallymark.db`: times are ISO texts in UTC, probabilities
are JSON, a crop is a PNG.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("command", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("finished_at", Text),
    Column("tallymark", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("renderer", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("files", Integer, nullable=False, server_default="0"),
    Column("pages", Integer, nullable=False, server_default="0"),
    Column("fields", Integer, nullable=False, server_default="0"),
    Column("flagged", Integer, nullable=False, server_default="0"),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("batch_fields", Integer),
    Column("batch_accepted", Integer),
    Column("accept_error", Float),
    Column("proven", Integer),
    Column("expected_wrong", Float),
    Column("wrong_low", Integer),
    Column("wrong_high", Integer),
    Column("drift", Text, nullable=False, server_default=""),
    Column("thresholds", Text, nullable=False, server_default=""),
)
"""One row a run. The figures grow with every commit, so a run that was killed shows what it achieved;
it has no `finished_at`. What is promised is known at the end, of the fields of its batch: `accept_error` is the share
of accepted ones that may be wrong, `expected_wrong` how many are likely to be (`wrong_low` to `wrong_high` at 95 %),
`drift` in what the batch was unlike the calibration data, `thresholds` in words what the promise rests on. NULL is
where nothing was known."""

files = Table(
    "files",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scan", Text, nullable=False, index=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("batch", Text, nullable=False, server_default=""),
    CheckConstraint("outcome IN ('read', 'duplicate', 'quarantined')", name="files_outcome"),
)
"""One row a file that came in and is done with, in the order of arrival; `batch` as its run was told."""

arrivals = Table(
    "arrivals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("inbox_name", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("scan", Text, nullable=False),
    Column("archived", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("inode", Text, nullable=False),
    Column("quarantine_name", Text, nullable=False, server_default=""),
    Column("batch", Text, nullable=False, server_default=""),
)
"""Files that were taken and are not done with: empty between runs, unless one was killed. An inode may exceed what
SQLite holds as a number, so it is a text."""

scans = Table(
    "scans",
    metadata,
    Column("scan", Text, primary_key=True),
    Column("arrival", Integer, nullable=False, unique=True),
    Column("file", Text, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("archived", Text, nullable=False),
)
"""One row a scan by content (SHA-256), with the name under which it first came."""

pages = Table(
    "pages",
    metadata,
    Column("scan", Text, ForeignKey("scans.scan"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("sheet", Text, nullable=False, server_default="", index=True),
    Column("template", Text, nullable=False, server_default=""),
    Column("template_version", Integer),
    Column("template_page", Integer),
    Column("serial", Integer),
    Column("error_mm", Float),
    Column("source", Text, nullable=False, server_default=""),
    Column("identified_by", Text, nullable=False, server_default=""),
    Column("picture_hash", Text, index=True),
    Column("mm_to_px", Text),
    Column("run", Integer, index=True),
    Column("joining", Text, nullable=False, server_default="code"),
    Column("template_pages", Integer, nullable=False, server_default="1"),
    Column("batch", Text, nullable=False, server_default=""),
    CheckConstraint(
        "outcome IN ('read', 'blank', 'failed', 'duplicate', 'held', 'foreign')",
        name="pages_outcome",
    ),
    Index("ix_pages_loose", "joining", sqlite_where=text("joining <> 'code'")),
)
"""One row a page. `mm_to_px` is the homography from template millimetres to scan pixels, row by row, as JSON, and for
bent paper an object of that (`flat`) and its `bend`;
`run` is the run that stored it, NULL before version 0002 of these tables. Outcome and sheet are those of the page by
itself: where `joining` is not 'code', which pages make a sheet follows from all of them (`flows.stacks`)."""

readings = Table(
    "readings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("scan", Text, ForeignKey("scans.scan"), nullable=False),
    Column("page", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("field", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("candidates", Text, nullable=False),
    Column("characters", Text, nullable=False),
    Column("trouble", Text),
    Column("model", Text, nullable=False),
    Column("crop", LargeBinary, nullable=False),
    Index("ix_readings_scan", "scan", "page"),
)
"""What the pixels of one field say. `position` is its place on the template page; `candidates` is a JSON list of
[value, probability], most likely first ("" is blank); `characters` tells, box by box, how likely each class is."""

pictures = Table(
    "pictures",
    metadata,
    Column("scan", Text, ForeignKey("scans.scan"), primary_key=True),
    Column("page", Integer, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("crop", LargeBinary, nullable=False),
)
"""Areas that are kept for people and not read, such as a name or a signature."""

decisions = Table(
    "decisions",
    metadata,
    Column("key", Text, ForeignKey("readings.key"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("guess", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("flag", Text),
    Column("why", Text, nullable=False),
    Column("revision", Text, nullable=False),
    CheckConstraint("state IN ('value', 'blank', 'unsettled')", name="decisions_state"),
)
"""What was accepted of a reading. `revision` stands for the reading and the decision together: it changes when either
does."""

corrections = Table(
    "corrections",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("was", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("undoes", Integer),
    Column("token", Text, nullable=False),
    Column("crop", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("state IN ('value', 'blank', 'unsettled')", name="corrections_state"),
    CheckConstraint("act IN ('say', 'second', 'third', 'undo')", name="corrections_act"),
    CheckConstraint("(act = 'undo') = (undoes IS NOT NULL)", name="corrections_undoes"),
    CheckConstraint("state <> 'unsettled' OR act = 'undo' OR note = 'unreadable'", name="corrections_note"),
    Index("ix_corrections_token", "token", unique=True, sqlite_where=text("token <> ''")),
    sqlite_autoincrement=True,
)
"""What people said, in the order in which they said it; `flows.trail.standing` tells what stands of a key's rows.
`undoes` is the number of the row that an undo takes back, `crop` the SHA-256 of the field's picture then ("": not
known), `hash` that of the row itself with `previous`, the hash of the row before (64 zeros for the first). Triggers
refuse to change or delete a row. `key` has no foreign key: what a person said outlives a reading that a new template no
longer makes."""

sample_checks = Table(
    "sample_checks",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("round", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("machine", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("how", Text, nullable=False),
    CheckConstraint("state IN ('value', 'blank')", name="sample_checks_state"),
    CheckConstraint("wrong IN (0, 1)", name="sample_checks_wrong"),
    Index("ix_sample_checks_once", "key", "model", unique=True),
    sqlite_autoincrement=True,
)
"""What people found in samples of accepted fields: `machine` was accepted with the probability `score`, `value` is what
is written there. Triggers refuse to change or delete a row; a field counts once for each model that read it."""

tightenings = Table(
    "tightenings",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("round", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("accept_error", Float, nullable=False),
    Column("digits_score", Float, nullable=False),
    Column("number_score", Float, nullable=False),
    Column("choice_score", Float, nullable=False),
    Column("reopened", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""From which score (above 1: none) fields of each kind were accepted after a sample check, and how many it reopened.
For the record: every run derives its thresholds from `sample_checks`. Triggers refuse to change or delete a row."""

page_decisions = Table(
    "page_decisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("act", Integer, nullable=False),
    Column("scan", Text, nullable=False),
    Column("page", Integer, nullable=False),
    Column("choice", Text, nullable=False),
    Column("other_scan", Text, nullable=False),
    Column("other_page", Integer, nullable=False),
    Column("sheet", Text, nullable=False, index=True),
    Column("template_page", Integer, nullable=False),
    Column("was", Text, nullable=False),
    Column("becomes", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("how", Text, nullable=False),
    CheckConstraint("choice IN ('keep', 'replace')", name="page_decisions_choice"),
    sqlite_autoincrement=True,
)
"""Which of two pictures of a sheet's page counts: with 'keep' the other page, with 'replace' this one. `was` and
`becomes` are outcomes of this page; rows of one `act` were decided together. Triggers refuse to change or delete a row;
`pages.outcome` follows from all of them in order."""

page_placements = Table(
    "page_placements",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("scan", Text, nullable=False),
    Column("page", Integer, nullable=False),
    Column("template", Text, nullable=False),
    Column("template_version", Integer, nullable=False),
    Column("template_page", Integer, nullable=False),
    Column("serial", Integer),
    Column("corners", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("after_arrival", Integer, nullable=False),
    Column("after_page", Integer, nullable=False),
    Column("was", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("how", Text, nullable=False),
    Index("ix_page_placements_scan", "scan", "page"),
    sqlite_autoincrement=True,
)
"""Where a person says the sheet lies on a page that was not read; the latest of a page wins. `corners` is a JSON list
of four [x, y] in pixels of a picture of `width` x `height`, `was` the outcome before; `after_arrival` and `after_page`
name the last page that was stored at that moment: the placed page claims its place on the sheet after that one. A row
without a template takes back what was said before it.
Triggers refuse to change or delete a row."""

stack_decisions = Table(
    "stack_decisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("word", Text, nullable=False),
    Column("pages", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    CheckConstraint("word IN ('join', 'drop', 'undo')", name="stack_decisions_word"),
    sqlite_autoincrement=True,
)
"""What people said of pages without a serial: one sheet, or not from here; the latest of a page counts. `pages` is a
JSON list of [scan, number]. Triggers refuse to change or delete a row."""

batch_statements = Table(
    "batch_statements",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("papers", Integer, nullable=False),
    Column("run", Integer, nullable=False),
    Column("made_at", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""How many papers the files of a run should hold; the latest of a name counts. Triggers refuse to change a row."""

batch_explanations = Table(
    "batch_explanations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("stated", Text, nullable=False),
    Column("found", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Why a batch holds other papers than was said; it explains these numbers and no others. Triggers refuse to change a
row."""

acceptances = Table(
    "acceptances",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("how", Text, nullable=False, server_default=""),
    CheckConstraint("kind IN ('file', 'page', 'sheet')", name="acceptances_kind"),
    sqlite_autoincrement=True,
)
"""What a person looked at and takes as it is; `reasons` is a JSON list of what was wrong with it then, and it is
accepted for these. The latest of a subject counts; `how` is "" where it was not kept yet. Triggers refuse to change or
delete a row."""

remarks = Table(
    "remarks",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("made_at", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("rules", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Re-marks that changed something: who, when, why. `rules` is a JSON object: the hashes of the files by which was
marked (`rule_files`), and the settings of exam.toml that matter. Triggers refuse to change or delete a row."""

mark_changes = Table(
    "mark_changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("remark", Integer, ForeignKey("remarks.number"), nullable=False),
    Column("sheet", Text, nullable=False),
    Column("candidate", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("cause", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""What a re-mark changed, from what to what. Triggers refuse to change or delete a row."""

snapshots = Table(
    "snapshots",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("remark", Integer, ForeignKey("remarks.number")),
    Column("made_at", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("results", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""What every sheet was worth, and by which rules (as in `remarks`): what the next re-mark tells its changes from. One
of no re-mark makes room for the next; triggers refuse to change any, and to delete one of a re-mark."""

rule_files = Table(
    "rule_files",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""The files by which was ever marked, by the SHA-256 of their bytes. Triggers refuse to change or delete a row."""

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    Column("disabled", Integer, nullable=False, server_default="0"),
    CheckConstraint("role IN ('viewer', 'reviewer', 'lead')", name="users_role"),
    CheckConstraint("disabled IN (0, 1)", name="users_disabled"),
)
"""Who may use the review, and as what. `secret` is an encoded hash of the password. Rows change; `user_changes` tells
how."""

user_changes = Table(
    "user_changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""What was changed about whom, by whom and when. Triggers refuse to change or delete a row."""
