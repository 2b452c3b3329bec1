"""Fields that somebody struck on a wall, on disc: a review that is started again puts none of them back on a wall.

    confirm ─► Struck ─► DIR/struck.json, written anew and put in place of the old one ─(started again)─► Struck

Not in the database: that a field is struck decides nothing, it only says that it is not what the machine guesses. Just
that is what nobody may be told who answers unseen: there everybody has strikes of his own.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from flows.errors import PlaceError
from flows.review.desk import Desk
from flows.review.people import Person
from flows.reviewer import is_same_person, person_of

FILE = "struck.json"
"""Where in the folder of an exam it lies."""


@dataclass(frozen=True, slots=True)
class Strike:
    """With which revision a field was struck, and by whom."""

    revision: str
    who: str


Whose: TypeAlias = tuple[str, str]
"""A field, by key, and who struck it, as names are compared."""


@dataclass(slots=True)
class Struck:
    """The strikes that hold: of fields that nobody has decided since, and that were not read again.

    Any decision, and any other reading, gives a field another revision; then its strike is forgotten.

    Raises:
        PlaceError: the file is there and cannot be read.
    """

    file: Path
    desk: Desk
    _of: "dict[Whose, Strike]" = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        try:
            text = self.file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as problem:
            raise _cannot("read", problem) from problem
        self._of = dict(_strikes(text))

    def __contains__(self, key: object) -> bool:
        """Tell whether anybody struck a field."""
        return any(one == key for (one, _), _ in self._now())

    def told(self, person: Person) -> dict[str, str]:
        """Return with which revision each field is struck, by key, as a person may know it; the first struck first."""
        unseen = person.answers_unseen(self.desk.exam.settings.review)
        return {
            key: strike.revision
            for (key, _), strike in self._now()
            if not unseen or is_same_person(strike.who, person.name)
        }

    def waiting(self, person: Person) -> int:
        """Count the struck fields that are open, as far as a person may know of them."""
        return sum(self.desk.is_open(key) is not None for key in self.told(person))

    def _now(self) -> list[tuple[Whose, Strike]]:
        with self._lock:
            strikes = list(self._of.items())
        return [(whose, strike) for whose, strike in strikes if self._holds(whose[0], strike)]

    def add(self, struck: Iterable[tuple[str, str]], who: str) -> None:
        """Strike fields, each with the revision that was on the screen.

        A field that is not open with that revision stays as it is: what was seen of it holds no more.

        Raises:
            PlaceError: the file cannot be written; nothing is struck.
        """

        def change(strikes: dict[Whose, Strike]) -> None:
            for key, revision in struck:
                flag = self.desk.is_open(key)
                if flag is not None and flag.row.revision == revision:
                    strikes.setdefault((key, person_of(who)), Strike(revision, who))

        self._change(change)

    def drop(self, keys: Iterable[str], may: Callable[[str], bool]) -> None:
        """Take strikes off, where `may` says so of who struck.

        Raises:
            PlaceError: the file cannot be written; they stay.
        """
        dropped = set(keys)

        def change(strikes: dict[Whose, Strike]) -> None:
            for whose, strike in list(strikes.items()):
                if whose[0] in dropped and may(strike.who):
                    del strikes[whose]

        self._change(change)

    def _holds(self, key: str, strike: Strike) -> bool:
        if self.desk.seen is None:
            return True
        row = self.desk.row(key)
        return row is not None and row.revision == strike.revision

    def _change(self, change: Callable[[dict[Whose, Strike]], None]) -> None:
        with self._lock:
            strikes = {whose: strike for whose, strike in self._of.items() if self._holds(whose[0], strike)}
            change(strikes)
            if strikes == self._of:
                return
            self._write(strikes)
            self._of = strikes

    def _write(self, strikes: dict[Whose, Strike]) -> None:
        told = [[key, strike.revision, strike.who] for (key, _), strike in strikes.items()]
        half = self.file.with_suffix(".new")
        try:
            handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(told).encode())
                file.flush()
                os.fsync(handle)
            half.replace(self.file)
        except OSError as problem:
            raise _cannot("written", problem) from problem


def _cannot(done: str, problem: OSError) -> PlaceError:
    why = problem.strerror or type(problem).__name__
    return PlaceError(f"what is struck on walls cannot be {done} in the file {FILE} of the exam ({why})")


def _strikes(text: str) -> Iterator[tuple[Whose, Strike]]:
    """Yield what a file holds; one that is damaged, or none of ours, holds nothing."""
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        return
    for one in told if isinstance(told, list) else ():
        if isinstance(one, list) and list(map(type, one)) == [str, str, str]:
            key, revision, who = one
            yield (key, person_of(who)), Strike(revision, who)
