"""Pure: every candidate of the roster with what is known of him, then every sheet that is nobody's."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from flows.exam_results import ExamResults
from flows.results import (
    CandidateResult,
    Match,
    MatchStatus,
    Points,
    RankedCandidate,
    SheetResult,
    Unsettled,
)
from flows.settling import SettledSheet
from recognizer.template import SheetTemplate

NO_SHEET = "no sheet has come"
PERHAPS = "sheet {} may be by this candidate ({:.0%}), see its row below"
WAITS = "1 field waits for a person, see Flags"
WAIT = "{} fields wait for a person, see Flags"

LIKELY = 0.05
"""From this probability on, a sheet of nobody is named beside a candidate without a sheet."""


class Group(StrEnum):
    """What an office looks for."""

    MATCHED = "matched"
    MISSING = "missing"
    DOUBLED = "doubled"
    OFF_ROSTER = "off-roster"
    UNSURE = "unsure"


GROUP_OF: Mapping[MatchStatus, Group] = {
    MatchStatus.MATCHED: Group.MATCHED,
    MatchStatus.BY_PERSON: Group.MATCHED,
    MatchStatus.UNSURE: Group.UNSURE,
    MatchStatus.DOUBLED: Group.DOUBLED,
    MatchStatus.OFF_ROSTER: Group.OFF_ROSTER,
    MatchStatus.CONTRADICTORY: Group.UNSURE,
    MatchStatus.NO_ID: Group.UNSURE,
}


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """One candidate with his sheets, or (`name` is "") one sheet that is nobody's, with who may have written it.

    `status` is in words; `reasons` say what is refused or not settled, and why. `not_come` are papers of which others
    have sheets and this candidate has none: that alone keeps nothing open.
    """

    id: str
    name: str
    status: str
    group: Group
    on_roster: bool
    sheets: tuple[str, ...] = ()
    total: Points | None = None
    maximum: Decimal | None = None
    grade: str = ""
    reasons: tuple[str, ...] = ()
    ranked: tuple[RankedCandidate, ...] = ()
    class_group: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    not_come: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether an office still has to look."""
        return self.group is not Group.MATCHED or bool(self.reasons)


def candidate_lines(results: ExamResults, templates: Sequence[SheetTemplate]) -> tuple[CandidateLine, ...]:
    """Return the candidates in the order of the roster, then the sheets of nobody in the order of the sheets."""
    beside = {template.name for template in templates if template.extra_to}
    matches = [match for match in results.decided.matching.matches if match.template not in beside]
    known = {candidate.id for candidate in results.decided.candidates}
    own: dict[str, list[Match]] = defaultdict(list)
    nobodys: list[Match] = []
    for match in matches:
        if match.id in known and match.status is not MatchStatus.OFF_ROSTER:
            own[match.id].append(match)
        else:
            nobodys.append(match)
    worth = {result.sheet: result for result in results.sheets}
    settled = {sheet.sheet: sheet for sheet in results.decided.sheets}
    perhaps = _perhaps(nobodys)
    papers = tuple(dict.fromkeys(match.template for match in matches))
    about = _About(worth, settled, papers)
    return (
        *(_of_candidate(each, own.get(each.candidate.id, []), perhaps, about) for each in results.candidates),
        *(_of_sheet(match, about) for match in nobodys),
    )


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of each sheet, by its name; and of which papers there are sheets."""

    worth: Mapping[str, SheetResult]
    settled: Mapping[str, SettledSheet]
    papers: tuple[str, ...]

    def reasons(self, sheet: str) -> Iterator[str]:
        """Say what is open about one sheet."""
        result, settled = self.worth.get(sheet), self.settled.get(sheet)
        if result is not None:
            yield from result.remarks
            if isinstance(result.total, Unsettled):
                yield from result.total.reasons
        if settled is not None:
            yield from settled.remarks
            if settled.open_keys:
                number = len(settled.open_keys)
                yield WAITS if number == 1 else WAIT.format(number)


def _perhaps(nobodys: Iterable[Match]) -> dict[str, list[str]]:
    """Return, for each candidate, which sheets of nobody may be his."""
    found: dict[str, list[str]] = defaultdict(list)
    for match in nobodys:
        for one in match.ranked:
            if one.probability >= LIKELY:
                found[one.id].append(PERHAPS.format(match.sheet, one.probability))
    return found


def _of_candidate(
    result: CandidateResult, matches: Sequence[Match], perhaps: Mapping[str, Sequence[str]], about: _About
) -> CandidateLine:
    candidate = result.candidate
    sheets = tuple(sheet for named in result.sheets.values() for sheet in named) or tuple(
        match.sheet for match in matches
    )
    reasons = [match.why for match in matches if match.why]
    not_come: tuple[str, ...] = ()
    if any(match.status is MatchStatus.DOUBLED for match in matches):
        status, group = MatchStatus.DOUBLED.value, Group.DOUBLED
    elif not matches:
        status, group = Group.MISSING.value, Group.MISSING
        reasons += [NO_SHEET, *perhaps.get(candidate.id, ())]
    else:
        by_person = any(match.status is MatchStatus.BY_PERSON for match in matches)
        status = (MatchStatus.BY_PERSON if by_person else MatchStatus.MATCHED).value
        group = Group.MATCHED
        not_come = tuple(paper for paper in about.papers if paper not in result.sheets)
    several = len(sheets) > 1
    for sheet in sheets:
        reasons += [f"{sheet}: {reason}" if several else reason for reason in about.reasons(sheet)]
    # Of several reasons for one total, each is said once, where its sheet is named if it can be.
    reasons += result.why.split("; ")
    return CandidateLine(
        candidate.id,
        candidate.name,
        status,
        group,
        on_roster=True,
        sheets=sheets,
        total=result.total if matches else None,
        maximum=result.maximum,
        grade=result.grade,
        reasons=_distinct(reasons),
        class_group=candidate.group,
        extra=dict(candidate.extra),
        not_come=not_come,
    )


def _of_sheet(match: Match, about: _About) -> CandidateLine:
    result = about.worth.get(match.sheet)
    settled = match.status in (MatchStatus.MATCHED, MatchStatus.BY_PERSON)
    return CandidateLine(
        match.id,
        "",
        match.status.value,
        GROUP_OF[match.status],
        on_roster=False,
        sheets=(match.sheet,),
        total=result.total if result else None,
        maximum=result.maximum if result else None,
        grade=result.grade if result else "",
        reasons=_distinct([match.why, *about.reasons(match.sheet)]),
        ranked=() if settled else match.ranked,
    )


def _distinct(reasons: Iterable[str]) -> tuple[str, ...]:
    """Return reasons once each; one that another one quotes is said by that one."""
    told = tuple(dict.fromkeys(reason for reason in reasons if reason))
    return tuple(one for one in told if not any(one != other and one in other for other in told))
