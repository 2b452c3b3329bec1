"""Slows down whoever guesses passwords, and locks nobody out.

What is counted                   free tries   then      against
one name from one place                    5   1 … 60 s  guesses at a name
one place                                 20   1 … 60 s  … at many names
one name from everywhere                  50   1 … 60 s  … from many places; not where the name came in before
"""

import ipaddress
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import ceil
from threading import Lock

from flows.reviewer import typed_name

LONGEST_WAIT = 60.0
"""Seconds between two tries at most: 1,440 a day guess no password of ours, and nobody is kept out for good."""

FREE_TRIES, FREE_OF_PLACE, FREE_OF_NAME = 5, 20, 50
"""Tries before the first wait: slips of one person, of an office behind one address, of one name from everywhere."""

FORGET_SECONDS = 3600.0
"""Without a try for so long, those before are forgotten."""

MOST_KEPT = 10_000
"""Names and places that are remembered; the oldest make room, so that nobody fills the memory."""

SUBNET_BITS = 64
"""One customer of IPv6 has so many addresses behind one prefix."""


@dataclass(slots=True)
class _Tries:
    count: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Throttle:
    """Counts tries to log in, by the clock that only goes forward."""

    clock: Callable[[], float] = time.monotonic
    _tries: dict[Hashable, _Tries] = field(default_factory=dict)
    _known: dict[Hashable, None] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, name: str, address: str) -> int:
        """Take a try to log in; return 0, or the seconds to wait when it comes too early and does not count.

        It counts before the password is looked at, so that many at once are not one.
        """
        with self._lock:
            now = self.clock()
            counted = [(key, free) for key, free in self._keys(name, address)]
            wait = max(self._wait(key, free, now) for key, free in counted)
            if wait > 0.0:
                return ceil(wait)
            for key, _ in counted:
                tries = self._tries.pop(key, None)
                if tries is None or now - tries.last > FORGET_SECONDS:
                    tries = _Tries()
                self._tries[key] = tries
                tries.count, tries.last = tries.count + 1, now
            while len(self._tries) > MOST_KEPT:
                del self._tries[next(iter(self._tries))]
            return 0

    def succeeded(self, name: str, address: str) -> None:
        """Forget the tries at a name: its password was known. Its place keeps those at other names."""
        with self._lock:
            pair, place, name_alone = (typed_name(name), _place(address)), _place(address), ("name", typed_name(name))
            for key in (pair, name_alone):
                self._tries.pop(key, None)
            if place in self._tries:
                self._tries[place].count -= 1
            self._known.pop(pair, None)
            self._known[pair] = None
            while len(self._known) > MOST_KEPT:
                del self._known[next(iter(self._known))]

    def is_known(self, name: str, address: str) -> bool:
        """Tell whether a name came in from a place before."""
        with self._lock:
            return (typed_name(name), _place(address)) in self._known

    def _keys(self, name: str, address: str) -> list[tuple[Hashable, int]]:
        pair, place = (typed_name(name), _place(address)), _place(address)
        keys: list[tuple[Hashable, int]] = [(pair, FREE_TRIES), (place, FREE_OF_PLACE)]
        # Somebody far away cannot make a name wait where it came in before.
        return keys if pair in self._known else [*keys, (("name", typed_name(name)), FREE_OF_NAME)]

    def _wait(self, key: Hashable, free: int, now: float) -> float:
        tries = self._tries.get(key)
        if tries is None or tries.count < free or now - tries.last > FORGET_SECONDS:
            return 0.0
        pause = min(2.0 ** min(tries.count - free, 30), LONGEST_WAIT)
        return max(tries.last + pause - now, 0.0)


def _place(address: str) -> str:
    """Return what stands for one client: its address, or its network where one client has very many."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, SUBNET_BITS), strict=False))
    return str(parsed)
