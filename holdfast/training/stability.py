"""Stability: whether a model that learned from other accounts, or a month later, would give the same reasons.

A reason that changes with every refit, although nothing happened, is none. Models are told apart by the groups of the
latest one, so that two signs that say the same and take turns do not count as change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pandas as pd
from sklearn.base import clone

from holdfast.errors import TooFewEvents
from holdfast.models.explain import CONTEXT
from holdfast.models.strength import strengths
from holdfast.progress import progress

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.explain import Explanation
    from holdfast.models.health import HealthScore
    from holdfast.training.labels import Labels

TOP, SHARE, FLOOR = 3, 0.632, 0.6  # reasons compared; accounts drawn, as many as differ in a bootstrap; least overlap
MONTH = pd.Timedelta(days=28)


@dataclass(frozen=True)
class Stability:
    """How alike the reasons of models are.

    Attributes
    ----------
    rows
        One row per other model: ``against`` (``other accounts`` or ``a month earlier``), ``top_3`` (overlap of the
        first three reasons of each account, Jaccard, on average), ``signs`` (the same without grouping), ``first``
        (share of accounts whose first reason is the same), ``ranks`` (rank correlation of what all groups count) and
        ``families`` (whether the dimensions rank alike).
    accounts
        Accounts compared.
    """

    rows: pd.DataFrame
    accounts: int

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    @property
    def overlap(self) -> float:
        """The mean overlap of the first three reasons; missing where nothing could be compared."""
        return float(self.rows["top_3"].mean())

    @property
    def steady(self) -> bool:
        """Whether the reasons hold well enough to be told: at least .6 of the first three are shared."""
        return bool(self.overlap >= FLOOR)

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(escape=True, index=False, float_format="{:.2f}".format))


def stability(
    model: ChurnModel,
    X: Snapshot,
    y: Labels,
    now: Snapshot,
    *,
    health: HealthScore | None = None,
    samples: int = 4,
    month: bool = True,
    seed: int = 0,
) -> Stability:
    """Fit to parts of the accounts, and to what was known a month earlier, and compare the reasons with the model's.

    Parameters
    ----------
    model
        Fitted to X and y.
    now
        The accounts whose reasons are compared.
    health
        Fitted to X and y, so that reasons come in the order in which they are served; it is fitted anew beside each
        model. Without it the churn model speaks alone.
    samples
        How many times accounts are drawn, 63 in 100 without replacement, as many as differ in a bootstrap.

    Raises
    ------
    TooFewEvents
        When none of the parts has enough events to learn from.
    """
    others: list[tuple[str, Snapshot, Labels]] = []
    ids = X.index.get_level_values("account_id")
    for draw in range(samples):
        some = np.array([crc32(f"{seed} {draw} {one}".encode()) for one in ids]) < SHARE * 2**32
        others.append(("other accounts", X.rows(some), y.on(X.index).rows(some)))
    if month:
        known = y.on(X.index).known(y.end - MONTH)
        settled = known.frame.notna().any(axis=1).to_numpy()
        others.append(("a month earlier", X.rows(settled), known.rows(settled)))
    mine, found = model.explain(now), []
    for against, rows, labels in progress(others, "refits", len(others)):
        try:
            other = clone(model).fit(rows, labels)
            healths = None if health is None else (health, clone(health).fit(rows, labels))
        except TooFewEvents:
            continue
        found.append({"against": against, **likeness(mine, other.explain(now), healths)})
    if not found:
        do = "lengthen the history, or add cutoffs"
        raise TooFewEvents("stability", "enough events in a part of the accounts", "too few", do)
    return Stability(pd.DataFrame(found), len(now))


def likeness(
    one: Explanation, other: Explanation, healths: tuple[HealthScore, HealthScore] | None = None
) -> dict[str, float]:
    """Compare the reasons of two models for the same rows, in the groups of the first.

    Parameters
    ----------
    healths
        The health score beside each; what it says counts for the strength of a reason, see `holdfast.models.strength`.
    """
    fixed = {sign.name for sign in one.X.catalog if sign.calendar}
    signs = [
        name for name in map(str, one.contributions) if name not in fixed and one.sources["dimension"][name] != CONTEXT
    ]
    told = zip((one, other), healths or (None, None), strict=True)
    parts = [strengths(why, health).reindex(columns=signs, fill_value=0.0) for why, health in told]
    groups = one.sources["group"][signs]
    summed = [table.T.groupby(groups.to_numpy(), sort=True).sum().T for table in parts]
    first, second = (_strongest(table) for table in summed)
    size = [table.abs().mean() for table in summed]
    return {
        "top_3": _overlap(first, second),
        "signs": _overlap(*(_strongest(table) for table in parts)),
        "first": float((first[:, 0] == second[:, 0]).mean()),
        "ranks": float(size[0].corr(size[1], method="spearman")),
        "families": float(_ranked(one) == _ranked(other)),
    }


def _ranked(why: Explanation) -> list[str]:
    """Rank the dimensions by what they count."""
    size = why.dimensions().drop(columns=CONTEXT, errors="ignore").abs().mean()
    return [str(name) for name in size.sort_values(ascending=False, kind="stable").index]


def _strongest(parts: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """Give the places of what raises the risk of each row most."""
    return np.argsort(-parts.to_numpy(float), axis=1, kind="stable")[:, :TOP]


def _overlap(
    one: np.ndarray[tuple[int, int], np.dtype[np.intp]], other: np.ndarray[tuple[int, int], np.dtype[np.intp]]
) -> float:
    shared = (one[:, :, None] == other[:, None, :]).any(axis=2).sum(axis=1)
    return float((shared / (one.shape[1] + other.shape[1] - shared)).mean()) if len(one) else float("nan")
