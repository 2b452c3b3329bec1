"""What a database holds, as text, for comparison. Runs and corrections tell when and who: they are left out."""

import json
import sqlite3

from flows.store import Store

CONTENT = ("files", "arrivals", "scans", "pages", "readings", "pictures", "decisions")


def dump(store: Store) -> str:
    """Return every row of every table that the scans alone determine."""
    connection = sqlite3.connect(store.path)
    try:
        tables = {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in CONTENT}
    finally:
        connection.close()
    return json.dumps(tables, default=lambda value: value.hex(), indent=1)
