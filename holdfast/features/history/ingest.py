"""Files as they lie in a folder: which of them is which table, and their columns as delivered."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.dialect import Dialect, delimiter_of, encoding_of, stated
from holdfast.features.history.landing import Delivery
from holdfast.features.history.tables import TABLES
from holdfast.findings import Finding

SUPPLIED = b"holdfast.supplied"
_ENDINGS = (".csv.gz", ".csv", ".parquet")
Dialects = Mapping[str, Mapping[str, object]]


def read_folder(folder: str | Path, dialects: Dialects | None = None) -> tuple[list[Delivery], list[Finding]]:
    """Read the canonical tables that lie in a folder.

    Raises
    ------
    DataError
        When the folder or a file in it cannot be read, a table lies there twice, or a CSV or Parquet file has the name
        of no table.
    """
    folder = Path(folder)
    for name in dialects or {}:
        if name not in TABLES:
            raise UsageError("dialect", "the name of a table", repr(name), did_you_mean(name, TABLES))
    files, findings = _tables_in(folder)
    deliveries = [_guarded(_read, name, path, (dialects or {}).get(name)) for name, path in sorted(files.items())]
    return deliveries, findings


def _tables_in(folder: Path) -> tuple[dict[str, Path], list[Finding]]:
    try:
        entries = sorted(p for p in folder.iterdir() if not p.name.startswith((".", "_")))
    except OSError as error:
        raise DataError(
            str(folder), "a folder of tables", error.strerror or "none", "name the folder of the files"
        ) from error
    files: dict[str, Path] = {}
    findings = []
    for path in entries:
        name, readable = _stem(path)
        if readable and name not in TABLES:
            raise DataError(str(path), "a file named like a table", repr(path.name), did_you_mean(name, TABLES))
        if readable and name in files:
            found = f"{files[name].name} and {path.name}"
            raise DataError(str(folder), f"one file for the table {name}", found, "keep one of them")
        if name == "id_map":
            findings.append(
                Finding("HF009", path.name, 1, "the identity map is read when sources are mapped, not here")
            )
        elif readable:
            files[name] = path
        elif get_close_matches(name, TABLES, n=1, cutoff=0.8):
            findings.append(Finding("HF009", path.name, 1, "neither CSV nor Parquet: left unread"))
    return files, findings


def _stem(path: Path) -> tuple[str, bool]:
    """Give the table a path seems to hold, and whether it is meant to be read."""
    lower = path.name.lower()
    if path.is_dir():
        return lower, lower in TABLES or (
            any(path.glob("*.parquet")) and bool(get_close_matches(lower, TABLES, cutoff=0.8))
        )
    ending = next((e for e in _ENDINGS if lower.endswith(e)), None)
    return (lower.removesuffix(ending), True) if ending else (lower.split(".")[0], False)


def _guarded(read: Callable[..., Delivery], name: str, path: Path, override: Mapping[str, object] | None) -> Delivery:
    try:
        delivery = read(name, path, override)
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        found = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(str(path), "a readable file", found, "export it again") from error
    if not delivery.columns or not len(next(iter(delivery.columns.values()))):
        raise DataError(str(path), "rows", "a header alone", "remove the file or export it with its rows")
    return delivery


def _read(name: str, path: Path, override: Mapping[str, object] | None) -> Delivery:
    if path.is_dir() or path.name.lower().endswith(".parquet"):
        return _read_parquet(name, path)
    return _read_csv(name, path, stated(name, override))


def _read_parquet(name: str, path: Path) -> Delivery:
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not parts:
        raise DataError(str(path), "Parquet files", "none", "remove the folder or put the parts into it")
    tables = [pa.parquet.ParquetFile(part).read(use_threads=False) for part in parts]
    whole = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
    said = (whole.schema.metadata or {}).get(SUPPLIED)
    supplied = None if said is None else frozenset(json.loads(said))
    columns = dict(zip(whole.column_names, whole.columns, strict=True))
    if len(columns) < whole.num_columns:
        raise DataError(str(path), "each column once", "a column twice", "remove or rename one of them")
    return Delivery(TABLES[name], str(path), columns, supplied=supplied)


def _read_csv(name: str, path: Path, override: Mapping[str, object]) -> Delivery:
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        data = gzip.decompress(data)
    if not data.strip():
        raise DataError(str(path), "a header and rows", "an empty file", "remove the file or export it again")
    encoding = encoding_of(data, str(path), _said(override, "encoding"))
    head = _header(data, encoding)
    delimiter = _said(override, "delimiter") or delimiter_of(head.splitlines()[0], TABLES[name].columns)
    dialect = Dialect(delimiter, encoding)
    names = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter))
    table = _parse(data, path, dialect, names)
    if len(set(table.column_names)) < table.num_columns:
        twice = sorted({c for c in table.column_names if table.column_names.count(c) > 1})
        raise DataError(str(path), "each column once", f"{', '.join(twice)} twice", "remove or rename one of them")
    columns = dict(zip(table.column_names, table.columns, strict=True))
    return Delivery(TABLES[name], str(path), columns, dialect, override)


def _said(override: Mapping[str, object], key: str) -> str | None:
    return str(override[key]) if key in override else None


def _parse(data: bytes, path: Path, dialect: Dialect, names: list[str]) -> pa.Table:
    """Read every cell as text, on one thread, so that the first wrong row can be named."""
    wrong: list[pa.csv.InvalidRow] = []

    def keep(row: pa.csv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    read = pa.csv.ReadOptions(use_threads=False, encoding=dialect.encoding.removesuffix("-sig"), block_size=1 << 24)
    shape = pa.csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=b'"' in data, invalid_row_handler=keep)
    cells = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=True,
    )
    try:
        return pa.csv.read_csv(io.BytesIO(data), read_options=read, parse_options=shape, convert_options=cells)
    except pa.ArrowInvalid as error:
        if not wrong:
            raise
        row = wrong[0]
        where = f"{path}, row {row.number - 1}" if row.number else str(path)
        found = f"{row.actual_columns}: {str(row.text)[:80]!r}"
        do = "quote cells that hold the delimiter or a line break"
        raise DataError(where, f"{row.expected_columns} cells", found, do) from error


def _header(data: bytes, encoding: str) -> str:
    """Give the first lines as text, enough of them to hold the header."""
    return data[: 1 << 16].decode(encoding, errors="replace").lstrip("\r\n")


def deliveries_of(frames: Mapping[str, pd.DataFrame]) -> list[Delivery]:
    """Take tables from frames as if they had been read.

    Raises
    ------
    DataError
        When a frame has the name of no table, no rows, or a column that Arrow cannot hold.
    """
    for name in frames:
        if name not in TABLES:
            raise DataError("frames", "the name of a table", repr(name), did_you_mean(str(name), TABLES))
    return [_frame(name, frame) for name, frame in sorted(frames.items()) if name != "id_map"]


def _frame(name: str, frame: pd.DataFrame) -> Delivery:
    where = f"frame {name}"
    if not len(frame):
        raise DataError(where, "rows", "none", "leave the table out")
    if not frame.columns.is_unique:
        twice = ", ".join(map(str, frame.columns[frame.columns.duplicated()].unique()))
        raise DataError(where, "each column once", f"{twice} twice", "remove or rename one of them")
    return Delivery(TABLES[name], where, {str(column): _arrow(frame[column]) for column in frame.columns})


def _arrow(series: pd.Series) -> pa.ChunkedArray:
    """Hold a column in Arrow; a column of mixed objects is written out as text first."""
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    try:
        held = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        written = [None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)]
        held = pa.array(written, pa.string())
    return held if isinstance(held, pa.ChunkedArray) else pa.chunked_array([held])
