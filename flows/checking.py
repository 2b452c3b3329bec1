"""Sample checks: people look at some accepted fields, drawn at random, and say what is really written there. Pure.

    fields ─draw─► workbook ─► answers ─weigh─► CheckOutcome (stored whole) ─► how_it_stands

When they find more errors than promised, thresholds rise and what is now in doubt is looked at again. What the answers
raise is never stored as the rule: every run works it out anew from all answers of its model (`rounds_by_model`).
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from flows.records import By, CheckedField, CheckOutcome, Correction, FieldRow, Tightening
from recognizer.binomial import lower_bound, upper_bound
from recognizer.curves import rounded
from recognizer.promise import (
    CONFIDENCE,
    Kept,
    SampleCheck,
    Thresholds,
    Verdict,
    check_promise,
    per_thousand,
    sample_size,
    tightened_by_rounds,
)
from recognizer.records import Decision, Flag, ValueState

USEFUL_DRAW = 300
"""Fields drawn unless a number is asked for: a quarter of an hour's work, and with none wrong it shows 10 in 1,000."""

TWO_SIDED = (1 + CONFIDENCE) / 2
"""Confidence of each of the two bounds that hold an error rate between them at 95 %."""

UNCALIBRATED = Thresholds(0.0, 0.0, 0.0)
"""What is known of a model whose card is not at hand: nothing."""

DOUBTED = "a sample check found more errors than promised; readings as unsure as this one are looked at again"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says of one accepted field: VALUE or BLANK, as it is really written. Checked already."""

    row: FieldRow
    state: ValueState
    value: str

    @property
    def wrong(self) -> bool:
        """Whether the machine had accepted something else."""
        return (self.row.decision.state, self.row.decision.value) != (self.state, self.value)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the sample checks of an exam say.

    `found` speaks of everything that was accepted before thresholds rose, with `low` and `high` holding its error rate
    at 95 %; `left` of what is still accepted after they did. `thresholds` are those in force now, by model; None where
    the model's card is not at hand and nothing was raised. `reopened` fields were accepted once, `waiting` of them
    nobody has looked at since.
    """

    accept_error: float
    accepted: int
    found: Verdict
    low: float
    high: float
    left: Verdict
    thresholds: Mapping[str, Thresholds | None]
    tightenings: tuple[Tightening, ...]
    reopened: int
    waiting: int

    @property
    def broken(self) -> bool:
        """Whether more errors were found than promised, at whatever time."""
        return bool(self.tightenings) or self.found.kept is Kept.NO

    @property
    def blocks(self) -> bool:
        """Whether the exam cannot be final because of it."""
        return self.waiting > 0 or self.left.kept is Kept.NO


def wrong_at_most(standing: Standing, untouched: int) -> tuple[int, int] | None:
    """Return between which numbers of the accepted fields that nobody has looked at are wrong, at 95 %.

    Only what was looked at of the fields that are still accepted tells that; what was found wrong is corrected.

    Args:
        standing: how the promise stands.
        untouched: how many accepted fields nobody has looked at.
    """
    if not standing.left.looked_at:
        return None
    low, high = _interval(standing.left, standing.left.looked_at + untouched)
    return math.floor(low * untouched), math.ceil(high * untouched)


def accepted_untouched(fields: Iterable[FieldRow], checks: Iterable[CheckedField]) -> tuple[FieldRow, ...]:
    """Return the fields that the machine decided and no person has looked at, in the order given."""
    seen = {(one.key, one.model) for one in checks}
    return tuple(
        row
        for row in fields
        if row.decision.flag is None and row.correction is None and (row.key, row.model) not in seen
    )


def draw(
    fields: Sequence[FieldRow], checks: Iterable[CheckedField], number: int, seed: int | None = None
) -> tuple[FieldRow, ...]:
    """Choose accepted fields at random, each as likely as any other, in the order of the pages; all if there are fewer.

    Those that were looked at before are left out: together with them, what is chosen is a larger random sample.
    """
    there = accepted_untouched(fields, checks)
    chosen = Random(seed).sample(range(len(there)), min(number, len(there)))
    return tuple(there[index] for index in sorted(chosen))


def can_show(number: int, accept_error: float, left: int) -> str:
    """Say what a sample can show at best: `number` fields looked at in all, `left` of the accepted ones not."""
    if not left:
        return "Then every accepted field was looked at, and the error rate is known."
    best = per_thousand(upper_bound(0, number, CONFIDENCE))
    needed = sample_size(accept_error)
    if number >= needed:
        return (
            f"With none wrong, they show at 95 % that at most {best} are; the promise is {per_thousand(accept_error)}."
        )
    return (
        f"With none wrong, they show at 95 % that at most {best} are wrong; to show {per_thousand(accept_error)} takes "
        f"{needed:,}. More errors than promised show much sooner."
    )


def rounds_by_model(checks: Iterable[CheckedField]) -> dict[str, tuple[tuple[SampleCheck, ...], ...]]:
    """Return what people found, by model, one tuple for each time that answers were handed in, oldest first."""
    models: defaultdict[str, defaultdict[int, list[SampleCheck]]] = defaultdict(lambda: defaultdict(list))
    for one in checks:
        models[one.model][one.round].append(_sample(one))
    return {
        model: tuple(tuple(rounds[number]) for number in sorted(rounds)) for model, rounds in sorted(models.items())
    }


def calibrations(
    models: Collection[str], accept_error: float, folder: Path | None = None, own: Iterable[Path] = ()
) -> dict[str, Thresholds]:
    """Return the thresholds that follow from calibration, for those of the models whose card is at hand.

    Args:
        models: names of models.
        accept_error: the target.
        folder: a model that somebody named.
        own: models of the exam's own, beside the shipped one; any of them may be gone.

    Raises:
        ModelError: the card in `folder` is missing or faulty.
    """
    from recognizer.classifier import CARD_FILE, SHIPPED, load_card
    from recognizer.errors import ModelError
    from recognizer.promise import policy_thresholds

    cards = [load_card(folder / CARD_FILE)] if folder else []
    # A card that cannot be read is not at hand; whoever grades is told so.
    for place in (*own, SHIPPED):
        with suppress(ModelError):
            cards.append(load_card(place / CARD_FILE))
    return {card.name: policy_thresholds(card.details, accept_error) for card in cards if card.name in models}


def in_force(
    calibrated: Mapping[str, Thresholds], checks: Iterable[CheckedField], accept_error: float
) -> dict[str, Thresholds]:
    """Return the thresholds of every model that people checked, as the checks leave them."""
    return {
        model: tightened_by_rounds(calibrated.get(model, UNCALIBRATED), rounds, accept_error)
        for model, rounds in rounds_by_model(checks).items()
    }


def weigh(
    answers: Sequence[Answer],
    fields: Sequence[FieldRow],
    earlier: Sequence[CheckedField],
    calibrated: Mapping[str, Thresholds],
    *,
    accept_error: float,
    by: By,
) -> CheckOutcome:
    """Return what becomes of the answers of one round: checks, corrections, raised thresholds, reopened fields.

    Args:
        answers: what people say, about fields of `accepted_untouched`, each once.
        fields: every field as it is now.
        earlier: every check before.
        calibrated: the thresholds of each model before any check; a model may be missing.
        accept_error: the target.
        by: who looked.
    """
    if not answers:
        return CheckOutcome()
    number = max((one.round for one in earlier), default=0) + 1
    new = tuple(_checked(answer, number, by) for answer in answers)
    before, after = in_force(calibrated, earlier, accept_error), in_force(calibrated, (*earlier, *new), accept_error)
    raised = {
        model: held
        for model, held in after.items()
        if _scores(held) != _scores(before.get(model) or calibrated.get(model, UNCALIBRATED))
    }
    untouched = accepted_untouched(fields, (*earlier, *new))
    doubted = {row.key: _doubted(row) for row in untouched if row.model in raised and _below(row, raised[row.model])}
    reopened = {model: sum(row.key in doubted for row in untouched if row.model == model) for model in raised}
    return CheckOutcome(
        checked=new,
        corrections=tuple(_correction(answer, by) for answer in answers if answer.wrong),
        tightenings=tuple(
            Tightening(
                round=number,
                model=model,
                accept_error=accept_error,
                digits=held.digits,
                number=held.number,
                choice=held.choice,
                reopened=reopened[model],
                why=_why(model, (*earlier, *new), accept_error),
                reviewer=by.reviewer,
                made_at=by.made_at,
            )
            for model, held in raised.items()
        ),
        doubted=doubted,
    )


def doubtful(
    fields: Iterable[FieldRow],
    checks: Sequence[CheckedField],
    calibrated: Mapping[str, Thresholds],
    accept_error: float,
) -> dict[str, Decision]:
    """Return new decisions of accepted fields that what people found in samples leaves below the thresholds.

    For fields that come to count after the samples were looked at: a page that was held while others were checked.
    """
    raised = in_force(calibrated, checks, accept_error)
    return {
        row.key: _doubted(row)
        for row in accepted_untouched(fields, checks)
        if row.model in raised and _below(row, raised[row.model])
    }


def how_it_stands(
    fields: Sequence[FieldRow],
    checks: Sequence[CheckedField],
    tightenings: Sequence[Tightening],
    calibrated: Mapping[str, Thresholds],
    accept_error: float,
) -> Standing:
    """Say what the sample checks tell of the readings as they are now; those of a replaced model tell nothing."""
    read_by = {row.key: row.model for row in fields}
    telling = [one for one in checks if read_by.get(one.key) == one.model]
    raised = in_force(calibrated, checks, accept_error)
    left = [one for one in telling if rounded(one.score) >= raised[one.model].of(one.kind.value)]
    once = [row for row in fields if row.decision.flag in (None, Flag.DOUBTED)]
    now = sum(row.decision.flag is None for row in once)
    found = check_promise([_sample(one) for one in telling], accept_error, len(once))
    low, high = _interval(found, len(once))
    doubted = [row for row in fields if row.decision.flag is Flag.DOUBTED]
    models = dict.fromkeys(row.model for row in fields)
    return Standing(
        accept_error=accept_error,
        accepted=now,
        found=found,
        low=low,
        high=high,
        left=check_promise([_sample(one) for one in left], accept_error, now),
        thresholds={model: _known(raised.get(model), calibrated.get(model)) for model in models},
        tightenings=tuple(one for one in tightenings if one.model in models),
        reopened=len(doubted),
        waiting=sum(not row.settled_by_person for row in doubted),
    )


def promise_in_words(standing: Standing) -> str:
    """Return in a sentence whether the samples that were looked at show that the promise is kept."""
    target = per_thousand(standing.accept_error)
    match standing.found.kept:
        case Kept.YES:
            return f"The promise of at most {target} is kept."
        case Kept.NO:
            return f"The promise of at most {target} is not kept."
        case Kept.NOT_SHOWN:
            needed = f"{sample_size(standing.accept_error):,}"
            return f"Whether the promise of at most {target} is kept is not shown yet; {needed} without error show it."


def in_words(standing: Standing) -> Iterator[str]:
    """Yield how the promise stands, sentence by sentence."""
    target, found = per_thousand(standing.accept_error), standing.found
    if not found.looked_at:
        yield f"Nobody has looked at a sample of the {standing.accepted:,} accepted fields; the promise is {target}."
        return
    yield (
        f"Looked at {found.looked_at:,} accepted fields, {found.wrong:,} wrong: {per_thousand(found.rate)}, between "
        f"{per_thousand(standing.low)} and {per_thousand(standing.high)} at 95 %."
    )
    yield promise_in_words(standing)
    if standing.tightenings:
        yield (
            f"So less is accepted; {standing.reopened:,} fields were reopened, {standing.waiting:,} of them still wait "
            f"for a person. Of what stays accepted {standing.left.looked_at:,} were looked at, "
            f"{standing.left.wrong:,} wrong."
        )
    elif found.kept is Kept.NO:
        yield "All that were found wrong are corrected; the rest of what is accepted has to be looked at."


def _known(raised: Thresholds | None, calibrated: Thresholds | None) -> Thresholds | None:
    if raised is None or (calibrated is None and _scores(raised) == _scores(UNCALIBRATED)):
        return calibrated
    return raised


def _interval(found: Verdict, population: int) -> tuple[float, float]:
    if 0 < population <= found.looked_at:
        return found.rate, found.rate
    return (
        lower_bound(found.wrong, found.looked_at, TWO_SIDED),
        upper_bound(found.wrong, found.looked_at, TWO_SIDED),
    )


def _sample(one: CheckedField) -> SampleCheck:
    return SampleCheck(one.kind.value, one.score, one.wrong)


def _scores(held: Thresholds) -> tuple[float, float, float]:
    return held.digits, held.number, held.choice


def _below(row: FieldRow, held: Thresholds) -> bool:
    return rounded(row.decision.confidence) < held.of(row.kind.value)


def _doubted(row: FieldRow) -> Decision:
    said = row.decision
    return Decision(
        said.field,
        ValueState.UNSETTLED,
        "",
        said.guess,
        said.confidence,
        Flag.DOUBTED,
        f"{DOUBTED} (read as {said.guess_in_words})",
    )


def _checked(answer: Answer, number: int, by: By) -> CheckedField:
    row = answer.row
    return CheckedField(
        round=number,
        key=row.key,
        revision=row.revision,
        kind=row.kind,
        score=row.decision.confidence,
        machine=row.decision.value,
        model=row.model,
        wrong=answer.wrong,
        state=answer.state,
        value=answer.value,
        reviewer=by.reviewer,
        made_at=by.made_at,
        how=by.how,
    )


def _correction(answer: Answer, by: By) -> Correction:
    row = answer.row
    return Correction(
        key=row.key,
        state=answer.state,
        value=answer.value,
        was=row.value,
        machine=row.decision.guess,
        model=row.model,
        reviewer=by.reviewer,
        made_at=by.made_at,
        how=by.how,
    )


def _why(model: str, checks: Iterable[CheckedField], accept_error: float) -> str:
    mine = [one for one in checks if one.model == model]
    wrong = sum(one.wrong for one in mine)
    return f"{wrong} wrong of {len(mine)} accepted fields looked at; promised is at most {per_thousand(accept_error)}"
