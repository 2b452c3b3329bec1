"""Pages and fields as they belong together, within a transaction that somebody else holds.

What is stored of a page is what it is by itself. Which pages without a serial make one sheet, and which are held, is
worked out whenever they are asked for (`flows.stacks`): it follows from the pages, from corrected numbers and from what
people said, whichever came last, and a killed run leaves nothing half joined.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, text

from flows.migrations.tables import corrections, pages, readings, scans, stack_decisions
from flows.records import FieldRow, Joining, PageRow
from flows.rows import time_of, time_text
from flows.stacks import StackDecision, StackWord, Together, put_together
from flows.store_fields import stored_fields
from flows.store_pages import all_pages
from recognizer.records import PageOutcomeKind
from recognizer.template import Role

LOOSE = f"joining <> '{Joining.CODE.value}'"
"""As the index of such pages says it, so that it is used."""

_NUMBERED = (
    *("sample_checks", "tightenings", "page_decisions", "page_placements", "stack_decisions", "acceptances"),
    *("files", "batch_statements", "batch_explanations", "remarks", "runs"),
)

STORED = text(
    "SELECT "
    + " || '.' || ".join(f"(SELECT coalesce(max(number), 0) FROM {table})" for table in _NUMBERED)
    + " || '.' || (SELECT coalesce(max(arrival), 0) FROM scans)"
    " || '.' || (SELECT count(finished_at) || '.' || coalesce(sum(pages), 0) || '.' || coalesce(sum(flagged), 0)"
    " FROM runs)"
)
"""Another text whenever something but a correction was stored that bears on decisions: the highest number of all that
is only ever inserted, and the figures of runs, which grow with every commit."""


def pages_together(connection: Connection) -> tuple[PageRow, ...]:
    """Return every page as it stands, scan by scan in order of arrival."""
    rows = all_pages(connection)
    together = _together(connection, rows)
    return tuple(together.of(row) for row in rows)


def fields_together(
    connection: Connection,
    chosen: ColumnElement[bool] | None = None,
    *,
    held_too: bool = False,
    keys: Sequence[str] | None = None,
    joined: Together | None = None,
) -> tuple[FieldRow, ...]:
    """Return every field of every page that counts (of those chosen), each with the sheet that it belongs to.

    `held_too` adds those of pages that do not count, which say so. With `keys`, only these fields: where every page is
    told by its code, or `joined` tells how pages belong together, nothing else is read.
    """
    fields = stored_fields(connection, chosen, held_too=held_too, keys=keys)
    if not _any_to_join(connection):
        return fields
    changed = (joined or _together(connection, all_pages(connection))).rows
    found = []
    for field in fields:
        page = changed.get((field.scan, field.page_number))
        if page is None:
            found.append(field)
        elif page.outcome is PageOutcomeKind.READ:
            found.append(replace(field, sheet=page.sheet))
        elif held_too:
            found.append(replace(field, counts=False))
    return tuple(found)


class Joined:
    """How pages belong together, worked out only when something that bears on it was stored since.

    Of corrections only those of id fields do, so that a person who decides one field after the other does not wait for
    it. Where every page is told by its code there is nothing to work out.
    """

    def __init__(self) -> None:
        self._last: tuple[str, int, Together] | None = None

    def now(self, connection: Connection) -> Together | None:
        """Return how pages belong together, None where all are told by their codes."""
        if not _any_to_join(connection):
            return None
        stamp = str(connection.execute(STORED).scalar_one())
        last = self._last
        if last is None or last[0] != stamp or _any_id_said(connection, last[1]):
            number = connection.execute(select(func.max(corrections.c.number))).scalar() or 0
            self._last = last = (stamp, number, together(connection))
        return last[2]


def _any_id_said(connection: Connection, after: int) -> bool:
    """Tell whether people said anything of an id field since some row of the trail."""
    query = select(corrections.c.number).join(readings, readings.c.key == corrections.c.key)
    since = query.where(corrections.c.number > after, readings.c.role == Role.ID.value).limit(1)
    return connection.execute(since).first() is not None


def together(connection: Connection) -> Together:
    """Return how the pages of the exam belong together."""
    return _together(connection, all_pages(connection))


def all_stack_decisions(connection: Connection) -> tuple[StackDecision, ...]:
    """Return what people said of pages without a serial, oldest first."""
    rows = connection.execute(select(stack_decisions).order_by(stack_decisions.c.number))
    return tuple(_stack_decision(row) for row in rows)


def add_stack_decisions(connection: Connection, said: Sequence[StackDecision]) -> None:
    """Store what people said of pages without a serial."""
    if said:
        connection.execute(insert(stack_decisions), [_values(one) for one in said])


def _together(connection: Connection, rows: Sequence[PageRow]) -> Together:
    if not _any_to_join(connection):
        return Together()
    counts = {row.scan: row.pages for row in connection.execute(select(scans.c.scan, scans.c.pages))}
    mine = (readings.c.role == Role.ID.value) & (pages.c.joining != Joining.CODE.value)
    return put_together(rows, stored_fields(connection, mine), counts, all_stack_decisions(connection))


def _any_to_join(connection: Connection) -> bool:
    """Tell whether any page is not told by its codes: in most exams there is none, and nothing to work out."""
    loose = select(pages.c.scan).where(text(LOOSE)).limit(1)
    said = select(stack_decisions.c.number).limit(1)
    return any(connection.execute(query).first() is not None for query in (loose, said))


def _stack_decision(row: Any) -> StackDecision:  # noqa: ANN401 - a database row
    named = tuple((str(scan), int(number)) for scan, number in json.loads(row.pages))
    return StackDecision(StackWord(row.word), named, row.reviewer, time_of(row.made_at))


def _values(said: StackDecision) -> dict[str, Any]:
    return {
        "word": said.word.value,
        "pages": json.dumps(said.pages),
        "reviewer": said.reviewer,
        "made_at": time_text(said.made_at),
    }
