"""Pure: the questions of a sheet become groups and sections. Unsettled is never zero, not even in the best n of m."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from flows.key import ZERO, Grade, Group, Paper, Question, Rounding, Section, Taking, Void
from flows.results import Absent, Unsettled
from flows.scoring import Score, Scored

NOT_ALL = "not all parts of {} are right"
NOT_BEST = "not among the best {} of {}"
OTHER_PART = "part of {}, another part of which is open: {}"


@dataclass(frozen=True, slots=True)
class Marked:
    """One question of a sheet with its points, weighted and rounded. `why` goes before what the answer itself says."""

    question: Question
    scored: Scored
    points: Score
    maximum: Fraction
    why: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Unit:
    """What a section counts as one question: a question, or a group of them. `names` are its questions."""

    names: tuple[str, ...]
    points: Score
    maximum: Fraction
    section: str = ""
    in_choice: bool = True
    """Whether it takes part in the best n of m: a bonus and what is left out do not."""


@dataclass(frozen=True, slots=True)
class SectionSum:
    """What a section adds up to, and the questions that it leaves out."""

    points: Score
    maximum: Fraction
    left_out: frozenset[str] = frozenset()


def settled_sum(points: Iterable[Score]) -> Score:
    """Add up; unsettled while any part is, absent when any is."""
    points = tuple(points)
    reasons = dict.fromkeys(reason for each in points if isinstance(each, Unsettled) for reason in each.reasons)
    if reasons:
        return Unsettled(tuple(reasons))
    if any(isinstance(each, Absent) for each in points):
        return Absent()
    return sum((each for each in points if isinstance(each, Fraction)), ZERO)


def group_units(paper: Paper, marked: Sequence[Marked]) -> tuple[list[Unit], list[Marked]]:
    """Return what sections count, in the order of the questions, and the questions as their groups leave them."""
    if not paper.groups:
        return [_unit_of(each) for each in marked], list(marked)
    group_of = {name: group for group in paper.groups for name in group.questions}
    by_name = {each.question.name: each for each in marked}
    units: list[Unit] = []
    done: set[str] = set()
    for each in marked:
        group = group_of.get(each.question.name)
        if group is None:
            units.append(_unit_of(each))
        elif group.name not in done:
            done.add(group.name)
            parts, unit = _grouped(group, [by_name[name] for name in group.questions])
            by_name |= {part.question.name: part for part in parts}
            units.append(unit)
    return units, [by_name[each.question.name] for each in marked]


def section_sum(section: Section, units: Sequence[Unit], rounding: Rounding | None) -> SectionSum:
    """Add up a section: the best n of its questions, not below zero, scaled, rounded, in this order."""
    pool = [unit for unit in units if unit.in_choice]
    maximum = _largest_sum([unit.maximum for unit in pool], section.best)
    points = settled_sum([unit.points for unit in units])
    left_out: frozenset[str] = frozenset()
    if isinstance(points, Fraction) and section.best is not None:
        out = _worst([unit.points for unit in pool], section.best)
        points -= sum((each for at in out if isinstance(each := pool[at].points, Fraction)), ZERO)
        left_out = frozenset(name for at in out for name in pool[at].names)
    if isinstance(points, Fraction) and section.minimum_zero:
        points = max(points, ZERO)
    if section.scale_to is not None:
        if isinstance(points, Fraction):
            points = points * section.scale_to / maximum if maximum else Unsettled((f"{section.name}: maximum is 0",))
        maximum = section.scale_to
    if isinstance(points, Fraction) and rounding is not None:
        points = rounding.apply(points)
    return SectionSum(points, maximum, left_out)


def paper_maximum(paper: Paper) -> Fraction:
    """Return the maximum of a paper: what its sections and the questions outside them come to, scaled if it says so."""
    if paper.scale_to is not None:
        return paper.scale_to
    units = _unanswered(paper)
    inside = [section_sum(section, [u for u in units if u.section == section.name], None) for section in paper.sections]
    return sum((each.maximum for each in inside), ZERO) + sum((u.maximum for u in units if not u.section), ZERO)


def section_maximum(paper: Paper, section: Section) -> Fraction:
    """Return the maximum of a section before it is scaled."""
    own = [unit for unit in _unanswered(paper) if unit.section == section.name]
    return section_sum(replace(section, scale_to=None), own, None).maximum


def _unanswered(paper: Paper) -> list[Unit]:
    units, _ = group_units(paper, [Marked(each, Scored(ZERO), ZERO, each.maximum) for each in paper.questions])
    return units


def grade_of(grades: Sequence[Grade], total: Score, maximum: Fraction) -> str:
    """Return the best grade that a total reaches; the lowest goes to everybody below. "" while there is no total."""
    if not grades or not isinstance(total, Fraction):
        return ""
    return next((grade.name for grade in grades if grade.reached(total, maximum)), grades[-1].name)


def _unit_of(marked: Marked) -> Unit:
    question = marked.question
    in_choice = not question.bonus and question.void is not Void.LEFT_OUT
    return Unit((question.name,), marked.points, marked.maximum, question.section, in_choice)


def _largest_sum(maxima: Sequence[Fraction], best: int | None) -> Fraction:
    return sum(sorted(maxima, reverse=True)[:best], ZERO)


def _worst(points: Sequence[Score], best: int) -> list[int]:
    """Return the places of all but the best; of equal ones the later are left out."""
    ranked = sorted(range(len(points)), key=lambda at: (-_number(points[at]), at))
    return sorted(ranked[best:])


def _number(points: Score) -> Fraction:
    return points if isinstance(points, Fraction) else ZERO


def _grouped(group: Group, parts: list[Marked]) -> tuple[list[Marked], Unit]:
    """Return the parts of a group as it leaves them, and the one question that they make."""
    section = parts[0].question.section
    names = tuple(part.question.name for part in parts)
    counting = [part for part in parts if part.question.void is not Void.LEFT_OUT]
    maxima = [part.maximum for part in counting if not part.question.bonus]
    best = group.best if group.taking is Taking.BEST else None
    maximum = _largest_sum(maxima, best)
    in_choice = bool(maxima)
    points = settled_sum([part.points for part in parts])
    if group.taking is Taking.SUM:
        return parts, Unit(names, points, maximum, section, in_choice)
    if not isinstance(points, Fraction):
        return _held_open(group, parts, points), Unit(names, points, maximum, section, in_choice)
    if group.taking is Taking.ALL_NEEDED:
        if not all(part.scored.full for part in counting):
            parts = [part if part.question.void else _spoilt(part, group) for part in parts]
    else:
        pool = [at for at, part in enumerate(parts) if part in counting and not part.question.bonus]
        out = {pool[at] for at in _worst([parts[at].points for at in pool], group.best)}
        parts = [
            replace(part, counts=False, why=NOT_BEST.format(group.best, group.name)) if at in out else part
            for at, part in enumerate(parts)
        ]
    points = settled_sum([part.points for part in parts if part.counts])
    return parts, Unit(names, points, maximum, section, in_choice)


def _spoilt(part: Marked, group: Group) -> Marked:
    """Return a part whose group is not wholly right: it earns nothing, and a deduction stays."""
    return replace(part, points=min(ZERO, _number(part.points)), why=NOT_ALL.format(group.name))


def _held_open(group: Group, parts: list[Marked], points: Score) -> list[Marked]:
    """Leave the settled parts of a group open whose points depend on a part that is."""
    if group.taking is not Taking.ALL_NEEDED or not isinstance(points, Unsettled):
        return parts
    why = Unsettled((OTHER_PART.format(group.name, "; ".join(points.reasons)),))
    # What a void part is worth depends on nothing else.
    return [
        part if isinstance(part.points, Unsettled) or part.question.void else replace(part, points=why)
        for part in parts
    ]
