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

Rows = slice | Ints
ALL = slice(None)
_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@dataclass(frozen=True)
class Encoded:
    """Hold the records of one table with what was derived from them."""

    name: str
    records: Records
    _numbers: dict[str, Floats] = field(default_factory=dict)
    _instants: dict[str, Ints] = field(default_factory=dict)
    _named: dict[Condition, Ints] = field(default_factory=dict)
    _present: dict[str, Bools] = field(default_factory=dict)
    _told: dict[str, Ints | None] = field(default_factory=dict)
    _codes: dict[str, tuple[NDArray[np.int32], pd.Index]] = field(default_factory=dict)

    def remembering(self, other: Encoded) -> Encoded:
        """Keep what was derived from the same rows with fewer columns."""
        kept = {name: values for name, values in other._codes.items() if name in other.records.columns}
        return Encoded(self.name, self.records, _codes=kept)

    def numbers(self, column: str) -> Floats:
        """Give a column as floats, missing as nan; a column that is absent is missing throughout."""
        if column not in self._numbers:
            self._numbers[column] = self._read_numbers(column)
        return self._numbers[column]

    def instants(self, column: str) -> Ints:
        """Give a time column in microseconds; missing is `FOREVER`."""
        if column not in self._instants:
            self._instants[column] = self._read_instants(column)
        return self._instants[column]

    def codes(self, column: str) -> tuple[NDArray[np.int32], pd.Index]:
        """Give a column as codes into its distinct values; missing is -1."""
        if column not in self._codes:
            self._codes[column] = self._encode(column)
        return self._codes[column]

    def present(self, column: str, rows: Rows = ALL) -> Bools:
        """Tell which rows have a value."""
        if column not in self._present:
            columns = self.records.columns
            held = columns[column].notna() if column in columns else np.zeros(len(self.records))
            self._present[column] = np.asarray(held, dtype=bool)
        return self._present[column][rows]

    def meets(self, condition: Condition, rows: Rows = ALL) -> Bools:
        """Tell which rows meet a condition."""
        if condition.relation == "known":
            return self.present(condition.column, rows)
        if condition.relation == "missing":
            return ~self.present(condition.column, rows)
        if condition.relation in _COMPARE:
            numbers = self.numbers(condition.column)[rows]
            return np.asarray(_COMPARE[condition.relation](numbers, float(condition.values[0])))
        codes, wanted = self.codes(condition.column)[0], self._wanted(condition)
        held = np.isin(codes[rows], wanted) if len(wanted) != 1 else np.asarray(codes[rows] == wanted[0])
        return held if condition.relation == "in" else ~held

    def _wanted(self, condition: Condition) -> Ints:
        """Give the codes of the values that a condition names."""
        if condition not in self._named:
            values = self.codes(condition.column)[1]
            self._named[condition] = np.flatnonzero(values.isin(list(condition.values)))
        return self._named[condition]

    def always(self, condition: Condition) -> bool:
        """Tell whether all rows of the table are known to meet a condition."""
        return condition.relation == "known" and bool(self.present(condition.column).all())

    def dated(self, condition: Condition) -> bool:
        """Tell whether a condition is met from a date on, or until one."""
        return condition.column in TABLES[self.name].late

    def span(self, condition: Condition, rows: Rows = ALL) -> tuple[Bools | None, Ints | None, Ints | None]:
        """Tell when rows meet a condition: which ever do (None: all), from when and until when (None: always).

        A milestone date, and what comes to be known with it, is missing until that date has passed.
        """
        meets, told = self.meets(condition, rows), self.told(condition.column)
        if told is None:
            return meets, None, None
        if condition.negative:
            return None, None, np.where(meets, FOREVER, told[rows])
        return meets, told[rows], None

    def told(self, column: str) -> Ints | None:
        """Give the instant from which a column can be read; None when it comes with the row."""
        if column not in self._told:
            self._told[column] = self._date(column)
        return self._told[column]

    def _date(self, column: str) -> Ints | None:
        table = TABLES[self.name]
        for date, dependent in table.milestones.items():
            if column == date:
                return self.instants(date)
            if column in dependent:
                told, silent = self.instants(date), ~self.present(date)
                own = self.instants(column) if table.columns[column].kind == "time" else np.zeros_like(told)
                return np.where(silent, own, told)
        return None

    def _read_instants(self, column: str) -> Ints:
        if column not in self.records.columns:
            return np.full(len(self.records), FOREVER, dtype=np.int64)
        read = micros(self.records.columns[column])
        return np.where(read == np.iinfo(np.int64).min, FOREVER, read)

    def _encode(self, column: str) -> tuple[NDArray[np.int32], pd.Index]:
        if column not in self.records.columns:
            return np.full(len(self.records), -1, dtype=np.int32), pd.Index([])
        series = self.records.columns[column]
        if isinstance(series.dtype, pd.CategoricalDtype):
            return np.asarray(series.cat.codes, dtype=np.int32), series.cat.categories
        codes, values = pd.factorize(series)
        return np.asarray(codes, dtype=np.int32), pd.Index(values)

    def _read_numbers(self, column: str) -> Floats:
        if column not in self.records.columns:
            return np.full(len(self.records), np.nan)
        series = self.records.columns[column]
        if not pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            where = f"{self.name}.{column}"
            raise UsageError(
                where, "a column of numbers", f"a column of {series.dtype}", "count it, or count its distinct values"
            )
        return series.to_numpy(dtype=np.float64, na_value=np.nan)  # what is not finite stopped at the door
