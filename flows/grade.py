"""Grading as a Prefect flow, so that Prefect's page shows a run: its tasks, its progress, what it found.

Prefect is the skin: `flows.jobs` does the same work without it, and does when Prefect cannot be started. A Prefect
server that is configured is used; otherwise one that runs on this machine; otherwise a temporary one. Prefect's own
analytics are switched off.
"""

import atexit
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from flows.grading import Submit, Tally, Wait, Watcher
from flows.jobs import THREADS, Job, Work, in_threads
from flows.report import markdown_report
from flows.workers import PASSING_ERRORS, RETRY_DELAYS_S, PageReader, RunOfPages, with_patience
from recognizer.records import PageOutcome, PageOutcomeKind, PageResult

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger("tallymark.grade")

LOCAL_SERVER = "http://127.0.0.1:4200/api"
"""Where `prefect server start` listens unless it is told otherwise."""

ENVIRONMENT = {
    # Nothing is sent outside the machine.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # We start a temporary server ourselves, see there.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    # Its log is on its page, and errors are raised: on the terminal it would only hide our own words.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_UI_ENABLED": "false",
    # None of this serves a run of a few minutes: no schedules, no automations, no clean-up of other people's runs.
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
}
"""Settings of Prefect, read when it is imported; what an office set itself stays."""

SERVER = """
import os, sys, threading
def end_with_parent():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end_with_parent, daemon=True).start()
import uvicorn
app = "prefect.server.api.server:create_app"
uvicorn.run(app, factory=True, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
"""
"""The temporary server. Its standard input ends when the process that started it does."""

SERVER_START_SECONDS = 90.0
"""It takes 5 to 10 s to start, on a busy machine several times that."""

SERVER_FLUSH_SECONDS = 1.5
"""Longer than the second after which the server writes an unfinished batch."""

PROGRESS_SECONDS = 2.0
"""Between two updates of the progress artifact: often enough to watch, too seldom to cost anything."""


def with_prefect(job: Job, reader: PageReader, work: Work) -> Tally:
    """Do the work of a job as a Prefect flow, or without Prefect when that cannot be started.

    Papers are graded whether or not there is somewhere to show it, and to the end when that goes away meanwhile.
    """
    prepare()
    with _server() as reachable:
        watched = _Watched(work)
        if reachable:
            try:
                return run_flow(job, reader, watched)
            except Exception as error:
                if watched.tally is not None:
                    logger.warning("Prefect could not be told that the run is over (%s); all is graded", error)
                    return watched.tally
                if watched.error is not None:
                    # Not what Prefect says when it cannot be told of it.
                    raise watched.error from None
                _say_without(error)
        return in_threads(job, reader, work)


class _Watched:
    """Work of which is known how it ended, whatever those who called it make of that."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.tally: Tally | None = None
        self.error: BaseException | None = None

    def __call__(self, submit: Submit, watchers: Sequence[Watcher]) -> Tally:
        try:
            self.tally = self._work(submit, watchers)
        except BaseException as error:
            self.error = error
            raise
        return self.tally


def run_flow(job: Job, reader: PageReader, work: Work) -> Tally:
    """Do the work of a job as a flow; a server is reachable."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    threads: Any = ThreadPoolTaskRunner(max_workers=THREADS)

    @flow(
        name=job.command,
        flow_run_name=f"{job.command} {job.exam_dir.resolve().name}",
        task_runner=threads,
        persist_result=False,
    )
    def grading(exam_dir: str, model: str, workers: int | None) -> Tally:  # noqa: ARG001 - shown on the page
        page = PrefectPage(job.command)
        tally = work(read_as_tasks(reader), (page,))
        page.report(tally)
        return tally

    return grading(str(job.exam_dir.resolve()), str(job.model or "as exam.toml says"), job.workers)


def read_as_tasks(reader: PageReader) -> Submit:
    """Hand each run of pages out as a Prefect task.

    The task itself returns how many pages had which outcome: Prefect keeps every result until the flow ends, and a
    long file would fill the memory. The records go past it. What goes wrong with Prefect and not with the reader costs
    no page: the run of pages is then read without it.
    """
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    shelf: dict[RunOfPages, tuple[PageOutcome, ...]] = {}
    faults: dict[RunOfPages, Exception] = {}

    @task(
        name="read pages",
        task_run_name="{pages.scan:.8} pages {pages.first} to {pages.last}",
        retries=len(RETRY_DELAYS_S),
        retry_delay_seconds=list(RETRY_DELAYS_S),
        retry_condition_fn=waiting_helps,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def read_pages(pages: RunOfPages) -> dict[str, int]:
        faults.pop(pages, None)
        try:
            outcomes = reader.read_run(pages)
        except Exception as error:
            faults[pages] = error
            raise
        shelf[pages] = outcomes
        return count_kinds(outcomes)

    def without(pages: RunOfPages, error: Exception) -> tuple[PageOutcome, ...]:
        _say_without(error)
        return with_patience(partial(reader.read_run, pages))

    def submit(pages: RunOfPages) -> Wait:
        try:
            future = read_pages.submit(pages)
        except Exception as error:
            return partial(without, pages, error)

        def wait() -> tuple[PageOutcome, ...]:
            try:
                future.result()
            except Exception as error:
                if pages in faults:
                    raise faults[pages] from None
                if pages not in shelf:
                    return without(pages, error)
            return shelf.pop(pages)

        return wait

    return submit


def waiting_helps(_task: object, _task_run: object, state: Any) -> bool:  # noqa: ANN401 - a Prefect state
    """Tell whether a failed run of pages is worth trying again."""
    try:
        state.result()
    except OSError as error:
        return error.errno in PASSING_ERRORS
    except BaseException:
        return False
    return False


def count_kinds(outcomes: Sequence[PageOutcome]) -> dict[str, int]:
    """Return how many pages had which outcome."""
    kinds = [PageOutcomeKind.READ if isinstance(one, PageResult) else one.outcome for one in outcomes]
    return {kind.value: kinds.count(kind) for kind in dict.fromkeys(kinds)}


class PrefectPage(Watcher):
    """What Prefect's page shows of a run: a progress bar while it lasts, a report when it ends.

    A page that cannot be updated is no reason to stop grading: it is said once, and not tried again.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self._next = 0.0
        self._artifact: UUID | None = None
        self._works = True

    def progress(self, tally: Tally) -> None:
        """Update the progress bar, if it is time to."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PROGRESS_SECONDS
            self._try(lambda: self._show(tally))

    def report(self, tally: Tally) -> None:
        """Leave the report."""
        from prefect.artifacts import create_markdown_artifact

        self._try(lambda: self._show(tally))
        text = markdown_report(tally)
        self._try(lambda: create_markdown_artifact(text, key=f"{self._command}-report", description="What was found"))

    def _show(self, tally: Tally) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        percent = 100.0 * tally.pages_done / tally.pages_known if tally.pages_known else 0.0
        said = f"{tally.pages_done} of {tally.pages_known} pages, {tally.flagged} of {tally.fields} fields flagged"
        if self._artifact is None:
            self._artifact = _uuid(create_progress_artifact(percent, key=f"{self._command}-progress", description=said))
        else:
            update_progress_artifact(self._artifact, percent, description=said)

    def _try(self, show: Callable[[], object]) -> None:
        if not self._works:
            return
        try:
            show()
        except Exception as error:
            self._works = False
            logger.warning("Prefect's page cannot be updated (%s); grading goes on", error)


def _uuid(answer: object) -> "UUID":
    """Return what Prefect answered: its types say a UUID or a coroutine; outside of async code it is the UUID."""
    from uuid import UUID

    if not isinstance(answer, UUID):
        raise TypeError(f"Prefect answered with {type(answer).__name__} instead of an artifact's number")
    return answer


def prepare() -> None:
    """Set what Prefect reads when it is imported; have our own words reach the terminal beside its silence."""
    if logging.lastResort is not None:
        # Prefect takes the root logger over, with its console that shows next to nothing (see ENVIRONMENT).
        logger.addHandler(logging.lastResort)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # A proxy for the outside world is no way to this machine.
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ.get(name, "")
        if "127.0.0.1" not in hosts:
            os.environ[name] = ",".join(part for part in (hosts, "127.0.0.1", "localhost") if part)


@contextmanager
def _server() -> Iterator[bool]:
    """Have a server to talk to within the block; tell whether there is one."""
    try:
        from prefect.settings import PREFECT_API_URL, temporary_settings

        url = PREFECT_API_URL.value() or (LOCAL_SERVER if _answers(LOCAL_SERVER) else _temporary_server())
        settings = temporary_settings({PREFECT_API_URL: url})
    except Exception as error:
        _say_without(error)
        yield False
        return
    with settings:
        yield _reachable()


def _reachable() -> bool:
    try:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            problem = client.api_healthcheck()
    except Exception as error:
        problem = error
    if problem is not None:
        _say_without(problem)
    return problem is None


@cache
def _temporary_server() -> str:
    """Start a server that ends with this process, however that ends; return where it listens.

    Prefect can start one by itself, but that one outlives a process that is killed, hears of Ctrl-C before anybody can
    tell it that the run was stopped, and cannot be given longer to start on a busy machine than 20 s.

    Raises:
        RuntimeError: it did not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # After Prefect has sent the last of what it has to say, which it does before exit functions are called.
    atexit.register(_stop, server)
    url = f"http://127.0.0.1:{port}/api"
    give_up = time.monotonic() + SERVER_START_SECONDS
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > give_up:
            _stop(server)
            raise RuntimeError("its temporary server did not start; 'prefect server start' tells why")
        time.sleep(0.1)
    return url


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        # It writes what tasks did in batches; stopped earlier, its page would show the last ones as still running.
        time.sleep(SERVER_FLUSH_SECONDS)
    server.terminate()
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    if server.stdin is not None:
        server.stdin.close()


def _say_without(problem: Exception) -> None:
    logger.warning("Prefect cannot be used (%s); grading goes on without its page", problem)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=1.0) as response:
            return bool(response.status == 200 and response.read().strip() == b"true")
    except (urllib.error.URLError, OSError, ValueError):
        return False
