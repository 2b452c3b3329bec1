"""Pictures of whole pages, for those who may see them: without names for those who may not."""

import re
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from flows.records import PageRow
from flows.review.drawing import Fit, Picture, Wanted, fit_of
from flows.review.masking import may_show
from flows.review.office import Here, Office, Reviewing
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.workers import ReaderSpec, reader_spec
from recognizer.records import PageRef
from recognizer.template import SheetTemplate

router = APIRouter()

SCAN = re.compile(r"[0-9a-f]{64}")
NUMBER = re.compile(r"[1-9][0-9]{0,5}")

KEPT = "private, max-age=3600, immutable"
"""A page is asked for with the mark of its fit: another registration has another address."""

NO_PAGE = "There is no such page."
HIDDEN = (
    "No sheet was found on this page, so nobody knows where a name stands on it. It is shown only to who may see "
    "names; ask a lead."
)


@router.get("/page/{scan}/{number}.jpg")
async def page_image(request: Request, scan: str, number: str, office: Here, person: Reviewing) -> Response:
    """Return the picture of a page: of a sheet upright, else as it was scanned."""
    asked = await run_in_threadpool(_asked, office, person, scan, number)
    picture = await drawn(request, office, person, asked)
    # The same address shows names to some and hides them from others: one browser may serve both.
    headers = {"cache-control": KEPT, "vary": "cookie"}
    return Response(picture.jpeg, media_type="image/jpeg", headers=headers)


async def drawn(request: Request, office: Office, person: Person, asked: Wanted) -> Picture:
    """Return the picture of a page as soon as it is drawn; meanwhile no thread waits that others need.

    Raises:
        Refused: it cannot be drawn.
        HTTPException: the person waits for too many pages.
    """
    return await office.pictures.of(asked, spec_of(office), person.name, request.is_disconnected)


def _asked(office: Office, person: Person, scan: str, number: str) -> Wanted:
    row = find_page(office, scan, number)
    return wanted(office, row, shown_fit(office, person, row))


def find_page(office: Office, scan: str, number: str) -> PageRow:
    """Return the page of an address (404 when there is none)."""
    row = None
    if SCAN.fullmatch(scan) and NUMBER.fullmatch(number):
        row = office.store.page(scan, int(number))
    if row is None:
        raise HTTPException(404, NO_PAGE)
    return row


def shown_fit(office: Office, person: Person, row: PageRow) -> Fit | None:
    """Return how a page is shown to a person: upright and perhaps masked, or (None) as it was scanned.

    Raises:
        Refused: the person must not see it.
    """
    laid, _ = office.store.page_view(row.scan, row.number)
    template = template_of(office, row)
    if not may_show(person, laid, template):
        raise Refused(403, HIDDEN)
    if laid is None or template is None:
        return None
    return fit_of(laid, template, row.template_page or 1, masked=not person.sees_names)


def template_of(office: Office, row: PageRow) -> SheetTemplate | None:
    """Return the template of a page, None when the exam has none of that name, or none with such a page."""
    found = next((one for one in office.exam.sheets.templates if one.name == row.template), None)
    return found if found is not None and 1 <= (row.template_page or 0) <= len(found.pages) else None


def wanted(office: Office, row: PageRow, fit: Fit | None) -> Wanted:
    """Return what is to be drawn of a page.

    Raises:
        Refused: its scan is not in the archive.
    """
    scan = office.store.scan(row.scan)
    # The name comes from the database, not from the address.
    name = scan.archived if scan else row.scan
    path = office.exam.archive / Path(name).name
    if not path.is_file():
        raise Refused(
            404, f"Page {row.number} cannot be shown: its scan is not there any more; put back archive/{path.name}."
        )
    return Wanted(path, PageRef(row.scan, row.number), office.exam.settings.render, fit)


def image_address(row: PageRow, fit: Fit | None) -> str:
    """Return where the picture of a page is."""
    return f"/page/{row.scan}/{row.number}.jpg?v={fit.mark if fit else 'scan'}"


def spec_of(office: Office) -> ReaderSpec:
    """Return what the process that draws pages is prepared with."""
    return reader_spec(office.exam)
