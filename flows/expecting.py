"""How many papers the files of a run should hold, as `grade --expect` was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.batches import BatchStatement
from flows.records import RunRow
from flows.store import Store


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of the files that a run takes; without a name the batch is called after its run."""

    papers: int
    batch: str = ""


def state_batch(expected: Expected, store: Store, run: int, started_at: datetime) -> str:
    """Remember what is expected of the files of a run, before the first of them is taken; return the batch's name.

    A run that goes on with one that was stopped, and expects as many papers, goes on with its batch.
    """
    before = store.batch_statements()
    name = expected.batch or _going_on(expected, before, store.runs(), run)
    name = name or f"run {run}, {started_at:%Y-%m-%d %H:%M} UTC"
    # Stated by every run anew, so that one that goes on with this one finds it.
    store.state_batch(BatchStatement(name, expected.papers, run, datetime.now(UTC)))
    return name


def _going_on(expected: Expected, before: Sequence[BatchStatement], runs: Sequence[RunRow], run: int) -> str:
    """Return the batch of the grading run just before this one if that was stopped and expected as many papers."""
    last = next((one for one in reversed(runs) if one.number < run and one.command == "grade"), None)
    if last is None or last.finished_at is not None:
        return ""
    names = [one.name for one in before if one.run == last.number and one.papers == expected.papers]
    return names[-1] if names else ""
