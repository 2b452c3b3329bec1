"""The view *Dashboard*: how far an exam is, and what still keeps it from being final."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from flows.review.board_told import told
from flows.review.office import Here, Office, Viewing, draw

router = APIRouter()


@router.get("/")
def page(request: Request, office: Here, person: Viewing) -> HTMLResponse:
    """Show the view with what is known already: it never waits for anything to be worked out."""
    board = office.boards.last
    known = told(board, person, office.exam.settings.review) if board else _loading(office)
    return draw(request, "dashboard.html", known=json.dumps(known), folder=office.exam.dir.name)


@router.get("/board.json")
def figures(office: Here, person: Viewing) -> dict[str, Any]:
    """Return what stands on the dashboard now, or that the exam is still being read."""
    board = office.boards.now(office.exam, office.desk, office.store)
    if board is None:
        return _loading(office)
    return told(board, person, office.exam.settings.review) | {"trouble": office.desk.trouble}


def _loading(office: Office) -> dict[str, Any]:
    return {"state": "loading", "trouble": office.desk.trouble}
