"""A scorecard: one account's health taken apart, down to every sign with its points, its weight and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.catalog.collection import Catalog
from holdfast.features.snapshot import MEASURED, Snapshot
from holdfast.models.template import SHARES

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.models.health import HealthScore


@dataclass(frozen=True)
class Scorecard:
    """The health of one account on one day.

    Attributes
    ----------
    health
        0 to 100, high is healthy; missing where the evidence does not suffice.
    mean
        The weighted mean of the points, before it is put on the scale of the score.
    low, high
        Weighted means that score 40 and 80.
    dimensions
        One row per dimension: ``points`` (0 to 100), ``weight`` (the three sum to 100), ``coverage`` (0 to 1).
    rows
        One row per scored sign: ``indicator, title, dimension, value, state, points, weight, lost, sentence``.
        ``points`` are missing where the value is; ``lost`` is what the sign takes from the weighted mean, in points.
    """

    account_id: str
    cutoff: pd.Timestamp
    health: float
    mean: float
    low: float
    high: float
    dimensions: pd.DataFrame
    rows: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return the signs, dimension by dimension, the costliest first."""
        return self.rows

    def _repr_html_(self) -> str:
        shown = self.rows[["title", "dimension", "value", "state", "points", "weight", "lost"]]
        head = f"<p>Account health {self.health:.0f} of 100, as of {self.cutoff:%Y-%m-%d}</p>"
        return head + str(shown.to_html(escape=True, index=False, float_format="{:.2f}".format))


def scorecard(health: HealthScore, X: Snapshot, account_id: str, history: History | None = None) -> Scorecard:
    """Take the health of one account at the last cutoff of a snapshot apart.

    Parameters
    ----------
    history
        Where the evidence is read; without it there are no sentences.

    Raises
    ------
    UsageError
        When the snapshot does not hold the account.
    """
    ids = X.index.get_level_values("account_id")
    places = np.flatnonzero(ids == account_id)
    if len(places) == 0:
        known = [str(one) for one in ids.unique()[:10_000]]
        raise UsageError("scorecard", "an account of the snapshot", repr(account_id), did_you_mean(account_id, known))
    row = X.rows(np.arange(len(ids)) == places[-1])
    weights, points = health.weights_of(row).iloc[0], 100.0 * row.curved().iloc[0]
    of = {one.name: one for one in row.catalog}
    names = [str(name) for name in weights.index]
    states = row.states().iloc[0]
    table = pd.DataFrame(
        {
            "indicator": names,
            "title": [of[name].title for name in names],
            "dimension": [of[name].dimension for name in names],
            "value": row.indicators[names].iloc[0].to_numpy(),
            "state": [str(states.get(name, MEASURED)) for name in names],
            "points": points[names].to_numpy(),
            "weight": 100.0 * weights.to_numpy(),
        }
    )
    table["lost"] = table["weight"] * (100.0 - table["points"].fillna(100.0)) / 100.0
    if history is not None:
        said = Catalog(row.catalog, fixed=True).evidence(history, [account_id], row.cutoffs[0])
        table["sentence"] = [str(said.at[account_id, name]) for name in names]
    order = table["dimension"].map({name: place for place, name in enumerate(SHARES)})
    table = table.assign(_order=order).sort_values(
        ["_order", "lost", "weight", "indicator"], ascending=[True, False, False, True], ignore_index=True
    )
    return Scorecard(
        account_id=account_id,
        cutoff=row.cutoffs[0],
        health=float(health.score(row).iloc[0]),
        mean=100.0 * float(health.index(row)[0]),
        low=100.0 * health.anchors.low,
        high=100.0 * health.anchors.high,
        dimensions=_dimensions(health, row, table),
        rows=table.drop(columns="_order"),
    )


def _dimensions(health: HealthScore, row: Snapshot, table: pd.DataFrame) -> pd.DataFrame:
    weight = table.groupby("dimension")["weight"].sum()
    return pd.DataFrame(
        {
            "points": [float(health.dimensions(row)[name].iloc[0]) for name in SHARES],
            "weight": [float(weight.get(name, 0.0)) for name in SHARES],
            "coverage": [float(row.coverage[name].iloc[0]) for name in SHARES],
        },
        index=pd.Index(list(SHARES), name="dimension"),
    )
