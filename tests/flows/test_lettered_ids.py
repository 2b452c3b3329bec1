"""Sheets whose ids have letters, from the printed page to the match: drawn, filled in, scanned, read, matched."""

from pathlib import Path

from flows.id_evidence import IdField, SheetEvidence, places_of
from flows.matching import match_sheets
from flows.results import MatchStatus
from recognizer.classifier import load_model
from recognizer.glyphs import load_glyphs
from recognizer.judge import ReviewPolicy
from recognizer.promise import ACCEPT_ERROR, policy_thresholds
from recognizer.raster import Renderer, load_page
from recognizer.reading import read_page
from recognizer.records import PageRef, PageResult, ValueState
from recognizer.scanfile import images_to_pdf
from recognizer.simulate import Simulation, simulate
from recognizer.template import SheetSet
from tests.helpers.id_sheets import people
from tests.helpers.lettered import lettered_template


def test_sheets_with_lettered_ids_are_read_and_find_their_candidates(tmp_path: Path) -> None:
    template, model = lettered_template(), load_model()
    policy = ReviewPolicy(policy_thresholds(model.card.details, ACCEPT_ERROR))
    evidence, written = [], {}
    for sheet in simulate(Simulation(template, 4, 11), load_glyphs()):
        images_to_pdf([sheet.pages[0].picture], tmp_path / "scan.pdf")
        page = load_page(tmp_path / "scan.pdf", PageRef("0" * 64, 1), Renderer.AUTO)
        outcome = read_page(page, SheetSet("exam", (template,)), model, policy)
        assert isinstance(outcome, PageResult)
        comb, grid = outcome.decisions
        assert (comb.state, comb.why) == (
            ValueState.UNSETTLED,
            "box 4 may hold a letter, which is not read by machine",
        )
        assert grid.guess == sheet.candidate.number
        fields = zip(template.pages[0].fields, outcome.readings, strict=True)
        places = [IdField(field.name, field.name, places_of(field, reading.characters)) for field, reading in fields]
        evidence.append(SheetEvidence(f"s{sheet.serial}", template.name, tuple(places)))
        written[f"s{sheet.serial}"] = sheet.candidate.number
    for match in match_sheets(evidence, people(*written.values())).matches:
        assert (match.status, match.id) == (MatchStatus.MATCHED, written[match.sheet])
