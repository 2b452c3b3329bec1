"""Sample checks in the browser: a lead looks at accepted fields drawn at random, on walls of sixty.

    draw ─► rounds ─ weigh ─► what handing in would do ─ hand in ─► stored as `tallymark check` does ─► what it shows

What is struck is said to be something else; everything else on a confirmed wall was read right.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from flows.checking import Standing, draw, in_words
from flows.errors import PlaceError
from flows.export.flags_sheet import BLANK_WORD
from flows.export.reading_back import Filled
from flows.records import By, FieldRow
from flows.review.bodies import Body, Key, ShortText, body_of
from flows.review.office import Here, Leading, Office
from flows.review.office import draw as draw_page
from flows.review.refusals import Refused
from flows.review.rounds import Round, offer, offers
from flows.review.sample_words import accepts, what_became, would_do
from flows.review.uncounted import left_open
from flows.review.wall_groups import WALL, group_title
from flows.review.wall_letters import letters_of
from flows.sample_rounds import foresee, hand_in, standing_in
from flows.settling import heading
from recognizer.errors import ValueNotAllowedError
from recognizer.records import ValueState
from recognizer.values import expectation, parse_value

router = APIRouter()

HOW = "sample check, wall"

MOST_DRAWN = 100_000
"""Fields that one person may draw at once: more than anybody looks at."""


class Begin(Body):
    """How many fields somebody wants to look at."""

    number: Annotated[int, Field(ge=1, le=MOST_DRAWN)]


class OfRound(Body):
    """Which round is meant."""

    round: ShortText


class Say(OfRound):
    """What is written in a struck field: a text, or nothing at all; without either it is not struck any more."""

    key: Key
    text: ShortText | None = None
    blank: bool = False


class Confirm(OfRound):
    """A wall that was looked at, and what is struck on it."""

    wall: Annotated[int, Field(ge=0, le=MOST_DRAWN)]
    struck: Annotated[tuple[Key, ...], Field(max_length=WALL)] = ()


# ---- looking ---------------------------------------------------------------------------------------------------------


@router.get("/wall/check")
def page(request: Request, _: Leading) -> HTMLResponse:
    """Show the view."""
    return draw_page(request, "wall_check.html", here="/wall")


@router.get("/wall/check/state")
def state(office: Here, person: Leading) -> dict[str, Any]:
    """Tell how the promise stands, which samples may be drawn, and which round this person has begun."""
    if office.desk.seen is None:
        return {"loading": True, "trouble": office.desk.trouble}
    standing, untouched = office.standings.now(), office.standings.untouched()
    looked_at = standing.found.looked_at
    begun = office.rounds.of(person.name)
    return {
        "loading": False,
        "standing": told_of(standing),
        "accepted": untouched,
        "offers": [asdict(one) for one in offers(untouched, looked_at, standing.accept_error)],
        "round": None if begun is None else _told_round(begun),
    }


@router.get("/wall/check/offer")
def about(office: Here, _: Leading, number: int = 1) -> dict[str, Any]:
    """Tell what a sample of any size can show."""
    number = min(max(number, 1), MOST_DRAWN)
    standing = office.standings.now()
    return asdict(offer(number, office.standings.untouched(), standing.found.looked_at, standing.accept_error))


@router.get("/wall/check/wall")
def wall(office: Here, person: Leading, round: str, number: int) -> dict[str, Any]:
    """Return the fields of one wall of this person's round."""
    going = office.rounds.asked(person.name, round)
    if not 0 <= number < len(going.walls):
        raise Refused(HTTPStatus.NOT_FOUND, f"Your sample has {len(going.walls)} walls.")
    return {
        "number": number,
        "confirmed": number in going.confirmed,
        "cells": [_cell(office, row, going.written.get(row.key)) for row in going.walls[number]],
    }


# ---- saying ----------------------------------------------------------------------------------------------------------


@router.post("/wall/check/begin")
def begin(office: Here, person: Leading, asked: Annotated[Begin, Depends(body_of(Begin))]) -> dict[str, Any]:
    """Draw a sample for this person."""
    if office.desk.seen is None:
        raise Refused(HTTPStatus.CONFLICT, "The exam is still being read; try again in a moment.")
    chosen = draw(office.desk.rows(), office.store.sample_checks(), asked.number)
    return _told_round(office.rounds.begin(person.name, chosen))


@router.post("/wall/check/say")
def say(office: Here, person: Leading, said: Annotated[Say, Depends(body_of(Say))]) -> dict[str, Any]:
    """Remember what is written in a struck field, once it is known to be something that may stand there."""
    row = office.rounds.asked(person.name, said.round).row(said.key)
    if row is None:
        raise Refused(HTTPStatus.NOT_FOUND, "This field does not belong to your sample.", (said.key,))
    text = "" if said.blank else None if said.text is None else _written(office, row, said.text)
    if text is not None and (why := _left_open(office, row, text)):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, why, (said.key,))
    if text is not None and text == row.decision.value:
        words = "That is what the machine read. If it is right, take the strike off."
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, words, (said.key,))
    office.rounds.say(person.name, said.round, said.key, text)
    return {"key": said.key, "text": text}


@router.post("/wall/check/confirm")
def confirm(office: Here, person: Leading, said: Annotated[Confirm, Depends(body_of(Confirm))]) -> dict[str, Any]:
    """Take a wall as looked at. Nothing is stored yet."""
    return _told_round(office.rounds.confirm(person.name, said.round, said.wall, said.struck))


@router.post("/wall/check/drop")
def drop(office: Here, person: Leading, asked: Annotated[OfRound, Depends(body_of(OfRound))]) -> dict[str, Any]:
    """Forget a round: nothing of it is stored."""
    office.rounds.asked(person.name, asked.round)
    office.rounds.end(person.name, asked.round)
    return {}


@router.get("/wall/check/weigh")
def weigh(office: Here, person: Leading, round: str) -> dict[str, Any]:
    """Tell what handing in would do: what the sample shows, which thresholds rise, what is reopened. Stores nothing."""
    answers, going = _answers(office, person.name, round)
    with office.desk.opener() as store, store.snapshot():
        found = foresee(office.exam, store, office.desk.rows(), answers, By(person.name, datetime.now(UTC), HOW))
    words = list(would_do(found, going.drawn - going.looked_at))
    return {"words": words, "wrong": found.done.corrected, "reopened": found.reopened + found.shaken}


@router.post("/wall/check/hand-in")
def take(office: Here, person: Leading, asked: Annotated[OfRound, Depends(body_of(OfRound))]) -> dict[str, Any]:
    """Weigh and store what was said of the walls that are confirmed; sent again, tell what became of it."""
    with office.rounds.handing:
        told = office.rounds.told(person.name, asked.round)
        if told is None:
            told = _hand_in(office, person.name, asked.round)
            office.rounds.end(person.name, asked.round, told)
    return told


def _answers(office: Office, name: str, round_id: str) -> tuple[tuple[Filled, ...], Round]:
    going = office.rounds.asked(name, round_id)
    if not going.looked_at:
        raise Refused(HTTPStatus.CONFLICT, "No wall of your sample is confirmed yet; look at one first.")
    rows = [row for number in going.confirmed for row in going.walls[number]]
    for row in rows:
        # Somebody may have changed the key since it was typed.
        if row.key in going.written and (why := _left_open(office, row, going.written[row.key])):
            raise Refused(HTTPStatus.CONFLICT, f"{row.sheet}, {row.field}: {why}", (row.key,))
    options = {row.key: field.options for row in rows if (field := office.desk.template_field(row)) is not None}
    return office.rounds.answers(going, options), going


def _hand_in(office: Office, name: str, round_id: str) -> dict[str, Any]:
    answers, going = _answers(office, name, round_id)
    by = By(name, datetime.now(UTC), HOW)
    try:
        done = hand_in(office.exam, office.store, lambda _: answers, by, partly=True)
        with office.desk.opener() as store, store.snapshot():
            standing = standing_in(office.exam, store)
    except PlaceError as problem:
        raise PlaceError(f"{problem}. Nothing is lost: your sample is kept here; hand it in again then") from problem
    office.desk.touched(office.store, going.written)
    office.desk.hurry()
    return {
        "words": list(what_became(done, going.drawn)),
        "left_out": list(done.left_out),
        "standing": told_of(standing),
    }


# ---- in words --------------------------------------------------------------------------------------------------------


def told_of(standing: Standing) -> dict[str, Any]:
    """Return how the promise stands as the browser shows it."""
    return {
        "words": list(in_words(standing)),
        "accepts": list(accepts(standing.thresholds)),
        "accepted": standing.accepted,
        "left": {"looked_at": standing.left.looked_at, "wrong": standing.left.wrong},
        "promise": standing.accept_error,
        "looked_at": standing.found.looked_at,
        "wrong": standing.found.wrong,
        "rate": standing.found.rate,
        "low": standing.low,
        "high": standing.high,
        "kept": standing.found.kept.value,
        "broken": standing.broken,
        "blocks": standing.blocks,
        "reopened": standing.reopened,
        "waiting": standing.waiting,
    }


def _told_round(going: Round) -> dict[str, Any]:
    return {
        "id": going.id,
        "drawn": going.drawn,
        "looked_at": going.looked_at,
        "wrong": len(going.written),
        "walls": [
            {"number": number, "fields": len(rows), "confirmed": number in going.confirmed}
            for number, rows in enumerate(going.walls)
        ],
    }


def _cell(office: Office, row: FieldRow, written: str | None) -> dict[str, Any]:
    field = office.desk.template_field(row)
    return {
        "key": row.key,
        "revision": row.revision,
        "group": group_title(row),
        "read": row.decision.guess_in_words or BLANK_WORD,
        "question": heading(field) if field else row.field,
        "sheet": row.sheet,
        "place": f"{row.file} page {row.page_number}",
        "may_hold": expectation(field) if field else "",
        "written": written,
        "letters": letters_of(field, row.decision.guess),
    }


def _left_open(office: Office, row: FieldRow, text: str) -> str:
    return left_open(office, row, ValueState.VALUE if text else ValueState.BLANK, text)


def _written(office: Office, row: FieldRow, text: str) -> str:
    field = office.desk.template_field(row)
    if field is None:
        words = f"The template {row.template} has no field {row.field} any more; read the scans again with regrade."
        raise Refused(HTTPStatus.CONFLICT, words, (row.key,))
    if not text.strip():
        words = "Nothing is typed. If nothing is written in the field, say blank."
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, words, (row.key,))
    if text.strip().casefold() == BLANK_WORD and BLANK_WORD not in field.options:
        return ""
    try:
        return parse_value(field, text)
    except ValueNotAllowedError as problem:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(problem), (row.key,)) from problem
