"""Draws the sample sheets again: `make samples`, or with another seed into another folder.

    python sample_sheets/make_samples.py --seed 2 --out samples-2

The seed of the shipped sheets is 1, fixed before anybody looked at them.
"""

import argparse
import sys
from pathlib import Path

from flows.cli import run

EXAM = "demo"
"""Exam code printed on the samples; the exam folder that reads them has the same."""

BATCHES = (
    ("cover_marks", 8, 300, "grey"),
    ("cover_marks", 4, 200, "1-bit"),
    ("numeric_answers", 5, 200, "grey"),
    ("numeric_answers", 4, 300, "1-bit"),
    ("choice_answers", 4, 200, "grey"),
    ("choice_answers", 4, 300, "1-bit"),
    ("booklet", 3, 300, "grey"),
    ("booklet", 2, 200, "1-bit"),
)
"""One PDF each: template, sheets, resolution and what the scanner delivers. 34 sheets on 39 pages."""


def commands(seed: int, folder: Path) -> list[list[str]]:
    """Return the command line of every batch; a template's second batch goes on counting where its first ended."""
    lines: list[list[str]] = []
    printed: dict[str, int] = {}
    for template, sheets, dpi, mode in BATCHES:
        first = 1 + seed % 19 * 1000 + printed.get(template, 0)
        printed[template] = printed.get(template, 0) + sheets
        lines.append(
            f"simulate {template} --sheets {sheets} --seed {seed} --first-serial {first} --dpi {dpi} --mode {mode} "
            f"--effects office --exam {EXAM} --prefix {template}-{dpi}dpi-{mode} --append --force --out".split()
        )
        lines[-1].append(str(folder))
    return lines


def main() -> int:
    """Run every batch; stop at the first that fails."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, default=Path(__file__).parent)
    chosen = options.parse_args()
    for table in ("truth.csv", "roster.csv"):
        (chosen.out / table).unlink(missing_ok=True)
    for line in commands(chosen.seed, chosen.out):
        if code := run(line):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
