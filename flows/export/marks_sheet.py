"""The sheet *Marks*: one row a candidate sheet, and totals that stay empty until every part is settled.

Who was absent has AB for a total.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from flows.export.points import key_columns
from flows.export.styles import ORANGE, Style
from flows.export.table import Cell, Column, Formula, Look, SheetWriter, number_or_text, ranges
from flows.results import Absent, SheetResult, Unsettled
from flows.settling import SettledSheet, fields_of, heading, mark_fields, total_field
from flows.worth import MarkRule, Part, as_number
from recognizer.records import ValueState
from recognizer.template import Role, SheetField, SheetTemplate
from recognizer.values import ABSENT, NOTHING_AWARDED

MARKS = "Marks"

DECIMALS_KEPT = 6
"""Decimals that a mark can have (`values.parse_value`): rounding there takes the dust of binary addition off a sum."""

HEADING_HEIGHT = 48.0
"""Points: three lines of a heading."""

CHECK, AGREES, DIFFERS = "totals", "agrees", "differs"


@dataclass(frozen=True, slots=True)
class MarksColumn:
    """One column of the sheet and how a candidate sheet fills it; the row number is for formulas."""

    column: Column
    fill: Callable[[SettledSheet, int], Cell]


def write_marks(
    book: Workbook,
    sheets: Sequence[SettledSheet],
    templates: Sequence[SheetTemplate],
    *,
    rule: MarkRule,
    names: Mapping[str, str],
    footer: str,
    results: Sequence[SheetResult] = (),
) -> None:
    """Write the sheet.

    `names` are the candidates' names by id, empty where the exam has none; `results` what each sheet is worth by the
    key, empty where there is no key.
    """
    columns = _columns(templates, rule, names, results)
    ids = tuple(n for n, each in enumerate(columns, start=1) if each.column.heading == "id")
    frozen = 2 if names else 1
    table = SheetWriter(
        book,
        Look(
            MARKS,
            tuple(each.column for each in columns),
            frozen_columns=frozen,
            tab=ORANGE if any(sheet.is_open for sheet in sheets) else None,
            numbers_as_text=ids,
            footer=footer,
        ),
    )
    table.headings(HEADING_HEIGHT)
    for sheet in sheets:
        row = table.next_row
        table.row([each.fill(sheet, row) for each in columns])
    last = max(2, table.next_row - 1)
    table.filter_rows(1, last)
    _colour_differences(table, columns, last)
    table.finish()


def _columns(
    templates: Sequence[SheetTemplate], rule: MarkRule, names: Mapping[str, str], results: Sequence[SheetResult]
) -> tuple[MarksColumn, ...]:
    columns = [MarksColumn(Column("id", 13), _identity_cell)]
    if names:
        columns.append(MarksColumn(Column("name", 26), lambda sheet, _: _name_cell(sheet, names)))
    columns += [
        MarksColumn(Column("template", 15), lambda sheet, _: Cell(sheet.template, Style.TEXT)),
        MarksColumn(Column("sheet", 23), lambda sheet, _: Cell(sheet.sheet, Style.TEXT)),
    ]
    many = len(templates) > 1
    marks_at: dict[str, tuple[int, ...]] = {}
    for template in templates:
        fields = mark_fields(template)
        marks_at[template.name] = tuple(range(len(columns) + 1, len(columns) + 1 + len(fields)))
        columns += [_part_column(template, field, many, width=9) for field in fields]
    if any(marks_at.values()) or any(total_field(template) for template in templates):
        columns += _total_columns(templates, marks_at, rule, computed_at=len(columns) + 1)
    if results:
        columns += [
            MarksColumn(column, lambda sheet, _, fill=fill: fill(sheet.sheet))  # type: ignore[misc] # bound here
            for column, fill in key_columns({result.sheet: result for result in results})
        ]
    columns.append(MarksColumn(Column("flags open", 8, Style.HEADING_MID), _open_cell))
    for template in templates:
        columns += [_part_column(template, field, many, _width(field)) for field in _other_fields(template)]
    if any(template.extra_to for template in templates):
        columns.append(MarksColumn(Column("extra paper", 30), _extras_cell))
    columns += [
        MarksColumn(Column("remarks", 44), lambda sheet, _: Cell(_told(sheet), _remark_style(sheet))),
        MarksColumn(Column("corrected by a person", 52), lambda sheet, _: Cell(_corrected(sheet), Style.TEXT)),
        MarksColumn(Column("file", 34), lambda sheet, _: Cell("; ".join(_files(sheet)), Style.TEXT)),
        MarksColumn(Column("page", 9, Style.HEADING_MID), lambda sheet, _: _pages_cell(sheet)),
    ]
    return _with_distinct_headings(columns)


def _total_columns(
    templates: Sequence[SheetTemplate], marks_at: Mapping[str, tuple[int, ...]], rule: MarkRule, computed_at: int
) -> Iterator[MarksColumn]:
    written = {
        template.name: field
        for template in templates
        for field in fields_of(template, Role.TOTAL)
        if field.name == total_field(template)
    }

    may_be_absent = {
        template.name: any(
            _may_be_absent(field) for field in (*mark_fields(template), *fields_of(template, Role.TOTAL))
        )
        for template in templates
    }

    def computed(sheet: SettledSheet, row: int) -> Cell:
        if isinstance(sheet.total, Decimal) or (sheet.total is not None and marks_at.get(sheet.template)):
            columns = MarksPlace(row, marks_at[sheet.template], computed_at + 2, may_be_absent[sheet.template])
            return Cell(total_formula(sheet, columns, rule), _total_style(sheet, Style.TOTAL))
        return Cell(None, _total_style(sheet, Style.TOTAL))

    def stored(sheet: SettledSheet, _: int) -> Cell:
        total = sheet.total if isinstance(sheet.total, Decimal) else None
        return Cell(
            ABSENT if isinstance(sheet.total, Absent) else total,
            Style.STORED_OPEN if isinstance(sheet.total, Unsettled) else _total_style(sheet, Style.STORED),
        )

    def by_hand(sheet: SettledSheet, _: int) -> Cell:
        field = written.get(sheet.template)
        return Cell(None, Style.ABSENT) if field is None else part_cell(sheet.parts[field.name])

    def check(sheet: SettledSheet, row: int) -> Cell:
        if sheet.total is None or sheet.template not in written:
            return Cell(None, Style.ABSENT)
        sums, by_hand = (f"{get_column_letter(computed_at + offset)}{row}" for offset in (0, 2))
        says = f'IF({by_hand}="{ABSENT}",0,{by_hand})' if rule.absent == "zero" else by_hand
        text = f'=IF(OR({sums}="",{by_hand}=""),"",IF({sums}={says},"{AGREES}","{DIFFERS}"))'
        return Cell(Formula(text), Style.MARK_TEXT)

    yield MarksColumn(Column("computed total", 10, Style.HEADING_MID), computed)
    yield MarksColumn(Column("stored total", 8, Style.HEADING_QUIET), stored)
    yield MarksColumn(Column("written total", 9, Style.HEADING_MID), by_hand)
    yield MarksColumn(Column(CHECK, 9, Style.HEADING_MID), check)


@dataclass(frozen=True, slots=True)
class MarksPlace:
    """Where a sheet's marks and its written total stand, row and columns from 1; whether one of them may be AB."""

    row: int
    marks: Sequence[int]
    written: int
    may_be_absent: bool


def total_formula(sheet: SettledSheet, place: MarksPlace, rule: MarkRule) -> Formula:
    """Return the formula of a computed total: empty until every part is settled, then as `settling.sum_settled`.

    A blank that this exam counts as zero need not be filled, but counts as soon as somebody fills it.
    """
    total = _sum_formula(sheet, place, rule)
    if not (place.may_be_absent and rule.absent == "no_total"):
        return Formula(f"={total}")
    anywhere = _count_of(ABSENT, (*ranges(place.row, place.marks), *ranges(place.row, (place.written,))))
    return Formula(f"=IF({anywhere}>0,{_absent_formula(sheet, place)},{total})")


def _sum_formula(sheet: SettledSheet, place: MarksPlace, rule: MarkRule) -> str:
    total = f"ROUND(SUM({','.join(ranges(place.row, place.marks))}),{DECIMALS_KEPT})"
    needed = [
        column
        for column, part in zip(place.marks, sheet.marks, strict=True)
        if not (rule.blank != "unsettled" and part.state is ValueState.BLANK)
    ]
    if not needed:
        return total
    places = ranges(place.row, needed)
    settled = f"COUNT({','.join(places)})"
    if rule.dash == "zero":
        settled += f"+{_count_of(NOTHING_AWARDED, places)}"
    if rule.absent == "zero" and place.may_be_absent:
        settled += f"+{_count_of(ABSENT, places)}"
    return f'IF({settled}={len(needed)},{total},"")'


def _absent_formula(sheet: SettledSheet, place: MarksPlace) -> str:
    """Return what stands for the total once an AB stands somewhere: AB, when all that is not blank is filled.

    Marks beside the AB contradict it, unless a person has confirmed it.
    """
    filled = [
        column for column, part in zip(place.marks, sheet.marks, strict=True) if part.state is not ValueState.BLANK
    ]
    places = ranges(place.row, filled)
    numbers = f"COUNT({','.join(ranges(place.row, place.marks))})"
    words = f"+{_count_of(NOTHING_AWARDED, places)}+{_count_of(ABSENT, places)}" if filled else ""
    if isinstance(sheet.total, Absent):
        return f'IF({numbers}{words}>={len(filled)},"{ABSENT}","")'
    return f'IF(OR({numbers}>0,0{words}<>{len(filled)}),"","{ABSENT}")'


def _count_of(text: str, places: Sequence[str]) -> str:
    return "+".join(f'COUNTIF({place},"{text}")' for place in places)


def _may_be_absent(field: SheetField) -> bool:
    return field.absent or ABSENT in field.options


def part_cell(part: Part) -> Cell:
    """Return how one field of a sheet is shown: unsettled is empty and coloured, blank empty and grey."""
    if part.state is ValueState.UNSETTLED:
        return Cell(None, Style.UNSETTLED)
    if part.state is ValueState.BLANK:
        return Cell(None, Style.CORRECTED_BLANK if part.correction else Style.BLANK)
    number = as_number(part.value) if part.is_number else None
    shown = part.value if number is None else number_or_text(number, part.value)
    if isinstance(shown, str):
        return Cell(shown, Style.CORRECTED_TEXT if part.correction else Style.MARK_TEXT)
    return Cell(shown, Style.CORRECTED_NUMBER if part.correction else Style.NUMBER)


def _part_column(template: SheetTemplate, field: SheetField, many: bool, width: float) -> MarksColumn:
    title = f"{template.name}\n{heading(field)}" if many else heading(field)

    def fill(sheet: SettledSheet, _: int) -> Cell:
        if sheet.template != template.name:
            return Cell(None, Style.ABSENT)
        return part_cell(sheet.parts[field.name])

    return MarksColumn(Column(title, max(width, 12.0) if many else width, Style.HEADING_MARK), fill)


def _other_fields(template: SheetTemplate) -> tuple[SheetField, ...]:
    """Return what is neither a mark nor the written total: answers, notes, and ids where there are several."""
    ids = fields_of(template, Role.ID)
    totals = [field for field in fields_of(template, Role.TOTAL) if field.name != total_field(template)]
    rest = (*fields_of(template, Role.ANSWER), *fields_of(template, Role.NONE))
    return (*totals, *rest, *(ids if len(ids) > 1 else ()))


def _width(field: SheetField) -> float:
    if field.role is Role.ID:
        return 14.0
    if field.options and not field.multiple:
        return 5.5
    return 18.0 if field.multiple else 9.0


def _identity_cell(sheet: SettledSheet, _: int) -> Cell:
    identity = sheet.identity
    if identity.state is ValueState.UNSETTLED:
        return Cell(None, Style.UNSETTLED)
    if identity.state is ValueState.BLANK:
        return Cell(None, Style.CORRECTED_BLANK if identity.by_person else Style.BLANK)
    return Cell(identity.value, Style.CORRECTED_ID if identity.by_person else Style.TEXT)


def _name_cell(sheet: SettledSheet, names: Mapping[str, str]) -> Cell:
    identity = sheet.identity
    if identity.state is not ValueState.VALUE:
        return Cell(None, Style.ABSENT)
    name = names.get(identity.value)
    return Cell("not on the roster", Style.WARNING) if name is None else Cell(name, Style.TEXT)


def _total_style(sheet: SettledSheet, settled: Style) -> Style:
    if sheet.total is None:
        return Style.ABSENT
    return Style.UNSETTLED if isinstance(sheet.total, Unsettled) else settled


def _open_cell(sheet: SettledSheet, _: int) -> Cell:
    return Cell(len(sheet.open_keys), Style.COUNT_OPEN if sheet.open_keys else Style.WHOLE)


def _extras_cell(sheet: SettledSheet, _: int) -> Cell:
    """Name the extra paper of a sheet, which stands in the rows below it; there, name the sheet it belongs to."""
    return Cell(f"belongs to {sheet.extra_of}" if sheet.extra_of else "; ".join(sheet.extras), Style.TEXT)


def _told(sheet: SettledSheet) -> str:
    return "; ".join((*sheet.remarks, *sheet.notes))


def _remark_style(sheet: SettledSheet) -> Style:
    return Style.WARNING if sheet.remarks else Style.WRAPPED


def _corrected(sheet: SettledSheet) -> str:
    """List what people said of this sheet, with what the machine had guessed."""
    return "; ".join(
        f"{part.label}: {part.value or 'blank'} by {part.correction.reviewer} (read as {part.machine or 'blank'})"
        for part in sheet.parts.values()
        if part.correction
    )


def _files(sheet: SettledSheet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(page.file for page in sheet.pages))


def _pages_cell(sheet: SettledSheet) -> Cell:
    if len(sheet.pages) == 1:
        return Cell(sheet.pages[0].number, Style.WHOLE)
    numbers = [", ".join(str(page.number) for page in sheet.pages if page.file == name) for name in _files(sheet)]
    return Cell("; ".join(numbers), Style.MARK_TEXT)


def _with_distinct_headings(columns: Sequence[MarksColumn]) -> tuple[MarksColumn, ...]:
    """Number headings that stand twice, so that programs can name every column."""
    seen: Counter[str] = Counter()
    distinct = []
    for each in columns:
        title = each.column.heading
        seen[title] += 1
        if seen[title] > 1:
            column = Column(f"{title} [{seen[title]}]", each.column.width, each.column.style)
            distinct.append(MarksColumn(column, each.fill))
        else:
            distinct.append(each)
    return tuple(distinct)


def _colour_differences(table: SheetWriter, columns: Sequence[MarksColumn], last: int) -> None:
    """Make a written total that is not the sum stand out, whoever fills the cells later."""
    for number, each in enumerate(columns, start=1):
        if each.column.heading == CHECK:
            letter = get_column_letter(number)
            table.colour_where(f"{letter}2:{letter}{last}", f'${letter}2="{DIFFERS}"', ORANGE)
