from hypothesis import given
from hypothesis import strategies as st

from flows.assemble import Filed, filed_before
from flows.records import FiledPage
from recognizer.records import PageOutcomeKind, PageRef
from recognizer.template import Kind, Role
from tests.helpers.filing import filed, page_failure, page_result, picture_hash

A, B = "a" * 64, "b" * 64


def test_a_read_page_knows_its_sheet_and_what_its_fields_are() -> None:
    page = filed(page_result(PageRef(A, 3), {"candidate": "0042", "q1": "7.5"}, serial=17), "stack.pdf")
    assert (page.row.outcome, page.row.sheet, page.row.file) == (PageOutcomeKind.READ, "small#00017", "stack.pdf")
    assert [(one.reading.field, one.kind, one.role) for one in page.fields] == [
        ("candidate", Kind.DIGITS, Role.ID),
        ("q1", Kind.NUMBER, Role.MARK),
        ("q2", Kind.NUMBER, Role.MARK),
    ]
    assert [picture.field for picture in page.pictures] == ["name"]


def test_pages_without_a_serial_are_never_joined() -> None:
    before = Filed()
    sheets = [
        filed(page_result(PageRef(A, number), {}, page=page, serial=None), before=before).row.sheet
        for number, page in ((1, 1), (2, 2))
    ]
    assert sheets == ["small@aaaaaaaaaaaa-1", "small@aaaaaaaaaaaa-2"]


def test_the_same_picture_again_is_a_duplicate_that_names_the_first() -> None:
    before = Filed()
    filed(page_result(PageRef(A, 1), {"q1": "3"}, picture="same"), "first.pdf", before)
    again = filed(page_result(PageRef(B, 4), {"q1": "3"}, picture="same"), "again.pdf", before)
    assert again.row.outcome is PageOutcomeKind.DUPLICATE
    assert again.row.reason == "the same picture as first.pdf page 1"
    assert again.fields == () and again.pictures == () and again.row.sheet == ""


def test_another_picture_of_the_same_page_is_held_and_names_the_first() -> None:
    before = Filed()
    filed(page_result(PageRef(A, 1), {"q1": "3"}, serial=5), "first.pdf", before)
    held = filed(page_result(PageRef(B, 2), {"q1": "8"}, serial=5), "again.pdf", before)
    assert held.row.outcome is PageOutcomeKind.HELD
    assert "first.pdf page 1" in held.row.reason and "small#00005" in held.row.reason
    assert held.row.sheet == "small#00005"
    # What was read of it is kept for the decision.
    assert [one.reading.values[0].value for one in held.fields] == ["", "8", ""]


def test_another_page_or_another_copy_is_not_held() -> None:
    before = Filed()
    outcomes = [
        filed(page_result(PageRef(A, number), {}, page=page, serial=serial), before=before).row.outcome
        for number, (page, serial) in enumerate([(1, 5), (2, 5), (1, 6), (1, None), (1, None)], start=1)
    ]
    assert outcomes == [PageOutcomeKind.READ] * 5


def test_empty_backs_are_all_blank_though_all_alike() -> None:
    before = Filed()
    outcomes = [
        filed(page_failure(PageRef(A, n), PageOutcomeKind.BLANK, picture="white"), before=before).row.outcome
        for n in (1, 2, 3)
    ]
    assert outcomes == [PageOutcomeKind.BLANK] * 3


def test_a_held_page_does_not_stand_for_its_sheet() -> None:
    before = Filed()
    filed(page_result(PageRef(A, 1), {}, serial=5), "first.pdf", before)
    filed(page_result(PageRef(A, 2), {}, serial=5), "first.pdf", before)
    third = filed(page_result(PageRef(B, 1), {}, serial=5), "third.pdf", before)
    assert "first.pdf page 1 already" in third.row.reason


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.sampled_from("xyz")), max_size=14), st.integers(0, 14)
)
def test_filing_goes_on_from_the_store_as_if_it_had_never_stopped(pages: list[tuple[int, int, str]], cut: int) -> None:
    results = [
        page_result(PageRef(A, number), {}, serial=serial, page=page, picture=f"{serial}{page}{picture}")
        for number, (serial, page, picture) in enumerate(pages, start=1)
    ]
    whole = Filed()
    expected = [filed(result, before=whole) for result in results]
    first = Filed()
    stored: list[FiledPage] = [filed(result, before=first) for result in results[:cut]]
    hashes = {(one.row.scan, one.row.number): one.picture_hash or picture_hash("") for one in stored}
    second = filed_before([one.row for one in stored], hashes)
    assert [one.row for one in stored + [filed(result, before=second) for result in results[cut:]]] == [
        one.row for one in expected
    ]
