"""The walk forward: every model learns at every refit, and predicts the cutoffs until the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from holdfast.errors import TooFewEvents
from holdfast.progress import weighted
from holdfast.training.folds import Fold
from holdfast.training.verdict import BASELINES

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.outcomes import Outcomes
    from holdfast.training.labels import Labels

COLUMNS = (
    "account_id", "cutoff", "horizon", "model", "p", "y", "health", "seen", "trained_at", "n_train", "events_train",
)  # fmt: skip
IMPORTANCE = ("trained_at", "model", "indicator", "title", "dimension", "share")
EXPLAINED = 500  # rows at each refit
_Told = tuple[list[pd.DataFrame], list[pd.DataFrame]]  # predictions, importance
_LIGHT = 0.02  # of the cost of a model that learns


class Model(Protocol):
    """What a backtest asks of a model, beside the parameters that scikit-learn clones."""

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn from rows and their labels."""
        ...

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Give probabilities on the index of X, one column per horizon in days."""
        ...


@dataclass(frozen=True)
class Walked:
    """What a walk leaves.

    Attributes
    ----------
    predictions
        One row per account, cutoff, horizon and model, see `COLUMNS`.
    skipped
        For each model the refits at which it had too few events to learn from.
    importance
        ``trained_at, model, indicator, title, dimension, share`` of each refit: of churn models the share of the size
        of all contributions, over some of the rows predicted; of health scores the learned weight.
    """

    predictions: pd.DataFrame
    skipped: Mapping[str, tuple[pd.Timestamp, ...]]
    importance: pd.DataFrame


def contestants(models: Mapping[str, Model], X: Snapshot, baselines: Sequence[str] = BASELINES) -> dict[str, Model]:
    """Put the baselines that are asked for and absent beside the models, but no score that weighs none of the signs."""
    from holdfast.models.baselines import Age, BaseRate, Context, Recency, ScoreAlone
    from holdfast.models.health import HealthScore
    from holdfast.models.template import Template

    added: dict[str, Model] = {
        "base_rate": BaseRate(),
        "age": Age(),
        "recency": Recency(),
        "context": Context(),
        "template": HealthScore.template(),
    }
    alone = {"score_40_30_30": "40-30-30", "score_40_30_20_10": "40-30-20-10"}
    added |= {name: ScoreAlone(prior) for name, prior in alone.items() if Template.named(prior).weighs(X.catalog)}
    return {
        **models,
        **{name: added[name] for name in BASELINES if name in baselines and name in added and name not in models},
    }


def walk(
    models: Mapping[str, Model],
    X: Snapshot,
    y: Labels,
    plan: Sequence[Fold],
    *,
    threads: int = 1,
    progress: bool = True,
) -> Walked:
    """Let every model learn and predict at every fold.

    Parameters
    ----------
    threads
        Models that learn side by side; what they learn does not depend on it.

    Raises
    ------
    TooFewEvents
        When no model could learn at any refit.
    """
    steps = [(fold, name) for fold in plan for name in models]
    parts: list[pd.DataFrame] = []
    shares: list[pd.DataFrame] = []
    skipped: dict[str, list[pd.Timestamp]] = {}
    with _side_by_side(threads) as workers:
        learned = _learned(models, X, y, plan, workers, ahead=len(models) if threads > 1 else 0)
        for told, (fold, name) in zip(
            weighted(learned, _costs(steps, y), "backtest") if progress else learned, steps, strict=True
        ):
            if told is None:
                skipped.setdefault(name, []).append(fold.trained_at)
                continue
            parts.extend(told[0])
            shares.extend(told[1])
    if not parts:
        do = "lengthen the history, or use HealthScore.template(), which needs no events"
        raise TooFewEvents("backtest", "a refit with enough events to learn from", f"none of {len(plan)}", do)
    importance = pd.concat(shares, ignore_index=True) if shares else pd.DataFrame(columns=list(IMPORTANCE))
    return Walked(_joined(parts, list(models)), {name: tuple(at) for name, at in skipped.items()}, importance)


@contextmanager
def _side_by_side(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Share the threads out among the models; each is reckoned by one, since how many share a sum shows in it."""
    with threadpool_limits(1), ThreadPoolExecutor(threads) as workers:
        yield workers


def _learned(
    models: Mapping[str, Model], X: Snapshot, y: Labels, plan: Sequence[Fold], workers: ThreadPoolExecutor, ahead: int
) -> Iterator[_Told | None]:
    """Yield what each model tells at each fold, in order; so many steps may wait, so that no worker does."""
    waiting: deque[Future[_Told | None]] = deque()
    for fold in plan:
        learner = _Learner.at(fold, X, y)
        waiting.extend(workers.submit(learner.step, name, model) for name, model in models.items())
        while len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@dataclass(frozen=True)
class _Learner:
    """The rows of one fold: those to learn from, and those to predict."""

    fold: Fold
    X: Snapshot
    y: Labels
    ahead: Snapshot
    outcome: pd.DataFrame

    @classmethod
    def at(cls, fold: Fold, X: Snapshot, y: Labels) -> _Learner:
        known = fold.training(y)
        learned = known.frame.notna().any(axis=1).to_numpy()
        tested = fold.tested(y)
        return cls(fold, X.rows(learned), known.rows(learned), X.rows(tested), y.frame[tested])

    def step(self, name: str, model: Model) -> _Told | None:
        """Learn anew, and give the predictions and what counted; nothing where there are too few events."""
        try:
            fitted = self.fit(model)
        except TooFewEvents:
            return None
        return list(self.predict(name, fitted)), list(self.importance(name, fitted))

    def fit(self, model: Model) -> Model:
        """Learn anew.

        Raises
        ------
        TooFewEvents
            When the model says so.
        """
        from sklearn.base import clone

        fitted: Model = clone(model).fit(self.X, self.y)
        return fitted

    def importance(self, name: str, fitted: Model) -> Iterator[pd.DataFrame]:
        """Yield what counted: the learned weights of a score, the contributions of a model over some of the rows."""
        from holdfast.models.churn import ChurnModel
        from holdfast.models.health import HealthScore

        facts: dict[str, Any] = {"trained_at": self.fold.trained_at, "model": name}
        if isinstance(fitted, HealthScore) and fitted.learned:
            weights = fitted.weights.assign(share=fitted.weights["weight"] / 100)
            yield weights.assign(**facts)[list(IMPORTANCE)]

        if isinstance(fitted, ChurnModel):
            some = np.zeros(len(self.ahead), dtype=bool)
            some[:: max(1, len(self.ahead) // EXPLAINED)] = True
            yield fitted.explain(self.ahead.rows(some)).importance().assign(**facts)[list(IMPORTANCE)]

    def predict(self, name: str, fitted: Model) -> Iterator[pd.DataFrame]:
        """Yield long rows, one frame per horizon."""
        from holdfast.models.health import HealthScore

        p = fitted.predict_proba(self.ahead)
        health = fitted.score(self.ahead).to_numpy(float) if isinstance(fitted, HealthScore) else np.nan
        accounts = self.X.index.get_level_values("account_id")
        churned = accounts[(self.y.frame == 1).any(axis=1).to_numpy()]
        ids = p.index.get_level_values("account_id")
        rows = pd.DataFrame({"account_id": ids, "cutoff": p.index.get_level_values("cutoff"), "model": name})
        facts: dict[str, Any] = {
            "health": health,
            "seen": ids.isin(accounts.unique()),
            "trained_at": self.fold.trained_at,
            "n_train": len(self.X),
            "events_train": churned.nunique(),
        }
        for horizon in (h for h in self.y.horizons if h in p.columns):
            told: dict[str, Any] = {
                "horizon": horizon,
                "p": p[horizon].to_numpy(float),
                "y": self.outcome[horizon].to_numpy(float),
            }
            yield rows.assign(**told, **facts)


def _costs(steps: Sequence[tuple[Fold, str]], y: Labels) -> list[float]:
    """Weigh each step by the rows that are learned from; a baseline of few columns costs next to nothing."""
    labelled = pd.DatetimeIndex(y.frame.index.get_level_values("cutoff")[y.frame.notna().any(axis=1)]).sort_values()
    rows = {fold.trained_at: float(labelled.searchsorted(fold.trained_at)) for fold, _ in steps}
    return [rows[fold.trained_at] * (_LIGHT if name in BASELINES else 1.0) for fold, name in steps]


def _joined(parts: list[pd.DataFrame], names: list[str]) -> pd.DataFrame:
    long = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    long["model"] = pd.Categorical(long["model"], categories=names)
    order = ["horizon", "model", "account_id", "cutoff"]
    return long.sort_values(order, kind="stable", ignore_index=True)
