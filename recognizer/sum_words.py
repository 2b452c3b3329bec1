"""Why a total does not agree, in words: the likeliest explanations, each with as few changes as possible. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from recognizer.sum_layout import SumLayout, SumPart
from recognizer.sum_model import SumModel
from recognizer.sums import PartEvidence, Weights, prior_weights
from recognizer.template import Role

MOST_EXPLANATIONS = 3
"""More explanations than these nobody weighs against each other."""

WORTH_SAYING = 0.02
"""The share of all explanations' weight that one needs to be told."""


PAIRED = 0.001
"""How likely a value is, measured by the best one, that is thought of together with another such value."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One way in which what is seen may have come about, and its share of the weight of all that were thought of."""

    text: str
    share: float


def explain(
    layout: SumLayout, total: int, sheet: Sequence[PartEvidence], best: Sequence[str], model: SumModel
) -> tuple[Explanation, ...]:
    """Return the likeliest explanations of what a total and the parts that it adds say, best first.

    Args:
        layout: what adds what.
        total: which total.
        sheet: what is known of each part.
        best: what each part seems to hold, by itself.
        model: how examiners add.
    """
    found = sorted(_Sum(layout, total, sheet, best, model).explanations(), key=lambda pair: -pair[1])
    whole = sum(weight for _, weight in found)
    if not whole > 0:
        return ()
    shares = [Explanation(text, weight / whole) for text, weight in found[:MOST_EXPLANATIONS]]
    return tuple(one for one in shares if one.share >= WORTH_SAYING)


def part_in_words(part: SumPart) -> str:
    """Return what people call a mark or a total in a sentence: "Q4", "the total", "the total 'Part A'"."""
    if part.role is Role.TOTAL:
        name = part.question.strip()
        return "the total" if name.casefold() in ("", "total") else f"the total '{name}'"
    return question_in_words(part.question)


def question_in_words(question: str) -> str:
    """Return what people call a question in a sentence: "Q4" where it is numbered, else as it is called."""
    return f"Q{question}" if question[:1].isdigit() else question


class _Sum:
    """One total of one sheet, and what it adds."""

    def __init__(
        self, layout: SumLayout, total: int, sheet: Sequence[PartEvidence], best: Sequence[str], model: SumModel
    ) -> None:
        self.layout, self.total, self.model, self.best = layout, total, model, best
        self.node = layout.nodes[total]
        self.evidence = {at: sheet[at] for at in (*self.node.children, total)}
        self.known = {at: one.known is not None for at, one in self.evidence.items()}

    @cached_property
    def prior(self) -> dict[int, Weights]:
        """What is known of each part by itself; worked out only where it takes more than counting to explain."""
        return {at: prior_weights(self.layout, at, [one])[0] for at, one in self.evidence.items()}

    def explanations(self) -> Iterator[tuple[str, float]]:
        """Yield every explanation with its weight."""
        amounts = {at: self._amount(at, self.best[at]) for at in self.evidence}
        written = amounts.pop(self.total)
        if written is None or self.best[self.total] == "" or any(amount is None for amount in amounts.values()):
            return
        real = sum(amount or 0 for amount in amounts.values())
        part = self.layout.parts[self.total]
        agreeing = self.model.share(written, written, self.node, part)
        if real == written:
            yield f"the marks add up to {self.layout.number(real)}, as {self._name(self.total)} says", agreeing
            return
        gap = written - real
        yield (
            f"the marks add up to {self.layout.number(real)}, the examiner wrote {self.layout.number(written)}",
            self.model.share(real, written, self.node, part),
        )
        yield from self._left_out(gap, agreeing)
        for at in self.evidence:
            if weight := self._change(at, gap):
                yield self._then(at, self._changed(at, gap)), agreeing * weight
        likely = {at: self._likely_changes(at) for at in self.evidence}
        for first, second in combinations(likely, 2):
            for by, weight in likely[first].items():
                if also := likely[second].get(gap - by):
                    both = f"{self._changed(first, by)}, and {self._changed(second, gap - by)}"
                    yield self._then(second, both, paired=True), agreeing * weight * also

    def _left_out(self, gap: int, agreeing: float) -> Iterator[tuple[str, float]]:
        rest = self.layout.number(self._amount(self.total, self.best[self.total]) or 0)
        lost = self.model.left_out_of(len(self.node.children))
        for at in self.node.children:
            part, text = self.layout.parts[at], self.best[at]
            if at in self.layout.nodes:
                continue
            if text == "" and 0 <= gap - part.low < part.count and part.awarded[gap - part.low]:
                said = f"{self._name(at)} is blank, but {self.layout.number(gap)} was awarded"
                weight = self.model.forgotten * float(part.awarded[gap - part.low])
                yield f"{said}: then {self._name(self.total)} {rest} agrees", agreeing * weight
            elif gap and self._amount(at, text) == -gap:
                said = f"the examiner left out {self._name(at)} ({text})"
                yield f"{said}: the other marks add up to {rest}", agreeing * lost

    def _column(self, at: int, by: int) -> int:
        """Return the column of the value with which a part brings sum and total together by so much."""
        sign = -1 if at == self.total else 1
        return (self._amount(at, self.best[at]) or 0) + sign * by - self.layout.parts[at].low

    def _change(self, at: int, by: int) -> float:
        """Return how likely that value is, measured by the best one; 0 where it cannot be."""
        part, column = self.layout.parts[at], self._column(at, by)
        own = float(self.prior[at][part.columns.get(self.best[at], part.other)])
        if self.known[at] or not by or not 0 <= column < part.count or own <= 0:
            return 0.0
        return float(self.prior[at][column]) / own

    def _likely_changes(self, at: int) -> dict[int, float]:
        part, base = self.layout.parts[at], self._column(at, 0)
        own = float(self.prior[at][part.columns.get(self.best[at], part.other)])
        columns = np.flatnonzero(self.prior[at][: part.count] >= max(PAIRED * own, np.finfo(float).tiny)).tolist()
        gaps = [(base - column) if at == self.total else (column - base) for column in columns]
        return {by: weight for by in gaps if (weight := self._change(at, by))}

    def _changed(self, at: int, by: int) -> str:
        said = self.layout.parts[at].texts[self._column(at, by)]
        return f"{self._name(at)} is {said}, not {self.best[at] or 'blank'}"

    def _then(self, at: int, text: str, *, paired: bool = False) -> str:
        """Say what follows from changes, the last of which is that of a part; the total comes last."""
        if at == self.total:
            return f"{text}: then {'they agree' if paired else 'it agrees with the marks'}"
        return f"{text}: then {self._name(self.total)} {self.best[self.total]} agrees"

    def _amount(self, at: int, text: str) -> int | None:
        """Return what a value adds, None when it is no number and not nothing."""
        part = self.layout.parts[at]
        column = part.columns.get(text, part.other)
        if column < part.count:
            return part.low + column
        return 0 if column == part.blank or column in part.zeros else None

    def _name(self, at: int) -> str:
        return part_in_words(self.layout.parts[at])
