import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recognizer.errors import PictureSetError
from recognizer.glyphs import glyph_set
from recognizer.picture_sets import load_pictures, set_of_glyphs


def pictures(count: int = 3, height: int = 20, width: int = 16) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """White on black: an upright stroke."""
    drawn = np.zeros((count, height, width), np.uint8)
    drawn[:, height // 4 : -height // 4, width // 2] = 220
    return drawn


def whole(**changed: Any) -> dict[str, Any]:
    arrays: dict[str, Any] = {"x": pictures(), "label": np.array(["1", "1", "blank"]), "polarity": "white_on_black"}
    return {key: value for key, value in (arrays | changed).items() if value is not None}


def saved(folder: Path, **changed: Any) -> Path:
    path = folder / "set.npz"
    np.savez(path, **whole(**changed))
    return path


def test_pictures_come_dark_on_light_whatever_the_file_has(tmp_path: Path) -> None:
    found = load_pictures(saved(tmp_path, writer=np.array(["ann", "bob", "ann"])))
    assert found.pictures.shape == (3, 20, 16) and found.pictures[0, 10, 8] == 35 and found.pictures[0, 0, 0] == 255
    assert (found.labels, found.writers) == (("1", "1", "blank"), ("ann", "bob", "ann"))
    light = load_pictures(saved(tmp_path, x=255 - pictures(), polarity="dark_on_light"))
    assert (light.pictures == found.pictures).all() and light.writers is None


def test_a_channel_of_its_own_and_plain_numbers_as_labels_are_taken(tmp_path: Path) -> None:
    found = load_pictures(
        saved(tmp_path, x=pictures()[..., None], label=np.array([1, 1, 7]), polarity=np.array(["white_on_black"]))
    )
    assert found.pictures.shape == (3, 20, 16) and found.labels == ("1", "1", "7")
    assert load_pictures(saved(tmp_path, label=np.array([b"1", b" 7 ", b"\xff"]))).labels == ("1", "7", "\ufffd")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x": None}, "has no 'x'"),
        ({"label": None, "polarity": None}, "has no 'label', 'polarity'"),
        ({"polarity": "inverted"}, "polarity is 'inverted', expected dark_on_light or white_on_black"),
        ({"polarity": np.array(["white_on_black"] * 2)}, "expected dark_on_light"),
        ({"polarity": "dark_on_light"}, "most pictures look as if it were 'white_on_black'"),
        ({"x": pictures() / 255}, "'x' is float64"),
        ({"x": np.full((3, 20, 16), np.nan, np.float32)}, "'x' is float32"),
        ({"x": pictures().astype(np.int64)}, "'x' is int64"),
        ({"x": pictures().astype(object)}, "holds Python objects"),
        ({"label": np.array(["1", None, "7"], dtype=object)}, "holds Python objects"),
        ({"label": np.array(["1", "7"])}, r"'label' has shape \(2,\), expected \(3,\)"),
        ({"label": np.array([1.0, 2.5, 7.0])}, "'label' is float64"),
        ({"writer": np.array([["a", "b", "c"]])}, r"'writer' has shape \(1, 3\)"),
        ({"x": np.zeros((0, 20, 16), np.uint8), "label": np.array([], dtype="U1")}, "holds no pictures"),
        ({"x": pictures()[0]}, r"'x' has shape \(20, 16\)"),
        ({"x": np.zeros((3, 20, 16, 3), np.uint8)}, r"'x' has shape \(3, 20, 16, 3\)"),
        ({"x": pictures(3, 4, 4)}, "pictures of 4 x 4 pixels, expected 8 to 8192"),
        ({"x": np.zeros((3, 9000, 8), np.uint8)}, "pictures of 8 x 9000 pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_evaluated_is_refused_in_words(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(PictureSetError, match=said):
        load_pictures(saved(tmp_path, **changed))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def scrambled(path: Path) -> None:
    packed = bytearray(path.read_bytes())
    packed[200:400] = bytes(200)
    path.write_bytes(bytes(packed))


def a_text(path: Path) -> None:
    path.write_text("x,label\n")


def a_plain_array(path: Path) -> None:
    np.save(path.with_suffix(".npy"), pictures())
    path.with_suffix(".npy").rename(path)


def another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x", "label", "polarity"):
            archive.writestr(name, "nothing")


@pytest.mark.parametrize("damage", [cut, scrambled, a_text, a_plain_array, another_zip])
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = saved(tmp_path)
    damage(path)
    with pytest.raises(PictureSetError, match="is no whole npz file of plain arrays"):
        load_pictures(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureSetError, match=r"none\.npz: cannot be read: No such file"):
        load_pictures(tmp_path / "none.npz")
    with pytest.raises(PictureSetError, match="cannot be read: Is a directory"):
        load_pictures(tmp_path)


def test_an_array_that_claims_too_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez(path, **whole(x=None))
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({10**9}, 64, 64), }}".ljust(117) + "\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00v\x00" + header.encode())
    with pytest.raises(PictureSetError, match=r"'x' unpacks to 4,096,000,000,000 bytes"):
        load_pictures(path)


def test_pictures_without_contrast_say_nothing_of_polarity(tmp_path: Path) -> None:
    assert (load_pictures(saved(tmp_path, x=np.zeros((3, 20, 16), np.uint8))).pictures == 255).all()
    shade = np.tile(np.linspace(230, 250, 16).astype(np.uint8), (3, 20, 1))
    assert len(load_pictures(saved(tmp_path, x=shade, polarity="dark_on_light"))) == 3


def test_glyphs_become_pictures_in_the_order_of_their_file() -> None:
    ink = np.zeros((20, 28, 28), np.uint8)
    ink[:, 5, 5] = np.arange(20)
    labels = [str(row % 10) for row in range(20)]
    found = set_of_glyphs(glyph_set(ink, labels, ["a"] * 10 + ["b"] * 10, "drawn"))
    assert found.labels == tuple(labels) and found.writers == ("a",) * 10 + ("b",) * 10 and found.name == "drawn"
    assert (found.pictures[:, 5, 5] == 255 - np.arange(20)).all()
