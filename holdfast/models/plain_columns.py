"""The columns of a plain frame: what each of them is, settled in training and bound by name from there on."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.errors import DataError, UsageError, did_you_mean

Kind = Literal["number", "text"]

NUMBERS_FROM = 21  # different texts that all read as numbers: from here on they are amounts, below codes
RARE = "text: no value but one is in 1 row of 100"
_CODE = re.compile(r"0\d")  # no amount is written so
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


@dataclass(frozen=True)
class Reading:
    """Say of every column of training, in order, whether it is a number or a text.

    Attributes
    ----------
    kinds
        The kind by name.
    idle
        What keeps a column from telling anything, by name, should no model find a use for it.

    Examples
    --------
    >>> frame = pd.DataFrame({"seats": [5, 8], "plan": ["pro", None]})
    >>> Reading.learn(frame).kinds
    {'seats': 'number', 'plan': 'text'}
    """

    kinds: Mapping[str, Kind]
    idle: Mapping[str, str]

    @classmethod
    def learn(cls, frame: pd.DataFrame) -> Self:
        """Settle the kind of every column of a frame to learn from.

        Numbers are what is stored as numbers, and texts that read as numbers where there are more than 20 of them and
        none is written like a code (``00123``).

        Raises
        ------
        DataError
            When there is no row or no column, a name stands for several columns, or numbers are complex.
        """
        refuse_shapeless(frame)
        named = {str(name): frame[name] for name in frame}
        kinds = {name: _kind(_real(name, values)) for name, values in named.items()}
        return cls(kinds, {name: _idle(values, kinds[name]) for name, values in named.items()})

    def bound(self, frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
        """Find the columns of training in a frame, in the order of training.

        Raises
        ------
        UsageError
            When one is absent.
        DataError
            When there is no row, or a name stands for several columns.
        """
        refuse_shapeless(frame, self.kinds)
        places = {str(name): place for place, name in enumerate(frame.columns)}
        for name in self.kinds:
            if name not in places:
                hint = did_you_mean(name, places)
                raise UsageError("frame", f"the column {name!r} of training", f"none ({hint})", "add it, or train anew")
            yield name, _real(name, frame.iloc[:, places[name]])

    def numbers(self, frame: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
        """Read the columns that are numbers; blank is missing.

        Raises
        ------
        DataError
            When a value is none.
        """
        return {name: _numbers(name, one) for name, one in self.bound(frame) if self.kinds[name] == "number"}

    def texts(self, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """Read the columns that are texts, each value the same in whatever type it comes; blank is missing."""
        return {name: _texts(one) for name, one in self.bound(frame) if self.kinds[name] == "text"}

    def to_dict(self) -> dict[str, Any]:
        """State as plain dicts."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Restore from `to_dict`."""
        return cls(dict(state["kinds"]), dict(state["idle"]))


def refuse_shapeless(frame: pd.DataFrame, wanted: Mapping[str, Kind] | None = None) -> None:
    """Refuse a frame without rows or columns, or in which a name stands for several columns.

    Raises
    ------
    DataError
        When it is one.
    """
    if frame.columns.nlevels > 1:
        found = f"{frame.columns.nlevels} levels of names"
        raise DataError("frame, columns", "one name for each", found, "join them: columns.map('_'.join)")
    twice = [str(name) for name in frame.columns[frame.columns.map(str).duplicated()]]
    twice = [name for name in twice if wanted is None or name in wanted]
    if twice:
        raise DataError("frame, columns", "each name once", f"{twice[0]!r} several times", "rename or drop columns")
    if frame.empty:
        found = f"{len(frame)} rows and {frame.shape[1]} columns"
        raise DataError("frame", "at least one row and one column", found, "correct what selects them")


def number(value: object) -> float | None:
    """Read a value as a number, blank text as missing; None where it is no number.

    Examples
    --------
    >>> number(" 29.85 "), number(""), number("abc")
    (29.85, nan, None)
    """
    if isinstance(value, str):
        value = value.strip() or "nan"
        if "_" in value:  # which Python reads over
            return None
    elif not isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating | Decimal):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _real(name: str, values: pd.Series) -> pd.Series:
    if pd.api.types.is_complex_dtype(values) or pd.api.types.infer_dtype(values) == "complex":
        do = "give real and imaginary part as columns of their own"
        raise DataError(f"frame, column {name}", "real numbers", "complex data not supported", do)
    return values


def _kind(values: pd.Series) -> Kind:
    if pd.api.types.is_numeric_dtype(values):
        return "number"
    if values.dtype != object and not pd.api.types.is_string_dtype(values):
        return "text"  # days, durations, and what was declared to be categories
    known = values[values.notna()].tolist()
    if not all(number(one) is not None for one in known):
        return "text"
    if any(isinstance(one, str) for one in known):
        written = {str(one).strip() for one in known} - {""}
        codes = any(_CODE.match(one) for one in written)
        return "number" if len(written) >= NUMBERS_FROM and not codes else "text"
    return "text" if all(isinstance(one, bool | np.bool_) for one in known) else "number"


def _idle(values: pd.Series, kind: Kind) -> str:
    known = values.dropna()
    held = pd.api.types.infer_dtype(known, skipna=True)
    if known.empty:
        return "always missing"
    if held in ("datetime", "datetime64", "date", "period"):
        return "dates: give the days up to a day instead"
    if held in ("timedelta", "timedelta64"):
        return "durations: give them as a number of days instead"
    if kind == "number" or known.map(str).nunique() == 1:
        return "always the same, or nearly"
    return RARE


def _numbers(name: str, values: pd.Series) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(values):
        return np.asarray(values.to_numpy(float, na_value=np.nan), dtype=float)
    known = values.notna().tolist()
    read = [number(one) if here else np.nan for one, here in zip(values.tolist(), known, strict=True)]
    if None in read:
        found = values.iloc[read.index(None)]
        raise DataError(f"frame, column {name}", "a number, as in training", f"{found!r}", "correct it, or train anew")
    return np.array(read, dtype=float)


def _texts(values: pd.Series) -> NDArray[Any]:
    read = np.empty(len(values), dtype=object)
    known = values.notna().tolist()
    read[:] = [_written(one) if here else None for one, here in zip(values.tolist(), known, strict=True)]
    return read


def _written(value: Hashable) -> str | None:
    """Write a value as text; a whole number loses the point that a gap elsewhere in its column gave it."""
    text = str(value)
    whole = _WHOLE.fullmatch(text)
    return (whole[1] if whole else text) if text.strip() else None
