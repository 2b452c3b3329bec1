"""One grading job, from the command line or a schedule: opens what it needs, and works if there is work."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from flows.adopting import adopt_or_tell
from flows.batch_list import exam_batches, listed_batches
from flows.checking import rounds_by_model
from flows.errors import ExamError, FlowError
from flows.expecting import Expected
from flows.grading import Submit, Tally, Wait, Watcher, Workplace, grade_inbox, regrade_scans
from flows.inbox import Inbox
from flows.places import check_writable
from flows.roster import exam_candidates
from flows.settings import EXAM_FILE, Exam, load_exam
from flows.store import Store, open_store
from flows.workers import Checks, PageReader, ReaderPool, RunOfPages, reader_spec, with_patience
from recognizer.classifier import CARD_FILE

Work: TypeAlias = Callable[[Submit, Sequence[Watcher]], Tally]
"""Does a job, given how reading is handed out and who watches."""

Runner: TypeAlias = Callable[["Job", PageReader, Work], Tally]
"""Does the work of a job in some surroundings: in threads, or as a flow that Prefect shows."""


THREADS = 160
"""Threads that wait for workers: enough for all runs of pages in flight with the most workers that may be asked for.
They are made when they are needed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for; `model` and `workers` None are what exam.toml says. `expected` is of the files to come."""

    command: Literal["grade", "regrade"]
    exam_dir: Path
    model: Path | None = None
    workers: int | None = None
    expected: Expected | None = None


def carry_out(job: Job, runner: Runner, watchers: Sequence[Watcher] = (), reader: PageReader | None = None) -> Tally:
    """Do a job.

    With nothing to do, nothing is started: no worker, no Prefect, no record of a run.

    Args:
        job: what is asked for.
        runner: does the work in its surroundings.
        watchers: are told how far it is.
        reader: reads pages; worker processes when None.

    Raises:
        ExamError, PlaceError: the exam folder cannot be worked with; nothing was taken.
        RecognizerError: a template or the model is faulty.
    """
    exam = _exam(job)
    # Nothing is looked up in it yet, but whoever grades wants to know now that a candidate stands in it twice.
    if exam.roster.exists():
        exam_candidates(exam.roster, exam.settings.roster.check, exam.sheets.templates)
    if job.model is None and exam.model is not None and not (exam.model / CARD_FILE).is_file():
        raise ExamError(
            f"{exam.dir / EXAM_FILE}: model: {exam.model / CARD_FILE} is not there; name a folder that 'tallymark "
            "learn' left, or remove the line, and the model that comes with Tallymark reads"
        )
    with open_store(exam.dir) as store, store.grading():
        # A list of batches that nobody can read is found out before anything is taken.
        listed_batches(exam)
        check_writable(exam.inbox, exam.archive, exam.quarantine)
        inbox = Inbox(exam.inbox, exam.settings.inbox.settle_seconds)
        warnings = tuple(_half_regraded(job, store))
        idle = _idle(job, store, inbox)
        if idle is not None:
            told = (*warnings, *_nothing_expected(job), *_marked(exam, store))
            return replace(idle, warnings=told, batches=exam_batches(exam, store), ledger=store.ledger())
        with _reader(exam, job, reader, rounds_by_model(store.sample_checks())) as ready:
            # Asked here, before anything is taken: a missing model or renderer is found out first.
            ready.info()

            def work(submit: Submit, more: Sequence[Watcher]) -> Tally:
                place = Workplace(exam, store, ready, submit, (*watchers, *more), job.expected)
                tally = grade_inbox(place, inbox) if job.command == "grade" else regrade_scans(place)
                return replace(tally, batches=exam_batches(exam, store))

            tally = runner(job, ready, work)
            return replace(tally, warnings=(*warnings, *_marked(exam, store)))


def in_threads(job: Job, reader: PageReader, work: Work) -> Tally:  # noqa: ARG001 - the shape of a runner
    """Do the work without Prefect."""
    with ThreadPoolExecutor(THREADS) as pool:

        def submit(pages: RunOfPages) -> Wait:
            return pool.submit(with_patience, partial(reader.read_run, pages)).result

        return work(submit, ())


def _exam(job: Job) -> Exam:
    exam = load_exam(job.exam_dir)
    if job.workers is None:
        return exam
    return replace(exam, settings=exam.settings.model_copy(update={"workers": job.workers}))


def _half_regraded(job: Job, store: Store) -> Iterator[str]:
    """Say it when the newest regrade did not come to its end. No other process is at it: we hold the exam's lock."""
    last = next((run for run in reversed(store.runs()) if run.command == "regrade"), None)
    if last is None or last.finished_at is not None:
        return
    begun = f"the regrade of {last.started_at:%Y-%m-%d %H:%M} UTC with the model {last.model} was stopped half way"
    if job.command == "regrade":
        yield f"{begun}; every scan is now read again from the start, with the model and templates of this run"
    else:
        yield (
            f"{begun}: some pages are read with that model and its templates, some are not; run 'tallymark regrade "
            f"{job.exam_dir}' again, with the same options"
        )


def _nothing_expected(job: Job) -> Iterator[str]:
    if job.expected is not None:
        yield f"{job.expected.papers} papers were expected, but no complete file was there; no batch was begun"


def _marked(exam: Exam, store: Store) -> tuple[str, ...]:
    """Mark what was read, so that later changes can be told from it; what keeps that from being done is only said."""
    try:
        return adopt_or_tell(exam, store)
    except FlowError as problem:
        return (f"nothing was marked: {problem}",)


def _idle(job: Job, store: Store, inbox: Inbox) -> Tally | None:
    """Return an empty tally when there is nothing to do, None when there is."""
    if job.command == "regrade":
        return None if store.scans() else Tally()
    look = inbox.wait()
    if look.ready or store.arrivals():
        return None
    return Tally(left=look.waiting + look.ignored)


@contextmanager
def _reader(exam: Exam, job: Job, reader: PageReader | None, checks: Checks) -> Iterator[PageReader]:
    if reader is not None:
        yield reader
        return
    with ReaderPool(reader_spec(exam, job.model or exam.model, checks), exam.settings.workers) as pool:
        yield pool
