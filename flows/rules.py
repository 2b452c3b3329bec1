"""By which rules an exam is marked: its key, its roster, and the settings that matter; told apart by their content."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.errors import PlaceError
from flows.key_files import KEY_FILE, KEY_WORKBOOK
from flows.settings import EXAM_FILE, Exam

KEY_FILES = (KEY_FILE, KEY_WORKBOOK)
RULE_FILES = (*KEY_FILES, "roster.csv", "roster.xlsx")
"""Files of an exam folder by which sheets are marked."""

NOT_RULES = frozenset({"exam", "templates", "render", "workers", "model", "inbox"})
"""Settings that change what is read, or how; none of them changes what a reading is worth."""

NEW, CHANGED, GONE = "is new", "changed", "is gone"

FINGERPRINT_DIGITS = 12
"""Of a SHA-256, in hexadecimal: short enough to be typed, and no two keys of an office share 48 bits by chance."""

MAX_RULE_BYTES = 20_000_000
"""No key and no roster is larger; each is refused by who reads it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """By what is marked: the SHA-256 of each file by its name, and the settings of exam.toml by theirs.

    `contents` are the files themselves, empty where the rules of an earlier time are told.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    @property
    def has_key(self) -> bool:
        """Whether the exam has a key of its own."""
        return any(name in self.files for name in KEY_FILES)

    @property
    def fingerprint(self) -> str:
        """A short text that tells these rules from any others: by the content of the files and by the settings."""
        told = repr((sorted(self.files.items()), sorted(self.settings.items())))
        return hashlib.sha256(told.encode()).hexdigest()[:FINGERPRINT_DIGITS]

    def changed_from(self, before: "Rules") -> tuple[str, ...]:
        """Say what is not as it was, one text a file or setting.

        >>> Rules({"key.toml": "b"}).changed_from(Rules({"key.toml": "a"}))
        ('key.toml changed',)
        >>> Rules({}, {"marks.dash": "zero"}).changed_from(Rules({"key.toml": "a"}, {"marks.dash": "unsettled"}))
        ('key.toml is gone', 'exam.toml: marks.dash was unsettled, is zero')
        """
        return (*self._changed_files(before), *self._changed_settings(before))

    def _changed_files(self, before: "Rules") -> Iterator[str]:
        for name in sorted({*self.files, *before.files}):
            was, now = before.files.get(name), self.files.get(name)
            if was != now:
                yield f"{name} {GONE if now is None else NEW if was is None else CHANGED}"

    def _changed_settings(self, before: "Rules") -> Iterator[str]:
        for name in sorted({*self.settings, *before.settings}):
            was, now = before.settings.get(name), self.settings.get(name)
            # A setting that only one of two versions of Tallymark knows did not change.
            if was is not None and now is not None and was != now:
                yield f"{EXAM_FILE}: {name} was {was}, is {now}"


def rules_of(exam: Exam) -> Rules:
    """Return the rules of an exam as its files say them now.

    Raises:
        PlaceError: one of the files cannot be read.
    """
    found = {name: _content(path) for name in RULE_FILES if (path := exam.dir / name).is_file()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    return Rules(hashes, dict(_flat(exam.settings.model_dump(mode="json"))), found)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_RULE_BYTES)
    except OSError as error:
        raise PlaceError(f"{path}: cannot be read: {error.strerror or error}") from error


def _flat(settings: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if not within and name in NOT_RULES:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", str(value)
