"""Worker processes: a crash or a hang costs one page, a dead parent leaves nobody behind."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from flows import workers
from flows.grading import Workplace, grade_inbox, here
from flows.records import FileOutcome
from flows.settings import Exam
from flows.store import open_store
from flows.workers import ReaderPool, RunOfPages, reader_spec
from recognizer import pdf_scan
from recognizer.errors import ScanError
from recognizer.glyphs import load_glyphs
from recognizer.judge import ReviewPolicy
from recognizer.promise import Thresholds
from recognizer.raster import Renderer
from recognizer.records import Page, PageFailure, PageOutcomeKind, PageRef, PageResult
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.simulate import Mode, Simulation, simulate
from recognizer.template import Role, find_template
from tests.helpers.fakes import exam_folder, fake_scan, sheet
from tests.helpers.skills import MAKE_BELIEVE, REAL_BUT_FOR_THE_MODEL, SameForAll

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    return exam_folder(tmp_path / "exam")


@pytest.fixture
def pool(exam: Exam) -> Iterator[ReaderPool]:
    with ReaderPool(reader_spec(exam), workers=1, page_seconds=2, skills=MAKE_BELIEVE) as made:
        yield made


def scan(exam: Exam, *pages: dict[str, object], mark: str = "") -> Path:
    path = exam.archive / "scan.pdf"
    path.write_text(fake_scan(*pages, mark=mark))
    return path


def test_what_the_settings_say_reaches_the_reader(tmp_path: Path) -> None:
    settings = 'templates = ["cover_marks"]\nrender = "pdfium"\naccept_error = 0.002\n[review]\nblank_mark = "accept"\n'
    spec = reader_spec(exam_folder(tmp_path / "exam", settings), tmp_path / "m.tflite")
    assert (spec.renderer, spec.accept_error, spec.flag_blank_marks) == ("pdfium", 0.002, False)
    assert spec.model == tmp_path / "m.tflite"


def test_a_crash_and_a_hang_cost_one_page_each(exam: Exam, pool: ReaderPool) -> None:
    path = scan(exam, sheet(1), sheet(2, crash=True), sheet(3), sheet(4, hang=True), sheet(5))
    assert pool.count_pages(path) == 5
    outcomes = pool.read_run(RunOfPages(str(path), "a" * 64, 1, 5))
    kinds = [PageResult, PageFailure, PageResult, PageFailure, PageResult]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert [outcome.ref.number for outcome in outcomes] == [1, 2, 3, 4, 5]
    failure = outcomes[1]
    assert isinstance(failure, PageFailure) and "crashed" in failure.reason
    (again,) = pool.read_run(RunOfPages(str(path), "a" * 64, 5, 5))
    assert isinstance(again, PageResult) and again.ref.number == 5


def test_a_file_that_goes_on_to_hang_is_given_up(exam: Exam, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FILE_SECONDS", 0.5)
    path = scan(exam, sheet(1), sheet(2, hang=True), *(sheet(number) for number in range(3, 12)))
    first = pool.read_run(RunOfPages(str(path), "a" * 64, 1, 4))
    second = pool.read_run(RunOfPages(str(path), "a" * 64, 5, 11))
    assert isinstance(first[0], PageResult)
    reasons = [outcome.reason for outcome in (*first[1:], *second) if isinstance(outcome, PageFailure)]
    assert len(reasons) == 10
    assert "took longer than 2 s" in reasons[0] and all("was not read" in reason for reason in reasons[1:])
    other = exam.archive / "other.pdf"
    other.write_text(fake_scan(sheet(1)))
    (outcome,) = pool.read_run(RunOfPages(str(other), "b" * 64, 1, 1))
    assert isinstance(outcome, PageResult)


def ended_by(code: str) -> subprocess.Popen[str]:
    start = "from flows.limits import clock, limit_memory\nimport time\n"
    return subprocess.Popen(
        [sys.executable, "-c", start + code], env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )


def test_what_takes_too_long_is_ended_and_what_takes_too_much_memory_fails() -> None:
    with (
        ended_by("with clock(1):\n    while True: pass") as busy,
        ended_by("with clock(1):\n    time.sleep(60)") as asleep,
        ended_by("with clock(1):\n    pass\ntime.sleep(1.5)\nprint('well')") as in_time,
        ended_by("limit_memory(200_000_000)\ntry: bytes(300_000_000)\nexcept MemoryError: print('too much')") as hungry,
    ):
        assert busy.wait(30) == -signal.SIGPROF
        assert asleep.wait(30) == -signal.SIGALRM
        assert in_time.communicate(timeout=30)[0] == "well\n"
        assert hungry.communicate(timeout=30)[0] == "too much\n"


def test_a_page_that_needs_too_much_memory_fails_alone(exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exam.archive / "scan.pdf"
    images_to_pdf([white_page(), white_page()], path)
    monkeypatch.setattr(workers, "_spec", reader_spec(exam))
    monkeypatch.setattr(workers, "_loaded", (SameForAll(), ReviewPolicy(Thresholds(0.9, 0.9, 0.9))))
    loaded = pdf_scan.PdfScan.load

    def hungry(self: pdf_scan.PdfScan, ref: PageRef, renderer: Renderer = Renderer.AUTO) -> Page:
        if ref.number == 1:
            raise MemoryError
        return loaded(self, ref, renderer)

    monkeypatch.setattr(pdf_scan.PdfScan, "load", hungry)
    first, second = workers._read_run(RunOfPages(str(path), "a" * 64, 1, 2), 60)
    assert isinstance(first, PageFailure) and "needs more than 1500 MB of memory" in first.reason
    assert isinstance(second, PageFailure) and second.outcome is PageOutcomeKind.BLANK


def test_a_file_that_cannot_even_be_opened_is_named(exam: Exam, pool: ReaderPool) -> None:
    with pytest.raises(ScanError, match="opening the file crashed"):
        pool.count_pages(scan(exam, sheet(1), mark=" crash"))
    assert pool.count_pages(scan(exam, sheet(1))) == 1
    with pytest.raises(ScanError, match="no make-believe scan"):
        pool.count_pages(exam.dir / "exam.toml")


def test_a_file_that_is_gone_for_now_is_no_result(exam: Exam, pool: ReaderPool) -> None:
    with pytest.raises(FileNotFoundError):
        pool.read_run(RunOfPages(str(exam.archive / "gone.pdf"), "a" * 64, 1, 1))


def test_the_batch_goes_on_around_what_crashes(exam: Exam, pool: ReaderPool) -> None:
    (exam.inbox / "a.pdf").write_text(fake_scan(sheet(1), mark=" crash"))
    (exam.inbox / "b.pdf").write_text(fake_scan(sheet(1), sheet(2, crash=True)))
    (exam.inbox / "c.pdf").write_text(fake_scan(sheet(3)))
    with open_store(exam.dir) as store, store.grading():
        tally = grade_inbox(Workplace(exam, store, pool, here(pool)))
    assert tally.pages == {PageOutcomeKind.READ: 2, PageOutcomeKind.FAILED: 1}
    assert [(one.file, one.page) for one in tally.set_aside] == [("a.pdf", None), ("b.pdf", 2)]


def test_real_scans_go_through_real_stages(tmp_path: Path) -> None:
    exam = exam_folder(tmp_path / "exam", 'templates = ["cover_marks"]\n[inbox]\nsettle_seconds = 0\n')
    (exam.inbox / "c.pdf").write_text("my holiday")
    (exam.inbox / "d.pdf").write_bytes(b"")
    images_to_pdf([*drawn("exam"), white_page(), *drawn("biology"), *drawn("exam")], exam.inbox / "a.pdf")
    (exam.inbox / "b.pdf").write_bytes((exam.inbox / "a.pdf").read_bytes()[:50_000])
    spec = reader_spec(exam)
    with ReaderPool(spec, 1, skills=REAL_BUT_FOR_THE_MODEL) as pool, open_store(exam.dir) as store, store.grading():
        tally = grade_inbox(Workplace(exam, store, pool, here(pool)))
        assert [row.outcome.value for row in store.pages()] == ["read", "blank", "foreign", "duplicate"]
        marks = [field for field in store.fields() if field.role is Role.MARK]
        assert len(marks) == 12 and all(field.decision.guess in ("7", "") or field.flag for field in marks)
        assert store.crop_png(marks[0].key).startswith(b"\x89PNG")
        assert store.runs()[0].model == "same-for-all"
    assert tally.files == {FileOutcome.READ: 1, FileOutcome.QUARANTINED: 3}
    reasons = {one.file: one.reason for one in tally.set_aside if one.page is None}
    assert set(reasons) == {"b.pdf", "c.pdf", "d.pdf"}
    assert not any(reason.startswith(("b.pdf", "c.pdf", "d.pdf")) or ".pdf:" in reason for reason in reasons.values())


def stale_from(count: int, monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Let files called `name` be opened `count` times, then never again; returns the refusals."""
    refused: list[str] = []
    opened, left = Path.open, count

    def stale(self: Path, *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        if self.name == name:
            left -= 1
            if left < 0:
                refused.append(name)
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", stale)
    return refused


def test_a_share_that_went_away_is_no_verdict_on_the_scan(exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exam.archive / "scan.pdf"
    images_to_pdf([white_page()], path)
    run = RunOfPages(str(path), "a" * 64, 1, 1)
    monkeypatch.setattr(workers, "_spec", reader_spec(exam))
    monkeypatch.setattr(workers, "_loaded", (SameForAll(), ReviewPolicy(Thresholds(0.9, 0.9, 0.9))))
    assert workers._count_pages(str(path), 60) == 1
    stale_from(0, monkeypatch, path.name)
    with pytest.raises(OSError, match=r"Errno 116|tale"):
        workers._count_pages(str(path), 60)
    with pytest.raises(OSError, match=r"Errno 116|tale"):
        workers._read_run(run, 60)


def test_what_pdfium_calls_damaged_is_read_once_more(exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exam.archive / "scan.pdf"
    path.write_bytes(b"%PDF-1.7\nnothing\n%%EOF\n")
    with pytest.raises(ScanError):
        workers._count_pages(str(path), 60)
    refused = stale_from(1, monkeypatch, path.name)
    with pytest.raises(OSError, match=r"Errno 116|tale"):
        workers._count_pages(str(path), 60)
    assert len(refused) == 1


def drawn(exam: str) -> list[ScannedPicture]:
    """One filled and scanned sheet of an exam."""
    simulation = Simulation(find_template("cover_marks"), sheets=1, seed=4, dpi=150, mode=Mode.GREY, exam=exam)
    return [page.picture for sheet in simulate(simulation, load_glyphs()) for page in sheet.pages]


def white_page() -> ScannedPicture:
    _, data = cv2.imencode(".jpg", np.full((1754, 1240), 250, np.uint8))
    return ScannedPicture(data.tobytes(), 1240, 1754, 150)


def test_workers_do_not_outlive_a_killed_parent(exam: Exam) -> None:
    path = scan(exam, sheet(1))
    code = (
        "import sys; from pathlib import Path\n"
        "from flows.settings import load_exam\n"
        "from flows.workers import ReaderPool, RunOfPages, reader_spec\n"
        "from tests.helpers.skills import ENDLESS\n"
        "if __name__ == '__main__':\n"
        "    pool = ReaderPool(reader_spec(load_exam(Path(sys.argv[1]))), 1, skills=ENDLESS)\n"
        "    pool.read_run(RunOfPages(sys.argv[2], 'a' * 64, 1, 1))\n"
    )
    script = exam.dir / "parent.py"
    script.write_text(code)
    command = [sys.executable, str(script), str(exam.dir), str(path)]
    with subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as parent:
        worker, program = _wait_for_two(path.with_suffix(".pid"))
        parent.kill()
    assert _ends(worker) and _ends(program)


def _wait_for_two(path: Path) -> tuple[int, int]:
    for _ in range(600):
        try:
            worker, program = (int(number) for number in path.read_text().split())
            return worker, program
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError("the worker never began")


def _ends(number: int) -> bool:
    try:
        process = psutil.Process(number)
        gone, _ = psutil.wait_procs([process], timeout=20)
        return bool(gone) or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
