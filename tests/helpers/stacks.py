"""Stacks of pages without a serial, with the truth of whose each page is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.records import FieldRow, Joining, PageRow
from flows.stacks import Together, put_together
from recognizer.records import Decision, PageOutcomeKind, ValueState
from recognizer.template import Kind, Role
from tests.helpers.exam_rows import OTHER_SCAN, SCAN, page_row

FAILED, BLANK, FOREIGN = PageOutcomeKind.FAILED, PageOutcomeKind.BLANK, PageOutcomeKind.FOREIGN


@dataclass(frozen=True)
class Paper:
    """One page as it lies in the stack: whose it is, which page of the template, and what it says.

    `page` 0 is none of the template: empty, unreadable, of another exam, or (`outcome` READ) another sheet's.
    """

    owner: str = ""
    page: int = 0
    outcome: PageOutcomeKind = PageOutcomeKind.READ
    said: str = ""


def booklet(owner: str, pages: int, with_id: Sequence[int] = ()) -> list[Paper]:
    """The pages of one candidate, in order; those in `with_id` say whose they are."""
    return [Paper(owner, page, said=owner if page in with_id else "") for page in range(1, pages + 1)]


def rows(
    stack: Sequence[Paper], pages: int, joining: Joining = Joining.ORDER, *, scan: str = SCAN, file: str = "a.pdf"
) -> tuple[list[PageRow], list[FieldRow]]:
    """The stack as it is filed, page by page, and its id fields."""
    filed, ids = [], []
    for number, paper in enumerate(stack, start=1):
        one = page_row(
            "book" if paper.page else "cover_marks",
            number,
            scan=scan,
            file=file,
            outcome=paper.outcome,
            sheet=f"book@{scan[:12]}-{number}",
            serial=None,
            template_page=paper.page or 1,
            joining=joining if paper.page else Joining.CODE,
            template_pages=pages if paper.page else 1,
        )
        if paper.outcome in (FAILED, BLANK, FOREIGN):
            one = replace(one, template="", template_page=None, sheet="", joining=Joining.CODE, reason="said so")
        filed.append(one)
        if paper.said:
            ids.append(id_field(one, paper.said))
    return filed, ids


def id_field(page: PageRow, value: str | None) -> FieldRow:
    """The candidate number of a page; None is unsettled."""
    state = ValueState.UNSETTLED if value is None else ValueState.VALUE
    said = Decision("candidate", state, value or "", value or "7", 0.999, None, "")
    return FieldRow(
        key=f"{page.scan[:12]}-{page.number}-candidate",
        revision="r1.0",
        scan=page.scan,
        page_number=page.number,
        file=page.file,
        sheet=page.sheet,
        template=page.template,
        template_page=page.template_page or 1,
        field="candidate",
        kind=Kind.DIGITS,
        role=Role.ID,
        decision=said,
        values=(),
        correction=None,
    )


def settled(filed: Sequence[PageRow], ids: Sequence[FieldRow], *said: object) -> Together:
    """Put the pages of whole files together."""
    scan_pages = {scan: sum(row.scan == scan for row in filed) for scan in (SCAN, OTHER_SCAN)}
    return put_together(filed, ids, scan_pages, said)  # type: ignore[arg-type]


def sheets(filed: Sequence[PageRow], together: Together) -> dict[str, list[PageRow]]:
    """The pages of 'book' that count, by sheet, as they stand in the end."""
    found: dict[str, list[PageRow]] = {}
    for row in map(together.of, filed):
        if row.outcome is PageOutcomeKind.READ and row.template == "book":
            found.setdefault(row.sheet, []).append(row)
    return found
