"""An exam folder with a real database, filled from hand-made rows instead of scans."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from flows.records import Arrival, FieldRow, FiledField, FiledPage, FileOutcome, PageRow, ScanRow
from flows.store import open_store
from recognizer.records import PageOutcomeKind, Reading
from tests.helpers.exam_rows import MARKS, SCAN, crop_png, failed_page, marks_fields, page_row
from tests.helpers.id_ink import characters_of

SETTINGS = 'exam = "exam"\ntemplates = ["marks.toml"]\n'


def exam_folder(folder: Path, settings: str = SETTINGS) -> Path:
    """Three sheets: the second has one open mark, the third an open id and a blank mark. And a page that failed."""
    folder.mkdir(exist_ok=True)
    for name in ("inbox", "archive", "quarantine", "exports"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "exam.toml").write_text(settings, encoding="utf-8")
    (folder / "marks.toml").write_text(MARKS, encoding="utf-8")
    (folder / "roster.csv").write_text("id,name\n00123456,Ada\n00123457,=1+1\n", encoding="utf-8")
    pages = [page_row("marks", number) for number in (1, 2, 3)]
    fields = [
        *marks_fields(pages[0], "00123456", ["1", "2.5", "-"], "3.5"),
        *marks_fields(pages[1], "00123457", ["1", None, "3"], "11"),
        *marks_fields(pages[2], None, ["", "2", "3"], "5"),
    ]
    failed = failed_page(4, PageOutcomeKind.FAILED, "no corner marks")
    remember(folder, [*pages, failed], fields)
    return folder


def remember(
    folder: Path, pages: Sequence[PageRow], fields: Sequence[FieldRow], model: str = "digits-1", *, again: bool = False
) -> None:
    """Store pages of one scan with their fields, as a run would; `again` when the scan was stored before."""
    by_page: Mapping[int, list[FieldRow]] = {page.number: [] for page in pages}
    for row in fields:
        by_page[row.page_number].append(row)
    with open_store(folder) as store:
        run = store.begin_run("grade", tallymark="0.1.0", model=model, renderer="pdfium", settings="{}")
        if not again:
            arrival = Arrival(1, b"a.pdf", "a.pdf", SCAN, f"{SCAN}.pdf", 1, 2, 3)
            store.begin_arrival(arrival)
            store.add_scan(ScanRow(SCAN, 1, "a.pdf", len(pages), f"{SCAN}.pdf"))
            store.settle_arrival(arrival, FileOutcome.READ, run=run)
            store.finish_arrival(arrival)
        filed = [FiledPage(page, None, np.eye(3), tuple(_filed(row) for row in by_page[page.number])) for page in pages]
        store.save_pages(filed, model, run, 1.0)
        store.finish_run(run, 1.0)


def _filed(row: FieldRow) -> FiledField:
    reading = Reading(row.field, row.values, characters_of(row), None, crop_png(row.key))
    return FiledField(row.kind, row.role, reading, row.decision)
