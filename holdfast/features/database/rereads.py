"""Rows that are read again: which of them say something new.

Nothing that was fetched is rewritten. A row that reads as it did is dropped; a row that changed is one more version
of the same key, told apart by ``_fetched_at``. Where a table has no primary key, as many copies of a row are dropped
as there were before, so that two events that are alike in everything still count as two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import pyarrow as pa


@dataclass
class Rereads:
    """What was fetched before, of the rows that are read again.

    Attributes
    ----------
    columns
        All columns of the table; one that an older part lacks counts as empty there.
    key
        Its primary key; empty when it has none.

    Examples
    --------
    >>> before = Rereads(["id", "n"], ["id"])
    >>> before.remember(pa.table({"id": [1, 2], "n": [5, 5]}))
    >>> before.fresh(pa.table({"id": [1, 2, 3], "n": [5, 6, 5]})).to_pylist()
    [{'id': 2, 'n': 6}, {'id': 3, 'n': 5}]
    """

    columns: Sequence[str]
    key: Sequence[str] = ()
    _latest: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    _copies: Counter[bytes] = field(default_factory=Counter, repr=False)

    def remember(self, rows: pa.Table) -> None:
        """Take in rows that were fetched before, the oldest first."""
        whole = _digests(rows, self.columns)
        if self.key:
            self._latest.update(zip(_digests(rows, self.key), whole, strict=True))
        else:
            self._copies.update(whole)

    def fresh(self, rows: pa.Table) -> pa.Table:
        """Keep of rows just read those that say something new."""
        whole = _digests(rows, self.columns)
        keep = self._changed(rows, whole) if self.key else [self._one_more(one) for one in whole]
        return rows.filter(pa.array(keep, pa.bool_()))

    def _changed(self, rows: pa.Table, whole: Iterator[bytes]) -> list[bool]:
        keep = []
        for key, digest in zip(_digests(rows, self.key), whole, strict=True):
            keep.append(self._latest.get(key) != digest)
            self._latest[key] = digest
        return keep

    def _one_more(self, digest: bytes) -> bool:
        if not self._copies[digest]:
            return True
        self._copies[digest] -= 1
        return False


def _digests(rows: pa.Table, columns: Sequence[str]) -> Iterator[bytes]:
    """Hash the rows of a table, each over the given columns."""
    values = [_plain(rows, name) for name in columns]
    for row in zip(*values, strict=True):
        yield blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _plain(rows: pa.Table, name: str) -> Sequence[object]:
    if name not in rows.column_names:
        return [None] * rows.num_rows
    column = rows[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[object] = column.to_pylist()
    return values
