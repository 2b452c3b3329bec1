"""`tallymark read`: the digits in any picture."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.errors import PlaceError
from flows.places import replace_file

if TYPE_CHECKING:
    from recognizer.classifier import ReadingModel
    from recognizer.free_picture import FoundDigit, FreeReading

EXIT_FAULTY = 3


@dataclass(frozen=True, slots=True)
class _Read:
    """One file: what was read, or why it was not, and where the drawn picture lies."""

    file: Path
    reading: "FreeReading | None" = None
    error: str = ""
    picture: Path | None = None


@click.command(no_args_is_help=True)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a PNG for each picture there: the original left, what was read drawn over a pale copy right. Without "
    "it, no picture is written.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object for each file.")
@click.option(
    "--model",
    "model_folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="A model other than the shipped.",
)
def read(images: tuple[Path, ...], folder: Path | None, as_json: bool, model_folder: Path | None) -> int:
    """Read the handwritten digits in any picture: a photo, a scan or one page of PDF, without a form.

    Prints each line of writing as text, numbers that stand apart with a space between them. What is no digit, or is not
    sure, is a "?"; no digit is ever guessed. Points and commas are left out: 3.5 is read as 35. In drawn pictures green
    was read, orange is a guess, grey is no digit.

    In the JSON, places are pixels of the picture as it is displayed, from its top left corner; a file that cannot be
    read has "error" and no "lines". Then the exit code is 3, and all other files were read.

    \b
    Examples:
      tallymark read photo.jpg
      tallymark read scans/*.png --out drawn
      tallymark read photo.jpg --json
    """  # noqa: D301 - click wants a real backspace here
    from recognizer.classifier import load_model
    from recognizer.reading import keep_to_one_core

    # On a busy machine OpenCV's threads wait for each other ten times longer than they work.
    keep_to_one_core()
    model = load_model(model_folder)
    if folder is not None:
        _make(folder)
    names = _names(images, folder) if folder is not None else [None] * len(images)
    found = [_read(path, drawn, model) for path, drawn in _shown(list(zip(images, names, strict=True)))]
    for one in found:
        if one.error:
            click.echo(f"Error: {one.error}", err=True)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], ensure_ascii=False, indent=1))
    else:
        _print_texts(found, len(images) > 1)
    return EXIT_FAULTY if any(one.error for one in found) else 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlaceError(f"{folder}: cannot be made: {error.strerror or error}") from error


def _names(images: Sequence[Path], folder: Path) -> list[Path]:
    """Return where to draw each picture: `photo-read.png` for `photo.jpg`; no two alike, and none that is read."""
    taken = {path.resolve() for path in images}
    names = []
    for path in images:
        drawn, number = folder / f"{path.stem}-read.png", 1
        while drawn.resolve() in taken:
            number += 1
            drawn = folder / f"{path.stem}-read-{number}.png"
        taken.add(drawn.resolve())
        names.append(drawn)
    return names


def _read(path: Path, drawn: Path | None, model: "ReadingModel") -> _Read:
    from recognizer.colour_picture import load_colours
    from recognizer.errors import RecognizerError
    from recognizer.free_overlay import side_by_side_png
    from recognizer.free_picture import read_picture

    try:
        picture = load_colours(path)
    except RecognizerError as error:
        return _Read(path, error=str(error))
    try:
        reading = read_picture(picture, model)
    except RecognizerError as error:
        return _Read(path, error=f"{path}: {error}")
    if drawn is not None:
        png = side_by_side_png(picture, reading)
        replace_file(drawn, lambda file: file.write(png))
    return _Read(path, reading, picture=drawn)


def _as_json(one: _Read) -> dict[str, Any]:
    if one.reading is None:
        return {"file": str(one.file), "error": one.error}
    return {
        "file": str(one.file),
        "width": one.reading.width,
        "height": one.reading.height,
        "lines": [
            {"text": line.text, "digits": [_digit_as_json(digit) for digit in line.digits]}
            for line in one.reading.lines
        ],
        "picture": None if one.picture is None else str(one.picture),
    }


def _digit_as_json(digit: "FoundDigit") -> dict[str, Any]:
    bounds = digit.bounds
    return {
        "text": digit.text,
        "status": digit.status.value,
        "guess": digit.digit,
        "probability": round(digit.probability, 4),
        "x": round(bounds.x, 1),
        "y": round(bounds.y, 1),
        "width": round(bounds.width, 1),
        "height": round(bounds.height, 1),
    }


def _print_texts(found: Sequence[_Read], several: bool) -> None:
    for one in found:
        if one.reading is None:
            continue
        if several:
            click.echo(f"{one.file}:")
        if not one.reading.lines:
            click.echo(f"{one.file}: nothing is written on it", err=True)
        for line in one.reading.lines:
            click.echo(f"  {line.text}" if several else line.text)
    for one in found:
        if one.picture is not None:
            click.echo(f"Wrote {one.picture}", err=True)


def _shown(jobs: Sequence[tuple[Path, Path | None]]) -> Iterator[tuple[Path, Path | None]]:
    """Yield the files, under a progress bar on standard error when there are several and that is a terminal."""
    if len(jobs) < 2 or not sys.stderr.isatty():
        yield from jobs
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(jobs, "Reading", console=Console(stderr=True), transient=True)
