"""Small tables as records, kept beside the state: a delivery has only the accounts assembled again that it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.features.carry.files import Entry, write_table
from holdfast.features.history.assembly import assemble
from holdfast.features.history.bucketfile import ACCOUNT, AT, LATE, SUPERSEDED, to_arrow
from holdfast.features.history.facts import Facts
from holdfast.features.history.reading import records_in
from holdfast.features.history.records import Records
from holdfast.features.history.sharing import name_of
from holdfast.features.history.tables import TABLES
from holdfast.features.kernel.arrays import Bools, Ints

_OWN = (ACCOUNT, AT, LATE, SUPERSEDED)


class Moved(Exception):
    """A record has belonged to several accounts: they cannot be assembled one without the other."""


def kept(records: Records, columns: Iterable[str]) -> pa.Table:
    """Give records with the columns that are read."""
    rows, wanted = to_arrow(records), set(columns)
    return rows.select([name for name in rows.column_names if name in _OWN or name in wanted])


def stays(names: pd.Series, account: Ints) -> bool:
    """Tell whether every name belongs to one account."""
    codes = pd.factorize(names)[0].astype(np.int64)
    width = int(account.max(initial=0)) + 1
    named = codes >= 0
    return len(np.unique(codes[named] * width + account[named])) == len(np.unique(codes[named]))


def spliced(
    frames: Mapping[str, pd.DataFrame],
    new: Mapping[str, pd.DataFrame],
    before: Mapping[str, pa.Table],
    ids: tuple[pd.Index, pd.Index],
    limits: Mapping[str, int],
) -> tuple[dict[str, pa.Table], dict[str, Facts]]:
    """Assemble again the accounts that new rows name, and put them in the place of what was.

    Parameters
    ----------
    frames, new
        By table all landed rows, and those of them that are new; accounts among them.
    before
        By table the records that were, accounts left out.
    ids
        The accounts of those records, and all of them now.

    Raises
    ------
    Moved
        When a record has changed its account.
    """
    names = [one["account_id"].dropna().astype("str").unique() for one in new.values() if len(one)]
    if not names and ids[0].equals(ids[1]):
        return dict(before), {}
    touched = pd.Index(
        np.unique(np.concatenate([np.asarray(one, dtype=object) for one in names] or [np.array([], dtype=object)])),
        dtype="str",
    )
    portion = {name: frame[_of(frame, touched, name, new.get(name))] for name, frame in frames.items()}
    built = assemble({name: frame.reset_index(drop=True) for name, frame in portion.items()}, limits)
    old, now = ids
    place, own = now.get_indexer(old), now.get_indexer(built.accounts)
    dropped = np.append(old.isin(touched), False)
    told = {}
    for name, rows in before.items():
        column = name_of(TABLES[name])
        fresh = records_in(built, name, {}) if name in built.kept else None
        if (
            fresh is not None
            and column in fresh.columns
            and not stays(fresh.columns[column], fresh.account.astype(np.int64))
        ):
            raise Moved
        told[name] = _joined(rows, fresh, dropped, place, own)
    return told, {name: facts for name, facts in built.facts.items() if name in before}


def _of(frame: pd.DataFrame, touched: pd.Index, name: str, new: pd.DataFrame | None) -> Bools:
    mine = frame["account_id"].isin(touched).to_numpy()
    column = name_of(TABLES[name])
    if new is not None and column in frame and len(new):
        elsewhere = frame[column][~mine]
        if elsewhere.isin(new[column].dropna().astype("str").unique()).any():
            raise Moved
    return np.asarray(mine)


def _joined(rows: pa.Table, fresh: Records | None, dropped: Bools, place: Ints, own: Ints) -> pa.Table:
    account = rows.column(ACCOUNT).to_numpy()
    stay = np.flatnonzero(~dropped[account])
    parts, numbers = [rows.take(pa.array(stay))], [place[account[stay]]]
    if fresh is not None and len(fresh):
        more = kept(fresh, rows.column_names)
        fields = [
            rows.schema.field(one) if one in rows.column_names else more.schema.field(one) for one in more.column_names
        ]
        parts.append(more.cast(pa.schema(fields)))
        numbers.append(own[fresh.account])
    whole, number = pa.concat_tables(parts, promote_options="default"), np.concatenate(numbers)
    order = np.argsort(number, kind="stable")
    at = whole.column_names.index(ACCOUNT)
    whole = whole.set_column(at, ACCOUNT, pa.chunked_array([pa.array(number.astype(np.int32))]))
    return whole.unify_dictionaries().take(pa.array(order)).combine_chunks()


def write_small(folder: Path, place: str, tables: Mapping[str, pa.Table], accounts: pd.Index) -> dict[str, Any]:
    """Write records beside the state, and tell the files."""
    ids = pa.table({"account_id": pa.array(accounts.to_numpy(dtype=object), pa.large_string())})
    found = {name: write_table(folder, f"{place}/small-{name}.arrow", rows) for name, rows in tables.items()}
    return {name: asdict(one) for name, one in {**found, "": write_table(folder, f"{place}/ids.arrow", ids)}.items()}


def read_small(folder: Path, told: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, pa.Table], pd.Index]:
    """Read them back."""
    tables = {name: pa.ipc.open_file(Entry(**one).read(folder)).read_all() for name, one in told.items()}
    ids = tables.pop("")
    return tables, pd.Index(ids.column("account_id").to_pandas(), dtype="str")
