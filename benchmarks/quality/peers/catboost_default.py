"""CatBoost as it comes, text columns told to it as such."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def fit_predict(
    train: pd.DataFrame, y: np.ndarray, account: np.ndarray, test: pd.DataFrame, settings: dict[str, Any]
) -> np.ndarray:
    """Fit, and give the probabilities of the test rows."""
    del account
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(thread_count=1, random_seed=0, verbose=False, allow_writing_files=False)
    model.fit(train, y.astype(int), cat_features=settings["words"])
    return np.asarray(model.predict_proba(test)[:, 1])
