"""What a run promises of the fields that it accepted, and what it takes back when its batch looks unlike. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from flows.records import FieldRow, RunEnd, RunPromise
from recognizer.curves import rounded
from recognizer.drift import DRIFT_FACTOR, stricter, unlike
from recognizer.judge import ReviewPolicy, judge
from recognizer.promise import Expectation, Thresholds, expected_wrong, per_thousand
from recognizer.records import Decision, Flag, Reading
from recognizer.template import Kind, SheetTemplate
from recognizer.values import BLANK

SCORED = (None, Flag.UNSURE, Flag.BLANK_MARK, Flag.BLANK_ID, Flag.DOUBTED)
"""Flags of fields without trouble: their score was asked, and says how well the machine reads this batch."""


def end_of_run(
    fields: Sequence[FieldRow], held: Thresholds, accept_error: float, templates: Mapping[str, SheetTemplate]
) -> RunEnd:
    """Say how a run ends.

    A batch is what one run read. When it is unlike the calibration data (`recognizer.drift`), its accepted fields are
    judged again with stricter thresholds, and `DRIFT_FACTOR` times as many errors are expected of those that remain.
    Pages that are held belong to the batch and are judged with it, so that they may count later; nothing is promised
    of them.

    Args:
        fields: every field that the run read, with the decision that was made when it was read.
        held: the thresholds of those decisions.
        accept_error: the target.
        templates: the exam's templates by name.
    """
    counting = [row for row in fields if row.counts]
    seen = unlike(_scores(fields, held, templates), held)
    if not seen:
        return RunEnd(_promise(counting, {}, held, accept_error, ""), {})
    strict = stricter(held, accept_error)
    doubted = {row.key: _judged_again(row, strict, templates) for row in fields if _too_low(row, strict)}
    told = "; ".join(one.in_words() for one in seen)
    return RunEnd(_promise(counting, doubted, strict, accept_error, told), doubted)


def _scores(
    fields: Sequence[FieldRow], held: Thresholds, templates: Mapping[str, SheetTemplate]
) -> list[dict[str, list[float]]]:
    """Return the scores of each sheet's fields, by kind, without those that say nothing of handwriting.

    The score of a field of several boxes is the product of theirs; calibration has single boxes. So it is their
    geometric mean that is compared.
    """
    sheets: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in fields:
        said = row.decision
        surely_blank = said.guess == BLANK and rounded(said.confidence) >= held.of(row.kind)
        if said.flag in SCORED and not surely_blank:
            field = templates[row.template].pages[row.template_page - 1].field_named(row.field)
            boxes = field.characters + field.sign if row.kind is Kind.DIGITS else 1
            sheets[row.sheet][row.kind].append(said.confidence ** (1 / boxes))
    return [dict(kinds) for kinds in sheets.values()]


def _too_low(row: FieldRow, held: Thresholds) -> bool:
    return row.decision.flag is None and rounded(row.decision.confidence) < held.of(row.kind)


def _judged_again(row: FieldRow, held: Thresholds, templates: Mapping[str, SheetTemplate]) -> Decision:
    field = templates[row.template].pages[row.template_page - 1].field_named(row.field)
    decision = judge(Reading(row.field, row.values, (), None, b""), field, ReviewPolicy(held))
    return replace(decision, why=f"{decision.why}; less is accepted of a batch that is unlike the calibration data")


def _promise(
    fields: Sequence[FieldRow], doubted: Mapping[str, Decision], held: Thresholds, accept_error: float, drift: str
) -> RunPromise:
    accepted = Counter(row.kind.value for row in fields if row.decision.flag is None and row.key not in doubted)
    reckoned = {kind: round(count * (DRIFT_FACTOR if drift else 1)) for kind, count in accepted.items()}
    read = {row.kind.value for row in fields}
    rests_on = [one for one in held.details if one.kind in read]
    proven = not drift and bool(held.details) and all(one.proven for one in rests_on if accepted[one.kind])
    return RunPromise(
        fields=len(fields),
        accepted=accepted.total(),
        accept_error=accept_error,
        proven=proven,
        expected=expected_wrong(reckoned, held),
        drift=drift,
        thresholds=tuple(one.in_words() for one in rests_on),
    )


def review_share(promise: RunPromise) -> float:
    """Return which share of the fields goes to people, 0 when there were none."""
    return 1 - promise.accepted / promise.fields if promise.fields else 0.0


def in_words(promise: RunPromise) -> Iterator[str]:
    """Yield what a run promises, sentence by sentence."""
    yield (
        f"{promise.accepted:,} of {promise.fields:,} fields are accepted; {promise.fields - promise.accepted:,} "
        f"({review_share(promise):.1%}) go to a person."
    )
    target = f"The target is at most {per_thousand(promise.accept_error)}"
    if promise.expected is None:
        yield f"How many of the accepted ones are wrong is not known: the model was never calibrated. {target}."
    elif not promise.accepted:
        yield f"None is accepted, so none can be accepted wrongly. {target}."
    else:
        worth = ", which is proven" if promise.proven else ", which is not proven"
        yield f"Of the accepted ones {_expected(promise.expected)}. {target}{worth}."
    if promise.drift:
        yield (
            f"This batch is unlike the calibration data: {promise.drift}. So it was judged as if errors were "
            f"{DRIFT_FACTOR:g} times as likely, and less of it is accepted; check a sample of it."
        )


def _expected(found: Expectation) -> str:
    number = f"{found.expected:,.0f}" if found.expected >= 10 else f"{found.expected:.2g}"
    return f"{number} are expected to be wrong ({found.low:,} to {found.high:,} at 95 %)"
