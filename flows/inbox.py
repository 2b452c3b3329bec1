"""Which files of the inbox are complete, and taking them so that none is lost, read half or counted twice.

A file goes this way; a process that is killed between any two steps finds its way on from what it left:

    1 copy    inbox/NAME -> archive/incoming.part, hashed on the way     nothing is remembered yet: done again
    2 rename  -> archive/SHA256.pdf                                      the same
    3 store   the file is in hand (store.begin_arrival)                  from here on the copy is read, not the inbox
    4 store   what became of it (store.settle_arrival)
    5 move    a quarantined copy -> quarantine/NAME, its reason beside   done again
    6 remove  inbox/NAME, if it still is the file that was copied        done again
    7 store   the file is no longer in hand (store.finish_arrival)
"""

import errno
import hashlib
import os
import re
import stat
import time
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from flows.errors import PlaceError
from flows.records import Arrival, Note
from flows.settings import Exam
from recognizer.file_ends import has_valid_end

UNFINISHED_FACTOR = 5.0
"""A file without a valid end, such as a PDF without %%EOF, has to lie still this many times longer before it counts as
damaged rather than unfinished: a scanner pauses between sheets."""

CLOCK_SKEW_S = 300.0
"""By so much may the clock of a file server be behind ours (Windows domains allow five minutes). What seems younger
than this is watched for a while; its times alone are not believed."""

COMES_BACK = frozenset({errno.ESTALE, errno.EIO, errno.EAGAIN, errno.EBUSY, errno.ETIMEDOUT, errno.EHOSTDOWN})
"""What the system says of a file on a share that may be there again in a moment."""

CHUNK_BYTES = 1 << 20

UNFINISHED_NAMES = re.compile(r"^(\.|~\$)|\.(part|partial|tmp|temp|crdownload|download|filepart)$", re.IGNORECASE)
"""Names under which browsers, file managers and offices keep files that are not done: never taken."""

LITTER = frozenset({"thumbs.db", "desktop.ini"})
"""What Windows leaves in folders by itself; files that begin with a dot are passed over as well."""

SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
SUFFIX_BYTES = 16
"""What follows the last point of a name is taken for its ending up to this length, in bytes, its point included."""

NAME_BYTES = 255
"""The longest file name that common file systems allow, in bytes."""

REASON_SUFFIX = ".reason.txt"
INCOMING = "incoming.part"


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A file in the inbox, and what tells whether it is still the same one: its size and the time of its last change.

    Some shares give a file another number, or another time of its last renaming, whenever one looks: those two are
    known but not compared.
    """

    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int = field(compare=False)
    inode: int = field(compare=False)

    @property
    def inbox_name(self) -> bytes:
        """The name on disk, byte for byte."""
        return os.fsencode(self.path.name)

    @property
    def name(self) -> str:
        """The name that people see."""
        return shown_name(self.path.name)


@dataclass(frozen=True, slots=True)
class Look:
    """What is in the inbox: files to take, files to wait for, and what is left alone and why."""

    ready: tuple[InboxFile, ...]
    waiting: tuple[Note, ...]
    ignored: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Copied:
    """The bytes of one inbox file, on their way into the archive."""

    file: InboxFile
    scan: str
    part: Path


class FileChangedError(Exception):
    """The file changed or vanished while it was copied; it is left for a later look."""


class FileUnreadableError(Exception):
    """The system cannot read the file where it lies; the message says why. It stays there."""


class Clock:
    """The time; tests hand in another one."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970, as file times count them."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Inbox:
    """Looks at the inbox again and again, and so learns which files lie still."""

    def __init__(self, folder: Path, settle_seconds: float, clock: Clock | None = None) -> None:
        self._folder = folder
        self._settle = settle_seconds
        self._clock = clock or Clock()
        self._seen: dict[InboxFile, float] = {}
        self._first_seen: dict[str, float] = {}

    def look(self, in_hand: Collection[bytes] = ()) -> Look:
        """Look once. Files named in `in_hand` were taken already and are passed over.

        Raises:
            PlaceError: the inbox cannot be listed.
        """
        now = self._clock.monotonic()
        ready, waiting, ignored = [], [], []
        before, self._seen = self._seen, {}
        for entry in self._entries():
            name = shown_name(entry.name)
            if os.fsencode(entry.name) in in_hand or entry.name.startswith(".") or entry.name.lower() in LITTER:
                continue
            if reason := _why_ignored(entry):
                ignored.append(Note(name, reason))
                continue
            try:
                file = inbox_file(Path(entry.path))
                whole = has_valid_end(file.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno in COMES_BACK:
                    waiting.append(Note(name, f"cannot be read just now: {error.strerror}"))
                else:
                    ignored.append(Note(name, f"cannot be read: {error.strerror or error}", needs_person=True))
                continue
            self._first_seen.setdefault(entry.name, now)
            self._seen[file] = before.get(file, now)
            needed = self._settle if whole else self._settle * UNFINISHED_FACTOR
            if self._still_for(file, now) >= needed and (whole or not is_open_for_writing(file.path)):
                ready.append(file)
            else:
                waiting.append(Note(name, "still being written"))
        return Look(tuple(ready), tuple(waiting), tuple(ignored))

    def wait(self, in_hand: Collection[bytes] = ()) -> Look:
        """Look until files are ready, or none is left that is worth waiting for.

        Files that came together are taken together, in the order of their names, even when some lie still sooner than
        others. A file is waited for as long as it would take to be complete had nothing been written since it was
        first seen; one that is written to for longer is left for the next run.
        """
        began = self._clock.monotonic()
        while True:
            look = self.look(in_hand)
            now = self._clock.monotonic()
            patience = self._settle * UNFINISHED_FACTOR
            young = any(now - self._first_seen[file.path.name] < patience for file in self._seen)
            if not look.waiting or not young or (look.ready and now - began >= self._settle):
                return look
            self._clock.sleep(max(self._settle / 4, 0.01))

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder) as entries:
                return sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            raise PlaceError(f"{self._folder}: cannot be listed: {error.strerror or error}") from error

    def _still_for(self, file: InboxFile, now: float) -> float:
        """Return for how many seconds nothing was written, as far as can be told.

        Either it was seen to lie still, or its times say so. Both times: copying a file may set the time of its last
        change to an old one, but nobody can set the other. They are those of the server's clock; a time in the future
        tells nothing.
        """
        age_ns = self._clock.now_ns() - max(file.mtime_ns, file.ctime_ns)
        return max(now - self._seen[file], age_ns / 1e9 - CLOCK_SKEW_S)


def inbox_file(path: Path) -> InboxFile:
    """Return what tells whether a file is still the same one (OSError when it is gone)."""
    seen = path.lstat()
    return InboxFile(path, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


def is_open_for_writing(path: Path) -> bool:
    """Tell whether a process of this machine, as far as we may look, has a file open to write to it.

    Asked only of files without a valid end: a scanner program may pause longer than any time that an office wants to
    wait. Where there is no /proc, and for writers on other machines, nothing is known and the times decide.
    """
    wanted = path.resolve()
    return any(target == wanted and _writes(link) for link, target in _open_files())


def _open_files() -> Iterator[tuple[Path, Path]]:
    """Yield the links /proc/N/fd/M of all open files, and what they are, as far as we may look just now."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for link in list((process / "fd").iterdir()):
                # The listing's own file is among them, and gone by now.
                with suppress(OSError):
                    yield link, link.readlink()


def _writes(link: Path) -> bool:
    """Tell whether an open file of a process, /proc/N/fd/M, is open for writing."""
    try:
        info = (link.parent.with_name("fdinfo") / link.name).read_text()
    except OSError:
        return False
    flags = next(line for line in info.splitlines() if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def shown_name(name: str) -> str:
    r"""Return a file name as text that can be shown and stored anywhere.

    Control characters, bytes that are no text, and marks that turn the direction of writing (with which "fdp.exe" can
    look like "exe.pdf") are written as escapes; every script stays as it is.

    >>> shown_name("scan\n1.pdf"), shown_name("Prüfung – 試験.pdf")
    ('scan\\x0a1.pdf', 'Prüfung – 試験.pdf')
    """
    return "".join(_escaped(character) for character in name)


def copy_in(file: InboxFile, archive: Path) -> Copied:
    """Copy a file next to the archive and hash it on the way (step 1).

    Raises:
        FileChangedError: it was written to meanwhile, or is gone.
        FileUnreadableError: the system cannot read it.
        PlaceError: the archive cannot be written.
    """
    part = archive / INCOMING
    try:
        source = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            raise FileChangedError(file.name) from error
        raise FileUnreadableError(error.strerror) from error
    try:
        digest = _copy(source, part)
        with _read_from_inbox():
            after = os.fstat(source)
    except FileUnreadableError:
        part.unlink(missing_ok=True)
        raise
    except OSError as error:
        part.unlink(missing_ok=True)
        raise PlaceError(f"{archive}: {file.name} cannot be copied there: {error.strerror or error}") from error
    finally:
        os.close(source)
    if (after.st_size, after.st_mtime_ns) != (file.size, file.mtime_ns):
        part.unlink()
        raise FileChangedError(file.name)
    return Copied(replace(file, inode=after.st_ino), digest, part)


def archive_copy(copied: Copied, archive: Path, archived: str) -> None:
    """Give the copy its name by content (step 2)."""
    with _explained(archive / archived):
        copied.part.replace(archive / archived)
        _sync_folder(archive)


def archived_name(scan: str, name: str) -> str:
    """Return the name of a scan in the archive: its content, and the ending of the name it came with.

    >>> archived_name("9f2c", "Klasse 7b.PDF"), archived_name("9f2c", "no ending")
    ('9f2c.pdf', '9f2c')
    """
    suffix = Path(name).suffix.lower()
    return scan + (suffix if SUFFIX.fullmatch(suffix) else "")


def quarantine_name(folder: Path, name: str) -> str:
    """Return a name that is free in the quarantine, with room for its reason beside it."""
    path = Path(name.lstrip(".") or "file")
    stem, suffix = path.stem, path.suffix
    if len(os.fsencode(suffix)) > SUFFIX_BYTES:
        stem, suffix = path.name, ""
    for number in range(1, 10_000):
        ending = (f" ({number})" if number > 1 else "") + suffix
        room = NAME_BYTES - len(os.fsencode(ending + REASON_SUFFIX))
        found = os.fsencode(stem)[:room].decode("utf-8", "ignore") + ending
        with _explained(folder):
            free = not any(os.path.lexists(folder / taken) for taken in (found, found + REASON_SUFFIX))
        if free:
            return found
    raise PlaceError(f"{folder}: ten thousand files named {name} lie there; empty it")


def set_aside(exam: Exam, arrival: Arrival, reason: str) -> None:
    """Move the copy of an unreadable file into the quarantine and write the reason beside it (step 5)."""
    target = exam.quarantine / arrival.quarantine_name
    with _explained(target):
        copy = exam.archive / arrival.archived
        if copy.exists():
            copy.replace(target)
        text = (
            f"{arrival.name} could not be read:\n\n{reason}\n\n"
            "When it is put right, drop it into the inbox again. Nothing else of the batch was held up.\n"
        )
        target.with_name(target.name + REASON_SUFFIX).write_text(text, encoding="utf-8")
        _sync_folder(exam.quarantine)


def remove_taken(inbox: Path, arrival: Arrival, keep_as: Path | None = None) -> bool:
    """Remove a file from the inbox, if it still is the one that was copied (step 6); tell whether it is gone.

    A file that was written to since, or another one of the same name, stays and is taken on its own account. With
    `keep_as` (a quarantined file) it is moved there over its copy: should somebody still hold it open and go on
    writing, what they write is not lost.
    """
    path = inbox / os.fsdecode(arrival.inbox_name)
    with _explained(path):
        try:
            there = inbox_file(path)
        except FileNotFoundError:
            return True
        if (there.size, there.mtime_ns) != (arrival.size, arrival.mtime_ns):
            return False
        # Another number may be another file, or a share that numbers its files anew whenever one looks.
        if there.inode != arrival.inode and _digest(path) != arrival.scan:
            return False
        if keep_as is not None and keep_as.exists() and keep_as.stat().st_dev == path.stat().st_dev:
            path.replace(keep_as)
        else:
            path.unlink(missing_ok=True)
        _sync_folder(inbox)
    return True


class _explained:  # noqa: N801 - reads as a statement
    """Turns an OSError about a place of ours into PlaceError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise PlaceError(
                f"{self._path}: cannot be written: {error.strerror or error}; nothing is lost: put it right and "
                "grade again"
            ) from error


def _why_ignored(entry: os.DirEntry[str]) -> str:
    """Return why an entry of the inbox is never taken, "" when it may be."""
    if UNFINISHED_NAMES.search(entry.name):
        return "by its name it is not finished"
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return ""
    if stat.S_ISLNK(mode):
        return "a link; put the file itself there"
    if stat.S_ISDIR(mode):
        return "a folder; put the files themselves there"
    return "" if stat.S_ISREG(mode) else "no ordinary file"


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for a byte that is no text
        return f"\\x{code - 0xDC00:02x}"
    turns_direction = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or turns_direction:
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character


def _copy(source: int, target: Path) -> str:
    """Copy an open file to a path, safe against a power cut, and return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with target.open("wb") as stream:
        while chunk := _chunk(source):
            digest.update(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _chunk(source: int) -> bytes:
    with _read_from_inbox():
        return os.read(source, CHUNK_BYTES)


@contextmanager
def _read_from_inbox() -> Iterator[None]:
    """Tell what goes wrong with the file that is read from what goes wrong where it is copied to."""
    try:
        yield
    except OSError as error:
        raise FileUnreadableError(error.strerror or str(error)) from error


def _sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut, where the file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
