"""The promise: of 1,000 accepted fields at most so many are wrong. Pure.

From which score a field may be accepted for that, what is to be expected of a run, and what a sample check by people
says of it.

A score is the probability of a field's best value. A calibration curve tells how many fields of held-out writers have
at least this score, and how many of those are wrong. From it, a threshold is chosen by testing, from strict to loose,
whether the error rate above it could still exceed the target: selective risk control by "Learn then test"
(Angelopoulos et al. 2021) with the exact binomial tail (as Geifman & El-Yaniv 2017).

What is guaranteed: for fields that are drawn as those of the calibration set were, the error rate above a proven
threshold exceeds the target for at most 5 of 100 calibration sets that might have been collected, kind by kind. What
is not: that a batch resembles them (`drift.py` looks after that), and that fields of one writer are independent.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, log, log1p
from typing import Any, Self

import numpy as np

from recognizer.binomial import lower_bound, predicted, tail, trials_to_pass, upper_bound
from recognizer.curves import KINDS, CalibrationCurve, CurvePoint, read_curves, rounded

ACCEPT_ERROR = 0.001
"""The share of accepted fields that may be wrong, unless an office chooses another: one in 1,000."""

CONFIDENCE = 0.95
"""How sure "proven" is, and every bound that is told."""

EVEN_ODDS = 0.5
"""Where the calibration set is too small for a proof, the target is kept at least as likely as not."""

WORTH_A_PROOF = 0.8
"""A proven threshold is taken if it accepts at least this share of the fields that the likely one does."""

ERRORS_AT_START = (0, 3, 10)
"""Testing starts anew where so many errors could pass. With one start, a single mislabelled field among the surest
would end the tests before the curve is long enough to carry it."""

NOTHING = 2.0
"""A threshold that no score reaches: everything goes to people."""


class Basis(StrEnum):
    """What a threshold rests on."""

    PROVEN = "proven"
    LIKELY = "likely"
    CLAIMED = "claimed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which score fields of one kind are accepted, and what is known of that.

    `accepted` and `wrong` count calibration fields at this score or above; `upper` is the error rate that 95 of 100
    such findings stay below (Clopper and Pearson 1934).
    """

    curve: CalibrationCurve
    score: float
    accept_error: float
    accepted: int
    wrong: int
    upper: float
    basis: Basis

    @property
    def kind(self) -> str:
        """The kind of field."""
        return self.curve.kind

    @property
    def share(self) -> float:
        """Which share of the calibration fields is accepted."""
        return self.accepted / self.curve.fields if self.curve.fields else 0.0

    @property
    def proven(self) -> bool:
        """Whether the calibration set proves that the target is kept."""
        return self.basis is Basis.PROVEN

    def in_words(self) -> str:
        """Return what the threshold is worth, for people."""
        target = per_thousand(self.accept_error)
        found = f"{self.wrong} wrong of {self.accepted:,} accepted of {self.curve.writers} writers never trained on"
        if self.curve.design_effect > 1:
            found += f", both divided by {self.curve.design_effect:.2g} since errors cluster by writer"
        match self.basis:
            case Basis.PROVEN:
                return f"{self.kind}: at most {target} wrong is proven at 95 % ({found})"
            case Basis.LIKELY:
                return (
                    f"{self.kind}: at most {target} wrong is likelier than not, but not proven ({found}); proven at "
                    f"95 % is at most {per_thousand(self.upper)}"
                )
            case Basis.CLAIMED:
                return (
                    f"{self.kind}: too few calibration fields to show {target} ({found}); accepted is what the network "
                    f"itself gives at most {target} chance to be wrong. Proven at 95 % is at most "
                    f"{per_thousand(self.upper)}"
                )
            case Basis.NONE:
                return (
                    f"{self.kind}: nothing is accepted, every field goes to a person: at no score is at most {target} "
                    "wrong likely; a larger accept_error in exam.toml accepts more"
                )


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score a field is accepted, by kind; above 1 nothing is. `details` tells where the scores come from."""

    digits: float
    number: float
    choice: float
    details: tuple[Threshold, ...] = ()

    @classmethod
    def of_details(cls, details: tuple[Threshold, ...]) -> Self:
        """Return the thresholds of all kinds together."""
        scores = {one.kind: one.score for one in details}
        return cls(scores["digits"], scores["number"], scores["choice"], details)

    def of(self, kind: str) -> float:
        """Return the score for a kind of field (KeyError when there is no such kind: our bug)."""
        return {"digits": self.digits, "number": self.number, "choice": self.choice}[kind]

    def about(self, kind: str) -> Threshold | None:
        """Return what is known of a kind's threshold, None when nothing is."""
        return next((one for one in self.details if one.kind == kind), None)


# ---- the thresholds --------------------------------------------------------------------------------------------------


def thresholds(
    curves: Mapping[str, CalibrationCurve], accept_error: float, confidence: float = CONFIDENCE
) -> Thresholds:
    """Return from which score fields are accepted, so that of the accepted ones at most a share is wrong.

    Along each curve, from strict to loose, "the error rate above this score exceeds `accept_error`" is tested by the
    exact binomial tail; the loosest score at which it was refuted is taken (`_refuted`). The chance that any true
    hypothesis is refuted is at most 1 - confidence, however many points the curve has.

    Where the calibration set cannot refute it anywhere, the target is not proven, and `Threshold.basis` says what the
    score rests on instead:

    - LIKELY: the same tests at even odds: that the target is kept is likelier than that it is not. It is taken as well
      where a proof would cost more than it is worth: a few errors among the surest fields, often wrong labels, and it
      could be had for a few fields only.
    - CLAIMED: there are too few fields even for that (fewer than 693 for 1 in 1,000), and none of those with a score of
      at least 1 - accept_error is wrong: these are accepted, on the network's word for it.
    - NONE: what was found speaks against it. Nothing is accepted.

    Args:
        curves: the calibration of each of `KINDS`.
        accept_error: the share of accepted fields that may be wrong, above 0 and below 1.
        confidence: of a proof.
    """
    return Thresholds.of_details(tuple(_threshold(curves[kind], accept_error, confidence) for kind in KINDS))


def policy_thresholds(card: Mapping[str, Any], accept_error: float) -> Thresholds:
    """Return the thresholds for a target from a model's card (its `details`).

    Raises:
        ModelError: its calibration is missing or cannot be true.
    """
    return thresholds(read_curves(card), accept_error)


def claimed(curve: CalibrationCurve, score: float, target: float) -> Threshold:
    """Return a threshold that rests on the network's word, with what calibration found above it."""
    above = curve.at(score)
    return _made(curve, CurvePoint(rounded(score), above.accepted, above.wrong), target, Basis.CLAIMED)


def _threshold(curve: CalibrationCurve, target: float, confidence: float) -> Threshold:
    proven = [] if curve.repeated else _refuted(curve.curve, target, 1 - confidence)
    likely = _refuted(curve.curve, target, 1 - EVEN_ODDS)
    if proven and (not likely or proven[-1].accepted >= WORTH_A_PROOF * likely[-1].accepted):
        return _made(curve, proven[-1], target, Basis.PROVEN)
    if likely:
        return _made(curve, likely[-1], target, Basis.LIKELY)
    few = not curve.curve or curve.curve[-1].accepted < trials_to_pass(0, target, 1 - EVEN_ODDS)
    sure = curve.at(1 - target)
    if few and sure.accepted and not sure.wrong:
        return _made(curve, sure, target, Basis.CLAIMED)
    return _made(curve, CurvePoint(NOTHING, 0, 0), target, Basis.NONE)


def _made(curve: CalibrationCurve, point: CurvePoint, target: float, basis: Basis) -> Threshold:
    upper = upper_bound(point.wrong, point.accepted, CONFIDENCE)
    return Threshold(curve, point.score, target, point.accepted, point.wrong, upper, basis)


def _refuted(points: Sequence[CurvePoint], target: float, level: float) -> list[CurvePoint]:
    """Return the points at which "the error rate exceeds the target" is refuted, strict to loose.

    Tests go from strict to loose. Each start brings its share of the level; what was not lost goes on to the next point
    as long as every test refutes (fixed sequence with several starts, "Learn then test", algorithm 1; handed on as in
    the fallback procedure of Wiens 2003). So the chance of any false refutation is at most `level`.

    Starts are chosen by how many fields lie above a score, never by how many of them are wrong. Given the scores,
    errors are independent, and a sum of unequal chances has a lighter lower tail than the binomial (Hoeffding 1956):
    the test is on the safe side.
    """
    starts = _starts(points, target, level)
    found, held = [], 0.0
    for index, point in enumerate(points):
        held += level / len(starts) * starts.count(index) if starts else 0.0
        if not held:
            continue
        if tail(point.wrong, point.accepted, target) <= held:
            found.append(point)
        else:
            held = 0.0
    return found


def _starts(points: Sequence[CurvePoint], target: float, level: float) -> list[int]:
    """Return where tests start: as many places as the curve is long enough for."""
    for starts in range(len(ERRORS_AT_START), 0, -1):
        needed = [trials_to_pass(errors, target, level / starts) for errors in ERRORS_AT_START[:starts]]
        if points and points[-1].accepted >= needed[-1]:
            return [bisect_left(points, trials, key=lambda point: point.accepted) for trials in needed]
    return []


# ---- what is to be expected of a run ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expectation:
    """How many of the accepted fields of a run are wrong: on average, and between which counts at 95 %."""

    expected: float
    low: int
    high: int


def expected_wrong(accepted: Mapping[str, int], held: Thresholds) -> Expectation | None:
    """Return how many accepted fields of a run are to be expected wrong, None when a kind was never calibrated.

    For each kind the count is beta-binomial: the rate is only known from the calibration fields above the threshold
    (with Jeffreys' prior), and errors come by chance. Kinds are independent, so that the distribution of their sum is
    the convolution of theirs; low and high cut 2.5 % off at either end.

    Args:
        accepted: how many fields of each kind the run accepted.
        held: the thresholds that they were accepted with.
    """
    total, expected = np.ones(1), 0.0
    for kind, count in accepted.items():
        if not count:
            continue
        about = held.about(kind)
        if about is None:
            return None
        expected += count * (about.wrong + 0.5) / (about.accepted + 1)
        total = np.convolve(total, predicted(about.wrong, about.accepted, count))
    grown = np.cumsum(total)
    outside = (1 - CONFIDENCE) / 2
    low, high = (int(np.searchsorted(grown, share)) for share in (outside, 1 - outside))
    return Expectation(expected, low, high)


# ---- sample checks by people -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SampleCheck:
    """One accepted field that a person looked at: its kind, its score, and whether it was accepted wrongly."""

    kind: str
    score: float
    wrong: bool


class Kept(StrEnum):
    """Whether the promise was kept, as far as a sample tells."""

    YES = "yes"
    NO = "no"
    NOT_SHOWN = "not shown yet"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a sample of accepted fields says. `low` and `high` are one-sided 95 % bounds of the error rate."""

    looked_at: int
    wrong: int
    rate: float
    low: float
    high: float
    kept: Kept


def check_promise(checks: Sequence[SampleCheck], accept_error: float, population: int | None = None) -> Verdict:
    """Say what a random sample of accepted fields tells of the promise.

    Args:
        checks: what people found, each field once.
        accept_error: the target.
        population: how many fields were accepted in all; when every one was looked at, nothing is left to chance.

    >>> found = check_promise([SampleCheck("digits", 0.999, n < 4) for n in range(400)], 0.001)
    >>> found.kept.value, found.rate, round(found.low, 4), round(found.high, 4)
    ('no', 0.01, 0.0034, 0.0227)
    """
    looked_at, wrong = len(checks), sum(check.wrong for check in checks)
    rate = wrong / looked_at if looked_at else 0.0
    if population is not None and 0 < population <= looked_at:
        low = high = rate
    else:
        low, high = lower_bound(wrong, looked_at, CONFIDENCE), upper_bound(wrong, looked_at, CONFIDENCE)
    kept = Kept.YES if high <= accept_error else Kept.NO if low > accept_error else Kept.NOT_SHOWN
    return Verdict(looked_at, wrong, rate, low, high, kept)


def sample_size(accept_error: float, confidence: float = CONFIDENCE) -> int:
    """Return how many accepted fields, none of them wrong, show that the promise is kept.

    >>> sample_size(0.001), sample_size(0.01)
    (2995, 299)
    """
    return ceil(log(1 - confidence) / log1p(-accept_error))


def tightened(held: Thresholds, checks: Sequence[SampleCheck], accept_error: float) -> Thresholds:
    """Return the thresholds that calibration and sample check allow together; none is ever lowered.

    A kind of which people found nothing wrong keeps its threshold, and so does one whose errors were to be expected:
    calibration and sample together still keep the target there, and the sample alone does not contradict it. Otherwise
    the tests of `thresholds` are done again, above the threshold, on the counts of both, and the loosest score is taken
    at which both hold. The sample is asked alone as well because it is of this exam: some twenty thousand calibration
    fields must not outvote three wrong of two hundred.

    Args:
        held: the thresholds with which the checked fields were accepted.
        checks: what people found in a random sample of accepted fields, each field once.
        accept_error: the target.
    """
    details = tuple(_tightened(one, [c for c in checks if c.kind == one.kind], accept_error) for one in held.details)
    return Thresholds.of_details(details) if details else held


def tightened_by_rounds(held: Thresholds, rounds: Sequence[Sequence[SampleCheck]], accept_error: float) -> Thresholds:
    """Return the thresholds after several sample checks, oldest first; none is ever lowered by a later one.

    Each round is judged with those before it. What a round once raised stays raised: a later sample holds only fields
    above the raised threshold, and says nothing of those below.
    """
    found: list[SampleCheck] = []
    for checks in rounds:
        found += checks
        held = _closed_where_broken(tightened(held, found, accept_error), found, accept_error)
    return held


def _closed_where_broken(held: Thresholds, found: Sequence[SampleCheck], target: float) -> Thresholds:
    """Accept nothing more of the kinds with errors where what is left of a sample still contradicts the promise.

    That happens when each kind alone could be bad luck but all together are not, and without calibration, when nobody
    knows from which score on the readings are better.
    """
    left = [check for check in found if rounded(check.score) >= held.of(check.kind)]
    if check_promise(left, target).kept is not Kept.NO:
        return held
    closed = {check.kind for check in left if check.wrong}
    if held.details:
        nothing = CurvePoint(NOTHING, 0, 0)
        return Thresholds.of_details(
            tuple(_made(one.curve, nothing, target, Basis.NONE) if one.kind in closed else one for one in held.details)
        )
    digits, number, choice = (NOTHING if kind in closed else held.of(kind) for kind in ("digits", "number", "choice"))
    return Thresholds(digits, number, choice)


def _tightened(held: Threshold, checks: Sequence[SampleCheck], target: float) -> Threshold:
    if not any(check.wrong for check in checks) or held.score > 1:
        return held
    level = 1 - (CONFIDENCE if held.proven else EVEN_ODDS)
    now = CurvePoint(held.score, held.accepted, held.wrong)
    both = _with_checks(now, checks)
    if tail(both.wrong, both.accepted, target) <= level and not _contradicts(checks, held.score, target):
        return replace(held, accepted=both.accepted, wrong=both.wrong, upper=_upper(both))
    stricter = [_with_checks(point, checks) for point in held.curve.curve if point.score > held.score]
    fitting = [point for point in _refuted(stricter, target, level) if not _contradicts(checks, point.score, target)]
    if fitting:
        return _made(held.curve, fitting[-1], target, held.basis)
    return _made(held.curve, CurvePoint(NOTHING, 0, 0), target, Basis.NONE)


def _upper(point: CurvePoint) -> float:
    return upper_bound(point.wrong, point.accepted, CONFIDENCE)


def _with_checks(point: CurvePoint, checks: Sequence[SampleCheck]) -> CurvePoint:
    above = [check for check in checks if rounded(check.score) >= point.score]
    return CurvePoint(point.score, point.accepted + len(above), point.wrong + sum(check.wrong for check in above))


def _contradicts(checks: Sequence[SampleCheck], score: float, target: float) -> bool:
    """Tell whether the sample above a score shows by itself that the target is missed."""
    above = [check for check in checks if rounded(check.score) >= score]
    return lower_bound(sum(check.wrong for check in above), len(above), CONFIDENCE) > target


# ---- in words --------------------------------------------------------------------------------------------------------


def per_thousand(rate: float) -> str:
    """Write an error rate as people read it.

    >>> per_thousand(0.001), per_thousand(0.00035), per_thousand(0.02)
    ('1 in 1,000', '0.35 in 1,000', '20 in 1,000')
    """
    return f"{rate * 1000:.3g} in 1,000"
