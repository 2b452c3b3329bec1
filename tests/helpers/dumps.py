"""What a database holds, as text, for comparison. Runs and corrections tell when and who: they are left out,
and so is which run stored a page."""

import json
import sqlite3

from flows.store import Store

CONTENT = ("files", "arrivals", "scans", "pages", "readings", "pictures", "decisions")


def dump(store: Store) -> str:
    """Return every row of every table that the scans alone determine."""
    connection = sqlite3.connect(store.path)
    try:
        tables = {name: _rows(connection, name) for name in CONTENT}
    finally:
        connection.close()
    return json.dumps(tables, default=lambda value: value.hex(), indent=1)


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "run"]
    quoted = ", ".join(f'"{name}"' for name in names)
    return connection.execute(f"SELECT {quoted} FROM {table} ORDER BY 1, 2, 3").fetchall()
