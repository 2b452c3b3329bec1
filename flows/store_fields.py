"""Fields in the database, within a transaction that somebody else holds: readings with what people said of them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile

from sqlalchemy import ColumnElement, Connection, select, update

from flows.migrations.tables import decisions, pages, readings, runs, sample_checks, scans
from flows.records import CheckedField, Correction, FieldRow, TrailRow
from flows.rows import FIELD_COLUMNS, character, checked_row, field_row, taken_back_values
from flows.store_chain import stored_trail, trail_of
from flows.trail import standing_by_key
from recognizer.records import CharacterReading, Decision, PageOutcomeKind
from recognizer.template import Role

NEVER_SAID: tuple[Correction | None, int] = (None, 0)
"""What stands of a field that is not in the trail, and how many rows it has there."""


def runs_of_batch(connection: Connection, number: int) -> list[int]:
    """Return a run and the stopped ones that it goes on with."""
    run = connection.execute(select(runs).where(runs.c.number == number)).one()
    query = select(runs.c.number, runs.c.finished_at).where(runs.c.number < number).order_by(runs.c.number.desc())
    same = query.where(runs.c.model == run.model, runs.c.settings == run.settings)
    stopped = takewhile(lambda row: row.finished_at is None, connection.execute(same))
    return [number, *(row.number for row in stopped)]


def take_back(connection: Connection, doubted: Mapping[str, Decision]) -> None:
    """Replace decisions by others, and count anew what the runs that stored them had flagged on pages that count."""
    counted: Counter[int] = Counter()
    for key, decision in doubted.items():
        here = decisions.c.key == key
        old = connection.execute(select(decisions.c.revision, decisions.c.flag).where(here)).one()
        connection.execute(update(decisions).where(here).values(taken_back_values(decision, old.revision)))
        on_page = (readings.c.key == key) & (pages.c.scan == readings.c.scan) & (pages.c.number == readings.c.page)
        counting = pages.c.outcome == PageOutcomeKind.READ.value
        run = connection.execute(select(pages.c.run).where(on_page, counting)).scalar()
        if run is not None and old.flag is None and decision.flag is not None:
            counted[run] += 1
    for number, count in counted.items():
        connection.execute(update(runs).where(runs.c.number == number).values(flagged=runs.c.flagged + count))


def stored_fields(
    connection: Connection,
    chosen: ColumnElement[bool] | None = None,
    *,
    held_too: bool = False,
    keys: Sequence[str] | None = None,
) -> tuple[FieldRow, ...]:
    """Return every field of every page that counts (of those chosen), in template order, with what people said of it.

    `held_too` adds those of pages that are held, or were replaced by another picture. With `keys` nothing is read but
    these fields and their corrections.
    """
    found = {"file": scans.c.file} | {
        name: table.c[name]
        for table, names in (
            (readings, FIELD_COLUMNS[:8]),
            (decisions, FIELD_COLUMNS[8:15]),
            (pages, FIELD_COLUMNS[15:19]),
        )
        for name in names
    }
    query = (
        select(*(found[name] for name in FIELD_COLUMNS))
        .join(decisions, decisions.c.key == readings.c.key)
        .join(pages, (pages.c.scan == readings.c.scan) & (pages.c.number == readings.c.page))
        .join(scans, scans.c.scan == readings.c.scan)
        .order_by(scans.c.arrival, readings.c.page, readings.c.position)
    )
    if not held_too:
        # Of pages that are held, or replaced by another picture, readings are kept; they count nowhere.
        query = query.where(pages.c.outcome == PageOutcomeKind.READ.value)
    if chosen is not None:
        query = query.where(chosen)
    if keys is not None:
        query = query.where(readings.c.key.in_(keys))
    said = standing_by_key(_trail_about(connection, chosen, keys))
    return tuple(field_row(row, *said.get(row.key, NEVER_SAID)) for row in connection.execute(query))


def _trail_about(
    connection: Connection, chosen: ColumnElement[bool] | None, keys: Sequence[str] | None
) -> tuple[TrailRow, ...]:
    """Return what people said of fields, of as few more than are asked for as can be."""
    if keys is not None:
        return trail_of(connection, keys)
    if chosen is None:
        return stored_trail(connection)
    on_page = (pages.c.scan == readings.c.scan) & (pages.c.number == readings.c.page)
    return trail_of(connection, select(readings.c.key).join(pages, on_page).where(chosen))


def id_characters(connection: Connection) -> dict[str, tuple[CharacterReading, ...]]:
    """Return what was seen at each place of every id field of the pages that count, by the key of its reading."""
    query = (
        select(readings.c.key, readings.c.characters)
        .join(pages, (pages.c.scan == readings.c.scan) & (pages.c.number == readings.c.page))
        .where(readings.c.role == Role.ID.value, pages.c.outcome == PageOutcomeKind.READ.value)
    )
    rows = connection.execute(query)
    return {row.key: tuple(character(raw) for raw in json.loads(row.characters)) for row in rows}


def stored_checks(connection: Connection) -> tuple[CheckedField, ...]:
    """Return every accepted field that people looked at in samples, oldest first."""
    rows = connection.execute(select(sample_checks).order_by(sample_checks.c.number))
    return tuple(checked_row(row) for row in rows)
