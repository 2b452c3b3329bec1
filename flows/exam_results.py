"""Everything that an exam's readings are worth now, by its key, roster and settings: no scan, no model."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from flows.collector import without_collector
from flows.deciding import Decided, KnowsFields, decide_exam
from flows.errors import ExamError
from flows.key import Key, rule_with_key
from flows.key_files import exam_key
from flows.marking import candidate_results, doubted_by_key, mark_sheets, void_cells
from flows.overall_changes import overalls
from flows.remarking import Comparison, State, compare, standings
from flows.results import CandidateResult, SheetResult, Unsettled
from flows.rules import Rules, rules_of
from flows.settings import Exam
from flows.settling import with_doubts, without_doubts
from flows.store_remarks import Snapshot
from flows.worth import MarkRule

TRIES = 3
"""Times that an exam is marked anew because its key or roster was saved meanwhile: people save less often."""


@dataclass(frozen=True, slots=True)
class ExamResults:
    """What every sheet and every candidate has, and by which rules. `key` is None where the exam has none."""

    decided: Decided = field(default_factory=Decided)
    sheets: tuple[SheetResult, ...] = ()
    candidates: tuple[CandidateResult, ...] = ()
    key: Key | None = None
    rules: Rules = field(default_factory=Rules)

    def snapshot(self) -> Snapshot:
        """Return how things stand, as it is remembered."""
        found = standings(self.sheets, self.decided.matching.matches, self.decided.fields)
        return Snapshot(datetime.now(UTC), State(self.rules, found, overalls(self.candidates)))


def exam_rule(exam: Exam, key: Key | None) -> MarkRule:
    """Return what blanks, dashes and AB are worth: by exam.toml, and before it by the key."""
    marks = exam.settings.marks
    return rule_with_key(MarkRule(marks.blank, marks.dash, marks.absent), key)


def exam_results(exam: Exam, store: KnowsFields) -> ExamResults:
    """Mark a whole exam by its files as they are now; the rules in the result are the very ones that it is marked by.

    Raises:
        ExamError: the key or the roster is faulty, or is saved again and again meanwhile.
        PlaceError: one of them cannot be read.
    """
    for _ in range(TRIES):
        rules = rules_of(exam)
        results = _results(exam, store, rules)
        # Whoever saves a key at this moment must not have it recorded as the one that was read.
        if rules_of(exam) == rules:
            return results
    raise ExamError(f"{exam.dir}: the key or the roster was saved {TRIES} times while sheets were marked; try again")


def _results(exam: Exam, store: KnowsFields, rules: Rules) -> ExamResults:
    templates = exam.sheets.templates
    key = exam_key(exam.dir, templates)
    rule = exam_rule(exam, key)
    with without_collector():
        decided = decide_exam(exam, store, rule)
        matched = {match.sheet: match.id for match in decided.matching.matches if match.id}
        sheets = mark_sheets(decided.sheets, key, rule, matched, templates)
        decided = _with_doubts(decided, sheets, key, rule)
        candidates = candidate_results(sheets, decided.matching, decided.candidates, key)
    return ExamResults(decided, sheets, candidates, key, rules)


def _with_doubts(decided: Decided, results: Sequence[SheetResult], key: Key | None, rule: MarkRule) -> Decided:
    """Open the readings that are settled and that the key cannot take, such as a mark above its maximum.

    A blank mark cell of a void question is closed: whatever a blank means, it is worth what the key says.
    """
    if key is None:
        return decided
    if void := void_cells([sheet for sheet in decided.sheets if sheet.doubts or sheet.remarks], key):
        decided = replace(decided, sheets=tuple(without_doubts(sheet, void) for sheet in decided.sheets))
    asked = {each.sheet for each in results if any(isinstance(one.points, Unsettled) for one in each.questions)}
    doubts = doubted_by_key([sheet for sheet in decided.sheets if sheet.sheet in asked], key, rule)
    if not doubts:
        return decided
    return replace(decided, sheets=tuple(with_doubts(sheet, doubts) for sheet in decided.sheets))


def changes_since(last: Snapshot | None, now: Snapshot) -> Comparison:
    """Return what changed since results were recorded last; nothing, before the first time."""
    return (
        Comparison(sheets=len(now.state.sheets), new=len(now.state.sheets))
        if last is None
        else compare(last.state, now.state)
    )
