"""Reading in processes of its own: a file on which a PDF library crashes or hangs costs one page, not the run.

References go in (a path and page numbers), records come out. A worker imports only the recognizer and loads the model
once.
"""

import errno
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from math import ceil
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, Protocol, Self, TypeAlias, TypeVar

from flows.limits import FILE_SECONDS, FIRST_TRY, MEMORY_BYTES, PAGE_SECONDS, clock, limit_memory, restart_clock
from flows.settings import Exam
from recognizer.errors import RecognizerError, ScanError
from recognizer.promise import ACCEPT_ERROR, SampleCheck, Thresholds
from recognizer.records import HandPlacement, PageFailure, PageOutcome, PageOutcomeKind, PageRef
from recognizer.template import SheetSet

if TYPE_CHECKING:
    from recognizer.classifier import ReadingModel
    from recognizer.judge import ReviewPolicy
    from recognizer.raster import Scan

P = ParamSpec("P")
T = TypeVar("T")

RETRY_DELAYS_S = (2.0, 5.0, 15.0)
"""Waits before something is read again: a share that went away is often back after seconds."""

PASSING_ERRORS = frozenset({errno.EBUSY, errno.EAGAIN, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EIO})
"""What the system says of a file that may be there again in a moment. Nothing else gets better by waiting."""

MACHINE_ERRORS = PASSING_ERRORS | {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""What says nothing of the file that was read, but of the place or the machine."""


Checks: TypeAlias = Mapping[str, tuple[tuple[SampleCheck, ...], ...]]
"""Name of a model -> what people found in samples of what was accepted of it, one tuple a sample, oldest first."""


def with_patience(read: Callable[[], T]) -> T:
    """Read something, and again after a while when it cannot be read just now (OSError when that goes on)."""
    for delay in RETRY_DELAYS_S:
        try:
            return read()
        except OSError as error:
            if error.errno not in PASSING_ERRORS:
                raise
        time.sleep(delay)
    return read()


@dataclass(frozen=True, slots=True)
class RunOfPages:
    """Some pages of one archived scan, `first` to `last`, both included, from 1.

    `placed` says of some of them where a person saw the sheet: those are not looked for anywhere else.
    """

    path: str
    scan: str
    first: int
    last: int
    placed: tuple[HandPlacement, ...] = ()

    def refs(self) -> tuple[PageRef, ...]:
        """Return every page of the run."""
        return tuple(PageRef(self.scan, number) for number in range(self.first, self.last + 1))

    def placement(self, ref: PageRef) -> HandPlacement | None:
        """Return where a person placed a page, None when nobody did."""
        return next((one for one in self.placed if one.ref == ref), None)


@dataclass(frozen=True, slots=True)
class ReaderSpec:
    """What a worker needs to read pages. `model` None is the shipped one.

    `accept_error` is the share of accepted fields that may be wrong; `checks` is what people found in samples of what
    was accepted, sample by sample, by the name of the model that had read it: it may tighten that model's thresholds.
    """

    sheets: SheetSet
    renderer: str = "auto"
    model: Path | None = None
    accept_error: float = ACCEPT_ERROR
    checks: Checks = field(default_factory=dict)
    flag_blank_marks: bool = True


@dataclass(frozen=True, slots=True)
class ReaderInfo:
    """What reads: for the record of the run."""

    model: str
    renderer: str
    thresholds: Thresholds | None = None
    """From which score fields are accepted; None when nobody knows, and nothing can be promised."""


class PageReader(Protocol):
    """Reads pages of archived scans; called from several threads at once."""

    def info(self) -> ReaderInfo:
        """Say what reads (RecognizerError when it cannot)."""
        ...

    def count_pages(self, path: Path) -> int:
        """Return how many pages a scan has.

        Raises:
            ScanError: it cannot be read as a scan.
            OSError: it cannot be opened just now.
        """
        ...

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        """Return what became of every page of a run, in order.

        Raises:
            OSError: the scan cannot be opened just now.
            RecognizerError: the installation is at fault, such as missing weights.
        """
        ...


def reader_spec(exam: Exam, model: Path | None = None, checks: Checks | None = None) -> ReaderSpec:
    """Return what an exam's settings, and sample checks of what was accepted, ask of a reader."""
    review = exam.settings.review
    return ReaderSpec(
        sheets=exam.sheets,
        renderer=exam.settings.render,
        model=model,
        accept_error=exam.settings.accept_error,
        checks=checks or {},
        flag_blank_marks=review.blank_mark == "flag",
    )


@dataclass(frozen=True, slots=True)
class Skills:
    """What a worker can do: functions of a module, which its process imports. `begin` prepares it."""

    begin: Callable[[ReaderSpec], None]
    info: Callable[[], ReaderInfo]
    count_pages: Callable[[str, int], int]
    read_run: Callable[[RunOfPages, int], tuple[PageOutcome, ...]]


class ReaderPool:
    """A few processes that read pages. When one dies, its pages are read again one by one to find the culprit.

    A file that goes on to crash or hang the reader is given up: its other pages fail without being tried. Which pages
    were read by then depends on chance; that they are named does not.
    """

    def __init__(
        self, spec: ReaderSpec, workers: int, page_seconds: int = PAGE_SECONDS, skills: Skills | None = None
    ) -> None:
        """Prepare a pool; its processes start when they are needed.

        Args:
            spec: what they read with.
            workers: how many there are.
            page_seconds: after computing for this long on one page a process is ended.
            skills: what they can do; reading real scans when None.
        """
        self._seconds = page_seconds
        self._first_seconds = ceil(page_seconds * FIRST_TRY)
        self._skills = skills or READING
        self._many = _Pool(spec, workers, self._skills.begin)
        self._careful = _Pool(spec, 1, self._skills.begin)
        self._one_by_one = threading.Lock()
        self._lost: defaultdict[str, float] = defaultdict(float)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers; what they are reading is dropped."""
        self._many.close()
        self._careful.close()

    def info(self) -> ReaderInfo:
        """Load the model in a worker and say what reads."""
        return self._many.call(self._skills.info)

    def count_pages(self, path: Path) -> int:
        """Return how many pages a scan has.

        Raises:
            ScanError: it cannot be read as a scan, or reading it crashes.
            OSError: it cannot be opened just now.
        """
        try:
            return self._many.call(self._skills.count_pages, str(path), self._first_seconds)
        except BrokenProcessPool:
            # Not this file's fault perhaps: another page in work may have taken the worker down with it.
            with self._one_by_one:
                try:
                    return self._careful.call(self._skills.count_pages, str(path), self._seconds)
                except BrokenProcessPool as error:
                    raise ScanError(
                        f"opening the file crashed, or took longer than {self._seconds} s; open it in another program "
                        "and print it to a new PDF"
                    ) from error

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        """Return what became of every page of a run; a page on which the reader crashes is a failed page."""
        if self._is_given_up(pages.scan):
            return tuple(_not_tried(ref) for ref in pages.refs())
        try:
            return self._many.call(self._skills.read_run, pages, self._first_seconds)
        except BrokenProcessPool:
            with self._one_by_one:
                return tuple(self._read_carefully(pages, ref) for ref in pages.refs())

    def _read_carefully(self, pages: RunOfPages, ref: PageRef) -> PageOutcome:
        if self._is_given_up(pages.scan):
            return _not_tried(ref)
        one = RunOfPages(pages.path, pages.scan, ref.number, ref.number, pages.placed)
        began = time.monotonic()
        try:
            return self._careful.call(self._skills.read_run, one, self._seconds)[0]
        except BrokenProcessPool:
            self._lost[pages.scan] += time.monotonic() - began
            reason = f"reading this page crashed, or took longer than {self._seconds} s; scan the page again"
            return PageFailure(ref, PageOutcomeKind.FAILED, reason)

    def _is_given_up(self, scan: str) -> bool:
        return self._lost[scan] > FILE_SECONDS


def _not_tried(ref: PageRef) -> PageFailure:
    reason = (
        "was not read, since other pages of this file crash the reader or take it too long; print the file to a new "
        "PDF, or scan the pages again"
    )
    return PageFailure(ref, PageOutcomeKind.FAILED, reason)


class _Pool:
    """A pool of processes that is made when it is needed, and made again after one of its processes died."""

    def __init__(self, spec: ReaderSpec, workers: int, begin: Callable[[ReaderSpec], None]) -> None:
        self._spec = spec
        self._begin = begin
        self._workers = workers
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a worker (BrokenProcessPool when that worker, or one beside it, died)."""
        pool = self._living()
        try:
            return pool.submit(function, *args, **kwargs).result()
        except BrokenProcessPool:
            self._retire(pool)
            raise

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _living(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                # Read when NumPy is loaded, in the children: each works on one core, and the cores are shared out.
                os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
                # "spawn": a forked child of a process with threads (Prefect has many) may hang.
                context = get_context("spawn")
                self._pool = ProcessPoolExecutor(
                    self._workers, context, initializer=self._begin, initargs=(self._spec,)
                )
            return self._pool

    def _retire(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        pool.shutdown(wait=False, cancel_futures=True)


# ---- what runs in a worker --------------------------------------------------------------------------------------

_spec: ReaderSpec | None = None
_loaded: "tuple[ReadingModel, ReviewPolicy] | None" = None


def begin(spec: ReaderSpec) -> None:
    """Prepare a worker: one thread of OpenCV, bounded memory, and no life after the parent's."""
    global _spec  # noqa: PLW0603 - a worker process has one spec for life
    _spec = spec
    # Ctrl-C reaches every process of a terminal; the parent decides, and stops its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A group of its own: what it started, such as poppler, ends with it.
    os.setpgrp()
    signal.signal(signal.SIGTERM, _end_group)
    limit_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from recognizer.reading import keep_to_one_core

    keep_to_one_core()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        _end_group()


def _end_group(*_: object) -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _model_and_policy() -> "tuple[ReadingModel, ReviewPolicy]":
    """Load the model, once a worker."""
    global _loaded  # noqa: PLW0603
    if _loaded is None:
        from recognizer.classifier import load_model
        from recognizer.forms import prepare_forms
        from recognizer.judge import ReviewPolicy
        from recognizer.promise import policy_thresholds, tightened_by_rounds

        spec = _own_spec()
        prepare_forms(spec.sheets)
        model = load_model(spec.model)
        calibrated = policy_thresholds(model.card.details, spec.accept_error)
        held = tightened_by_rounds(calibrated, spec.checks.get(model.name, ()), spec.accept_error)
        _loaded = model, ReviewPolicy(held, spec.flag_blank_marks)
    return _loaded


def _own_spec() -> ReaderSpec:
    if _spec is None:
        raise RuntimeError("a worker was used before it was prepared")
    return _spec


def _info() -> ReaderInfo:
    from recognizer.raster import Renderer, available_renderer

    model, policy = _model_and_policy()
    return ReaderInfo(model.name, available_renderer(Renderer(_own_spec().renderer)), policy.thresholds)


def _count_pages(path: str, seconds: int) -> int:
    from recognizer.raster import page_count

    with clock(seconds):
        try:
            return page_count(Path(path))
        except MemoryError as error:
            raise ScanError(f"opening the file {TOO_MUCH_MEMORY}") from error
        except ScanError as error:
            _blame_the_place(error, Path(path))
            raise


def _read_run(pages: RunOfPages, seconds: int) -> tuple[PageOutcome, ...]:
    from recognizer.raster import open_scan

    path = Path(pages.path)
    _model_and_policy()  # before the clock runs
    with clock(seconds):
        try:
            with open_scan(path) as scan:
                return tuple(_read_page(scan, pages, ref, seconds) for ref in pages.refs())
        except ScanError as error:
            _blame_the_place(error, path)
            return tuple(PageFailure(ref, PageOutcomeKind.FAILED, str(error)) for ref in pages.refs())


def _read_page(scan: "Scan", pages: RunOfPages, ref: PageRef, seconds: int) -> PageOutcome:
    from recognizer.errors import PageError
    from recognizer.raster import Renderer
    from recognizer.reading import read_page, read_placed

    restart_clock(seconds)
    spec = _own_spec()
    try:
        page = scan.load(ref, Renderer(spec.renderer))
    except (PageError, ScanError) as error:
        _blame_the_place(error, Path(pages.path))
        return PageFailure(ref, PageOutcomeKind.FAILED, str(error))
    except MemoryError:
        return PageFailure(ref, PageOutcomeKind.FAILED, f"reading this page {TOO_MUCH_MEMORY}")
    if placed := pages.placement(ref):
        return read_placed(page, placed, spec.sheets, *_model_and_policy())
    return read_page(page, spec.sheets, *_model_and_policy())


TOO_MUCH_MEMORY = f"needs more than {MEMORY_BYTES / 1e6:.0f} MB of memory; print the file to a new PDF at 300 dpi"


def _blame_the_place(verdict: RecognizerError, path: Path) -> None:
    """Raise OSError where not the scan is at fault but where it lies: that can be tried again, a verdict stays.

    PDFium says only that something could not be read; so the whole file is read once more before it is blamed.
    """
    cause = verdict.__cause__
    if isinstance(cause, OSError) and cause.errno in MACHINE_ERRORS:
        raise cause
    with path.open("rb") as stream:
        while stream.read(READ_BYTES):
            pass


READ_BYTES = 1 << 20

READING = Skills(begin, _info, _count_pages, _read_run)
"""Reading real scans."""
