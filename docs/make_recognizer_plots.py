"""Draw the plots of docs/recognizer.md from sets of labelled pictures, and print the rows of its table.

    python docs/make_recognizer_plots.py digits=FILE.npz:digits marks=FILE.npz:number

NAME=FILE:KIND gives docs/images/recognizer_NAME_review.png and so on, each also for dark pages. No picture of a set is
shown, only figures.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from recognizer.classifier import load_model
from recognizer.errors import RecognizerError
from recognizer.evaluation import Evaluation, evaluate
from recognizer.picture_fields import field_for
from recognizer.picture_sets import load_pictures
from recognizer.plots import DARK, LIGHT, draw_confusion, draw_reliability, draw_review_curve
from recognizer.promise import ACCEPT_ERROR, policy_thresholds

IMAGES = Path(__file__).parent / "images"

PLOTS = {"review": draw_review_curve, "reliability": draw_reliability, "confusion": draw_confusion}


def main(arguments: list[str]) -> int:
    """Evaluate every set that is named, draw, and print."""
    if not arguments:
        print(__doc__)
        return 2
    model = load_model()
    print(
        "| set | pictures | read right | accepted | wrong in 1,000 accepted | to a person |\n|---|---|---|---|---|---|"
    )
    for argument in arguments:
        name, _, rest = argument.partition("=")
        file, _, kind = rest.rpartition(":")
        try:
            pictures = load_pictures(Path(file))
            field = field_for(pictures, kind)
            held = policy_thresholds(model.card.details, ACCEPT_ERROR)
            found = evaluate(pictures, field, model, held, ACCEPT_ERROR)
        except RecognizerError as error:
            print(error, file=sys.stderr)
            return 1
        for path, png in drawn(name, found):
            path.write_bytes(png)
        print(row(name, found))
    return 0


def drawn(name: str, found: Evaluation) -> Iterator[tuple[Path, bytes]]:
    """Yield every plot with its place."""
    for plot, draw in PLOTS.items():
        yield IMAGES / f"recognizer_{name}_{plot}.png", draw(found, LIGHT)
        yield IMAGES / f"recognizer_{name}_{plot}_dark.png", draw(found, DARK)


def row(name: str, found: Evaluation) -> str:
    """Return a row of the table in docs/recognizer.md."""
    wrong, right = found.wrong_accepted, found.correct
    per = f"{1000 * wrong.value:.2f} (at most {1000 * wrong.high:.2f})" if wrong.total else "none accepted"
    return (
        f"| {name} | {right.total:,} | {right.value:.2%} (at least {right.low:.2%}) | {wrong.total:,} | {per} | "
        f"{found.reviewed.value:.2%} |"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
