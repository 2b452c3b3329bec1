"""Pictures of pages: upright and masked for who must not see names, and a clear word where there is none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from flows.review.drawing import CONTENT_MARGIN_MM, PAPER_MARGIN_MM, Picture, Wanted
from flows.review.drawing import draw as draw_here
from flows.review.masking import NAME_MARGIN_MM
from flows.review.office import Office
from flows.review.pictures import CRASHED, KEPT_BYTES, Pictures
from flows.review.refusals import Refused
from flows.settings import load_exam
from flows.workers import reader_spec
from recognizer.geometry import Rect
from recognizer.page_view import VIEW_PX_PER_MM
from recognizer.records import PageRef
from recognizer.template import CONTENT
from tests.helpers.exam_folder import exam_folder
from tests.helpers.exam_rows import SCAN
from tests.helpers.review_office import ADA, LEA, VIC, browser, office_of

Grey = NDArray[np.uint8]

NAME = Rect(81, 71, 114, 13)
MARK = Rect(57, 112, 18, 11)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = exam_folder(tmp_path_factory.mktemp("made") / "exam")
    # Ink in the middle of the name, and in the first mark cell.
    pixels = np.full((297, 210), 255, dtype=np.uint8)
    pixels[75:80, 100:150] = 0
    pixels[114:121, 60:70] = 0
    pixels[3:9, 20:190] = 0
    cv2.imwrite(str(folder / "archive" / f"{SCAN}.png"), pixels)
    (folder / "archive" / f"{SCAN}.png").rename(folder / "archive" / f"{SCAN}.pdf")
    return folder


@pytest.fixture
def office(made: Path, tmp_path: Path) -> Iterator[Office]:
    with office_of(copytree(made, tmp_path / "exam")) as found:
        found.pictures = Pictures(drawer=draw_here)
        yield found


def picture(client: TestClient, number: int = 1) -> Grey:
    answer = client.get(f"/page/{SCAN}/{number}.jpg")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    decoded = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    return np.asarray(decoded, dtype=np.uint8)


def darkest(shown: Grey, area: Rect, corner: tuple[float, float]) -> int:
    """The darkest grey of an area (mm) of a picture whose first pixel lies at a corner (mm)."""
    left, top = (round((at - start) * VIEW_PX_PER_MM) for at, start in zip((area.x, area.y), corner, strict=True))
    right, bottom = left + round(area.width * VIEW_PX_PER_MM), top + round(area.height * VIEW_PX_PER_MM)
    return int(shown[max(top, 0) : bottom, max(left, 0) : right].min())


def test_who_may_see_names_sees_the_page_and_a_reviewer_all_but_the_names(office: Office) -> None:
    paper = (-PAPER_MARGIN_MM, -PAPER_MARGIN_MM)
    whole = picture(browser(office, LEA))
    assert darkest(whole, NAME, paper) < 40
    assert darkest(whole, MARK, paper) < 40
    content = (CONTENT.x - CONTENT_MARGIN_MM, CONTENT.y - CONTENT_MARGIN_MM)
    masked = picture(browser(office, ADA))
    assert darkest(masked, NAME.grown(NAME_MARGIN_MM - 1), content) > 150
    assert darkest(masked, MARK, content) < 40


def test_a_page_on_which_no_sheet_was_found_is_shown_to_who_may_see_names_only(office: Office) -> None:
    refused = browser(office, ADA).get(f"/page/{SCAN}/4.jpg")
    assert refused.status_code == 403
    assert "nobody knows where a name stands" in refused.json()["problem"]


def test_a_viewer_sees_no_page(office: Office) -> None:
    assert browser(office, VIC).get(f"/page/{SCAN}/1.jpg").status_code == 403


def test_what_one_may_see_another_does_not_get_out_of_the_browsers_store(office: Office) -> None:
    answer = browser(office, LEA).get(f"/page/{SCAN}/1.jpg")
    assert answer.headers["vary"] == "cookie"
    assert "private" in answer.headers["cache-control"]


def test_an_address_of_no_page_is_told_so(office: Office) -> None:
    lead = browser(office, LEA)
    for address in (
        f"/page/{SCAN}/99999.jpg",
        f"/page/{SCAN}/0.jpg",
        f"/page/{SCAN}/-1.jpg",
        f"/page/{SCAN}/1e3.jpg",
        f"/page/{SCAN}/99999999999999999999.jpg",
        f"/page/{'a' * 64}/1.jpg",
        "/page/..%2f..%2fexam.toml/1.jpg",
        "/page/%2e%2e/1.jpg",
        f"/page/{SCAN.upper()}/1.jpg",
        f"/page/{SCAN}/١.jpg",
    ):
        assert lead.get(address).status_code == 404, address


def test_a_scan_that_is_gone_is_named_and_where_it_belongs_is_not_told(office: Office) -> None:
    (office.exam.archive / f"{SCAN}.pdf").unlink()
    answer = browser(office, LEA).get(f"/page/{SCAN}/1.jpg")
    assert answer.status_code == 404
    # What the file was called when it came only some may know.
    assert "Page 1 " in answer.json()["problem"] and f"archive/{SCAN}.pdf" in answer.json()["problem"]
    assert str(office.exam.dir) not in answer.text


def test_a_scan_that_is_no_picture_any_more_is_told(office: Office) -> None:
    (office.exam.archive / f"{SCAN}.pdf").write_bytes(b"not a scan at all")
    answer = browser(office, LEA).get(f"/page/{SCAN}/1.jpg")
    assert answer.status_code == 422
    assert "cannot be shown" in answer.json()["problem"]


def test_pictures_are_drawn_once_and_the_oldest_is_forgotten(tmp_path: Path) -> None:
    drawn: list[int] = []

    def drawer(wanted: Wanted) -> Picture:
        drawn.append(wanted.ref.number)
        return Picture(bytes(KEPT_BYTES // 2), 1, 1)

    pictures = Pictures(drawer=drawer)
    spec = reader_spec(load_exam(exam_folder(tmp_path / "exam")))

    def ask(number: int) -> None:
        asyncio.run(pictures.of(Wanted(tmp_path, PageRef(SCAN, number), "auto", None), spec, "Ada"))

    for number in (1, 1, 2, 1, 3, 1, 2):
        ask(number)
    assert drawn == [1, 2, 3, 2]


def test_a_worker_draws_for_several_people_and_a_page_that_kills_it_is_named(office: Office) -> None:
    pictures, spec = Pictures(), reader_spec(office.exam)
    path = office.exam.archive / f"{SCAN}.pdf"

    async def ask(number: int, people: tuple[str, ...]) -> list[Picture]:
        wanted = Wanted(path, PageRef(SCAN, number), "auto", None)
        return await asyncio.gather(*(pictures.of(wanted, spec, person) for person in people))

    found = asyncio.run(ask(1, ("Ada", "Ben")))
    assert [(one.width, one.height) for one in found] == [(210, 297)] * 2
    # The worker ends while it draws, as one does that a page crashes.
    processes = list(pictures._pool._processes.values())  # type: ignore[union-attr]
    processes[0].kill()
    processes[0].join()
    with pytest.raises(Refused) as refused:
        asyncio.run(ask(2, ("Ada",)))
    assert refused.value.words == CRASHED
    pictures.close()
