"""LightGBM with its settings searched: 30 trials by log loss in three inner folds, grown as long as those gain.

Optuna proposes the settings; where it is not there they are drawn at random. The search sees at most 10,000 rows, whole
accounts; the model is then fitted to all.
"""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

TRIALS = 30
FOLDS = 3
SEARCHED = 10_000  # rows
_LONGEST, _PATIENCE = 500, 20
_FIXED = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 0, "deterministic": True}
_FIXED |= {"feature_pre_filter": False, "subsample_freq": 1}


class Dice:
    """Draws settings at random, by the two methods of an Optuna trial that are used here."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def suggest_int(self, name: str, low: int, high: int, log: bool = False) -> int:
        """Draw a whole number."""
        return round(self.suggest_float(name, low, high, log=log))

    def suggest_float(self, name: str, low: float, high: float, log: bool = False) -> float:
        """Draw a number."""
        del name
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))) if log else self.rng.uniform(low, high))


def fit_predict(
    train: pd.DataFrame, y: np.ndarray, account: np.ndarray, test: pd.DataFrame, settings: dict[str, Any]
) -> np.ndarray:
    """Search, fit to all rows, and give the probabilities of the test rows."""
    words = {name: sorted(set(train[name])) for name in settings["words"]}
    train, test = (_categorical(frame, words) for frame in (train, test))
    few = _sample(account)
    best = _search(_Inner(train[few], y[few], account[few]))
    rounds = best.pop("rounds")
    model = lgb.train(_FIXED | best, lgb.Dataset(train, y), num_boost_round=rounds)
    return np.asarray(model.predict(test))


def _categorical(frame: pd.DataFrame, words: dict[str, list[str]]) -> pd.DataFrame:
    return frame.assign(**{name: pd.Categorical(frame[name], known) for name, known in words.items()})


def _sample(account: np.ndarray) -> np.ndarray:
    """Keep whole accounts, drawn at random, up to so many rows."""
    known, code, size = np.unique(account, return_inverse=True, return_counts=True)
    order = np.random.default_rng(0).permutation(len(known))
    kept = np.zeros(len(known), dtype=bool)
    kept[order[np.cumsum(size[order]) <= SEARCHED]] = True
    return kept[code]


class _Inner:
    """The inner folds, binned once."""

    def __init__(self, train: pd.DataFrame, y: np.ndarray, account: np.ndarray) -> None:
        repeated = len(np.unique(account)) < len(account)
        kind = StratifiedGroupKFold if repeated else StratifiedKFold
        self.parts = []
        for learned, held in kind(FOLDS, shuffle=True, random_state=0).split(train, y, account):
            data = lgb.Dataset(train.iloc[learned], y[learned], params=_FIXED, free_raw_data=False)
            self.parts.append((data, lgb.Dataset(train.iloc[held], y[held], reference=data, free_raw_data=False)))

    def judge(self, settings: dict[str, Any]) -> tuple[float, int]:
        """Give the log loss over the folds, and for how many rounds to grow."""
        losses, rounds = [], []
        for learned, held in self.parts:
            stop = lgb.early_stopping(_PATIENCE, verbose=False)
            params = _FIXED | settings | {"metric": "binary_logloss"}
            model = lgb.train(params, learned, _LONGEST, valid_sets=[held], callbacks=[stop])
            losses.append(model.best_score["valid_0"]["binary_logloss"])
            rounds.append(model.best_iteration)
        return float(np.mean(losses)), max(round(float(np.mean(rounds))), 1)


def _search(inner: _Inner) -> dict[str, Any]:
    tried: list[tuple[float, dict[str, Any]]] = []

    def objective(trial: Any) -> float:
        settings = _proposed(trial)
        loss, rounds = inner.judge(settings)
        tried.append((loss, settings | {"rounds": rounds}))
        return loss

    try:
        import optuna
    except ImportError:
        rng = np.random.default_rng(0)
        for _ in range(TRIALS):
            objective(Dice(rng))
    else:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0)).optimize(objective, n_trials=TRIALS)
    return min(tried, key=lambda one: one[0])[1]


def _proposed(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 200, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 100.0, log=True),
    }
