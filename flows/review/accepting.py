"""Taking things as they are, by leads: a sheet with remarks, a failed or foreign page, a file in quarantine.

The same as `tallymark ledger DIR --accept NAME WHY --by WHO`, for the reasons that the lead was shown.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator, Field, StringConstraints

from flows.acceptances import AcceptedKind
from flows.accepting import LONGEST_WHY, accept, fingerprint
from flows.errors import PageChoiceError
from flows.ledger import page_subject
from flows.records import By, FileOutcome
from flows.review.accepted import told_of
from flows.review.bodies import Body, NoteText, body_of, printable
from flows.review.office import Here, Leading, Office, draw
from flows.review.page_images import find_page
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.review.sheets import seen_of

router = APIRouter()

HOW = "review"
"""By what means things are accepted here, as the sheet Pages of the workbook tells it."""

NO_REASON = "Say why you take it as it is: somebody will ask."

LONGEST_NAME = 255
"""Characters of the name of a file, or of a sheet."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(printable)]


class Accepts(Body):
    """Why somebody takes a thing as it is, and the fingerprint of what was shown as wrong with it."""

    why: Annotated[NoteText, Field(max_length=LONGEST_WHY)]
    seen: Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{16}\z")]


class AcceptsNamed(Accepts):
    """The same of a sheet, or of a file."""

    name: Name


# ---- what there is to accept -----------------------------------------------------------------------------------------


@router.get("/files")
def files(request: Request, office: Here, person: Leading) -> HTMLResponse:
    """Show the files in quarantine: why each could not be read, and who takes it as it is."""
    ledger = seen_of(office).ledger
    by_name: dict[str, list[tuple[str, str]]] = {}
    for line in ledger.lines:
        if line.outcome == FileOutcome.QUARANTINED.value:
            by_name.setdefault(line.name, []).append((line.scan, line.reason))
    shown = []
    for name, lines in by_name.items():
        # Once each, as `accept` takes them.
        once = tuple(dict.fromkeys(lines))
        told = [told_of(person, ledger.accepted, AcceptedKind.FILE, scan, (reason,)) or {} for scan, reason in once]
        shown.append(
            {
                "name": name,
                "reasons": [reason for _, reason in once],
                "seen": fingerprint(reason for _, reason in once),
                "by": told[-1]["by"] if all(one["by"] for one in told) else "",
                "why": told[-1]["why"],
            }
        )
    return draw(request, "files.html", here="/", files=shown, longest=LONGEST_WHY)


# ---- accepting -------------------------------------------------------------------------------------------------------


@router.post("/accept/sheet")
def accept_sheet(
    office: Here, person: Leading, asked: Annotated[AcceptsNamed, Depends(body_of(AcceptsNamed))]
) -> dict[str, Any]:
    """Take a sheet as it is."""
    if asked.name not in seen_of(office).sheets:
        raise Refused(HTTPStatus.NOT_FOUND, "There is no sheet of this name; look again.")
    return _accept(office, person, asked.name, asked)


@router.post("/accept/file")
def accept_file(
    office: Here, person: Leading, asked: Annotated[AcceptsNamed, Depends(body_of(AcceptsNamed))]
) -> dict[str, Any]:
    """Take a file in quarantine as it is."""
    seen = seen_of(office)
    aside = {line.name for line in seen.ledger.lines if line.outcome == FileOutcome.QUARANTINED.value}
    if asked.name not in aside:
        raise Refused(HTTPStatus.NOT_FOUND, "No file of this name is in quarantine; look again.")
    return _accept(office, person, asked.name, asked)


@router.post("/accept/page/{scan}/{number}")
def accept_page(
    scan: str, number: str, office: Here, person: Leading, asked: Annotated[Accepts, Depends(body_of(Accepts))]
) -> dict[str, Any]:
    """Take a failed or foreign page as it is."""
    return _accept(office, person, page_subject(find_page(office, scan, number)), asked)


def _accept(office: Office, person: Person, name: str, asked: Accepts) -> dict[str, Any]:
    why = " ".join(asked.why.split())
    if not why:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, NO_REASON)
    by = By(person.name, datetime.now(UTC), HOW)
    try:
        with office.desk.opener() as store:
            accept(store, office.exam, [(name, why)], by, seen=asked.seen)
    except PageChoiceError as problem:
        raise Refused(HTTPStatus.CONFLICT, f"{problem}.") from problem
    office.desk.hurry()
    return {"by": by.reviewer, "why": why, "on": by.made_at.isoformat(timespec="seconds"), "seen": ""}
