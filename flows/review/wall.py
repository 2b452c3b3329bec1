"""The view *Wall*: sixty fields of one guess on a page; the wrong ones are struck, the others confirmed with one key.

    group ─ page (leases) ─► screen ─ confirm ─► decisions of all that are not struck, in one transaction

What somebody else decided meanwhile is named and left alone; the rest is stored. Sent again, nothing is stored twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from flows.errors import TokenUsedError, UndoError
from flows.export.flags_sheet import BLANK_WORD, FlagRow
from flows.records import Correction, FieldRow, TrailRow
from flows.review.bodies import Body, Key, ShortText, Tab, Token, body_of
from flows.review.leases import ENOUGH, holder_of_window
from flows.review.office import Here, Office, Reviewing, draw, session_of
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.review.saying import GONE, Said, Word, correction_of
from flows.review.scan_names import place_told, readable
from flows.review.uncounted import left_open
from flows.review.untold import Sight
from flows.review.wall_groups import WALL, WORTH_A_WALL, Group, named_group, page_of, wall_groups
from flows.review.wall_letters import letters_of
from flows.reviewer import is_same_person
from flows.settling import heading
from flows.trail import in_force, undo_of
from recognizer.records import ValueState

router = APIRouter()

HOW: Literal["wall"] = "wall"

MOST_KEPT = 4 * WALL
"""Fields whose leases one window keeps: the page on the screen, the one after it, and two that are being stored."""

NOT_NOW = "Somebody else decided this field meanwhile, or it was read again; it was left as it is."

ANSWERED = "{} has answered this field already; it was left as it is."

STILL_READING = "The exam is being read; what was struck is known to be open in a moment."

OTHER_GUESS = "The machine does not guess now what this page was confirmed as; it was left as it is."


@dataclass(frozen=True, slots=True)
class Late:
    """A field of a page that was not taken, and why."""

    key: str
    words: str


class Shown(Body):
    """A field as it was on the screen."""

    key: Key
    revision: ShortText


class Ask(Body):
    """Which group somebody wants a page of, and the fields that are on the screen already."""

    tab: Tab | Literal[""] = ""
    group: ShortText
    without: Annotated[tuple[Key, ...], Field(max_length=MOST_KEPT)] = ()


class Keys(Body):
    """Some fields of a window."""

    tab: Tab | Literal[""] = ""
    keys: Annotated[tuple[Key, ...], Field(max_length=MOST_KEPT)] = ()


SomeKeys = Annotated[Keys, Depends(body_of(Keys))]


class Confirm(Body):
    """A page that was looked at: `fields` hold what the machine guesses, `struck` do not."""

    tab: Tab | Literal[""] = ""
    token: Token
    guess: ShortText
    fields: Annotated[tuple[Shown, ...], Field(max_length=WALL)] = ()
    struck: Annotated[tuple[Shown, ...], Field(max_length=WALL)] = ()


class Undo(Body):
    """A page that is taken back: the token with which it was confirmed, its fields, and what was struck."""

    token: Token
    confirmed: Token
    keys: Annotated[tuple[Key, ...], Field(max_length=WALL)] = ()
    struck: Annotated[tuple[Key, ...], Field(max_length=WALL)] = ()


# ---- looking ---------------------------------------------------------------------------------------------------------


@router.get("/wall")
def page(request: Request, office: Here, person: Reviewing) -> HTMLResponse:
    """Show the groups."""
    groups = _groups(office, person)
    shown = [group for group in groups if len(group.flags) >= WORTH_A_WALL]
    return draw(
        request,
        "wall.html",
        loading=office.desk.seen is None,
        trouble=office.desk.trouble,
        groups=shown,
        fields=sum(len(group.flags) for group in shown),
        alone=sum(len(group.flags) < WORTH_A_WALL for group in groups),
        struck=office.struck.waiting(person),
        unsettling=_unsettling(office, person) if office.desk.seen is not None else 0,
        is_lead=person.is_lead,
    )


@router.get("/wall/group")
def group_page(request: Request, office: Here, person: Reviewing, name: str = "") -> HTMLResponse:
    """Show one group: the script asks for its fields."""
    group = _group(office, person, name)
    return draw(
        request,
        "wall_group.html",
        here="/wall",
        name=name,
        title=group.title if group else "nothing is left",
        what=group.what if group else "",
    )


@router.post("/wall/page")
def fields(
    request: Request, office: Here, person: Reviewing, asked: Annotated[Ask, Depends(body_of(Ask))]
) -> dict[str, Any]:
    """Return the next page of a group, and keep its fields from others while it is on a screen."""
    if office.desk.seen is None:
        return {"loading": True, "trouble": office.desk.trouble}
    holder = _holder(request, person, asked.tab)
    group, without = _group(office, person, asked.group), set(asked.without)
    for key in without:
        _kept(office, person, key, holder)
    found = page_of(group, without, lambda key: office.leases.take(key, holder)) if group else ()
    left = sum(flag.row.key not in without for flag in group.flags) if group else 0
    return {
        "loading": False,
        "guess": group.guess if group else "",
        "left": left,
        "elsewhere": left if not found else 0,
        "enough": ENOUGH if not found and left and office.leases.has_enough(holder) else "",
        "cells": [_cell(office, person, flag) for flag in found],
    }


@router.post("/wall/keep")
def keep(request: Request, office: Here, person: Reviewing, asked: SomeKeys) -> dict[str, Any]:
    """Keep fields for a screen that is still looked at."""
    holder = _holder(request, person, asked.tab)
    # What waits for nobody is kept by nobody: keys that are made up take no room.
    return {"lost": [key for key in asked.keys if not _kept(office, person, key, holder)]}


@router.post("/wall/free")
def free(request: Request, office: Here, person: Reviewing, asked: SomeKeys) -> dict[str, Any]:
    """Give fields back that are on no screen any more."""
    office.leases.free_all(_holder(request, person, asked.tab), asked.keys)
    return {}


# ---- saying ----------------------------------------------------------------------------------------------------------


@router.post("/wall/confirm")
def confirm(
    request: Request, office: Here, person: Reviewing, said: Annotated[Confirm, Depends(body_of(Confirm))]
) -> dict[str, Any]:
    """Store that all fields of a page that are not struck hold what the machine guesses."""
    keys = [one.key for one in (*said.fields, *said.struck)]
    if len(set(keys)) != len(keys):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Send each field once, struck or not.")
    if said.struck and office.desk.seen is None:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, STILL_READING)
    stored, late = _store(office, person, said)
    office.struck.add(((one.key, one.revision) for one in said.struck), person.name)
    office.leases.free_all(_holder(request, person, said.tab), keys)
    return {
        "stored": [row.correction.key for row in stored],
        "struck": len(said.struck),
        "late": [{"key": one.key, "place": _place(office, one.key), "words": one.words} for one in late],
    }


@router.post("/wall/undo")
def undo(office: Here, person: Reviewing, asked: Annotated[Undo, Depends(body_of(Undo))]) -> dict[str, Any]:
    """Take a page back, each of its fields with a row of its own; also its strikes."""
    late: list[Late] = []

    def choose(rows: tuple[FieldRow, ...], trails: Mapping[str, tuple[TrailRow, ...]]) -> Sequence[Correction]:
        late.clear()
        made: list[Correction] = []
        for row in rows:
            try:
                made.append(_undone(trails.get(row.key, ()), person, asked.confirmed))
            except UndoError as problem:
                late.append(Late(row.key, str(problem)))
        return made

    # What somebody else struck stays struck: only who saw the page knows why.
    office.struck.drop(asked.struck, lambda who: person.is_lead or is_same_person(who, person.name))
    rows, gone = _decide(office, person, list(asked.keys), asked.token, choose)
    told = [*late, *(Late(key, GONE) for key in gone)]
    return {
        "undone": [row.correction.key for row in rows],
        "late": [{"key": one.key, "place": _place(office, one.key), "words": one.words} for one in told],
    }


def _store(office: Office, person: Person, said: Confirm) -> tuple[tuple[TrailRow, ...], list[Late]]:
    """Store what is said of a page; what cannot be taken any more is left out and named."""
    seen = {one.key: one.revision for one in said.fields}
    late: dict[str, Late] = {}

    def choose(rows: tuple[FieldRow, ...], trails: Mapping[str, tuple[TrailRow, ...]]) -> Sequence[Correction]:
        late.clear()
        made: list[Correction] = []
        for row in rows:
            if row.correction is not None and row.revision == seen[row.key]:
                # A wall shows what is open; what somebody has answered is looked at in the queue, or on its sheet.
                late[row.key] = Late(row.key, ANSWERED.format(row.correction.reviewer))
                continue
            if row.revision == seen[row.key] and _guess_of(office, person, row) != said.guess:
                late[row.key] = Late(row.key, OTHER_GUESS)
                continue
            word = Word.GUESS if said.guess else Word.BLANK
            one = Said(row.key, seen[row.key], word, said.guess, said.token, HOW)
            try:
                made.append(correction_of(office, person, one, row, trails.get(row.key, ())))
            except Refused as problem:
                if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
                    # It is not late, but early: the page is sent again when the exam has been read.
                    raise
                late[row.key] = Late(row.key, problem.words)
        return made

    rows, gone = _decide(office, person, list(seen), said.token, choose)
    taken = {row.correction.key for row in rows}
    # Sent again, it is known which were stored, and no more why the others were not.
    missing = [late.get(key) or Late(key, GONE if key in gone else NOT_NOW) for key in seen if key not in taken]
    return rows, missing


def _guess_of(office: Office, person: Person, row: FieldRow) -> str:
    """Return what the machine guesses of a field as walls show it: what it guesses now, of the reading as stored."""
    shown = office.desk.row(row.key)
    now = shown if shown is not None and shown.revision == row.revision else row
    return Sight(office, person).row(now).decision.guess


def _decide(
    office: Office,
    person: Person,
    keys: list[str],
    token: str,
    choose: Any,  # noqa: ANN401 - as `Store.decide_fields` takes
) -> tuple[tuple[TrailRow, ...], tuple[str, ...]]:
    """Decide fields together; return what is stored, and the keys of fields that are not there any more."""
    gone: list[str] = []
    while keys:
        try:
            rows, _ = office.store.decide_fields(keys, token, choose, reviewer=person.name)
        except KeyError as none:
            (key,) = none.args
            keys = [each for each in keys if each != key]
            gone.append(key)
        except TokenUsedError as used:
            raise Refused(HTTPStatus.CONFLICT, str(used)) from used
        else:
            office.desk.touched(office.store, [row.correction.key for row in rows])
            return rows, tuple(gone)
    return (), tuple(gone)


def _undone(trail: Sequence[TrailRow], person: Person, confirmed: str) -> Correction:
    """Return the row that takes back what a page said of a field.

    Raises:
        UndoError: something else was said since, or the page said nothing of it.
    """
    left = in_force(trail)
    if not left or not left[-1].correction.token.startswith(f"{confirmed}/"):
        raise UndoError("it was decided anew, or taken back, since this page was confirmed; it was left as it is")
    return undo_of(trail, person.name, person.is_lead, how=HOW)


# ---- what is shown ---------------------------------------------------------------------------------------------------


def _groups(office: Office, person: Person) -> tuple[Group, ...]:
    flags = _flags(office, person)
    return wall_groups(flags, office.desk.template_field, office.struck.told(person), _settles(office))


def _group(office: Office, person: Person, name: str) -> Group | None:
    flags = _flags(office, person)
    return named_group(name, flags, office.desk.template_field, office.struck.told(person), _settles(office))


def _flags(office: Office, person: Person) -> Iterable[FlagRow]:
    """Return the open fields as a person may see them: what others make of one is no guess of it, where that tells."""
    flags, sight = office.desk.open_flags(), Sight(office, person)
    if not sight.is_blind:
        return flags.values()
    # What somebody has answered is on no wall; it must not come there as if nobody had.
    answered = {key for key, flag in flags.items() if flag.row.correction is not None}
    return [flag for flag in sight.open_flags() if flag.row.key not in answered]


def _settles(office: Office) -> Callable[[FieldRow], bool]:
    """Return what tells whether the guess of a field settles it: an empty mark may have no worth in this exam."""

    def settles(row: FieldRow) -> bool:
        guess = row.decision.guess
        return not left_open(office, row, ValueState.VALUE if guess else ValueState.BLANK, guess)

    return settles


def _unsettling(office: Office, person: Person) -> int:
    """Count the open marks whose guess would settle nothing, so that no wall offers them."""
    settles = _settles(office)
    return sum(
        flag.row.correction is None and bool(flag.row.decision.guess_in_words) and not settles(flag.row)
        for flag in _flags(office, person)
    )


def _cell(office: Office, person: Person, flag: FlagRow) -> dict[str, Any]:
    row = flag.row
    return {
        "key": row.key,
        "revision": row.revision,
        "read": row.decision.guess_in_words or BLANK_WORD,
        "confidence": row.decision.confidence,
        "question": flag.question,
        "sheet": row.sheet,
        "place": place_told(person, row),
        "why": readable(person, flag.why, office.desk.seen),
        "may_hold": flag.may_hold,
        "letters": letters_of(office.desk.template_field(row), row.decision.guess),
    }


def _place(office: Office, key: str) -> str:
    row = office.desk.row(key)
    field = office.desk.template_field(row) if row else None
    return f"{row.sheet}, {heading(field) if field else row.field}" if row else key


def _kept(office: Office, person: Person, key: str, holder: str) -> bool:
    if not Sight(office, person).is_open(key):
        office.leases.free(key, holder)
        return False
    return office.leases.keep(key, holder)


def _holder(request: Request, person: Person, tab: str) -> str:
    return holder_of_window(person.name, f"{session_of(request).id}.{tab}/wall")
