"""Work on pages that takes seconds: done in a thread, watched by whoever asked for it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from time import monotonic

from flows.errors import FlowError
from flows.page_decisions import PageKey
from recognizer.errors import RecognizerError

MOST_KEPT = 200
"""Pieces of work whose end is remembered: more pages nobody places in a day."""


FAILED = (
    "This failed in a way that nobody expected. Reload this page to see what the page of the scan is now; the terminal "
    "in which the review runs shows more."
)


class Stage(StrEnum):
    """How far work has come."""

    WORKING = "working"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work on a page: how far it has come, what to tell, and since when (seconds, a clock of our own)."""

    stage: Stage
    words: str
    since: float

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return monotonic() - self.since


@dataclass(slots=True)
class PlacingJobs:
    """What is done, and was done, about pages: one piece of work at a time."""

    _works: dict[PageKey, Work] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, page: PageKey, words: str, work: Callable[[], str]) -> bool:
        """Begin a piece of work in a thread, unless another one is going on.

        Args:
            page: the page it is about.
            words: what is told while it goes on.
            work: returns what to tell when it is done; an error of ours is told as a refusal.
        """
        with self._lock:
            if any(one.stage is Stage.WORKING for one in self._works.values()):
                return False
            self._works.pop(page, None)
            self._works[page] = Work(Stage.WORKING, words, monotonic())
            while len(self._works) > MOST_KEPT:
                self._works.pop(next(iter(self._works)))
        threading.Thread(target=self._run, args=(page, work), name="placing", daemon=True).start()
        return True

    def of(self, page: PageKey) -> Work | None:
        """Return the latest work on a page, None when there was none."""
        with self._lock:
            return self._works.get(page)

    def _run(self, page: PageKey, work: Callable[[], str]) -> None:
        try:
            stage, words = Stage.DONE, work()
        except (FlowError, RecognizerError) as refused:
            stage, words = Stage.REFUSED, str(refused)
        except BaseException:
            # Told in any case: nobody waits for work that is over.
            self._end(page, Stage.REFUSED, FAILED)
            raise
        self._end(page, stage, words)

    def _end(self, page: PageKey, stage: Stage, words: str) -> None:
        with self._lock:
            self._works[page] = replace(self._works[page], stage=stage, words=words)
