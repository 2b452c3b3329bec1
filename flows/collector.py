"""Python's search for cycles among records, which have none: put off where it takes much of the time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python from looking for cycles: among the records of a whole exam that takes a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def pass_over() -> None:
    """Have the search pass over all that is there now: it is freed as ever when nothing refers to it any more.

    For a process that keeps a whole exam in memory and answers requests: a search through a million records stops
    everything for a second.
    """
    gc.freeze()
