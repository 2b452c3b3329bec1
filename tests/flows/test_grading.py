"""Grading with a make-believe reader: what comes in is stored once, in order, and the sums close."""

import errno
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from flows.errors import PlaceError
from flows.grading import RUN_PAGES, Tally, Wait, Workplace, grade_inbox, here, regrade_scans
from flows.jobs import Job, carry_out, in_threads
from flows.records import Correction, FileOutcome
from flows.settings import Exam
from flows.store import Store, open_store
from flows.workers import RunOfPages
from recognizer.curves import KINDS, CalibrationCurve, CurvePoint
from recognizer.promise import Thresholds, thresholds
from recognizer.records import Flag, PageOutcome, PageOutcomeKind, ValueState
from tests.helpers.dumps import dump
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet

READ, DUPLICATE, QUARANTINED = FileOutcome.READ, FileOutcome.DUPLICATE, FileOutcome.QUARANTINED


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    return exam_folder(tmp_path / "exam")


@pytest.fixture
def store(exam: Exam) -> Iterator[Store]:
    with open_store(exam.dir) as opened:
        yield opened


def grade(exam: Exam, store: Store, reader: FakeReader | None = None) -> Tally:
    reader = reader or FakeReader()
    with store.grading():
        return grade_inbox(Workplace(exam, store, reader, here(reader)))


def regrade(exam: Exam, store: Store, reader: FakeReader) -> Tally:
    with store.grading():
        return regrade_scans(Workplace(exam, store, reader, here(reader)))


def drop(exam: Exam, name: str, *pages: dict[str, object], mark: str = "") -> Path:
    path = exam.inbox / name
    path.write_text(fake_scan(*pages, mark=mark))
    return path


def test_a_scan_is_read_stored_and_moved_to_the_archive(exam: Exam, store: Store) -> None:
    drop(exam, "Klasse 7b.PDF", sheet(1, values={"q1": "7.5", "candidate": "0042"}), sheet(1, page=2))
    tally = grade(exam, store)
    (scan,) = store.scans()
    assert (scan.file, scan.pages, scan.archived) == ("Klasse 7b.PDF", 2, f"{scan.scan}.pdf")
    assert [path.name for path in exam.archive.iterdir()] == [scan.archived]
    assert list(exam.inbox.iterdir()) == []
    assert [field.value for field in store.fields()] == ["0042", "7.5", "", ""]
    assert (tally.files, tally.pages) == ({READ: 1}, {PageOutcomeKind.READ: 2})
    assert (tally.fields, tally.flagged, tally.needs_person) == (4, 0, False)
    (run,) = store.runs()
    assert (run.command, run.model, run.files, run.pages, run.fields) == ("grade", "fake-1", 1, 2, 4)
    assert run.finished_at is not None


def test_an_empty_inbox_is_no_run(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1))
    grade(exam, store)
    before = dump(store)
    tally = grade(exam, store)
    assert dump(store) == before
    assert (tally.run, len(store.runs()), tally.files) == (None, 1, {})


def test_the_sums_close_whatever_comes_in(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1), {"outcome": "blank"}, {"outcome": "failed"}, sheet(2), sheet(1))
    drop(exam, "b.pdf", {"outcome": "foreign"}, sheet(3, picture="p"), sheet(4, picture="p"), {"outcome": "blank"})
    drop(exam, "c.pdf", {"outcome": "foreign"}, sheet(3, picture="p"), sheet(4, picture="p"), {"outcome": "blank"})
    (exam.inbox / "d.pdf").write_text("my holiday")
    tally = grade(exam, store)
    assert tally.files == {READ: 2, DUPLICATE: 1, QUARANTINED: 1}
    assert Counter(row.outcome for row in store.files()) == tally.files
    assert Counter(row.outcome for row in store.pages()) == tally.pages
    assert sum(tally.pages.values()) == sum(scan.pages for scan in store.scans()) == 9
    assert tally.pages == {
        PageOutcomeKind.READ: 3,
        PageOutcomeKind.BLANK: 2,
        PageOutcomeKind.FAILED: 1,
        PageOutcomeKind.FOREIGN: 1,
        PageOutcomeKind.HELD: 1,
        PageOutcomeKind.DUPLICATE: 1,
    }
    assert [(one.file, one.page, one.outcome) for one in tally.set_aside] == [
        ("a.pdf", 3, "failed"),
        ("a.pdf", 5, "held"),
        ("b.pdf", 1, "foreign"),
        ("d.pdf", None, "quarantined"),
    ]
    assert [row.name for row in store.files()] == ["a.pdf", "b.pdf", "c.pdf", "d.pdf"]


def test_the_same_bytes_under_another_name_are_recognised(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1))
    grade(exam, store)
    drop(exam, "b.tif", sheet(1))
    drop(exam, "a.pdf", sheet(1))
    reader = FakeReader()
    tally = grade(exam, store, reader)
    assert tally.files == {DUPLICATE: 2}
    assert [row.reason for row in store.files()] == ["", "the same bytes as a.pdf", "the same bytes as a.pdf"]
    assert reader.pages_read == 0
    assert len(list(exam.archive.iterdir())) == 1 and list(exam.inbox.iterdir()) == []


def test_an_unreadable_file_lies_in_quarantine_with_its_reason(exam: Exam, store: Store) -> None:
    (exam.inbox / "a.pdf").write_text("my holiday")
    drop(exam, "b.pdf", sheet(1))
    tally = grade(exam, store)
    assert (exam.quarantine / "a.pdf").read_text() == "my holiday"
    reason = (exam.quarantine / "a.pdf.reason.txt").read_text()
    assert "a.pdf could not be read" in reason and "is no make-believe scan" in reason
    assert [path.suffix for path in exam.archive.iterdir()] == [".pdf"]
    assert (tally.files, tally.needs_person) == ({QUARANTINED: 1, READ: 1}, True)
    assert list(exam.inbox.iterdir()) == []


def test_what_is_written_to_a_quarantined_file_later_is_not_lost(exam: Exam, store: Store) -> None:
    with (exam.inbox / "a.pdf").open("w") as writer:
        writer.write("my holiday")
        writer.flush()
        grade(exam, store)
        writer.write(", part two")
    assert (exam.quarantine / "a.pdf").read_text() == "my holiday, part two"
    assert not (exam.inbox / "a.pdf").exists()


def test_a_quarantined_file_may_be_tried_again_and_keeps_both_copies_apart(exam: Exam, store: Store) -> None:
    for _ in range(2):
        (exam.inbox / "a.pdf").write_text("my holiday")
        assert grade(exam, store).files == {QUARANTINED: 1}
    names = sorted(path.name for path in exam.quarantine.iterdir())
    assert names == ["a (2).pdf", "a (2).pdf.reason.txt", "a.pdf", "a.pdf.reason.txt"]


def test_two_equal_unreadable_files_both_lie_in_quarantine(exam: Exam, store: Store) -> None:
    for name in ("a.pdf", "b.pdf"):
        (exam.inbox / name).write_text("my holiday")
    assert grade(exam, store).files == {QUARANTINED: 2}
    assert {"a.pdf", "b.pdf"} <= {path.name for path in exam.quarantine.iterdir()}
    assert list(exam.archive.iterdir()) == []


def test_files_of_the_same_name_on_two_days_are_two_files(exam: Exam, store: Store) -> None:
    for serial in (1, 2):
        drop(exam, "scan.pdf", sheet(serial))
        grade(exam, store)
    assert [(row.name, row.outcome) for row in store.files()] == [("scan.pdf", READ), ("scan.pdf", READ)]
    assert len({row.sheet for row in store.pages()}) == 2


def test_names_in_any_script_and_with_control_characters(exam: Exam, store: Store) -> None:
    names = [
        "試験-1.pdf",
        "Prüfung.pdf",
        "اختبار.pdf",
        "line\nbreak.pdf",
        "x" * 251 + ".pdf",
        "bytes\udcff.pdf",
        "no ending",
    ]
    for serial, name in enumerate(names, start=1):
        drop(exam, name, sheet(serial))
    assert grade(exam, store).files == {READ: len(names)}
    shown = {row.name for row in store.files()}
    assert {"試験-1.pdf", "اختبار.pdf", "line\\x0abreak.pdf", "bytes\\xff.pdf"} <= shown
    assert list(exam.inbox.iterdir()) == []


def test_a_very_long_name_fits_the_quarantine_with_its_reason(exam: Exam, store: Store) -> None:
    name = "ü" * 125 + ".pdf"
    (exam.inbox / name).write_text("my holiday")
    grade(exam, store)
    kept = sorted(path.name for path in exam.quarantine.iterdir())
    assert len(kept) == 2 and kept[0].endswith("ü.pdf") and kept[1] == kept[0] + ".reason.txt"


@pytest.mark.parametrize("name", ["a." + "x" * 250, "\x01" * 250 + ".pdf"])
def test_no_name_holds_up_the_batch(exam: Exam, store: Store, name: str) -> None:
    (exam.inbox / name).write_text("my holiday")
    drop(exam, "z.pdf", sheet(1))
    assert grade(exam, store).files == {QUARANTINED: 1, READ: 1}
    assert len(list(exam.quarantine.iterdir())) == 2
    assert list(exam.inbox.iterdir()) == [] and store.arrivals() == ()


def test_a_file_that_cannot_be_read_is_named_and_the_batch_goes_on(
    exam: Exam, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = drop(exam, "a.pdf", sheet(1)), drop(exam, "b.pdf", sheet(2))
    inode, read = bad.stat().st_ino, os.read

    def on_a_bad_sector(handle: int, size: int) -> bytes:
        if os.fstat(handle).st_ino == inode:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(handle, size)

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", on_a_bad_sector)
        tally = grade(exam, store)
    assert (tally.files, tally.needs_person) == ({READ: 1}, True)
    assert [(note.name, note.reason) for note in tally.left] == [
        ("a.pdf", "cannot be read: Input/output error; copy it there anew")
    ]
    assert bad.exists() and not good.exists()
    assert grade(exam, store).files == {READ: 1} and not bad.exists()


def test_a_file_that_changes_whenever_it_is_taken_is_named(
    exam: Exam, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = drop(exam, "a.pdf", sheet(1)), os.read

    def while_it_is_written(handle: int, size: int) -> bytes:
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
        return read(handle, size)

    monkeypatch.setattr(os, "read", while_it_is_written)
    tally = grade(exam, store)
    assert (tally.files, tally.run, tally.needs_person) == ({}, None, False)
    assert [(note.name, note.reason.partition(" while")[0]) for note in tally.left] == [("a.pdf", "kept changing")]


def test_pages_are_stored_in_order_though_they_are_read_in_any(exam: Exam, store: Store) -> None:
    pages = [sheet(number, values={"q1": str(number % 10)}) for number in range(1, 3 * RUN_PAGES)]
    drop(exam, "long.pdf", *pages, sheet(1, picture="another"))
    reader = FakeReader()
    last_first = threading.Event()
    with ThreadPoolExecutor(4) as pool:

        def read(run: RunOfPages) -> tuple[PageOutcome, ...]:
            if run.first == 1:
                assert last_first.wait(10)
            else:
                last_first.set()
            return reader.read_run(run)

        def submit(run: RunOfPages) -> Wait:
            return pool.submit(read, run).result

        with store.grading():
            grade_inbox(Workplace(exam, store, reader, submit))
    assert [row.number for row in store.pages()] == list(range(1, 3 * RUN_PAGES + 1))
    assert store.pages()[-1].outcome is PageOutcomeKind.HELD


def test_few_pages_are_in_flight_however_long_the_file_is(exam: Exam, store: Store) -> None:
    drop(exam, "long.pdf", *(sheet(number) for number in range(1, 400)))
    reader, in_flight, most = FakeReader(), 0, 0

    def submit(run: RunOfPages) -> Wait:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)

        def wait() -> tuple[PageOutcome, ...]:
            nonlocal in_flight
            in_flight -= 1
            return reader.read_run(run)

        return wait

    with store.grading():
        grade_inbox(Workplace(exam, store, reader, submit))
    assert len(store.pages()) == 399
    assert most <= 2 * exam.settings.workers + 1


def test_progress_is_told_after_every_few_pages(exam: Exam, store: Store) -> None:
    drop(exam, "long.pdf", *(sheet(number) for number in range(1, 20)))
    seen: list[tuple[int, int]] = []

    class Watcher:
        def progress(self, tally: Tally) -> None:
            seen.append((tally.pages_done, tally.pages_known))

    reader = FakeReader()
    with store.grading():
        grade_inbox(Workplace(exam, store, reader, here(reader), [Watcher()]))
    assert seen == [(8, 19), (16, 19), (19, 19), (19, 19)]


def test_a_report_keeps_few_flags_but_counts_all(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *(sheet(number, confidence=0.5) for number in range(1, 101)))
    tally = grade(exam, store)
    assert (tally.flagged, len(tally.flags)) == (300, 200)
    assert tally.flags[0].why.startswith("unsure")


def test_a_folder_that_cannot_be_written_ends_it_before_anything_is_taken(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1))
    exam.archive.rmdir()
    exam.archive.write_text("in the way")
    with pytest.raises(PlaceError, match="archive"):
        grade(exam, store)
    assert [path.name for path in exam.inbox.iterdir()] == ["a.pdf"]
    assert store.arrivals() == () and store.runs() == ()


def test_what_is_wrong_with_the_place_is_said_and_the_next_run_goes_on(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *(sheet(number) for number in range(1, 20)))

    class Unlucky(FakeReader):
        def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
            if pages.first > RUN_PAGES:
                raise OSError(5, "Input/output error")
            return super().read_run(pages)

    with pytest.raises(PlaceError, match="Input/output error"):
        reader = Unlucky()
        with store.grading():
            grade_inbox(Workplace(exam, store, reader, lambda run: lambda: reader.read_run(run)))
    assert len(store.pages()) == RUN_PAGES
    assert [path.name for path in exam.inbox.iterdir()] == ["a.pdf"]
    reader = FakeReader()
    tally = grade(exam, store, reader)
    assert (tally.files, reader.pages_read, len(store.pages())) == ({READ: 1}, 11, 19)
    assert list(exam.inbox.iterdir()) == []


class Stale(FakeReader):
    """Reads on a share that goes away for some calls."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def count_pages(self, path: Path) -> int:
        self._fail()
        return super().count_pages(path)

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        self._fail()
        return super().read_run(pages)


def test_a_share_that_comes_back_is_waited_for(exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.workers.RETRY_DELAYS_S", (0.0, 0.0))
    drop(exam, "a.pdf", sheet(1))
    reader = Stale(2)
    assert carry_out(Job("grade", exam.dir), in_threads, reader=reader).files == {READ: 1}
    reader.failures = 2
    assert carry_out(Job("regrade", exam.dir), in_threads, reader=reader).pages == {PageOutcomeKind.READ: 1}
    assert reader.failures == 0


def test_a_share_that_stays_away_condemns_no_file(exam: Exam, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.workers.RETRY_DELAYS_S", (0.0, 0.0))
    path = drop(exam, "a.pdf", sheet(1))
    with pytest.raises(PlaceError, match="cannot be read: Stale file handle"):
        grade(exam, store, Stale(3))
    assert path.exists() and store.files() == () and list(exam.quarantine.iterdir()) == []
    assert grade(exam, store).files == {READ: 1}


def test_a_bug_is_no_result(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1))

    class Buggy(FakeReader):
        def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:  # noqa: ARG002 - it is never read
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        grade(exam, store, Buggy())
    assert store.pages() == () and len(store.arrivals()) == 1


# ---- regrade ----------------------------------------------------------------------------------------------------


def test_regrading_with_the_same_reader_changes_nothing(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1), {"outcome": "blank"}, sheet(1), sheet(2, picture="p"))
    drop(exam, "b.pdf", sheet(2, picture="p"), {"outcome": "failed"}, sheet(3))
    grade(exam, store)
    before = dump(store)
    tally = regrade(exam, store, FakeReader())
    assert dump(store) == before
    assert (tally.files, sum(tally.pages.values())) == ({}, 7)
    assert [run.command for run in store.runs()] == ["grade", "regrade"]


def test_a_new_model_reads_again_and_keeps_what_people_said(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1, values={"q1": "7", "q2": "5"}))
    grade(exam, store, FakeReader(confidence=0.5))
    key = store.fields()[1].key
    said = Correction(key, ValueState.VALUE, "1", "", "7", "fake-1", "Kim", store.runs()[0].started_at, "workbook")
    store.insert_corrections([said])
    said = replace(said, crop=hashlib.sha256(store.crop_png(key)).hexdigest())
    regrade(exam, store, FakeReader("fake-2", confidence=0.999))
    _, q1, q2 = store.fields()
    assert (q1.value, q1.decision.value, q1.correction, q1.model) == ("1", "7", said, "fake-2")
    assert (q2.value, q2.flag) == ("5", None)


def test_a_scan_missing_from_the_archive_keeps_its_readings(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1, values={"q1": "7"}))
    drop(exam, "b.pdf", sheet(1, picture="other"), sheet(2))
    grade(exam, store)
    before = dump(store)
    (exam.archive / store.scans()[0].archived).unlink()
    tally = regrade(exam, store, FakeReader())
    assert dump(store) == before
    assert [(one.file, one.outcome) for one in tally.set_aside if one.page is None] == [("a.pdf", "missing")]


# ---- the promise -----------------------------------------------------------------------------------------------------


def calibrated() -> Thresholds:
    """Accepted from 0.99, where 2 % of the calibration fields lie below; from 0.999 when less may be wrong."""
    points = (CurvePoint(0.999, 18_500, 2), CurvePoint(0.99, 19_600, 9), CurvePoint(0.5, 20_000, 90))
    return thresholds({kind: CalibrationCurve(kind, 20_000, 200, "tests", points) for kind in KINDS}, 0.001)


def stack(exam: Exam, confidences: list[float]) -> None:
    """Sixty sheets with two marks each, as sure as said."""
    drop(exam, "a.pdf", *again(confidences))


def again(confidences: list[float]) -> list[dict[str, object]]:
    """The pages of such a stack; every picture is another one."""
    values = {"candidate": "0042", "q1": "7", "q2": "3"}
    return [sheet(serial, values=values, confidence=confidences[serial % 20]) for serial in range(1, 61)]


def test_a_run_says_what_it_promises(exam: Exam, store: Store) -> None:
    stack(exam, [0.995] * 20)
    tally = grade(exam, store, FakeReader(thresholds=calibrated()))
    promise = tally.promise
    assert promise is not None and promise.expected is not None
    assert (promise.fields, promise.accepted, promise.accept_error) == (180, 180, 0.001)
    assert (promise.proven, promise.drift, tally.flagged) == (True, "", 0)
    assert promise.expected.expected == pytest.approx(180 * 9.5 / 19_601)
    assert [one.split(":")[0] for one in promise.thresholds] == ["digits", "number"]
    assert store.runs()[0].promise == promise


def test_a_batch_unlike_the_calibration_data_is_judged_again_by_stricter_thresholds(exam: Exam, store: Store) -> None:
    stack(exam, [0.5] * 4 + [0.995] * 4 + [0.9995] * 12)
    tally = grade(exam, store, FakeReader(thresholds=calibrated()))
    fields = store.fields()
    by_score = {row.decision.confidence: row for row in fields}
    assert by_score[0.9995].decision.flag is None
    assert (by_score[0.995].decision.flag, by_score[0.995].state) == (Flag.UNSURE, ValueState.UNSETTLED)
    assert by_score[0.995].decision.why.endswith("less is accepted of a batch that is unlike the calibration data")
    assert not by_score[0.5].decision.why.endswith("calibration data")
    promise = tally.promise
    assert promise is not None and promise.expected is not None
    assert promise.drift.startswith("20.0% of the number fields are doubtful, 2.0% were")
    assert (promise.fields, promise.accepted, promise.proven) == (180, 108, False)
    # Five times as many errors are expected of what is left as calibration would have it.
    assert promise.expected.expected == pytest.approx(5 * 108 * 2.5 / 18_501)
    (run,) = store.runs()
    assert (run.flagged, tally.flagged, len(tally.flags), run.promise) == (72, 72, 72, promise)


def test_held_pages_are_judged_with_their_batch_and_nothing_is_promised_of_them(exam: Exam, store: Store) -> None:
    stack(exam, [0.9995] * 20)
    grade(exam, store, FakeReader(thresholds=calibrated()))
    drop(exam, "again.pdf", *again([0.5] * 4 + [0.995] * 4 + [0.9995] * 12))
    tally = grade(exam, store, FakeReader(thresholds=calibrated()))
    assert tally.promise is not None and tally.promise.drift.startswith("20.0% of the number fields")
    assert (tally.promise.fields, tally.promise.accepted, tally.flagged) == (0, 0, 0)
    assert store.runs()[-1].flagged == 0 and len(store.fields()) == 180
    held = [store.page_view(row.scan, row.number)[1] for row in store.pages() if row.outcome is PageOutcomeKind.HELD]
    flags = Counter(one.flag for page in held for one in page if one.confidence == 0.995)
    assert flags == {Flag.UNSURE: 36}


def test_a_small_batch_is_not_taken_for_unlike(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *(sheet(serial, values={"q1": "7"}, confidence=0.5) for serial in range(1, 8)))
    tally = grade(exam, store, FakeReader(thresholds=calibrated()))
    assert tally.promise is not None and tally.promise.drift == ""


def test_a_reader_that_was_never_calibrated_promises_nothing(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1))
    assert grade(exam, store).promise is None
    drop(exam, "b.pdf", sheet(2))
    promise = grade(exam, store, FakeReader(thresholds=Thresholds(0.9, 0.9, 0.9))).promise
    assert promise is not None and (promise.expected, promise.proven) == (None, False)
    assert [run.promise for run in store.runs()] == [None, promise]
