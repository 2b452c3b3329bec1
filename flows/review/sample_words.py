"""Pure: what a sample check does, in sentences: before somebody hands it in, and after.

What is known before it is handed in is told before: that many fields go back to people must surprise nobody.
"""

from collections.abc import Iterator

from flows.checking import Standing
from flows.records import CheckOutcome
from flows.sample_rounds import HandedIn, threshold_scores
from recognizer.promise import Kept, Thresholds, per_thousand, sample_size

KINDS = {"digits": "digits in boxes", "number": "handwritten numbers", "choice": "ticks"}
"""What each kind of field is called here, in the order in which they are told."""

UNLESS = ", unless what is corrected contradicts the sum of its sheet"


def would_do(
    outcome: CheckOutcome, told: HandedIn, before: Standing, after: Standing, not_looked_at: int
) -> Iterator[str]:
    """Yield what handing in a sample would do, sentence by sentence.

    Args:
        outcome: what would be stored.
        told: the same in figures.
        before: how the promise stands now.
        after: how it would stand.
        not_looked_at: drawn fields that nobody has confirmed.
    """
    yield f"You looked at {_fields(told.stored + told.already)}: {_found(told.corrected)}"
    yield _measured(after, more=before.found.looked_at > 0)
    yield _promise(after)
    if outcome.tightenings:
        for one in outcome.tightenings:
            held = Thresholds(one.digits, one.number, one.choice)
            yield from _rises(one.model, before.thresholds.get(one.model), held, several=len(after.thresholds) > 1)
        reopened = sum(one.reopened for one in outcome.tightenings)
        yield (
            f"{reopened:,} of {_fields(before.accepted)} would be reopened: they wait in the "
            f"queue until a person has said what is written there, and until then the exam cannot be final. "
            f"{after.accepted - told.corrected:,} stay accepted{UNLESS if told.corrected else ''}."
            if reopened
            else "No other field would be reopened."
        )
        yield "No later sample lowers a threshold again."
    else:
        yield "No threshold rises, and no field is reopened."
    if told.left_out:
        yield (
            f"{_fields(len(told.left_out))} cannot be taken any more, since they were read or decided anew, and count "
            "for nothing."
        )
    if not_looked_at:
        yield f"{_fields(not_looked_at)} of your sample were not confirmed: they are dropped, and may be drawn again."


def what_became(done: HandedIn, drawn: int) -> Iterator[str]:
    """Yield what became of a sample that was handed in; which fields were left out is told apart."""
    yield f"{done.stored + done.already:,} of {drawn:,} drawn fields were handed in; {_corrected(done.corrected)}"
    for one in done.raised:
        held = Thresholds(one.digits, one.number, one.choice)
        yield (
            f"Thresholds of model {one.model} were raised ({one.why}): {_scores(held)}. {one.reopened:,} fields were "
            "reopened and wait in the queue."
        )
    if not done.raised:
        yield "No threshold was raised."
    if done.left_out:
        yield f"{len(done.left_out):,} could not be taken any more and count for nothing:"


def _fields(number: int) -> str:
    return f"{number:,} accepted field{'' if number == 1 else 's'}"


def _found(wrong: int) -> str:
    return {0: "none is wrong.", 1: "1 is wrong and would be corrected."}.get(
        wrong, f"{wrong:,} are wrong and would be corrected."
    )


def _corrected(wrong: int) -> str:
    return {0: "none of them had been accepted wrongly.", 1: "1 had been accepted wrongly and is corrected now."}.get(
        wrong, f"{wrong:,} had been accepted wrongly and are corrected now."
    )


def _measured(after: Standing, *, more: bool) -> str:
    found = after.found
    which = "All samples together" if more else "This sample"
    return (
        f"{which}: {found.wrong:,} wrong of {found.looked_at:,}, which is {per_thousand(found.rate)}; the true rate "
        f"lies between {per_thousand(after.low)} and {per_thousand(after.high)}, at 95 %."
    )


def _promise(after: Standing) -> str:
    target = per_thousand(after.accept_error)
    match after.found.kept:
        case Kept.YES:
            return f"The promise of at most {target} is kept."
        case Kept.NO:
            return f"The promise of at most {target} is not kept."
        case Kept.NOT_SHOWN:
            needed = sample_size(after.accept_error)
            return f"That at most {target} are wrong, as promised, is not shown yet; {needed:,} without error show it."


def _rises(model: str, before: Thresholds | None, after: Thresholds, *, several: bool) -> Iterator[str]:
    """Yield, for each kind of field whose threshold rises, from which score on it would be accepted."""
    old, new = threshold_scores(before) or {}, threshold_scores(after) or {}
    for kind, words in KINDS.items():
        if old.get(kind) == new.get(kind):
            continue
        of = f" (model {model})" if several else ""
        was = _score(old.get(kind))
        if (score := new.get(kind)) is not None and score > 1:
            yield f"Of {words}{of} the machine would accept none any more{f', now {was}' if was else ''}."
        else:
            yield f"Of {words}{of} the machine would accept those {_score(score)}{f', now {was}' if was else ''}."


def _scores(held: Thresholds) -> str:
    told = ((words, (threshold_scores(held) or {}).get(kind)) for kind, words in KINDS.items())
    return "accepted are " + ", ".join(f"{words} {_score(score)}" for words, score in told if score is not None)


def _score(score: float | None) -> str:
    if score is None:
        return ""
    return "never" if score > 1 else f"from a score of {score:.4f} on"
