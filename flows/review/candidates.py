"""Candidates, for leads: found by id or name to say whose a sheet is, and one with everything that is known."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from flows.candidate_list import candidate_lines
from flows.mark_changes import in_words
from flows.results import RankedCandidate, Unsettled
from flows.review.naming import without_names
from flows.review.office import Here, Leading, draw
from flows.review.people import Person
from flows.review.sheet_record import SHOWN_PROBABILITY
from flows.review.sheets import seen_of
from flows.roster import MAX_ID, MAX_NAME, Candidate
from recognizer.values import format_number

router = APIRouter()

MOST_FOUND = 12
"""Candidates that are listed while somebody types: more are found sooner by typing on."""


@router.get("/candidates/find")
def find(office: Here, person: Leading, q: Annotated[str, Query(max_length=MAX_NAME)]) -> dict[str, Any]:
    """Return the candidates whose id or name holds what somebody types, those that begin with it first."""
    seen = seen_of(office)
    needle = " ".join(q.split()).casefold()
    fitting = [one for one in seen.results.decided.candidates if needle and _fits(one, needle, person)]
    fitting.sort(key=lambda one: (not one.id.casefold().startswith(needle), one.id))
    sheets: dict[str, list[str]] = {}
    for match in seen.results.decided.matching.matches:
        if match.id:
            sheets.setdefault(match.id, []).append(match.sheet)
    found = [
        {"id": one.id, "name": one.name if person.sees_names else "", "sheets": sheets.get(one.id, [])}
        for one in fitting[:MOST_FOUND]
    ]
    return {"found": found, "more": len(fitting) - len(found)}


@router.get("/candidate")
def candidate(
    request: Request,
    office: Here,
    person: Leading,
    id: Annotated[str, Query(max_length=MAX_ID)],
) -> HTMLResponse:
    """Show one candidate: sheets, total, what is open, and which sheets may be by this one too."""
    seen = seen_of(office)
    results = seen.results
    lines = candidate_lines(results, office.exam.sheets.templates) if id else ()
    line = next((one for one in lines if one.id == id), None)
    if line is None:
        raise HTTPException(404, "Nobody of this id is on the class list, and no sheet says it.")
    roster = results.decided.candidates
    worth = {each.sheet: each for each in results.sheets}
    named = [(name, worth.get(name)) for name in line.sheets]
    perhaps = [
        (match.sheet, ranked.probability)
        for match in results.decided.matching.matches
        for ranked in match.ranked
        if _may_be(ranked, id) and match.id != id
    ]
    return draw(
        request,
        "candidate.html",
        id=line.id,
        name=line.name if person.sees_names else "",
        group=line.class_group,
        extra=tuple(line.extra.items()) if person.sees_names else (),
        known=line.status,
        on_roster=line.on_roster,
        total=None if line.total is None else in_words(line.total),
        maximum=None if line.maximum is None or isinstance(line.total, Unsettled) else format_number(line.maximum),
        grade=line.grade,
        sheets=[
            (name, in_words(result.total) if result else "", result.grade if result else "") for name, result in named
        ],
        reasons=[without_names(person, each, roster) for each in line.reasons],
        not_come=line.not_come,
        perhaps=sorted(perhaps, key=lambda each: -each[1]),
    )


def _fits(one: Candidate, needle: str, person: Person) -> bool:
    return needle in one.id.casefold() or (person.sees_names and needle in one.name.casefold())


def _may_be(ranked: RankedCandidate, id: str) -> bool:
    return ranked.id == id and ranked.probability >= SHOWN_PROBABILITY
