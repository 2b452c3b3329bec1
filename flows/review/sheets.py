"""The view *Sheets*: the list of them, and one with every reading drawn on its pages."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from flows.acceptances import AcceptedKind
from flows.records import PageRow
from flows.review.accepted import told_of
from flows.review.catalogue import Index, SheetNow, sheet_now
from flows.review.desk import Seen
from flows.review.office import Here, Office, Reviewing, draw
from flows.review.page_images import image_address, shown_fit, spec_of
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.review.scan_names import place_told
from flows.review.sheet_list import Asked, Which, found_pages, found_sheets
from flows.review.sheet_record import (
    Plain,
    Shown,
    page_of_sheet,
    person_of_sheet,
    remarks_of_sheet,
    sums_of_sheet,
)
from flows.review.uncounted import nothing_awarded
from flows.review.untold import Sight
from flows.trail import in_force
from recognizer.records import PageOutcomeKind
from recognizer.template import Role

router = APIRouter()

LONGEST_NAME = 120
"""Characters of a sheet's name, or of what somebody looks for: longer ones name nothing."""

Name = Annotated[str, Query(max_length=LONGEST_NAME)]

NOT_YET = "This sheet is not known yet: the exam is being read again."
STILL_READING = "The exam is being read; this takes a moment."


@router.get("/sheets")
def page(request: Request, office: Here, person: Reviewing, sheet: Name = "") -> HTMLResponse:
    """Show the list of sheets, or one of them."""
    office.pictures.warm(spec_of(office))
    lead, names = person.is_lead, person.sees_names
    return draw(request, "sheet.html" if sheet else "sheets.html", sheet=sheet, lead=lead, names=names)


@router.get("/sheets/found")
def found(
    office: Here, person: Reviewing, q: Name = "", show: Which = Which.ALL, at: Annotated[int, Query(ge=0)] = 0
) -> dict[str, Any]:
    """Return the sheets, or the failed and held pages, that somebody looks for."""
    seen = seen_of(office)
    asked = Asked(q.strip(), show, at)
    index, sight = office.catalogue.of(seen), Sight(office, person)
    if show in (Which.FAILED, Which.HELD):
        return found_pages(sight, seen, index, asked)
    return found_sheets(sight, seen, index, asked)


@router.get("/sheets/data")
def data(office: Here, person: Reviewing, sheet: Name) -> Plain:
    """Return everything that is shown of one sheet."""
    return sheet_data(office, person, sheet)


def sheet_data(office: Office, person: Person, sheet: str) -> Plain:
    """Return everything that is shown of one sheet, as a person may see it now (404 when there is none)."""
    seen = seen_of(office)
    index = office.catalogue.of(seen)
    shown = shown_sheet(office, person, sheet)
    names = {one.id: one.name for one in index.candidates.values()}
    return {
        "sheet": sheet,
        "template": shown.now.settled.template,
        "title": shown.template.title if shown.template is not None else "",
        "pages": [_page(office, shown, row) for row in shown.now.settled.pages],
        "others": [_other(shown, row) for row in index.pages.get(sheet, ()) if row.outcome is not PageOutcomeKind.READ],
        "open": len(shown.open_why),
        "person": person_of_sheet(shown, names),
        "sums": sums_of_sheet(shown),
        **remarks_of_sheet(shown),
        "acceptance": _acceptance(seen, shown),
        **_around(Sight(office, person), index, sheet),
    }


def shown_sheet(office: Office, person: Person, sheet: str) -> Shown:
    """Return a sheet as a person may see it now (404 when there is none of that name)."""
    seen = seen_of(office)
    index = office.catalogue.of(seen)
    now = sheet_now(office.desk, index, seen, sheet)
    if now is None:
        if office.store.changes() != seen.changes:
            # A page may have been placed, or graded, a moment ago.
            raise Refused(503, NOT_YET)
        raise HTTPException(404, "There is no sheet of this name; its pages may have been given to another one.")
    template = next((one for one in office.exam.sheets.templates if one.name == now.settled.template), None)
    sight = Sight(office, person)
    why = sight.open_why(now.rows)
    reasons, now = now.settled.remarks, sight.sheet(now)
    return Shown(
        person=person,
        now=now,
        template=template,
        open_why=why,
        hidden=sight.hidden(sheet),
        seen=seen,
        numbers=_numbers(office, now),
        reasons=reasons,
    )


def _numbers(office: Office, now: SheetNow) -> dict[str, int]:
    """Return the number of the last word on each field that people spoke of, as far as the sheet shows what they said.

    What somebody said since is not on the screen, and must not be what is taken back there.
    """
    found: dict[str, int] = {}
    for key, row in now.rows.items():
        _, _, said = row.revision.rpartition(".")
        if row.correction is not None and said.isdecimal():
            left = in_force(office.store.trail(key)[: int(said)])
            found |= {key: left[-1].number} if left else {}
    return found


def seen_of(office: Office) -> Seen:
    """Return the exam as it was looked at last.

    Raises:
        Refused: it is still being read, or cannot be read.
    """
    if office.desk.seen is None:
        raise Refused(503, office.desk.trouble or STILL_READING)
    return office.desk.seen


def _acceptance(seen: Seen, shown: Shown) -> Plain | None:
    """Return whether a sheet is taken as it is; of one whose remarks are not shown nothing is told."""
    settled = shown.now.settled
    if shown.hidden:
        return None
    return told_of(shown.person, seen.ledger.accepted, AcceptedKind.SHEET, settled.sheet, shown.reasons)


def _page(office: Office, shown: Shown, row: PageRow) -> Plain:
    try:
        fit = shown_fit(office, shown.person, row)
    except Refused as refused:
        return page_of_sheet(shown, row, None, "") | {"problem": shown.words(refused.words)}
    told = page_of_sheet(shown, row, fit, image_address(row, fit))
    for field in told["fields"]:
        field["nothing"] = _nothing(office, shown, field["key"])
    return told


def _nothing(office: Office, shown: Shown, key: str) -> str:
    """Return what says of a mark that nothing was awarded, "" where the field cannot say it."""
    row = shown.now.rows.get(key)
    return nothing_awarded(office, row) if row is not None and row.role is Role.MARK else ""


def _other(shown: Shown, row: PageRow) -> Plain:
    """Return another picture of a page of the sheet: one that is held, or was replaced."""
    return {
        "scan": row.scan,
        "number": row.number,
        "at": place_told(shown.person, row),
        "page": row.template_page,
        "outcome": row.outcome.value,
        "reason": shown.words(row.reason),
    }


def _around(sight: Sight, index: Index, sheet: str) -> Plain:
    """Return the sheets before and after one, the next with open fields, and where it stands among all."""
    order = sight.order(index)
    at = order.index(sheet)
    waiting = {flag.row.sheet for flag in sight.open_flags()}
    later = (*order[at + 1 :], *order[:at])
    return {
        "place": at + 1,
        "of": len(order),
        "previous": order[at - 1] if at else "",
        "next": order[at + 1] if at + 1 < len(order) else "",
        "next_open": next((name for name in later if name in waiting), ""),
    }
