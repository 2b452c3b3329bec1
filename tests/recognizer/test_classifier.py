"""The shipped model loads quietly, takes any number of glyphs, and refuses what does not belong together."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from recognizer.classifier import BATCH, CARD_FILE, SHIPPED, WEIGHTS_FILE, LiteRtModel, load_model, softmax
from recognizer.digits import isolate_digit
from recognizer.errors import ModelError
from recognizer.records import CLASSES, GlyphStack
from tests.helpers.drawn_box import ONE, SEVEN, Stroke, box_pixels, crop_of

DASH: Stroke = [(2.0, 4.5), (5.0, 4.4)]


@pytest.fixture(scope="module")
def model() -> LiteRtModel:
    return load_model()


def copied(folder: Path) -> Path:
    for name in (WEIGHTS_FILE, CARD_FILE):
        shutil.copy(SHIPPED / name, folder / name)
    return folder


def change_card(folder: Path, **entries: object) -> None:
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    (folder / CARD_FILE).write_text(json.dumps(card | entries), encoding="utf-8")


def random_glyphs(count: int) -> GlyphStack:
    return np.random.default_rng(1).random((count, 28, 28), np.float32)


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, 2 * BATCH + 3])
def test_any_number_of_glyphs_gives_rows_that_sum_to_one(model: LiteRtModel, count: int) -> None:
    found = model.probabilities(random_glyphs(count))
    assert found.shape == (count, len(CLASSES)) and found.dtype == np.float32
    assert np.allclose(found.sum(axis=1), 1.0, atol=1e-5) and (found >= 0).all()


def test_a_glyph_is_read_alike_alone_and_in_company(model: LiteRtModel) -> None:
    glyphs = random_glyphs(BATCH + 5)
    together = model.probabilities(glyphs)
    for index in (0, BATCH - 1, BATCH, BATCH + 4):
        assert np.allclose(model.probabilities(glyphs[index : index + 1])[0], together[index], atol=1e-5)


@pytest.mark.parametrize(("strokes", "expected"), [([SEVEN], "7"), ([ONE], "1"), ([DASH], "-")])
def test_plain_characters_are_read_and_accepted(model: LiteRtModel, strokes: list[Stroke], expected: str) -> None:
    glyph = isolate_digit(crop_of(box_pixels(strokes))).glyph
    assert glyph is not None
    row = model.probabilities(glyph.image[None])[0]
    assert CLASSES[int(row.argmax())] == expected
    assert row.max() >= model.card.accept_confidence


def test_loading_and_reading_say_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    load_model().probabilities(random_glyphs(2))
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


def test_temperature_of_the_card_softens(tmp_path: Path, model: LiteRtModel) -> None:
    folder = copied(tmp_path)
    change_card(folder, temperature=model.card.temperature * 4)
    glyphs = random_glyphs(4)
    softer = load_model(folder).probabilities(glyphs)
    assert (softer.max(axis=1) < model.probabilities(glyphs).max(axis=1)).all()
    assert np.allclose(softer, softmax(model.logits(glyphs), model.card.temperature * 4), atol=1e-6)


def test_weights_can_be_named_by_file_or_folder(tmp_path: Path, model: LiteRtModel) -> None:
    folder = copied(tmp_path)
    assert load_model(folder).card == load_model(folder / WEIGHTS_FILE).card == model.card


def test_card_says_where_the_model_comes_from(model: LiteRtModel) -> None:
    card = model.card.details
    assert {"name", "date", "data", "seed", "epochs", "training_glyphs", "excluded", "figures"} <= set(card)
    assert all(entry["licence"] for entry in card["data"])
    assert len(card["excluded"]["reserved_mnist_writers"]) == 40
    assert card["parity"]["largest_logit_difference"] <= card["parity"]["limit"]
    assert (SHIPPED / WEIGHTS_FILE).stat().st_size < 2_000_000


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    weights = folder / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(ModelError, match="SHA-256"):
        load_model(folder)


def test_file_that_is_no_network_is_refused_even_when_its_card_agrees(tmp_path: Path) -> None:
    import hashlib

    folder = copied(tmp_path)
    (folder / WEIGHTS_FILE).write_bytes(b"no network")
    change_card(folder, sha256=hashlib.sha256(b"no network").hexdigest())
    with pytest.raises(ModelError, match="LiteRT cannot use"):
        load_model(folder)


@pytest.mark.parametrize("missing", [WEIGHTS_FILE, CARD_FILE])
def test_missing_part_is_named(tmp_path: Path, missing: str) -> None:
    (copied(tmp_path) / missing).unlink()
    with pytest.raises(ModelError, match=missing):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"classes": ["0", "1"]}, "tells 0 1 apart"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "warm"}, "damaged"),
        ({"accept_confidence": float("nan")}, "accept_confidence"),
    ],
)
def test_card_that_makes_no_sense_is_refused(tmp_path: Path, entries: dict[str, object], message: str) -> None:
    change_card(copied(tmp_path), **entries)
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path)


def test_card_without_an_entry_names_it(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / CARD_FILE).write_text('{"name": "x"}', encoding="utf-8")
    with pytest.raises(ModelError, match="sha256"):
        load_model(folder)
