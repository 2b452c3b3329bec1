from hypothesis import given
from hypothesis import strategies as st

from flows.assemble import Filed, file_page, filed_before, joining_of
from flows.records import FiledPage, Joining
from recognizer.records import PageOutcomeKind, PageRef
from recognizer.template import Kind, Role, SheetTemplate, parse_template
from tests.helpers.exam_rows import marks_template
from tests.helpers.filing import TWO_PAGES, filed, page_failure, page_result, picture_hash, small_template

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


def test_photocopies_of_one_sheet_are_no_rescans_of_it() -> None:
    before = Filed()
    copies = [
        file_page(
            page_result(PageRef(A, n), {}, serial=5), "a.pdf", {"small": small_template()}, before, photocopied=True
        )
        for n in (1, 2)
    ]
    assert [one.row.outcome for one in copies] == [PageOutcomeKind.READ] * 2
    assert [one.row.serial for one in copies] == [None, None]
    assert copies[0].row.sheet != copies[1].row.sheet


def with_id_on_page_2() -> SheetTemplate:
    first_field = TWO_PAGES.split("[[page.field]]")[1]
    again = first_field.replace("candidate", "again").replace("y = 45", "y = 90")
    return parse_template(f"{TWO_PAGES}[[page.field]]{again}")


def test_how_pages_find_one_another() -> None:
    two_pages, one_page = small_template(), marks_template()
    assert joining_of(two_pages, 5) is Joining.CODE
    assert joining_of(one_page, None) is Joining.CODE
    assert joining_of(two_pages, None) is Joining.ORDER, "page 2 does not say whose it is"
    assert joining_of(with_id_on_page_2(), None) is Joining.ID
    row = filed(page_result(PageRef(A, 1), {}, serial=None)).row
    assert (row.joining, row.template_pages) == (Joining.ORDER, 2)


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
