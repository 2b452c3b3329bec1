"""What is said when something cannot be done: a page where a person asked for one, JSON where a script did.

No path, no SQL and nothing that was sent stands in an answer. What nobody expected gets a number, under which the
terminal of the server shows where it broke.
"""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from flows.review.office import draw, office_of
from flows.review.wording import fault_number, without_paths


def wants_page(request: Request) -> bool:
    """Tell whether a person asked, and not a script."""
    return "text/html" in request.headers.get("accept", "")


def refuse(
    request: Request,
    status: int,
    words: str,
    *,
    heading: str = "",
    headers: Mapping[str, str] | None = None,
    told: Mapping[str, object] | None = None,
) -> Response:
    """Say why a request is refused. Who has to log in first is led there, if it was a page that was asked for.

    Args:
        request: what is refused.
        status: the number of HTTP that says which kind of refusal it is.
        words: why, for a person.
        heading: what stands above, on a page.
        headers: more headers of the answer.
        told: more that a script is told.
    """
    words = without_paths(words, office_of(request).exam.dir)
    if not wants_page(request):
        return JSONResponse({"problem": words, **(told or {})}, status, headers=dict(headers or {}))
    if status == HTTPStatus.UNAUTHORIZED and request.method == "GET":
        answer = RedirectResponse("/login?since=accounts" if request.state.ended else "/login", HTTPStatus.SEE_OTHER)
        return forgotten(request, answer)
    shown = {"heading": heading or HTTPStatus(status).phrase, "problem": words}
    page = draw(request, "problem.html", status=status, **shown)
    page.headers.update(headers or {})
    return page


def forgotten(request: Request, answer: Response) -> Response:
    """Have a browser whose session is over forget the pictures that it keeps: somebody else may log in there next."""
    if request.state.session is None and office_of(request).sessions.cookie_name in request.cookies:
        answer.headers["clear-site-data"] = '"cache"'
    return answer


def cannot(request: Request, problem: Exception) -> Response:
    """Say what cannot be done now, such as writing while the database is in use; trying again may help."""
    return refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, str(problem), heading="This cannot be done now")


def broken(request: Request, problem: Exception) -> Response:
    """Say that a bug of ours was met, and show it on the server's terminal."""
    number = fault_number(problem)
    words = (
        f"Something went wrong that should not; what you did last may not be stored. Reload the page and look. The "
        f"terminal in which the review runs shows more under {number}."
    )
    return refuse(request, HTTPStatus.INTERNAL_SERVER_ERROR, words, heading="A fault of ours")
