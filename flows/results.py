"""What becomes of readings: who wrote a sheet, what it is worth, and how that changed. Records only, read this first.

    FieldRow… ─decide_sums─► FieldRow… ─match_sheets─► Matching ─settle_sheets─► SettledSheet…
      ─mark_sheets─► SheetResult… ─candidate_results─► CandidateResult…

Points are exact decimals. They are in one of three states, never confused: a number, absent, unsettled with reasons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from flows.roster import Candidate


@dataclass(frozen=True, slots=True)
class Absent:
    """The candidate was absent: there is nothing to add up. Settled, unlike `Unsettled`, and never zero."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Nobody knows yet, and why: one plain reason a hole."""

    reasons: tuple[str, ...]


Points: TypeAlias = Decimal | Absent | Unsettled
"""What a question, a section or a sheet is worth."""


class Settler(StrEnum):
    """What made the machine's decision about a field."""

    READING = "reading"
    """Its own picture alone."""
    SUM = "sum"
    """The marks and totals of its sheet together."""
    ROSTER = "roster"
    """The class list, over all sheets of the exam."""


# ---- who wrote it ----------------------------------------------------------------------------------------------------


class MatchStatus(StrEnum):
    """What is known of who wrote a sheet."""

    MATCHED = "matched"
    """Accepted at the error that the office asked for."""
    BY_PERSON = "said by a person"
    UNSURE = "unsure"
    """Five candidates are proposed."""
    DOUBLED = "doubled"
    """Another sheet of this template says the same."""
    OFF_ROSTER = "not on the roster"
    CONTRADICTORY = "contradictory"
    """Its id fields say different things."""
    NO_ID = "no id"
    """Nothing is written, or the page with the id has not come."""


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """One candidate who may have written a sheet, and how likely that is."""

    id: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Match:
    """Who wrote one sheet.

    `id` is set where it is known: MATCHED, BY_PERSON, and OFF_ROSTER or DOUBLED where the number itself is sure.
    `ranked` are up to five candidates, likeliest first, always. `why` tells a person what to look at; "" when MATCHED.
    `keys` are the readings of its id fields; `settles` those of them that the match settles when it is MATCHED: neither
    blank nor covered, nor struck out, nor reopened by a sample check, nor of another length than the id.
    """

    sheet: str
    template: str
    status: MatchStatus
    id: str = ""
    probability: float = 0.0
    ranked: tuple[RankedCandidate, ...] = ()
    why: str = ""
    keys: tuple[str, ...] = ()
    settles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matching:
    """Who wrote which sheet, for all sheets of an exam.

    `missing` are the candidates without any sheet; `doubled` the sheets that say one id, by (template, id).
    """

    matches: tuple[Match, ...] = ()
    missing: tuple[Candidate, ...] = ()
    doubled: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def by_sheet(self) -> dict[str, Match]:
        """Return each match by its sheet."""
        return {match.sheet: match for match in self.matches}


# ---- what it is worth ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """What one question of a sheet is worth.

    `answer` is what counts as the answer, in canonical form ("" blank or unsettled). `why` says in a few words how the
    points came about ("right", "2 of 3 options", "void"), or what is missing. `attempted` is None while nobody knows;
    `counts` is False where best n of m leaves the question out.
    """

    question: str
    section: str
    points: Points
    maximum: Decimal
    answer: str = ""
    why: str = ""
    attempted: bool | None = True
    counts: bool = True


@dataclass(frozen=True, slots=True)
class SectionResult:
    """What one section of a sheet is worth."""

    name: str
    points: Points
    maximum: Decimal


@dataclass(frozen=True, slots=True)
class SheetResult:
    """What one sheet is worth by the key. `candidate` is the id of who wrote it, "" while that is unknown.

    `version` is the printed version of the paper ("" where there is one only). `grade` is "" where the key has no
    grades, or the total is unsettled or absent. `exact` and `exact_maximum` are the total and its maximum before they
    are cut to the decimals that are shown; None where there is no number, or the result was read back.
    """

    sheet: str
    template: str
    candidate: str
    version: str
    questions: tuple[QuestionResult, ...]
    sections: tuple[SectionResult, ...]
    total: Points
    maximum: Decimal
    grade: str = ""
    remarks: tuple[str, ...] = ()
    exact: Fraction | None = field(default=None, compare=False)
    exact_maximum: Fraction | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """What one candidate of the roster has, over all sheets: `sheets` by template; None for `total` without a key."""

    candidate: Candidate
    sheets: Mapping[str, tuple[str, ...]]
    total: Points | None
    maximum: Decimal | None
    grade: str = ""
    why: str = ""


# ---- how it changed --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkChange:
    """One thing that a re-mark changed: `what` is "candidate", "whose it is", "question 3", "section A" or "total".

    What changed over all sheets of a candidate has the sheet "": "overall total", "overall maximum", "overall grade".
    Rules that changed nobody's marks are told by "no marks changed", with neither sheet nor candidate. `cause` says
    whether the rules changed or the readings, and which.
    """

    sheet: str
    candidate: str
    what: str
    before: str
    after: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """One re-mark that was stored: who, when, why, and all that it changed. Only ever inserted."""

    number: int
    made_at: datetime
    reviewer: str
    why: str
    changes: tuple[MarkChange, ...]
