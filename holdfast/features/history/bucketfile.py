"""Files of one table and one bucket of accounts: rows as landed, and rows as records, ready to be measured.

A file of records is read column by column, without sorting or parsing anything: numbers are float64, texts are
dictionaries but for ``source_id``, times are microseconds; ``_account`` is the position among the accounts of the
bucket, ``_late`` by how much a row was known after it happened (absent: never), ``_superseded`` when it ceased to count
(absent: never).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from holdfast.errors import DataError
from holdfast.features.history.defaults import BASIS, DIGEST, FLAGS
from holdfast.features.history.landing import digest, identity
from holdfast.features.history.records import Records
from holdfast.features.history.tables import SOURCE_ID, Table
from holdfast.features.time import FOREVER, instants, micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCOUNT, AT, LATE, SUPERSEDED = "_account", "_at", "_late", "_superseded"
_TIME = pa.timestamp("us", tz="UTC")
_BOOKKEEPING = {FLAGS: pa.uint16(), BASIS: pa.int8(), DIGEST: pa.uint64()}
_KINDS = {"text": pa.string(), "number": pa.float64(), "flag": pa.float64(), "time": _TIME}
_GROUP = 1 << 22
_RARE = 4  # a text column with fewer rows than this for each distinct text is not worth a dictionary


def landed_type(table: Table, column: str) -> pa.DataType:
    """Give the type of a column as landed."""
    return _BOOKKEEPING[column] if column in _BOOKKEEPING else _KINDS[table.columns[column].kind]


def landed_table(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Hold landed rows in Arrow."""
    names = [name for name in (*table.columns, *_BOOKKEEPING) if name in frame]
    arrays = [_landed(frame[name], landed_type(table, name)) for name in names]
    return pa.table(dict(zip(names, arrays, strict=True)))


def _landed(series: pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if kind == _TIME:
        missing = series.isna().to_numpy()
        return pa.array(micros(series), pa.int64(), mask=missing if missing.any() else None).cast(_TIME)
    if pa.types.is_string(kind):
        return pa.array(series, from_pandas=True).cast(kind)
    return pa.array(series.to_numpy(), kind, from_pandas=False)


def landed_writer(path: Path, schema: pa.Schema) -> pa.parquet.ParquetWriter:
    """Open a file for landed rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [one.name for one in schema if pa.types.is_string(one.type)]
    return pa.parquet.ParquetWriter(
        path, schema, compression="lz4", use_dictionary=texts, write_statistics=False, write_page_checksum=True
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell of a file whose bytes are not what was written, or that cannot be read.

    Raises
    ------
    DataError
        When the file is absent, unreadable or damaged.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        found = f"{type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else 'no reason given'}"
        do = "open the store again; when that does not help, restore it from a backup or build it again"
        raise DataError(str(path), "a file as it was written", found, do) from error


def read_table(path: Path, texts: Iterable[str] = (), columns: Iterable[str] | None = None) -> pa.Table:
    """Read a file, every page compared with its checksum.

    Parameters
    ----------
    texts
        The columns to be read as dictionaries, as far as the file has them as texts.
    columns
        The only columns to be read, as far as the file has them; None for all.
    """
    with readable(path):
        file = pa.parquet.ParquetFile(path, memory_map=True, page_checksum_verification=True)
        schema, wanted = file.schema_arrow, set(texts)
        coded = [one.name for one in schema if one.name in wanted and pa.types.is_string(one.type)]
        if coded:
            file = pa.parquet.ParquetFile(
                path, memory_map=True, read_dictionary=coded, metadata=file.metadata, page_checksum_verification=True
            )
        only = None if columns is None else [name for name in schema.names if name in set(columns)]
        return file.read(columns=only, use_threads=False)


def read_landed(table: Table, columns: Iterable[str], paths: Iterable[Path]) -> pd.DataFrame:
    """Put the landed rows of one bucket together, in the order of the files.

    Parameters
    ----------
    columns
        The columns of the table in the whole store, or those of them that are wanted.
    """
    names = [name for name in (*table.columns, *_BOOKKEEPING) if name in set(columns)]
    own = {one.name for one in table.columns.values() if one.default == SOURCE_ID} | {SOURCE_ID}
    plain = pa.schema([(name, landed_type(table, name)) for name in names])
    coded = [one.name for one in plain if pa.types.is_string(one.type) and one.name not in own]
    parts, unhashed = [], [np.zeros(0, dtype=bool)]
    for path in paths:
        part = read_table(path, coded, names)
        unhashed.append(np.full(len(part), DIGEST not in part.column_names))
        parts.append(_with_columns(part, plain, coded))
    fields = [(one.name, _coded(one.type) if one.name in coded else one.type) for one in plain]
    whole = pa.concat_tables(parts) if parts else pa.schema(fields).empty_table()
    frame: pd.DataFrame = whole.unify_dictionaries().to_pandas(use_threads=False, split_blocks=True, self_destruct=True)
    if DIGEST in frame and frame[DIGEST].dtype != np.uint64:
        frame[DIGEST] = frame[DIGEST].to_numpy(np.uint64)
    if DIGEST in frame and (lacking := np.concatenate(unhashed)).any():  # parts before texts were delivered
        frame.loc[lacking, DIGEST] = digest(frame[lacking], identity(table, frame))
    return frame


def _with_columns(part: pa.Table, plain: pa.Schema, coded: list[str]) -> pa.Table:
    """Give a part the columns of the whole table, in their order."""
    arrays = []
    for one in plain:
        kind = _coded(one.type) if one.name in coded else one.type
        if one.name in part.column_names:
            column = part.column(one.name)
            arrays.append(
                (column.fill_null(0) if one.name in _BOOKKEEPING and column.null_count else column).cast(kind)
            )
        elif one.name in _BOOKKEEPING:
            arrays.append(pa.array(np.zeros(len(part), kind.to_pandas_dtype())))
        elif pa.types.is_floating(one.type):
            arrays.append(pa.array(np.full(len(part), np.nan)))
        else:
            arrays.append(pa.nulls(len(part), kind))
    return pa.table(arrays, names=plain.names)


def _coded(kind: pa.DataType) -> pa.DataType:
    return pa.dictionary(pa.int32(), kind)


def to_arrow(records: Records) -> pa.Table:
    """Hold records in Arrow.

    Examples
    --------
    >>> zero, never = np.zeros(1, np.int64), np.array([FOREVER])
    >>> one = Records(zero.astype(np.int32), zero, zero, never, pd.DataFrame({"count": [2.0]}))
    >>> to_arrow(one).column_names
    ['_account', '_at', 'count']
    """
    late = records.known - records.at
    rows: dict[str, pa.Array] = {}
    rows[ACCOUNT], rows[AT] = pa.array(records.account, pa.int32()), pa.array(records.at, pa.int64())
    if late.any():
        rows[LATE] = pa.array(late, pa.int64())
    never = records.superseded == FOREVER
    if not never.all():
        rows[SUPERSEDED] = pa.array(records.superseded, pa.int64(), mask=never)
    rows |= {str(name): _column(records.columns[name]) for name in records.columns}
    return pa.table(rows)


def _column(series: pd.Series) -> pa.Array:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        missing = series.isna().to_numpy()
        return pa.array(micros(series), pa.int64(), mask=missing if missing.any() else None).cast(_TIME)
    if isinstance(series.dtype, pd.CategoricalDtype):
        coded, words = series.cat.codes.to_numpy().astype(np.int32), pa.array(series.cat.categories, pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(coded, mask=coded < 0), words)
    if series.dtype.kind in "fb":
        return pa.array(series.to_numpy())
    codes, texts = pd.factorize(series)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32), mask=codes < 0), pa.array(texts, pa.string())
    )


def from_arrow(rows: pa.Table, columns: Iterable[str] | None = None) -> Records:
    """Give records back from Arrow; texts become categories where they are dictionaries.

    Examples
    --------
    >>> zero, never = np.zeros(1, np.int64), np.array([FOREVER])
    >>> one = Records(zero.astype(np.int32), zero, zero, never, pd.DataFrame({"count": [2.0]}))
    >>> from_arrow(to_arrow(one)).columns["count"].tolist()
    [2.0]
    """
    rows = rows.combine_chunks().unify_dictionaries()
    at, late = rows.column(AT).to_numpy(), _integers(rows, LATE, 0)
    until = _integers(rows, SUPERSEDED, FOREVER)
    wanted = set(rows.column_names if columns is None else columns)
    names = [name for name in rows.column_names if not name.startswith("_") and name in wanted]
    frame = pd.DataFrame({name: _series(rows.column(name)) for name in names}, index=range(len(rows)), copy=False)
    forever = np.full(len(at), FOREVER) if until is None else until
    return Records(rows.column(ACCOUNT).to_numpy(), at, at if late is None else at + late, forever, frame)


def _integers(rows: pa.Table, name: str, missing: int) -> NDArray[np.int64] | None:
    if name not in rows.column_names:
        return None
    column = rows.column(name)
    return np.asarray((column.fill_null(missing) if column.null_count else column).to_numpy(), dtype=np.int64)


def _series(column: pa.ChunkedArray) -> pd.Series:
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_dictionary(whole.type):
        codes = whole.indices.fill_null(-1) if whole.null_count else whole.indices
        words = pd.Index(whole.dictionary.to_pandas(), dtype="str")
        return pd.Series(pd.Categorical.from_codes(codes.to_numpy(), words, validate=False))
    if pa.types.is_timestamp(whole.type):
        raw = whole.view(pa.int64())
        missing = np.iinfo(np.int64).min
        return pd.Series(instants((raw.fill_null(missing) if raw.null_count else raw).to_numpy()))
    if pa.types.is_boolean(whole.type):  # only ``deleted``, absent from buckets where nothing is
        return pd.Series(whole.fill_null(False).to_numpy(zero_copy_only=False))
    if pa.types.is_string(whole.type):
        return pd.Series(whole.to_pandas(), dtype="str")
    return pd.Series(whole.to_numpy(zero_copy_only=False), copy=False)


def write_records(path: Path, rows: pa.Table) -> None:
    """Write records, each column in the form that is read fastest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = [one.name for one in rows.schema if pa.types.is_dictionary(one.type) and _repeats(rows, one.name)]
    spelled = [one.name for one in rows.schema if pa.types.is_dictionary(one.type) and one.name not in coded]
    for name in spelled:
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows.column(name).cast(pa.string()))
    options: dict[str, Any] = {"compression": "lz4", "write_statistics": False, "store_schema": False}
    options["write_page_checksum"] = True
    few = [LATE, SUPERSEDED]
    pa.parquet.write_table(
        rows,
        path,
        row_group_size=_GROUP,
        use_dictionary=[*coded, *(n for n in few if n in rows.column_names)],
        dictionary_pagesize_limit=1 << 26,
        **options,
    )


def _repeats(rows: pa.Table, name: str) -> bool:
    column = rows.column(name)
    return column.num_chunks == 0 or len(column.chunk(0).dictionary) * _RARE <= max(len(rows), 1)


def read_records(path: Path, columns: Iterable[str] | None = None) -> Records:
    """Read records from a file, only the named columns."""
    with readable(path):
        names = pa.parquet.read_schema(path, memory_map=True).names
        wanted = set(names if columns is None else columns) | {ACCOUNT, AT, LATE, SUPERSEDED}
        texts = [name for name in names if name != SOURCE_ID]  # every row has its own
        rows = read_table(path, texts, [name for name in names if name in wanted])
        return from_arrow(rows, columns)


def read_ids(path: Path) -> pd.Index:
    """Read the account ids of a bucket."""
    ids: pd.Index = pd.Index(read_table(path).column(0).to_pandas(), dtype="str")
    return ids


def write_ids(path: Path, accounts: pd.Index) -> None:
    """Write the account ids of a bucket."""
    write_records(path, pa.table({"account_id": pa.array(accounts, pa.string())}))
