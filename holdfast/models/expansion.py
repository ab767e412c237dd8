"""The expansion model: the chance that an account grows within each horizon, and which accounts are ready for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.models.churn import ChurnModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.outcomes import Outcomes
    from holdfast.models.plain import Table
    from holdfast.models.untreated import Untreated

READY, SAFE = 0.75, 0.7  # quantile of the chance to expand, and chance to stay, from which an account is ready


class ExpansionModel(ChurnModel):
    """Probability of expansion within each horizon, coherent by construction.

    The same hazard as that of churn with the signs turned: health raises it, and every interval counts by its days,
    since an account may grow at any time. Labels are those of `holdfast.training.expansion.Expansion`.
    """

    def fit(self, X: Snapshot | Table, y: Outcomes | ArrayLike, untreated: Untreated | None = None) -> Self:
        """Learn from the rows of a snapshot and labels of expansion, or from a plain frame and a label.

        Raises
        ------
        UsageError
            When the labels are of churn.
        TooFewEvents
            When fewer than five accounts expanded, or did not.
        """
        kind = getattr(y, "kind", "expansion")
        if kind != "expansion":
            raise UsageError("ExpansionModel.fit", "labels of expansion", f"of {kind}", "label(..., churn='expansion')")
        return super().fit(X, y, untreated)


def readiness(churn: pd.DataFrame, expansion: pd.DataFrame, arr: pd.Series | None = None) -> pd.DataFrame:
    """List accounts by what they are ready for: the chance to stay and to grow, at the longest common horizon.

    Parameters
    ----------
    churn, expansion
        Probabilities as `ChurnModel` and `ExpansionModel` predict them, of the same rows; of accounts that can still
        leave.
    arr
        Revenue of each row; the list is then in the order of the revenue that may be won.

    Returns
    -------
    DataFrame
        On the index of the rows: ``renewal, expansion, reads`` (such as ``renewal 85 %, expansion 30 %``), ``ready``
        (likelier to stay than 70 % and among the quarter likeliest to grow) and ``worth``, best first.

    Raises
    ------
    UsageError
        When no horizon is common, or the rows differ.

    Examples
    --------
    >>> stay, grow = pd.DataFrame({90: [0.15, 0.6]}), pd.DataFrame({90: [0.3, 0.31]})
    >>> readiness(stay, grow)["reads"].tolist()
    ['renewal 85 %, expansion 30 %', 'renewal 40 %, expansion 31 %']
    """
    common = [h for h in churn.columns if h in expansion.columns]
    if not common or not churn.index.equals(expansion.index):
        found = f"horizons {list(churn.columns)} and {list(expansion.columns)}, {len(churn)} and {len(expansion)} rows"
        raise UsageError("readiness", "probabilities of the same rows at a common horizon", found, "predict both on X")
    stays, grows = 1.0 - churn[common[-1]], expansion[common[-1]]
    ready = (stays >= SAFE) & (grows >= grows.quantile(READY))
    table = pd.DataFrame({"renewal": stays, "expansion": grows, "ready": ready})
    both = zip(100 * stays, 100 * grows, strict=True)
    table["reads"] = [f"renewal {stay:.0f} %, expansion {grow:.0f} %" for stay, grow in both]
    table["worth"] = stays * grows * (1.0 if arr is None else arr.fillna(0.0).to_numpy())
    order = np.lexsort((-table["worth"].to_numpy(), ~table["ready"].to_numpy()))
    return table.iloc[order]
