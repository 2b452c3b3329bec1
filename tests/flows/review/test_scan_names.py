"""What a file is called may be somebody's name: who must not see names knows it by the hash of its content."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.records import Arrival, FileOutcome, ScanRow
from flows.review.board import Boards
from flows.review.office import Office
from flows.review.people import Person
from flows.review.scan_names import SOME_FILE, readable
from flows.store import open_store
from recognizer.records import PageOutcomeKind
from tests.helpers.exam_folder import exam_folder, remember
from tests.helpers.exam_rows import OTHER_SCAN, failed_page, marks_fields, page_row
from tests.helpers.review_office import ADA, LEA, VIC, browser, office_of

NAMED = "Anna_Sample (1).pdf"
SHOWN = Person("Ada", ADA.role, sees_names=True)
TAB = "0123456789abcdef"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An exam with a second file, named after who wrote it: a sheet of which one picture is held, and a failed page."""
    folder = exam_folder(tmp_path / "exam")
    with open_store(folder) as store:
        arrival = Arrival(2, NAMED.encode(), NAMED, OTHER_SCAN, f"{OTHER_SCAN}.pdf", 1, 2, 3)
        store.begin_arrival(arrival)
        store.add_scan(ScanRow(OTHER_SCAN, 2, NAMED, 3, f"{OTHER_SCAN}.pdf"))
        store.settle_arrival(arrival, FileOutcome.READ, run=1)
        store.finish_arrival(arrival)
    page = page_row("marks", 1, scan=OTHER_SCAN, file=NAMED, sheet="marks#00008", serial=8)
    held = replace(page, number=2, outcome=PageOutcomeKind.HELD, reason=f"another picture of {NAMED} page 1")
    failed = replace(failed_page(3, PageOutcomeKind.FAILED, f"unlike {NAMED} page 1"), scan=OTHER_SCAN, file=NAMED)
    remember(folder, [page, held, failed], marks_fields(page, "00123456", [None, None, "3"], "11"), again=True)
    with office_of(folder) as found:
        found.boards = Boards(rest_share=0.0)
        yield found


def told(office: Office, person: Person) -> dict[str, str]:
    """All that a person is told of the exam, by what was asked for."""
    client = browser(office, person)
    answers = {}
    for at in (
        "/sheets/found",
        "/sheets/found?show=failed",
        "/sheets/found?show=held",
        "/sheets/found?show=remarks",
        "/sheets/data?sheet=marks%2300008",
        "/board.json",
        f"/queue/field/{OTHER_SCAN[:12]}-1-q1",
        f"/sheets/history?key={OTHER_SCAN[:12]}-1-q1",
        f"/page/{OTHER_SCAN}/1.jpg",
    ):
        answers[at] = client.get(at).text
    for at in ("/", "/queue", "/sheets", "/sheets?sheet=marks%2300008", "/wall", "/wall/group?name=mark.number.7"):
        answers[at] = client.get(at, headers={"accept": "text/html"}).text
    answers["/queue/next"] = client.post("/queue/next", json={"tab": TAB, "want": 16}).text
    client.post("/queue/leave", json={"tab": TAB})
    answers["/wall/page"] = client.post("/wall/page", json={"group": "mark.number.7"}).text
    return answers


def test_who_sees_no_names_is_nowhere_told_what_a_file_is_called(office: Office) -> None:
    answers = told(office, ADA)
    assert [at for at, text in answers.items() if "Anna" in text or "Sample" in text] == []
    for at in (
        "/sheets/found",
        "/sheets/data?sheet=marks%2300008",
        "/queue/next",
        "/wall/page",
        "/sheets/found?show=held",
    ):
        assert f"scan {OTHER_SCAN[:8]}" in answers[at], at
    # Failed pages keep why they failed, which names another page.
    assert f"unlike scan {OTHER_SCAN[:8]} page 1" in answers["/sheets/found?show=failed"]
    assert f"scan {OTHER_SCAN[:8]} page 3" in answers["/board.json"]
    assert "Anna" not in browser(office, VIC).get("/board.json").text


@pytest.mark.parametrize("person", [LEA, SHOWN])
def test_leads_and_who_sees_names_are_told(office: Office, person: Person) -> None:
    answers = told(office, person)
    for at in ("/sheets/found", "/sheets/found?show=failed", "/board.json", "/queue/next", "/wall/page"):
        assert NAMED in answers[at], at


def test_a_file_is_found_by_the_name_by_which_a_person_knows_it(office: Office) -> None:
    def found(person: Person, text: str) -> tuple[int, int, int]:
        client = browser(office, person)
        sheets = client.get("/sheets/found", params={"q": text}).json()["count"]
        pages = client.get("/sheets/found", params={"q": text, "show": "failed"}).json()["count"]
        fields = client.post("/queue/next", json={"tab": TAB, "text": text}).json()["left"]
        return sheets, pages, fields

    assert found(ADA, "anna_sample") == (0, 0, 0)
    assert found(ADA, f"scan {OTHER_SCAN[:8]}") == (1, 1, 2)
    assert found(LEA, "anna_sample") == (1, 1, 2)


def test_of_names_of_files_in_a_text_the_longest_is_meant_and_one_of_two_files_is_not_told(office: Office) -> None:
    seen = office.desk.seen
    assert seen is not None
    lines = [
        replace(seen.ledger.lines[0], name=name, scan=scan)
        for name, scan in (("x a.pdf", "1" * 64), ("a.pdf", "2" * 64))
    ]
    known = replace(seen, ledger=replace(seen.ledger, lines=tuple(lines)))
    said = "x a.pdf page 1, (a.pdf page 2), data.pdf and a.pdf.old"
    assert readable(ADA, said, known) == f"scan 11111111 page 1, ({SOME_FILE} page 2), data.pdf and {SOME_FILE}.old"
    assert readable(LEA, said, known) == said
