"""Exact binomial tails and bounds, for counts of errors among many fields. Pure.

Written out here because SciPy's would cost the reader a third of a second and 28 MB whenever it starts.
"""

from functools import cache
from math import ceil, exp, lgamma, log, log1p

import numpy as np
from numpy.typing import NDArray

BISECTIONS = 60
"""Halvings of an interval of length 1: until floating point tells no difference."""

NEGLECTED = 1e-10
"""Probability that a distribution of counts is cut off at; no interval of ours comes near it."""


def tail(wrong: int, trials: int, rate: float) -> float:
    """Return the probability of at most `wrong` errors in so many trials at this rate of errors.

    >>> round(tail(1, 3, 0.5), 6)
    0.5
    >>> tail(3, 3, 0.5), round(tail(0, 2995, 0.001), 4), round(tail(0, 2994, 0.001), 5)
    (1.0, 0.05, 0.05001)
    """
    if wrong >= trials or rate <= 0:
        return 1.0
    if wrong < 0 or rate >= 1:
        return 0.0
    count = np.arange(wrong, dtype=np.float64)
    steps = np.log(trials - count) - np.log(count + 1) + (log(rate) - log1p(-rate))
    logs = trials * log1p(-rate) + np.concatenate([[0.0], np.cumsum(steps)])
    top = logs.max()
    return min(float(exp(top) * np.exp(logs - top).sum()), 1.0)


def upper_bound(wrong: int, trials: int, confidence: float) -> float:
    """Return the highest rate of errors that so few errors leave possible (Clopper and Pearson 1934, one-sided).

    >>> round(upper_bound(0, 2995, 0.95), 7), upper_bound(0, 0, 0.95)
    (0.0009997, 1.0)
    """
    if wrong >= trials:
        return 1.0
    low, high = wrong / trials, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(wrong, trials, middle) > 1 - confidence else (low, middle)
    return high


def lower_bound(wrong: int, trials: int, confidence: float) -> float:
    """Return the lowest rate of errors that so many errors leave possible (Clopper and Pearson 1934, one-sided).

    >>> lower_bound(0, 100, 0.95), round(lower_bound(100, 100, 0.95), 4)
    (0.0, 0.9705)
    """
    # Errors and hits change places. Without trials there is nothing that would raise it above 0.
    return 1 - upper_bound(trials - wrong, trials, confidence) if trials else 0.0


@cache
def trials_to_pass(wrong: int, rate: float, level: float) -> int:
    """Return how many trials with `wrong` errors first make a rate of `rate` or more as unlikely as `level`.

    >>> trials_to_pass(0, 0.001, 0.05), trials_to_pass(3, 0.001, 0.05)
    (2995, 7752)
    """
    low, high = wrong, ceil((wrong + 1) / rate)
    while tail(wrong, high, rate) > level:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if tail(wrong, middle, rate) > level else (low, middle)
    return high


def predicted(wrong: int, seen: int, trials: int) -> NDArray[np.float64]:
    """Return how likely 0, 1, 2 … errors are in `trials` new fields, when `wrong` of `seen` were errors before.

    The rate is taken as Jeffreys does, Beta(wrong + 1/2, seen - wrong + 1/2), which makes the count beta-binomial.

    Returns:
        (K,) float64, K at most trials + 1; the tail beyond is below `NEGLECTED`. Sums to 1.
    """
    a, b = wrong + 0.5, seen - wrong + 0.5
    count = np.arange(trials, dtype=np.float64)
    # P(0), and then each count from the one before it.
    first = lgamma(b + trials) - lgamma(b) - lgamma(a + b + trials) + lgamma(a + b)
    steps = np.log((trials - count) * (count + a)) - np.log((count + 1) * (b + trials - count - 1))
    logs = first + np.concatenate([[0.0], np.cumsum(steps)])
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    end = int(np.searchsorted(np.cumsum(shares), 1 - NEGLECTED)) + 1
    kept: NDArray[np.float64] = shares[:end] / shares[:end].sum()
    return kept
