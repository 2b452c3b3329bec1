from collections import Counter
from dataclasses import replace

import pytest

from flows.grading import FlaggedField, SetAside, Tally
from flows.records import FileOutcome, Note, RunPromise
from flows.report import escaped, json_report, markdown_report
from flows.run_promise import in_words
from recognizer.promise import Expectation
from recognizer.records import PageOutcomeKind


def tally() -> Tally:
    return Tally(
        files=Counter({FileOutcome.READ: 2}),
        pages=Counter({PageOutcomeKind.READ: 9, PageOutcomeKind.HELD: 1}),
        fields=40,
        flagged=60,
        seconds=2.0,
        set_aside=[SetAside("a|b.pdf", 3, "held", "another <picture>")],
        flags=[FlaggedField("s#1", "q1", "blank", 0.5, "unsure: 4 *or* 9")] * 60,
        left=(Note("c.pdf", "still being written"),),
        run=1,
    )


def test_json_names_every_outcome_even_when_there_was_none() -> None:
    report = json_report(tally())
    assert report["files"] == {"read": 2, "duplicate": 0, "quarantined": 0}
    assert report["pages"] == {"read": 9, "blank": 0, "failed": 0, "duplicate": 0, "held": 1, "foreign": 0}
    assert (report["seconds"], report["pages_per_second"]) == (2.0, 5.0)
    assert report["set_aside"] == [{"file": "a|b.pdf", "page": 3, "outcome": "held", "reason": "another <picture>"}]
    assert report["left_in_inbox"] == [{"file": "c.pdf", "reason": "still being written"}]


PROMISE = RunPromise(
    1_000, 880, 0.001, False, Expectation(0.3, 0, 2), "9.0% of the number fields are doubtful", ("number: *so*",)
)


def test_what_a_run_promises_is_told_to_programs_and_to_people() -> None:
    promising = tally()
    assert json_report(promising)["promise"] is None
    promising.promise = PROMISE
    assert json_report(promising)["promise"] == {
        "fields": 1_000,
        "accepted": 880,
        "review_share": 0.12,
        "accept_error": 0.001,
        "proven": False,
        "expected_wrong": 0.3,
        "expected_wrong_95": [0, 2],
        "drift": "9.0% of the number fields are doubtful",
        "thresholds": ["number: *so*"],
    }
    text = markdown_report(promising)
    assert "880 of 1,000 fields are accepted; 120 (12.0%) go to a person." in text
    assert "Of the accepted ones 0.3 are expected to be wrong (0 to 2 at 95 %)" in text
    assert "The target is at most 1 in 1,000, which is not proven." in text
    assert "unlike the calibration data: 9.0% of the number fields are doubtful." in text
    assert "- number: \\*so\\*" in text
    promising.promise = replace(PROMISE, expected=None)
    assert json_report(promising)["promise"]["expected_wrong"] is None
    assert "never calibrated" in markdown_report(promising)


def test_a_run_of_no_time_has_no_speed() -> None:
    assert json_report(Tally())["pages_per_second"] == 0.0


def test_markdown_shows_counts_and_some_flags_and_acts_on_nothing_from_outside() -> None:
    text = markdown_report(tally())
    assert "| pages held | 1 |" in text and "## Flagged (50 of 60)" in text
    assert "a\\|b.pdf" in text and "another &lt;picture&gt;" in text and "\\*or\\*" in text
    assert "| s\\#1 | q1 | blank | 50.0% |" in text


@pytest.mark.parametrize("hostile", ["a\nb", "[x](javascript:1)", "![](http://x)", "<script>", "`code`", "a|b"])
def test_nothing_in_a_name_is_markdown(hostile: str) -> None:
    assert not set("\n<>") & set(escaped(hostile))
    for character in "[]()|`!":
        assert escaped(hostile).count(character) == escaped(hostile).count("\\" + character)


def test_where_nothing_is_accepted_nothing_is_expected_to_be_wrong() -> None:
    text = " ".join(in_words(replace(PROMISE, accepted=0, expected=Expectation(0.0, 0, 0), drift="")))
    assert "None is accepted, so none can be accepted wrongly. The target is at most 1 in 1,000." in text
    assert "expected" not in text
