"""Pure: what a change of the rules, or of readings, changes in what sheets are worth; who changed from what to what.

    SheetResult…, FieldRow… ─standings─► Standing… ─compare (with those of before)─► Comparison(MarkChange…)

A sheet that was not there before is no change, and neither is a first result by a key: there was none to change.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from flows.mark_changes import OPEN, changes
from flows.records import FieldRow
from flows.results import MarkChange, Match, SheetResult, Unsettled
from flows.rules import Rules
from recognizer.records import Flag

DIGEST_DIGITS = 16
"""Of a SHA-256, in hexadecimal: two states of one sheet never share 64 bits by chance."""

READINGS = "its readings changed (a correction, or a page read anew)"
GONE = "its pages count no longer"
OTHERS = "sheets are told apart together, and another one changed"
PROGRAM = "what is accepted changed (a sample check, or another version of Tallymark or of a template)"

ID_RULES = ("roster.csv", "roster.xlsx", "exam.toml: roster", "exam.toml: accept_error")
"""How a changed rule begins that can change who wrote a sheet. It may change marks too, by what is accepted."""

MARK_RULES = ("key.toml", "key.xlsx", "exam.toml: ")
"""How a changed rule begins that can change what a sheet is worth."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one sheet is worth, or was at some moment.

    `digest` tells whether what was read from the sheet, or said of it, changed since.
    """

    result: SheetResult
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed since an earlier moment, sheet by sheet; `rules` says which rules did.

    `sheets` are all that are there, `new` those of them that were not there before.
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
    results: Iterable[SheetResult], matches: Iterable[Match], fields: Iterable[FieldRow]
) -> dict[str, Standing]:
    """Return what every sheet is worth, in the order of `matches`; one that is worth nothing by any rule is open."""
    rows: dict[str, list[FieldRow]] = defaultdict(list)
    for row in fields:
        rows[row.sheet].append(row)
    worth = {match.sheet: _worth_nothing(match) for match in matches} | {result.sheet: result for result in results}
    return {sheet: Standing(result, digest_of(rows.get(sheet, ()))) for sheet, result in worth.items()}


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


def compare(
    before: Mapping[str, Standing], now: Mapping[str, Standing], rules_before: Rules, rules_now: Rules
) -> Comparison:
    """Return what changed between two moments, each change with its cause."""
    told = rules_now.changed_from(rules_before)
    first_key = rules_now.has_key and not rules_before.has_key
    found = changes([each.result for each in before.values()], [each.result for each in now.values()])
    return Comparison(
        tuple(
            replace(change, cause=_cause(change, told, before, now))
            for change in found
            if change.sheet in before and not (first_key and _is_first_result(change))
        ),
        told,
        len(now),
        sum(sheet not in before for sheet in now),
    )


def _is_first_result(change: MarkChange) -> bool:
    """Tell whether the first key of an exam gives a result where there was none."""
    return change.what != "candidate" and not (change.what == "total" and change.before not in ("", OPEN))


def _cause(
    change: MarkChange, rules: Sequence[str], before: Mapping[str, Standing], now: Mapping[str, Standing]
) -> str:
    """Say why something changed: of several rules that did, those that can change this."""
    if change.sheet not in now:
        return GONE
    may = ID_RULES if change.what == "candidate" else MARK_RULES
    meant = [rule for rule in rules if rule.startswith(may)] or list(rules)
    read_anew = before[change.sheet].digest != now[change.sheet].digest
    told = (*meant, *([READINGS] if read_anew else []))
    return "; ".join(told) or (OTHERS if change.what == "candidate" else PROGRAM)
