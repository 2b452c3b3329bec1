"""Pages in the database, within a transaction that somebody else holds: storing them, and which ones count.

Whatever is stored of a page, the outcomes of all pages that claim the same place on a sheet are said anew before the
transaction ends (`flows.page_decisions.arrange`): so at no moment two pictures of one page count, nor none.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from flows.migrations.tables import (
    decisions,
    page_decisions,
    page_placements,
    pages,
    pictures,
    readings,
    runs,
    scans,
)
from flows.page_decisions import PageKey, Place, arrange, claims_of, decisions_by_place, key_of, place_of
from flows.records import FiledPage, PageDecision, PagePlacement, PageRow
from flows.rows import (
    decision_of,
    decision_values,
    laid_of,
    page_decision_row,
    page_decision_values,
    page_row,
    page_values,
    picture_values,
    placement_row,
    placement_values,
    reading_values,
)
from recognizer.bend import Laid
from recognizer.records import Decision, PageOutcomeKind

MOST_ASKED = 400
"""Sheets that one query asks for: SQLite takes at most 999 values, in older builds."""


def all_pages(connection: Connection) -> tuple[PageRow, ...]:
    """Return every page, scan by scan in order of arrival."""
    query = _pages().order_by(scans.c.arrival, pages.c.number)
    return tuple(page_row(row) for row in connection.execute(query))


def one_page(connection: Connection, scan: str, number: int) -> PageRow | None:
    """Return one page, None when there is none."""
    row = connection.execute(_pages().where(pages.c.scan == scan, pages.c.number == number)).first()
    return page_row(row) if row else None


def kept_pages(connection: Connection) -> frozenset[PageKey]:
    """Return the pages of which readings or pictures are stored, whether they count or not."""
    found = {(row.scan, row.page) for row in connection.execute(select(readings.c.scan, readings.c.page).distinct())}
    return frozenset(
        found | {(row.scan, row.page) for row in connection.execute(select(pictures.c.scan, pictures.c.page))}
    )


def all_page_decisions(connection: Connection) -> tuple[PageDecision, ...]:
    """Return what people decided about pages, oldest first."""
    rows = connection.execute(select(page_decisions).order_by(page_decisions.c.number))
    return tuple(page_decision_row(row) for row in rows)


def all_placements(connection: Connection) -> tuple[PagePlacement, ...]:
    """Return how people placed pages, oldest first."""
    rows = connection.execute(select(page_placements).order_by(page_placements.c.number))
    return tuple(placement_row(row) for row in rows)


def add_decisions(connection: Connection, made: Sequence[PageDecision]) -> None:
    """Store what people decided; `arrange_places` makes it hold."""
    if made:
        connection.execute(insert(page_decisions), [page_decision_values(one) for one in made])


def add_placement(connection: Connection, placed: PagePlacement) -> None:
    """Store where a person says that a sheet lies."""
    connection.execute(insert(page_placements), placement_values(placed))


def store_pages(
    connection: Connection, filed: Sequence[FiledPage], model: str, run: int, seconds: float
) -> tuple[PageRow, ...]:
    """Store pages with all their fields; pages stored before are replaced.

    Returns:
        The stored pages as they stand now, then other pages of which it changed what becomes of them.
    """
    places = _places_now(connection, [key_of(page.row) for page in filed])
    for page in filed:
        _delete_page(connection, page.row)
        connection.execute(insert(pages), page_values(page) | {"run": run})
        if page.fields:
            connection.execute(insert(readings), list(reading_values(page, model)))
            connection.execute(insert(decisions), list(decision_values(page, model)))
        if page.pictures:
            connection.execute(insert(pictures), picture_values(page))
    places |= {place for page in filed if (place := place_of(page.row))}
    changed = {key_of(row): row for row in arrange_places(connection, places)}
    mine = tuple(changed.pop(key_of(page.row), page.row) for page in filed)
    counting = {key_of(row) for row in mine if row.outcome is PageOutcomeKind.READ}
    fields = [field for page in filed if key_of(page.row) in counting for field in page.fields]
    connection.execute(
        update(runs)
        .where(runs.c.number == run)
        .values(
            pages=runs.c.pages + len(filed),
            fields=runs.c.fields + len(fields),
            flagged=runs.c.flagged + sum(field.decision.flag is not None for field in fields),
            seconds=round(seconds, 3),
        )
    )
    return (*mine, *changed.values())


def arrange_places(connection: Connection, places: Collection[Place]) -> tuple[PageRow, ...]:
    """Say anew what becomes of every page that claims one of the places; return the pages for which that changed."""
    if not places:
        return ()
    sheets = sorted({sheet for sheet, _ in places})
    rows = [row for some in _in_parts(sheets) for row in connection.execute(_pages().where(pages.c.sheet.in_(some)))]
    arrivals = {row.scan: row.arrival for row in rows}
    claims = claims_of([page_row(row) for row in rows], arrivals, all_placements(connection))
    query = select(page_decisions).order_by(page_decisions.c.number)
    said = [
        page_decision_row(row)
        for some in _in_parts(sheets)
        for row in connection.execute(query.where(page_decisions.c.sheet.in_(some)))
    ]
    decided = decisions_by_place(said)
    changed = []
    for place in sorted(places):
        if not (mine := claims.get(place)):
            continue
        before = {key_of(claim.row): claim.row for claim in mine}
        changed += [row for row in arrange(mine, decided.get(place, ())) if before[key_of(row)] != row]
    for row in changed:
        here = (pages.c.scan == row.scan) & (pages.c.number == row.number)
        connection.execute(update(pages).where(here).values(outcome=row.outcome.value, reason=row.reason))
    return tuple(changed)


def view_of_page(connection: Connection, scan: str, page: int) -> tuple[Laid | None, tuple[Decision, ...]]:
    """Return where the sheet lies on a page (None: unknown) and what was decided of it, whether it counts or not."""
    query = select(pages.c.mm_to_px).where(pages.c.scan == scan, pages.c.number == page)
    fit = connection.execute(query).scalar()
    fields = (
        select(readings.c.field, decisions)
        .join(decisions, decisions.c.key == readings.c.key)
        .where(readings.c.scan == scan, readings.c.page == page)
        .order_by(readings.c.position)
    )
    return None if fit is None else laid_of(fit), tuple(decision_of(row) for row in connection.execute(fields))


def last_stored(connection: Connection) -> tuple[int, int]:
    """Return (arrival, page number) of the page that was stored last, (0, 0) when there is none."""
    newest = select(func.max(scans.c.arrival)).join(pages, pages.c.scan == scans.c.scan)
    arrival = connection.execute(newest).scalar() or 0
    query = select(func.max(pages.c.number)).join(scans, scans.c.scan == pages.c.scan)
    return arrival, connection.execute(query.where(scans.c.arrival == arrival)).scalar() or 0


def _pages() -> Any:  # noqa: ANN401 - SQLAlchemy's type of a query names every column's type
    return select(pages, scans.c.file, scans.c.arrival).join(scans, scans.c.scan == pages.c.scan)


def _places_now(connection: Connection, keys: Iterable[PageKey]) -> set[Place]:
    """Return the places that pages claim as they are stored: reading them again may leave these to others."""
    found: set[Place] = set()
    for scan, number in keys:
        row = connection.execute(_pages().where(pages.c.scan == scan, pages.c.number == number)).first()
        if row is not None and (place := place_of(page_row(row))):
            found.add(place)
    return found


def _in_parts(sheets: Sequence[str]) -> list[Sequence[str]]:
    return [sheets[at : at + MOST_ASKED] for at in range(0, len(sheets), MOST_ASKED)]


def _delete_page(connection: Connection, page: PageRow) -> None:
    old = select(readings.c.key).where(readings.c.scan == page.scan, readings.c.page == page.number)
    connection.execute(delete(decisions).where(decisions.c.key.in_(old)))
    connection.execute(delete(readings).where(readings.c.scan == page.scan, readings.c.page == page.number))
    connection.execute(delete(pictures).where(pictures.c.scan == page.scan, pictures.c.page == page.number))
    connection.execute(delete(pages).where(pages.c.scan == page.scan, pages.c.number == page.number))
