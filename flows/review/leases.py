"""Who has which field on the screen, so that two people do not look at the same one. Leases expire by themselves.

A lease keeps people out of each other's way; it decides nothing. That nobody is overwritten is held by the revision
that each decision carries (`flows.review.saying`).
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock

from flows.review.wall_groups import WALL
from flows.reviewer import person_of

LEASE_SECONDS = 90.0
"""A lease that nobody keeps ends after this: longer than a browser in the background sleeps between two requests."""

MOST_HELD = 400
"""Fields that one person may have, in all windows and log-ins: a wall of sixty, the wall loaded after it, and a queue
take a third of it. Names of windows cost nothing: counted by window, one person could keep a whole exam from all
others."""

MOST_SHARE = 0.5
"""Of what waits, one person may have this share: of a small exam, too, something is left for a second person."""

MOST_AHEAD = 16
"""Fields that one window of the queue may ask for at once."""

LEAST_HELD = 2 * WALL + MOST_AHEAD
"""However little waits, one person may have so many: the page of a wall on the screen, the page after it, which is
asked for before the first one is confirmed, and what one window of the queue asks for."""

ENOUGH = (
    "As many fields as one person may have are on your screens. Confirm or answer them, or close windows that you do "
    "not need; what nobody keeps is free again after a minute and a half."
)

_BETWEEN = "\n"
"""Between a person and a window of theirs: no name has a line break."""


def holder_of_window(person: str, window: str) -> str:
    """Return the holder that a window of a person is, however the person's name is spelled there."""
    return f"{person_of(person)}{_BETWEEN}{window}"


def _very_many() -> float:
    return float("inf")


@dataclass(slots=True)
class Leases:
    """Which field is on whose screen. Holders are windows of people; a clock that only goes forward.

    `waiting` counts the fields that wait for a person now, held or not.
    """

    clock: Callable[[], float] = time.monotonic
    waiting: Callable[[], float] = _very_many
    _held: dict[str, tuple[str, float]] = field(default_factory=dict)
    _of: dict[str, set[str]] = field(default_factory=dict)
    _windows: dict[str, set[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, key: str, holder: str) -> bool:
        """Take a field, or keep it; False while somebody else has it, or its person has too many."""
        with self._lock:
            now = self.clock()
            other = self._holder(key, now)
            if other not in (None, holder):
                return False
            if other is None and not self._has_room(holder, now):
                return False
            self._drop(key)
            self._held[key] = (holder, now + LEASE_SECONDS)
            self._of.setdefault(holder, set()).add(key)
            self._windows.setdefault(_person(holder), set()).add(holder)
            return True

    def keep(self, key: str, holder: str) -> bool:
        """Go on having a field; False when the lease ran out and somebody else has taken it meanwhile."""
        return self.take(key, holder)

    def free(self, key: str, holder: str) -> None:
        """Give a field back, if the holder has it."""
        with self._lock:
            if self._held.get(key, ("", 0.0))[0] == holder:
                self._drop(key)

    def free_all(self, holder: str, keys: Iterable[str] | None = None) -> None:
        """Give back what a holder has, or those of some keys."""
        with self._lock:
            mine = self._of.get(holder, set())
            for key in list(mine if keys is None else mine.intersection(keys)):
                self._drop(key)

    def keep_only(self, holder: str, keys: Iterable[str]) -> None:
        """Give back whatever a holder has besides some keys: an answer that handed it out may never have arrived."""
        with self._lock:
            for key in self._of.get(holder, set()).difference(keys):
                self._drop(key)

    def has_enough(self, holder: str) -> bool:
        """Tell whether the person of a holder has so many fields that there are no more to be had."""
        with self._lock:
            return not self._has_room(holder, self.clock())

    def holder_of(self, key: str) -> str | None:
        """Return who has a field; None if nobody does."""
        with self._lock:
            return self._holder(key, self.clock())

    def is_with_others(self, key: str, holder: str) -> bool:
        """Tell whether another person than that of a holder has a field: not one's own in another window."""
        found = self.holder_of(key)
        return found is not None and _person(found) != _person(holder)

    def _holder(self, key: str, now: float) -> str | None:
        found = self._held.get(key)
        if found is None:
            return None
        holder, until = found
        if until < now:
            self._drop(key)
            return None
        return holder

    def _has_room(self, holder: str, now: float) -> bool:
        person = _person(holder)
        most = min(MOST_HELD, max(LEAST_HELD, int(min(MOST_SHARE * self.waiting(), MOST_HELD))))
        if self._count(person) < most:
            return True
        for window in list(self._windows.get(person, ())):
            for key in list(self._of.get(window, ())):
                self._holder(key, now)
        return self._count(person) < most

    def _count(self, person: str) -> int:
        return sum(len(self._of[window]) for window in self._windows.get(person, ()))

    def _drop(self, key: str) -> None:
        holder, _ = self._held.pop(key, ("", 0.0))
        mine = self._of.get(holder)
        if mine is not None:
            mine.discard(key)
            if not mine:
                del self._of[holder]
                windows = self._windows[_person(holder)]
                windows.discard(holder)
                if not windows:
                    del self._windows[_person(holder)]


def _person(holder: str) -> str:
    return holder.partition(_BETWEEN)[0]
