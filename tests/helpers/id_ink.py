"""What the reader would have seen in hand-made id fields: as surely what is written there as the row says."""

from collections.abc import Iterable

from flows.records import FieldRow
from recognizer.records import MARKS, CharacterReading
from recognizer.template import Kind, Role

DIGITS = tuple("0123456789")


def characters_of(row: FieldRow) -> tuple[CharacterReading, ...]:
    """Return what stands at each place of an id field, nothing where the row is unsettled, blank or no id."""
    text = row.decision.value
    if row.role is not Role.ID or not text:
        return ()
    if row.kind is Kind.DIGITS:
        seen = ((float(digit == each) for digit in DIGITS) for each in text)
        return tuple(CharacterReading(at, DIGITS, tuple(chances)) for at, chances in enumerate(seen, start=1))
    bubbles = (digit == each for each in text for digit in DIGITS)
    return tuple(
        CharacterReading(at, MARKS, tuple(float(name == ("marked" if is_marked else "empty")) for name in MARKS))
        for at, is_marked in enumerate(bubbles, start=1)
    )


def characters_by_key(rows: Iterable[FieldRow]) -> dict[str, tuple[CharacterReading, ...]]:
    """Return the same for many rows, as `Store.id_characters` does."""
    return {row.key: found for row in rows if (found := characters_of(row))}
