"""Who asks for many pages holds up nobody, and no page is drawn twice, or for somebody who has left."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import httpx
import numpy as np
import pytest

from flows.review import pictures as pictures_module
from flows.review.app import create_app
from flows.review.drawing import Picture, Wanted
from flows.review.guard import CSRF_HEADER
from flows.review.office import Office
from flows.review.people import Person
from flows.review.pictures import AGAIN_SECONDS, MOST_WAITING, Pictures
from flows.review.refusals import Refused
from flows.review.sessions import COOKIE
from flows.settings import load_exam
from flows.workers import ReaderSpec, reader_spec
from recognizer.page_view import as_jpeg
from recognizer.records import PageRef
from tests.helpers.exam_folder import exam_folder
from tests.helpers.exam_rows import SCAN
from tests.helpers.review_office import ADA, BEN, OPEN_ID, OPEN_MARK, exam_copy, office_of

WITHIN = 20.0
"""Seconds after which what should come does not come: the test fails then, and waits no longer."""

THREADS = 40
"""What a server of ours has for all requests: with one held by each, a decision would wait for a page."""


class Easel:
    """Draws pages as soon as it may, and tells when it has begun the first."""

    def __init__(self) -> None:
        self.may = Event()
        self.begun = Event()
        self.drawn: list[int] = []

    def draw(self, wanted: Wanted) -> Picture:
        self.begun.set()
        assert self.may.wait(WITHIN)
        self.drawn.append(wanted.ref.number)
        return Picture(as_jpeg(np.full((300, 200), 180, dtype=np.uint8)), 200, 300)


@pytest.fixture
def easel() -> Iterator[Easel]:
    found = Easel()
    yield found
    found.may.set()


@pytest.fixture
def office(tmp_path: Path, easel: Easel) -> Iterator[Office]:
    folder = exam_copy(tmp_path / "exam")
    (folder / "archive" / f"{SCAN}.pdf").write_bytes(b"a scan")
    with office_of(folder) as opened:
        opened.pictures = Pictures(drawer=easel.draw)
        yield opened


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ReaderSpec:
    return reader_spec(load_exam(exam_folder(tmp_path_factory.mktemp("spec") / "exam")))


@asynccontextmanager
async def visiting(office: Office, *people: Person) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Browsers of people, at one server."""
    app = create_app(office, hosts=("testserver",))
    found = []
    for person in people:
        session = office.sessions.begin(person)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://testserver",
            cookies={COOKIE: office.sessions.cookie(session)},
            headers={CSRF_HEADER: session.csrf, "accept": "application/json"},
            timeout=WITHIN,
        )
        found.append(client)
    yield found
    for client in found:
        await client.aclose()


async def begun(easel: Easel) -> None:
    assert await asyncio.to_thread(easel.begun.wait, WITHIN)


def page(number: int) -> Wanted:
    return Wanted(Path("nowhere"), PageRef(SCAN, number), "auto", None)


def test_a_decision_is_stored_while_more_pages_are_awaited_than_the_server_has_threads(
    office: Office, easel: Easel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures_module, "MOST_WAITING", 2 * THREADS)

    async def run() -> None:
        async with visiting(office, ADA, BEN) as (ada, ben):
            asking = [asyncio.create_task(ada.get(f"/around/{OPEN_MARK}.jpg?v={n}")) for n in range(THREADS + 5)]
            await begun(easel)
            shown = (await ben.post("/queue/next", json={"tab": "b" * 32, "want": 8})).json()
            field = next(one for one in shown["fields"] if one["key"] == OPEN_MARK)
            said = {"key": OPEN_MARK, "revision": field["revision"], "word": "value", "text": "7"}
            answer = await ben.post("/queue/say", json=said | {"tab": "b" * 32, "token": "a" * 32})
            assert answer.status_code == 200, answer.text
            assert [row.correction.key for row in office.store.trail()] == [OPEN_MARK]
            assert not any(one.done() for one in asking)
            easel.may.set()
            assert {(await one).status_code for one in asking} == {200}
        assert len(easel.drawn) == 1

    asyncio.run(asyncio.wait_for(run(), WITHIN))


def test_who_waits_for_many_pages_is_told_so_and_nobody_else_is(office: Office, easel: Easel) -> None:
    async def run() -> None:
        async with visiting(office, ADA, BEN) as (ada, ben):
            asking = [asyncio.create_task(ada.get(f"/page/{SCAN}/2.jpg?v={n}")) for n in range(MOST_WAITING)]
            await begun(easel)
            while office.pictures._people["ada"] < MOST_WAITING:
                await asyncio.sleep(0)
            refused = await ada.get(f"/around/{OPEN_MARK}.jpg")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, str(AGAIN_SECONDS))
            assert "are being drawn for you already" in refused.json()["problem"]
            # Pictures of fields are stored, and come however many pages are drawn.
            assert (await ada.get(f"/crop/{OPEN_MARK}.png")).status_code == 200
            bens = asyncio.create_task(ben.get(f"/around/{OPEN_ID}.jpg"))
            easel.may.set()
            assert {(await one).status_code for one in [*asking, bens]} == {200}
            # What is drawn already counts no more.
            assert (await ada.get(f"/around/{OPEN_MARK}.jpg")).status_code == 200

    asyncio.run(asyncio.wait_for(run(), WITHIN))


def test_a_page_that_two_ask_for_at_once_is_drawn_once(spec: ReaderSpec, easel: Easel) -> None:
    pictures = Pictures(drawer=easel.draw)

    async def run() -> None:
        both = [asyncio.create_task(pictures.of(page(1), spec, person)) for person in ("Ada", "Ben")]
        await begun(easel)
        while pictures._people.total() < 2:
            await asyncio.sleep(0)
        easel.may.set()
        first, second = await asyncio.gather(*both)
        assert first is second

    asyncio.run(asyncio.wait_for(run(), WITHIN))
    assert easel.drawn == [1]
    assert not pictures._people


def test_a_page_whose_readers_have_all_left_is_not_begun(spec: ReaderSpec, easel: Easel) -> None:
    pictures = Pictures(drawer=easel.draw)

    async def left() -> bool:
        return True

    async def run() -> None:
        first = asyncio.create_task(pictures.of(page(1), spec, "Ada"))
        await begun(easel)
        other = asyncio.create_task(pictures.of(page(3), spec, "Ben"))
        for number in (2, 3):
            with pytest.raises(Refused) as refused:
                await pictures.of(page(number), spec, "Ada", left)
            assert refused.value.status == 503
        easel.may.set()
        await asyncio.gather(first, other)

    asyncio.run(asyncio.wait_for(run(), WITHIN))
    assert easel.drawn == [1, 3]


def test_a_review_that_is_stopped_begins_no_page_more(spec: ReaderSpec, easel: Easel) -> None:
    pictures = Pictures(drawer=easel.draw)

    async def run() -> None:
        first = asyncio.create_task(pictures.of(page(1), spec, "Ada"))
        await begun(easel)
        second = asyncio.create_task(pictures.of(page(2), spec, "Ben"))
        while pictures._people.total() < 2:
            await asyncio.sleep(0)
        pictures.close()
        with pytest.raises(Refused):
            await second
        easel.may.set()
        await first

    asyncio.run(asyncio.wait_for(run(), WITHIN))
    assert easel.drawn == [1]
