"""Speed and memory of the product as it is installed, as ratios within one run.

    python -m benchmarks.run [help] [recognizer] [registration] [raster] [speed] [memory] [prefect] [--pages N]

    help     `tallymark --help` against starting Python alone
    recognizer
             loading the model, a digit, a number cell and a tick box on one core, beside the starting point's network
    registration
             `benchmarks.registration` with that many office pages, the other rows in proportion (2,000: the whole)
    raster   a page of a scanned PDF to grey pixels, one core, against OpenCV decoding the same JPEG bytes alone
    speed    300 dpi grey A4 scans, from PDF to committed readings, against decoding their pictures with OpenCV alone
    memory   the most memory that grading one 2,000-page PDF holds, all processes but Prefect's server; the pages are
             drawn first, which takes longer than grading them (--stack reads a PDF drawn before, or keeps it)
    prefect  what Prefect adds to a run

The scans are drawn (synthetic sheets, real handwriting, office effects), 300 dpi, grey JPEG. Figures depend on the
machine and on what else it does; compare the ratios.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import psutil

from flows.folder import make_exam_folder
from flows.grading import Tally
from flows.jobs import Job, Runner, carry_out, in_threads
from recognizer.glyphs import load_glyphs
from recognizer.raster import open_scan
from recognizer.records import PageRef, PageSource
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.simulate import Mode, Simulation, simulate
from recognizer.template import find_template

WHAT = ("help", "recognizer", "registration", "raster", "speed", "prefect", "memory")
TEMPLATE = "cover_marks"
MEMORY_PAGES = 2000
MEMORY_LIMIT_MB = 700
SPEED_TARGET = 8.0
RASTER_PAGES = 24
RASTER_TARGET = 1.3
HELP_TARGET_S = 0.6


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"any of {', '.join(WHAT)}; all when none is named")
    parser.add_argument("--pages", type=int, default=96, help="pages that are drawn (default 96)")
    parser.add_argument("--memory-pages", type=int, default=MEMORY_PAGES, help=f"(default {MEMORY_PAGES})")
    parser.add_argument("--stack", type=Path, help="the PDF for memory; drawn when it is not there")
    arguments = parser.parse_args()
    what = arguments.what or WHAT
    if strange := set(what) - set(WHAT):
        parser.error(f"cannot measure {', '.join(sorted(strange))}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if "help" in what:
        measure_help()
    if "recognizer" in what:
        measure_recognizer()
    if "registration" in what:
        measure_registration(arguments.pages)
    if "memory" in what:
        measure_memory(arguments.memory_pages, arguments.stack)
    if set(what) - {"help", "recognizer", "registration", "memory"}:
        pictures = draw(arguments.pages)
        measures: dict[str, Callable[[Sequence[ScannedPicture]], None]] = {
            "raster": measure_raster,
            "speed": measure_speed,
            "prefect": measure_prefect,
        }
        for name, measure in measures.items():
            if name in what:
                measure(pictures)


def draw(pages: int) -> list[ScannedPicture]:
    """Return that many filled and scanned pages, grey, 300 dpi."""
    began = time.perf_counter()
    simulation = Simulation(find_template(TEMPLATE), sheets=pages, seed=3, mode=Mode.GREY)
    pictures = [page.picture for sheet in simulate(simulation, load_glyphs()) for page in sheet.pages]
    size = sum(len(picture.data) for picture in pictures) / len(pictures) / 1e6
    print(f"drew {len(pictures)} pages of {size:.2f} MB in {time.perf_counter() - began:.0f} s")
    return pictures


# ---- help -------------------------------------------------------------------------------------------------------


def measure_help() -> None:
    bare = fastest([sys.executable, "-c", "pass"])
    asked = fastest([tallymark(), "--help"])
    print(f"help    {asked:.2f} s (target < {HELP_TARGET_S} s); {asked / bare:.1f} x starting Python ({bare:.2f} s)")


def fastest(command: Sequence[str], times: int = 7) -> float:
    """Return the fastest of some runs: the one least disturbed."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return min(took)


def tallymark() -> str:
    return str(Path(sys.executable).with_name("tallymark"))


# ---- recognizer -------------------------------------------------------------------------------------------------


def measure_recognizer() -> None:
    # In a process of its own: it is pinned to one core, which the other measures must not be.
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "benchmarks.recognizer"], check=False)


# ---- registration ----------------------------------------------------------------------------------------------


def measure_registration(pages: int) -> None:
    # In a process of its own: hundreds of papers stay in its memory.
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "benchmarks.registration", "--pages", str(pages)], check=False)


# ---- speed ------------------------------------------------------------------------------------------------------


class Pace:
    """Remembers when how many pages were stored: the rate once running, start-up apart."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def progress(self, tally: Tally) -> None:
        """Take note."""
        self.seen.append((time.perf_counter(), tally.pages_done))

    @property
    def pages_per_second(self) -> float:
        """Pages stored a second, from the first few to the last."""
        (began, first), (ended, last) = self.seen[0], self.seen[-1]
        return (last - first) / (ended - began)


def measure_speed(pictures: Sequence[ScannedPicture]) -> None:
    decode = decode_seconds(pictures)
    print(f"decode  {1 / decode:.1f} pages/s: OpenCV alone, one thread, the same JPEG bytes")
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            pace, tally = graded(Path(folder), pictures, workers, in_threads)
        rate = pace.pages_per_second
        target = f" (target >= {SPEED_TARGET:g})" if workers == 2 else ""
        print(
            f"speed   {rate:.1f} pages/s once running, {workers} worker{'s' if workers > 1 else ''}{target}; "
            f"{workers / rate / decode:.1f} x the bare decode in worker time; "
            f"{tally.fields} fields, {tally.flagged} flagged, start-up included {tally.pages_per_second:.1f} pages/s"
        )


def measure_raster(pictures: Sequence[ScannedPicture]) -> None:
    cv2.setNumThreads(1)
    some = pictures[:RASTER_PAGES]
    streams = [np.frombuffer(picture.data, np.uint8) for picture in some if isinstance(picture.data, bytes)]
    bare, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        images_to_pdf(some, Path(folder) / "stack.pdf")
        with open_scan(Path(folder) / "stack.pdf") as scan:
            for _ in range(5):
                for number, stream in enumerate(streams, 1):
                    # By turns, and the time of this process alone: what else the machine does counts for neither.
                    began = time.process_time()
                    cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE)
                    decoded = time.process_time()
                    page = scan.load(PageRef("x", number))
                    bare.append(decoded - began)
                    whole.append(time.process_time() - decoded)
                    assert page.source is PageSource.EMBEDDED
    print(
        f"raster  {np.median(whole) * 1e3:.1f} ms a page from the PDF, {np.median(bare) * 1e3:.1f} ms the bare decode: "
        f"{np.median(whole) / np.median(bare):.2f} x (target <= {RASTER_TARGET})"
    )


def measure_prefect(pictures: Sequence[ScannedPicture]) -> None:
    from flows.grade import with_prefect

    took: dict[str, float] = {}
    for name, runner in (("without", in_threads), ("with", with_prefect)):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            pace, _ = graded(Path(folder), pictures, 2, runner)
            took[name] = time.perf_counter() - began
        print(f"prefect {took[name]:.1f} s {name} it, {pace.pages_per_second:.1f} pages/s once running")


def decode_seconds(pictures: Sequence[ScannedPicture]) -> float:
    """Return how long OpenCV takes to decode one page's JPEG to grey, on one thread."""
    cv2.setNumThreads(1)
    streams = [np.frombuffer(picture.data, np.uint8) for picture in pictures if isinstance(picture.data, bytes)]
    took = []
    for stream in streams:
        began = time.perf_counter()
        cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE)
        took.append(time.perf_counter() - began)
    return float(np.median(took))


def graded(folder: Path, pictures: Sequence[ScannedPicture], workers: int, runner: Runner) -> tuple[Pace, Tally]:
    """Grade the pages as one PDF in a new exam folder."""
    exam = make_exam_folder(folder / "exam", [TEMPLATE], None, None)
    drop(exam.inbox, pictures)
    pace = Pace()
    tally = carry_out(Job("grade", exam.dir, workers=workers), runner, [pace])
    assert tally.pages_done == len(pictures)
    return pace, tally


def drop(inbox: Path, pictures: Sequence[ScannedPicture]) -> None:
    images_to_pdf(pictures, inbox / "stack.pdf")


# ---- memory -----------------------------------------------------------------------------------------------------


def measure_memory(pages: int, stack: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exam = make_exam_folder(Path(folder) / "exam", [TEMPLATE], None, None)
        drawn = stack or Path(folder) / "stack.pdf"
        if not drawn.exists():
            draw_stack(drawn, pages)
        shutil.copyfile(drawn, exam.inbox / "stack.pdf")
        size = drawn.stat().st_size / 1e6
        command = [tallymark(), "grade", "--json", str(exam.dir)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            peak = Peak(process.pid)
            said = json.loads(process.communicate()[0])
            total, largest = peak.stop()
    done, read = sum(said["pages"].values()), said["pages"]["read"]
    print(
        f"memory  {total:.0f} MB at most for {done} pages ({read} read) in one PDF of {size:.0f} MB, "
        f"{said['seconds']:.0f} s "
        f"(target < {MEMORY_LIMIT_MB} MB; the largest process {largest:.0f} MB)"
    )


def draw_stack(path: Path, pages: int) -> None:
    """Draw that many different sheets into one PDF, holding one at a time."""
    cv2.setNumThreads(1)
    simulation = Simulation(find_template(TEMPLATE), sheets=pages, seed=3, mode=Mode.GREY)
    images_to_pdf((page.picture for sheet in simulate(simulation, load_glyphs()) for page in sheet.pages), path)


class Peak:
    """Watches how much memory a process and its children hold, Prefect's server apart; shared memory counted once."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._total = self._largest = 0.0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> tuple[float, float]:
        """Return the most in all and the most of one process, in MB."""
        self._stop.set()
        self._thread.join()
        return self._total, self._largest

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            held = [memory for process in self._family() if (memory := _held(process))]
            self._total = max(self._total, sum(held))
            self._largest = max(self._largest, *held, 0.0)

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _held(process: psutil.Process) -> float:
    try:
        if any("uvicorn" in part for part in process.cmdline()):
            return 0.0
        return float(process.memory_full_info().pss) / 1e6
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0


if __name__ == "__main__":
    main()
