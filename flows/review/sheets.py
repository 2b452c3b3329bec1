"""The view *Sheets*: the list of them, and one with every reading drawn on its pages."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from flows.acceptances import AcceptedKind
from flows.records import FieldRow, PageRow
from flows.review.accepted import told_of
from flows.review.blind import hidden_keys
from flows.review.catalogue import Index, SheetNow, sheet_now
from flows.review.desk import Seen
from flows.review.office import Here, Office, Reviewing, draw
from flows.review.page_images import image_address, shown_fit, spec_of
from flows.review.people import Person
from flows.review.refusals import Refused
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
    index = office.catalogue.of(seen)
    if show in (Which.FAILED, Which.HELD):
        return found_pages(seen, asked, person)
    return found_sheets(office.desk, seen, index, asked, person)


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
        "others": [_other(row) for row in index.pages.get(sheet, ()) if row.outcome is not PageOutcomeKind.READ],
        "open": len(shown.open_why),
        "person": person_of_sheet(shown, names),
        "sums": sums_of_sheet(shown),
        **remarks_of_sheet(shown),
        "acceptance": _acceptance(seen, shown),
        **_around(office, index, sheet),
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
    why = {key: flag.why for key in now.rows if (flag := office.desk.is_open(key)) is not None}
    hidden = hidden_keys(office, person, now.rows.values())
    if hidden:
        now = replace(now, rows=_by_picture(now, hidden, office.desk.fields_of_sheet(sheet)))
    return Shown(person, now, template, why, hidden, seen.results.decided.candidates, _numbers(office, now))


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


def _by_picture(now: SheetNow, hidden: Collection[str], raw: Iterable[FieldRow]) -> dict[str, FieldRow]:
    """Return the fields of a sheet, marks and totals as their own pictures say.

    What the sums of a sheet make of one mark tells of the others, and so of what somebody else said.
    """
    alone = {row.key: row for row in raw if row.role in (Role.MARK, Role.TOTAL) and row.correction is None}
    return {key: row if key in hidden else alone.get(key, row) for key, row in now.rows.items()}


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
    return told_of(shown.person, seen.ledger.accepted, AcceptedKind.SHEET, settled.sheet, settled.remarks)


def _page(office: Office, shown: Shown, row: PageRow) -> Plain:
    try:
        fit = shown_fit(office, shown.person, row)
    except Refused as refused:
        return page_of_sheet(shown, row, None, "") | {"problem": refused.words}
    told = page_of_sheet(shown, row, fit, image_address(row, fit))
    for field in told["fields"]:
        field["nothing"] = _nothing(office, shown, field["key"])
    return told


def _nothing(office: Office, shown: Shown, key: str) -> str:
    """Return what says of a mark that nothing was awarded, "" where the field cannot say it."""
    row = shown.now.rows.get(key)
    return nothing_awarded(office, row) if row is not None and row.role is Role.MARK else ""


def _other(row: PageRow) -> Plain:
    """Return another picture of a page of the sheet: one that is held, or was replaced."""
    return {
        "scan": row.scan,
        "number": row.number,
        "at": row.place,
        "page": row.template_page,
        "outcome": row.outcome.value,
        "reason": row.reason,
    }


def _around(office: Office, index: Index, sheet: str) -> Plain:
    """Return the sheets before and after one, the next with open fields, and where it stands among all."""
    at = index.at[sheet]
    waiting = {flag.row.sheet for flag in office.desk.open_flags().values()}
    later = (*index.order[at + 1 :], *index.order[:at])
    return {
        "place": at + 1,
        "of": len(index.order),
        "previous": index.order[at - 1] if at else "",
        "next": index.order[at + 1] if at + 1 < len(index.order) else "",
        "next_open": next((name for name in later if name in waiting), ""),
    }
