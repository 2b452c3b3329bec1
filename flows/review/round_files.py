"""Rounds of sample checks on disc, so that a review that is started again goes on with them.

    begin, say, confirm ─► DIR/samples/NAME.jsonl, a line each, never changed ─(started again)─► Kept

Not in the database: of a round nothing counts before it is handed in, and then the file is removed.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.errors import PlaceError
from flows.reviewer import is_same_person, person_of

FOLDER = "samples"
"""Where in the folder of an exam rounds lie that are going on."""

NAME_DIGITS = 24
"""Digits of the hash that stands for a name: names may hold what names of files may not."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A round as it lies on disc: on each wall keys of fields and what tells whether they are still as drawn.

    `steps` is what was said since, oldest first: (key, text; None for a strike taken off) or the number of a wall.
    """

    id: str
    walls: tuple[tuple[tuple[str, str], ...], ...]
    steps: tuple[tuple[str, str | None] | int, ...]


@dataclass(frozen=True, slots=True)
class RoundFiles:
    """The rounds that lie in a folder, one a person."""

    folder: Path

    def begin(self, name: str, round_id: str, walls: Sequence[Sequence[tuple[str, str]]]) -> None:
        """Keep a round that begins, in place of one that lay there.

        Raises:
            PlaceError: it cannot be written.
        """
        line = {"who": name, "round": round_id, "walls": walls}
        self._write(name, line, os.O_TRUNC)

    def said(self, name: str, key: str, text: str | None) -> None:
        """Keep what is written in a struck field, or that it is struck no more (PlaceError as `begin`)."""
        self._write(name, {"key": key, "text": text}, os.O_APPEND)

    def confirmed(self, name: str, wall: int) -> None:
        """Keep that a wall is confirmed (PlaceError as `begin`)."""
        self._write(name, {"wall": wall}, os.O_APPEND)

    def drop(self, name: str) -> None:
        """Remove somebody's round.

        Raises:
            PlaceError: it cannot be removed.
        """
        try:
            self._at(name).unlink(missing_ok=True)
        except OSError as problem:
            raise _cannot("removed", problem) from problem

    def of(self, name: str) -> Kept | None:
        """Return somebody's round, None when there is none, or what lies there is none of ours.

        Raises:
            PlaceError: it cannot be read.
        """
        try:
            text = self._at(name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _cannot("read", problem) from problem
        first, *rest = _lines(text) or [{}]
        walls: Any = first.get("walls")
        if not is_same_person(str(first.get("who", "")), name) or not _are_walls(walls):
            return None
        kept = tuple(tuple((str(key), str(revision)) for key, revision in wall) for wall in walls)
        return Kept(str(first.get("round", "")), kept, tuple(_steps(rest)))

    def _at(self, name: str) -> Path:
        digest = hashlib.sha256(person_of(name).encode()).hexdigest()
        return self.folder / f"{digest[:NAME_DIGITS]}.jsonl"

    def _write(self, name: str, line: dict[str, Any], how: int) -> None:
        # A line that was cut off, by a full disc, must not spoil the one after it: each begins with a break.
        data = f"\n{json.dumps(line)}\n".encode()
        try:
            self.folder.mkdir(exist_ok=True)
            handle = os.open(self._at(name), os.O_WRONLY | os.O_CREAT | how, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
        except OSError as problem:
            raise _cannot("written", problem) from problem


def _cannot(done: str, problem: OSError) -> PlaceError:
    why = problem.strerror or type(problem).__name__
    return PlaceError(f"your sample cannot be {done} in the folder {FOLDER} of the exam ({why})")


def _lines(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.split("\n"):
        try:
            told = json.loads(line) if line else None
        except ValueError:
            continue
        if isinstance(told, dict):
            found.append(told)
    return found


def _are_walls(walls: object) -> bool:
    return isinstance(walls, list) and all(
        isinstance(wall, list) and all(isinstance(one, list) and len(one) == 2 for one in wall) for wall in walls
    )


def _steps(lines: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str | None] | int]:
    for line in lines:
        wall, key, text = line.get("wall"), line.get("key"), line.get("text")
        if isinstance(wall, int):
            yield wall
        elif isinstance(key, str) and (text is None or isinstance(text, str)):
            yield key, text
