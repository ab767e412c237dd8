"""The splits that every model is given: five folds of a plain frame, or a history walked as a backtest walks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from benchmarks.quality.rivals import PerHorizon, logistic
from benchmarks.sources import SOURCES, write
from holdfast.features.snapshot import Snapshot
from holdfast.serving.learning import examples
from holdfast.serving.opening import known_on, read_history
from holdfast.serving.plan import read_plan
from holdfast.training.folds import folds
from holdfast.training.labels import Labels

FOLDS = 5
PLAIN = 0  # the horizon of a label that has none
CLOCK = datetime(2026, 1, 1, tzinfo=UTC)  # long after the data


@dataclass(frozen=True)
class Split:
    """What models learn from and what they predict: one fold of a frame, or one refit of a history.

    Attributes
    ----------
    train, test
        Plain columns. The first level of the index is the account; a row of a frame is its own.
    learned, truth
        Labels of both by horizon, missing where they are not known.
    past, ahead
        The same rows as a snapshot with its labels, and as a snapshot; none for a frame.
    buyers
        All customers on the day of the fit, and those of the test rows at their cutoff, as `lifetimes_bgnbd` counts
        them; none where no purchases were asked for.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    learned: pd.DataFrame
    truth: pd.DataFrame
    past: tuple[Snapshot, Labels] | None = None
    ahead: Snapshot | None = None
    buyers: tuple[pd.DataFrame, pd.DataFrame] | None = None


def telco(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Read customers of a telephone company, and who left; eleven blank charges are missing."""
    table = pd.read_csv(folder / "telco_ibm" / "Telco-Customer-Churn.csv")
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    return table.drop(columns=["customerID", "Churn"]), (table["Churn"] == "Yes").astype(int)


def bankchurners(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Read holders of credit cards, and who left, without the two columns that hold another model's answer."""
    table = pd.read_csv(folder / "bankchurners" / "BankChurners.csv")
    leaking = [name for name in table if str(name).startswith("Naive_Bayes")]
    left = (table["Attrition_Flag"] == "Attrited Customer").astype(int)
    return table.drop(columns=["CLIENTNUM", "Attrition_Flag", *leaking]), left


def folded(frame: pd.DataFrame, y: pd.Series) -> list[Split]:
    """Split a frame into stratified folds, the same for everyone."""
    labels = y.astype(float).to_frame(PLAIN)
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(frame, y)
    return [Split(frame.iloc[a], frame.iloc[b], labels.iloc[a], labels.iloc[b]) for a, b in parts]


def walked(source: str, folder: Path) -> list[Split]:
    """Measure a history as the pipeline would, and walk it forward."""
    with TemporaryDirectory(prefix="holdfast-quality-") as place:
        plan = read_plan(write(SOURCES[source], folder, Path(place)))
        X, y = examples(plan, known_on(plan, read_history(plan, CLOCK), None))
        splits = forward(X, y)
    return [_with_buyers(one, folder) for one in splits] if source == "cdnow" else splits


def forward(X: Snapshot, y: Labels) -> list[Split]:
    """Split rows into the refits of a backtest; learned is what was settled by the day of each, as known then."""
    columns = PerHorizon(logistic).columns(X)
    labelled = y.frame.notna().any(axis=1).to_numpy()
    splits = []
    for fold in folds(y):
        known, here = fold.training(y), fold.tested(y) & labelled
        some = known.frame.notna().any(axis=1).to_numpy()
        train, test, labels = columns[some], columns[here], known.rows(some)
        there = [name for name in train if train[name].notna().any()]
        past, ahead = (X.rows(some), labels), X.rows(here)
        splits.append(Split(train[there], test[there], labels.frame, y.frame[here], past, ahead))
    return splits


def _with_buyers(split: Split, folder: Path) -> Split:
    """Count the purchases of the customers; several on one day are one."""
    bought = SOURCES["cdnow"].tables(folder / "cdnow")["invoices"][["account_id", "issued_at"]].drop_duplicates()
    stands = split.test.index.get_level_values("cutoff")
    by_cutoff = {day: _counted(bought, day) for day in stands.unique()}
    parts = [by_cutoff[day].reindex(split.test.index[stands == day].get_level_values(0)) for day in by_cutoff]
    order = np.concatenate([np.flatnonzero(stands == day) for day in by_cutoff])
    test = pd.concat(parts).set_axis(split.test.index[order]).reindex(split.test.index)
    fields = {name: getattr(split, name) for name in split.__dataclass_fields__}
    return Split(**fields | {"buyers": (_counted(bought, stands.min()), test)})


def _counted(bought: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    times = bought[bought["issued_at"] <= day].groupby("account_id")["issued_at"].agg(["min", "max", "size"])
    week = pd.Timedelta(days=7)
    return pd.DataFrame(
        {
            "frequency": (times["size"] - 1).astype(float),
            "recency": (times["max"] - times["min"]) / week,
            "age": (day - times["min"]) / week,
        }
    )


DATA: Mapping[str, Callable[[Path], list[Split]]] = {
    "telco": lambda folder: folded(*telco(folder)),
    "bankchurners": lambda folder: folded(*bankchurners(folder)),
    "cdnow": lambda folder: walked("cdnow", folder),
    "online_retail": lambda folder: walked("online_retail", folder),
    "crm5_reset": lambda folder: walked("fightchurn_crm5_reset", folder),
    "socialnet7": lambda folder: walked("fightchurn_socialnet7", folder),
}
