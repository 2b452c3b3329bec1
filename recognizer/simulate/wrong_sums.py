"""What people get wrong with a steady hand: totals that are not the sum, candidate numbers with two digits swapped."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from recognizer.template import Kind, Role, SheetField, SheetTemplate
from recognizer.template_sums import added_by, marks_of, whole_total
from recognizer.values import allowed_number, format_number

CARRY = Decimal(10)
"""What a total is off by when a carry is forgotten, or carried twice."""


def wrong_total(template: SheetTemplate, values: Mapping[str, str], rng: np.random.Generator) -> tuple[str, str, str]:
    """Let the examiner of a sheet add wrongly, in the total of all marks.

    A mark is forgotten, a carry is forgotten or carried twice, the total is one or one step too high or too low, or two
    of its digits are swapped: each way as often as any other, because nobody has counted them.

    Returns:
        The name of the total, what is written in it, and what went wrong; three times "" when it has no total.
    """
    fields = [field for page in template.pages for field in page.fields]
    name = whole_total(fields)
    if not name or not any(character.isdigit() for character in values.get(name, "")):
        return "", "", ""
    total = next(field for field in fields if field.name == name)
    right = Decimal(values[name])
    written_marks = [values.get(mark, "") for mark in marks_of(added_by(fields), name)]
    marks = [Decimal(mark) for mark in written_marks if any(character.isdigit() for character in mark)]
    ways = [list(way) for way in _ways(total, right, [mark for mark in marks if mark])]
    allowed = [
        possible
        for way in ways
        if (possible := [each for each in way if each[0] != right and allowed_number(total, each[0])])
    ]
    if not allowed:
        return "", "", ""
    way = allowed[int(rng.integers(len(allowed)))]
    written, why = way[int(rng.integers(len(way)))]
    return name, format_number(written), f"the sum is {format_number(right)}: {why}"


def swapped(number: str, rng: np.random.Generator) -> str:
    """Return a number with two neighbouring digits swapped; the number itself where no two neighbours differ.

    Letters stay where they are.

    >>> swapped("A1122", np.random.default_rng(0))
    'A1212'
    """
    places = [at for at, pair in enumerate(pairwise(number)) if len(set(pair)) == 2 and all(map(str.isdigit, pair))]
    if not places:
        return number
    at = places[int(rng.integers(len(places)))]
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


def with_swapped_id(
    template: SheetTemplate, values: Mapping[str, str], rng: np.random.Generator
) -> tuple[dict[str, str], str]:
    """Let the candidate swap two digits of the number in every field in which it is written, never in bubbles.

    Returns:
        What is written, by the name of the field, and what went wrong; nothing when no field holds a number like that.
    """
    names = [
        field.name
        for page in template.pages
        for field in page.fields
        if field.role is Role.ID and field.kind is Kind.DIGITS and values.get(field.name)
    ]
    if not names or (wrong := swapped(values[names[0]], rng)) == values[names[0]]:
        return {}, ""
    return dict.fromkeys(names, wrong), f"the number is {values[names[0]]}: two digits are swapped"


def _ways(total: SheetField, right: Decimal, marks: Sequence[Decimal]) -> Iterator[Iterator[tuple[Decimal, str]]]:
    """Yield, for each way to add wrongly, the totals that it may lead to."""
    yield ((right - mark, f"a mark of {format_number(mark)} was forgotten") for mark in marks)
    yield iter([(right - CARRY, "a carry was forgotten"), (right + CARRY, "a carry was counted twice")])
    off = {Decimal(1), total.step or Decimal(1)}
    yield ((right + sign * each, f"off by {format_number(each)}") for each in sorted(off) for sign in (1, -1))
    whole = str(int(right))
    rest = right - int(right)
    yield (
        (Decimal(whole[:at] + whole[at + 1] + whole[at] + whole[at + 2 :]) + rest, "two digits were swapped")
        for at in range(len(whole) - 1)
    )
