"""The workspace: files and folders that appear whole or not at all, one run at a time.

Everything is written under a temporary name, flushed to the disk and moved to its place by a rename; a folder gets its
manifest last; ``current`` is a link that is swapped by a rename. What was there before survives any error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from holdfast.errors import LockHeld
from holdfast.safely import (
    LOCK,
    TEMPORARY,
    clearing,
    flush,
    folder_atomic,
    locked,
    sha256_of,
    sweep,
    write_atomic,
)

__all__ = [
    "MANIFEST",
    "Workspace",
    "canonical_json",
    "folder_atomic",
    "read_manifest",
    "write_atomic",
    "write_manifest",
]

MANIFEST = "manifest.json"
_PAUSE = 0.2  # seconds between two looks at a lock that is held


def canonical_json(value: object) -> bytes:
    r"""Write JSON in the one form that is hashed: sorted keys, two spaces, a newline at the end, no NaN.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": "ü"}).decode()
    '{\n  "a": "ü",\n  "b": 1\n}\n'
    """
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the last file of a folder: the facts, and the size and SHA-256 of every other file in it."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    (folder / MANIFEST).write_bytes(canonical_json({**facts, "files": files}))


def read_manifest(folder: Path, *names: str) -> dict[str, Any] | None:
    """Read the manifest of a folder when every file, or each of those named, is as it was written, else nothing."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        wanted = {name: manifest["files"][name] for name in names or manifest["files"]}
        whole = all(sha256_of(folder / name) == entry["sha256"] for name, entry in wanted.items())
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
    def tracking(self) -> Path:
        """What MLflow has still to hear, and what it was told."""
        return self.root / "tracking"

    @property
    def crowned(self) -> str | None:
        """The version that the file ``models/champion`` names; it follows the ledger of promotions."""
        try:
            return (self.models / "champion").read_text(encoding="utf-8", errors="replace").strip() or None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def crown(self, version: str) -> None:
        """Name the bundle in service in the file ``models/champion``."""
        write_atomic(self.models / "champion", f"{version}\n".encode())

    def point(self, run: str) -> None:
        """Serve a run: swap ``current`` to it in one step."""
        temporary = self.root / f"{TEMPORARY}{os.getpid()}-current"
        with clearing(self.current, temporary):
            temporary.symlink_to(Path("runs") / run, target_is_directory=True)
            temporary.replace(self.current)
            flush(self.root)

    def lock(self, patience: float = 0.0) -> AbstractContextManager[None]:
        """Score and publish alone in this workspace, and clear what a killed run left behind.

        The lock belongs to the process: the system releases it when the process ends, however it ends.

        Parameters
        ----------
        patience
            Seconds to wait for another process.

        Raises
        ------
        LockHeld
            When another process works here.
        PublishError
            When the workspace cannot be written.
        """
        return _alone(self.root, (self.root, self.runs), patience)

    def training(self) -> AbstractContextManager[None]:
        """Write models alone in this workspace; scores can be made meanwhile, with the model in service.

        Raises
        ------
        LockHeld
            When another process trains here.
        PublishError
            When the workspace cannot be written.
        """
        return _alone(self.models, (self.models, self.tracking / "spool"))

    def syncing(self) -> AbstractContextManager[None]:
        """Talk to MLflow alone.

        Raises
        ------
        LockHeld
            When another process does.
        PublishError
            When the workspace cannot be written.
        """
        return _alone(self.tracking, (self.tracking,))


@contextmanager
def _alone(home: Path, swept: Sequence[Path], patience: float = 0.0) -> Iterator[None]:
    with clearing(home, None):
        home.mkdir(parents=True, exist_ok=True)
        handle = (home / LOCK).open("a+")
    with handle:
        until = monotonic() + patience
        while not locked(handle):
            if monotonic() >= until:
                raise LockHeld(str(home), "a free workspace", "another run at work", "wait for it to finish")
            sleep(_PAUSE)
        for folder in swept:
            sweep(folder)
        yield
