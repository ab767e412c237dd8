"""Judging the year: what differs from the undisturbed one, which faults were raised, which promotions were wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import holdfast as hf
from benchmarks.year.company import DAY, Company
from benchmarks.year.living import Year
from holdfast.serving import pipeline
from holdfast.serving.plan import read_plan
from holdfast.serving.promotion.promotions import Promotions

REFUSED = (2, 3, 30)  # exit codes that say: the data, or the plan, cannot be used as they are
HORIZON, DRAWS = 30, 1_000


def differences(one: Year, other: Year) -> list[str]:
    """List the files, and what the ledgers say, that are not the same in two years."""
    first, second = (_content(year.folder / "out") for year in (one, other))
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _content(folder: Path) -> dict[str, str]:
    found = {"current": str((folder / "current").readlink())}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink() or not path.is_file() or path.name == ".lock" or path.name.startswith("ledger.db"):
            continue
        found[name] = sha256(path.read_bytes()).hexdigest()
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        found["ledger.db"] = sha256("\n".join(db.iterdump()).encode()).hexdigest()
    return found


def raised(company: Company, year: Year) -> pd.DataFrame:
    """Tell of every planted fault whether it was noticed: ``fault, code, from, seen``, the day it was first seen."""
    rows = []
    for fault in company.faults:
        days = [day for day in _seen(year, fault.code) if fault.first <= day <= fault.last + 7 * DAY]
        rows.append(
            {
                "fault": fault.name,
                "code": fault.code or "refused",
                "from": fault.first,
                "seen": min(days, default=pd.NaT),
            }
        )
    return pd.DataFrame(rows)


def _seen(year: Year, code: str) -> Iterator[pd.Timestamp]:
    for one in year.told:
        if any(found["code"] in code.split() for found in one["said"].get("findings", ()) if isinstance(found, dict)):
            yield one["day"]
        if not code and one["command"] == "score" and one["code"] in REFUSED:
            yield one["day"]


def promoted(company: Company, year: Year) -> pd.DataFrame:
    """Judge every promotion by what came after it.

    Returns
    -------
    DataFrame
        ``day, model, replaces, loss, low, high, wrong``: how much more log loss the new model has than the one it
        replaced, over the days that followed, with its interval of 95 % over accounts; wrong where it is above zero.
    """
    plan = read_plan(year.folder / "plan.toml")
    history = hf.History.from_frames(company.frames)
    rows = []
    for one in Promotions(pipeline.workspace(plan)).frame().to_dict("records"):
        day = pd.Timestamp(one["recorded_at"]).floor("D")
        facts: dict[str, Any] = {"day": day, "model": one["model_version"], "replaces": one["replaces"]}
        days = pd.date_range(day + DAY, company.day(company.days) - HORIZON * DAY, freq="7D")
        if one["replaces"] and len(days):
            gain = _losses(plan, history, days, one["model_version"]) - _losses(plan, history, days, one["replaces"])
            facts |= dict(zip(("loss", "low", "high"), _interval(gain.dropna()), strict=True))
        rows.append(facts)
    found = pd.DataFrame(rows).reindex(columns=["day", "model", "replaces", "loss", "low", "high"])
    return found.assign(wrong=found["low"] > 0)


def _losses(plan: Any, history: hf.History, days: pd.DatetimeIndex, version: str) -> pd.Series:
    bundle = pipeline.bundle_of(plan, version)
    X = bundle.catalog.measure(history, days, bundle.horizons, grace_days=bundle.churn["grace_days"])
    y = hf.label(history, days, bundle.horizons, hf.Churn(**bundle.churn)).on(X.index).frame[HORIZON]
    p = bundle.model.predict_proba(X)[HORIZON].clip(1e-6, 1 - 1e-6)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def _interval(gain: pd.Series) -> tuple[float, float, float]:
    by_account = gain.groupby(level="account_id").agg(["sum", "size"])
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(by_account), np.full(len(by_account), 1 / len(by_account)), DRAWS)
    means = drawn @ by_account["sum"].to_numpy() / (drawn @ by_account["size"].to_numpy())
    return float(gain.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
