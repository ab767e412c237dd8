"""Values: what a subject said, laid out by account and cutoff, ready to be compared bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.snapshot import INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Values:
    """Hold one array per column, accounts x cutoffs; missing where the subject has no row or no value.

    Attributes
    ----------
    error, problem
        What the subject raised instead, in words and itself; empty when it did not.
    asked
        The tables it read.
    """

    accounts: pd.Index
    cutoffs: pd.DatetimeIndex
    columns: Mapping[str, NDArray[Any]]
    error: str = ""
    problem: Exception | None = None
    asked: frozenset[str] = frozenset()

    def at(self, column: str, account: str, cutoff: pd.Timestamp) -> object:
        """Give one value, or what was raised instead of it."""
        if self.error:
            return f"raised {self.error}"
        if column not in self.columns or account not in self.accounts or cutoff not in self.cutoffs:
            return None
        value = self.columns[column].tolist()[self.accounts.get_loc(account)][self.cutoffs.get_loc(cutoff)]
        return None if pd.isna(value) else value

    def of(self, column: str, accounts: pd.Index, cutoffs: pd.DatetimeIndex) -> NDArray[Any]:
        """Give a column for some accounts and cutoffs, missing where there is nothing."""
        if column not in self.columns:
            return np.full((len(accounts), len(cutoffs)), np.nan)
        rows, places = self.accounts.get_indexer(accounts), self.cutoffs.get_indexer(cutoffs)
        found: NDArray[Any] = self.columns[column][np.ix_(rows, places)]
        return found


def values_of(
    said: object, where: str, accounts: pd.Index, cutoffs: pd.DatetimeIndex, asked: frozenset[str] = frozenset()
) -> Values:
    """Lay out what a subject returned.

    Raises
    ------
    UsageError
        When it is no frame indexed by (account_id, cutoff), or says nothing of what was asked.
    """
    frame = _framed(said, where)
    ids, times = frame.index.get_level_values(0), _times(frame.index.get_level_values(1), where)
    index = pd.MultiIndex.from_arrays([ids.astype("str"), times], names=INDEX)
    if index.has_duplicates:
        twice = index[index.duplicated()][0]
        raise UsageError(where, "one row per account_id and cutoff", f"{twice} twice", "aggregate to one row each")
    if len(index) and not times.isin(cutoffs).any():
        raise UsageError(where, f"rows at the cutoffs asked for, such as {cutoffs[0]}", f"{times[0]}", _INDEX)
    whole = frame.set_axis(index).reindex(pd.MultiIndex.from_product([accounts, cutoffs], names=INDEX))
    shape = (len(accounts), len(cutoffs))
    columns = {str(name): _plain(whole[name]).reshape(shape) for name in whole}
    return Values(accounts, cutoffs, columns, asked=asked)


_INDEX = "return a frame with the index (account_id, cutoff), such as frame.set_index(['account_id', 'cutoff'])"


def _framed(said: object, where: str) -> pd.DataFrame:
    frame = said.to_frame(said.name or "value") if isinstance(said, pd.Series) else said
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(where, "a DataFrame", type(said).__name__, _INDEX)
    if frame.index.nlevels != len(INDEX):
        found = f"an index of {', '.join(str(name) for name in frame.index.names)}"
        raise UsageError(where, "an index of account_id, cutoff", found, _INDEX)
    if not frame.columns.is_unique or not len(frame.columns):
        raise UsageError(where, "columns with distinct names", f"{list(frame.columns)}", "rename them")
    return frame


def _times(level: pd.Index, where: str) -> pd.DatetimeIndex:
    if not isinstance(level, pd.DatetimeIndex) and len(level):
        raise UsageError(where, "instants as the second level of the index", str(level.dtype), _INDEX)
    times = pd.DatetimeIndex(level)
    return (times.tz_localize("UTC") if times.tz is None else times.tz_convert("UTC")).as_unit("us")


def _plain(series: pd.Series) -> NDArray[Any]:
    """Give numbers as floats and everything else as objects."""
    if series.dtype.kind in "biuf" or pd.api.types.is_numeric_dtype(series.dtype):
        return series.to_numpy(dtype=float, na_value=np.nan)
    values = series.astype(object)
    if values.map(lambda one: isinstance(one, bool | int | float | np.number) or pd.isna(one)).all():
        return pd.to_numeric(values).to_numpy(dtype=float)  # whole numbers with gaps come as objects
    return values.to_numpy()


def differing(one: NDArray[Any], two: NDArray[Any], tolerance: float) -> NDArray[np.bool_]:
    """Tell where two arrays differ; missing equals missing, and floats may differ by a relative tolerance.

    Examples
    --------
    >>> differing(np.array([1.0, np.nan, 2.0]), np.array([1.0, np.nan, 2.5]), 0.0).tolist()
    [False, False, True]
    """
    same = (pd.isna(one) & pd.isna(two)) | np.asarray(one == two, dtype=bool)
    if tolerance and one.dtype.kind == two.dtype.kind == "f":
        same |= np.isclose(one, two, rtol=tolerance, atol=0.0)
    return np.asarray(~same)
