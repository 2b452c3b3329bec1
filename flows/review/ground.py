"""Is the exam still where it was? A database that was moved away or deleted takes writes that nobody finds again."""

from dataclasses import dataclass
from pathlib import Path

from flows.errors import PlaceError


@dataclass(frozen=True, slots=True)
class Ground:
    """The database file that was opened: what the system knows it by, wherever it is called."""

    path: Path
    device: int
    inode: int

    def check(self) -> None:
        """Raise PlaceError when the path leads to another file, or to none."""
        try:
            found = self.path.stat()
        except OSError:
            raise PlaceError(
                "the exam folder is not where it was when the review was started (moved, renamed or deleted); nothing "
                "was stored. Put it back, or stop the review and start it where the folder is now"
            ) from None
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise PlaceError(
                "the exam's database is another file than when the review was started (a copy was put back?); nothing "
                "was stored. Stop the review and start it again"
            )


def ground_of(path: Path) -> Ground:
    """Return what a database file is known by now (OSError when there is none)."""
    found = path.stat()
    return Ground(path, found.st_dev, found.st_ino)
