"""Which sheet a page belongs to, and whether it is there already. Pure: pages are filed one by one as they arrived.

The same picture again is a duplicate. Another picture of a sheet's page that is there already is held until a person
decides which one counts: neither is counted twice nor thrown away. What people decided is not known here; it is brought
in where pages are stored (`flows.page_decisions`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from flows.page_decisions import held_reason, where
from flows.records import FiledField, FiledPage, Joining, PageRow
from flows.rows import sheet_key
from recognizer.codes import COVER_TEMPLATE
from recognizer.cover import cover_template
from recognizer.records import PageFailure, PageOutcome, PageOutcomeKind, PageResult
from recognizer.template import Kind, Role, SheetTemplate


@dataclass(slots=True)
class Filed:
    """What was filed so far: the first page with each picture, and the page that stands for each sheet's page."""

    by_picture: dict[str, PageRow] = field(default_factory=dict)
    by_place: dict[tuple[str, int, int], PageRow] = field(default_factory=dict)

    def remember(self, page: FiledPage) -> None:
        """Take note of a page, so that later ones are compared with it."""
        row = page.row
        # The backs of sheets are all the same picture: empty paper. None of them stands for another.
        if page.picture_hash and row.outcome is not PageOutcomeKind.BLANK:
            self.by_picture.setdefault(page.picture_hash, row)
        if row.outcome is PageOutcomeKind.READ and (place := _place(row)):
            self.by_place.setdefault(place, row)

    def remember_all(self, rows: Iterable[PageRow], pictures: Mapping[tuple[str, int], str]) -> None:
        """Take note of stored pages, in order, given their picture hashes by (scan, page number)."""
        for row in rows:
            self.remember(FiledPage(row, pictures.get((row.scan, row.number)), None, ()))


def filed_before(rows: Iterable[PageRow], pictures: Mapping[tuple[str, int], str]) -> Filed:
    """Return what the store holds, from its pages in order of arrival and their picture hashes."""
    filed = Filed()
    filed.remember_all(rows, pictures)
    return filed


def file_page(
    outcome: PageOutcome,
    file: str,
    templates: Mapping[str, SheetTemplate],
    filed: Filed,
    *,
    photocopied: bool = False,
) -> FiledPage:
    """Say what becomes of a page, given all pages before it, and remember it.

    Args:
        outcome: what the recognizer made of the page.
        file: the name under which its scan first arrived.
        templates: the exam's templates by name.
        filed: the pages before it; this one is added.
        photocopied: whether the printed serials say nothing, because one printed sheet was copied.
    """
    if isinstance(outcome, PageFailure):
        page = _as_failed(outcome, file)
    else:
        page = _as_read(_without_serial(outcome) if photocopied else outcome, file, templates)
    page = _compared(page, filed)
    filed.remember(page)
    return page


def _compared(page: FiledPage, filed: Filed) -> FiledPage:
    if page.row.outcome is PageOutcomeKind.BLANK:
        return page
    if page.picture_hash and (same := filed.by_picture.get(page.picture_hash)):
        return _duplicate(page, f"the same picture as {where(same)}")
    place = _place(page.row) if page.row.outcome is PageOutcomeKind.READ else None
    if place and (other := filed.by_place.get(place)):
        # It keeps its sheet, so that both pictures of it are found together, and what was read of it for the decision.
        held = replace(page.row, outcome=PageOutcomeKind.HELD, reason=held_reason(page.row, other))
        return replace(page, row=held)
    return page


def _duplicate(page: FiledPage, reason: str) -> FiledPage:
    """Return a page that adds nothing to any sheet."""
    row = replace(page.row, outcome=PageOutcomeKind.DUPLICATE, reason=reason, sheet="")
    return replace(page, row=row, fields=(), pictures=())


def _place(row: PageRow) -> tuple[str, int, int] | None:
    """Return template, serial and page; None where no serial tells two copies of a sheet apart."""
    if row.serial is None or row.template_page is None or row.template == COVER_TEMPLATE:
        return None
    return row.template, row.serial, row.template_page


def _as_failed(failure: PageFailure, file: str) -> FiledPage:
    row = PageRow(
        scan=failure.ref.scan,
        number=failure.ref.number,
        file=file,
        outcome=failure.outcome,
        reason=failure.reason,
        sheet="",
        template="",
        template_version=None,
        template_page=None,
        serial=None,
        error_mm=None,
        source=failure.source.value if failure.source else "",
        identified_by="",
    )
    return FiledPage(row, failure.picture_hash, None, ())


def joining_of(template: SheetTemplate, serial: int | None) -> Joining:
    """Return how a page of a template finds the others of its sheet."""
    if serial is not None or len(template.pages) == 1:
        return Joining.CODE
    if all(
        any(field.role is Role.ID and field.kind is not Kind.IMAGE for field in page.fields) for page in template.pages
    ):
        return Joining.ID
    return Joining.ORDER


def _without_serial(result: PageResult) -> PageResult:
    if result.identity.template == COVER_TEMPLATE:
        return result
    return replace(result, identity=replace(result.identity, serial=None))


def _as_read(result: PageResult, file: str, templates: Mapping[str, SheetTemplate]) -> FiledPage:
    identity, ref = result.identity, result.ref
    cover = identity.template == COVER_TEMPLATE
    template = cover_template() if cover else templates[identity.template]
    row = PageRow(
        scan=ref.scan,
        number=ref.number,
        file=file,
        outcome=PageOutcomeKind.READ,
        reason="",
        # A cover sheet is no candidate's; its serial is a number of papers, which others have too.
        sheet="" if cover else sheet_key(identity.template, identity.serial, ref.scan, ref.number),
        template=identity.template,
        template_version=identity.version,
        template_page=identity.page,
        serial=identity.serial,
        error_mm=round(result.error_mm, 4),
        source=result.source.value,
        identified_by=result.identified_by,
        joining=joining_of(template, identity.serial),
        template_pages=len(template.pages),
        batch=identity.batch,
    )
    page = template.pages[identity.page - 1]
    fields = tuple(
        FiledField(page.field_named(reading.field).kind, page.field_named(reading.field).role, reading, decision)
        for reading, decision in zip(result.readings, result.decisions, strict=True)
    )
    return FiledPage(row, result.picture_hash, result.mm_to_px, fields, result.pictures, result.bend)
