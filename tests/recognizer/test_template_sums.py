"""What totals add: as a template says it, and what it must not say."""

import pytest

from recognizer.errors import TemplateError
from recognizer.template import SheetTemplate, find_template
from recognizer.template_sums import added_by, marks_of, whole_total
from tests.helpers.sum_sheets import sum_source, sum_template

MARKS = ["q1", "q2", "q3", "q4"]


def fields(template: SheetTemplate) -> list:
    return [field for page in template.pages for field in page.fields]


def adds(totals: list[str]) -> dict[str, tuple[str, ...]]:
    return added_by(fields(sum_template(MARKS, totals)))


def test_the_last_total_adds_all_marks_unless_it_says_something_else() -> None:
    assert adds(["total:"]) == {"total": ("q1", "q2", "q3", "q4")}
    assert adds(["total:q1 q2"]) == {"total": ("q1", "q2")}
    assert adds(["part:q2 q1", "total:"]) == {"part": ("q1", "q2"), "total": ("q1", "q2", "q3", "q4")}


def test_a_pattern_stands_for_every_mark_and_other_total_it_fits() -> None:
    assert adds(["total:q?"]) == {"total": ("q1", "q2", "q3", "q4")}
    assert adds(["s1:q1 q2", "s2:q3 q4", "sum:s*"])["sum"] == ("s1", "s2")


def test_a_grand_total_holds_the_marks_of_its_sub_totals() -> None:
    added = adds(["a:q1 q2", "b:q3 q4", "grand:a b"])
    assert marks_of(added, "grand") == ("q1", "q2", "q3", "q4")
    assert whole_total(fields(sum_template(MARKS, ["a:q1 q2", "b:q3 q4", "grand:a b"]))) == "grand"
    assert whole_total(fields(sum_template(MARKS, ["a:q1 q2", "b:q3 q4"]))) == ""


def test_the_shipped_covers_add_all_their_marks() -> None:
    assert whole_total(fields(find_template("cover_marks"))) == "total"


@pytest.mark.parametrize(
    ("totals", "message"),
    [
        (["t:q1 q1x"], "field t: adds: there is no field 'q1x'; did you mean q1?"),
        (["t:zz"], "field t: adds: there is no field 'zz'"),
        (["t:q1 t"], "field t: adds: t cannot add itself"),
        (["t:q1 q2 q1"], "field t: adds: q1 stands twice"),
        (["t:z*"], "field t: adds: no mark and no other total is named like 'z*'"),
        (["a:q1 b", "b:q2 a"], "field a: adds: goes round in a circle: a adds b adds a"),
        (["a:q1 q2", "b:q2 q3"], "field b: adds: q2 is added by a as well, and neither total holds all that"),
        (["a:q1 q2", "b:a q2 q3"], "field b: adds: q2 is added twice, by itself and in a total that is added too"),
    ],
)
def test_what_cannot_be_added_is_said_with_its_line(totals: list[str], message: str) -> None:
    with pytest.raises(TemplateError) as raised:
        sum_template(MARKS, totals)
    line = next(line for line in str(raised.value).splitlines() if message in line)
    number = int(line.split(":")[1])
    said = sum_source(MARKS, totals).splitlines()[number - 1]
    assert said.startswith("adds")


def test_only_totals_add_and_only_marks_and_totals_are_added() -> None:
    with pytest.raises(TemplateError, match='adds belongs to role = "total" only'):
        sum_template(MARKS, [], extra='adds = ["q1"]')
    with pytest.raises(TemplateError, match="adds: note has the role none; a total adds marks and other totals"):
        sum_template(MARKS, ["total:q1 note"], note=True)


@pytest.mark.parametrize(
    "written", ['"q1"', "[1]", '["=q1+q2"]', '["' + "q" * 300 + '"]', "[[]]", "{}", '["q1\\u0000"]']
)
def test_hostile_lists_are_refused_in_words(written: str) -> None:
    with pytest.raises(TemplateError, match="field total: adds"):
        sum_template(MARKS, ["total:"], total_extra=f"adds = {written}")


def test_an_empty_list_adds_nothing() -> None:
    template = sum_template(MARKS, ["total:"], total_extra="adds = []")
    assert added_by(fields(template)) == {"total": ()}


def test_a_maximum_below_what_is_added_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"field total: maximum: 3 is less than the marks add up to \(8\)"):
        sum_template(MARKS, ["total:"], total_maximum=3)
    assert sum_template(MARKS, ["total:q1"], total_maximum=3)
