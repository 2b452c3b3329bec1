"""The web application: what every request passes through, and where each view is told."""

from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from flows.errors import FlowError
from flows.review import (
    accepting,
    candidates,
    dashboard,
    entrance,
    images,
    page_images,
    places,
    queue,
    sampling,
    sheet_words,
    sheets,
    wall,
)
from flows.review.answers import cannot, refuse
from flows.review.ground import ground_of
from flows.review.guard import Guard, Listening
from flows.review.office import Office
from flows.review.refusals import Refused
from flows.review.wording import names_of

STATIC = Path(__file__).parent / "static"

SILENT: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""Nothing is told to anybody about requests, whatever the environment says."""

VIEWS = (
    entrance,
    dashboard,
    queue,
    wall,
    sampling,
    sheets,
    sheet_words,
    candidates,
    places,
    accepting,
    images,
    page_images,
)


def create_app(
    office: Office, hosts: tuple[str, ...] = ("127.0.0.1", "localhost"), *, tls: bool = False, proxied: bool = False
) -> FastAPI:
    """Return the application of one exam.

    Args:
        office: the exam and what its pages share.
        hosts: names by which browsers may call it: another one means that somebody was led here.
        tls: whether the server speaks TLS.
        proxied: whether a proxy in front of it does, which tells so with every request.
    """
    app = FastAPI(title="Tallymark review", docs_url=None, redoc_url=None, openapi_url=None, telemetry=SILENT)
    app.state.office = office
    for view in VIEWS:
        app.include_router(view.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    # Starlette's own, of which FastAPI's is one: what no route answers is told in the same way.
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(FlowError, _cannot)
    app.add_exception_handler(Refused, _refused_whole)
    names_of(office.exam.dir)
    ground = ground_of(office.store.path)
    app.add_middleware(Guard, office=office, listening=Listening(hosts, tls, proxied), ground=ground)
    return app


async def _refused(request: Request, problem: Exception) -> Response:
    """Say why a request is refused."""
    status = getattr(problem, "status_code", 500)
    detail = getattr(problem, "detail", "")
    # What nobody here worded says no more than its number.
    words = detail if detail and detail != HTTPStatus(status).phrase else WORDS.get(status, HTTPStatus(status).phrase)
    return refuse(request, status, words, headers=getattr(problem, "headers", None))


WORDS = {
    404: "There is nothing at this address.",
    405: "Nothing here is asked for or sent that way.",
}


async def _not_understood(request: Request, problem: Exception) -> Response:
    """Say that an address holds what cannot stand there; what it held is not repeated."""
    places = problem.errors() if isinstance(problem, RequestValidationError) else ()
    names = ", ".join(dict.fromkeys(str(one["loc"][-1])[:40] for one in places))
    return refuse(request, HTTPStatus.UNPROCESSABLE_ENTITY, f"This address was not understood: {names}.")


async def _cannot(request: Request, problem: Exception) -> Response:
    """Say what cannot be done now."""
    return cannot(request, problem)


async def _refused_whole(request: Request, problem: Exception) -> Response:
    """Say why what a person asked for is refused, with the fields to blame."""
    keys = list(getattr(problem, "keys", ()))
    return refuse(request, getattr(problem, "status", 500), str(problem), told={"keys": keys})
