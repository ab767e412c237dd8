"""Altered records: other values for what a row holds, and new rows that look like old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.tables import SOURCE_ID, TABLES, Table
from holdfast.features.time import instants, micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_NAMES = {SOURCE_ID, "source", "account_id", "known_at", "known_basis", "deleted"}


def happened(name: str, frame: pd.DataFrame) -> Ints:
    """Give when rows happened, int64 microseconds; a row without its own date happened when it was known."""
    known = frame["known_at"]
    time = TABLES[name].time
    at = frame.get(time, known)
    if "ended_at" in frame:
        at = at.fillna(frame["ended_at"])
    return micros(at.fillna(known))


def altered(name: str, frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Give every row other values in whatever does not name or date it: numbers, flags, words, later dates."""
    table, values = TABLES[name], {}
    for column in (one for one in table.columns.values() if one.name in frame and one.name not in _fixed(table)):
        given = frame[column.name]
        if column.kind == "number":
            inside = column.within
            values[column.name] = inside[1] - (given - inside[0]) if inside else given * 2.0 + 3.0
        elif column.kind == "flag":
            values[column.name] = 1.0 - given
        elif column.kind == "text":
            values[column.name] = _other_words(given, column.words, rng)
        else:
            values[column.name] = given + pd.to_timedelta(rng.integers(1, 20, len(given)), unit="D")
    return frame.assign(**values)


def _fixed(table: Table) -> set[str]:
    return {*_NAMES, *table.key, table.time}


def _other_words(given: pd.Series, words: tuple[str, ...], rng: np.random.Generator) -> pd.Series:
    """Draw another of the words that occur; where there is but one, of those that may stand there."""
    codes, found = pd.factorize(given, sort=True)
    pool = [*found, *(one for one in words if one not in set(found) and len(found) < 2)]
    if len(pool) < 2:
        return given
    other = np.where(codes < 0, len(pool), (codes + rng.integers(1, len(pool), len(given))) % len(pool))
    return pd.Series(np.array([*pool, None], dtype=object)[other], index=given.index, dtype="str")


def coming(name: str, frame: pd.DataFrame, after: int, rng: np.random.Generator | None) -> tuple[pd.DataFrame, Bools]:
    """Give rows with what comes after an instant told otherwise, and which rows hold anything of the kind.

    A date after the instant is blanked, with whatever comes to be known with it; given random numbers, half of them
    move.
    """
    table, values = TABLES[name], {}
    touched, blanked = np.zeros(len(frame), dtype=bool), np.ones(len(frame), dtype=bool)
    by = pd.to_timedelta(np.zeros(len(frame)), unit="D")
    if rng is not None:
        blanked, by = rng.random(len(frame)) < 0.5, pd.to_timedelta(rng.integers(1, 20, len(frame)), unit="D")
    for date, dependent in table.milestones.items():
        if date not in frame:
            continue
        later = micros(frame[date]) > after
        touched |= later
        values[date] = frame[date].mask(later & ~blanked, frame[date] + by).mask(later & blanked)
        for one in (column for column in dependent if column in frame):
            values[one] = frame[one].mask(later)
    return frame.assign(**values), touched


def corrections(frame: pd.DataFrame, rows: Ints, known: Ints, name: str, rng: np.random.Generator) -> pd.DataFrame:
    """Give later versions of rows, with other values; where rows can be deleted, every third is."""
    again = altered(name, frame.iloc[rows].reset_index(drop=True), rng).assign(known_at=instants(known))
    if "deleted" in frame:
        again["deleted"] = np.where(np.arange(len(rows)) % 3 == 2, 1.0, 0.0)
    return again


def clones(frame: pd.DataFrame, rows: Ints, at: Ints, known: Ints, name: str, mark: str) -> pd.DataFrame:
    """Give new records like some rows, happening and known at other instants; their other dates move along."""
    table = TABLES[name]
    new = frame.iloc[rows].reset_index(drop=True)
    by = pd.to_timedelta(at - happened(name, new), unit="us")
    for column in table.columns.values():
        if column.kind == "time" and column.name in new and column.name != "known_at":
            new[column.name] = new[column.name] + by
    marks = pd.Series([f"~{mark}{place}" for place in range(len(new))], dtype="str")
    for entity in {SOURCE_ID, *table.entity} & set(new) - {"account_id", "source", "role"}:
        new[entity] = new[entity].astype("str") + marks
    return new.assign(known_at=instants(known), **({"deleted": 0.0} if "deleted" in new else {}))
