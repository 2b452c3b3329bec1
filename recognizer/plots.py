"""Plots for people, drawn afterwards from records: PNG bytes, for light or dark pages. The door to matplotlib.

Nothing here opens a window, writes a file or keeps state; matplotlib is imported when the first plot is drawn.
"""

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recognizer.evaluation import (
    Confusion,
    Evaluation,
    GroupReport,
    ReviewStep,
    Share,
    SureBin,
    confusion,
    reliability,
    review_curve,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
"""Sharp on a screen of twice the usual density at the width the page shows."""

MOST_CLASSES = 24
"""Rows of a confusion matrix that can still be read; with more labels, those with most errors are shown."""

NAMED_WRITERS = 24
"""Writers whose names fit under the plot."""

CURVE_POINTS = 1500
"""Steps of a curve that are drawn: more than a plot has pixels."""

NAME_LENGTH = 14
"""Characters of a label or writer that are drawn."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a plot."""

    ground: str
    text: str
    quiet: str
    line: str
    wrong: str
    band: str


LIGHT = Theme("#ffffff", "#1c2430", "#66717f", "#1860c4", "#c2410c", "#cfe0f7")
DARK = Theme("#171c24", "#e4e9f0", "#93a0ae", "#6cb0ff", "#ff9a5c", "#24405f")


def draw_review_curve(found: Evaluation, theme: Theme = LIGHT) -> bytes:
    """Return a plot of wrong among accepted against the share sent to review, both logarithmic."""
    figure, axes = _blank(theme, 5.8, 4.0)
    total = len(found.results)
    steps = _thinned(review_curve(found))
    floor = 1000 / max(total, 1) / 3
    least = 100 / max(total, 1) / 2
    reviewed = [max(100 * (1 - step.accepted / total), least) for step in steps]
    wrong = [max(1000 * step.wrong / step.accepted, floor) for step in steps]
    upper = [max(1000 * Share(step.wrong, step.accepted).high, floor) for step in steps]
    axes.fill_between(reviewed, wrong, upper, color=theme.band, linewidth=0, label="up to the 95 % bound")
    axes.plot(reviewed, wrong, color=theme.line, linewidth=1.8, label="found")
    target = 1000 * found.accept_error
    axes.axhline(target, color=theme.wrong, linestyle=(0, (5, 3)), linewidth=1.2, label=f"target: {target:g} in 1,000")
    if (accepted := found.wrong_accepted).total:
        at = max(100 * found.reviewed.value, least)
        axes.plot(at, max(1000 * accepted.value, floor), "o", color=theme.wrong, markersize=8, label="this threshold")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(least, 100)
    axes.set_ylim(floor * 0.8, 1000)
    _percent_ticks(axes, "x", least)
    _plain_ticks(axes, "y", floor)
    axes.set_xlabel("share sent to a person")
    axes.set_ylabel("wrong in 1,000 accepted")
    _legend(axes, theme)
    return _png(figure)


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One curve of `draw_review_lines`: (share sent to a person, wrong in 1,000 accepted), from loose to strict."""

    name: str
    points: Sequence[tuple[float, float]]


def draw_review_lines(lines: Sequence[ReviewLine], total: int, target: float, theme: Theme = LIGHT) -> bytes:
    """Return a plot that compares ways to decide: wrong among accepted against the share sent to review.

    Args:
        lines: what is compared, the reference first.
        total: how many fields were decided.
        target: wrong in 1,000 that are allowed.
        theme: the colours.
    """
    figure, axes = _blank(theme, 5.8, 4.0)
    floor = 1000 / max(total, 1) / 3
    least = 100 / max(total, 1) / 2
    colours = (theme.quiet, theme.line, theme.wrong)
    for line, colour in zip(lines, colours, strict=False):
        review = [max(100 * share, least) for share, _ in line.points]
        wrong = [max(each, floor) for _, each in line.points]
        axes.plot(review, wrong, "o-", color=colour, linewidth=1.8, markersize=3.5, label=line.name)
    axes.axhline(target, color=theme.wrong, linestyle=(0, (5, 3)), linewidth=1.2, label=f"target: {target:g} in 1,000")
    axes.set_xscale("log")
    axes.set_yscale("log")
    shares = [max(100 * share, least) for line in lines for share, _ in line.points]
    axes.set_xlim(min(shares, default=1.0) * 0.9, 100)
    axes.set_ylim(floor * 0.8, 100)
    _ticks(axes, "x", {tick: f"{tick:g} %" for tick in (1, 2, 5, 10, 20, 50, 100)})
    _plain_ticks(axes, "y", floor)
    axes.set_xlabel("share sent to a person")
    axes.set_ylabel("wrong in 1,000 accepted")
    _legend(axes, theme)
    return _png(figure)


def draw_reliability(found: Evaluation, theme: Theme = LIGHT) -> bytes:
    """Return a plot of how often readings were wrong against how likely the model said so, both logarithmic."""
    figure, axes = _blank(theme, 5.8, 4.0)
    bins = reliability(found)
    floor = 1000 / max(sum(one.right.total for one in bins), 1) / 3
    least = min([floor, 0.1])
    axes.plot(
        [least, 1000], [least, 1000], color=theme.quiet, linewidth=1, linestyle=(0, (2, 2)), label="as it should be"
    )
    for one in bins:
        _draw_bin(axes, one, floor, least, theme)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(least * 0.8, 1000)
    axes.set_ylim(floor * 0.7, 1000)
    _plain_ticks(axes, "x", None)
    _plain_ticks(axes, "y", floor)
    axes.set_xlabel("what the model expects to be wrong, in 1,000")
    axes.set_ylabel("found wrong, in 1,000")
    axes.plot([], [], "o", color=theme.line, label="found (size: how many)")
    axes.plot([], [], color=theme.line, linewidth=1.2, label="90 % interval")
    _legend(axes, theme)
    return _png(figure)


def draw_confusion(found: Evaluation, theme: Theme = LIGHT) -> bytes:
    """Return the confusion matrix: what was written (rows), what it was read as (columns).

    Blue is right, orange is wrong, grey are pictures without a value.
    """
    from matplotlib.colors import to_rgb

    matrix = _cut(confusion(found))
    rows, columns = len(matrix.labels), len(matrix.read)
    figure, axes = _blank(theme, max(3.4, 1.6 + 0.36 * columns), max(2.2, 1.2 + 0.3 * rows))
    truths = {result.label: result.truth for result in found.results}
    ground = to_rgb(theme.ground)
    for y, label in enumerate(matrix.labels):
        total = max(sum(matrix.counts[y]), 1)
        for x, read in enumerate(matrix.read):
            count = matrix.counts[y][x]
            if not count:
                continue
            truth = truths[label]
            agrees = truth is not None and read == (truth or "blank")
            strength = 0.22 + 0.55 * (count / total) ** 0.4
            # What is no value has a likeliest value all the same; whether that was accepted is told elsewhere.
            ink = to_rgb(theme.line if agrees else theme.quiet if truth is None else theme.wrong)
            colour = tuple(strength * a + (1 - strength) * b for a, b in zip(ink, ground, strict=True))
            axes.fill_between([x - 0.48, x + 0.48], y - 0.48, y + 0.48, color=colour, linewidth=0)
            axes.text(x, y, str(count), ha="center", va="center", fontsize=7, color=theme.text, parse_math=False)
    axes.set_xlim(-0.6, columns - 0.4)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xticks(range(columns), [_name(name) for name in matrix.read], parse_math=False)
    axes.set_yticks(range(rows), [_name(name) for name in matrix.labels], parse_math=False)
    axes.tick_params(length=0, labelsize=8)
    if max((len(name) for name in matrix.read), default=0) > 3:
        axes.tick_params(axis="x", rotation=60)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xlabel("read as")
    axes.set_ylabel("written")
    return _png(figure)


def draw_writers(reports: Sequence[GroupReport], theme: Theme = LIGHT) -> bytes:
    """Return a plot of the errors of each writer, the best read first."""
    figure, axes = _blank(theme, 5.8, 3.5)
    places = range(len(reports))
    wrong = [Share(one.correct.total - one.correct.count, one.correct.total) for one in reports]
    axes.vlines(
        places,
        [100 * share.low for share in wrong],
        [100 * share.high for share in wrong],
        color=theme.line,
        linewidth=1.1,
        alpha=0.6,
        label="90 % interval",
    )
    axes.plot(places, [100 * share.value for share in wrong], "o", color=theme.line, markersize=4, label="one writer")
    overall = Share(sum(share.count for share in wrong), sum(share.total for share in wrong))
    axes.axhline(
        100 * overall.value, color=theme.wrong, linewidth=1.2, linestyle=(0, (5, 3)), label=f"all: {overall.value:.2%}"
    )
    axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])
    axes.set_ylabel("read wrong, %")
    if len(reports) <= NAMED_WRITERS:
        axes.set_xticks(places, [_name(one.name) for one in reports], rotation=60, ha="right", parse_math=False)
    else:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(reports)} writers, the best read first")
    _legend(axes, theme)
    return _png(figure)


def draw_learning(learning: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Return loss and share of wrong readings after each epoch, a row a network.

    Args:
        learning: the entry of a model's card: for each network `epochs`, each with `loss`, `validation_loss` and
            `validation_accuracy`.
        theme: the colours.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    figure, cells = _grid_of(theme, len(learning), 2)
    for (name, entry), (left, right) in zip(learning.items(), cells, strict=True):
        epochs = entry["epochs"]
        count = range(1, len(epochs) + 1)
        left.plot(count, [one["loss"] for one in epochs], color=theme.quiet, linewidth=1.6, label="training, varied")
        unseen = [one["validation_loss"] for one in epochs]
        left.plot(count, unseen, color=theme.line, linewidth=1.8, label="never seen")
        wrong = [100 * (1 - one["validation_accuracy"]) for one in epochs]
        right.plot(count, wrong, "o-", color=theme.wrong, linewidth=1.8, markersize=3.5, label="wrong, never seen")
        for axes, what in ((left, "loss"), (right, "% wrong")):
            axes.set_yscale("log")
            axes.set_ylabel(f"{name}: {what}")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            # A loss falls through a decade or two: every digit of each would be written over the next.
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            _legend(axes, theme)
    return _png(figure)


def _draw_bin(axes: "Axes", one: SureBin, floor: float, least: float, theme: Theme) -> None:
    wrong = Share(one.right.total - one.right.count, one.right.total)
    x, y = max(1000 * (1 - one.mean), least), 1000 * wrong.value
    axes.plot([x, x], [max(1000 * wrong.low, floor), 1000 * wrong.high], color=theme.line, linewidth=1.2)
    size = 4 + 1.3 * len(str(one.right.total)) ** 1.2
    face = theme.line if y else theme.ground
    axes.plot(x, max(y, floor), "o", color=theme.line, markerfacecolor=face, markersize=size)


def _cut(matrix: Confusion) -> Confusion:
    """Return the rows with most errors, and the columns in which they have something, when there are too many."""
    rows = list(range(len(matrix.labels)))
    if len(rows) > MOST_CLASSES:
        missed = [sum(counts) - max(counts, default=0) for counts in matrix.counts]
        rows = sorted(sorted(rows, key=lambda row: -missed[row])[:MOST_CLASSES])
    columns = [x for x in range(len(matrix.read)) if any(matrix.counts[row][x] for row in rows)]
    return Confusion(
        tuple(matrix.labels[row] for row in rows),
        tuple(matrix.read[x] for x in columns),
        tuple(tuple(matrix.counts[row][x] for x in columns) for row in rows),
    )


def _thinned(steps: Sequence[ReviewStep]) -> Sequence[ReviewStep]:
    if len(steps) <= CURVE_POINTS:
        return steps
    return [*steps[:: len(steps) // CURVE_POINTS], steps[-1]]


def _blank(theme: Theme, width: float, height: float) -> tuple["Figure", "Axes"]:
    """Return an empty plot; its canvas draws into memory."""
    # Its notes about caches are for its developers; what matters to us is raised.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor=theme.ground, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, _axes(figure, theme)


def _grid_of(theme: Theme, rows: int, columns: int) -> tuple["Figure", list[list["Axes"]]]:
    """Return several empty plots in one picture, row by row."""
    figure, first = _blank(theme, 3.9 * columns, 2.5 * max(rows, 1))
    first.remove()
    places = [[row * columns + column + 1 for column in range(columns)] for row in range(rows)]
    return figure, [[_axes(figure, theme, (rows, columns, place)) for place in row] for row in places]


def _axes(figure: "Figure", theme: Theme, place: tuple[int, int, int] = (1, 1, 1)) -> "Axes":
    axes = figure.add_subplot(*place)
    axes.set_facecolor(theme.ground)
    axes.tick_params(colors=theme.text, which="both", labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(theme.quiet)
    axes.xaxis.label.set_color(theme.text)
    axes.yaxis.label.set_color(theme.text)
    axes.grid(True, color=theme.quiet, alpha=0.22, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _percent_ticks(axes: "Axes", axis: str, least: float) -> None:
    _ticks(axes, axis, {tick: f"{tick:g} %" for tick in (0.01, 0.1, 1, 10, 100) if tick > least * 1.5} | {least: "0"})


def _plain_ticks(axes: "Axes", axis: str, floor: float | None) -> None:
    known = {tick: f"{tick:,g}" for tick in (0.01, 0.1, 1, 10, 100, 1000) if floor is None or tick > floor * 1.5}
    _ticks(axes, axis, known | ({floor: "0"} if floor is not None else {}))


def _ticks(axes: "Axes", axis: str, known: dict[float, str]) -> None:
    """Set ticks; the least value of a logarithmic axis stands for none at all."""
    low, high = axes.get_xlim() if axis == "x" else axes.get_ylim()
    seen = {at: name for at, name in sorted(known.items()) if low <= at <= high}
    place = axes.set_xticks if axis == "x" else axes.set_yticks
    place(list(seen), list(seen.values()))
    place([], minor=True)


def _legend(axes: "Axes", theme: Theme) -> None:
    """Write the legend above the plot, where it hides nothing."""
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        fontsize=8.5,
        frameon=False,
        handlelength=1.4,
        columnspacing=1.0,
    )
    for text in legend.get_texts():
        text.set_color(theme.text)


def _name(text: str) -> str:
    """Return a label as the plots' typeface can write it."""
    plain = "".join(letter if letter.isprintable() and ord(letter) < 0x250 else "?" for letter in text)
    return plain if len(plain) <= NAME_LENGTH else plain[: NAME_LENGTH - 1] + "…"


def _png(figure: "Figure") -> bytes:
    packed = io.BytesIO()
    figure.savefig(packed, format="png", facecolor=figure.get_facecolor(), metadata={"Software": None})
    return packed.getvalue()
