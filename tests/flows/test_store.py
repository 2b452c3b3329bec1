import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import NoResultFound

from flows.assemble import Filed
from flows.errors import PlaceError
from flows.migrations.opening import NEWEST, open_engine
from flows.migrations.tables import metadata
from flows.migrations.versions import v0001_first_tables
from flows.places import check_writable, file_system
from flows.records import Arrival, Correction, FieldRow, FiledPage, FileOutcome, RunEnd, RunPromise, ScanRow
from flows.store import Store, open_store
from recognizer.promise import Expectation
from recognizer.records import Decision, Flag, PageOutcomeKind, PageRef, ValueState
from tests.helpers.filing import PNG, filed, page_failure, page_result

SCAN, OTHER = "9f2c41d07ab3" + "0" * 52, "1" * 64
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PROMISE = RunPromise(6, 5, 0.001, True, Expectation(0.4, 0, 2), "many are doubtful", ("digits: proven", "number: not"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


def run_of(store: Store) -> int:
    return store.begin_run("grade", tallymark="0.1.0", model="plain-1", renderer="pdfium", settings="{}")


def save(store: Store, *pages: FiledPage, run: int | None = None) -> None:
    for number, scan in enumerate(dict.fromkeys(page.row.scan for page in pages), start=1):
        store.add_scan(ScanRow(scan, number, pages[0].row.file, len(pages), f"{scan}.pdf"))
    store.save_pages(pages, "plain-1", run_of(store) if run is None else run, 1.5)


def correction(key: str, value: str = "8", state: ValueState = ValueState.VALUE) -> Correction:
    return Correction(key, state, value, "7", "7", "plain-1", "Kim", NOON, "workbook")


# ---- pages and fields -------------------------------------------------------------------------------------------


def test_pages_and_fields_come_back_as_they_went_in(store: Store) -> None:
    page = filed(page_result(PageRef(SCAN, 1), {"candidate": "0042", "q1": "7.5"}, serial=17))
    failed = filed(page_failure(PageRef(SCAN, 2), reason="no marks found"))
    save(store, page, failed)
    assert store.pages() == (page.row, failed.row)
    candidate, q1, q2 = store.fields()
    assert (candidate.key, candidate.value, candidate.sheet) == ("9f2c41d07ab3-1-candidate", "0042", "small#00017")
    assert (q1.decision, q1.values, q1.model) == (page.fields[1].decision, page.fields[1].reading.values, "plain-1")
    assert (q2.state, q2.value) == (ValueState.BLANK, "")
    assert store.crop_png(q1.key) == PNG + b"q1=7.5"
    assert store.picture_png(SCAN, 1, "name") == PNG + b"ink"
    assert store.characters(q1.key) == page.fields[1].reading.characters
    assert store.id_characters() == {candidate.key: page.fields[0].reading.characters}
    assert store.picture_hashes() == {(SCAN, 1): page.picture_hash, (SCAN, 2): failed.picture_hash}


def test_an_unsure_field_is_unsettled_and_says_why(store: Store) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"}, confidence=0.6)))
    field = store.fields()[1]
    assert (field.state, field.value, field.flag) == (ValueState.UNSETTLED, "", Flag.UNSURE)
    assert (field.decision.guess, field.decision.why) == ("7", "unsure: 7, 4")


def test_what_is_not_there_is_an_error_not_an_empty_picture(store: Store) -> None:
    for ask in (store.crop_png, store.characters):
        with pytest.raises(KeyError):
            ask("nothing-1-q1")
    with pytest.raises(KeyError):
        store.picture_png(SCAN, 1, "name")


def test_pages_come_in_order_of_arrival_not_of_their_hash(store: Store) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {}, serial=1)), filed(page_result(PageRef(SCAN, 2), {}, serial=2)))
    store.add_scan(ScanRow(OTHER, 9, "b.pdf", 1, f"{OTHER}.pdf"))
    store.save_pages([filed(page_result(PageRef(OTHER, 1), {}, serial=3), "b.pdf")], "plain-1", run_of(store), 1.0)
    assert [(row.file, row.number) for row in store.pages()] == [("a.pdf", 1), ("a.pdf", 2), ("b.pdf", 1)]
    assert [row.file for row in store.scans()] == ["a.pdf", "b.pdf"]
    assert store.stored_pages(SCAN) == 2


def test_storing_a_page_again_replaces_all_of_it(store: Store) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"})))
    first = store.fields()
    save(store, filed(page_failure(PageRef(SCAN, 1))))
    assert [row.outcome for row in store.pages()] == [PageOutcomeKind.FAILED]
    assert store.fields() == ()
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"})))
    assert store.fields() == first


def test_a_revision_changes_with_the_reading_and_with_every_correction(store: Store) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"})))
    _, before, untouched = (field.revision for field in store.fields())
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "9"})))
    read_again = store.fields()[1].revision
    store.insert_corrections([correction("9f2c41d07ab3-1-q1")])
    corrected = store.fields()[1].revision
    store.insert_corrections([correction("9f2c41d07ab3-1-q1")])
    assert len({before, read_again, corrected, store.fields()[1].revision}) == 4
    assert store.fields()[2].revision == untouched


def test_a_run_of_pages_is_stored_whole_or_not_at_all(store: Store) -> None:
    good = filed(page_result(PageRef(SCAN, 1), {}))
    orphan = filed(page_result(PageRef(OTHER, 1), {}))
    store.add_scan(ScanRow(SCAN, 1, "a.pdf", 2, f"{SCAN}.pdf"))
    with pytest.raises(Exception, match="FOREIGN KEY"):
        store.save_pages([good, orphan], "plain-1", run_of(store), 1.0)
    assert store.pages() == ()


# ---- corrections ------------------------------------------------------------------------------------------------


def test_corrections_are_chosen_and_stored_while_nobody_else_can_write(store: Store, tmp_path: Path) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"})))
    locked = []

    def choose(fields: tuple[FieldRow, ...]) -> Sequence[Correction]:
        other = sqlite3.connect(store.path, timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            locked.append(str(error))
        finally:
            other.close()
        return [correction(field.key) for field in fields if field.value == "7"]

    store.correct(choose)
    assert locked == ["database is locked"]
    assert [one.key for one in store.corrections()] == [store.fields()[1].key]
    store.correct(choose)
    assert len(store.corrections()) == 1


def test_nothing_is_stored_when_choosing_fails(store: Store) -> None:
    def choose(_fields: tuple[FieldRow, ...]) -> Sequence[Correction]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.correct(choose)
    store.insert_corrections([correction("k")])
    assert len(store.corrections()) == 1


def test_a_snapshot_shows_one_moment(store: Store, tmp_path: Path) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"})))
    before = store.fields()
    with open_store(tmp_path) as other, store.snapshot():
        other.insert_corrections([correction(before[1].key, "3")])
        save(other, filed(page_result(PageRef(SCAN, 2), {"q1": "7"}, serial=2)))
        assert (store.corrections(), len(store.pages()), store.fields()) == ((), 1, before)
    assert (len(store.corrections()), len(store.pages()), store.fields()[1].value) == (1, 2, "3")


def test_the_latest_correction_wins_and_none_is_lost(store: Store) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"}, confidence=0.5)))
    key = store.fields()[1].key
    store.insert_corrections([correction(key, "8"), correction(key, "", ValueState.BLANK)])
    field = store.fields()[1]
    assert (field.state, field.value, field.flag) == (ValueState.BLANK, "", None)
    assert [one.value for one in store.corrections()] == ["8", ""]
    assert store.corrections()[0].made_at == NOON


def test_corrections_outlive_a_reading(store: Store) -> None:
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"})))
    store.insert_corrections([correction("9f2c41d07ab3-1-q1", "3")])
    save(store, filed(page_failure(PageRef(SCAN, 1))))
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "9"})))
    assert (store.fields()[1].value, store.fields()[1].decision.value) == ("3", "9")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE corrections SET value = '9'",
        "DELETE FROM corrections",
        "INSERT OR REPLACE INTO corrections SELECT * FROM corrections",
    ],
)
def test_nobody_changes_a_correction_not_even_by_hand(store: Store, statement: str) -> None:
    store.insert_corrections([correction("k")])
    by_hand = sqlite3.connect(store.path)
    with pytest.raises(sqlite3.IntegrityError, match="only ever inserted"):
        by_hand.execute(statement)
    by_hand.close()
    assert [one.value for one in store.corrections()] == ["8"]


def test_corrections_are_stored_all_or_none(store: Store) -> None:
    with pytest.raises(Exception, match="corrections_note"):
        store.insert_corrections([correction("k"), correction("k", "", ValueState.UNSETTLED)])
    assert store.corrections() == ()


def test_a_time_keeps_its_moment_whatever_its_zone(store: Store) -> None:
    moment = datetime(2026, 5, 4, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    store.insert_corrections([Correction("k", ValueState.VALUE, "8", "", "", "m", "Kim", moment, "workbook")])
    assert store.corrections()[0].made_at == NOON
    by_hand = sqlite3.connect(store.path)
    assert by_hand.execute("SELECT made_at FROM corrections").fetchone() == ("2026-05-04T12:00:00.000Z",)
    by_hand.close()


def test_a_correction_may_be_made_while_another_process_grades(store: Store) -> None:
    with store.grading(), open_store(store.path.parent) as clerk:
        clerk.insert_corrections([correction("k")])
        assert len(store.corrections()) == 1


# ---- files in hand and runs -------------------------------------------------------------------------------------


def test_a_file_in_hand_is_remembered_until_it_is_done_with(store: Store) -> None:
    arrival = Arrival(store.next_arrival(), b"scan\xff.pdf", "scan\\xff.pdf", SCAN, "a.pdf", 10, 2**62, 2**64 - 1)
    store.begin_arrival(arrival)
    assert store.arrivals() == (arrival,)
    assert (store.outcome_of(arrival), store.next_arrival()) == (None, 2)
    store.settle_arrival(arrival, FileOutcome.QUARANTINED, "no PDF", quarantine_name="scan.pdf")
    assert store.arrivals()[0].quarantine_name == "scan.pdf"
    store.finish_arrival(arrival)
    assert (store.arrivals(), store.next_arrival()) == ((), 2)
    (row,) = store.files()
    assert (row.name, row.outcome, row.reason) == ("scan\\xff.pdf", FileOutcome.QUARANTINED, "no PDF")


def test_a_run_counts_what_it_stored_and_ends_when_it_is_told(store: Store) -> None:
    run = run_of(store)
    before = Filed()
    save(store, filed(page_result(PageRef(SCAN, 1), {}), before=before), filed(page_failure(PageRef(SCAN, 2))), run=run)
    (stopped,) = store.runs()
    assert (stopped.pages, stopped.fields, stopped.flagged, stopped.finished_at) == (2, 3, 0, None)
    store.finish_run(run, 2.0)
    (done,) = store.runs()
    assert done.finished_at is not None and done.finished_at >= done.started_at and done.seconds == 2.0


def test_a_run_ends_with_its_promise_and_takes_back_what_it_doubts_all_at_once(store: Store) -> None:
    stopped, run = run_of(store), run_of(store)
    before = Filed()
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"}), before=before), run=stopped)
    save(store, filed(page_result(PageRef(SCAN, 2), {"q1": "8"}, serial=2), before=before), run=run)
    first = store.fields()
    seen: list[str] = []

    def end(fields: tuple[FieldRow, ...]) -> RunEnd:
        seen.extend(row.key for row in fields)
        again = Decision("q1", ValueState.UNSETTLED, "", "7", 0.999, Flag.UNSURE, "less is accepted")
        return RunEnd(PROMISE, {fields[1].key: again})

    store.finish_run(run, 1.0, end)
    # What a stopped run left belongs to the batch of the run that goes on with it.
    assert seen == [row.key for row in first]
    fields = store.fields()
    assert (fields[1].decision.flag, fields[1].decision.why, fields[1].value) == (Flag.UNSURE, "less is accepted", "")
    assert fields[1].revision != first[1].revision
    assert fields[:1] + fields[2:] == first[:1] + first[2:]
    assert [(one.flagged, one.promise) for one in store.runs()] == [(1, None), (0, PROMISE)]

    third = run_of(store)
    store.finish_run(third, 1.0, lambda fields: RunEnd(replace(PROMISE, fields=len(fields), expected=None), {}))
    last = store.runs()[-1].promise
    assert last is not None and (last.fields, last.expected) == (0, None)


def test_a_run_whose_end_fails_is_not_over(store: Store) -> None:
    run = run_of(store)
    save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7"})), run=run)

    def end(fields: tuple[FieldRow, ...]) -> RunEnd:
        return RunEnd(PROMISE, {fields[1].key: fields[1].decision, "nobody": fields[1].decision})

    before = store.fields()
    with pytest.raises(NoResultFound):
        store.finish_run(run, 1.0, end)
    assert (store.fields(), store.runs()[0].finished_at) == (before, None)


def test_two_processes_cannot_grade_one_folder(store: Store, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from flows.places import only_writer\n"
        "with only_writer(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(PlaceError, match=rf"another process \(pid {holder.pid}\)"), store.grading():
            pass
        holder.kill()
    with store.grading():
        pass


# ---- the file ---------------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_store_expects(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "x.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


def test_the_newest_migration_is_the_one_the_store_asks_for() -> None:
    import flows.migrations

    assert ScriptDirectory(str(Path(flows.migrations.__file__).parent)).get_current_head() == NEWEST


def test_a_database_of_the_first_version_is_brought_to_date_and_keeps_what_it_has(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "tallymark.db")
    for statement in (*v0001_first_tables.TABLES, *v0001_first_tables.INDEXES, *v0001_first_tables.TRIGGERS):
        old.execute(statement)
    old.execute(f"PRAGMA application_id = {v0001_first_tables.APPLICATION_ID}")
    old.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    old.execute("INSERT INTO alembic_version VALUES ('0001')")
    old.execute(
        "INSERT INTO runs VALUES (1, 'grade', '2026-05-04T12:00:00.000Z', NULL, '0', 'm', 'r', '{}', 1, 2, 3, 1, 5)"
    )
    old.commit()
    old.close()
    with open_store(tmp_path) as store:
        (run,) = store.runs()
        assert (run.fields, run.flagged, run.promise) == (3, 1, None)
        store.finish_run(1, 1.0, lambda _: RunEnd(PROMISE, {}))
        assert store.runs()[0].promise == PROMISE


def test_a_folder_with_an_awkward_name_has_a_database(tmp_path: Path) -> None:
    folder = tmp_path / "100 % Prüfung?#&"
    folder.mkdir()
    with open_store(folder) as store:
        assert store.files() == ()
    assert (folder / "tallymark.db").is_file()


def test_a_database_of_a_newer_version_is_refused(store: Store, tmp_path: Path) -> None:
    store.close()
    by_hand = sqlite3.connect(store.path)
    with by_hand:
        by_hand.execute("UPDATE alembic_version SET version_num = '0999'")
    by_hand.close()
    with pytest.raises(PlaceError, match=r"newer Tallymark.*0999"):
        open_store(tmp_path)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "tallymark.db").write_text("my notes, " * 500)
    with pytest.raises(PlaceError, match="no database"):
        open_store(tmp_path)
    assert (tmp_path / "tallymark.db").read_text().startswith("my notes")


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    by_hand = sqlite3.connect(tmp_path / "tallymark.db")
    by_hand.execute("CREATE TABLE recipes (name TEXT)")
    by_hand.close()
    with pytest.raises(PlaceError, match="another program"):
        open_store(tmp_path)


def test_a_network_file_system_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    share = tmp_path / "my share"
    share.mkdir()
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {str(share).replace(' ', chr(92) + '040')} nfs4 rw 0 0\n")
    with pytest.raises(PlaceError, match="nfs4"):
        open_store(share, mounts)
    assert list(share.iterdir()) == []
    assert file_system(tmp_path, mounts) == "ext4"
    open_store(tmp_path, mounts).close()


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("/dev/sda1 / ext4 rw\nhost: /mnt cifs rw\n", "ext4"),
        ("host: / cifs rw\n/dev/sda1 / ext4 rw\n", "ext4"),
        ("/dev/sda1 / ext4 rw\nme@host: {} fuse.sshfs rw\n", "fuse.sshfs"),
        ("gibberish\n\n", ""),
    ],
)
def test_the_innermost_and_latest_mount_counts(tmp_path: Path, table: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(table.format(tmp_path))
    assert file_system(tmp_path, mounts) == kind


def test_without_a_mount_table_nothing_is_refused(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "no such file") == ""


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "tallymark.db").mkdir()
    with pytest.raises(PlaceError, match=r"tallymark.db cannot be written"):
        open_store(tmp_path)


def test_a_folder_in_which_no_file_can_be_made_is_named(tmp_path: Path) -> None:
    # Permissions would not stop the superuser, as whom tests may run; a file in the folder's place stops everybody.
    (tmp_path / "archive").write_text("")
    check_writable(tmp_path / "inbox")
    with pytest.raises(PlaceError, match="archive: cannot be written"):
        check_writable(tmp_path / "inbox", tmp_path / "archive")
    assert list((tmp_path / "inbox").iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="no such folder"):
        open_store(tmp_path / "gone")
