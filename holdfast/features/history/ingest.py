"""Files as they lie in a folder: which of them is which table, and their columns as delivered."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.dialect import Dialect, delimiter_of, encoding_of, stated
from holdfast.features.history.landing import Delivery
from holdfast.features.history.tables import TABLES
from holdfast.features.sentiment.moods import TEXTS
from holdfast.findings import Finding

SUPPLIED = b"holdfast.supplied"
MAPPING = "mapping.toml"
_ENDINGS = (".csv.gz", ".csv", ".parquet")
HEAD = 1 << 16  # enough bytes to hold the header
Dialects = Mapping[str, Mapping[str, object]]


def is_mapping(path: Path) -> bool:
    """Tell whether a path is a mapping file or a folder that holds one.

    Examples
    --------
    >>> is_mapping(Path("work/mapping.toml")), is_mapping(Path("no/such/folder"))
    (True, False)
    """
    return path.name == MAPPING or (path / MAPPING).is_file()


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
    files, findings = tables_in(folder)
    deliveries = [read_table(name, path, (dialects or {}).get(name)) for name, path in sorted(files.items())]
    return deliveries, findings


def tables_in(folder: Path) -> tuple[dict[str, Path], list[Finding]]:
    """Tell which file or folder is which table, and what was left unread."""
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


def read_table(name: str, path: Path, override: Mapping[str, object] | None) -> Delivery:
    """Read one table whole."""
    with readable(path):
        delivery = _read(name, path, override)
    if not delivery.columns or not len(next(iter(delivery.columns.values()))):
        raise no_rows(path)
    return delivery


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell of a file that cannot be read where it lies and what is wrong."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        found = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(str(path), "a readable file", found, "export it again") from error


def no_rows(path: Path) -> DataError:
    """Tell of a file without rows."""
    return DataError(str(path), "rows", "a header alone", "remove the file or export it with its rows")


def _read(name: str, path: Path, override: Mapping[str, object] | None) -> Delivery:
    if path.is_dir() or path.name.lower().endswith(".parquet"):
        return _read_parquet(name, path)
    return _read_csv(name, path, stated(f"dialect of {name}", override))


def _read_parquet(name: str, path: Path) -> Delivery:
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not parts:
        raise DataError(str(path), "Parquet files", "none", "remove the folder or put the parts into it")
    tables = [pa.parquet.ParquetFile(part).read(use_threads=False) for part in parts]
    whole = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
    supplied = supplied_in(whole.schema)
    columns = dict(zip(whole.column_names, whole.columns, strict=True))
    if len(columns) < whole.num_columns:
        raise DataError(str(path), "each column once", "a column twice", "remove or rename one of them")
    return Delivery(TABLES[name], str(path), columns, supplied=supplied)


def supplied_in(schema: pa.Schema) -> frozenset[str] | None:
    """Tell which columns the source had really delivered, when a History wrote the file."""
    said = (schema.metadata or {}).get(SUPPLIED)
    return None if said is None else frozenset(json.loads(said))


def _read_csv(name: str, path: Path, override: Mapping[str, object]) -> Delivery:
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        data = gzip.decompress(data)
    if not data.strip():
        raise DataError(str(path), "a header and rows", "an empty file", "remove the file or export it again")
    encoding = encoding_of(data, str(path), said(override, "encoding"))
    dialect, names = head_of(name, data[:HEAD], encoding, override)
    with telling_rows(path) as wrong:
        table = pa.csv.read_csv(io.BytesIO(data), **csv_options(dialect, names, b'"' in data, wrong))
    once(path, table.column_names)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    return Delivery(TABLES[name], str(path), columns, dialect, override)


def head_of(name: str, head: bytes, encoding: str, override: Mapping[str, object]) -> tuple[Dialect, list[str]]:
    """Read the delimiter and the names of the columns from the first lines."""
    text = head.decode(encoding, errors="replace").lstrip("\r\n")
    delimiter = said(override, "delimiter") or delimiter_of(text.splitlines()[0], TABLES[name].columns)
    return Dialect(delimiter, encoding), next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def once(path: Path, names: list[str]) -> None:
    """Refuse a column that is there twice."""
    if len(set(names)) < len(names):
        twice = sorted({c for c in names if names.count(c) > 1})
        raise DataError(str(path), "each column once", f"{', '.join(twice)} twice", "remove or rename one of them")


def said(override: Mapping[str, object], key: str) -> str | None:
    """Give what the caller states, as text."""
    return str(override[key]) if key in override else None


def csv_options(dialect: Dialect, names: list[str], quoted: bool, wrong: list[pa.csv.InvalidRow]) -> dict[str, Any]:
    """Have every cell read as text, on one thread, so that the first wrong row can be named."""

    def keep(row: pa.csv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    encoding = dialect.encoding.removesuffix("-sig")
    return {
        "read_options": pa.csv.ReadOptions(use_threads=False, encoding=encoding, block_size=1 << 24),
        "parse_options": pa.csv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=quoted, invalid_row_handler=keep
        ),
        "convert_options": pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    }


@contextmanager
def telling_rows(path: Path) -> Iterator[list[pa.csv.InvalidRow]]:
    """Name the row that has too many or too few cells."""
    wrong: list[pa.csv.InvalidRow] = []
    try:
        yield wrong
    except pa.ArrowInvalid as error:
        if not wrong:
            raise
        row = wrong[0]
        where = f"{path}, row {row.number - 1}" if row.number else str(path)
        # a shifted row may begin anywhere, so nothing is shown of one that holds what a customer wrote
        found = f"{row.actual_columns}" if _stem(path)[0] in TEXTS else f"{row.actual_columns}: {str(row.text)[:80]!r}"
        do = "quote cells that hold the delimiter or a line break"
        raise DataError(where, f"{row.expected_columns} cells", found, do) from error


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
    return Delivery(TABLES[name], where, {str(column): _held(frame[column], where) for column in frame.columns})


def _held(series: pd.Series, where: str) -> pa.ChunkedArray:
    try:
        return _arrow(series)
    except UnicodeEncodeError as error:
        row = next(i for i, value in enumerate(series, 1) if _unwritable(value))
        place = f"{where}, column {ascii(str(series.name))[1:-1]}, row {row}"
        found = ascii(series.iloc[row - 1])[:80]
        raise DataError(place, "text that Unicode can hold", found, "correct the value, or its decoding") from error


def _unwritable(value: object) -> bool:
    try:
        str(value).encode()
        pa.array([value])
    except UnicodeEncodeError:
        return True
    except pa.ArrowException:
        return False
    return False


def _arrow(series: pd.Series) -> pa.ChunkedArray:
    """Hold a column in Arrow; a column of mixed objects is written out as text first."""
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    try:
        held = pa.array(series, from_pandas=True)
        mixed = series.dtype == object and pa.types.is_timestamp(held.type) and _of_two_clocks(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        mixed = True
    if mixed:
        written = [None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)]
        held = pa.array(written, pa.string())
    return held if isinstance(held, pa.ChunkedArray) else pa.chunked_array([held])


def _of_two_clocks(times: pd.Series) -> bool:
    """Tell whether some times carry a zone and others none."""
    return len({getattr(value, "tzinfo", None) is None for value in times[times.notna()]}) > 1
