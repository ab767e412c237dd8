"""The workspace: files and folders that appear whole or not at all, one run at a time.

Everything is written under a temporary name, flushed to the disk and moved to its place by a rename; a folder gets its
manifest last; ``current`` is a link that is swapped by a rename. What was there before survives any error.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.errors import LockHeld
from holdfast.safely import LOCK, TEMPORARY, flush, locked, publishing, sha256_of

MANIFEST = "manifest.json"


def canonical_json(value: object) -> bytes:
    r"""Write JSON in the one form that is hashed: sorted keys, two spaces, a newline at the end, no NaN.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": "ü"}).decode()
    '{\n  "a": "ü",\n  "b": 1\n}\n'
    """
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never a part.

    Raises
    ------
    PublishError
        When the disk is full, read-only or otherwise refuses; the old file is intact.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    with _publishing(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)


@contextmanager
def folder_atomic(target: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name; it takes its place, replacing an older one, when the block ends well.

    Raises
    ------
    PublishError
        When the disk refuses. After any error what was there before is intact, and nothing is left behind.
    """
    temporary = target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
    with _publishing(target, temporary):
        temporary.mkdir(parents=True)
        yield temporary
        for path in [*sorted(temporary.rglob("*")), temporary]:
            flush(path)
        _into_place(temporary, target)
        flush(target.parent)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the last file of a folder: the facts, and the size and SHA-256 of every other file in it."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    (folder / MANIFEST).write_bytes(canonical_json({**facts, "files": files}))


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a folder when every file is there as it was written, else nothing."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        whole = all(sha256_of(folder / name) == entry["sha256"] for name, entry in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if whole else None


@dataclass(frozen=True)
class Workspace:
    """The folders of one plan.

    Examples
    --------
    >>> Workspace(Path("out")).runs.as_posix()
    'out/runs'
    """

    root: Path

    @property
    def models(self) -> Path:
        """The bundles, one folder per version."""
        return self.root / "models"

    @property
    def runs(self) -> Path:
        """The runs, one folder per run."""
        return self.root / "runs"

    @property
    def current(self) -> Path:
        """The link to the run that is served."""
        return self.root / "current"

    @property
    def champion(self) -> str | None:
        """The version of the bundle in service."""
        try:
            return (self.models / "champion").read_text(encoding="utf-8", errors="replace").strip() or None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def crown(self, version: str) -> None:
        """Put a bundle in service."""
        write_atomic(self.models / "champion", f"{version}\n".encode())

    def point(self, run: str) -> None:
        """Serve a run: swap ``current`` to it in one step."""
        temporary = self.root / f"{TEMPORARY}{os.getpid()}-current"
        with _publishing(self.current, temporary):
            temporary.symlink_to(Path("runs") / run, target_is_directory=True)
            temporary.replace(self.current)
            flush(self.root)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Work alone in this workspace, and clear what a killed run left behind.

        The lock belongs to the process: the system releases it when the process ends, however it ends.

        Raises
        ------
        LockHeld
            When another process works here.
        PublishError
            When the workspace cannot be written.
        """
        with _publishing(self.root, None):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = (self.root / LOCK).open("a+")
        with handle:
            if not locked(handle):
                raise LockHeld(str(self.root), "a free workspace", "another run at work", "wait for it to finish")
            for folder in (self.root, self.models, self.runs):
                _sweep(folder)
            yield


@contextmanager
def _publishing(target: Path, temporary: Path | None) -> Iterator[None]:
    try:
        with publishing(target):
            yield
    finally:
        if temporary is not None:
            _remove(temporary)


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
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    for leftover in folder.glob(f"{TEMPORARY}*"):
        _remove(leftover)
