"""Fields that somebody struck on a wall, on disc: a review that is started again puts none of them back on a wall.

    confirm ─► Struck ─► DIR/struck.json, written anew and put in place of the old one ─(started again)─► Struck

Not in the database: that a field is struck decides nothing, it only says that it is not what the machine guesses.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from flows.errors import PlaceError
from flows.review.desk import Desk

FILE = "struck.json"
"""Where in the folder of an exam it lies."""


@dataclass(frozen=True, slots=True)
class Strike:
    """With which revision a field was struck, and by whom."""

    revision: str
    who: str


@dataclass(slots=True)
class Struck:
    """The strikes that hold: of fields that nobody has decided since, and that were not read again.

    Any decision, and any other reading, gives a field another revision; then its strike is forgotten.

    Raises:
        PlaceError: the file is there and cannot be read.
    """

    file: Path
    desk: Desk
    _of: dict[str, Strike] = field(default_factory=dict)
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
        """Tell whether a field is struck."""
        return key in self.now()

    def now(self) -> dict[str, str]:
        """Return with which revision each field is struck, by key, the first one struck first."""
        with self._lock:
            strikes = list(self._of.items())
        return {key: strike.revision for key, strike in strikes if self._holds(key, strike)}

    def waiting(self) -> int:
        """Count the struck fields that are open."""
        return sum(self.desk.is_open(key) is not None for key in self.now())

    def add(self, struck: Iterable[tuple[str, str]], who: str) -> None:
        """Strike fields, each with the revision that was on the screen; who struck one first did.

        A field that is not open with that revision stays as it is: what was seen of it holds no more.

        Raises:
            PlaceError: the file cannot be written; nothing is struck.
        """

        def change(strikes: dict[str, Strike]) -> None:
            for key, revision in struck:
                flag = self.desk.is_open(key)
                if flag is not None and flag.row.revision == revision:
                    strikes.setdefault(key, Strike(revision, who))

        self._change(change)

    def drop(self, keys: Iterable[str], may: Callable[[str], bool]) -> None:
        """Take strikes off, where `may` says so of who struck.

        Raises:
            PlaceError: the file cannot be written; they stay.
        """

        def change(strikes: dict[str, Strike]) -> None:
            for key in keys:
                if key in strikes and may(strikes[key].who):
                    del strikes[key]

        self._change(change)

    def _holds(self, key: str, strike: Strike) -> bool:
        if self.desk.seen is None:
            return True
        row = self.desk.row(key)
        return row is not None and row.revision == strike.revision

    def _change(self, change: Callable[[dict[str, Strike]], None]) -> None:
        with self._lock:
            strikes = {key: strike for key, strike in self._of.items() if self._holds(key, strike)}
            change(strikes)
            if strikes == self._of:
                return
            self._write(strikes)
            self._of = strikes

    def _write(self, strikes: dict[str, Strike]) -> None:
        told = {key: [strike.revision, strike.who] for key, strike in strikes.items()}
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


def _strikes(text: str) -> Iterator[tuple[str, Strike]]:
    """Yield what a file holds; one that is damaged, or none of ours, holds nothing."""
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        return
    for key, strike in told.items() if isinstance(told, dict) else ():
        if isinstance(strike, list) and list(map(type, strike)) == [str, str]:
            yield key, Strike(*strike)
