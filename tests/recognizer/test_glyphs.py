import importlib.resources
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recognizer.errors import GlyphError
from recognizer.glyphs import DIGITS, SOMEBODY, load_glyphs


def strokes(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """White strokes on black; picture n has its stroke in column n % 10 + 4."""
    pictures = np.zeros((count, 20, 20), np.uint8)
    for number in range(count):
        pictures[number, 3:17, number % 10 + 4] = 255
    return pictures


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "digits.npz"
    whole = {"x": strokes(10), "label": np.array(list(DIGITS)), "polarity": "white_on_black"} | arrays
    np.savez_compressed(path, **{key: value for key, value in whole.items() if value is not None})
    return path


def test_sample_writers_have_written_all_ten_digits() -> None:
    glyphs = load_glyphs()
    assert len(glyphs.writers) >= 20
    assert glyphs.images.shape[1:] == (28, 28)
    for rows in glyphs.where.values():
        assert set(rows) == set(DIGITS)
        assert all(rows.values())


def test_sample_glyphs_are_ink_on_paper() -> None:
    glyphs = load_glyphs()
    assert glyphs.images[:, 0, 0].max() == 0
    assert glyphs.images.max() == 255


def test_samples_need_no_scikit_learn() -> None:
    code = "import sys; from recognizer.glyphs import load_glyphs; load_glyphs(); print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(package: str) -> Path:
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(importlib.resources, "files", nowhere)
    with pytest.raises(GlyphError, match=r"pip install tallymark\[simulate\].*--digits FILE\.npz"):
        load_glyphs()


def test_damaged_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "data" / "data" / "mnist_5k.csv.gz"
    table.parent.mkdir(parents=True)
    table.write_bytes(b"\x1f\x8b\x08 cut off")
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    with pytest.raises(GlyphError, match="damaged"):
        load_glyphs()


def test_npz_without_writers_is_one_person(tmp_path: Path) -> None:
    glyphs = load_glyphs(saved(tmp_path))
    assert glyphs.writers == (SOMEBODY,)
    assert glyphs.where[SOMEBODY]["7"] == (7,)


def test_dark_on_light_is_turned_into_ink(tmp_path: Path) -> None:
    dark = load_glyphs(saved(tmp_path, x=255 - strokes(10), polarity="dark_on_light"))
    np.testing.assert_array_equal(dark.images, strokes(10))


def test_who_lacks_a_digit_writes_no_sheets(tmp_path: Path) -> None:
    labels = np.array([*DIGITS, *"012345678", "2.5", "blank"])
    writers = np.array([*["ann"] * 10, *["bob"] * 11])
    glyphs = load_glyphs(saved(tmp_path, x=strokes(21), label=labels, writer=writers))
    assert glyphs.writers == ("ann",)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": None}, "no 'x'"),
        ({"label": None, "polarity": None}, "no 'label', 'polarity'"),
        ({"x": strokes(10).astype(np.float32)}, "'x' is float32"),
        ({"x": strokes(10)[0]}, "shape"),
        ({"x": np.zeros((10, 4, 20), np.uint8)}, "20 x 4 pixels"),
        ({"label": np.array(list("012"))}, "'label' has shape"),
        ({"writer": np.array(["ann"])}, "'writer' has shape"),
        ({"polarity": "inverted"}, "polarity is 'inverted'"),
        ({"label": np.array(["-"] * 10)}, "no digits"),
        ({"label": np.array(["1"] * 10)}, "all ten"),
        ({"label": np.array([object()] * 10)}, "without objects"),
    ],
)
def test_unusable_npz_says_why(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(GlyphError, match=said):
        load_glyphs(saved(tmp_path, **arrays))


@pytest.mark.parametrize("kept", [0, 10, 300])
def test_cut_off_npz_is_named(tmp_path: Path, kept: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(GlyphError, match="no whole npz"):
        load_glyphs(path)


def test_scrambled_npz_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("x.npy").header_offset + 60
    data[start : start + 20] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(GlyphError, match="no whole npz"):
        load_glyphs(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GlyphError, match=r"nowhere\.npz: cannot be read"):
        load_glyphs(tmp_path / "nowhere.npz")
