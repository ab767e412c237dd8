"""Files of scores and of lost customers, as platforms export them: whatever dialect, columns by their usual names."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.convert import Coded, coded, convert
from holdfast.features.history.dialect import Dialect, dayfirst_of, decimal_of, delimiter_of, encoding_of
from holdfast.features.history.tables import Column

_NAMES = {
    "account_id": ("account_id", "account", "account id", "accountid", "customer_id", "customer", "customer id", "id"),
    "date": ("date", "as_of", "day", "scored_at", "notice_at", "churned_at", "churn_date", "lost_at", "cancelled_at",
             "canceled_at"),
    "score": ("score", "health", "health_score", "healthscore", "health score", "value"),
    "arr": ("arr", "annual_recurring_revenue", "contract_value", "acv"),
}  # fmt: skip
_COLUMNS = {
    "account_id": Column("account_id", "text"),
    "date": Column("date", "time"),
    "score": Column("score", "number"),
    "arr": Column("arr", "number"),
}

_BEHIND = {"text": " ", "time": " ", "number": "% "}  # what may stand behind a value and is none of it


def read_table(path: Path, wanted: Iterable[str]) -> pd.DataFrame:
    """Read a CSV of whatever dialect, its columns by their usual names; dates as instants, scores as numbers.

    Raises
    ------
    UsageError
        When there is no such file, or a column is absent.
    DataError
        When a date or a number cannot be read, or days and months cannot be told apart; the row is named.
    """
    if not path.is_file():
        raise UsageError(str(path), "a CSV file", "no such file", "correct the path")
    data = path.read_bytes()
    encoding = encoding_of(data, str(path))
    text = data.decode(encoding)
    delimiter = delimiter_of(text.partition("\n")[0], [name for names in _NAMES.values() for name in names])
    reader = csv.DictReader(StringIO(text), delimiter=delimiter)
    rows, there = list(reader), {str(name).strip().lower(): name for name in reader.fieldnames or []}
    found = {name: next((there[one] for one in usual if one in there), None) for name, usual in _NAMES.items()}
    for name in wanted:
        if found[name] is None:
            do = did_you_mean(name, there) if there else "deliver the file with its header"
            raise UsageError(str(path), f"a column {name} ({', '.join(_NAMES[name][1:4])})", "none", do)
    told = {
        name: pa.chunked_array([[row[column] for row in rows]], pa.large_string())
        for name, column in found.items()
        if column is not None
    }
    raw = {name: coded(pc.utf8_rtrim(one, _BEHIND[_COLUMNS[name].kind]), _COLUMNS[name]) for name, one in told.items()}
    dialect = _dialect(path, raw, delimiter, encoding)
    frame = pd.DataFrame({name: convert(one, _COLUMNS[name], str(path), dialect).series for name, one in raw.items()})
    frame = frame.dropna(subset=list(wanted))
    if frame.empty:
        raise DataError(str(path), "rows with an account and a date", "none", "deliver the file anew")
    return frame.reset_index(drop=True)


def _dialect(path: Path, raw: dict[str, pa.ChunkedArray | Coded], delimiter: str, encoding: str) -> Dialect:
    """Sniff decimal mark and the order of day and month; dates that leave it open are refused, not guessed at.

    Raises
    ------
    DataError
        When they are.
    """
    texts = {name: one.distinct for name, one in raw.items() if isinstance(one, Coded)}
    decimal, _ = decimal_of([one for name, one in texts.items() if name != "date"], delimiter)
    dates = [texts["date"]] if "date" in texts else []
    dayfirst, doubt, contrary = dayfirst_of(dates, delimiter)
    if doubt or contrary:
        expected, seen = "dates whose day and month can be told apart", repr(contrary or dates[0][0].as_py())
        raise DataError(f"{path}, column date", expected, seen, "write dates as 2025-12-31")
    return Dialect(delimiter, encoding, decimal, dayfirst)
