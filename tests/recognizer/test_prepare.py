"""Originals, laid out as their publishers do, become the files that training reads."""

import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognizer.training import prepare
from recognizer.training.prepare import SWISS_WRITERS, main, prepare_mnist, prepare_writers
from recognizer.training.sources import DARK_ON_LIGHT, EXPECTED, DataError, archive_pictures, mnist_digits, packed_idx


def png(path: Path, side: int, *, light: bool = False) -> None:
    """A picture of one upright stroke on light or dark ground."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((side, side), 255 if light else 0, np.uint8)
    pixels[side // 8 : -side // 8, side // 2 - side // 16 : side // 2 + side // 16] = 0 if light else 255
    assert cv2.imwrite(str(path), pixels)


def checked(columns: dict[str, np.ndarray], name: str, count: int) -> dict[str, np.ndarray]:
    wanted = EXPECTED[name]
    assert columns["x"].shape == (count, *wanted.size) and columns["x"].dtype == np.uint8
    assert str(columns["polarity"]) == wanted.polarity and len(columns["label"]) == count
    edges, middle = columns["x"][:, 0, 0], columns["x"][:, wanted.size[0] // 2, wanted.size[1] // 2]
    assert ((edges > middle) == (wanted.polarity == DARK_ON_LIGHT)).all()
    return columns


def swiss_folder(folder: Path) -> Path:
    for writer in (*SWISS_WRITERS, "0001_CH4M", "0019_US5M"):
        for digit in "07":
            for number in (9, 10):
                png(folder / writer / digit / f"number-{number}.png", 100, light=True)
    (folder / "0019_US5M" / "README.md").write_text("about")
    return folder


def test_swiss_digits_come_from_the_writers_who_train_alone(tmp_path: Path) -> None:
    found = checked(prepare.swiss(swiss_folder(tmp_path), "digits_swiss"), "digits_swiss", 15 * 4)
    assert set(found["writer"].tolist()) == set(SWISS_WRITERS)
    assert found["label"].tolist()[:4] == ["0", "0", "7", "7"]


def test_a_missing_swiss_writer_is_named(tmp_path: Path) -> None:
    (swiss_folder(tmp_path) / "0012_CH3M").rename(tmp_path / "other")
    with pytest.raises(DataError, match="has no folder 0012_CH3M"):
        prepare.swiss(tmp_path, "digits_swiss")


def test_bhmsds_labels_stand_in_the_names(tmp_path: Path) -> None:
    for name in ("slash-1484", "3-7", "x-2", "dot-1"):
        png(tmp_path / "symbols" / f"{name}.png", 28)
    found = checked(prepare.bhmsds(tmp_path, "digits_symbols_bhmsds"), "digits_symbols_bhmsds", 4)
    assert sorted(found["label"].tolist()) == ["3", "dot", "slash", "x"]


def test_mdas_labels_stand_in_the_folders(tmp_path: Path) -> None:
    for part in ("test", "train", "val"):
        png(tmp_path / "symbols_partitioned" / part / "division_slash" / f"{part}.png", 28)
    found = checked(prepare.mdas(tmp_path, "symbols_mdas"), "symbols_mdas", 3)
    assert set(found["label"].tolist()) == {"division_slash"}
    assert found["split"].tolist() == ["test", "train", "val"]


def omniglot_folder(folder: Path) -> Path:
    for character in range(1, 27):
        for drawer in range(1, 21):
            name = f"{682 + character:04}_{drawer:02}.png"
            png(folder / "images_background" / "Latin" / f"character{character:02}" / name, 105, light=True)
    return folder


def ctct_folder(folder: Path, marked: int = 991, empty: int = 1262) -> Path:
    for number in range(marked):
        png(folder / "custom_dataset" / "choice" / f"Screenshot {number}.png", 32)
    for number in range(empty):
        png(folder / "custom_dataset" / "unchoice" / f"e{number}.png", 32)
    return folder


def bits(side: int) -> list[str]:
    row = "0" * (side // 2 - 1) + "11" + "0" * (side // 2 - 1)
    return ["0" * side, *[row] * (side - 2), "0" * side]


def optdigits_folder(folder: Path, last: str = "cv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, count in (("tra", 1934), (last, 946)):
        lines = ["32x32 bitmaps, with a head", "entwidth 32", f"{count}"]
        for number in range(count):
            lines += [*bits(32), f" {number % 10}"]
        (folder / f"optdigits-orig.{suffix}").write_text("\n".join(lines) + "\n")
    return folder


def semeion_lines(spaced: bool) -> list[str]:
    lines = []
    for number in range(1593):
        marks = ["1" if digit == number % 10 else "0" for digit in range(10)]
        cells = [*"".join(bits(16)), *marks]
        spread = [f"{cell}.0000" for cell in cells[:256]] + cells[256:]
        lines.append(" ".join(spread) + " " if spaced else "".join(cells))
    return lines


@pytest.mark.parametrize("last", ["cv", "tes"])
def test_optdigits_are_read_past_their_head(tmp_path: Path, last: str) -> None:
    found = checked(prepare.optdigits(optdigits_folder(tmp_path, last), "digits_optdigits"), "digits_optdigits", 2880)
    assert found["label"].tolist()[:12] == [*"012345678901"] and found["split"].tolist().count("tra") == 1934


def test_damaged_optdigits_are_named_with_their_line(tmp_path: Path) -> None:
    path = optdigits_folder(tmp_path) / "optdigits-orig.tra"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:50], *lines[51:]]))
    with pytest.raises(DataError, match=r"optdigits-orig\.tra: line 68: after 31 lines"):
        prepare.optdigits(tmp_path, "digits_optdigits")
    path.write_text("\n".join(lines[:-3]))
    with pytest.raises(DataError, match="ends within a picture"):
        prepare.optdigits(tmp_path, "digits_optdigits")
    path.write_bytes(b"\x1f\x9d\x90\xff")
    with pytest.raises(DataError, match="unpack it if it is packed"):
        prepare.optdigits(tmp_path, "digits_optdigits")


@pytest.mark.parametrize("spaced", [True, False])
def test_semeion_is_read_in_both_forms(tmp_path: Path, spaced: bool) -> None:
    lines = semeion_lines(spaced)
    (tmp_path / "semeion.data").write_text("\n".join(lines[:1500]))
    (tmp_path / "test.data").write_text("\n".join(lines[1500:]) + "\n")
    found = checked(prepare.semeion(tmp_path, "digits_semeion"), "digits_semeion", 1593)
    assert found["label"].tolist()[:11] == [*"01234567890"]


@pytest.mark.parametrize("line", ["0" * 266, "0" * 255 + "1" * 11, "01" * 50, "a" * 266])
def test_damaged_semeion_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "semeion.data").write_text("\n".join([*semeion_lines(False)[:5], line]))
    with pytest.raises(DataError, match=r"semeion\.data: line 6: "):
        prepare.semeion(tmp_path, "digits_semeion")


def test_all_that_is_there_is_made_and_is_what_training_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    originals, out = tmp_path / "originals", tmp_path / "data"
    omniglot_folder(originals / "omniglot")
    ctct_folder(originals / "CTCT-Exam-Scanner")
    optdigits_folder(originals / "optdigits")
    (originals / "semeion").mkdir()
    (originals / "semeion" / "semeion.data").write_text("\n".join(semeion_lines(True)))
    assert main(["--originals", str(originals), "--out", str(out)]) == 0
    for name in ("letters_omniglot", "bubbles_ctct", "digits_optdigits", "digits_semeion"):
        assert len(archive_pictures(out, name).x) == EXPECTED[name].count
    letters = archive_pictures(out, "letters_omniglot")
    assert letters.label[0] == "a" and letters.label[-1] == "z" and letters.x[0, 32, 32] == 255
    said = capsys.readouterr().out
    assert "bubbles_ctct: 2253 pictures" in said and "digits_swiss: not made" in said and "MNIST: not made" in said
    before = {path: path.read_bytes() for path in (out / "train").iterdir()}
    assert main(["--originals", str(originals), "--out", str(out)]) == 0
    assert "is there already; remove" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in (out / "train").iterdir()}


def test_a_bad_original_does_not_keep_the_others_from_being_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    originals, out = tmp_path / "originals", tmp_path / "data"
    ctct_folder(originals / "CTCT-Exam-Scanner", 20, 20)
    for number in range(20):
        png(originals / "bhmsds" / "symbols" / f"x-{number}.png", 28, light=True)
    (originals / "mdas").mkdir()
    omniglot_folder(originals / "omniglot")
    assert main(["--originals", str(originals), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert "bubbles_ctct: holds 40 pictures, expected 2253" in said
    assert "the pictures' edges say that they are not white_on_black" in said
    assert "nothing in it is named symbols_partitioned" in said
    assert [path.name for path in (out / "train").iterdir()] == ["letters_omniglot.npz"]
    assert main(["--originals", str(tmp_path / "nowhere"), "--out", str(out)]) == 1
    assert "is no folder" in capsys.readouterr().err


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    png(tmp_path / "symbols" / "x-1.png", 28)
    (tmp_path / "symbols" / "x-2.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"x-2\.png: is no picture"):
        prepare.bhmsds(tmp_path, "digits_symbols_bhmsds")


def mnist_arrays() -> dict[str, np.ndarray]:
    arrays = {}
    for part, count in (("train", 60_000), ("test", 10_000)):
        arrays[f"x_{part}"] = np.zeros((count, 28, 28), np.uint8)
        arrays[f"y_{part}"] = (np.arange(count) % 10).astype(np.uint8)
    return arrays


def qmnist_folder(folder: Path) -> Path:
    folder.mkdir()
    for part, count in (("train", 60_000), ("test", 60_000)):
        table = np.zeros((count, 8), ">i4")
        table[:, 0], table[:, 2] = np.arange(count) % 10, np.arange(count) // 111
        head = np.array([0x0C02, count, 8], ">i4").tobytes()
        (folder / f"qmnist-{part}-labels-idx2-int.gz").write_bytes(gzip.compress(head + table.tobytes()))
    return folder


@pytest.mark.parametrize("form", ["keras", "idx", "idx.gz"])
def test_mnist_and_its_writers_come_from_any_form(tmp_path: Path, form: str) -> None:
    arrays, folder = mnist_arrays(), tmp_path / "mnist"
    folder.mkdir()
    qmnist_folder(tmp_path / "qmnist")
    if form == "keras":
        np.savez_compressed(folder / "mnist.npz", **arrays)
    else:
        for stem, part in (("train", "train"), ("t10k", "test")):
            for kind, key in (("images-idx3", "x"), ("labels-idx1", "y")):
                raw = packed_idx(arrays[f"{key}_{part}"])
                name = f"{stem}-{kind}-ubyte"
                (folder / (name + (".gz" if form == "idx.gz" else ""))).write_bytes(
                    gzip.compress(raw, 1) if form == "idx.gz" else raw
                )
    assert "60000 train and 10000 test" in prepare_mnist(tmp_path, tmp_path / "data")
    assert "541 writers" in prepare_writers(tmp_path, tmp_path / "data")
    for part, count in (("train", 60_000), ("test", 10_000)):
        found = mnist_digits(tmp_path / "data", part)
        assert (found.label == (np.arange(count) % 10).astype(np.str_)).all()
        assert (found.writer == np.arange(count) // 111).all()


def test_other_labels_than_qmnists_are_refused(tmp_path: Path) -> None:
    arrays, folder = mnist_arrays(), tmp_path / "mnist"
    folder.mkdir()
    arrays["y_train"][5] = 9
    np.savez_compressed(folder / "mnist.npz", **arrays)
    path = qmnist_folder(tmp_path / "qmnist") / "qmnist-train-labels-idx2-int.gz"
    prepare_mnist(tmp_path, tmp_path / "data")
    with pytest.raises(DataError, match=r"not those of MNIST's train part \(1 other digits\)"):
        prepare_writers(tmp_path, tmp_path / "data")
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-4]))
    with pytest.raises(DataError, match="is no whole QMNIST file"):
        prepare_writers(tmp_path, tmp_path / "data")


def test_a_short_mnist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    arrays = mnist_arrays()
    np.savez(tmp_path / "mnist" / "mnist.npz", **(arrays | {"x_test": arrays["x_test"][:99]}))
    with pytest.raises(DataError, match=r"test has pictures uint8 \(99, 28, 28\)"):
        prepare_mnist(tmp_path, tmp_path / "data")
    np.savez(tmp_path / "mnist" / "mnist.npz", x_train=arrays["x_train"])
    with pytest.raises(DataError, match="has no y_train, so it is not Keras's"):
        prepare_mnist(tmp_path, tmp_path / "data")
    (tmp_path / "mnist" / "mnist.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(DataError, match=r"mnist\.npz: cannot be read"):
        prepare_mnist(tmp_path, tmp_path / "data")
