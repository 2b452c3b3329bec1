"""What is known of every sheet of an exam: fields decided together, sheets settled, and who wrote which."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flows.records import FieldRow, PageRow
from flows.results import Match, Matching, MatchStatus
from flows.roster import Candidate, load_roster
from flows.settings import Exam
from flows.settling import MarkRule, SettledSheet, settle_sheets
from recognizer.records import ValueState
from recognizer.template import SheetTemplate


@dataclass(frozen=True, slots=True)
class Decided:
    """Every field as it is decided, every sheet settled, who wrote which, and who is expected."""

    fields: tuple[FieldRow, ...] = ()
    sheets: tuple[SettledSheet, ...] = ()
    matching: Matching = field(default_factory=Matching)
    candidates: tuple[Candidate, ...] = ()


class KnowsFields(Protocol):
    """The reading side of `flows.store.Store`, as far as deciding needs it."""

    def fields(self) -> tuple[FieldRow, ...]:
        """Return every field of every read page."""
        ...

    def pages(self) -> tuple[PageRow, ...]:
        """Return every page that came in."""
        ...


def decide_exam(exam: Exam, store: KnowsFields) -> Decided:
    """Decide everything about an exam that readings, corrections and its files allow.

    Raises:
        ExamError: the roster is faulty.
    """
    marks = exam.settings.marks
    candidates = load_roster(exam.roster, exam.settings.roster.check) if exam.roster.is_file() else ()
    rule = MarkRule(marks.blank, marks.dash, marks.absent)
    return decide(store.fields(), store.pages(), exam.sheets.templates, rule, candidates)


def decide(
    fields: Sequence[FieldRow],
    pages: Iterable[PageRow],
    templates: Sequence[SheetTemplate],
    rule: MarkRule,
    candidates: Sequence[Candidate] = (),
) -> Decided:
    """Decide everything about fields of an exam together."""
    sheets = settle_sheets(fields, pages, templates, rule, {one.id for one in candidates})
    return Decided(tuple(fields), sheets, _matching(sheets, templates, candidates), tuple(candidates))


def _matching(
    sheets: Sequence[SettledSheet], templates: Sequence[SheetTemplate], candidates: Sequence[Candidate]
) -> Matching:
    extra = {template.name for template in templates if template.extra_to}
    says: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sheet in sheets:
        if sheet.identity.state is ValueState.VALUE and sheet.template not in extra:
            says[sheet.template, sheet.identity.value].append(sheet.sheet)
    doubled = {who: tuple(bearers) for who, bearers in says.items() if len(bearers) > 1}
    known = {one.id: one for one in candidates}
    came = {number for _, number in says}
    return Matching(
        tuple(_match(sheet, known, doubled) for sheet in sheets),
        tuple(one for one in candidates if one.id not in came),
        doubled,
    )


def _match(
    sheet: SettledSheet, known: Mapping[str, Candidate], doubled: Mapping[tuple[str, str], tuple[str, ...]]
) -> Match:
    identity, number = sheet.identity, sheet.identity.value
    if identity.state is ValueState.UNSETTLED:
        status = MatchStatus.CONTRADICTORY if identity.disputed else MatchStatus.UNSURE
        return Match(sheet.sheet, sheet.template, status, why=identity.why)
    if identity.state is ValueState.BLANK:
        return Match(sheet.sheet, sheet.template, MatchStatus.NO_ID, why="no id is written on it")
    why = ""
    if (sheet.template, number) in doubled:
        others = [each for each in doubled[sheet.template, number] if each != sheet.sheet]
        status, why = MatchStatus.DOUBLED, f"id {number} also stands on sheet {', '.join(others)}"
    elif known and number not in known:
        status, why = MatchStatus.OFF_ROSTER, f"id {number} is not on the roster"
    else:
        status = MatchStatus.BY_PERSON if identity.by_person else MatchStatus.MATCHED
    return Match(sheet.sheet, sheet.template, status, number, 1.0, why=why)
