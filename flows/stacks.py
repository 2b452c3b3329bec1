"""Pages without a serial become sheets: by the candidate number on each of them, or by their order in one file. Pure.

Nothing is joined on a guess. By number: pages whose number is settled and equal, each page of the template once. By
order: groups of pages 1 to n, one after the other, with nothing unknown among them. Where the order breaks, the group
that is broken and every page of its template after it are held until a person says what belongs together; a group
counts only once what comes after it begins the next one, since a page too many may lie before its end as well.
A page that a person took out leaves a gap: no group reaches across it, and behind it the order begins anew with the
first page of a group.

    PageRow…, id fields, StackDecision… ─put_together─► Together(rows that change, stacks)

So one page too few, too many or out of place never puts a page with another candidate's.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from flows.records import FieldRow, Joining, PageRow
from recognizer.records import PageOutcomeKind, ValueState
from recognizer.template import Kind, Role

At: TypeAlias = tuple[str, int]
"""Scan and page number."""

UNFINISHED = "the file is not read to its end yet; pages of '{}' are put together by their order in it"
HELD = (
    "pages of '{template}' belong together by their order in {file}, and that breaks at page {at}: {what}; from page "
    "{start} on they are held: tallymark stacks"
)
TORN = (
    "is part of a '{template}' that breaks at page {gap} of {file}, which a person took out of the order; say which "
    "pages are one sheet, also if it is this one alone: tallymark stacks"
)
AFTER = "comes after page {at} of {file}, where the order of '{template}' breaks: tallymark stacks"
SAY_ANEW = "; say anew which belong together: tallymark stacks"
JOINED_TWICE = "{} put it together with another page {} of its sheet" + SAY_ANEW
DOES_NOT_BELONG = "does not belong here, says "
"""In the reason of a page of which a person said so."""

DROPPED = DOES_NOT_BELONG + "{}, {:%Y-%m-%d %H:%M} UTC"
JOINED = "put together by {}, {:%Y-%m-%d %H:%M} UTC"
NOT_JOINED = ": none of them is joined"
"""In the reason of a page that nobody can tell which sheet it belongs to, though it says its number."""

CLAIMED = "page {} with the number {} came {} times ({})" + NOT_JOINED
MOST_NAMED = 4
"""Pages that one reason names."""


class StackWord(StrEnum):
    """What a person says of pages: they are one sheet; they do not belong here; do as if nobody had said anything."""

    JOIN = "join"
    DROP = "drop"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class StackDecision:
    """What a person said of some pages. Only ever inserted; of each page the latest counts."""

    word: StackWord
    pages: tuple[At, ...]
    reviewer: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Stack:
    """The pages of one template in one file that their order puts together, up to where it breaks."""

    file: str
    scan: str
    template: str
    sheets: int
    held: tuple[PageRow, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """How pages belong together: the rows that are other than they were filed, by scan and page; and the stacks."""

    rows: Mapping[At, PageRow] = field(default_factory=dict)
    stacks: tuple[Stack, ...] = ()

    def of(self, row: PageRow) -> PageRow:
        """Return a page as it stands now."""
        return self.rows.get(row.at, row)


def put_together(
    pages: Sequence[PageRow], ids: Iterable[FieldRow], scan_pages: Mapping[str, int], said: Sequence[StackDecision] = ()
) -> Together:
    """Say which pages make one sheet, and which are held.

    Args:
        pages: every page, scan by scan and in page order, as it was filed.
        ids: the fields with the role id of these pages, with corrections.
        scan_pages: how many pages each scan has.
        said: what people said, oldest first.
    """
    latest = {at: number for number, decision in enumerate(said) for at in decision.pages}
    void = {at for left in void_joins(said) for at in left}
    spoken = {
        at: said[number] for at, number in latest.items() if said[number].word is not StackWord.UNDO and at not in void
    }
    rows: dict[At, PageRow] = {}
    for row in pages:
        if row.at in spoken and spoken[row.at].word is StackWord.DROP and may_be_dropped(row):
            rows[row.at] = _dropped(row, spoken[row.at])
    joined: dict[int, list[PageRow]] = defaultdict(list)
    for row in pages:
        if row.at in spoken and spoken[row.at].word is StackWord.JOIN and may_be_joined(row):
            joined[latest[row.at]].append(row)
    for number, group in joined.items():
        rows |= _joined_by_person(group, said[number])
    numbers, unspoken = _numbers(ids), [row for row in pages if row.at not in rows]
    gaps = frozenset(rows)
    rows |= _joined_by_number(unspoken, numbers)
    stacks = tuple(_stacks(pages, gaps, numbers, scan_pages, rows))
    return Together(rows, stacks)


def void_joins(said: Sequence[StackDecision]) -> tuple[tuple[At, ...], ...]:
    """Return the pages that were put together with one of which something else was said later: that join is void."""
    latest = {at: number for number, decision in enumerate(said) for at in decision.pages}
    joins = [(number, one) for number, one in enumerate(said) if one.word is StackWord.JOIN]
    left = [(one.pages, tuple(at for at in one.pages if latest[at] == number)) for number, one in joins]
    return tuple(still for pages, still in left if still and len(still) < len(pages))


def is_claimed(row: PageRow) -> bool:
    """Tell whether a page says its number and could not be joined by it: a page of that number came more than once."""
    return row.outcome is PageOutcomeKind.READ and row.joining is Joining.ID and NOT_JOINED in row.reason


def may_be_joined(row: PageRow) -> bool:
    """Tell whether a person may say with which pages a page makes a sheet: it was read, and carries no serial."""
    return row.outcome is PageOutcomeKind.READ and row.joining is not Joining.CODE


def may_be_dropped(row: PageRow) -> bool:
    """Tell whether a person may say that a page does not belong here: no printed code says that it does."""
    if row.outcome in (PageOutcomeKind.READ, PageOutcomeKind.DUPLICATE):
        return row.joining is not Joining.CODE
    return row.outcome in (PageOutcomeKind.FAILED, PageOutcomeKind.FOREIGN)


def was_dropped(row: PageRow) -> bool:
    """Tell whether a person said that a page does not belong here: nobody need look at it any more."""
    return row.outcome is PageOutcomeKind.FOREIGN and DOES_NOT_BELONG in row.reason


def was_joined_twice(row: PageRow) -> bool:
    """Tell whether a person put a page together with one that turned out to be the same page of a sheet."""
    return row.outcome is PageOutcomeKind.HELD and row.reason.endswith(SAY_ANEW)


# ---- what people said --------------------------------------------------------------------------------------------


def _dropped(row: PageRow, said: StackDecision) -> PageRow:
    # A duplicate stays one: it was counted with its first picture, and is only no longer looked for in the order.
    outcome = row.outcome if row.outcome is PageOutcomeKind.DUPLICATE else PageOutcomeKind.FOREIGN
    why = DROPPED.format(said.reviewer, said.made_at)
    return replace(row, outcome=outcome, sheet="", reason=f"{row.reason}; {why}" if row.reason else why)


def _joined_by_person(group: Sequence[PageRow], said: StackDecision) -> dict[At, PageRow]:
    """Join what a person put together; after pages were read anew two may be the same page of their template."""
    times = Counter((row.template, row.template_page) for row in group)
    if len({row.template for row in group}) == 1 and max(times.values()) == 1:
        why = JOINED.format(said.reviewer, said.made_at)
        return {row.at: replace(row, sheet=group[0].sheet, reason=why) for row in group}
    return {row.at: _held(row, JOINED_TWICE.format(said.reviewer, row.template_page)) for row in group}


def _held(row: PageRow, reason: str) -> PageRow:
    return replace(row, outcome=PageOutcomeKind.HELD, sheet="", reason=reason)


# ---- by the number on each page ----------------------------------------------------------------------------------


def _numbers(ids: Iterable[FieldRow]) -> dict[At, str]:
    """Return what each page says whose it is; nothing where it says nothing, two things, or nobody knows yet."""
    said: dict[At, set[str | None]] = defaultdict(set)
    for one in ids:
        if one.role is Role.ID and one.kind is not Kind.IMAGE and one.state is not ValueState.BLANK:
            said[one.scan, one.page_number].add(one.value if one.state is ValueState.VALUE else None)
    return {at: value for at, values in said.items() if len(values) == 1 and (value := next(iter(values))) is not None}


def _joined_by_number(rows: Sequence[PageRow], numbers: Mapping[At, str]) -> dict[At, PageRow]:
    groups: dict[tuple[str, str], list[PageRow]] = defaultdict(list)
    for row in rows:
        if row.joining is Joining.ID and row.outcome is PageOutcomeKind.READ and row.at in numbers:
            groups[row.template, numbers[row.at]].append(row)
    changed: dict[At, PageRow] = {}
    for (_, number), group in groups.items():
        times = Counter(row.template_page for row in group)
        single = [row for row in group if times[row.template_page] == 1]
        doubled = {page: _claimed(group, page, number) for page in times if times[page] > 1}
        why = "; ".join(doubled.values())
        changed |= {row.at: replace(row, sheet=single[0].sheet, reason=why or row.reason) for row in single}
        changed |= {
            row.at: replace(row, reason=doubled[row.template_page]) for row in group if row.template_page in doubled
        }
    return changed


def _claimed(group: Sequence[PageRow], page: int | None, number: str) -> str:
    same = [other.place for other in group if other.template_page == page]
    named = ", ".join(same[:MOST_NAMED]) + (", …" if len(same) > MOST_NAMED else "")
    return CLAIMED.format(page, number, len(same), named)


# ---- by order ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Break:
    """Where the order breaks: at which page of the file, what is wrong there, and from which page on all is held."""

    at: int
    what: str
    start: int


@dataclass(frozen=True, slots=True)
class _Torn:
    """Pages of a group that is not whole on their side of a gap, and the page of the file that left the gap."""

    gap: int
    pages: tuple[PageRow, ...]


@dataclass(slots=True)
class _Order:
    """What the order of one template says: whole groups, groups torn at gaps, and where it breaks, if it does."""

    groups: list[list[PageRow]] = field(default_factory=list)
    torn: list[_Torn] = field(default_factory=list)
    broken: _Break | None = None


def _stacks(
    rows: Sequence[PageRow],
    gaps: Collection[At],
    numbers: Mapping[At, str],
    scan_pages: Mapping[str, int],
    changed: dict[At, PageRow],
) -> Iterable[Stack]:
    """Yield every stack, and put what changes into `changed`. In `gaps` are the pages that somebody spoke of."""
    by_scan: dict[str, list[PageRow]] = defaultdict(list)
    for row in rows:
        by_scan[row.scan].append(row)
    for scan, pages in by_scan.items():
        ordered = [row for row in pages if _is_ordered(row) and row.at not in gaps]
        for template in dict.fromkeys(row.template for row in ordered):
            mine = [row for row in ordered if row.template == template]
            read = [row for row in mine if row.outcome is PageOutcomeKind.READ]
            if len(pages) < scan_pages.get(scan, 0):
                groups: list[list[PageRow]] = []
                reason = UNFINISHED.format(template)
                held = tuple(_held(row, reason) for row in read)
            else:
                order = _in_order(pages, template, numbers, gaps)
                groups, (reason, held) = order.groups, _not_whole(read, order)
            changed |= {row.at: row for row in held}
            changed |= {row.at: replace(row, sheet=group[0].sheet) for group in groups for row in group[1:]}
            yield Stack(mine[0].file, scan, template, len(groups), held, reason if held else "")


def _not_whole(read: Sequence[PageRow], order: _Order) -> tuple[str, tuple[PageRow, ...]]:
    """Return what is wrong, and the pages that are held for it, in order."""
    held: dict[int, PageRow] = {}
    for torn in order.torn:
        for row in torn.pages:
            if row.outcome is PageOutcomeKind.READ:
                why = TORN.format(template=row.template, gap=torn.gap, file=row.file)
                held[row.number] = _held(row, why)
    reasons = [f"page {number} {row.reason}" for number, row in held.items()]
    if order.broken and read:
        reason, late = _after_break(read, order.broken)
        held |= {row.number: row for row in late}
        reasons.append(reason)
    return "; ".join(reasons), tuple(held[number] for number in sorted(held))


def _after_break(read: Sequence[PageRow], broken: _Break) -> tuple[str, tuple[PageRow, ...]]:
    """Return what is wrong, and the pages that are held for it: those that it is about say it at length."""
    words = {"file": read[0].file, "template": read[0].template, "at": broken.at}
    reason = HELD.format(**words, what=broken.what, start=broken.start)
    late = [row for row in read if row.number >= broken.start]
    return reason, tuple(_held(row, reason if row.number <= broken.at else AFTER.format(**words)) for row in late)


def _is_ordered(row: PageRow) -> bool:
    return row.joining is Joining.ORDER and row.outcome in (PageOutcomeKind.READ, PageOutcomeKind.DUPLICATE)


def _in_order(pages: Sequence[PageRow], template: str, numbers: Mapping[At, str], gaps: Collection[At]) -> _Order:
    """Return the groups of one template that are complete and consistent, what is torn at gaps, and where that ends.

    `pages` are those of one file in order. A page that nobody knows (failed, foreign) may be one too many of the group
    before it, or one of the group after it, so that neither counts. What comes right after a gap may be the end of a
    group that began before it; it is no sheet, and must be in order up to its last page all the same.
    """
    order = _Order()
    begun: list[PageRow] = []
    gap: PageRow | None = None
    at_gap = False
    for row in pages:
        if row.at in gaps:
            if begun:
                order.torn.append(_Torn(row.number, tuple(begun)))
            begun, gap, at_gap = [], row, True
            continue
        if row.outcome is PageOutcomeKind.BLANK:
            continue
        expected = (begun[-1].template_page or 0) + 1 if begun else 1
        if not (_is_ordered(row) and row.template == template):
            known = _is_known(row)
            if begun or not known:
                return _ended(order, begun, row, _stranger(row, template, expected), keep_last=known)
            continue
        if row.template_page != expected and not at_gap:
            what = f"it is page {row.template_page} of a '{template}', but page {expected} was expected"
            return _ended(order, begun, row, what, keep_last=bool(begun))
        at_gap = False
        begun.append(row)
        if row.template_page == row.template_pages:
            if gap is not None and begun[0].template_page != 1:
                order.torn.append(_Torn(gap.number, tuple(begun)))
            elif wrong := _inconsistent(begun, numbers):
                return _ended(order, begun, row, wrong, keep_last=True)
            else:
                order.groups.append(begun)
            begun = []
    if begun:
        expected = (begun[-1].template_page or 0) + 1
        what = f"the file ends after it, but page {expected} of a '{template}' was expected"
        return _ended(order, begun, begun[-1], what, keep_last=True)
    return _came_first(order)


def _ended(order: _Order, begun: list[PageRow], row: PageRow, what: str, *, keep_last: bool) -> _Order:
    """Return the order up to a break; the last group does not count where the page may be one too many of it."""
    doubtful = begun
    torn_since = bool(order.torn and order.groups) and order.torn[-1].pages[0].number > order.groups[-1][0].number
    if not keep_last and not begun and order.groups and not torn_since:
        doubtful = order.groups.pop()
    order.broken = _Break(row.number, what, doubtful[0].number if doubtful else row.number)
    return _came_first(order)


def _came_first(order: _Order) -> _Order:
    """Leave out groups of pages that came before."""
    order.groups = [group for group in order.groups if group[0].outcome is PageOutcomeKind.READ]
    return order


def _is_known(row: PageRow) -> bool:
    """Tell whether a page is certainly none of the stack: it was read, and its codes name another sheet."""
    return bool(row.template) and row.outcome not in (PageOutcomeKind.FAILED, PageOutcomeKind.FOREIGN)


def _stranger(row: PageRow, template: str, expected: int) -> str:
    if _is_known(row):
        serial = "" if row.serial is None else f" (serial {row.serial})"
        return f"it belongs to another sheet, of '{row.template}'{serial}, but page {expected} of a '{template}' was " \
               "expected"  # fmt: skip
    said = f" ({row.reason})" if row.reason else ""
    return f"it is {row.outcome.value}{said} and may be page {expected} of a '{template}'"


def _inconsistent(group: Sequence[PageRow], numbers: Mapping[At, str]) -> str:
    """Say in what the pages of a group contradict one another, "" when in nothing."""
    if len({row.outcome for row in group}) > 1:
        twice = next(row for row in group if row.outcome is PageOutcomeKind.DUPLICATE)
        return f"page {twice.number} came before ({twice.reason}), other pages of its group did not"
    says = [(row, numbers[row.at]) for row in group if row.at in numbers]
    if len({number for _, number in says}) > 1:
        return "its group does not agree whose it is: " + ", ".join(
            f"page {row.number} says {number}" for row, number in says
        )
    return ""
