"""Printed codes: what they say comes back, whole or with a mark lost, and foreign codes are not taken for ours."""

from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.codes import (
    FIELD_PRIME,
    MARK_SERIALS,
    Corner,
    corner_of,
    decode_marks,
    mark_codes,
    mark_modules,
    page_code,
    parse_payload,
    payload,
    qr_modules,
)
from recognizer.errors import RegistrationError
from recognizer.records import SheetIdentity
from recognizer.template import find_template, shipped_templates

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", fullmatch=True)
SERIALS = st.integers(1, MARK_SERIALS)


def identity(serial: int | None, page: int = 1) -> SheetIdentity:
    return SheetIdentity("chem-2026", "cover_marks", 1, page, serial)


@given(NAMES, NAMES, st.integers(1, 9999), st.integers(1, 50), st.none() | st.integers(1, 999_999_999))
@settings(max_examples=50, deadline=None)
def test_the_qr_code_says_everything(exam: str, template: str, version: int, page: int, serial: int | None) -> None:
    sheet = SheetIdentity(exam, template, version, page, serial)
    assert parse_payload(payload(sheet)) == sheet


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.org/TM1:a:b:1:1:1",
        "TM1:a:b:1:1",
        "TM1:a:b:1:1:1:1",
        "TM2:a:b:1:1:1",
        "TM1:a b:b:1:1:1",
        "TM1::b:1:1:1",
        "TM1:a:b:1:1:-1",
        "TM1:a:b:1:1:١",
        "TM1:a:b:1:1:1000000000",
        "TM1:../x:b:1:1:1",
    ],
)
def test_other_codes_are_none_of_ours(text: str) -> None:
    assert parse_payload(text) is None


@given(SERIALS)
@settings(max_examples=60, deadline=None)
def test_any_three_marks_say_page_and_serial(serial: int) -> None:
    codes = mark_codes(identity(serial))
    expected = (page_code("chem-2026", "cover_marks", identity(serial).version, 1), serial)
    assert decode_marks(codes) == expected
    for three in combinations(Corner, 3):
        assert decode_marks({corner: codes[corner] for corner in three}) == expected


def test_marks_are_distinct_tags_that_know_their_corner() -> None:
    for serial in (1, 2, 138, 139, 140, MARK_SERIALS):
        codes = mark_codes(identity(serial))
        assert [corner_of(code) for code in codes.values()] == list(Corner)
        assert all(0 <= code < 4 * FIELD_PRIME <= 587 for code in codes.values())
    assert corner_of(556) is None
    assert corner_of(-1) is None


def test_serials_too_large_for_the_marks_are_left_to_the_qr_code() -> None:
    large = identity(MARK_SERIALS + 1)
    assert decode_marks(mark_codes(large))[1] is None
    assert parse_payload(payload(large)) == large
    assert decode_marks(mark_codes(identity(None)))[1] is None


def test_marks_of_two_sheets_contradict_each_other() -> None:
    mixed = mark_codes(identity(5)) | {Corner.BOTTOM_LEFT: mark_codes(identity(6))[Corner.BOTTOM_LEFT]}
    with pytest.raises(RegistrationError, match="different sheets"):
        decode_marks(mixed)


def test_two_marks_are_too_few() -> None:
    codes = mark_codes(identity(5))
    with pytest.raises(RegistrationError, match="2 of 4 corner marks were found, at least 3 are needed"):
        decode_marks({corner: codes[corner] for corner in (Corner.TOP_LEFT, Corner.BOTTOM_LEFT)})


def test_pages_and_exams_have_codes_of_their_own() -> None:
    pages = [("chem", "booklet", 1, 1), ("chem", "booklet", 1, 2), ("bio", "booklet", 1, 1), ("chem", "booklet", 2, 1)]
    assert len({page_code(*page) for page in pages}) == 4


@pytest.mark.parametrize("exam", ["exam", "demo"])
def test_shipped_templates_can_be_told_apart_without_their_qr_code(exam: str) -> None:
    templates = [find_template(name) for name in shipped_templates()]
    pages = [(one.name, one.version, page) for one in templates for page in range(1, len(one.pages) + 1)]
    assert len({page_code(exam, *page) for page in pages}) == len(pages) == 5


def enlarged(dark: np.ndarray, pixels: int = 8, quiet: int = 4) -> np.ndarray:
    return np.kron(np.pad(~dark, quiet, constant_values=True), np.ones((pixels, pixels))).astype(np.uint8) * 255


@pytest.mark.parametrize("code", [0, 138, 139, 555])
def test_mark_modules_are_what_opencv_detects(code: int) -> None:
    modules = mark_modules(code)
    assert modules.shape == (8, 8)
    assert modules[0].all()
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    _, found, _ = cv2.aruco.ArucoDetector(family).detectMarkers(enlarged(modules))
    assert found.ravel().tolist() == [code]


def test_qr_modules_survive_the_loss_of_a_tenth() -> None:
    text = payload(SheetIdentity("chem-2026", "numeric_answers", 12, 3, 123_456))
    modules = qr_modules(text)
    assert modules[0, :7].all()
    assert modules[0, -7:].all()
    assert modules[-7:, 0].all(), "three finder patterns, nothing around them"
    stained = enlarged(modules)
    middle = stained.shape[0] // 2
    cv2.circle(stained, (middle, middle), stained.shape[0] // 9, 255, cv2.FILLED)
    assert cv2.QRCodeDetector().detectAndDecode(stained)[0] == text
