"""The web application: what every request passes through, and where each view is told."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from flows.errors import FlowError
from flows.review import candidates, dashboard, entrance, images, page_images, places, queue, sheets, wall
from flows.review.guard import Guard
from flows.review.office import Office, draw
from flows.review.refusals import Refused

STATIC = Path(__file__).parent / "static"

VIEWS = (entrance, dashboard, queue, wall, sheets, candidates, places, images, page_images)


def create_app(office: Office, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")) -> FastAPI:
    """Return the application of one exam.

    Args:
        office: the exam and what its pages share.
        hosts: names by which browsers may call it: another one means that somebody was led here.
    """
    app = FastAPI(title="Tallymark review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.office = office
    for view in VIEWS:
        app.include_router(view.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(404, _refused)
    app.add_exception_handler(FlowError, _cannot)
    app.add_exception_handler(Refused, _refused_whole)
    app.add_middleware(Guard, sessions=office.sessions, hosts=hosts)
    return app


Handler = Callable[[Request, Exception], Awaitable[Response]]


async def _refused(request: Request, problem: Exception) -> Response:
    """Say why a request is refused: as a page where a person asked for one, as JSON where a script did."""
    status = getattr(problem, "status_code", 500)
    detail = str(getattr(problem, "detail", "") or HTTPStatus(status).phrase)
    if not _wants_page(request):
        return JSONResponse({"problem": detail}, status)
    if status == HTTPStatus.UNAUTHORIZED:
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    return draw(request, "problem.html", status=status, heading=HTTPStatus(status).phrase, problem=detail)


async def _cannot(request: Request, problem: Exception) -> Response:
    """Say what cannot be done now, such as writing while the database is in use; trying again may help."""
    if not _wants_page(request):
        return JSONResponse({"problem": str(problem)}, HTTPStatus.SERVICE_UNAVAILABLE)
    shown = {"heading": "This cannot be done now", "problem": str(problem)}
    return draw(request, "problem.html", status=HTTPStatus.SERVICE_UNAVAILABLE, **shown)


async def _refused_whole(request: Request, problem: Exception) -> Response:
    """Say why what a person asked for is refused, with the fields to blame."""
    status, words = getattr(problem, "status", 500), str(problem)
    if not _wants_page(request):
        return JSONResponse({"problem": words, "keys": list(getattr(problem, "keys", ()))}, status)
    return draw(request, "problem.html", status=status, heading=HTTPStatus(status).phrase, problem=words)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
