"""What a person must not be told about fields before answering them: what somebody else said, in blind review."""

from collections.abc import Iterable

from flows.records import FieldRow
from flows.review.office import Office
from flows.review.people import Person
from flows.trail import Turn, waits_for


def hidden_keys(office: Office, person: Person, rows: Iterable[FieldRow]) -> frozenset[str]:
    """Return the fields, by key, of which a person must not see what others said: they wait for this person's answer.

    Leads see everything: they settle what others leave open, and so give no second answers (`queue_order.turn_of`).
    """
    if person.is_lead:
        return frozenset()
    return frozenset(row.key for row in rows if row.correction is not None and is_unseen(office, person, row.key))


def is_unseen(office: Office, person: Person, key: str) -> bool:
    """Tell whether others answered a field, and this person may still answer it without having seen theirs."""
    share = office.exam.settings.review.second_share
    return not person.is_lead and waits_for(office.desk.trail_of(key), person.name, share) in (Turn.SECOND, Turn.THIRD)
