"""What stands of two pictures of one page: which counts, where they were read differently, what may be decided. Pure.

PageRow, Decision…, what people said ─► Side… ─► differences, choice
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from flows.export.flags_sheet import BLANK_WORD
from flows.page_decisions import COUNTS, key_of
from flows.records import FieldRow, PageRow
from flows.settling import heading
from recognizer.records import Decision, PageOutcomeKind, ValueState
from recognizer.template import SheetTemplate

Plain: TypeAlias = dict[str, Any]
"""What becomes JSON."""

MOST_DIFFERENCES = 40
"""Fields that are listed; where more differ, the pictures are not of one page."""

NOT_READ = "not read"


@dataclass(frozen=True, slots=True)
class Side:
    """One picture of a page: the page, what the machine decided of it, and its fields as they count, by name."""

    row: PageRow
    decisions: tuple[Decision, ...]
    counting: Mapping[str, FieldRow]

    @property
    def counts(self) -> bool:
        """Whether this picture is the one that counts."""
        return self.row.outcome is PageOutcomeKind.READ


def side_as_told(side: Side) -> Plain:
    """Return what is said of a picture: whether it counts, and how well it was read."""
    row, accepted = side.row, sum(one.flag is None for one in side.decisions)
    stands = {PageOutcomeKind.READ: "Counts", PageOutcomeKind.HELD: "Held", PageOutcomeKind.DUPLICATE: "Set aside"}
    reason = f" {row.reason[:1].upper()}{row.reason[1:]}." if row.reason else ""
    return {
        "page": f"{row.scan}/{row.number}",
        "counts": side.counts,
        "caption": f"{stands.get(row.outcome, row.outcome.value.capitalize())}: {row.place}",
        "words": f"{accepted} fields accepted, {len(side.decisions) - accepted} not.{reason}",
    }


def choice_as_told(asked: PageRow, other: PageRow) -> Plain:
    """Return what may be decided of the picture that is asked about, and what was decided of it already.

    Each of `keep` and `replace` says what its button says, whether that holds already, and what is asked before it is
    stored.
    """
    is_counting, is_aside = asked.outcome is PageOutcomeKind.READ, asked.outcome is PageOutcomeKind.DUPLICATE
    again = " from now on" if is_counting or is_aside else ""
    return {
        "decided": is_aside or (is_counting and asked.reason.startswith(COUNTS)),
        "keep": {
            "says": "Go back to the first" if is_counting else "The first is kept" if is_aside else "Keep the first",
            "holds": is_aside,
            "asks": f"{other.place} counts{again}, {asked.place} is set aside.",
        },
        "replace": {
            "says": "It is replaced" if is_counting else "Replace it after all" if is_aside else "Replace it",
            "holds": is_counting,
            "asks": f"{asked.place} counts from now on in place of {other.place}.",
        },
    }


def differences(first: Side, second: Side, template: SheetTemplate | None) -> list[Plain]:
    """Return each field that was read differently, with what each side holds; in the order of the template."""
    labels = {}
    if template is not None and 1 <= (first.row.template_page or 0) <= len(template.pages):
        labels = {one.name: heading(one) for one in template.pages[(first.row.template_page or 1) - 1].fields}
    left, right = (_held(side) for side in (first, second))
    names = [*(name for name in labels if name in left or name in right), *(left | right)]
    return [
        {
            "field": name,
            "label": labels.get(name, name),
            "values": [left.get(name, NOT_READ), right.get(name, NOT_READ)],
        }
        for name in dict.fromkeys(names)
        if left.get(name) != right.get(name)
    ]


def as_told(sides: Sequence[Side], asked: PageRow, template: SheetTemplate | None) -> Plain:
    """Return everything that is said of the pictures of one page, the one that counts first."""
    picked = next(side for side in sides if key_of(side.row) == key_of(asked))
    others = [side for side in sides if side is not picked]
    if not others:
        return {"sides": [side_as_told(picked)], "choice": None, "differ": [], "more": 0, "between": []}
    other = next((side for side in others if side.counts), others[0])
    pair = sorted((picked, other), key=sides.index)
    found = differences(pair[0], pair[1], template)
    return {
        "sides": [side_as_told(side) for side in sides],
        "choice": choice_as_told(asked, other.row),
        "between": [side.row.place for side in pair],
        "differ": found[:MOST_DIFFERENCES],
        "more": max(len(found) - MOST_DIFFERENCES, 0),
    }


def _held(side: Side) -> dict[str, str]:
    """Return what each field of a picture holds, in words; with a question mark where it is open."""
    return {one.field: _in_words(one, side.counting.get(one.field)) for one in side.decisions}


def _in_words(decision: Decision, row: FieldRow | None) -> str:
    if row is not None and row.correction is not None:
        said = row.value if row.state is ValueState.VALUE else BLANK_WORD if row.state is ValueState.BLANK else "?"
        return f"{said} (said by {row.correction.reviewer})"
    if decision.state is ValueState.VALUE:
        return decision.value
    return BLANK_WORD if decision.state is ValueState.BLANK else f"{decision.guess_in_words} ?".strip()
