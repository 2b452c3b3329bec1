"""A reader of make-believe scans: text files that say what a real reader would have found on each page.

SHEETS
{"serial": 1, "values": {"q1": "7.5"}}
{"outcome": "blank"}
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.settings import Exam, load_exam
from flows.workers import ReaderInfo, RunOfPages
from recognizer.errors import ScanError
from recognizer.promise import Thresholds
from recognizer.records import HandPlacement, PageOutcome, PageOutcomeKind, PageRef
from tests.helpers.filing import TWO_PAGES, page_failure, page_result

SETTINGS = """
exam = "exam"
templates = ["templates/small.toml"]
workers = 2
[inbox]
settle_seconds = 0
"""


def exam_folder(folder: Path, settings: str = SETTINGS) -> Exam:
    """Make an exam folder whose files need not lie still."""
    for name in ("inbox", "archive", "quarantine", "exports", "templates"):
        (folder / name).mkdir(parents=True)
    (folder / "templates" / "small.toml").write_text(TWO_PAGES)
    (folder / "exam.toml").write_text(settings)
    (folder / "roster.csv").write_text("id,name\n")
    return load_exam(folder)


def fake_scan(*pages: dict[str, Any], mark: str = "") -> str:
    """Return the text of a make-believe scan. `mark` makes its bytes differ from those of a scan with equal pages."""
    return "\n".join([f"SHEETS{mark}", *(json.dumps(page) for page in pages)])


def sheet(serial: int | None, page: int = 1, **more: Any) -> dict[str, Any]:
    """One page of a make-believe scan."""
    return {"serial": serial, "page": page, **more}


class FakeReader:
    """Reads make-believe scans; counts what it was asked to read."""

    def __init__(self, model: str = "fake-1", confidence: float = 0.999, thresholds: Thresholds | None = None) -> None:
        self._model = model
        self._thresholds = thresholds
        self._confidence = confidence
        self._lock = threading.Lock()
        self.pages_read = 0

    def info(self) -> ReaderInfo:
        return ReaderInfo(self._model, "none", self._thresholds)

    def count_pages(self, path: Path) -> int:
        return len(_pages(path))

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        with self._lock:
            self.pages_read += pages.last - pages.first + 1
        lines = _pages(Path(pages.path))
        return tuple(
            self._outcome(ref, json.loads(lines[ref.number - 1]), pages.placement(ref)) for ref in pages.refs()
        )

    def _outcome(self, ref: PageRef, said: dict[str, Any], placed: HandPlacement | None) -> PageOutcome:
        if placed and said.get("fits", True):
            said = {name: value for name, value in said.items() if name != "outcome"}
            said |= {"serial": placed.serial, "page": placed.page, "identified_by": "hand"}
        if "outcome" in said:
            return page_failure(ref, PageOutcomeKind(said["outcome"]), "said so", said.get("picture"))
        return page_result(
            ref,
            said.get("values", {}),
            page=said.get("page", 1),
            serial=said["serial"],
            picture=said.get("picture"),
            confidence=said.get("confidence", self._confidence),
            identified_by=said.get("identified_by", "qr"),
        )


def _pages(path: Path) -> Sequence[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or not lines[0].startswith("SHEETS"):
        raise ScanError(f"{path.name}: is no make-believe scan")
    return lines[1:]
