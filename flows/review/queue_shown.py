"""One field as the queue shows it: what a clerk needs to decide, and what may surely be typed.

Of a field that waits for a second answer nothing is shown of the first one: neither value nor when.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from flows.export.flags_sheet import BLANK_WORD, FlagRow
from flows.records import FieldRow
from flows.review.office import Office
from flows.review.people import Person
from flows.review.queue_order import DOUBT, SECOND, is_held_back, look_at, reason_of, turn_of, waiting
from flows.review.scan_names import file_of, readable
from flows.review.uncounted import left_open, nothing_awarded
from flows.review.untold import Sight
from flows.reviewer import is_same_person
from flows.trail import Turn, standing
from recognizer.records import Flag, ValueState
from recognizer.template import Kind, SheetField
from recognizer.values import ABSENT, NOTHING_AWARDED, format_number

MOST_GUESSES = 5
"""Guesses that are shown: one for each of the keys Alt+1 to Alt+5."""

LEAST_SHOWN = 0.005
"""A guess that is less likely than one in two hundred helps nobody."""

MOST_LISTED = 400
"""Values up to which a browser is told all that a field may hold; marks out of a hundred in halves are 201."""

DECIDED = "Decided"
"""What stands in place of a reason where nothing is left to decide."""

REASONS = {
    Flag.UNSURE.value: ("Not sure", "The machine is not sure what is written here."),
    Flag.UNREADABLE.value: ("Unreadable", "The writing could not be made out."),
    Flag.FAINT.value: ("Faint", "The writing is very faint, or only a trace."),
    Flag.NOT_ALLOWED.value: ("Out of range", "What seems to be written here is more or other than the field may hold."),
    Flag.INCOMPLETE.value: ("Incomplete", "Some boxes are filled and others are empty."),
    Flag.SEVERAL_MARKED.value: ("Two marks", "More than one answer is marked."),
    Flag.CANCELLED.value: ("Crossed out", "Something was crossed out or written over."),
    Flag.BLANK_MARK.value: ("Empty mark", "No mark is written here: was nothing awarded, or was it forgotten?"),
    Flag.BLANK_ID.value: ("No number", "No candidate number is written here."),
    Flag.DOUBTED.value: (
        "Checked again",
        "It had been accepted, and is looked at again: a sample, or the whole batch, gave reason to doubt.",
    ),
    Flag.SUM.value: ("Sum", "The marks of this sheet and the total that is written do not agree."),
    Flag.WHO.value: ("Whose sheet", "It is not clear whose sheet this is."),
    Flag.DISPUTED.value: ("Two answers", "Two people read this field differently. You decide."),
    DOUBT: ("Does not agree", "It was read well, but does not agree with something else on this sheet."),
    SECOND: ("Second look", "Somebody has answered this field. Say what you read, unseen by and not seeing the other."),
}
"""Why a field waits: in two words, and in a sentence that a clerk understands."""

NO_SECOND = (
    "No second answer",
    "Those who answered it cannot answer it unseen once more: a second answer was taken back. You decide.",
)
"""What a lead is told of a field that waits for a second answer which those who know it cannot give."""

STRUCK = "Struck on a wall: it is not {}, says whoever looked at it there."
"""Said of a field that somebody struck on a wall, with what the machine guessed there."""

BY_OTHERS = (Flag.SUM.value, Flag.WHO.value)
"""Reasons that come of other fields."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A field on the screen, as it goes to the browser.

    `allowed` are values that may surely be typed, `pattern` what they look like where they are many; anything else is
    asked of the server. `no_blank` tells why an empty cell would stay open, "" where it would not. `said` is what this
    person said of it before, None if nothing. `closed` tells why nothing is left to decide, "" if something is.
    """

    key: str
    revision: str
    sheet: str
    file: str
    page: int
    template: str
    field: str
    question: str
    kind: str
    reason: str
    reason_word: str
    sentence: str
    why: str
    may_hold: str
    guesses: tuple["Guess", ...]
    allowed: tuple[str, ...]
    pattern: str
    crop: str
    around: str
    turn: str
    blind: bool
    no_blank: str = ""
    skipped: bool = False
    said: str | None = None
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Guess:
    """One value that the machine thinks of. `value` is "" for a blank, and `label` what people read.

    `percent` is None for what the machine did not say: it read nothing there, and this says what that may mean.
    """

    value: str
    label: str
    percent: float | None


def shown(office: Office, person: Person, flag: FlagRow, *, skipped: bool = False) -> Shown:
    """Return an open field as a person sees it."""
    desk, sight = office.desk, Sight(office, person)
    reason, turn = reason_of(desk, flag), turn_of(desk, person, flag)
    is_unseen = turn is Turn.SECOND
    hides, flag = sight.hides(flag.row), sight.flag(flag)
    row = flag.row
    if hides and reason in BY_OTHERS and row.state is ValueState.UNSETTLED and row.flag is not None:
        # What the machine alone says of it, not what it makes of other people's answers.
        reason = row.flag.value
    word, sentence = REASONS[SECOND if is_unseen else reason]
    if turn is Turn.THIRD and reason == SECOND:
        word, sentence = NO_SECOND
    reading, _, _ = row.revision.rpartition(".")
    allowed, pattern = surely_allowed(at) if (at := desk.template_field(row)) else ((), "")
    no_blank = left_open(office, row, ValueState.BLANK)
    found = without_blank(guesses(row), nothing_awarded(office, row)) if no_blank else guesses(row)
    if not is_unseen and office.struck.told(person).get(row.key) == flag.row.revision:
        # What somebody saw to be wrong is not one key away; whoever reads it all the same types it.
        found = tuple(guess for guess in found if guess.value != row.decision.guess)
        sentence = STRUCK.format(row.decision.guess_in_words or BLANK_WORD)
    return Shown(
        key=row.key,
        revision=row.revision,
        sheet=row.sheet,
        file=file_of(person, row),
        page=row.page_number,
        template=row.template,
        field=row.field,
        question=flag.question,
        kind=row.kind.value,
        reason=reason,
        reason_word=word,
        sentence=sentence,
        why="" if is_unseen or reason == Flag.DISPUTED.value else readable(person, flag.why, office.desk.seen),
        may_hold=flag.may_hold,
        guesses=found,
        allowed=tuple(text for text in allowed if not left_open(office, row, ValueState.VALUE, text)),
        pattern=pattern,
        crop=f"/crop/{row.key}.png?v={reading}",
        around=f"/around/{row.key}.jpg?v={reading}",
        turn=turn.value,
        blind=office.exam.settings.review.is_blind,
        no_blank=no_blank,
        skipped=skipped,
    )


def shown_again(office: Office, person: Person, row: FieldRow) -> Shown:
    """Return a field as a person sees it who comes back to it, whether it is open or not."""
    flag = waiting(office.desk, row.key)
    if flag is not None and is_held_back(office.desk, person, flag.row):
        flag = None
    again = shown(office, person, flag or look_at(office.desk, row))
    if flag is None:
        again = replace(again, reason="", reason_word=DECIDED, sentence="", why="")
    now = standing(office.store.trail(row.key))
    mine = [
        said.correction
        for said in (now.first, now.second)
        if said is not None and is_same_person(said.correction.reviewer, person.name)
    ]
    said = None
    if mine:
        said = mine[-1].value or mine[-1].note or BLANK_WORD
    return replace(again, revision=row.revision, said=said, closed="" if flag or mine else _closed(office, person, row))


def _closed(office: Office, person: Person, row: FieldRow) -> str:
    """Say why nothing is left to decide about a field; in blind review not what somebody said."""
    said = row.correction
    if said is None and person.answers_unseen(office.exam.settings.review):
        # Whether it is settled may follow from an answer that this person must not know of.
        return "Nothing of this field is to be decided by you now."
    if said is None:
        return "This field is settled: other fields, or the class list, made sure what it holds."
    what = "" if office.exam.settings.review.is_blind else f" ({said.value or said.note or BLANK_WORD})"
    return f"{said.reviewer} decided this field at {said.made_at.astimezone():%H:%M on %Y-%m-%d}{what}."


def guesses(row: FieldRow) -> tuple[Guess, ...]:
    """Return what the machine thinks of, best first: what it decided together with other fields, then the picture's."""
    found: dict[str, float] = {}
    if row.decision.guess_in_words:
        found[row.decision.guess] = row.decision.confidence
    for ranked in row.values:
        if ranked.probability >= LEAST_SHOWN:
            found.setdefault(ranked.value, ranked.probability)
    return tuple(
        Guess(value, value or BLANK_WORD, round(100 * likely, 1))
        for value, likely in list(found.items())[:MOST_GUESSES]
    )


def without_blank(found: Sequence[Guess], instead: str) -> tuple[Guess, ...]:
    """Return guesses for a field that blank leaves open: in its place stands `instead`, nothing awarded, in words."""
    said = Guess(instead, f"{instead} nothing awarded", None)
    at = next((number for number, guess in enumerate(found) if not guess.value), len(found))
    before, after = tuple(found[:at]), tuple(found[at + 1 :])
    if at == len(found) or not instead or any(guess.value == instead for guess in before):
        return (*before, *after)
    return (*before, said, *(guess for guess in after if guess.value != instead))


@lru_cache(maxsize=4096)
def surely_allowed(field: SheetField) -> tuple[tuple[str, ...], str]:
    """Return all values that a field may hold, or else a pattern (as regular expressions of browsers take it).

    Both may be empty: then every value has to be asked about. What is not among them may still be allowed: people write
    one value in several ways (`recognizer.values.parse_value`).
    """
    if field.kind is Kind.CHOICE and field.positions == 1:
        return field.options, ""
    if field.is_numeric:
        return _numbers(field), ""
    if field.kind in (Kind.DIGITS, Kind.CHOICE):
        return (), "".join(_class(alphabet) for alphabet in field.id_alphabets)
    return (), ""


def _numbers(field: SheetField) -> tuple[str, ...]:
    low, high, step = field.minimum, field.maximum, field.step
    if low is None or high is None or step is None or (high - low) / step >= MOST_LISTED or low % step:
        return ()
    numbers = [format_number(low + each * step) for each in range(int((high - low) / step) + 1)]
    more = [text for text, may in ((NOTHING_AWARDED, field.dash), (ABSENT, field.absent)) if may]
    return (*numbers, *more)


def _class(alphabet: Sequence[str]) -> str:
    return f"[{''.join(re.escape(each) for each in alphabet)}]"
