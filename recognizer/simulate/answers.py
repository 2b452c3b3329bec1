"""What made-up candidates and examiners write: the truth of a simulated sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from recognizer.template import Kind, Role, SheetField, SheetTemplate
from recognizer.template_sums import added_by, marks_of
from recognizer.values import ABSENT, BLANK, NOTHING_AWARDED, allowed_number, format_number, format_options

BLANK_SHARE = 0.03
"""Share of marks and answers that nobody wrote anything for."""

DASH_SHARE = 0.06
"""Share of marks that are a dash where the field allows one."""

NEGATIVE_SHARE = 0.3
"""Share of answers below zero where the field has room for a sign and allows it."""

DEFAULT_LIMIT = Decimal(99)
"""Largest number written where the template names no maximum and boxes set none."""

ID_STRIDE = 61_803_399
"""Candidate numbers lie this far apart (modulo a power of ten). Ending in 9 it shares no factor with ten, so no
number comes twice; its digits are the golden ratio's, so neighbours look unrelated."""


GROUPS = ("A", "B", "C")
ROOMS = ("012", "104")
"""Groups and rooms of made-up candidates; a room keeps its zero."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A made-up candidate; `name` is plainly one."""

    number: str
    name: str
    group: str = ""
    room: str = ""


def candidate_for(template: SheetTemplate, seed: int, serial: int) -> Candidate:
    """Return the candidate who hands in the sheet with this serial number: one seed, one serial, one candidate."""
    if alphabets := _alphabets(template):
        return Candidate(_spelled(alphabets, seed, serial), f"Sample Candidate {serial:05d}")
    width = max((length for field in _fields(template) if (length := _id_length(field))), default=8)
    start = int(np.random.default_rng([seed, width]).integers(10**9))
    number = (start + serial * ID_STRIDE) % 10**width
    group, room = GROUPS[serial % len(GROUPS)], ROOMS[serial % len(ROOMS)]
    return Candidate(str(number).zfill(width), f"Sample Candidate {serial:05d}", group, room)


def _alphabets(template: SheetTemplate) -> list[str]:
    """Return what may stand at each position in all id fields of a template, none where no field has an alphabet."""
    fields = [field for field in _fields(template) if _id_length(field)]
    if not any(field.alphabet for field in fields):
        return []
    longest = max(fields, key=_id_length)
    alphabets = list(longest.id_alphabets)
    for field in fields:
        for at, allowed in enumerate(field.id_alphabets, start=len(alphabets) - _id_length(field)):
            alphabets[at] = "".join(each for each in alphabets[at] if each in allowed) or alphabets[at]
    return alphabets


def _spelled(alphabets: Sequence[str], seed: int, serial: int) -> str:
    number = int(np.random.default_rng([seed, len(alphabets)]).integers(10**9)) + serial * ID_STRIDE
    characters = []
    for alphabet in reversed(alphabets):
        number, at = divmod(number, len(alphabet))
        characters.append(alphabet[at])
    return "".join(reversed(characters))


def choose_answers(
    template: SheetTemplate,
    candidate: Candidate,
    rng: np.random.Generator,
    double_share: float,
    *,
    absent: bool = False,
) -> dict[str, str]:
    """Choose what is written in every field but the images: field name to canonical value, in template order.

    Args:
        template: the sheet.
        candidate: whose sheet it is.
        rng: decides.
        double_share: share of single choices in which two options are marked (their value is then "A+C").
        absent: the candidate was absent: answers are blank, and AB stands in every mark and total that allows it.
    """
    if absent:
        return {field.name: _of_absent(field, candidate) for field in _fields(template) if field.kind is not Kind.IMAGE}
    ability = float(rng.beta(4.0, 2.5))
    values: dict[str, str] = {}
    for field in _fields(template):
        if field.kind is not Kind.IMAGE:
            values[field.name] = _choose(field, candidate, ability, rng, double_share)
    return {**values, **_totals(template, values)}


def _of_absent(field: SheetField, candidate: Candidate) -> str:
    if length := _id_length(field):
        return candidate.number[-length:]
    return ABSENT if field.absent and field.role in (Role.MARK, Role.TOTAL) else BLANK


def _choose(
    field: SheetField, candidate: Candidate, ability: float, rng: np.random.Generator, double_share: float
) -> str:
    length = _id_length(field)
    if length:
        return candidate.number[-length:]
    if field.role is Role.TOTAL or rng.random() < BLANK_SHARE:
        return BLANK
    if field.kind is Kind.CHOICE:
        return _choose_options(field, rng, double_share)
    if not field.is_numeric:
        return "".join(str(digit) for digit in rng.integers(0, 10, field.characters))
    return _choose_mark(field, ability, rng) if field.role is Role.MARK else _choose_number(field, rng)


def _id_length(field: SheetField) -> int:
    """Return how many digits of the candidate number a field holds, 0 when it holds something else."""
    if field.role is not Role.ID:
        return 0
    if field.kind is Kind.DIGITS:
        return field.characters
    digits = field.kind is Kind.CHOICE and set("0123456789") <= set(field.options)
    return field.positions if digits or field.alphabet else 0


def _choose_options(field: SheetField, rng: np.random.Generator, double_share: float) -> str:
    if field.positions > 1:
        return "".join(str(option) for option in rng.choice(field.options, field.positions))
    count = 1
    if field.multiple:
        count = int(rng.integers(0, len(field.options) + 1))
    elif len(field.options) > 1 and rng.random() < double_share:
        count = 2
    chosen = set(rng.permutation(len(field.options))[:count].tolist())
    return format_options(option for index, option in enumerate(field.options) if index in chosen)


def _choose_mark(field: SheetField, ability: float, rng: np.random.Generator) -> str:
    if field.dash and field.kind is Kind.NUMBER and rng.random() < DASH_SHARE:
        return NOTHING_AWARDED
    low = field.minimum if field.minimum is not None else Decimal(0)
    high = field.maximum if field.maximum is not None else DEFAULT_LIMIT
    share = float(np.clip(rng.normal(ability, 0.25), 0.0, 1.0))
    return _nearest(field, low + (high - low) * Decimal(round(share, 4)))


def _choose_number(field: SheetField, rng: np.random.Generator) -> str:
    """Choose a number of any magnitude that fits: short ones as often as long ones."""
    boxes = Decimal(10) ** (field.characters - field.decimals) - 1 if field.kind is Kind.DIGITS else DEFAULT_LIMIT
    low = max(field.minimum if field.minimum is not None else Decimal(0), -boxes)
    high = min(field.maximum if field.maximum is not None else boxes, boxes)
    negative = low < 0 and rng.random() < NEGATIVE_SHARE
    limit = max(float(-low if negative else high), 1.0)
    places = int(rng.integers(0, 1 + (field.decimals if field.kind is Kind.DIGITS else 1)))
    size = Decimal(f"{np.exp(rng.uniform(np.log(0.5), np.log(limit))):.{places}f}")
    return _nearest(field, min(max(-size if negative else size, low), high))


def _nearest(field: SheetField, number: Decimal) -> str:
    """Return the allowed number next to `number`, or a blank when the field allows none there."""
    step = field.step or Decimal(1)
    at = (number / step).quantize(Decimal(1), ROUND_HALF_EVEN)
    for nearby in (at, at - 1, at + 1):
        if allowed_number(field, nearby * step):
            return format_number(nearby * step)
    return BLANK


def _totals(template: SheetTemplate, values: Mapping[str, str]) -> dict[str, str]:
    """Return every total field with the sum of what it adds; a dash or a blank adds nothing."""
    fields = _fields(template)
    added = added_by(fields)
    sums = {
        total: sum((_worth(values[mark]) for mark in marks_of(added, total)), Decimal(0))
        for total, names in added.items()
        if names
    }
    return {
        field.name: format_number(sums[field.name]) if allowed_number(field, sums[field.name]) else BLANK
        for field in fields
        if field.name in sums and field.is_numeric
    }


def _worth(mark: str) -> Decimal:
    try:
        return Decimal(mark)
    except ArithmeticError:
        return Decimal(0)


def _fields(template: SheetTemplate) -> list[SheetField]:
    return [field for page in template.pages for field in page.fields]
