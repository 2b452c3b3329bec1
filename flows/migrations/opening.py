"""Opens an exam's database: the right settings of SQLite, the newest tables, and refusal of what is not ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from flows.errors import PlaceError

NEWEST = "0009"
"""The newest step of `versions/`; known here so that an up-to-date database opens without importing Alembic."""

APPLICATION_ID = 0x544D4B31
"""As in the first step of `versions/`, which is not imported here for the same reason."""

BUSY_SECONDS = 15.0
"""How long a statement waits for another process to finish writing: longer than any one transaction of ours."""


def open_engine(path: Path) -> Engine:
    """Open a database file, making it or bringing it to date where needed.

    Raises:
        PlaceError: it cannot be opened or written, is no database of ours, or comes from a newer Tallymark.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS},
        # A traceback shows the statement, and not whose marks it was about.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        with translated(path):
            _bring_to_date(engine, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may write from its first statement on, so that it never fails half way for a lock."""
    with engine.connect().execution_options(tallymark_write=True) as connection, connection.begin():
        yield connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the file (not about our statements) into PlaceError."""
    try:
        yield
    except PoolTimeoutError as error:
        raise PlaceError(f"{path} is asked by too many at once; try again") from error
    except OperationalError as error:
        raise PlaceError(_explained(path, str(error.orig))) from error
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise PlaceError(_explained(path, str(error.orig))) from error


def _explained(path: Path, said: str) -> str:
    if "locked" in said or "busy" in said:
        return f"{path} has been in use by another program for {BUSY_SECONDS:g} s; close it there and try again"
    if "not a database" in said or "malformed" in said:
        return (
            f"{path} is damaged or is no database ({said}); put back a copy of it, or move it away and grade the "
            "archived scans again by copying archive/ into inbox/"
        )
    if "readonly" in said or "unable to open" in said:
        return f"{path} cannot be written ({said}); give yourself the right to write there"
    if "full" in said or "disk I/O" in said:
        return f"{path} cannot be written ({said}); free some space on the disc and try again"
    return f"{path} cannot be used: {said}"


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    # Python's sqlite3 opens transactions late and by its own rules; `_begin` says when instead.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        # An inbox file is removed after its pages are committed: a commit has to survive a power cut.
        "synchronous = FULL",
        "foreign_keys = ON",
        # Without it INSERT OR REPLACE would delete rows past the triggers that refuse deletion.
        "recursive_triggers = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("tallymark_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _bring_to_date(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        if _version(connection, path) == NEWEST:
            return
    with writing(engine) as connection:
        # Asked again under the lock: another process may have done it meanwhile.
        version = _version(connection, path)
        if version != NEWEST:
            _migrate(connection, path, version)


def _version(connection: Connection, path: Path) -> str | None:
    """Return the step at which the database is, None for a new one."""
    tables = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if (
        connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID
        or "alembic_version" not in tables
    ):
        raise PlaceError(f"{path} is a database of another program; move it away, it is not an exam's")
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())


def _migrate(connection: Connection, path: Path, version: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # Alembic's options are ConfigParser texts, in which a percent sign has a meaning.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise PlaceError(
            f"{path} was made by a newer Tallymark (its tables are at step {version}, this one knows up to {NEWEST}); "
            "install that version, an older one could lose what it stored"
        )
    command.upgrade(config, "head")
