"""What people type stays text on every sheet of the workbook: no name, note or value becomes a formula."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from openpyxl import Workbook, load_workbook

from flows.acceptances import Acceptance, AcceptedKind
from flows.cli import run
from flows.records import Correction
from flows.store import open_store
from recognizer.records import ValueState
from tests.helpers.exam_folder import exam_folder
from tests.helpers.exam_rows import SCAN
from tests.helpers.review_office import OPEN_BLANK, OPEN_ID, OPEN_MARK
from tests.helpers.trails import NOON

HOSTILE = ("=1+1", "+1", "-1+1", "@x", '=HYPERLINK("http://x.example","y")', "=cmd|' /C calc'!A0")

OURS = re.compile(r"=(IF\((COUNTIF|OR)|SUM|COUNTA|COUNTIF|B\d+-SUM)\(.*|=HYPERLINK\(\"#Pages!.*")
FUNCTIONS = {"IF", "OR", "SUM", "COUNT", "COUNTA", "COUNTIF", "ROUND", "HYPERLINK"}
"""How formulas of the workbook's own begin, and what they are made of: sums, counts, and a link within it."""

KEY = '[[paper]]\ntemplate = "marks"\n[[paper.question]]\nquestion = "1"\nmaximum = 10\nweight = {weight}\n'


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    folder = exam_folder(tmp_path_factory.mktemp("texts") / "exam")
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "name"), *((f"{123456 + n:08}", text) for n, text in enumerate(HOSTILE))])
    (folder / "key.toml").write_text(KEY.format(weight=1), encoding="utf-8")
    said = [
        Correction(key, ValueState.VALUE, text, text, text, text, text, NOON, text, note=text)
        for text in HOSTILE
        for key in (OPEN_MARK, OPEN_BLANK, OPEN_ID)
    ]
    page = f"{SCAN}:4"
    assert run(["export", str(folder)]) == 0
    with open_store(folder) as store:
        store.insert_corrections(said)
        store.accept([Acceptance(AcceptedKind.PAGE, page, text, (text,), text, text, NOON) for text in HOSTILE])
    for weight, text in enumerate(HOSTILE, start=2):
        (folder / "key.toml").write_text(KEY.format(weight=weight), encoding="utf-8")
        assert run(["remark", str(folder), "--reviewer", text, "--why", text]) == 0
    assert run(["export", str(folder), "--force"]) == 0
    return load_workbook(folder / "exports" / "marks.xlsx")


def formulas(book: Workbook) -> Iterator[tuple[str, str]]:
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type in ("f", "e"):
                    yield f"{sheet.title}!{cell.coordinate}", str(cell.value)


def test_only_our_own_formulas_stand_in_the_workbook(book: Workbook) -> None:
    found = dict(formulas(book))
    assert found
    for at, text in found.items():
        assert OURS.fullmatch(text) and set(re.findall(r"([A-Z]+)\(", text)) <= FUNCTIONS, (at, text)
        assert not any(one in text for one in HOSTILE), (at, text)


def test_what_people_typed_is_there_as_text(book: Workbook) -> None:
    """Without it the test above would prove nothing."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if str(cell.value) in HOSTILE:
                    assert cell.data_type == "s", (sheet.title, cell.coordinate)
                    seen[sheet.title].add(str(cell.value))
    for name in ("Candidates", "Changes", "Pages", "Run"):
        assert seen[name] == set(HOSTILE), name
    assert seen["Marks"]
