"""Writing so that a reader, a second writer, a full disk or a killed process find whole files or none."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES
from hashlib import sha256
from pathlib import Path
from typing import IO

from holdfast.errors import LockHeld, PublishError

LOCK = ".lock"
TEMPORARY = ".tmp-"
_ASIDE = re.compile(rf"{re.escape(TEMPORARY)}[0-9]+-old-(.+)")


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
    """Replace a file in one step, where one process writes `alone`.

    The temporary file has one name, by which whoever writes there next knows, and clears, what a killed process left.
    """
    _replace(path, path.with_name(f"{TEMPORARY}{path.name}"), content)


def _replace(path: Path, temporary: Path, content: bytes) -> None:
    temporary.write_bytes(content)
    flush(temporary)
    temporary.replace(path)
    flush(path.parent)


@contextmanager
def publishing(target: Path) -> Iterator[None]:
    """Tell of a disk that refuses, or of a file and a folder in the place of each other; what was there is intact.

    Raises
    ------
    PublishError
        When the disk is full, read-only or otherwise refuses, or when a file lies where a folder is needed.
    """
    try:
        yield
    except OSError as problem:
        raise _refusal(target, problem) from problem


def _refusal(target: Path, problem: OSError) -> PublishError:
    if isinstance(problem, IsADirectoryError):
        do = f"name a file in it, such as {target / 'FILE'}"
        return PublishError(str(target), "a file, or a free place for one", "a folder", do)
    if isinstance(problem, (FileExistsError, NotADirectoryError)):
        for one in (target, *target.parents):
            if one.exists() and not one.is_dir():
                do = f"name another folder; {one} was left as it is"
                return PublishError(str(one), "a folder", "a file", do)
    found = problem.strerror or str(problem).splitlines()[0]
    do = "free or unlock the disk, then run again; what was there before is intact"
    return PublishError(str(target), "to write", found, do)


@contextmanager
def clearing(target: Path, temporary: Path | None) -> Iterator[None]:
    """Tell of a disk that refuses, and leave no temporary file or folder behind.

    Raises
    ------
    PublishError
        When the disk is full, read-only or otherwise refuses.
    """
    try:
        with publishing(target):
            yield
    finally:
        if temporary is not None:
            remove(temporary)


def _into_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    old = target.with_name(f"{TEMPORARY}{os.getpid()}-old-{target.name}")
    target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        old.rename(target)
        raise
    remove(old)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(NotADirectoryError):  # a file lies where its folder would be
            path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Clear what a killed writer left in a folder; what it had moved aside and not replaced yet goes back."""
    for leftover in sorted(folder.glob(f"{TEMPORARY}*")):
        aside = _ASIDE.fullmatch(leftover.name)
        if aside and not (target := leftover.with_name(aside[1])).exists():
            leftover.rename(target)
        else:
            remove(leftover)


def refuse_in_the_way(path: Path) -> None:
    """Refuse a place where no file can be written, before anything is done; nothing is touched.

    Raises
    ------
    PublishError
        When a folder lies there, when a file lies where one of its folders would be, or when nothing may be written.
    """
    with publishing(path):
        if path.is_dir():
            raise IsADirectoryError(path)
        there = next(one for one in path.absolute().parents if one.exists())
        if not there.is_dir():
            raise NotADirectoryError(there)
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, os.strerror(EACCES), str(there))


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never a part.

    Raises
    ------
    PublishError
        When the disk is full, read-only or otherwise refuses; the old file is intact.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    with clearing(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, temporary, content)


@contextmanager
def folder_atomic(target: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name; it takes its place, replacing an older one, when the block ends well.

    Raises
    ------
    PublishError
        When the disk refuses. After any error what was there before is intact, and nothing is left behind.
    """
    temporary = target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
    with clearing(target, temporary):
        temporary.mkdir(parents=True)
        yield temporary
        for path in [*sorted(temporary.rglob("*")), temporary]:
            flush(path)
        _into_place(temporary, target)
        flush(target.parent)


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
