"""The shared table of marking cases: values in, marks out, worked out by hand from the rule that each shows."""

import pytest

from tests.helpers.marking_cases import Case, marked, outcome, read_cases

CASES = read_cases()
FEWEST = 150


def test_the_table_is_whole() -> None:
    assert len(CASES) >= FEWEST
    assert [case.number for case in CASES] == [str(number) for number in range(1, len(CASES) + 1)]
    assert all(case.what and case.key and case.written and case.rule.endswith(".") for case in CASES)
    assert all(" of " in case.expected and "total " in case.expected for case in CASES)
    assert len({(case.key, case.written) for case in CASES}) == len(CASES), "no case stands twice"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.what}")
def test_a_case_of_the_table(case: Case) -> None:
    result = marked(case)
    items = case.expected.split(" / ")
    assert [outcome(result, item) for item in items] == items, f"{case.what}: {case.rule}"
