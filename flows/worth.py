"""What one mark counts, and what marks add up to, by the rule of the exam. Pure, exact decimals.

Unsettled is never zero: a sum is unsettled while any part of it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal, TypeAlias

from flows.records import Correction
from flows.results import Absent, Unsettled
from recognizer.records import ValueState
from recognizer.template import Role
from recognizer.values import ABSENT, NOTHING_AWARDED, format_number

Worth: TypeAlias = Literal["unsettled", "zero", "not_attempted"]
DashWorth: TypeAlias = Literal["unsettled", "zero"]
AbsentWorth: TypeAlias = Literal["no_total", "zero", "unsettled"]

WHERE_BLANKS_COUNT = " (blank in the key, else marks.blank in exam.toml)"
"""Where an exam says what blanks are worth: left out where several such remarks stand together."""

UNCOUNTED_BLANK = (
    f"the mark cell is blank, which the exam leaves open{WHERE_BLANKS_COUNT}; say what was awarded, - for nothing"
)
UNCOUNTED_DASH = "a dash, which exam.toml leaves open (marks.dash); say what was awarded"
UNCOUNTED_ABSENT = "absent (AB), which exam.toml leaves open (marks.absent); say what was awarded"
HALF_ABSENT = "absent (AB), but other questions of the sheet have marks; say what is right, AB again if it is"


@dataclass(frozen=True, slots=True)
class MarkRule:
    """What a blank mark cell, a dash and an AB (absent) in one are worth in this exam.

    A blank that is "not_attempted" adds nothing either, and does not count as an attempt at the question.
    With `absent` "no_total" a sheet with an AB has no total: its blanks and dashes then need no worth, and marks beside
    the AB contradict it until a person confirms it.
    """

    blank: Worth = "unsettled"
    dash: DashWorth = "zero"
    absent: AbsentWorth = "no_total"


@dataclass(frozen=True, slots=True)
class Part:
    """One field of one candidate sheet.

    `value` is set in state VALUE only; `why` in state UNSETTLED only. `correction` is what a person said, if anybody
    settled it; `machine` is what the reader had guessed. `key` is "" when no single reading stands behind the part: its
    page never came, or came twice. `label` is what people call the field. `is_number` tells a number from a text of
    digits.
    """

    label: str
    state: ValueState
    value: str = ""
    role: Role = Role.MARK
    is_number: bool = True
    why: str = ""
    key: str = ""
    machine: str = ""
    correction: Correction | None = None


def sum_settled(parts: Iterable[Part], rule: MarkRule) -> Decimal | Absent | Unsettled:
    """Add up marks; unsettled while any of them is.

    >>> seven, dash = Part("1", ValueState.VALUE, "7.5"), Part("2", ValueState.VALUE, "-")
    >>> sum_settled([seven, dash], MarkRule())
    Decimal('7.5')
    >>> sum_settled([seven, Part("2", ValueState.UNSETTLED, why="smudged")], MarkRule())
    Unsettled(reasons=('2: smudged',))
    >>> sum_settled([Part("1", ValueState.VALUE, "AB"), dash], MarkRule())
    Absent()
    """
    parts = tuple(parts)
    if reasons := tuple(reason for _, reason in holes(parts, rule)):
        return Unsettled(reasons)
    worths = [worth(part, rule) for part in parts]
    if any(isinstance(each, Absent) for each in worths):
        return Absent()
    return sum((each for each in worths if isinstance(each, Decimal)), Decimal(0))


def holes(parts: Sequence[Part], rule: MarkRule) -> Iterator[tuple[Part, str]]:
    """Yield every part that keeps the sum of all from being known, with the reason."""
    worths = [(part, worth(part, rule)) for part in parts]
    absent = any(isinstance(each, Absent) for _, each in worths)
    awarded = any(as_number(part.value) is not None for part in parts)
    for part, each in worths:
        if isinstance(each, Unsettled) and not (absent and _is_empty(part)):
            yield from ((part, reason) for reason in each.reasons)
        elif isinstance(each, Absent) and awarded and not part.correction:
            yield part, f"{part.label}: {HALF_ABSENT}"


def _is_empty(part: Part) -> bool:
    return part.state is ValueState.BLANK or part.value == NOTHING_AWARDED


def worth(part: Part, rule: MarkRule) -> Decimal | Absent | Unsettled:
    """Return what one mark counts, by the rule of the exam where it is blank, a dash or an AB."""
    if part.state is ValueState.UNSETTLED:
        return Unsettled((f"{part.label}: {part.why}",))
    if part.state is ValueState.BLANK:
        return Decimal(0) if rule.blank != "unsettled" else Unsettled((f"{part.label}: {UNCOUNTED_BLANK}",))
    if part.value == NOTHING_AWARDED:
        return Decimal(0) if rule.dash == "zero" else Unsettled((f"{part.label}: {UNCOUNTED_DASH}",))
    if part.value == ABSENT:
        return _worth_of_absent(part, rule)
    number = as_number(part.value)
    return Unsettled((f"{part.label}: '{part.value}' is no number",)) if number is None else number


def _worth_of_absent(part: Part, rule: MarkRule) -> Decimal | Absent | Unsettled:
    if rule.absent == "unsettled":
        return Unsettled((f"{part.label}: {UNCOUNTED_ABSENT}",))
    return Decimal(0) if rule.absent == "zero" else Absent()


@lru_cache(maxsize=4096)
def as_number(text: str) -> Decimal | None:
    """Return the number that a canonical value stands for, None when it is a text (or no finite number)."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and format_number(number) == text else None
