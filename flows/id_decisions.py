"""Pure: what the class list decides about id fields, as decisions that take the place of the machine's."""

from collections.abc import Sequence
from dataclasses import replace

from flows.records import FieldRow
from flows.results import Match, Matching, MatchStatus
from recognizer.judge import percent
from recognizer.records import Decision, Flag, ValueState
from recognizer.template import Role

SHOWN_PROBABILITY = 0.0005
"""Candidates less likely than this would be shown as 0 %, and are not named."""

LIKELY = 0.5
"""From this probability on a proposed candidate becomes the guess of the field."""


def id_decisions(matching: Matching, rows: Sequence[FieldRow]) -> dict[str, Decision]:
    """Return the new decisions of id fields, by key; fields that stay as they are have none.

    A field of a MATCHED sheet says the id of the match, however it was read, unless it is blank, covered, reopened by a
    sample check, or struck out as a whole. Of a sheet that nobody was sure enough about, fields that the reading had
    accepted are open again (Flag.WHO), and all open ones name the likeliest candidates. A person's word is never
    touched.
    """
    by_sheet = matching.by_sheet()
    found = {}
    for row in rows:
        match = by_sheet.get(row.sheet)
        if match is None or row.role is not Role.ID or row.correction is not None or not row.counts:
            continue
        decision = _accepted(row, match) if match.status is MatchStatus.MATCHED else _open(row, match)
        if decision is not None and decision != row.decision:
            found[row.key] = decision
    return found


def _accepted(row: FieldRow, match: Match) -> Decision | None:
    old = row.decision
    if old.state is ValueState.VALUE and old.value == match.id:
        return None
    if row.key not in match.settles:
        return None
    return Decision(row.field, ValueState.VALUE, match.id, match.id, match.probability, None, runner_up(match))


def _open(row: FieldRow, match: Match) -> Decision | None:
    """Return what is said of a field of a sheet that is not matched, None where the reading's decision stands."""
    old = row.decision
    if match.status is not MatchStatus.UNSURE and old.state is not ValueState.UNSETTLED:
        # A number that is sure stands, whatever the class list says of it: settling tells people what is wrong.
        return None
    if old.state is ValueState.BLANK or (not match.ranked and not match.why):
        return None
    why = "; ".join(part for part in (old.why or match.why, likeliest(match)) if part)
    best = match.ranked[0] if match.ranked else None
    opened = replace(old, state=ValueState.UNSETTLED, value="", flag=old.flag or Flag.WHO, why=why)
    if best is None or best.probability < LIKELY or old.flag is Flag.BLANK_ID:
        return opened
    return replace(opened, guess=best.id, confidence=best.probability)


def runner_up(match: Match) -> str:
    """Say in a few words who comes next after the candidate to whom a sheet is matched."""
    second = next((one for one in match.ranked if one.id != match.id), None)
    if second is None:
        return "the class list: nobody else comes near"
    share = f"{second.probability:.1%}" if second.probability >= SHOWN_PROBABILITY else f"under {SHOWN_PROBABILITY:.2%}"
    return f"the class list: next is {second.id} {second.name}".rstrip() + f" ({share})"


def likeliest(match: Match) -> str:
    """Name the candidates who may have written a sheet, likeliest first, "" where none is likely at all."""
    named = [
        f"{one.id} {one.name}".strip() + f" ({percent(one.probability)})"
        for one in match.ranked
        if one.probability >= SHOWN_PROBABILITY
    ]
    return f"on the roster: {', '.join(named)}" if named else ""
