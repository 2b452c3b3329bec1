"""The marks and totals of a sheet, decoded together: which values do they have, and was anything added wrongly? Pure.

The reader gives each field probabilities by its own picture. An examiner who adds correctly makes most combinations of
them impossible: a total is a check digit. Here all combinations are weighed at once, those of a wrong sum as well, so
that what comes out is how likely each value is given the whole sheet, and how likely the examiner erred.

    P(marks, totals | ink)  ~  product of P(value | its own ink) * product over totals of P(written | sum) / P0(written)

P0 is uniform over what a total can hold. `P(written | sum)` is `SumModel`'s: right but for a small share of wrong ones.
Sums over combinations are convolutions; with prefixes and suffixes of their Fourier transforms each field gets the
weight of all the others (forward-backward, for all sheets of a template at once).

Marks are whole multiples of the finest step, as integers: no mark is ever a binary float; only probabilities are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.records import RankedValue
from recognizer.sum_layout import SumLayout, TotalNode
from recognizer.sum_model import SumModel

Weights = NDArray[np.float64]
"""(S, N): for each of S sheets a weight of each of N values."""

READER_SLIP = 1e-4
"""How likely a reading is wrong in a way that its own probabilities do not know of, spread over all its field can hold:
what keeps a total from being contradicted by something impossible. Ten times less than an office usually allows."""

TROUBLED = 0.5
"""What the values of a reading with trouble are worth, such as those of a field in which something was cancelled: as
much as not knowing. It may be what is meant, or what is not."""

MOST_CELLS = 400_000
"""Weights held at once, with what is worked out beside them 50 MB: more sheets are decoded in portions."""


@dataclass(frozen=True, slots=True)
class PartEvidence:
    """What is known of one field by itself.

    `values` are ranked with probabilities that sum to at most 1; the rest is something else that the field can hold.
    `known` is what a person said ("" for blank), None when nobody has. `troubled` tells that something was seen that no
    value explains.
    """

    values: Sequence[RankedValue] = ()
    known: str | None = None
    troubled: bool = False


UNKNOWN = PartEvidence()
"""Nothing is known of a field: its page has not come, or came twice."""


@dataclass(frozen=True, slots=True)
class Joint:
    """How likely everything is, given the whole sheet; for S sheets.

    `parts` holds, in the layout's order, (S, N) probabilities of the part's columns: its numbers, then what else it may
    hold (`sum_layout.SPECIAL`).
    `left_out` (S, M) is how likely each mark was left out when its total was added, or, where its cell is blank, how
    likely something was awarded and not written. `misadded` (S, T) bounds from above how likely each written total is
    not the sum of what it adds, for one of these reasons or any other.
    """

    layout: SumLayout
    parts: tuple[Weights, ...]
    left_out: Weights
    misadded: Weights

    def of(self, sheet: int, part: int, value: str) -> float:
        """Return how likely a part has a value, 0 when it cannot hold it."""
        column = self.layout.parts[part].columns.get(value)
        return 0.0 if column is None else float(self.parts[part][sheet, column])

    def tops(self, part: int) -> tuple[RankedValue, ...]:
        """Return the likeliest value of a part, for each sheet."""
        columns = self.parts[part].argmax(axis=1)
        chances = self.parts[part][np.arange(len(columns)), columns]
        texts = self.layout.parts[part].texts
        pairs = zip(columns.tolist(), chances.tolist(), strict=True)
        return tuple(RankedValue(texts[column], chance) for column, chance in pairs)

    def ranked(self, sheet: int, part: int, most: int = 5) -> tuple[RankedValue, ...]:
        """Return the likeliest values of a part, best first."""
        row = self.parts[part][sheet]
        best = np.argsort(-row, kind="stable")[:most]
        texts = self.layout.parts[part].texts
        return tuple(RankedValue(texts[at], float(row[at])) for at in best.tolist() if row[at] > 0)


def decode_sums(layout: SumLayout, sheets: Sequence[Sequence[PartEvidence]], model: SumModel) -> Joint:
    """Decode the marks and totals of sheets of one template together.

    Args:
        layout: what adds what.
        sheets: for each sheet what is known of each part, in the layout's order.
        model: how examiners add.
    """
    cells = sum(len(part.texts) for part in layout.parts) + 8 * layout.width
    portion = max(1, MOST_CELLS // max(cells, 1))
    done = [_Decoder(layout, model).decode(sheets[at : at + portion]) for at in range(0, len(sheets), portion)]
    if len(done) == 1:
        return done[0]
    return Joint(
        layout,
        tuple(
            np.concatenate([one.parts[index] for one in done]) if done else np.zeros((0, len(part.texts)))
            for index, part in enumerate(layout.parts)
        ),
        np.concatenate([one.left_out for one in done]) if done else np.zeros((0, len(layout.marks))),
        np.concatenate([one.misadded for one in done]) if done else np.zeros((0, len(layout.totals))),
    )


def prior_weights(layout: SumLayout, part: int, evidence: Sequence[PartEvidence]) -> Weights:
    """Return what the reader or a person says of one part of each sheet, (S, N); rows sum to 1."""
    of = layout.parts[part]
    allowed = of.allowed
    share = allowed / allowed.sum()
    found = np.zeros((len(evidence), len(of.texts)))
    free = np.repeat(allowed[None], len(evidence), axis=0)
    known = np.array([one.known is not None for one in evidence], bool)
    slip = np.array([TROUBLED if one.troubled else READER_SLIP for one in evidence])[:, None]
    said = [
        (row, of.columns.get(value, of.other), probability)
        for row, one in enumerate(evidence)
        for value, probability in _said(one)
    ]
    for row, column, probability in said:
        found[row, column] += probability
        free[row, column] = 0.0
    found /= np.maximum(found.sum(axis=1, keepdims=True), 1.0)
    left = free.sum(axis=1, keepdims=True)
    spread = np.where(left > 0, free / np.maximum(left, 1.0), share)
    found += np.maximum(1.0 - found.sum(axis=1, keepdims=True), 0.0) * spread
    return np.where(known[:, None], found, found * (1.0 - slip) + slip * share)


def _said(one: PartEvidence) -> list[tuple[str, float]]:
    if one.known is not None:
        return [(one.known, 1.0)]
    return [(value.value, value.probability) for value in one.values if 0 <= value.probability <= 1]


class _Decoder:
    """Decodes some sheets at once; holds what goes up and down the tree of totals."""

    def __init__(self, layout: SumLayout, model: SumModel) -> None:
        self.layout = layout
        self.model = model
        self.size = _fast_size(layout.width)
        self.left_out = {at: model.left_out_of(layout.siblings(at)) for at in layout.marks}

    def decode(self, sheets: Sequence[Sequence[PartEvidence]]) -> Joint:
        layout = self.layout
        self.prior = [prior_weights(layout, at, [sheet[at] for sheet in sheets]) for at in range(len(layout.parts))]
        # Where somebody is absent, or something is no number, there is no sum, and nothing is known of the others.
        self.free = [self._free(at) for at in range(len(layout.parts))]
        self.sums: dict[int, Weights] = {}
        self.spectra: dict[int, NDArray[np.complex128]] = {}
        self.weighed: list[Weights] = [p.copy() for p in self.prior]
        self.lost = {at: np.zeros(len(sheets)) for at in layout.marks}
        self.wrong = {at: np.zeros(len(sheets)) for at in layout.totals}
        evidence = {root: self._up(root).sum(axis=1) for root in layout.roots}
        for root in layout.roots:
            start, width = layout.span(root)
            self._down(root, np.ones((len(sheets), width)), start)
        return self._together(len(sheets), evidence)

    def _free(self, at: int) -> NDArray[np.float64]:
        part = self.layout.parts[at]
        return np.asarray(self.prior[at][:, [part.other, *part.unsummed]].sum(axis=1))

    # ---- marks

    def _added(self, at: int) -> Weights:
        """Return how likely a mark adds each amount, over its span."""
        part, prior = self.layout.parts[at], self.prior[at]
        start, width = self.layout.span(at)
        found = np.zeros((len(prior), width))
        lost = self.left_out[at]
        numbers = prior[:, : part.count]
        found[:, part.low - start : part.low - start + part.count] = (1 - lost) * numbers
        nothing = prior[:, part.zeros].sum(axis=1)
        found[:, -start] += lost * numbers.sum(axis=1) + nothing + (1 - self.model.forgotten) * prior[:, part.blank]
        found[:, part.low - start : part.low - start + part.count] += (
            self.model.forgotten * prior[:, [part.blank]] * part.awarded
        )
        return found

    def _weigh_mark(self, at: int, others: Weights) -> None:
        """Weigh a mark's values by what the rest of the sheet says of each amount that it may add."""
        part, prior = self.layout.parts[at], self.prior[at]
        start, _ = self.layout.span(at)
        lost, forgotten = self.left_out[at], self.model.forgotten
        numbers = others[:, part.low - start : part.low - start + part.count]
        nothing = others[:, [-start]]
        out = np.zeros_like(prior)
        out[:, : part.count] = prior[:, : part.count] * ((1 - lost) * numbers + lost * nothing)
        hidden = numbers @ part.awarded
        out[:, part.zeros] = prior[:, part.zeros] * nothing
        blank = prior[:, part.blank]
        out[:, part.blank] = blank * ((1 - forgotten) * nothing[:, 0] + forgotten * hidden)
        self.weighed[at] = out
        # Whoever leaves out a zero adds rightly.
        some = prior[:, : part.count].sum(axis=1) - (
            prior[:, -part.low] if part.low <= 0 < part.low + part.count else 0
        )
        self.lost[at] = lost * nothing[:, 0] * some + forgotten * hidden * blank

    # ---- totals

    def _up(self, at: int) -> Weights:
        """Return the weight of each amount that a part adds to what stands above it, over its span."""
        if at not in self.layout.nodes:
            return self._added(at)
        node = self.layout.nodes[at]
        for child in node.children:
            self.spectra[child] = np.fft.rfft(self._up(child), self.size, axis=1)
        product = np.prod(np.stack([self.spectra[child] for child in node.children]), axis=0)
        sums = np.maximum(np.fft.irfft(product, self.size, axis=1)[:, : node.width], 0.0)
        self.sums[at] = sums
        part, prior = self.layout.parts[at], self.prior[at]
        start, width = self.layout.span(at)
        out = np.zeros((len(prior), width))
        if node.passes_written:
            out[:, part.low - start : part.low - start + part.count] = prior[:, : part.count] * self.model.written(
                sums, node, part
            )
            out[:, node.low - start : node.low - start + node.width] += sums * prior[:, [part.blank]]
        else:
            out[:, node.low - start : node.low - start + node.width] = sums * (
                self.model.of_sums(prior[:, : part.count], node, part) + prior[:, [part.blank]]
            )
        return out

    def _down(self, at: int, above: Weights, start: int) -> None:
        """Weigh a total and all it adds; `above` is what the rest of the sheet says of each amount from `start` on."""
        node, part, prior = self.layout.nodes[at], self.layout.parts[at], self.prior[at]
        sums, numbers = self.sums[at], prior[:, : part.count]
        of_sum = above[:, node.low - start : node.low - start + node.width]
        blank = prior[:, [part.blank]]
        out = np.zeros_like(prior)
        if node.passes_written:
            of_written = above[:, part.low - start : part.low - start + part.count]
            out[:, : part.count] = numbers * of_written * self.model.written(sums, node, part)
            right = self.model.right(sums, numbers * of_written, node, part)
            each = self.model.of_sums(numbers * of_written, node, part) + blank * of_sum
        else:
            out[:, : part.count] = numbers * self.model.written(sums * of_sum, node, part)
            right = self.model.right(sums * of_sum, numbers, node, part)
            each = (self.model.of_sums(numbers, node, part) + blank) * of_sum
        out[:, part.blank] = blank[:, 0] * (sums * of_sum).sum(axis=1)
        self.weighed[at] = out
        self.wrong[at] = np.maximum(out[:, : part.count].sum(axis=1) - right, 0.0)
        self._to_children(node, each)
        for child in node.children:
            if child in self.lost:
                self.wrong[at] = self.wrong[at] + self.lost[child]

    def _to_children(self, node: TotalNode, each: Weights) -> None:
        spectrum = np.fft.rfft(each, self.size, axis=1)
        after = [np.ones_like(spectrum)]
        for child in reversed(node.children[1:]):
            after.append(after[-1] * self.spectra[child])
        before = np.ones_like(spectrum)
        for child, rest in zip(node.children, reversed(after), strict=True):
            others = np.fft.irfft(spectrum * np.conj(before * rest), self.size, axis=1)
            before = before * self.spectra[child]
            # An amount x of this child meets the sums that begin where all children begin.
            child_start, width = self.layout.span(child)
            weights = np.maximum(others[:, :width], 0.0)
            if child in self.layout.nodes:
                self._down(child, weights, child_start)
            else:
                self._weigh_mark(child, weights)

    # ---- the whole sheet

    def _together(self, count: int, evidence: dict[int, NDArray[np.float64]]) -> Joint:
        """Mix in that the sheet has no sum at all, and make probabilities of weights."""
        layout = self.layout
        bound = [1.0 - free for free in self.free]
        summed = np.prod([evidence[root] for root in layout.roots], axis=0) * np.prod(
            [bound[at] for at in range(len(bound)) if at not in layout.root_of] or [np.ones(count)], axis=0
        )
        unsummed = 1.0 - np.prod(bound, axis=0)
        whole = np.maximum(summed + unsummed, np.finfo(float).tiny)
        parts: list[Weights] = []
        scale = np.zeros((len(bound), count))
        for at, prior in enumerate(self.prior):
            part = layout.parts[at]
            others = np.prod([each for index, each in enumerate(bound) if index != at] or [np.ones(count)], axis=0)
            out = prior * (1.0 - others)[:, None]
            no_sum = [part.other, *part.unsummed]
            out[:, no_sum] = prior[:, no_sum]
            if at in layout.root_of:
                root = layout.root_of[at]
                with np.errstate(divide="ignore", invalid="ignore"):
                    scale[at] = np.where(evidence[root] > 0, summed / evidence[root], 0.0)
                out += self.weighed[at] * scale[at][:, None]
            total = np.maximum(out.sum(axis=1, keepdims=True), np.finfo(float).tiny)
            parts.append(out / total)
        return Joint(
            layout,
            tuple(parts),
            _columns([self.lost[at] * scale[at] / whole for at in layout.marks], count),
            _columns([np.minimum(self.wrong[at] * scale[at] / whole, 1.0) for at in layout.totals], count),
        )


def _columns(each: Sequence[NDArray[np.float64]], count: int) -> Weights:
    return np.stack(each, axis=1) if each else np.zeros((count, 0))


def _fast_size(least: int) -> int:
    """Return a length at which Fourier transforms are fast: two or three times a power of two."""
    power = 1 << max(least - 1, 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= least else power
