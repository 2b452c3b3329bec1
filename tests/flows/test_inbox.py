import errno
import os
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from flows import inbox
from flows.errors import PlaceError
from flows.inbox import (
    CLOCK_SKEW_S,
    FileChangedError,
    FileUnreadableError,
    Inbox,
    InboxFile,
    archived_name,
    copy_in,
    inbox_file,
    quarantine_name,
    remove_taken,
    shown_name,
)
from flows.records import Arrival

PDF = b"%PDF-1.7\nbody\n%%EOF\n"


class FakeClock:
    """Time passes only when somebody waits, or when the test says so; `during` is called on every wait."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.passed = 0.0
        self.ahead_s = ahead_s
        self.during: list[object] = []

    def now_ns(self) -> int:
        import time

        return time.time_ns() + int((self.passed + self.ahead_s) * 1e9)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        for action in self.during:
            assert callable(action)
            action()

    def write(self, path: Path, content: bytes) -> None:
        """Write a file at the clock's time."""
        path.write_bytes(content)
        os.utime(path, ns=(self.now_ns(), self.now_ns()))


def names(files: object) -> list[str]:
    assert isinstance(files, tuple)
    return [one.name for one in files]


def test_a_file_that_lay_still_for_long_is_taken_at_the_first_look(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    clock = FakeClock(ahead_s=3600.0)
    look = Inbox(tmp_path, 2.0, clock).wait()
    assert names(look.ready) == ["a.pdf"]
    assert clock.passed == 0.0


def test_a_fresh_file_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    clock = FakeClock()
    inbox = Inbox(tmp_path, 2.0, clock)
    assert names(inbox.look().waiting) == ["a.pdf"]
    assert names(inbox.wait().ready) == ["a.pdf"]
    assert 2.0 <= clock.passed <= 3.0


def test_an_old_time_of_change_does_not_make_a_copy_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    os.utime(path, (0, 0))
    assert names(Inbox(tmp_path, 2.0, FakeClock()).look().waiting) == ["a.pdf"]


def test_a_time_in_the_future_is_told_by_watching(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    os.utime(path, (4e9, 4e9))
    clock = FakeClock()
    assert names(Inbox(tmp_path, 2.0, clock).wait().ready) == ["a.pdf"]
    assert clock.passed >= 2.0


def test_a_server_whose_clock_is_behind_makes_no_file_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF[:9])
    clock = FakeClock(ahead_s=CLOCK_SKEW_S - 20)
    assert names(Inbox(tmp_path, 2.0, clock).look().waiting) == ["a.pdf"]
    clock.during.append(lambda: path.write_bytes(PDF) if clock.passed > 6.0 and path.stat().st_size < 10 else None)
    assert names(Inbox(tmp_path, 2.0, clock).wait().ready) == ["a.pdf"]
    assert path.read_bytes() == PDF and clock.passed >= 8.0


def test_a_share_that_numbers_its_files_anew_at_every_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "inbox" / "a.pdf"
    path.parent.mkdir()
    path.write_bytes(PDF)
    numbers = count(1000)

    def renumbered(path: Path) -> InboxFile:
        number = next(numbers)
        return replace(inbox_file(path), inode=number, ctime_ns=time.time_ns() + number)

    monkeypatch.setattr(inbox, "inbox_file", renumbered)
    (seen,) = Inbox(path.parent, 2.0, FakeClock()).wait().ready
    copied = copy_in(seen, tmp_path)
    taken = Arrival(1, seen.inbox_name, seen.name, copied.scan, "x.pdf", seen.size, seen.mtime_ns, seen.inode)
    assert remove_taken(path.parent, taken)
    assert not path.exists() and copied.part.read_bytes() == PDF


def test_another_file_of_the_same_name_size_and_time_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    copied = copy_in(inbox_file(path), tmp_path)
    seen = copied.file
    other = tmp_path / "other.pdf"
    other.write_bytes(PDF.replace(b"body", b"page"))
    os.utime(other, ns=(seen.mtime_ns, seen.mtime_ns))
    other.replace(path)
    taken = Arrival(1, seen.inbox_name, seen.name, copied.scan, "x.pdf", seen.size, seen.mtime_ns, seen.inode)
    assert not remove_taken(tmp_path, taken)
    assert b"page" in path.read_bytes()


def test_a_file_that_a_share_cannot_give_just_now_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(PDF)

    def stale(path: Path) -> bool:
        if path.name == "a.pdf":
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return True

    monkeypatch.setattr(inbox, "has_valid_end", stale)
    look = Inbox(tmp_path, 2.0, FakeClock()).wait()
    assert (names(look.ready), names(look.waiting), look.ignored) == (["b.pdf"], ["a.pdf"], ())
    assert "cannot be read just now" in look.waiting[0].reason and not look.waiting[0].needs_person


def test_a_growing_file_is_left_when_patience_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    clock = FakeClock()
    clock.during.append(lambda: clock.write(path, path.read_bytes() + PDF))
    look = Inbox(tmp_path, 2.0, clock).wait()
    assert (names(look.ready), names(look.waiting)) == ([], ["a.pdf"])
    assert look.waiting[0].reason == "still being written" and not look.waiting[0].needs_person
    assert clock.passed <= 15.0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7\nbody",
        b"\xff\xd8\xff\xe0 half a JPEG",
        b"\x89PNG\r\n\x1a\n half a PNG",
        b"RIFF\xff\0\0\0WEBP half a WebP",
        b"II*\0\xff\0\0\0 half a TIFF",
        b"\0\0\0\x10ftypheic\0\0\0\0\0\0\1\0mdat half a HEIC",
    ],
)
def test_a_file_without_its_end_has_to_lie_still_for_longer(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pdf").write_bytes(content)
    assert names(Inbox(tmp_path, 2.0, FakeClock(ahead_s=5.0)).look().waiting) == ["a.pdf"]
    clock = FakeClock()
    assert names(Inbox(tmp_path, 2.0, clock).wait().ready) == ["a.pdf"]
    assert 10.0 <= clock.passed <= 12.0


def test_a_file_without_its_end_is_not_taken_while_somebody_holds_it_open(tmp_path: Path) -> None:
    path = tmp_path / "slow.pdf"
    with path.open("wb") as scanner:
        scanner.write(PDF[:9])
        scanner.flush()
        assert names(Inbox(tmp_path, 2.0, FakeClock(ahead_s=3600.0)).wait().waiting) == ["slow.pdf"]
        with path.open("rb"):
            scanner.write(PDF[9:])
    assert names(Inbox(tmp_path, 2.0, FakeClock(ahead_s=3600.0)).wait().ready) == ["slow.pdf"]
    path.write_bytes(PDF[:9])
    with path.open("rb"):
        assert names(Inbox(tmp_path, 2.0, FakeClock(ahead_s=3600.0)).wait().ready) == ["slow.pdf"]


def test_files_that_came_together_are_taken_together_in_order(tmp_path: Path) -> None:
    for name in ("c.pdf", "a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(PDF)
    clock = FakeClock()
    clock.during.append(lambda: clock.write(tmp_path / "a.pdf", PDF) if clock.passed < 1.0 else None)
    assert names(Inbox(tmp_path, 2.0, clock).wait().ready) == ["b.pdf", "c.pdf"]
    clock.during.clear()
    clock = FakeClock()
    assert names(Inbox(tmp_path, 2.0, clock).wait().ready) == ["a.pdf", "b.pdf", "c.pdf"]


def test_a_file_that_is_never_done_holds_up_the_others_only_briefly(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    (tmp_path / "empty.pdf").write_bytes(b"")
    clock = FakeClock()
    look = Inbox(tmp_path, 2.0, clock).wait()
    assert (names(look.ready), names(look.waiting)) == (["a.pdf"], ["empty.pdf"])
    assert clock.passed <= 3.0


def test_what_is_no_scan_is_left_alone_and_said(tmp_path: Path) -> None:
    for name in ("a.pdf.part", "b.crdownload", "~$c.pdf", ".DS_Store", ".hidden.pdf", "d.TMP"):
        (tmp_path / name).write_bytes(PDF)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.pdf").symlink_to(tmp_path / "elsewhere.pdf")
    os.mkfifo(tmp_path / "pipe.pdf")
    look = Inbox(tmp_path, 0.0).look()
    assert look.ready == () and look.waiting == ()
    said = {note.name: note.reason for note in look.ignored}
    assert set(said) == {"a.pdf.part", "b.crdownload", "~$c.pdf", "d.TMP", "folder", "link.pdf", "pipe.pdf"}
    assert "a link" in said["link.pdf"] and "a folder" in said["folder"]


def test_what_systems_leave_in_folders_is_not_even_mentioned(tmp_path: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"x")
    look = Inbox(tmp_path, 0.0).look()
    assert (look.ready, look.waiting, look.ignored) == ((), (), ())


def test_files_in_hand_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    assert Inbox(tmp_path, 0.0).look({b"a.pdf"}).ready == ()


def test_a_missing_inbox_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="cannot be listed"):
        Inbox(tmp_path / "gone", 0.0).look()


def test_a_file_that_changed_since_it_was_seen_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    seen = inbox_file(path)
    path.write_bytes(PDF * 2)
    with pytest.raises(FileChangedError):
        copy_in(seen, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pdf"]


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    seen = inbox_file(path)
    path.rename(tmp_path / "b.pdf")
    path.symlink_to(tmp_path / "b.pdf")
    with pytest.raises(FileChangedError):
        copy_in(seen, tmp_path)


def test_a_fault_of_the_file_is_told_from_a_fault_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, archive = tmp_path / "a.pdf", tmp_path / "archive"
    path.write_bytes(PDF)
    with pytest.raises(PlaceError, match=r"a\.pdf cannot be copied there: No such file"):
        copy_in(inbox_file(path), archive)
    archive.mkdir()

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", broken)
    with pytest.raises(FileUnreadableError, match="Input/output error"):
        copy_in(inbox_file(path), archive)
    assert path.exists() and list(archive.iterdir()) == []


def arrival(path: Path) -> Arrival:
    seen = inbox_file(path)
    return Arrival(1, seen.inbox_name, seen.name, "0" * 64, "x.pdf", seen.size, seen.mtime_ns, seen.inode)


def test_only_the_file_that_was_copied_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    taken = arrival(path)
    path.write_bytes(PDF + b"one page more %%EOF")
    assert not remove_taken(tmp_path, taken)
    assert path.exists()
    assert remove_taken(tmp_path, arrival(path))
    assert not path.exists()
    assert remove_taken(tmp_path, taken)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Prüfung 7b.pdf", "Prüfung 7b.pdf"),
        ("試験.pdf", "試験.pdf"),
        ("a\tb\x1b[31m.pdf", "a\\x09b\\x1b[31m.pdf"),
        ("bytes\udcff.pdf", "bytes\\xff.pdf"),
        ("\u202efdp.exe", "\\u202efdp.exe"),
    ],
)
def test_a_name_can_be_shown_and_stored_anywhere(name: str, shown: str) -> None:
    assert shown_name(name) == shown
    shown_name(name).encode()


@pytest.mark.parametrize(
    ("name", "ending"), [("a.PDF", ".pdf"), ("a.tar.gz", ".gz"), ("a", ""), ("a.süß", ""), ("a.p/df", ""), (".pdf", "")]
)
def test_only_a_plain_ending_is_kept_in_the_archive(name: str, ending: str) -> None:
    assert archived_name("0" * 64, name) == "0" * 64 + ending


def test_a_name_in_quarantine_is_free_and_leaves_room_for_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.pdf.reason.txt").write_text("")
    assert quarantine_name(tmp_path, "a.pdf") == "a (2).pdf"
    long = quarantine_name(tmp_path, "試" * 84 + ".pdf")
    (tmp_path / f"{long}.reason.txt").write_text("")
    assert long.endswith("試.pdf")


@pytest.mark.parametrize(
    "name",
    [
        "a." + "x" * 250,
        "a" * 251 + ".pdf",
        shown_name("\x01" * 250 + ".pdf"),
        shown_name("a." + "\x01" * 250),
        "." * 200 + "é" * 20,
        "a." + "試" * 84,
    ],
)
def test_any_name_fits_the_quarantine_beside_others_like_it(tmp_path: Path, name: str) -> None:
    for _ in range(3):
        found = quarantine_name(tmp_path, name)
        assert len(os.fsencode(found + ".reason.txt")) <= 255
        (tmp_path / found).write_text("")
        (tmp_path / f"{found}.reason.txt").write_text("")
    assert len(list(tmp_path.iterdir())) == 6
