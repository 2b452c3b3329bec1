"""Pure: the history of a cell of the workbook: what the machine said, what other fields made of it, what people said.

a name ─named_keys─► keys ─histories─► CellHistory…
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flows.records import Act, CheckedField, FieldRow, TrailRow
from flows.results import MarkChange, Remark
from flows.settling import heading, total_field
from flows.trail import by_key
from recognizer.records import Decision
from recognizer.sum_words import question_in_words
from recognizer.template import Role, SheetField, SheetTemplate

WHOSE = ("id", "name")
SUMMED = ("computed total", "stored total")
WRITTEN = "written total"
"""Columns of the sheet Marks that are not headed by one field: they come from those of a role."""

WHOSE_CHANGED = ("candidate", "whose it is")
"""What re-marks say changed where it is about an id."""

NAMED_FIELDS = 12
"""Fields of a sheet that are named when there is none of the name that was asked for."""


class Picture(StrEnum):
    """Whether a row of the trail was about the picture that is stored now."""

    SAME = "same"
    OTHER = "another since"
    """The page was read again, and cut otherwise: no error, but somebody may want to look."""
    GONE = "gone"
    UNKNOWN = "not known"
    """Rows of older versions did not say."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the trail of a field; `undone_by` is the number of the row that took it back."""

    row: TrailRow
    picture: Picture
    undone_by: int | None = None


@dataclass(frozen=True, slots=True)
class CellHistory:
    """All that is known of one field.

    `now` is the field as it stands, None if no page that counts has it any more; `alone` what the machine decided from
    its picture alone; `together` what sums or the class list make of it without what people said of it, None where they
    say nothing. `heading` is what people call the field.
    """

    key: str
    heading: str
    now: FieldRow | None
    alone: Decision | None
    together: FieldRow | None
    entries: tuple[Entry, ...]
    checks: tuple[CheckedField, ...]


class NoSuchCellError(Exception):
    """Nothing is called as somebody asks; the message says what there is."""


def named_keys(
    name: str, fields: Sequence[FieldRow], templates: Sequence[SheetTemplate], said_of: Iterable[str]
) -> tuple[str, ...]:
    """Return the keys of the fields behind a name: a key, a sheet, or SHEET:FIELD as the sheet Marks shows them.

    Args:
        name: what somebody typed. FIELD is a field's name, its question (also as remarks name it: Q2) or its heading;
            of a computed total it is all marks, of an id all id fields.
        fields: every field of the pages that count.
        templates: those of the exam.
        said_of: keys of fields that people spoke of, whether they still are fields or not.

    Raises:
        NoSuchCellError: there is none.
    """
    if name in {row.key for row in fields} or name in set(said_of):
        return (name,)
    sheet, colon, asked = name.partition(":")
    mine = [row for row in fields if row.sheet == sheet]
    if not mine:
        raise NoSuchCellError(
            f"this exam has no field and no sheet {name!r}; name it by its key (sheet Flags, or tallymark readings "
            "--json), or as SHEET:FIELD, such as cover_marks#00017:mark_01"
        )
    if not colon:
        return tuple(row.key for row in mine)
    known = {(template.name, field.name): field for template in templates for field in _fields(template)}
    wanted = _plain(asked)
    found = [row for row in mine if wanted in _names(row, known.get((row.template, row.field)))]
    found = found or [row for row in mine if wanted and wanted == _in_remarks(known.get((row.template, row.field)))]
    found = found or [row for row in mine if _is_behind(row, wanted, templates)]
    if not found:
        there = ", ".join(row.field for row in mine[:NAMED_FIELDS]) + (", …" if len(mine) > NAMED_FIELDS else "")
        raise NoSuchCellError(f"sheet {sheet} has no field {asked!r}; it has {there}")
    return tuple(row.key for row in found)


def _fields(template: SheetTemplate) -> Iterable[SheetField]:
    return (field for page in template.pages for field in page.fields)


def _names(row: FieldRow, field: SheetField | None) -> set[str]:
    if field is None:
        return {_plain(row.field)}
    headed = heading(field)
    names = (field.name, field.question, field.label, headed, f"{row.template} {headed}")
    return {_plain(name) for name in names if name}


def _in_remarks(field: SheetField | None) -> str:
    """Return how remarks about sums name a field: by its question; "" if it has none."""
    return _plain(question_in_words(field.question)) if field and field.question else ""


def _is_behind(row: FieldRow, wanted: str, templates: Sequence[SheetTemplate]) -> bool:
    """Tell whether a field is behind a column that has no field of its own."""
    if wanted in WHOSE:
        return row.role is Role.ID
    if wanted in SUMMED:
        return row.role is Role.MARK
    if wanted == WRITTEN:
        return any(total_field(template) == row.field for template in templates if template.name == row.template)
    return False


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True)
class Known:
    """What histories are told from: fields as they are stored, decided, and decided without what people said."""

    stored: Sequence[FieldRow]
    decided: Sequence[FieldRow]
    without: Sequence[FieldRow]
    trail: Sequence[TrailRow]
    checks: Sequence[CheckedField]
    pictures: Mapping[str, str]
    """The hash of the picture of each field as it is stored now."""


def histories(keys: Sequence[str], templates: Sequence[SheetTemplate], known: Known) -> tuple[CellHistory, ...]:
    """Return the history of some fields, in the order of `keys`."""
    fields = {(template.name, field.name): field for template in templates for field in _fields(template)}
    stored = {row.key: row for row in known.stored}
    decided = {row.key: row for row in known.decided}
    without = {row.key: row for row in known.without}
    rows = by_key(known.trail)
    found = []
    for key in keys:
        now, alone, together = decided.get(key), stored.get(key), without.get(key)
        field = fields.get((now.template, now.field)) if now else None
        by_others = together is not None and alone is not None and together.decision != alone.decision
        found.append(
            CellHistory(
                key=key,
                heading=heading(field) if field else now.field if now else key,
                now=now,
                alone=alone.decision if alone else None,
                together=together if by_others else None,
                entries=entries(rows.get(key, ()), known.pictures),
                checks=tuple(one for one in known.checks if one.key == key),
            )
        )
    return tuple(found)


def changes_of(
    name: str,
    keys: Sequence[str],
    fields: Sequence[FieldRow],
    templates: Sequence[SheetTemplate],
    remarks: Iterable[Remark],
) -> tuple[tuple[Remark, MarkChange], ...]:
    """Return what re-marks changed of what somebody asked for, oldest first.

    Of a whole sheet and of its computed total that is everything, of a field what is said of its question.
    """
    asked = [row for row in fields if row.key in set(keys)]
    sheets = {row.sheet for row in asked}
    _, colon, column = name.partition(":")
    everything = name in sheets or (bool(colon) and _plain(column) in SUMMED)
    known = {(template.name, field.name): field for template in templates for field in _fields(template)}
    whats = {f"question {field.question}" for row in asked if (field := known.get((row.template, row.field)))}
    if any(row.role is Role.ID for row in asked):
        whats |= set(WHOSE_CHANGED)
    return tuple(
        (remark, change)
        for remark in remarks
        for change in remark.changes
        if change.sheet in sheets and (everything or change.what in whats)
    )


def entries(rows: Iterable[TrailRow], pictures: Mapping[str, str]) -> tuple[Entry, ...]:
    """Return rows of the trail with what became of them; `pictures` are the hashes as they are now, by key."""
    rows = tuple(rows)
    undone = {row.correction.undoes: row.number for row in rows if row.correction.act is Act.UNDO}
    return tuple(Entry(row, picture_of(row, pictures), undone.get(row.number)) for row in rows)


def picture_of(row: TrailRow, pictures: Mapping[str, str]) -> Picture:
    """Tell whether a row was about the picture that is stored now."""
    said = row.correction
    if not said.crop:
        return Picture.UNKNOWN
    if said.key not in pictures:
        return Picture.GONE
    return Picture.SAME if pictures[said.key] == said.crop else Picture.OTHER
