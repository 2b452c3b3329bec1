"""What the sums of one sheet say: a record."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recognizer.records import Decision


@dataclass(frozen=True, slots=True)
class SumFinding:
    """What the marks and totals of one sheet say together.

    `decisions` are the new decisions of its marks and totals, by key of the reading; those that stay as they are are
    not among them. `agrees` is True where the totals are very likely right, False where one is likely wrong or what was
    read contradicts it, None where nothing can be said: no total is written, or somebody was absent. `misadded` is how
    likely a total is not the sum of what it adds. `why` are the likeliest explanations, "" where all agrees.
    `questioned` are the readings, settled or not, of which one is behind a sum that does not agree. `confirmed` tells
    that a person said that the total is written so, and that every mark it adds is settled: the examiner added wrongly,
    the computed total counts, and the sheet keeps a note (`why`).
    """

    sheet: str
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    agrees: bool | None = None
    misadded: float = 0.0
    why: str = ""
    questioned: tuple[str, ...] = ()
    confirmed: bool = False
