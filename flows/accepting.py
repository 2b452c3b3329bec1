"""Finds what a person accepts by its name: a sheet, a file in quarantine, or a failed or foreign page."""

from flows.acceptances import Acceptance, AcceptedKind
from flows.errors import PageChoiceError
from flows.export.contents import exam_contents
from flows.ledger import OPEN_OUTCOMES, page_subject
from flows.page_desk import find_page
from flows.records import By, FileOutcome
from flows.settings import Exam
from flows.settling import settle_sheets
from flows.store import Store
from recognizer.records import PageOutcomeKind


def accept(store: Store, exam: Exam, name: str, text: str, by: By) -> tuple[Acceptance, ...]:
    """Store that a person takes what is called `name` as it is, for the reasons that keep it open now.

    Raises:
        PageChoiceError: nothing open has that name; nothing was stored.
    """
    with store.snapshot():
        meant = _meant(store, exam, name)
    made = tuple(
        Acceptance(kind, subject, called, reasons, text, by.reviewer, by.made_at)
        for kind, subject, called, reasons in meant
    )
    for one in made:
        store.accept(one)
    return made


def _meant(store: Store, exam: Exam, name: str) -> list[tuple[AcceptedKind, str, str, tuple[str, ...]]]:
    contents = exam_contents(exam, store)
    settled = settle_sheets(
        contents.fields, contents.pages, contents.sheets.templates, contents.rule, contents.names.keys()
    )
    for sheet in settled:
        if sheet.sheet == name:
            if not sheet.remarks:
                raise PageChoiceError(f"{name}: nothing is remarked on this sheet; there is nothing to accept")
            return [(AcceptedKind.SHEET, name, name, sheet.remarks)]
    aside = [line for line in contents.ledger.lines if line.outcome == FileOutcome.QUARANTINED.value]
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
