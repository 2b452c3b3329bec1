"""What a key says becomes the key: papers, sections, groups, grades, rounding. All that is wrong is said at once."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from flows.exact import Mode, in_words
from flows.key import (
    ZERO,
    Blank,
    Grade,
    Group,
    Key,
    Missing,
    Overall,
    Paper,
    Question,
    Rounding,
    Section,
    Stage,
    Taking,
    plain_key,
)
from flows.key_names import names_in, names_of
from flows.key_questions import read_questions
from flows.key_source import Entry, Problems, RawKey
from flows.key_versions import read_versions
from flows.marking_sums import paper_maximum, section_maximum
from recognizer.template import SheetTemplate


def check_key(raw: RawKey, templates: Sequence[SheetTemplate]) -> Key:
    """Return the key that was written; templates of which it says nothing keep the plain one.

    Raises:
        ExamError: anything is wrong with it; the message names every problem by its place.
    """
    problems = Problems(raw)
    top = Entry(problems, raw.data, ())
    blank = top.one_of("blank", Blank)
    by_template: dict[str, Paper] = {}
    for entry in top.entries("paper"):
        template = _template(entry, templates)
        if template is None:
            continue
        if template.name in by_template:
            entry.problem("template", f"{template.name} has a paper already")
            continue
        by_template[template.name] = _paper(entry, template)
    for paper in plain_key(templates).papers:
        by_template.setdefault(paper.template, paper)
    order = {template.name: at for at, template in enumerate(templates)}
    papers = tuple(sorted(by_template.values(), key=lambda paper: order[paper.template]))
    overall = _overall(top, papers) if "overall" in raw.data else None
    top.known.add("overall")
    top.done()
    problems.refuse()
    return Key(papers, overall, blank, raw.name.replace("\\", "/").rpartition("/")[2])


def _template(entry: Entry, templates: Sequence[SheetTemplate]) -> SheetTemplate | None:
    """Return the template of a paper, the only one of the exam where the paper names none."""
    name = entry.text("template")
    if name is None and len(templates) == 1:
        return templates[0]
    known = ", ".join(template.name for template in templates)
    found = next((template for template in templates if template.name == name), None)
    if found is None:
        said = "a paper names its template" if name is None else f"the exam has no template '{name[:60]}'"
        entry.problem("template" if name else "", f"{said}; there are {known}")
    return found


def _paper(entry: Entry, template: SheetTemplate) -> Paper:
    names = names_of(template)
    questions = read_questions(entry, names)
    known = [question.name for question in questions]
    groups = tuple(_group(each, known) for each in entry.entries("group"))
    sections = tuple(_section(each, known) for each in entry.entries("section"))
    questions = _in_sections(entry, questions, sections, groups)
    versions, version_field = read_versions(entry, names, questions)
    for section, each in zip(sections, entry.entries("section"), strict=True):
        _check_best(each, section, questions, groups)
    paper = Paper(
        template=template.name,
        questions=questions,
        sections=sections,
        groups=groups,
        versions=versions,
        version_field=version_field,
        rounding=_roundings(entry),
        minimum_zero=entry.flag("minimum_zero") or False,
        at_most_maximum=entry.flag("at_most_maximum") or False,
        scale_to=entry.number("scale_to", ZERO, above=True),
    )
    for section, each in zip(sections, entry.entries("section"), strict=True):
        if section.scale_to is not None and section.questions and not section_maximum(paper, section):
            each.problem(
                "scale_to", "none of its questions counts towards its maximum, which is 0 and cannot be scaled"
            )
    maximum = paper_maximum(paper)
    if not maximum and not entry.problems.found:
        entry.problem("", "no question counts towards its maximum, which is 0")
    grades = _grades(entry, maximum)
    entry.done()
    return replace(paper, grades=grades)


def _group(entry: Entry, known: Sequence[str]) -> Group:
    name = entry.text("name") or ""
    if not name:
        entry.problem("", "a group has a name")
    questions = tuple(names_in(entry, "questions", known))
    if not questions:
        entry.problem("", 'a group has questions: questions = "3a, 3b"')
    taking = entry.one_of("rule", Taking) or Taking.SUM
    best = entry.whole("best")
    if best is not None and taking is not Taking.BEST:
        entry.problem("best", 'goes with rule = "best"')
    if best is not None and questions and best > len(questions):
        entry.problem("best", f"the best {best} of {len(questions)} questions")
    entry.done()
    return Group(name, questions, taking, best or 1)


def _section(entry: Entry, known: Sequence[str]) -> Section:
    name = entry.text("name") or ""
    if not name:
        entry.problem("", "a section has a name")
    questions = tuple(names_in(entry, "questions", known))
    if not questions:
        entry.problem("", 'a section has questions: questions = "1-10"')
    best, zero = entry.whole("best"), entry.flag("minimum_zero") or False
    scale = entry.number("scale_to", ZERO, above=True)
    entry.done()
    return Section(name, questions, best, zero, scale)


def _in_sections(
    entry: Entry, questions: tuple[Question, ...], sections: Sequence[Section], groups: Sequence[Group]
) -> tuple[Question, ...]:
    """Return the questions with their sections, each in at most one section and one group."""
    kinds: tuple[tuple[str, Sequence[Section | Group]], ...] = (("section", sections), ("group", groups))
    for what, parts in kinds:
        home: dict[str, str] = {}
        names: set[str] = set()
        for number, part in enumerate(parts):
            at = Entry(entry.problems, {}, (*entry.path, what, number))
            if part.name and part.name in names:
                at.problem("", f"there is a {what} {part.name} already")
            names.add(part.name)
            for name in part.questions:
                if name in home:
                    at.problem("", f"question {name} is in {what} {home[name]} already")
                home.setdefault(name, part.name)
        if what == "section":
            questions = tuple(replace(each, section=home.get(each.name, "")) for each in questions)
    of = {question.name: question.section for question in questions}
    for number, group in enumerate(groups):
        if len({of[name] for name in group.questions}) > 1:
            at = Entry(entry.problems, {}, (*entry.path, "group", number))
            at.problem("", f"the parts of group {group.name} lie in several sections")
    return questions


def _check_best(entry: Entry, section: Section, questions: Sequence[Question], groups: Sequence[Group]) -> None:
    """Note a choice of more questions than there are, a group counting as one."""
    grouped = {name: group.name for group in groups for name in group.questions}
    pool = {
        grouped.get(each.name, f"question {each.name}")
        for each in questions
        if each.section == section.name and not each.bonus
    }
    if section.best is not None and section.questions and section.best > len(pool):
        entry.problem("best", f"the best {section.best} of {len(pool)} questions of section {section.name}")


def _roundings(entry: Entry) -> dict[Stage, Rounding]:
    found: dict[Stage, Rounding] = {}
    for each in entry.entries("rounding"):
        stage = each.one_of("stage", Stage)
        if stage is None and "stage" not in each:
            each.problem("", 'says at which stage: stage = "total"')
        if stage in found:
            each.problem("stage", f"there is a rounding of {stage} already")
        rounding = _rounding(each)
        each.done()
        if stage is not None and rounding is not None:
            found.setdefault(stage, rounding)
    return found


def _rounding(entry: Entry) -> Rounding | None:
    step = entry.number("step", ZERO, above=True)
    mode = entry.one_of("mode", Mode)
    if step is None and "step" not in entry:
        entry.problem("", "says to which step: step = 0.5")
    if mode is None and "mode" not in entry:
        entry.problem("", 'says where the middle goes: mode = "half_up" or "half_even"')
    return None if step is None or mode is None else Rounding(step, mode)


def _grades(entry: Entry, maximum: Fraction) -> tuple[Grade, ...]:
    """Return the grades from the best down, their boundaries in order."""
    found: list[tuple[Entry, Grade]] = []
    for each in entry.entries("grade"):
        name = each.text("grade") or ""
        if not name:
            each.problem("", 'a grade has a name: grade = "A"')
        elif any(grade.name == name for _, grade in found):
            each.problem("grade", f"there is a grade {name} already")
        value = each.raw("from")
        percent = isinstance(value, str) and value.strip().endswith("%")
        bare = Entry(each.problems, {"from": value.strip()[:-1] if percent else value}, each.path)
        boundary = bare.number("from", ZERO)
        if value is None:
            each.problem("", 'a grade says from which points on: from = 40, or from = "50%"')
        each.done()
        if boundary is None:
            continue
        most = Fraction(100) if percent else maximum
        if boundary > most:
            of = "100 %" if percent else f"the maximum, {in_words(maximum)}"
            each.problem("from", f"{in_words(boundary)} is more than {of}")
        found.append((each, Grade(name, boundary, percent)))
    for (_, one), (at, other) in pairwise(found):
        if one.is_percent != other.is_percent:
            at.problem("from", "some grades begin at points and some at percentages; use one of them")
        elif other.boundary >= one.boundary:
            at.problem(
                "from",
                f"boundaries go down from the best grade: {other.name} begins at {in_words(other.boundary)}, "
                f"{one.name} above it at {in_words(one.boundary)}",
            )
    if found and found[-1][1].boundary:
        found[-1][0].problem("from", f"the last grade, {found[-1][1].name}, has to begin at 0; who is below has none")
    return tuple(grade for _, grade in found)


def _overall(top: Entry, papers: Sequence[Paper]) -> Overall:
    entry = top.table("overall")
    given = entry.table("weights")
    known = {paper.template: paper for paper in papers}
    weights: dict[str, Fraction] = {}
    for name in given.value:
        weight = given.number(name, ZERO, above=True)
        if name not in known:
            given.problem(name, f"the key has no paper of that name; there are {', '.join(known) or 'none'}")
        elif weight is not None:
            weights[name] = weight
    if not given.value:
        entry.problem("", "weights says what each paper is worth: weights = { cover_marks = 60, choice_answers = 40 }")
    missing = entry.one_of("missing", Missing) or Missing.UNSETTLED
    rounding = entry.table("rounding")
    to = _rounding(rounding) if rounding.value else None
    rounding.known |= {"step", "mode"}
    rounding.done()
    grades = _grades(entry, sum(weights.values(), ZERO))
    entry.done()
    return Overall(weights, missing, to, grades)
