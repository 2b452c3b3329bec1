"""What a person must not be told about fields before answering them: what somebody else said, in blind review."""

from collections.abc import Iterable

from flows.records import FieldRow
from flows.review.office import Office
from flows.review.people import Person


def hidden_keys(office: Office, person: Person, rows: Iterable[FieldRow]) -> frozenset[str]:
    """Return the fields, by key, of which a person must not see what others said."""
    del office, person, rows
    return frozenset()
