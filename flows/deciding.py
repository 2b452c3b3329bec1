"""What all fields of an exam say together: sums and the class list decide again, then sheets are settled. Pure.

    FieldRow… ─decide_sums─► FieldRow… ─match_sheets─► FieldRow…, Matching ─settle_sheets─► SettledSheet…  =  Decided

Whoever shows, exports or checks fields asks here, so that all of them say the same. Nothing of this is stored: what the
pixels said and what was decided from them alone stays as it is, and a changed roster or setting decides anew.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from flows.checking import calibrations, in_force
from flows.id_decisions import id_decisions
from flows.id_evidence import id_evidence, printed_ids
from flows.matching import MatchRule, match_sheets
from flows.records import CheckedField, FieldRow, PageRow, RunRow
from flows.results import Match, Matching, MatchStatus, Settler
from flows.roster import Candidate, exam_candidates
from flows.settings import Exam
from flows.settling import SettledSheet, settle_sheets
from flows.sheet_sums import decide_sums
from flows.sum_findings import SumFinding
from flows.worth import MarkRule
from recognizer.drift import stricter
from recognizer.promise import Thresholds
from recognizer.records import CharacterReading, Decision, ValueState
from recognizer.sum_model import MISADDED
from recognizer.template import Role, SheetTemplate

HELD_BACK = "less is accepted since errors were found in samples, or since a batch was unlike the calibration data"


@dataclass(frozen=True, slots=True)
class Grounds:
    """By what fields are decided together.

    `thresholds` are those in force, by model: what sums accept has to pass them too. `characters` are what was seen in
    the id fields, by key; `printed` the ids that printed copies stand for, by sheet. `misadded` is the share of written
    totals that are taken to be wrong.
    """

    templates: Sequence[SheetTemplate]
    rule: MarkRule = field(default_factory=MarkRule)
    candidates: Sequence[Candidate] = ()
    match_rule: MatchRule = field(default_factory=MatchRule)
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    characters: Mapping[str, tuple[CharacterReading, ...]] = field(default_factory=dict)
    printed: Mapping[str, str] = field(default_factory=dict)
    misadded: float = MISADDED


@dataclass(frozen=True, slots=True)
class DecidedFields:
    """Every field as all fields together decide it, what each sheet's sums say, and who wrote which sheet."""

    fields: tuple[FieldRow, ...]
    findings: tuple[SumFinding, ...] = ()
    matching: Matching = field(default_factory=Matching)


@dataclass(frozen=True, slots=True)
class Decided:
    """Every field as it is decided, every sheet settled, who wrote which, and who is expected."""

    fields: tuple[FieldRow, ...] = ()
    sheets: tuple[SettledSheet, ...] = ()
    matching: Matching = field(default_factory=Matching)
    candidates: tuple[Candidate, ...] = ()
    findings: tuple[SumFinding, ...] = ()


class KnowsGrounds(Protocol):
    """The reading side of `flows.store.Store`, as far as the grounds of decisions need it."""

    def id_characters(self) -> dict[str, tuple[CharacterReading, ...]]:
        """Return what was seen at each place of every id field."""
        ...

    def sample_checks(self) -> tuple[CheckedField, ...]:
        """Return every accepted field that people looked at."""
        ...

    def runs(self) -> tuple[RunRow, ...]:
        """Return every run."""
        ...

    def pages(self) -> tuple[PageRow, ...]:
        """Return every page that came in."""
        ...


class KnowsFields(KnowsGrounds, Protocol):
    """The reading side of `flows.store.Store`, as far as deciding needs it."""

    def fields(self) -> tuple[FieldRow, ...]:
        """Return every field of every read page."""
        ...


def decide_exam(exam: Exam, store: KnowsFields, rule: MarkRule | None = None) -> Decided:
    """Decide everything about an exam that readings, corrections and its files allow.

    `rule` is what blanks, dashes and AB are worth; without it, as exam.toml says.

    Raises:
        ExamError: the roster is faulty.
    """
    by = grounds_of(exam, store)
    return decide(store.fields(), store.pages(), by if rule is None else replace(by, rule=rule))


def grounds_of(exam: Exam, store: KnowsGrounds) -> Grounds:
    """Return by what the fields of an exam are decided together.

    Raises:
        ExamError: the roster is faulty.
    """
    settings = exam.settings
    roster = settings.roster
    candidates = exam_candidates(exam.roster, roster.check, exam.sheets.templates) if exam.roster.is_file() else ()
    return Grounds(
        templates=exam.sheets.templates,
        rule=MarkRule(settings.marks.blank, settings.marks.dash, settings.marks.absent),
        candidates=candidates,
        match_rule=MatchRule(settings.accept_error, roster.off_roster, roster.check),
        thresholds=_thresholds(exam, store),
        characters=store.id_characters(),
        printed=printed_ids(store.pages(), candidates, exam.sheets.templates),
        misadded=settings.sums.misadded,
    )


def _thresholds(exam: Exam, store: KnowsGrounds) -> dict[str, Thresholds]:
    """Return the thresholds in force: as sample checks left them, and stricter after a batch unlike the calibration."""
    share = exam.settings.accept_error
    runs = store.runs()
    calibrated = calibrations({run.model for run in runs}, share, own=exam.models)
    raised = in_force(calibrated, store.sample_checks(), share)
    unlike = {run.model for run in runs if run.promise is not None and run.promise.drift}
    held = {model: raised.get(model, known) for model, known in calibrated.items()}
    return {model: stricter(known, share) if model in unlike else known for model, known in held.items()}


def decide(fields: Sequence[FieldRow], pages: Iterable[PageRow], by: Grounds) -> Decided:
    """Decide everything about the fields of an exam together."""
    decided = decide_fields(fields, by)
    sheets = settle_sheets(
        decided.fields,
        pages,
        by.templates,
        by.rule,
        matches=decided.matching.by_sheet(),
        sums={finding.sheet: finding for finding in decided.findings},
    )
    return Decided(decided.fields, sheets, decided.matching, tuple(by.candidates), decided.findings)


def decide_fields(fields: Sequence[FieldRow], by: Grounds) -> DecidedFields:
    """Decide fields again by what other fields say; those that nothing else speaks of stay as they are.

    `fields` carry the decisions that were made from their own pictures: deciding twice changes nothing that once does
    not, but only the reader's own decisions tell what it had left open.
    """
    findings = decide_sums(fields, by.templates, by.rule, by.thresholds, by.misadded)
    summed = {key: decision for finding in findings for key, decision in finding.decisions.items()}
    evidence = id_evidence(fields, by.characters, by.templates, by.printed)
    matching = _held_back(match_sheets(evidence, by.candidates, by.match_rule), fields, by.thresholds)
    matched = id_decisions(matching, fields)
    return DecidedFields(
        tuple(_replaced(row, summed.get(row.key), matched.get(row.key)) for row in fields), findings, matching
    )


def _held_back(matching: Matching, fields: Sequence[FieldRow], thresholds: Mapping[str, Thresholds]) -> Matching:
    """Return the matching without what the thresholds in force forbid.

    The class list alone accepts at the error that the office asked for. Where a sample check or a batch unlike the
    calibration raised the threshold of id fields, what it made sure has to pass that too.
    """
    ids: dict[str, list[FieldRow]] = defaultdict(list)
    for row in fields:
        if row.role is Role.ID and row.counts:
            ids[row.sheet].append(row)
    return replace(
        matching, matches=tuple(_kept_or_unsure(match, ids[match.sheet], thresholds) for match in matching.matches)
    )


def _kept_or_unsure(match: Match, ids: Sequence[FieldRow], thresholds: Mapping[str, Thresholds]) -> Match:
    if match.status is not MatchStatus.MATCHED:
        return match
    if any(row.decision.state is ValueState.VALUE and row.decision.value == match.id for row in ids):
        return match
    limit = max((thresholds[row.model].of(row.kind) for row in ids if row.model in thresholds), default=0.0)
    if match.probability >= limit:
        return match
    return replace(match, status=MatchStatus.UNSURE, id="", why=HELD_BACK, settles=())


def decide_about(fields: Sequence[FieldRow], keys: Collection[str], by: Grounds) -> tuple[FieldRow, ...]:
    """Return all fields, with those of the sheets that `keys` stand on as all together decide them; the rest untouched.

    Cheaper than deciding about a whole exam: marks and totals look at their own sheet, ids at all ids.
    """
    asked = [row for row in fields if row.key in keys]
    sheets, ids = {row.sheet for row in asked}, any(row.role is Role.ID for row in asked)
    # How many sheets there are bears on whose each is: of a sheet without any id field one field stands for it.
    first = {row.sheet: row.key for row in reversed(fields)}
    about = [
        row for row in fields if row.sheet in sheets or (ids and (row.role is Role.ID or first[row.sheet] == row.key))
    ]
    if not about:
        return tuple(fields)
    decided = {row.key: row for row in decide_fields(about, by).fields}
    return tuple(decided.get(row.key, row) for row in fields)


def _replaced(row: FieldRow, by_sum: Decision | None, by_roster: Decision | None) -> FieldRow:
    if by_sum is not None:
        return replace(row, decision=by_sum, settled_by=Settler.SUM)
    if by_roster is not None:
        return replace(row, decision=by_roster, settled_by=Settler.ROSTER)
    return row
