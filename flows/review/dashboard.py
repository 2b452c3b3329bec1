"""The view *Dashboard*."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from flows.review.office import Viewing, draw

router = APIRouter()


@router.get("/")
def page(request: Request, _: Viewing) -> HTMLResponse:
    """Show the view."""
    return draw(request, "dashboard.html")
