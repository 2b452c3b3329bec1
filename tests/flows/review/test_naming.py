"""Names of candidates are taken out of what is said in words, whole, in every form in which they may be written."""

import unicodedata
from time import perf_counter

import pytest

from flows.review.naming import NAME_HIDDEN, without_names
from flows.roster import Candidate
from tests.helpers.review_office import ADA, LEA


def told(text: str, *names: str) -> str:
    roster = tuple(Candidate(f"0012345{at}", name, at + 2) for at, name in enumerate(names))
    return without_names(ADA, text, roster)


@pytest.mark.parametrize(
    ("text", "names", "shown"),
    [
        ("Boxes of Anna Sample-Specimen.", ("Anna Sample", "Anna Sample-Specimen"), f"Boxes of {NAME_HIDDEN}."),
        ("Boxes of Anna Maria Sample", ("Anna Maria", "Maria Sample", "Anna"), f"Boxes of {NAME_HIDDEN}"),
        ("by ANNA SAMPLE?", ("Anna Sample",), f"by {NAME_HIDDEN}?"),
        ("by Sample, Anna; or nobody", ("Anna Sample",), f"by {NAME_HIDDEN}; or nobody"),
        ("by Anna Sample", ("Sample, Anna",), f"by {NAME_HIDDEN}"),
        ("by von Sample, Anna Maria", ("Anna Maria von Sample",), f"by {NAME_HIDDEN}"),
        ("by Anna  O'Sample (20%)", ("Anna O’Sample",), f"by {NAME_HIDDEN} (20%)"),
        ("by Анна Образец.", ("анна ОБРАЗЕЦ",), f"by {NAME_HIDDEN}."),
        ("by عينة مثال!", ("عينة مثال",), f"by {NAME_HIDDEN}!"),
        ("by नमूना उदाहरण।", ("नमूना उदाहरण",), f"by {NAME_HIDDEN}।"),
        ("by 样本姓名九.", ("样本姓名九",), f"by {NAME_HIDDEN}."),
        ("by GROSS SAMPLE", ("Groß Sample",), f"by {NAME_HIDDEN}"),
        ("by Anna\u200cbell Sample", ("Annabell Sample",), f"by {NAME_HIDDEN}"),
    ],
)
def test_a_name_is_hidden_whole(text: str, names: tuple[str, ...], shown: str) -> None:
    assert told(text, *names) == shown
    for form in ("NFC", "NFD"):
        names = tuple(unicodedata.normalize(form, name) for name in names)
        assert told(unicodedata.normalize("NFD" if form == "NFC" else "NFC", text), *names) == shown


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the boxes of Bob", ("Bo",)),
        ("Annabell Sampler wrote this", ("Anna Sample", "Bell Sample")),
        ("the total is Li 3", ("Li",)),
        ("nobody is named", ("", "   ", "--")),
        ("Anna did not know what Sample meant", ("Anna Sample",)),
        ("образцы", ("Образец",)),
    ],
)
def test_what_is_no_name_stays(text: str, names: tuple[str, ...]) -> None:
    assert told(text, *names) == text


def test_beside_its_id_a_name_is_taken_out_however_short_and_the_id_stays() -> None:
    said = "on the roster: 00123450 Bo (97%), 00123451 Li, Xu (2%), 00123452 😀 (1%), 9900123450 Bo"
    shown = "on the roster: 00123450 (97%), 00123451 (2%), 00123452 (1%), 9900123450 Bo"
    assert told(said, "Bo", "Xu Li", "😀") == shown


def test_who_may_see_names_reads_all() -> None:
    roster = [Candidate("123", "Anna Sample", 2)]
    assert without_names(LEA, "123 Anna Sample", roster) == "123 Anna Sample"


def test_a_class_list_that_changed_is_looked_through_anew() -> None:
    said = "Boxes of Anna Sample and Ben Specimen"
    assert told(said, "Anna Sample") == f"Boxes of {NAME_HIDDEN} and Ben Specimen"
    assert told(said, "Ben Specimen") == f"Boxes of Anna Sample and {NAME_HIDDEN}"
    assert told(said, "Anna Sample") == f"Boxes of {NAME_HIDDEN} and Ben Specimen"


def test_twenty_thousand_names_that_begin_alike_take_hardly_longer_than_one() -> None:
    """A text of a thousand words takes milliseconds, where trying each name at each word would take twenty seconds."""
    roster = tuple(Candidate(f"{at:08d}", f"Anna Sample{chr(97 + at % 26)}{at}", at + 2) for at in range(20_000))
    without_names(ADA, "gather the names", roster)
    began = perf_counter()
    assert without_names(ADA, "Anna " * 1_000, roster) == "Anna " * 1_000
    assert perf_counter() - began < 5
