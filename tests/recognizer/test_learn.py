"""What known fields teach; and a whole learning, small: an untrained model learns to tell a 1 from a 7."""

import csv
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.classifier import CARD_FILE, load_model, write_card
from recognizer.errors import ModelError
from recognizer.fields import FieldCrops
from recognizer.known_fields import KnownField, Part, Source
from recognizer.records import CLASSES, SYMBOLS, BoxCrop
from recognizer.template import Kind, Role, SheetField
from recognizer.training.calibrate import SINGLE
from recognizer.training.learn import Plan, Prepared, comb_labels, learn, lessons, ways_to_write
from recognizer.training.rehearsal import FACTS, rehearsal_pool
from recognizer.training.reserved import reserved_writers
from recognizer.training.samples import NO_CLASS, Composed, encoded, views_of
from recognizer.training.sources import DataError
from tests.helpers.drawn_box import ONE, SEVEN, Stroke, box_pixels, crop_of
from tests.helpers.reading_model import STEPS, WidthModel, calibration

PLACE: Mapping[str, Any] = {"name": "f", "role": "answer", "x": 9, "y": 40, "width": 7, "height": 9}
CELL = SheetField(**PLACE, kind="number", minimum=0, maximum=10, step=Decimal("0.5"), dash=True)
ID = SheetField(name="id", kind=Kind.DIGITS, role=Role.ID, x=9, y=40, width=7, height=9, characters=2)


class SpellingModel(WidthModel):
    """Sees a text in every cell, as a network would, and in boxes a class."""

    def __init__(self, text: str = "7", seen: str = "7") -> None:
        super().__init__(0.9)
        self._text, self._seen = text, seen

    def sequences(self, strips: NDArray[np.float32]) -> NDArray[np.float32]:
        steps = np.full((len(strips), STEPS, 1 + len(SYMBOLS)), 0.001, np.float32)
        steps[..., 0] = 0.9
        for at, symbol in enumerate(self._text):
            steps[:, 3 + 3 * at] = 0.001
            steps[:, 3 + 3 * at, 1 + SYMBOLS.index(symbol)] = 0.9
        return steps / steps.sum(axis=2, keepdims=True)

    def probabilities(self, glyphs: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._rows(len(CLASSES), [CLASSES.index(self._seen)] * len(glyphs))


def drawn(*strokes: Stroke) -> BoxCrop:
    return crop_of(box_pixels(strokes))


def known(field: SheetField, truth: str | None, *crops: BoxCrop, source: Source = Source.CORRECTED) -> KnownField:
    return KnownField(FieldCrops(field, crops), truth, "w", source)


# ---- what known fields teach -----------------------------------------------------------------------------------------


def test_a_cell_teaches_the_way_of_writing_that_the_model_finds_likeliest() -> None:
    fields = [known(CELL, "2.5", drawn(SEVEN))]
    for seen, text in (("2½", "2½"), ("2.5", "2.5"), ("27", "2½")):
        taught = lessons(fields, SpellingModel(seen))
        assert taught.left_out == {}
        assert taught.samples.text.tolist() == [encoded(text)]
        assert taught.samples.y.tolist() == [NO_CLASS]


def test_a_field_with_too_many_values_to_list_has_few_ways_for_one() -> None:
    free = SheetField(**PLACE, kind="number", dash=True, absent=True)
    assert set(ways_to_write(free, "12.5")) >= {"12½", "12.5"}
    assert ways_to_write(free, "-") == ("-",)
    assert set(ways_to_write(free, "AB")) == {"AB", "ABS"}
    assert "-3" in ways_to_write(free, "-3")


def test_an_id_teaches_one_character_a_box() -> None:
    taught = lessons([known(ID, "17", drawn(ONE), drawn(SEVEN))], WidthModel(0.5))
    assert [CLASSES[at] for at in taught.samples.y] == ["1", "7"]
    assert taught.samples.text.tolist() == [encoded("1"), encoded("7")]


@pytest.mark.parametrize(
    ("value", "boxes", "labels"),
    [
        ("7", "  7 ", "7"),
        ("7", " 07 ", "07"),
        ("7.5", "  75", "75"),
        ("-7.5", "- 75", None),
        ("17", " 17 ", "17"),
        ("17", " 170", "170"),
        ("17.5", " 17 ", None),
        ("177", " 17 ", None),
        ("7", "1 7 ", None),
    ],
)
def test_a_number_in_boxes_is_laid_where_there_is_ink(value: str, boxes: str, labels: str | None) -> None:
    """Three boxes, a printed point, one box: people write zeros that the value does not have."""
    field = SheetField(**PLACE, kind="digits", characters=4, decimals=1)
    crops = [drawn() if box == " " else drawn(SEVEN) for box in boxes]
    found = comb_labels(field, crops, value)
    assert "".join(label for _, label in found) == (labels or "")
    inked = [crop for crop, box in zip(crops, boxes, strict=True) if box != " "]
    assert not found or all(crop is box for (crop, _), box in zip(found, inked, strict=True))


def test_a_minus_stands_in_the_box_of_the_sign() -> None:
    field = SheetField(**PLACE, kind="digits", characters=2, sign=True)
    dash: Stroke = [(1.5, 4.5), (5.0, 4.5)]
    assert [label for _, label in comb_labels(field, [drawn(dash), drawn(), drawn(SEVEN)], "-7")] == ["-", "7"]
    assert comb_labels(field, [drawn(dash), drawn(), drawn(SEVEN)], "7") == []


def test_what_cannot_be_learned_is_counted_by_reason() -> None:
    choice = SheetField(**PLACE, kind="choice", options=("A",))
    fields = [
        known(CELL, "", drawn(SEVEN)),
        known(CELL, None, drawn(SEVEN)),
        known(CELL, "3", drawn(), source=Source.CHECKED),
        known(choice, "A", drawn(SEVEN)),
        known(ID, "177", drawn(ONE), drawn(SEVEN)),
    ]
    assert lessons(fields, WidthModel(0.5)).left_out == {
        "blank": 2,
        "no ink": 1,
        "boxes to tick": 1,
        "boxes and value do not fit": 1,
    }


def test_what_looks_struck_out_is_not_taught_as_a_value() -> None:
    assert lessons([known(CELL, "7", drawn(SEVEN))], SpellingModel("#7")).left_out == {"looks struck out": 1}
    taught = lessons([known(ID, "17", drawn(ONE), drawn(SEVEN))], SpellingModel(seen="cancelled"))
    assert taught.left_out == {"looks struck out": 2}
    assert len(taught.samples.y) == 0


def test_a_value_that_was_meant_but_is_not_written_is_not_taught() -> None:
    """A 7 that surely stands there was corrected to a 3; in a sample check the question was what is written."""
    sure = WidthModel(0.9999)
    assert lessons([known(CELL, "3", drawn(SEVEN))], sure).left_out == {"something else seems to be written": 1}
    asked = lessons([known(CELL, "3", drawn(SEVEN), source=Source.CHECKED)], sure)
    assert asked.samples.text.tolist() == [encoded("3")]
    assert lessons([], sure).left_out == {}


def test_nobody_who_is_held_out_is_rehearsed() -> None:
    with FACTS.open(newline="", encoding="ascii") as lines:
        writers = [int(row["writer"]) for row in csv.DictReader(lines)]
    assert not set(writers) & reserved_writers()
    held = sorted(set(writers))[::2]
    pool = rehearsal_pool({"excluded": {"calibration_mnist_writers": held, "mnist_t10k": "measured on only"}})
    rehearsed = sum(map(len, pool.groups[0][1][0].digits.values()))
    assert rehearsed == sum(writer not in held for writer in writers) > 500


# ---- a whole learning ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An untrained model with its weights, of a marks network that stays as it is."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        # TensorFlow's own modules warn about other libraries; none of it is about this project.
        warnings.simplefilter("ignore")
        import keras

        from recognizer.training import export
        from recognizer.training.network import BUILDERS

        # Where nothing was learned, classes are close to one another everywhere.
        patch.setattr(export, "PARITY_LIMIT", 0.25)
        folder = tmp_path_factory.mktemp("parent")
        keras.utils.set_random_seed(2)
        views = views_of(boxes(8, 0))
        view = keras.Input((32, 32, 1))
        pooled = keras.layers.Flatten()(keras.layers.MaxPooling2D(8)(view))
        marks = keras.Model(view, keras.layers.Dense(3)(pooled), name="marks")
        networks = {
            "characters": export.export_network(BUILDERS["characters"](), folder, views.glyphs),
            "numbers": export.export_network(BUILDERS["numbers"](), folder, views.lines),
            "marks": export.export_network(marks, folder, np.eye(32, dtype=np.float32)[None, ..., None]),
        }
        card = {"name": "untrained", "networks": networks, "calibration": calibration(), "figures": {"accuracy": 0.1}}
        write_card(folder, card)
        yield folder


def boxes(count: int, seed: int) -> list[Composed]:
    """Ones and sevens in turn, each drawn a little differently."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(count):
        digit = "17"[at % 2]
        stroke = (np.array(ONE if digit == "1" else SEVEN) + rng.normal(0, 0.2, 2)).tolist()
        made.append(Composed(drawn(stroke), CLASSES.index(digit), digit))
    return made


def fields_of(count: int, seed: int, source: Source = Source.CHECKED) -> tuple[KnownField, ...]:
    return tuple(known(SINGLE, one.text, one.crop, source=source) for one in boxes(count, seed))


FIELDS = {Part.LEARN: fields_of(60, 1), Part.STOP: fields_of(10, 2), Part.TEST: fields_of(20, 3)}


def plan_for(parent: Path, folder: Path) -> Plan:
    return Plan("exam", "untrained+exam-1", parent, folder, None, 25, 1, 1, 0.01)


def small(test: Sequence[KnownField], about: Mapping[str, Any], plan: Plan) -> Prepared:
    return Prepared(
        views_of(boxes(20, 4)), views_of(boxes(10, 5)), {"held out": tuple(test), "base": fields_of(24, 6)}, None
    )


def test_a_copy_that_learned_is_written_with_all_that_is_known_of_it(parent: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in parent.iterdir()}
    learned = learn(FIELDS, plan_for(parent, tmp_path / "model"), lambda _: None, small)
    assert learned.against == ()
    assert learned.held_out.after.right > learned.held_out.before.right
    assert learned.held_out.after.right >= 18
    assert learned.lessons == 60

    copy = load_model(tmp_path / "model")
    assert copy.name == "untrained+exam-1"
    card = copy.card.details
    assert "figures" not in card
    (about,) = card["learned"]
    assert about["parent"]["name"] == "untrained"
    assert about["fields"] == {"checked": 60}
    assert about["before_and_after"]["held out"]["right"] == [
        learned.held_out.before.right,
        learned.held_out.after.right,
    ]
    # What changed is calibrated anew, on no more than was measured here; what did not keeps its curve.
    assert card["calibration"]["choice"] == calibration()["choice"]
    assert card["calibration"]["digits"]["fields"] == 24
    assert card["calibration"]["number"]["fields"] == 0
    sums = {name: network.sha256 for name, network in copy.card.networks.items()}
    assert sums["marks"] == about["parent"]["sha256"]["marks"]
    assert sums["characters"] != about["parent"]["sha256"]["characters"]
    # It can go on learning, and its parent is as it was.
    from recognizer.training.trained import load_trained

    assert load_trained(tmp_path / "model", "characters").name == "characters"
    assert before == {path.name: path.read_bytes() for path in parent.iterdir()}


def test_what_does_not_get_better_is_not_changed(parent: Path) -> None:
    """Ones and sevens are taught, but what says when to stop are threes: every step there is one for the worse."""
    from recognizer.training.fine_tuning import Data, fine_tuned
    from recognizer.training.trained import load_trained

    views = views_of(boxes(20, 1))
    threes = views.x, np.full_like(views.y, CLASSES.index("3"))
    taught = Data((views.x, views.y), (views.x, views.y), threes, threes)
    assert fine_tuned(load_trained(parent, "characters"), taught, 2, 1, lambda _: None) is None


def test_weights_survive_being_packed_to_sixteen_bits(parent: Path) -> None:
    from recognizer.training.trained import load_trained

    glyphs = views_of(boxes(12, 7)).glyphs
    ours = load_model(parent).networks["characters"].logits(glyphs)
    theirs = load_trained(parent, "characters").predict(glyphs, verbose=0)
    assert np.abs(ours - theirs).max() < 0.1 * np.abs(theirs).max() + 0.05


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("damage", ["gone", "changed", "misfit", "unnamed"])
def test_weights_that_do_not_belong_are_refused(parent: Path, tmp_path: Path, damage: str) -> None:
    import hashlib
    import shutil

    from recognizer.training.trained import load_trained

    folder = tmp_path / "model"
    shutil.copytree(parent, folder)
    path, card = folder / "characters.npz", json.loads((folder / CARD_FILE).read_text())
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "misfit":
        shutil.copyfile(folder / "numbers.npz", path)
        card["networks"]["characters"]["trained"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        del card["networks"]["characters"]["trained"]
    write_card(folder, card)
    with pytest.raises(ModelError):
        load_trained(folder, "characters")
    if damage == "unnamed":
        with pytest.raises(ModelError, match="without the weights that learning begins with"):
            learn(FIELDS, plan_for(folder, tmp_path / "copy"), lambda _: None, small)
        assert not (tmp_path / "copy").exists()


def test_too_little_to_learn_from_is_told_with_what_was_left_out(parent: Path, tmp_path: Path) -> None:
    few = FIELDS | {Part.LEARN: (*fields_of(5, 1), known(CELL, "", drawn(SEVEN)))}
    with pytest.raises(DataError, match=r"only \d boxes and cells.*blank: 1"):
        learn(few, plan_for(parent, tmp_path / "model"), lambda _: None, small)
    assert not (tmp_path / "model").exists()
