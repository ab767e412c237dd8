"""Chances: what the model expects of every account, with its bounds, and what becomes of the next renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel


def chances(now: Snapshot, model: ChurnModel) -> pd.DataFrame:
    """Give the probabilities of each row: ``p30`` ..., ``p90_low, p90_high, p_renew``."""
    probability, interval = model.predict_proba(now), model.predict_interval(now)
    frame = probability.add_prefix("p")
    if 90 in model.horizons_:
        frame["p90_low"], frame["p90_high"] = (interval[90, side] for side in ("low", "high"))
    frame["p_renew"] = passing(probability.to_numpy(), now.exposure.to_numpy()) if model.rises_ else np.nan
    return frame


def passing(probability: NDArray[np.float64], decisions: NDArray[np.int_]) -> NDArray[np.float64]:
    """Give the probability to pass the next renewal decision, missing where none lies within the horizons.

    The hazard of an interval with d decisions is shared by them, so one decision is passed with
    ``(S_before ** (d - 1) * S_after) ** (1 / d)``, where S is the probability to stay up to the start and the end
    of the interval in which the next decision lies.

    Parameters
    ----------
    probability
        Churn by each horizon, (accounts, horizons), rising.
    decisions
        Decisions in each interval, same shape.

    Examples
    --------
    >>> passing(np.array([[0.0, 0.36], [0.1, 0.2]]), np.array([[0, 2], [0, 0]])).round(6).tolist()
    [0.8, nan]
    """
    stay = 1.0 - np.hstack([np.zeros((len(probability), 1)), probability])
    row, first = np.arange(len(stay)), (decisions > 0).argmax(axis=1)
    before, after, count = stay[row, first], stay[row, first + 1], np.maximum(decisions[row, first], 1)
    passed = before ** (1 - 1 / count) * after ** (1 / count)
    return np.where((decisions > 0).any(axis=1), passed, np.nan)
