"""Kills decisions about pages at every step that leaves a trace, does them again, and tells where the end differs.

Run as `python -m tests.helpers.desk_crash_driver FOLDER`. As in `crash_driver`, every attempt is a forked child that
ends itself with SIGKILL. After each kill, and before it is done again, it is looked whether a page counts twice, or the
ledger does not close. Prints one JSON object.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from flows.grading import Workplace, grade_inbox, here, regrade_scans
from flows.page_desk import find_page, place, resolve
from flows.records import By, PageChoice
from flows.settings import Exam, load_exam
from flows.store import Store, open_store
from recognizer.records import HandPlacement, PageOutcomeKind, PageRef
from tests.helpers.crash_driver import in_child
from tests.helpers.dumps import dump
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet

OURS = frozenset(
    {
        *("decide_pages", "add_decisions", "arrange_places", "take_back", "add_placement", "store_pages"),
        *("begin_run", "finish_run", "_delete_page"),
    }
)
"""Functions before which a child is killed: outside of transactions, and within them."""

KIM = By("Kim", datetime(2026, 5, 4, 12, 0, tzinfo=UTC), "command")


def prepare(folder: Path) -> None:
    """Two sheets, both scanned twice, of which an older version kept no readings; and a page that failed."""
    exam = exam_folder(folder)
    stack = range(1, 3)
    (exam.inbox / "a.pdf").write_text(fake_scan(*(sheet(number, values={"q1": "1"}) for number in stack)))
    (exam.inbox / "b.pdf").write_text(fake_scan(*(sheet(number, values={"q1": "2"}) for number in stack)))
    (exam.inbox / "c.pdf").write_text(fake_scan({"outcome": "failed", "values": {"q1": "3"}}))
    with open_store(exam.dir) as store, store.grading():
        grade_inbox(Workplace(exam, store, FakeReader(), here(FakeReader())))
    by_hand = sqlite3.connect(folder / "tallymark.db")
    with by_hand:
        held = "(SELECT scan FROM pages WHERE outcome = 'held')"
        by_hand.execute(f'DELETE FROM decisions WHERE "key" IN (SELECT "key" FROM readings WHERE scan IN {held})')
        by_hand.execute(f"DELETE FROM readings WHERE scan IN {held}")
        by_hand.execute(f"DELETE FROM pictures WHERE scan IN {held}")
    by_hand.close()


def replace_all(exam: Exam, store: Store) -> None:
    rows = [find_page(store, f"b.pdf:{number}") for number in (1, 2)]
    resolve(store, exam, rows, PageChoice.REPLACE, KIM, readers=lambda: nullcontext(FakeReader()))


def place_failed(exam: Exam, store: Store) -> None:
    row = find_page(store, "c.pdf:1")
    # A person who sees that it is placed does not place it again.
    if not store.placements():
        corners = ((1.0, 2.0), (90.0, 2.0), (90.0, 95.0), (1.0, 95.0))
        placed = HandPlacement(PageRef(row.scan, 1), "small", 1, 1, 2, corners, 100, 100)
        place(store, exam, row, placed, KIM, readers=lambda: nullcontext(FakeReader()))


def regrade(exam: Exam, store: Store) -> None:
    with store.grading():
        regrade_scans(Workplace(exam, store, FakeReader(), here(FakeReader())))


STEPS: tuple[Callable[[Exam, Store], None], ...] = (replace_all, place_failed, regrade)
"""What is done, in this order; each is killed on top of those before it."""


def do(folder: Path, what: Callable[[Exam, Store], None]) -> None:
    exam = load_exam(folder)
    with open_store(folder) as store:
        what(exam, store)


def killed_at(step: int, folder: Path, what: Callable[[Exam, Store], None]) -> bool:
    """Do something until the given step; tell whether it came to it."""

    def work() -> None:
        left = step

        def tripwire(frame: FrameType, event: str, argument: Any) -> None:
            nonlocal left
            if event == "call" and frame.f_code.co_name in OURS:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(tripwire)
        do(folder, what)

    status = in_child(work)
    assert os.WIFSIGNALED(status) or status == 0, "it failed by itself"
    return os.WIFSIGNALED(status)


def content(folder: Path) -> str:
    """Everything but when and in how many runs it was done."""
    with open_store(folder) as store:
        said = [(one.scan, one.page, one.choice.value, one.act) for one in store.page_decisions()]
        return dump(store) + json.dumps(said) + str(len(store.placements()))


def faults(folder: Path) -> list[str]:
    """What must not be at any moment."""
    with open_store(folder) as store:
        rows, ledger, fields = store.pages(), store.ledger(), store.fields()
    found = [] if ledger.closes and ledger.pages_in == 5 else ["the ledger does not close"]
    counting = Counter((row.sheet, row.template_page) for row in rows if row.outcome is PageOutcomeKind.READ)
    found += [f"{place} counts {count} times" for place, count in counting.items() if count != 1]
    read = Counter(row.sheet for row in fields if row.field == "q1")
    found += [f"{name} counts without its fields" for name, _ in counting if read[name] != 1]
    return found


def main(folder: Path) -> None:
    """Kill at every step of everything in turn."""
    begin = folder / "begin"
    prepare(begin)
    told: dict[str, Any] = {"steps": {}, "wrong": []}
    for what in STEPS:
        end = folder / f"after-{what.__name__}"
        shutil.copytree(begin, end)
        do(end, what)
        expected, step, killed = content(end), 0, True
        while killed:
            attempt = folder / "attempt"
            shutil.copytree(begin, attempt)
            killed = killed_at(step, attempt, what)
            told["wrong"] += [f"{what.__name__} {step}: {fault}" for fault in faults(attempt)]
            do(attempt, what)
            if content(attempt) != expected:
                told["wrong"].append(f"{what.__name__} {step}: another end")
            shutil.rmtree(attempt)
            step += 1
        told["steps"][what.__name__] = step - 1
        begin = end
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
