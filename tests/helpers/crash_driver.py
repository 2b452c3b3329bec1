"""Kills grading at every step that leaves a trace, grades again, and tells where the outcome differs.

Run as `python -m tests.helpers.crash_driver FOLDER`. Every attempt is a forked child that ends itself with SIGKILL when
it has come to its Nth step: a call of the store or the inbox, or of the system, that changes something; so nothing is
flushed, closed or undone. Prints one JSON object.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from flows.expecting import Expected
from flows.grading import Workplace, grade_inbox, here
from flows.settings import Exam
from flows.store import open_store
from tests.helpers.dumps import dump
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet

OURS = frozenset(
    {
        *("archive_copy", "begin_arrival", "add_scan", "save_pages", "settle_arrival", "set_aside", "remove_taken"),
        *("finish_arrival", "begin_run", "finish_run", "read_run", "state_batch"),
    }
)
"""Functions before which a child is killed."""

SYSTEM = frozenset({os.replace, os.unlink})
"""System calls after which a child is killed."""


def fill(exam: Exam) -> None:
    """Files to read, two longer than a run of pages, a duplicate, one that cannot be read, one that lacks a page."""
    inbox = exam.inbox
    (inbox / "a.pdf").write_text(fake_scan(*(sheet(number, confidence=0.98) for number in range(1, 11))))
    (inbox / "b.pdf").write_text(fake_scan(sheet(3, picture="again"), {"outcome": "blank"}, sheet(None)))
    (inbox / "c.pdf").write_text("my holiday")
    (inbox / "d.pdf").write_text((inbox / "b.pdf").read_text())
    stack = [sheet(None, page) for _ in range(5) for page in (1, 2)]
    (inbox / "e.pdf").write_text(fake_scan(*stack[:7], *stack[8:], mark=" of photocopies"))


def grade(exam: Exam) -> None:
    with open_store(exam.dir) as store, store.grading():
        reader = FakeReader()
        grade_inbox(Workplace(exam, store, reader, here(reader), expected=Expected(20, "Monday")))


def in_child(work: Callable[[], None]) -> int:
    """Run something in a forked child; return how it ended, as `os.waitpid` says."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        work()
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def killed_at(step: int, exam: Exam) -> bool:
    """Grade until the given step; tell whether it came to it."""

    def work() -> None:
        left = step

        def tripwire(frame: FrameType, event: str, argument: Any) -> None:
            nonlocal left
            ours = event == "call" and frame.f_code.co_name in OURS
            if ours or (event == "c_return" and argument in SYSTEM):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(tripwire)
        grade(exam)

    status = in_child(work)
    assert os.WIFSIGNALED(status) or status == 0, "grading failed by itself"
    return os.WIFSIGNALED(status)


def outcome(exam: Exam) -> dict[str, Any]:
    """What there is in the end: the database and the folders."""
    with open_store(exam.dir) as store:
        content = dump(store)
        pages = [(row.file, row.number, row.outcome.value, row.sheet) for row in store.pages()]
    names = {
        place.name: sorted(path.name for path in place.iterdir())
        for place in (exam.inbox, exam.archive, exam.quarantine)
    }
    return {"content": content, "folders": names, "pages": pages}


def attempt(folder: Path, step: int | None) -> tuple[bool, dict[str, Any]]:
    """Grade a new exam, killed at a step or not at all, then again; return whether it was killed, and the end."""
    exam = exam_folder(folder)
    fill(exam)
    killed = step is not None and killed_at(step, exam)
    status = in_child(lambda: grade(exam))
    assert status == 0, f"grading after a kill at step {step} failed"
    result = outcome(exam)
    shutil.rmtree(folder)
    return killed, result


def main(folder: Path) -> None:
    """Kill at every step in turn."""
    _, expected = attempt(folder / "whole", None)
    wrong, step = [], 0
    while True:
        killed, result = attempt(folder / f"killed-{step}", step)
        if not killed:
            break
        if result != expected:
            wrong.append({"step": step, "folders": result["folders"]})
        step += 1
    print(json.dumps({"steps": step, "wrong": wrong, "folders": expected["folders"], "pages": expected["pages"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
