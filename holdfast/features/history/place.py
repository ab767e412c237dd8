"""The folder of a store: what in it is ours, which alone is ever removed, and the mark of a build at work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from holdfast.errors import DataError, UsageError
from holdfast.features.history.manifest import MANIFEST, Manifest
from holdfast.features.history.sound import FILE, FOLDER
from holdfast.safely import LOCK, TEMPORARY, write_safely

MARKER = ".building"
SORTING = f"{TEMPORARY}sort"
_TEXT = b"A holdfast store is being built here; what lies in landed and records is unfinished.\n"
_TOPS = ("landed", "records")
_LEFTOVERS = (f"{TEMPORARY}{MANIFEST}", f"{TEMPORARY}{MARKER}", SORTING)


def apart(source: Path, store: Path) -> None:
    """Refuse a source and a store of which one lies in the other.

    Raises
    ------
    UsageError
        When they do not lie apart.
    """
    one, two = source.resolve(), store.resolve()
    if one == two or one in two.parents or two in one.parents:
        found = f"{source}, of which one holds the other"
        raise UsageError(str(store), "a folder apart from the source", found, "name a folder beside the source")


def refuse_strange(store: Path) -> None:
    """Refuse a folder that holds anything but what a killed build of ours left.

    Raises
    ------
    UsageError
        When the folder holds a store, or anything else.
    """
    if not store.is_dir():
        return
    if (store / MANIFEST).exists():
        raise UsageError(str(store), "a new folder", "a store", "append to it, or name another folder")
    begun = _is(store / MARKER, _TEXT)
    strange = sorted(one.name for one in store.iterdir() if not _ours(one, begun))
    if strange:
        raise UsageError(str(store), "a new or empty folder", ", ".join(strange[:5]), "name another folder")


def _ours(path: Path, begun: bool) -> bool:
    if path.is_symlink():
        return False
    if path.name == LOCK:
        content = path.read_bytes() if path.is_file() and path.stat().st_size < 20 else b"other"
        return not content or content.isdigit()
    if path.name in _TOPS:
        return path.is_dir() and (begun or not any(path.iterdir()))
    return path.name == f"{TEMPORARY}{MARKER}" or (begun and path.name in (MARKER, *_LEFTOVERS))


def _is(path: Path, content: bytes) -> bool:
    return not path.is_symlink() and path.is_file() and path.read_bytes() == content


@contextmanager
def begun(store: Path) -> Iterator[None]:
    """Build under a mark that tells what a killed build left from what is somebody's; on a failure nothing is left."""
    write_safely(store / MARKER, _TEXT)
    try:
        with tidied(store, ()):
            yield
    except BaseException:
        with suppress(OSError):
            (store / MARKER).unlink()
        raise
    (store / MARKER).unlink()


@contextmanager
def tidied(store: Path, files: Iterable[str]) -> Iterator[None]:
    """Work in a folder without leftovers, and leave none when the work fails."""
    sweep(store, files)
    try:
        yield
    except BaseException:
        with suppress(OSError, DataError):
            # the manifest may be in place already
            sweep(store, Manifest.read(store).held if (store / MANIFEST).exists() else ())
        raise


def sweep(store: Path, files: Iterable[str]) -> None:
    """Remove what a killed run left behind, and what is no longer listed; what has no name of ours stays.

    Raises
    ------
    DataError
        When a link leads out of the store.
    """
    kept = set(files)
    for top in _TOPS:
        inside(store, top)
        for folder, folders, names in os.walk(store / top, topdown=False):
            at = Path(folder).relative_to(store).as_posix()
            for name in (*folders, *names):
                inside(store, f"{at}/{name}")
            for name in (f"{at}/{one}" for one in names):
                if FILE.fullmatch(name) and name not in kept:
                    (store / name).unlink()
            if FOLDER.fullmatch(at) and not any(Path(folder).iterdir()):
                Path(folder).rmdir()
    for leftover in (store / name for name in (*_LEFTOVERS, *((MARKER,) if (store / MANIFEST).exists() else ()))):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        elif leftover.is_symlink() or leftover.exists():
            leftover.unlink()


def inside(store: Path, name: str) -> Path:
    """Give a path of the store, none of whose parts is a link.

    Raises
    ------
    DataError
        When one is.
    """
    path = store
    for part in PurePosixPath(name).parts:
        path /= part
        if path.is_symlink():
            do = "put what it leads to in its place, or build the store again"
            raise DataError(str(path), "a file or folder of the store", "a link", do)
    return path
