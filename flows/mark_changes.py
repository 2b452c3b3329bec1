"""Pure: who changed from what to what between two markings of an exam."""

from collections.abc import Iterator, Sequence

from flows.results import Absent, MarkChange, Points, SheetResult, Unsettled
from recognizer.values import ABSENT, format_number

OPEN = "open"
"""What stands for points that nobody knows yet."""


def in_words(points: Points) -> str:
    """Write points for people: a number, AB, or open."""
    if isinstance(points, Unsettled):
        return OPEN
    return ABSENT if isinstance(points, Absent) else format_number(points)


def changes(before: Sequence[SheetResult], after: Sequence[SheetResult]) -> tuple[MarkChange, ...]:
    """Return everything that differs, sheet by sheet in the order of `after`, sheets that are gone last.

    A sheet, question or section that is there on one side only has "" on the other.
    """
    old = {result.sheet: result for result in before}
    new = {result.sheet: result for result in after}
    found: list[MarkChange] = []
    for sheet in (*new, *(sheet for sheet in old if sheet not in new)):
        was, now = old.get(sheet), new.get(sheet)
        if was == now:
            continue
        candidate = now.candidate if now else was.candidate if was else ""
        facts_before, facts_after = dict(_facts(was)), dict(_facts(now))
        for what in dict.fromkeys((*facts_after, *facts_before)):
            one, other = facts_before.get(what, ""), facts_after.get(what, "")
            if one != other:
                found.append(MarkChange(sheet, candidate, what, one, other))
    return tuple(found)


def _facts(result: SheetResult | None) -> Iterator[tuple[str, str]]:
    """Yield what may change of a sheet, by what people call it."""
    if result is None:
        return
    yield "candidate", result.candidate
    for question in result.questions:
        yield f"question {question.question}", in_words(question.points)
    for section in result.sections:
        yield f"section {section.name}", in_words(section.points)
    yield "total", in_words(result.total)
    yield "maximum", format_number(result.maximum)
    yield "grade", result.grade
