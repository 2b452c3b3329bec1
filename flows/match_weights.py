"""The arithmetic of matching: how much speaks for every pair of sheet and candidate. Pure; numpy and SciPy only.

All weights of one sheet share one scale, which cancels out: only their ratios within a row mean something.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

FLOOR = 2e-4
"""How likely a character is not what the network is certain of, shared among all others. The networks are calibrated
to about 1 in 1,000 fields, and labels have errors too: no probability below this means anything."""

SLIP = 0.003
"""How likely somebody writes one character of the own number wrong or swaps two. From memory rather than from data:
one script in some hundreds, of which nearly all are digits copied wrong."""

BESIDE = 0.5
"""Of the people who are not on the roster, how many have a number one slip away from one that is. Half is far more than
chance: numbers of a year begin alike, and one who left has left neighbours behind."""

ABSENT = 0.05
"""How many candidates have no sheet, at least."""

ROUNDING = 1e-5
"""Relative error of a sum in single precision, with room to spare."""

TWICE = 0.001
"""How likely, before looking, somebody hands in two sheets, so that a candidate who has one may be another's too."""

KEPT = 32
"""Candidates of a sheet that are looked at one by one. All others together count against whatever is accepted."""

AT_ONCE = 2_500_000
"""Pairs of sheet and candidate that are weighed at once: some 50 MB, however long the class list is."""

TINY = 1e-30
"""Stands for a character that cannot stand at a position."""

NOBODY = -1
"""In place of a candidate: somebody who is not on the roster."""

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prior:
    """What speaks for a pair before looking: for `each` candidate, and for anybody who is not on the roster."""

    each: float
    nobody: float


def prior_of(sheets: int, candidates: int, off_roster: float, *, exclusive: bool) -> Prior:
    """Return what speaks for anybody before looking.

    Where a candidate has one sheet only, a sheet that is not his leaves him without any. That is as likely as it is to
    be absent: ABSENT of all candidates, or more where there are fewer sheets than candidates. So

        each = (1 - absent) / absent,   nobody = the sheets expected of people who are not on the roster

    with which, where few sheets have come yet, a pair is as likely as one out of all candidates: nobody is expected.
    """
    if not exclusive:
        return Prior((1.0 - off_roster) / candidates, off_roster)
    absent = max(ABSENT, 1.0 - sheets * (1.0 - off_roster) / candidates)
    return Prior((1.0 - absent) / absent, off_roster * sheets)


@dataclass(frozen=True, slots=True)
class Weights:
    """What speaks for whom, for S sheets.

    `who` (S, K) are candidates by index, likeliest first; `weight` (S, K) what speaks for each; `others` (S,) for all
    further candidates together; `nobody` (S,) for somebody who is not on the roster, and `beside` (S,) that part of it
    which speaks for a number one slip away from a candidate's. `scale` (S,) is the logarithm by which all weights of a
    row were made smaller.
    """

    who: Indices
    weight: Floats
    others: Floats
    nobody: Floats
    beside: Floats
    scale: Floats


@dataclass(frozen=True, slots=True)
class Assignment:
    """The likeliest assignment of sheets to candidates: `holder` (S,) is a candidate or NOBODY.

    `odds` (S,) are those against it: how much more, or less, all other explanations weigh together.
    `chances` (S, K) are how likely each of `Weights.who` is.
    """

    holder: Indices
    odds: Floats
    chances: Floats


def roster_neighbours(ids: Sequence[str]) -> csr_array:
    """Return (N, N) which ids differ in one character, or by two neighbouring characters swapped."""
    groups: dict[tuple[int, str], list[int]] = defaultdict(list)
    index = {number: at for at, number in enumerate(ids)}
    pairs: set[tuple[int, int]] = set()
    for at, number in enumerate(ids):
        for place in range(len(number)):
            groups[place, number[:place] + "\0" + number[place + 1 :]].append(at)
            swapped = number[:place] + number[place + 1 : place + 2] + number[place] + number[place + 2 :]
            if (other := index.get(swapped, at)) != at:
                pairs.add((at, other))
    for same in groups.values():
        pairs.update((one, other) for one in same for other in same if one != other)
    rows, columns = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(ids), len(ids)))


def weigh(table: Floats, sizes: Sequence[int], codes: Indices, near: csr_array, prior: Prior) -> Weights:
    """Return what speaks for whom.

    Args:
        table: (S, n, A) for each position how much more a character fits what was seen than one at random would.
        sizes: how many characters may stand at each position; the ratio of an impossible one is 0.
        codes: (N, n) the characters of every candidate's number, as columns of `table`; A - 1 for one that is none.
        near: as `roster_neighbours`.
        prior: what speaks for anybody before looking.

    A candidate's weight is how likely what was seen would be, had he written his number (or, rarely, slipped), times
    his prior. Whoever is not on the roster writes any number that is not, half of them one slip beside one that is.
    """
    written = np.zeros((codes.shape[1] * table.shape[2], len(codes)), np.float32)
    offsets = np.arange(codes.shape[1]) * table.shape[2]
    written[(codes + offsets).ravel(), np.repeat(np.arange(len(codes)), codes.shape[1])] = 1.0
    step = max(AT_ONCE // len(codes), 1)
    parts = [
        _weigh_part(table[start : start + step], sizes, codes, written, near, prior)
        for start in range(0, len(table), step)
    ]
    return Weights(*(np.concatenate([getattr(part, name) for part in parts]) for name in Weights.__slots__))


def _weigh_part(  # noqa: PLR0917 - as `weigh`
    table: Floats,
    sizes: Sequence[int],
    codes: Indices,
    written: NDArray[np.float32],
    near: csr_array,
    prior: Prior,
) -> Weights:
    sheets = len(table)
    count = len(codes)
    logs = np.log(np.maximum(table, TINY))
    fits = logs.reshape(sheets, -1).astype(np.float32) @ written
    kept = min(KEPT, count)
    who = np.argpartition(-fits, kept - 1, axis=1)[:, :kept] if kept < count else np.tile(np.arange(count), (sheets, 1))
    who = np.sort(who, axis=1)
    exact_logs = np.take_along_axis(logs[:, None, :, :], codes[who][:, :, :, None], axis=3)[..., 0].sum(axis=2)
    scale = exact_logs.max(axis=1)
    exact = np.exp(exact_logs - scale[:, None])
    alike = np.exp(fits - scale[:, None].astype(np.float32)).sum(axis=1, dtype=np.float64)
    # What single precision cannot tell from nothing is nothing.
    rest = alike - exact.sum(axis=1)
    rest = np.where(rest > ROUNDING * alike, rest, 0.0) if kept < count else np.zeros(sheets)
    slipped, ways = _slipped(table, codes[who], exact, sizes)
    weight = prior.each * ((1.0 - SLIP) * exact + SLIP * slipped / ways)
    order = np.argsort(-weight, axis=1, kind="stable")
    slips = slipped.sum(axis=1) - _on_roster(who, exact, near)
    anywhere = _anywhere(table, sizes, scale, exact.sum(axis=1) + rest, count)
    strangers = _off_roster_neighbours(sizes, codes, near)
    share = BESIDE if strangers else 0.0
    beside = prior.nobody * share * np.maximum(slips, 0.0) / max(strangers, 1)
    return Weights(
        np.take_along_axis(who, order, axis=1),
        np.take_along_axis(weight, order, axis=1),
        prior.each * rest,
        prior.nobody * (1.0 - share) * anywhere + beside,
        beside,
        scale,
    )


def _slipped(table: Floats, written: Indices, exact: Floats, sizes: Sequence[int]) -> tuple[Floats, float]:
    """Return how well the numbers one slip away fit, added up, (S, K), and in how many ways one can slip."""
    sheets, _, length = written.shape
    rows = np.arange(sheets)[:, None, None]
    places = np.arange(length)[None, None, :]
    own = np.maximum(table[rows, places, written], TINY)
    wrong = ((table.sum(axis=2)[:, None, :] - own) / own).clip(min=0.0).sum(axis=2)
    left, right = written[:, :, :-1], written[:, :, 1:]
    crossed = table[rows, places[:, :, :-1], right] * table[rows, places[:, :, 1:], left]
    swapped = np.where(left == right, 0.0, crossed / (own[:, :, :-1] * own[:, :, 1:])).sum(axis=2)
    return exact * (wrong + swapped), float(sum(size - 1 for size in sizes) + length - 1) or 1.0


def _off_roster_neighbours(sizes: Sequence[int], codes: Indices, near: csr_array) -> int:
    """Return how many numbers are one slip away from a candidate's and not on the roster, once for each candidate."""
    wrong = len(codes) * sum(size - 1 for size in sizes)
    swapped = int((codes[:, 1:] != codes[:, :-1]).sum())
    return max(wrong + swapped - int(near.nnz), 0)


def _on_roster(who: Indices, exact: Floats, near: csr_array) -> Floats:
    """Return (S,) what `_slipped` counts for numbers that stand on the roster themselves."""
    sheets, kept = who.shape
    rows = np.repeat(np.arange(sheets), kept)
    shape = (sheets, near.shape[0])
    fits = csr_array((exact.ravel(), (rows, who.ravel())), shape=shape)
    chosen = csr_array((np.ones(sheets * kept), (rows, who.ravel())), shape=shape)
    counted: Floats = np.asarray((fits * (chosen @ near)).sum(axis=1), np.float64).ravel()
    return counted


def _anywhere(table: Floats, sizes: Sequence[int], scale: Floats, on_roster: Floats, count: int) -> Floats:
    """Return how well a number fits that is drawn from all those not on the roster, (S,)."""
    logs = np.log(np.maximum(table.sum(axis=2), TINY)).sum(axis=1) - scale
    numbers = float(np.prod([float(size) for size in sizes]))
    fit: Floats = np.maximum(np.exp(logs) - on_roster, 0.0) / max(numbers - count, 1.0)
    return fit


def assign(weights: Weights, taken: Indices, *, exclusive: bool) -> Assignment:
    """Assign every sheet to a candidate or to nobody, so that all of it together is as likely as can be.

    Args:
        weights: what speaks for whom.
        taken: candidates who have a sheet already, because a person says so.
        exclusive: whether a candidate has one sheet only.

    The odds against a sheet's own candidate c are an upper bound, to leading order, of those of the full posterior (a
    permanent, which nobody can compute). In any other explanation the sheet is somebody else's, c'. Where c' holds a
    sheet that one has to move on, which weighs the odds against it with everybody free; or c' has two (TWICE). And once
    c is free another sheet may want c. So

        odds(s) = sum over c' of weight(s, c') / weight(s, c) * release(c')  *  (1 + sum over s' of its odds for c)

    and, among all sheets whose odds are at most e, the share of wrong ones that is expected is at most e. That holds
    under this model, to leading order: the characters of a sheet are read independently of one another, as surely as
    the calibrated network says and never surer than FLOOR; candidates slip by SLIP, are absent by ABSENT and hand in
    two sheets by TWICE; whoever is not on the roster is as frequent as `off_roster` says, and has a number beside a
    candidate's by BESIDE, any other one otherwise. It is not proven beyond: these constants are guesses, a hand that
    misleads the network misleads it at every place alike, and people who write each other's numbers are not foreseen.
    """
    sheets = len(weights.who)
    free = ~np.isin(weights.who, taken) if exclusive else np.ones(weights.who.shape, bool)
    holder = _holders(weights, free) if exclusive else _first(weights)
    is_own = weights.who == holder[:, None]
    own = np.where(holder == NOBODY, weights.nobody, (weights.weight * is_own).sum(axis=1))
    own = np.maximum(own, TINY)
    rivals = np.where(is_own, 0.0, weights.weight)
    against_nobody = np.where(holder == NOBODY, 0.0, weights.nobody)
    alone = (rivals.sum(axis=1) + weights.others + against_nobody) / own
    release = np.ones(int(weights.who.max(initial=0)) + 1 + sheets)
    if exclusive:
        release[taken[taken < len(release)]] = TWICE
        held = holder != NOBODY
        release[holder[held]] = np.clip(alone[held], TWICE, 1.0)
    moved = (rivals * release[weights.who]).sum(axis=1) + weights.others + against_nobody
    odds = moved / own
    if exclusive:
        wanted = np.zeros(len(release))
        np.add.at(wanted, weights.who, rivals / own[:, None])
        odds *= 1.0 + np.where(holder == NOBODY, 0.0, wanted[holder])
    freed = np.where(is_own, 1.0, release[weights.who]) * weights.weight
    everything = freed.sum(axis=1) + weights.others + weights.nobody
    return Assignment(holder, odds, freed / np.maximum(everything, TINY)[:, None])


def _first(weights: Weights) -> Indices:
    first: Indices = np.where(weights.weight[:, 0] > weights.nobody, weights.who[:, 0], NOBODY)
    return first


def _holders(weights: Weights, free: NDArray[np.bool_]) -> Indices:
    """Return the likeliest assignment: a linear one in logarithms, part by part of what hangs together."""
    sheets = len(weights.who)
    gain = np.log(np.maximum(weights.weight, TINY)) - np.log(np.maximum(weights.nobody, TINY))[:, None]
    # Whoever fits less than nobody is never chosen: nobody is always free.
    rows, columns = np.nonzero((gain > 0) & free)
    holder = np.full(sheets, NOBODY, np.int64)
    if not len(rows):
        return holder
    who, value = weights.who[rows, columns], gain[rows, columns]
    size = sheets + int(who.max()) + 1
    links = csr_array((np.ones(len(rows)), (rows, sheets + who)), shape=(size, size))
    _, part = connected_components(links, directed=False)
    order = np.argsort(part[rows], kind="stable")
    for block in np.split(order, np.flatnonzero(np.diff(part[rows[order]])) + 1):
        _assign_part(holder, rows[block], who[block], value[block])
    return holder


def _assign_part(holder: Indices, rows: Indices, who: Indices, value: Floats) -> None:
    if len(rows) == 1:
        # One sheet that speaks for one candidate, as nearly all do: a solver would only cost time.
        holder[rows[0]] = who[0]
        return
    sheets, row_at = np.unique(rows, return_inverse=True)
    people, column_at = np.unique(who, return_inverse=True)
    # Every sheet may also stay with nobody: a column of its own, gain 0. Costs are positive, since none means no edge.
    most = float(value.max()) + 1.0
    own = np.arange(len(sheets))
    at = (np.concatenate([row_at, own]), np.concatenate([column_at, len(people) + own]))
    costs = csr_array((np.concatenate([most - value, np.full(len(sheets), most)]), at))
    for row, column in zip(*min_weight_full_bipartite_matching(costs), strict=True):
        if column < len(people):
            holder[sheets[row]] = people[column]
