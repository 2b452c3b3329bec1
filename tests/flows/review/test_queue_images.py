"""Pictures of the queue: for those who may see them, without names where names are hidden."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flows.review.around import Unpacked
from flows.review.drawing import Picture, Wanted
from flows.review.office import Office
from recognizer.page_view import VIEW_PX_PER_MM, as_jpeg
from recognizer.surroundings import ASPECT, grey_picture
from tests.helpers.exam_rows import SCAN
from tests.helpers.review_office import ADA, LEA, OPEN_ID, OPEN_MARK, VIC, browser, exam_copy, office_of


@pytest.fixture
def drawn(tmp_path: Path) -> Iterator[tuple[Office, list[Wanted]]]:
    """An office whose pages are drawn here, grey all over, and what was asked to be drawn."""
    folder = exam_copy(tmp_path / "exam")
    (folder / "archive" / f"{SCAN}.pdf").write_bytes(b"a scan")
    asked: list[Wanted] = []

    def draw(wanted: Wanted) -> Picture:
        asked.append(wanted)
        assert wanted.fit is not None
        area = wanted.fit.area
        size = (round(area.height * VIEW_PX_PER_MM), round(area.width * VIEW_PX_PER_MM))
        return Picture(as_jpeg(np.full(size, 180, dtype=np.uint8)), size[1], size[0])

    with office_of(folder) as office:
        office.pictures.drawer = draw
        yield office, asked


def test_the_surroundings_of_a_field_are_a_picture_with_a_line_in_it(drawn: tuple[Office, list[Wanted]]) -> None:
    office, _ = drawn
    answer = browser(office, LEA).get(f"/around/{OPEN_MARK}.jpg?v=r1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["vary"] == "cookie"
    grey = grey_picture(answer.content)
    assert abs(grey.shape[1] / grey.shape[0] - ASPECT) < 0.01
    assert 0 < (abs(grey.astype(int) - 180) > 20).mean() < 0.1


def test_who_must_not_see_names_is_shown_a_masked_page(drawn: tuple[Office, list[Wanted]]) -> None:
    office, asked = drawn
    for person in (ADA, LEA):
        assert browser(office, person).get(f"/around/{OPEN_MARK}.jpg").status_code == 200
    assert [wanted.fit is not None and wanted.fit.masked for wanted in asked] == [True, False]


def test_a_page_is_drawn_once_for_all_its_fields(drawn: tuple[Office, list[Wanted]]) -> None:
    office, asked = drawn
    ada = browser(office, ADA)
    for name in ("candidate", "q1", "q2", "q1"):
        assert ada.get(f"/around/{SCAN[:12]}-3-{name}.jpg").status_code == 200
    assert len(asked) == 1


def test_pictures_are_for_reviewers(drawn: tuple[Office, list[Wanted]]) -> None:
    office, _ = drawn
    viewer, stranger = browser(office, VIC), browser(office, ADA)
    stranger.cookies.clear()
    for address in (f"/around/{OPEN_MARK}.jpg", f"/crop/{OPEN_MARK}.png"):
        assert viewer.get(address).status_code == 403
        assert stranger.get(address).status_code == 401
        assert browser(office, ADA).get(address).status_code == 200


@pytest.mark.parametrize("key", ["000000000000-1-q1", "..%2F..%2Ftallymark", "x" * 300, f"{SCAN[:12]}-2-nothing"])
def test_an_unknown_field_has_no_picture(drawn: tuple[Office, list[Wanted]], key: str) -> None:
    office, _ = drawn
    ada = browser(office, ADA)
    assert (ada.get(f"/around/{key}.jpg").status_code, ada.get(f"/crop/{key}.png").status_code) == (404, 404)


def test_a_scan_that_is_gone_is_told_in_words(drawn: tuple[Office, list[Wanted]]) -> None:
    office, _ = drawn
    (office.exam.archive / f"{SCAN}.pdf").unlink()
    answer = browser(office, ADA).get(f"/around/{OPEN_ID}.jpg")
    assert answer.status_code == 404
    assert "cannot be shown: its scan is not there any more; put back archive/" in answer.json()["problem"]


def test_unpacked_pages_take_no_more_room_than_they_may() -> None:
    pages = [as_jpeg(np.full((100, 100), grey, dtype=np.uint8)) for grey in (0, 60, 120)]
    unpacked = Unpacked(most_bytes=20_000)
    first = unpacked.of(pages[0])
    assert unpacked.of(pages[0]) is first
    unpacked.of(pages[1])
    assert unpacked.of(pages[0]) is first
    unpacked.of(pages[2])
    assert unpacked.of(pages[0]) is first
    assert len(unpacked._kept) == 2
    assert pages[1] not in unpacked._kept
