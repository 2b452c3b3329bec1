"""The trail of what people said, as far as it is there yet."""

from sqlalchemy import func, select

from flows.migrations.tables import corrections, pages, readings, runs, sample_checks
from flows.records import FieldRow
from flows.store_fields import stored_fields
from flows.store_transactions import Transactions


class TrailStore(Transactions):
    """What people said, field by field."""

    def field(self, key: str) -> FieldRow | None:
        """Return one field, None when there is none that counts."""
        with self._read() as connection:
            found = stored_fields(connection, readings.c.key == key)
        return found[0] if found else None

    def changes(self) -> str:
        """Return a text that differs whenever something that bears on decisions was written since."""
        tables = (corrections, sample_checks, runs)
        with self._read() as connection:
            last = [connection.execute(select(func.max(table.c.number))).scalar() or 0 for table in tables]
            last.append(connection.execute(select(func.count()).select_from(pages)).scalar_one())
        return ".".join(map(str, last))
