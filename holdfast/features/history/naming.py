"""Names of rows: worked out where they lack, counted once where repeated, refused where two rows claim the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.defaults import DIGEST
from holdfast.features.history.facts import Facts
from holdfast.features.history.landing import digest, identity
from holdfast.features.history.records import group
from holdfast.features.history.tables import SOURCE_ID, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray


def digests(table: Table, frame: pd.DataFrame) -> NDArray[np.uint64]:
    """Give the hashes of the content of rows: as they were stored, else worked out."""
    return frame[DIGEST].to_numpy() if DIGEST in frame else digest(frame, identity(table, frame))


def nameless(table: Table, frame: pd.DataFrame) -> list[str]:
    """List the columns whose names of rows must be worked out, as they are absent or empty somewhere."""
    own = [column.name for column in table.columns.values() if column.default == SOURCE_ID]
    lacking = [name for name in own if name not in frame or frame[name].isna().any()]
    return lacking + ([SOURCE_ID] if SOURCE_ID in frame and frame[SOURCE_ID].isna().any() else [])


def name_rows(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Fill in the names of rows, in place, where they are absent or empty."""
    lacking = nameless(table, frame)
    if not lacking:
        return frame
    names = source_ids(table, frame)
    if SOURCE_ID in frame:
        names = frame[SOURCE_ID] = frame[SOURCE_ID].fillna(names)
    for name in (one for one in lacking if one != SOURCE_ID):
        frame[name] = frame[name].fillna(names) if name in frame else names
    return frame


def source_ids(table: Table, frame: pd.DataFrame) -> pd.Series:
    """Name rows by the hash of their content, and an ordinal where several rows are alike."""
    hashes = digests(table, frame)
    hexed = np.frombuffer(hashes.astype(">u8").tobytes().hex().encode(), dtype="S16").astype("U16")
    names = pd.Series(hexed, dtype="str")
    repeated = pd.Series(hashes).groupby(hashes).cumcount().to_numpy()
    again = repeated > 0
    if again.any():
        names[again] = [f"{name}-{n:06d}" for name, n in zip(names[again], repeated[again], strict=True)]
    return names


def without_repetition(
    table: Table,
    frame: pd.DataFrame,
    aside: dict[str, list[pd.DataFrame]],
    facts: dict[str, Facts],
    elsewhere: pd.DataFrame | None,
) -> pd.DataFrame:
    """Count a version of a record once when it is delivered twice alike; refuse it when the two differ."""
    keys = [frame[name] for name in table.key if name in frame]
    if table.shape != "state" and SOURCE_ID in table.key and SOURCE_ID not in frame:
        return frame
    if elsewhere is not None and len(elsewhere):
        _refuse_shared(table, frame, elsewhere)
    codes = group([*keys, frame["known_at"]])
    if not len(codes) or int(codes.max()) + 1 == len(codes):
        return frame
    repeated = pd.Series(codes).duplicated().to_numpy()
    content = [name for name in table.columns if name in frame]
    if group([frame[name] for name in content]).max() != codes.max():
        _refuse_duplicates(table, frame, codes, content)
    told = facts[table.name]
    facts[table.name] = replace(told, repeated=told.repeated + int(repeated.sum()))
    aside[table.name].append(frame[repeated])
    return frame[~repeated].reset_index(drop=True)


def _refuse_shared(table: Table, frame: pd.DataFrame, elsewhere: pd.DataFrame) -> None:
    """Refuse rows of different accounts that claim to be the same version of the same record."""
    key = [name for name in (*table.key, "known_at") if name in frame]
    both = pd.concat([frame[key].astype(plain(frame, key)), elsewhere[key]], ignore_index=True)
    codes = group([both[name] for name in key])
    shared = np.isin(codes[: len(frame)], codes[len(frame) :])
    if shared.any():
        names = [*key, "account_id"]
        rows = pd.concat([frame[names][shared], elsewhere[names]], ignore_index=True)
        codes = group([rows[name] for name in key])
        _refuse_duplicates(table, rows, codes, names)


def plain(frame: pd.DataFrame, names: list[str]) -> dict[str, str]:
    """Give the plain type of columns that are categorical, so that rows of other accounts fit beneath them."""
    return {name: "str" for name in names if isinstance(frame[name].dtype, pd.CategoricalDtype)}


def _refuse_duplicates(table: Table, frame: pd.DataFrame, codes: NDArray[np.int64], content: list[str]) -> None:
    distinct = pd.DataFrame({"key": codes, "row": group([frame[name] for name in content])}).drop_duplicates()
    clash = distinct["key"][distinct["key"].duplicated()].unique()
    key = [name for name in table.key if name in frame]
    rows = frame[np.isin(codes, clash[:3])].drop_duplicates([*key, "known_at"])
    shown = "; ".join(", ".join(f"{n}={str(row[n])[:60]}" for n in (*key, "known_at")) for _, row in rows.iterrows())
    raise DataError(
        table.name,
        f"one row for each {', '.join(key)} and known_at",
        f"duplicate rows that differ, for {len(clash)} keys: {shown}",
        "keep one of them, or give the correction its own later known_at",
    )
