"""Rows of a trail, made without a database."""

from datetime import UTC, datetime

from flows.records import UNREADABLE, Act, Correction, TrailRow
from flows.trail import FIRST_PREVIOUS, chained
from recognizer.records import ValueState

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
KEY = "9f2c41d07ab3-1-q1"


def said(
    value: str, who: str = "Kim", act: Act = Act.SAY, key: str = KEY, *, undoes: int | None = None, how: str = "queue"
) -> Correction:
    """What somebody says of a field: a value, "" for blank, "?" for unreadable."""
    state = ValueState.UNSETTLED if value == "?" else ValueState.VALUE if value else ValueState.BLANK
    note = UNREADABLE if value == "?" else ""
    value = "" if value == "?" else value
    return Correction(*(key, state, value, "7", "7", "digits-1", who, NOON, how), act=act, note=note, undoes=undoes)


def trail(*rows: Correction) -> tuple[TrailRow, ...]:
    """The rows chained, numbered from 1."""
    return chained(rows, 1, FIRST_PREVIOUS)
