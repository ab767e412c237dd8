"""A part of a history: some accounts with their records, beside what holds for all accounts together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals

from holdfast.errors import UsageError
from holdfast.features.history.bucketfile import from_arrow, to_arrow
from holdfast.features.history.dialect import Dialect
from holdfast.features.history.facts import Facts
from holdfast.features.history.history import History, Instant
from holdfast.features.history.outline import Outline
from holdfast.features.history.records import Records
from holdfast.features.time import to_instant

ACCOUNTS, OUTLINE = "_accounts", b"holdfast.outline"
Reader = Callable[[str, Iterable[str] | None], Records]


class BucketHistory(History):
    """Hold some accounts of a history; tables, watermarks and the data end are those of the whole."""

    def __init__(self, outline: Outline, accounts: pd.Index, read: Reader, dialects: Mapping[str, Dialect]) -> None:
        self._outline, self._accounts, self._read, self._dialects = outline, accounts, read, dict(dialects)

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        """Give the rows of a table, read anew each time; texts but ``source_id`` are categories."""
        self._outline.of(table)
        return self._read(table, columns)

    def until(self, instant: Instant, *, end: Instant | None = None) -> History:  # noqa: ARG002 # as History has it
        """Refuse: what was known at an instant is a matter of the whole history."""
        raise UsageError("until", "a whole history", "one bucket of accounts", "ask the store for it")

    def fingerprint(self) -> str:
        """Refuse: the fingerprint is a matter of the whole history."""
        raise UsageError("fingerprint", "a whole history", "one bucket of accounts", "ask the store for it")


def joined(parts: list[Records], accounts: list[int]) -> Records:
    """Put the records of successive buckets together."""
    first = np.append(0, np.cumsum(accounts))[:-1]
    places = [(one.account + start).astype(np.int32) for one, start in zip(parts, first, strict=True)]
    names = list(dict.fromkeys(str(name) for one in parts for name in one.columns))
    columns = {name: _stacked(parts, name) for name in names}
    at, known, until = (np.concatenate([getattr(one, name) for one in parts]) for name in ("at", "known", "superseded"))
    frame = pd.DataFrame(columns, index=range(len(at)))
    return Records(np.concatenate(places).astype(np.int32), at, known, until, frame)


def _stacked(parts: list[Records], name: str) -> pd.Series:
    """Put a column together; only ``deleted`` may be absent, where a bucket has no deletion."""
    columns = [one.columns[name] if name in one.columns else pd.Series(np.zeros(len(one), dtype=bool)) for one in parts]
    if all(isinstance(one.dtype, pd.CategoricalDtype) for one in columns):
        return pd.Series(union_categoricals([_of_texts(one) for one in columns]))
    joined_columns: pd.Series = pd.concat(columns, ignore_index=True)
    return joined_columns


def _of_texts(column: pd.Series) -> pd.Categorical:
    categories = pd.Index(column.cat.categories, dtype="str")
    return pd.Categorical.from_codes(column.cat.codes.to_numpy(), categories, validate=False)


def to_tables(bucket: History, columns: Mapping[str, Iterable[str]] | None = None) -> dict[str, pa.Table]:
    """Give a bucket as Arrow tables, to be measured elsewhere; there is nothing else that it needs.

    Parameters
    ----------
    columns
        By table, the columns to take along; by default all columns of all tables.

    Returns
    -------
    dict
        The records by table, and under ``_accounts`` the ids with the outline of the whole history as metadata.
    """
    outline = bucket._whole()
    facts = {name: one.as_json() for name, one in outline.facts.items()}
    end = None if outline.stated_end is None else outline.stated_end.isoformat()
    note = json.dumps({"facts": facts, "end": end}, sort_keys=True).encode()
    ids = pa.table({"account_id": pa.array(bucket.accounts, pa.string())}).replace_schema_metadata({OUTLINE: note})
    wanted = dict.fromkeys(bucket.tables) if columns is None else dict(columns)
    return {ACCOUNTS: ids, **{name: to_arrow(bucket.records(name, given)) for name, given in wanted.items()}}


def from_tables(tables: Mapping[str, pa.Table]) -> BucketHistory:
    """Give back the bucket that `to_tables` gave as Arrow tables."""
    ids = tables[ACCOUNTS]
    note = json.loads(ids.schema.metadata[OUTLINE])
    facts = {name: Facts.of_json(one) for name, one in note["facts"].items()}
    outline = Outline(facts, None if note["end"] is None else to_instant(note["end"]))

    def read(table: str, names: Iterable[str] | None) -> Records:
        if table not in tables:
            raise UsageError("records", "a table that was taken along", repr(table), "take it along")
        return from_arrow(tables[table], names)

    return BucketHistory(outline, pd.Index(ids.column("account_id").to_pandas(), dtype="str"), read, {})
