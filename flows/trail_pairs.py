"""How often two people who answered the same fields agreed, told from the trail. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flows.records import Act, Correction, TrailRow
from flows.reviewer import is_same_person, person_of
from flows.trail import Turn, by_key, in_force, same_answer, standing, waits_for


@dataclass(frozen=True, slots=True)
class PairFigures:
    """How often a second person agreed with a first one, and whom a third confirmed where they did not.

    `taken_back` are second answers that differed, and that were taken back before a third person came.
    """

    answered: int = 0
    agreed: int = 0
    first_confirmed: int = 0
    second_confirmed: int = 0
    neither_confirmed: int = 0
    taken_back: int = 0

    @property
    def disagreed(self) -> int:
        """Fields on which the two gave different answers."""
        return self.answered - self.agreed

    @property
    def waiting(self) -> int:
        """Disagreements that no third person has settled."""
        settled = self.first_confirmed + self.second_confirmed + self.neither_confirmed
        return self.disagreed - settled - self.taken_back


def pairs(rows: Iterable[TrailRow]) -> dict[tuple[str, str], PairFigures]:
    """Return the figures of every pair of (first, second) reviewer.

    What was taken back does not count, but for a second answer that differed: nobody makes a disagreement go away. Nor
    does it count that somebody agrees who may have known the first answer, as older versions let people do.
    """
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    names: dict[str, str] = {}
    for mine in by_key(rows).values():
        if len(mine) < 2:
            continue
        names |= {person_of(row.correction.reviewer): row.correction.reviewer for row in mine}
        for first, second, what in _answers_in_pairs(mine):
            told = counts[person_of(first.reviewer), person_of(second.reviewer)]
            told["answered"] += 1
            if what:
                told[what] += 1
    named = {(names[one], names[other]): PairFigures(**told) for (one, other), told in counts.items()}
    return dict(sorted(named.items()))


def _answers_in_pairs(mine: Sequence[TrailRow]) -> Iterator[tuple[Correction, Correction, str]]:
    """Yield each first answer to a field with the second one to it, and what became of both ("": it waits)."""
    stands = {row.number for row in in_force(mine)}
    first: Correction | None = None
    differ: tuple[Correction, Correction] | None = None
    settled = ""
    for at, row in enumerate(mine):
        said = row.correction
        if row.number not in stands:
            before = standing(mine[:at]).first if said.act is Act.SECOND else None
            if before is not None and not same_answer(before.correction, said):
                yield before.correction, said, "taken_back"
            continue
        if said.act is Act.THIRD and differ is not None:
            # Said once more, it is the last word that counts.
            confirmed = [same_answer(said, one) for one in differ]
            settled = "first_confirmed" if confirmed[0] else "second_confirmed" if confirmed[1] else "neither_confirmed"
            first = said
            continue
        if differ is not None:
            yield *differ, settled
        differ, settled = None, ""
        if said.act is not Act.SECOND or first is None:
            first = said
        elif not same_answer(first, said):
            differ = first, said
        elif _is_unseen(mine[:at], said.reviewer):
            yield first, said, "agreed"
    if differ is not None:
        yield *differ, settled


def _is_unseen(before: Sequence[TrailRow], reviewer: str) -> bool:
    """Tell whether a second answer was given by somebody who cannot have known the first."""
    if len(before) == 1:
        # Nearly always so, and an exam may have fifty thousand of them.
        return not is_same_person(before[0].correction.reviewer, reviewer)
    return waits_for(before, reviewer, share=1.0) is Turn.SECOND
