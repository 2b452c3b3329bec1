"""Pure: how each question of an exam was answered, from what the sheets are worth. About questions only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from flows.exact import to_decimals
from flows.key import ChoiceRule, Key
from flows.results import Absent, QuestionResult, SheetResult, Unsettled
from recognizer.values import MULTIPLE_SEPARATOR


@dataclass(frozen=True, slots=True)
class QuestionStatistics:
    """How one question was answered.

    `settled`, `unsettled` and `absent` sheets add up to all of its template. `mean` of the settled points and
    `facility` (the mean as a share of the maximum) have six decimals, and are None where there is nothing to take them
    over. `attempted` counts settled sheets with an attempt. `options` counts how often each option of a choice question
    was marked, in the letters of the key. Sheets count on which best n of m leaves the question out.
    """

    template: str
    question: str
    section: str
    maximum: Decimal
    settled: int
    unsettled: int
    absent: int
    attempted: int
    mean: Decimal | None
    facility: Decimal | None
    options: Mapping[str, int] = field(default_factory=dict)


def question_statistics(results: Sequence[SheetResult], key: Key | None = None) -> tuple[QuestionStatistics, ...]:
    """Return the statistics of every question, in the order of the papers and their questions."""
    found: dict[tuple[str, str], list[QuestionResult]] = defaultdict(list)
    for result in results:
        for question in result.questions:
            # Who was absent did not answer, and has no zero for it.
            unasked = isinstance(result.total, Absent) and question.attempted is False
            answer = replace(question, points=Absent()) if unasked else question
            found[result.template, question.question].append(answer)
    options = _options(key)
    return tuple(_of(template, each, options.get((template, name), ())) for (template, name), each in found.items())


def _of(template: str, answers: Sequence[QuestionResult], options: Sequence[str]) -> QuestionStatistics:
    settled = [each for each in answers if isinstance(each.points, Decimal)]
    mean = sum((Fraction(each.points) for each in settled if isinstance(each.points, Decimal)), Fraction(0))
    mean = mean / len(settled) if settled else mean
    maximum = answers[0].maximum
    counted = dict.fromkeys(options, 0)
    for each in settled if options else ():
        for option in each.answer.split(MULTIPLE_SEPARATOR):
            if option in counted:
                counted[option] += 1
    return QuestionStatistics(
        template=template,
        question=answers[0].question,
        section=answers[0].section,
        maximum=maximum,
        settled=len(settled),
        unsettled=sum(isinstance(each.points, Unsettled) for each in answers),
        absent=sum(isinstance(each.points, Absent) for each in answers),
        attempted=sum(each.attempted is True for each in settled),
        mean=to_decimals(mean) if settled else None,
        facility=to_decimals(mean / Fraction(maximum)) if settled and maximum else None,
        options=counted,
    )


def _options(key: Key | None) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the options of every choice question, by template and question."""
    return {
        (paper.template, question.name): question.rule.options
        for paper in (key.papers if key else ())
        for question in paper.questions
        if isinstance(question.rule, ChoiceRule)
    }
