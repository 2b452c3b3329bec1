"""Decisions about pages in the browser: place one by hand that failed, keep or replace another picture of one.

What takes seconds runs in a thread (`placing_jobs`), with the same functions as the commands use: they read in a
process of their own, take the exam's lock, and store all or nothing.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from shlex import quote
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from flows.errors import PlaceError
from flows.page_decisions import COUNTS, key_of, latest_placements
from flows.page_desk import PLACEABLE, place, resolve, unplace
from flows.page_reading import reader_of
from flows.page_show import pictures_of_place
from flows.records import By, Joining, PageChoice, PageRow
from flows.review.accepted import told_of_page
from flows.review.bodies import Body, body_of
from flows.review.drawing import Picture, Wanted
from flows.review.landing import landing, refusal, starting_corners
from flows.review.office import Here, Leading, Office, draw
from flows.review.page_images import drawn, find_page, image_address, shown_fit, spec_of, template_of, wanted
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.review.two_pictures import Side, as_told
from flows.review.ways import typed
from flows.review.wording import without_paths
from flows.rows import reading_key
from flows.stacks import was_dropped
from recognizer.errors import RegistrationError
from recognizer.placing import POINTS
from recognizer.records import HandPlacement, PageOutcomeKind, PageRef
from recognizer.template import SheetTemplate

router = APIRouter()

HOW = "sheet"
"""By what means pages are decided about here, as the trail of decisions names it."""

BUSY = (
    "Somebody is grading this exam now, or decides about another page; pages are decided about one at a time. Nothing "
    "was stored. Try again when that is done."
)
PLACING = "The page is being read where you showed the sheet. This takes a few seconds."
TAKING_BACK = "The page is being read again, as it is by itself."
DECIDING = "Both pictures are being decided about."

FARTHEST_PX = 100_000.0
"""No page has so many pixels along a side."""

Coordinate = Annotated[float, Field(ge=-FARTHEST_PX, le=FARTHEST_PX, allow_inf_nan=False)]
Corner = tuple[Coordinate, Coordinate]


class Placed(Body):
    """Where somebody shows a sheet: which page of which template, and four places on the picture of the page."""

    template: Annotated[str, Field(max_length=64)]
    page: Annotated[int, Field(ge=1, le=50)]
    serial: Annotated[int, Field(ge=1, le=99_999_999)] | None = None
    corners: tuple[Corner, Corner, Corner, Corner]


class Chosen(Body):
    """Which picture of a page counts."""

    choice: PageChoice


async def as_scanned(request: Request, scan: str, number: str, office: Here, person: Leading) -> Picture:
    """Return the picture of a page as it was scanned, whatever it was read as: corners are pixels of that."""
    return await drawn(request, office, person, await run_in_threadpool(_wanted, office, scan, number))


def _wanted(office: Office, scan: str, number: str) -> Wanted:
    return wanted(office, find_page(office, scan, number), None)


Scanned = Annotated[Picture, Depends(as_scanned)]


# ---- placing ---------------------------------------------------------------------------------------------------------


@router.get("/place/{scan}/{number}")
def place_page(request: Request, scan: str, number: str, office: Here, _: Leading) -> HTMLResponse:
    """Show a page to place it by hand."""
    row = _standing_page(office, scan, number)
    office.pictures.warm(spec_of(office))
    return draw(request, "place.html", row=row)


@router.get("/place/{scan}/{number}/data")
def place_data(scan: str, number: str, office: Here, person: Leading, picture: Scanned) -> dict[str, Any]:
    """Return the size of a page's picture, what it is now, and which templates there are."""
    row = _standing_page(office, scan, number)
    placed = latest_placements(office.store.placements()).get(key_of(row))
    return {
        "image": f"/place/{row.scan}/{row.number}/page.jpg",
        "width": picture.width,
        "height": picture.height,
        "points": list(POINTS),
        "placeable": row.outcome in PLACEABLE or placed is not None,
        "placed": _as_placed(placed, picture.width, picture.height) if placed else None,
        "templates": [
            {
                "name": one.name,
                "title": one.title,
                "pages": len(one.pages),
                "form": one.is_form,
                "serial": not one.is_form and not office.exam.settings.sheets.photocopied,
            }
            for one in office.exam.sheets.templates
        ],
        "acceptance": told_of_page(person, office.desk.seen, row),
        "now": _told(office, row),
    }


@router.get("/place/{scan}/{number}/page.jpg")
def place_image(_: Leading, picture: Scanned) -> Response:
    """Return the page as it was scanned, whatever it was read as."""
    headers = {"cache-control": "private, max-age=3600", "vary": "cookie"}
    return Response(picture.jpeg, media_type="image/jpeg", headers=headers)


@router.post("/place/{scan}/{number}/preview")
def preview(
    scan: str,
    number: str,
    office: Here,
    _: Leading,
    *,
    said: Annotated[Placed, Depends(body_of(Placed))],
    picture: Scanned,
) -> dict[str, Any]:
    """Return where the boxes of a sheet land on a page, for the corners that somebody shows."""
    row = find_page(office, scan, number)
    placement = _placement(office, row, said, picture)
    template = _template(office, said)
    try:
        return {"problem": "", **landing(placement, template)}
    except RegistrationError as error:
        return {"problem": refusal(error), "boxes": [], "frame": []}


@router.get("/place/{scan}/{number}/start")
def start(office: Here, _: Leading, picture: Scanned, template: str, page: int) -> dict[str, Any]:
    """Return where the corners of a sheet lie on a page that was scanned straight: where a person begins."""
    found = next((one for one in office.exam.sheets.templates if one.name == template), None)
    if found is None or not 1 <= page <= len(found.pages):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "This exam has no such page.")
    return {"corners": starting_corners(found, page, picture.width, picture.height)}


@router.post("/place/{scan}/{number}/confirm")
def confirm(
    scan: str,
    number: str,
    office: Here,
    person: Leading,
    *,
    said: Annotated[Placed, Depends(body_of(Placed))],
    picture: Scanned,
) -> dict[str, Any]:
    """Begin to read a page where somebody showed the sheet."""
    row = find_page(office, scan, number)
    placement = _placement(office, row, said, picture)
    by = By(person.name, datetime.now(UTC), HOW)

    def work() -> str:
        with office.desk.opener() as store:
            now = place(store, office.exam, row, placement, by, readers=partial(reader_of, office.exam, store))
        office.desk.hurry()
        return _outcome(now)

    return _begin(office, row, PLACING, work)


@router.post("/place/{scan}/{number}/unplace")
def take_back(scan: str, number: str, office: Here, person: Leading) -> dict[str, Any]:
    """Begin to take back that a page was placed by hand."""
    row = find_page(office, scan, number)
    by = By(person.name, datetime.now(UTC), HOW)

    def work() -> str:
        with office.desk.opener() as store:
            now = unplace(store, office.exam, row, by, readers=partial(reader_of, office.exam, store))
        office.desk.hurry()
        return f"Taken back. {_outcome(now)}"

    return _begin(office, row, TAKING_BACK, work)


@router.get("/place/{scan}/{number}/work")
def work_on(scan: str, number: str, office: Here, _: Leading) -> dict[str, Any]:
    """Return how far the work on a page has come, and what the page is now."""
    row = _standing_page(office, scan, number)
    return {**_work(office, row), "now": _told(office, row)}


# ---- keep or replace -------------------------------------------------------------------------------------------------


@router.get("/keep/{scan}/{number}")
def keep_page(request: Request, scan: str, number: str, office: Here, person: Leading) -> HTMLResponse:
    """Show two pictures of one page side by side."""
    asked, rows = _asked(office, find_page(office, scan, number))
    pictures = {f"{one.scan}/{one.number}": _picture(office, person, one) for one in rows}
    return draw(request, "keep.html", row=asked, pictures=pictures, now=_standing(office, asked, rows))


@router.get("/keep/{scan}/{number}/now")
def keep_now(scan: str, number: str, office: Here, _: Leading) -> dict[str, Any]:
    """Return which picture counts now, where they were read differently, and what may be decided."""
    asked, rows = _asked(office, find_page(office, scan, number), is_asked=True)
    return _standing(office, asked, rows)


@router.post("/keep/{scan}/{number}")
def choose(
    scan: str, number: str, office: Here, person: Leading, said: Annotated[Chosen, Depends(body_of(Chosen))]
) -> dict[str, Any]:
    """Begin to decide which picture of a page counts."""
    row = find_page(office, scan, number)
    by = By(person.name, datetime.now(UTC), HOW)

    def work() -> str:
        with office.desk.opener() as store:
            readers = partial(reader_of, office.exam, store)
            done = resolve(store, office.exam, [row], said.choice, by, readers=readers)
        office.desk.hurry()
        if not done.made:
            return "It is so already; nothing was stored."
        lost = sum(done.unused.values())
        beside = (
            f" {lost} corrections were made on the picture that no longer counts; look at them again." if lost else ""
        )
        return (
            f"{'This picture counts from now on' if said.choice is PageChoice.REPLACE else 'The first picture stays'}."
            + beside
        )

    return _begin(office, row, DECIDING, work)


def _asked(office: Office, row: PageRow, *, is_asked: bool = False) -> tuple[PageRow, tuple[PageRow, ...]]:
    """Return the page that is decided about, and every picture of it.

    Of a page that counts because it came first nothing can be decided: then it is another picture of it that is asked
    about, unless `is_asked` says that this one is already.
    """
    with office.desk.opener() as store:
        rows = pictures_of_place(store, row)
    if not is_asked and len(rows) > 1 and row.outcome is PageOutcomeKind.READ and not row.reason.startswith(COUNTS):
        return rows[1], rows
    return row, rows


def _standing(office: Office, asked: PageRow, rows: Sequence[PageRow]) -> dict[str, Any]:
    return as_told([_side(office, row) for row in rows], asked, template_of(office, asked))


def _side(office: Office, row: PageRow) -> Side:
    _, decisions = office.store.page_view(row.scan, row.number)
    found = {one.field: office.store.field(reading_key(row.scan, row.number, one.field)) for one in decisions}
    return Side(row, tuple(decisions), {name: one for name, one in found.items() if one is not None})


def _picture(office: Office, person: Person, row: PageRow) -> dict[str, Any]:
    fit = shown_fit(office, person, row)
    width, height = (fit.area.width, fit.area.height) if fit else (210.0, 297.0)
    return {"image": image_address(row, fit), "width": width, "height": height}


# ---- both ------------------------------------------------------------------------------------------------------------


def _begin(office: Office, row: PageRow, words: str, work: Callable[[], str]) -> dict[str, Any]:
    """Begin a piece of work, unless somebody grades now."""
    try:
        with office.store.grading():
            pass
    except PlaceError as error:
        raise Refused(HTTPStatus.CONFLICT, BUSY) from error
    if not office.placing.begin(key_of(row), words, work):
        raise Refused(HTTPStatus.CONFLICT, BUSY)
    return _work(office, row)


def _work(office: Office, row: PageRow) -> dict[str, Any]:
    work = office.placing.of(key_of(row))
    if work is None:
        return {"stage": "", "words": "", "seconds": 0.0}
    return {
        "stage": work.stage.value,
        "words": without_paths(work.words, office.exam.dir),
        "seconds": round(work.seconds, 1),
    }


def _template(office: Office, said: Placed) -> SheetTemplate:
    found = next((one for one in office.exam.sheets.templates if one.name == said.template), None)
    if found is None:
        names = ", ".join(one.name for one in office.exam.sheets.templates)
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"This exam has no template of that name; it has {names}.")
    if said.page > len(found.pages):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"'{found.name}' has {len(found.pages)} pages.")
    return found


def _placement(office: Office, row: PageRow, said: Placed, picture: Picture) -> HandPlacement:
    template = _template(office, said)
    corners: Sequence[tuple[float, float]] = said.corners
    return HandPlacement(
        PageRef(row.scan, row.number),
        template.name,
        template.version,
        said.page,
        said.serial,
        tuple((float(x), float(y)) for x, y in corners),
        picture.width,
        picture.height,
    )


def _as_placed(placed: HandPlacement, width: int, height: int) -> dict[str, Any]:
    """Return an earlier placement in the pixels of the picture as it is now."""
    across, down = width / placed.width, height / placed.height
    corners = [[(x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5] for x, y in placed.corners]
    return {"template": placed.template, "page": placed.page, "serial": placed.serial, "corners": corners}


def _standing_page(office: Office, scan: str, number: str) -> PageRow:
    """Return a page in view of the other pages of its file: of one without a serial that alone tells its sheet."""
    row = find_page(office, scan, number)
    if row.joining is Joining.CODE:
        return row
    return next((each for each in office.store.pages() if key_of(each) == key_of(row)), row)


def _told(office: Office, row: PageRow) -> dict[str, Any]:
    return {
        "outcome": row.outcome.value,
        "reason": row.reason,
        # A page that is held out of order is of no sheet yet: there is none to open.
        "sheet": row.sheet,
        "joins": _joins(office, row),
        "page": row.template_page,
        "at": row.place,
        "dropped": was_dropped(row),
        "by_hand": row.identified_by == "hand",
    }


def _joins(office: Office, row: PageRow) -> str:
    """Return the command that says which sheet a page belongs to that is held out of order, "" for every other page."""
    if row.outcome is not PageOutcomeKind.HELD or row.sheet:
        return ""
    return f"tallymark stacks {typed(office.exam.dir)} --join {quote(f'{row.file}:{row.number}')} --by NAME"


def _outcome(row: PageRow) -> str:
    """Say what became of a page."""
    because = f": {row.reason}" if row.reason else ""
    if row.outcome in PLACEABLE:
        return f"The page is {row.outcome.value}{because}."
    fit = "" if row.error_mm is None else f", and fits within {row.error_mm:.2f} mm"
    belongs = f"sheet {row.sheet}" if row.sheet else f"a '{row.template}'"
    if row.outcome is PageOutcomeKind.READ:
        return f"It was read as page {row.template_page} of {belongs}{fit}{because}."
    return f"It is {row.outcome.value}, as page {row.template_page} of {belongs}{because}."
