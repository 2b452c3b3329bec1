"""The chained trail of what people said: what stands of it, who may say what next, and whether it is whole. Pure.

    TrailRow… of one field ─standing─► Standing(correction, first, second, disputed)  ─waits_for─► Turn

Every row carries the hash of the row before. Nothing is ever changed or deleted: an undo is a row that takes another
one back, and a second answer that differs from the first leaves the field disputed until a third person settles it.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from flows.errors import UndoError
from flows.records import DISPUTED, Act, Correction, TrailRow
from flows.trail_rows import Columns, columns_of, hash_of
from recognizer.records import ValueState

FIRST_PREVIOUS = "0" * 64
"""What stands for the hash of the row before the first."""

SHARE_BITS = 64
"""Bits of a key's hash that say whether its field falls into the sample for second review."""


class Turn(StrEnum):
    """What one person may do about a field now; NOTHING is false."""

    FIRST = "first"
    """Nobody has settled it: the person may say what is right."""
    SECOND = "second"
    """Somebody else has answered, and a second answer is wanted; the first is not shown."""
    THIRD = "third"
    """Two others disagree."""
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of the rows of one field.

    `correction` is what holds, None if nothing of a person does; where `first` and `second` are `disputed` it is
    UNSETTLED. `first` is the row that was said openly, or settled a disagreement; `second` answered it blindly.
    """

    correction: Correction | None = None
    first: TrailRow | None = None
    second: TrailRow | None = None
    disputed: bool = False

    @property
    def people(self) -> tuple[str, ...]:
        """Whose answers they are."""
        return tuple(row.correction.reviewer for row in (self.first, self.second) if row)


NOTHING_STANDS = Standing()


def standing(rows: Sequence[TrailRow]) -> Standing:
    """Return what stands of the rows of one field, in the order of their numbers."""
    first = second = None
    for row in in_force(rows):
        if row.correction.act is Act.SECOND and first is not None:
            second = row
        else:
            # A second answer of which the first was taken back is the first there is.
            first, second = row, None
    if first is None:
        return NOTHING_STANDS
    if second is None:
        return Standing(first.correction, first)
    if _same(first.correction, second.correction):
        return Standing(first.correction, first, second)
    return Standing(_disputed(first.correction, second.correction), first, second, disputed=True)


def in_force(rows: Sequence[TrailRow]) -> Sequence[TrailRow]:
    """Return the rows that were not taken back, without those that took them back."""
    undone = {row.correction.undoes for row in rows if row.correction.act is Act.UNDO}
    if not undone:
        return rows
    return [row for row in rows if row.correction.act is not Act.UNDO and row.number not in undone]


def said_in(rows: Iterable[TrailRow]) -> tuple[Correction, ...]:
    """Return everything that people said, oldest first; also what was taken back, but not the taking back."""
    return tuple(row.correction for row in rows if row.correction.act is not Act.UNDO)


def standing_by_key(rows: Iterable[TrailRow]) -> dict[str, tuple[Correction | None, int]]:
    """Return, for every field with rows in the trail, what stands of them and how many there are."""
    return {key: (standing(mine).correction, len(mine)) for key, mine in by_key(rows).items()}


def by_key(rows: Iterable[TrailRow]) -> dict[str, list[TrailRow]]:
    """Return the rows of every field, in their order."""
    found: dict[str, list[TrailRow]] = defaultdict(list)
    for row in rows:
        found[row.correction.key].append(row)
    return found


def act_in_words(said: Correction) -> str:
    """Return by what means something was said, and what it does to earlier rows."""
    does = {
        Act.SAY: "",
        Act.SECOND: "second answer",
        Act.THIRD: "third answer",
        Act.UNDO: f"takes row {said.undoes} back",
    }
    return ", ".join(part for part in (said.how, does[said.act]) if part)


def _same(one: Correction, other: Correction) -> bool:
    return (one.state, one.value) == (other.state, other.value)


def _disputed(first: Correction, second: Correction) -> Correction:
    both = f"{first.reviewer} and {second.reviewer}"
    return replace(second, state=ValueState.UNSETTLED, value="", note=DISPUTED, reviewer=both)


# ---- who may say what -----------------------------------------------------------------------------------------------


def needs_second(key: str, share: float) -> bool:
    """Tell whether a field falls into the sample for second review: its key alone decides, so that nobody can choose.

    >>> needs_second("9f2c41d07ab3-3-q04", 1.0), needs_second("9f2c41d07ab3-3-q04", 0.0)
    (True, False)
    """
    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()[: SHARE_BITS // 8], "big")
    return bool(drawn < share * 2**SHARE_BITS)


def waits_for(rows: Sequence[TrailRow], reviewer: str, share: float) -> Turn:
    """Return what a person may do about a field.

    Args:
        rows: the trail of the field.
        reviewer: who asks.
        share: which share of the fields two people answer.
    """
    now = standing(rows)
    if now.first is None:
        return Turn.FIRST
    if any(is_same_person(name, reviewer) for name in now.people):
        return Turn.NOTHING
    if now.disputed:
        return Turn.THIRD
    if waits_for_second(now, share):
        return Turn.SECOND
    # What one could not read, another may.
    return Turn.NOTHING if now.first.correction.settles else Turn.FIRST


def next_act(turn: Turn) -> Act | None:
    """Return the act of the row that a person stores whose turn it is, None where it is not."""
    return {Turn.FIRST: Act.SAY, Turn.SECOND: Act.SECOND, Turn.THIRD: Act.THIRD}.get(turn)


def waits_for_second(now: Standing, share: float) -> bool:
    """Tell whether a second person has to answer a field before it is final."""
    if now.first is None or now.second is not None or now.first.correction.act is Act.THIRD:
        return False
    return needs_second(now.first.correction.key, share)


def is_same_person(one: str, other: str) -> bool:
    """Tell whether two names, as they are kept, are one person's; capitals do not make another."""
    return one.casefold() == other.casefold()


def undo_of(
    rows: Sequence[TrailRow], reviewer: str, lead: bool, *, how: str = "", token: str = "", now: datetime | None = None
) -> Correction:
    """Return the row that takes back the latest standing row of a field.

    Args:
        rows: the trail of the field.
        reviewer: who takes it back.
        lead: whether that person may take back what others said.
        how: by what means; without it, as the row was said.
        token: given by who sends it.
        now: when; without it, at this moment.

    Raises:
        UndoError: nothing stands that could be taken back, or somebody else said it last.
    """
    left = list(in_force(rows))
    if not left:
        raise UndoError("nobody has decided this field, or it was taken back already; there is nothing to undo")
    last = left.pop()
    said = last.correction
    if not lead and not is_same_person(said.reviewer, reviewer):
        raise UndoError(
            f"the last word on this field is {said.reviewer}'s, not yours; say what is right instead, or ask a lead to "
            "take it back"
        )
    before, after = standing(rows).correction, standing(left).correction
    return Correction(
        key=said.key,
        state=after.state if after else ValueState.UNSETTLED,
        value=after.value if after else "",
        was=before.value if before else "",
        machine=said.machine,
        model=said.model,
        reviewer=reviewer,
        made_at=now or datetime.now(UTC),
        how=how or said.how,
        act=Act.UNDO,
        note=after.note if after else "",
        undoes=last.number,
        token=token,
    )


# ---- the chain ------------------------------------------------------------------------------------------------------


def row_hash(previous: str, number: int, correction: Correction) -> str:
    """Return the hash of a row: SHA-256 over all that it says, its number, and the hash of the row before."""
    return hash_of(previous, number, columns_of(correction))


def chained(said: Sequence[Correction], number: int, previous: str) -> tuple[TrailRow, ...]:
    """Return rows that follow one another, the first with this number, behind the row with the hash `previous`."""
    found = []
    for at, correction in enumerate(said, start=number):
        found.append(TrailRow(at, correction, previous, row_hash(previous, at, correction)))
        previous = found[-1].hash
    return tuple(found)


Link: TypeAlias = tuple[int, str, str, Columns]
"""One row of a chain: its number, the hash of the row before as it names it, its own hash, and what it says."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a chain proves: how many rows it has, the hash of the last one, and what is wrong with it, in words.

    `noted_at` is the number of the row whose hash was noted earlier, None if none has it or none was asked for.
    `unprotected` says what does not keep rows from being changed any more.
    """

    length: int
    head: str
    findings: tuple[str, ...] = ()
    noted_at: int | None = None
    unprotected: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong with it, or with what protects it."""
        return not self.findings and not self.unprotected


def broken(rows: Iterable[TrailRow]) -> tuple[str, ...]:
    """Return what is wrong with the chain of all rows, in words; nothing if it is whole."""
    return prove((row.number, row.previous, row.hash, columns_of(row.correction)) for row in rows).findings


def prove(links: Iterable[Link], highest: int = 0, noted: str = "") -> Chain:
    """Return what a chain proves.

    Args:
        links: every row of it, by number.
        highest: the highest number that a row ever had, where that is known.
        noted: the hash of its last row, or at least how that began, as somebody noted it earlier.
    """
    findings: list[str] = []
    length, last, head = 0, 0, FIRST_PREVIOUS
    noted_at = 0 if noted and FIRST_PREVIOUS.startswith(noted) else None
    for number, previous, own, columns in links:
        if number != last + 1:
            findings.append(_missing(last + 1, number - 1))
        if previous != head:
            findings.append(f"row {number} does not follow the row before it: it names another hash")
        if hash_of(previous, number, columns) != own:
            findings.append(f"row {number} is not as it was stored: its hash is another one")
        if noted and str(own).startswith(noted):
            noted_at = number
        length, last, head = length + 1, number, own
    if highest > last:
        findings.append(f"{_missing(last + 1, highest)} at its end")
    if noted and noted_at is None:
        findings.append(f"no row of the trail has the hash that was noted ({noted}): it was changed, or cut off")
    return Chain(length, head, tuple(findings), noted_at)


def _missing(first: int, last: int) -> str:
    if first == last:
        return f"row {first} of the trail is missing"
    return f"rows {first} to {last} of the trail are missing"


# ---- figures per pair -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PairFigures:
    """How often a second person agreed with a first one, and whom a third confirmed where they did not."""

    answered: int = 0
    agreed: int = 0
    first_confirmed: int = 0
    second_confirmed: int = 0
    neither_confirmed: int = 0

    @property
    def disagreed(self) -> int:
        """Fields on which the two gave different answers."""
        return self.answered - self.agreed

    @property
    def waiting(self) -> int:
        """Disagreements that no third person has settled."""
        return self.disagreed - self.first_confirmed - self.second_confirmed - self.neither_confirmed


def pairs(rows: Iterable[TrailRow]) -> dict[tuple[str, str], PairFigures]:
    """Return the figures of every pair of (first, second) reviewer. Rows that were taken back do not count."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for mine in by_key(rows).values():
        first = second = None
        for row in in_force(mine):
            said = row.correction
            if said.act is Act.SECOND and first is not None:
                second = said
                told = counts[first.reviewer, second.reviewer]
                told["answered"] += 1
                told["agreed"] += _same(first, second)
                continue
            if said.act is Act.THIRD and first is not None and second is not None and not _same(first, second):
                right = "first" if _same(said, first) else "second" if _same(said, second) else "neither"
                counts[first.reviewer, second.reviewer][f"{right}_confirmed"] += 1
            first, second = said, None
    return {pair: PairFigures(**told) for pair, told in sorted(counts.items())}
