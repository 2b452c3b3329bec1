"""What a person must not be told about fields: what somebody else said, in blind review."""

from collections.abc import Iterable, Sequence

from flows.records import Act, FieldRow, TrailRow
from flows.review.office import Office
from flows.review.people import Person
from flows.reviewer import is_same_person
from flows.trail import Turn, has_answered, needs_second, standing, waits_for, waits_for_second


def hidden_keys(office: Office, person: Person, rows: Iterable[FieldRow]) -> frozenset[str]:
    """Return the fields, by key, of which a person must not see what others said: they wait for this person's answer.

    Leads see everything: they settle what others leave open, and so give no second answers (`flows.trail.waits_for`).
    """
    if person.is_lead:
        return frozenset()
    share = office.exam.settings.review.second_share
    said = (row.key for row in rows if row.correction is not None)
    return frozenset(key for key in said if waits_unseen(office.desk.trail_of(key), person.name, share))


def is_unseen(office: Office, person: Person, trail: Sequence[TrailRow]) -> bool:
    """Tell whether a person must not see what was said of a field.

    `trail` is that of the field as it stands in the database: what the desk remembers may be older.
    """
    return not person.is_lead and is_kept_from(trail, person.name, office.exam.settings.review.second_share)


def is_kept_from(rows: Sequence[TrailRow], who: str, share: float) -> bool:
    """Tell whether a reviewer must not see what was said of a field: it is disputed, or waits for this answer too.

    Not even those who differ are shown what the other said: nobody settles a dispute by giving way.
    """
    return standing(rows).disputed or waits_unseen(rows, who, share)


def waits_unseen(rows: Sequence[TrailRow], who: str, share: float) -> bool:
    """Tell whether others answered a field, and this person may still answer it without having seen theirs.

    While it waits for a second answer it is kept from all who gave none: what one saw once is not all there will be.
    """
    said = (row.correction for row in rows if row.correction.act is not Act.UNDO)
    if all(is_same_person(one.reviewer, who) for one in said):
        return False
    if waits_for_second(standing(rows), share) and not has_answered(rows, who):
        return True
    turn = waits_for(rows, who, share)
    return turn is Turn.THIRD or (turn is Turn.FIRST and needs_second(rows[0].correction.key, share))
