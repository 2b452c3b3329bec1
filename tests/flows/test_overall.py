"""Several papers make one total: over exact fractions, so that a boundary is reached by whoever reaches it."""

from decimal import Decimal

import pytest

from flows.candidate_marks import candidate_results
from flows.key import Key
from flows.key_files import parse_key
from flows.marking import mark_sheets
from flows.results import Absent, CandidateResult, Match, Matching, MatchStatus, Points, Unsettled
from flows.roster import Candidate
from flows.settling import settle_sheets
from flows.worth import MarkRule
from recognizer.template import SheetTemplate, parse_template
from tests.helpers.exam_rows import fields_of_page, page_row
from tests.helpers.marking_cases import FIELDS

ADA = Candidate("00123456", "Ada", 2)
RULE = MarkRule()


def paper(name: str, questions: int) -> SheetTemplate:
    """A template with so many choice questions and an awarded mark of 10."""
    places = [
        f'[[page.field]]\nname = "c{at}"\nquestion = "{at}"\nx = 30\ny = {40 + 5 * at}\nwidth = 4\nheight = 4\n'
        + FIELDS["c"]
        for at in range(1, questions + 1)
    ]
    return parse_template(f'name = "{name}"\n[[page]]\n' + "\n".join(places))


def overall(key: Key, templates: tuple[SheetTemplate, ...], *right: int) -> CandidateResult:
    """What a candidate has with so many right answers (A) of each paper, -1 where no sheet has come."""
    pages = [page_row(each.name, at) for at, each in enumerate(templates, start=1)]
    came = [(page, each, n) for page, each, n in zip(pages, templates, right, strict=True) if n >= 0]
    rows = [
        row
        for page, template, count in came
        for row in fields_of_page(
            page,
            template,
            {field.name: "A" if at < count else "B" for at, field in enumerate(template.pages[0].fields)},
        )
    ]
    sheets = settle_sheets(rows, [page for page, _, _ in came], templates, RULE)
    who = Matching(tuple(Match(each.sheet, each.template, MatchStatus.MATCHED, ADA.id) for each in sheets))
    (found,) = candidate_results(mark_sheets(sheets, key, RULE, {}, templates), who, [ADA], key)
    return found


def answers(template: str, count: int, more: str = "") -> str:
    given = f'question = [{{ questions = "1-{count}", answers = "{"A " * count}" }}]\n'
    return f'[[paper]]\ntemplate = "{template}"\n{more}\n{given}'


GRADES = 'grade = [{ grade = "P", from = 16 }, { grade = "F", from = 0 }]\n'


def test_a_boundary_of_the_overall_total_is_reached_over_thirty_ninths() -> None:
    one = (paper("one", 39),)
    key = parse_key("[overall]\nweights = { one = 39 }\n" + GRADES + answers("one", 39, "scale_to = 100"), one)
    found = overall(key, one, 16)
    assert (found.total, found.maximum, found.grade) == (Decimal(16), Decimal(39), "P"), (
        "41.025641... percent of 39 are 16 again"
    )
    assert overall(key, one, 15).grade == "F"


def test_three_thirds_of_three_papers_are_one() -> None:
    three = tuple(paper(name, 1) for name in ("one", "two", "three"))
    text = "".join(answers(each.name, 1, "scale_to = '1/3'") for each in three)
    found = overall(parse_key(text, three), three, 1, 1, 1)
    assert (found.total, found.maximum) == (Decimal(1), Decimal(1))


@pytest.mark.parametrize(
    ("missing", "total", "grade"),
    [("zero", Decimal(20), "P"), ("unsettled", Unsettled(("no sheet of two has come",)), "")],
)
def test_a_paper_without_a_sheet_is_worth_what_the_key_says(missing: str, total: Points, grade: str) -> None:
    both = (paper("one", 3), paper("two", 3))
    head = f'[overall]\nweights = {{ one = 30, two = 70 }}\nmissing = "{missing}"\n'
    key = parse_key(head + GRADES + answers("one", 3) + answers("two", 3), both)
    found = overall(key, both, 2, -1)
    assert (found.total, found.grade) == (total, grade)
    assert not isinstance(overall(key, both, 2, 1).total, Unsettled | Absent)


def test_two_papers_are_weighed_and_rounded_once() -> None:
    both = (paper("one", 3), paper("two", 6))
    head = '[overall]\nweights = { one = 50, two = 50 }\nrounding = { step = 1, mode = "half_up" }\n'
    key = parse_key(head + answers("one", 3) + answers("two", 6), both)
    # 50 x 1/3 = 16.666..., 50 x 1/6 = 8.333...: together 25
    assert overall(key, both, 1, 1).total == 25
    # 50 x 2/3 = 33.333..., 50 x 5/6 = 41.666...: together 75
    assert overall(key, both, 2, 5).total == 75
