"""What the dashboard knows of an exam: gathered from the desk and the database, at most once for each change of them.

Seen ─overview─►  Overview (ledger, candidates, what blocks …) ┐
open fields       (reasons)                                    ├─► Board ─told─► JSON for one person
trail ─progress─► reviewers, pairs, pace                       ┘
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from flows.adopting import pending_rules
from flows.batch_list import exam_batches
from flows.batches import Batch
from flows.candidate_list import CandidateLine, candidate_lines
from flows.checking import Standing, accepted_untouched
from flows.deciding import Decided
from flows.export.flags_sheet import FlagRow
from flows.final import Waiting, is_taken, left_open, what_blocks
from flows.ledger import Ledger
from flows.records import CheckedField, FieldRow, RunRow
from flows.review.desk import Desk, Seen
from flows.review.progress import Pace, ReviewerFigures, pace, reviewers
from flows.review.queue_order import DOUBT, SECOND
from flows.sample_rounds import standing_of
from flows.settings import Exam
from flows.store import Store
from flows.trail_pairs import PairFigures, pairs
from recognizer.records import Flag, ValueState

REST_SHARE = 10.0
"""Gathering rests this many times as long as it took: people who settle fields come first."""

RULES_CHANGED = "the rules changed and are not adopted yet: "


@dataclass(frozen=True, slots=True)
class Overview:
    """What follows from a whole exam as it was decided last, whoever has said something since."""

    ledger: Ledger
    sheets: int
    sheets_done: int
    lines: tuple[CandidateLine, ...]
    standing: Standing
    batches: tuple[Batch, ...]
    rules: str
    runs: tuple[RunRow, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of the fields that the machine accepts: these three are all of them (`Standing.accepted`).

    `stand` as it read them, `unlooked` of those nobody has seen in a sample; people have settled `by_people`; and
    `in_question` wait all the same: their sheet contradicts itself, or somebody could not read them.
    """

    stand: int
    unlooked: int
    by_people: int
    in_question: int


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the dashboard shows, for somebody who may see all of it.

    `open`, `by_people` and `fields` count fields; `reasons` those that wait, by the names that the queue gives reasons:
    the open ones, and those that wait for a second answer. `accepted` tells what became of the fields that the machine
    accepts.
    """

    seen: Seen
    overview: Overview
    open: int
    by_people: int
    fields: int
    accepted: Accepted
    reasons: Mapping[str, int]
    reviewers: tuple[ReviewerFigures, ...]
    pairs: Mapping[tuple[str, str], PairFigures]
    pace: Pace
    blocks: tuple[Waiting, ...]


@dataclass(slots=True)
class Boards:
    """Keeps the board of an exam until something changed."""

    rest_share: float = REST_SHARE
    _board: Board | None = None
    _overview: tuple[Seen, Overview] | None = None
    _of: tuple[str, int] = ("", -1)
    _rest_until: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    @property
    def last(self) -> Board | None:
        """What was gathered last; never waits."""
        return self._board

    def now(self, exam: Exam, desk: Desk, store: Store) -> Board | None:
        """Return the board as things are, or as they were a little while ago; None while the exam is read."""
        if not self._lock.acquire(blocking=self._board is None):
            return self._board
        try:
            seen, version = desk.seen, desk.version
            of = (store.changes(), version)
            if seen is None or (self._board is not None and (of == self._of or time.monotonic() < self._rest_until)):
                return self._board
            began = time.monotonic()
            self._board = self._gather(exam, desk, store, seen)
            self._of = of
            self._rest_until = time.monotonic() + self.rest_share * (time.monotonic() - began)
            return self._board
        finally:
            self._lock.release()

    def _gather(self, exam: Exam, desk: Desk, store: Store, seen: Seen) -> Board:
        if self._overview is None or self._overview[0] is not seen:
            self._overview = seen, overview(exam, store, seen)
        flags, rows, trail = desk.open_flags(), desk.rows(), store.trail()
        # Of the same fields as every other figure here: people have said something since all was decided.
        about = replace(self._overview[1], standing=standing_of(exam, rows, store))
        reasons = Counter(reason(flag) for flag in flags.values())
        if second := len(desk.second_looks()):
            reasons[SECOND] = second
        return Board(
            seen=seen,
            overview=about,
            open=len(flags),
            by_people=sum(row.correction is not None and row.key not in flags for row in rows),
            fields=len(rows),
            accepted=accepted_of(rows, flags, store.sample_checks()),
            reasons=reasons,
            reviewers=reviewers(trail),
            pairs=pairs(trail),
            pace=pace(trail),
            blocks=what_blocks(
                about.standing,
                about.ledger,
                seen.results.decided.sheets,
                about.batches,
                flags=len(flags),
                left=left_open(rows, trail, exam.settings.review.second_share),
                rules=about.rules,
                is_whole=store.chain().is_whole,
            ),
        )


def accepted_of(rows: Sequence[FieldRow], flags: Collection[str], checks: Iterable[CheckedField]) -> Accepted:
    """Return what became of the fields that the machine accepts; `flags` are the keys of those that wait."""
    found = [row for row in rows if row.decision.flag is None]
    in_question = sum(row.key in flags for row in found)
    by_people = sum(row.correction is not None and row.key not in flags for row in found)
    stand = [row for row in found if row.correction is None and row.key not in flags]
    return Accepted(len(stand), len(accepted_untouched(stand, checks)), by_people, in_question)


def reason(flag: FlagRow) -> str:
    """Return why a field waits, as the queue names it."""
    row = flag.row
    if row.state is not ValueState.UNSETTLED:
        return DOUBT
    return (row.flag or Flag.UNSURE).value


def overview(exam: Exam, store: Store, seen: Seen) -> Overview:
    """Return what follows from a whole exam.

    Raises:
        ExamError: batches.csv is faulty.
    """
    decided: Decided = seen.results.decided
    told = pending_rules(store.last_snapshot(), seen.results.snapshot())
    return Overview(
        ledger=seen.ledger,
        sheets=len(decided.sheets),
        sheets_done=sum(
            not sheet.open_keys and (not sheet.remarks or is_taken(seen.ledger, sheet)) for sheet in decided.sheets
        ),
        lines=candidate_lines(seen.results, exam.sheets.templates),
        standing=standing_of(exam, decided.fields, store),
        batches=exam_batches(exam, store),
        rules=f"{RULES_CHANGED}{told}" if told else "",
        runs=store.runs(),
    )
