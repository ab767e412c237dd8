"""FLAML: a search over kinds of models and their settings for a fixed time, by log loss, on the training rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def fit_predict(
    train: pd.DataFrame, y: np.ndarray, account: np.ndarray, test: pd.DataFrame, settings: dict[str, Any]
) -> np.ndarray:
    """Search for ``settings["seconds"]``, rows of one account always on one side, and give the probabilities."""
    from flaml import AutoML

    apart: dict[str, Any] = {}
    if len(np.unique(account)) < len(account):
        apart = {"split_type": "group", "groups": account}
    model = AutoML()
    model.fit(
        X_train=train,
        y_train=y.astype(int),
        task="classification",
        metric="log_loss",
        time_budget=settings["seconds"],
        n_jobs=1,
        seed=0,
        verbose=0,
        **apart,
    )
    return np.asarray(model.predict_proba(test)[:, 1])
