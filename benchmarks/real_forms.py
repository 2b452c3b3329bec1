"""Real forms by scanner and phone, registered without corner marks of ours, drawn over, and read.

    python -m benchmarks.real_forms [--data ../shared/data/forms] [--out build/real_forms]

The pictures are samples of OMRChecker (MIT): an answer booklet's cover with a student number in bubbles (three scans,
and its blank page), a sheet of 200 questions (two kinds of scan), a bubble sheet by phone. Their template.json tells
where the bubbles are; of it a template of ours is made. Where there is no blank page, a filled picture, laid flat by
its round markers, stands for it. For each picture the boxes are drawn over it (look at them), and what was read is
printed, to be compared by eye. Few pictures: this shows that real paper works, it measures no rate.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from recognizer.classifier import load_model
from recognizer.errors import RecognizerError
from recognizer.geometry import MM_PER_INCH
from recognizer.judge import ReviewPolicy
from recognizer.overlay import draw_overlay, draw_residuals, drawn_png
from recognizer.promise import policy_thresholds
from recognizer.raster import load_page, scan_digest
from recognizer.reading import read_page
from recognizer.records import GreyImage, PageRef, PageResult
from recognizer.register import register
from recognizer.residuals import box_residuals
from recognizer.template import SheetSet, SheetTemplate, load_template

BLANK_DPI = 200
LEAST_BUBBLE_MM = 3.0
MARKER = "omr_marker.jpg"


@dataclass(frozen=True)
class RealForm:
    """A form: its folder, the picture that stands for its blank page, its size in mm, and how large its markers are.

    `marker` is the range of the markers' width over the width of the part of the picture that is searched (`within`:
    left, top, right, bottom as shares); empty when the whole page is the template's page.
    """

    folder: str
    blank: str
    size_mm: tuple[float, float]
    pictures: tuple[str, ...]
    marker: tuple[float, ...] = ()
    within: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


FORMS = (
    RealForm(
        "omrchecker_sample6",
        "reference.png",
        (210.0, 297.0),
        tuple(f"doc-scans__sample_roll_0{number}.jpg" for number in (1, 2, 3)),
    ),
    RealForm(
        "omrchecker_umar",
        "scans__scan-type-2.jpg",
        (197.0, 255.0),
        ("scans__scan-type-1.jpg", "scans__scan-type-2.jpg"),
        (0.02, 0.05),
        (0.04, 0.05, 0.97, 0.92),
    ),
    RealForm(
        "omrchecker_sample1",
        "MobileCamera__sheet1.jpg",
        (160.0, 130.0),
        ("MobileCamera__sheet1.jpg",),
        (0.035, 0.08),
        (0.22, 0.29, 0.78, 0.65),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/forms"))
    parser.add_argument("--out", type=Path, default=Path("build/real_forms"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = load_model()
    policy = ReviewPolicy(policy_thresholds(model.card.details, 0.001), flag_blank_marks=False)
    for form in FORMS:
        template = made(form, arguments.data / form.folder, arguments.out)
        sheets = SheetSet("exam", (template,))
        for name in form.pictures:
            path = arguments.data / form.folder / name
            page = load_page(path, PageRef(scan_digest(path), 1))
            try:
                registered = register(page, sheets)
            except RecognizerError as error:
                print(f"{form.folder} {name}: not registered: {error}")
                continue
            read = read_page(page, sheets, model, policy)
            assert isinstance(read, PageResult)
            off = [one.off_mm for one in box_residuals(registered) if one.off_mm is not None] or [0.0]
            print(f"{form.folder} {name}: off by {registered.error_mm:.2f} mm; {len(off)} of", end=" ")
            print(f"{len(template.all_boxes())} boxes seen, off by {np.median(off):.2f} mm (median)")
            print("   " + " ".join(said(read)))
            stem = arguments.out / f"{form.folder}-{Path(name).stem}"
            stem.with_suffix(".boxes.png").write_bytes(drawn_png(draw_residuals(registered, box_residuals(registered))))
            drawn = draw_overlay(page, read.mm_to_px, template, 1, read.decisions, read.bend)
            stem.with_suffix(".read.png").write_bytes(drawn_png(drawn))


def said(read: PageResult) -> Iterator[str]:
    for one in read.decisions:
        yield f"{one.field}={one.value or '-'}" if one.flag is None else f"{one.field}=?({one.guess_in_words})"


def made(form: RealForm, folder: Path, out: Path) -> SheetTemplate:
    """Write a template of ours for a form, with the picture of its blank page, and load it."""
    name = form.folder.removeprefix("omrchecker_")
    width, height = form.size_mm
    blank = cv2.imread(str(folder / form.blank), cv2.IMREAD_GRAYSCALE)
    size = (round(width / MM_PER_INCH * BLANK_DPI), round(height / MM_PER_INCH * BLANK_DPI))
    layout = json.loads((folder / "template.json").read_text())
    flat = laid_flat(np.asarray(blank, dtype=np.uint8), form, folder, size)
    cv2.imwrite(str(out / f"{name}-1.png"), flat)
    text = f'name = "{name}"\n[[page]]\nreference = "{name}-1.png"\nwidth = {width}\nheight = {height}\n'
    text += "\n".join(fields(layout, form))
    (out / f"{name}.toml").write_text(text)
    return load_template(out / f"{name}.toml")


def laid_flat(blank: GreyImage, form: RealForm, folder: Path, size: tuple[int, int]) -> GreyImage:
    """Return the picture that stands for the blank page, cut at its markers' middles where the template is."""
    if not form.marker:
        return np.asarray(cv2.resize(blank, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * np.array(size)
    found = np.array(list(markers(blank, form, folder)))
    transform, _ = cv2.findHomography(found, corners.astype(np.float64), 0)
    return np.asarray(cv2.warpPerspective(blank, transform, size, borderValue=255), dtype=np.uint8)


def markers(picture: GreyImage, form: RealForm, folder: Path) -> Iterator[tuple[float, float]]:
    """Yield the middles of the four round markers: top left, top right, bottom left, bottom right."""
    marker = cv2.imread(str(folder / MARKER), cv2.IMREAD_GRAYSCALE)
    height, width = picture.shape
    left, top, right, bottom = (
        round(share * side) for share, side in zip(form.within, (width, height) * 2, strict=True)
    )
    third = ((right - left) // 3, (bottom - top) // 3)
    for y in (top, bottom - third[1]):
        for x in (left, right - third[0]):
            part, best = picture[y : y + third[1], x : x + third[0]], (-1.0, 0.0, 0.0)
            for share in np.linspace(*form.marker, 14):
                edge = round(float(share) * (right - left))
                small = cv2.resize(np.asarray(marker), (edge, edge), interpolation=cv2.INTER_AREA)
                _, fit, _, place = cv2.minMaxLoc(cv2.matchTemplate(part, small, cv2.TM_CCOEFF_NORMED))
                best = max(best, (fit, x + place[0] + edge / 2 - 0.5, y + place[1] + edge / 2 - 0.5))
            yield best[1:]


def fields(layout: dict[str, Any], form: RealForm) -> Iterator[str]:
    """Yield an entry of our template for every label of OMRChecker's."""
    across = form.size_mm[0] / layout["pageDimensions"][0]
    down = form.size_mm[1] / layout["pageDimensions"][1]
    bubble = [layout["bubbleDimensions"][0] * across, layout["bubbleDimensions"][1] * down]
    for block in layout["fieldBlocks"].values():
        kind = block.get("fieldType", "")
        values = block.get("bubbleValues") or (list("0123456789") if kind == "QTYPE_INT" else list("ABCD"))
        vertical = kind == "QTYPE_INT" or block.get("direction") == "vertical"
        for index, label in enumerate(labels(block["fieldLabels"])):
            x, y = block["origin"][0] * across, block["origin"][1] * down
            step = index * block["labelsGap"]
            x, y = (x + step * across, y) if vertical else (x, y + step * down)
            size = [max(side, LEAST_BUBBLE_MM) for side in bubble]
            x, y = x - (size[0] - bubble[0]) / 2, y - (size[1] - bubble[1]) / 2
            pitch = block["bubblesGap"] * (down if vertical else across)
            yield (
                f'[[page.field]]\nname = "{label}"\nkind = "choice"\nrole = "answer"\nshape = "bubble"\n'
                f'direction = "{"column" if vertical else "row"}"\noptions = {json.dumps(values)}\n'
                f"x = {x:.3f}\ny = {y:.3f}\nwidth = {size[0]:.3f}\nheight = {size[1]:.3f}\npitch = {pitch:.3f}"
            )


def labels(written: Sequence[str]) -> Iterator[str]:
    """Yield labels, `q1..4` written out."""
    for one in written:
        stem, _, last = one.partition("..")
        if not last:
            yield one
            continue
        name = stem.rstrip("0123456789")
        yield from (f"{name}{number}" for number in range(int(stem[len(name) :]), int(last) + 1))


if __name__ == "__main__":
    main()
