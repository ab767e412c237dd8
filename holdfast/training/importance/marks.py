"""Marks: what a data scientist should look at twice, and which reasons confuse the team that reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

TOO_GOOD = "too good to be true"
AGAINST = "confuses: works against its curve"
COIN = "confuses: often a reason, yet alone no better than a coin"
UNSTEADY = "unsteady from one refit to the next"
IDLE = "nothing is lost by exchanging it"
OFTEN, LITTLE = 0.05, 0.02  # share of accounts that a reason is named for; share of the risk told
_TOP, _COIN, _MOVED, _AGAINST, _RANGE = 3, 0.52, 10, 0.5, 0.1


def marks(
    rows: pd.DataFrame, curves: pd.DataFrame, groups: Mapping[str, Sequence[str]], leaking: Collection[str]
) -> list[str]:
    """Mark each group with the gravest that holds; empty where none does.

    Parameters
    ----------
    rows
        As in `Importance.rows`, without the mark.
    curves
        From `against_curves`.
    leaking
        Signs that rank churn too well to be true.
    """
    wrong = set(curves.loc[(curves["against"] > _AGAINST) & (curves["range"] < _RANGE), "indicator"])
    aucs = [name for name in rows if str(name).startswith("auc_")]
    told = []
    for row in rows.to_dict("records"):
        members, often = set(groups[row["group"]]), row["named"] >= OFTEN
        best = max((row[name] for name in aucs if np.isfinite(row[name])), default=np.nan)
        clauses = {
            TOO_GOOD: bool(members & set(leaking)),
            AGAINST: often and bool(members) and members <= wrong,
            COIN: often and best <= _COIN and row["low"] <= 0,
            UNSTEADY: row["share"] >= LITTLE and row["rank_high"] - row["rank_low"] > _MOVED,
            IDLE: row["high"] <= 0 or (row["lost"] <= 0 and row["refit"] <= 0),
        }
        told.append(next((mark for mark, holds in clauses.items() if holds), ""))
    return told


def named(contributions: Sequence[pd.DataFrame], signs: pd.Series) -> pd.Series:
    """Give the share of rows for which each group is among the three that raise the risk most.

    Parameters
    ----------
    contributions
        By group, one frame per refit.
    signs
        Whether a group can be a reason: context cannot.
    """
    counts, rows = pd.Series(0.0, index=signs.index), 0
    for parts in contributions:
        values = np.where(signs.reindex(parts.columns).to_numpy(), parts.to_numpy(), -np.inf)
        top = np.argsort(-values, axis=1, kind="stable")[:, :_TOP]
        first = np.zeros(values.shape, dtype=bool)
        np.put_along_axis(first, top, True, axis=1)
        counts += pd.Series((first & (values > 0)).sum(axis=0), index=parts.columns)
        rows += len(parts)
    return counts / max(rows, 1)
