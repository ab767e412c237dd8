"""Golden rows: a few rows of training with what was made of them, replayed whenever a bundle is read."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.catalog.collection import Catalog
from holdfast.features.context import TEXTS
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.expansion import ExpansionModel
from holdfast.models.health import HealthScore

ROWS = 8
TOLERANCE = 1e-9


def golden_rows(
    X: Snapshot, health: HealthScore, model: ChurnModel, expansion: ExpansionModel | None = None
) -> dict[str, Any]:
    """Keep rows of the last cutoff, without the names of the accounts, with their health and probabilities."""
    last = np.flatnonzero(X.index.get_level_values("cutoff") == X.cutoffs[-1])
    kept = np.zeros(len(X), dtype=bool)
    kept[last[np.linspace(0, len(last) - 1, min(ROWS, len(last))).astype(int)]] = True
    rows = X.rows(kept)
    return {
        "indicators": _columns(rows.indicators),
        "context": _columns(rows.context),
        "exposure": _columns(rows.exposure),
        "calendar": _columns(rows.calendar),
        "coverage": _columns(rows.coverage),
        "health": _columns(health.score(rows).to_frame()),
        "churn": _columns(model.predict_proba(rows)),
        **({} if expansion is None else {"expansion": _columns(expansion.predict_proba(rows))}),
    }


def replays(
    golden: dict[str, Any],
    indicators: Catalog,
    health: HealthScore,
    model: ChurnModel,
    expansion: ExpansionModel | None = None,
) -> bool:
    """Tell whether the golden rows still give the same results."""
    rows = _snapshot(golden, indicators)
    told = {"churn": model, **({} if expansion is None else {"expansion": expansion})}
    found = np.column_stack([health.score(rows), *(one.predict_proba(rows) for one in told.values())])
    expected = np.column_stack([_frame(golden["health"]), *(_by_horizon(golden[name]) for name in told)])
    return bool(np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


def _snapshot(golden: dict[str, Any], indicators: Catalog) -> Snapshot:
    context = _frame({name: values for name, values in golden["context"].items() if name not in TEXTS})
    for name in TEXTS:
        context[name] = pd.Series(golden["context"][name], dtype="str", index=context.index)
    return Snapshot(
        indicators=_frame(golden["indicators"])[list(indicators.names)],
        context=context,
        exposure=_by_horizon(golden["exposure"]),
        coverage=_frame(golden["coverage"]),
        catalog=indicators.indicators,
        calendar=_by_horizon(golden["calendar"]) if golden["calendar"] else pd.DataFrame(),
    )


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(name): [None if pd.isna(one) else one for one in frame[name].tolist()] for name in frame}


def _frame(columns: dict[str, list[Any]]) -> pd.DataFrame:
    rows = len(next(iter(columns.values()), ()))
    return pd.DataFrame(columns, index=_index(rows), dtype=float)


@cache
def _index(rows: int) -> pd.MultiIndex:
    ids = [f"golden-{row}" for row in range(rows)]
    return pd.MultiIndex.from_product([ids, [pd.Timestamp(0, tz="UTC")]], names=INDEX)


def _by_horizon(columns: dict[str, list[Any]]) -> pd.DataFrame:
    """JSON sorts horizons as text: 120 before 30."""
    frame = _frame(columns)
    return frame.set_axis(frame.columns.astype(int), axis=1).sort_index(axis=1)
