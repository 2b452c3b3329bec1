"""Pure: how what a candidate has over all papers changed: total, maximum and grade, which no sheet of his shows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flows.mark_changes import in_words
from flows.results import CandidateResult, MarkChange
from recognizer.values import format_number

OVERALL = "overall "
"""How what changed is named, before `total`, `maximum` or `grade`: so that it is told from a sheet's."""


@dataclass(frozen=True, slots=True)
class Overall:
    """What one candidate has over all sheets, in words: a number, AB or open; the names are those of the changes."""

    total: str
    maximum: str = ""
    grade: str = ""

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Return what may change, by what people call it."""
        return (("total", self.total), ("maximum", self.maximum), ("grade", self.grade))


def overalls(candidates: Iterable[CandidateResult]) -> dict[str, Overall]:
    """Return what every candidate has of whom a sheet with marks has come, by id."""
    return {
        each.candidate.id: Overall(
            in_words(each.total), "" if each.maximum is None else format_number(each.maximum), each.grade
        )
        for each in candidates
        if each.sheets and each.total is not None
    }


def overall_changes(
    before: Mapping[str, Overall], now: Mapping[str, Overall], of_sheets: Iterable[MarkChange]
) -> Iterator[MarkChange]:
    """Yield what differs for those who had something then and have now, unless one of their sheets says just that.

    Who has his first sheet, or has none any more, is told by the sheets.
    """
    said: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for change in of_sheets:
        said[change.candidate].add((change.what, change.before, change.after))
    for number, overall in now.items():
        was = before.get(number)
        if was is None or was == overall:
            continue
        for (what, one), (_, other) in zip(was.facts(), overall.facts(), strict=True):
            if one != other and (what, one, other) not in said.get(number, ()):
                yield MarkChange("", number, f"{OVERALL}{what}", one, other)
