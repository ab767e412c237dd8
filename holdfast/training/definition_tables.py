"""Tables of the same backtest under several definitions: figures, agreement of labels, agreement of ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import TooFewEvents
from holdfast.training.agreement import labels_alike, ranks_alike
from holdfast.training.verdict import BASELINES, MIN_EVENTS

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.backtest import Backtest, Model
    from holdfast.training.labels import Labels

_COUNTS = ("rows", "events", "accounts", "base_rate")
_BOUNDS = ("auc", "auc_low", "auc_high", "skill", "skill_low", "skill_high")
PAIR = ["a", "b", "horizon_a", "horizon_b"]


@dataclass(frozen=True, eq=False)
class Trial:
    """One definition that was tested.

    Attributes
    ----------
    latest
        By model, the probabilities of the accounts at risk on the last cutoff, one column per horizon.
    """

    y: Labels
    result: Backtest
    latest: Mapping[str, pd.DataFrame]


def latest(models: Mapping[str, Model], X: Snapshot, y: Labels) -> dict[str, pd.DataFrame]:
    """Fit models to what was settled and known on the last cutoff, and ask them about the accounts at risk on it.

    Baselines are left out, and so is a model that has too few events.
    """
    from sklearn.base import clone

    cutoff = X.cutoffs[-1]
    known = y.known(cutoff)
    learned = known.frame.notna().any(axis=1).to_numpy()
    here = np.asarray(X.index.get_level_values("cutoff") == cutoff) & (known.at_risk == "").to_numpy()
    found: dict[str, pd.DataFrame] = {}
    if not here.any():
        return found
    for name, model in models.items():
        if name in BASELINES:
            continue
        try:
            fitted = clone(model).fit(X.rows(learned), known.rows(learned))
        except TooFewEvents:
            continue
        found[name] = fitted.predict_proba(X.rows(here)).droplevel("cutoff")
    return found


def figures(results: Mapping[str, Backtest]) -> pd.DataFrame:
    """Lay out the figures of all definitions, see `Definitions.frame`."""
    return pd.concat([_of_one(result).assign(definition=name) for name, result in results.items()], ignore_index=True)[
        ["definition", "horizon", "model", *_COUNTS, *_BOUNDS, "verdict"]
    ]


def _of_one(result: Backtest) -> pd.DataFrame:
    """Give one row per horizon and model of one backtest, in the order of its table."""
    table = result.table()[["n", "events"]].rename(columns={"n": "rows"})
    metrics = result.metrics()
    for metric in ("auc", "skill"):
        mine = metrics[metrics["metric"] == metric].set_index(["horizon", "model"])[["value", "low", "high"]]
        table = table.join(mine.set_axis([metric, f"{metric}_low", f"{metric}_high"], axis=1))
    table = table.reset_index()
    counts = {horizon: _accounts(result, int(horizon))[0] for horizon in table["horizon"].unique()}
    rate = table["events"] / table["rows"]
    return table.assign(accounts=table["horizon"].map(counts), base_rate=rate, verdict=result.verdict)


def ranks(trials: Mapping[str, Trial], replicates: int, seed: int) -> pd.DataFrame:
    """Correlate the ranks that a model gives to the accounts of the last cutoff, by pairs of definitions."""
    parts = []
    for (a, one), (b, other) in combinations(trials.items(), 2):
        for ahead, behind in _horizons(one.y.horizons, other.y.horizons):
            for model in (name for name in one.latest if name in other.latest):
                p, q = one.latest[model], other.latest[model]
                if ahead in p and behind in q:
                    told = ranks_alike(p[ahead], q[behind], replicates, seed)
                    key = dict(zip(PAIR, (a, b, ahead, behind), strict=True))
                    parts.append({**key, "model": model, **told})
    names = [*PAIR, "model", "accounts", "spearman", "spearman_low", "spearman_high"]
    return pd.DataFrame(parts, columns=names)


def pairs(trials: Mapping[str, Trial], ranked: pd.DataFrame, replicates: int, seed: int) -> pd.DataFrame:
    """Compare labels, and the order of models, by pairs of definitions; see `Definitions.agreement`."""
    parts = []
    orders = {(name, h): _order(one.result, h) for name, one in trials.items() for h in one.y.horizons}
    for (a, one), (b, other) in combinations(trials.items(), 2):
        for ahead, behind in _horizons(one.y.horizons, other.y.horizons):
            key = dict(zip(PAIR, (a, b, ahead, behind), strict=True))
            alike = labels_alike(one.y.frame[ahead], other.y.frame[behind], replicates, seed)
            parts.append({**key, **alike, "same_order": _same_order(orders[a, ahead], orders[b, behind])})
    table = pd.DataFrame(parts)
    if table.empty:
        return pd.DataFrame(columns=[*PAIR, "same_order"])
    wide = ranked.pivot(index=PAIR, columns="model", values="spearman").add_prefix("spearman_")
    wide = wide[[f"spearman_{name}" for name in dict.fromkeys(ranked["model"])]]
    table = table.merge(wide.reset_index().rename_axis(columns=None), on=PAIR, how="left") if len(ranked) else table
    return table[[name for name in table if name != "same_order"] + ["same_order"]]


def _horizons(one: tuple[int, ...], other: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Pair the horizons of two definitions: those they share, else the longest of each."""
    shared = [(horizon, horizon) for horizon in one if horizon in other]
    yield from shared or [(one[-1], other[-1])]


def _accounts(result: Backtest, horizon: int) -> tuple[int, int]:
    """Count the accounts that churned, and those that stayed, in the rows on which all models are measured."""
    rows = result.frame()
    rows = rows[rows["horizon"] == horizon].dropna(subset=["p", "y"])
    size = rows.groupby(["account_id", "cutoff"], observed=True)["y"].agg(["size", "first"])
    shared = size[size["size"] == rows["model"].nunique()].reset_index()
    churned, stayed = (shared.loc[shared["first"] == outcome, "account_id"].nunique() for outcome in (1, 0))
    return int(churned), int(stayed)


def _order(result: Backtest, horizon: int) -> list[str] | None:
    """Give the models that rank, best AUC first; none where there are too few events to read an order."""
    table = result.table()
    if horizon not in table.index.get_level_values("horizon") or min(_accounts(result, horizon)) < MIN_EVENTS:
        return None
    auc = table.xs(horizon, level="horizon")["auc"].drop("base_rate", errors="ignore").dropna()
    return [str(name) for name in auc.sort_values(ascending=False, kind="stable").index]


def _same_order(one: list[str] | None, other: list[str] | None) -> bool | None:
    if one is None or other is None:
        return None
    return [name for name in one if name in other] == [name for name in other if name in one]
