"""How people come in and leave: the one-time link, the log-in page, the way out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from flows.review.office import Here, draw, session_of
from flows.review.sessions import COOKIE, Session

router = APIRouter()


def with_cookie(response: Response, office: Here, session: Session, *, secure: bool) -> Response:
    """Give a browser the cookie of its session: no script can read it, and no other site can send it."""
    response.set_cookie(COOKIE, office.sessions.cookie(session), httponly=True, samesite="strict", secure=secure)
    return response


@router.get("/open")
def open_link(request: Request, office: Here, code: str = "") -> Response:
    """Log in with a one-time link."""
    session = office.sessions.redeem(code)
    if session is None:
        return draw(
            request,
            "problem.html",
            status=403,
            heading="This link has been used",
            problem="A link opens the review once, within two minutes. Start it again with: tallymark review DIR",
        )
    return with_cookie(RedirectResponse("/", 303), office, session, secure=request.url.scheme == "https")


@router.get("/login")
def login_page(request: Request) -> HTMLResponse:
    """Show where to log in."""
    return draw(request, "login.html", problem="")


@router.post("/logout")
def logout(request: Request, office: Here) -> Response:
    """End the session of this browser."""
    office.sessions.end(session_of(request))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response
