"""How examiners add: what is written where a sum should stand. Pure.

Most totals are right. What is known of the wrong ones is how they come about: a mark is left out, one or ten too many
or too few (a slip, a forgotten carry), a lost half, two figures written the wrong way round; and then anything else.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recognizer.sum_layout import SumPart, TotalNode

MISADDED = 0.05
"""The share of totals that are taken to be wrong unless an office knows better (`sums.misadded` in exam.toml). Rather
too large than too small: with too small a share a wrong sum is explained away as a misread mark. It costs little: from
0.001 to 0.1, what people see of simulated covers goes from 6.0 % to 6.3 % of marks and totals."""

FORGOTTEN = 0.02
"""How likely behind a blank mark cell stands an award that was added but not written. Blank cells are rare, and this
is why offices look at them; it only has to be neither impossible nor usual."""

LEFT_OUT_SHARE = 0.3
"""Of wrong totals, those in which one mark was left out."""

SLIPS: tuple[tuple[Decimal, float], ...] = tuple(
    (Decimal(sign) * Decimal(by), share) for by, share in (("0.5", 0.05), ("1", 0.1), ("10", 0.08)) for sign in (1, -1)
)
"""By how much wrong totals are off, with their shares: a lost half, a slip by one, a carry. As in check-digit practice
single errors and neighbours come first; the exact shares matter little, since what decides is agreement."""

TRANSPOSED_SHARE = 0.04
"""Of wrong totals, those with the last two whole figures the wrong way round."""

OUTSIDE = -(10**15)
"""Units that no total can hold."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """Ways from a sum to a written total: for each the sums, the columns written for them, and the share."""

    steps: tuple[tuple[NDArray[np.int64], NDArray[np.int64], float], ...]
    anything: float


@dataclass(frozen=True, slots=True)
class SumModel:
    """How examiners add in an exam. `unit` is that of the layout (`SumLayout.unit`)."""

    unit: Decimal
    misadded: float = MISADDED
    forgotten: float = FORGOTTEN

    def left_out_of(self, siblings: int) -> float:
        """Return how likely one of so many marks that are added together was left out."""
        return self.misadded * LEFT_OUT_SHARE / max(siblings, 1)

    def of_sums(self, numbers: NDArray[np.float64], node: TotalNode, part: SumPart) -> NDArray[np.float64]:
        """Return, for each sum, the weight of what is written for it: (S, count) -> (S, width)."""
        ways = self._ways(node, part)
        found = np.repeat(ways.anything * numbers.sum(axis=1, keepdims=True), node.width, axis=1)
        for sums, columns, share in ways.steps:
            found[:, sums] += share * numbers[:, columns]
        return found

    def written(self, sums: NDArray[np.float64], node: TotalNode, part: SumPart) -> NDArray[np.float64]:
        """Return, for each number that may be written, the weight of the sums behind it: (S, width) -> (S, count)."""
        ways = self._ways(node, part)
        found = ways.anything * sums.sum(axis=1, keepdims=True) * (part.allowed[: part.count] > 0)
        for at, columns, share in ways.steps:
            # No way leads two sums to one column.
            found[:, columns] += share * sums[:, at]
        return np.asarray(found)

    def right(
        self, sums: NDArray[np.float64], numbers: NDArray[np.float64], node: TotalNode, part: SumPart
    ) -> NDArray[np.float64]:
        """Return the weight of all totals that are written as they should be, (S,)."""
        ways = self._ways(node, part)
        at, columns, share = ways.steps[0]
        return np.asarray((share + ways.anything) * (sums[:, at] * numbers[:, columns]).sum(axis=1))

    def share(self, real: int, written: int, node: TotalNode, part: SumPart) -> float:
        """Return how likely a number of units is written for a sum, relative to any number at all."""
        sums, numbers = np.zeros((1, node.width)), np.zeros((1, part.count))
        if not (0 <= real - node.low < node.width and 0 <= written - part.low < part.count):
            return 0.0
        sums[0, real - node.low] = 1.0
        numbers[0, written - part.low] = 1.0
        return float((self.written(sums, node, part) * numbers).sum())

    def _ways(self, node: TotalNode, part: SumPart) -> _Ways:
        allowed = part.allowed[: part.count].tobytes()
        return _all_ways((self.unit, self.misadded), node.low, node.width, part.low, allowed)


@lru_cache(maxsize=256)
def _all_ways(scale: tuple[Decimal, float], low: int, width: int, part_low: int, allowed: bytes) -> _Ways:
    unit, misadded = scale
    holds = np.frombuffer(allowed) > 0
    sums, count = np.arange(width), len(holds)
    values = int(max(holds.sum(), 1))

    def way(written: NDArray[np.int64], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
        columns = written - part_low
        inside = (columns >= 0) & (columns < count)
        inside[inside] = holds[columns[inside]]
        return sums[inside], columns[inside], values * share

    steps = [way(sums + low, 1 - misadded)]
    rest = 1 - LEFT_OUT_SHARE
    for by, share in SLIPS:
        units = by / unit
        if units == units.to_integral_value():
            steps.append(way(sums + low + int(units), misadded * share))
            rest -= share
    one = 1 / unit
    if one == one.to_integral_value():
        turned = _transposed(sums + low, int(one))
        # 33 turned round is right all the same.
        steps.append(way(np.where(turned == sums + low, OUTSIDE, turned), misadded * TRANSPOSED_SHARE))
        rest -= TRANSPOSED_SHARE
    # "Anything" is one of `values`, and all weights are relative to one of `values`.
    return _Ways(tuple(steps), misadded * max(rest, 0.0))


def _transposed(units: NDArray[np.int64], one: int) -> NDArray[np.int64]:
    """Return numbers with the last two whole figures the wrong way round, what stands behind the point kept."""
    whole, behind = np.divmod(np.abs(units), one)
    hundreds, last = np.divmod(whole, 100)
    turned = (hundreds * 100 + last % 10 * 10 + last // 10) * one + behind
    return np.asarray(np.where(units < 0, -turned, turned))


def model_for(unit: Decimal, misadded: float = MISADDED) -> SumModel:
    """Return the model of an exam.

    Raises:
        ValueError: the share is none between 0 and 1 (our bug: settings are checked).
    """
    if not 0 < misadded < 1:
        raise ValueError(f"{misadded!r} is no share of wrong totals")
    return replace(SumModel(unit), misadded=misadded)
