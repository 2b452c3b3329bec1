"""What adds what on a sheet, in whole multiples of its finest step: the tree that `sums.py` works on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from recognizer.template import Kind, Role, SheetField, SheetTemplate
from recognizer.template_sums import added_by, marks_of
from recognizer.values import (
    ABSENT,
    BLANK,
    MOST_DECIMALS,
    MOST_WHOLE_DIGITS,
    NOTHING_AWARDED,
    allowed_number,
    format_number,
)

OTHER = "?"
"""Stands for whatever is no number and adds nothing known."""

SPECIAL = (BLANK, NOTHING_AWARDED, ABSENT, OTHER)
"""What a part may hold besides numbers, in the order of its last columns."""

MOST_UNITS = 50_000
"""Steps from the least to the largest sum up to which sums are decoded: 120 points in steps of 0.01 are 12,000."""

MOST_PLACES = 6
"""Decimals that a template's numbers have at most."""


@dataclass(frozen=True, slots=True)
class SumPart:
    """A mark or a total: numbers from `low` on, one a unit, `count` of them, then `SPECIAL`.

    `texts` names each column, `columns` finds it; `allowed` (N,) is 1 for what the field can hold, `awarded` (count,)
    shares 1 among the numbers above zero. `zeros` are the columns that add nothing, `unsummed` those with which a sheet
    has no sum at all.
    """

    name: str
    question: str
    role: Role
    low: int
    count: int
    texts: tuple[str, ...]
    columns: Mapping[str, int]
    allowed: NDArray[np.float64]
    awarded: NDArray[np.float64]
    zeros: tuple[int, ...]
    unsummed: tuple[int, ...]

    @property
    def blank(self) -> int:
        """The column of nothing written."""
        return self.count

    @property
    def other(self) -> int:
        """The column of what is no number."""
        return self.count + SPECIAL.index(OTHER)


@dataclass(frozen=True, slots=True)
class TotalNode:
    """What a total adds: indices of parts, and the sums they can have, from `low` on, `width` of them.

    `passes_written` tells that the total above adds what is written in this one, rather than its marks anew.
    """

    children: tuple[int, ...]
    low: int
    width: int
    passes_written: bool = False


@dataclass(frozen=True, slots=True)
class SumLayout:
    """The marks and totals of a template. `unit` is what the number 1 stands for; `width` the widest span of a sum."""

    unit: Decimal
    parts: tuple[SumPart, ...]
    nodes: Mapping[int, TotalNode]
    roots: tuple[int, ...]
    root_of: Mapping[int, int]
    width: int
    spans: tuple[tuple[int, int], ...]
    index: Mapping[str, int] = field(default_factory=dict)

    @property
    def marks(self) -> tuple[int, ...]:
        """The parts that are marks of some total."""
        return tuple(at for at in self.root_of if at not in self.nodes)

    @property
    def totals(self) -> tuple[int, ...]:
        """The parts that are totals and add something."""
        return tuple(self.nodes)

    def span(self, at: int) -> tuple[int, int]:
        """Return the least amount that a part adds to what stands above it, and how many amounts there are."""
        return self.spans[at]

    def siblings(self, at: int) -> int:
        """Return how many parts are added together with this one."""
        return next(len(node.children) for node in self.nodes.values() if at in node.children)

    def in_units(self, text: str) -> int | None:
        """Return a number in units, None when the text is none."""
        for part in self.parts:
            if (column := part.columns.get(text)) is not None and column < part.count:
                return part.low + column
        return None

    def number(self, units: int) -> str:
        """Return what so many units are, as people write it."""
        return format_number(units * self.unit)


@lru_cache(maxsize=64)
def sum_layout(template: SheetTemplate, absent_adds: bool = False) -> SumLayout | None:
    """Return what adds what; None when the template has no sums, or they have too many possible values.

    Args:
        template: the sheet.
        absent_adds: AB in a mark counts as zero in this exam, so that a sheet with one has a sum all the same.
    """
    fields = [
        each
        for page in template.pages
        for each in page.fields
        if each.role in (Role.MARK, Role.TOTAL) and each.kind is not Kind.IMAGE
    ]
    added = {total: names for total, names in added_by(fields).items() if names}
    numbers = {each.name: _numbers(each) for each in fields}
    if not added or any(found is None for found in numbers.values()):
        return None
    unit = _unit([number for found in numbers.values() for number in found or ()])
    parts = tuple(_part(each, numbers[each.name] or (), unit, absent_adds) for each in fields)
    if any(part is None for part in parts):
        return None
    return _tree([part for part in parts if part is not None], added, unit)


def _numbers(of: SheetField) -> tuple[Decimal, ...] | None:
    """Return the ends of what a field can hold and its step, or all of its numbers where they are options."""
    if of.kind is Kind.CHOICE:
        found = tuple(number for option in of.options if (number := _as_number(option)) is not None)
        return found or None
    decimals = of.decimals if of.kind is Kind.DIGITS else MOST_DECIMALS
    whole = of.characters - of.decimals if of.kind is Kind.DIGITS else MOST_WHOLE_DIGITS
    step = of.step or Decimal(1).scaleb(-decimals)
    largest = Decimal(10) ** min(whole, 12)
    high = largest if of.maximum is None else min(of.maximum, largest)
    signed = of.kind is Kind.NUMBER or of.sign
    low = (-high if signed else Decimal(0)) if of.minimum is None else max(of.minimum, -largest)
    first = (low / step).to_integral_value(ROUND_CEILING) * step
    last = (high / step).to_integral_value(ROUND_FLOOR) * step
    return (first, last, step) if first <= last else None


def _as_number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if number.is_finite() and abs(number) < 10**MOST_PLACES and format_number(number) == text else None


def _unit(numbers: Sequence[Decimal]) -> Decimal:
    """Return the largest step that all numbers are multiples of."""
    scale = 10**MOST_PLACES
    return Decimal(gcd(*(int(number * scale) for number in numbers)) or scale) / Decimal(scale)


def _part(of: SheetField, numbers: Sequence[Decimal], unit: Decimal, absent_adds: bool) -> SumPart | None:
    units = [int(number / unit) for number in numbers]
    stride = 1
    if of.kind is Kind.CHOICE:
        low, high = min(units), max(units)
    else:
        low, high, stride = units
    count = high - low + 1
    if count > MOST_UNITS:
        return None
    inside = np.zeros(count)
    inside[[each - low for each in units] if of.kind is Kind.CHOICE else slice(0, None, stride)] = 1.0
    texts = tuple(format_number((low + at) * unit) for at in range(count))
    if of.kind is Kind.DIGITS:
        inside *= [float(allowed_number(of, Decimal(text))) for text in texts]
    awarded = inside * (np.arange(low, high + 1) > 0)
    specials = np.array([1.0, float(of.dash), float(of.absent), 0.0])
    columns = {text: at for at, text in enumerate(texts) if inside[at]}
    columns |= {text: count + at for at, text in enumerate(SPECIAL)}
    dash, absent = count + 1, count + 2
    adds_nothing = absent_adds and of.role is Role.MARK
    is_total = of.role is Role.TOTAL
    # What is absent is a guess that readings and people make; before looking it is none that a sum could make likelier.
    specials[2] = 0.0
    return SumPart(
        name=of.name,
        question=of.question or of.label or of.name,
        role=of.role,
        low=low,
        count=count,
        texts=(*texts, *SPECIAL),
        columns=columns,
        allowed=np.concatenate([inside, specials]),
        awarded=awarded / max(awarded.sum(), 1.0),
        zeros=() if is_total else (dash, absent) if adds_nothing else (dash,),
        unsummed=(dash, absent) if is_total else () if adds_nothing else (absent,),
    )


def _tree(parts: Sequence[SumPart], added: Mapping[str, Sequence[str]], unit: Decimal) -> SumLayout | None:
    """Hang every part under the smallest total that holds it."""
    index = {part.name: at for at, part in enumerate(parts)}
    holds = {total: set(marks_of(added, total)) for total in added}
    # Of two totals of the same marks the later one stands above.
    totals = sorted(added, key=lambda total: (len(holds[total]), index[total]))
    above: dict[str, str] = {}
    for at, total in enumerate(totals):
        over = next((each for each in totals[at + 1 :] if holds[total] <= holds[each]), "")
        above |= {total: over} if over else {}
        above |= {mark: total for mark in holds[total] if mark not in above}
    children = {total: [part.name for part in parts if above.get(part.name) == total] for total in totals}
    spans = [(min(0, part.low), max(0, part.low + part.count - 1) - min(0, part.low) + 1) for part in parts]
    nodes: dict[int, TotalNode] = {}
    for total in totals:
        below = [index[name] for name in children[total]]
        if not below:
            return None
        low = sum(spans[at][0] for at in below)
        width = sum(spans[at][1] - 1 for at in below) + 1
        if width > MOST_UNITS:
            return None
        at, part = index[total], parts[index[total]]
        written = total in above and total in added[above[total]]
        nodes[at] = TotalNode(tuple(below), low, width, written)
        ends = (low, low + width - 1, *((part.low, part.low + part.count - 1) if written else ()))
        spans[at] = (min(ends), max(ends) - min(ends) + 1)
    roots = tuple(index[total] for total in totals if total not in above)
    root_of: dict[int, int] = {}
    for part in parts:
        name = part.name
        while name in above:
            name = above[name]
        if index[name] in nodes:
            root_of[index[part.name]] = index[name]
    width = max(*(node.width for node in nodes.values()), *(width for _, width in spans))
    return SumLayout(unit, tuple(parts), nodes, roots, root_of, width, tuple(spans), index)
