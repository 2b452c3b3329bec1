"""Is this reading safe to accept? Pure: a changed policy decides again without looking at pixels again."""

from dataclasses import dataclass

from recognizer.curves import rounded
from recognizer.decode import HIDDEN, LETTER, OTHER
from recognizer.promise import Thresholds
from recognizer.records import CharacterReading, Decision, Flag, RankedValue, Reading, ValueState
from recognizer.template import Kind, Role, SheetField
from recognizer.values import BLANK, expectation

SHOWN_GUESSES = 3
"""Rival values named in the reason: more than three nobody reads."""

SHOWN_PROBABILITY = 0.005
"""Rivals less likely than this would be shown as 0 %."""

NEARLY_CERTAIN = 0.995
"""From here on a probability would be shown as 100 %."""


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """What an exam asks for before a reading counts without a person.

    `thresholds`: from which score a value is accepted, by kind of field; they follow from the error rate that the
    office allows (`promise.py`).
    `flag_blank_marks`: an empty mark cell goes to a person, since nobody can tell "nothing" from "forgotten".
    """

    thresholds: Thresholds
    flag_blank_marks: bool = True


def judge(reading: Reading, field: SheetField, policy: ReviewPolicy) -> Decision:
    """Decide what is accepted of one reading.

    The state is UNSETTLED, with a flag and a reason in plain words, whenever a person has to look.
    """
    best = reading.values[0] if reading.values else RankedValue(BLANK, 0.0)
    flag = _flag(reading, best, field, policy)
    if flag is not None:
        why = _why(flag, reading, field)
        return Decision(field.name, ValueState.UNSETTLED, "", best.value, best.probability, flag, why)
    state = ValueState.BLANK if best.value == BLANK else ValueState.VALUE
    return Decision(field.name, state, best.value, best.value, best.probability, None, "")


def _flag(reading: Reading, best: RankedValue, field: SheetField, policy: ReviewPolicy) -> Flag | None:
    if reading.trouble is not None:
        return reading.trouble
    if rounded(best.probability) < policy.thresholds.of(field.kind):
        return Flag.UNSURE
    if best.value != BLANK:
        return None
    if field.role is Role.ID:
        return Flag.BLANK_ID
    return Flag.BLANK_MARK if field.role is Role.MARK and policy.flag_blank_marks else None


def _why(flag: Flag, reading: Reading, field: SheetField) -> str:
    shown = [value for value in reading.values[:SHOWN_GUESSES] if value.probability >= SHOWN_PROBABILITY]
    guesses = ", ".join(f"{value.value or 'blank'} ({percent(value.probability)})" for value in shown)
    reasons = {
        Flag.UNSURE: f"unsure: {guesses}" if guesses else "unsure: nothing fits well",
        Flag.UNREADABLE: _unreadable(reading, field),
        Flag.FAINT: "there is ink that could not be placed: faint traces, or strokes across the printed rule",
        Flag.NOT_ALLOWED: f"what is written does not look like {expectation(field)}",
        Flag.INCOMPLETE: "some boxes are empty and others are not",
        Flag.SEVERAL_MARKED: f"more than one option is marked{f': {guesses}' if guesses else ''}",
        Flag.CANCELLED: f"something was cancelled here{f': {guesses}' if guesses else ''}",
        Flag.BLANK_MARK: "no mark is written here: nothing awarded, or forgotten?",
        Flag.BLANK_ID: "nobody's number is written here",
    }
    return reasons[flag]


def percent(probability: float) -> str:
    """Write a probability for people: one that is not quite certain is not called so."""
    return f"{probability:.0%}" if probability < NEARLY_CERTAIN else "over 99%"


def _unreadable(reading: Reading, field: SheetField) -> str:
    hidden = [str(place.position) for place in reading.characters if place.classes == (HIDDEN,)]
    if hidden:
        return f"box {', '.join(hidden)} cannot be seen: covered, folded over, or off the scan"
    letters = [str(place.position) for place in reading.characters if place.classes == (LETTER,)]
    if letters:
        return f"box {', '.join(letters)} may hold a letter, which is not read by machine"
    return f"{_unreadable_place(reading, field)} cannot be read: struck out, a letter, or touching"


def _unreadable_place(reading: Reading, field: SheetField) -> str:
    places = [str(place.position) for place in reading.characters if _looks_other(place)]
    if field.kind is Kind.DIGITS and places:
        return f"box {', '.join(places)}"
    return "the writing"


def _looks_other(place: CharacterReading) -> bool:
    best = max(range(len(place.classes)), key=lambda index: place.probabilities[index])
    return place.classes[best] == OTHER
