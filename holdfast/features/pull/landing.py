"""Landing: what dlt loaded becomes Parquet parts that hold every version of every record once.

A pull reads much that it has read before: overlaps, whole lists, repeated pages. A row lands when it differs from the
version of the same record that was fetched before it; a state that comes back is a version again. The part of a load
depends on the files of this load and on the parts of earlier ones alone, it is put in place in one step, and the files
are removed after it: a process that is killed anywhere does the same again, with the same result.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.features.pull.service import Unsettled
from holdfast.safely import TEMPORARY, flush

FETCHED, VERSION = "_fetched_at", "_version"
_KEYS = ["id", VERSION, FETCHED]
_BATCH = 16_384


def stamped(record: Mapping[str, Any], fetched_at: datetime, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """Give a record as the service delivered it, with the time at which it was fetched and a digest of its content.

    Raises
    ------
    ValueError
        When it has no id.

    Examples
    --------
    >>> from datetime import UTC
    >>> stamped({"id": 1, "link": "x"}, datetime(2026, 1, 1, tzinfo=UTC), ["link"])["_version"]
    '037c9214eef74cc3887f3a4f085b4e17'
    """
    if record.get("id") is None:
        raise ValueError("a record without an id")
    kept = {name: value for name, value in record.items() if name not in left_out}
    content = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return kept | {VERSION: sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32], FETCHED: fetched_at}


def shown_in_part(record: Mapping[str, Any]) -> list[str]:
    """Name the lists inside a record that the service shows in part.

    Examples
    --------
    >>> shown_in_part({"items": {"data": [1], "has_more": True}, "lines": {"data": [], "has_more": False}})
    ['items']
    """
    return [name for name, value in record.items() if isinstance(value, dict) and value.get("has_more") is True]


def land(raw: Path, folder: Path) -> dict[str, int]:
    """Land all files that dlt loaded, and remove them; rows that landed, by table.

    Parameters
    ----------
    raw
        The dataset of dlt's filesystem destination: a folder of Parquet files per table.
    folder
        Gets a folder of parts per table.
    """
    landed: Counter[str] = Counter()
    for table in sorted(path for path in raw.glob("*") if path.is_dir() and not path.name.startswith("_dlt")):
        for load, files in groupby(sorted(table.glob("*.parquet"), key=_by_load), key=_load):
            paths = [*files]
            landed[table.name] += _land(paths, folder / table.name / f"{load}.parquet")
            for path in paths:
                path.unlink()
    return dict(landed)


def marks(folder: Path) -> dict[str, datetime]:
    """Give by table the start of the last pull that brought rows."""
    found = {table.name: _parts(table) for table in sorted(folder.glob("*")) if table.is_dir()}
    return {name: datetime.fromtimestamp(float(parts[-1].stem), UTC) for name, parts in found.items() if parts}


def unsettled(folder: Path, which: Unsettled, before: int) -> list[str]:
    """Give the ids of records, created before a Unix second, whose last version is in a state that may change."""
    last = _last(_parts(folder / which.table), ["status", "created"])
    if last.empty:
        return []
    open_ = last[last["status"].isin(which.states) & (last["created"] < before)]
    return sorted(one for one in open_.index if str(one).replace("_", "").isalnum())


def _load(path: Path) -> str:
    """Read the load from the name that dlt gives a file: ``1735689600.25.4f2a9c.parquet``."""
    return path.name.rsplit(".", 2)[0]


def _by_load(path: Path) -> tuple[float, str]:
    return float(_load(path)), path.name


def _parts(table: Path) -> list[Path]:
    return sorted(table.glob("[0-9]*.parquet"), key=lambda path: float(path.stem))


def _land(files: Sequence[Path], part: Path) -> int:
    keys = [pq.read_table(path, columns=_KEYS).to_pandas() for path in files]
    earlier = _last([path for path in _parts(part.parent) if float(path.stem) < float(part.stem)])
    fresh = _fresh(pd.concat(keys, ignore_index=True), earlier)
    if fresh.any():
        cuts = np.cumsum([len(one) for one in keys])[:-1]
        _write(files, np.split(fresh, cuts), part)
    return int(fresh.sum())


def _fresh(keys: pd.DataFrame, earlier: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell which rows differ from the version that was fetched before them."""
    ordered = keys.sort_values(FETCHED, kind="stable")
    both = pd.concat([earlier.reset_index()[_KEYS], ordered]) if len(earlier) else ordered
    before = both.groupby("id")[VERSION].shift()
    fresh = both[VERSION].ne(before).iloc[len(earlier) :]
    return fresh.reindex(keys.index).to_numpy(dtype=bool)


def _last(parts: Sequence[Path], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Give the last version of every record, by its id."""
    last = pd.DataFrame(columns=[*_KEYS, *columns])
    for path in parts:
        rows = pq.read_table(path, columns=[*_KEYS, *columns]).to_pandas().sort_values(FETCHED, kind="stable")
        last = rows if last.empty else pd.concat([last, rows], ignore_index=True)
        last = last.drop_duplicates("id", keep="last")
    return last.set_index("id")


def _write(files: Sequence[Path], fresh: Sequence[np.ndarray[Any, np.dtype[np.bool_]]], part: Path) -> None:
    """Write the fresh rows batch by batch beside the files, and move the part into place when it is whole."""
    schema = pa.unify_schemas([pq.read_schema(path) for path in files], promote_options="permissive")
    temporary = files[0].with_name(f"{TEMPORARY}{part.name}.part")
    with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for path, wanted in zip(files, fresh, strict=True):
            first = 0
            for batch in pq.ParquetFile(path).iter_batches(_BATCH):
                rows = batch.filter(pa.array(wanted[first : first + len(batch)]))
                first += len(batch)
                widened = [schema.empty_table(), pa.Table.from_batches([rows])]
                writer.write_table(pa.concat_tables(widened, promote_options="permissive").select(schema.names))
    flush(temporary)
    part.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(part)
    flush(part.parent)
