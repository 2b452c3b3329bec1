"""Rounds of sample checks that are going on: which fields were drawn for whom, and what was said of them so far.

    accepted fields ─begin─► Round of walls ─say, confirm─► answers ─ handed in by `sampling`, or dropped

One a person: a page that is loaded again goes on with it, and so does a review that is started again (`round_files`).
Only what is handed in is stored in the database.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random, SystemRandom
from threading import Lock
from typing import Any

from flows.checking import USEFUL_DRAW, can_show
from flows.errors import PlaceError
from flows.export.check_sheet import OK_WORD, check_revision
from flows.export.reading_back import Filled
from flows.records import FieldRow
from flows.review.desk import Desk
from flows.review.refusals import Refused
from flows.review.round_files import Kept, RoundFiles
from flows.review.wall_groups import WALL
from flows.reviewer import person_of
from flows.sample_rounds import filled_about
from recognizer.promise import sample_size
from recognizer.template import Role

SMALL_DRAW, LARGE_DRAW = 60, 1_000
"""Fields of a first look, and of an afternoon's work."""

ROUND_BYTES = 16
"""Random bytes that name a round."""

SECONDS_A_FIELD = 1.0
"""How long a person takes for a crop among others that all say the same, roughly: for the time that is told."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One size of a sample: `more` fields to look at, what they can show with those before, and how long that takes."""

    more: int
    says: str
    minutes: int


@dataclass(slots=True)
class Round:
    """One person's sample: walls of fields as they were drawn, and what that person says of them.

    Every wall is a random sample by itself, so that any number of them may be handed in; on a wall fields stand by what
    the machine read. `written` is what really stands in struck fields ("" is blank), by key; `confirmed` are the
    numbers of the walls, from 0, of which everything else was found right. `revisions` tell, by key, what was drawn: a
    field that was read or decided anew since is no more what somebody looked at.
    """

    id: str
    walls: tuple[tuple[FieldRow, ...], ...]
    revisions: Mapping[str, str]
    written: dict[str, str] = field(default_factory=dict)
    confirmed: set[int] = field(default_factory=set)

    @property
    def drawn(self) -> int:
        """How many fields there are."""
        return sum(map(len, self.walls))

    @property
    def looked_at(self) -> int:
        """How many fields were confirmed or struck for good."""
        return sum(len(self.walls[number]) for number in self.confirmed)

    def row(self, key: str) -> FieldRow | None:
        """Return a field of the round."""
        return next((row for wall in self.walls for row in wall if row.key == key), None)

    def wall_of(self, key: str) -> int:
        """Return the number of the wall on which a field stands (KeyError when on none)."""
        for number, wall in enumerate(self.walls):
            if any(row.key == key for row in wall):
                return number
        raise KeyError(key)

    def said(self, key: str, text: str | None) -> None:
        """Take what is written in a struck field, None where it is struck no more: its wall is to be confirmed anew.

        Raises:
            KeyError: it is on no wall.
        """
        self.confirmed.discard(self.wall_of(key))
        if text is None:
            self.written.pop(key, None)
        else:
            self.written[key] = text

    def answers(self, options: Mapping[str, Sequence[str]]) -> Iterator[Filled]:
        """Yield what is said of the fields of confirmed walls; `options` are what choice fields may hold, by key."""
        for number in sorted(self.confirmed):
            for row in self.walls[number]:
                yield filled_about(row, self.revisions[row.key], self._said(row, options.get(row.key, ())))

    def _said(self, row: FieldRow, options: Sequence[str]) -> str:
        if row.key in self.written:
            return self.written[row.key]
        # Where "ok" can be written on the sheet it is a value.
        return row.decision.guess if OK_WORD in options else OK_WORD


@dataclass(slots=True)
class Rounds:
    """Every round that is going on, by who takes it; and what became of the last one of each that was handed in."""

    files: RoundFiles
    desk: Desk
    _open: dict[str, Round] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _told: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    handing: Lock = field(default_factory=Lock)
    """Held while a round is handed in: sent twice at once, it is stored once."""

    def of(self, name: str) -> Round | None:
        """Return somebody's round, None when there is none.

        Raises:
            Refused: the exam is still being read, so that it is not known what was drawn before.
            PlaceError: what was drawn before cannot be read.
        """
        with self._lock:
            return self._of(name)

    def _of(self, name: str) -> Round | None:
        who = person_of(name)
        if who not in self._asked:
            if self.desk.seen is None:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "The exam is still being read; try again in a moment.")
            kept = self.files.of(name)
            if kept is not None and (found := gone_on(kept, self.desk)) is not None:
                self._open[who] = found
            self._asked.add(who)
        return self._open.get(who)

    def begin(self, name: str, rows: Sequence[FieldRow], chance: Random | None = None) -> Round:
        """Begin somebody's round with these fields.

        Raises:
            Refused: one is going on, or there is nothing to look at.
            PlaceError: it cannot be kept on disc.
        """
        if not rows:
            raise _conflict("There is nothing to draw: no accepted field that nobody has looked at.")
        with self._lock:
            if self._of(name) is not None:
                raise _conflict(
                    "You have begun a sample check already; go on with it, hand it in, or drop it first.",
                )
            walls = walls_of(rows, chance or SystemRandom())
            begun = Round(secrets.token_urlsafe(ROUND_BYTES), walls, {row.key: check_revision(row) for row in rows})
            self.files.begin(name, begun.id, [[(row.key, begun.revisions[row.key]) for row in wall] for wall in walls])
            self._open[person_of(name)] = begun
            return begun

    def asked(self, name: str, round_id: str) -> Round:
        """Return somebody's round by its id.

        Raises:
            Refused: it is another one now, or none is going on.
        """
        with self._lock:
            return self._asked_for(name, round_id)

    def _asked_for(self, name: str, round_id: str) -> Round:
        found = self._of(name)
        if found is None or not secrets.compare_digest(found.id.encode(), round_id.encode()):
            raise _conflict(
                "This sample check is over: it was handed in or dropped, in another window perhaps. Reload the page."
            )
        return found

    def say(self, name: str, round_id: str, key: str, text: str | None) -> None:
        """Remember what is written in a struck field; None: it is not struck any more.

        Raises:
            Refused: there is no such round, or no such field in it.
            PlaceError: it cannot be kept on disc; it is not remembered then.
        """
        with self._lock:
            found = self._asked_for(name, round_id)
            if found.row(key) is None:
                raise _conflict("This field does not belong to your sample.")
            self.files.said(name, key, text)
            found.said(key, text)

    def confirm(self, name: str, round_id: str, number: int, struck: Sequence[str]) -> Round:
        """Take everything on a wall as read right, but what is struck.

        Raises:
            Refused: there is no such wall, or of a struck field nobody has said what is written there.
            PlaceError: it cannot be kept on disc; it is not remembered then.
        """
        with self._lock:
            found = self._asked_for(name, round_id)
            if not 0 <= number < len(found.walls):
                raise _conflict(f"Your sample has {len(found.walls)} walls; there is no wall {number + 1}.")
            here = {row.key for row in found.walls[number]}
            said = here & found.written.keys()
            if said != set(struck):
                raise _conflict(
                    "What is struck on your screen is not what was told here, in another window perhaps; load the page "
                    "again.",
                )
            self.files.confirmed(name, number)
            found.confirmed.add(number)
            return found

    def answers(self, going: Round, options: Mapping[str, Sequence[str]]) -> tuple[Filled, ...]:
        """Return what is said of the fields of confirmed walls, as at one moment."""
        with self._lock:
            return tuple(going.answers(options))

    def end(self, name: str, round_id: str, told: dict[str, Any] | None = None) -> None:
        """Forget a round; `told` is what became of it, for whoever asks again.

        Raises:
            PlaceError: a round that is dropped cannot be removed from the disc; it is not forgotten then.
        """
        with self._lock:
            found = self._open.get(person_of(name))
            if found is not None and found.id == round_id:
                # If what is stored came back, handing it in again would change nothing.
                with suppress(PlaceError) if told is not None else nullcontext():
                    self.files.drop(name)
                del self._open[person_of(name)]
            if told is not None:
                self._told[person_of(name)] = (round_id, told)

    def told(self, name: str, round_id: str) -> dict[str, Any] | None:
        """Return what became of a round that was handed in last, None when that was another."""
        known, told = self._told.get(person_of(name), ("", None))
        return told if known == round_id else None


def gone_on(kept: Kept, desk: Desk) -> Round | None:
    """Return a round that was kept on disc as it was left; None when none of its fields is there any more."""
    there = {key: row for wall in kept.walls for key, _ in wall if (row := desk.row(key)) is not None}
    walls = (tuple(there[key] for key, _ in wall if key in there) for wall in kept.walls)
    revisions = {key: revision for wall in kept.walls for key, revision in wall if key in there}
    found = Round(kept.id, tuple(walls), revisions)
    for step in kept.steps:
        if isinstance(step, int):
            if 0 <= step < len(found.walls):
                found.confirmed.add(step)
        elif step[0] in there:
            found.said(*step)
    # Walls keep their numbers; of one that has lost its fields nothing is left to confirm.
    found.confirmed.update(number for number, wall in enumerate(found.walls) if not wall)
    return found if there else None


def _conflict(words: str) -> Refused:
    return Refused(HTTPStatus.CONFLICT, words)


def walls_of(rows: Sequence[FieldRow], chance: Random) -> tuple[tuple[FieldRow, ...], ...]:
    """Return fields on walls, each a random sample of all, sorted by what the machine read.

    Sorted whole and then cut, the first walls would hold small numbers only, and say nothing of the others.
    """
    mixed = chance.sample(rows, len(rows))
    # As even as they can be: a last wall of two fields is a nuisance.
    number = max(1, -(-len(mixed) // WALL))
    return tuple(tuple(sorted(mixed[at::number], key=_by_value)) for at in range(number))


def offers(accepted: int, looked_at: int, accept_error: float) -> tuple[Offer, ...]:
    """Return the samples worth taking, smallest first.

    Args:
        accepted: fields that the machine accepted and nobody has looked at.
        looked_at: fields that people looked at before.
        accept_error: the target.
    """
    proof = sample_size(accept_error) - looked_at
    wanted = {SMALL_DRAW, USEFUL_DRAW, LARGE_DRAW, proof}
    sizes = sorted({min(size, accepted) for size in wanted if size > 0} - {0})
    return tuple(offer(size, accepted, looked_at, accept_error) for size in sizes)


def offer(more: int, accepted: int, looked_at: int, accept_error: float) -> Offer:
    """Return what a sample of any size can show."""
    more = min(more, accepted)
    minutes = max(1, round(more * SECONDS_A_FIELD / 60))
    return Offer(more, can_show(looked_at + more, accept_error, accepted - more), minutes)


def _by_value(row: FieldRow) -> tuple[bool, str, int, str, str]:
    guess = row.decision.guess
    return row.role is Role.ID, row.kind.value, len(guess.partition(".")[0]), guess, row.key
