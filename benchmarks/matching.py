"""Who wrote which sheet: how many sheets find their candidate, how many a wrong one, and how long it takes.

    python -m benchmarks.matching                                    time for 5,000 sheets against 5,000 names
    python -m benchmarks.matching --sheets 1000 --seed 7             draws sheets, reads them and matches them
    python -m benchmarks.matching --exam DIR --truth truth.csv       matches what an exam folder has read

The sheets are synthetic, with real handwriting of writers kept out of all training, read by the shipped model. Of the
people who wrote them 1 in 20 is struck off the class list (their sheets are off the roster), and as many are put on it
who have no sheet (absent); the number of every second one of those is one digit beside that of somebody struck off.
Every sheet whose writer is on the list should be matched to him, and no other sheet to anybody. `--dense` gives
everybody consecutive numbers in the timed run, where each number has some forty others beside it.
"""

import argparse
import csv
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.optimize import linear_sum_assignment

from flows.id_evidence import IdField, SheetEvidence, id_evidence
from flows.matching import MatchRule, match_sheets
from flows.results import Matching, MatchStatus
from flows.roster import Candidate
from flows.settings import load_exam
from flows.store import open_store
from recognizer.template import Role

DROPPED = 0.05
"""Share of the writers who are struck off the class list, and of people on it who have no sheet."""

TIMED = 5_000
"""Sheets, and names, of the timed run."""

RUN = "import sys; from flows.cli import run; sys.exit(run(sys.argv[1:]))"
"""The command line, of the code that this file belongs to."""

DOUBTFUL = 0.05
"""Share of the characters of the timed run that are read with some doubt."""


@dataclass(frozen=True, slots=True)
class Told:
    """Sheets, and the number that is written on each."""

    evidence: tuple[SheetEvidence, ...]
    written: Mapping[str, str]


def from_exam(folder: Path, truth: Path) -> Told:
    """Return what an exam folder has read, and what is written there."""
    exam = load_exam(folder)
    with open_store(folder) as store:
        rows, characters = store.fields(), store.id_characters()
    with truth.open(encoding="utf-8", newline="") as file:
        values = {(row["file"], int(row["page"]), row["field"]): row["value"] for row in csv.DictReader(file)}
    ids = [row for row in rows if row.role is Role.ID]
    written = {row.sheet: values[row.file, row.page_number, row.field] for row in ids}
    return Told(id_evidence(rows, characters, exam.sheets.templates), written)


def challenged(written: Sequence[str], seed: int) -> tuple[Candidate, ...]:
    """Return the class list: the writers without those struck off, and as many who have no sheet."""
    rng = np.random.default_rng(seed)
    people = sorted(set(written))
    gone = [str(number) for number in rng.choice(people, round(DROPPED * len(people)), replace=False)]
    kept = set(people) - set(gone)
    for index, number in enumerate(gone):
        while (new := _beside(number, rng) if index % 2 else _anybody(number, rng)) in kept or new in people:
            pass
        kept.add(new)
    return tuple(Candidate(number, f"Sample Candidate {number}", line) for line, number in enumerate(sorted(kept), 2))


def _beside(number: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(len(number)))
    return number[:at] + str((int(number[at]) + int(rng.integers(1, 10))) % 10) + number[at + 1 :]


def _anybody(number: str, rng: np.random.Generator) -> str:
    return "".join(str(digit) for digit in rng.integers(0, 10, len(number)))


def report(told: Told, candidates: Sequence[Candidate], matching: Matching) -> dict[str, int]:
    """Print how the sheets were matched, and return the counts."""
    listed = {candidate.id for candidate in candidates}
    counts = Counter[str]()
    for match in matching.matches:
        number = told.written[match.sheet]
        counts["on the roster" if number in listed else "off the roster"] += 1
        if match.status is MatchStatus.MATCHED:
            counts["matched"] += match.id == number
            counts["wrong"] += match.id != number
        elif number in listed:
            counts["to a person"] += 1
            counts["to a person, proposed first"] += bool(match.ranked) and match.ranked[0].id == number
        counts[f"status: {match.status}"] += 1
        if match.status is not MatchStatus.MATCHED and number in listed:
            print(
                f"  {match.sheet}: {number} is {match.status} ({match.why}); "
                + ", ".join(f"{one.id} {one.probability:.4f}" for one in match.ranked[:3])
            )
        if match.status is MatchStatus.MATCHED and match.id != number:
            print(f"  WRONG {match.sheet}: {number} was matched to {match.id}, {match.probability:.5f}")
    for what, count in sorted(counts.items()):
        print(f"{count:7,} {what}")
    share = counts["matched"] / max(counts["on the roster"], 1)
    print(f"{share:7.2%} of the sheets of people on the roster are matched; {counts['wrong']} sheets to a wrong one")
    return dict(counts)


def timed(dense: bool, seed: int) -> tuple[tuple[SheetEvidence, ...], tuple[Candidate, ...]]:
    """Return 5,000 sheets with one id field and 5,000 names."""
    rng = np.random.default_rng(seed)
    numbers = (
        [f"{20250000 + at:08d}" for at in range(TIMED)]
        if dense
        else [f"{number:08d}" for number in rng.choice(10**8, TIMED, replace=False).tolist()]
    )
    sheets = tuple(
        SheetEvidence(f"sheet#{at:05d}", "sheet", (_read(number, rng),)) for at, number in enumerate(numbers)
    )
    return sheets, tuple(Candidate(number, "", at) for at, number in enumerate(numbers))


def _read(number: str, rng: np.random.Generator) -> IdField:
    places = []
    for digit in number:
        place = dict.fromkeys("0123456789", 1e-6)
        place[digit] = 1.0
        if rng.random() < DOUBTFUL:
            place[str(rng.integers(10))] += float(rng.uniform(0.05, 0.6))
        places.append({character: p / sum(place.values()) for character, p in place.items()})
    return IdField("", "candidate", tuple(places))


def drawn(template: str, sheets: int, seed: int) -> Told:
    """Draw sheets, grade them in an exam folder of their own, and return what was read and what is written."""
    with TemporaryDirectory() as folder:
        exam, inbox = Path(folder) / "exam", Path(folder) / "exam" / "inbox"
        pile = Path(folder) / "pile"
        _tallymark("init", str(exam), "--template", template)
        _tallymark("simulate", template, "--sheets", str(sheets), "--seed", str(seed), "--out", str(pile))
        for file in pile.glob("*.pdf"):
            file.rename(inbox / file.name)
        _tallymark("grade", str(exam))
        return from_exam(exam, pile / "truth.csv")


def _tallymark(*words: str) -> None:
    done = subprocess.run([sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=False)
    # 4: done, but some fields need a person.
    if done.returncode not in (0, 4):
        sys.exit(f"tallymark {' '.join(words)}: {done.stdout}{done.stderr}")


def _reference(rows: int, columns: int) -> float:
    """Return the seconds that SciPy takes for a dense linear assignment: what the time is compared with."""
    costs = np.random.default_rng(0).random((rows, columns))
    started = time.perf_counter()
    linear_sum_assignment(costs)
    return time.perf_counter() - started


def main() -> None:
    """Run what the command line asks for."""
    summary, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exam", type=Path, help="a graded exam folder (read only)")
    parser.add_argument("--truth", type=Path, help="what is written on its sheets: the truth.csv of simulate")
    parser.add_argument("--sheets", type=int, help="draw and read so many sheets")
    parser.add_argument("--template", default="cover_marks", help="which sheets to draw")
    parser.add_argument("--seed", type=int, default=1, help="of the sheets that are drawn, and of the class list")
    parser.add_argument("--lists", type=int, default=1, help="how many class lists are tried, each of another seed")
    parser.add_argument("--error", type=float, default=MatchRule().accept_error, help="share that may be wrong")
    parser.add_argument("--dense", action="store_true", help="consecutive numbers in the timed run")
    chosen = parser.parse_args()
    if chosen.exam or chosen.sheets:
        told = (
            from_exam(chosen.exam, chosen.truth) if chosen.exam else drawn(chosen.template, chosen.sheets, chosen.seed)
        )
        for seed in range(chosen.seed, chosen.seed + chosen.lists):
            candidates = challenged(list(told.written.values()), seed)
            print(f"class list {seed}")
            report(told, candidates, match_sheets(told.evidence, candidates, MatchRule(chosen.error)))
        return
    evidence, candidates = timed(chosen.dense, chosen.seed)
    started = time.perf_counter()
    matching = match_sheets(evidence, candidates, MatchRule(chosen.error))
    seconds = time.perf_counter() - started
    reference = _reference(len(evidence), len(candidates))
    right = sum(match.id == each.id for match, each in zip(matching.matches, candidates, strict=True))
    print(f"{len(evidence):,} sheets against {len(candidates):,} names: {seconds:.1f} s, {right:,} matched rightly;")
    print(f"{seconds / reference:.2f} of what one dense linear assignment of that size takes ({reference:.1f} s)")


if __name__ == "__main__":
    main()
