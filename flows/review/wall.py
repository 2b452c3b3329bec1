"""The view *Wall*."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from flows.review.office import Reviewing, draw

router = APIRouter()


@router.get("/wall")
def page(request: Request, _: Reviewing) -> HTMLResponse:
    """Show the view."""
    return draw(request, "wall.html")
