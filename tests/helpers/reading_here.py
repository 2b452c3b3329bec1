"""Reads real scans in the process of the test, with a model that knows next to nothing, or with the shipped one."""

from pathlib import Path

from flows.settings import Exam
from flows.workers import ReaderInfo, RunOfPages
from recognizer.classifier import ReadingModel
from recognizer.judge import ReviewPolicy
from recognizer.promise import Thresholds
from recognizer.raster import Renderer, open_scan, page_count
from recognizer.reading import read_page
from recognizer.records import PageOutcome
from tests.helpers.reading_model import WidthModel


class ReadingHere:
    """Reads real scans in this process."""

    def __init__(self, exam: Exam, model: ReadingModel | None = None, thresholds: Thresholds | None = None) -> None:
        self._exam = exam
        self._model = model or WidthModel()
        self._thresholds = thresholds

    def info(self) -> ReaderInfo:
        return ReaderInfo(self._model.name, "none", self._thresholds)

    def count_pages(self, path: Path) -> int:
        return page_count(path)

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        policy = ReviewPolicy(self._thresholds or Thresholds(0.9, 0.9, 0.9))
        with open_scan(Path(pages.path)) as scan:
            loaded = [scan.load(ref, Renderer.AUTO) for ref in pages.refs()]
        return tuple(read_page(page, self._exam.sheets, self._model, policy) for page in loaded)
