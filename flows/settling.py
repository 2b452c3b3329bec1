"""Pure: the fields of read pages become candidate sheets, with what is settled and what a total is worth.

A total is unsettled while any part of it is: nothing is ever summed over a hole. Everything is exact in decimals.
Who was absent has no total, which is settled and is not zero.

    FieldRow…, PageRow… ─settle_sheets─► SettledSheet(identity, parts, total)

What contradicts itself or another sheet is said in remarks and changes nothing: a person finds out which side is wrong.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from flows.belonging import with_extras
from flows.page_remarks import named, page_remarks
from flows.records import ABSENT_PAGE, FieldRow, PageRow
from flows.results import Absent, Match, MatchStatus, Unsettled
from flows.sum_findings import SumFinding
from flows.worth import UNCOUNTED_BLANK, UNCOUNTED_DASH, MarkRule, Part, holes, sum_settled, worth
from recognizer.records import PageOutcomeKind, ValueState
from recognizer.template import Kind, Role, SheetField, SheetTemplate
from recognizer.template_sums import whole_total
from recognizer.values import ABSENT, format_number

NO_TEMPLATE = "the template of this sheet is not named in exam.toml"
WRONG_ABSENT = "absent (AB), but a total of {} is written"
WRONG_SUM = "the marks add up to {}, {} is written"
CONFIRMED_SUM = "added wrongly, as a person confirmed: {}"
SAME_ID = "id {} also stands on sheet {}"
STRANGE_ID = "id {} is not on the roster"
KNOWN_STATUSES = (MatchStatus.MATCHED, MatchStatus.BY_PERSON)
DOUBTFUL_STATUSES = (MatchStatus.DOUBLED, MatchStatus.OFF_ROSTER, MatchStatus.CONTRADICTORY)

ABSENT_FIELD = "the template has fields that were not read; read the scans again with: tallymark regrade"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who wrote the sheet, as far as its id fields say.

    `disputed` are the keys of settled id fields that disagree; `by_person` tells that somebody corrected one.
    """

    state: ValueState
    value: str = ""
    why: str = ""
    disputed: tuple[str, ...] = ()
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class SettledSheet:
    """One candidate sheet: its pages together, every field its template has, and what its marks add up to.

    `parts` holds every field but pictures, by name. `total` is None for a template without marks. `open_keys` are the
    readings of this sheet that a person still has to look at: unsettled ones, and those in `doubts`, which are settled
    one by one but not together, with the reason. `remarks` say what else is wrong with the sheet; `questioned` are the
    readings, settled each, of which one is likely wrong if a remark is true, with that remark. `extra_of` is the sheet
    to which extra paper belongs, `extras` the extra paper of a sheet. `notes` say what people should know of it though
    nobody has to do anything. `whole` is the field in which the total of all marks is written, "" for none.
    """

    sheet: str
    template: str
    pages: tuple[PageRow, ...]
    identity: Identity
    parts: Mapping[str, Part]
    total: Decimal | Absent | Unsettled | None
    open_keys: tuple[str, ...]
    doubts: Mapping[str, str]
    remarks: tuple[str, ...]
    questioned: Mapping[str, str]
    extra_of: str = ""
    extras: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    whole: str = ""

    @property
    def is_open(self) -> bool:
        """Whether a person still has something to do for this sheet."""
        return bool(self.open_keys or self.remarks)

    @property
    def marks(self) -> tuple[Part, ...]:
        """The parts that the total adds up, in template order."""
        return tuple(part for part in self.parts.values() if part.role is Role.MARK)


def settle_sheets(
    fields: Iterable[FieldRow],
    pages: Iterable[PageRow],
    templates: Sequence[SheetTemplate],
    rule: MarkRule,
    roster: Collection[str] = (),
    *,
    matches: Mapping[str, Match] | None = None,
    sums: Mapping[str, SumFinding] = MappingProxyType({}),
) -> tuple[SettledSheet, ...]:
    """Gather the pages of each candidate sheet, in the order in which the sheets came in, extra paper beside its sheet.

    `roster` are the ids that may stand on a sheet; when it is empty, any may. `matches` say who wrote which sheet where
    the class list was asked; without them, sheets are compared by the ids that were read. `sums` is what is known of
    the sums of a sheet; where it says nothing, they are compared.
    """
    known = {template.name: template for template in templates}
    rows: dict[str, list[FieldRow]] = defaultdict(list)
    for row in fields:
        rows[row.sheet].append(row)
    pages = tuple(pages)
    by_sheet: dict[str, list[PageRow]] = {}
    for page in pages:
        # A cover sheet is read, and is no candidate's.
        if page.outcome is PageOutcomeKind.READ and page.sheet:
            by_sheet.setdefault(page.sheet, []).append(page)
    beside = page_remarks(by_sheet, pages, known)
    sheets = [
        _settle_sheet(
            sheet, tuple(came), rows.get(sheet, []), (known.get(came[0].template), rule), beside.get(sheet, ())
        )
        for sheet, came in by_sheet.items()
    ]
    extra_to = {template.name: template.extra_to for template in templates if template.extra_to}
    if matches is None:
        return with_extras(_compared(sheets, rule, roster, extra_to), extra_to)
    whose = [_matched(sheet, match) if (match := matches.get(sheet.sheet)) else sheet for sheet in sheets]
    asked = [
        _questioned(
            _with_note(sheet, sums.get(sheet.sheet)),
            [*_sums_say(sheet, rule, sums.get(sheet.sheet)), *_match_questions(sheet, matches.get(sheet.sheet))],
        )
        for sheet in whose
    ]
    return with_extras(asked, extra_to)


def with_doubts(sheet: SettledSheet, doubts: Mapping[str, str]) -> SettledSheet:
    """Return a sheet whose readings among `doubts` (key to reason) a person has to look at too."""
    new = {
        part.key: doubts[part.key]
        for part in sheet.parts.values()
        if part.key in doubts and part.key not in sheet.open_keys
    }
    if not new:
        return sheet
    both = MappingProxyType({**sheet.doubts, **new})
    return replace(sheet, open_keys=(*sheet.open_keys, *new), doubts=both)


def without_doubts(sheet: SettledSheet, keys: Collection[str]) -> SettledSheet:
    """Return a sheet whose settled readings among `keys` nobody has to look at: what they hold makes no difference."""
    gone = [key for key in sheet.doubts if key in keys]
    labels = [part.label for part in sheet.parts.values() if part.key and part.key in keys]
    # What a person said was blank is no doubt, and still in the way of a sum.
    told = {f"{label}: {why}" for label in labels for why in (UNCOUNTED_BLANK, UNCOUNTED_DASH)}
    remarks = tuple(remark for remark in sheet.remarks if remark not in told)
    if not gone and remarks == sheet.remarks:
        return sheet
    left = {key: why for key, why in sheet.doubts.items() if key not in gone}
    return replace(
        sheet,
        open_keys=tuple(key for key in sheet.open_keys if key not in gone),
        doubts=MappingProxyType(left),
        remarks=remarks,
    )


def mark_fields(template: SheetTemplate) -> tuple[SheetField, ...]:
    """Return the fields that a total adds up, in template order."""
    return fields_of(template, Role.MARK)


def fields_of(template: SheetTemplate, role: Role) -> tuple[SheetField, ...]:
    """Return the fields of one role, pictures left out, in template order."""
    return tuple(
        field for page in template.pages for field in page.fields if field.role is role and field.kind is not Kind.IMAGE
    )


def heading(field: SheetField) -> str:
    """Return what people call a field: its question, with the maximum of a mark; else its label or name."""
    if field.role is Role.MARK:
        return f"{field.question} (max {format_number(field.maximum or Decimal(0))})"
    return field.question or field.label or field.name


def _settle_sheet(
    sheet: str,
    pages: tuple[PageRow, ...],
    rows: Sequence[FieldRow],
    by: tuple[SheetTemplate | None, MarkRule],
    beside: Sequence[str],
) -> SettledSheet:
    """Settle one sheet by its template and the rule of the exam; `beside` is what is said of its pages."""
    template, rule = by
    came = {page.template_page for page in pages}
    missing = tuple(n for n in range(1, len(template.pages) + 1) if n not in came) if template else ()
    parts = _parts(rows, template, set(missing))
    identity = _identity([parts[name] for name in _names(rows, template, Role.ID)])
    marks = [parts[name] for name in _names(rows, template, Role.MARK)]
    open_keys = [row.key for row in rows if row.state is ValueState.UNSETTLED]
    whole = _whole(parts, template)
    summed = [*marks, *_written_absent(parts.get(whole), rule)] if marks else []
    doubts = dict.fromkeys(identity.disputed, identity.why) | _uncounted(summed, rule)
    remarks = [*(ABSENT_PAGE.format(number) for number in missing), *beside]
    remarks += [identity.why] * bool(identity.disputed)
    remarks += _remarks(parts.values(), summed, rule)
    if template is None:
        remarks.append(NO_TEMPLATE)
    return SettledSheet(
        sheet=sheet,
        template=pages[0].template,
        pages=pages,
        identity=identity,
        parts=MappingProxyType(parts),
        total=_total(summed, template, rule),
        open_keys=(*open_keys, *doubts),
        doubts=MappingProxyType(doubts),
        remarks=tuple(dict.fromkeys(remarks)),
        questioned=MappingProxyType({}),
        whole=whole,
    )


def _whole(parts: Mapping[str, Part], template: SheetTemplate | None) -> str:
    """Return the name of the field in which the total of all marks is written, "" where there is none."""
    if template is not None:
        return total_field(template)
    return next((name for name, part in reversed(list(parts.items())) if part.role is Role.TOTAL), "")


@lru_cache(maxsize=64)
def total_field(template: SheetTemplate) -> str:
    """Return the name of the field in which the total of all marks is written, "" where the template has none."""
    return whole_total(tuple(field for page in template.pages for field in page.fields))


def _compared(
    sheets: Sequence[SettledSheet], rule: MarkRule, roster: Collection[str], extra_to: Collection[str]
) -> tuple[SettledSheet, ...]:
    """Add to every sheet what contradicts itself, another sheet, or the roster."""
    bearers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sheet in sheets:
        # Of extra paper a candidate may have as much as he likes.
        if sheet.identity.state is ValueState.VALUE and sheet.template not in extra_to:
            bearers[sheet.template, sheet.identity.value].append(sheet.sheet)
    return tuple(
        _questioned(sheet, [*_sum_questions(sheet, rule), *_id_questions(sheet, bearers, roster)]) for sheet in sheets
    )


def _matched(sheet: SettledSheet, match: Match) -> SettledSheet:
    """Let the class list say whose a sheet is, where it does."""
    if match.status not in KNOWN_STATUSES:
        return sheet
    by_person = match.status is MatchStatus.BY_PERSON or sheet.identity.by_person
    return replace(sheet, identity=Identity(ValueState.VALUE, match.id, by_person=by_person))


def _with_note(sheet: SettledSheet, finding: SumFinding | None) -> SettledSheet:
    """Note what a person has confirmed: that the examiner added wrongly."""
    if finding is None or not finding.confirmed:
        return sheet
    return replace(sheet, notes=(*sheet.notes, CONFIRMED_SUM.format(finding.why)))


def _sums_say(sheet: SettledSheet, rule: MarkRule, finding: SumFinding | None) -> Iterator[tuple[str, Sequence[Part]]]:
    """Say what is wrong with the sums of a sheet, unless a person has confirmed it."""
    if finding is not None and finding.confirmed:
        return
    if finding is not None and finding.agrees is False and finding.why:
        yield finding.why, [part for part in sheet.parts.values() if part.key in finding.questioned]
    else:
        yield from _sum_questions(sheet, rule)


def _match_questions(sheet: SettledSheet, match: Match | None) -> Iterator[tuple[str, Sequence[Part]]]:
    """Say what is wrong with whose a sheet is, unless its id fields are open anyway."""
    if match is None or not match.why or match.status not in DOUBTFUL_STATUSES or sheet.identity.disputed:
        return
    yield match.why, [part for part in sheet.parts.values() if part.role is Role.ID]


def _questioned(sheet: SettledSheet, questions: Sequence[tuple[str, Sequence[Part]]]) -> SettledSheet:
    whys: dict[str, list[str]] = defaultdict(list)
    for why, parts in questions:
        for part in parts:
            if part.key and part.state is not ValueState.UNSETTLED:
                whys[part.key].append(why)
    return replace(
        sheet,
        remarks=(*sheet.remarks, *(why for why, _ in questions)),
        questioned=MappingProxyType({key: "; ".join(each) for key, each in whys.items()}),
    )


def _sum_questions(sheet: SettledSheet, rule: MarkRule) -> Iterator[tuple[str, Sequence[Part]]]:
    """Compare the sum with the total of all marks that the examiner wrote."""
    for part in [sheet.parts[sheet.whole]] if sheet.whole else []:
        said = worth(part, rule) if part.state is ValueState.VALUE else None
        if isinstance(sheet.total, Absent) and isinstance(said, Decimal):
            yield WRONG_ABSENT.format(part.value), (*sheet.marks, part)
        if isinstance(sheet.total, Decimal) and isinstance(said, Decimal) and said != sheet.total:
            yield WRONG_SUM.format(format_number(sheet.total), part.value), (*sheet.marks, part)


def _id_questions(
    sheet: SettledSheet, bearers: Mapping[tuple[str, str], Sequence[str]], roster: Collection[str]
) -> Iterator[tuple[str, Sequence[Part]]]:
    """Look for the sheet's id on other sheets of its template, and on the roster."""
    if sheet.identity.state is not ValueState.VALUE:
        return
    number = sheet.identity.value
    parts = [part for part in sheet.parts.values() if part.role is Role.ID]
    if others := [each for each in bearers[sheet.template, number] if each != sheet.sheet]:
        yield SAME_ID.format(number, named(others)), parts
    if roster and number not in roster:
        yield STRANGE_ID.format(number), parts


def _written_absent(written: Part | None, rule: MarkRule) -> list[Part]:
    """Return the written total if it says that the candidate was absent: that goes for the whole sheet."""
    return [written] if written is not None and written.value == ABSENT and rule.absent == "no_total" else []


def _uncounted(marks: Sequence[Part], rule: MarkRule) -> dict[str, str]:
    """Return the marks that were read well but that this exam gives no worth, unless a person has seen them already."""
    return {
        part.key: reason
        for part, reason in holes(marks, rule)
        if part.state is not ValueState.UNSETTLED and not part.correction
    }


def _remarks(parts: Iterable[Part], marks: Sequence[Part], rule: MarkRule) -> Iterator[str]:
    """Say what keeps a sheet open that no single reading is flagged for."""
    for part in parts:
        if part.state is ValueState.UNSETTLED and not part.key:
            yield part.why
    yield from (reason for part, reason in holes(marks, rule) if part.correction)


def _parts(rows: Sequence[FieldRow], template: SheetTemplate | None, missing: set[int]) -> dict[str, Part]:
    """Return every field of the sheet by name, in template order, holes included."""
    found: dict[str, list[FieldRow]] = defaultdict(list)
    for row in rows:
        if row.kind is not Kind.IMAGE:
            found[row.field].append(row)
    if template is None:
        return {name: _part(_hole(name, twins[0].role, "", True), twins) for name, twins in found.items()}
    return {
        field.name: _part(
            _hole(
                heading(field),
                field.role,
                ABSENT_PAGE.format(number) if number in missing else ABSENT_FIELD,
                _counts(field),
            ),
            found.get(field.name, []),
        )
        for number, page in enumerate(template.pages, start=1)
        for field in page.fields
        if field.kind is not Kind.IMAGE
    }


def _counts(field: SheetField) -> bool:
    """Tell whether a value of the field is a number; a mark may be ticked rather than written."""
    return field.is_numeric or field.role in (Role.MARK, Role.TOTAL)


def _hole(label: str, role: Role, why: str, is_number: bool) -> Part:
    return Part(label, ValueState.UNSETTLED, role=role, is_number=is_number, why=why)


def _part(hole: Part, rows: Sequence[FieldRow]) -> Part:
    """Fill the hole of one field with the one reading of it, if there is one."""
    if not rows:
        return hole
    if len(rows) > 1:
        places = ", ".join(f"{row.file} page {row.page_number}" for row in rows)
        return replace(hole, why=f"one page came {len(rows)} times: {places}")
    row = rows[0]
    # Not `replace`, which takes three times as long: an exam has ten thousands of fields.
    return Part(
        label=hole.label,
        role=hole.role,
        is_number=hole.is_number,
        state=row.state,
        value=row.value,
        why=row.why if row.state is ValueState.UNSETTLED else "",
        key=row.key,
        machine=row.decision.guess,
        # What a person left open is open; it is nobody's word on what counts.
        correction=row.correction if row.settled_by_person else None,
    )


def _names(rows: Sequence[FieldRow], template: SheetTemplate | None, role: Role) -> tuple[str, ...]:
    if template is not None:
        return tuple(field.name for field in fields_of(template, role))
    return tuple(dict.fromkeys(row.field for row in rows if row.role is role and row.kind is not Kind.IMAGE))


def _identity(parts: Sequence[Part]) -> Identity:
    """Combine the id fields of one sheet: all that hold a value have to agree."""
    holding = [part for part in parts if part.state is ValueState.VALUE]
    if len({part.value for part in holding}) > 1:
        said = ", ".join(f"{part.label} says {part.value}" for part in holding)
        return Identity(
            ValueState.UNSETTLED, "", f"the id fields disagree: {said}", tuple(part.key for part in holding)
        )
    for part in parts:
        if part.state is ValueState.UNSETTLED:
            return Identity(ValueState.UNSETTLED, "", f"{part.label}: {part.why}")
    by_person = any(part.correction for part in parts)
    if not holding:
        return Identity(ValueState.BLANK, by_person=by_person)
    return Identity(ValueState.VALUE, holding[0].value, by_person=by_person)


def _total(
    marks: Sequence[Part], template: SheetTemplate | None, rule: MarkRule
) -> Decimal | Absent | Unsettled | None:
    if not marks:
        return None
    return Unsettled((NO_TEMPLATE,)) if template is None else sum_settled(marks, rule)
