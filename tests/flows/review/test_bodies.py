"""Bodies of requests: one shape, nothing converted, nothing passed over, nothing repeated."""

from enum import StrEnum
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, HTTPException
from starlette.testclient import TestClient

from flows.review.bodies import Body, Key, ShortText, Token, body_of, read_body

KEY = "9f2c41d07ab3-3-q1"
TOKEN = "0" * 32


class Word(StrEnum):
    VALUE = "value"
    BLANK = "blank"


class Answer(Body):
    key: Key
    token: Token
    word: Word = Word.VALUE
    text: ShortText = ""
    share: float = 0.5
    more: tuple[int, ...] = ()


def refused(data: bytes) -> str:
    with pytest.raises(HTTPException) as caught:
        read_body(data, Answer)
    assert caught.value.status_code == 422
    return str(caught.value.detail)


def body(**members: str) -> bytes:
    usual = {"key": f'"{KEY}"', "token": f'"{TOKEN}"'} | members
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in usual.items()) + "}").encode()


def test_what_is_sent_becomes_a_record() -> None:
    answer = read_body(body(word='"blank"', text='"٣½ \u202e🙂"', more="[1, 2]"), Answer)
    assert answer == Answer(key=KEY, token=TOKEN, word=Word.BLANK, text="٣½ \u202e🙂", more=(1, 2))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it cannot be read"),
        (b"\xff\xfe{\x00", "it cannot be read"),
        (b"[" * 100_000, "it cannot be read"),
        (b"9" * 100_000, "it cannot be read"),
        (body(share="NaN"), "NaN and Infinity are no numbers"),
        (body(share="-Infinity"), "NaN and Infinity are no numbers"),
        (b'{"key": "a", "key": "b"}', "a name stands twice in one object"),
        (b"[]", "should be an object"),
        (b'"text"', "should be an object"),
        (b"{}", "key: is missing; token: is missing"),
        (body(share='"0.5"'), "share: should be a valid number"),
        (body(share="1e999"), "share: should be a finite number"),
        (body(share="true"), "share: should be a valid number"),
        (body(text="7"), "text: should be a valid string"),
        (body(text='"\\u0000"'), "text: holds control characters"),
        (body(text='"\\ud800"'), "is no JSON"),
        (body(word='"drop"'), "word: should be 'value' or 'blank'"),
        (body(more="{}"), "more: should be a valid array"),
        (body(key=f'"{KEY}\\n"'), "key: does not look as it should"),
        (body(key='"../../etc/passwd"'), "key: does not look as it should"),
        (body(admin="true"), "admin: nothing of that name is taken"),
    ],
)
def test_what_is_wrong_is_told_in_words(data: bytes, told: str) -> None:
    assert told in refused(data)


def test_what_was_sent_is_not_repeated() -> None:
    told = refused(body(text='"' + "secret" * 100 + '"', **{"x" * 5_000: "1"}))
    assert "secret" not in told
    assert len(told) < 300


def test_of_many_faults_the_first_are_named() -> None:
    told = refused(body(**{f"x{n}": "1" for n in range(1_000)}))
    assert "x2: nothing of that name is taken; and 997 more" in told


def test_a_route_takes_json_only() -> None:
    app = FastAPI()

    @app.post("/say")
    def say(answer: Annotated[Answer, Depends(body_of(Answer))]) -> str:
        return answer.key

    with TestClient(app) as client:
        typed = {"content-type": "application/json; charset=utf-8"}
        assert client.post("/say", content=body(), headers=typed).json() == KEY
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            answer = client.post("/say", content=body(), headers={"content-type": kind})
            assert (answer.status_code, "has to be JSON" in answer.text) == (415, True)
