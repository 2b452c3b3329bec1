"""Where an exam folder may lie, and who works in it: file systems, writability, the one writer's lock.

And how a file takes the place of an older one, whole or not at all (`replace_file`).
"""

import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

from flows.errors import PlaceError

MOUNT_TABLE = Path("/proc/self/mounts")
"""What Linux tells about mounted file systems. Other systems have no such file: there nothing is refused."""

NETWORK_FILE_SYSTEMS = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "afs",
        "ncpfs",
        "ceph",
        "glusterfs",
        "lustre",
        "beegfs",
        "gpfs",
        "davfs",
        "fuse.sshfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.davfs",
        "fuse.davfs2",
        "fuse.curlftpfs",
        "fuse.smbnetfs",
        "fuse.gvfsd-fuse",
    ]
)
"""SQLite's write-ahead log keeps its index in memory that all processes must share, which two machines cannot
(sqlite.org/wal.html). 9p and virtiofs are not in the list: containers and virtual machines use them for local discs."""

LOCK_FILE = ".grading.lock"
REVIEW_LOCK_FILE = ".review.lock"
LOCK_BYTES = 300
"""What is read of a lock file: a process, or an address."""

PROBE_FILE = ".tallymark-probe"
"""One name for all: what a killed run leaves, the next one removes."""


OPEN_ELSEWHERE = (".~lock.{name}#", "~${name}")
"""What LibreOffice and Excel lay beside a file while they have it open."""

PLAIN_PERMISSIONS = 0o666

PRIVATE_PERMISSIONS = 0o600
"""Its owner reads and writes a file, and nobody else anything."""


def file_system(path: Path, mounts: Path = MOUNT_TABLE) -> str:
    """Return the type of the file system that holds `path`, such as "ext4"; "" when the system does not tell."""
    try:
        table = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    resolved = path.resolve()
    found, depth = "", -1
    for line in table.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = Path(_unescaped(parts[1]))
        # Of two file systems mounted on one point the later one is seen, hence not only ">".
        if len(point.parts) >= depth and resolved.is_relative_to(point):
            found, depth = parts[2], len(point.parts)
    return found


def refuse_network(folder: Path, mounts: Path = MOUNT_TABLE) -> None:
    """Raise PlaceError when the folder lies on a network file system."""
    kind = file_system(folder, mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise PlaceError(
            f"{folder} lies on a network file system ({kind}), where the exam's database would be damaged; move the "
            "exam folder to a disc of this machine (its inbox may be filled from the network)"
        )


def keep_private(database: Path) -> str:
    """Let nobody but its owner read a database, what SQLite lays beside it, and copies of it there.

    SQLite gives what it lays there later the permissions of the database.

    Returns:
        What to tell: what changed, or why it could not be; "" when nobody else could read them before.
    """
    wide = [one for one in sorted(database.parent.glob(f"{database.name}*")) if one.is_file() and _others_may(one)]
    why = "its file system knows no permissions"
    for one in wide:
        try:
            one.chmod(PRIVATE_PERMISSIONS)
        except OSError as error:
            why = error.strerror or str(error)
    if left := ", ".join(one.name for one in wide if _others_may(one)):
        return (
            f"{left}: others who may enter {database.parent} can read it, and it could not be kept from them ({why}); "
            "it holds what passwords are checked against. Let nobody into the folder who must not have that"
        )
    if not wide:
        return ""
    return (
        f"{database.name} holds what passwords are checked against: only you may read it now (permissions 600). Who "
        "reviews in the browser needs no right to it. Where colleagues run commands in this folder, shared as it may "
        f"be, let their group in again: chmod 660 {database.name}"
    )


def _others_may(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def check_writable(*folders: Path) -> None:
    """Raise PlaceError for the first folder in which no file can be made (permissions alone do not tell: try it)."""
    for folder in folders:
        probe = folder / PROBE_FILE
        try:
            folder.mkdir(exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise PlaceError(
                f"{folder}: cannot be written: {error.strerror or error}; nothing was taken. Give yourself the right "
                "to write there, or free some space"
            ) from error


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the exam folder's lock: one process takes files and stores pages at a time.

    Raises:
        PlaceError: another process holds it.
    """

    def taken(holder: str) -> str:
        return (
            f"{folder} is being graded by another process (pid {holder or 'unknown'}); wait until it is done, then run "
            "this again"
        )

    with _locked(folder / LOCK_FILE, taken) as tell:
        tell(str(os.getpid()))
        yield


@contextmanager
def only_server(folder: Path) -> Iterator[Callable[[str], None]]:
    """Hold the exam folder's other lock: one process serves its review at a time. Yields what tells others its address.

    Raises:
        PlaceError: another process serves it; the message says where.
    """

    def taken(address: str) -> str:
        at = f" at {address}" if address else ""
        return f"{folder} is being reviewed already{at}; go there, or stop that review (Ctrl-C) and run this again"

    with _locked(folder / REVIEW_LOCK_FILE, taken) as tell:
        yield tell


@contextmanager
def _locked(path: Path, taken: Callable[[str], str]) -> Iterator[Callable[[str], None]]:
    """Hold a lock file; yields what writes into it, for others to read.

    The operating system lets go of the lock when the process ends, however it ends.

    Raises:
        PlaceError: another process holds it, or the file cannot be written.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise PlaceError(f"{path}: cannot be written: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise PlaceError(f"{path}: cannot be locked: {error.strerror or error}") from error
            told = os.pread(handle, LOCK_BYTES, 0).decode("ascii", "replace").strip()
            raise PlaceError(taken(told)) from error

        def tell(text: str) -> None:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{text}\n".encode("ascii", "replace"), 0)

        tell("")
        yield tell
    finally:
        os.close(handle)


def _unescaped(point: str) -> str:
    r"""Undo the octal escapes (\040 for a space) of a mount table."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


def refuse_open_file(path: Path) -> None:
    """Raise PlaceError when another program says that it has the file open."""
    for pattern in OPEN_ELSEWHERE:
        lock = path.with_name(pattern.format(name=path.name))
        if _is_there(lock):
            raise PlaceError(
                f"{path} is open in another program (it laid {lock.name} beside it); nothing was written. Close it "
                f"there, or write to another file. If no program has it open, remove {lock}"
            )


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and move it there in one step: a reader sees the old file or the new one, whole.

    A link stays a link. What else goes wrong in `write` passes through, and an older file is untouched then, too.

    Raises:
        PlaceError: the file is open in another program, or it or its folder cannot be written.
    """
    target = path.resolve()
    refuse_open_file(target)
    waiting: Path | None = None
    try:
        with _told(path):
            handle, name = mkstemp(dir=target.parent, prefix=".tallymark-", suffix=".tmp")
            waiting = Path(name)
        try:
            _fill(handle, write)
        except _UnwritableError as error:
            with _told(path):
                raise error.trouble from error
        refuse_open_file(target)
        with _told(path):
            waiting.chmod(_permissions(target))
            waiting.replace(target)
    finally:
        if waiting is not None:
            waiting.unlink(missing_ok=True)


class _UnwritableError(Exception):
    """The new file could not be written; tells that from every other error in `write`. Never leaves this module."""

    def __init__(self, trouble: OSError) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


class _Guarded(io.FileIO):
    """A file whose own troubles bear their own name."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type] # whatever the buffer hands on
        except OSError as error:
            raise _UnwritableError(error) from error


def _fill(handle: int, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` write into an open file, and see it through to the disc."""
    raw = _Guarded(handle, "w+b")
    try:
        file = io.BufferedRandom(raw)
        write(file)
        file.flush()
        try:
            os.fsync(handle)
        except OSError as error:
            raise _UnwritableError(error) from error
    finally:
        # The file itself, not its buffer, which would try again to write what could not be written.
        raw.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what the system refuses, with advice."""
    try:
        yield
    except PermissionError as error:
        raise PlaceError(
            f"{path}: cannot be written: {error.strerror or error}; close it in other programs, look at the folder's "
            "permissions, or write to another file"
        ) from error
    except OSError as error:
        raise PlaceError(
            f"{path}: cannot be written: {error.strerror or error}; an older file there is untouched. Is the folder "
            "there, and is there space?"
        ) from error


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long for a file: nothing can be there
        return False


def _permissions(path: Path) -> int:
    """Return the permissions of the file that is replaced, or those of any new file: a temporary file is private."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return PLAIN_PERMISSIONS & ~umask
