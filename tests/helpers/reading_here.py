"""Reads real scans in the process of the test, with a model that knows next to nothing."""

from pathlib import Path

from flows.settings import Exam
from flows.workers import ReaderInfo, RunOfPages
from recognizer.judge import ReviewPolicy
from recognizer.promise import Thresholds
from recognizer.raster import Renderer, open_scan, page_count
from recognizer.reading import read_page
from recognizer.records import PageOutcome
from tests.helpers.reading_model import WidthModel


class ReadingHere:
    """Reads real scans in this process."""

    def __init__(self, exam: Exam) -> None:
        self._exam = exam

    def info(self) -> ReaderInfo:
        return ReaderInfo("width", "none")

    def count_pages(self, path: Path) -> int:
        return page_count(path)

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        policy = ReviewPolicy(Thresholds(0.9, 0.9, 0.9))
        with open_scan(Path(pages.path)) as scan:
            loaded = [scan.load(ref, Renderer.AUTO) for ref in pages.refs()]
        return tuple(read_page(page, self._exam.sheets, WidthModel(), policy) for page in loaded)
