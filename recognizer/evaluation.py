"""How well a model reads labelled pictures: what it gets right, what it would accept wrongly. Pure.

Each picture is read as a whole field, through the functions and rules that pages are read with: a box for one digit, a
cell for one number, one tick box. Then the same decision falls that a run would take at this target.

What counts:

- A label that is a value of the field, or `blank`, is read right when the best value is that.
- Any other label (`other`, `cancelled`, `candidates`, a letter) is something that is no value: it is right when nothing
  is accepted, neither a value nor "blank".
- Accepted is what the promise speaks of: wrong among the accepted is what it bounds.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import numpy as np

from recognizer.binomial import lower_bound, upper_bound
from recognizer.classifier import ReadingModel
from recognizer.decode import Decoded
from recognizer.fields import FieldCrops, read_fields
from recognizer.judge import ReviewPolicy, judge
from recognizer.marks_view import mark_crop_of_picture
from recognizer.picture_fields import number_of_label, truth_of
from recognizer.picture_sets import PictureSet, PictureStack
from recognizer.pictures import crop_of_picture
from recognizer.promise import CONFIDENCE, Thresholds
from recognizer.records import Flag, GreyImage, Reading, ValueState
from recognizer.template import Kind, SheetField

BATCH = 128
"""Pictures that are read at once: memory stays small, however many there are."""

SOMETHING_ELSE = "no value"
"""How labels that are no value of the field are named when they are shown together."""

WORST = 60
"""Errors on the wall: what one looks through in a few minutes."""

DARK, SOME_CONTRAST = 128, 8
"""Grey value below which there is no paper, and grey levels without which there is no stroke."""

SURE_EDGES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 0.99999, 1.0)
"""Edges of the bins of confidence: close where a target of one in 1,000 is decided."""


@dataclass(frozen=True, slots=True)
class PictureResult:
    """One picture that was read.

    `row` counts from 0 in its file. `truth` is the value that the label stands for ("" blank), None when it is no value
    of the field. `value` is the best value ("" blank), None without any idea; `score` is its probability. `accepted`
    says that a run would take it without a person; `flag` why not.
    """

    row: int
    label: str
    truth: str | None
    value: str | None
    score: float
    accepted: bool
    flag: Flag | None
    writer: str | None = None

    @property
    def right(self) -> bool:
        """Whether the picture was read right; what is no value is right when nothing was accepted."""
        return not self.accepted if self.truth is None else self.value == self.truth

    @property
    def wrongly_accepted(self) -> bool:
        """Whether a run would have taken a wrong reading."""
        return self.accepted and not self.right

    @property
    def could_be_accepted(self) -> bool:
        """Whether a looser threshold would accept it: what has trouble, or no value, never is."""
        return self.value is not None and self.flag in (None, Flag.UNSURE)

    @property
    def wrong_if_accepted(self) -> bool:
        """Whether accepting the best value would be an error."""
        return self.value is None or self.value != self.truth


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with one-sided 95 % bounds of what lies behind (Clopper and Pearson 1934)."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing is 0."""
        return self.count / self.total if self.total else 0.0

    @property
    def low(self) -> float:
        """Above this the true share lies, for 95 of 100 such findings."""
        return lower_bound(self.count, self.total, CONFIDENCE)

    @property
    def high(self) -> float:
        """Below this the true share lies, for 95 of 100 such findings."""
        return upper_bound(self.count, self.total, CONFIDENCE)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a model read a set of pictures as fields of one kind, at one target; `results` in the order of the set."""

    name: str
    field: SheetField
    model: str
    accept_error: float
    threshold: float
    results: tuple[PictureResult, ...]

    @property
    def kind(self) -> str:
        """The kind of field that the pictures were read as."""
        return self.field.kind.value

    @property
    def correct(self) -> Share:
        """How many were read right."""
        return Share(sum(result.right for result in self.results), len(self.results))

    @property
    def wrong_accepted(self) -> Share:
        """How many of the accepted ones are wrong."""
        accepted = [result for result in self.results if result.accepted]
        return Share(sum(not result.right for result in accepted), len(accepted))

    @property
    def reviewed(self) -> Share:
        """How many go to a person."""
        return Share(sum(not result.accepted for result in self.results), len(self.results))


@dataclass(frozen=True, slots=True)
class ReviewStep:
    """What some threshold would do: so many fields accepted, so many of these wrong."""

    score: float
    accepted: int
    wrong: int


@dataclass(frozen=True, slots=True)
class SureBin:
    """Fields whose best value had a probability from `low` to `high`: its mean, and how often it was right."""

    low: float
    high: float
    mean: float
    right: Share


@dataclass(frozen=True, slots=True)
class GroupReport:
    """All pictures of one label, or of one writer."""

    name: str
    correct: Share
    wrong_accepted: Share
    reviewed: Share


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each label (row) was read as each value (column); `UNREAD` is a column when some got no value."""

    labels: tuple[str, ...]
    read: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


Wall: TypeAlias = tuple[tuple[PictureResult, GreyImage], ...]
"""Errors with their pictures."""

UNREAD = "none"
"""The column of what got no value at all."""


# ---- reading ---------------------------------------------------------------------------------------------------------


def evaluate(
    pictures: PictureSet,
    field: SheetField,
    model: ReadingModel,
    held: Thresholds,
    accept_error: float,
    *,
    done: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Read every picture as a field, decide as a run would, and compare with the labels.

    Args:
        pictures: what was loaded; `field_for` makes the field.
        field: what each picture is read as.
        model: what is evaluated.
        held: from which score fields are accepted.
        accept_error: the target that the thresholds stand for.
        done: is told how many more pictures were read, now and then.
    """
    policy = ReviewPolicy(held, flag_blank_marks=False)
    results: list[PictureResult] = []
    for start in range(0, len(pictures), BATCH):
        shown = pictures.pictures[start : start + BATCH]
        read = _read(shown, field, model)
        results += (_result(pictures, row, field, decoded, policy) for row, decoded in enumerate(read, start))
        done(len(shown))
    return Evaluation(pictures.name, field, model.name, accept_error, held.of(field.kind.value), tuple(results))


def _read(shown: PictureStack, field: SheetField, model: ReadingModel) -> Iterator[Decoded]:
    """Read a batch of pictures; one that is dark all over shows nothing, and nobody is asked to guess."""
    visible = [not (picture.max() < DARK and np.ptp(picture) < SOME_CONTRAST) for picture in shown]
    as_crop = mark_crop_of_picture if field.kind is Kind.CHOICE else crop_of_picture
    crops = [as_crop(picture) for picture, seen in zip(shown, visible, strict=True) if seen]
    read = iter(read_fields([FieldCrops(field, (crop,)) for crop in crops], model))
    return (next(read) if seen else Decoded((), (), Flag.UNREADABLE) for seen in visible)


def _result(pictures: PictureSet, row: int, field: SheetField, decoded: Decoded, policy: ReviewPolicy) -> PictureResult:
    reading = Reading(field.name, decoded.values, decoded.characters, decoded.trouble, b"")
    decision = judge(reading, field, policy)
    best = decoded.values[0] if decoded.values else None
    label = pictures.labels[row]
    return PictureResult(
        row=row,
        label=label or "blank",
        truth=truth_of(field, label),
        value=best.value if best else None,
        score=best.probability if best else 0.0,
        accepted=decision.state is not ValueState.UNSETTLED,
        flag=decision.flag,
        writer=pictures.writers[row] if pictures.writers else None,
    )


# ---- looking at it ---------------------------------------------------------------------------------------------------


def review_curve(found: Evaluation) -> tuple[ReviewStep, ...]:
    """Return what every threshold would do, from strict to loose."""
    usable = sorted((r for r in found.results if r.could_be_accepted), key=lambda r: -r.score)
    steps: list[ReviewStep] = []
    wrong = 0
    for accepted, result in enumerate(usable, start=1):
        wrong += result.wrong_if_accepted
        if accepted == len(usable) or usable[accepted].score < result.score:
            steps.append(ReviewStep(result.score, accepted, wrong))
    return tuple(steps)


def reliability(found: Evaluation) -> tuple[SureBin, ...]:
    """Return how often the best value was right, by how sure the model was; bins without fields are left out."""
    usable = [result for result in found.results if result.could_be_accepted]
    scores = np.array([result.score for result in usable])
    right = np.array([not result.wrong_if_accepted for result in usable])
    at = np.searchsorted(SURE_EDGES, scores, side="right").clip(1, len(SURE_EDGES) - 1)
    return tuple(
        SureBin(
            SURE_EDGES[index - 1],
            SURE_EDGES[index],
            float(scores[at == index].mean()),
            Share(int(right[at == index].sum()), int((at == index).sum())),
        )
        for index in sorted(set(at.tolist()))
    )


def calibration_error(bins: Sequence[SureBin]) -> float:
    """Return by how much confidence and truth differ on average over all fields (Naeini et al. 2015, with our bins)."""
    total = sum(one.right.total for one in bins)
    return sum(one.right.total * abs(one.mean - one.right.value) for one in bins) / total if total else 0.0


def by_label(found: Evaluation) -> tuple[GroupReport, ...]:
    """Return a report for each label: values first, then blank, then what is no value."""
    return _grouped(found.results, lambda result: result.label, _label_order)


def by_writer(found: Evaluation) -> tuple[GroupReport, ...]:
    """Return a report for each writer, the best read first; empty when the file does not name them, or only one."""
    named = [result for result in found.results if result.writer]
    if len({result.writer for result in named}) < 2:
        return ()
    reports = _grouped(named, lambda result: result.writer or "", lambda result: result.writer or "")
    return tuple(sorted(reports, key=lambda one: (-one.correct.value, one.name)))


def confusion(found: Evaluation) -> Confusion:
    """Return how often each label was read as each value."""
    order = {r.label: _label_order(r) for r in sorted(found.results, key=_label_order)}
    labels = tuple(order)
    counts = Counter((r.label, read_as(r)) for r in found.results)
    seen = {read for _, read in counts}
    # Also what was never read has its column, so that right readings lie on the diagonal.
    truths = {shown(result.truth) for result in found.results if result.truth is not None}
    columns = sorted((seen | truths) - {UNREAD}, key=_value_order)
    columns += [UNREAD] if UNREAD in seen else []
    return Confusion(labels, tuple(columns), tuple(tuple(counts[label, read] for read in columns) for label in labels))


def wall(found: Evaluation, pictures: PictureSet) -> Wall:
    """Return the worst errors: what was accepted wrongly, then what was read wrongly, the surest first."""
    wrong = sorted((r for r in found.results if not r.right), key=lambda r: (not r.accepted, -r.score, r.row))
    return tuple((result, pictures.pictures[result.row].copy()) for result in wrong[:WORST])


def read_as(result: PictureResult) -> str:
    """Return what a picture was read as, as it is shown: a value, "blank", or "none"."""
    return UNREAD if result.value is None else shown(result.value)


def shown(value: str | None) -> str:
    """Return a value as it is shown."""
    return SOMETHING_ELSE if value is None else value or "blank"


def summary(found: Evaluation) -> dict[str, object]:
    """Return the figures of `tallymark evaluate --json`.

    `accuracy` and `review_share` are shares from 0 to 1. `wrong_accepted_per_1000` and `upper_95`, the exact one-sided
    95 % upper bound of it (Clopper and Pearson 1934), are per 1,000 accepted fields, both None when none was accepted.
    """
    wrong = found.wrong_accepted
    return {
        "file": found.name,
        "kind": found.kind,
        "n": len(found.results),
        "accuracy": round(found.correct.value, 6),
        "accepted": wrong.total,
        "wrong_accepted": wrong.count,
        "wrong_accepted_per_1000": round(1000 * wrong.value, 4) if wrong.total else None,
        "upper_95": round(1000 * wrong.high, 4) if wrong.total else None,
        "review_share": round(found.reviewed.value, 6),
        "target_per_1000": round(1000 * found.accept_error, 6),
    }


def _grouped(
    results: Sequence[PictureResult],
    name: Callable[[PictureResult], str],
    order: Callable[[PictureResult], object],
) -> tuple[GroupReport, ...]:
    groups: dict[str, list[PictureResult]] = {}
    for result in sorted(results, key=order):  # type: ignore[arg-type] # texts, or tuples of one form
        groups.setdefault(name(result), []).append(result)
    return tuple(_group(name, found) for name, found in groups.items())


def _group(name: str, found: Sequence[PictureResult]) -> GroupReport:
    accepted = [result for result in found if result.accepted]
    return GroupReport(
        name,
        Share(sum(result.right for result in found), len(found)),
        Share(sum(not result.right for result in accepted), len(accepted)),
        Share(len(found) - len(accepted), len(found)),
    )


def _label_order(result: PictureResult) -> tuple[int, Decimal, str]:
    if result.truth is None:
        return (3, Decimal(0), result.label)
    return (*_value_order(shown(result.truth))[:2], result.label)


def _value_order(value: str) -> tuple[int, Decimal, str]:
    number = number_of_label(value)
    if number is None or number in ("-", "AB"):
        return (2 if value == "blank" else 1, Decimal(0), value)
    return (0, Decimal(number), value)
