"""A sample check of an exam in its database: what people say is weighed and stored, and how the promise stands then.

    answers of people ─hand_in─► checks, corrections, raised thresholds (stored together) ─standing_in─► Standing

The command line and the browser hand in here, so that both store the same and say the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from flows.checking import Standing, calibrations, how_it_stands, in_words, weigh
from flows.deciding import decide_fields, grounds_of
from flows.errors import CheckError
from flows.export.check_sheet import answers, check_revision
from flows.export.reading_back import Filled
from flows.records import By, CheckedField, CheckOutcome, FieldRow, PageRow, RunRow, Tightening
from flows.settings import Exam
from flows.store import Store
from recognizer.curves import KINDS
from recognizer.promise import Thresholds
from recognizer.records import CharacterReading


class KnowsChecks(Protocol):
    """The reading side of `flows.store.Store`, as far as sample checks need it."""

    def sample_checks(self) -> tuple[CheckedField, ...]:
        """Return every accepted field that people looked at."""
        ...

    def tightenings(self) -> tuple[Tightening, ...]:
        """Return how sample checks raised thresholds."""
        ...


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What became of the answers of one round.

    `already` were stored before; `corrected` fields had been accepted wrongly; `left_out` says, a line each, which
    answers could not be taken any more; `raised` are the thresholds that rose, with how many fields each reopened.
    """

    stored: int = 0
    already: int = 0
    corrected: int = 0
    left_out: tuple[str, ...] = ()
    raised: tuple[Tightening, ...] = ()


def hand_in(
    exam: Exam,
    store: Store,
    said: Callable[[Sequence[FieldRow]], Sequence[Filled]],
    by: By,
    *,
    model: Path | None = None,
    partly: bool = False,
) -> HandedIn:
    """Weigh and store the answers of one round in one transaction.

    Args:
        exam: the exam.
        store: its database.
        said: given every field as it is decided now, returns what people say of some.
        by: who looked, when and how.
        model: a model whose card is not the exam's or the shipped one.
        partly: leave answers out that cannot be taken any more, rather than refuse all.

    Raises:
        CheckError: an answer is faulty; nothing was stored.
        PlaceError: somebody is grading: a run must not accept with thresholds that are just being raised.
    """
    told = HandedIn()
    grounds = grounds_of(exam, store)

    def choose(read: tuple[FieldRow, ...], checks: tuple[CheckedField, ...]) -> CheckOutcome:
        nonlocal told
        fields = decide_fields(read, grounds).fields
        outcome, told = weighed(exam, fields, checks, said(fields), by, model=model, partly=partly)
        return outcome

    with store.grading():
        store.check(choose)
    return told


def weighed(
    exam: Exam,
    fields: Sequence[FieldRow],
    checks: Sequence[CheckedField],
    said: Sequence[Filled],
    by: By,
    *,
    model: Path | None = None,
    partly: bool = False,
) -> tuple[CheckOutcome, HandedIn]:
    """Return what handing in some answers does to fields that are decided already. Nothing is stored.

    Raises:
        CheckError: as `hand_in`.
    """
    share = exam.settings.accept_error
    taken, before, problems = answers(said, fields, checks, exam.sheets.templates)
    if problems and not partly:
        raise CheckError(_refused(problems))
    held = calibrations({row.model for row in fields}, share, model, exam.models)
    outcome = weigh(taken, fields, checks, held, accept_error=share, by=by)
    return outcome, HandedIn(len(taken), len(before), len(outcome.corrections), problems, outcome.tightenings)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What handing in some answers would do, as things are now.

    `before` and `after` say how the promise stands now and would stand then. Of `accepted` fields that the machine
    decides now and no person has spoken of, `stay` stay so; `shaken` are open then although no threshold reopens them:
    the sum of their sheet or the class list had settled them with the help of others. In the same way `gained` would
    be accepted that wait now.
    """

    done: HandedIn
    before: Standing
    after: Standing
    accepted: int
    stay: int
    shaken: int
    gained: int

    @property
    def reopened(self) -> int:
        """How many fields raised thresholds reopen."""
        return sum(one.reopened for one in self.done.raised)


def foresee(exam: Exam, store: Store, fields: Sequence[FieldRow], said: Sequence[Filled], by: By) -> Foreseen:
    """Return what `hand_in` would do, partly if need be; nothing is stored. Within a snapshot of the store.

    `fields` are those of the exam as they are decided now. They are decided again only where something would change.
    """
    outcome, done = weighed(exam, fields, store.sample_checks(), said, by, partly=True)
    then, supposed = fields, Supposed(store, outcome)
    if outcome.corrections or outcome.tightenings:
        then = decide_fields(supposed.fields(store.fields()), grounds_of(exam, supposed)).fields
    now, later = _left_to_machine(fields), _left_to_machine(then)
    corrected = {one.key for one in outcome.corrections}
    return Foreseen(
        done,
        before=standing_of(exam, fields, store),
        after=standing_of(exam, then, supposed),
        accepted=len(now),
        stay=len(now & later),
        shaken=len(now - later - corrected - outcome.doubted.keys()),
        gained=len(later - now),
    )


@dataclass(frozen=True, slots=True)
class Supposed:
    """The reading side of a store as it would be, once the outcome of a sample check was stored."""

    store: Store
    outcome: CheckOutcome

    def fields(self, read: Sequence[FieldRow]) -> tuple[FieldRow, ...]:
        """Return fields as their own pictures and people would say."""
        doubted, said = self.outcome.doubted, {one.key: one for one in self.outcome.corrections}
        return tuple(
            replace(row, decision=doubted.get(row.key, row.decision), correction=said.get(row.key, row.correction))
            for row in read
        )

    def sample_checks(self) -> tuple[CheckedField, ...]:
        """Return every accepted field that people looked at."""
        return (*self.store.sample_checks(), *self.outcome.checked)

    def tightenings(self) -> tuple[Tightening, ...]:
        """Return how sample checks raised thresholds."""
        return (*self.store.tightenings(), *self.outcome.tightenings)

    def id_characters(self) -> dict[str, tuple[CharacterReading, ...]]:
        """Return what was seen in id fields."""
        return self.store.id_characters()

    def runs(self) -> tuple[RunRow, ...]:
        """Return every run."""
        return self.store.runs()

    def pages(self) -> tuple[PageRow, ...]:
        """Return every page."""
        return self.store.pages()


def _left_to_machine(fields: Sequence[FieldRow]) -> set[str]:
    return {row.key for row in fields if row.decision.flag is None and row.correction is None}


def as_filled(pairs: Sequence[tuple[str, str]], fields: Sequence[FieldRow]) -> tuple[Filled, ...]:
    """Return single answers, each a key and a text, as filled rows about the readings as they are now."""
    present = {row.key: row for row in fields}
    return tuple(
        filled_about(row, check_revision(row), value, number)
        if (row := present.get(key))
        else Filled(number, key, "", value, "", "", "", "", key)
        for number, (key, value) in enumerate(pairs, start=1)
    )


def filled_about(row: FieldRow, revision: str, text: str, number: int = 0) -> Filled:
    """Return what somebody says of a field as a filled row; `revision` is that of what was looked at."""
    return Filled(number, row.key, revision, text, "", row.sheet, row.file, str(row.page_number), row.field)


def _refused(problems: Sequence[str]) -> str:
    return "\n".join((f"nothing was stored; {len(problems)} answers are faulty:", *(f"  {each}" for each in problems)))


# ---- how it stands ---------------------------------------------------------------------------------------------------


def standing_in(exam: Exam, store: Store, model: Path | None = None) -> Standing:
    """Say how the promise of an exam stands; within a snapshot of the store, as at one moment."""
    return standing_of(exam, decide_fields(store.fields(), grounds_of(exam, store)).fields, store, model)


def standing_of(exam: Exam, fields: Sequence[FieldRow], store: KnowsChecks, model: Path | None = None) -> Standing:
    """Say how the promise of an exam stands whose fields are decided already."""
    share = exam.settings.accept_error
    held = calibrations({row.model for row in fields}, share, model, exam.models)
    return how_it_stands(fields, store.sample_checks(), store.tightenings(), held, share)


def told_by(standing: Standing) -> Iterator[str]:
    """Yield how the promise stands and from which scores fields are accepted, sentence by sentence."""
    yield from in_words(standing)
    for name, held in standing.thresholds.items():
        yield f"model {name}: {_threshold_words(held)}"


def threshold_scores(held: Thresholds | None) -> dict[str, float | None] | None:
    """Return the scores by kind; None where nothing is known, for a kind or for all."""
    if held is None:
        return None
    return {kind: held.of(kind) or None for kind in KINDS}


def _threshold_words(held: Thresholds | None) -> str:
    if held is None:
        return "its card is not here, so its thresholds are not known (name its folder with --model)"
    told = (f"{kind} {_from(score)}" for kind, score in (threshold_scores(held) or {}).items())
    return f"accepted are {', '.join(told)}"


def _from(score: float | None) -> str:
    if score is None:
        return "(from which score is not known)"
    return f"from {score:.4f}" if score <= 1 else "never"
