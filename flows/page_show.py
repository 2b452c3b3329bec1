"""Pages as pictures: one with a ruler to place it by, or every picture of one page of a sheet, to choose between."""

from pathlib import Path

from flows.errors import PlaceError
from flows.page_decisions import key_of, place_of, where
from flows.page_desk import claims_now
from flows.records import PageRow
from flows.settings import Exam
from flows.store import Store
from recognizer.page_picture import Panel, as_png, draw_beside, draw_ruler, plain_panel, upright_panel
from recognizer.raster import Renderer, load_page
from recognizer.records import Page, PageOutcomeKind, PageRef
from recognizer.template import SheetTemplate

MOST_SHOWN = 4
"""Pictures of one page that are shown together: the one asked for, the one that counts, and the next."""


def pictures_of_place(store: Store, row: PageRow) -> tuple[PageRow, ...]:
    """Return the pages that claim the same place as one: the one that counts, this one, then others; else this one."""
    place = place_of(row)
    if place is None:
        return (row,)
    claims = [claim.row for claim in claims_now(store).get(place, ())]
    counts = [one for one in claims if one.outcome is PageOutcomeKind.READ]
    found = {key_of(one): one for one in (*counts, row, *claims)}
    return tuple(found.values())[:MOST_SHOWN]


def show_page(store: Store, exam: Exam, row: PageRow, *, alone: bool = False) -> tuple[bytes, tuple[int, int]]:
    """Return a PNG for a person, and (width, height) of the page in pixels.

    A page that is held, or was decided about, stands beside the one that counts; any other is drawn with a ruler.

    Args:
        store: the exam's database.
        exam: the exam.
        row: the page.
        alone: draw the page with a ruler whatever it is.

    Raises:
        PlaceError: the scan is not in the archive.
        RecognizerError: the page cannot be turned into pixels.
    """
    page = load(store, exam, row)
    size = (page.pixels.shape[1], page.pixels.shape[0])
    rows = (row,) if alone else pictures_of_place(store, row)
    if len(rows) == 1:
        return as_png(draw_ruler(page.pixels)), size
    panels = [_panel(store, exam, one, page if one == row else load(store, exam, one)) for one in rows]
    return as_png(draw_beside(panels)), size


def load(store: Store, exam: Exam, row: PageRow) -> Page:
    """Return the pixels of a page, as it is displayed.

    Raises:
        PlaceError: the scan is not in the archive.
        RecognizerError: the page cannot be turned into pixels.
    """
    scan = store.scan(row.scan)
    path = exam.archive / (scan.archived if scan else Path(row.scan))
    if not path.is_file():
        raise PlaceError(f"{path} is missing, so {where(row)} cannot be shown; put the file back")
    return load_page(path, PageRef(row.scan, row.number), Renderer(exam.settings.render))


def _panel(store: Store, exam: Exam, row: PageRow, page: Page) -> Panel:
    said = "counts" if row.outcome is PageOutcomeKind.READ else row.outcome.value
    caption = f"{said}: {where(row)}"
    laid, decisions = store.page_view(row.scan, row.number)
    if laid is None:
        return plain_panel(caption, page)
    return upright_panel(caption, page, laid, _sheet(exam, row), decisions)


def _sheet(exam: Exam, row: PageRow) -> tuple[SheetTemplate, int] | None:
    """Return the template and the page of it that a page is, None when the exam has no such template any more."""
    template = next((one for one in exam.sheets.templates if one.name == row.template), None)
    at = row.template_page or 0
    return (template, at) if template is not None and 1 <= at <= len(template.pages) else None
