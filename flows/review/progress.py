"""Who decided how much, how fast, and when: figures of the trail for the dashboard. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from flows.records import Act, TrailRow
from flows.reviewer import person_of
from flows.trail import in_force

PAUSE = timedelta(minutes=2)
"""Who has decided nothing for longer was not at work: coffee does not make a slow reviewer."""

IN_BROWSER = frozenset({"queue", "wall", "sheet"})
"""Ways of deciding whose times say how fast somebody works; a workbook hands all in at once."""

LEAST_TIMED = timedelta(minutes=1)
"""With less active time than this nothing is said of a speed."""

WIDTHS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 1440))
"""Widths of the bars of the plot: the narrowest that needs no more than `MOST_BARS`."""

MOST_BARS = 48


@dataclass(frozen=True, slots=True)
class ReviewerFigures:
    """What one person did: decisions by the way in which they were made, how many of them were taken back later.

    `timed` decisions took `active` in all: those that followed the one before within `PAUSE`.
    """

    name: str
    decisions: int
    ways: Mapping[str, int]
    taken_back: int
    timed: int
    active: timedelta
    last: datetime

    @property
    def per_hour(self) -> float | None:
        """Decisions in an hour of active time; None while too little is known."""
        return self.timed * 3600 / self.active.total_seconds() if self.active >= LEAST_TIMED else None


@dataclass(frozen=True, slots=True)
class Pace:
    """How many decisions fell into each stretch of time, from `start` on, each `width` long."""

    start: datetime | None = None
    width: timedelta = WIDTHS[0]
    counts: tuple[int, ...] = ()


def reviewers(rows: Sequence[TrailRow]) -> tuple[ReviewerFigures, ...]:
    """Return what each person decided, who decided most first."""
    stand = {row.number for row in in_force(rows)}
    people: defaultdict[str, _Work] = defaultdict(_Work)
    for row in rows:
        said = row.correction
        if said.act is not Act.UNDO:
            people[person_of(said.reviewer)].add(row, taken_back=row.number not in stand)
    found = [work.figures() for work in people.values()]
    return tuple(sorted(found, key=lambda one: (-one.decisions, one.name)))


def pace(rows: Iterable[TrailRow]) -> Pace:
    """Return when decisions were made, in bars that are as narrow as still fit."""
    times = sorted(row.correction.made_at for row in rows if row.correction.act is not Act.UNDO)
    if not times:
        return Pace()
    for width in WIDTHS:
        start = _floor(times[0], width)
        if (times[-1] - start) // width < MOST_BARS:
            break
    # An exam that takes longer than all bars together shows its last days.
    start = max(start, _floor(times[-1], width) - (MOST_BARS - 1) * width)
    counts = Counter((time - start) // width for time in times if time >= start)
    return Pace(start, width, tuple(counts[at] for at in range(max(counts) + 1)))


def _floor(time: datetime, width: timedelta) -> datetime:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (time - midnight) // width * width


@dataclass(slots=True)
class _Work:
    """What one person did, as it is counted."""

    name: str = ""
    ways: Counter[str] = field(default_factory=Counter)
    taken_back: int = 0
    times: list[datetime] = field(default_factory=list)
    last: datetime | None = None

    def add(self, row: TrailRow, *, taken_back: bool) -> None:
        said = row.correction
        self.name = said.reviewer
        self.ways[said.how] += 1
        self.taken_back += taken_back
        self.last = max(self.last or said.made_at, said.made_at)
        if said.how in IN_BROWSER:
            self.times.append(said.made_at)

    def figures(self) -> ReviewerFigures:
        # Clocks may have been set back between two rows: times are put in order, whatever their numbers say.
        times = sorted(self.times)
        gaps = [gap for one, other in pairwise(times) if (gap := other - one) <= PAUSE]
        if self.last is None:
            raise ValueError("nobody is listed who decided nothing")
        return ReviewerFigures(
            name=self.name,
            decisions=self.ways.total(),
            ways=dict(self.ways.most_common()),
            taken_back=self.taken_back,
            timed=len(gaps),
            active=sum(gaps, timedelta()),
            last=self.last,
        )
