"""The questions of a key: settings as they were written become questions bound to fields, all that is wrong noted."""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flows.exact import exact, in_words, shown
from flows.key import (
    ONE,
    ZERO,
    AcceptedChoice,
    AcceptedNumber,
    AwardedRule,
    ChoiceRule,
    NumberRule,
    Partial,
    Question,
    Rule,
    Void,
    awarded_questions,
)
from flows.key_names import Names, names_in
from flows.key_source import Entry, as_text
from recognizer.template import Kind, Role, SheetField
from recognizer.values import MULTIPLE_SEPARATOR, allowed_number, expectation

FOR_CHOICE = ("partial", "most")
FOR_NUMBER = ("within", "within_percent", "significant", "any_sign")
FOR_ANSWER = ("answer", "answers", "points", "wrong", *FOR_CHOICE, *FOR_NUMBER)
FOR_AWARDED = ("maximum", "step")

STILL_OPEN = "?"
"""What stands in a first key for an answer that nobody has given yet."""

MOST_FIGURES = 12
"""Significant figures that anybody asks for."""

MOST_ANSWERS = 100
"""Accepted answers of one question."""

_RANGE = re.compile(r"(.+?)\.\.(.+)")
NO_ANSWER = (
    "a right answer is empty. A blank answer is worth 0 and cannot be the right one; a question without a right answer "
    'is void: void = "left_out", "nobody" or "everybody"'
)

_TWICE = "question {} has an entry already, at {}"


def read_questions(paper: Entry, names: Names) -> tuple[Question, ...]:
    """Return the questions of a paper in the order of its sheet: those of the key, and every other awarded mark."""
    defaults = paper.table("defaults")
    found: list[tuple[Entry, Question]] = []
    seen: dict[str, str] = {}
    used: dict[str, str] = {}
    for entry in paper.entries("question"):
        for question in _read(Entry(entry.problems, entry.value, entry.path, defaults), names):
            here = entry.problems.raw.where(entry.path)
            if question.name in seen:
                entry.problem("", _TWICE.format(question.name, seen[question.name]))
                continue
            if question.field in used:
                entry.problem("", f"{question.field} is the field of question {used[question.field]} already")
            seen[question.name] = here
            used.setdefault(question.field, question.name)
            found.append((entry, question))
    _check_defaults(defaults)
    unnamed = Entry(paper.problems, {}, paper.path, defaults)
    weight, zero = unnamed.number("weight", ZERO, above=True) or ONE, unnamed.flag("minimum_zero") or False
    fields = {field.name: field for field in names.fields}
    listed = [question for _, question in found]
    for question in awarded_questions(names.template):
        if question.field not in used:
            name = question.field if question.name in seen else question.name
            rule = _awarded(unnamed, fields[question.field])
            listed.append(Question(name, question.field, rule, rule.maximum, weight, minimum_zero=zero))
    return tuple(sorted(listed, key=lambda question: names.place_of(question.field)))


def _check_defaults(defaults: Entry) -> None:
    """Note settings that cannot be defaults."""
    defaults.known |= {"void", "bonus", "weight", "minimum_zero", *FOR_ANSWER, *FOR_AWARDED}
    for name in ("answer", "answers", "void", "bonus"):
        if name in defaults:
            defaults.problem(name, "belongs to a question of its own")
    defaults.done()


def _read(entry: Entry, names: Names) -> Iterator[Question]:
    """Yield the questions of one entry."""
    known = list(names.by_name)
    listed = _names(entry, known)
    field_name = entry.text("field")
    answers = _answers(entry, listed)
    meant = Role.ANSWER if any(name in entry for name in FOR_ANSWER) else None
    # Without an answer only a void question may be one that is answered.
    if meant is None and ("void" not in entry or any(name in entry for name in FOR_AWARDED)):
        meant = Role.MARK
    for name, answer in zip(listed, answers, strict=False):
        field = _field(entry, names, name, field_name, meant)
        if field is not None and (question := _question(entry, name, field, answer)) is not None:
            yield question
    entry.known |= {"question", "questions", "field", "void", "bonus", "weight", "minimum_zero"}
    entry.known |= {*FOR_ANSWER, *FOR_AWARDED}
    entry.done()


def _names(entry: Entry, known: list[str]) -> list[str]:
    if ("question" in entry) == ("questions" in entry):
        entry.problem("", 'an entry names its question, or its questions: question = "1", or questions = "1-10"')
        return []
    if "questions" in entry:
        return names_in(entry, "questions", known)
    name = entry.text("question")
    if name is None or "field" in entry:
        return [] if name is None else [name]
    return names_in(Entry(entry.problems, {"question": [name]}, entry.path), "question", known)


def _answers(entry: Entry, listed: list[str]) -> list[Any]:
    """Return the answer of each question of an entry, or None; an empty list (noted) if they are faulty."""
    one, several = entry.raw("answer"), entry.raw("answers")
    if several is None or "questions" not in entry:
        if several is not None:
            entry.problem("answers", "belongs to an entry with questions; one question has an answer")
        if one == STILL_OPEN:
            entry.problem("answer", "the right answer is still to be filled in")
            return []
        return [one] * len(listed)
    each = several if isinstance(several, list) else str(as_text(several) or "").split()
    if len(each) != len(listed):
        entry.problem("answers", f"{len(each)} answers for {len(listed)} questions; give one each")
        return []
    if still_open := each.count(STILL_OPEN):
        entry.problem("answers", f"{still_open} of {len(each)} right answers are still to be filled in ({STILL_OPEN})")
        return []
    return each


def _field(entry: Entry, names: Names, question: str, field_name: str | None, role: Role | None) -> SheetField | None:
    """Return the field in which a question is answered, None (noted) when that is not clear."""
    if field_name is not None:
        if "questions" in entry:
            entry.problem("field", "belongs to an entry with one question")
            return None
        field = names.any_field(field_name)
        if field is None:
            entry.problem("field", f"the template {names.template.name} has no field '{field_name[:60]}'")
        elif field.name not in names.order:
            entry.problem("field", f"{field_name} holds no answer and no mark: its role is {field.role.value}")
            return None
        return field
    fitting = names.fitting(question, role)
    if len(fitting) > 1:
        listed = ", ".join(each.name for each in fitting)
        entry.problem("", f'question {question} may stand in {listed}; say which: field = "{fitting[0].name}"')
        return None
    return fitting[0] if fitting else None


def _question(entry: Entry, name: str, field: SheetField, answer: Any) -> Question | None:  # noqa: ANN401
    """Return one question, None (noted) when it cannot be one."""
    void, bonus = entry.one_of("void", Void), entry.flag("bonus") or False
    weight = entry.number("weight", ZERO, above=True) or ONE
    minimum_zero = entry.flag("minimum_zero")
    if void is Void.LEFT_OUT and bonus:
        entry.problem("bonus", "a question that is left out is no bonus")
    if field.role is Role.MARK:
        _refuse(entry, FOR_ANSWER, f"{field.name} holds a mark that an examiner awards")
        rule = _awarded(entry, field)
        zero = minimum_zero or False
        return Question(name, field.name, rule, rule.maximum, weight, void=void, bonus=bonus, minimum_zero=zero)
    _refuse(entry, FOR_AWARDED, f"{field.name} holds an answer, not a mark")
    points = entry.number("points", ZERO, above=True) or ONE
    wrong = entry.number("wrong") or ZERO
    if wrong > 0:
        entry.problem("wrong", f"a wrong answer is worth 0 or less, such as -{in_words(wrong)}")
    if answer is None and void is None:
        entry.problem("", f'question {name} has no answer: answer = "...", or void = "left_out"')
        return None
    if field.kind is Kind.CHOICE and not _is_number_grid(field):
        if field.positions > 1:
            entry.problem("", f"{field.name} is a grid of letters, which cannot be marked")
            return None
        rule_of: Rule = _choice(entry, field, answer, points)
    else:
        rule_of = _number(entry, field, answer, points)
    if minimum_zero is None:
        # A wrong option takes back what a right one earned; more only if the key says so.
        minimum_zero = isinstance(rule_of, ChoiceRule) and rule_of.partial is Partial.RIGHT_MINUS_WRONG
    return Question(name, field.name, rule_of, points, weight, wrong, "", void, bonus, minimum_zero)


def _refuse(entry: Entry, settings: tuple[str, ...], why: str) -> None:
    for name in settings:
        if name in entry:
            entry.problem(name, f"does not belong here: {why}")


def _is_number_grid(field: SheetField) -> bool:
    """Tell whether digits are bubbled, one a position."""
    return (
        field.kind is Kind.CHOICE and field.positions > 1 and all(re.fullmatch("[0-9]", each) for each in field.options)
    )


def _awarded(entry: Entry, field: SheetField) -> AwardedRule:
    most = Fraction(field.maximum or 0)
    low = Fraction(field.minimum) if field.minimum is not None else ZERO
    maximum = entry.number("maximum", ZERO, above=True)
    if maximum is not None and maximum > most:
        entry.problem("maximum", f"{in_words(maximum)} is more than the sheet allows in {field.name}, {in_words(most)}")
    step = entry.number("step", ZERO, above=True)
    if step is None and field.step is not None:
        step = Fraction(field.step)
    elif step is not None and field.step is not None and step % Fraction(field.step):
        entry.problem("step", f"{in_words(step)} is no multiple of the step of {field.name}, {field.step}")
    if maximum is not None and step is not None and maximum % step:
        entry.problem("maximum", f"{in_words(maximum)} is no multiple of the step, {in_words(step)}")
    return AwardedRule(most if maximum is None else maximum, low, step)


def _alternatives(entry: Entry, answer: Any, points: Fraction) -> Iterator[tuple[str, Fraction | None]]:  # noqa: ANN401
    """Yield each accepted answer and its own worth: "B | C = 0.5" has two."""
    listed = answer if isinstance(answer, list) else [answer]
    texts = [as_text(each) for each in listed]
    if any(text is None for text in texts) or not texts:
        entry.problem("answer", "is neither a text, nor a number, nor a list of them")
        return
    if not all(text and text.strip() for text in texts):
        at = "answer" if "answer" in entry else "answers"
        entry.problem(at, NO_ANSWER)
        return
    pieces = [piece.strip() for text in texts if text for piece in text.split("|")]
    for piece in pieces[:MOST_ANSWERS]:
        said, equals, worth = (part.strip() for part in piece.partition("="))
        number = exact(worth) if equals else None
        if not said:
            entry.problem("answer", f"an accepted answer is empty in '{piece[:60]}'")
        elif equals and (number is None or not ZERO <= number <= points):
            entry.problem("answer", f"'{worth[:60]}' cannot be the worth of {said[:60]}; it is 0 to {in_words(points)}")
        else:
            yield said, number


def _choice(entry: Entry, field: SheetField, answer: Any, points: Fraction) -> ChoiceRule:  # noqa: ANN401
    _refuse(entry, FOR_NUMBER, f"{field.name} is a choice")
    by_lower = {option.casefold(): option for option in field.options}
    accepted: list[AcceptedChoice] = []
    for said, worth in _alternatives(entry, answer, points) if answer is not None else ():
        parts = [part.strip() for part in said.split(MULTIPLE_SEPARATOR)]
        options = [by_lower[part.casefold()] for part in parts if part.casefold() in by_lower]
        if len(options) != len(parts):
            entry.problem("answer", f"'{said[:60]}' is no answer of {field.name}; it may hold {expectation(field)}")
        elif len(set(options)) != len(options):
            entry.problem("answer", f"'{said[:60]}' names an option twice")
        elif len(options) > 1 and not field.multiple:
            entry.problem("answer", f"{field.name} takes one option; write B | C where either is right")
        elif any(each.options == frozenset(options) for each in accepted):
            entry.problem("answer", f"'{said[:60]}' stands there twice")
        else:
            accepted.append(AcceptedChoice(frozenset(options), worth))
    partial = entry.one_of("partial", Partial) or Partial.ALL_OR_NOTHING
    if partial is Partial.PER_OPTION and entry.number("wrong") and "wrong" in entry:
        entry.problem("wrong", "per_option has no wrong answers: every option earns its share or does not")
    most = entry.whole("most")
    if most is not None and accepted and most < max(len(each.options) for each in accepted):
        entry.problem("most", f"{most} options cannot hold the right answer")
    # A default of 0 says that wrong answers cost nothing, which is not meant for wrong options beside right ones.
    cost = entry.number("wrong")
    each_wrong = cost if partial is Partial.RIGHT_MINUS_WRONG and ("wrong" in entry or cost) else None
    return ChoiceRule(tuple(accepted), field.options, partial, most, each_wrong)


def _number(entry: Entry, field: SheetField, answer: Any, points: Fraction) -> NumberRule:  # noqa: ANN401
    _refuse(entry, FOR_CHOICE, f"{field.name} holds a number")
    within = entry.number("within", ZERO)
    percent = entry.number("within_percent", ZERO)
    figures = entry.whole("significant")
    if sum(each is not None for each in (within, percent, figures)) > 1:
        entry.problem("", "one tolerance is enough: within, within_percent or significant")
    if figures is not None and figures > MOST_FIGURES:
        entry.problem("significant", f"{figures} figures are more than anybody writes; at most {MOST_FIGURES}")
    any_sign = entry.flag("any_sign") or False
    accepted: list[AcceptedNumber] = []
    for said, worth in _alternatives(entry, answer, points) if answer is not None else ():
        span = _RANGE.fullmatch(said)
        low, high = (exact(span[1]), exact(span[2])) if span else (exact(said), exact(said))
        if low is None or high is None:
            entry.problem("answer", f"'{said[:60]}' is no number and no range; write 2.5, -1/3, or 2.4..2.6")
        elif low > high:
            entry.problem("answer", f"the range {said[:60]} ends before it begins")
        else:
            accepted.append(AcceptedNumber(low, high, worth))
            rule = NumberRule((accepted[-1],), within, percent, figures, any_sign)
            if (span or within or percent or figures) and not _reachable(field, rule):
                entry.problem(
                    "answer",
                    f"{said[:60]}, with its tolerance, lies outside what {field.name} can hold "
                    f"({expectation(field)}); so nobody could be right",
                )
            if not (within or percent or figures or span) and not _can_be_written(field, low, any_sign=any_sign):
                entry.problem(
                    "answer",
                    f"{said[:60]} cannot be written in {field.name}, which holds {expectation(field)}; so nobody could "
                    "be right: accept a range, or state a tolerance (within, within_percent, significant)",
                )
    return NumberRule(tuple(accepted), within, percent, figures, any_sign)


def _reachable(field: SheetField, rule: NumberRule) -> bool:
    """Tell whether what is accepted comes near the numbers between the least and the largest that a field can hold."""
    (accepted,) = rule.accepted
    least, largest = _bounds(field)
    low, high = accepted.low, accepted.high
    spread = rule.within or ZERO
    if rule.significant is not None:
        # Nothing that is rounded to the same figures is further away than the number itself.
        low, high = low - abs(low), high + abs(high)
    if rule.within_percent is not None:
        low, high = low - abs(low) * rule.within_percent / 100, high + abs(high) * rule.within_percent / 100
    low, high = low - spread, high + spread
    spans = [(low, high), (-high, -low)] if rule.any_sign else [(low, high)]
    return any((largest is None or one <= largest) and (least is None or other >= least) for one, other in spans)


def _bounds(field: SheetField) -> tuple[Fraction | None, Fraction | None]:
    """Return the least and the largest number that a field can hold, None for a side that nothing bounds."""
    if field.kind is Kind.CHOICE:
        return ZERO, Fraction(10**field.positions - 1)
    least = None if field.minimum is None else Fraction(field.minimum)
    largest = None if field.maximum is None else Fraction(field.maximum)
    if field.kind is Kind.DIGITS:
        most = Fraction(10**field.characters - 1, 10**field.decimals)
        largest = most if largest is None else min(most, largest)
        below = -most if field.sign else ZERO
        least = below if least is None else max(below, least)
    return least, largest


def _can_be_written(field: SheetField, number: Fraction, *, any_sign: bool) -> bool:
    if field.kind is Kind.CHOICE:
        return number.denominator == 1 and 0 <= number < 10**field.positions
    written: Decimal = shown(number)
    if Fraction(written) != number:
        return False
    return allowed_number(field, written) or (any_sign and allowed_number(field, -written))
