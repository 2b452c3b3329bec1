"""What is told of things that people may take as they are: whether somebody does, and what a lead sends. Pure."""

from collections.abc import Sequence
from typing import Any

from flows.acceptances import Acceptance, AcceptedKind, is_accepted
from flows.accepting import fingerprint
from flows.ledger import OPEN_OUTCOMES, page_subject
from flows.records import PageRow
from flows.review.desk import Seen
from flows.review.people import Person
from flows.stacks import was_dropped
from recognizer.records import PageOutcomeKind


def told_of(
    person: Person, said: Sequence[Acceptance], kind: AcceptedKind, subject: str, reasons: Sequence[str]
) -> dict[str, Any] | None:
    """Return whether a thing is taken as it is, by whom and why, and what a lead sends; None: it is not open."""
    if not reasons:
        return None
    if is_accepted(said, kind, subject, reasons):
        last = [one for one in said if (one.kind, one.subject) == (kind, subject)][-1]
        on = last.made_at.isoformat(timespec="seconds")
        return {"by": last.reviewer, "why": last.text if person.sees_names else "", "on": on, "seen": ""}
    return {"by": "", "why": "", "on": "", "seen": fingerprint(reasons) if person.is_lead else ""}


def told_of_page(person: Person, seen: Seen | None, row: PageRow) -> dict[str, Any] | None:
    """Return the same of a page: failed and foreign ones can be accepted, unless somebody said where they belong."""
    if row.outcome not in OPEN_OUTCOMES or row.outcome is PageOutcomeKind.HELD or was_dropped(row):
        return None
    said = seen.ledger.accepted if seen is not None else ()
    return told_of(person, said, AcceptedKind.PAGE, page_subject(row), (row.reason,))
