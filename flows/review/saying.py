"""What people say in the browser becomes rows of the trail: checked, stored once, and shown at once.

    Said ─meaning_of─► what it says ─ the revision that the person saw, and whose turn it is ─► Correction ─► Told

Whether it may be stored is decided within the transaction that stores it. In blind review nobody is told what somebody
else said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Literal

from flows.errors import TokenUsedError, UndoError
from flows.export.flags_sheet import BLANK_WORD
from flows.records import CANCELLED, UNREADABLE, Act, Correction, FieldRow, TrailRow
from flows.review.blind import is_unseen
from flows.review.bodies import SHORT_TEXT
from flows.review.office import Office
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.review.uncounted import left_open
from flows.review.untold import Sight
from flows.reviewer import is_same_person
from flows.settling import heading
from flows.trail import act_of, has_answered, in_force, standing, undo_of
from recognizer.errors import ValueNotAllowedError
from recognizer.records import ValueState
from recognizer.template import Role, SheetField
from recognizer.values import parse_value

MOST_TOGETHER = 500
"""Fields that may be decided in one act: a wall shows sixty."""

GONE = "There is no such field any more: its page was replaced, or read with another template. Go on with the next one."


UNSEEN_WORD = (
    "The last word on this field is {}'s, and this page does not say that you have seen it. Nothing was taken back; "
    "open the field's sheet, look at it, and take it back there."
)

DIFFER = "You and somebody else read this field differently; a third person settles it."
HAD_HIS_SAY = (
    "You have answered this field before, so your word is no second one. Nothing was stored; somebody who has not "
    "answered it, or a lead, settles it."
)
WAS_OPEN = "What somebody said of this field could be seen, so nobody answers it unseen; a lead settles it."
SETTLED_ID = "Whose this sheet is, is settled; a lead alone changes it. Nothing was stored."


class Word(StrEnum):
    """What somebody says of a field."""

    VALUE = "value"
    """What stands in `text` is written there."""
    GUESS = "guess"
    """The machine's best guess is right; `text` is the guess that was on the screen."""
    BLANK = "blank"
    """Nothing is written there."""
    CANCELLED = "cancelled"
    """Something was written and crossed out: nothing stands."""
    UNREADABLE = "unreadable"
    """Nobody can read it: the field stays open."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of one field, with the revision of it that was on the screen.

    `token` is given by the browser (`bodies.Token`): sent twice, it is stored once.
    """

    key: str
    revision: str
    word: Word
    text: str
    token: str
    how: Literal["queue", "wall", "sheet"]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of it: the row's number in the trail, and what it says.

    `stored` is False when the same token came before; `was` is what the export showed before, "" in blind review.
    """

    key: str
    stored: bool
    number: int
    state: ValueState
    value: str
    was: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word says of a field."""

    state: ValueState
    value: str = ""
    note: str = ""


def say(office: Office, person: Person, said: Said) -> Told:
    """Store what a person says of one field.

    Raises:
        Refused: the field may not hold it (422), somebody else was first or it was read again (409), or it is not
            there (404).
        PlaceError: the database cannot be written now; nothing was stored.
    """

    def choose(row: FieldRow, trail: tuple[TrailRow, ...]) -> Correction:
        return correction_of(office, person, said, row, trail)

    try:
        row, stored = office.store.decide_field(said.key, said.token, choose, reviewer=person.name)
    except KeyError as none:
        raise Refused(HTTPStatus.NOT_FOUND, GONE, (said.key,)) from none
    except TokenUsedError as used:
        raise Refused(HTTPStatus.CONFLICT, _sentence(str(used)), (said.key,)) from used
    except Refused as refusal:
        _show_why(office, refusal)
        raise
    office.desk.touched(office.store, [said.key])
    return _told(office, person, row, stored=stored)


def say_all(office: Office, person: Person, said: Sequence[Said], token: str) -> tuple[Told, ...]:
    """Store what a person says of several fields, all of it or none.

    Raises:
        Refused: as `say`; its `keys` are all fields to blame.
        PlaceError: as `say`.
    """
    by_key = {one.key: one for one in said}
    if len(by_key) != len(said) or not 1 <= len(said) <= MOST_TOGETHER:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"Send 1 to {MOST_TOGETHER} fields together, each of them once.")

    def choose(rows: tuple[FieldRow, ...], trails: Mapping[str, tuple[TrailRow, ...]]) -> Sequence[Correction]:
        return _all_or_none(office, person, [(by_key[row.key], row, trails.get(row.key, ())) for row in rows])

    try:
        rows, stored = office.store.decide_fields(list(by_key), token, choose, reviewer=person.name)
    except KeyError as none:
        raise Refused(HTTPStatus.NOT_FOUND, GONE, tuple(str(each) for each in none.args)) from none
    except TokenUsedError as used:
        raise Refused(HTTPStatus.CONFLICT, _sentence(str(used))) from used
    except Refused as refusal:
        _show_why(office, refusal)
        raise
    office.desk.touched(office.store, by_key)
    return tuple(_told(office, person, row, stored=stored) for row in rows)


def undo(office: Office, person: Person, key: str, token: str, row: int | None = None) -> Told:
    """Take back what was said last of a field; a reviewer only what he said himself.

    Args:
        office: the exam.
        person: who takes it back.
        key: the field.
        token: given by the browser: sent twice, it is stored once.
        row: the number of the row that is meant, as it was told when that was stored, or shown. Without it, leads too
            take back only what they said themselves: nobody takes back what he has not seen.

    Raises:
        Refused: nothing stands, something else was said since, or somebody else said it (409); there is no such field
            (404).
        PlaceError: as `say`.
    """

    def choose(_: FieldRow, trail: tuple[TrailRow, ...]) -> Correction:
        left = in_force(trail)
        if left and row is not None and left[-1].number != row:
            raise Refused(HTTPStatus.CONFLICT, _said_since(office, person, trail, left[-1]), (key,))
        if left and row is None and person.is_lead and not is_same_person(left[-1].correction.reviewer, person.name):
            raise Refused(HTTPStatus.CONFLICT, UNSEEN_WORD.format(left[-1].correction.reviewer), (key,))
        try:
            return undo_of(trail, person.name, person.is_lead)
        except UndoError as problem:
            raise Refused(HTTPStatus.CONFLICT, _sentence(str(problem)), (key,)) from problem

    try:
        made, stored = office.store.decide_field(key, token, choose, reviewer=person.name)
    except KeyError as none:
        raise Refused(HTTPStatus.NOT_FOUND, GONE, (key,)) from none
    except TokenUsedError as used:
        raise Refused(HTTPStatus.CONFLICT, _sentence(str(used)), (key,)) from used
    except Refused as refusal:
        _show_why(office, refusal)
        raise
    office.desk.touched(office.store, [key])
    told = _told(office, person, made, stored=stored)
    if office.exam.settings.review.is_blind:
        # What stands now may be somebody else's answer.
        return Told(key, told.stored, told.number, ValueState.UNSETTLED, "", "")
    return told


def correction_of(office: Office, person: Person, said: Said, row: FieldRow, trail: Sequence[TrailRow]) -> Correction:
    """Return the row that stores what a person says of a field, in view of the field and its trail.

    Raises:
        Refused: as `say`.
    """
    if row.revision != said.revision:
        raise Refused(HTTPStatus.CONFLICT, what_happened(office, person, trail, said.revision), (row.key,))
    known = office.desk.row(row.key)
    if known is None or known.revision != row.revision:
        # The desk has not looked since.
        known = row
    act = _act(office, person, said, trail)
    if act is Act.SAY and row.role is Role.ID and not person.is_lead:
        _refuse_settled_id(office, person, row, trail)
    # What was on the screen: not what the machine makes of answers that this person must not see.
    shown = Sight(office, person).row(known)
    meaning = meaning_of(office, row, said, shown)
    return Correction(
        key=row.key,
        state=meaning.state,
        value=meaning.value,
        was=known.value,
        machine=shown.decision.guess,
        model=row.model,
        reviewer=person.name,
        made_at=datetime.now(UTC),
        how=said.how,
        act=act,
        note=meaning.note,
    )


def _refuse_settled_id(office: Office, person: Person, row: FieldRow, trail: Sequence[TrailRow]) -> None:
    """Refuse a reviewer's word on a candidate's number that is settled, unless it was this person who settled it."""
    now = standing(trail)
    is_mine = now.first is not None and is_same_person(now.first.correction.reviewer, person.name)
    if is_mine and now.second is None:
        return
    is_said = row.correction is not None and row.correction.settles
    known = office.desk.row(row.key)
    is_new = known is not None and known.revision != row.revision
    if office.desk.is_open(row.key) is None or (is_said and is_new):
        raise Refused(HTTPStatus.CONFLICT, SETTLED_ID, (row.key,))


def meaning_of(office: Office, row: FieldRow, said: Said, shown: FieldRow | None = None) -> Meaning:
    """Return what a word says of a field: its state, its value in the one form in which values are kept.

    Raises:
        Refused: the field may not hold it, or would stay open all the same, by the rule of the exam.
    """
    meaning = _meaning(office, row, said, shown)
    if why := left_open(office, row, meaning.state, meaning.value):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, why, (row.key,))
    return meaning


def _meaning(office: Office, row: FieldRow, said: Said, shown: FieldRow | None) -> Meaning:
    field = office.desk.template_field(row)
    if field is None:
        raise Refused(
            HTTPStatus.CONFLICT,
            f"The template {row.template} has no field {row.field} any more; the scans have to be read again with: "
            "tallymark regrade",
            (row.key,),
        )
    if said.word is Word.BLANK:
        return Meaning(ValueState.BLANK)
    if said.word is Word.CANCELLED:
        return Meaning(ValueState.BLANK, note=CANCELLED)
    if said.word is Word.UNREADABLE:
        return Meaning(ValueState.UNSETTLED, note=UNREADABLE)
    if said.word is Word.GUESS and not said.text:
        guess = (shown or row).decision
        if not guess.guess_in_words:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "There is no guess for this field.", (row.key,))
        return _valued(field, guess.guess, row.key) if guess.guess else Meaning(ValueState.BLANK)
    return _valued(field, said.text, row.key)


def what_happened(office: Office, person: Person, trail: Sequence[TrailRow], revision: str) -> str:
    """Say what came between the look at a field and the decision about it; in blind review not what was said."""
    _, _, seen = revision.rpartition(".")
    newer = trail[int(seen) :] if seen.isascii() and seen.isdigit() and len(seen) <= len(str(len(trail))) else ()
    if not newer:
        return (
            "This field was read again after it came on your screen, so what you said may belong to another picture. "
            "Nothing was stored; look at it again."
        )
    last = newer[-1].correction
    at = f"{last.made_at.astimezone():%H:%M on %Y-%m-%d}"
    if is_same_person(last.reviewer, person.name):
        what = "took it back" if last.act is Act.UNDO else "decided this field"
        return f"You {what} yourself at {at}, in another window. This answer was not stored."
    who = f"{last.reviewer} {'took back an answer to' if last.act is Act.UNDO else 'decided'} this field at {at}"
    shown = "" if last.act is Act.UNDO else _what(office, person, last, trail)
    return f"{who}{shown}, before your answer came. Yours was not stored."


def _said_since(office: Office, person: Person, trail: Sequence[TrailRow], left: TrailRow) -> str:
    """Say why a row is not the last word any more; in blind review not what was said."""
    last, said = trail[-1].correction, left.correction
    if last.act is Act.UNDO:
        who = "You have" if is_same_person(last.reviewer, person.name) else f"{last.reviewer} has"
        return f"{who} taken an answer to this field back since. Nothing more was taken back; look at it again."
    who = "You have" if is_same_person(said.reviewer, person.name) else f"{said.reviewer} has"
    what = _what(office, person, said, trail)
    return (
        f"{who} said something else of this field since, at {said.made_at.astimezone():%H:%M on %Y-%m-%d}{what}. "
        "Nothing was taken back."
    )


def _what(office: Office, person: Person, said: Correction, trail: Sequence[TrailRow]) -> str:
    """Return in brackets what somebody said, "" where this person must not be told."""
    if office.exam.settings.review.is_blind or is_unseen(office, person, trail):
        return ""
    return f" ({said.value or said.note or BLANK_WORD})"


def _all_or_none(
    office: Office, person: Person, asked: Sequence[tuple[Said, FieldRow, Sequence[TrailRow]]]
) -> list[Correction]:
    made: list[Correction] = []
    problems: list[Refused] = []
    for said, row, trail in asked:
        try:
            made.append(correction_of(office, person, said, row, trail))
        except Refused as problem:
            problems.append(problem)
    if problems:
        keys = tuple(key for problem in problems for key in problem.keys)
        more = f" ({len(problems)} fields of {len(asked)}; nothing was stored)" if len(asked) > 1 else ""
        raise Refused(problems[0].status, problems[0].words + more, keys)
    return made


def _act(office: Office, person: Person, said: Said, trail: Sequence[TrailRow]) -> Act:
    """Return what a person's word does to a field: it is the first, a second one, settles a dispute, or replaces."""
    share = office.exam.settings.review.second_share
    if (act := act_of(trail, person.name, share, lead=person.is_lead)) is not None:
        return act
    now = standing(trail)
    if now.disputed and any(is_same_person(one, person.name) for one in now.people):
        words = DIFFER
    elif has_answered(trail, person.name):
        words = HAD_HIS_SAY
    else:
        words = WAS_OPEN
    raise Refused(HTTPStatus.CONFLICT, words, (said.key,))


def _valued(field: SheetField, text: str, key: str) -> Meaning:
    text = text.strip()
    if not text:
        words = "Nothing is typed. If nothing is written in the field, say blank."
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, words, (key,))
    if len(text) > SHORT_TEXT or not text.isprintable():
        words = f"Type at most {SHORT_TEXT} characters, all of which can be printed."
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, words, (key,))
    if text.casefold() == BLANK_WORD and BLANK_WORD not in field.options:
        return Meaning(ValueState.BLANK)
    try:
        return Meaning(ValueState.VALUE, parse_value(field, text))
    except ValueNotAllowedError as problem:
        hint = ""
        if field.role is Role.ID and text.isdecimal() and len(text) < field.characters:
            hint = "; type its leading zeros too"
        # By the name that stands on the screen, not by that of the template.
        _, _, why = str(problem).partition(": '")
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"{heading(field)}: '{why}{hint}", (key,)) from problem


def _show_why(office: Office, refusal: Refused) -> None:
    """Have the desk show what somebody else did: it may not have looked since."""
    if refusal.status == HTTPStatus.CONFLICT:
        office.desk.touched(office.store, refusal.keys)


def _told(office: Office, person: Person, row: TrailRow, *, stored: bool) -> Told:
    said = row.correction
    # What stood before may be somebody else's word, or follow from one about another field of the sheet.
    was = "" if said.act is Act.SECOND or person.answers_unseen(office.exam.settings.review) else said.was
    return Told(said.key, stored, row.number, said.state, said.value, was)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
