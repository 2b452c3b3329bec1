"""Rosters: what spreadsheets write is understood, and every faulty row is named by its line."""

from pathlib import Path

import pytest

from flows.errors import ExamError
from flows.roster import Candidate, load_roster, parse_roster


def faults(text: str) -> list[str]:
    with pytest.raises(ExamError) as caught:
        parse_roster(text)
    return str(caught.value).splitlines()


def test_a_row_is_a_candidate_and_zeros_stay() -> None:
    assert parse_roster("id,name\n00123456,Ada Lovelace\n00000007,Grace Hopper\n") == (
        Candidate("00123456", "Ada Lovelace", 2),
        Candidate("00000007", "Grace Hopper", 3),
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffid;name\r\n0012;Ada, Countess of Lovelace\r\n",
        "Name\tClass\tID\nAda, Countess of Lovelace\t4A\t0012\n",
        'class,id,name\n4A, 0012 ,"Ada, Countess of Lovelace"\n',
        'id,name\n"0012","Ada,\nCountess  of Lovelace"\n\n,\n',
    ],
    ids=["semicolons-bom-crlf", "tabs-other-order", "quotes-spaces", "name-on-two-lines"],
)
def test_what_spreadsheets_write_is_understood(text: str, tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode("utf-8"))
    (found,) = load_roster(path)
    assert (found.id, found.name, found.line) == ("0012", "Ada, Countess of Lovelace", 2)


def test_utf_16_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes("id\tname\n0012\tΖωή\n".encode("utf-16"))
    assert load_roster(path) == (Candidate("0012", "Ζωή", 2),)


def test_a_roster_may_name_nobody_yet() -> None:
    assert parse_roster("id,name\n") == ()


def test_a_candidate_may_have_no_name() -> None:
    assert parse_roster("id,name\n0012\n") == (Candidate("0012", "", 2),)


def test_all_faulty_rows_are_named_at_once() -> None:
    text = 'id,name\n01,Ada\n,Grace\n01,Ada again\n1.2E+07,Spoilt\n"02","two\nlines"\n02,Later\n' + "9" * 41 + ",Long\n"
    assert faults(text) == [
        "roster.csv:3: the candidate Grace has no id",
        "roster.csv:4: the id 01 stands on line 2 already",
        "roster.csv:5: a spreadsheet has rounded the id to 1.2E+07; make the column 'text', type it again",
        "roster.csv:8: the id 02 stands on line 6 already",
        f"roster.csv:9: the id '{'9' * 40}' is longer than 40 characters, or not all can be printed",
    ]


def test_no_more_than_a_screenful_is_listed() -> None:
    found = faults("id,name\n" + "7,Same\n" * 31)
    assert len(found) == 21
    assert found[-1] == "roster.csv: and 10 more"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "roster.csv:1: is empty; the first line says id,name"),
        ("number,name\n1,Ada\n", "roster.csv:1: the first line needs one column 'id', it says: number, name"),
        ("id,name,ID\n", "roster.csv:1: the first line needs one column 'id', it says: id, name, ID"),
        ("id;first;last\n", "roster.csv:1: the first line needs one column 'name', it says: id, first, last"),
        ('id,name\n1,"Ada\n', "roster.csv: is no CSV file (unexpected end of data); save the roster as CSV (UTF-8)"),
        ("id,name\n1," + "x" * 200_000 + "\n", "roster.csv: is no CSV file (field larger than field limit (131072))"),
        ("id,name\n1," + "x" * 201 + "\n", "roster.csv:2: the name of 1 is longer than 200 characters"),
    ],
)
def test_what_is_no_roster_is_refused(text: str, said: str) -> None:
    (found,) = faults(text)
    assert found.startswith(said)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("id,name\n1,Ada\n2,René\n".encode("latin-1"))
    for path, said in [
        (tmp_path / "none.csv", "the roster cannot be read: No such file"),
        (tmp_path, "the roster cannot be read"),
        (latin, "latin.csv:3: is no UTF-8 text; save the roster as CSV"),
    ]:
        with pytest.raises(ExamError, match=said):
            load_roster(path)
