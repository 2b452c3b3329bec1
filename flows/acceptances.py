"""What a person has looked at and takes as it is: a file in quarantine, a failed or foreign page, a sheet. Pure.

An acceptance is for the reasons that stood there when it was said, and for no others: a sheet that lacks page 2 and
later gets another remark is open again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AcceptedKind(StrEnum):
    """What was accepted. The subject of a file is its content, of a page `CONTENT:N`, of a sheet its name."""

    FILE = "file"
    PAGE = "page"
    SHEET = "sheet"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a person accepted, with what was wrong with it then, and why. `name` is how people call it.

    `how` tells by what means it was said, "" where that was not kept yet.
    """

    kind: AcceptedKind
    subject: str
    name: str
    reasons: tuple[str, ...]
    text: str
    reviewer: str
    made_at: datetime
    how: str = ""


def is_accepted(said: Iterable[Acceptance], kind: AcceptedKind, subject: str, reasons: Sequence[str]) -> bool:
    """Tell whether a person accepted something for every reason that keeps it open; of each the latest word counts.

    >>> when = datetime(2026, 1, 1)
    >>> said = [Acceptance(AcceptedKind.SHEET, "marks#00001", "marks#00001", ("page 2",), "lost", "Kim", when)]
    >>> is_accepted(said, AcceptedKind.SHEET, "marks#00001", ["page 2"])
    True
    >>> is_accepted(said, AcceptedKind.SHEET, "marks#00001", ["page 2", "page 3"])
    False
    """
    mine = [one for one in said if (one.kind, one.subject) == (kind, subject)]
    return bool(mine) and set(reasons) <= set(mine[-1].reasons)
