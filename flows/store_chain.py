"""The chained trail in the database, within a transaction that somebody else holds."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection, Select, func, insert, select, text

from flows.migrations.tables import corrections, readings
from flows.records import Act, Correction, TrailRow
from flows.trail import FIRST_PREVIOUS, Link, chained
from flows.trail_rows import ROW_COLUMNS, TRAIL_COLUMNS, columns_of, trail_row

ORDERED = select(*(corrections.c[name] for name in ROW_COLUMNS)).order_by(corrections.c.number)

HAS_TOKEN = text("token <> ''")
"""As the index of tokens says it, so that it is used."""

HIGHEST_NUMBER = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'corrections'")
"""The highest number that a row ever had: a row that was deleted by foul means leaves a gap, whatever comes after."""

GUARDED = ("corrections", "user_changes")
"""Tables whose rows are only ever inserted."""

TRIGGERS = text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")

MOST_ASKED = 400
"""Fields that one query asks for: SQLite takes at most 999 values, in older builds."""

ONE_LEVEL_UP = "0"
"""The character after "/": what begins with "TOKEN/" stands before "TOKEN0"."""


def stored_trail(connection: Connection, key: str | None = None) -> tuple[TrailRow, ...]:
    """Return the whole trail, or that of one field, oldest first."""
    query = ORDERED if key is None else ORDERED.where(corrections.c.key == key)
    return tuple([trail_row(row) for row in connection.execute(query)])


def trail_of(connection: Connection, keys: Sequence[str] | Select[tuple[str]]) -> tuple[TrailRow, ...]:
    """Return the trail of some fields, or of those that a query names, oldest first."""
    return tuple([trail_row(row) for row in connection.execute(ORDERED.where(corrections.c.key.in_(keys)))])


def sent_before(connection: Connection, token: str) -> TrailRow | None:
    """Return the row that was stored with a token, None if there is none or the token is empty."""
    row = connection.execute(ORDERED.where(HAS_TOKEN, corrections.c.token == token)).first()
    return trail_row(row) if row is not None else None


def sent_together(connection: Connection, token: str) -> tuple[TrailRow, ...]:
    """Return the rows that were stored together with tokens "TOKEN/0", "TOKEN/1" and so on, oldest first."""
    if not token:
        return ()
    here = (corrections.c.token >= f"{token}/") & (corrections.c.token < f"{token}{ONE_LEVEL_UP}")
    return tuple(trail_row(row) for row in connection.execute(ORDERED.where(HAS_TOKEN, here)))


def say(connection: Connection, said: Sequence[Correction]) -> tuple[TrailRow, ...]:
    """Store what people said, with the hash of each field's picture as it is now, at the end of the chain."""
    if not said:
        return ()
    _refuse_bad_undo(connection, said)
    number, previous = _end_of_chain(connection)
    crops = crop_hashes(connection, [one.key for one in said if not one.crop])
    with_crops = [one if one.crop else replace(one, crop=crops.get(one.key, "")) for one in said]
    rows = chained(with_crops, number + 1, previous)
    connection.execute(
        insert(corrections),
        [
            {"number": row.number} | columns_of(row.correction) | {"previous": row.previous, "hash": row.hash}
            for row in rows
        ],
    )
    return rows


def raw_links(connection: Connection) -> Iterator[Link]:
    """Yield every row of the trail as it stands in the database, whatever that is: what proves the chain reads this."""
    for row in connection.execution_options(yield_per=1000).execute(ORDERED):
        number, *said, previous, own = row
        yield number, previous, own, dict(zip(TRAIL_COLUMNS, said, strict=True))


def highest_number(connection: Connection) -> int:
    """Return the highest number that a row of the trail ever had, 0 when there was none."""
    return int(connection.execute(HIGHEST_NUMBER).scalar_one())


def rows_with_hash(connection: Connection, hashes: Iterable[str]) -> dict[str, int]:
    """Return the numbers of the rows that have some hashes, by hash; the hash of an empty trail is that of row 0."""
    wanted = set(hashes)
    found = {FIRST_PREVIOUS: 0} if FIRST_PREVIOUS in wanted else {}
    query = select(corrections.c.hash, corrections.c.number)
    return found | {row.hash: row.number for row in connection.execute(query) if row.hash in wanted}


def altered_triggers(connection: Connection) -> tuple[str, ...]:
    """Return, in words, what differs from the triggers that Tallymark made; nothing if all stand."""
    # It imports Alembic, which nobody needs who does not ask for proof.
    from flows.migrations.versions.v0008_chained_trail import TRIGGERS as MADE

    expected = {_trigger_name(sql): _one_spaced(sql) for sql in MADE}
    there = {name: (table, _one_spaced(sql or "")) for name, table, sql in connection.execute(TRIGGERS)}
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


def _end_of_chain(connection: Connection) -> tuple[int, str]:
    """Return the highest number ever used and the hash of the last row."""
    query = select(corrections.c.number, corrections.c.hash).order_by(corrections.c.number.desc()).limit(1)
    last = connection.execute(query).first()
    if last is None:
        return highest_number(connection), FIRST_PREVIOUS
    return max(last.number, highest_number(connection)), last.hash


def crop_hashes(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of the pictures of some fields as they are now, by key; of those that have one."""
    found: dict[str, str] = {}
    for at in range(0, len(keys), MOST_ASKED):
        query = select(readings.c.key, readings.c.crop).where(readings.c.key.in_(keys[at : at + MOST_ASKED]))
        found |= {row.key: hashlib.sha256(row.crop).hexdigest() for row in connection.execute(query)}
    return found


def _refuse_bad_undo(connection: Connection, said: Sequence[Correction]) -> None:
    """Raise ValueError where an undo takes back what it cannot: whoever made it did not look at the trail."""
    undone: set[int] = set()
    for one in said:
        if (one.act is Act.UNDO) != (one.undoes is not None):
            raise ValueError(f"{one.key}: an undo names the row that it takes back, and nothing else does")
        if one.undoes is None:
            continue
        row = connection.execute(ORDERED.where(corrections.c.number == one.undoes)).first()
        if row is None or row.key != one.key or row.act == Act.UNDO.value:
            raise ValueError(f"{one.key}: row {one.undoes} of the trail is none of this field that could be undone")
        again = select(func.count()).select_from(corrections).where(corrections.c.key == one.key)
        if one.undoes in undone or connection.execute(again.where(corrections.c.undoes == one.undoes)).scalar_one():
            raise ValueError(f"{one.key}: row {one.undoes} of the trail was taken back before")
        undone.add(one.undoes)


def _one_spaced(sql: str) -> str:
    return " ".join(sql.split())


def _trigger_name(sql: str) -> str:
    """Return the name of the trigger that a statement makes."""
    return sql.split()[2]
