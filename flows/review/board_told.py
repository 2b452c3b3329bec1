"""What one person is told of an exam on the dashboard: JSON, without names for those who must not see them. Pure."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from flows.candidate_list import CandidateLine, Group
from flows.checking import in_words as check_in_words
from flows.checking import wrong_at_most
from flows.final import Obstacle, Waiting
from flows.ledger import Ledger, in_words
from flows.records import FileOutcome, RunRow
from flows.review.board import Board
from flows.review.people import Person
from flows.review.progress import ReviewerFigures
from flows.review.queue_shown import REASONS
from flows.review.scan_names import readable
from flows.review.ways import ACCEPTING, IN_DOUBT, WAYS
from flows.run_promise import in_words as promise_in_words
from flows.settings import ReviewSettings
from flows.trail_pairs import PairFigures
from flows.users import UserRole
from recognizer.records import PageOutcomeKind

MOST_LISTED = 5
"""Candidates that a group lists; `tallymark candidates` lists all."""

MOST_RUNS = 3
"""Runs whose promise is told, the latest first, without those that read no field; the workbook tells all."""

STARTS_WITH_WORD = re.compile(r"[a-z]+ ")
"""What may begin with a capital letter: names of files may not."""

ONLY_LEADS = "Which they are is shown to leads: two people answer here, unseen by each other."

TOTALS_UNSEEN = (
    "How many fields wait, and why, is shown to leads and viewers: it follows from answers of others, and some of "
    "those fields are still yours to answer unseen."
)
COUNTED = {
    Obstacle.FIELDS: "Fields wait for a person.",
    Obstacle.UNREADABLE: "There are fields that somebody could not read.",
    Obstacle.DISPUTED: "There are fields that two people read differently.",
    Obstacle.SECOND: "Fields wait for a second person.",
    Obstacle.SHEETS: "Sheets are open.",
    Obstacle.CHECKS: "A sample check is open.",
}
"""What keeps an exam from being final, without the numbers that follow from what people said."""

LOOK_AT_SHEETS = "Look at the sheets"


def told(board: Board, person: Person, settings: ReviewSettings) -> dict[str, Any]:
    """Return what a person is told."""
    about = board.overview
    # What people say of one sheet tells of the others: whose sheets are is for those who answer nothing unseen.
    unseen = person.answers_unseen(settings)
    found = {
        "state": _state(board),
        "at": board.seen.taken_at.isoformat(timespec="seconds"),
        "fields": {
            "all": board.fields,
            "open": board.open,
            "by_people": board.by_people,
            "by_machine": board.fields - board.open - board.by_people,
        },
        "sheets": {"all": about.sheets, "done": about.sheets_done},
        "ledger": _ledger(about.ledger),
        "reasons": [
            {
                "reason": name,
                "words": REASONS[name][0] if name in REASONS else name,
                "sentence": REASONS[name][1] if name in REASONS else "",
                "count": count,
                "link": f"/queue?reason={name}" if person.role.covers(UserRole.REVIEWER) else None,
            }
            for name, count in sorted(board.reasons.items(), key=lambda one: (-one[1], one[0]))
        ],
        "candidates": _candidates(about.lines, person, unseen=unseen),
        "checks": {
            "words": list(check_in_words(about.standing)),
            "looked_at": about.standing.found.looked_at,
            "wrong": about.standing.found.wrong,
            "accepted": about.standing.accepted,
            "unlooked": board.accepted.unlooked,
            "may_be_wrong": wrong_at_most(about.standing, board.accepted.unlooked),
            "stand": board.accepted.stand,
            "by_people": board.accepted.by_people,
            "in_question": board.accepted.in_question,
            "promise": about.standing.accept_error,
            "broken": about.standing.broken,
            "link": "/wall/check" if person.is_lead else None,
        },
        "runs": list(_runs(about.runs)),
        "reviewers": [_reviewer(one) for one in board.reviewers],
        "second": settings.second_share,
        "pairs": [_pair(first, second, found) for (first, second), found in board.pairs.items()],
        "pace": {
            "start": board.pace.start.isoformat(timespec="seconds") if board.pace.start else None,
            "minutes": board.pace.width.total_seconds() / 60,
            "counts": list(board.pace.counts),
        },
        "blocks": [_block(one, person, board, unseen=unseen) for one in board.blocks],
        "hidden": "",
    }
    # Whoever answers unseen would see from one total to the next what an answer of somebody else did to its sheet.
    return _without_totals(found) if unseen and person.role is UserRole.REVIEWER else found


def _without_totals(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is told to somebody who answers unseen: nothing that follows from what others said."""
    blocks = [one | {"words": COUNTED.get(Obstacle(one["what"]), one["words"])} for one in found["blocks"]]
    fields = found["fields"] | {"open": None, "by_machine": None}
    nothing = {"words": [], "unlooked": 0, "may_be_wrong": None, "broken": False, "link": None}
    return found | {
        "hidden": TOTALS_UNSEEN,
        "fields": fields,
        "sheets": found["sheets"] | {"done": None},
        "reasons": [],
        "candidates": found["candidates"] | {"matched": None, "groups": []},
        "checks": nothing,
        "blocks": blocks,
    }


def _state(board: Board) -> str:
    if not board.overview.ledger.files_in:
        return "empty"
    return "open" if board.blocks else "done"


def _ledger(ledger: Ledger) -> dict[str, Any]:
    return {
        "words": in_words(ledger, mend=False),
        "closes": ledger.closes,
        "files_in": ledger.files_in,
        "files": [[kind.value, ledger.files[kind.value]] for kind in FileOutcome],
        "in_hand": ledger.in_hand,
        "pages_in": ledger.pages_in,
        "pages": [[kind.value, ledger.counts[kind]] for kind in PageOutcomeKind],
        "waiting": ledger.waiting,
        "residual": ledger.residual,
    }


GROUPS = (
    ("missing", "Missing", (Group.MISSING,)),
    ("doubled", "Doubled", (Group.DOUBLED,)),
    ("unknown", "Unknown", (Group.OFF_ROSTER, Group.UNSURE)),
)
"""Kinds of candidates that somebody has to look at: those without a sheet, those with two, sheets of nobody."""


def _candidates(lines: tuple[CandidateLine, ...], person: Person, *, unseen: bool) -> dict[str, Any]:
    expected = [line for line in lines if line.on_roster]
    return {
        "expected": len(expected),
        "matched": sum(line.group is Group.MATCHED for line in expected),
        "groups": [
            {
                "group": name,
                "words": words,
                "count": len(found),
                "some": [] if unseen else [_candidate(line, person) for line in found[:MOST_LISTED]],
                "whose": ONLY_LEADS if unseen and found else "",
            }
            for name, words, groups in GROUPS
            for found in ([line for line in lines if line.group in groups],)
        ],
    }


def _candidate(line: CandidateLine, person: Person) -> dict[str, Any]:
    return {
        "id": line.id,
        "name": line.name if person.sees_names else "",
        "status": line.status,
        "sheets": list(line.sheets),
        "link": f"/sheets?q={quote(line.sheets[0])}" if line.sheets and person.role.covers(UserRole.REVIEWER) else None,
    }


def _runs(runs: tuple[RunRow, ...]) -> Iterator[dict[str, Any]]:
    promised = [run for run in runs if run.promise is not None and run.promise.fields]
    for run in reversed(promised[-MOST_RUNS:]):
        if run.promise is not None:
            yield {"number": run.number, "command": run.command, "words": list(promise_in_words(run.promise))}


def _reviewer(one: ReviewerFigures) -> dict[str, Any]:
    return {
        "name": one.name,
        "decisions": one.decisions,
        "ways": [[way, count] for way, count in one.ways.items()],
        "taken_back": one.taken_back,
        "active_s": round(one.active.total_seconds()),
        "per_hour": None if one.per_hour is None else round(one.per_hour),
        "last": one.last.isoformat(timespec="seconds"),
    }


def _pair(first: str, second: str, found: PairFigures) -> dict[str, Any]:
    return {
        "first": first,
        "second": second,
        "answered": found.answered,
        "agreed": found.agreed,
        "first_confirmed": found.first_confirmed,
        "second_confirmed": found.second_confirmed,
        "taken_back": found.taken_back,
        "waiting": found.waiting,
    }


def _block(one: Waiting, person: Person, board: Board, *, unseen: bool) -> dict[str, Any]:
    checks = board.overview.standing
    way = IN_DOUBT if one.what is Obstacle.CHECKS and checks.waiting else WAYS[one.what]
    # Whoever may look at sheets may mend what people wrote there; the rest is for leads.
    at_sheets = one.what is Obstacle.SHEETS and person.role.covers(UserRole.REVIEWER) and not person.is_lead
    here = person.role.covers(way.role)
    is_named = one.what is not Obstacle.SHEETS or (person.sees_names and not unseen)
    said = readable(person, one.said, board.seen)
    words = said[0].upper() + said[1:] if STARTS_WITH_WORD.match(said) else said
    return {
        "what": one.what.value,
        "words": words,
        # What is wrong with a sheet may tell whose it is, and what somebody said of it.
        "named": readable(person, one.named, board.seen) if is_named else "",
        "link": way.at or None if here or at_sheets else None,
        "does": LOOK_AT_SHEETS if at_sheets else way.link if here and way.at else "",
        "command": way.command if here else "",
        "before": way.before if here else "",
        "by_others": ACCEPTING if at_sheets else "" if here else way.by_others,
    }
