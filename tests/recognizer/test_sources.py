"""Every set that training reads is compared with what it must hold; what is missing, short or other is named."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recognizer.training.pools import OPTIONAL, PARTS, load_pools, mnist_without_reserved
from recognizer.training.sources import (
    DARK_ON_LIGHT,
    EXPECTED,
    DataError,
    archive_column,
    archive_pictures,
    check_archive,
    mnist_digits,
    mnist_writers,
    packed_idx,
)

Columns = dict[str, np.ndarray]


def whole(name: str, count: int | None = None) -> Columns:
    """A set as it must be: labels in turn, one stroke a picture."""
    wanted = EXPECTED[name]
    count = wanted.count if count is None else count
    light = wanted.polarity == DARK_ON_LIGHT
    x = np.full((count, *wanted.size), 255 if light else 0, np.uint8)
    x[:, 4:-4, wanted.size[1] // 2] = 0 if light else 255
    labels = np.array(sorted(wanted.labels))
    writers = np.arange(count) // len(labels) % (wanted.writers or 1)
    columns = {"x": x, "label": labels[np.arange(count) % len(labels)], "polarity": np.array(wanted.polarity)}
    columns |= {"writer": np.array([f"w{writer:02}" for writer in writers])} if wanted.writers else {}
    return columns | {column: np.array(["val"] * count) for column in wanted.columns}


def stored(folder: Path, name: str, columns: Columns) -> Path:
    (folder / "train").mkdir(exist_ok=True)
    np.savez(folder / "train" / f"{name}.npz", **columns)
    return folder


@pytest.mark.parametrize("name", EXPECTED)
def test_a_whole_set_is_read(tmp_path: Path, name: str) -> None:
    found = archive_pictures(stored(tmp_path, name, whole(name)), name)
    assert len(found.x) == EXPECTED[name].count and set(found.label.tolist()) == EXPECTED[name].labels
    assert found.x[:, 0, 0].max() == 0 and found.x.max() == 255
    assert len(np.unique(found.writer)) == (EXPECTED[name].writers or 1)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_missing_or_damaged_set_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}\.npz: is not there; --data must name"):
        archive_pictures(tmp_path, name)
    path = stored(tmp_path, name, whole(name)) / "train" / f"{name}.npz"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=rf"{name}\.npz: cannot be read"):
        archive_pictures(tmp_path, name)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: {k: v for k, v in c.items() if k != "x"}, "has no 'x' but label"),
        (lambda c: {k: v for k, v in c.items() if k != "label"}, "has no 'label'"),
        (lambda c: {k: v for k, v in c.items() if k != "polarity"}, "has no 'polarity'"),
        (lambda c: c | {"x": c["x"].astype(np.float32)}, "pictures are float32 .*, expected uint8 Nx"),
        (lambda c: c | {"x": c["x"][:, :-1]}, "pictures are uint8 .*, expected uint8 Nx"),
        (lambda c: c | {"x": c["x"].reshape(len(c["x"]), -1)}, "pictures are uint8 .*, expected uint8 Nx"),
        (lambda c: c | {"label": c["label"][:-1]}, r"pictures but 'label' is \(\d+,\), expected one each"),
        (lambda c: c | {"polarity": np.array("grey")}, "polarity is 'grey', expected '"),
        (lambda c: c | {"label": np.full(len(c["x"]), "blot")}, "unknown labels: blot; labels that are missing: "),
        (lambda c: {k: v if k == "polarity" else v[: len(v) // 2] for k, v in c.items()}, "the file is short"),
    ],
)
def test_what_a_set_holds_instead_is_said(name: str, change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(DataError, match=f"here: .*{message}"):
        check_archive(change(whole(name)), name, "here")


@pytest.mark.parametrize("name", [name for name, wanted in EXPECTED.items() if wanted.writers])
def test_sets_that_are_split_by_writer_need_all_of_them(name: str) -> None:
    columns = whole(name)
    with pytest.raises(DataError, match="has no 'writer'"):
        check_archive({k: v for k, v in columns.items() if k != "writer"}, name, "here")
    columns["writer"][columns["writer"] == "w03"] = "w04"
    with pytest.raises(DataError, match=rf"by {EXPECTED[name].writers - 1} writers"):
        check_archive(columns, name, "here")


def test_columns_that_training_reads_must_be_there(tmp_path: Path) -> None:
    columns = whole("cells_sudoku_handwritten")
    assert set(
        archive_column(stored(tmp_path, "cells_sudoku_handwritten", columns), "cells_sudoku_handwritten", "split")
    )
    del columns["split"]
    with pytest.raises(DataError, match="has no 'split'"):
        archive_column(stored(tmp_path, "cells_sudoku_handwritten", columns), "cells_sudoku_handwritten", "group")


def test_a_single_array_is_no_set(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with (tmp_path / "train" / "digits_semeion.npz").open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(DataError, match="is a single array"):
        archive_pictures(tmp_path, "digits_semeion")


def mnist(folder: Path, count: int = 20, **other: np.ndarray) -> Path:
    train = folder / "train"
    train.mkdir(exist_ok=True)
    arrays = {"images-idx3": np.zeros((count, 28, 28), np.uint8), "labels-idx1": np.arange(count, dtype=np.uint8) % 10}
    for kind, array in arrays.items():
        packed = gzip.compress(packed_idx(other.get(kind.partition("-")[0], array)))
        (train / f"train-{kind}-ubyte.gz").write_bytes(packed)
    np.savez(
        train / "mnist_writers.npz", **{"train": np.arange(count)} | {k: v for k, v in other.items() if k == "train"}
    )
    return folder


def test_mnist_is_read_with_its_writers(tmp_path: Path) -> None:
    found = mnist_digits(mnist(tmp_path), "train")
    assert found.x.shape == (20, 28, 28) and found.label.tolist() == [str(i % 10) for i in range(20)]
    assert found.writer.tolist() == list(range(20))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"images": np.zeros((20, 27, 28), np.uint8)}, r"pictures are \(27, 28\)"),
        ({"images": np.zeros((19, 28, 28), np.uint8)}, "19 pictures but 20 labels"),
        ({"labels": np.full(20, 10, np.uint8)}, "up to 10, expected one of 0-9"),
        ({"train": np.arange(19)}, "names 19 writers of MNIST's train part, which holds 20 pictures"),
        ({"train": np.arange(20) / 2}, "holds no whole number a picture under 'train'"),
    ],
)
def test_other_things_than_mnist_are_refused(tmp_path: Path, other: Columns, message: str) -> None:
    with pytest.raises(DataError, match=message):
        mnist_digits(mnist(tmp_path, **other), "train")


def test_damaged_idx_files_are_named(tmp_path: Path) -> None:
    path = mnist(tmp_path) / "train" / "train-images-idx3-ubyte.gz"
    packed = path.read_bytes()
    for damaged, message in (
        (packed[:-9], "is no whole gzip file"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 40, "is no whole gzip file"),
        (gzip.compress(b"GIF89a" * 9), "no IDX file of bytes"),
        (gzip.compress(gzip.decompress(packed)[:-9]), "bytes of pixels"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=message):
            mnist_digits(tmp_path, "train")
    with pytest.raises(DataError, match="under 'test'"):
        mnist_writers(tmp_path, "test")


def test_a_short_mnist_is_not_trained_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 20 pictures, expected 60000"):
        mnist_without_reserved(mnist(tmp_path))


def test_sets_are_left_out_where_that_is_said_and_only_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A hundredth of MNIST is enough to see which sets are asked for.
    monkeypatch.setattr("recognizer.training.pools.MNIST_TRAIN", 600)
    mnist(tmp_path, 600, train=np.repeat(np.arange(3000, 3200), 3))
    swiss = replace(EXPECTED["digits_swiss"], count=300)
    monkeypatch.setattr("recognizer.training.sources.EXPECTED", {**EXPECTED, "digits_swiss": swiss})
    stored(tmp_path, "digits_swiss", whole("digits_swiss", 300))
    for name in OPTIONAL:
        with pytest.raises(DataError, match=rf"{name}\.npz: is not there"):
            load_pools(tmp_path, 1, without=[other for other in OPTIONAL if other != name])
    pools = load_pools(tmp_path, 1, without=OPTIONAL)
    assert set(pools) == set(PARTS)
    assert pools["train"].strange and not pools["train"].dashes and not len(pools["train"].blanks)
