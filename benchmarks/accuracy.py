"""How many fields are flagged, and how many are accepted but wrong, on simulated stacks of other seeds.

    python -m benchmarks.accuracy --seeds 2-21

Draws the sample sheets with every seed (synthetic sheets, real handwriting of writers kept out of all training), reads
them with the shipped model and the default policy, and compares with the truth. `--json` prints one object a seed.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from recognizer.classifier import ReadingModel, load_model
from recognizer.judge import ReviewPolicy
from recognizer.promise import ACCEPT_ERROR, policy_thresholds
from recognizer.raster import Renderer, open_scan
from recognizer.reading import read_page
from recognizer.records import PageFailure, PageOutcome, PageRef, ValueState
from recognizer.template import SheetSet, find_template, shipped_templates

RECIPE = Path(__file__).parent.parent / "sample_sheets" / "make_samples.py"
EXAM = "demo"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field that was accepted and is not what was written."""

    file: str
    page: int
    field: str
    written: str
    read: str


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one seed."""

    seed: int
    pages: int
    unread_pages: int
    fields: int
    flagged: int
    wrong: tuple[Wrong, ...]


def score(seed: int, folder: Path, model: ReadingModel) -> Score:
    """Read every page in a folder of samples and compare with its truth.csv."""
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as table:
        truth = {(row["file"], int(row["page"]), row["field"]): row["value"] for row in csv.DictReader(table)}
    sheets = SheetSet(EXAM, tuple(find_template(name) for name in shipped_templates()))
    policy = ReviewPolicy(policy_thresholds(model.card.details, ACCEPT_ERROR))
    pages, unread, flagged, wrong = 0, 0, 0, []
    seen: set[tuple[str, int, str]] = set()
    for file in sorted(folder.glob("*.pdf")):
        for number, outcome in _outcomes(file, sheets, model, policy):
            pages += 1
            if isinstance(outcome, PageFailure):
                unread += 1
                print(f"seed {seed} {file.name} page {number}: {outcome.reason}", file=sys.stderr)
                continue
            for decision in outcome.decisions:
                key = (file.name, number, decision.field)
                seen.add(key)
                if decision.state is ValueState.UNSETTLED:
                    flagged += 1
                elif decision.value != truth[key]:
                    wrong.append(Wrong(*key, truth[key], decision.value))
    flagged += len(truth.keys() - seen)
    return Score(seed, pages, unread, len(truth), flagged, tuple(wrong))


def _outcomes(
    file: Path, sheets: SheetSet, model: ReadingModel, policy: ReviewPolicy
) -> Iterator[tuple[int, PageOutcome]]:
    with open_scan(file) as scan:
        for number in range(1, scan.page_count + 1):
            page = scan.load(PageRef(file.stem, number), Renderer.AUTO)
            yield number, read_page(page, sheets, model, policy)


def seeds(text: str) -> list[int]:
    """Return the numbers of `2-21` or `1,5,9`."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def main() -> None:
    """Print one line a seed and the sum."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=seeds, default=seeds("2-21"))
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    cv2.setNumThreads(1)
    model = load_model()
    scores = []
    for seed in chosen.seeds:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [sys.executable, str(RECIPE), "--seed", str(seed), "--out", folder],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            scores.append(score(seed, Path(folder), model))
        _print(scores[-1], chosen.json)
    if not chosen.json:
        fields, flagged = sum(s.fields for s in scores), sum(s.flagged for s in scores)
        wrong = sum(len(s.wrong) for s in scores)
        print(f"all: {fields} fields, {flagged} flagged ({flagged / fields:.1%}), {wrong} accepted and wrong")


def _print(result: Score, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(result)), flush=True)
        return
    share = result.flagged / result.fields
    print(
        f"seed {result.seed}: {result.pages} pages ({result.unread_pages} unread), {result.fields} fields, "
        f"{result.flagged} flagged ({share:.1%}), {len(result.wrong)} wrong",
        flush=True,
    )
    for wrong in result.wrong:
        print(f"  {wrong.file} page {wrong.page} {wrong.field}: written {wrong.written!r}, read {wrong.read!r}")


if __name__ == "__main__":
    main()
