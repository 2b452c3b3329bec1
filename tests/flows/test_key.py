"""A key is taken whole or refused with everything that is wrong, each with its line."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import ExamError
from flows.exact import Mode, rounded, shown
from flows.key import AwardedRule, Blank, ChoiceRule, Key, Missing, NumberRule, Stage, plain_key, rule_with_key
from flows.key_files import exam_key, load_key, parse_key
from flows.key_lines import lines_of
from flows.key_starter import starter_key
from flows.marking_sums import paper_maximum
from flows.worth import MarkRule
from recognizer.template import find_template, parse_template, shipped_templates
from tests.helpers.exam_rows import answers_template, marks_template

CHOICE = find_template("choice_answers")
COVER = find_template("cover_marks")
NUMERIC = find_template("numeric_answers")
BOOKLET = find_template("booklet")
ALL = (CHOICE, COVER, NUMERIC, BOOKLET)


def refused(text: str, *templates: object) -> list[str]:
    with pytest.raises(ExamError) as error:
        parse_key(text, templates or ALL)  # type: ignore[arg-type]
    return str(error.value).split("\n")


def test_without_a_word_marks_count_as_the_sheet_says() -> None:
    key = parse_key("", ALL)
    assert key.papers == plain_key(ALL).papers
    assert [(paper.template, len(paper.questions)) for paper in key.papers] == [("cover_marks", 12), ("booklet", 8)]
    first = key.papers[0].questions[0]
    assert first.rule == AwardedRule(Fraction(10), Fraction(0), Fraction(1, 2))
    assert paper_maximum(key.papers[0]) == 120


def test_numbers_of_a_key_are_exact() -> None:
    key = parse_key(
        'paper = [{ question = [{ question = "1", answer = 0.1, within = 0.2, points = "1/3", wrong = -0.7 }] }]',
        (NUMERIC,),
    )
    question = key.papers[0].questions[0]
    assert isinstance(question.rule, NumberRule)
    assert question.rule.accepted[0].low == Fraction(1, 10)
    assert (question.rule.within, question.points, question.wrong) == (Fraction(1, 5), Fraction(1, 3), Fraction(-7, 10))


def test_defaults_hold_where_a_question_says_nothing() -> None:
    key = parse_key(
        '[[paper]]\n[paper.defaults]\npoints = 2\nwrong = -1\n[[paper.question]]\nquestions = "1-3"\n'
        'answers = "A B C"\n[[paper.question]]\nquestion = "4"\nanswer = "D"\npoints = 5\n',
        (CHOICE,),
    )
    assert [(each.name, each.points, each.wrong) for each in key.papers[0].questions] == [
        ("1", 2, -1),
        ("2", 2, -1),
        ("3", 2, -1),
        ("4", 5, -1),
    ]
    rule = key.papers[0].questions[2].rule
    assert isinstance(rule, ChoiceRule)
    assert rule.accepted[0].options == {"C"}


def test_a_question_that_stands_in_several_fields_is_named_by_its_field() -> None:
    told = refused('paper = [{ question = [{ question = "1", void = "nobody" }] }]', BOOKLET)
    assert told == ['key.toml:1: question 1 may stand in choice_01, mark_01; say which: field = "choice_01"']
    key = parse_key(
        '[[paper]]\nquestion = [\n{ question = "1", answer = "A" },\n{ question = "2", maximum = 8 },\n'
        '{ questions = "7-8", weight = 2 },\n]',
        (BOOKLET,),
    )
    found = {each.field: each for each in key.papers[0].questions}
    assert found["choice_01"].name == "1"
    assert found["mark_01"].name == "mark_01", "a mark whose question is taken goes by its field"
    assert (found["mark_02"].maximum, found["mark_07"].maximum) == (8, 20)


FAULTS = [
    ("blnk = 1", "key.toml:1: blnk: there is no such setting; did you mean blank?"),
    ('blank = "zero"', "key.toml:1: blank: 'zero' is none of nothing_awarded, not_attempted, forgotten"),
    ('[[paper]]\ntemplate = "cover"', "key.toml:2: template: the exam has no template 'cover'; there are"),
    ("[[paper]]\nscale_to = 10", "key.toml:1: a paper names its template; there are"),
    ("[[paper]]\nscale_to = inf", "key.toml:2: scale_to: 'Infinity' is no number"),
    ("[[paper]]\nscale_to = nan", "key.toml:2: scale_to: 'NaN' is no number"),
    ("[[paper]]\nscale_to = 1e300", "key.toml:2: scale_to: '1E+300' is no number"),
    ("[[paper]]\nscale_to = 0", "key.toml:2: scale_to: '0' has to be more than 0"),
    ("[[paper]]\nscale_to = true", "key.toml:2: scale_to: 'true' is no number"),
    ("[[paper]]\nscale_to = " + "9" * 1500, "key.toml:2: a number of 1500 digits"),
    ("paper = 3", "key.toml:1: paper: is no list of tables; write [[paper]]"),
    ("a = [", "key.toml:1: is no valid TOML"),
    ("a = " + "[" * 1900, "key.toml:1: is "),
]


@pytest.mark.parametrize(("text", "told"), FAULTS, ids=[fault[1][:50] for fault in FAULTS])
def test_a_faulty_key_is_refused_with_its_line(text: str, told: str) -> None:
    found = refused(text, *(ALL if "emplate" in told else [COVER]))
    assert any(line.startswith(told) for line in found), found


QUESTIONS = [
    ('question = "41"\nanswer = "A"', "3: question: there is no question '41'"),
    ('questions = "39-42"\nanswers = "A A A A"', "3: questions: there is no question '41'"),
    ('questions = "1, 1"\nanswers = "A A"', "3: questions: question 1 stands there twice"),
    ('questions = "1-3"\nanswers = "A B"', "4: answers: 2 answers for 3 questions; give one each"),
    ('questions = "1-2"\nanswers = "A ?"', "4: answers: 1 of 2 right answers are still to be filled in (?)"),
    ('question = "1"\nanswer = "F"', "4: answer: 'F' is no answer of answer_01; it may hold one of A B C D E"),
    ('question = "1"\nanswer = "A+B"', "4: answer: answer_01 takes one option; write B | C where either is right"),
    ('question = "1"\nanswer = "A | C = 2"', "4: answer: '2' cannot be the worth of C; it is 0 to 1"),
    ('question = "1"\nanswer = "A | A"', "4: answer: 'A' stands there twice"),
    ('question = "1"', '2: question 1 has no answer: answer = "...", or void = "left_out"'),
    ('question = "1"\nanswer = "A"\nwrong = 1', "5: wrong: a wrong answer is worth 0 or less, such as -1"),
    ('question = "1"\nanswer = "A"\npoints = -1', "5: points: '-1' has to be more than 0"),
    ('question = "1"\nanswer = "A"\nweight = "x"', "5: weight: 'x' is no number"),
    ('question = "1"\nanswer = "A"\nwithin = 1', "5: within: does not belong here: answer_01 is a choice"),
    ('question = "1"\nanswer = "A"\nmaximum = 3', "5: maximum: does not belong here: answer_01 holds an answer"),
    ('question = "1"\nanswer = "A"\nviod = "nobody"', "5: viod: there is no such setting; did you mean void?"),
    ('question = "1"\nanswer = "A"\nvoid = "no body"', "5: void: 'no body' is none of nobody, everybody, left_out"),
    ('question = "1"\nanswer = "A"\nfield = "nothing"', "5: field: the template choice_answers has no field 'nothing'"),
    ('question = "1"\nanswer = "A"\nfield = "candidate"', "5: field: candidate holds no answer and no mark"),
    ('answer = "A"', "2: an entry names its question, or its questions"),
]


@pytest.mark.parametrize(("entry", "told"), QUESTIONS, ids=[each[1][:40] for each in QUESTIONS])
def test_a_faulty_question_is_refused_with_its_line(entry: str, told: str) -> None:
    assert refused(f"[[paper]]\n[[paper.question]]\n{entry}\n", CHOICE)[0].startswith(f"key.toml:{told}")


REST = [
    ('[[paper.section]]\nname = "A"\nquestions = "1-4"', "7: questions: there is no question '4'"),
    ('[[paper.section]]\nname = "A"\nquestions = "1-3"\nbest = 4', "8: best: the best 4 of 3 questions of section A"),
    (
        '[[paper.section]]\nname = "A"\nquestions = "1-2"\n[[paper.section]]\nname = "B"\nquestions = "2"',
        "8: question 2 is in section A already",
    ),
    ('[[paper.group]]\nname = "G"\nquestions = "1-2"\nbest = 2', '8: best: goes with rule = "best"'),
    (
        '[[paper.version]]\nname = "B"\norder = "2 3 3"',
        "7: order: is no permutation: 3 stands there twice; 1",
    ),
    ('[[paper.version]]\nname = "B"\norder = "2 1"', "7: order: 2 questions are named, the paper has 3"),
    ('[[paper.version]]\nname = "B"\noptions = "A B C D D"', "7: options: question 1: A B C D D is no permutation of"),
    ('[[paper.version]]\nname = "B"\ntemplate_versions = [9]', "7: template_versions: choice_answers reads no sheets"),
    ('[[paper.version]]\nname = "A"\n[[paper.version]]\nname = "B"', "5: version: nothing tells the versions apart"),
    ('[[paper.grade]]\ngrade = "A"\nfrom = 2\n[[paper.grade]]\ngrade = "B"\nfrom = 2', "10: from: boundaries go down"),
    (
        '[[paper.grade]]\ngrade = "A"\nfrom = 4\n[[paper.grade]]\ngrade = "B"\nfrom = 0',
        "7: from: 4 is more than",
    ),
    ('[[paper.grade]]\ngrade = "A"\nfrom = "101%"\n[[paper.grade]]\ngrade = "B"\nfrom = "0%"', "7: from: 101 is more"),
    (
        '[[paper.grade]]\ngrade = "A"\nfrom = 2\n[[paper.grade]]\ngrade = "B"\nfrom = "0%"',
        "10: from: some grades",
    ),
    ('[[paper.grade]]\ngrade = "A"\nfrom = 2', "7: from: the last grade, A, has to begin at 0"),
    ('[[paper.rounding]]\nstage = "totl"\nstep = 1\nmode = "half_up"', "6: stage: 'totl' is none of question, section"),
    ('[[paper.rounding]]\nstage = "total"\nstep = 0\nmode = "half_up"', "7: step: '0' has to be more than 0"),
    ('[[paper.rounding]]\nstage = "total"\nmode = "half_up"', "5: says to which step"),
    ("[overall]\nweights = { cover = 1 }", "6: cover: the key has no paper of that name; there are choice_answers"),
]


@pytest.mark.parametrize(("entry", "told"), REST, ids=[each[1][:40] for each in REST])
def test_a_faulty_part_is_refused_with_its_line(entry: str, told: str) -> None:
    text = f'[[paper]]\n[[paper.question]]\nquestions = "1-3"\nanswers = "A B C"\n{entry}\n'
    listed = refused(text, CHOICE)
    assert any(line.startswith(f"key.toml:{told}") for line in listed), listed


def test_maxima_and_numbers_that_the_sheet_cannot_hold_are_refused() -> None:
    assert refused('paper = [{ question = [{ question = "1", maximum = 12 }] }]', COVER) == [
        "key.toml:1: maximum: 12 is more than the sheet allows in mark_01, 10"
    ]
    assert refused('paper = [{ question = [{ question = "1", answer = 1000 }] }]', NUMERIC)[0].startswith(
        "key.toml:1: answer: 1000 cannot be written in answer_01"
    )
    assert refused('paper = [{ question = [{ question = "1", answer = "1/3" }] }]', NUMERIC)[0].startswith(
        "key.toml:1: answer: 1/3 cannot be written in answer_01"
    )
    told = refused('paper = [{ question = [{ question = "1", answer = 3, within = 1, significant = 2 }] }]', NUMERIC)
    assert told == ["key.toml:1: one tolerance is enough: within, within_percent or significant"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    told = refused(
        'blnk = 1\n[[paper]]\ntemplate = "choice_answers"\nscale_to = nan\n[[paper.question]]\nquestion = "1"\n'
        'answer = "Z"\n[[paper.question]]\nquestion = "1"\nanswer = "A"\npoints = "many"\n'
    )
    assert {line.split(": ")[0] for line in told} == {f"key.toml:{number}" for number in (1, 4, 7, 8, 11)}


def test_hundreds_of_problems_are_counted() -> None:
    entries = "".join(f'{{ question = "{number}", answer = "A" }},\n' for number in range(100, 300))
    told = refused(f"[[paper]]\nquestion = [\n{entries}]\n", CHOICE)
    assert len(told) == 41
    assert told[-1] == "key.toml: and 160 more"


def test_a_key_with_everything_is_understood() -> None:
    text = """
blank = "not_attempted"
[[paper]]
template = "choice_answers"
minimum_zero = true
[[paper.question]]
questions = "1-4"
answers = "A B C D"
[[paper.section]]
name = "A"
questions = "1-3"
best = 2
[[paper.rounding]]
stage = "total"
step = 0.5
mode = "half_even"
[[paper.version]]
name = "B"
order = { 1 = "2", 2 = "1" }
options = { 1 = "B A C D E" }
[[paper.grade]]
grade = "pass"
from = "50%"
[[paper.grade]]
grade = "fail"
from = "0%"
[overall]
weights = { cover_marks = 60, choice_answers = 40 }
missing = "zero"
"""
    key = parse_key(text, ALL)
    paper = key.paper("choice_answers")
    assert paper is not None and key.overall is not None
    assert key.blank is Blank.NOT_ATTEMPTED
    assert rule_with_key(MarkRule("zero", "unsettled"), key) == MarkRule("not_attempted", "unsettled")
    assert [each.section for each in paper.questions] == ["A", "A", "A", ""]
    assert paper_maximum(paper) == 3
    assert paper.rounding[Stage.TOTAL].mode is Mode.HALF_EVEN
    assert paper.versions[0].fields == {"1": "answer_02", "2": "answer_01"}
    assert paper.versions[0].options["1"]["A"] == "B"
    assert key.overall.weights == {"cover_marks": 60, "choice_answers": 40}
    assert key.overall.missing is Missing.ZERO


def test_a_first_key_of_every_shipped_template_can_be_used_once_it_is_filled() -> None:
    templates = tuple(find_template(name) for name in shipped_templates())
    text = starter_key(templates)
    assert all("still to be filled in" in line for line in refused(text, *templates))
    lines = []
    for line in text.split("\n"):
        numbers = lines and any("Numbers:" in each for each in lines[-8:])
        lines.append(line.replace("?", "3" if numbers else "A") if line.startswith("answers") else line)
    key = parse_key("\n".join(lines), templates)
    assert {paper.template: len(paper.questions) for paper in key.papers} == {
        "choice_answers": 40,
        "cover_marks": 12,
        "numeric_answers": 20,
        "booklet": 34,
    }


def test_a_key_file_is_found_read_and_refused(tmp_path: Path) -> None:
    assert exam_key(tmp_path, ALL) is None
    path = tmp_path / "key.toml"
    path.write_bytes(b"\xef\xbb\xbfblank = 'forgotten'\r\n[[paper]]\r\ntemplate = 'cover_marks'\r\nscale_to = 'x'\r\n")
    with pytest.raises(ExamError, match=r"key\.toml:4: scale_to"):
        exam_key(tmp_path, ALL)
    path.write_text("", encoding="utf-8")
    assert exam_key(tmp_path, ALL) == Key(plain_key(ALL).papers, source="key.toml")
    path.write_bytes(b"# \xff\n")
    with pytest.raises(ExamError, match="is no UTF-8 text"):
        load_key(path, ALL)
    (tmp_path / "key.xlsx").write_bytes(b"")
    with pytest.raises(ExamError, match="holds both"):
        exam_key(tmp_path, ALL)


def test_lines_of_keys_are_found_however_they_are_written() -> None:
    text = (
        'a."b c" = """\nx = 1\n"""\n\n# [[no]]\n[t.u]\nx = [1,\n 2, # two\n]\n[[p]]\nq = { r = "}", s = \'#\' }\n'
        "[[p.k]]\ny = 1979-05-27\n[[p.k]]\ny = 2\n"
    )
    lines = lines_of(text)
    assert lines["a", "b c"] == 1
    assert lines["t", "u", "x", 1] == 8
    assert lines["p", 0, "q", "s"] == 11
    assert (lines["p", 0, "k", 0, "y"], lines["p", 0, "k", 1, "y"]) == (13, 15)
    assert ("no",) not in lines and ("x",) not in lines


@given(st.text(alphabet="ab.=[]{}\"'\n #,1", max_size=60))
def test_no_text_stops_the_search_for_lines(text: str) -> None:
    assert all(line <= text.count("\n") + 1 for line in lines_of(text).values())


@given(
    st.fractions(min_value=-1000, max_value=1000, max_denominator=10_000),
    st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(5)]),
    st.sampled_from(list(Mode)),
)
def test_rounding_goes_to_the_nearest_step(number: Fraction, step: Fraction, mode: Mode) -> None:
    found = rounded(number, step, mode)
    assert (found / step).denominator == 1
    assert abs(found - number) <= step / 2
    assert rounded(-number, step, mode) == -found, "both sides of zero alike"


@given(st.decimals(min_value=-10_000, max_value=10_000, places=8))
def test_a_decimal_is_shown_exactly(number: object) -> None:
    assert Fraction(shown(Fraction(str(number)))) == Fraction(str(number))


def test_hand_made_templates_take_a_key() -> None:
    key = parse_key(
        'paper = [{ template = "answers", question = [{ question = "2", answer = -1.5 }] }]',
        (
            marks_template(),
            answers_template(),
        ),
    )
    assert [paper.template for paper in key.papers] == ["marks", "answers"]


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ('question = "1"\nanswer = ""', "key.toml:4: answer"),
        ('question = "1"\nanswer = ["A", " "]', "key.toml:4: answer"),
        ('questions = "1-2"\nanswers = ["A", ""]', "key.toml:4: answers"),
        ('question = "1"\nanswer = ""\npartial = "right_minus_wrong"', "key.toml:4: answer"),
    ],
)
def test_an_empty_answer_is_no_right_one(said: str, place: str) -> None:
    told = refused(f"[[paper]]\n[[paper.question]]\n{said}\n", CHOICE)
    assert [line.partition(": a right answer is empty")[0] for line in told] == [place]
    assert 'void = "left_out"' in told[0]


DEEP = ".".join("a" * 900)


@pytest.mark.parametrize("text", [f"\n[blank.{DEEP}]\n", f"\n[overall.weights.{DEEP}]\nb = 1\n"])
def test_a_key_that_is_nested_far_too_deeply_is_refused_by_its_line(text: str) -> None:
    (told,) = refused(text, CHOICE)
    assert told.startswith("key.toml:2: is nested too deeply for a key")


def test_the_deepest_settings_of_a_key_are_taken() -> None:
    key = parse_key(
        '[[paper]]\nquestion = [{ question = "1", answer = "A" }]\n'
        '[[paper.version]]\nname = "B"\n[paper.version.options]\n1 = ["B", "A", "C", "D", "E"]\n',
        (CHOICE,),
    )
    assert key.papers[0].versions[0].options["1"]["A"] == "B"


def test_the_defaults_of_a_paper_hold_for_marks_that_are_not_named() -> None:
    text = "[[paper]]\n[paper.defaults]\nmaximum = 8\nstep = 1\nweight = 2\nminimum_zero = true\n"
    for named in ("", '[[paper.question]]\nquestion = "1"\n'):
        first, second, *_ = parse_key(text + named, (marks_template(),)).papers[0].questions
        assert first.rule == second.rule == AwardedRule(Fraction(8), Fraction(0), Fraction(1))
        assert (first.points, first.weight, first.minimum_zero) == (8, 2, True)
        assert (second.points, second.weight, second.minimum_zero) == (8, 2, True)
    told = refused("[[paper]]\n[paper.defaults]\nmaximum = 11\n", marks_template())
    assert told[0] == "key.toml:3: maximum: 11 is more than the sheet allows in q1, 10"


@pytest.mark.parametrize("kind", ['void = "left_out"', "bonus = true"])
def test_a_section_in_which_nothing_counts_cannot_be_scaled(kind: str) -> None:
    told = refused(
        f'[[paper]]\nquestion = [{{ questions = "1-2", answers = "A B", {kind} }}, '
        '{ question = "3", answer = "C" }]\n'
        '[[paper.section]]\nname = "S"\nquestions = "1-2"\nscale_to = 10\n',
        CHOICE,
    )
    assert told == [
        "key.toml:6: scale_to: none of its questions counts towards its maximum, which is 0 and cannot be scaled"
    ]


@pytest.mark.parametrize(
    ("answer", "more", "taken"),
    [
        ("5000..6000", "", False),
        ("999.9..6000", "", True),
        ("1000..6000", "", False),
        ("1010", "within = 10", False),
        ("1010", "within = 10.1", True),
        ("2000", "within_percent = 50", False),
        ("1998", "within_percent = 50", True),
        ("-2000..-1000", "", False),
        ("-2000..-1000", "any_sign = true", False),
        ("-2000..-999.9", "any_sign = true", True),
        ("1234", "significant = 3", True),
    ],
)
def test_a_range_wholly_outside_its_field_is_refused(answer: str, more: str, taken: bool) -> None:
    # Four digits, one of them behind the point, and a sign: -999.9 to 999.9.
    template = parse_template(
        'name = "digits"\n[[page]]\n[[page.field]]\nname = "n"\nquestion = "n"\nkind = "digits"\nrole = "answer"\n'
        "x = 22\ny = 60\nwidth = 7\nheight = 9\ncharacters = 4\ndecimals = 1\nsign = true\n"
    )
    text = f'[[paper]]\n[[paper.question]]\nquestion = "n"\nanswer = "{answer}"\n{more}\n'
    if taken:
        assert len(parse_key(text, (template,)).papers[0].questions) == 1
        return
    (told,) = refused(text, template)
    assert told.startswith(f"key.toml:4: answer: {answer}, with its tolerance, lies outside what n can hold")
