"""Pure: settled sheets become points by the key of the exam, question by question, section by section.

A question with an unsettled field is unsettled with its reason, and so is every sum over it; who was absent has no
total, which is settled and is not zero. Sums are exact fractions; `results.Points` are decimals, exact wherever a
decimal can be. The order in which a total comes about stands in `flows/key.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from flows.candidate_marks import candidate_results
from flows.exact import shown
from flows.key import Key, NumberRule, Paper, Question, Stage, Version, plain_key
from flows.mark_changes import changes
from flows.marking_sums import Marked, grade_of, group_units, section_sum, settled_sum
from flows.results import Absent, QuestionResult, SectionResult, SheetResult, Unsettled
from flows.scoring import Score, Scored, as_points, score
from flows.settling import ABSENT_FIELD, NO_TEMPLATE, SettledSheet
from flows.worth import HALF_ABSENT, MarkRule, Part, as_number, worth
from recognizer.records import ValueState
from recognizer.template import Role, SheetTemplate
from recognizer.values import ABSENT, MULTIPLE_SEPARATOR, NOTHING_AWARDED

__all__ = ["candidate_results", "changes", "doubted_by_key", "mark_sheets", "void_cells"]

ONE_VERSION = Version("")
NO_VERSION = "the printed version is not known: {}"
STRANGE_VERSION = "the key has no printed version '{}'"
BLANK_VERSION = "nothing is marked in {}"
VERSIONS_OF_TEMPLATE = "no printed version of the key belongs to version {} of the template"
MIXED_VERSIONS = "its pages come from different versions of the template"


def mark_sheets(
    sheets: Sequence[SettledSheet],
    key: Key | None,
    rule: MarkRule,
    candidates: Mapping[str, str],
    templates: Sequence[SheetTemplate] = (),
) -> tuple[SheetResult, ...]:
    """Return what each sheet is worth. Sheets that are worth nothing by any rule (no key, no marks) have no result.

    Args:
        sheets: the settled sheets.
        key: the key of the exam; None adds up the marks as the templates say.
        rule: what blanks, dashes and AB are worth (`key.rule_with_key` puts the key's word first).
        candidates: the id of who wrote a sheet, by sheet, where it is known.
        templates: those of the exam; needed where there is no key.
    """
    used = plain_key(templates) if key is None else key
    markers = {paper.template: _Marker(paper, rule) for paper in used.papers}
    results = []
    for sheet in sheets:
        candidate = candidates.get(sheet.sheet, "")
        if marker := markers.get(sheet.template):
            results.append(marker.mark(sheet, candidate))
        elif sheet.marks:
            unknown = Unsettled((NO_TEMPLATE,))
            results.append(SheetResult(sheet.sheet, sheet.template, candidate, "", (), (), unknown, shown(Fraction(0))))
    return tuple(results)


def doubted_by_key(sheets: Sequence[SettledSheet], key: Key, rule: MarkRule) -> dict[str, str]:
    """Return the readings that are settled and that the key cannot take, with the reason: a person should look at them.

    Those are marks above the maximum of the key, or off its step, an AB for an answer beside marks, and a printed
    version that is blank or unknown.
    """
    doubts: dict[str, str] = {}
    papers = {paper.template: paper for paper in key.papers}
    for sheet in sheets:
        paper = papers.get(sheet.template)
        if paper is None:
            continue
        version = _version(paper, sheet)
        if isinstance(version, Unsettled):
            part = sheet.parts.get(paper.version_field)
            if part is not None and part.state is not ValueState.UNSETTLED and part.key:
                doubts[part.key] = version.reasons[0]
            continue
        doubts |= _absent_answers(paper, sheet, version, rule)
        for question in paper.questions:
            part = sheet.parts.get(version.fields.get(question.name, question.field))
            if part is None or part.role is not Role.MARK or as_number(part.value) is None:
                continue
            points = score(question, part, rule).points
            if isinstance(points, Unsettled) and part.key and part.state is ValueState.VALUE:
                doubts[part.key] = points.reasons[0]
    return doubts


def void_cells(sheets: Sequence[SettledSheet], key: Key) -> frozenset[str]:
    """Return the readings of mark cells in which nothing is written and whose question is void: nobody need look."""
    papers = {paper.template: paper for paper in key.papers if any(each.void for each in paper.questions)}
    found = set()
    for sheet in sheets:
        paper = papers.get(sheet.template)
        version = _version(paper, sheet) if paper else None
        if paper is None or not isinstance(version, Version):
            continue
        for question in paper.questions:
            part = sheet.parts.get(version.fields.get(question.name, question.field))
            if question.void and part is not None and part.role is Role.MARK and _is_empty(part):
                found.add(part.key)
    return frozenset(found)


def _is_empty(part: Part) -> bool:
    return part.state is ValueState.BLANK or part.value == NOTHING_AWARDED


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the questions of one sheet add up to."""

    questions: tuple[Marked, ...]
    sections: tuple[SectionResult, ...]
    total: Score
    maximum: Fraction


class _Marker:
    """Marks sheets of one template. The same answer to the same question is worked out once."""

    def __init__(self, paper: Paper, rule: MarkRule) -> None:
        self.paper = paper
        self.rule = rule
        self.known: dict[tuple[str, str, str], Marked] = {}
        self.maxima = {question.name: question.maximum for question in paper.questions}
        self.results: dict[int, QuestionResult] = {}
        """What is shown of the answers in `known`, by their identity: they live as long as this does."""

    def mark(self, sheet: SettledSheet, candidate: str) -> SheetResult:
        """Return what one sheet is worth."""
        version = _version(self.paper, sheet)
        absence = _absence(sheet, self.rule)
        if isinstance(version, Version):
            absence = replace(absence, answers=_absent_answers(self.paper, sheet, version, self.rule))
        marked = [self._marked(question, sheet, version, absence) for question in self.paper.questions]
        sums = _add_up(self.paper, marked, absence)
        return SheetResult(
            sheet=sheet.sheet,
            template=sheet.template,
            candidate=candidate,
            version=version.name if isinstance(version, Version) else "",
            questions=tuple(self.results.get(id(each)) or _question_result(each) for each in sums.questions),
            sections=sums.sections,
            total=as_points(sums.total),
            maximum=shown(sums.maximum),
            grade=grade_of(self.paper.grades, sums.total, sums.maximum),
            remarks=version.reasons if isinstance(version, Unsettled) else (),
            exact=sums.total if isinstance(sums.total, Fraction) else None,
            exact_maximum=sums.maximum,
        )

    def _marked(
        self,
        question: Question,
        sheet: SettledSheet,
        version: Version | Unsettled,
        absence: "_Absence",
    ) -> Marked:
        if isinstance(version, Unsettled):
            return self._new(question, Scored(version, attempted=None))
        part = sheet.parts.get(version.fields.get(question.name, question.field))
        if part is None:
            reason = Unsettled((f"{question.name}: {ABSENT_FIELD}",))
            return self._new(question, Scored(reason, attempted=None))
        if absence.is_written and part.role is Role.MARK:
            return self._new(question, _beside_absent(question, part, self.rule, absence))
        if part.key in absence.answers:
            return self._new(question, Scored(Unsettled((absence.answers[part.key],)), part.value, attempted=None))
        if part.state is not ValueState.VALUE:
            return self._new(question, score(question, part, self.rule))
        at = (version.name, question.name, part.value)
        if at not in self.known:
            found = score(question, _translated(part, version.options.get(question.name)), self.rule)
            marked = self.known[at] = self._new(question, found)
            self.results[id(marked)] = _question_result(marked)
        return self.known[at]

    def _new(self, question: Question, scored: Scored) -> Marked:
        return Marked(question, scored, self._counted(question, scored), self.maxima[question.name])

    def _counted(self, question: Question, scored: Scored) -> Score:
        """Return the points of a question with its weight, rounded if questions are."""
        if not isinstance(scored.points, Fraction):
            return scored.points
        points = scored.points * question.weight
        rounding = self.paper.rounding.get(Stage.QUESTION)
        return points if rounding is None else rounding.apply(points)


@dataclass(frozen=True, slots=True)
class _Absence:
    """Whether an AB stands on a sheet, and whether marks beside it contradict it."""

    is_written: bool = False
    doubts: tuple[str, ...] = ()
    """Why no AB can be taken: marks stand beside it, and nobody confirmed it."""
    whole: tuple[str, ...] = ()
    """The same of an AB that is the written total."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """The same of each AB that stands for an answer, by its reading."""


def _absence(sheet: SettledSheet, rule: MarkRule) -> _Absence:
    """Look for an AB in the marks and in the written total, where an AB leaves the sheet without a total."""
    if rule.absent != "no_total":
        return _Absence()
    totals = [sheet.parts[sheet.whole]] if sheet.whole else []
    parts = [*sheet.marks, *totals] if sheet.marks else []
    absent = [part for part in parts if isinstance(worth(part, rule), Absent)]
    awarded = any(as_number(part.value) is not None for part in sheet.marks)
    doubted = [part for part in absent if awarded and not part.correction]
    doubts = tuple(f"{part.label}: {HALF_ABSENT}" for part in doubted)
    whole = tuple(f"{part.label}: {HALF_ABSENT}" for part in doubted if part.role is Role.TOTAL)
    return _Absence(bool(absent), doubts, whole)


def _absent_answers(paper: Paper, sheet: SettledSheet, version: Version, rule: MarkRule) -> dict[str, str]:
    """Return the readings of answers that are an AB though the sheet has marks, and nobody confirmed it."""
    if rule.absent != "no_total" or not any(as_number(part.value) is not None for part in sheet.marks):
        return {}
    found = {}
    for question in paper.questions:
        part = sheet.parts.get(version.fields.get(question.name, question.field))
        if part is None or not isinstance(question.rule, NumberRule) or question.void:
            continue
        if part.value == ABSENT and not part.correction:
            found[part.key] = f"{part.label}: {HALF_ABSENT}"
    return found


def _beside_absent(question: Question, part: Part, rule: MarkRule, absence: _Absence) -> Scored:
    """Return what a mark of a sheet with an AB is worth: empty cells are part of the absence."""
    if _is_empty(part):
        points = Unsettled(absence.doubts) if absence.doubts else Absent()
        return Scored(points, part.value, "absent", attempted=None if absence.doubts else False)
    scored = score(question, part, rule)
    if isinstance(scored.points, Absent) and absence.doubts and not part.correction:
        return Scored(Unsettled((f"{part.label}: {HALF_ABSENT}",)), part.value, attempted=None)
    return scored


def _translated(part: Part, options: Mapping[str, str] | None) -> Part:
    """Return an answer in the options of the key."""
    if not options:
        return part
    marked = sorted(options.get(option, option) for option in part.value.split(MULTIPLE_SEPARATOR))
    return replace(part, value=MULTIPLE_SEPARATOR.join(marked))


def _version(paper: Paper, sheet: SettledSheet) -> Version | Unsettled:  # noqa: PLR0911 - a case each
    """Return the printed version of a sheet."""
    if not paper.versions:
        return ONE_VERSION
    if paper.version_field:
        part = sheet.parts.get(paper.version_field)
        if part is None:
            return Unsettled((NO_VERSION.format(ABSENT_FIELD),))
        if part.state is ValueState.UNSETTLED:
            return Unsettled((NO_VERSION.format(f"{part.label}: {part.why}"),))
        if part.state is ValueState.BLANK:
            return Unsettled((NO_VERSION.format(BLANK_VERSION.format(part.label)),))
        found = next((version for version in paper.versions if version.name == part.value), None)
        return found or Unsettled((STRANGE_VERSION.format(part.value),))
    if len(paper.versions) == 1 and not paper.versions[0].template_versions:
        return paper.versions[0]
    printed = {page.template_version for page in sheet.pages}
    if len(printed) != 1:
        return Unsettled((NO_VERSION.format(MIXED_VERSIONS),))
    number = printed.pop()
    for version in paper.versions:
        if number in version.template_versions:
            return version
    return Unsettled((NO_VERSION.format(VERSIONS_OF_TEMPLATE.format(number)),))


def _add_up(paper: Paper, marked: Sequence[Marked], absence: _Absence) -> _Sums:
    """Add up groups, sections and what stands outside them."""
    units, questions = group_units(paper, marked)
    sections = []
    sums: list[Score] = []
    maximum = Fraction(0)
    left_out: set[str] = set()
    for section in paper.sections:
        own = [unit for unit in units if unit.section == section.name]
        found = section_sum(section, own, paper.rounding.get(Stage.SECTION))
        sections.append((section.name, found))
        left_out |= found.left_out
        sums.append(found.points)
        maximum += found.maximum
    outside = [unit for unit in units if not unit.section]
    rest = settled_sum([unit.points for unit in outside])
    maximum += sum((unit.maximum for unit in outside), Fraction(0))
    total = settled_sum([*sums, rest])
    if absence.whole:
        known = total.reasons if isinstance(total, Unsettled) else ()
        total = Unsettled(tuple(dict.fromkeys((*known, *absence.whole))))
    elif absence.is_written and not isinstance(total, Unsettled):
        total = Absent()
    if isinstance(total, Absent):
        sections = [(name, replace(found, points=Absent())) for name, found in sections]
    total, maximum = _finished(paper, total, maximum)
    counted = tuple(replace(each, counts=False) if each.question.name in left_out else each for each in questions)
    shown_sections = tuple(
        SectionResult(name, as_points(found.points), shown(found.maximum)) for name, found in sections
    )
    return _Sums(counted, shown_sections, total, maximum)


def _finished(paper: Paper, total: Score, maximum: Fraction) -> tuple[Score, Fraction]:
    """Bound, scale and round a total, in this order."""
    largest = maximum if paper.scale_to is None else paper.scale_to
    if not isinstance(total, Fraction):
        return total, largest
    if paper.minimum_zero:
        total = max(total, Fraction(0))
    if paper.at_most_maximum:
        total = min(total, maximum)
    if paper.scale_to is not None:
        if not maximum:
            return Unsettled(("its maximum is 0, which cannot be scaled",)), largest
        total = total * paper.scale_to / maximum
    rounding = paper.rounding.get(Stage.TOTAL)
    return (total if rounding is None else rounding.apply(total)), largest


def _question_result(marked: Marked) -> QuestionResult:
    question, scored = marked.question, marked.scored
    missing = marked.points.reasons if isinstance(marked.points, Unsettled) else ()
    return QuestionResult(
        question=question.name,
        section=question.section,
        points=as_points(marked.points),
        maximum=shown(marked.maximum),
        answer="" if missing and scored.attempted is None else scored.answer,
        why="; ".join(missing) if missing else (marked.why or scored.why),
        attempted=scored.attempted,
        counts=marked.counts,
    )
