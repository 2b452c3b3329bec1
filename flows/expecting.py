"""How many papers the files of a run should hold, as `grade --expect` was told."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flows.batches import BatchStatement
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
    stopped = [one.number for one in store.runs() if one.number < run and one.command == "grade"][-1:]
    unfinished = {one.number for one in store.runs() if one.number in stopped and one.finished_at is None}
    goes_on = [one.name for one in before if one.run in unfinished and one.papers == expected.papers]
    name = expected.batch or (goes_on[-1] if goes_on else f"run {run}, {started_at:%Y-%m-%d %H:%M} UTC")
    same = [one for one in before if one.name == name][-1:]
    if not same or same[0].papers != expected.papers or same[0].run != run:
        # Stated again by every run, so that a run that goes on with this one finds it as the latest.
        store.state_batch(BatchStatement(name, expected.papers, run, datetime.now(UTC)))
    return name
