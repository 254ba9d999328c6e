"""Whether a ``-wal`` left by a killed process belongs to the SQLite file beside it.

SQLite replays the committed frames of a ``-wal`` into whatever file has its name, because it ties the two by name only
(https://sqlite.org/howtocorrupt.html, section 1.4; the format: https://sqlite.org/walformat.html). So a backup that is
copied over a file whose ``-wal`` is still there becomes a mixture of both.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from app.storage.database_files import companion
from app.storage.wal_trial import damage_of_both

WAL_HEADER, FRAME_HEADER, DATABASE_HEADER = 32, 24, 100
MAGIC = (0x377F0682, 0x377F0683)
"""The second has checksums of big-endian words."""

PENDING_BYTE = 0x40000000
"""The page with this byte is never used (fileformat2.html, section 1.4)."""


class _Frame(NamedTuple):
    """A frame: its page's number, the pages of the file after a commit (0: no commit), page 1 itself."""

    page: int
    size_after: int
    image: bytes


def wal_of(path: Path) -> Path:
    return companion(path, "-wal")


def stale_wal_problem(path: Path) -> str | None:
    """Why the file must not be opened with the ``-wal`` beside it, in one line; None where it may.

    Reads both and changes neither. Call it before the first connection of the process, while no other process uses the
    file: closing a file drops the locks that the process has on it.
    """
    try:
        evidence = _evidence(path, is_verified=False) and _evidence(path, is_verified=True)
        if evidence is None and _committed(wal_of(path), is_verified=False)[0]:
            evidence = damage_of_both(path)
    except OSError:  # for the checks of the database, which say what to do
        return None
    if evidence is None:
        return None
    wal = wal_of(path)
    return (
        f"{wal} holds changes of another state of the database than {path.name} ({evidence}), as when a backup was "
        f"copied over it; opening it would mix both. Run `daypass restore FILE` with the backup. Or move {wal.name} "
        f"away, to use {path.name} as it is without these changes"
    )


def _evidence(path: Path, is_verified: bool) -> str | None:
    """What shows that the two do not belong together.

    A file with changes in its ``-wal`` is in WAL mode, and holds the pages from before the first of them, or, after a
    checkpoint that may be incomplete, any of those in the ``-wal``.
    """
    frames, page_size = _committed(wal_of(path), is_verified)
    if not frames:
        return None
    if not path.exists() or path.stat().st_size == 0:
        return f"{path.name} is missing or empty"
    with path.open("rb") as file:
        page_1 = file.read(page_size)
    if len(page_1) < DATABASE_HEADER or not page_1.startswith(b"SQLite format 3\0"):
        return None  # no database, whatever the -wal is
    size = struct.unpack(">H", page_1[16:18])[0]
    if (65536 if size == 1 else size) != page_size:
        return "their page sizes differ"
    if page_1[18:20] != b"\2\2":
        return f"{path.name} was written in another journal mode"
    if not _may_precede(page_1, frames):
        return "their counters of changes or numbers of pages differ"
    written = {frame.page for frame in frames} | {PENDING_BYTE // page_size + 1}
    if any(page not in written for page in range(_pages(page_1) + 1, frames[-1].size_after + 1)):
        return "pages between the two are missing"  # each new page is written, even if it is freed at once
    return None


def _may_precede(page_1: bytes, frames: list[_Frame]) -> bool:
    """Whether the frames can follow a file with this page 1: they hold it, or continue from it.

    Each change of the number of pages changes page 1. So does, sooner or later, each connection: it adds one to the
    counter of changes that it read last, and several changes in a row have the same.
    """
    images = [frame.image for frame in frames if frame.page == 1]
    if page_1 in images:
        return True
    first = next((number for number, frame in enumerate(frames) if frame.page == 1), len(frames))
    if {frame.size_after for frame in frames[:first] if frame.size_after} - {_pages(page_1)}:
        return False
    if not images:
        return True
    if _counter(images[0]) - _counter(page_1) not in (0, 1):
        return False
    size_after = next(frame.size_after for frame in frames[first:] if frame.size_after)
    # Only VACUUM makes a file smaller; it writes all pages.
    return _pages(page_1) <= size_after or len({frame.page for frame in frames}) >= size_after


def _counter(page_1: bytes) -> int:
    return int(struct.unpack(">I", page_1[24:28])[0])


def _pages(page_1: bytes) -> int:
    return int(struct.unpack(">I", page_1[28:32])[0])


def _committed(wal: Path, is_verified: bool) -> tuple[list[_Frame], int]:
    """The frames that SQLite would replay, and the size of a page; with `is_verified`, their checksums are computed."""
    try:
        file = wal.open("rb")
    except FileNotFoundError:
        return [], 0
    with file:
        header = file.read(WAL_HEADER)
        if len(header) < WAL_HEADER:
            return [], 0
        magic, _, page_size = struct.unpack(">3I", header[:12])
        if magic not in MAGIC or header[24:] != _Checksum(magic).add(header[:24]):
            return [], 0
        frames = list(_frames(file, header, page_size, is_verified))
    commits = [number for number, frame in enumerate(frames, start=1) if frame.size_after]
    return frames[: commits[-1]] if commits else [], page_size


def _frames(file: BinaryIO, header: bytes, page_size: int, is_verified: bool) -> Iterator[_Frame]:
    """The frames up to the first that is not of this header: of an earlier use of the file, or incomplete."""
    checksum = _Checksum(struct.unpack(">I", header[:4])[0])
    checksum.add(header[:24])
    while len(start := file.read(FRAME_HEADER)) == FRAME_HEADER and start[8:16] == header[16:24]:
        page, size_after = struct.unpack(">2I", start[:8])
        content = b""
        if is_verified or page == 1:
            content = file.read(page_size)
            if len(content) < page_size:
                return
        else:
            file.seek(page_size, os.SEEK_CUR)
        if is_verified:
            checksum.add(start[:8])
            if checksum.add(content) != start[16:]:
                return
        yield _Frame(page, size_after, content if page == 1 else b"")


class _Checksum:
    """The running checksum of a ``-wal`` (walformat.html, section 4.2)."""

    def __init__(self, magic: int) -> None:
        self._order = ">" if magic & 1 else "<"
        self._first = self._second = 0

    def add(self, content: bytes) -> bytes:
        """Go on over `content`, whole pairs of 32-bit words; the checksum so far."""
        first, second = self._first, self._second
        words = struct.unpack(f"{self._order}{len(content) // 4}I", content)
        for even, odd in zip(words[::2], words[1::2], strict=True):
            first = (first + even + second) & 0xFFFFFFFF
            second = (second + odd + first) & 0xFFFFFFFF
        self._first, self._second = first, second
        return struct.pack(">2I", first, second)
