"""Grades a folder of damaged files and checks that nothing crashed, hung, leaked or got lost.

    python -m tests.fuzz [--pdfs 200] [--pictures 100] [--first 0] [--keep DIR]

`make fuzz` runs all of it; the ordinary tests run a small share of the same files.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import psutil
from PIL import Image

from benchmarks.run import Peak
from flows.folder import make_exam_folder
from flows.grading import Submit, Tally, Workplace, grade_inbox
from flows.inbox import Inbox
from flows.jobs import Job, in_threads
from flows.records import FileOutcome
from flows.store import open_store
from flows.workers import READING, PageReader, ReaderInfo, ReaderPool, RunOfPages, Skills, reader_spec
from recognizer.glyphs import load_glyphs
from recognizer.records import PageOutcome
from recognizer.scanfile import images_to_pdf
from recognizer.simulate import Mode, Simulation, simulate
from recognizer.template import find_template
from tests.helpers.pdf_mutations import BOMBS, malformed_pdf, malformed_picture
from tests.helpers.pdfs import jpeg_picture, picture_pdf

HANG_SECONDS = 10.0
"""No step may take longer: opening a file, or reading some pages of it; most of these files have one step of each. On
a machine that has more to do than it has cores, by as much longer as that is."""


@dataclass(slots=True)
class Found:
    """What a run over damaged files showed."""

    files: Counter[FileOutcome] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    crashed: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    largest_mb: float = 0.0
    problems: list[str] = field(default_factory=list)


class TimedReader:
    """A reader that remembers how long it took with each file."""

    def __init__(self, reader: PageReader) -> None:
        self._reader = reader
        self.took: dict[str, list[float]] = {}

    def info(self) -> ReaderInfo:
        return self._reader.info()

    def count_pages(self, path: Path) -> int:
        began = time.monotonic()
        try:
            return self._reader.count_pages(path)
        finally:
            self.took.setdefault(path.name, []).append(time.monotonic() - began)

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        began = time.monotonic()
        try:
            return self._reader.read_run(pages)
        finally:
            self.took.setdefault(Path(pages.path).name, []).append(time.monotonic() - began)


def good_pdfs() -> list[bytes]:
    """Return small scans of real sheets: three pages of JPEG, three faxes, one page that has to be rendered."""
    made = []
    for mode in (Mode.GREY, Mode.ONE_BIT):
        simulation = Simulation(find_template("cover_marks"), sheets=3, seed=6, dpi=120, mode=mode)
        pictures = [page.picture for sheet in simulate(simulation, load_glyphs()) for page in sheet.pages]
        file = BytesIO()
        images_to_pdf(pictures, file)
        made.append(file.getvalue())
        if mode is Mode.GREY:
            pixels = cv2.imdecode(np.frombuffer(bytes(pictures[0].data), np.uint8), cv2.IMREAD_GRAYSCALE)
            made.append(picture_pdf(jpeg_picture(np.asarray(pixels)), after=b" 0 g 300 3 1 1 re f "))
    return made


def good_pictures() -> dict[str, bytes]:
    """Return one filled sheet as JPEG, PNG and WebP, and two as a TIFF."""
    simulation = Simulation(find_template("cover_marks"), sheets=2, seed=6, dpi=120, mode=Mode.GREY)
    sheets = [page.picture for sheet in simulate(simulation, load_glyphs()) for page in sheet.pages]
    first, second = (Image.open(BytesIO(bytes(sheet.data))) for sheet in sheets[:2])
    made = {}
    for ending, kind, more in (
        ("jpg", "JPEG", {}),
        ("png", "PNG", {}),
        ("webp", "WEBP", {}),
        ("tif", "TIFF", {"save_all": True, "append_images": [second]}),
    ):
        file = BytesIO()
        first.save(file, kind, dpi=(120, 120), **more)
        made[ending] = file.getvalue()
    return made


@dataclass(frozen=True, slots=True)
class Damaged:
    """What was done to a file, and how many pages it had before; 0 where it was made from nothing."""

    how: str
    pages: int


def fill(inbox: Path, pdfs: Sequence[int], pictures: Sequence[int]) -> dict[str, Damaged]:
    """Write damaged files, one a seed, and return what was done to each."""
    said = {}
    good = good_pdfs()
    for seed in pdfs:
        what, data = malformed_pdf(seed, good)
        (inbox / f"{seed:03}.pdf").write_bytes(data)
        said[f"{seed:03}.pdf"] = Damaged(what, 0 if what in BOMBS else good[seed % len(good)].count(b"/Type /Page "))
    shown: Mapping[str, bytes] = good_pictures() if pictures else {}
    for seed in pictures:
        ending, data = malformed_picture(seed, shown)
        (inbox / f"p{seed:03}.{ending}").write_bytes(data)
        said[f"p{seed:03}.{ending}"] = Damaged(ending, 2 if ending == "tif" else 1)
    return said


def grade_damaged(folder: Path, pdfs: Sequence[int], pictures: Sequence[int], skills: Skills = READING) -> Found:
    """Grade damaged files and return what was seen; `problems` is empty when all is well."""
    exam = make_exam_folder(folder / "exam", ["cover_marks"], None, None)
    done = fill(exam.inbox, pdfs, pictures)
    found = Found()
    me, temporary = psutil.Process(), Path(tempfile.gettempdir())
    began, handles, left = time.monotonic(), me.num_fds(), set(temporary.iterdir())
    peak = Peak(os.getpid())
    with open_store(exam.dir) as store, store.grading(), ReaderPool(reader_spec(exam), 2, skills=skills) as pool:
        reader = TimedReader(pool)

        def grade(submit: Submit, _: object) -> Tally:
            return grade_inbox(Workplace(exam, store, reader, submit), Inbox(exam.inbox, 0.0))

        tally = in_threads(Job("grade", exam.dir), reader, grade)
        rows = store.pages()
        claimed = {scan.scan: scan.pages for scan in store.scans()}
        names = {scan.archived: f"{scan.file}: {done[scan.file].how}" for scan in store.scans()}
        read = {scan.file: scan.pages for scan in store.scans()}
    found.peak_mb, found.largest_mb = peak.stop()
    found.seconds = time.monotonic() - began
    found.files, found.pages = tally.files, Counter(row.outcome.value for row in rows)
    found.crashed = sum("crashed" in one.reason for one in tally.set_aside)
    found.slowest = sorted(((max(took), names.get(name, name)) for name, took in reader.took.items()), reverse=True)
    found.problems += _unbalanced(tally, len(pdfs) + len(pictures), claimed, [row.scan for row in rows])
    found.problems += [
        f"{name} ({done[name].how}) lost pages" for name, count in read.items() if count < done[name].pages
    ]
    found.problems += [
        f"page {row.number} of {row.file} ({done[row.file].how}) counts as blank"
        for row in rows
        if row.outcome.value == "blank" and done[row.file].pages
    ]
    if list(exam.inbox.iterdir()):
        found.problems.append(f"left in the inbox: {sorted(path.name for path in exam.inbox.iterdir())}")
    limit = HANG_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    found.problems += [f"{name} took {took:.0f} s" for took, name in found.slowest if took > limit]
    if new := set(temporary.iterdir()) - left - {folder}:
        found.problems.append(f"left in {temporary}: {sorted(path.name for path in new)[:5]}")
    if others := me.children(recursive=True):
        found.problems += [f"still runs: {other.pid}" for other in others if "resource_tracker" not in _line(other)]
    if me.num_fds() > handles + 4:
        found.problems.append(f"{me.num_fds() - handles} files are still open")
    return found


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "resource_tracker"


def _unbalanced(tally: Tally, files: int, claimed: Mapping[str, int], pages: Sequence[str]) -> list[str]:
    """Return where the ledger does not close."""
    problems = []
    if sum(tally.files.values()) != files:
        problems.append(f"{files} files came in, {dict(tally.files)} came out")
    stored = Counter(pages)
    problems += [
        f"scan {scan[:8]}: {number} pages, {stored[scan]} stored"
        for scan, number in claimed.items()
        if stored[scan] != number
    ]
    if sum(tally.pages.values()) != len(pages):
        problems.append(f"{len(pages)} pages stored, {sum(tally.pages.values())} counted")
    return problems


def main() -> int:
    """Grade what was asked for and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pdfs", type=int, default=200, help="how many damaged PDFs (default 200)")
    parser.add_argument("--pictures", type=int, default=100, help="how many damaged pictures (default 100)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--keep", type=Path, help="leave the exam folder there, to look at it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        place = Path(folder) / "graded"
        place.mkdir()
        seeds = range(asked.first, asked.first + asked.pdfs), range(asked.first, asked.first + asked.pictures)
        found = grade_damaged(place, *seeds)
        if asked.keep:
            shutil.copytree(place, asked.keep, dirs_exist_ok=True)
    files = ", ".join(f"{count} {outcome.value}" for outcome, count in found.files.items())
    pages = ", ".join(f"{count} {outcome}" for outcome, count in found.pages.items())
    print(f"files: {files}\npages: {pages} ({found.crashed} crashed or hung)")
    slowest = "; ".join(f"{took:.1f} s {name}" for took, name in found.slowest[:5])
    print(f"{found.seconds:.0f} s in all, load {os.getloadavg()[0]:.1f}; slowest steps: {slowest}")
    print(f"{found.peak_mb:.0f} MB at most, {found.largest_mb:.0f} MB the largest process")
    for problem in found.problems:
        print(f"PROBLEM: {problem}")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
