"""The database file of an exam, and the transactions in which it is read and written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine

from flows.migrations.opening import translated, writing
from flows.settings import DATABASE


class Transactions:
    """An open database: what `flows.store.Store` and its parts read and write with."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder = folder
        self._engine = engine
        self._snapshot: Connection | None = None
        self.path = folder / DATABASE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database file."""
        self._engine.dispose()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read within the block come from one moment, whatever others write meanwhile.

        For one thread; what is written within the block is stored, but not seen in it.
        """
        if self._snapshot is not None:
            raise RuntimeError("a snapshot is being read already")
        with self._read() as connection:
            # A transaction begins with the first statement, not with BEGIN.
            connection.exec_driver_sql("SELECT count(*) FROM alembic_version")
            self._snapshot = connection
            try:
                yield
            finally:
                self._snapshot = None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        if self._snapshot is not None:
            with translated(self.path):
                yield self._snapshot
            return
        with translated(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(self.path), writing(self._engine) as connection:
            yield connection
