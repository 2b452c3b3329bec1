"""Pure: what a sample check does, in sentences: before somebody hands it in, and after.

What is known before it is handed in is told before: that many fields go back to people must surprise nobody.
"""

from collections.abc import Iterator, Mapping

from flows.checking import Standing, promise_in_words
from flows.sample_rounds import Foreseen, HandedIn, threshold_scores
from recognizer.promise import Thresholds, per_thousand

KINDS = {"digits": "digits in boxes", "number": "handwritten numbers", "choice": "ticks"}
"""What each kind of field is called here, in the order in which they are told."""


def would_do(found: Foreseen, not_looked_at: int) -> Iterator[str]:
    """Yield what handing in a sample would do, sentence by sentence; `not_looked_at` drawn fields nobody confirmed."""
    done, before, after = found.done, found.before, found.after
    yield f"You looked at {_fields(done.stored + done.already)}: {_found(done.corrected)}"
    yield _measured(after, more=before.found.looked_at > 0)
    yield promise_in_words(after)
    for one in done.raised:
        held = Thresholds(one.digits, one.number, one.choice)
        yield from _rises(one.model, before.thresholds.get(one.model), held, several=len(after.thresholds) > 1)
    if not done.raised:
        yield "No threshold rises."
    if found.reopened or found.shaken:
        yield from _opens(found)
    else:
        yield "No field is reopened."
    if done.left_out:
        yield (
            f"{_fields(len(done.left_out))} cannot be taken any more, since they were read or decided anew, and count "
            "for nothing."
        )
    if not_looked_at:
        yield f"{_fields(not_looked_at)} of your sample were not confirmed: they are dropped, and may be drawn again."


def _opens(found: Foreseen) -> Iterator[str]:
    """Yield what goes back to people, in figures that add up."""
    parts = [f"{found.reopened:,} would be reopened, because their scores are too low then"] if found.reopened else []
    if found.shaken:
        parts.append(f"{found.shaken:,} {'more ' if parts else ''}that the sum or the class list had settled")
    if found.done.corrected:
        parts.append(f"{found.done.corrected:,} {'is' if found.done.corrected == 1 else 'are'} corrected")
    yield f"Of {_fields(found.accepted)} {', '.join(parts)}; {found.stay:,} stay accepted."
    yield "What is open waits in the queue until a person has said what is written there; the exam is not final before."
    if found.gained:
        yield f"{found.gained:,} that wait now would be accepted, since what is corrected settles them."
    if found.done.raised:
        yield "No later sample lowers a threshold again."


def accepts(held: Mapping[str, Thresholds | None]) -> Iterator[str]:
    """Yield from which scores on the fields of each model are accepted."""
    for model, known in held.items():
        of = f" read by {model}" if len(held) > 1 else ""
        if known is None:
            yield f"From which scores on fields{of} are accepted is not known: the card of their model is not here."
        else:
            yield f"Accepted{of} are {_scores(known)}."


def what_became(done: HandedIn, drawn: int) -> Iterator[str]:
    """Yield what became of a sample that was handed in; which fields were left out is told apart."""
    yield f"{done.stored + done.already:,} of {drawn:,} drawn fields were handed in; {_corrected(done.corrected)}"
    for one in done.raised:
        held = Thresholds(one.digits, one.number, one.choice)
        yield (
            f"The thresholds of {one.model} were raised ({one.why}): accepted are {_scores(held)}."
            f"{_reopened(one.reopened)}"
        )
    if not done.raised:
        yield "No threshold was raised."
    if done.left_out:
        yield f"{len(done.left_out):,} could not be taken any more and count for nothing:"


def _reopened(number: int) -> str:
    """Say how many fields a threshold sent back to people; nothing where it was none."""
    if not number:
        return ""
    return f" {number:,} field{' was reopened and waits' if number == 1 else 's were reopened and wait'} in the queue."


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


def _rises(model: str, before: Thresholds | None, after: Thresholds, *, several: bool) -> Iterator[str]:
    """Yield, for each kind of field whose threshold rises, from which score on it would be accepted."""
    old, new = threshold_scores(before) or {}, threshold_scores(after) or {}
    for kind, words in KINDS.items():
        if old.get(kind) == new.get(kind):
            continue
        of = f" (model {model})" if several else ""
        was = _score(old.get(kind))
        if (score := new.get(kind)) is not None and score > 1:
            yield f"Of {words}{of} the machine would accept none any more{f' (now {was})' if was else ''}."
        else:
            yield f"Of {words}{of} the machine would accept those {_score(score)}{f' (now {was})' if was else ''}."


def _scores(held: Thresholds) -> str:
    told = ((words, (threshold_scores(held) or {}).get(kind)) for kind, words in KINDS.items())
    return ", ".join(f"{words} {_score(score)}" for words, score in told if score is not None)


def _score(score: float | None) -> str:
    if score is None:
        return ""
    return "never" if score > 1 else f"from a score of {score:.4f} on"
