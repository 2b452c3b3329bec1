"""An empty mark, a dash, an AB that the exam's rule leaves open: refused at once, with what to say instead."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flows.records import UNREADABLE
from flows.review.office import Office
from flows.review.queue_order import waiting
from flows.review.queue_shown import Guess, Shown, shown, without_blank
from flows.review.refusals import Refused
from flows.review.saying import Said, Word, say
from flows.review.uncounted import OPEN_ABSENT, nothing_awarded
from recognizer.records import ValueState
from tests.helpers.exam_folder import SETTINGS
from tests.helpers.review_office import (
    ADA,
    BEN,
    BLANK_IS_ZERO,
    OPEN_BLANK,
    OPEN_MARK,
    SECOND,
    browser,
    exam_copy,
    office_of,
)

BESIDE_BLANK = "9f2c41d07ab3-3-q2"
"""Another mark of the sheet whose first mark is blank."""

Opens = Callable[..., AbstractContextManager[Office]]


@pytest.fixture
def opened(tmp_path: Path) -> Opens:
    """Open an exam with these settings, this key, and its template changed."""

    def opens(settings: str = SETTINGS, key: str = "", dash: bool = True) -> AbstractContextManager[Office]:
        folder = exam_copy(tmp_path / "exam", settings)
        if key:
            (folder / "key.toml").write_text(key, encoding="utf-8")
        if not dash:
            template = folder / "marks.toml"
            template.write_text(template.read_text("utf-8").replace("dash = true", "dash = false"), encoding="utf-8")
        return office_of(folder)

    return opens


def said(office: Office, word: Word, text: str = "", key: str = OPEN_BLANK) -> Said:
    row = office.store.field(key)
    assert row is not None
    return Said(key, row.revision, word, text, f"token-{len(office.store.trail()):04}", "queue")


def refused(office: Office, word: Word, text: str = "", key: str = OPEN_BLANK) -> str:
    with pytest.raises(Refused) as found:
        say(office, ADA, said(office, word, text, key))
    assert (found.value.status, found.value.keys) == (422, (key,))
    return found.value.words


def screen(office: Office, key: str = OPEN_BLANK) -> Shown:
    flag = waiting(office.desk, key)
    assert flag is not None
    return shown(office, ADA, flag)


@pytest.mark.parametrize(
    ("word", "text"),
    [(Word.BLANK, ""), (Word.CANCELLED, ""), (Word.GUESS, ""), (Word.VALUE, "blank"), (Word.VALUE, "BLANK ")],
)
def test_a_blank_that_the_exam_leaves_open_is_refused_in_whatever_way_it_is_said(
    opened: Opens, word: Word, text: str
) -> None:
    with opened() as office:
        words = refused(office, word, text)
        assert 'marks.blank = "unsettled" in exam.toml' in words
        assert "type - if nothing was awarded, or the mark" in words
        assert office.store.trail() == ()
        assert office.desk.is_open(OPEN_BLANK)


def test_unreadable_and_nothing_awarded_are_said_as_ever(opened: Opens) -> None:
    with opened() as office:
        say(office, ADA, said(office, Word.UNREADABLE))
        assert office.store.trail()[-1].correction.note == UNREADABLE
        say(office, BEN, said(office, Word.VALUE, "-"))
        assert office.desk.is_open(OPEN_BLANK) is None
        office.desk.look()
        assert office.desk.is_open(OPEN_BLANK) is None
        seen = office.desk.seen
        assert seen is not None
        assert not any("leaves open" in remark for remark in seen.sheets["marks#00003"].remarks)


def test_the_second_answer_is_refused_alike_and_tells_nothing_of_the_first(opened: Opens) -> None:
    with opened(SECOND) as office:
        say(office, BEN, said(office, Word.VALUE, "7"))
        assert "7" not in refused(office, Word.BLANK)
        say(office, ADA, said(office, Word.VALUE, "-"))


def test_where_a_blank_counts_it_is_taken(opened: Opens) -> None:
    with opened(BLANK_IS_ZERO) as office:
        assert screen(office, OPEN_MARK).no_blank == ""
        say(office, ADA, said(office, Word.BLANK, key=OPEN_MARK))
        assert office.store.trail()[-1].correction.state is ValueState.BLANK


@pytest.mark.parametrize(("settings", "dash"), [(SETTINGS, False), (SETTINGS + '[marks]\ndash = "unsettled"\n', True)])
def test_where_a_dash_settles_nothing_a_zero_is_offered(opened: Opens, settings: str, dash: bool) -> None:
    with opened(settings, dash=dash) as office:
        assert "type 0 if nothing was awarded" in refused(office, Word.BLANK)
        assert screen(office).guesses[0] == Guess("0", "0 nothing awarded", None)
        assert "-" not in screen(office).allowed
        refused(office, Word.VALUE, "-")
        assert say(office, ADA, said(office, Word.VALUE, "0")).value == "0"


def test_an_absence_that_the_exam_leaves_open_is_refused(opened: Opens) -> None:
    with opened(SETTINGS + '[marks]\nabsent = "unsettled"\n') as office:
        assert refused(office, Word.VALUE, "AB") == OPEN_ABSENT.format("type - if nothing was awarded, or the mark")
        assert "AB" not in screen(office).allowed


def test_beside_an_absence_an_empty_cell_is_part_of_it(opened: Opens) -> None:
    with opened() as office:
        say(office, ADA, said(office, Word.VALUE, "AB", BESIDE_BLANK))
        assert screen(office).no_blank == ""
        say(office, ADA, said(office, Word.BLANK))


def test_in_blind_review_a_refusal_does_not_tell_that_somebody_said_absent(opened: Opens) -> None:
    with opened(SECOND) as office:
        say(office, BEN, said(office, Word.VALUE, "AB", BESIDE_BLANK))
        assert "type -" in refused(office, Word.BLANK)


VOID = '[[paper]]\ntemplate = "marks"\n[[paper.question]]\nquestion = "1"\nvoid = "nobody"\n'
FORGOTTEN = 'blank = "forgotten"\n'


def test_the_word_of_the_key_counts_before_the_settings(opened: Opens) -> None:
    with opened(BLANK_IS_ZERO, FORGOTTEN) as office:
        assert "the key says that it was forgotten" in refused(office, Word.BLANK)


def test_an_empty_cell_of_a_void_question_is_settled(opened: Opens) -> None:
    with opened(key=VOID) as office:
        say(office, ADA, said(office, Word.BLANK, key=OPEN_BLANK))
        # Another question of the same sheet is not void.
        refused(office, Word.BLANK, key=BESIDE_BLANK)


def test_a_total_and_an_id_may_be_blank(opened: Opens) -> None:
    with opened() as office:
        for name in ("total", "candidate"):
            say(office, ADA, said(office, Word.BLANK, key=f"9f2c41d07ab3-3-{name}"))


def test_the_screen_offers_that_nothing_was_awarded_in_place_of_blank(opened: Opens) -> None:
    with opened() as office:
        found = screen(office)
        assert found.guesses[0] == Guess("-", "- nothing awarded", None)
        assert all(guess.value for guess in found.guesses)
        assert "would stay open" in found.no_blank
        assert nothing_awarded(office, office.store.field(OPEN_MARK) or pytest.fail()) == "-"


@pytest.mark.parametrize(
    ("values", "becomes"),
    [
        (["", "-", "1"], ["-*", "1"]),
        (["7", "", "-"], ["7", "-*"]),
        (["-", "", "1"], ["-", "1"]),
        (["7", "1"], ["7", "1"]),
        ([], []),
    ],
)
def test_what_is_offered_stands_where_blank_was_and_once(values: list[str], becomes: list[str]) -> None:
    found = without_blank([Guess(value, value or "blank", 50.0) for value in values], "-")
    assert [guess.value + "*" * (guess.percent is None) for guess in found] == becomes


def test_while_the_exam_is_read_such_an_answer_waits(opened: Opens) -> None:
    with opened() as office:
        what = said(office, Word.BLANK)
        office.desk.seen = None
        with pytest.raises(Refused) as found:
            say(office, ADA, what)
        assert found.value.status == 503


def test_typed_and_sent_it_is_refused_in_the_queue_and_on_the_sheet(opened: Opens) -> None:
    with opened() as office:
        ada = browser(office, ADA)
        told = ada.post("/queue/check", json={"key": OPEN_BLANK, "text": "blank"})
        assert (told.status_code, "type -" in told.json()["problem"]) == (422, True)
        assert "type -" in ada.get(f"/sheets/check?key={OPEN_BLANK}&text=blank").json()["problem"]


def test_no_wall_offers_blanks_that_settle_nothing_and_it_says_why(opened: Opens) -> None:
    with opened() as office:
        page = browser(office, ADA).get("/wall").text
        assert " 1 mark is left out whose guess, such as blank, has no worth of its own in this exam" in page
        group = {"group": "mark.number.", "without": []}
        assert browser(office, ADA).post("/wall/page", json=group).json()["cells"] == []


def test_a_wall_offers_blanks_that_count(opened: Opens) -> None:
    with opened(BLANK_IS_ZERO) as office:
        assert "such as blank" not in browser(office, ADA).get("/wall").text
