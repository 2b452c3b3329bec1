"""What reading costs on one core: loading, a digit, a number cell, a tick box; beside the starting point's network.

    python -m benchmarks.recognizer [--model FOLDER] [--repeats N]

One run measures everything in turn, several times over, pinned to one core where the system allows it: the least
processor time is what the work takes, the median what this machine was like meanwhile. Digits, cells and boxes are cut
from simulated scans of the shipped templates (synthetic sheets, real handwriting). Figures depend on the machine;
compare the ratios, which are to the starting point's network in eight bits, or to our network where that is missing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from benchmarks import reference
from recognizer.boxes import crop_boxes
from recognizer.classifier import LiteRtModel, Network, load_model
from recognizer.digits import isolate_digit, isolate_number
from recognizer.errors import RecognizerError
from recognizer.fields import FieldCrops, box_probabilities, read_cells, read_fields
from recognizer.glyphs import load_glyphs
from recognizer.marks_view import mark_views
from recognizer.records import BoxCrop, GreyImage
from recognizer.register import register
from recognizer.simulate import Mode, Simulation, simulate
from recognizer.template import Kind, SheetSet, find_template
from tests.helpers.paper import as_page

Thing = TypeVar("Thing")

BATCH = 256
"""Views looked at together, as from a run of pages."""

DIGIT_BUDGET_US = 130.0
"""What the starting point's network takes in eight bits, on the machine that budgets were set on."""

CELL_BUDGET_US = 1000.0
LOAD_BUDGET_S = 1.0
MEMORY_BUDGET_MB = 150.0

STARTING_POINT = "starting point"

TEMPLATES = ("cover_marks", "choice_answers")
SHEETS = 3
"""Sheets of each template: a few hundred boxes, cut in some seconds."""

REPEATS = 9
STARTS = 5
"""Fresh processes in which loading is measured."""

LOADING = """
import sys, time
began = time.perf_counter()
from pathlib import Path
from recognizer.classifier import load_model
load_model(Path(sys.argv[1]) if sys.argv[1:] else None)
took = time.perf_counter() - began
import json, psutil
print(json.dumps([took, psutil.Process().memory_info().rss / 1e6]))
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """What one thing took, in seconds apiece over several repeats."""

    seconds: tuple[float, ...]

    @property
    def least(self) -> float:
        """The time of the repeat least disturbed, s."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The time in the middle, s."""
        return float(np.median(self.seconds))


@dataclass(frozen=True, slots=True)
class Work:
    """Something to time: it does `count` of what it is named for at once."""

    name: str
    count: int
    do: Callable[[], object]
    budget_us: float | None = None


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of the model (default: the shipped one)")
    parser.add_argument(
        "--repeats", type=int, default=REPEATS, help=f"how often everything is timed (default {REPEATS})"
    )
    options = parser.parse_args()
    core = pin()
    cv2.setNumThreads(1)
    try:
        model = load_model(options.model)
        print(f"{model.name}, {core}, load {os.getloadavg()[0]:.1f}")
        print_loading(options.model)
        works = list(reading_works(model, cut_fields()))
        with tempfile.TemporaryDirectory() as folder:
            works += reference_works(Path(folder))
            print_table(works, timed(works, options.repeats))
    except RecognizerError as error:
        print(f"recognizer benchmark: {error}", file=sys.stderr)
        return 1
    return 0


def pin() -> str:
    """Keep this process and its children on one core; return what was done."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core: this system cannot"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


# ---- loading ----------------------------------------------------------------------------------------------------


def print_loading(folder: Path | None) -> None:
    """Print how long a fresh process takes to have the model, and what it holds in memory then."""
    command = [sys.executable, "-c", LOADING, *([str(folder)] if folder else [])]
    printed = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(STARTS)]
    seconds, memory = zip(*(json.loads(text) for text in printed), strict=True)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)
    bare = time.perf_counter() - began
    took = Timing(seconds)
    print(
        f"import and load  least {took.least:.2f} s, median {took.median:.2f} s (budget {LOAD_BUDGET_S:g} s, "
        f"{judged(took.least, LOAD_BUDGET_S)}); {took.median / bare:.1f} x starting Python with NumPy"
    )
    held = max(memory)
    print(f"memory then      {held:.0f} MB (budget {MEMORY_BUDGET_MB:g} MB, {judged(held, MEMORY_BUDGET_MB)})")


# ---- what is timed ----------------------------------------------------------------------------------------------


def cut_fields() -> Mapping[Kind, Sequence[FieldCrops]]:
    """Return filled fields of simulated sheets, cut from their scans."""
    found: dict[Kind, list[FieldCrops]] = {Kind.DIGITS: [], Kind.NUMBER: [], Kind.CHOICE: []}
    for template in map(find_template, TEMPLATES):
        simulation = Simulation(template, SHEETS, seed=3, mode=Mode.GREY)
        sheets = SheetSet(simulation.exam, (template,))
        for sheet in simulate(simulation, load_glyphs()):
            for page in sheet.pages:
                pixels = cv2.imdecode(np.frombuffer(page.picture.data, np.uint8), cv2.IMREAD_GRAYSCALE)
                for field in fields_on(np.asarray(pixels, np.uint8), sheets):
                    if page.values.get(field.field.name) and field.field.kind in found:
                        found[field.field.kind].append(field)
    return found


def fields_on(pixels: GreyImage, sheets: SheetSet) -> Iterator[FieldCrops]:
    """Yield the fields of one scanned page with their crops."""
    found = register(as_page(pixels), sheets)
    crops: dict[str, list[BoxCrop]] = {}
    for crop in crop_boxes(found):
        crops.setdefault(crop.field, []).append(crop)
    for field in found.template.pages[found.identity.page - 1].fields:
        if field.name in crops:
            yield FieldCrops(field, tuple(crops[field.name]))


def reading_works(model: LiteRtModel, fields: Mapping[Kind, Sequence[FieldCrops]]) -> Iterator[Work]:
    """Yield what the reader does, of `BATCH` pieces each."""
    combs, cells, choices = fields[Kind.DIGITS], fields[Kind.NUMBER], fields[Kind.CHOICE]
    digits = several([box for field in combs for crop in field.crops if (box := isolate_digit(crop)).glyph is not None])
    glyphs = np.stack([box.glyph.image for box in digits if box.glyph is not None])
    yield Work("digit: network", BATCH, lambda: model.probabilities(glyphs), DIGIT_BUDGET_US)
    yield Work("digit: with second looks", BATCH, lambda: box_probabilities(digits, model))
    isolated = [(one.field, isolate_number(one.crops[0])) for one in cells]
    written = several([(field, cell) for field, cell in isolated if cell.strip is not None])
    stack = np.stack([cell.strip.image for _, cell in written if cell.strip is not None])
    yield Work("number cell: network", BATCH, lambda: model.sequences(stack))
    yield Work("number cell: networks and decoding", BATCH, lambda: read_cells(written, model), CELL_BUDGET_US)
    boxes = several([crop for field in choices for crop in field.crops])
    views = mark_views(boxes)
    yield Work("tick box: network", BATCH, lambda: model.marks(views))
    for name, some in (("digit box", combs), ("number cell", cells), ("tick box", choices)):
        taken = several(some, -(-BATCH // len(some[0].crops)))
        count = sum(len(field.crops) for field in taken)
        yield Work(f"{name}: crop to value", count, lambda taken=taken: read_fields(taken, model))  # type: ignore[misc]


def reference_works(folder: Path) -> Iterator[Work]:
    """Yield the starting point's network in floats and in eight bits; says so when it cannot be built."""
    if not reference.is_possible():
        print("the starting point's network is left out: TensorFlow is not installed (make test installs it)")
        return
    subprocess.run([sys.executable, "-m", "benchmarks.reference", str(folder)], check=True, stderr=subprocess.DEVNULL)
    weights = int((folder / "weights.txt").read_text(encoding="ascii"))
    views = np.random.default_rng(1).random((BATCH, *reference.VIEW), np.float32)
    for name in ("float", "int8"):
        packed = (folder / f"{name}.tflite").read_bytes()
        network = Network(packed, reference.VIEW, reference.CLASSES, 1.0, name)
        title = f"{STARTING_POINT}, {weights / 1e3:.0f} k, {name}"
        yield Work(title, BATCH, lambda network=network: network.probabilities(views))  # type: ignore[misc]


def several(things: Sequence[Thing], count: int = BATCH) -> list[Thing]:
    """Return so many of them, from the first again when there are fewer."""
    return list(islice(cycle(things), count))


# ---- timing -----------------------------------------------------------------------------------------------------


def timed(works: Sequence[Work], repeats: int) -> list[Timing]:
    """Return what each work took apiece. All take turns, so that a disturbance meets all alike."""
    took: list[list[float]] = [[] for _ in works]
    for number in range(repeats + 1):
        for seconds, work in zip(took, works, strict=True):
            # Processor time: one thread works, and what others do on its core meanwhile is none of its cost.
            began = time.process_time()
            work.do()
            # The first time fills caches.
            if number:
                seconds.append((time.process_time() - began) / work.count)
    return [Timing(tuple(seconds)) for seconds in took]


def print_table(works: Sequence[Work], timings: Sequence[Timing]) -> None:
    """Print a line for each work."""
    one = timings[-1 if works[-1].name.startswith(STARTING_POINT) else 0].least
    print(f"{'µs apiece, one core':<38}{'least':>8}{'median':>8}{'ratio':>8}  budget")
    for work, timing in zip(works, timings, strict=True):
        least, median = timing.least * 1e6, timing.median * 1e6
        budget = "" if work.budget_us is None else f"{work.budget_us:g}, {judged(least, work.budget_us)}"
        print(f"{work.name:<38}{least:>8.0f}{median:>8.0f}{timing.least / one:>8.2f}  {budget}".rstrip())


def judged(seen: float, budget: float) -> str:
    """Return in a word whether a budget was kept."""
    return "kept" if seen <= budget else "EXCEEDED"


if __name__ == "__main__":
    sys.exit(main())
