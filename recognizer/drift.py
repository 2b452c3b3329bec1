"""Is a batch unlike the calibration data? Then the promise does not carry over as it is, and less is accepted. Pure.

What is compared is the share of fields whose score lies below the threshold, kind by kind: one figure that a person
understands, and of which the calibration curve already tells what it was there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from recognizer.curves import CalibrationCurve, rounded
from recognizer.promise import Threshold, Thresholds, claimed, thresholds

DRIFT_FACTOR = 5.0
"""How many times more errors are reckoned with in a batch that is unlike the calibration data. One network with one
threshold let 4 to 31 wrong in 1,000 through, depending on which set of unseen writers it read: eight times between the
best and the worst. Five is a judgement: most of that way."""

FEWEST_SHEETS = 10
"""Sheets with fields of a kind below which nothing is said of it: the spread between sheets would not be known."""

FEWEST_FIELDS = 100
"""Fields of a kind below which nothing is said of it: a handful below the threshold is too few to speak of a share."""

STANDARD_ERRORS = 3.0
"""How far a share has to lie above the calibration's to be beyond chance: one batch in 700, or, with the spread
estimated from ten sheets only, one in 130."""

TIMES_AS_MANY, MORE_AT_LEAST = 2.0, 0.02
"""A share that is beyond chance but not twice as large, or not two fields in 100 larger, changes nothing: with
thousands of fields everything is beyond chance."""


@dataclass(frozen=True, slots=True)
class Unlike:
    """A kind of field whose scores in a batch are lower than in the calibration data: shares below the threshold."""

    kind: str
    here: float
    there: float

    def in_words(self) -> str:
        """Return what was seen, for people."""
        return (
            f"{self.here:.1%} of the {self.kind} fields are doubtful, {self.there:.1%} were among those that the "
            "machine was calibrated with"
        )


def unlike(sheets: Sequence[Mapping[str, Sequence[float]]], held: Thresholds) -> tuple[Unlike, ...]:
    """Return the kinds of field whose scores in this batch are lower than calibration lets expect.

    The fields of a sheet come from one hand, one pen and one scan, and are not independent. So the sheet is the unit:
    the variance of the share is estimated from how sheets differ (a ratio estimate, Cochran 1977, chapter 6), and never
    taken as smaller than that of independent fields. The calibration's share is taken as that of so many independent
    writers, not fields. Both make alarms rarer than chance alone would.

    Args:
        sheets: of each sheet of the batch, the scores of its fields, by kind. Left out are fields with trouble, which
            calibration counts apart, and those that are surely blank, which say nothing of handwriting.
        held: the thresholds that the batch was judged with.
    """
    found = (_compared(one, [sheet[one.kind] for sheet in sheets if sheet.get(one.kind)]) for one in held.details)
    return tuple(one for one in found if one is not None)


def stricter(held: Thresholds, accept_error: float) -> Thresholds:
    """Return the thresholds for a batch that is unlike the calibration data: `DRIFT_FACTOR` times fewer errors allowed.

    None is lower than before, though one that rests on something else might be. Where the calibration set is too small
    to speak of so few errors, what counts is the network's own word: so many times surer than before.
    """
    curves: dict[str, CalibrationCurve] = {one.kind: one.curve for one in held.details}
    if not curves:
        return held
    strict = thresholds(curves, accept_error / DRIFT_FACTOR)
    details = tuple(_stricter(old, new) for new, old in zip(strict.details, held.details, strict=True))
    return Thresholds.of_details(details)


def _stricter(old: Threshold, new: Threshold) -> Threshold:
    if new.score <= 1 or old.score > 1:
        return new if new.score >= old.score else old
    return claimed(old.curve, 1 - (1 - old.score) / DRIFT_FACTOR, new.accept_error)


def _compared(held: Threshold, sheets: Sequence[Sequence[float]]) -> Unlike | None:
    fields = sum(len(sheet) for sheet in sheets)
    curve = held.curve.curve
    if held.score > 1 or len(sheets) < FEWEST_SHEETS or fields < FEWEST_FIELDS:
        return None
    there = 1 - held.curve.at(held.score).accepted / curve[-1].accepted
    below = [sum(rounded(score) < held.score for score in sheet) for sheet in sheets]
    here = sum(below) / fields
    apart = [count - here * len(sheet) for count, sheet in zip(below, sheets, strict=True)]
    between = len(sheets) / (len(sheets) - 1) * sum(one**2 for one in apart) / fields**2
    chance = max(there, 1 / curve[-1].accepted) * (1 - there)
    error = sqrt(max(between, chance / fields) + chance / max(held.curve.writers, 1))
    beyond = here - there > STANDARD_ERRORS * error
    large = here >= TIMES_AS_MANY * there and here - there >= MORE_AT_LEAST
    return Unlike(held.kind, here, there) if beyond and large else None
