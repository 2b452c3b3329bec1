from collections import Counter

import pytest

from flows.grading import FlaggedField, SetAside, Tally
from flows.records import FileOutcome, Note
from flows.report import escaped, json_report, markdown_report
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
