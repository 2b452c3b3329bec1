"""The part of the database about what people accept as it is: only ever inserted."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from flows.acceptances import Acceptance, AcceptedKind
from flows.migrations.tables import acceptances
from flows.rows import time_of, time_text
from flows.store_transactions import Transactions


class AcceptanceStore(Transactions):
    """What `flows.store.Store` does for things that a person accepts."""

    def accept(self, said: Sequence[Acceptance]) -> None:
        """Remember that a person takes things as they are."""
        values = [
            {
                "kind": one.kind.value,
                "subject": one.subject,
                "name": one.name,
                "reasons": json.dumps(one.reasons, ensure_ascii=False),
                "text": one.text,
                "reviewer": one.reviewer,
                "made_at": time_text(one.made_at),
                "how": one.how,
            }
            for one in said
        ]
        if not values:
            return
        with self._write() as connection:
            connection.execute(insert(acceptances), values)


def all_acceptances(connection: Connection) -> tuple[Acceptance, ...]:
    """Return what people accepted, oldest first."""
    rows = connection.execute(select(acceptances).order_by(acceptances.c.number)).all()
    return tuple(
        Acceptance(
            AcceptedKind(row.kind),
            row.subject,
            row.name,
            tuple(json.loads(row.reasons)),
            row.text,
            row.reviewer,
            time_of(row.made_at),
            row.how,
        )
        for row in rows
    )
