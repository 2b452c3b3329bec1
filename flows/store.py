"""What an exam remembers. One process writes pages (`Store.grading`); anybody may read, and add corrections.

files, scans, pages     what came in and what became of it; the sums close
readings, decisions     what the pixels say, and what was accepted of it; stored apart
corrections             what people said; only ever inserted, the latest wins
sample_checks           what people found in samples of what was accepted; tightenings: what that raised
runs                    when, with which model and settings
arrivals                files in hand; a killed run leaves them for the next
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from flows.errors import PlaceError
from flows.migrations.opening import open_engine, translated, writing
from flows.migrations.tables import (
    arrivals,
    corrections,
    decisions,
    files,
    pages,
    pictures,
    readings,
    runs,
    sample_checks,
    scans,
    tightenings,
)
from flows.places import MOUNT_TABLE, only_writer, refuse_network
from flows.records import (
    Arrival,
    CheckedField,
    CheckOutcome,
    Correction,
    FieldRow,
    FiledPage,
    FileOutcome,
    FileRow,
    PageRow,
    RunEnd,
    RunRow,
    ScanRow,
    Tightening,
)
from flows.rows import (
    KEY_DIGITS,
    character,
    checked_row,
    checked_values,
    correction_row,
    decision_values,
    field_row,
    page_row,
    page_values,
    picture_values,
    promise_values,
    reading_values,
    run_row,
    scan_row,
    taken_back_values,
    tightening_row,
    tightening_values,
    time_text,
)
from flows.settings import DATABASE
from recognizer.records import CharacterReading, Decision


class Store:
    """The database of one exam folder. Made by `open_store`."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder = folder
        self._engine = engine
        self._snapshot: Connection | None = None
        self.path = folder / DATABASE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database file."""
        self._engine.dispose()

    @contextmanager
    def grading(self) -> Iterator[None]:
        """Be the one process that takes files and stores pages (PlaceError when another one does)."""
        with only_writer(self._folder):
            yield

    # ---- what came in -------------------------------------------------------------------------------------------

    def files(self) -> tuple[FileRow, ...]:
        """Return every file that is done with, in order of arrival."""
        with self._read() as connection:
            rows = connection.execute(select(files).order_by(files.c.number)).all()
        return tuple(FileRow(row.name, row.scan, FileOutcome(row.outcome), row.reason) for row in rows)

    def scans(self) -> tuple[ScanRow, ...]:
        """Return every scan, in order of its first arrival."""
        with self._read() as connection:
            rows = connection.execute(select(scans).order_by(scans.c.arrival)).all()
        return tuple(scan_row(row) for row in rows)

    def scan(self, scan: str) -> ScanRow | None:
        """Return one scan by its content, None when it never came in."""
        with self._read() as connection:
            row = connection.execute(select(scans).where(scans.c.scan == scan)).first()
        return scan_row(row) if row else None

    def scan_like(self, scan: str) -> ScanRow | None:
        """Return the scan whose fields would have the same keys as those of `scan`, itself or (hardly ever) another."""
        same = scans.c.scan.startswith(scan[:KEY_DIGITS], autoescape=True)
        with self._read() as connection:
            row = connection.execute(select(scans).where(same)).first()
        return scan_row(row) if row else None

    def pages(self) -> tuple[PageRow, ...]:
        """Return every page, scan by scan in order of arrival."""
        with self._read() as connection:
            return tuple(page_row(row) for row in connection.execute(_all_pages()))

    def fields(self) -> tuple[FieldRow, ...]:
        """Return every field of every read page, in template order, with the latest correction."""
        # One connection, one transaction: a correction that comes in between is seen whole or not at all.
        with self._read() as connection:
            return _fields(connection)

    def crop_png(self, key: str) -> bytes:
        """Return the picture of one field (KeyError when there is no such reading)."""
        with self._read() as connection:
            found = connection.execute(select(readings.c.crop).where(readings.c.key == key)).scalar()
        if found is None:
            raise KeyError(key)
        return bytes(found)

    def picture_png(self, scan: str, page: int, field: str) -> bytes:
        """Return an area that is kept for people, such as a name (KeyError when there is none)."""
        here = (pictures.c.scan == scan) & (pictures.c.page == page) & (pictures.c.field == field)
        with self._read() as connection:
            found = connection.execute(select(pictures.c.crop).where(here)).scalar()
        if found is None:
            raise KeyError(scan, page, field)
        return bytes(found)

    def characters(self, key: str) -> tuple[CharacterReading, ...]:
        """Return what was seen at each place of one field, all classes (KeyError when there is no such reading)."""
        with self._read() as connection:
            found = connection.execute(select(readings.c.characters).where(readings.c.key == key)).scalar()
        if found is None:
            raise KeyError(key)
        return tuple(character(raw) for raw in json.loads(found))

    def picture_hashes(self) -> dict[tuple[str, int], str]:
        """Return the picture hash of every page that has one, by (scan, page number)."""
        query = select(pages.c.scan, pages.c.number, pages.c.picture_hash).where(pages.c.picture_hash.is_not(None))
        with self._read() as connection:
            return {(row.scan, row.number): row.picture_hash for row in connection.execute(query)}

    # ---- files in hand ------------------------------------------------------------------------------------------

    def arrivals(self) -> tuple[Arrival, ...]:
        """Return the files in hand, in order of arrival: at the start of a run, what a killed one left."""
        with self._read() as connection:
            rows = connection.execute(select(arrivals).order_by(arrivals.c.number)).all()
        return tuple(Arrival(**(dict(row._mapping) | {"inode": int(row.inode)})) for row in rows)

    def next_arrival(self) -> int:
        """Return the number of the next file to come in."""
        with self._read() as connection:
            used = [connection.execute(select(func.max(table.c.number))).scalar() or 0 for table in (files, arrivals)]
        return max(used) + 1

    def begin_arrival(self, arrival: Arrival) -> None:
        """Remember that a file was copied into the archive and is in hand from now on."""
        with self._write() as connection:
            connection.execute(insert(arrivals), asdict(arrival) | {"inode": str(arrival.inode)})

    def settle_arrival(
        self,
        arrival: Arrival,
        outcome: FileOutcome,
        reason: str = "",
        *,
        quarantine_name: str = "",
        run: int | None = None,
    ) -> None:
        """Store what became of a file; it stays in hand until `finish_arrival`, when it is gone from the inbox."""
        with self._write() as connection:
            connection.execute(
                insert(files),
                {
                    "number": arrival.number,
                    "name": arrival.name,
                    "scan": arrival.scan,
                    "outcome": outcome.value,
                    "reason": reason,
                },
            )
            here = arrivals.c.number == arrival.number
            connection.execute(update(arrivals).where(here).values(quarantine_name=quarantine_name))
            if run is not None:
                connection.execute(update(runs).where(runs.c.number == run).values(files=runs.c.files + 1))

    def outcome_of(self, arrival: Arrival) -> FileRow | None:
        """Return what became of a file in hand, None while that is open."""
        with self._read() as connection:
            row = connection.execute(select(files).where(files.c.number == arrival.number)).first()
        return FileRow(row.name, row.scan, FileOutcome(row.outcome), row.reason) if row else None

    def finish_arrival(self, arrival: Arrival) -> None:
        """Forget a file in hand: its outcome is stored and it is gone from the inbox."""
        with self._write() as connection:
            connection.execute(delete(arrivals).where(arrivals.c.number == arrival.number))

    # ---- pages --------------------------------------------------------------------------------------------------

    def add_scan(self, scan: ScanRow) -> None:
        """Remember a scan whose pages are about to be stored. Adding it again changes nothing."""
        with self._write() as connection:
            connection.execute(sqlite_insert(scans).on_conflict_do_nothing(index_elements=["scan"]), asdict(scan))

    def stored_pages(self, scan: str) -> int:
        """Return how many pages of a scan are stored. They are stored in order: the next one is this plus one."""
        with self._read() as connection:
            query = select(func.count()).select_from(pages).where(pages.c.scan == scan)
            return connection.execute(query).scalar_one()

    def save_pages(self, filed: Sequence[FiledPage], model: str, run: int, seconds: float) -> None:
        """Store some pages of one scan with all their fields, in one transaction; pages stored before are replaced."""
        with self._write() as connection:
            for page in filed:
                _delete_page(connection, page.row)
                connection.execute(insert(pages), page_values(page) | {"run": run})
                if page.fields:
                    connection.execute(insert(readings), list(reading_values(page, model)))
                    connection.execute(insert(decisions), list(decision_values(page, model)))
                if page.pictures:
                    connection.execute(insert(pictures), picture_values(page))
            fields = [field for page in filed for field in page.fields]
            connection.execute(
                update(runs)
                .where(runs.c.number == run)
                .values(
                    pages=runs.c.pages + len(filed),
                    fields=runs.c.fields + len(fields),
                    flagged=runs.c.flagged + sum(field.decision.flag is not None for field in fields),
                    seconds=round(seconds, 3),
                )
            )

    # ---- corrections --------------------------------------------------------------------------------------------

    def corrections(self) -> tuple[Correction, ...]:
        """Return everything that people said, oldest first."""
        with self._read() as connection:
            return _corrections(connection)

    def insert_corrections(self, said: Sequence[Correction]) -> None:
        """Store what people said, all of it or (on any error) none of it. May be done while another process grades."""
        with self._write() as connection:
            _say(connection, said)

    def correct(self, choose: Callable[[tuple[FieldRow, ...]], Sequence[Correction]]) -> None:
        """Have corrections chosen in view of every field, and store them, before anything else can be written.

        What is read and what is stored make one transaction: nobody corrects or regrades a field in between. An error
        in `choose` passes through, and nothing is stored.

        Args:
            choose: given every field as `fields` returns them, returns what people say of them. It must not write.
        """
        with self._write() as connection:
            _say(connection, choose(_fields(connection)))

    # ---- sample checks ------------------------------------------------------------------------------------------

    def sample_checks(self) -> tuple[CheckedField, ...]:
        """Return every accepted field that people looked at in samples, oldest first."""
        with self._read() as connection:
            return _sample_checks(connection)

    def tightenings(self) -> tuple[Tightening, ...]:
        """Return how sample checks raised thresholds, oldest first."""
        with self._read() as connection:
            rows = connection.execute(select(tightenings).order_by(tightenings.c.number)).all()
        return tuple(tightening_row(row) for row in rows)

    def check(self, choose: Callable[[tuple[FieldRow, ...], tuple[CheckedField, ...]], CheckOutcome]) -> None:
        """Have the answers of a sample check weighed in view of every field, and store what becomes of them.

        Answers, corrections, raised thresholds and reopened fields are stored together or not at all; nobody else
        writes in between. An error in `choose` passes through, and nothing is stored. The caller holds `grading()`, so
        that no run accepts with thresholds that were just raised.

        Args:
            choose: given every field and every earlier check, returns what becomes of the new ones. It must not write.
        """
        with self._write() as connection:
            outcome = choose(_fields(connection), _sample_checks(connection))
            if outcome.checked:
                connection.execute(insert(sample_checks), [checked_values(one) for one in outcome.checked])
            _say(connection, outcome.corrections)
            if outcome.tightenings:
                connection.execute(insert(tightenings), [tightening_values(one) for one in outcome.tightenings])
            _take_back(connection, outcome.doubted)

    # ---- runs ---------------------------------------------------------------------------------------------------

    def begin_run(
        self,
        command: str,
        *,
        tallymark: str,
        model: str,
        renderer: str,
        settings: str,
        started_at: datetime | None = None,
    ) -> int:
        """Remember that a run begins (now, unless it is said when), and return its number."""
        values = {
            "command": command,
            "started_at": time_text(started_at or datetime.now(UTC)),
            "tallymark": tallymark,
            "model": model,
            "renderer": renderer,
            "settings": settings,
        }
        with self._write() as connection:
            number: int = connection.execute(insert(runs).returning(runs.c.number), values).scalar_one()
            return number

    def finish_run(
        self, number: int, seconds: float, end: Callable[[tuple[FieldRow, ...]], RunEnd] | None = None
    ) -> RunEnd | None:
        """Remember that a run is over, what it promises, and which of its decisions it takes back: all at once.

        Args:
            number: the run.
            seconds: how long it took.
            end: given every field that the run stored (and those of runs before it that were stopped, with the same
                model and settings), says how it ends. It must not write. Without it nothing is promised.
        """
        values = {"finished_at": time_text(datetime.now(UTC)), "seconds": round(seconds, 3)}
        with self._write() as connection:
            batch = pages.c.run.in_(_runs_of_batch(connection, number))
            ended = end(_fields(connection, batch)) if end else None
            if ended is not None:
                _take_back(connection, ended.doubted)
                values |= promise_values(ended.promise)
            connection.execute(update(runs).where(runs.c.number == number).values(values))
        return ended

    def runs(self) -> tuple[RunRow, ...]:
        """Return every run, oldest first. One without `finished_at` was stopped, or is going on."""
        with self._read() as connection:
            rows = connection.execute(select(runs).order_by(runs.c.number)).all()
        return tuple(run_row(row) for row in rows)

    # ---- transactions -------------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read within the block come from one moment, whatever others write meanwhile.

        For one thread; what is written within the block is stored, but not seen in it.
        """
        if self._snapshot is not None:
            raise RuntimeError("a snapshot is being read already")
        with self._read() as connection:
            # A transaction begins with the first statement, not with BEGIN.
            connection.exec_driver_sql("SELECT count(*) FROM alembic_version")
            self._snapshot = connection
            try:
                yield
            finally:
                self._snapshot = None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        if self._snapshot is not None:
            with translated(self.path):
                yield self._snapshot
            return
        with translated(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(self.path), writing(self._engine) as connection:
            yield connection


def open_store(folder: Path, mounts: Path = MOUNT_TABLE) -> Store:
    """Open the database of an exam folder, making it or bringing it to date where needed.

    Args:
        folder: the exam folder.
        mounts: the system's table of mounted file systems.

    Raises:
        PlaceError: the folder is missing, lies on a network file system, or cannot be written; or the database is
            damaged, not ours, or from a newer Tallymark.
    """
    if not folder.is_dir():
        raise PlaceError(
            f"{folder}: there is no such folder; make an exam folder with: tallymark init {folder} --template NAME"
        )
    refuse_network(folder, mounts)
    return Store(folder, open_engine(folder / DATABASE))


def _all_pages() -> Any:  # noqa: ANN401 - SQLAlchemy's type of a query names every column's type
    query = select(pages, scans.c.file).join(scans, scans.c.scan == pages.c.scan)
    return query.order_by(scans.c.arrival, pages.c.number)


def _runs_of_batch(connection: Connection, number: int) -> list[int]:
    """Return a run and the stopped ones that it goes on with."""
    run = connection.execute(select(runs).where(runs.c.number == number)).one()
    query = select(runs.c.number, runs.c.finished_at).where(runs.c.number < number).order_by(runs.c.number.desc())
    same = query.where(runs.c.model == run.model, runs.c.settings == run.settings)
    stopped = takewhile(lambda row: row.finished_at is None, connection.execute(same))
    return [number, *(row.number for row in stopped)]


def _take_back(connection: Connection, doubted: Mapping[str, Decision]) -> None:
    """Replace decisions by others, and count anew what the runs that stored them had flagged."""
    counted: Counter[int] = Counter()
    for key, decision in doubted.items():
        here = decisions.c.key == key
        old = connection.execute(select(decisions.c.revision, decisions.c.flag).where(here)).one()
        connection.execute(update(decisions).where(here).values(taken_back_values(decision, old.revision)))
        on_page = (readings.c.key == key) & (pages.c.scan == readings.c.scan) & (pages.c.number == readings.c.page)
        run = connection.execute(select(pages.c.run).where(on_page)).scalar()
        if run is not None and old.flag is None and decision.flag is not None:
            counted[run] += 1
    for number, count in counted.items():
        connection.execute(update(runs).where(runs.c.number == number).values(flagged=runs.c.flagged + count))


def _fields(connection: Connection, chosen: ColumnElement[bool] | None = None) -> tuple[FieldRow, ...]:
    query = (
        select(
            *(readings.c[name] for name in ("key", "scan", "page", "field", "kind", "role", "candidates", "model")),
            *(decisions.c[name] for name in ("state", "value", "guess", "confidence", "flag", "why", "revision")),
            *(pages.c[name] for name in ("sheet", "template", "template_page")),
            scans.c.file,
        )
        .join(decisions, decisions.c.key == readings.c.key)
        .join(pages, (pages.c.scan == readings.c.scan) & (pages.c.number == readings.c.page))
        .join(scans, scans.c.scan == readings.c.scan)
        .order_by(scans.c.arrival, readings.c.page, readings.c.position)
    )
    if chosen is not None:
        query = query.where(chosen)
    every = _corrections(connection)
    latest = {one.key: one for one in every}
    times = Counter(one.key for one in every)
    return tuple(field_row(row, latest.get(row.key), times[row.key]) for row in connection.execute(query))


def _say(connection: Connection, said: Sequence[Correction]) -> None:
    rows = [asdict(one) | {"state": one.state.value, "made_at": time_text(one.made_at)} for one in said]
    if rows:
        connection.execute(insert(corrections), rows)


def _corrections(connection: Connection) -> tuple[Correction, ...]:
    return tuple(correction_row(row) for row in connection.execute(select(corrections).order_by(corrections.c.number)))


def _sample_checks(connection: Connection) -> tuple[CheckedField, ...]:
    rows = connection.execute(select(sample_checks).order_by(sample_checks.c.number))
    return tuple(checked_row(row) for row in rows)


def _delete_page(connection: Connection, page: PageRow) -> None:
    old = select(readings.c.key).where(readings.c.scan == page.scan, readings.c.page == page.number)
    connection.execute(delete(decisions).where(decisions.c.key.in_(old)))
    connection.execute(delete(readings).where(readings.c.scan == page.scan, readings.c.page == page.number))
    connection.execute(delete(pictures).where(pictures.c.scan == page.scan, pictures.c.page == page.number))
    connection.execute(delete(pages).where(pages.c.scan == page.scan, pages.c.number == page.number))
