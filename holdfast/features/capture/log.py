"""The log of one table: which captures there were, and the hash of every file; replaced whole, last of all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.errors import DataError
from holdfast.features.capture.naming import FILE, file_of
from holdfast.features.time import to_instant
from holdfast.safely import TEMPORARY, publishing, remove, sha256_of, write_safely

LOG = "log.json"
SCRATCH = f"{TEMPORARY}capture"
FORMAT = 1
_RESTORE = "restore the folder of the table from a backup; later captures are refused until then"


@dataclass(frozen=True)
class Entry:
    """One capture of one table.

    Attributes
    ----------
    at
        The instant of the capture.
    rows
        Rows delivered.
    added, changed, gone
        Rows that were new or back again, rows with other values, and rows that were there no more.
    complete
        Whether the whole table was delivered.
    appeared, vanished
        Columns that the capture before had not, or had.
    bytes, sha256
        Of the file with the changes; 0 and None when nothing had changed.
    """

    at: pd.Timestamp
    rows: int
    added: int
    changed: int
    gone: int
    complete: bool = True
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    bytes: int = 0
    sha256: str | None = None


@dataclass(frozen=True)
class Log:
    """The captures of one table.

    Attributes
    ----------
    key
        The columns that name a row.
    columns
        Those of the last capture.
    entries
        Oldest first.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def instants(self) -> tuple[pd.Timestamp, ...]:
        """The instants of the captures, ascending."""
        return tuple(one.at for one in self.entries)

    @classmethod
    def read(cls, home: Path) -> Log | None:
        """Read the log of a table from its folder; None when the table was never captured.

        Raises
        ------
        DataError
            When the log is damaged, or is gone while its files are there.
        """
        path = home / LOG
        if not path.exists():
            numbers = numbered(home)
            if numbers:
                raise DataError(str(path), "the log of a table", f"{len(numbers)} files without it", _RESTORE)
            return None
        content = path.read_bytes()
        try:
            told = json.loads(content)
            stated, found = told.pop("sha256"), _digest(told)
        except (ValueError, KeyError, AttributeError, TypeError) as problem:
            raise DataError(str(path), "a log as it was written", "a damaged file", _RESTORE) from problem
        if stated != found:
            raise DataError(str(path), f"a log with the SHA-256 {str(stated)[:12]}", f"{found[:12]}", _RESTORE)
        if told["format"] != FORMAT:
            do = "read it with the version of holdfast that wrote it"
            raise DataError(str(path), f"a log of format {FORMAT}", f"format {told['format']}", do)
        entries = tuple(_entry(one) for one in told["captures"])
        return cls(told["table"], tuple(told["key"]), tuple(told["columns"]), entries)

    def write(self, home: Path) -> None:
        """Put the log in the place of the former one."""
        captures = [{**asdict(one), "at": one.at.isoformat()} for one in self.entries]
        told = {"format": FORMAT, "table": self.table, "key": self.key, "columns": self.columns, "captures": captures}
        text = json.dumps({**told, "sha256": _digest(told)}, ensure_ascii=True, indent=1)
        with publishing(home):
            write_safely(home / LOG, text.encode() + b"\n")

    def with_entry(self, entry: Entry, columns: tuple[str, ...]) -> Log:
        """Give the log with one more capture."""
        return replace(self, columns=columns, entries=(*self.entries, entry))

    def files(self, home: Path, until: pd.Timestamp | None = None) -> dict[int, Path]:
        """Give the files by number of capture, each compared with its hash.

        Parameters
        ----------
        until
            Only captures up to this instant.

        Raises
        ------
        DataError
            When a file is absent or not as it was written.
        """
        found = {
            number: home / file_of(number, one.at)
            for number, one in enumerate(self.entries)
            if one.sha256 is not None and (until is None or one.at <= until)
        }
        for number, path in found.items():
            _intact(path, self.entries[number])
        return found


def sweep(home: Path, log: Log | None) -> None:
    """Remove what a killed capture left: its scratch, and the file that its log does not count.

    Raises
    ------
    DataError
        When there are files of captures that the log should know, and does not.
    """
    if home.is_symlink():
        raise DataError(str(home), "a folder of captures", "a link", "put what it leads to in its place")
    following = 0 if log is None else len(log.entries)
    found = numbered(home)
    if found and found[-1][0] > following:
        raise DataError(str(home / LOG), f"at least {found[-1][0]} captures", str(following), _RESTORE)
    with publishing(home):
        for _, path in (one for one in found if one[0] == following):
            path.unlink()
        for leftover in (SCRATCH, f"{TEMPORARY}{LOG}"):
            remove(home / leftover)


def numbered(home: Path) -> list[tuple[int, Path]]:
    """Give the files of captures that lie in a folder, with their numbers, ascending."""
    if not home.is_dir():
        return []
    named = ((FILE.fullmatch(path.name), path) for path in sorted(home.iterdir()))
    return sorted((int(match[1]), path) for match, path in named if match is not None)


def _intact(path: Path, entry: Entry) -> None:
    if not path.is_file():
        raise DataError(str(path), "a file of captured rows", "none", _RESTORE)
    size = path.stat().st_size
    if size != entry.bytes:
        raise DataError(str(path), f"{entry.bytes} bytes as written", f"{size} bytes", _RESTORE)
    digest = sha256_of(path)
    if digest != entry.sha256:
        raise DataError(str(path), f"the SHA-256 {str(entry.sha256)[:12]}", digest[:12], _RESTORE)


def _entry(told: dict[str, Any]) -> Entry:
    lists = {name: tuple(told[name]) for name in ("appeared", "vanished")}
    return Entry(**{**told, **lists, "at": to_instant(told["at"])})


def _digest(told: dict[str, Any]) -> str:
    return sha256(json.dumps(told, ensure_ascii=True, sort_keys=True).encode()).hexdigest()
