"""Calibration curves: what a score was worth on fields of writers held out from training. Pure.

Training writes them into the model's card, kind by kind; `promise.py` chooses thresholds by them.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError

KINDS = ("digits", "number", "choice")
"""Kinds of field that are read, each with a threshold of its own (`template.Kind` without pictures)."""

SCORE_DECIMALS = 6
"""Scores are compared with so many decimals, which is what a store keeps of them: a threshold decides the same for a
stored reading as for a fresh one."""

CURVE_POINTS = 600
"""Points kept of a curve: a step of a third of one percent of the fields costs less than it does to read."""


class CurvePoint(NamedTuple):
    """How many calibration fields have at least this score, and how many of those are wrong."""

    score: float
    accepted: int
    wrong: int

    def divided(self, effect: float) -> "CurvePoint":
        """Return what so many fields are worth where they count for 1 / `effect` each; errors are rounded up."""
        if effect == 1:
            return self
        return CurvePoint(self.score, int(self.accepted / effect), ceil(self.wrong / effect))


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """What a score was worth on fields of writers held out from training, for one kind of field.

    `fields` counts all of them, also those that are never accepted, such as struck-out ones; `curve` runs from strict
    to loose: scores fall, counts grow. `repeated` tells that fields show the same ink several times, so that they count
    for less than their number: nothing is called proven by them. Where it is known how much less, by `design_effect`,
    the counts are those of as many independent fields as tell as much.
    """

    kind: str
    fields: int
    writers: int
    made_of: str
    curve: tuple[CurvePoint, ...]
    repeated: bool = False
    design_effect: float = 1.0

    def at(self, score: float) -> CurvePoint:
        """Return what the curve says of a threshold: its loosest point that is not looser than that."""
        index = bisect_left(self.curve, True, key=lambda point: point.score < score)
        return self.curve[index - 1] if index else CurvePoint(score, 0, 0)


def rounded(score: float) -> float:
    """Return a score as it is compared."""
    return round(float(score), SCORE_DECIMALS)


def curve_points(scores: NDArray[np.floating], wrong: NDArray[np.bool_]) -> list[CurvePoint]:
    """Return the curve of a model's card from calibration fields.

    Args:
        scores: (N,) the probability of each field's best value. Fields with trouble, which are never accepted, are left
            out here and counted in the card's `fields` alone.
        wrong: (N,) whether that best value is not what was written.

    Returns:
        Points from strict to loose, at most `CURVE_POINTS` of them; JSON makes [score, accepted, wrong] of each. Which
        points are kept depends on the scores alone, never on the errors, or the tests along the curve would not hold.

    >>> points = curve_points(np.array([0.9, 0.99, 0.5, 0.99]), np.array([False, False, True, False]))
    >>> [tuple(point) for point in points]
    [(0.99, 2, 0), (0.9, 3, 0), (0.5, 4, 1)]
    """
    score = np.round(np.asarray(scores, dtype=np.float64), SCORE_DECIMALS)
    order = np.argsort(-score, kind="stable")
    score, errors = score[order], np.cumsum(np.asarray(wrong)[order])
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)) if len(score) else np.empty(0, np.int64)
    if len(last) > CURVE_POINTS:
        last = last[np.unique(np.linspace(0, len(last) - 1, CURVE_POINTS).round().astype(np.int64))]
    return [CurvePoint(float(score[index]), int(index) + 1, int(errors[index])) for index in last]


def read_curves(card: Mapping[str, Any]) -> dict[str, CalibrationCurve]:
    """Return the calibration curves of a model's card, one for each of `KINDS`.

    Raises:
        ModelError: one is missing or cannot be true; the message says what is wrong with it.
    """
    entry = card.get("calibration")
    if not isinstance(entry, Mapping):
        raise ModelError("the model's card has no entry 'calibration'; train it again with this version")
    return {kind: _read_curve(kind, entry.get(kind)) for kind in KINDS}


def _read_curve(kind: str, entry: Any) -> CalibrationCurve:  # noqa: ANN401 - what JSON holds
    where = f"the model's card, calibration, {kind}"
    if not isinstance(entry, Mapping):
        raise ModelError(f"{where}: is missing; train the model again with this version")
    try:
        fields, writers = _count(entry["fields"]), _count(entry["writers"])
        points = tuple(
            CurvePoint(_score(score), _count(accepted), _count(wrong)) for score, accepted, wrong in entry["curve"]
        )
        made_of = str(entry["made_of"])
        effect = _effect(entry.get("design_effect", 1.0))
    except KeyError as error:
        raise ModelError(f"{where}: has no entry {error}") from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where}: is damaged: {error}") from error
    if trouble := next(_troubles(points, fields), None):
        raise ModelError(f"{where}: {trouble}; train the model again")
    told = tuple(point.divided(effect) for point in points)
    fields = int(fields / effect)
    return CalibrationCurve(kind, fields, writers, made_of, told, entry.get("repeated") is True, effect)


def _count(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"{number!r} is no count")
    return number


def _score(number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number) or not 0 <= number <= 1:
        raise ValueError(f"{number!r} is no score from 0 to 1")
    return rounded(number)


def _effect(number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number) or number < 1:
        raise ValueError(f"{number!r} is no design effect of 1 or more")
    return float(number)


def _troubles(points: Sequence[CurvePoint], fields: int) -> Iterator[str]:
    """Yield what cannot be true of a curve."""
    for point in points:
        if point.wrong > point.accepted:
            yield f"at score {point.score:g}, {point.wrong} of {point.accepted} are wrong"
        if point.accepted > fields:
            yield f"at score {point.score:g}, {point.accepted} are accepted of {fields} fields"
    for strict, loose in pairwise(points):
        if loose.score >= strict.score:
            yield f"scores must fall, but {loose.score:g} follows {strict.score:g}"
        if loose.accepted <= strict.accepted or not 0 <= loose.wrong - strict.wrong <= loose.accepted - strict.accepted:
            yield f"counts must grow as the score falls; they do not at {loose.score:g}"
