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


GROWTH = 1.25
"""What the search passes over may grow by so much before it looks through it after all: by then a fifth of it may be
cycles that nothing refers to any more."""


class Passing:
    """Has the search for cycles pass over what a process keeps in memory for long.

    For one that keeps a whole exam and answers requests: a search through a million records stops everything for a
    second. What is passed over is freed as ever when nothing refers to it any more, but for cycles; those are looked
    for when it has grown by `GROWTH`.
    """

    def __init__(self) -> None:
        self._clean = 0

    def over_all(self) -> None:
        """Pass over all that is there now."""
        gc.freeze()
        if self._clean and gc.get_freeze_count() <= self._clean * GROWTH:
            return
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._clean = gc.get_freeze_count()
