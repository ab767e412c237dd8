"""The defaults that a row can be given by itself, and what it cannot keep because nothing dates it.

``known_at`` is the event's time (or ``valid_from``), on the ground ``assumed``; where it is the day of the event and no
hour, it is the event's time too, so that nothing is known before it happened. ``valid_from`` is ``known_at``;
``source`` is the table's name and ``source_id`` the hash of the row with an ordinal; every other default stands at its
column in `TABLES`. An account without ``valid_from`` starts with its first record, which is decided where rows meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.features.history.tables import BASES, FEATURE_OR_KIND, PROGRESS, SOURCE_ID, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOST, CLAMPED, UNDATED, OUTSIDE = 1, 2, 4, 1 << 15
_FIRST_DEFAULT = 3
FLAGS, DIGEST, BASIS = "_flags", "_digest", "_basis"


def default_bit(table: Table, column: str) -> int:
    """Give the bit in `FLAGS` that says that a column of this row is a default."""
    return 1 << (_FIRST_DEFAULT + table.defaulted.index(column))


def _absent(kind: str, rows: int) -> pd.Series:
    if kind == "time":
        return pd.Series(pd.NaT, index=range(rows), dtype="datetime64[us, UTC]")
    return pd.Series(np.nan, index=range(rows), dtype="str" if kind == "text" else "float64")


def date_rows(table: Table, frame: pd.DataFrame, flags: NDArray[np.uint16]) -> None:
    """Settle both clocks: when it happened, when it could be known, and on what ground."""
    for name in (table.time, "known_at"):
        if name not in frame:
            frame[name] = _absent("time", len(frame))
    happened, known = frame[table.time], frame["known_at"]
    if table.name == "churn" and "ended_at" in frame:
        happened = happened.fillna(frame["ended_at"])
    assumed, undated = known.isna().to_numpy(), happened.isna().to_numpy()
    flags[assumed] |= default_bit(table, "known_at")
    known = known.fillna(happened)
    _ground(table, frame, assumed, flags)
    if table.name not in ("accounts", "churn"):
        flags[undated] |= default_bit(table, table.time)
        frame[table.time] = happened.fillna(known)
    if table.name == "accounts":
        flags[undated] |= default_bit(table, table.time)
    if not table.ahead:
        # a receipt of the same day at midnight has lost its hour: it was not known before it happened
        bare = (frame[table.time] > known) & (known == frame[table.time].dt.normalize())
        known = known.mask(bare, frame[table.time]) if bare.any() else known
        early = (frame[table.time] > known).to_numpy()
        flags[early] |= CLAMPED
        frame[table.time] = frame[table.time].mask(early, known) if early.any() else frame[table.time]
    frame["known_at"] = known


def _ground(table: Table, frame: pd.DataFrame, assumed: NDArray[np.bool_], flags: NDArray[np.uint16]) -> None:
    """Say on what ground `known_at` stands: a delivered time is a version, or for an event its receipt."""
    usual = BASES.index("event" if table.shape == "event" else "history")
    basis = np.full(len(frame), usual, dtype=np.int8)
    silent = np.ones(len(frame), dtype=bool)
    if "known_basis" in frame:
        said = pd.Categorical(frame["known_basis"], categories=list(BASES)).codes
        silent = said < 0
        basis = np.where(silent, basis, said).astype(np.int8)
        del frame["known_basis"]
    basis[assumed] = BASES.index("assumed")
    flags[silent | assumed] |= default_bit(table, "known_basis")
    frame[BASIS] = basis


def blank_undated(table: Table, frame: pd.DataFrame, flags: NDArray[np.uint16]) -> None:
    """Read as missing what was overwritten without a date, unless the row is a version of its own."""
    if table.name == "tickets" and "satisfaction" in frame and "solved_at" in frame:
        rated = frame["satisfaction"].notna()
        dated = frame.get("satisfaction_at", _absent("time", len(frame)))
        frame["satisfaction_at"] = dated.mask(rated & dated.isna(), frame["solved_at"])
    frozen = np.isin(frame[BASIS].to_numpy(), [BASES.index("created"), BASES.index("assumed")])
    unknown = {name: frozen for name in table.undated if name in frame}
    for date, names in table.milestones.items():
        for name in (n for n in names if n in frame and table.columns[n].kind != "time"):
            unknown[name] = frozen & frame[date].isna().to_numpy() if date in frame else frozen
    for name, mask in unknown.items():
        blank = mask & frame[name].notna().to_numpy()
        if blank.any():
            flags[blank] |= UNDATED
            frame[name] = frame[name].mask(blank)


def fill(table: Table, frame: pd.DataFrame, flags: NDArray[np.uint16]) -> None:
    """Give the defaults of single columns; a name taken from the row's own comes later, when rows have met."""
    for column in table.columns.values():
        if column.default is None:
            continue
        if column.name not in frame:
            flags |= default_bit(table, column.name)
            if column.default != SOURCE_ID:
                frame[column.name] = _values(frame, column.default)
            continue
        empty = frame[column.name].isna().to_numpy()
        flags[empty] |= default_bit(table, column.name)
        if empty.any() and column.default != SOURCE_ID:
            frame[column.name] = frame[column.name].mask(empty, _values(frame, column.default))


def _values(frame: pd.DataFrame, default: str | float) -> pd.Series:
    if default == FEATURE_OR_KIND:
        return frame["feature"].fillna(frame["kind"]) if "feature" in frame else frame["kind"]
    if default == PROGRESS:
        return _progress(frame)
    return pd.Series(default, index=frame.index, dtype="str" if isinstance(default, str) else "float64")


def _progress(frame: pd.DataFrame) -> pd.Series:
    """Give how far a goal has come: 0 at the baseline (none is 0), 1 at the target, whichever of them is higher.

    At most 2, and not below 0: one goal left far behind, or far surpassed, does not outweigh all others.
    """
    baseline, target, actual = (
        frame.get(name, _absent("number", len(frame))) for name in ("baseline", "target", "actual")
    )
    start = baseline.fillna(0.0)
    way = (target - start).mask(target == start)
    return ((actual - start) / way).clip(0.0, 2.0)


def mark_not_supplied(table: Table, supplied: frozenset[str], frame: pd.DataFrame, flags: NDArray[np.uint16]) -> None:
    """Remember, in a file that a History wrote, which columns had been defaults; a row keeps the name it was given."""
    for name in table.defaulted:
        if name not in supplied:
            flags |= default_bit(table, name)
    if SOURCE_ID not in supplied:
        frame[DIGEST] = _digest_in(frame.pop(SOURCE_ID))
    if "source" not in supplied:
        del frame["source"]


def _digest_in(names: pd.Series) -> NDArray[np.uint64]:
    """Give back the hash that a generated name begins with."""
    hexed = pa.chunked_array(pc.utf8_slice_codeunits(pa.array(names, pa.large_string()), 0, 16)).combine_chunks()
    digits = hexed.buffers()[2].to_pybytes()[: 16 * len(names)]
    return np.frombuffer(bytes.fromhex(digits.decode()), dtype=">u8").astype(np.uint64)
