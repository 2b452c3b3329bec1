"""By which rules results are recorded: silently while nothing changed, by `tallymark remark` where something did."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flows.errors import ExamError
from flows.exam_results import ExamResults, changes_since, exam_results
from flows.remarking import Comparison
from flows.results import MarkChange, Remark
from flows.rules import NEW
from flows.settings import Exam
from flows.store import Store
from flows.store_remarks import Recording, Snapshot

NO_MARKS_CHANGED = "no marks changed"
"""What a re-mark is said to have changed whose rules changed nobody's marks."""

OTHER_RULES = (
    "{}: the key, roster or settings are not those expected: their fingerprint is {}, expected was {}; look with "
    "--dry-run at what they change now. Nothing was stored"
)

NOT_ADOPTED = "{} since results were recorded on {:%Y-%m-%d %H:%M} UTC"

MORE_OF_IT = ": tallymark remark {} --dry-run shows more"


def not_adopted(last: Snapshot | None, now: Snapshot) -> Comparison | None:
    """Return what changed by rules that nobody adopted yet, None where the rules are those last adopted.

    Rules are adopted silently that can have changed nothing: the first ones, or a first key that changes no mark that
    was there without it, and opens or settles none.
    """
    since = changes_since(last, now)
    if last is None or not last.state.sheets or not since.rules:
        return None
    return None if not since.changes and all(rule.endswith(NEW) for rule in since.rules) else since


def adopt_silently(store: Store, now: Snapshot) -> None:
    """Record how things stand now, unless rules changed since: what the next re-mark tells its changes from."""

    def choose(last: Snapshot | None) -> Recording | None:
        if not_adopted(last, now) is not None or _is_same(last, now):
            return None
        return Recording(now)

    store.record(choose)


def adopt_or_tell(exam: Exam, store: Store) -> tuple[str, ...]:
    """Mark an exam and record that; where rules changed since the last time, only say so, in a line."""
    now = exam_results(exam, store).snapshot()
    if told := pending_in_words(exam.dir, store.last_snapshot(), now):
        return (told,)
    adopt_silently(store, now)
    return ()


def pending_in_words(folder: Path, last: Snapshot | None, now: Snapshot) -> str:
    """Say that rules changed and are not adopted yet, and by which command that is looked at; "" when they are."""
    told = pending_rules(last, now)
    return f"{told}{MORE_OF_IT.format(folder)}" if told else ""


def pending_rules(last: Snapshot | None, now: Snapshot) -> str:
    """Say which rules changed that are not adopted yet, "" when they are."""
    pending = not_adopted(last, now)
    if pending is None or last is None:
        return ""
    return NOT_ADOPTED.format("; ".join(pending.rules), last.made_at)


def _is_same(last: Snapshot | None, now: Snapshot) -> bool:
    """Tell whether there is nothing to record."""
    if last is None or last.state.rules != now.state.rules or changes_since(last, now).changes:
        return False
    if last.state.candidates != now.state.candidates:
        return False
    return {name: (one.digest, one.whose) for name, one in last.state.sheets.items()} == {
        name: (one.digest, one.whose) for name, one in now.state.sheets.items()
    }


def preview(exam: Exam, store: Store, expected: str | None = None) -> tuple[Comparison, ExamResults]:
    """Mark an exam anew and return what that would change; within a snapshot of the store, as at one moment.

    Raises:
        ExamError: the key or the roster is faulty, or the rules have another fingerprint than was `expected`.
    """
    results = _expected_results(exam, store, expected)
    return changes_since(store.last_snapshot(), results.snapshot()), results


def _expected_results(exam: Exam, store: Store, expected: str | None) -> ExamResults:
    results = exam_results(exam, store)
    if expected is not None and expected != results.rules.fingerprint:
        raise ExamError(OTHER_RULES.format(exam.dir, results.rules.fingerprint, expected))
    return results


def _nothing_by(rules: Sequence[str]) -> MarkChange:
    """Return what stands for changed rules that changed nobody's marks."""
    return MarkChange("", "", NO_MARKS_CHANGED, "", "", "; ".join(rules))


def remark_exam(
    exam: Exam, store: Store, by: Remark, expected: str | None = None
) -> tuple[Remark | None, Comparison, ExamResults]:
    """Mark an exam anew and record what that changed, before anything else can be written.

    Args:
        exam: the exam.
        store: its database.
        by: who does it, when and why.
        expected: the fingerprint that the rules are to have, None for any.

    Returns:
        The re-mark (None when neither marks nor rules changed), what was compared, and the results.

    Raises:
        ExamError: the key or the roster is faulty, or the rules are not those expected; nothing was stored.
    """
    found: list[tuple[Comparison, ExamResults]] = []

    def choose(last: Snapshot | None) -> Recording | None:
        results = _expected_results(exam, store, expected)
        now = results.snapshot()
        since = changes_since(last, now)
        found.append((since, results))
        if since.changes or since.rules:
            # Who changed rules and why is kept even if that changes nothing, or nothing yet.
            return Recording(now, replace(by, changes=since.changes or (_nothing_by(since.rules),)))
        return None if _is_same(last, now) else Recording(now)

    made = store.record(choose)
    since, results = found[0]
    return made, since, results
