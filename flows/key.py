"""The key of an exam: what each question is worth, and how points become a total and a grade. Records, read this first.

    key.toml or key.xlsx ─load_key─► Key(papers) ─mark_sheets─► SheetResult…

All numbers are exact fractions: a third of a mark stays a third until a stage at which the key says to round.

How a sheet's total comes about, in this order: each question (its answers, or the mark awarded; times its weight; not
below zero if so stated; rounded), its group, its section (best n; not below zero; scaled; rounded), the sum of sections
and of questions outside them (not below zero, not above the maximum, scaled, rounded), the grade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from flows.exact import Mode, rounded
from flows.settling import heading, mark_fields
from flows.worth import MarkRule, Worth
from recognizer.template import SheetTemplate

ZERO, ONE = Fraction(0), Fraction(1)


class Partial(StrEnum):
    """What an answer of several options is worth that is not wholly right."""

    ALL_OR_NOTHING = "all_or_nothing"
    """Only exactly the right options are right; anything else is wrong."""
    PER_OPTION = "per_option"
    """Each option of the field that is as it should be, marked or left empty, earns its share of the points."""
    RIGHT_MINUS_WRONG = "right_minus_wrong"
    """Each right option earns its share of the points; each wrong one takes a share away, or what `wrong` says."""


class Void(StrEnum):
    """What a question is worth that is void."""

    NOBODY = "nobody"
    """Nobody gets its points; the maximum stays."""
    EVERYBODY = "everybody"
    """Everybody gets all of its points, answered or not."""
    LEFT_OUT = "left_out"
    """It is left out of the points and of the maximum."""


class Blank(StrEnum):
    """What a blank mark cell means."""

    NOTHING_AWARDED = "nothing_awarded"
    NOT_ATTEMPTED = "not_attempted"
    FORGOTTEN = "forgotten"
    """The examiner forgot it: a person has to look, and until then nobody knows."""


class Taking(StrEnum):
    """How the parts of a group make one question."""

    SUM = "sum"
    ALL_NEEDED = "all_needed"
    """Its points only if every part is wholly right."""
    BEST = "best"
    """Only the best of its parts, or the best n."""


class Stage(StrEnum):
    """Where rounding happens."""

    QUESTION = "question"
    SECTION = "section"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class AcceptedChoice:
    """One answer of a choice field that is right; `points` is its own worth, None for all of the question."""

    options: frozenset[str]
    points: Fraction | None = None


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """Which options are right. `options` are those of the field; more than `most` marked ones make the answer wrong.

    `each_wrong` is what a wrong option is worth where right ones are counted against wrong ones; None takes
    the share of a right one away.
    """

    accepted: tuple[AcceptedChoice, ...]
    options: tuple[str, ...]
    partial: Partial = Partial.ALL_OR_NOTHING
    most: int | None = None
    each_wrong: Fraction | None = None


@dataclass(frozen=True, slots=True)
class AcceptedNumber:
    """Numbers from `low` to `high`, both included; `points` is their own worth, None for all of the question."""

    low: Fraction
    high: Fraction
    points: Fraction | None = None


@dataclass(frozen=True, slots=True)
class NumberRule:
    """Which numbers are right.

    At most one tolerance: `within` on both sides, `within_percent` of the key's number, or equal to it when both are
    taken to `significant` figures. Bounds are included. With `any_sign` a minus does not count.
    """

    accepted: tuple[AcceptedNumber, ...]
    within: Fraction | None = None
    within_percent: Fraction | None = None
    significant: int | None = None
    any_sign: bool = False


@dataclass(frozen=True, slots=True)
class AwardedRule:
    """What an examiner may award: a number from `minimum` to `maximum` in steps (None: any)."""

    maximum: Fraction
    minimum: Fraction = ZERO
    step: Fraction | None = None


Rule: TypeAlias = ChoiceRule | NumberRule | AwardedRule


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the field that it is answered in, what is right, and what that is worth.

    `points` is what a right answer earns, or the most that may be awarded, before `weight`; `wrong` (0 or less) what a
    wrong one is worth. A blank answer is worth 0. A `bonus` adds to the points and not to the maximum.
    """

    name: str
    field: str
    rule: Rule
    points: Fraction = ONE
    weight: Fraction = ONE
    wrong: Fraction = ZERO
    section: str = ""
    void: Void | None = None
    bonus: bool = False
    minimum_zero: bool = False

    @property
    def worth(self) -> Fraction:
        """What all of it earns, weighted."""
        return ZERO if self.void is Void.LEFT_OUT else self.points * self.weight

    @property
    def maximum(self) -> Fraction:
        """What it adds to the maximum."""
        return ZERO if self.bonus else self.worth


@dataclass(frozen=True, slots=True)
class Rounding:
    """To which multiple, and where the middle goes."""

    step: Fraction
    mode: Mode = Mode.HALF_UP

    def apply(self, number: Fraction) -> Fraction:
        """Round a number."""
        return rounded(number, self.step, self.mode)


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that are parts of one. `best` is how many of them count when the best are taken."""

    name: str
    questions: tuple[str, ...]
    taking: Taking = Taking.SUM
    best: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """Questions that are added up together. `best` is how many of its questions (and groups) count, None for all."""

    name: str
    questions: tuple[str, ...]
    best: int | None = None
    minimum_zero: bool = False
    scale_to: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One printed version: where each question of the key stands, and what its printed options are in the key.

    `fields` gives the field of a question that is not answered in its own; `options` the key's option of each printed
    one, by question. `template_versions` are the versions of the template by which it is known.
    """

    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    template_versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade, and the points (or the percentage of the maximum) from which on it is given."""

    name: str
    boundary: Fraction
    is_percent: bool = False

    def reached(self, points: Fraction, maximum: Fraction) -> bool:
        """Tell whether points suffice for it; exactly on the boundary they do."""
        return points * 100 >= self.boundary * maximum if self.is_percent else points >= self.boundary


@dataclass(frozen=True, slots=True)
class Paper:
    """All that is said of the sheets of one template, questions in template order.

    The printed version of a sheet is what its choice field `version_field` says; without one it is known by the version
    of the template, or there is one only. Grades go from the best down.
    """

    template: str
    questions: tuple[Question, ...]
    sections: tuple[Section, ...] = ()
    groups: tuple[Group, ...] = ()
    versions: tuple[Version, ...] = ()
    version_field: str = ""
    grades: tuple[Grade, ...] = ()
    rounding: Mapping[Stage, Rounding] = field(default_factory=dict)
    minimum_zero: bool = False
    at_most_maximum: bool = False
    scale_to: Fraction | None = None

    def question_named(self, name: str) -> Question:
        """Return a question (KeyError when there is none: our bug)."""
        for question in self.questions:
            if question.name == name:
                return question
        raise KeyError(name)


class Missing(StrEnum):
    """What a paper of the overall total is worth that a candidate has no sheet of."""

    UNSETTLED = "unsettled"
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class Overall:
    """How several papers make one total: each earns its share of its weight. The maximum is the sum of the weights."""

    weights: Mapping[str, Fraction]
    missing: Missing = Missing.UNSETTLED
    rounding: Rounding | None = None
    grades: tuple[Grade, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an exam. `blank` is what a blank mark cell means, None to leave that to exam.toml.

    `source` is the name of the file it was read from, "" when it follows from the templates alone.
    """

    papers: tuple[Paper, ...]
    overall: Overall | None = None
    blank: Blank | None = None
    source: str = ""

    def paper(self, template: str) -> Paper | None:
        """Return what is said of the sheets of a template, None when nothing is."""
        return next((paper for paper in self.papers if paper.template == template), None)


WORTH_OF_BLANK: Mapping[Blank, Worth] = {
    Blank.NOTHING_AWARDED: "zero",
    Blank.NOT_ATTEMPTED: "not_attempted",
    Blank.FORGOTTEN: "unsettled",
}


def rule_with_key(rule: MarkRule, key: Key | None) -> MarkRule:
    """Return the exam's rule for blanks, dashes and AB, the key's word on blanks before that of exam.toml."""
    if key is None or key.blank is None:
        return rule
    return MarkRule(WORTH_OF_BLANK[key.blank], rule.dash, rule.absent)


def plain_key(templates: Sequence[SheetTemplate]) -> Key:
    """Return the key that follows from the templates alone: awarded marks add up, up to their maxima."""
    papers = (Paper(template.name, awarded_questions(template)) for template in templates)
    return Key(tuple(paper for paper in papers if paper.questions))


def awarded_questions(template: SheetTemplate) -> tuple[Question, ...]:
    """Return a question for each mark of a template, as the template describes it."""
    found = []
    for mark in mark_fields(template):
        maximum = Fraction(mark.maximum or 0)
        low = Fraction(mark.minimum) if mark.minimum is not None else ZERO
        rule = AwardedRule(maximum, low, Fraction(mark.step) if mark.step is not None else None)
        found.append(Question(mark.question or heading(mark), mark.name, rule, maximum))
    return tuple(found)
