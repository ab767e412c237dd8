"""Files of scores and of lost customers, as platforms export them: whatever dialect, columns by their usual names."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import pandas as pd

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.dialect import encoding_of

_NAMES = {
    "account_id": ("account_id", "account", "account id", "accountid", "customer_id", "customer", "customer id", "id"),
    "date": ("date", "as_of", "day", "scored_at", "notice_at", "churned_at", "churn_date", "lost_at", "cancelled_at",
             "canceled_at"),
    "score": ("score", "health", "health_score", "healthscore", "health score", "value"),
    "arr": ("arr", "annual_recurring_revenue", "contract_value", "acv"),
}  # fmt: skip


def read_table(path: Path, wanted: Iterable[str]) -> pd.DataFrame:
    """Read a CSV of whatever dialect, its columns by their usual names; dates as instants, scores as numbers.

    Raises
    ------
    UsageError
        When there is no such file, or a column is absent.
    DataError
        When a date or a number cannot be read; the line is named.
    """
    if not path.is_file():
        raise UsageError(str(path), "a CSV file", "no such file", "correct the path")
    data = path.read_bytes()
    text = data.decode(encoding_of(data, str(path)), errors="strict").lstrip("\ufeff")
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=head.count)
    reader = csv.DictReader(StringIO(text), delimiter=delimiter)
    table = pd.DataFrame(list(reader), columns=pd.Index(reader.fieldnames or []), dtype="str")
    found = {name: _column(table, name) for name in _NAMES}
    for name in wanted:
        if found[name] is None:
            known = did_you_mean(name, map(str, table.columns))
            raise UsageError(str(path), f"a column {name} ({', '.join(_NAMES[name][1:4])})", "none", known)
    frame = pd.DataFrame({name: table[column].str.strip() for name, column in found.items() if column is not None})
    frame["date"] = _dates(frame["date"], path)
    for name in (one for one in ("score", "arr") if one in frame):
        frame[name] = _numbers(frame[name], path)
    required = ["account_id", "date", *(["score"] if "score" in wanted else [])]
    frame = frame[frame["account_id"].notna() & (frame["account_id"] != "")].dropna(subset=required)
    if frame.empty:
        raise DataError(str(path), "rows with an account and a date", "none", "deliver the file anew")
    return frame.reset_index(drop=True)


def _column(table: pd.DataFrame, name: str) -> str | None:
    plain = {str(column).strip().lower(): str(column) for column in table}
    return next((plain[one] for one in _NAMES[name] if one in plain), None)


def _dates(texts: pd.Series, path: Path) -> pd.Series:
    """Read dates: ISO, or day and month in the order that all of them allow.

    Raises
    ------
    DataError
        When one cannot be read, or days and months cannot be told apart.
    """
    parts = texts.str.extract(r"^(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}")
    first, second = (pd.to_numeric(parts[place]) for place in (0, 1))
    dayfirst = bool((first > 12).any()) or bool(texts.str.contains(".", regex=False).any())
    if first.notna().any() and not dayfirst and not (second > 12).any():
        do = "write dates as 2025-12-31"
        raise DataError(f"{path}, column date", "dates whose day and month can be told apart", str(texts.iloc[0]), do)
    read = pd.to_datetime(texts, format="mixed", dayfirst=dayfirst, utc=True, errors="coerce")
    _refuse(texts, read, f"{path}, column date", "a date such as 2025-12-31")
    return read.dt.as_unit("us")


def _numbers(texts: pd.Series, path: Path) -> pd.Series:
    decimal = texts.str.contains(",", regex=False).any() and not texts.str.contains(r"\d\.\d{1,2}$").any()
    bare = texts.str.replace("." if decimal else ",", "", regex=False)
    plain = bare.str.replace(",", ".", regex=False)
    read = pd.to_numeric(plain.str.rstrip("%").where(texts != ""), errors="coerce")
    _refuse(texts, read, f"{path}, column {texts.name}", "a number")
    return read


def _refuse(texts: pd.Series, read: pd.Series, where: str, expected: str) -> None:
    wrong = read.isna() & texts.notna() & (texts != "")
    if wrong.any():
        line = int(wrong.to_numpy().argmax()) + 2
        raise DataError(f"{where}, line {line}", expected, repr(texts[wrong].iloc[0]), "correct it")
