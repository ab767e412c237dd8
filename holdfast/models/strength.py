"""Strength: how much a sign counts as a reason, by the score that weighs it.

Signs move together, and which of them a model credits is partly chance. The churn model credits whatever foretells; the
health score has few weights, none of which points the wrong way, and leans on its template. So the sign that it blames
is more often the one that is behind the risk (``python -m benchmarks.reasons``). Of a sign that it does not weigh, such
as the use of a single feature, the churn model speaks alone.

What is behind the risk of an account shows in more than one sign. So a sign counts for more where those that move along
with it say the same: three tenths of what they say together are added to it, though no more than it says itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.models.hazard import Floats
from holdfast.models.points import health_points

if TYPE_CHECKING:
    from holdfast.models.explain import Explanation
    from holdfast.models.health import HealthScore


SUPPORT = 0.3  # part of what its companions say together that counts with a sign


def strengths(why: Explanation, health: HealthScore | None) -> pd.DataFrame:
    """Give what the health score says of the log-hazard, else the churn model, with the support of companions.

    Parameters
    ----------
    health
        Fitted. Without one, or where it learned no weights, the churn model speaks alone.

    Returns
    -------
    DataFrame
        Like ``why.contributions``; positive raises the risk.

    Examples
    --------
    >>> import holdfast as hf
    >>> history = hf.simulate(accounts=80, seed=0, months=18)
    >>> days = hf.cutoffs(history, every="28d")
    >>> X, y = hf.catalog.measure(history, days), hf.label(history, days)
    >>> why = hf.ChurnModel().fit(X, y).explain(X.at(days[-1]))
    >>> strengths(why, None).equals(why.contributions)
    True
    """
    told = why.contributions
    if health is None or not health.learned:
        return told
    points = health_points(health, why.X).contributions
    hazard = points * (-np.log(2.0) / health.points_per_doubling)
    told = told.assign(**{str(name): hazard[name] for name in hazard if name in told})
    return told.add(_support(told, why), fill_value=0.0)[told.columns]


def _support(told: pd.DataFrame, why: Explanation) -> pd.DataFrame:
    """Give to each sign on record a part of what its companions on record say together, where that is the same."""
    names = [one.name for one in why.X.catalog if not one.calendar]
    own = told[names].where(why.X.indicators[names].notna(), 0.0)
    columns = {name: own[name].to_numpy(float) for name in names}
    return pd.DataFrame({name: _alike(columns[name], _together(name, why, columns)) for name in names}, told.index)


def _together(name: str, why: Explanation, columns: dict[str, Floats]) -> Floats:
    """Add up one by one, so that an account by itself is told the same bits as among others."""
    sums = np.zeros_like(columns[name])
    for other in why.companions.get(name, ()):
        sums += columns[other]
    return sums


def _alike(own: Floats, together: Floats) -> Floats:
    way = np.sign(own)
    support: Floats = way * np.clip(SUPPORT * way * together, 0.0, np.abs(own))
    return support
