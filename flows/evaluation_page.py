"""One HTML page about how a model reads labelled pictures. Nothing in it comes from elsewhere; no scripts."""

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path

from recognizer.evaluation import (
    Evaluation,
    GroupReport,
    PictureResult,
    Wall,
    by_label,
    by_writer,
    calibration_error,
    confusion,
    read_as,
    reliability,
)
from recognizer.overlay import picture_png
from recognizer.picture_fields import field_in_words
from recognizer.plots import DARK, LIGHT, Theme, draw_confusion, draw_reliability, draw_review_curve, draw_writers
from recognizer.records import GreyImage

BROAD = 15
"""Columns of a confusion matrix from which it takes the page's whole width."""

WALL_HEIGHT = 84
"""Pixels that a picture on the wall is high."""

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --card: #f5f7fa; --text: #1c2430; --quiet: #5a6572;
  --line: #dbe1e8; --wrong: #b23a08; --good: #17703c; }
@media (prefers-color-scheme: dark) { :root { --ground: #171c24; --card: #202732; --text: #e4e9f0; --quiet: #9aa7b5;
  --line: #353f4c; --wrong: #ff9a5c; --good: #6fd39a; } }
body { background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; max-width: 70rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; margin: 3rem 0 .3rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.8rem 0 .4rem; } figure h3 { margin-top: 0; }
p { max-width: 48rem; } .quiet { color: var(--quiet); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; white-space: normal; min-width: 6rem; }
th { color: var(--quiet); font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 2rem 1.5rem;
  margin: 1.2rem 0; align-items: start; }
figure { margin: 0; } figure img { max-width: 100%; height: auto; display: block; }
figure.broad { grid-column: 1 / -1; } figcaption { font-size: .88rem; color: var(--quiet); }
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.2rem, 1fr)); gap: .7rem; padding: 0;
  list-style: none; }
.wall li { background: var(--card); border-radius: .4rem; padding: .5rem; font-size: .82rem; line-height: 1.35; }
.wall img { display: block; height: 84px; max-width: 100%; object-fit: contain; margin-bottom: .35rem;
  image-rendering: auto; background: #fff; border-radius: .2rem; }
.wrong { color: var(--wrong); font-weight: 600; } .good { color: var(--good); }
"""


def evaluation_page(found: Sequence[Evaluation], walls: Sequence[Wall]) -> str:
    """Return the page about one or more evaluated sets, as HTML; each has its wall of errors."""
    parts = [
        "<h1>How well the fields are read</h1>",
        f"<p>Model <strong>{escape(found[0].model)}</strong>, accepted at a target of at most "
        f"{1000 * found[0].accept_error:g} wrong in 1,000 accepted fields. Whatever it is less sure of goes to a "
        "person.</p>",
        _summary_table(found),
        '<p class="quiet">In brackets: bounds at 95 %, each one-sided (Clopper and Pearson 1934). A label that is no '
        "value, such as <em>other</em> or <em>cancelled</em>, is read right when nothing is accepted.</p>",
        *(_section(evaluation, errors) for evaluation, errors in zip(found, walls, strict=True)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Tallymark: how well the fields are read</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _summary_table(found: Sequence[Evaluation]) -> str:
    heads = ("set", "kind", "pictures", "read right", "accepted", "wrong accepted", "wrong in 1,000", "to review")
    rows = []
    for one in found:
        wrong = one.wrong_accepted
        rows.append(
            (
                escape(Path(one.name).name),
                one.kind,
                f"{len(one.results):,}",
                f"{one.correct.value:.2%} (at least {one.correct.low:.2%})",
                f"{wrong.total:,}",
                _wrong(wrong.count),
                f"{1000 * wrong.value:.2f} (at most {1000 * wrong.high:.2f})" if wrong.total else "none accepted",
                f"{one.reviewed.value:.2%}",
            )
        )
    return _table(heads, rows)


def _section(found: Evaluation, errors: Wall) -> str:
    bins = reliability(found)
    writers = by_writer(found)
    plots = [
        _plot(
            "Errors against review",
            lambda theme: draw_review_curve(found, theme),
            _about_curve(found),
            "Every threshold: the stricter, the more goes to a person and the fewer errors are accepted. The dot is "
            "what the model does at this target.",
        ),
        _plot(
            "Is its confidence worth what it says?",
            lambda theme: draw_reliability(found, theme),
            f"Reliability diagram; expected calibration error {calibration_error(bins):.4f}.",
            "Readings grouped by how sure the model was. On the dotted line it is as often wrong as it says; below, it "
            f"is too modest, above too sure. Expected calibration error: {calibration_error(bins):.4f}.",
        ),
        _plot(
            "What is taken for what",
            lambda theme: draw_confusion(found, theme),
            "Confusion matrix; the table of labels has the same in figures.",
            "Likeliest reading of every picture, accepted or not. Blue is right, orange is wrong; grey is what was "
            "seen in pictures that hold no value.",
            broad=len(confusion(found).read) > BROAD,
        ),
    ]
    if writers:
        plots.append(
            _plot(
                "Writers",
                lambda theme: draw_writers(writers, theme),
                f"Errors of {len(writers)} writers: the best {1 - writers[0].correct.value:.1%}, the worst "
                f"{1 - writers[-1].correct.value:.1%}.",
                "Some hands are harder to read than others: what share of each writer's pictures was read wrong.",
            )
        )
    return "\n".join(
        (
            f"<h2>{escape(found.name)}</h2>",
            f'<p class="quiet">{len(found.results):,} pictures, each read as {escape(field_in_words(found.field))}. '
            f"{_threshold_in_words(found)}</p>",
            f'<div class="plots">{"".join(plots)}</div>',
            "<h3>Label by label</h3>",
            _group_table("label", by_label(found)),
            "<h3>The worst errors</h3>",
            _wall(errors),
        )
    )


def _threshold_in_words(found: Evaluation) -> str:
    if found.threshold > 1:
        return "Nothing of this kind is accepted at this target."
    return f"Accepted from a probability of {found.threshold:.6g}."


def _about_curve(found: Evaluation) -> str:
    wrong = found.wrong_accepted
    return f"At the target, {found.reviewed.value:.1%} go to review; {wrong.count} of {wrong.total} accepted are wrong."


def _group_table(name: str, groups: Iterable[GroupReport]) -> str:
    heads = (name, "pictures", "read right", "accepted", "wrong accepted", "to review")
    return _table(
        heads,
        [
            (
                escape(one.name),
                f"{one.correct.total:,}",
                f"{one.correct.value:.2%} (at least {one.correct.low:.1%})",
                f"{one.wrong_accepted.total:,}",
                _wrong(one.wrong_accepted.count),
                f"{one.reviewed.value:.2%}",
            )
            for one in groups
        ],
    )


def _wall(errors: Wall) -> str:
    if not errors:
        return '<p class="good">There are none.</p>'
    intro = "<p>Errors that were accepted come first, then the surest of those that went to a person.</p>"
    return intro + f'<ul class="wall">{"".join(_on_the_wall(*error) for error in errors)}</ul>'


def _on_the_wall(result: PictureResult, pixels: GreyImage) -> str:
    picture = picture_png(pixels, 2 * WALL_HEIGHT)
    label, read = escape(result.label), escape(read_as(result))
    fate = '<span class="wrong">accepted</span>' if result.accepted else "to review"
    return (
        f'<li><img src="{_data(picture)}" alt="picture {result.row}, labelled {label}, read as {read}">'
        f"label <strong>{label}</strong>, read <strong>{read}</strong><br>{_sure(result)}<br>{fate}"
        f'<br><span class="quiet">no. {result.row}</span></li>'
    )


def _sure(result: PictureResult) -> str:
    if result.value is None:
        return f"{result.flag.value if result.flag else 'no value'}"
    return f"{100 * result.score:.5g} % sure"


def _plot(title: str, draw: Callable[[Theme], bytes], alt: str, caption: str, *, broad: bool = False) -> str:
    """Return a plot in both sets of colours; the browser shows the one that goes with its page."""
    return (
        f"<figure{' class=broad' if broad else ''}><h3>{escape(title)}</h3><picture>"
        f'<source media="(prefers-color-scheme: dark)" srcset="{_data(draw(DARK))}">'
        f'<img src="{_data(draw(LIGHT))}" alt="{escape(alt)}"></picture>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _wrong(count: int) -> str:
    return f'<span class="wrong">{count:,}</span>' if count else "0"


def _data(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
