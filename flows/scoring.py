"""Pure: one answer, or one awarded mark, becomes points. Exact fractions; unsettled is never zero."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TypeAlias

from flows.exact import in_words, shown, significant
from flows.key import (
    ZERO,
    AcceptedChoice,
    AcceptedNumber,
    AwardedRule,
    ChoiceRule,
    NumberRule,
    Partial,
    Question,
    Void,
)
from flows.results import Absent, Points, Unsettled
from flows.worth import MarkRule, Part, worth
from recognizer.records import ValueState
from recognizer.values import ABSENT, MULTIPLE_SEPARATOR, NOTHING_AWARDED

Score: TypeAlias = Fraction | Absent | Unsettled
"""`results.Points` before they are shown as a decimal."""

RIGHT, WRONG, BLANK_ANSWER = "right", "wrong", "blank"
TOO_MANY = "{} options marked, at most {} are allowed"
VOID_WORDS = {Void.NOBODY: "void: nobody gets it", Void.EVERYBODY: "void: everybody gets it", Void.LEFT_OUT: "void"}
ABOVE = "{}: {} is more than its maximum, {}"
BELOW = "{}: {} is less than {}"
OFF_STEP = "{}: {} is no multiple of {}"
NO_NUMBER = "{}: '{}' is no number"


@dataclass(frozen=True, slots=True)
class Scored:
    """What one answer is worth before its weight. `full` tells whether it earned all of the question's points."""

    points: Score
    answer: str = ""
    why: str = ""
    attempted: bool | None = True
    full: bool = False


def score(question: Question, part: Part, rule: MarkRule) -> Scored:
    """Return what stands in the field of a question is worth, before the weight of the question."""
    by_examiner = isinstance(question.rule, AwardedRule)
    if question.void is not None and not by_examiner:
        return _void(question, part)
    if part.state is ValueState.UNSETTLED:
        return Scored(Unsettled((f"{part.label}: {part.why}",)), attempted=None)
    if by_examiner:
        return _not_below(question, _awarded(question, part, rule))
    if part.state is ValueState.BLANK:
        return Scored(ZERO, "", BLANK_ANSWER, attempted=False)
    if isinstance(question.rule, ChoiceRule):
        scored = _choice(question, question.rule, part.value)
    elif isinstance(question.rule, NumberRule):
        scored = _number(question, question.rule, part, rule)
    else:
        raise TypeError(question.rule)
    return _not_below(question, scored)


def _not_below(question: Question, scored: Scored) -> Scored:
    """Lift a question to 0 where the key says that it cannot fall below."""
    if question.minimum_zero and isinstance(scored.points, Fraction) and scored.points < 0:
        return Scored(ZERO, scored.answer, f"{scored.why}, not below 0".removeprefix(", "))
    return scored


def as_points(points: Score) -> Points:
    """Return points as they are shown and stored: a decimal, absent, or unsettled."""
    return shown(points) if isinstance(points, Fraction) else points


def _void(question: Question, part: Part) -> Scored:
    """Return what a void question is worth: no answer can change that, so an open field leaves it settled."""
    open_field = part.state is ValueState.UNSETTLED
    empty = part.state is ValueState.BLANK or (part.value == NOTHING_AWARDED and part.is_number)
    points = question.points if question.void is Void.EVERYBODY else ZERO
    why = VOID_WORDS[question.void] if question.void else ""
    return Scored(points, "" if empty else part.value, why, None if open_field else not empty, full=True)


def _awarded(question: Question, part: Part, rule: MarkRule) -> Scored:
    """Return the mark that an examiner awarded, if it may be awarded at all."""
    found = worth(part, rule)
    if question.void is not None and (part.value != ABSENT or isinstance(found, Decimal)):
        # Only an AB says more than the question: it goes for the whole sheet.
        return _void(question, part)
    if isinstance(found, Unsettled):
        return Scored(found, part.value, attempted=None)
    if isinstance(found, Absent):
        return Scored(found, part.value, "absent", attempted=False)
    blank = part.state is ValueState.BLANK
    if blank or part.value in (NOTHING_AWARDED, ABSENT):
        why = {NOTHING_AWARDED: "nothing awarded", ABSENT: "absent, counted as 0"}.get(part.value, BLANK_ANSWER)
        attempted = not (part.value == ABSENT or (blank and rule.blank == "not_attempted"))
        return Scored(ZERO, part.value, why, attempted)
    number = Fraction(found)
    if isinstance(question.rule, AwardedRule) and (trouble := _not_awardable(question.rule, part, number)):
        return Scored(Unsettled((trouble,)), part.value, attempted=None)
    return Scored(number, part.value, "", full=number == question.points)


def _not_awardable(rule: AwardedRule, part: Part, number: Fraction) -> str:
    """Say why a mark cannot have been awarded, "" when it can."""
    if number > rule.maximum:
        return ABOVE.format(part.label, part.value, in_words(rule.maximum))
    if number < rule.minimum:
        return BELOW.format(part.label, part.value, in_words(rule.minimum))
    if rule.step is not None and number % rule.step:
        return OFF_STEP.format(part.label, part.value, in_words(rule.step))
    return ""


def _choice(question: Question, rule: ChoiceRule, value: str) -> Scored:
    marked = frozenset(value.split(MULTIPLE_SEPARATOR))
    if rule.most is not None and len(marked) > rule.most:
        return Scored(question.wrong, value, TOO_MANY.format(len(marked), rule.most))
    exactly = [_right(question, each, value) for each in rule.accepted if each.options == marked]
    if rule.partial is Partial.ALL_OR_NOTHING:
        return exactly[0] if exactly else Scored(question.wrong, value, WRONG)
    # The best counts: part of one answer may be worth more than another answer that is all there.
    ways = [(each.points, each) for each in exactly if isinstance(each.points, Fraction)]
    for accepted in rule.accepted:
        points, why = _partly(question, rule, accepted, marked)
        ways.append((points, Scored(points, value, why)))
    return max(ways, key=lambda way: way[0])[1]


def _right(question: Question, accepted: AcceptedChoice | AcceptedNumber, value: str) -> Scored:
    points = question.points if accepted.points is None else accepted.points
    full = points >= question.points
    return Scored(points, value, RIGHT if full else "accepted", full=full)


def _partly(
    question: Question, rule: ChoiceRule, accepted: AcceptedChoice, marked: frozenset[str]
) -> tuple[Fraction, str]:
    """Return the points of an answer that is not wholly right, against one that is, and how they came about."""
    points = question.points if accepted.points is None else accepted.points
    right, wrong = len(marked & accepted.options), len(marked - accepted.options)
    if rule.partial is Partial.PER_OPTION:
        agree = sum((option in marked) == (option in accepted.options) for option in rule.options)
        return points * Fraction(agree, len(rule.options)), f"{agree} of {len(rule.options)} options as they should be"
    share = points / len(accepted.options)
    each_wrong = -share if rule.each_wrong is None else rule.each_wrong
    return share * right + each_wrong * wrong, f"{right} of {len(accepted.options)} right, {wrong} wrong"


def _number(question: Question, rule: NumberRule, part: Part, marks: MarkRule) -> Scored:
    if part.value == NOTHING_AWARDED:
        return Scored(ZERO, "", BLANK_ANSWER, attempted=False)
    if part.value == ABSENT:
        return _awarded(question, part, marks)
    try:
        written = Decimal(part.value)
    except InvalidOperation:
        written = Decimal("NaN")
    if not written.is_finite():
        return Scored(Unsettled((NO_NUMBER.format(part.label, part.value),)), part.value, attempted=None)
    number = Fraction(written)
    fitting = [accepted for accepted in rule.accepted if _agrees(rule, accepted, number)]
    if not fitting:
        return Scored(question.wrong, part.value, WRONG)
    best = max(fitting, key=lambda accepted: question.points if accepted.points is None else accepted.points)
    return _right(question, best, part.value)


def _agrees(rule: NumberRule, accepted: AcceptedNumber, number: Fraction) -> bool:
    """Tell whether a number is right, bounds included."""
    if rule.any_sign:
        low, high = sorted((abs(accepted.low), abs(accepted.high)))
        return _lies_in(rule, ZERO if accepted.low < 0 < accepted.high else low, high, abs(number))
    return _lies_in(rule, accepted.low, accepted.high, number)


def _lies_in(rule: NumberRule, low: Fraction, high: Fraction, number: Fraction) -> bool:
    if rule.significant is not None:
        taken = significant(number, rule.significant)
        return significant(low, rule.significant) <= taken <= significant(high, rule.significant)
    if rule.within_percent is not None:
        return low - abs(low) * rule.within_percent / 100 <= number <= high + abs(high) * rule.within_percent / 100
    within = rule.within or ZERO
    return low - within <= number <= high + within
