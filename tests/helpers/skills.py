"""What worker processes can do in tests: read make-believe scans, and crash or hang where these say so.

A page that says {"crash": true} ends the process the way a PDF library does, {"hang": true} computes for ever, and
{"wait": true} waits for ever; the scan's first line says the same of opening it.
"""

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from flows import workers
from flows.limits import clock
from flows.workers import ReaderInfo, ReaderSpec, RunOfPages, Skills, begin
from recognizer.classifier import ModelCard
from recognizer.judge import ReviewPolicy
from recognizer.promise import Thresholds
from recognizer.records import SYMBOLS, GlyphStack, MarkStack, PageOutcome, Probabilities, StripStack, SymbolSteps
from tests.helpers.evidence import sure
from tests.helpers.fakes import FakeReader


def info() -> ReaderInfo:
    return FakeReader().info()


def count_pages(path: str, seconds: int) -> int:
    first = Path(path).read_text().partition("\n")[0]
    _misbehave({word: True for word in ("crash", "hang", "wait") if word in first}, seconds)
    return FakeReader().count_pages(Path(path))


def read_run(pages: RunOfPages, seconds: int) -> tuple[PageOutcome, ...]:
    lines = Path(pages.path).read_text().splitlines()
    for ref in pages.refs():
        _misbehave(json.loads(lines[ref.number]), seconds)
    return FakeReader().read_run(pages)


def own_threads(pages: RunOfPages, seconds: int) -> tuple[PageOutcome, ...]:
    """Start another program, leave both process numbers beside the scan, then wait to be ended."""
    with subprocess.Popen(["sleep", "60"]) as other:
        Path(pages.path).with_suffix(".pid").write_text(f"{os.getpid()} {other.pid}")
    threading.Event().wait(60)
    return ()


def _misbehave(said: dict[str, object], seconds: int) -> None:
    with clock(seconds):
        if said.get("crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        while said.get("hang"):
            pass
        while said.get("wait"):
            time.sleep(1)


class SameForAll:
    """A model that takes every piece of ink for a sure 7, every cell for one 7, and every box for marked."""

    name = "same-for-all"
    card = ModelCard("same-for-all", {}, {})

    def probabilities(self, glyphs: GlyphStack) -> Probabilities:
        row = np.array(sure("7", 0.999), dtype=np.float32)
        return np.tile(row, (len(glyphs), 1))

    def sequences(self, strips: StripStack) -> SymbolSteps:
        steps = np.zeros((len(strips), 30, 1 + len(SYMBOLS)), dtype=np.float32)
        steps[:, :, 0] = 1.0
        steps[:, 10] = np.eye(1 + len(SYMBOLS))[1 + SYMBOLS.index("7")]
        return steps

    def marks(self, boxes: MarkStack) -> Probabilities:
        return np.tile(np.array([0.0, 1.0, 0.0], dtype=np.float32), (len(boxes), 1))


def begin_with_same_for_all(spec: ReaderSpec) -> None:
    """Read real scans, but classify without weights."""
    begin(spec)
    workers._loaded = SameForAll(), ReviewPolicy(Thresholds(0.9, 0.9, 0.9))


REAL_BUT_FOR_THE_MODEL = replace(workers.READING, begin=begin_with_same_for_all)
MAKE_BELIEVE = Skills(begin, info, count_pages, read_run)
ENDLESS = Skills(begin, info, count_pages, own_threads)
