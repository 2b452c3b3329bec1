"""Pictures of fields, and of what is around them on their pages, for those who may see them."""

import re

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from flows.review.around import around_jpeg
from flows.review.drawing import Fit, Wanted
from flows.review.office import Here, Office, Reviewing
from flows.review.page_images import drawn, find_page, shown_fit, wanted
from flows.review.people import Person
from flows.review.refusals import Refused
from recognizer.template import SheetField

router = APIRouter()

KEY = re.compile(r"[0-9a-f]{12}-[0-9]{1,6}-[A-Za-z][A-Za-z0-9_]{0,31}")
"""What the key of a field looks like (`flows.rows.reading_key`)."""

KEPT = "private, max-age=3600, immutable"
"""A picture is asked for with the revision of its reading: another reading has another address."""

HEADERS = {"cache-control": KEPT, "vary": "cookie"}
"""One browser may serve several people: whoever logs in next finds nothing of this, and names are hidden from some."""

NO_FIELD = "There is no such field."
NOWHERE = "Nobody knows where this field stands on its page."


@router.get("/crop/{key}.png")
def crop(key: str, office: Here, _: Reviewing) -> Response:
    """Return the picture of one field."""
    if not KEY.fullmatch(key):
        raise HTTPException(404, NO_FIELD)
    try:
        png = office.store.crop_png(key)
    except KeyError as none:
        raise HTTPException(404, NO_FIELD) from none
    return Response(png, media_type="image/png", headers=HEADERS)


@router.get("/around/{key}.jpg")
async def around(request: Request, key: str, office: Here, person: Reviewing) -> Response:
    """Return the part of the page around one field, with a line around it, and without names for who must not see them.

    Raises:
        Refused: the page cannot be shown, or not to this person.
    """
    at, fit, asked = await run_in_threadpool(_asked, office, person, key)
    picture = await drawn(request, office, person, asked)
    jpeg = await run_in_threadpool(_cut, office, picture.jpeg, fit, at)
    return Response(jpeg, media_type="image/jpeg", headers=HEADERS)


def _asked(office: Office, person: Person, key: str) -> tuple[SheetField, Fit, Wanted]:
    """Return where a field stands on its page, how that is shown, and what is to be drawn for it."""
    row = (office.desk.row(key) or office.store.field(key)) if KEY.fullmatch(key) else None
    at = office.desk.template_field(row) if row is not None else None
    if row is None or at is None:
        raise HTTPException(404, NO_FIELD)
    page = find_page(office, row.scan, str(row.page_number))
    fit = shown_fit(office, person, page)
    if fit is None:
        raise Refused(404, NOWHERE, (key,))
    return at, fit, wanted(office, page, fit)


def _cut(office: Office, jpeg: bytes, fit: Fit, at: SheetField) -> bytes:
    return around_jpeg(office.unpacked.of(jpeg), fit.area, fit.template, fit.page, at)
