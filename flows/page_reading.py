"""Single pages read outside of grading: from the archive, by a worker of their own, in a run of their own."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.metadata import version
from typing import TypeAlias

from flows.assemble import Filed, file_page
from flows.checking import rounds_by_model
from flows.errors import PlaceError
from flows.page_decisions import where
from flows.records import FiledPage, PagePlacement, PageRow
from flows.run_promise import end_of_run
from flows.settings import Exam
from flows.store import Store
from flows.workers import PageReader, ReaderPool, RunOfPages, reader_spec, with_patience
from recognizer.records import HandPlacement
from recognizer.template import SheetTemplate

Readers: TypeAlias = Callable[[], AbstractContextManager[PageReader]]
"""Opens what reads pages, when it turns out to be needed."""

Keep: TypeAlias = Callable[[FiledPage, PagePlacement | None], tuple[PageRow, ...]]
"""Stores one page, with the placement that led to it; returns it as it stands, then others that this changed."""


@contextmanager
def reader_of(exam: Exam, store: Store) -> Iterator[PageReader]:
    """Open a worker that reads pages of an exam as grading does."""
    spec = reader_spec(exam, exam.model, rounds_by_model(store.sample_checks()))
    with ReaderPool(spec, 1) as pool:
        yield pool


@contextmanager
def run_of(store: Store, exam: Exam, reader: PageReader, command: str) -> Iterator[Keep]:
    """Begin a run of a few pages; it ends with its promise when the block ends well."""
    info, began = reader.info(), time.monotonic()
    run = store.begin_run(
        command,
        tallymark=version("tallymark"),
        model=info.model,
        renderer=info.renderer,
        settings=exam.settings.model_dump_json(),
    )

    def keep(filed: FiledPage, placed: PagePlacement | None) -> tuple[PageRow, ...]:
        return store.save_pages([filed], info.model, run, time.monotonic() - began, placed)

    yield keep
    held = info.thresholds
    end = None
    if held is not None:
        end = partial(end_of_run, held=held, accept_error=exam.settings.accept_error, templates=templates_of(exam))
    store.finish_run(run, time.monotonic() - began, end)


def read_archived(
    store: Store, exam: Exam, reader: PageReader, row: PageRow, placed: HandPlacement | None
) -> FiledPage:
    """Read one page from the archive, whatever comes of it.

    Raises:
        PlaceError: the scan is not there, or cannot be read just now.
    """
    scan = store.scan(row.scan)
    if scan is None:
        raise KeyError(row.scan)
    path = exam.archive / scan.archived
    if not path.is_file():
        raise PlaceError(f"{path} is missing, so {where(row)} cannot be read; put the file back")
    pages = RunOfPages(str(path), row.scan, row.number, row.number, (placed,) if placed else ())
    try:
        (outcome,) = with_patience(partial(reader.read_run, pages))
    except OSError as error:
        raise PlaceError(f"{path}: cannot be read: {error.strerror or error}; try again") from error
    photocopied = exam.settings.sheets.photocopied
    return file_page(outcome, row.file, templates_of(exam), Filed(), photocopied=photocopied)


def templates_of(exam: Exam) -> dict[str, SheetTemplate]:
    """Return the exam's templates by name."""
    return {template.name: template for template in exam.sheets.templates}
