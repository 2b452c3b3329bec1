from collections.abc import Callable

import cv2
import numpy as np
import pytest

from recognizer.evaluation import Evaluation, PictureResult, by_writer
from recognizer.picture_fields import field_for
from recognizer.picture_sets import PictureSet
from recognizer.plots import (
    DARK,
    LIGHT,
    MOST_CLASSES,
    ReviewLine,
    Theme,
    draw_confusion,
    draw_learning,
    draw_reliability,
    draw_review_curve,
    draw_review_lines,
    draw_writers,
)
from recognizer.records import Flag

Draw = Callable[[Evaluation, Theme], bytes]


def drawn_writers(found: Evaluation, theme: Theme) -> bytes:
    return draw_writers(by_writer(found), theme)


EVERY: tuple[Draw, ...] = (draw_review_curve, draw_reliability, draw_confusion, drawn_writers)


def evaluation(labels: list[str], *, hits: bool = True, flag: Flag | None = None) -> Evaluation:
    """Return a set read with falling confidence, right or wrong."""
    pictures = PictureSet("set", np.zeros((1, 20, 20), np.uint8), ("1",))
    results = tuple(
        PictureResult(
            *(row, label, label, label if hits else "9", 1 - row / (2 * len(labels)), flag is None, flag, f"w{row % 3}")
        )
        for row, label in enumerate(labels)
    )
    return Evaluation("set", field_for(pictures, "digits"), "width", 0.001, 0.9, results)


def picture(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("draw", EVERY)
@pytest.mark.parametrize(
    "found",
    [
        evaluation(["1", "2", "3"] * 40),
        evaluation(["1", "2", "3"] * 40, hits=False),
        evaluation(["1", "2", "3"], flag=Flag.FAINT),
        evaluation(["$x^2$", "漢字", "\x07", "a_b", "other" * 8]),
        evaluation([str(number) for number in range(90)]),
    ],
    ids=["all right", "all wrong", "nothing accepted", "strange labels", "many labels"],
)
def test_every_plot_is_a_picture_in_the_colours_of_its_page(draw: Draw, found: Evaluation) -> None:
    for theme, ground in ((LIGHT, (255, 255, 255)), (DARK, (0x24, 0x1C, 0x17))):
        pixels = picture(draw(found, theme))
        assert tuple(int(tone) for tone in pixels[0, 0]) == ground
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_a_confusion_of_many_labels_stays_small_enough_to_read() -> None:
    many = picture(draw_confusion(evaluation([str(number) for number in range(300)], hits=False)))
    some = picture(draw_confusion(evaluation([str(number) for number in range(MOST_CLASSES)], hits=False)))
    assert many.shape == some.shape


def test_equal_figures_give_equal_bytes() -> None:
    assert draw_review_curve(evaluation(["1"] * 9)) == draw_review_curve(evaluation(["1"] * 9))


def test_learning_is_drawn_network_by_network() -> None:
    epochs = [{"loss": 1 / n, "validation_loss": 1.2 / n, "validation_accuracy": 1 - 0.1 / n} for n in range(1, 6)]
    one, two = (
        draw_learning({"characters": {"epochs": epochs}}),
        draw_learning({"characters": {"epochs": epochs}, "marks": {"epochs": epochs[:1]}}),
    )
    heights = [cv2.imdecode(np.frombuffer(png, np.uint8), 0).shape[0] for png in (one, two)]
    assert heights[1] == 2 * heights[0]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_ways_to_decide_are_compared(theme: Theme) -> None:
    lines = [ReviewLine("each field alone", [(0.05, 4.0), (0.3, 0.2)]), ReviewLine("sums", [(0.03, 1.0), (0.06, 0.0)])]
    png = draw_review_lines(lines, 1000, 1.0, theme)
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    other = draw_review_lines([lines[0], ReviewLine("sums", [(0.2, 1.0), (0.4, 0.0)])], 1000, 1.0, theme)
    assert png == draw_review_lines(lines, 1000, 1.0, theme)
    assert png != other


def test_nothing_to_compare_is_an_empty_plot() -> None:
    assert draw_review_lines([], 0, 1.0).startswith(b"\x89PNG")
    assert draw_review_lines([ReviewLine("none", [(0.0, 0.0)])], 10, 1.0).startswith(b"\x89PNG")
