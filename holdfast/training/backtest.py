"""The backtest: models walked forward over the past, each prediction made with what was known on its day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.findings import Finding
from holdfast.training.by_group import Groups, by_group
from holdfast.training.capacity import Capacity, capacity
from holdfast.training.folds import Fold, folds
from holdfast.training.judging import judge, noticed
from holdfast.training.metrics import NAMES, PLAIN
from holdfast.training.observed_bands import ObservedBands, observed_bands
from holdfast.training.profit import Offer, Profit, profit
from holdfast.training.trajectory import Trajectory, trajectory
from holdfast.training.verdict import BASELINES, Comparison, verdict
from holdfast.training.views import calibration_frame, lead_time_frame, lift_frame, metrics_table
from holdfast.training.walk import Model as Model
from holdfast.training.walk import contestants, walk

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.features.snapshot import Snapshot
    from holdfast.training.holdout import Holdout
    from holdfast.training.labels import Labels

JSON_NAMES = (*(name for name in NAMES if name != "intercept"), "ece_floor")
FACTS = ("segment", "contract", "arr")


@dataclass(frozen=True, eq=False)
class Backtest:
    """Hold the predictions of a walk forward, and what they are worth.

    Attributes
    ----------
    cutoffs
        The cutoffs on which models were tested.
    verdict
        What beats the best baseline, in words.
    comparisons
        Each model against the best baseline of its horizon, on the same rows.
    skipped
        For each model the refits at which there were too few events to learn from; it has no predictions there.
    dropped
        Horizons that could not be tested, each with the reason.
    kind
        The kind of churn that was tested.
    facts
        What is known of each tested account at its cutoff: ``segment, contract, arr``, ``event_at`` (when it left,
        missing where it did not) and ``decisions_<horizon>`` (renewal decisions within so many days).
    """

    cutoffs: pd.DatetimeIndex
    verdict: str
    comparisons: tuple[Comparison, ...]
    skipped: Mapping[str, tuple[pd.Timestamp, ...]]
    dropped: Mapping[int, str]
    kind: str
    findings: tuple[Finding, ...]
    facts: pd.DataFrame = field(repr=False)
    _predictions: pd.DataFrame = field(repr=False)
    _metrics: pd.DataFrame = field(repr=False)
    _importance: pd.DataFrame = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """Give all predictions, one row per account, cutoff, horizon and model.

        Columns: ``account_id, cutoff, horizon, model, p, y`` (missing where censored), ``health`` (of a health score),
        ``seen`` (whether the model had learned from the account before), ``trained_at, n_train`` (rows learned from),
        ``events_train`` (accounts that churned in them).
        """
        return self._predictions

    def metrics(self) -> pd.DataFrame:
        """Give ``model, horizon, metric, value, low, high``; all models of a horizon are measured on the same rows."""
        return self._metrics

    def table(self) -> pd.DataFrame:
        """Give one row per horizon and model, one column per metric."""
        return metrics_table(self._metrics)

    def calibration_frame(self) -> pd.DataFrame:
        """Give predicted and observed churn in ten bins of equal mass, by model and horizon."""
        return calibration_frame(self._predictions)

    def lift_frame(self) -> pd.DataFrame:
        """Give the share of churn caught by contacting the most probable share of accounts, by model and horizon."""
        return lift_frame(self._predictions)

    def lead_time_frame(self) -> pd.DataFrame:
        """Give the share of churned accounts that stood among the most probable fifth, by weeks before they churned."""
        return lead_time_frame(self._predictions, self.facts["event_at"])

    def by_group(self, models: Sequence[str] | None = None) -> Groups:
        """Measure models inside groups: exposed to a decision or not, segment, contract, accounts seen before or not.

        Parameters
        ----------
        models
            By default those that are no baselines.
        """
        named = self._predictions["model"].cat.categories
        return by_group(self._predictions, self.facts, models or [one for one in named if one not in BASELINES])

    def capacity(self, calls: float | None = None) -> Capacity:
        """Work through the accounts of every cutoff as far as a team gets, at the longest horizon.

        Parameters
        ----------
        calls
            Accounts at each cutoff: a number, or below 1 a share; by default a twentieth.
        """
        return self._caught if calls is None else capacity(self._predictions, self.facts, calls)

    def importance_over_time(self) -> pd.DataFrame:
        """Give ``trained_at, model, indicator, title, dimension, share``: what counted at each refit.

        Of a churn model the share of the size of all contributions, over some of the rows predicted; of a health score
        the learned weight.
        """
        return self._importance

    def weights_moved(self, model: str = "health") -> pd.Series[float]:
        """Give by how much learned weights moved at each refit: half the sum of all differences, in points of 100."""
        told = self._importance[self._importance["model"] == model]
        table = told.pivot_table(index="trained_at", columns="indicator", values="share", fill_value=0.0)
        return (50.0 * table.diff().iloc[1:].abs().sum(axis=1)).rename("moved")

    def bands(self) -> ObservedBands:
        """Set the bands that health scores gave at the time against who left, and name both errors."""
        return observed_bands(self._predictions, self.facts)

    def trajectory(self) -> Trajectory:
        """Follow health scores before exits, beside comparable accounts that stayed."""
        return self._path

    def profit(self, offer: Offer | None = None) -> Profit:
        """Say what each ranking is worth in money when those most probable to leave are offered something to stay."""
        return profit(self._predictions, self.facts["arr"], offer)

    def plot_calibration(self, ax: Axes | None = None) -> Axes:
        """Draw predicted against observed churn at the longest horizon."""
        from holdfast.training.plots import plot_calibration

        return plot_calibration(self.calibration_frame(), ax)

    def plot_lift(self, ax: Axes | None = None) -> Axes:
        """Draw the share of churn caught against the share of accounts contacted, at the longest horizon."""
        from holdfast.training.plots import plot_lift

        return plot_lift(self.lift_frame(), ax)

    def plot_lead_time(self, ax: Axes | None = None) -> Axes:
        """Draw how early churned accounts stood among the most probable fifth."""
        from holdfast.training.plots import plot_lead_time

        return plot_lead_time(self.lead_time_frame(), ax)

    @cached_property
    def _caught(self) -> Capacity:
        return capacity(self._predictions, self.facts)

    @cached_property
    def _path(self) -> Trajectory:
        return trajectory(self._predictions, self.facts)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values; what is not defined is null."""
        values: dict[str, dict[str, dict[str, float | int | None]]] = {}
        bounds: dict[str, dict[str, dict[str, list[float | None]]]] = {}
        for row in self._metrics.to_dict("records"):
            model, horizon, metric = str(row["model"]), str(row["horizon"]), str(row["metric"])
            if metric in PLAIN[1:]:
                values.setdefault(model, {}).setdefault(horizon, {})[metric] = int(row["value"])
            elif metric in JSON_NAMES:
                values.setdefault(model, {}).setdefault(horizon, {})[metric] = _json(row["value"])
                bounds.setdefault(model, {}).setdefault(horizon, {})[metric] = [_json(row["low"]), _json(row["high"])]
        return {
            "models": values,
            "cutoffs": [f"{cutoff:%Y-%m-%d}" for cutoff in self.cutoffs],
            "verdict": self.verdict,
            "kind": self.kind,
            "intervals": bounds,
            "findings": [{"code": f.code, "where": f.where, "message": f.message} for f in self.findings],
            "dropped": {str(h): why for h, why in self.dropped.items()},
            "capacity": self.capacity().to_dict(),
            "bands": self.bands().to_dict(),
            "trajectory": self.trajectory().to_dict(),
            "groups": self.by_group().to_dict(),
        }

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.verdict)}</p>{self.table().to_html(escape=True, float_format='{:.3f}'.format)}"


def backtest(
    models: Mapping[str, Model],
    X: Snapshot,
    y: Labels,
    *,
    retrain_every: int = 3,
    window: int | None = None,
    account_groups: int = 1,
    holdout: Holdout | None = None,
    baselines: Sequence[str] = BASELINES,
    bootstrap: int = 200,
    seed: int = 0,
    threads: int = 1,
    progress: bool = True,
) -> Backtest:
    """Walk models forward over the cutoffs, beside the baselines, and say what they are worth.

    Parameters
    ----------
    models
        Name and model; each is cloned. The baselines are added when they are absent: base rate, age, recency, contract
        context, the two shipped scores alone, and the template beside the contract calendar.
    X, y
        Snapshot and labels of the same history.
    retrain_every
        Number of cutoffs after which models learn anew.
    window
        Days of cutoffs that a model learns from (rolling); by default all that came before (expanding).
    account_groups
        When above 1, each of so many groups of accounts is judged by models that learned from the others alone.
    holdout
        Keeps the last block of cutoffs, and all labels that reach into it, from this test.
    baselines
        Those that are added when they are absent; fewer only where the rows do not tell what they need.
    bootstrap
        Replicates for the intervals; accounts are drawn, not rows. 0 draws none.
    threads
        Models that learn side by side; it changes no figure.

    Raises
    ------
    TooFewEvents
        When there are too few events to test on anything, or no model could learn.
    UsageError
        When X and y share no row.
    """
    labels = y.on(X.index)
    if not (labels.at_risk == "").any():
        raise UsageError("backtest(X, y)", "rows at risk in both", "none", "measure and label the same cutoffs")
    labels = labels if holdout is None else holdout.keep(labels)
    plan = folds(labels, retrain_every, window=window, account_groups=account_groups)
    return over(
        plan,
        contestants(models, X, baselines),
        X,
        labels,
        bootstrap=bootstrap,
        seed=seed,
        threads=threads,
        progress=progress,
    )


def over(
    plan: Sequence[Fold],
    models: Mapping[str, Model],
    X: Snapshot,
    y: Labels,
    *,
    bootstrap: int = 200,
    seed: int = 0,
    threads: int = 1,
    progress: bool = True,
) -> Backtest:
    """Walk over given folds and judge; `backtest` is what to call."""
    walked = walk(models, X, y, plan, threads=threads, progress=progress)
    judged = judge(walked.predictions, y, bootstrap, seed)
    known = walked.predictions.dropna(subset=["p", "y"])
    tested = tuple(h for h in y.horizons if h not in judged.dropped)
    return Backtest(
        cutoffs=pd.DatetimeIndex(known["cutoff"].unique(), name="cutoff").sort_values(),
        verdict=verdict(judged.comparisons, tested),
        comparisons=judged.comparisons,
        skipped=walked.skipped,
        dropped=judged.dropped,
        kind=y.kind,
        findings=(*y.findings, *noticed(judged.comparisons, walked.skipped, len(plan))),
        facts=_facts(X, y, pd.DatetimeIndex(sorted({cutoff for fold in plan for cutoff in fold.test}))),
        _predictions=walked.predictions,
        _metrics=judged.metrics,
        _importance=walked.importance,
    )


def _facts(X: Snapshot, y: Labels, tested: pd.DatetimeIndex) -> pd.DataFrame:
    """Keep of the tested rows what groups and money need."""
    here = np.asarray(X.index.get_level_values("cutoff").isin(tested))
    rows = X.rows(here)
    facts = rows.context[[name for name in FACTS if name in rows.context]].copy()
    facts["arr"] = facts["arr"].astype(float) if "arr" in facts else np.nan
    facts["event_at"] = y.event_at[here]
    decisions = rows.exposure.cumsum(axis=1).add_prefix("decisions_")
    return facts.join(decisions)


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
