"""Pure: what a change of the rules, or of readings, changes in what sheets are worth; who changed from what to what.

    SheetResult…, Decided ─standings─► SheetStanding… ─compare (with those of before)─► Comparison(MarkChange…)

A sheet that was not there before is no change, and neither is a first result by a key: there was none to change.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flows.records import FieldRow
from flows.results import Absent, MarkChange, Match, Points, SheetResult, Unsettled
from recognizer.records import Flag
from recognizer.values import ABSENT, format_number

DIGEST_DIGITS = 16
"""Of a SHA-256, in hexadecimal: two states of one sheet never share 64 bits by chance."""

UNSETTLED = "unsettled"
NOBODY = "nobody yet"
NOT_THERE = "no longer there"
READINGS = "its readings changed (a correction, or a page read anew)"
PROGRAM = "another version of Tallymark or of a template"
BY_KEY = ("key.toml", "key.xlsx", "exam.toml: marks")
BY_ROSTER = ("roster.csv", "roster.xlsx", "exam.toml: accept_error")


@dataclass(frozen=True, slots=True)
class SheetStanding:
    """What one sheet was worth at some moment, as texts: "7.5", "AB" or "unsettled".

    `digest` tells whether what was read from the sheet, or said of it, changed since. `by_key` tells results by a key
    from those that follow from the template alone.
    """

    candidate: str
    total: str
    grade: str = ""
    questions: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed since an earlier moment, by sheet in the order of sheets; `rules` says which rules did.

    `sheets` are all that were compared, `new` those that were not there before.
    """

    changes: tuple[MarkChange, ...] = ()
    rules: tuple[str, ...] = ()
    sheets: int = 0
    new: int = 0

    @property
    def changed_sheets(self) -> int:
        """How many sheets something changed on."""
        return len({change.sheet for change in self.changes})


def standings(
    results: Iterable[SheetResult], matches: Iterable[Match], fields: Iterable[FieldRow], by_key: bool
) -> dict[str, SheetStanding]:
    """Return what every sheet is worth, in the order of the sheets; one without any result has its candidate."""
    rows: dict[str, list[FieldRow]] = defaultdict(list)
    for row in fields:
        rows[row.sheet].append(row)
    by_sheet = {result.sheet: result for result in results}
    found = {}
    for match in matches:
        sheet = match.sheet
        digest, result = digest_of(rows.get(sheet, ())), by_sheet.get(sheet)
        found[sheet] = (
            SheetStanding(match.id, "", digest=digest)
            if result is None
            else _standing(result, match.id, digest, by_key)
        )
    return found


def _standing(result: SheetResult, candidate: str, digest: str, by_key: bool) -> SheetStanding:
    return SheetStanding(
        candidate,
        points_text(result.total),
        result.grade,
        {each.question: points_text(each.points) for each in result.questions},
        {each.name: points_text(each.points) for each in result.sections},
        digest,
        by_key,
    )


def points_text(points: Points | None) -> str:
    """Return points in a word: "7.5", "AB", "unsettled", or "" where there are none."""
    if points is None:
        return ""
    if isinstance(points, Absent):
        return ABSENT
    return UNSETTLED if isinstance(points, Unsettled) else format_number(points)


def digest_of(rows: Iterable[FieldRow]) -> str:
    """Return a text that changes when readings of a sheet do, and not when they are only decided otherwise."""
    told = sorted(
        (
            row.key,
            row.values[0].value if row.values else "",
            f"{row.correction.state.value} {row.correction.value}" if row.correction else "",
            "doubted" if row.decision.flag is Flag.DOUBTED else "",
        )
        for row in rows
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:DIGEST_DIGITS]


def compare(
    before: Mapping[str, SheetStanding], now: Mapping[str, SheetStanding], rules: Sequence[str] = ()
) -> Comparison:
    """Return what changed; `rules` says which rules did since (`Rules.changed_from`)."""
    changes: list[MarkChange] = []
    for sheet, was in before.items():
        found = now.get(sheet)
        if found is None:
            changes.append(MarkChange(sheet, was.candidate, "sheet", _of_sheet(was), NOT_THERE, READINGS))
            continue
        read_anew = found.digest != was.digest
        changes += (
            MarkChange(sheet, found.candidate or was.candidate, what, old, new, _cause(what, rules, read_anew))
            for what, old, new in _differences(was, found)
        )
    return Comparison(tuple(changes), tuple(rules), len(now), sum(sheet not in before for sheet in now))


def _of_sheet(was: SheetStanding) -> str:
    return f"total {was.total}" if was.total else "there"


def _differences(was: SheetStanding, now: SheetStanding) -> Iterator[tuple[str, str, str]]:
    if was.candidate != now.candidate:
        yield "candidate", was.candidate or NOBODY, now.candidate or NOBODY
    first_by_key = now.by_key and not was.by_key
    if not first_by_key:
        yield from _parts("question", was.questions, now.questions)
        yield from _parts("section", was.sections, now.sections)
    if was.total != now.total and not (first_by_key and not was.total):
        yield "total", was.total or "none", now.total or "none"
    if was.grade != now.grade and not first_by_key:
        yield "grade", was.grade or "none", now.grade or "none"


def _parts(what: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys((*was, *now)):
        old, new = was.get(name), now.get(name)
        if old != new:
            yield f"{what} {name}", "not in the key" if old is None else old, "not in the key" if new is None else new


def _cause(what: str, rules: Sequence[str], read_anew: bool) -> str:
    """Say why something changed: of several rules that did, those that can change this."""
    may = BY_ROSTER if what == "candidate" else BY_KEY
    meant = [rule for rule in rules if rule.startswith(may)] or list(rules)
    told = [*meant, *([READINGS] if read_anew else [])]
    return "; ".join(told) or PROGRAM
