"""Contents of PDF pages are unpacked as far as is read, and counted without being run."""

import zlib

import pytest

from recognizer.pdf_contents import count_words, names_before, unpack


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", 0),
        (b"  \n", 0),
        (b"q", 1),
        (b"0 0 m 595 842 l S\n", 7),
        (b"q\0q\tq\rq\x0cq", 5),
        (b"/A Do/B Do/C Do", 6),
        (b"[(a)-20(b)]TJ", 3),
    ],
)
def test_words_are_counted(contents: bytes, words: int) -> None:
    assert count_words(contents) == words


def test_packed_contents_are_unpacked_however_often_they_are_packed() -> None:
    packed = zlib.compress(zlib.compress(b"q Q " * 1000))
    assert unpack(packed, ["/FlateDecode"] * 2) == b"q Q " * 1000
    assert unpack(b"q Q", []) == b"q Q"


def test_no_more_is_unpacked_than_is_read() -> None:
    packed = zlib.compress(b" " * 5_000_000)
    assert len(unpack(packed, ["/FlateDecode"], 1000)) == 1001
    assert len(unpack(packed, ["/FlateDecode"], 5_000_000)) == 5_000_000


def test_what_stands_before_a_damaged_place_is_seen() -> None:
    words = b"".join(b"%d " % number for number in range(200_000))
    packed = bytearray(zlib.compress(words))
    packed[200_000:200_100] = bytes(100)
    found = unpack(bytes(packed), ["/FlateDecode"])
    assert 100_000 < len(found) < len(words) and words.startswith(found[:100_000])


@pytest.mark.parametrize(
    ("contents", "names"),
    [
        (b"q /Logo Do Q\n/Logo\nDo /Other Do", {"/Logo": 2, "/Other": 1}),
        (b"/A Do/B Do", {"/A": 1, "/B": 1}),
        (b"/#41 Do", {"/A": 1}),
        (b"/A Done /A gs Do /P scn", {}),
    ],
)
def test_what_is_drawn_by_name_is_found(contents: bytes, names: dict[str, int]) -> None:
    assert names_before(contents, b"Do") == names
