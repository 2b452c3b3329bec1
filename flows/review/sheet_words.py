"""What people say on the view *Sheet*: of one field, of whose the sheet is; and what was said of a field before."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from flows.records import Act, TrailRow
from flows.review.blind import is_unseen
from flows.review.bodies import KEY, Body, Key, Revision, RowNumber, ShortText, Token, body_of
from flows.review.office import Here, Leading, Office, Reviewing
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.review.saying import GONE, Said, Told, Word, meaning_of, say, say_all, undo
from flows.review.sheet_record import UNSEEN, Plain
from flows.review.sheets import sheet_data, shown_sheet
from flows.review.untold import Sight
from flows.trail import has_answered, in_force
from flows.trail_words import from_in_words, machine_in_words, to_in_words
from recognizer.errors import ValueNotAllowedError
from recognizer.template import Kind, Role
from recognizer.values import parse_value

router = APIRouter()

SheetName = Annotated[str, StringConstraints(min_length=1, max_length=120)]

MOST_IDS = 40
"""Id fields of one sheet, at most: no template has nearly as many."""

NO_ID_FIELD = (
    "No page of this sheet that came has a field for the candidate's number, so nobody can be written there. Scan the "
    "page with the number."
)
FITS_NOWHERE = "The id {} does not fit the field {} of this sheet: {}."
CHANGED = "The id fields of this sheet have changed: pages came, or were read again. Look again; nothing was stored."
KEPT = "Other people have not settled this field yet; what was said of it is shown once they have."
WHAT = {Act.SECOND: "a second answer: ", Act.THIRD: "settled the two answers: "}


class Say(Body):
    """What somebody says of a field of the sheet on the screen."""

    sheet: SheetName
    key: Key
    revision: Revision
    word: Word
    text: ShortText = ""
    token: Token


class Undo(Body):
    """Which answer somebody takes back: the number of its row, as it was told when it was stored, or shown."""

    sheet: SheetName
    key: Key
    token: Token
    row: RowNumber | None = None


class Whose(Body):
    """Whose a sheet is. `revisions` are those of its id fields that were on the screen, by key."""

    sheet: SheetName
    id: ShortText
    revisions: dict[Key, Revision] = Field(max_length=MOST_IDS)
    token: Token


@router.post("/sheets/say")
def say_it(office: Here, person: Reviewing, said: Annotated[Say, Depends(body_of(Say))]) -> Plain:
    """Store what somebody says of a field; return the sheet as it is then."""
    told = say(office, person, Said(said.key, said.revision, said.word, said.text, said.token, "sheet"))
    return _answer(office, person, said.sheet, told)


@router.post("/sheets/undo")
def undo_it(office: Here, person: Reviewing, asked: Annotated[Undo, Depends(body_of(Undo))]) -> Plain:
    """Take an answer back; return the sheet as it is then."""
    return _answer(office, person, asked.sheet, undo(office, person, asked.key, asked.token, asked.row))


@router.post("/sheets/candidate")
def whose(office: Here, person: Leading, said: Annotated[Whose, Depends(body_of(Whose))]) -> Plain:
    """Store whose a sheet is: its id fields say that id from now on, all of them or none."""
    shown = shown_sheet(office, person, said.sheet)
    rows = [row for row in shown.now.rows.values() if row.role is Role.ID and row.kind is not Kind.IMAGE]
    if not rows:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, NO_ID_FIELD)
    if {row.key for row in rows} != set(said.revisions):
        raise Refused(HTTPStatus.CONFLICT, CHANGED)
    for row in rows:
        field = office.desk.template_field(row)
        try:
            if field is not None:
                parse_value(field, said.id)
        except ValueNotAllowedError as problem:
            words = FITS_NOWHERE.format(said.id, row.field, problem)
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, words, (row.key,)) from problem
    each = [Said(row.key, said.revisions[row.key], Word.VALUE, said.id, said.token, "sheet") for row in rows]
    told = say_all(office, person, each, said.token)
    # Whose other sheets are may change with it.
    office.desk.hurry()
    return _answer(office, person, said.sheet, *told)


@router.get("/sheets/check")
def check(office: Here, _: Reviewing, key: str, text: str) -> dict[str, str]:
    """Tell whether a field may hold what was typed, and how that is kept; nothing is stored."""
    row = office.desk.row(key) if KEY.fullmatch(key) else None
    if row is None:
        raise Refused(HTTPStatus.NOT_FOUND, GONE)
    try:
        meaning = meaning_of(office, row, Said(key, row.revision, Word.VALUE, text, "", "sheet"))
    except Refused as refused:
        return {"problem": refused.words, "value": ""}
    return {"problem": "", "value": meaning.value or "blank"}


@router.get("/sheets/history")
def history(office: Here, person: Reviewing, key: str) -> Plain:
    """Return what people said of a field, the latest first; in blind review not to who may still answer, or differs."""
    if not KEY.fullmatch(key) or office.store.field(key) is None:
        raise Refused(HTTPStatus.NOT_FOUND, GONE)
    trail = office.store.trail(key)
    if is_unseen(office, person, trail):
        waits = f"{UNSEEN[:1].upper()}{UNSEEN[1:]}."
        return {"hidden": KEPT if has_answered(trail, person.name) else waits, "rows": []}
    standing = {row.number for row in in_force(trail)}
    field = office.desk.row(key)
    # What the machine made of other answers tells of them.
    alone = field is not None and Sight(office, person).hides(field)
    was = from_in_words(trail)
    rows = [
        {
            "number": row.number,
            "words": _in_words(row, "" if alone else was[row.number], alone=alone),
            # That something was taken back is not itself taken back.
            "undone": row.number not in standing and row.correction.act is not Act.UNDO,
        }
        for row in trail
    ]
    return {"hidden": "", "rows": rows[::-1]}


def _in_words(row: TrailRow, was: str, *, alone: bool) -> str:
    """Say in one line who said what, when, where, and, unless it shall stand `alone`, what was said before."""
    said = row.correction
    at = f"{said.made_at.astimezone():%Y-%m-%d %H:%M}"
    if said.act is Act.UNDO:
        now = "" if alone else f", so it is {to_in_words(said)}"
        return f"{at} {said.reviewer} took row {said.undoes} back{now} ({said.how})"
    machine = f"; the machine had said {machine_in_words(said)} ({said.model})" if said.model and not alone else ""
    before = "" if alone else f", was {was}"
    return f"{at} {said.reviewer}: {WHAT.get(said.act, '')}{to_in_words(said)}{before} ({said.how}{machine})"


def _answer(office: Office, person: Person, sheet: str, *all_told: Told) -> Plain:
    told = all_told[0]
    said: Plain = {"key": told.key, "stored": told.stored, "number": told.number}
    said |= {"state": told.state.value, "value": told.value, "was": told.was}
    # By these it is told which rows are meant when they are taken back.
    said |= {"rows": {one.key: one.number for one in all_told}}
    return {"told": said, "sheet": sheet_data(office, person, sheet)}
