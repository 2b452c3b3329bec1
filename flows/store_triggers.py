"""Do the triggers still stand that keep the trail from being changed? Who drops one may change rows afterwards."""

from sqlalchemy import Connection, text

GUARDED = ("corrections", "user_changes")
"""Tables whose rows are only ever inserted."""

TRIGGERS_THERE = text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")


def altered_triggers(connection: Connection) -> tuple[str, ...]:
    """Return, in words, what differs from the triggers that Tallymark made; nothing if all stand."""
    # It imports Alembic, which nobody needs who does not ask for proof.
    from flows.migrations.versions.v0008_chained_trail import TRIGGERS

    expected = {_name(sql): _plain(sql) for sql in TRIGGERS}
    there = {name: (table, _plain(sql or "")) for name, table, sql in connection.execute(TRIGGERS_THERE)}
    told = []
    for name, sql in expected.items():
        if name not in there:
            told.append(f"the trigger {name} is missing: any program could change rows since")
        elif there[name][1] != sql:
            told.append(f"the trigger {name} is not as Tallymark made it: any program could change rows since")
    for name, (table, _) in sorted(there.items()):
        if table in GUARDED and name not in expected:
            told.append(f"there is a trigger {name!r} on {table}, which Tallymark did not make")
    return tuple(told)


def _plain(sql: str) -> str:
    return " ".join(sql.split())


def _name(sql: str) -> str:
    """Return the name of the trigger that a statement makes."""
    return sql.split()[2]
