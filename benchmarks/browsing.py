"""A real Chromium and a real server of the review: what drives both, for measurements, browser tests and screenshots.

    python -m benchmarks.browsing

says which Chromium is driven, or how to get one. The browser is the machine's own (Debian's package, or the one that
$CHROMIUM names): none is downloaded.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""How Chromium is called on the machines that we know."""

START_SECONDS = 30.0
"""A server that has said nothing by then will not: it starts in two on an idle machine."""

STOP_SECONDS = 10.0
"""How long a server may take to end when it is told to."""

LINK = re.compile(r"https?://\S+")


class NoChromiumError(RuntimeError):
    """There is no browser to drive."""


def find_chromium() -> str:
    """Return the Chromium of this machine.

    Raises:
        NoChromiumError: there is none.
    """
    named = os.environ.get("CHROMIUM", "")
    for name in (named,) if named else NAMES:
        if found := shutil.which(name):
            return found
    looked = f"$CHROMIUM says {named}, which" if named else f"none of {', '.join(NAMES)}"
    told = "is no program" if named else "is installed"
    raise NoChromiumError(
        f"{looked} {told}; install Debian's (apt-get install chromium), or name one: CHROMIUM=/path/to/chromium"
    )


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser without a window."""
    # Chromium refuses to run as root within its sandbox; containers that build and test do.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass(slots=True)
class Review:
    """`tallymark review` as a process of its own, on a port that stays the same when it is started again."""

    folder: Path
    arguments: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    link: str = ""
    """The one-time link that it printed, "" when it printed none."""
    _process: subprocess.Popen[str] | None = None

    @property
    def at(self) -> str:
        """The address of its first page, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Review":
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it ended, or says nothing.
        """
        command = [sys.executable, "-m", "flows.cli", "review", str(self.folder), "--no-browser"]
        self._log.write_text("")
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), *self.arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"the review did not start: {self.said()}")
            time.sleep(0.05)
        found = LINK.search(self.said())
        self.link = found.group() if found else ""
        return self

    def said(self) -> str:
        """Return everything that it printed."""
        return self._log.read_text() if self._log.exists() else ""

    def stop(self) -> None:
        """End it as Ctrl+C does."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it as a power cut does: nothing is written any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def _log(self) -> Path:
        # Beside the exam folder, not in it: the folder holds what it holds for its user.
        return self.folder.parent / f"{self.folder.name}-{self.port}.log"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.at}/static/icon.svg", timeout=1) as told:
                return bool(told.status == 200)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


def main() -> None:
    """Say which browser is driven."""
    try:
        found = find_chromium()
    except NoChromiumError as none:
        sys.exit(str(none))
    print(found)


if __name__ == "__main__":
    main()
