"""The view *Dashboard*: how far an exam is, and what still keeps it from being final."""

import json
import re
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from flows.review.board import Board
from flows.review.board_told import told
from flows.review.office import Here, Office, Viewing, draw
from flows.review.people import Person
from flows.review.ways import typed

router = APIRouter()

DIR = re.compile(r"\bDIR\b")
"""What stands for the exam's folder in a command."""


@router.get("/")
def page(request: Request, office: Here, person: Viewing) -> HTMLResponse:
    """Show the view with what is known already: it never waits for anything to be worked out."""
    board = office.boards.last
    known = _told(office, board, person) if board else _loading(office)
    folder = typed(office.exam.dir) if person.is_lead else ""
    return draw(request, "dashboard.html", known=json.dumps(known), folder=folder)


@router.get("/board.json")
def figures(office: Here, person: Viewing) -> dict[str, Any]:
    """Return what stands on the dashboard now, or that the exam is still being read."""
    board = office.boards.now(office.exam, office.desk, office.store)
    if board is None:
        return _loading(office)
    return _told(office, board, person) | {"trouble": office.desk.trouble}


def _told(office: Office, board: Board, person: Person) -> dict[str, Any]:
    """Return what a person is told; leads with commands as they are typed, in which the exam's folder has its place."""
    found = told(board, person, office.exam.settings.review)
    for block in found["blocks"]:
        for name in ("command", "before"):
            block[name] = DIR.sub(lambda _: typed(office.exam.dir), block[name])
    return found


def _loading(office: Office) -> dict[str, Any]:
    return {"state": "loading", "trouble": office.desk.trouble}
