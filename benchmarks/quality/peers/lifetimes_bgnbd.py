"""BG/NBD of lifetimes: buyers purchase at their own rate until, after some purchase, they are gone.

The rows to learn from are all customers on the day of the fit, those to predict a customer at a cutoff: ``frequency``
(repeat purchases), ``recency`` and ``age`` (weeks from the first purchase to the last one, and to the cutoff).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

_PENALTY = 0.001  # keeps the shape parameters finite


def fit_predict(
    train: pd.DataFrame, y: np.ndarray, account: np.ndarray, test: pd.DataFrame, settings: dict[str, Any]
) -> np.ndarray:
    """Fit to all customers, and give the probability that no purchase follows within the horizon.

    Who is alive has a rate from the gamma law with shape ``r + frequency`` and rate ``alpha + age``; so no purchase in
    ``h`` has the chance ``((alpha + age) / (alpha + age + h)) ** (r + frequency)``, and who is gone makes none.
    """
    del y, account
    from lifetimes import BetaGeoFitter

    model = BetaGeoFitter(penalizer_coef=_PENALTY)
    model.fit(train["frequency"], train["recency"], train["age"])
    r, alpha = model.params_["r"], model.params_["alpha"]
    alive = model.conditional_probability_alive(test["frequency"], test["recency"], test["age"])
    weeks, age = settings["horizon"] / 7, test["age"].to_numpy()
    none = ((alpha + age) / (alpha + age + weeks)) ** (r + test["frequency"].to_numpy())
    return np.asarray(1 - np.asarray(alive) * (1 - none))
