"""The backtest: models walked forward over the past, each prediction made with what was known on its day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import pandas as pd

from holdfast.errors import TooFewEvents, UsageError
from holdfast.findings import Finding
from holdfast.progress import progress as bar
from holdfast.training import bootstrap as resampling
from holdfast.training.capacity import Capacity, capacity
from holdfast.training.contest import Scores
from holdfast.training.folds import Fold, folds
from holdfast.training.metrics import NAMES
from holdfast.training.verdict import BASELINES, MIN_EVENTS, Comparison, verdict
from holdfast.training.views import calibration_frame, lead_time_frame, lift_frame, metrics_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.outcomes import Outcomes
    from holdfast.training.labels import Labels

JSON_NAMES = tuple(name for name in NAMES if name != "intercept")
COLUMNS = ("account_id", "cutoff", "horizon", "model", "p", "y", "trained_at", "n_train", "events_train")


class Model(Protocol):
    """What a backtest asks of a model, beside the parameters that scikit-learn clones."""

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn from rows and their labels."""
        ...

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Give probabilities on the index of X, one column per horizon in days."""
        ...


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
    """

    cutoffs: pd.DatetimeIndex
    verdict: str
    comparisons: tuple[Comparison, ...]
    skipped: Mapping[str, tuple[pd.Timestamp, ...]]
    dropped: Mapping[int, str]
    kind: str
    findings: tuple[Finding, ...]
    _predictions: pd.DataFrame = field(repr=False)
    _metrics: pd.DataFrame = field(repr=False)
    _event_at: pd.Series[pd.Timestamp] = field(repr=False)
    _arr: pd.Series[float] = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """Give all predictions, one row per account, cutoff, horizon and model.

        Columns: ``account_id, cutoff, horizon, model, p, y`` (missing where censored), ``trained_at, n_train`` (rows
        learned from), ``events_train`` (accounts that churned in them).
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
        return lead_time_frame(self._predictions, self._event_at)

    def capacity(self, calls: float | None = None) -> Capacity:
        """Work through the accounts of every cutoff as far as a team gets, at the longest horizon.

        Parameters
        ----------
        calls
            Accounts at each cutoff: a number, or below 1 a share; by default a twentieth.
        """
        return capacity(self._predictions, self._event_at, self._arr, calls)

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

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values; what is not defined is null."""
        values: dict[str, dict[str, dict[str, float | int | None]]] = {}
        bounds: dict[str, dict[str, dict[str, list[float | None]]]] = {}
        for row in self._metrics.to_dict("records"):
            model, horizon, metric = str(row["model"]), str(row["horizon"]), str(row["metric"])
            if metric in ("n", "events"):
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
    baselines: Sequence[str] = BASELINES,
    bootstrap: int = 200,
    seed: int = 0,
    progress: bool = True,
) -> Backtest:
    """Walk models forward over the cutoffs, beside four baselines, and say what they are worth.

    Parameters
    ----------
    models
        Name and model; each is cloned. Base rate, age, recency and template are added when they are absent.
    X, y
        Snapshot and labels of the same history.
    retrain_every
        Number of cutoffs after which models learn anew.
    baselines
        Those that are added when they are absent; fewer only where the rows do not tell what they need.
    bootstrap
        Replicates for the intervals; accounts are drawn, not rows. 0 draws none.

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
    plan, contestants = folds(labels, retrain_every), _with_baselines(models, baselines)
    steps = [(fold, name) for fold in plan for name in contestants]
    parts: list[pd.DataFrame] = []
    skipped: dict[str, list[pd.Timestamp]] = {}
    training: tuple[Fold, Labels] | None = None
    for fold, name in bar(steps, "backtest", len(steps)) if progress else steps:
        if training is None or training[0] is not fold:
            training = (fold, fold.training(labels))
        try:
            parts.append(_predict(name, contestants[name], X, labels, *training))
        except TooFewEvents:
            skipped.setdefault(name, []).append(fold.trained_at)
    if not parts:
        do = "lengthen the history, or use HealthScore.template(), which needs no events"
        raise TooFewEvents("backtest", "a refit with enough events to learn from", f"none of {len(plan)}", do)
    predictions = _joined(parts, list(contestants))
    arr = X.context["arr"] if "arr" in X.context else pd.Series(np.nan, index=X.index)
    failed = {name: tuple(at) for name, at in skipped.items()}
    return _judged(predictions, labels, plan, failed, arr.astype(float), bootstrap, seed)


def _with_baselines(models: Mapping[str, Model], baselines: Sequence[str]) -> dict[str, Model]:
    from holdfast.models.baselines import Age, BaseRate, Recency
    from holdfast.models.health import HealthScore

    added: dict[str, Model] = {
        "base_rate": BaseRate(),
        "age": Age(),
        "recency": Recency(),
        "template": HealthScore.template(),
    }
    return {**models, **{name: model for name, model in added.items() if name in baselines and name not in models}}


def _predict(name: str, model: Model, X: Snapshot, y: Labels, fold: Fold, training: Labels) -> pd.DataFrame:
    from sklearn.base import clone

    learned = training.frame.notna().any(axis=1).to_numpy()
    X_train, y_train = X.rows(learned), training.rows(learned)
    churned = (y_train.frame == 1).any(axis=1).to_numpy()
    accounts = X_train.index.get_level_values("account_id")
    tested = fold.tested(y)
    p = clone(model).fit(X_train, y_train).predict_proba(X.rows(tested))
    horizons = [h for h in y.horizons if h in p.columns]
    long = pd.DataFrame({"p": p[horizons].to_numpy(dtype=float).ravel(order="F")})
    rows = p.index
    long["account_id"] = np.tile(rows.get_level_values("account_id").to_numpy(), len(horizons))
    long["cutoff"] = pd.DatetimeIndex(
        np.tile(rows.get_level_values("cutoff").tz_convert(None), len(horizons)), tz="UTC"
    )
    long["horizon"] = np.repeat(np.array(horizons, dtype=np.int64), len(rows))
    long["y"] = y.frame[tested][horizons].to_numpy().ravel(order="F")
    return long.assign(
        model=name, trained_at=fold.trained_at, n_train=len(X_train), events_train=accounts[churned].nunique()
    )


def _joined(parts: list[pd.DataFrame], names: list[str]) -> pd.DataFrame:
    long = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    long["model"] = pd.Categorical(long["model"], categories=names)
    order = ["horizon", "model", "account_id", "cutoff"]
    return long.sort_values(order, kind="stable", ignore_index=True)


def _judged(
    predictions: pd.DataFrame,
    y: Labels,
    plan: tuple[Fold, ...],
    skipped: dict[str, tuple[pd.Timestamp, ...]],
    arr: pd.Series[float],
    replicates: int,
    seed: int,
) -> Backtest:
    known = predictions.dropna(subset=["p", "y"])
    names = [name for name in predictions["model"].cat.categories if (known["model"] == name).any()]
    accounts, code = np.unique(known["account_id"].to_numpy(dtype=object), return_inverse=True)
    weights = resampling.draw(len(accounts), replicates, seed)
    rows: list[pd.DataFrame] = []
    comparisons: list[Comparison] = []
    dropped = dict(y.dropped)
    for horizon in y.horizons:
        here = (known["horizon"] == horizon).to_numpy()
        scores = Scores.of(known[here], code[here], names, weights)
        if scores is None:
            dropped[horizon] = "no settled label in the test"
            continue
        rows.append(scores.tidy(horizon))
        comparisons += scores.compare(horizon)
    tested = tuple(h for h in y.horizons if h not in dropped)
    return Backtest(
        cutoffs=pd.DatetimeIndex(known["cutoff"].unique(), name="cutoff").sort_values(),
        verdict=verdict(comparisons, tested),
        comparisons=tuple(comparisons),
        skipped=skipped,
        dropped=dropped,
        kind=y.kind,
        findings=(*y.findings, *_findings(comparisons, skipped, len(plan))),
        _predictions=predictions,
        _metrics=pd.concat(rows, ignore_index=True),
        _event_at=y.event_at,
        _arr=arr,
    )


def _findings(
    comparisons: list[Comparison], skipped: Mapping[str, tuple[pd.Timestamp, ...]], refits: int
) -> list[Finding]:
    few = {one.horizon: one.evidence for one in comparisons if one.evidence < MIN_EVENTS}
    found = [
        Finding("HF015", f"horizon {h}", count, f"the rarer outcome was seen in {count} accounts of the test")
        for h, count in few.items()
    ]
    for name, at in skipped.items():
        found.append(Finding("HF015", f"model {name}", len(at), f"{len(at)} of {refits} refits had too few events"))
    return found


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
