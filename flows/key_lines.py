"""Where each key of a TOML text stands: tomllib tells what a file says, and not on which line."""

import re
from collections import defaultdict

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\n])*"'),
    re.compile(r"'[^'\n]*'"),
)
_PLAIN = re.compile(r"[^,\]}#\n]+")

Path = tuple[str | int, ...]
"""Keys, and places within lists from 0."""


def lines_of(text: str) -> dict[Path, int]:
    r"""Return the line (from 1) of every key, table and entry of a text that tomllib has taken.

    >>> lines_of('a = 1\n[[b]]\nc = [\n  {d = 2},\n]\n')
    {('a',): 1, ('b',): 2, ('b', 0): 2, ('b', 0, 'c'): 3, ('b', 0, 'c', 0): 4, ('b', 0, 'c', 0, 'd'): 4}
    """
    scanner = _Scanner(text)
    scanner.run()
    return scanner.lines


class _Scanner:
    """Goes once through a valid text. On a text that is not, it stops early: some lines are then unknown."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.counted_to = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        self.entries: dict[Path, int] = defaultdict(int)

    def run(self) -> None:
        table: Path = ()
        self._skip()
        while self.at < len(self.text):
            start = self.at
            if self._takes("["):
                is_list = self._takes("[")
                table = self._table(self._key(), is_list)
                while self._takes("]"):
                    pass
            else:
                self._pair(table)
            self._skip()
            if self.at == start:
                return

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _takes(self, symbol: str) -> bool:
        if not self.text.startswith(symbol, self.at):
            return False
        self.at += 1
        return True

    def _note(self, path: Path) -> None:
        self.line += self.text.count("\n", self.counted_to, self.at)
        self.counted_to = self.at
        self.lines.setdefault(path, self.line)

    def _key(self) -> list[str]:
        """Take a key, dotted or not."""
        parts = []
        while True:
            self._skip()
            if quoted := self._string():
                parts.append(quoted)
            elif found := _BARE.match(self.text, self.at):
                self.at = found.end()
                parts.append(found[0])
            else:
                return parts
            self._skip()
            if not self._takes("."):
                return parts

    def _table(self, key: list[str], is_list: bool) -> Path:
        path: Path = ()
        for number, part in enumerate(key):
            path = (*path, part)
            self._note(path)
            last = number == len(key) - 1
            if last and is_list:
                path = (*path, self.entries[path])
                self.entries[path[:-1]] += 1
                self._note(path)
            elif not last and self.entries.get(path):
                path = (*path, self.entries[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path)
        self._skip()
        if self._takes("="):
            self._skip()
            self._value(path)

    def _value(self, path: Path) -> None:
        if self._takes("["):
            self._skip()
            number = 0
            while self.at < len(self.text) and not self._takes("]"):
                start = self.at
                self._note((*path, number))
                self._value((*path, number))
                self._skip()
                self._takes(",")
                self._skip()
                number += 1
                if self.at == start:
                    return
        elif self._takes("{"):
            self._skip()
            while self.at < len(self.text) and not self._takes("}"):
                start = self.at
                self._pair(path)
                self._skip()
                self._takes(",")
                self._skip()
                if self.at == start:
                    return
        elif not self._string() and (found := _PLAIN.match(self.text, self.at)):
            self.at = found.end()

    def _string(self) -> str:
        """Take a string and return what stands between its marks; "" when none stands here, or an empty one."""
        for pattern in _STRINGS:
            if found := pattern.match(self.text, self.at):
                self.at = found.end()
                return found[0][1:-1]
        return ""
