"""Featuretools: deep feature synthesis over training windows, on the aggregates that it can express.

It knows one clock, so it gets the events that arrived at once, and the last few cutoffs alone. It lives in an
environment of its own; this module imports nothing of holdfast.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import featuretools as ft

from benchmarks.speed.shared import LAST, WINDOWS

FACTS = {"version": ft.__version__}
_COUNT, _SUM, _DISTINCT, _SINCE = "COUNT(usage)", "SUM(usage.{})", "NUM_UNIQUE(usage.{})", "TIME_SINCE_LAST(usage.{})"
_PRIMITIVES = ["count", "sum", "num_unique"]


def run(folder: Path) -> pd.DataFrame:
    warnings.simplefilter("ignore")
    whole = _entities(folder)
    cutoffs = [pd.Timestamp(cutoff).tz_localize(None) for cutoff in LAST]
    accounts = whole["accounts"]
    times = pd.concat(
        [accounts.loc[accounts["valid_from"] <= cutoff, ["account_id"]].assign(time=cutoff) for cutoff in cutoffs]
    )
    parts = [_window(whole, times, days) for days in WINDOWS]
    return pd.concat([*parts, _ever(whole, times)], axis=1).rename_axis(["account_id", "cutoff"])


def write(result: pd.DataFrame, out: Path) -> None:
    result.astype("float64").to_parquet(out)


def _entities(folder: Path) -> ft.EntitySet:
    usage, accounts = (pd.read_parquet(folder / "history" / f"{name}.parquet") for name in ("usage", "accounts"))
    for frame in (usage, accounts):
        for name in frame.select_dtypes("datetimetz"):
            frame[name] = frame[name].dt.tz_localize(None)  # its windows compare with cutoffs without zone
    usage = usage.drop(columns="known_at")
    usage["day"] = usage["occurred_at"].dt.strftime("%Y-%m-%d")
    whole = ft.EntitySet("company")
    whole.add_dataframe(
        dataframe_name="accounts", dataframe=accounts.drop(columns="known_at"), index="account_id",
        time_index="valid_from",
    )  # fmt: skip
    whole.add_dataframe(
        dataframe_name="usage", dataframe=usage, index="row", make_index=True, time_index="occurred_at",
        logical_types=dict.fromkeys(("person_id", "event", "kind", "day"), "Categorical") | {"count": "Double"},
    )  # fmt: skip
    whole.add_relationship("accounts", "account_id", "usage", "account_id")
    whole.add_last_time_indexes()
    return whole


def _synthesis(whole: ft.EntitySet, times: pd.DataFrame, primitives: list[str], window: str | None) -> pd.DataFrame:
    matrix, _ = ft.dfs(
        entityset=whole,
        target_dataframe_name="accounts",
        cutoff_time=times.copy(),
        cutoff_time_in_index=True,
        agg_primitives=primitives,
        trans_primitives=[],
        max_depth=1,
        training_window=window,
        ignore_columns={"usage": ["kind"]},
        n_jobs=1,
    )
    return matrix


def _window(whole: ft.EntitySet, times: pd.DataFrame, days: int) -> pd.DataFrame:
    got = _synthesis(whole, times, _PRIMITIVES, f"{days} days")
    wanted = {f"events_{days}": _COUNT, f"people_{days}": _DISTINCT.format("person_id"),
              f"active_{days}": _DISTINCT.format("day")}  # fmt: skip
    if days in (30, 90):
        wanted[f"minutes_{days}"] = _SUM.format("duration_min")
    if days in (30, 90, 180):
        wanted |= {f"amount_{days}": _SUM.format("count"), f"kinds_{days}": _DISTINCT.format("event")}
    return pd.DataFrame({name: got[formula].fillna(0) for name, formula in wanted.items()})


def _ever(whole: ft.EntitySet, times: pd.DataFrame) -> pd.DataFrame:
    got = _synthesis(whole, times, [*_PRIMITIVES, "time_since_last"], None)
    counted = {"events_ever": _COUNT, "people_ever": _DISTINCT.format("person_id"),
               "active_ever": _DISTINCT.format("day")}  # fmt: skip
    frame = pd.DataFrame({name: got[formula].fillna(0) for name, formula in counted.items()})
    return frame.assign(since_any=got[_SINCE.format("occurred_at")] / 86_400)
