"""Files of arrays: Arrow, written beside the others, counted once the manifest names them, and read by their hash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.errors import DataError
from holdfast.features.carry.rows import Arrays
from holdfast.safely import LOCK, TEMPORARY, flush, write_safely

FORMAT = 1
MANIFEST = "carry.json"
_AGAIN = "start again in an empty folder: Carry.start"


@dataclass(frozen=True)
class Entry:
    """One file, by its name in the folder."""

    name: str
    size: int
    sha256: str

    def read(self, folder: Path) -> pa.Buffer:
        """Read it whole.

        Raises
        ------
        DataError
            When it is absent, or not what was written.
        """
        path, expected = folder / self.name, f"the file of {self.size} bytes that was written"
        if path.is_symlink() or not path.is_file():
            raise DataError(str(path), expected, "none", _AGAIN)
        with path.open("rb") as handle:
            content = handle.read()
        if len(content) != self.size or sha256(content).hexdigest() != self.sha256:
            raise DataError(str(path), expected, f"{len(content)} bytes, or other ones", _AGAIN)
        return pa.py_buffer(content)


def entry_of(folder: Path, path: Path) -> Entry:
    """Describe a file that was written, once the disk holds it."""
    flush(path)
    content = path.read_bytes()
    return Entry(path.relative_to(folder).as_posix(), len(content), sha256(content).hexdigest())


def write_arrays(folder: Path, name: str, arrays: Mapping[str, Any]) -> Entry:
    """Write arrays of any lengths, each in one cell of a single row."""
    cells = {}
    for key, values in arrays.items():
        flat = pa.array(np.ascontiguousarray(values)) if isinstance(values, np.ndarray) else values
        cells[key] = pa.LargeListArray.from_arrays(pa.array([0, len(flat)], pa.int64()), flat)
    return write_table(folder, name, pa.table(cells))


def write_table(folder: Path, name: str, table: pa.Table) -> Entry:
    """Write a table."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return entry_of(folder, path)


def read_arrays(content: pa.Buffer) -> dict[str, pa.Array]:
    """Read arrays back."""
    table = pa.ipc.open_file(content).read_all()
    return {name: table.column(name).chunk(0).flatten() for name in table.column_names}


def read_table(content: pa.Buffer) -> Arrays:
    """Read arrays of one length, written in batches."""
    table = pa.ipc.open_stream(content).read_all()
    return {name: table.column(name).to_numpy() for name in table.column_names}


def write_manifest(folder: Path, values: Mapping[str, Any]) -> None:
    """Let the files count, in one step."""
    text = json.dumps({"format": FORMAT, **values}, sort_keys=True)
    write_safely(folder / MANIFEST, (text + "\n").encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest.

    Raises
    ------
    DataError
        When there is none, or it is damaged, or of another format.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        found = f"{type(error).__name__}: {str(error)[:80]}"
        raise DataError(str(path), "what Carry.start has written", found, _AGAIN) from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DataError(str(path), f"a carry of format {FORMAT}", "another", _AGAIN)
    return values


def sweep(folder: Path, names: Iterable[str]) -> None:
    """Remove what a killed run left behind, and what is no longer named."""
    kept = {folder / name for name in names} | {folder / MANIFEST, folder / LOCK}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()
    for leftover in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
