"""What browsers send: JSON of one shape, checked whole before anything is done with it.

    class Answer(Body):
        key: Key
        text: ShortText = ""

    @router.post("/queue/say")
    def say(answer: Annotated[Answer, Depends(body_of(Answer))], ...) -> ...:

Nothing is converted (`"7"` is no number), nothing unknown is passed over, and no message repeats what was sent.
"""

import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import HTTPException, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

SHORT_TEXT = 200
"""Characters of what is typed for one field: the longest id has 24."""

MOST_TOLD = 3
"""How many faults of a body are named: a page of ours has none, and more help nobody."""

LONGEST_PLACE = 60
"""Characters of the place of a fault; it may hold names that somebody made up."""


def printable(text: str) -> str:
    """Return a text that holds only what can be printed, spaces and right-to-left marks included.

    Raises:
        ValueError: it holds control characters.
    """
    if any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in text):
        raise ValueError("holds control characters")
    return text


KEY = re.compile(r"[0-9a-f]{12}-[0-9]{1,6}-[A-Za-z][A-Za-z0-9_]{0,31}")
"""What the key of a field looks like (`flows.rows.reading_key`)."""

Key = Annotated[str, StringConstraints(pattern=rf"\A{KEY.pattern}\z")]
"""A key as a request has to name it."""

Token = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{32}\z")]
"""The name under which something is stored once, however often it is sent (`token` of api.js)."""

Revision = Annotated[str, StringConstraints(pattern=r"\A[0-9A-Za-z.]{1,80}\z")]
"""The revision of a field that was on the screen (`flows.records.FieldRow`)."""

Tab = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{8,32}\z")]
"""The name that a window gives itself: two windows of one session do not show the same field."""

RowNumber = Annotated[int, Field(ge=1, le=2**53)]
"""The number of a row of the trail: no more than what a browser counts exactly."""

NoteText = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(printable)]
"""A reason in somebody's words, in one line."""

ShortText = Annotated[str, StringConstraints(max_length=SHORT_TEXT), AfterValidator(printable)]
"""What somebody types for one field."""


class Body(BaseModel):
    """What the body of a request may be: names and types as told, and nothing else."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        revalidate_instances="never",
    )


Model = TypeVar("Model", bound=BaseModel)


async def json_body(request: Request, model: type[Model]) -> Model:
    """Return the body of a request as a record.

    Raises:
        HTTPException: 415 it is not JSON by its type; 422 it is not JSON, or not of this shape.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "What is sent here has to be JSON (content-type: application/json)."
        )
    return read_body(await request.body(), model)


def body_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """Return the dependency that gives a route the body of its request as a record, see `json_body`."""

    async def body(request: Request) -> Model:
        return await json_body(request, model)

    return body


def read_body(data: bytes, model: type[Model]) -> Model:
    """Return JSON as a record (HTTPException 422 when it is none, or has another shape)."""
    try:
        # Looked through once by Python's reader: the other takes NaN, and of two members with one name the last.
        json.loads(data.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=_told_once)
    except (ValueError, RecursionError) as problem:
        words = str(problem) if isinstance(problem, _StrangeError) else "it cannot be read"
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"What was sent is no JSON: {words}.") from problem
    try:
        return model.model_validate_json(data)
    except ValidationError as problem:
        faults = problem.errors(include_url=False, include_context=False, include_input=False)
        told = "; ".join(_fault(one["loc"], one["type"], one["msg"]) for one in faults[:MOST_TOLD])
        more = f"; and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"This was not understood: {told}{more}.") from problem


class _StrangeError(ValueError):
    """What JSON does not know, or what means two things."""


def _no_number(_: str) -> None:
    raise _StrangeError("NaN and Infinity are no numbers")


def _told_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise _StrangeError("a name stands twice in one object")
    return told


def _fault(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """Say where a body is wrong, and what was expected there; never what it held."""
    at = ".".join(str(part) for part in place)
    at = f"{at[:LONGEST_PLACE]}…" if len(at) > LONGEST_PLACE else at
    words = {
        "extra_forbidden": "nothing of that name is taken",
        "missing": "is missing",
        "json_invalid": "is no JSON",
        "string_pattern_mismatch": "does not look as it should",
    }.get(kind, message.removeprefix("Value error, ").removeprefix("Input "))
    return f"{at}: {words}" if at else words
