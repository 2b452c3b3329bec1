"""From logits to honest confidences: a temperature, and the confidence from which a character may be accepted."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import softmax
from recognizer.records import CLASSES, Probabilities

Logits = NDArray[np.float32]
"""(N, C) float32."""

WRONG_PER_ACCEPTED = 1 / 1000
"""What the office is promised for accepted characters."""

MARGIN = 1.5
"""The threshold is set for this many times fewer errors than promised, since real boxes are harder than composed ones.
A judgement, made with the figures of the first training in view; plain, and without a guarantee."""

OTHER_SHARE = 0.02
"""Share of struck-out, doubled and foreign ink in filled boxes of an exam, assumed. Composed validation has fourteen
times as much, most of it wrong groupings on purpose, and must not speak louder than it will in use."""

LOWEST, HIGHEST = 0.5, 0.9999
"""Range of the threshold: below, another class may be as likely; above, float32 probabilities say no more."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a threshold does on labelled glyphs: `accepted` of `total`, `wrong` of them.

    `rate` is wrong per accepted with class `other` weighted as in use (`OTHER_SHARE`); nan when none is accepted.
    """

    threshold: float
    accepted: int
    wrong: int
    total: int
    rate: float


def weights_in_use(truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a weight for every glyph so that `other` has its share in use; characters weigh 1."""
    other = truth == CLASSES.index("other")
    characters = max(int((~other).sum()), 1)
    return np.where(other, OTHER_SHARE / (1 - OTHER_SHARE) * characters / max(int(other.sum()), 1), 1.0)


def fit_temperature(logits: Logits, truth: NDArray[np.int64]) -> float:
    """Return the temperature with the smallest negative log likelihood (Guo et al. 2017), to 1 per cent."""
    weights = weights_in_use(truth)

    def loss(temperature: float) -> float:
        likelihood = softmax(logits, temperature)[np.arange(len(truth)), truth]
        return float(-(weights * np.log(np.maximum(likelihood, 1e-9))).sum())

    candidates: Iterable[float] = np.exp(np.arange(np.log(0.3), np.log(4.0), 0.01))
    return round(float(min(candidates, key=loss)), 4)


def acceptance(probabilities: Probabilities, truth: NDArray[np.int64], threshold: float) -> Acceptance:
    """Count what would be accepted as a character at a threshold; class `other` never is."""
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    taken = (confidence >= threshold) & (guess != CLASSES.index("other"))
    wrong = taken & (guess != truth)
    weights = weights_in_use(truth)
    rate = float(weights[wrong].sum() / weights[taken].sum()) if taken.any() else float("nan")
    return Acceptance(threshold, int(taken.sum()), int(wrong.sum()), len(truth), rate)


def accept_confidence(probabilities: Probabilities, truth: NDArray[np.int64]) -> Acceptance:
    """Return the lowest threshold at which, with the margin, few enough accepted characters are wrong.

    When no threshold does, the highest is returned: then nearly everything is for people.
    """
    for threshold in (*np.round(np.arange(LOWEST, 0.95, 0.01), 2), *np.round(np.arange(0.95, HIGHEST, 0.0005), 4)):
        found = acceptance(probabilities, truth, float(threshold))
        if found.rate * MARGIN <= WRONG_PER_ACCEPTED:
            return found
    return acceptance(probabilities, truth, HIGHEST)
