"""A progress bar on the terminal, beside the output; none where nobody watches."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from flows.grading import Tally, Watcher


class Bar:
    """Shows how many pages of those known so far are stored."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task

    def progress(self, tally: "Tally") -> None:
        """Move the bar."""
        self._progress.update(
            self._task,
            completed=tally.pages_done,
            total=tally.pages_known or None,
            description=f"{tally.pages_done} of {tally.pages_known} pages, {tally.flagged} fields flagged",
        )


@contextmanager
def shown_progress() -> Iterator[Sequence["Watcher"]]:
    """Show a progress bar on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield ()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield (Bar(progress, progress.add_task("starting", total=None)),)
