"""What an exam remembers. One process writes pages (`Store.grading`); anybody may read, and add corrections.

files, scans, pages     what came in and what became of it; the sums close (pages: `store_pages`)
page_decisions          which of two pictures of a page counts; page_placements: where a sheet lies on a failed page
readings, decisions     what the pixels say, and what was accepted of it; stored apart
corrections             what people said: rows of one chain, only ever inserted (`store_trail`)
sample_checks           what people found in samples of what was accepted; tightenings: what that raised
remarks                 what changes of the rules changed in marks; only ever inserted (`store_remarks`)
runs                    when, with which model and settings
arrivals                files in hand; a killed run leaves them for the next
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from flows.errors import PlaceError
from flows.ledger import Ledger, ledger_of
from flows.migrations.opening import open_engine
from flows.migrations.tables import (
    arrivals,
    files,
    pages,
    pictures,
    readings,
    runs,
    sample_checks,
    scans,
    tightenings,
)
from flows.page_decisions import key_of
from flows.places import MOUNT_TABLE, only_writer, refuse_network
from flows.records import (
    Arrival,
    CheckedField,
    CheckOutcome,
    FieldRow,
    FiledPage,
    FileOutcome,
    FileRow,
    PageDecision,
    PagePlacement,
    PageRow,
    RunEnd,
    RunRow,
    ScanRow,
    Tightening,
)
from flows.rows import (
    KEY_DIGITS,
    arrival_row,
    character,
    checked_values,
    file_row,
    promise_values,
    run_row,
    scan_row,
    tightening_row,
    tightening_values,
    time_text,
)
from flows.settings import DATABASE
from flows.store_acceptances import AcceptanceStore, all_acceptances
from flows.store_batches import StackAndBatchStore
from flows.store_chain import say
from flows.store_fields import (
    id_characters,
    runs_of_batch,
    stored_checks,
    stored_fields,
    take_back,
)
from flows.store_pages import (
    add_decisions,
    add_placement,
    all_page_decisions,
    all_placements,
    arrange_places,
    kept_pages,
    last_stored,
    one_page,
    store_pages,
    view_of_page,
)
from flows.store_remarks import RemarkStore
from flows.store_together import fields_together, pages_together
from flows.store_trail import TrailStore
from flows.store_users import UserStore
from recognizer.bend import Laid
from recognizer.records import CharacterReading, Decision, PageOutcomeKind


class Store(StackAndBatchStore, AcceptanceStore, RemarkStore, TrailStore, UserStore):
    """The database of one exam folder. Made by `open_store`."""

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
        return tuple(file_row(row) for row in rows)

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
        """Return every page as it stands, scan by scan in order of arrival."""
        with self._read() as connection:
            return pages_together(connection)

    def page(self, scan: str, number: int) -> PageRow | None:
        """Return one page as it stands, None when there is none."""
        with self._read() as connection:
            return one_page(connection, scan, number)

    def fields(self) -> tuple[FieldRow, ...]:
        """Return every field of every read page, in template order, with what stands of people's words."""
        # One connection, one transaction: a correction that comes in between is seen whole or not at all.
        with self._read() as connection:
            return fields_together(connection)

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

    def page_view(self, scan: str, page: int) -> tuple[Laid | None, tuple[Decision, ...]]:
        """Return where the sheet lies on a page (None: unknown) and what was decided of it, also if it is held."""
        with self._read() as connection:
            return view_of_page(connection, scan, page)

    def characters(self, key: str) -> tuple[CharacterReading, ...]:
        """Return what was seen at each place of one field, all classes (KeyError when there is no such reading)."""
        with self._read() as connection:
            found = connection.execute(select(readings.c.characters).where(readings.c.key == key)).scalar()
        if found is None:
            raise KeyError(key)
        return tuple(character(raw) for raw in json.loads(found))

    def id_characters(self) -> dict[str, tuple[CharacterReading, ...]]:
        """Return what was seen at each place of every id field that counts, all classes, by the reading's key."""
        with self._read() as connection:
            return id_characters(connection)

    def picture_hashes(self) -> dict[tuple[str, int], str]:
        """Return the picture hash of every page that has one, by (scan, page number)."""
        query = select(pages.c.scan, pages.c.number, pages.c.picture_hash).where(pages.c.picture_hash.is_not(None))
        with self._read() as connection:
            return {(row.scan, row.number): row.picture_hash for row in connection.execute(query)}

    def ledger(self) -> Ledger:
        """Return every file and page with what became of it, at one moment; `Ledger.closes` tells if none is lost."""
        with self._read() as connection:
            came = connection.execute(select(files).order_by(files.c.number)).all()
            hands = connection.execute(
                select(arrivals).where(arrivals.c.number.not_in(select(files.c.number))).order_by(arrivals.c.number)
            ).all()
            held = connection.execute(select(scans).order_by(scans.c.arrival)).all()
            return ledger_of(
                tuple(file_row(row) for row in came),
                tuple(scan_row(row) for row in held),
                pages_together(connection),
                tuple(arrival_row(row) for row in hands),
                all_acceptances(connection),
            )

    # ---- files in hand ------------------------------------------------------------------------------------------

    def arrivals(self) -> tuple[Arrival, ...]:
        """Return the files in hand, in order of arrival: at the start of a run, what a killed one left."""
        with self._read() as connection:
            rows = connection.execute(select(arrivals).order_by(arrivals.c.number)).all()
        return tuple(arrival_row(row) for row in rows)

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
                    "batch": arrival.batch,
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
        return file_row(row) if row else None

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

    def save_pages(
        self,
        filed: Sequence[FiledPage],
        model: str,
        run: int,
        seconds: float,
        placed: PagePlacement | None = None,
    ) -> tuple[PageRow, ...]:
        """Store some pages of one scan with all their fields, in one transaction; pages stored before are replaced.

        Readings of pages that are held are kept, and counted nowhere.

        Args:
            filed: the pages.
            model: which model read them.
            run: the run that stores them.
            seconds: how long that run has taken.
            placed: where a person placed the one page that is stored, if that is why.

        Returns:
            The pages as they stand now, in view of what people decided; then other pages for which that changed.
        """
        with self._write() as connection:
            if placed is not None:
                add_placement(connection, placed)
            return store_pages(connection, filed, model, run, seconds)

    def page_decisions(self) -> tuple[PageDecision, ...]:
        """Return what people decided about pages that were held, oldest first."""
        with self._read() as connection:
            return all_page_decisions(connection)

    def placements(self) -> tuple[PagePlacement, ...]:
        """Return how people placed pages by hand, oldest first."""
        with self._read() as connection:
            return all_placements(connection)

    def kept_pages(self) -> frozenset[tuple[str, int]]:
        """Return the pages, (scan, number), of which readings or pictures are stored, whether they count or not."""
        with self._read() as connection:
            return kept_pages(connection)

    def last_stored(self) -> tuple[int, int]:
        """Return (arrival of its scan, number) of the page that was stored last, (0, 0) when there is none."""
        with self._read() as connection:
            return last_stored(connection)

    def decide_pages(
        self,
        made: Sequence[PageDecision],
        doubt: Callable[[tuple[FieldRow, ...]], Mapping[str, Decision]] | None = None,
    ) -> tuple[PageRow, ...]:
        """Store what a person decided about pages and let it hold, in one transaction; return the pages it changed.

        The caller holds `grading()`, so that nobody stores pages in between.

        Args:
            made: from `page_decisions.decide`.
            doubt: given every field of the pages that count from now on, returns new decisions, by key, of those that
                are not accepted any more: thresholds may have risen since they were read. It must not write.
        """
        with self._write() as connection:
            add_decisions(connection, made)
            changed = arrange_places(connection, {(one.sheet, one.template_page) for one in made})
            risen = {key_of(row) for row in changed if row.outcome is PageOutcomeKind.READ}
            if doubt and risen:
                scanned = {scan for scan, _ in risen}
                fields = stored_fields(connection, readings.c.scan.in_(scanned))
                take_back(connection, doubt(tuple(row for row in fields if (row.scan, row.page_number) in risen)))
            return changed

    # ---- sample checks ------------------------------------------------------------------------------------------

    def sample_checks(self) -> tuple[CheckedField, ...]:
        """Return every accepted field that people looked at in samples, oldest first."""
        with self._read() as connection:
            return stored_checks(connection)

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
            outcome = choose(fields_together(connection), stored_checks(connection))
            if outcome.checked:
                connection.execute(insert(sample_checks), [checked_values(one) for one in outcome.checked])
            say(connection, outcome.corrections)
            if outcome.tightenings:
                connection.execute(insert(tightenings), [tightening_values(one) for one in outcome.tightenings])
            take_back(connection, outcome.doubted)

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
                model and settings), also of pages that are held, says how it ends. It must not write. Without it
                nothing is promised.
        """
        values = {"finished_at": time_text(datetime.now(UTC)), "seconds": round(seconds, 3)}
        with self._write() as connection:
            batch = pages.c.run.in_(runs_of_batch(connection, number))
            ended = end(fields_together(connection, batch, held_too=True)) if end else None
            if ended is not None:
                take_back(connection, ended.doubted)
                values |= promise_values(ended.promise)
            connection.execute(update(runs).where(runs.c.number == number).values(values))
        return ended

    def runs(self) -> tuple[RunRow, ...]:
        """Return every run, oldest first. One without `finished_at` was stopped, or is going on."""
        with self._read() as connection:
            rows = connection.execute(select(runs).order_by(runs.c.number)).all()
        return tuple(run_row(row) for row in rows)


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
