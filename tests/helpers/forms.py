"""Draws forms as others print them, without our corner marks, and the templates that fit them."""

import functools
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from recognizer.geometry import MM_PER_INCH
from recognizer.records import GreyImage
from recognizer.template import SheetTemplate, parse_template

DPI = 300
PX_PER_MM = DPI / MM_PER_INCH
A4 = (210.0, 297.0)
WORDS = [
    "write",
    "only",
    "inside",
    "the",
    "boxes",
    "with",
    "a",
    "dark",
    "pen",
    "and",
    "do",
    "not",
    "fold",
    "this",
    "sheet",
    "hand",
    "it",
    "in",
    "at",
    "the",
    "end",
    "of",
    "the",
    "examination",
    "answers",
    "outside",
    "of",
    "the",
    "frame",
    "are",
    "not",
    "read",
    "ask",
    "for",
    "another",
    "sheet",
    "when",
    "you",
    "need",
    "more",
    "room",
    "the",
    "candidate",
    "is",
    "responsible",
    "for",
    "a",
    "readable",
    "number",
    "every",
    "question",
    "counts",
    "and",
    "wrong",
    "answers",
    "take",
    "nothing",
    "away",
]


@dataclass
class Form:
    """A form that is being drawn: its picture at 300 dpi and the fields of its template."""

    name: str
    picture: Image.Image = field(init=False)
    fields: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.picture = Image.new("L", (round(A4[0] * PX_PER_MM), round(A4[1] * PX_PER_MM)), 255)
        self._pen = ImageDraw.Draw(self.picture)

    @property
    def pixels(self) -> GreyImage:
        return np.asarray(self.picture)

    def text(self, x: float, y: float, text: str, size: float = 10) -> None:
        """Write text, its baseline at y (mm), size in points."""
        self._pen.text((x * PX_PER_MM, y * PX_PER_MM), text, fill=25, font=_font(size), anchor="ls")

    def paragraph(self, x: float, y: float, width: float, lines: int, start: int = 0) -> None:
        """Write lines of words."""
        at = start
        for line in range(lines):
            words: list[str] = []
            while _font(9).getlength(" ".join([*words, WORDS[at % len(WORDS)]])) < width * PX_PER_MM:
                words.append(WORDS[at % len(WORDS)])
                at += 1
            self.text(x, y + 4.6 * line, " ".join(words), 9)

    def box(self, x: float, y: float, width: float, height: float, rule: float = 0.25) -> None:
        """Draw a box whose rules are centred on its sides."""
        for left, top, right, bottom in (
            (x, y, x + width, y),
            (x, y + height, x + width, y + height),
            (x, y, x, y + height),
            (x + width, y, x + width, y + height),
        ):
            half = rule / 2
            self._pen.rectangle(
                tuple(round(side * PX_PER_MM - 0.5) for side in (left - half, top - half, right + half, bottom + half)),
                fill=40,
            )

    def ring(self, x: float, y: float, size: float, letter: str = "") -> None:
        """Draw a bubble, with a letter in it."""
        self._pen.ellipse(
            tuple(side * PX_PER_MM for side in (x, y, x + size, y + size)), outline=60, width=round(0.22 * PX_PER_MM)
        )
        if letter:
            middle = ((x + size / 2) * PX_PER_MM, (y + size / 2) * PX_PER_MM)
            self._pen.text(middle, letter, fill=120, font=_font(6.5), anchor="mm")

    def add(self, **keys: object) -> None:
        """Add a field to the template."""
        self.fields.append("[[page.field]]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in keys.items()))

    def toml(self) -> str:
        """Return the text of the template."""
        head = f'name = "{self.name}"\n[[page]]\nreference = "{self.name}-1.png"\nwidth = {A4[0]}\nheight = {A4[1]}\n'
        return head + "\n".join(self.fields) + "\n"

    def template(self) -> SheetTemplate:
        """Return the template, with its blank page at 200 dpi."""
        return form_template(self.toml(), self.pixels)


def form_template(toml: str, *blanks: GreyImage) -> SheetTemplate:
    """Return the template of a form from its TOML and the pictures of its blank pages at 300 dpi."""
    with tempfile.TemporaryDirectory() as folder:
        for name, blank in zip(re.findall(r'reference = "(.*?)"', toml), blanks, strict=True):
            (Path(folder) / name).write_bytes(blank_png(blank))
        return parse_template(toml, folder=Path(folder))


def blank_png(pixels: GreyImage, dpi: float = 200) -> bytes:
    """Return a picture at 300 dpi as the PNG of a blank page."""
    small = cv2.resize(pixels, None, fx=dpi / DPI, fy=dpi / DPI, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", small)[1].tobytes()


def _toml(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value) if isinstance(value, int | list) else f'"{value}"'


@functools.cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    with as_file(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf") as path:
        return ImageFont.truetype(path, size * DPI / 72)


def cover() -> Form:
    """Draw a cover page: a candidate number, a table of marks, text around."""
    form = Form("cover")
    form.text(60, 24, "Final Examination", 20)
    form.text(70, 32, "Department of Applied Arithmetic", 11)
    form.text(20, 46, "Candidate number", 10)
    for index in range(7):
        form.box(60 + 7 * index, 40, 7, 9)
    form.add(name="candidate", kind="digits", role="id", x=60.0, y=40.0, width=7.0, height=9.0, characters=7)
    form.text(20, 62, "Instructions", 12)
    form.paragraph(20, 70, 85, 32)
    form.text(130, 62, "For examiners only", 10)
    for column, (x, width) in enumerate(((125, 22), (147, 30))):
        for row in range(13):
            form.box(x, 66 + 10 * row, width, 10)
            if row == 0:
                form.text(x + 3, 73, ("Question", "Marks")[column], 9)
            elif column == 0:
                form.text(x + 8, 73 + 10 * row, str(row), 10)
            else:
                form.add(
                    name=f"q{row:02}",
                    kind="number",
                    role="mark",
                    question=str(row),
                    maximum=10,
                    step=0.5,
                    x=float(x),
                    y=66.0 + 10 * row,
                    width=float(width),
                    height=10.0,
                )
    form.text(20, 250, "Signature", 10)
    form.box(20, 253, 80, 20)
    form.add(name="signature", kind="image", role="none", x=20.0, y=253.0, width=80.0, height=20.0)
    form.text(150, 285, "Form 12-B", 8)
    return form


def bubbles() -> Form:
    """Draw a bubble sheet: a number in a grid of bubbles, and sixty questions."""
    form = Form("bubbles")
    form.text(20, 20, "Answer sheet for machine reading", 14)
    form.paragraph(20, 27, 120, 3, 7)
    for column in range(6):
        for row in range(10):
            form.ring(150 + 7 * column, 20 + 6 * row, 4.4, str(row))
    form.box(147, 16, 46, 66)
    form.add(
        name="candidate",
        kind="choice",
        role="id",
        options=[str(digit) for digit in range(10)],
        shape="bubble",
        direction="column",
        positions=6,
        x=150.0,
        y=20.0,
        width=4.4,
        height=4.4,
        pitch=6.0,
        position_pitch=7.0,
    )
    for number in range(60):
        x, y = 20 + 58 * (number // 20), 92 + 9 * (number % 20)
        form.text(x, y + 3.8, str(number + 1), 9)
        for option in range(5):
            form.ring(x + 10 + 8 * option, y, 4.6, "ABCDE"[option])
        form.add(
            name=f"q{number + 1:02}",
            kind="choice",
            role="answer",
            options=list("ABCDE"),
            shape="bubble",
            x=x + 10.0,
            y=float(y),
            width=4.6,
            height=4.6,
            pitch=8.0,
        )
    form.text(20, 285, "Do not write below this line", 8)
    return form


def survey() -> Form:
    """Draw a questionnaire: sentences with tick boxes."""
    form = Form("survey")
    form.text(20, 22, "What did you think of this course?", 16)
    for number in range(16):
        y = 36 + 14.5 * number
        form.paragraph(20, y, 95, 2, 5 * number)
        for option in range(4):
            form.text(125 + 18 * option, y - 3, ("never", "seldom", "often", "always")[option], 7)
            form.box(127 + 18 * option, y - 1, 5, 5)
        form.add(
            name=f"s{number + 1:02}",
            kind="choice",
            role="answer",
            options=["1", "2", "3", "4"],
            x=127.0,
            y=y - 1,
            width=5.0,
            height=5.0,
            pitch=18.0,
        )
    form.text(20, 280, "Thank you. Please drop the sheet into the box at the door.", 9)
    return form


def combs() -> Form:
    """Draw an entry form: numbers in combs of many lengths."""
    form = Form("combs")
    form.text(20, 20, "Entry for the Regional Competition", 15)
    names = ("school", "class", "pupil", "year", "part 1", "part 2", "part 3", "bonus", "sum", "checked by")
    for row, name in enumerate(names):
        y = 34 + 22 * row
        form.text(20, y + 6, name.capitalize(), 11)
        form.paragraph(140, y + 3, 50, 2, 11 * row)
        count = (6, 3, 8, 4, 3, 3, 3, 2, 4, 5)[row]
        for index in range(count):
            form.box(60 + 8.5 * index, y, 8.5, 10.5)
        form.add(
            name=name.replace(" ", "_"),
            kind="digits",
            role="answer",
            x=60.0,
            y=float(y),
            width=8.5,
            height=10.5,
            characters=count,
        )
    form.box(15, 258, 180, 24)
    form.text(18, 264, "Remarks", 9)
    return form


def table() -> Form:
    """Draw a list of marks: one row a candidate."""
    form = Form("table")
    form.text(20, 18, "List of marks, group 7", 13)
    x = [20, 50, 74, 98, 122, 146, 170]
    for row in range(25):
        y = 24 + 10 * row
        for column in range(7):
            width = (x[column + 1] if column < 6 else 194) - x[column]
            form.box(x[column], y, width, 10)
            if row == 0:
                form.text(
                    x[column] + 2, y + 7, ("number", "task 1", "task 2", "task 3", "task 4", "task 5", "sum")[column]
                )
            elif column == 0:
                form.text(x[column] + 4, y + 7, f"{4100 + 37 * row}", 10)
            else:
                form.add(
                    name=f"r{row:02}_c{column}",
                    kind="number",
                    role="answer",
                    x=float(x[column]),
                    y=float(y),
                    width=float(width),
                    height=10.0,
                )
    form.text(20, 284, "Return to the office by Friday", 8)
    return form


FORMS: tuple[Callable[[], Form], ...] = (cover, bubbles, survey, combs, table)


@functools.cache
def drawn_form(name: str) -> Form:
    """Return a form by its name, drawn once."""
    return next(draw() for draw in FORMS if draw.__name__ == name)


def every_form() -> Iterator[Form]:
    """Yield all five forms."""
    for draw in FORMS:
        yield drawn_form(draw.__name__)
