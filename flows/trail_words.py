"""Pure: what rows of the trail say, in words: from what, to what, and what the machine had said.

A row keeps values, and an empty one may stand for a blank as for a field that was open. Where what is kept of a field
tells which, it is told; where it does not, both are named.
"""

from collections.abc import Iterable, Sequence

from flows.records import Act, Correction, TrailRow
from flows.trail import by_key, standing
from recognizer.records import ValueState
from recognizer.values import NOTHING_AWARDED

OPEN, BLANK = "open", "blank"
OPEN_OR_BLANK = "open or blank"
"""Of a row that does not tell which of the two its field was."""

NO_GUESS = "blank, or had no guess"
"""What the machine had said where nothing is kept of it: a guess that is blank is kept as none."""

AS_MACHINE = "what the machine says"
"""What holds when everything that people said was taken back."""

IN_SAMPLES = "sample check"
"""How the means of a row begin whose field the machine had accepted."""


def from_in_words(trail: Iterable[TrailRow]) -> dict[int, str]:
    """Return what each row changed, by its number; `trail` holds every row of its fields."""
    return {
        row.number: _from(row.correction, rows[:at]) for rows in by_key(trail).values() for at, row in enumerate(rows)
    }


def _from(said: Correction, before: Sequence[TrailRow]) -> str:
    if said.was:
        return explained(said.was)
    stood = standing(before).correction
    if stood is not None and not stood.value:
        return stood.in_words
    if said.how.startswith(IN_SAMPLES):
        return BLANK
    # What the machine accepts is what it guesses: a guess that is not the value was none that it accepted.
    return OPEN if said.machine else OPEN_OR_BLANK


def to_in_words(said: Correction) -> str:
    """Return what a row says."""
    if said.act is Act.UNDO and said.state is ValueState.UNSETTLED and not said.note:
        return AS_MACHINE
    return explained(said.in_words)


def machine_in_words(said: Correction) -> str:
    """Return what the machine had said when a row was stored."""
    if said.machine:
        return explained(said.machine)
    return BLANK if said.how.startswith(IN_SAMPLES) else NO_GUESS


def explained(value: str) -> str:
    """Return a value as people see it: of a dash it is said what it means."""
    return f"{value} (nothing awarded)" if value == NOTHING_AWARDED else value
