"""Grades a folder of make-believe scans as a Prefect flow: `python -m tests.helpers.prefect_driver FOLDER`.

A process of its own, so that Prefect finds a home of its own, its temporary server ends with it, and what reaches the
terminal can be looked at.
"""

import errno
import json
import sys
from pathlib import Path

from flows.grade import with_prefect
from flows.jobs import Job, carry_out
from flows.report import json_report
from flows.workers import RunOfPages
from recognizer.records import PageOutcome
from tests.helpers.fakes import FakeReader


class FlakyReader(FakeReader):
    """Once, a share went away."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        if pages.first == 9 and not self.failures:
            self.failures += 1
            raise OSError(errno.ESTALE, "Stale file handle")
        return super().read_run(pages)


if __name__ == "__main__":
    reader = FlakyReader()
    tally = carry_out(Job("grade", Path(sys.argv[1])), with_prefect, reader=reader)
    print(json.dumps(json_report(tally) | {"failures": reader.failures}))
