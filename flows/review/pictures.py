"""Pictures of whole pages, drawn in a process of their own: a page that crashes or hangs takes no review down with it.

Wanted ─(one line, one worker)─► Picture ─► kept a while, since people go back and forth

Who waits for a page holds no thread: decisions are stored meanwhile, however many pages somebody asks for.
"""

import asyncio
import threading
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from fastapi import HTTPException

from flows.limits import PAGE_SECONDS, clock
from flows.review.drawing import Picture, Wanted, draw
from flows.review.refusals import Refused
from flows.reviewer import person_of
from flows.workers import ReaderSpec, begin
from recognizer.errors import RecognizerError

T = TypeVar("T")

KEPT_BYTES = 48_000_000
"""Pictures that are kept: about a hundred, each of them asked for again when somebody turns back a page."""

MOST_WAITING = 6
"""Pages that one person may wait for at once. A browser opens no more connections to one server, and a queue asks for
two pages at a time: who meets this asks by other means."""

AGAIN_SECONDS = 2
"""After how long somebody who asked for too many pages may ask again: some are drawn by then."""

LEFT_SECONDS = 0.25
"""How often it is looked whether who waits for a page is still there: people turn pages faster than they are drawn."""

CRASHED = (
    "This page cannot be shown: drawing it crashed, or took too long. Scan it again, or print the file to a new PDF."
)

ENOUGH = (
    f"{MOST_WAITING} pages are being drawn for you already; this one was not begun. Wait until one of them is there, "
    "then ask again."
)

NOT_DRAWN = "This page was not drawn: nobody waited for it any more, or the review is being stopped. Ask again."


async def stays() -> bool:
    """Say that who waits has not left."""
    return False


def _heard(told: "asyncio.Future[Picture]") -> None:
    """Take note of what became of a page that nobody waits for any more: no warning is printed about it."""
    if not told.cancelled():
        told.exception()


@dataclass(slots=True)
class _Order:
    """A page that waits to be drawn, or is; `waiting` counts who waits for it."""

    future: Future[Picture]
    waiting: int = 0


@dataclass(slots=True)
class Pictures:
    """Draws pages, one at a time, in the order in which they were asked for, and keeps what was drawn last.

    `drawer` draws a page in this process, in place of a worker: for tests.
    """

    drawer: Callable[[Wanted], Picture] | None = None
    _kept: OrderedDict[Wanted, Picture] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _orders: dict[Wanted, _Order] = field(default_factory=dict)
    _people: Counter[str] = field(default_factory=Counter)
    _line: ThreadPoolExecutor | None = None
    _pool: ProcessPoolExecutor | None = None
    # One that its holder may take again: whoever takes an order back tells so while holding it.
    _lock: threading.RLock = field(default_factory=threading.RLock)

    async def of(
        self, wanted: Wanted, spec: ReaderSpec, person: str, has_left: Callable[[], Awaitable[bool]] = stays
    ) -> Picture:
        """Return the picture of a page.

        Args:
            wanted: what is to be drawn; asked for twice at once, it is drawn once.
            spec: what the worker is prepared with.
            person: who waits for it.
            has_left: tells whether that person waits no more. A page that nobody waits for is not begun.

        Raises:
            Refused: it cannot be drawn.
            HTTPException: the person waits for too many already (503).
        """
        if (kept := self._found(wanted)) is not None:
            return kept
        with self._waiting(person), self._ordered(wanted, spec) as drawn:
            # Not cancelled with who waits: others may wait for the same page.
            told = asyncio.wrap_future(drawn)
            told.add_done_callback(_heard)
            while not (await asyncio.wait([told], timeout=LEFT_SECONDS))[0]:
                if await has_left():
                    raise Refused(503, NOT_DRAWN)
        try:
            return drawn.result()
        except CancelledError:
            raise Refused(503, NOT_DRAWN) from None

    def warm(self, spec: ReaderSpec) -> None:
        """Start the worker, which takes about a second, before its first picture is asked for."""
        if self.drawer is None and self._pool is None:
            self._submit(spec, _nothing)

    def close(self) -> None:
        """Draw nothing more that is still to be begun, and stop the worker; it is started again when it is needed."""
        with self._lock:
            line, self._line = self._line, None
            if line is not None:
                line.shutdown(wait=False, cancel_futures=True)
        self._stop_worker()

    def _found(self, wanted: Wanted) -> Picture | None:
        with self._lock:
            if (kept := self._kept.get(wanted)) is not None:
                self._kept.move_to_end(wanted)
            return kept

    @contextmanager
    def _waiting(self, person: str) -> Iterator[None]:
        """Count somebody who waits (503 when it is for too many pages)."""
        name = person_of(person)
        with self._lock:
            if self._people[name] >= MOST_WAITING:
                raise HTTPException(503, ENOUGH, headers={"retry-after": str(AGAIN_SECONDS)})
            self._people[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._people[name] -= 1
                if not self._people[name]:
                    del self._people[name]

    @contextmanager
    def _ordered(self, wanted: Wanted, spec: ReaderSpec) -> Iterator[Future[Picture]]:
        """Have a page drawn for as long as somebody waits for it; once begun it is drawn to its end."""
        with self._lock:
            order = self._orders.get(wanted)
            if order is None:
                if self._line is None:
                    self._line = ThreadPoolExecutor(1, "drawing")
                order = self._orders[wanted] = _Order(self._line.submit(self._drawn, wanted, spec))
                order.future.add_done_callback(partial(self._done, wanted, order))
            order.waiting += 1
        try:
            yield order.future
        finally:
            with self._lock:
                order.waiting -= 1
                if not order.waiting:
                    order.future.cancel()

    def _done(self, wanted: Wanted, order: _Order, _: Future[Picture]) -> None:
        with self._lock:
            if self._orders.get(wanted) is order:
                del self._orders[wanted]

    def _drawn(self, wanted: Wanted, spec: ReaderSpec) -> Picture:
        """Draw a page, in the thread of the line: what crashes the worker is known to be this page."""
        if (kept := self._found(wanted)) is not None:
            return kept
        try:
            picture = self.drawer(wanted) if self.drawer else self._submit(spec, partial(_draw, wanted)).result()
        except BrokenProcessPool as error:
            self._stop_worker()
            raise Refused(422, CRASHED) from error
        except (RecognizerError, OSError, MemoryError) as error:
            raise Refused(422, f"This page cannot be shown: {error}.") from error
        self._keep(wanted, picture)
        return picture

    def _stop_worker(self) -> None:
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
