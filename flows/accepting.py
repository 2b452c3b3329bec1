"""Finds what a person accepts by its name: a sheet, a file in quarantine, or a failed or foreign page."""

import hashlib
from collections.abc import Iterable, Sequence

from flows.acceptances import Acceptance, AcceptedKind, is_accepted
from flows.errors import PageChoiceError
from flows.export.contents import exam_contents
from flows.ledger import OPEN_OUTCOMES, Ledger, page_subject
from flows.page_desk import find_page
from flows.records import By, FileOutcome
from flows.settings import Exam
from flows.settling import SettledSheet
from flows.store import Store
from recognizer.records import PageOutcomeKind

LONGEST_WHY = 400
"""Characters of why something is accepted: a few sentences."""

FINGERPRINT = 16
"""Characters of a fingerprint of reasons: it tells another text, and guards nothing."""

NOT_AS_SEEN = "{}: something else is wrong with it now than when you looked; look again. Nothing was stored"


def accept(
    store: Store, exam: Exam, said: Sequence[tuple[str, str]], by: By, *, seen: str | None = None
) -> tuple[Acceptance, ...]:
    """Store that a person takes things as they are, for the reasons that keep each open now; all of it or nothing.

    Args:
        store: the database of the exam.
        exam: the exam.
        said: what each thing is called, and why it is accepted.
        by: who has looked.
        seen: the fingerprint of the reasons that this person was shown. With it nothing is stored twice.

    Raises:
        PageChoiceError: nothing open has such a name, or other reasons were shown; nothing was stored.
    """
    with store.snapshot():
        contents = exam_contents(exam, store)
        made = tuple(
            Acceptance(kind, subject, called, reasons, text, by.reviewer, by.made_at, by.how)
            for name, text in said
            for kind, subject, called, reasons in _meant(store, contents.ledger, contents.settled, name)
        )
    if seen is not None:
        if seen != fingerprint(reason for one in made for reason in one.reasons):
            raise PageChoiceError(NOT_AS_SEEN.format(made[0].name))
        made = tuple(
            one for one in made if not is_accepted(contents.ledger.accepted, one.kind, one.subject, one.reasons)
        )
    store.accept(made)
    return made


def fingerprint(reasons: Iterable[str]) -> str:
    """Return a short text that is another one for other reasons."""
    return hashlib.sha256("\n".join(reasons).encode()).hexdigest()[:FINGERPRINT]


def _meant(
    store: Store, ledger: Ledger, sheets: Sequence[SettledSheet], name: str
) -> list[tuple[AcceptedKind, str, str, tuple[str, ...]]]:
    for sheet in sheets:
        if sheet.sheet == name:
            if not sheet.remarks:
                raise PageChoiceError(f"{name}: nothing is remarked on this sheet; there is nothing to accept")
            return [(AcceptedKind.SHEET, name, name, sheet.remarks)]
    aside = [line for line in ledger.lines if line.outcome == FileOutcome.QUARANTINED.value]
    if files := [(AcceptedKind.FILE, line.scan, name, (line.reason,)) for line in aside if line.name == name]:
        return list(dict.fromkeys(files))
    if ":" not in name:
        raise PageChoiceError(
            f"'{name}' is no sheet, and no file in quarantine; name one as 'tallymark ledger' does, or a page as FILE:N"
        )
    row = find_page(store, name)
    if row.outcome not in OPEN_OUTCOMES or row.outcome is PageOutcomeKind.HELD:
        raise PageChoiceError(f"{row.place} is {row.outcome.value}; only failed and foreign pages can be accepted")
    return [(AcceptedKind.PAGE, page_subject(row), row.place, (row.reason,))]
