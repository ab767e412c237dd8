"""The manifest of a store: what it holds, on what ground, and the hash of every file; replaced whole, last of all."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.errors import DataError, UsageError
from holdfast.features.history.facts import Facts, Reach
from holdfast.features.history.sound import checked
from holdfast.features.time import to_instant
from holdfast.findings import Finding
from holdfast.safely import sha256_of, write_safely

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Part:
    """One delivery.

    Attributes
    ----------
    sources
        The files delivered, each with its size and SHA-256.
    rows, dateless
        By table: rows delivered, and those without any date.
    reach
        By table, how far the landed rows reach.
    findings
        By table (empty: none of them), what concerns files.
    dialects
        By table, how the text file was written: its settings.
    assumed
        By table, rows left out because their `known_at` is assumed.
    """

    name: str
    sources: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, int]
    dateless: Mapping[str, int]
    reach: Mapping[str, Reach]
    findings: Mapping[str, tuple[Finding, ...]]
    dialects: Mapping[str, Mapping[str, Any]]
    assumed: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Give it as plain JSON values."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        plain["reach"] = {name: {"top": list(one.top), "rows": one.rows} for name, one in self.reach.items()}
        plain["findings"] = {
            name: [[one.code, one.where, one.count, one.message] for one in found]
            for name, found in self.findings.items()
        }
        return plain

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Part:
        """Read it back."""
        given = dict(values)
        given["reach"] = {name: Reach(tuple(one["top"]), one["rows"]) for name, one in given["reach"].items()}
        given["findings"] = {name: tuple(Finding(*one) for one in found) for name, found in given["findings"].items()}
        return cls(**given)


@dataclass(frozen=True)
class Bucket:
    """One range of accounts.

    Attributes
    ----------
    records
        The generation of its files of records; None when rows have landed since.
    accounts
        How many accounts it holds.
    facts
        By table, what is known of it.
    """

    records: str | None = None
    accounts: int = 0
    facts: Mapping[str, Facts] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What a store holds.

    Attributes
    ----------
    boundaries
        The first account id of every bucket but the first.
    parts
        The deliveries, oldest first.
    columns
        By table, the columns its landed rows have.
    buckets
        The ranges of accounts, in ascending order.
    files
        By path inside the store: size, SHA-256 of all bytes and of the footer.
    shared
        By table, the names that occur in several buckets.
    generation
        The number that the next files get; it is above those of all files there are.
    former
        The files of the generation before, kept for whoever still reads them.
    end, clock
        The data end and the clock, as stated when the store was built.
    strict_clock
        Whether rows whose `known_at` is assumed were left out.
    """

    boundaries: tuple[str, ...]
    parts: tuple[Part, ...]
    columns: Mapping[str, tuple[str, ...]]
    buckets: tuple[Bucket, ...]
    files: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    generation: int = 0
    end: pd.Timestamp | None = None
    clock: pd.Timestamp | None = None
    strict_clock: bool = False
    former: tuple[str, ...] = ()

    @property
    def held(self) -> tuple[str, ...]:
        """The files that must stay where they are: its own, and those of the generation before."""
        return (*self.files, *self.former)

    def reach(self) -> dict[str, Reach]:
        """Tell how far the landed rows of each table reach."""
        joined: dict[str, Reach] = {}
        for part in self.parts:
            for name, one in part.reach.items():
                joined[name] = joined.get(name, Reach()) + one
        return joined

    def write(self, folder: Path) -> None:
        """Put the manifest in its place in one step."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        plain["format"] = FORMAT
        plain["parts"] = [part.as_json() for part in self.parts]
        plain["buckets"] = [
            {
                "records": one.records,
                "accounts": one.accounts,
                "facts": {name: facts.as_json() for name, facts in one.facts.items()},
            }
            for one in self.buckets
        ]
        plain["tables"] = self._tables()
        for name in ("end", "clock"):
            plain[name] = None if plain[name] is None else plain[name].isoformat()
        write_safely(folder / MANIFEST, (json.dumps(plain, sort_keys=True, ensure_ascii=False) + "\n").encode())

    def _tables(self) -> dict[str, Any]:
        """Sum up, for whoever reads the file, the tables of the buckets that are ready."""
        from holdfast.features.history.outline import summary

        return summary([one.facts for one in self.buckets])

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check the manifest of a store.

        Raises
        ------
        DataError
            When there is none, or it is damaged, or of another format.
        """
        try:
            values = json.loads((folder / MANIFEST).read_bytes())
            if not isinstance(values, dict) or values.get("format") != FORMAT:
                found = repr(values.get("format"))[:40] if isinstance(values, dict) else "no object"
                raise DataError(str(folder / MANIFEST), f"a store of format {FORMAT}", found, "build the store again")
            return checked(cls._of_json(values))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UsageError) as error:
            found = f"{type(error).__name__}: {str(error)[:100]}"
            raise DataError(
                str(folder / MANIFEST), "the manifest of a store", found, "build the store again"
            ) from error

    @classmethod
    def _of_json(cls, values: Mapping[str, Any]) -> Manifest:
        given = {one.name: values[one.name] for one in fields(cls) if one.name != "former"}
        for name in ("boundaries", "former"):
            if not isinstance(values.get(name, []), list):
                raise TypeError(f"{name} that are no list")
            given[name] = tuple(values.get(name, ()))
        if not isinstance(given["strict_clock"], bool):
            raise TypeError(f"the strict clock {given['strict_clock']!r}")
        given["parts"] = tuple(Part.of_json(one) for one in given["parts"])
        given["columns"] = {name: tuple(one) for name, one in given["columns"].items()}
        given["shared"] = {name: tuple(one) for name, one in given["shared"].items()}
        given["buckets"] = tuple(
            Bucket(
                one["records"],
                operator.index(one["accounts"]),
                {name: Facts.of_json(facts) for name, facts in one["facts"].items()},
            )
            for one in given["buckets"]
        )
        for name in ("end", "clock"):
            given[name] = None if given[name] is None else to_instant(given[name])
        return cls(**given)


def listed(folder: Path, paths: list[Path]) -> dict[str, dict[str, Any]]:
    """Give the size and hash of files, of Parquet files also of the footer, by their path inside a folder."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(paths):
        entry: dict[str, Any] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        if path.suffix == ".parquet":
            entry["footer"] = footer_of(path)
        found[path.relative_to(folder).as_posix()] = entry
    return found


def footer_of(path: Path) -> str:
    """Hash the footer of a Parquet file, which says where everything in it lies."""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(size - 8, 0))
        length = int.from_bytes(handle.read(8)[:4], "little") + 8
        handle.seek(max(size - length, 0))
        return sha256(handle.read()).hexdigest()
