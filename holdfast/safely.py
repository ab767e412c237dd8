"""Writing so that a reader, a second writer, a full disk or a killed process find whole files or none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from holdfast.errors import LockHeld, PublishError

LOCK = ".lock"
TEMPORARY = ".tmp-"


def sha256_of(path: Path) -> str:
    """Hash the bytes of a file."""
    with path.open("rb") as handle:
        digest = sha256()
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def flush(path: Path) -> None:
    """Have the disk hold what was written."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_safely(path: Path, content: bytes) -> None:
    """Replace a file in one step."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    temporary.write_bytes(content)
    flush(temporary)
    temporary.replace(path)
    flush(path.parent)


@contextmanager
def publishing(target: Path) -> Iterator[None]:
    """Tell of a disk that refuses; what was there before is intact.

    Raises
    ------
    PublishError
        When the disk is full, read-only or otherwise refuses.
    """
    try:
        yield
    except OSError as problem:
        found = problem.strerror or str(problem).splitlines()[0]
        do = "free or unlock the disk, then run again; what was there before is intact"
        raise PublishError(str(target), "to write", found, do) from problem


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Write alone in a folder; the lock ends with its process, however that ends.

    Raises
    ------
    LockHeld
        When another process writes there.
    """
    with publishing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = open(folder / LOCK, "a+", opener=_unlinked)  # noqa: SIM115 # Path.open takes no opener
    with handle:
        if not locked(handle):
            handle.seek(0)
            writer = handle.read(20).strip()
            found = f"process {writer} at work" if writer.isdigit() else "another process at work"
            raise LockHeld(str(folder), "a store that nobody writes to", found, "wait for it to finish")
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)


def _unlinked(path: str, flags: int) -> int:
    """Open a file, never what a link leads to."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def locked(handle: IO[str]) -> bool:
    """Lock an open file for this process alone; False when another one holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
