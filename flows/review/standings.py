"""How the promise of an exam stands, worked out once for each change of the exam: it looks at every field."""

from dataclasses import dataclass, field
from threading import Lock

from flows.checking import Standing, accepted_untouched
from flows.review.desk import Desk
from flows.sample_rounds import standing_in, standing_of
from flows.settings import Exam
from flows.store import Store


@dataclass(slots=True)
class Standings:
    """Keeps how the promise stands, and how many accepted fields nobody has looked at, until something changed."""

    exam: Exam
    desk: Desk
    store: Store
    _of: tuple[str, int] = ("", -1)
    _found: tuple[Standing, int] | None = None
    _lock: Lock = field(default_factory=Lock)

    def now(self) -> Standing:
        """Return how the promise stands: measured error rate, its interval, what was reopened."""
        if self.desk.seen is None:
            with self.desk.opener() as store, store.snapshot():
                return standing_in(self.exam, store)
        return self._both()[0]

    def untouched(self) -> int:
        """Return how many accepted fields nobody has looked at."""
        return self._both()[1]

    def _both(self) -> tuple[Standing, int]:
        with self._lock:
            # The version first: what changes meanwhile is looked at again. A sample without errors changes no field.
            of = (self.store.changes(), self.desk.version)
            if self._found is None or of != self._of:
                rows = self.desk.rows()
                untouched = accepted_untouched(rows, self.store.sample_checks())
                self._found, self._of = (standing_of(self.exam, rows, self.store), len(untouched)), of
            return self._found
