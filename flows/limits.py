"""What a worker process may use on foreign files: time on one page, and memory. Beyond it the system ends the process.

Nothing in the process itself can be trusted to stop: what hangs, or fills memory, is a library at work on a file that
somebody may have made for that.
"""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil

PAGE_SECONDS = 7
"""Seconds of computing that opening a file, or reading one page, may take. An honest page takes a quarter of a second,
the slowest we drew (600 dpi, rendered) three. Computing is counted and not waiting: on a busy machine no page fails.
"""

FIRST_TRY = 0.5
"""Share of that time after which a page is left, to be read once more alone; so one that hangs costs 12 seconds."""

WAITING_FACTOR = 5.0
"""How many times longer it may take by the clock on the wall: a share may be slow, and other processes at work."""

FILE_SECONDS = 20.0
"""Once so much time was lost on pages of one file that crash or hang, its other pages are not tried any more."""

MEMORY_BYTES = 1_500_000_000
"""What a worker may hold in memory of its own. The largest page that is read, 80 million pixels in colour, needs two
thirds of it; a file that unpacks to more is refused, and the machine goes on working."""


def limit_memory(size: int = MEMORY_BYTES) -> None:
    """Let this process, and what it starts, hold no more memory; asking for more fails like on a full machine."""
    # A system may have a lower limit already, or none that it keeps to.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (size, resource.getrlimit(resource.RLIMIT_DATA)[1]))


@contextmanager
def clock(seconds: int) -> Iterator[None]:
    """End this process should what is done inside take longer. Clocks do not nest: `restart_clock` begins anew."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    restart_clock(seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)


def restart_clock(seconds: int) -> None:
    """Let the clock begin anew, as for the next page."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(ceil(seconds * WAITING_FACTOR))
