"""Where an exam folder may lie, and who works in it: file systems, writability, the one writer's lock."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
PROBE_FILE = ".tallymark-probe"
"""One name for all: what a killed run leaves, the next one removes."""


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

    The operating system lets go of the lock when the process ends, however it ends.

    Raises:
        PlaceError: another process holds it.
    """
    path = folder / LOCK_FILE
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
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise PlaceError(
                f"{folder} is being graded by another process (pid {holder}); wait until it is done, then run this "
                "again"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _unescaped(point: str) -> str:
    r"""Undo the octal escapes (\040 for a space) of a mount table."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point
