"""Null tests: what a backtest must say when there is nothing to find, when nothing is said, and when the truth is told.

A measuring instrument is tried on what is known. Three tests, of which the first costs one more walk forward and the
others nothing:

- *exchanged*: every account gets the whole history of labels of another one, at the cutoffs at which both were at risk.
  What learned must rank nobody.
- *constant*: one probability for all. It ranks nobody and is calibrated.
- *truth*: labels are drawn anew from the model's own probabilities, which are the truth then. They are calibrated: a
  slope of 1, give or take .05 or three standard errors, and no calibration error beyond that of chance.

The first catches what leads from the labels of the test into learning, however it gets there: rows of an account on
both sides of a split, windows that are still open at the refit, signs that were encoded, chosen or filled by the labels
of all rows. It cannot catch a sign that knows the future of its own account: the exchanged labels are those of another
one, and the sign is as useless for them as an honest one. For that there are `prove`, the finding HF016 of
``holdfast check``, and the line ``event time`` of `inflation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.training import bootstrap as resampling
from holdfast.training.backtest import backtest
from holdfast.training.labels import Labels
from holdfast.training.metrics import EPSILON, NAMES, equal_mass, logit
from holdfast.training.rows import json_rows
from holdfast.training.verdict import MIN_EVENTS

if TYPE_CHECKING:
    from holdfast.training.backtest import Model
    from holdfast.training.metrics import Floats

    Signs: TypeAlias = Snapshot | Callable[[Labels], Snapshot]

TESTS = EXCHANGED, CONSTANT, TRUTH = ("exchanged", "constant", "truth")
BAND, SLOPE = 0.05, 0.05  # how far from .5 an AUC, and from 1 a slope, may lie whatever chance allows
MANY = 50_000  # rows for which labels are drawn from the model's own probabilities
_DRAWS = 200
_COLUMNS = ["auc", "auc_low", "auc_high", "slope", "slope_low", "slope_high", "ece", "floor"]


@dataclass(frozen=True)
class NullTests:
    """What came of the null tests.

    Attributes
    ----------
    rows
        One row per test and horizon: ``test, horizon, n, events``; ``auc``, ``slope``, each with ``_low`` and ``_high``
        (95 %, accounts drawn together); ``ece`` and its noise ``floor``, the largest of 200 that chance alone gives;
        ``passed``, missing where it cannot be judged; ``finding``, in words. Figures that a test does not ask for are
        missing.
    """

    rows: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    @property
    def failed(self) -> pd.DataFrame:
        """The rows that failed."""
        return self.rows[self.rows["passed"].eq(False)]

    @property
    def ok(self) -> bool:
        """Whether none failed, and at least one could be judged."""
        return bool(self.rows["passed"].notna().any()) and self.failed.empty

    def text(self) -> str:
        """Say it in sentences."""
        judged = int(self.rows["passed"].notna().sum())
        told = [f"{judged - len(self.failed)} of {judged} null tests passed."]
        told += [f"{row['test']}, {row['horizon']} days: {row['finding']}" for row in json_rows(self.failed)]
        if judged < len(self.rows):
            told.append(f"{len(self.rows) - judged} could not be judged.")
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"ok": self.ok, "in_words": self.text(), "tests": json_rows(self.rows)}

    def _repr_html_(self) -> str:
        table = self.rows.to_html(escape=True, index=False, float_format="{:.3f}".format, na_rep="")
        return f"<p>{escape(self.text())}</p>{table}"


def null_tests(
    model: Model,
    X: Signs,
    y: Labels,
    *,
    predictions: pd.DataFrame | None = None,
    retrain_every: int = 3,
    bootstrap: int = 200,
    seed: int = 0,
    progress: bool = True,
) -> NullTests:
    """Try the backtest of a model on labels that nothing can foretell, on a constant, and on the truth.

    Parameters
    ----------
    model
        Cloned for every fit.
    X
        The snapshot; or, where labels have a part in the signs (target encodings, a choice of signs), the function that
        makes it from labels, which is then called with the exchanged ones too.
    y
        Labels of the same history.
    predictions
        Those of the model in an honest backtest: ``account_id, cutoff, horizon, model, p, y``, of a single model or of
        one called ``model``. They are made when they are absent, which costs another walk.
    retrain_every, bootstrap, seed
        As for `backtest`.

    Raises
    ------
    TooFewEvents
        When there are too few events to test on.
    UsageError
        When the predictions are those of several models.
    """
    how: dict[str, Any] = {"retrain_every": retrain_every, "baselines": (), "seed": seed, "progress": progress}
    if predictions is None:
        predictions = backtest({"model": model}, _made(X, y), y, bootstrap=0, **how).frame()
    known = _of_one(predictions).dropna(subset=["p", "y"])
    other = exchanged(y, seed)
    tidy, evidence, why = pd.DataFrame(columns=["horizon", "metric"]), dict[int, int](), "no label is left to test on"
    try:
        result = backtest({"model": model}, _made(X, other), other, bootstrap=bootstrap, **how)
        tidy, evidence = result.metrics(), {one.horizon: one.evidence for one in result.comparisons}
    except TooFewEvents as problem:
        why = str(problem)
    rows = []
    for horizon in sorted(map(int, known["horizon"].unique())):
        if horizon in evidence:
            told = tidy[tidy["horizon"] == horizon].set_index("metric")
            rows.append(_ranks_nobody(horizon, told, evidence[horizon]))
        else:
            rows.append(_row(EXCHANGED, horizon, None, f"Not judged: {why}."))
        here = known[known["horizon"] == horizon]
        rows += [_constant(here, horizon, bootstrap, seed), _truth(here, horizon, bootstrap, seed)]
    found = pd.DataFrame(rows, columns=["test", "horizon", "n", "events", *_COLUMNS, "passed", "finding"])
    order = {name: place for place, name in enumerate(TESTS)}
    return NullTests(found.sort_values(["horizon", "test"], key=lambda one: one.replace(order), ignore_index=True))


@dataclass(frozen=True, eq=False)
class Exchanged(Labels):
    """Labels of which each account holds those of another one; made by `exchanged`, for a null test alone."""

    _own: Labels | None = field(default=None, repr=False)
    _partner: Mapping[str, str] = field(default_factory=dict, repr=False)

    def known(self, day: str | date | pd.Timestamp) -> Labels:
        """Give the labels as they were known on a day, exchanged in the same way."""
        assert self._own is not None  # noqa: S101 # by construction, told to the type checker
        return _exchanged(self._own.known(day), self._partner).on(self.frame.index)


def exchanged(y: Labels, seed: int = 0) -> Exchanged:
    """Give every account the labels of another one, at the cutoffs at which both were at risk; who is at risk stays.

    Accounts are exchanged over the whole book, and not among those of an age: else age would still foretell labels.
    """
    accounts = y.frame.index.get_level_values("account_id")[(y.at_risk == "").to_numpy()].unique()
    ring = np.random.default_rng(seed).permutation(np.asarray(accounts.sort_values(), dtype=object))
    return _exchanged(y, dict(zip(ring, np.roll(ring, 1), strict=True)))


def _exchanged(y: Labels, partner: Mapping[str, str]) -> Exchanged:
    own = y.frame.index
    others = own.get_level_values("account_id").map(lambda account: partner.get(account, ""))
    place = own.get_indexer(pd.MultiIndex.from_arrays([others, own.get_level_values("cutoff")], names=INDEX))
    shared = (place >= 0) & (y.at_risk == "").to_numpy()
    frame = y.frame.take(place).set_axis(own)
    frame[~shared] = np.nan
    event_at = y.event_at.take(place).set_axis(own).where(shared)
    parts = {name: getattr(y, name) for name in ("at_risk", "churn", "end", "dropped", "findings", "_history")}
    return Exchanged(frame=frame, event_at=event_at, **parts, _own=y, _partner=partner)


def _made(X: Signs, y: Labels) -> Snapshot:
    return X if isinstance(X, Snapshot) else X(y)


def _of_one(predictions: pd.DataFrame) -> pd.DataFrame:
    names = sorted(map(str, predictions["model"].unique()))
    if len(names) > 1 and "model" in names:
        return predictions[predictions["model"] == "model"]
    if len(names) != 1:
        do = "choose them: result.frame().query(\"model == 'churn'\")"
        raise UsageError("null_tests, predictions", "those of one model", ", ".join(names) or "none", do)
    return predictions


def _row(test: str, horizon: int, passed: bool | None, finding: str, **figures: float) -> dict[str, Any]:
    return {"test": test, "horizon": horizon, "n": 0, "events": 0, "passed": passed, "finding": finding} | figures


def _ranks_nobody(horizon: int, metrics: pd.DataFrame, evidence: int) -> dict[str, Any]:
    value, low, high = map(float, metrics.loc["auc", ["value", "low", "high"]])
    counts = {name: int(metrics["value"].to_dict()[name]) for name in ("n", "events")}
    figures = counts | {"auc": value, "auc_low": low, "auc_high": high}
    if evidence < MIN_EVENTS:
        few = f"Not judged: the rarer outcome was seen in {evidence} accounts, and {MIN_EVENTS} are needed."
        return _row(EXCHANGED, horizon, None, few, **figures)
    passed = bool(abs(value - 0.5) <= BAND or low <= 0.5 <= high)
    told = "Labels of other accounts cannot be foretold" if passed else "Labels reach from the test into learning"
    return _row(EXCHANGED, horizon, passed, f"{told}: AUC {value:.3f}.", **figures)


def _constant(rows: pd.DataFrame, horizon: int, replicates: int, seed: int) -> dict[str, Any]:
    y = rows["y"].to_numpy(float)
    p = np.full(len(y), y.mean())
    figures = _figures(y, p, rows["account_id"].to_numpy(object), replicates, seed)
    passed = figures["auc"] == 0.5 and figures["ece"] <= figures["floor"]
    told = (
        "A constant ranks nobody and is calibrated" if passed else "A constant is said to be more, or less, than it is"
    )
    finding = f"{told}: AUC {figures['auc']:.3f}, calibration error {figures['ece']:.4f}."
    if np.isnan(figures["auc"]):
        return _row(CONSTANT, horizon, None, "Not judged: there is one outcome only.", **figures)
    return _row(CONSTANT, horizon, passed, finding, **figures | {"slope": np.nan})


def _truth(rows: pd.DataFrame, horizon: int, replicates: int, seed: int) -> dict[str, Any]:
    again = -(-MANY // len(rows))
    p = np.tile(rows["p"].to_numpy(float), again)
    y = (np.random.default_rng((seed, horizon)).random(len(p)) < p).astype(float)
    figures = _figures(y, p, np.tile(rows["account_id"].to_numpy(object), again), replicates, seed)
    slope, rarer = figures["slope"], min(y.sum(), len(y) - y.sum())
    if np.isnan(slope) or rarer < MIN_EVENTS:
        why = (
            f"Not judged: the probabilities do not differ, or {rarer:.0f} rows of the rarer outcome are drawn of them."
        )
        return _row(TRUTH, horizon, None, why, **figures)
    straight = abs(slope - 1) <= max(SLOPE, 3 * _slope_error(p))
    passed = bool(straight and figures["ece"] <= figures["floor"])
    told = "True probabilities are found calibrated" if passed else "True probabilities are not found calibrated"
    found = f"{told}: slope {slope:.3f}, calibration error {figures['ece']:.4f} (chance: up to {figures['floor']:.4f})."
    return _row(TRUTH, horizon, passed, found, **figures)


def _figures(y: Floats, p: Floats, accounts: Any, replicates: int, seed: int) -> dict[str, float]:
    names, code = np.unique(accounts, return_inverse=True)
    weights = resampling.draw(len(names), replicates, seed)
    drawn = resampling.replicate(y, p, np.full(len(y), y.mean()), code, weights)
    low, high = resampling.interval(drawn[1:], evidence=resampling.rarer(code, y))
    told: dict[str, float] = {"n": len(y), "events": int(y.sum()), "floor": noise_floor(p, seed)}
    for name in ("auc", "slope", "ece"):
        at = NAMES.index(name)
        told |= {name: float(drawn[0, at]), f"{name}_low": float(low[at]), f"{name}_high": float(high[at])}
    return {name: value for name, value in told.items() if name not in ("ece_low", "ece_high")}


def _slope_error(p: Floats) -> float:
    """Give the standard error of the calibration slope where the probabilities are true."""
    z, inside = logit(p), np.clip(p, EPSILON, 1 - EPSILON)
    weight = inside * (1 - inside)
    return float(((z - np.average(z, weights=weight)) ** 2 @ weight) ** -0.5)


def noise_floor(p: Floats, seed: int = 0) -> float:
    """Give the largest calibration error of 200 draws of labels from the probabilities themselves.

    Examples
    --------
    >>> 0.005 < noise_floor(np.full(10_000, 0.5)) < 0.02
    True
    """
    bins, rng = equal_mass(p), np.random.default_rng(seed)
    order = np.argsort(bins, kind="stable")
    ordered, starts = p[order], np.flatnonzero(np.diff(bins[order], prepend=-1))
    draws = (np.add.reduceat(ordered - (rng.random(len(p)) < ordered), starts) for _ in range(_DRAWS))
    return float(max((np.abs(gaps).sum() for gaps in draws), default=0.0) / max(len(p), 1))
