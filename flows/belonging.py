"""What belongs to a candidate sheet besides its pages: extra paper, and pages that may be the missing ones. Pure.

It goes by what is settled, so a corrected number joins anew.
Extra paper (a template with `extra_to = "NAME"`) joins the one sheet of template NAME with the same settled number.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.records import PageRow
from flows.stacks import was_dropped
from recognizer.records import PageOutcomeKind

if TYPE_CHECKING:
    from flows.settling import SettledSheet

NO_NUMBER = "extra paper of '{}' whose candidate number is not settled"
NOBODY = "extra paper, but no sheet of '{}' has the number {}"
SEVERAL = "extra paper, but {} sheets of '{}' have the number {}: {}"
NEARBY = "{}, next to its pages, is {}: {}"
MOST_NAMED = 3
"""Sheets that one remark names."""


@dataclass(frozen=True, slots=True)
class Whose:
    """A candidate sheet as far as it matters whose it is; `number` is "" unless it is settled."""

    sheet: str
    template: str
    number: str


@dataclass(frozen=True, slots=True)
class Extra:
    """Where extra paper belongs: a sheet, or (`sheet` "") nowhere, with the remark that says why."""

    sheet: str
    remark: str


def place_extras(sheets: Sequence[Whose], extra_to: Mapping[str, str]) -> dict[str, Extra]:
    """Return, for every sheet of extra paper, where it belongs.

    Args:
        sheets: every candidate sheet of the exam.
        extra_to: template of extra paper -> template of the sheets that it belongs to.
    """
    bearers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in sheets:
        if one.number and one.template not in extra_to:
            bearers[one.template, one.number].append(one.sheet)
    return {
        one.sheet: _placed(one.number, extra_to[one.template], bearers) for one in sheets if one.template in extra_to
    }


def _placed(number: str, main: str, bearers: Mapping[tuple[str, str], Sequence[str]]) -> Extra:
    if not number:
        return Extra("", NO_NUMBER.format(main))
    found = bearers.get((main, number), ())
    if not found:
        return Extra("", NOBODY.format(main, number))
    if len(found) > 1:
        named = ", ".join(found[:MOST_NAMED]) + (", …" if len(found) > MOST_NAMED else "")
        return Extra("", SEVERAL.format(len(found), main, number, named))
    return Extra(found[0], "")


def nearby(mine: Sequence[PageRow], scans: Mapping[str, Sequence[PageRow]]) -> Iterator[str]:
    """Yield a remark for every page next to those of a sheet that could not be read: it may be a missing one.

    Args:
        mine: the pages of the sheet.
        scans: every page of their scans, in order.
    """
    for scan in dict.fromkeys(row.scan for row in mine):
        numbers = [row.number for row in mine if row.scan == scan]
        for row in _next_to(scans.get(scan, ()), min(numbers), max(numbers)):
            if row.outcome in (PageOutcomeKind.FAILED, PageOutcomeKind.FOREIGN) and not was_dropped(row):
                yield NEARBY.format(row.place, row.outcome.value, row.reason)


def _next_to(rows: Sequence[PageRow], first: int, last: int) -> Iterator[PageRow]:
    """Yield the page before `first` and the one after `last` that is not empty."""
    before = (row for row in reversed(rows) if row.number < first and row.outcome is not PageOutcomeKind.BLANK)
    after = (row for row in rows if row.number > last and row.outcome is not PageOutcomeKind.BLANK)
    for found in (next(before, None), next(after, None)):
        if found is not None:
            yield found


def with_extras(sheets: Sequence["SettledSheet"], extra_to: Mapping[str, str]) -> tuple["SettledSheet", ...]:
    """Put extra paper right after the sheet that it belongs to; what belongs to none says why.

    Args:
        sheets: every candidate sheet, in order.
        extra_to: template of extra paper -> template of the sheets that it belongs to.
    """
    if not extra_to:
        return tuple(sheets)
    placed = place_extras([Whose(each.sheet, each.template, each.identity.value) for each in sheets], extra_to)
    mine: dict[str, list[SettledSheet]] = defaultdict(list)
    for each in sheets:
        if at := placed.get(each.sheet):
            remarks = (*each.remarks, *([at.remark] if at.remark else ()))
            mine[at.sheet or each.sheet].append(replace(each, extra_of=at.sheet, remarks=remarks))
    arranged: list[SettledSheet] = []
    for each in sheets:
        if each.sheet not in placed:
            arranged.append(replace(each, extras=tuple(extra.sheet for extra in mine[each.sheet])))
        arranged += mine[each.sheet]
    return tuple(arranged)
