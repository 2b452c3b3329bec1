"""The view *Queue*: one open field after another, handed out so that no two people have the same."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import Field, StringConstraints

from flows.export.flags_sheet import FlagRow
from flows.review.bodies import Body, Key, RowNumber, ShortText, Tab, Token, body_of
from flows.review.images import KEY
from flows.review.leases import ENOUGH, MOST_AHEAD, holder_of_window
from flows.review.office import Here, Office, Reviewing, draw, session_of
from flows.review.people import Person
from flows.review.queue_order import Asked, Choice, Order, is_for, waiting
from flows.review.queue_shown import REASONS, Shown, shown, shown_again
from flows.review.refusals import Refused
from flows.review.saying import GONE, Said, Told, Word, meaning_of, say, undo
from recognizer.template import Kind, SheetTemplate

router = APIRouter()

MOST_HAD = 200
"""Fields that one window may have: those ahead, and decisions that wait while the server does not answer."""

MOST_COUNTED = 2_000
"""Fields that are counted one by one for somebody who gets no more: that takes a few hundredths of a second."""

Name = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9._-]{0,64}\z")]
Revision = Annotated[str, StringConstraints(max_length=80, pattern=r"\A[0-9A-Za-z.]{1,80}\z")]

ORDERS = {
    Order.SHEETS: "what finishes most sheets",
    Order.FIELD: "field by field",
    Order.SHEET: "sheet by sheet",
    Order.SUREST: "surest first",
    Order.UNSUREST: "least sure first",
}
"""What each order is called on the page, in the order of the list."""


class Next(Body):
    """What a window asks for: the next fields of a line, besides those that it has already."""

    tab: Tab
    order: Order = Order.SHEETS
    reason: Name = ""
    template: Name = ""
    field: Name = ""
    text: ShortText = ""
    have: tuple[Key, ...] = Field(default=(), max_length=MOST_HAD)
    want: int = Field(default=0, ge=0, le=MOST_AHEAD)


class Say(Body):
    """What somebody says of the field on the screen."""

    tab: Tab
    key: Key
    revision: Revision
    word: Word
    text: ShortText = ""
    token: Token


class Undo(Body):
    """Which answer somebody takes back: the number of its row, as it was told when it was stored."""

    key: Key
    token: Token
    row: RowNumber | None = None


class Check(Body):
    """What somebody typed, before it is taken."""

    key: Key
    word: Literal[Word.VALUE] = Word.VALUE
    text: ShortText


class OfTab(Body):
    """Which window speaks, and of which field, if of one."""

    tab: Tab
    key: Key | None = None


@router.get("/queue")
def page(request: Request, office: Here, person: Reviewing) -> HTMLResponse:
    """Show the view."""
    office.lines.warm((person, Order.SHEETS, Choice()))
    templates = office.exam.sheets.templates
    is_blind = office.exam.settings.review.is_blind
    reasons = [(name, word) for name, (word, _) in REASONS.items() if is_blind or name not in ("second", "disputed")]
    return draw(
        request,
        "queue.html",
        orders=[(order.value, words) for order, words in ORDERS.items()],
        reasons=reasons,
        templates=[template.name for template in templates],
        fields=_fields_of(templates),
    )


def _fields_of(templates: Sequence[SheetTemplate]) -> dict[str, tuple[str, list[str]]]:
    """Return what people call each field, and the templates that have one of its name, by name."""
    found: dict[str, tuple[str, list[str]]] = {}
    for template in templates:
        for field in (field for page in template.pages for field in page.fields if field.kind is not Kind.IMAGE):
            found.setdefault(field.name, (field.label or field.question, []))[1].append(template.name)
    return found


@router.get("/queue/session")
def session(request: Request, _: Reviewing) -> dict[str, str]:
    """Tell a window that was logged out who has logged in again, and with which token it speaks from now on."""
    found = session_of(request)
    return {"person": found.person.name, "csrf": found.csrf}


@router.post("/queue/next")
def next_fields(
    request: Request, office: Here, person: Reviewing, asked: Annotated[Next, Depends(body_of(Next))]
) -> dict[str, object]:
    """Hand out the next fields, keep those that a window has, and tell it which of them it has lost."""
    if office.desk.seen is None:
        return {"ready": False, "trouble": office.desk.trouble}
    holder = _holder(request, person, asked.tab)
    line: Asked = (person, asked.order, Choice(asked.reason, asked.template, asked.field, asked.text.strip()))
    office.leases.keep_only(holder, asked.have)
    lost = [key for key in asked.have if not (_waits(office, line, key) and office.leases.keep(key, holder))]
    fields, left = hand_out(office, line, holder, asked.have, asked.want)
    is_all = len(fields) < asked.want
    enough = ENOUGH if is_all and office.leases.has_enough(holder) else ""
    beyond, others = _beyond(office, line, holder, frozenset(asked.have), exactly=is_all)
    return {
        "ready": True,
        "fields": [asdict(each) for each in fields],
        "left": left,
        "beyond": beyond,
        "others": others,
        "lost": lost,
        "enough": enough,
    }


def hand_out(office: Office, line: Asked, holder: str, have: Iterable[str], want: int) -> tuple[list[Shown], int]:
    """Return the next fields of a line that nobody else has, now the holder's, and how many wait in it.

    What was struck on a wall comes first: it is not what the machine guesses. What the person skipped comes when
    nothing else is left.
    """
    put_off = office.skipped.of(line[0])
    passed = {*have, *put_off}
    found: list[tuple[FlagRow, bool]] = []

    def take(key: str, *, skipped: bool = False) -> bool:
        if not office.leases.take(key, holder):
            return False
        flag = _waits(office, line, key)
        if flag is None:
            office.leases.free(key, holder)
            return False
        found.append((flag, skipped))
        return True

    def take_of(keys: Iterable[str], *, skipped: bool = False) -> None:
        for key in keys:
            if len(found) >= want:
                break
            take(key, skipped=skipped)

    struck = [key for key in office.lines.among(line, list(office.struck.told(line[0]))) if key not in passed]
    take_of(struck)
    passed.update(struck)
    _, left = office.lines.keys(line, want - len(found), lambda key: key not in passed and take(key))
    take_of((key for key in office.lines.among(line, put_off) if key not in set(have)), skipped=True)
    return [shown(office, line[0], flag, skipped=skipped) for flag, skipped in found], left


def _beyond(
    office: Office, line: Asked, holder: str, have: frozenset[str], *, exactly: bool = False
) -> tuple[int, int]:
    """Return how many fields wait in a line besides those that a window has, and how many of them other people have.

    `exactly`, once there is no more to hand out: a line may be that from before the last answers, and is then counted
    field by field.
    """
    mine = len(office.lines.among(line, have))
    _, left = office.lines.keys(line, 0, bool)
    if not exactly or left > MOST_COUNTED:
        return left - mine, 0
    found, _ = office.lines.keys(line, left, lambda key: key not in have and _waits(office, line, key) is not None)
    return len(found), sum(office.leases.is_with_others(key, holder) for key in found)


def _waits(office: Office, line: Asked, key: str) -> FlagRow | None:
    """Return a field if it still waits for a person: while an exam is sorted anew, its lines are those from before."""
    person, _, choice = line
    flag = waiting(office.desk, key)
    return flag if flag is not None and is_for(office.desk, person, flag, choice) else None


@router.post("/queue/say")
def say_it(
    request: Request, office: Here, person: Reviewing, said: Annotated[Say, Depends(body_of(Say))]
) -> dict[str, object]:
    """Store what somebody says of a field."""
    told = say(office, person, Said(said.key, said.revision, said.word, said.text, said.token, "queue"))
    office.leases.free(said.key, _holder(request, person, said.tab))
    office.skipped.drop(person, said.key)
    return _stored(office, told)


@router.post("/queue/undo")
def undo_it(office: Here, person: Reviewing, asked: Annotated[Undo, Depends(body_of(Undo))]) -> dict[str, object]:
    """Take an answer back."""
    return _stored(office, undo(office, person, asked.key, asked.token, asked.row))


@router.post("/queue/check")
def check(office: Here, _: Reviewing, typed: Annotated[Check, Depends(body_of(Check))]) -> dict[str, str]:
    """Tell whether a field may hold what was typed, and how that is kept; nothing is stored (422 when it may not)."""
    row = office.desk.row(typed.key) or office.store.field(typed.key)
    if row is None:
        raise Refused(HTTPStatus.NOT_FOUND, GONE, (typed.key,))
    meaning = meaning_of(office, row, Said(typed.key, row.revision, typed.word, typed.text, "", "queue"))
    return {"state": meaning.state.value, "value": meaning.value}


@router.get("/queue/field/{key}")
def field(key: str, office: Here, person: Reviewing) -> dict[str, object]:
    """Return one field as it is now, for somebody who comes back to it."""
    row = office.store.field(key) if KEY.fullmatch(key) else None
    if row is None:
        raise Refused(HTTPStatus.NOT_FOUND, GONE)
    known = office.desk.row(key)
    if known is not None and known.revision != row.revision:
        # Somebody decided it by other means, and the desk has not looked since.
        office.desk.touched(office.store, [key])
    return asdict(shown_again(office, person, row))


@router.post("/queue/skip")
def skip(
    request: Request, office: Here, person: Reviewing, asked: Annotated[OfTab, Depends(body_of(OfTab))]
) -> dict[str, bool]:
    """Put a field behind all others of this person."""
    if asked.key is not None and waiting(office.desk, asked.key) is not None:
        office.skipped.put(person, asked.key)
        office.leases.free(asked.key, _holder(request, person, asked.tab))
    return {"skipped": asked.key is not None}


@router.post("/queue/leave")
def leave(
    request: Request, office: Here, person: Reviewing, asked: Annotated[OfTab, Depends(body_of(OfTab))]
) -> dict[str, bool]:
    """Give back what a window has: it is closed, or shows something else."""
    office.leases.free_all(_holder(request, person, asked.tab))
    return {"left": True}


def _holder(request: Request, person: Person, tab: str) -> str:
    return holder_of_window(person.name, f"{session_of(request).id}.{tab}")


def _stored(office: Office, told: Told) -> dict[str, object]:
    row = office.desk.row(told.key) or office.store.field(told.key)
    return {
        "stored": told.stored,
        "number": told.number,
        "state": told.state.value,
        "value": told.value,
        "revision": row.revision if row is not None else "",
    }
