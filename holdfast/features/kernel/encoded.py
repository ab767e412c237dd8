"""A table as the kernel reads it: columns turned into numbers and codes, once per measurement."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.errors import UsageError
from holdfast.features.history.records import Records
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.conditions import Condition
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.time import FOREVER, micros

_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@dataclass(frozen=True)
class Encoded:
    """Hold the records of one table with what was derived from them."""

    name: str
    records: Records
    _numbers: dict[str, Floats] = field(default_factory=dict)
    _codes: dict[str, tuple[NDArray[np.int32], pd.Index]] = field(default_factory=dict)
    _masks: dict[Condition, Bools] = field(default_factory=dict)

    def numbers(self, column: str) -> Floats:
        """Give a column as floats, missing as nan; a column that is absent is missing throughout."""
        if column not in self._numbers:
            self._numbers[column] = self._read_numbers(column)
        return self._numbers[column]

    def instants(self, column: str) -> Ints:
        """Give a time column in microseconds; missing is `FOREVER`."""
        if column not in self.records.columns:
            return np.full(len(self.records), FOREVER, dtype=np.int64)
        read = micros(self.records.columns[column])
        return np.where(read == np.iinfo(np.int64).min, FOREVER, read)

    def codes(self, column: str) -> tuple[NDArray[np.int32], pd.Index]:
        """Give a column as codes into its distinct values; missing is -1."""
        if column not in self._codes:
            absent = (np.full(len(self.records), -1, dtype=np.int64), pd.Index([]))
            found = pd.factorize(self.records.columns[column]) if column in self.records.columns else absent
            self._codes[column] = (found[0].astype(np.int32), pd.Index(found[1]))
        return self._codes[column]

    def present(self, column: str) -> Bools:
        """Tell which rows have a value."""
        if column not in self.records.columns:
            return np.zeros(len(self.records), dtype=bool)
        return self.records.columns[column].notna().to_numpy(dtype=bool)

    def meets(self, condition: Condition) -> Bools:
        """Tell which rows meet a condition."""
        if condition not in self._masks:
            self._masks[condition] = self._check(condition)
        return self._masks[condition]

    def span(self, condition: Condition) -> tuple[Bools | None, Ints | None, Ints | None]:
        """Tell when rows meet a condition: which ever do (None: all), from when and until when (None: always).

        A milestone date, and what comes to be known with it, is missing until that date has passed.
        """
        meets, told = self.meets(condition), self._told(condition.column)
        if told is None:
            return meets, None, None
        if condition.relation == "not in":
            return None, None, np.where(meets, FOREVER, told)
        return meets, told, None

    def _told(self, column: str) -> Ints | None:
        """Give the instant from which a column can be read; None when it comes with the row."""
        table = TABLES[self.name]
        for date, dependent in table.milestones.items():
            if column == date:
                return self.instants(date)
            if column in dependent:
                told, silent = self.instants(date), ~self.present(date)
                own = self.instants(column) if table.columns[column].kind == "time" else np.zeros_like(told)
                return np.where(silent, own, told)
        return None

    def _check(self, one: Condition) -> Bools:
        if one.relation == "known":
            return self.present(one.column)
        if one.relation in _COMPARE:
            return np.asarray(_COMPARE[one.relation](self.numbers(one.column), float(one.values[0])))
        codes, values = self.codes(one.column)
        wanted = np.append(np.asarray(values.isin(list(one.values)), dtype=bool), False)  # the last is what -1 finds
        return np.asarray(wanted[codes] == (one.relation == "in"))

    def _read_numbers(self, column: str) -> Floats:
        if column not in self.records.columns:
            return np.full(len(self.records), np.nan)
        series = self.records.columns[column]
        if not pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            where = f"{self.name}.{column}"
            raise UsageError(
                where, "a column of numbers", f"a column of {series.dtype}", "count it, or count its distinct values"
            )
        read = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(read), read, np.nan)
