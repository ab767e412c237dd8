"""From probabilities to the lines of a table: one per data set, seed, model and horizon."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.training import metrics

CEILING = "filter"

Floats = NDArray[np.float64]


def lines(data: str, seed: int, probability: pd.DataFrame, labels: pd.DataFrame) -> list[dict[str, Any]]:
    """Judge every model at every horizon on the same rows.

    Parameters
    ----------
    probability
        Columns (model, horizon), on the rows of ``labels``.
    labels
        One column per horizon, missing where it is not known.
    """
    found = []
    for horizon in labels.columns:
        known = labels[horizon].notna().to_numpy() & probability.xs(horizon, axis=1, level=1).notna().all(axis=1)
        y = labels[horizon][known].to_numpy(float)
        rows = {model: judged(y, probability[model, horizon][known].to_numpy()) for model in models(probability)}
        ceiling = rows.get(CEILING, {}).get("skill", np.nan)
        for model, figures in rows.items():
            head = {"data": data, "seed": seed, "model": model, "horizon": int(horizon)}
            found.append(head | figures | {"share_of_oracle": figures["skill"] / ceiling})
    return found


def judged(y: Floats, p: Floats) -> dict[str, Any]:
    """Give the figures of one model: counts, AUC, log loss, skill, calibration error and slope, predicted to actual."""
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return {
        "n": len(y),
        "events": int(y.sum()),
        "auc": metrics.auc(y, p),
        "log_loss": metrics.log_loss(y, p),
        "skill": skill(y, p),
        "ece": metrics.ece(y, p),
        "slope": metrics.calibration_line(y, p)[0],
        "predicted_to_actual": float(p.mean() / y.mean()) if y.any() else np.nan,
    }


def skill(y: Floats, p: Floats, against: Floats | None = None) -> float:
    """Give 1 - log loss / log loss of the base rate, or of other probabilities."""
    other = np.full(len(y), y.mean()) if against is None else against
    return 1.0 - metrics.log_loss(y, p) / metrics.log_loss(y, other)


def models(probability: pd.DataFrame) -> list[str]:
    """Name the models of a table, in its order."""
    return list(dict.fromkeys(probability.columns.get_level_values(0)))


def means(found: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Average the lines over seeds: one row per model and horizon."""
    table = pd.DataFrame(list(found))
    figures = ["events", "auc", "log_loss", "skill", "share_of_oracle", "ece", "slope", "predicted_to_actual"]
    return table.groupby(["model", "horizon"], sort=False)[figures].mean()
