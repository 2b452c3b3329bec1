"""What an exam folder holds, gathered for the workbook."""

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

from flows.export.run_sheet import Section
from flows.export.table import Scalar
from flows.export.workbook import Contents
from flows.records import Correction, FieldRow, FileRow, PageRow, RunRow, ScanRow
from flows.roster import load_roster
from flows.settings import Exam
from flows.settling import MarkRule


class Remembers(Protocol):
    """The reading side of `flows.store.Store`, as far as a workbook needs it."""

    def files(self) -> tuple[FileRow, ...]:
        """Return every file, in order of arrival."""
        ...

    def scans(self) -> tuple[ScanRow, ...]:
        """Return every scan with its number of pages."""
        ...

    def pages(self) -> tuple[PageRow, ...]:
        """Return every page."""
        ...

    def fields(self) -> tuple[FieldRow, ...]:
        """Return every field of every read page."""
        ...

    def corrections(self) -> tuple[Correction, ...]:
        """Return everything that people said."""
        ...

    def runs(self) -> tuple[RunRow, ...]:
        """Return every run."""
        ...


def exam_contents(exam: Exam, store: Remembers) -> Contents:
    """Gather everything that stands in the workbook of an exam.

    Raises:
        ExamError: the roster is faulty.
    """
    marks = exam.settings.marks
    files = store.files()
    return Contents(
        sheets=exam.sheets,
        rule=MarkRule(marks.blank, marks.dash),
        files=files,
        scan_pages={scan.scan: scan.pages for scan in store.scans()},
        pages=store.pages(),
        fields=store.fields(),
        corrections=store.corrections(),
        runs=store.runs(),
        names={each.id: each.name for each in load_roster(exam.roster)} if exam.roster.is_file() else {},
        facts=(_this_workbook(exam), _settings(exam)),
    )


def _this_workbook(exam: Exam) -> Section:
    return Section(
        "This workbook",
        (
            ("exam", exam.settings.exam),
            ("exam folder", str(exam.dir.resolve())),
            ("written at (UTC)", datetime.now(UTC)),
            ("tallymark", version("tallymark")),
        ),
    )


def _settings(exam: Exam) -> Section:
    settings = exam.settings
    accept = settings.review.accept_confidence
    templates = ", ".join(f"{template.name} version {template.version}" for template in exam.sheets.templates)
    facts: tuple[tuple[str, Scalar], ...] = (
        ("templates", templates),
        ("accepted from confidence", "as the model card says" if accept is None else accept),
        ("a blank mark cell", "a person looks" if settings.review.blank_mark == "flag" else "accepted as blank"),
        ("a blank mark is worth", _worth(settings.marks.blank)),
        ("a dash is worth", _worth(settings.marks.dash)),
        ("pages rendered by", settings.render),
    )
    return Section("Settings now", facts)


def _worth(worth: str) -> str:
    return "0" if worth == "zero" else "nothing until a person says so: the total stays empty"
