"""Tombstones: who was erased, as keyed hashes in the ledger; the key lies in the workspace and is made once."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path

from holdfast.errors import UsageError
from holdfast.features.history.leaving_out import Kind, LeftOut
from holdfast.features.pull.access import private_text
from holdfast.safely import TEMPORARY, clearing, flush
from holdfast.serving.ledger.store import LEDGER, Ledger, stamp
from holdfast.serving.workspace import Workspace

KEY = "erasure.key"
_RESTORE = "put it back from a backup: without it nobody knows who was erased"


def left_out_of(place: Workspace) -> LeftOut:
    """Read who was erased from a workspace; nobody where nobody was.

    Raises
    ------
    UsageError
        When somebody was, and the key is gone or others may read it.
    """
    rows = Ledger(place.root / LEDGER).read("SELECT kind, digest FROM erased")
    if rows.empty:
        return LeftOut(b"")
    by = {kind: frozenset(some["digest"]) for kind, some in rows.groupby("kind")}
    return LeftOut(_key(place.root / KEY), by.get("account", frozenset()), by.get("person", frozenset()))


def keyed(place: Workspace) -> LeftOut:
    """Do as `left_out_of` does, and make the key where there is none yet, so that somebody can be hashed."""
    found, path = left_out_of(place), place.root / KEY
    if found.key:
        return found
    if not path.exists():
        _make(path)
    return LeftOut(_key(path))


def bury(place: Workspace, left_out: LeftOut, kind: Kind, name: str, at: datetime) -> bool:
    """Put up a tombstone; tell whether there was none."""
    row = (kind, left_out.digest(kind, name), stamp(at))
    with Ledger(place.root / LEDGER).writing() as db:
        return db.execute("INSERT INTO erased VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount == 1


def _key(path: Path) -> bytes:
    found = private_text(path, str(path), _RESTORE)
    try:
        key = bytes.fromhex(found)
    except ValueError:
        key = b""
    if len(key) != secrets.DEFAULT_ENTROPY:
        raise UsageError(str(path), f"the key of the tombstones, {secrets.DEFAULT_ENTROPY} bytes", "another", _RESTORE)
    return key


def _make(path: Path) -> None:
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    with clearing(path, temporary):
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(f"{secrets.token_hex()}\n")
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
