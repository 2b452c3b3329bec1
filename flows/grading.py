"""Grading without Prefect: takes files, has their pages read, files and stores them in order. Resumable at any point.

Reading happens elsewhere and ahead (`Submit`), storing happens here and in page order: so what is stored depends on
what came in, and neither on which page was read first nor on how often the run was killed.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, TypeAlias

from flows.assemble import Filed, file_page, filed_before
from flows.batches import Batch
from flows.errors import PlaceError
from flows.expecting import Expected, state_batch
from flows.inbox import (
    Copied,
    FileChangedError,
    FileUnreadableError,
    Inbox,
    InboxFile,
    archive_copy,
    archived_name,
    copy_in,
    quarantine_name,
    remove_taken,
    set_aside,
)
from flows.ledger import OPEN_OUTCOMES, Ledger
from flows.page_decisions import PageKey, key_of, latest_placements
from flows.places import check_writable
from flows.records import Arrival, FieldRow, FiledPage, FileOutcome, Note, PageRow, RunEnd, RunPromise, ScanRow
from flows.run_promise import end_of_run
from flows.settings import Exam
from flows.stacks import is_claimed
from flows.store import Store
from flows.workers import PageReader, RunOfPages, with_patience
from recognizer.errors import ScanError
from recognizer.promise import Thresholds
from recognizer.records import Decision, PageOutcome, PageOutcomeKind

RUN_PAGES = 8
"""Pages a task: about a second of reading, beside which the few milliseconds that a Prefect task costs disappear;
and few enough to show progress and to read again after a crash."""

AHEAD = 2
"""Runs of pages in flight for each worker: one is read, one waits, so that no worker idles while results are stored.
What bounds the memory is this, not the length of a file."""

TRIES = 2
"""How often a run tries to take a file of one name; what comes under it after that is for the next run."""

KEPT_FLAGS = 200
"""Flagged fields that a report lists; it counts them all. `tallymark readings` shows every one."""

Wait: TypeAlias = Callable[[], tuple[PageOutcome, ...]]
Submit: TypeAlias = Callable[[RunOfPages], Wait]
"""Has a run of pages read somewhere, and returns what waits for the result."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file (`page` None) or a page that needs a person."""

    file: str
    page: int | None
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class FlaggedField:
    """A field that needs a person, for the report of a run."""

    sheet: str
    field: str
    guess: str
    confidence: float
    why: str


@dataclass(slots=True)
class Tally:
    """What one run did; it grows while the run goes on. `pages_known` counts the pages of the files taken so far."""

    files: Counter[FileOutcome] = field(default_factory=Counter)
    pages: Counter[PageOutcomeKind] = field(default_factory=Counter)
    pages_known: int = 0
    fields: int = 0
    flagged: int = 0
    seconds: float = 0.0
    set_aside: list[SetAside] = field(default_factory=list)
    flags: list[FlaggedField] = field(default_factory=list)
    left: tuple[Note, ...] = ()
    warnings: tuple[str, ...] = ()
    run: int | None = None
    promise: RunPromise | None = None
    batches: tuple[Batch, ...] = ()
    ledger: Ledger | None = None
    """Of everything that ever came into the exam, at the end of the run."""

    @property
    def pages_done(self) -> int:
        """How many pages were stored."""
        return sum(self.pages.values())

    @property
    def pages_per_second(self) -> float:
        """Pages stored in a second of the run, 0 when there were none."""
        return self.pages_done / self.seconds if self.seconds else 0.0

    @property
    def needs_person(self) -> bool:
        """Whether a file or page was set aside, a file left for good, or a batch holds other papers than it should."""
        waiting = any(note.needs_person for note in self.left) or any(batch.blocks for batch in self.batches)
        return bool(self.set_aside) or waiting

    def add_page(self, page: FiledPage) -> None:
        """Count a page that was stored; of one that does not count, no field does."""
        row = page.row
        self._add_outcome(row)
        if row.outcome is not PageOutcomeKind.READ:
            return
        for one in page.fields:
            self.fields += 1
            if one.decision.flag is not None:
                self.add_flag(row.sheet, one.decision)

    def move_page(self, row: PageRow, before: PageOutcomeKind, fields: int, flagged: int) -> None:
        """Count a page anew that a later one changed: a person decided between the two.

        Args:
            row: what became of it now.
            before: as what it was counted.
            fields: how many it has, if it counts.
            flagged: how many of these need a person.
        """
        self.pages -= Counter((before,))
        self.set_aside = [one for one in self.set_aside if (one.file, one.page) != (row.file, row.number)]
        self._add_outcome(row)
        turn = (row.outcome is PageOutcomeKind.READ) - (before is PageOutcomeKind.READ)
        self.fields += turn * fields
        self.flagged += turn * flagged

    def _add_outcome(self, row: PageRow) -> None:
        self.pages[row.outcome] += 1
        if row.outcome in OPEN_OUTCOMES:
            self.set_aside.append(SetAside(row.file, row.number, row.outcome.value, row.reason))

    def add_flag(self, sheet: str, said: Decision) -> None:
        """Count a field that needs a person."""
        self.flagged += 1
        if len(self.flags) < KEPT_FLAGS:
            self.flags.append(FlaggedField(sheet, said.field, said.guess_in_words, said.confidence, said.why))

    def add_file(self, name: str, outcome: FileOutcome, reason: str) -> None:
        """Count a file that is done with."""
        self.files[outcome] += 1
        if outcome is FileOutcome.QUARANTINED:
            self.set_aside.append(SetAside(name, None, outcome.value, reason))


class Watcher(Protocol):
    """Is told how far a run is, after every few pages."""

    def progress(self, tally: Tally) -> None:
        """Show it."""
        ...


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a run works with: the exam, its store, who reads, how reading is handed out, and who watches."""

    exam: Exam
    store: Store
    reader: PageReader
    submit: Submit
    watchers: Sequence[Watcher] = ()
    expected: Expected | None = None


def here(reader: PageReader) -> Submit:
    """Read each run of pages at once, in this thread: the plainest way, for tests."""

    def submit(pages: RunOfPages) -> Wait:
        outcomes = reader.read_run(pages)
        return lambda: outcomes

    return submit


def grade_inbox(place: Workplace, inbox: Inbox | None = None) -> Tally:
    """Take every complete file of the inbox, and what a killed run left; read, file and store their pages.

    The caller holds `place.store.grading()`.

    Raises:
        PlaceError: a folder or the database cannot be written; grading again goes on from here.
        RecognizerError: the installation is at fault, such as missing weights; nothing was taken.
    """
    exam, store = place.exam, place.store
    check_writable(exam.inbox, exam.archive, exam.quarantine)
    run = _Run("grade", place, filed_before(store.filed_pages(), store.picture_hashes()))
    inbox = inbox or Inbox(exam.inbox, exam.settings.inbox.settle_seconds)
    run.work(run.left_in_hand())
    tried: Counter[bytes] = Counter()
    while True:
        look = inbox.wait({arrival.inbox_name for arrival in store.arrivals()})
        # A file that twice changed under our hands is one that is written to in a way no time shows.
        ready = [file for file in look.ready if tried[file.inbox_name] < TRIES]
        if not ready:
            break
        tried.update(file.inbox_name for file in ready)
        run.work(step for file in ready for step in run.taken(file))
    run.tally.left = look.waiting + look.ignored + tuple(run.why_left(file) for file in look.ready)
    return run.finish()


def regrade_scans(place: Workplace) -> Tally:
    """Read every archived scan again, in order of arrival, as if it came in now. What people said stays.

    The caller holds `place.store.grading()`.

    Raises:
        PlaceError, RecognizerError: as `grade_inbox`; regrading again begins from the start.
    """
    run = _Run("regrade", place, Filed())
    # From here on the record says that not every page is read anew, until it says that they are.
    run.begin()
    run.work(step for scan in place.store.scans() for step in run.again(scan))
    return run.finish()


@dataclass(frozen=True, slots=True)
class _Pages:
    """A run of pages in flight."""

    scan: ScanRow
    wait: Wait


@dataclass(frozen=True, slots=True)
class _EndOfFile:
    """All pages of a file are in flight before this: once they are stored, the file is done with."""

    arrival: Arrival


_Step: TypeAlias = _Pages | _EndOfFile


@dataclass(frozen=True, slots=True)
class _Counted:
    """As what a page of this run was counted, and what it would add if it counts."""

    outcome: PageOutcomeKind
    fields: int
    flagged: int


class _Run:
    """One run: what it did so far, and its hands."""

    def __init__(self, command: str, place: Workplace, filed: Filed) -> None:
        self.tally = Tally()
        self._exam, self._store, self._reader, self._submit = place.exam, place.store, place.reader, place.submit
        self._watchers = place.watchers
        self._expected, self._batch = place.expected, ""
        self._filed = filed
        self._unread: dict[InboxFile, str] = {}
        self._stored: dict[PageKey, _Counted] = {}
        self._placed = latest_placements(self._store.placements())
        self._templates = {template.name: template for template in self._exam.sheets.templates}
        self._began, self._started_at = time.monotonic(), datetime.now(UTC)
        self._info = self._reader.info()
        self._command = command

    def begin(self) -> int:
        """Begin the run's record and return its number.

        `grade` begins it with the first thing that it stores: an empty inbox makes no run.
        """
        if self.tally.run is None:
            self.tally.run = self._store.begin_run(
                self._command,
                tallymark=version("tallymark"),
                model=self._info.model,
                renderer=self._info.renderer,
                settings=self._exam.settings.model_dump_json(),
                started_at=self._started_at,
            )
        return self.tally.run

    def work(self, steps: Iterator[_Step]) -> None:
        """Go through the steps: reading runs ahead, storing follows in order."""
        in_flight: deque[_Step] = deque()
        for step in steps:
            in_flight.append(step)
            while sum(isinstance(one, _Pages) for one in in_flight) > AHEAD * self._exam.settings.workers:
                self._settle(in_flight.popleft())
        while in_flight:
            self._settle(in_flight.popleft())

    def finish(self) -> Tally:
        """Close the run's record and return what it did."""
        self._recount()
        self.tally.seconds = self._seconds()
        self.tally.set_aside.sort(key=lambda one: (one.file, one.page or 0))
        if self.tally.run is not None:
            held = self._info.thresholds
            end = None if held is None else partial(self._promised, held)
            self._store.finish_run(self.tally.run, self.tally.seconds, end)
        self.tally.ledger = self._store.ledger()
        return self.tally

    def _recount(self) -> None:
        """Count the pages as they stand now that every file is read to its end: some are held, some have a sheet."""
        sheets: dict[str, str] = {}
        for filed, row in zip(self._store.filed_pages(), self._store.pages(), strict=True):
            if (counted := self._stored.get(key_of(row))) and counted.outcome is not row.outcome:
                self._moved(row)
            if counted and is_claimed(row):
                self.tally.set_aside.append(SetAside(row.file, row.number, row.outcome.value, row.reason))
            if filed.sheet != row.sheet:
                sheets[filed.sheet] = row.sheet
        named = (replace(flag, sheet=sheets.get(flag.sheet, flag.sheet)) for flag in self.tally.flags)
        self.tally.flags = [flag for flag in named if flag.sheet]

    def _promised(self, held: Thresholds, fields: tuple[FieldRow, ...]) -> RunEnd:
        """Say what the run promises of its batch, and count those of its own fields that it takes back."""
        ended = end_of_run(fields, held, self._exam.settings.accept_error, self._templates)
        self.tally.promise = ended.promise
        for row in fields:
            if row.counts and row.key in ended.doubted and (row.scan, row.page_number) in self._stored:
                self.tally.add_flag(row.sheet, ended.doubted[row.key])
        return ended

    # ---- files ---------------------------------------------------------------------------------------------------

    def left_in_hand(self) -> Iterator[_Step]:
        """Go on with the files that a killed run left."""
        for arrival in self._store.arrivals():
            done = self._store.outcome_of(arrival)
            if done is None:
                yield from self._opened(arrival)
            else:
                self._put_away(arrival, done.outcome, done.reason)

    def taken(self, file: InboxFile) -> Iterator[_Step]:
        """Take one file from the inbox."""
        try:
            copied = copy_in(file, self._exam.archive)
        except FileChangedError:
            return
        except FileUnreadableError as error:
            self._unread[file] = str(error)
            return
        if self._expected and not self._batch:
            self._batch = state_batch(self._expected, self._store, self.begin(), self._started_at)
        arrival = self._arrival(copied)
        archive_copy(copied, self._exam.archive, arrival.archived)
        self._store.begin_arrival(arrival)
        yield from self._opened(arrival)

    def why_left(self, file: InboxFile) -> Note:
        """Say why a complete file stays in the inbox after this run."""
        if reason := self._unread.get(file):
            return Note(file.name, f"cannot be read: {reason}; copy it there anew", needs_person=True)
        return Note(file.name, "kept changing while it was taken; the next run takes it")

    def again(self, scan: ScanRow) -> Iterator[_Step]:
        """Read an archived scan again."""
        path = self._exam.archive / scan.archived
        if not path.is_file():
            reason = f"{path} is missing; its pages keep what was read before"
            self.tally.set_aside.append(SetAside(scan.file, None, "missing", reason))
            kept = [row for row in self._store.filed_pages() if row.scan == scan.scan]
            self._filed.remember_all(kept, self._store.picture_hashes())
            return
        yield from self._runs(scan, 1)

    def _arrival(self, copied: Copied) -> Arrival:
        file, known = copied.file, self._store.scan(copied.scan)
        # The same content under another ending is kept once, under the ending with which it came first.
        archived = known.archived if known else archived_name(copied.scan, file.name)
        return Arrival(
            number=self._store.next_arrival(),
            inbox_name=file.inbox_name,
            name=file.name,
            scan=copied.scan,
            archived=archived,
            size=file.size,
            mtime_ns=file.mtime_ns,
            inode=file.inode,
            batch=self._batch,
        )

    def _opened(self, arrival: Arrival) -> Iterator[_Step]:
        """Have the pages of a file in hand read that are not stored yet, unless its content is known or unreadable."""
        scan = self._store.scan(arrival.scan)
        if scan is not None and scan.arrival != arrival.number:
            self._end(arrival, FileOutcome.DUPLICATE, f"the same bytes as {scan.file}")
            return
        if scan is None:
            try:
                scan = self._new_scan(arrival)
            except ScanError as error:
                self._end(arrival, FileOutcome.QUARANTINED, str(error).removeprefix(f"{arrival.archived}: "))
                return
        yield from self._runs(scan, self._store.stored_pages(scan.scan) + 1)
        yield _EndOfFile(arrival)

    def _new_scan(self, arrival: Arrival) -> ScanRow:
        if alike := self._store.scan_like(arrival.scan):
            raise ScanError(f"cannot be told apart from {alike.file}, whose key it shares; save it anew in any program")
        path = self._exam.archive / arrival.archived
        try:
            pages = with_patience(partial(self._reader.count_pages, path))
        except OSError as error:
            raise _out_of_reach(path, error) from error
        scan = ScanRow(arrival.scan, arrival.number, arrival.name, pages, arrival.archived)
        self._store.add_scan(scan)
        return scan

    def _end(self, arrival: Arrival, outcome: FileOutcome, reason: str) -> None:
        """Store what became of a file, then clear it from the inbox."""
        if outcome is FileOutcome.QUARANTINED:
            arrival = replace(arrival, quarantine_name=quarantine_name(self._exam.quarantine, arrival.name))
        self._store.settle_arrival(arrival, outcome, reason, quarantine_name=arrival.quarantine_name, run=self.begin())
        self.tally.add_file(arrival.name, outcome, reason)
        self._put_away(arrival, outcome, reason)
        self._show()

    def _put_away(self, arrival: Arrival, outcome: FileOutcome, reason: str) -> None:
        kept = None
        if outcome is FileOutcome.QUARANTINED:
            set_aside(self._exam, arrival, reason)
            kept = self._exam.quarantine / arrival.quarantine_name
        remove_taken(self._exam.inbox, arrival, kept)
        self._store.finish_arrival(arrival)

    # ---- pages ---------------------------------------------------------------------------------------------------

    def _runs(self, scan: ScanRow, first: int) -> Iterator[_Step]:
        self.tally.pages_known += scan.pages - first + 1
        path = str(self._exam.archive / scan.archived)
        for start in range(first, scan.pages + 1, RUN_PAGES):
            end = min(start + RUN_PAGES - 1, scan.pages)
            placed = (self._placed.get((scan.scan, number)) for number in range(start, end + 1))
            pages = RunOfPages(path, scan.scan, start, end, tuple(one for one in placed if one))
            yield _Pages(scan, self._submit(pages))

    def _settle(self, step: _Step) -> None:
        if isinstance(step, _EndOfFile):
            self._end(step.arrival, FileOutcome.READ, "")
            return
        try:
            outcomes = step.wait()
        except OSError as error:
            raise _out_of_reach(self._exam.archive / step.scan.archived, error) from error
        copied = self._exam.settings.sheets.photocopied
        pages = [
            file_page(outcome, step.scan.file, self._templates, self._filed, photocopied=copied) for outcome in outcomes
        ]
        rows = self._store.save_pages(pages, self._info.model, self.begin(), self._seconds())
        for page, row in zip(pages, rows[: len(pages)], strict=True):
            self.tally.add_page(replace(page, row=row))
            flagged = sum(one.decision.flag is not None for one in page.fields)
            self._stored[key_of(row)] = _Counted(row.outcome, len(page.fields), flagged)
        for row in rows[len(pages) :]:
            self._moved(row)
        self._show()

    def _moved(self, row: PageRow) -> None:
        """Count a page anew, if it is one of this run."""
        if before := self._stored.get(key_of(row)):
            self.tally.move_page(row, before.outcome, before.fields, before.flagged)
            self._stored[key_of(row)] = replace(before, outcome=row.outcome)

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _show(self) -> None:
        self.tally.seconds = self._seconds()
        for watcher in self._watchers:
            watcher.progress(self.tally)


def _out_of_reach(path: Path, error: OSError) -> PlaceError:
    return PlaceError(
        f"{path}: cannot be read: {error.strerror or error}; see that the folder is there again, then grade again: "
        "it goes on from here"
    )
