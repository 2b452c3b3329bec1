"""The Prefect skin: what its page shows, and that papers are graded with and without it."""

import errno
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.grade import PrefectPage, count_kinds, read_as_tasks, waiting_helps, with_prefect
from flows.grading import Tally
from flows.jobs import Job, Work, carry_out, in_threads
from flows.settings import Exam
from flows.store import open_store
from flows.workers import PageReader, ReaderInfo, RunOfPages
from recognizer.errors import ModelError
from recognizer.records import PageOutcome, PageOutcomeKind, PageRef
from tests.helpers.dumps import dump
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet
from tests.helpers.filing import page_failure, page_result

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    exam = exam_folder(tmp_path / "exam")
    (exam.inbox / "a.pdf").write_text(fake_scan(*(sheet(number, confidence=0.98) for number in range(1, 20))))
    (exam.inbox / "b|<b>.pdf").write_text("my holiday")
    return exam


def test_the_page_of_prefect_shows_the_run(exam: Exam, tmp_path: Path) -> None:
    # The only test that starts a server: it takes ten seconds.
    home = tmp_path / "prefect"
    ran = _driven(exam, home)
    assert (ran.returncode, ran.stderr) == (0, "")
    report = json.loads(ran.stdout)
    assert (report["pages"]["read"], report["flagged"], report["failures"]) == (19, 57, 1)
    shown = _what_prefect_knows(home)
    assert shown["flows"] == [("grade exam", "COMPLETED")]
    assert {name.partition(" ")[2] for name in shown["tasks"]} == {"pages 1 to 8", "pages 9 to 16", "pages 17 to 19"}
    assert shown["progress"] == [100.0]
    assert "| pages read | 19 |" in shown["report"]
    assert "b\\|&lt;b&gt;.pdf" in shown["report"] and "unsure: " in shown["report"]
    with open_store(exam.dir) as store:
        with_it, archived = dump(store), store.scans()[0].archived
    plain = exam_folder(tmp_path / "plain")
    (plain.inbox / "a.pdf").write_bytes((exam.archive / archived).read_bytes())
    (plain.inbox / "b|<b>.pdf").write_text("my holiday")
    carry_out(Job("grade", plain.dir), in_threads, reader=FakeReader())
    with open_store(plain.dir) as store:
        assert dump(store) == with_it


def _what_prefect_knows(home: Path) -> dict[str, Any]:
    connection = sqlite3.connect(home / "prefect.db")
    try:
        artifacts = connection.execute("SELECT type, data FROM artifact").fetchall()
        return {
            "flows": connection.execute("SELECT name, state_type FROM flow_run").fetchall(),
            "tasks": [name for (name,) in connection.execute("SELECT name FROM task_run")],
            "progress": [float(data) for kind, data in artifacts if kind == "progress"],
            "report": "".join(json.loads(data) for kind, data in artifacts if kind == "markdown"),
        }
    finally:
        connection.close()


# Prefect's and FastAPI's own deprecations and unclosed sockets are theirs to mend.
@pytest.mark.filterwarnings("ignore")
def test_papers_are_graded_though_prefect_cannot_be_reached(exam: Exam, caplog: pytest.LogCaptureFixture) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        tally = carry_out(Job("grade", exam.dir), with_prefect, reader=FakeReader())
    assert tally.pages == {PageOutcomeKind.READ: 19}
    assert "grading goes on without its page" in caplog.text


class OnlyHealthy(BaseHTTPRequestHandler):
    """A server that says it is well and can do nothing else."""

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/api/health" else 404)

    def do_POST(self) -> None:
        self._answer(404)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_papers_are_graded_though_prefect_only_seems_to_be_there(exam: Exam, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OnlyHealthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        ran = _driven(exam, tmp_path / "prefect", PREFECT_API_URL=f"http://127.0.0.1:{server.server_port}/api")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["pages"]["read"] == 19
    assert "grading goes on without its page" in ran.stderr


def _driven(exam: Exam, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Grade in a process of its own: a flow of Prefect takes the log and what is printed over in the one it runs in."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-m", "tests.helpers.prefect_driver", str(exam.dir)],
        cwd=ROOT,
        env=environment | {"PREFECT_HOME": str(home)} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def flow_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Prefect that does the work, and then cannot tell its server."""

    @contextmanager
    def server() -> Iterator[bool]:
        yield True

    def breaks(job: Job, reader: PageReader, work: Work) -> Tally:
        try:
            in_threads(job, reader, work)
        finally:
            raise ConnectionError("the server is gone")

    monkeypatch.setattr("flows.grade._server", server)
    monkeypatch.setattr("flows.grade.run_flow", breaks)


@pytest.mark.usefixtures("flow_that_breaks")
def test_a_server_that_goes_away_takes_no_result_along(exam: Exam, caplog: pytest.LogCaptureFixture) -> None:
    tally = carry_out(Job("grade", exam.dir), with_prefect, reader=FakeReader())
    assert tally.pages == {PageOutcomeKind.READ: 19}
    assert "could not be told that the run is over" in caplog.text
    with open_store(exam.dir) as store:
        assert len(store.runs()) == 1 and store.runs()[0].finished_at is not None


@pytest.mark.usefixtures("flow_that_breaks")
def test_our_own_error_is_raised_though_the_server_is_gone(exam: Exam) -> None:
    class Broken(FakeReader):
        def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:  # noqa: ARG002 - it is never read
            raise ModelError("the weights are damaged")

    with pytest.raises(ModelError):
        carry_out(Job("grade", exam.dir), with_prefect, reader=Broken())


class Broken:
    """A task of Prefect that cannot be submitted, or whose result never comes."""

    def __init__(self, *, submits: bool) -> None:
        self._submits = submits

    def submit(self, _pages: RunOfPages) -> "Broken":
        if not self._submits:
            raise ConnectionError("the server is gone")
        return self

    def result(self) -> None:
        raise ConnectionError("the server is gone")


@pytest.mark.parametrize("submits", [False, True])
def test_pages_are_read_without_prefect_when_it_fails(
    submits: bool, exam: Exam, monkeypatch: pytest.MonkeyPatch
) -> None:
    import prefect

    def task(**_: object) -> object:
        return lambda _function: Broken(submits=submits)

    monkeypatch.setattr(prefect, "task", task)
    path = exam.inbox / "a.pdf"
    outcomes = read_as_tasks(FakeReader())(RunOfPages(str(path), "a" * 64, 1, 3))()
    assert [outcome.ref.number for outcome in outcomes] == [1, 2, 3]


def test_a_page_that_cannot_be_updated_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    page, calls = PrefectPage("grade"), []

    def fails() -> None:
        calls.append(1)
        raise ConnectionError("gone")

    page._try(fails)
    page._try(fails)
    assert (len(calls), caplog.text.count("grading goes on")) == (1, 1)


class Failed:
    """A failed state of Prefect, as far as we look at it."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def result(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (OSError(errno.EBUSY, "busy"), True),
        (OSError(errno.ESTALE, "stale"), True),
        (FileNotFoundError(errno.ENOENT, "gone"), False),
        (PermissionError(errno.EACCES, "no"), False),
        (ModelError("no weights"), False),
        (ZeroDivisionError(), False),
    ],
)
def test_only_what_passes_is_tried_again(error: BaseException, helps: bool) -> None:
    assert waiting_helps(None, None, Failed(error)) is helps


def test_a_task_tells_counts_and_no_pictures() -> None:
    outcomes = (
        page_result(PageRef("a" * 64, 1), {}),
        page_failure(PageRef("a" * 64, 2), PageOutcomeKind.BLANK),
        page_result(PageRef("a" * 64, 3), {}),
    )
    assert count_kinds(outcomes) == {"read": 2, "blank": 1}


def never(job: Job, reader: object, work: object) -> Tally:
    raise AssertionError("nothing should have been started")


def test_nothing_is_started_for_an_empty_inbox(tmp_path: Path) -> None:
    exam = exam_folder(tmp_path / "exam")
    tally = carry_out(Job("grade", exam.dir), never, reader=FakeReader())
    assert (tally.run, tally.files) == (None, {})
    assert carry_out(Job("regrade", exam.dir), never, reader=FakeReader()).run is None


def test_a_missing_model_is_found_out_before_anything_is_taken(exam: Exam) -> None:
    class NoModel(FakeReader):
        def info(self) -> ReaderInfo:
            raise ModelError("the weights are missing")

    with pytest.raises(ModelError):
        carry_out(Job("grade", exam.dir), never, reader=NoModel())
    assert len(list(exam.inbox.iterdir())) == 2


def test_watchers_are_told_without_prefect_too(exam: Exam) -> None:
    seen: list[int] = []

    class Watcher:
        def progress(self, tally: Tally) -> None:
            seen.append(tally.pages_done)

    watchers: Sequence[Watcher] = [Watcher()]
    carry_out(Job("grade", exam.dir), in_threads, watchers, FakeReader())
    assert seen[-1] == 19


def test_the_number_of_workers_may_be_given_for_a_run(exam: Exam) -> None:
    seen: list[str] = []

    def runner(job: Job, reader: object, work: object) -> Tally:
        seen.append(str(job.workers))
        return Tally()

    carry_out(Job("grade", exam.dir, workers=7), runner, reader=FakeReader())
    assert seen == ["7"]


def test_prefect_is_told_to_send_nothing_and_loaded_only_when_it_runs() -> None:
    code = (
        "import os, sys, flows.grade as g; assert 'prefect' not in sys.modules; g.prepare()\n"
        "from prefect._internal.analytics.enabled import is_telemetry_enabled\n"
        "from prefect.settings import get_current_settings\n"
        "print(is_telemetry_enabled(), get_current_settings().server.analytics_enabled)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "DO_NOT_TRACK")}
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "False False\n"
