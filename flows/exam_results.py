"""Everything that an exam's readings are worth now, by its key, roster and settings: no scan, no model."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from flows.deciding import Decided, KnowsFields, decide_exam
from flows.key import Key, rule_with_key
from flows.key_files import exam_key
from flows.marking import candidate_results, doubted_by_key, mark_sheets, void_cells
from flows.remarking import Comparison, compare, standings
from flows.results import CandidateResult, SheetResult, Unsettled
from flows.rules import Rules, rules_of
from flows.settings import Exam
from flows.settling import with_doubts, without_doubts
from flows.store_remarks import Snapshot
from flows.worth import MarkRule


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
        return Snapshot(datetime.now(UTC), self.rules, found)


def exam_rule(exam: Exam, key: Key | None) -> MarkRule:
    """Return what blanks, dashes and AB are worth: by exam.toml, and before it by the key."""
    marks = exam.settings.marks
    return rule_with_key(MarkRule(marks.blank, marks.dash, marks.absent), key)


def exam_results(exam: Exam, store: KnowsFields) -> ExamResults:
    """Mark a whole exam by its files as they are now.

    Raises:
        ExamError: the key or the roster is faulty.
        PlaceError: one of them cannot be read.
    """
    templates = exam.sheets.templates
    key = exam_key(exam.dir, templates)
    rule = exam_rule(exam, key)
    with _without_collector():
        decided = decide_exam(exam, store, rule)
        matched = {match.sheet: match.id for match in decided.matching.matches if match.id}
        sheets = mark_sheets(decided.sheets, key, rule, matched, templates)
        decided = _with_doubts(decided, sheets, key, rule)
        candidates = candidate_results(sheets, decided.matching, decided.candidates, key)
    return ExamResults(decided, sheets, candidates, key, rules_of(exam))


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


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from looking for cycles among records, which have none: that takes a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def changes_since(last: Snapshot | None, now: Snapshot) -> Comparison:
    """Return what changed since results were recorded last; nothing, before the first time."""
    return (
        Comparison(sheets=len(now.sheets), new=len(now.sheets))
        if last is None
        else compare(last.sheets, now.sheets, last.rules, now.rules)
    )
