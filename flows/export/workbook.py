"""The marks workbook, written from records in one piece.

*Marks*, *Candidates*, *Flags*, *Questions*, *Changes*, *Pages*, *Run*.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter

from flows.batches import Batch
from flows.errors import PlaceError
from flows.exam_results import ExamResults
from flows.export.candidates_sheet import write_candidates
from flows.export.changes_sheet import write_changes
from flows.export.flags_sheet import flag_rows, settled_rows, write_flags
from flows.export.marks_sheet import write_marks
from flows.export.pages_sheet import NOTHING_SAID, SaidOfPages, write_pages
from flows.export.questions_sheet import write_questions
from flows.export.run_sheet import Section, write_run
from flows.export.styles import named_styles
from flows.ledger import Ledger
from flows.places import refuse_open_file, replace_file
from flows.records import Correction, FieldRow, PageRow, RunRow, TrailRow
from flows.remarking import Comparison
from flows.results import Remark
from flows.settling import SettledSheet
from flows.statistics import question_statistics
from flows.trail import said_in
from flows.worth import MarkRule
from recognizer.template import SheetSet


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything a workbook is made of.

    `ledger` tells of every file and page; `results` what was read and what it is worth; `facts` what the sheet *Run*
    tells besides the runs; `said` what people decided about pages; `batches` how many papers each should hold and does;
    `pending` what changed by rules that nobody adopted yet, None where there are none.
    """

    sheets: SheetSet
    rule: MarkRule
    ledger: Ledger
    results: ExamResults
    trail: tuple[TrailRow, ...] = ()
    runs: tuple[RunRow, ...] = ()
    facts: tuple[Section, ...] = ()
    batches: tuple[Batch, ...] = ()
    said: SaidOfPages = NOTHING_SAID
    remarks: tuple[Remark, ...] = ()
    pending: Comparison | None = None

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """Everything that people said of fields, oldest first."""
        return said_in(self.trail)

    @property
    def pages(self) -> tuple[PageRow, ...]:
        """Every page that came in."""
        return self.ledger.pages

    @property
    def fields(self) -> tuple[FieldRow, ...]:
        """Every field of every read page, as it is decided."""
        return self.results.decided.fields

    @property
    def settled(self) -> tuple[SettledSheet, ...]:
        """Every candidate sheet."""
        return self.results.decided.sheets

    @property
    def names(self) -> dict[str, str]:
        """The candidates' names by id."""
        return {candidate.id: candidate.name for candidate in self.results.decided.candidates}


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in a workbook that was written: candidate sheets, how many of their totals are still open, flags."""

    path: Path
    sheets: int
    open_sheets: int
    flags: int


def write_workbook(contents: Contents, crops: Callable[[str], bytes], destination: Path) -> Written:
    """Write the workbook, replacing an older one in one step.

    Args:
        contents: what stands in it.
        crops: returns the PNG of a reading by its key; called twice a row of *Flags*.
        destination: the file; its folder exists.

    Raises:
        PlaceError: the file is open in another program, or its folder cannot be written. An older file is untouched.
    """
    refuse_open_file(destination)
    templates = contents.sheets.templates
    settled, results = contents.settled, contents.results
    flags = flag_rows(contents.fields, settled, templates)
    below = settled_rows(contents.fields, settled, templates)
    footer = f"Tallymark, exam {contents.sheets.exam}"
    with new_book(destination, f"Marks of {contents.sheets.exam}") as book:
        write_marks(
            book,
            settled,
            templates,
            rule=contents.rule,
            names=contents.names,
            footer=footer,
            results=results.sheets if results.key else (),
        )
        write_candidates(book, results, templates, footer)
        write_flags(book, (*flags, *below), crops, footer)
        write_questions(book, question_statistics(results.sheets, results.key), results.key, footer)
        write_changes(book, contents.remarks, contents.pending, contents.names, footer)
        write_pages(book, contents.ledger, footer, contents.said)
        write_run(book, contents.facts, contents.runs, contents.trail, footer)
    open_sheets = sum(sheet.is_open for sheet in settled)
    return Written(destination, len(settled), open_sheets, len(flags))


@contextmanager
def new_book(destination: Path, title: str) -> Iterator[Workbook]:
    """Return an empty workbook that takes the place of a file, in one step, when the block ends well.

    Raises:
        PlaceError: its folder cannot be written. An older file is untouched.
    """
    with _put_together(destination), _new_workbook(title) as book:
        yield book
        replace_file(destination, lambda file: _save(book, file))


@contextmanager
def _put_together(destination: Path) -> Iterator[None]:
    """Say what went wrong with the parts of a workbook, which wait in the folder for temporary files."""
    try:
        yield
    except OSError as error:
        raise PlaceError(
            f"{destination}: cannot be put together: {error.strerror or error}; an older file is untouched. Is there "
            f"there space in {gettempdir()}?"
        ) from error


@contextmanager
def _new_workbook(title: str) -> Iterator[Workbook]:
    """Return an empty workbook that streams its rows to disk; whatever happens, its sheets end in order."""
    book = Workbook(write_only=True)
    book.properties.title = title
    book.properties.creator = "Tallymark"
    for style in named_styles():
        book.add_named_style(style)
    try:
        yield book
    finally:
        for sheet in book.worksheets:
            if not sheet.closed:
                sheet.close()


def _save(book: Workbook, file: BinaryIO) -> None:
    """Write the workbook into a file. Unlike `Workbook.save`, this closes the archive when a picture cannot be had."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        ExcelWriter(book, archive).save()
