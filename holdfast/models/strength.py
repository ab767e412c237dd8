"""Strength: how much a sign counts as a reason, by the score that weighs it.

Signs move together, and which of them a model credits is partly chance. The churn model credits whatever foretells; the
health score has few weights, none of which points the wrong way, and leans on its template. So the sign that it blames
is more often the one that is behind the risk (``python -m benchmarks.reasons``). Of a sign that it does not weigh, such
as the use of a single feature, the churn model speaks alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from holdfast.models.points import health_points

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.models.explain import Explanation
    from holdfast.models.health import HealthScore


def strengths(why: Explanation, health: HealthScore | None) -> pd.DataFrame:
    """Give what the health score says of the log-hazard, of signs that it does not weigh what the churn model says.

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
    return told.assign(**{str(name): hazard[name] for name in hazard if name in told})
