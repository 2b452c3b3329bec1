"""An exam of simulated sheets, really read by some model, with people who corrected what was flagged."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from flows.jobs import Job, carry_out, in_threads
from flows.records import Correction, FieldRow
from flows.settings import Exam, load_exam
from flows.store import open_store
from flows.workers import ReaderInfo, RunOfPages
from recognizer.classifier import ReadingModel
from recognizer.glyphs import GlyphSet, load_glyphs
from recognizer.judge import ReviewPolicy
from recognizer.promise import Thresholds
from recognizer.raster import open_scan, page_count
from recognizer.reading import read_page
from recognizer.records import PageOutcome, ValueState
from recognizer.scanfile import images_to_pdf
from recognizer.simulate import Effects, Mode, Simulation, simulate
from recognizer.template import SheetSet, parse_template

SHEET = """
name = "taught"
[[page]]
[[page.field]]
name = "candidate"
kind = "digits"
role = "id"
x = 20
y = 50
width = 7
height = 9
characters = 4
[[page.field]]
name = "q{n}"
kind = "number"
role = "mark"
question = "{n}"
minimum = 0
maximum = 10
step = 0.5
x = 30
y = 75
width = 18
height = 11
repeat = { count = 7, rows = 7, dy = 15 }
[[page.field]]
name = "agreed"
kind = "choice"
role = "answer"
question = "8"
x = 120
y = 75
width = 5
height = 5
options = ["A", "B"]
pitch = 9
"""

SETTINGS = 'exam = "exam"\ntemplates = ["templates/taught.toml"]\nworkers = 1\n[inbox]\nsettle_seconds = 0\n'

Truth = Mapping[tuple[int, str], str]
"""What is written, by page number and field."""


class RealReader:
    """Reads real scans in this process, with the model that it is given."""

    def __init__(self, model: ReadingModel, sheets: SheetSet, held: Thresholds) -> None:
        self._model = model
        self._sheets = sheets
        self._policy = ReviewPolicy(held)

    def info(self) -> ReaderInfo:
        return ReaderInfo(self._model.name, "none", None)

    def count_pages(self, path: Path) -> int:
        return page_count(path)

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        with open_scan(Path(pages.path)) as scan:
            return tuple(read_page(scan.load(ref), self._sheets, self._model, self._policy) for ref in pages.refs())


def taught_exam(
    folder: Path, model: ReadingModel, held: Thresholds, sheets: int, glyphs: GlyphSet | None = None
) -> tuple[Exam, Truth]:
    """Make an exam of one-page sheets and read them; return it and what is written on them."""
    for name in ("inbox", "archive", "quarantine", "exports", "templates"):
        (folder / name).mkdir(parents=True)
    (folder / "templates" / "taught.toml").write_text(SHEET)
    (folder / "exam.toml").write_text(SETTINGS)
    (folder / "roster.csv").write_text("id,name\n")
    exam = load_exam(folder)
    simulation = Simulation(parse_template(SHEET), sheets, seed=3, dpi=150, effects=Effects.CLEAN, mode=Mode.GREY)
    drawn = [sheet.pages[0] for sheet in simulate(simulation, glyphs or load_glyphs())]
    pdf = io.BytesIO()
    images_to_pdf([page.picture for page in drawn], pdf)
    (exam.inbox / "stack.pdf").write_bytes(pdf.getvalue())
    carry_out(Job("grade", folder), in_threads, reader=RealReader(model, exam.sheets, held))
    return exam, {(at, name): text for at, page in enumerate(drawn, 1) for name, text in page.values.items()}


def correct_flagged(exam: Exam, truth: Truth, how: str = "workbook", pages: int | None = None) -> int:
    """Have a person say of every flagged field on the first pages what is written; return how many these are."""
    with open_store(exam.dir) as store:
        said = [
            correction(row, truth[row.page_number, row.field], how)
            for row in store.fields()
            if row.flag is not None and row.page_number <= (pages or row.page_number)
        ]
        store.insert_corrections(said)
    return len(said)


def correction(row: FieldRow, value: str, how: str = "workbook") -> Correction:
    """What a person says is right."""
    state = ValueState.VALUE if value else ValueState.BLANK
    guess = row.decision.guess
    return Correction(row.key, state, value, row.value, guess, row.model, "A. Clerk", datetime.now(UTC), how)
