"""How long a re-mark takes: a changed key, a changed class list, a changed setting; no scan, no model.

    python -m benchmarks.remark --exam DIR [--rounds 3]

An exam folder to measure is made once; reading 1,000 sheets takes some minutes:

    tallymark simulate cover_marks --sheets 1000 --seed 101 --out scans
    tallymark init DIR --template cover_marks --roster scans/roster.csv
    cp scans/*.pdf DIR/inbox && tallymark grade DIR

The exam folder is copied first, without its scans. Each row starts `tallymark remark --dry-run` anew, as an office
does, and says seconds of the clock and of the processor, beside what starting Python with NumPy alone takes. The
target is under 2 s for 1,000 sheets. Figures depend on the machine and on what else it does; compare the ratios.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.settings import EXAM_FILE, ROSTER_FILE, load_exam

COMMAND = "import sys; from flows.cli import main; main(sys.argv[1:])"
START = "import numpy"
TARGET_S = 2.0


@dataclass(frozen=True, slots=True)
class Took:
    """What one start of a program took, and what it printed."""

    clock: float
    processor: float
    printed: str


def main() -> None:
    """Measure every kind of change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exam", type=Path, required=True, help="an exam folder that was graded")
    parser.add_argument("--rounds", type=int, default=3, help="starts per row; the fastest counts (default 3)")
    asked = parser.parse_args()
    with TemporaryDirectory() as place:
        exam = _copied(asked.exam, Path(place) / "exam")
        _run(COMMAND, "remark", str(exam))
        start = min(_run(START).processor for _ in range(asked.rounds))
        print(f"{'changed':<12}{'sheets':>8}{'changed':>9}{'clock s':>9}{'cpu s':>8}{'x start':>9}")
        for name, change in (("nothing", None), ("key", _key), ("class list", _roster), ("setting", _setting)):
            if change is not None:
                change(exam)
            best = min(
                (_run(COMMAND, "remark", str(exam), "--dry-run", "--json") for _ in range(asked.rounds)),
                key=lambda took: took.processor,
            )
            found = json.loads(best.printed)
            print(
                f"{name:<12}{found['sheets']:>8,}{found['changed_sheets']:>9,}{best.clock:>9.2f}{best.processor:>8.2f}"
                f"{best.processor / start:>9.1f}{'' if best.processor < TARGET_S else '  over the target'}"
            )
            _run(COMMAND, "remark", str(exam))


def _copied(source: Path, target: Path) -> Path:
    target.mkdir()
    for path in source.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
        elif path.name == "templates":
            shutil.copytree(path, target / path.name)
    for name in ("inbox", "archive", "quarantine", "exports"):
        (target / name).mkdir()
    return target


def _run(code: str, *arguments: str) -> Took:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.perf_counter() - started, processor, done.stdout)


def _key(exam: Path) -> None:
    """Count the first question of every template twice."""
    text = []
    for template in load_exam(exam).sheets.templates:
        marks = [field for page in template.pages for field in page.fields if field.role.value == "mark"]
        if marks:
            text.append(
                f'[[paper]]\ntemplate = "{template.name}"\n[[paper.question]]\nquestion = "{marks[0].question}"'
            )
            text.append(f"maximum = {marks[0].maximum}\nweight = 2\n")
    (exam / "key.toml").write_text("\n".join(text), encoding="utf-8")


def _roster(exam: Path) -> None:
    """Strike the last candidate off the class list."""
    path = exam / ROSTER_FILE
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]) + "\n", encoding="utf-8")


def _setting(exam: Path) -> None:
    """Accept more, and so decide every sheet anew."""
    path = exam / EXAM_FILE
    path.write_text(path.read_text(encoding="utf-8").replace("accept_error = 0.001", "accept_error = 0.005"))


if __name__ == "__main__":
    main()
