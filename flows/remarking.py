"""Pure: what a change of the rules, or of readings, changes in what sheets are worth; who changed from what to what.

    SheetResult…, FieldRow… ─standings─► State(Standing…, Overall…) ─compare (with that of before)─► MarkChange…

A sheet that was not there before is no change, and neither is what the first key of an exam gives where nothing was:
a grade, a section, or all of a sheet on which nothing was worth anything yet.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from flows.mark_changes import changes
from flows.overall_changes import Overall, overall_changes
from flows.records import FieldRow
from flows.results import MarkChange, Match, MatchStatus, SheetResult, Unsettled
from flows.rules import Rules
from recognizer.records import Flag

DIGEST_DIGITS = 16
"""Of a SHA-256, in hexadecimal: two states of one sheet never share 64 bits by chance."""

READINGS = "its readings changed (a correction, or a page read anew)"
GONE = "its pages count no longer"
OTHER_SHEETS = "other sheets are taken to be of this candidate"
OTHERS = "sheets are told apart together, and another one changed"
PROGRAM = "what is accepted changed (a sample check, or another version of Tallymark or of a template)"

WHOSE = "whose it is"
"""What is told to change where a sheet keeps its number, and that number joins or leaves the class list."""

TOLD_AS = {MatchStatus.MATCHED: "matched", MatchStatus.BY_PERSON: "matched"} | {
    status: status.value for status in (MatchStatus.OFF_ROSTER, MatchStatus.DOUBLED)
}
"""What is told of a sheet whose number is known; of others there is no number, which is told."""

OF_PEOPLE = ("candidate", WHOSE)

ID_RULES = ("roster.csv", "roster.xlsx", "exam.toml: roster", "exam.toml: accept_error")
"""How a changed rule begins that can change who wrote a sheet. It may change marks too, by what is accepted."""

MARK_RULES = ("key.toml", "key.xlsx", "exam.toml: ")
"""How a changed rule begins that can change what a sheet is worth."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one sheet is worth, or was at some moment.

    `digest` tells whether what was read from the sheet, or said of it, changed since. `whose` is what its number is to
    the class list, "" where no number is known or nothing was remembered of it.
    """

    result: SheetResult
    digest: str = ""
    whose: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What every sheet and every candidate has, or had at some moment, and by which rules.

    `candidates` is None where what they had was not remembered.
    """

    rules: Rules
    sheets: Mapping[str, Standing]
    candidates: Mapping[str, Overall] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed since an earlier moment, sheet by sheet, then over all sheets; `rules` says which rules did.

    `sheets` are all that are there, `new` those of them that were not there before.
    """

    changes: tuple[MarkChange, ...] = ()
    rules: tuple[str, ...] = ()
    sheets: int = 0
    new: int = 0

    @property
    def changed_sheets(self) -> int:
        """How many sheets something changed on."""
        return len({change.sheet for change in self.changes if change.sheet})

    @property
    def changed_overall(self) -> int:
        """How many candidates have other results over all their sheets, beside what the sheets tell."""
        return len({change.candidate for change in self.changes if not change.sheet})


def standings(
    results: Iterable[SheetResult], matches: Iterable[Match], fields: Iterable[FieldRow]
) -> dict[str, Standing]:
    """Return what every sheet is worth, in the order of `matches`; one that is worth nothing by any rule is open."""
    rows: dict[str, list[FieldRow]] = defaultdict(list)
    for row in fields:
        rows[row.sheet].append(row)
    by_sheet = {match.sheet: match for match in matches}
    worth = {sheet: _worth_nothing(match) for sheet, match in by_sheet.items()}
    worth |= {result.sheet: result for result in results}
    whose = {sheet: TOLD_AS.get(match.status, "") if match.id else "" for sheet, match in by_sheet.items()}
    return {
        sheet: Standing(result, digest_of(rows.get(sheet, ())), whose.get(sheet, "")) for sheet, result in worth.items()
    }


def _worth_nothing(match: Match) -> SheetResult:
    return SheetResult(match.sheet, match.template, match.id, "", (), (), Unsettled(()), Decimal(0))


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


def compare(before: State, now: State) -> Comparison:
    """Return what changed between two moments, each change with its cause: the sheets first, then the candidates."""
    told = now.rules.changed_from(before.rules)
    first_key = now.rules.has_key and not before.rules.has_key
    found = (
        *changes([each.result for each in before.sheets.values()], [each.result for each in now.sheets.values()]),
        *_listed_otherwise(before.sheets, now.sheets),
    )
    of_sheets = tuple(
        replace(change, cause=_cause(change, told, before.sheets, now.sheets))
        for change in found
        if change.sheet in before.sheets and not (first_key and _is_first_result(change, before.sheets[change.sheet]))
    )
    return Comparison(
        (*of_sheets, *_overall(before, now, told, of_sheets, first_key=first_key)),
        told,
        len(now.sheets),
        sum(sheet not in before.sheets for sheet in now.sheets),
    )


def _overall(
    before: State, now: State, told: Sequence[str], of_sheets: Sequence[MarkChange], *, first_key: bool
) -> Iterator[MarkChange]:
    """Yield what changed for candidates and that no sheet of theirs tells."""
    if before.candidates == now.candidates or before.candidates is None or now.candidates is None:
        return
    had, has = _by_candidate(before.sheets), _by_candidate(now.sheets)
    for change in overall_changes(before.candidates, now.candidates, of_sheets):
        was, are = had.get(change.candidate, {}), has.get(change.candidate, {})
        # As with sheets: where nothing was worth anything, a first key gives a first result.
        if first_key and not (change.before and any(each.result.questions for each in was.values())):
            continue
        may = MARK_RULES if was.keys() == are.keys() else (*MARK_RULES, *ID_RULES)
        causes = [rule for rule in told if rule.startswith(may)]
        if was.keys() != are.keys():
            causes.append(OTHER_SHEETS)
        if any(was[sheet].digest != each.digest for sheet, each in are.items() if sheet in was):
            causes.append(READINGS)
        yield replace(change, cause="; ".join(causes) or "; ".join(told) or PROGRAM)


def _by_candidate(sheets: Mapping[str, Standing]) -> dict[str, dict[str, Standing]]:
    found: dict[str, dict[str, Standing]] = defaultdict(dict)
    for sheet, standing in sheets.items():
        if standing.result.candidate:
            found[standing.result.candidate][sheet] = standing
    return found


def _listed_otherwise(before: Mapping[str, Standing], now: Mapping[str, Standing]) -> Iterator[MarkChange]:
    """Yield the sheets whose number, known then and now, has joined or left the class list, or is on two sheets."""
    for sheet, standing in now.items():
        was = before[sheet].whose if sheet in before else ""
        if was and standing.whose and was != standing.whose:
            yield MarkChange(sheet, standing.result.candidate, WHOSE, was, standing.whose)


def _is_first_result(change: MarkChange, before: Standing) -> bool:
    """Tell whether the first key of an exam gives a result where there was none."""
    return change.what not in OF_PEOPLE and (not change.before or not before.result.questions)


def _cause(
    change: MarkChange, rules: Sequence[str], before: Mapping[str, Standing], now: Mapping[str, Standing]
) -> str:
    """Say why something changed: of several rules that did, those that can change this."""
    if change.sheet not in now:
        return GONE
    may = ID_RULES if change.what in OF_PEOPLE else MARK_RULES
    meant = [rule for rule in rules if rule.startswith(may)] or list(rules)
    read_anew = before[change.sheet].digest != now[change.sheet].digest
    told = (*meant, *([READINGS] if read_anew else []))
    return "; ".join(told) or (OTHERS if change.what in OF_PEOPLE else PROGRAM)
