"""Keys: under what the sources know somebody, and which of their rows hold it.

A key with letters in it is somebody's wherever it stands. One that is a number is also a count, and the number of other
things: it is looked for in the tables of its source, in the columns from which the mapping tells who is who. Of several
keys in one cell the first says whose the row is, as it does to the mapping.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.features.landed.naming import stem_of
from holdfast.features.mapping.mapfile import mapping_path, read_adapter, read_mapping
from holdfast.features.mapping.paths import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.mapping.adapter import Object
    from holdfast.features.mapping.mapfile import Entry, MapFile, Reading
    from holdfast.serving.erasure.subject import Subject

_OWN = "rows"  # the object of a table that no vendor made, whose columns are called as in the canonical one
_ID = re.compile(r"(.*_)?(id|key|uuid)s?")
_CALLED = re.compile(r"(account|customer|client|company|organi[sz]ation|tenant|person|user|contact)_?(id|key|uuid)")
_KINDS = ("account", "person")
_SEVERAL = r"^\s*[^;,|\s]+(\s*[;,|]\s*[^;,|\s]+)+\s*$"  # keys, not words that people wrote


@dataclass(frozen=True)
class Keys:
    """The keys of somebody.

    Attributes
    ----------
    words
        Those that are no numbers.
    numbers
        Those that are, by source and kind.
    columns
        By table, which columns name somebody: the source, the kind, and their plain names.

    Examples
    --------
    >>> keys = Keys(frozenset({"b"}), {("crm", "account"): {"1"}}, {"deals": [("crm", "account", {"of"})]})
    >>> keys.held("deals", pa.table({"id": [1, 2, 3], "of": [2, 1, 3], "by": ["a", "a", "b"]})).tolist()
    [False, True, True]
    """

    words: frozenset[str]
    numbers: Mapping[tuple[str, str], set[str]] = field(default_factory=dict)
    columns: Mapping[str, Sequence[tuple[str, str, set[str]]]] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Path, who: Subject) -> Keys:
        """Read the id of somebody and every key of it in a source, as the last look-up told them."""
        mapping = read_mapping(mapping_path(home))
        ours = (one.name for one in mapping.entries if one.name == mapping.accounts or _plain(one))
        told = {*_told(home, who), *((source, who.kind, who.name) for source in ("", *ours))}
        numbers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for source, kind, key in told:
            if key.isdecimal():
                numbers[source, kind].add(key)
        words = frozenset(key for _, _, key in told if not key.isdecimal())
        return cls(words, dict(numbers), _columns(home, mapping))

    def held(self, table: str, rows: pa.Table) -> NDArray[np.bool_]:
        """Tell which rows of a table hold one of the keys, text or number, alone or first of several in a cell."""
        found = np.zeros(len(rows), dtype=bool)
        for name, column in zip(rows.column_names, rows.columns, strict=True):
            texts = _texts(column)
            if texts is not None:
                numbers = self._numbers(table, plain(name))
                floats = {f"{one}.0" for one in numbers}  # of a text file whose column has gaps
                wanted = pa.array(sorted({*self.words, *numbers, *floats}), pa.string())
                found |= np.asarray(pc.is_in(texts, wanted), dtype=bool)
                if numbers or _ID.fullmatch(plain(name)):
                    found |= np.asarray(pc.is_in(_first(texts), wanted), dtype=bool)
        return found

    def shared(self, table: str, rows: pa.Table) -> NDArray[np.bool_]:
        """Tell which rows that are not its own hold one of the keys beside others in a cell, or inside a JSON text."""
        found = np.zeros(len(rows), dtype=bool)
        for name, column in zip(rows.column_names, rows.columns, strict=True):
            texts = _texts(column)
            if texts is None:
                continue
            numbers = self._numbers(table, plain(name), inside=True)
            found |= _inside(texts, {*self.words, *numbers}, numbers)
            if numbers or _ID.fullmatch(plain(name)):
                found |= _beside(texts, {*self.words, *numbers})
        return found & ~self.held(table, rows)

    def _numbers(self, table: str, column: str, *, inside: bool = False) -> set[str]:
        """Give the numbers that are somebody's in a column; of a table that nobody reads, the name of it tells.

        Parameters
        ----------
        inside
            Whether a column counts that holds such a one inside.
        """
        if table not in self.columns:
            return set().union(*self.numbers.values()) if _CALLED.fullmatch(column) else set()
        known = (
            (source, kind)
            for source, kind, names in self.columns[table]
            if column in names or (inside and any(name.startswith(f"{column}_") for name in names))
        )
        return set().union(*(self.numbers.get(one, set()) for one in known))


def table_of(reading: str) -> str:
    """Give the name of a landed table without the date of an export.

    Examples
    --------
    >>> table_of("Stripe/customers-2025-03-01"), table_of("accounts")
    ('stripe/customers', 'accounts')
    """
    folder, _, last = reading.rpartition("/")
    return "/".join(filter(None, (folder.lower(), stem_of(last))))


def _told(home: Path, who: Subject) -> Iterator[tuple[str, str, str]]:
    try:
        told = pd.read_csv(home / "id_map.csv", dtype=str, keep_default_na=False)
    except FileNotFoundError:
        return
    column = f"{who.kind}_id"
    mine = told[told[column] == who.name] if column in told else told[:0]
    yield from zip(mine["source"], mine["kind"], mine["source_key"], strict=True)


def _plain(entry: Entry) -> bool:
    """Tell a source that no vendor made: it may call an account or a person as the others do."""
    return any(one.object == _OWN for one in entry.readings)


def _columns(home: Path, mapping: MapFile) -> dict[str, list[tuple[str, str, set[str]]]]:
    found: defaultdict[str, list[tuple[str, str, set[str]]]] = defaultdict(list)
    for entry in mapping.entries:
        objects = read_adapter(home, entry).objects
        for reading in entry.readings:
            for kind in _KINDS:
                names = _naming(objects[reading.object], reading, kind) if reading.object in objects else set()
                found[table_of(reading.table)].append((entry.name, kind, names))
    return dict(found)


def _naming(one: Object, reading: Reading, kind: str) -> set[str]:
    """Give the landed names of the columns that name an account or a person; a vendor tells them apart by itself."""
    ours = {f"{kind}_id"} if one.name == _OWN else {name for name in one.fields if _ID.fullmatch(name)}
    paths = {path for name in ours & one.fields.keys() for path in one.fields[name].names}
    return {plain(path) for path in paths | {reading.columns[name] for name in ours & reading.columns.keys()}}


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Give the values that may be a key as text; None where there are none."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return column.cast(pa.string())
    if pa.types.is_floating(kind):  # whole numbers of which one is missing
        whole = pc.and_(pc.equal(pc.trunc(column), column), pc.less(pc.abs(column), 2.0**53))
        return pc.if_else(whole, column, pa.scalar(None, kind)).cast(pa.int64()).cast(pa.string())
    return None


def _first(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give the first of several keys in a cell; missing where there are not several."""
    several = pc.if_else(pc.match_substring_regex(texts, _SEVERAL), texts, None)
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(several, r"(?s)[;,|].*", ""))


def _beside(texts: pa.ChunkedArray, keys: Collection[str]) -> NDArray[np.bool_]:
    """Tell which cells hold one of the keys among several."""
    among = rf"(^|[;,|])\s*({_any(keys)})\s*($|[;,|])"
    return _true(pc.and_(pc.match_substring_regex(texts, _SEVERAL), pc.match_substring_regex(texts, among)))


def _inside(texts: pa.ChunkedArray, keys: Collection[str], numbers: Collection[str]) -> NDArray[np.bool_]:
    """Tell which cells are JSON texts that hold one of the keys as a value, or one of the numbers as a number."""
    value = rf'"({_any(keys)})"|[:\[,]\s*({_any(numbers)})\s*[,\]}}]'
    return _true(pc.and_(pc.match_substring_regex(texts, r"^\s*[\[{]"), pc.match_substring_regex(texts, value)))


def _any(keys: Collection[str]) -> str:
    return "|".join(map(re.escape, sorted(keys))) or r"[^\s\S]"


def _true(found: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(found, False), dtype=bool)
