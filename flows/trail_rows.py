"""Rows of the trail of corrections: their columns, what stands in them, and the hash that chains them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from flows.records import Act, Correction, TrailRow
from flows.rows import STATES, time_of, time_text

Columns: TypeAlias = Mapping[str, str | int | None]

TRAIL_COLUMNS = (
    *("key", "state", "value", "was", "machine", "model", "reviewer", "made_at", "how"),
    *("act", "note", "undoes", "token", "crop"),
)
"""What one row says; number, previous and hash chain it."""

ROW_COLUMNS = ("number", *TRAIL_COLUMNS, "previous", "hash")
"""What `trail_row` takes, in this order."""

ACTS = {one.value: one for one in Act}


def columns_of(said: Correction) -> dict[str, str | int | None]:
    """Return what one row says, column by column."""
    return {
        "key": said.key,
        "state": said.state.value,
        "value": said.value,
        "was": said.was,
        "machine": said.machine,
        "model": said.model,
        "reviewer": said.reviewer,
        "made_at": time_text(said.made_at),
        "how": said.how,
        "act": said.act.value,
        "note": said.note,
        "undoes": said.undoes,
        "token": said.token,
        "crop": said.crop,
    }


def hash_of(previous: str, number: int, columns: Columns) -> str:
    """Return the SHA-256 of a row in hexadecimal: of its number, all that it says, and the hash of the row before.

    A released hash never changes: rows are stored with it. What stands in a column by foul means and is no text or
    number gets a hash all the same, another one than any text.
    """
    said = {name: columns[name] for name in TRAIL_COLUMNS}
    text = json.dumps(
        {"number": number, "previous": previous} | said,
        sort_keys=True,
        separators=(",", ":"),
        default=lambda raw: [repr(raw)],
    )
    return hashlib.sha256(text.encode()).hexdigest()


def trail_row(row: Any) -> TrailRow:  # noqa: ANN401 - a database row
    """Return one row of the trail from its row, whose columns come in the order of `ROW_COLUMNS`.

    By place they are read several times as fast as by name, and an exam may have ten thousands of them.
    """
    number, key, state, value, was, machine, model, who, made_at, how, act, note, undoes, token, crop, before, own = row
    said = Correction(
        *(key, STATES[state], value, was, machine, model, who, time_of(made_at), how),
        act=ACTS[act],
        note=note,
        undoes=undoes,
        token=token,
        crop=crop,
    )
    return TrailRow(number, said, before, own)
