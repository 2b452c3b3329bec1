"""The chained trail of what people said: what stands of it, who may say what next, and whether it is whole. Pure.

    TrailRow… of one field ─standing─► Standing(correction, first, second, disputed)  ─waits_for─► Turn ─► Act

Every row carries the hash of the row before. Nothing is ever changed or deleted: an undo is a row that takes another
one back, and a second answer that differs from the first leaves the field disputed until a third person settles it.
An answer is a second one only of somebody who never answered the field before: nobody comes back to it knowing more.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from flows.errors import UndoError
from flows.records import DISPUTED, Act, Correction, TrailRow
from flows.reviewer import is_same_person, person_of
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
    if same_answer(first.correction, second.correction):
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


def same_answer(one: Correction, other: Correction) -> bool:
    """Tell whether two answers say the same of a field."""
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


def waits_for(rows: Sequence[TrailRow], reviewer: str, share: float, *, lead: bool = False) -> Turn:
    """Return what a person may do about a field.

    Who has given a first or second answer, though it was taken back, gives no second one and settles no dispute. Who
    settled it and took that back may settle it anew: there is nothing that a third person must not know.

    Args:
        rows: the trail of the field.
        reviewer: who asks.
        share: which share of the fields two people answer.
        lead: whether that person is shown what others said. Nothing that a lead says is a second answer; but where two
            others have answered, or everybody could see the first answer, a lead settles it as a third person does.
    """
    now = standing(rows)
    if now.first is None:
        return Turn.FIRST
    if any(is_same_person(name, reviewer) for name in now.people):
        return Turn.NOTHING
    if now.disputed:
        return Turn.THIRD if lead or not has_answered(rows, reviewer, Act.SAY, Act.SECOND) else Turn.NOTHING
    if waits_for_second(now, share):
        was_open = _was_open(rows, now.first, share)
        if lead:
            return Turn.THIRD if was_open or len(answered_by(rows) - {person_of(reviewer)}) > 1 else Turn.NOTHING
        return Turn.NOTHING if was_open or has_answered(rows, reviewer) else Turn.SECOND
    # What one could not read, another may.
    return Turn.NOTHING if now.first.correction.settles else Turn.FIRST


def _was_open(rows: Sequence[TrailRow], first: TrailRow, share: float) -> bool:
    """Tell whether everybody could see what stands first, while the field waited for nobody.

    It is so where a second answer agreed, or a third one settled it, and was taken back; and where the same person then
    says the same again.
    """
    said = first.correction

    def is_said(row: TrailRow) -> bool:
        return is_same_person(row.correction.reviewer, said.reviewer) and same_answer(row.correction, said)

    since = next(at for at, row in enumerate(rows) if row is first or is_said(row))
    if rows[since] is first and not any(row.correction.act is Act.UNDO for row in rows[since:]):
        # It has waited ever since.
        return False
    stood = (standing(rows[:at]) for at in range(since + 1, len(rows) + 1))
    return any(each.first and not each.disputed and not waits_for_second(each, share) for each in stood)


def answered_by(rows: Iterable[TrailRow], *acts: Act) -> frozenset[str]:
    """Return who has given answers to a field, or those of some kinds, though they were taken back (`person_of`)."""
    said = (row.correction for row in rows)
    return frozenset(
        person_of(one.reviewer) for one in said if one.act is not Act.UNDO and (one.act in acts or not acts)
    )


def has_answered(rows: Iterable[TrailRow], reviewer: str, *acts: Act) -> bool:
    """Tell whether a person has given an answer to a field, or one of some kinds, though it was taken back."""
    return person_of(reviewer) in answered_by(rows, *acts)


def act_of(rows: Sequence[TrailRow], reviewer: str, share: float, *, lead: bool = False) -> Act | None:
    """Return what a person's word does to a field: it is the first, a second one, settles a dispute, or replaces.

    None: that person has had his say, and others have to answer. The arguments are those of `waits_for`.
    """
    if (act := next_act(waits_for(rows, reviewer, share, lead=lead))) is not None:
        return act
    now = standing(rows)
    if now.disputed:
        return None
    is_mine = now.first is not None and is_same_person(now.first.correction.reviewer, reviewer)
    if is_mine and now.first is not None and now.first.correction.act is Act.THIRD:
        # Who settled a dispute, and mistyped, still settles it.
        return Act.THIRD
    return Act.SAY if lead or is_mine or not waits_for_second(now, share) else None


def next_act(turn: Turn) -> Act | None:
    """Return the act of the row that a person stores whose turn it is, None where it is not."""
    return {Turn.FIRST: Act.SAY, Turn.SECOND: Act.SECOND, Turn.THIRD: Act.THIRD}.get(turn)


def waits_for_second(now: Standing, share: float) -> bool:
    """Tell whether a second person has to answer a field before it is final."""
    if now.first is None or now.second is not None or now.first.correction.act is Act.THIRD:
        return False
    return needs_second(now.first.correction.key, share)


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
        UndoError: nothing stands that could be taken back, somebody else said it last, or it is one of two answers that
            differ: who takes his back knows more than before.
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
    if not lead and said.act is Act.SECOND and standing(rows).disputed:
        raise UndoError(
            "somebody else read this field differently, so your answer cannot be taken back; a third person or a lead "
            "settles it"
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
