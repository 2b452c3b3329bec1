"""Finds what a person accepts by its name: a sheet, a file in quarantine, or a failed or foreign page."""

from collections.abc import Sequence

from flows.acceptances import Acceptance, AcceptedKind
from flows.errors import PageChoiceError
from flows.export.contents import exam_contents
from flows.ledger import OPEN_OUTCOMES, Ledger, page_subject
from flows.page_desk import find_page
from flows.records import By, FileOutcome
from flows.settings import Exam
from flows.settling import SettledSheet
from flows.store import Store
from recognizer.records import PageOutcomeKind


def accept(store: Store, exam: Exam, said: Sequence[tuple[str, str]], by: By) -> tuple[Acceptance, ...]:
    """Store that a person takes things as they are, for the reasons that keep each open now; all of it or nothing.

    `said` is what each is called, and why it is accepted.

    Raises:
        PageChoiceError: nothing open has such a name; nothing was stored.
    """
    with store.snapshot():
        contents = exam_contents(exam, store)
        made = tuple(
            Acceptance(kind, subject, called, reasons, text, by.reviewer, by.made_at)
            for name, text in said
            for kind, subject, called, reasons in _meant(store, contents.ledger, contents.settled, name)
        )
    store.accept(made)
    return made


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
