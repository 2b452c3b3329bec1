"""Pictures of whole pages, drawn in a process of their own: a page that crashes or hangs takes no review down with it.

Wanted ─(worker)─► Picture ─► kept a while, since people go back and forth
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from flows.limits import PAGE_SECONDS, clock
from flows.review.drawing import Picture, Wanted, draw
from flows.review.refusals import Refused
from flows.workers import ReaderSpec, begin
from recognizer.errors import RecognizerError

T = TypeVar("T")

KEPT_BYTES = 48_000_000
"""Pictures that are kept: about a hundred, each of them asked for again when somebody turns back a page."""

CRASHED = (
    "This page cannot be shown: drawing it crashed, or took too long. Scan it again, or print the file to a new PDF."
)


@dataclass(slots=True)
class Pictures:
    """Draws pages, one at a time, and keeps what was drawn last.

    `drawer` draws a page in this process, in place of a worker: for tests.
    """

    drawer: Callable[[Wanted], Picture] | None = None
    _kept: OrderedDict[Wanted, Picture] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _pool: ProcessPoolExecutor | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, wanted: Wanted, spec: ReaderSpec) -> Picture:
        """Return the picture of a page.

        Raises:
            Refused: it cannot be drawn.
        """
        with self._lock:
            if (kept := self._kept.get(wanted)) is not None:
                self._kept.move_to_end(wanted)
                return kept
        try:
            picture = self.drawer(wanted) if self.drawer else self._submit(spec, partial(_draw, wanted)).result()
        except BrokenProcessPool as error:
            self.close()
            raise Refused(422, CRASHED) from error
        except (RecognizerError, OSError, MemoryError) as error:
            raise Refused(422, f"This page cannot be shown: {error}.") from error
        self._keep(wanted, picture)
        return picture

    def warm(self, spec: ReaderSpec) -> None:
        """Start the worker, which takes about a second, before its first picture is asked for."""
        if self.drawer is None and self._pool is None:
            self._submit(spec, _nothing)

    def close(self) -> None:
        """Stop the worker; it is started again when it is needed."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, spec: ReaderSpec, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self._pool is None:
                # "spawn": a forked child of a process with threads may hang.
                context = get_context("spawn")
                self._pool = ProcessPoolExecutor(1, context, initializer=begin, initargs=(spec,))
            return self._pool.submit(work)

    def _keep(self, wanted: Wanted, picture: Picture) -> None:
        with self._lock:
            if wanted not in self._kept:
                self._kept[wanted] = picture
                self._bytes += len(picture.jpeg)
            while self._bytes > KEPT_BYTES and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.jpeg)


# ---- what runs in the worker -----------------------------------------------------------------------------------------


def _draw(wanted: Wanted) -> Picture:
    with clock(PAGE_SECONDS):
        return draw(wanted)


def _nothing() -> None:
    return None
