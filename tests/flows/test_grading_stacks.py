"""Grading pages without a serial and counted batches: what is read, held and said, in one run or in several."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.batch_list import exam_batches
from flows.errors import ExamError
from flows.expecting import Expected
from flows.export.contents import exam_contents
from flows.grading import Tally, Workplace, grade_inbox, here, regrade_scans
from flows.jobs import Job, carry_out, in_threads
from flows.records import Correction, FieldRow, FileOutcome, Joining
from flows.report import json_report
from flows.settings import Exam, load_exam
from flows.settling import settle_sheets
from flows.stacks import StackDecision, StackWord
from flows.store import Store, open_store
from flows.workers import RunOfPages
from flows.worth import MarkRule
from recognizer.codes import COVER_TEMPLATE
from recognizer.records import Decision, Flag, PageOutcome, PageOutcomeKind, SheetIdentity, ValueState
from tests.helpers.dumps import dump
from tests.helpers.fakes import SETTINGS, FakeReader, exam_folder, fake_scan, sheet

READ, HELD, FOREIGN = PageOutcomeKind.READ, PageOutcomeKind.HELD, PageOutcomeKind.FOREIGN


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    return exam_folder(tmp_path / "exam")


@pytest.fixture
def store(exam: Exam) -> Iterator[Store]:
    with open_store(exam.dir) as opened:
        yield opened


class Reader(FakeReader):
    """Reads cover sheets too: {"serial": 50, "batch": "Monday"}."""

    def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
        lines = Path(pages.path).read_text().splitlines()[1:]
        return tuple(
            self._cover(outcome) if '"batch"' in lines[outcome.ref.number - 1] else outcome
            for outcome in super().read_run(pages)
        )

    @staticmethod
    def _cover(outcome: Any) -> PageOutcome:
        said = SheetIdentity("exam", COVER_TEMPLATE, 1, 1, outcome.identity.serial, "Monday")
        return replace(outcome, identity=said, readings=(), decisions=(), pictures=())


def grade(exam: Exam, store: Store, expected: Expected | None = None, reader: FakeReader | None = None) -> Tally:
    reader = reader or Reader()
    with store.grading():
        return grade_inbox(Workplace(exam, store, reader, here(reader), expected=expected))


def drop(exam: Exam, name: str, *pages: dict[str, Any], mark: str = "") -> None:
    (exam.inbox / name).write_text(fake_scan(*pages, mark=mark))


def booklet(candidate: str, **more: Any) -> list[dict[str, Any]]:
    return [
        sheet(None, 1, values={"candidate": candidate, "q1": "1", "q2": "2"}, **more),
        sheet(None, 2, values={"sum": "3"}, **more),
    ]


def outcomes(store: Store) -> list[PageOutcomeKind]:
    return [row.outcome for row in store.pages()]


def said(word: StackWord, store: Store, *pages: int) -> StackDecision:
    scan = store.scans()[0].scan
    return StackDecision(word, tuple((scan, number) for number in pages), "Kim", datetime(2026, 5, 4, tzinfo=UTC))


# ---- stacks ----------------------------------------------------------------------------------------------------------


def test_photocopies_in_order_become_sheets_with_all_their_pages(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *booklet("0001"), {"outcome": "blank"}, *booklet("0002"))
    tally = grade(exam, store)
    assert (tally.pages, tally.fields, tally.set_aside) == ({READ: 4, PageOutcomeKind.BLANK: 1}, 8, [])
    first, _, _, second, _ = store.pages()
    assert [row.sheet for row in store.pages()] == [first.sheet, first.sheet, "", second.sheet, second.sheet]
    assert {(field.value, field.sheet) for field in store.fields() if field.field == "candidate"} == {
        ("0001", first.sheet),
        ("0002", second.sheet),
    }
    assert exam_contents(exam, store).pages == store.pages()


def test_a_lost_page_holds_the_rest_and_the_ledger_closes(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *booklet("0001"), booklet("0002")[0], *(page for n in range(5) for page in booklet(f"100{n}")))
    tally = grade(exam, store, reader=FakeReader(confidence=0.5))
    assert tally.pages == {READ: 2, HELD: 11}
    assert sum(tally.pages.values()) == len(store.pages()) == 13
    assert (tally.fields, tally.flagged, len(tally.flags)) == (4, 4, 4), "what is held asks nobody anything yet"
    assert {flag.sheet for flag in tally.flags} == {store.pages()[0].sheet}
    assert [(one.page, one.outcome) for one in tally.set_aside] == [(page, "held") for page in range(3, 14)]
    assert "page 4: it is page 1 of a 'small', but page 2 was expected" in tally.set_aside[0].reason
    assert tally.needs_person
    assert len(store.fields()) == 4


def test_a_decision_frees_the_rest_and_stays_when_scans_are_read_again(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *booklet("0001"), booklet("0002")[0], *booklet("0003"))
    grade(exam, store)
    store.decide_stacks(lambda _pages, _said: [said(StackWord.JOIN, store, 3)])
    assert outcomes(store) == [READ] * 5
    assert len({row.sheet for row in store.pages()}) == 3
    before = [(row.outcome, row.sheet, row.reason) for row in store.pages()]
    with store.grading():
        reader = FakeReader("fake-2")
        tally = regrade_scans(Workplace(exam, store, reader, here(reader)))
    assert [(row.outcome, row.sheet, row.reason) for row in store.pages()] == before
    assert tally.pages == {READ: 5}
    store.decide_stacks(lambda _pages, _said: [said(StackWord.DROP, store, 3)])
    assert outcomes(store) == [READ, READ, FOREIGN, READ, READ]
    assert len(store.stack_decisions()) == 2
    assert store.ledger().closes and not store.ledger().is_open, "what a person dropped, nobody need look at"


def test_fields_that_come_to_count_are_weighed_anew(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *booklet("0001"), booklet("0002")[0], *booklet("0003"))
    grade(exam, store)
    asked: list[str] = []

    def doubt(fields: tuple[FieldRow, ...]) -> dict[str, Decision]:
        asked.extend(field.key for field in fields)
        unsure = Decision("candidate", ValueState.UNSETTLED, "", "0003", 0.999, Flag.DOUBTED, "errors were found")
        return {fields[0].key: unsure}

    before = {field.key for field in store.fields()}
    store.decide_stacks(lambda _pages, _said: [said(StackWord.DROP, store, 3)], doubt)
    assert set(asked) == {field.key for field in store.fields()} - before
    assert [field.key for field in store.fields() if field.flag is Flag.DOUBTED] == asked[:1]


def test_a_run_that_was_stopped_holds_what_it_has_and_the_next_one_puts_it_together(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *(page for number in range(6) for page in booklet(f"000{number}")))

    class Unlucky(FakeReader):
        def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
            if pages.first > 1:
                raise ZeroDivisionError
            return super().read_run(pages)

    with pytest.raises(ZeroDivisionError):
        reader = Unlucky()
        with store.grading():
            grade_inbox(Workplace(exam, store, reader, lambda run: lambda: reader.read_run(run)))
    assert outcomes(store) == [HELD] * 8
    assert store.fields() == ()
    assert "not read to its end" in store.pages()[0].reason
    tally = grade(exam, store)
    assert outcomes(store) == [READ] * 12
    assert (len({row.sheet for row in store.pages()}), tally.pages) == (6, {READ: 4})


def test_reading_a_stack_again_changes_nothing(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", *(page for number in range(6) for page in booklet(f"000{number}")))
    grade(exam, store)
    before = dump(store)
    with store.grading():
        reader = FakeReader()
        regrade_scans(Workplace(exam, store, reader, here(reader)))
    assert dump(store) == before


def test_every_page_with_a_number_finds_its_sheet_and_follows_a_correction(exam: Exam, store: Store) -> None:
    template = exam.dir / "templates" / "small.toml"
    again = template.read_text().split("[[page.field]]")[1].replace("candidate", "again").replace("y = 45", "y = 90")
    template.write_text(f"{template.read_text()}[[page.field]]{again}")
    exam = load_exam(exam.dir)

    class TwoNumbers(FakeReader):
        """Reads the template as it is now."""

        def _outcome(self, ref: Any, line: dict[str, Any], *_: Any) -> PageOutcome:
            from tests.helpers.filing import page_result

            values, template = line["values"], exam.template_named("small")
            return page_result(ref, values, template=template, page=line["page"], serial=None)

    pages = [sheet(None, 1, values={"candidate": "0001"}), sheet(None, 2, values={"again": "0007"})]
    drop(exam, "a.pdf", *pages)
    reader = TwoNumbers()
    with store.grading():
        grade_inbox(Workplace(exam, store, reader, here(reader)))
    assert [row.joining for row in store.pages()] == [Joining.ID] * 2
    assert len({row.sheet for row in store.pages()}) == 2
    key = next(field.key for field in store.fields() if field.field == "again")
    now = datetime(2026, 5, 4, tzinfo=UTC)
    store.insert_corrections([Correction(key, ValueState.VALUE, "0001", "", "0007", "m", "Kim", now, "command")])
    assert len({row.sheet for row in store.pages()}) == 1
    assert {field.sheet for field in store.fields()} == {store.pages()[0].sheet}


def test_photocopies_of_one_printed_sheet_are_told_apart_when_the_exam_says_so(exam: Exam, store: Store) -> None:
    (exam.dir / "exam.toml").write_text(SETTINGS + "[sheets]\nphotocopied = true\n")
    copies = [sheet(7, page, values={"candidate": f"000{n}"} if page == 1 else {}) for n in (1, 2) for page in (1, 2)]
    drop(exam, "a.pdf", *copies)
    grade(load_exam(exam.dir), store)
    assert outcomes(store) == [READ] * 4
    assert len({row.sheet for row in store.pages()}) == 2


ACCIDENTS = st.tuples(st.sampled_from(["remove", "twice", "nothing"]), st.integers(0, 15))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(candidates=st.integers(1, 4), printed=st.booleans(), duplex=st.booleans(), drawn=ACCIDENTS)
def test_no_candidate_is_ever_given_what_another_wrote(
    tmp_path_factory: pytest.TempPathFactory, candidates: int, printed: bool, duplex: bool, drawn: tuple[str, int]
) -> None:
    accident, at = drawn
    exam = exam_folder(tmp_path_factory.mktemp("exams") / "exam")
    stack: list[dict[str, Any]] = []
    for n in range(1, candidates + 1):
        mine = {"candidate": f"{n:04d}", "q1": f"{n}", "q2": "0", "sum": f"{n}"}
        for page in (1, 2):
            stack.append(sheet(n if printed else None, page, values=mine, picture=f"{n}/{page}"))
            stack += [{"outcome": "blank"}] if duplex else []
    at %= len(stack)
    if accident == "remove":
        del stack[at]
    elif accident == "twice":
        stack.insert(at, stack[at] | {"picture": "again"})
    drop(exam, "a.pdf", *stack)
    with open_store(exam.dir) as store:
        tally = grade(exam, store)
        assert sum(tally.pages.values()) == len(store.pages()) == len(stack)
        templates = exam.sheets.templates
        sheets = settle_sheets(store.fields(), store.pages(), templates, MarkRule())
    for each in sheets:
        wrote = {part.value.lstrip("0") for name, part in each.parts.items() if name != "q2" and part.value}
        assert len(wrote) == 1, "the number, the mark and the sum of a sheet are of one candidate"
        assert (
            len(each.pages) == 2
            or each.remarks[0] == f"page {3 - each.pages[0].template_page} of the sheet has not come"
        )
    if accident == "nothing":
        assert len(sheets) == candidates and not any(each.is_open for each in sheets)


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_a_run_that_expects_more_papers_says_so_and_blocks(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1), sheet(1, 2), sheet(2), {"outcome": "failed"})
    tally = carry_out(Job("grade", exam.dir, expected=Expected(3, "Monday")), in_threads, reader=Reader())
    (batch,) = tally.batches
    assert (batch.name, batch.stated, batch.found, batch.blocks) == ("Monday", "3", 2, True)
    assert batch.causes == ("failed: a.pdf page 4",)
    assert json_report(tally)["batches"] == [
        {
            "name": "Monday",
            "stated": [{"by": "grade --expect", "papers": 3}],
            "found": 2,
            "differs": True,
            "explained": None,
            "blocks_final": True,
            "causes": ["failed: a.pdf page 4"],
        }
    ]
    drop(exam, "b.pdf", sheet(3))
    later = carry_out(Job("grade", exam.dir), in_threads, reader=Reader())
    assert later.batches[0].found == 2, "what another run took is no part of it"


def test_a_stopped_run_and_the_one_that_goes_on_make_one_batch(exam: Exam, store: Store) -> None:
    drop(exam, "a.pdf", sheet(1))
    drop(exam, "b.pdf", *(sheet(number) for number in range(2, 20)))

    class Unlucky(FakeReader):
        def read_run(self, pages: RunOfPages) -> tuple[PageOutcome, ...]:
            if pages.first > 8:
                raise ZeroDivisionError
            return super().read_run(pages)

    with pytest.raises(ZeroDivisionError):
        grade(exam, store, Expected(19), Unlucky())
    grade(exam, store, Expected(19))
    (batch,) = exam_batches(exam, store)
    assert batch.name.startswith("run 1, ") and (batch.found, batch.blocks) == (19, False)
    drop(exam, "c.pdf", sheet(30))
    grade(exam, store, Expected(1))
    assert [batch.found for batch in exam_batches(exam, store)] == [19, 1]


def test_two_cover_sheets_with_as_many_papers_are_both_read(exam: Exam, store: Store) -> None:
    cover = {"serial": 2, "batch": "Monday"}
    drop(exam, "a.pdf", cover, sheet(1), {"outcome": "blank"})
    drop(exam, "b.pdf", cover | {"again": True}, sheet(2))
    tally = grade(exam, store)
    assert tally.pages == {READ: 4, PageOutcomeKind.BLANK: 1}
    assert [row.sheet for row in store.pages()] == ["", "small#00001", "", "", "small#00002"]
    (batch,) = exam_batches(exam, store)
    assert (batch.name, batch.stated, batch.found, batch.blocks) == ("Monday", "2", 2, False)


def test_a_list_of_batches_is_checked_before_anything_is_taken(exam: Exam) -> None:
    drop(exam, "a.pdf", sheet(1))
    (exam.dir / "batches.csv").write_text("file,papers\na.pdf,many\n")
    with pytest.raises(ExamError, match=r"batches.csv:2: papers: 'many'"):
        carry_out(Job("grade", exam.dir), in_threads, reader=Reader())
    assert [path.name for path in exam.inbox.iterdir()] == ["a.pdf"]
    (exam.dir / "batches.csv").write_text("file,papers\na.pdf,1\nlost.pdf,3\n")
    tally = carry_out(Job("grade", exam.dir), in_threads, reader=Reader())
    assert [(batch.name, batch.found, batch.causes) for batch in tally.batches] == [
        ("a.pdf", 1, ()),
        ("lost.pdf", 0, ("lost.pdf has not come",)),
    ]
    assert tally.files == {FileOutcome.READ: 1} and tally.needs_person


def test_expecting_papers_of_an_empty_inbox_is_said(exam: Exam) -> None:
    tally = carry_out(Job("grade", exam.dir, expected=Expected(50)), in_threads, reader=Reader())
    assert tally.batches == ()
    assert tally.warnings == ("50 papers were expected, but no complete file was there; no batch was begun",)
