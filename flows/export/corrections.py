"""Filled corrections against what the exam knows now: which are taken, which were before, which are refused."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from flows.export.flags_sheet import BLANK_WORD, fields_by_name
from flows.export.reading_back import Filled
from flows.records import Act, Correction, FieldRow
from flows.reviewer import LONGEST_NAME, is_same_person
from recognizer.errors import ValueNotAllowedError
from recognizer.records import ValueState
from recognizer.template import Role, SheetField, SheetTemplate
from recognizer.values import expectation, parse_value

HOW = "workbook"
DISPUTANT = "you and somebody else read it differently; a third person settles that"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One filled row that was not taken, and why."""

    filled: Filled
    reason: str

    def __str__(self) -> str:
        return f"{self.filled.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What becomes of the filled rows of one workbook. `already` were taken before: nothing is left to do for them."""

    taken: tuple[Correction, ...]
    already: tuple[Filled, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What one row says of its field."""

    state: ValueState
    value: str

    def __str__(self) -> str:
        return self.value or BLANK_WORD


def check_filled(
    filled: Sequence[Filled],
    fields: Iterable[FieldRow],
    templates: Sequence[SheetTemplate],
    reviewer: str,
    now: datetime,
    *,
    disputes: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Checked:
    """Decide about every filled row. Pure; the same workbook a second time finds everything taken already.

    `disputes` are the two people who differ about a field, by its key: a third one settles it.
    """
    present = {row.key: row for row in fields}
    known = fields_by_name(templates)
    contradicted = contradicting(filled)
    taken: dict[str, Correction] = {}
    already: list[Filled] = []
    refused: list[Refusal] = []
    for each in filled:
        try:
            if each.key in contradicted:
                raise NotTakenError(
                    f"another row gives another correction for the same reading ({contradicted[each.key]})"
                )
            row, said = judged(each, present, known)
        except NotTakenError as problem:
            refused.append(Refusal(each, str(problem)))
            continue
        if row.key in taken or _says(row, said):
            already.append(each)
        elif row.revision != each.revision:
            refused.append(Refusal(each, _what_happened(row, said)))
        elif any(is_same_person(reviewer, one) for one in disputes.get(row.key, ())):
            refused.append(Refusal(each, DISPUTANT))
        else:
            act = Act.THIRD if row.key in disputes else Act.SAY
            taken[row.key] = replace(_correction(row, said, reviewer, now), act=act)
    return Checked(tuple(taken.values()), tuple(already), tuple(refused))


def unread(
    filled: Sequence[Filled],
    fields: Iterable[FieldRow],
    corrections: Iterable[Correction],
    templates: Sequence[SheetTemplate],
) -> tuple[Filled, ...]:
    """Return the filled rows that were never taken: what would be lost if the workbook were replaced."""
    present = {row.key: row for row in fields}
    known = fields_by_name(templates)
    ever = {(each.key, each.state, each.value) for each in corrections}

    def was_taken(each: Filled) -> bool:
        try:
            row, said = judged(each, present, known)
        except NotTakenError:
            return False
        # A value that was said before may be typed again over another one: it waits for as long as it would be taken.
        waits = row.revision == each.revision and not _says(row, said)
        return (row.key, said.state, said.value) in ever and not waits

    return tuple(each for each in filled if not was_taken(each))


class NotTakenError(Exception):
    """Why a row is refused; becomes a `Refusal`, or one line of a refused sample check."""


def contradicting(filled: Sequence[Filled]) -> dict[str, str]:
    """Return the keys for which rows differ, with the rows."""
    rows: dict[str, list[Filled]] = defaultdict(list)
    for each in filled:
        rows[each.key].append(each)
    return {
        key: ", ".join(f"row {each.number}: {each.text[:LONGEST_NAME] or 'unusable'}" for each in twins)
        for key, twins in rows.items()
        if key and len({(each.text, each.trouble) for each in twins}) > 1
    }


def judged(
    each: Filled, present: Mapping[str, FieldRow], known: Mapping[tuple[str, str], SheetField]
) -> tuple[FieldRow, Said]:
    """Return the reading that a row speaks of and what it says of it."""
    if not each.key:
        raise NotTakenError("its key is missing; export again and fill in the new workbook")
    row = present.get(each.key)
    if row is None:
        raise NotTakenError(
            f"this exam has no reading with the key {each.key}; is the workbook of another exam folder?"
        )
    field = known.get((row.template, row.field))
    if field is None:
        raise NotTakenError(
            f"the template {row.template} has no field {row.field} any more; read the scans again with regrade"
        )
    if each.trouble:
        raise NotTakenError(f"{each.trouble} (the field holds {expectation(field)})")
    return row, _said(field, each.text)


def _said(field: SheetField, text: str) -> Said:
    if text.casefold() == BLANK_WORD and BLANK_WORD not in field.options:
        return Said(ValueState.BLANK, "")
    try:
        value = parse_value(field, text)
    except ValueNotAllowedError as problem:
        hint = ""
        if field.role is Role.ID and text.isdecimal() and len(text) < field.characters:
            hint = "; if the spreadsheet dropped leading zeros, format the cell as text and type them again"
        raise NotTakenError(f"{problem}{hint}") from problem
    return Said(ValueState.VALUE if value else ValueState.BLANK, value)


def _says(row: FieldRow, said: Said) -> bool:
    """Tell whether a person said the same of this reading before."""
    return row.correction is not None and (row.correction.state, row.correction.value) == (said.state, said.value)


def _what_happened(row: FieldRow, typed: Said) -> str:
    if row.correction is None:
        return (
            f"it was read again after this workbook was written, so '{typed}' may belong to another picture; export "
            "again and look at it"
        )
    said = row.correction
    return (
        f"it was decided by {said.reviewer} ({said.in_words}, {said.made_at:%Y-%m-%d %H:%M}) after this workbook was "
        f"written, which says '{typed}'; export again and look at it"
    )


def _correction(row: FieldRow, said: Said, reviewer: str, now: datetime) -> Correction:
    return Correction(
        key=row.key,
        state=said.state,
        value=said.value,
        was=row.value,
        machine=row.decision.guess,
        model=row.model,
        reviewer=reviewer,
        made_at=now,
        how=HOW,
    )
