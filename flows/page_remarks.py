"""What is remarked on the pages of a sheet: one came twice, a strange one lies between, one may be lost. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from flows.belonging import nearby
from flows.records import PageRow
from flows.stacks import is_claimed, was_dropped
from recognizer.records import PageOutcomeKind
from recognizer.template import SheetTemplate

HELD_PAGE = "page {} was scanned more than once; held until somebody decides which counts (tallymark pages): {}"
STRANGE_PAGE = "between its pages lies one that is {}: {}"
STRANGE_OUTCOMES = (PageOutcomeKind.FOREIGN, PageOutcomeKind.FAILED)
"""Pages that, between two pages of one sheet, may be a page of it that was not known for one."""

MOST_NAMED = 3
"""Sheets or pages that one remark names; a candidate number left at its sample value may stand on a hundred."""


def page_remarks(
    by_sheet: Mapping[str, Sequence[PageRow]], pages: Sequence[PageRow], known: Mapping[str, SheetTemplate]
) -> dict[str, list[str]]:
    """Say of each sheet which of its pages is there twice, which among its own is not its own, and what may be lost."""
    told: dict[str, list[str]] = defaultdict(list)
    held: dict[tuple[str, int], list[str]] = defaultdict(list)
    for page in pages:
        if page.outcome is PageOutcomeKind.HELD and page.sheet in by_sheet and page.template_page is not None:
            held[page.sheet, page.template_page].append(f"{page.file} page {page.number}")
    for (sheet, number), where in sorted(held.items()):
        told[sheet].append(HELD_PAGE.format(number, named(where)))
    for sheet, came in by_sheet.items():
        told[sheet] += [page.reason for page in came if is_claimed(page)]
    strange = {page.at: page for page in pages if page.outcome in STRANGE_OUTCOMES and not was_dropped(page)}
    for sheet, came in by_sheet.items() if strange else ():
        spans: dict[str, list[int]] = defaultdict(list)
        for page in came:
            spans[page.scan].append(page.number)
        for scan, numbers in spans.items():
            for number in range(min(numbers) + 1, max(numbers)):
                if one := strange.get((scan, number)):
                    told[sheet].append(STRANGE_PAGE.format(one.outcome.value, f"{one.file} page {one.number}"))
    by_scan: dict[str, list[PageRow]] = defaultdict(list)
    for page in pages:
        by_scan[page.scan].append(page)
    for sheet, came in by_sheet.items():
        template = known.get(came[0].template)
        if template and len({page.template_page for page in came}) < len(template.pages):
            told[sheet] += nearby(came, by_scan)
    return dict(told)


def named(names: Sequence[str]) -> str:
    """Name the first few, and say how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
