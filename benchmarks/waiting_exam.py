"""A made-up exam of which tens of thousands of fields wait for a person, to measure the review with.

Nothing of it was scanned or read: fields are written into the database as a run would write them, each with a picture
of its own, drawn from real handwritten digits. What is written there is known, so that a scripted clerk can type it.
"""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from flows.records import Arrival, FiledField, FiledPage, FileOutcome, PageRow, ScanRow
from flows.store import open_store
from recognizer.glyphs import GlyphSet, load_glyphs
from recognizer.records import (
    CharacterReading,
    Decision,
    Flag,
    PageOutcomeKind,
    RankedValue,
    Reading,
    ValueState,
)
from recognizer.template import Kind, Role

MARKS = 10
"""Mark cells of a sheet, all of which wait."""

TEMPLATE = f"""
name = "waiting"
[[page]]
[[page.field]]
name = "q{{n}}"
kind = "number"
role = "mark"
question = "{{n}}"
x = 57
y = 52
width = 18
height = 11
minimum = 0
maximum = 99
repeat = {{ count = {MARKS}, rows = {MARKS}, dy = 17 }}
"""

SETTINGS = 'exam = "waiting"\ntemplates = ["waiting.toml"]\n'

SHEETS_A_SCAN = 500
CROP = (112, 168)
"""Height and width of a picture in pixels, as those of a cell of this size are."""

RIGHT = 0.7
"""How often the machine's best guess is what is written: of what it is unsure of, about as much as on real sheets."""

MODEL = "made-up"


def waiting_exam(folder: Path, flags: int, seed: int = 1) -> dict[str, str]:
    """Make an exam folder of which so many fields wait (rounded up to whole sheets), and no others are there.

    Returns:
        What is written in each field, by its key.
    """
    folder.mkdir(parents=True)
    for name in ("inbox", "archive", "quarantine", "exports"):
        (folder / name).mkdir()
    (folder / "exam.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "waiting.toml").write_text(TEMPLATE, encoding="utf-8")
    rng, glyphs = random.Random(seed), load_glyphs()
    truth: dict[str, str] = {}
    with open_store(folder) as store:
        run = store.begin_run("grade", tallymark="0", model=MODEL, renderer="none", settings="{}")
        for number, sheets in enumerate(_portions(-(-flags // MARKS)), start=1):
            scan = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
            name = f"scan-{number:03}.pdf"
            arrival = Arrival(number, name.encode(), name, scan, f"{scan}.pdf", 1, 2, 3)
            store.begin_arrival(arrival)
            store.add_scan(ScanRow(scan, number, name, len(sheets), f"{scan}.pdf"))
            pages = [_page(scan, name, at, serial) for at, serial in enumerate(sheets, start=1)]
            filed = [FiledPage(page, None, np.eye(3), tuple(_fields(page, truth, rng, glyphs))) for page in pages]
            store.save_pages(filed, MODEL, run, 1.0)
            store.settle_arrival(arrival, FileOutcome.READ, run=run)
            store.finish_arrival(arrival)
        store.finish_run(run, 1.0)
    return truth


def _portions(sheets: int) -> Iterator[range]:
    for first in range(1, sheets + 1, SHEETS_A_SCAN):
        yield range(first, min(first + SHEETS_A_SCAN, sheets + 1))


def _page(scan: str, name: str, number: int, serial: int) -> PageRow:
    return PageRow(
        scan=scan,
        number=number,
        file=name,
        outcome=PageOutcomeKind.READ,
        reason="",
        sheet=f"waiting#{serial:05}",
        template="waiting",
        template_version=1,
        template_page=1,
        serial=serial,
        error_mm=0.1,
        source="embedded",
        identified_by="qr",
    )


def _fields(page: PageRow, truth: dict[str, str], rng: random.Random, glyphs: GlyphSet) -> Iterator[FiledField]:
    for n in range(1, MARKS + 1):
        written = str(rng.randint(0, 99))
        other = str(rng.randint(0, 99))
        guess, next_best = (written, other) if rng.random() < RIGHT else (other, written)
        share = rng.uniform(0.3, 0.95)
        name = f"q{n}"
        truth[f"{page.scan[:12]}-{page.number}-{name}"] = written
        ranked = (RankedValue(guess, share), RankedValue(next_best, (1 - share) * 0.9))
        if guess == next_best:
            ranked = ranked[:1]
        seen = tuple(CharacterReading(at, tuple(guess[at]), (share,)) for at in range(len(guess)))
        why = f"it may be {guess} ({share:.0%}) or {next_best}"
        yield FiledField(
            Kind.NUMBER,
            Role.MARK,
            Reading(name, ranked, seen, None, _crop(written, rng, glyphs)),
            Decision(name, ValueState.UNSETTLED, "", guess, share, Flag.UNSURE, why),
        )


def _crop(written: str, rng: random.Random, glyphs: GlyphSet) -> bytes:
    paper = np.full(CROP, 246, np.uint8)
    cv2.rectangle(paper, (8, 8), (CROP[1] - 9, CROP[0] - 9), 150, 2)
    left = 34 + rng.randint(-6, 6)
    writer = rng.choice(glyphs.writers)
    for digit in written:
        ink = cv2.resize(glyphs.images[rng.choice(glyphs.where[writer][digit])], (48, 56), interpolation=cv2.INTER_AREA)
        top = 26 + rng.randint(-5, 5)
        here = paper[top : top + 56, left : left + 48]
        np.minimum(here, 246 - (ink.astype(np.float32) * 0.85).astype(np.uint8), out=here)
        left += 46 + rng.randint(-2, 3)
    return bytes(cv2.imencode(".png", paper, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
