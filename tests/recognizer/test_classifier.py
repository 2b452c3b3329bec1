"""The shipped model loads quietly, takes any number of views, and refuses what does not belong together."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.classifier import (
    BATCH,
    CARD_FILE,
    CHARACTERS,
    INPUTS,
    MARK_BOXES,
    NUMBERS,
    OUTPUTS,
    SHIPPED,
    LiteRtModel,
    load_model,
    softmax,
)
from recognizer.digits import isolate_digit, isolate_number
from recognizer.errors import ModelError
from recognizer.records import CLASSES
from recognizer.sequences import best_path
from tests.helpers.drawn_box import ONE, SEVEN, Stroke, box_pixels, crop_of

DASH: Stroke = [(2.0, 4.5), (5.0, 4.4)]


@pytest.fixture(scope="module")
def model() -> LiteRtModel:
    return load_model()


def copied(folder: Path) -> Path:
    for path in SHIPPED.iterdir():
        shutil.copy(path, folder / path.name)
    return folder


def change_card(folder: Path, network: str | None = None, **entries: object) -> None:
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    (card["networks"][network] if network else card).update(entries)
    (folder / CARD_FILE).write_text(json.dumps(card), encoding="utf-8")


def views(name: str, count: int) -> NDArray[np.float32]:
    shape = INPUTS[name] if name != MARK_BOXES else INPUTS[name][:-1]
    return np.random.default_rng(1).random((count, *shape), np.float32)


def asked(model: LiteRtModel, name: str, given: NDArray[np.float32]) -> NDArray[np.float32]:
    ask = {CHARACTERS: model.probabilities, NUMBERS: model.sequences, MARK_BOXES: model.marks}[name]
    return ask(given)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, 2 * BATCH + 3])
def test_any_number_of_views_gives_rows_that_sum_to_one(model: LiteRtModel, name: str, count: int) -> None:
    found = asked(model, name, views(name, count))
    assert len(found) == count and found.shape[-1] == len(OUTPUTS[name]) and found.dtype == np.float32
    assert np.allclose(found.sum(axis=-1), 1.0, atol=1e-5) and (found >= 0).all()


@pytest.mark.parametrize("name", INPUTS)
def test_a_view_is_read_alike_alone_and_in_company(model: LiteRtModel, name: str) -> None:
    given = views(name, BATCH + 5)
    together = asked(model, name, given)
    for index in (0, BATCH - 1, BATCH, BATCH + 4):
        assert np.allclose(asked(model, name, given[index : index + 1])[0], together[index], atol=1e-5)


@pytest.mark.parametrize(("strokes", "expected"), [([SEVEN], "7"), ([ONE], "1"), ([DASH], "-")])
def test_plain_characters_are_read_by_both_networks(model: LiteRtModel, strokes: list[Stroke], expected: str) -> None:
    crop = crop_of(box_pixels(strokes))
    glyph, strip = isolate_digit(crop).glyph, isolate_number(crop).strip
    assert glyph is not None and strip is not None
    row = model.probabilities(glyph.image[None])[0]
    assert CLASSES[int(row.argmax())] == expected and row.max() > 0.9
    assert best_path(model.sequences(strip.image[None])[0]) == expected


def test_loading_and_reading_say_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    load_model().probabilities(views(CHARACTERS, 2))
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


def test_temperature_of_the_card_softens(tmp_path: Path, model: LiteRtModel) -> None:
    folder = copied(tmp_path)
    hot = model.card.networks[CHARACTERS].temperature * 4
    change_card(folder, CHARACTERS, temperature=hot)
    glyphs = views(CHARACTERS, 4)
    softer = load_model(folder).probabilities(glyphs)
    assert (softer.max(axis=1) < model.probabilities(glyphs).max(axis=1)).all()
    assert np.allclose(softer, softmax(model.networks[CHARACTERS].logits(glyphs), hot), atol=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_views_that_no_picture_gives_are_a_bug_and_loud(model: LiteRtModel, wrong: float) -> None:
    glyphs = views(CHARACTERS, 2)
    glyphs[1, 3, 3, 0] = wrong
    with pytest.raises(ValueError, match="NaN or infinity"):
        model.probabilities(glyphs)
    with pytest.raises(ValueError, match="expected"):
        model.probabilities(np.zeros((2, 27, 28, 2), np.float32))


def test_card_says_where_the_model_comes_from(model: LiteRtModel) -> None:
    card = model.card.details
    assert {"name", "date", "data", "seed", "course", "excluded", "calibration", "learning"} <= set(card)
    assert all(entry["licence"] for entry in card["data"])
    assert len(card["excluded"]["reserved_mnist_writers"]) == 40
    for name, about in card["networks"].items():
        assert about["parity"]["other_best_class"] <= about["parity"]["limit"], name
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 6_000_000


@pytest.mark.parametrize("name", INPUTS)
def test_damaged_weights_are_refused(tmp_path: Path, name: str) -> None:
    weights = copied(tmp_path) / f"{name}.tflite"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(ModelError, match=r"SHA-256"):
        load_model(tmp_path)


def test_file_that_is_no_network_is_refused_even_when_its_card_agrees(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / f"{NUMBERS}.tflite").write_bytes(b"no network")
    change_card(folder, NUMBERS, sha256=hashlib.sha256(b"no network").hexdigest())
    with pytest.raises(ModelError, match="LiteRT cannot use"):
        load_model(folder)


def test_weights_of_another_network_are_refused_even_when_its_card_agrees(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    other = (folder / f"{MARK_BOXES}.tflite").read_bytes()
    (folder / f"{CHARACTERS}.tflite").write_bytes(other)
    change_card(folder, CHARACTERS, sha256=hashlib.sha256(other).hexdigest())
    with pytest.raises(ModelError, match="characters"):
        load_model(folder)


@pytest.mark.parametrize("missing", [f"{CHARACTERS}.tflite", CARD_FILE])
def test_missing_part_is_named(tmp_path: Path, missing: str) -> None:
    (copied(tmp_path) / missing).unlink()
    with pytest.raises(ModelError, match=missing):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"classes": ["0", "1"]}, "tells 0 1 apart"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "warm"}, "damaged"),
        ({"file": "../../weights"}, "no plain file name"),
    ],
)
def test_card_that_makes_no_sense_is_refused(tmp_path: Path, entries: dict[str, Any], message: str) -> None:
    change_card(copied(tmp_path), CHARACTERS, **entries)
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path)


def test_card_without_an_entry_names_it(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / CARD_FILE).write_text('{"name": "x"}', encoding="utf-8")
    with pytest.raises(ModelError, match="networks"):
        load_model(folder)
