"""What is shown of an exam, kept in memory: decided anew in the background whenever something changed.

    store ─(thread)─► Seen ─► open fields ◄─ patched at once, sheet by sheet ─ decisions of people

A page never waits for a whole exam to be decided. What a person says is stored first and shown then; that it may be
stored is decided in the database (`Store.decide_field`), never from what stands here.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile
from threading import Event, RLock, Thread

from flows.collector import Passing, without_collector
from flows.deciding import Grounds, decide_fields, grounds_of
from flows.errors import FlowError
from flows.exam_results import ExamResults, exam_results, exam_rule
from flows.export.flags_sheet import FlagRow, fields_by_name, flag_rows
from flows.ledger import Ledger
from flows.records import DISPUTED, FieldRow, TrailRow
from flows.review.wording import fault_number, without_paths
from flows.rules import RULE_FILES
from flows.settings import DATABASE, Exam
from flows.settling import SettledSheet
from flows.store import Store
from flows.trail import by_key, standing, waits_for_second
from recognizer.errors import RecognizerError
from recognizer.records import ValueState
from recognizer.template import Role, SheetField

LOOK_SECONDS = 1.0
"""How often the database is asked whether anything changed."""

MOST_LOGGED = 10_000
"""Changes that are remembered one by one: more than all people together make while a page is open."""

REST_SHARE = 5.0
"""Deciding a whole exam rests this many times as long as it took last: people come first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A whole exam as it was at one moment.

    `rows` are its fields as all together decide them, by key; `raw` the same as their own pictures say, by sheet;
    `flags` those that wait for a person. `changes` tells this moment from every other (`Store.changes`).
    """

    changes: str
    taken_at: datetime
    took: float
    results: ExamResults
    ledger: Ledger
    grounds: Grounds
    rows: Mapping[str, FieldRow]
    raw: Mapping[str, tuple[FieldRow, ...]]
    sheets: Mapping[str, SettledSheet]
    flags: tuple[FlagRow, ...]


class ReadOnce:
    """What deciding needs of a store, each read at most once: for two who look at the same moment."""

    def __init__(self, store: Store) -> None:
        self.fields = cache(store.fields)
        self.id_characters = cache(store.id_characters)
        self.sample_checks = cache(store.sample_checks)
        self.runs = cache(store.runs)
        self.pages = cache(store.pages)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Fields with their trails, as they were read after `ticket` was drawn: what was stored before it is in them."""

    ticket: int
    fields: Sequence[tuple[FieldRow, Sequence[TrailRow]]]


@dataclass(slots=True)
class Desk:
    """An exam in memory. `begin` starts to read it; until that is done `seen` is None; `trouble` says what failed."""

    exam: Exam
    opener: Callable[[], Store]
    seen: Seen | None = None
    trouble: str = ""
    version: int = 0
    """Counts everything that changed what is open, so that orders of it can be kept until then."""
    _open: dict[str, FlagRow] = field(default_factory=dict)
    _rows: dict[str, FieldRow] = field(default_factory=dict)
    _raw: dict[str, tuple[FieldRow, ...]] = field(default_factory=dict)
    _tickets: int = 0
    _touched: dict[str, int] = field(default_factory=dict)
    """The ticket of the latest reading of each field since the exam began to be looked at."""
    _patched: dict[str, int] = field(default_factory=dict)
    """The ticket of the reading of each field that is shown; `_looked_at` is that of all others."""
    _looked_at: int = 0
    _lock: RLock = field(default_factory=RLock)
    _over: Event = field(default_factory=Event)
    _soon: Event = field(default_factory=Event)
    _fields: dict[tuple[str, str], SheetField] = field(default_factory=dict)
    _trails: dict[str, Sequence[TrailRow]] = field(default_factory=dict)
    _looks: set[str] = field(default_factory=set)
    _log: deque[tuple[int, frozenset[str]]] = field(default_factory=lambda: deque(maxlen=MOST_LOGGED))
    _logged_from: int = 0
    _marked_by: tuple[tuple[str, int, int], ...] = ()
    _passing: Passing = field(default_factory=Passing)

    def __post_init__(self) -> None:
        self._fields = fields_by_name(self.exam.sheets.templates)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Read the exam in a thread of its own, and again whenever it has changed, until `end`."""
        Thread(target=self._watch, name="desk", daemon=True).start()

    def end(self) -> None:
        """Stop reading."""
        self._over.set()
        self._soon.set()

    def look(self) -> Seen:
        """Read the exam now, in this thread.

        Raises:
            FlowError: its files are faulty, or the database cannot be read.
        """
        with self.opener() as store:
            return self._look(store)

    def hurry(self) -> None:
        """Have the exam looked at as soon as possible: something was decided that bears on all of it."""
        self._soon.set()

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                # One connection for as long as all is well: opening leaves cycles behind, a thousand times an hour.
                with self.opener() as store:
                    file = self._database()
                    while not self._over.is_set() and self._database() == file:
                        self._pause(self._look_if_changed(store))
                continue
            except (FlowError, RecognizerError) as problem:
                self.trouble = without_paths(str(problem), self.exam.dir)
            except Exception as problem:
                # Loud, and not the end: who waits is told, and the next look may do.
                self.trouble = f"Something went wrong that should not; the terminal shows more: {fault_number(problem)}"
            self._pause(0.0)

    def _look_if_changed(self, store: Store) -> float:
        """Return for how many seconds to rest."""
        began, rest = time.monotonic(), 0.0
        stamp = self._stamp()
        if self.seen is None or stamp != self._marked_by or store.changes() != self.seen.changes:
            self._look(store)
            self._marked_by = stamp
            rest = REST_SHARE * (time.monotonic() - began)
        self.trouble = ""
        return rest

    def _pause(self, rest: float) -> None:
        self._soon.wait(max(LOOK_SECONDS, rest))
        self._soon.clear()

    def _database(self) -> tuple[int, int] | None:
        """Return which file the database is, None when it is gone: a folder may move, and another take its place."""
        try:
            at = (self.exam.dir / DATABASE).stat()
        except OSError:
            return None
        return at.st_dev, at.st_ino

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Return what tells that somebody saved the key or the roster."""
        found = []
        for name in RULE_FILES:
            with suppress(OSError):
                at = (self.exam.dir / name).stat()
                found.append((name, at.st_mtime_ns, at.st_size))
        return tuple(found)

    def _look(self, store: Store) -> Seen:
        with without_collector():
            seen = self._looked(store)
        self._passing.over_all()
        return seen

    def _looked(self, store: Store) -> Seen:
        began = time.monotonic()
        with self._lock:
            self._touched = {}
        with store.snapshot():
            changes = store.changes()
            once = ReadOnce(store)
            results = exam_results(self.exam, once)
            grounds = replace(grounds_of(self.exam, once), rule=exam_rule(self.exam, results.key))
            raw: defaultdict[str, list[FieldRow]] = defaultdict(list)
            for row in once.fields():
                raw[row.sheet].append(row)
            ledger = store.ledger()
            trails = self._wanted_trails(store, results.decided.fields)
        decided = results.decided
        seen = Seen(
            changes=changes,
            taken_at=datetime.now(UTC),
            took=time.monotonic() - began,
            results=results,
            ledger=ledger,
            grounds=grounds,
            rows={row.key: row for row in decided.fields},
            raw={sheet: tuple(rows) for sheet, rows in raw.items()},
            sheets={sheet.sheet: sheet for sheet in decided.sheets},
            flags=flag_rows(decided.fields, decided.sheets, self.exam.sheets.templates),
        )
        rows, by_sheet, flags = dict(seen.rows), dict(seen.raw), {flag.row.key: flag for flag in seen.flags}
        # What people said while this was worked out; what they say from now on is read again below.
        with self._lock:
            said = tuple(self._touched)
        meanwhile = self._read(store, said)
        # Freeing a million records takes a second: not while others wait for the lock.
        before = self.seen, self._rows, self._raw, self._open, self._trails
        with self._lock:
            self.seen = seen
            self._rows, self._raw, self._open = rows, by_sheet, flags
            self._trails = trails
            self._looks = {key for key in trails if self._wants_second(key)}
            self.version += 1
            self._log.clear()
            self._logged_from = self.version
            self._patched, self._looked_at = {}, 0
            self._patch(meanwhile)
            self._patch(self._read(store, [key for key, at in self._touched.items() if at > meanwhile.ticket]))
            # Who has read before and comes to patch only now may have read less than stands here.
            self._patched, self._looked_at = {}, self._tickets
        del before
        return seen

    # ---- what is open ------------------------------------------------------------------------------------------------

    def open_flags(self) -> dict[str, FlagRow]:
        """Return every field that waits for a person now, by key, in the order of the pages."""
        with self._lock:
            return dict(self._open)

    def waiting(self) -> int:
        """Count the fields that wait for a first or a second person."""
        # Without the lock: it counts for leases, and nobody waits there for an exam that is being decided.
        return len(self._open) + len(self._looks)

    def is_open(self, key: str) -> FlagRow | None:
        """Return a field if it waits for a person."""
        with self._lock:
            return self._open.get(key)

    def row(self, key: str) -> FieldRow | None:
        """Return a field as it is decided now."""
        with self._lock:
            return self._rows.get(key)

    def second_looks(self) -> dict[str, FieldRow]:
        """Return the fields that one person has answered and that wait for a second, by key."""
        with self._lock:
            return {key: self._rows[key] for key in self._looks if key in self._rows}

    def wants_look(self, key: str) -> FieldRow | None:
        """Return a field if one person has answered it and it waits for a second."""
        with self._lock:
            return self._rows.get(key) if key in self._looks else None

    def trail_of(self, key: str) -> Sequence[TrailRow]:
        """Return what people said of a field, as far as a second person matters to anything here."""
        with self._lock:
            return self._trails.get(key, ())

    def changed_since(self, version: int) -> frozenset[str] | None:
        """Return the fields about which anything may have changed since a version; None: look at all of them."""
        with self._lock:
            oldest = self._log[0][0] if len(self._log) == MOST_LOGGED else self._logged_from
            if version < oldest:
                return None
            later = takewhile(lambda one: one[0] > version, reversed(self._log))
            return frozenset[str]().union(*(keys for _, keys in later))

    def rows(self) -> tuple[FieldRow, ...]:
        """Return every field as it is decided now, in the order of the pages."""
        with self._lock:
            return tuple(self._rows.values())

    def fields_of_sheet(self, sheet: str) -> tuple[FieldRow, ...]:
        """Return the fields of a sheet as their own pictures and people say."""
        with self._lock:
            return self._raw.get(sheet, ())

    def template_field(self, row: FieldRow) -> SheetField | None:
        """Return what the template says of a field, None when it has none of that name any more."""
        return self._fields.get((row.template, row.field))

    # ---- what people said --------------------------------------------------------------------------------------------

    def touched(self, store: Store, keys: Iterable[str]) -> None:
        """Show what was just stored about some fields, and what it means for the others on their sheets.

        What it means for other sheets, such as a class list, is shown a little later, when the exam is decided anew.
        """
        # Read before the lock is taken, which others wait for.
        fresh = self._read(store, tuple(set(keys)))
        with self._lock:
            self._patch(fresh)

    def _read(self, store: Store, keys: Sequence[str]) -> Fresh:
        """Read some fields. The ticket is drawn before: of two readings the later ticket has all that both know of."""
        with self._lock:
            self._tickets += 1
            ticket = self._tickets
            self._touched |= dict.fromkeys(keys, ticket)
        return Fresh(ticket, store.fields_with_trails(keys) if keys else ())

    def _patch(self, read: Fresh) -> None:
        """Show what was read, but for fields of which a later reading is shown already."""
        newer = [
            (row, trail)
            for row, trail in read.fields
            if self._patched.get(row.key, self._looked_at) < read.ticket and not self._is_shown(row)
        ]
        fresh = {row.key: row for row, _ in newer}
        self._patched |= dict.fromkeys(fresh, read.ticket)
        sheets = dict.fromkeys(self._rows[key].sheet for key in fresh if key in self._rows)
        for row, trail in newer:
            is_disputed = row.correction is not None and row.correction.note == DISPUTED
            if is_disputed or row.key in self._trails or self.exam.settings.review.is_blind:
                self._trails[row.key] = trail
                self._looks.discard(row.key)
                self._looks |= {row.key} if self._wants_second(row.key) else set()
        for sheet in sheets:
            self._raw[sheet] = tuple(
                # A page may have been given to another sheet meanwhile; the next look at the exam tells.
                replace(fresh[row.key], sheet=row.sheet) if row.key in fresh else row
                for row in self._raw[sheet]
            )
            self._decide_sheet(sheet, fresh)
        if fresh:
            self.version += 1
            changed = frozenset(row.key for sheet in sheets for row in self._raw[sheet])
            self._log.append((self.version, changed.union(fresh)))

    def _is_shown(self, row: FieldRow) -> bool:
        """Tell whether a field was neither read anew nor spoken of since it was decided.

        Then nothing is to be shown, above all not what its sheet alone makes of it: the class list may know more.
        """
        shown = self._rows.get(row.key)
        return shown is not None and shown.revision == row.revision

    def _wanted_trails(self, store: Store, rows: Iterable[FieldRow]) -> dict[str, Sequence[TrailRow]]:
        """Return the trails of all fields, if anybody has to know who answered first."""
        wanted = self.exam.settings.review.is_blind or any(
            row.correction is not None and row.correction.note == DISPUTED for row in rows
        )
        return dict(by_key(store.trail())) if wanted else {}

    def _wants_second(self, key: str) -> bool:
        return waits_for_second(standing(self._trails[key]), self.exam.settings.review.second_share)

    def _decide_sheet(self, sheet: str, fresh: Mapping[str, FieldRow]) -> None:
        if self.seen is None:
            return
        # Whose sheet it is all sheets say together: ids stay as they were decided last.
        by = replace(self.seen.grounds, candidates=())
        decided = decide_fields(self._raw[sheet], by).fields
        doubts: Mapping[str, str] = {}
        with suppress(KeyError):
            doubts = self.seen.sheets[sheet].doubts
        for row in decided:
            kept = row if row.role is not Role.ID or row.key in fresh else self._rows.get(row.key, row)
            self._rows[row.key] = kept
            flag = self._flag(kept, "" if row.key in fresh else doubts.get(row.key, ""))
            if flag is None:
                self._open.pop(row.key, None)
            else:
                self._open[row.key] = flag

    def _flag(self, row: FieldRow, doubt: str) -> FlagRow | None:
        if row.state is not ValueState.UNSETTLED and not doubt:
            return None
        (found,) = flag_rows([row], (), self.exam.sheets.templates) or (None,)
        if found is None and (old := self._open.get(row.key)) is not None:
            return replace(old, row=row, why=doubt)
        return found
