"""Interactions: pairs of signs whose effects do not simply add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.models.explain_plots import quiet_shap

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel

ROWS = 500


def interactions(model: ChurnModel, X: Snapshot, rows: int = ROWS) -> pd.DataFrame:
    """Measure interactions of the trees by SHAP interaction values (Lundberg et al., 2020); the regression has none.

    Parameters
    ----------
    rows
        Evenly spread rows that are looked at.

    Returns
    -------
    DataFrame
        Pairs of groups, strongest first: ``group, other, mean_size`` (of the log-hazard that only the pair explains)
        and ``share`` of all that the model says. Empty where no trees have joined.
    """
    columns = ["group", "other", "mean_size", "share"]
    trees, encoding = model.members_.trees, model.encoding_
    if trees is None or not len(X):
        return pd.DataFrame(columns=columns)
    some = X.rows(np.isin(np.arange(len(X)), np.linspace(0, len(X) - 1, min(rows, len(X))).astype(int)))
    with quiet_shap() as shap:
        values = shap.TreeExplainer(trees.loaded()).shap_interaction_values(encoding.features(some))
    names = [encoding.groups.get(source, source) for source in encoding.feature_sources]
    groups, place = np.unique(np.array(names, dtype=object), return_inverse=True)
    member = np.eye(len(groups))[place]
    pairs = np.abs(np.einsum("nij,ia,jb->nab", values, member, member, optimize=True)).mean(axis=0)
    pairs *= model.members_.share
    total = model.explain(some).groups().abs().mean().sum()
    one, other = np.triu_indices(len(groups), k=1)
    size = 2.0 * pairs[one, other]  # either half of a symmetric table holds half of it
    table = pd.DataFrame({"group": groups[one], "other": groups[other], "mean_size": size})
    table["share"] = table["mean_size"] / total if total > 0 else 0.0
    table = table[table["mean_size"] > 0].sort_values("mean_size", ascending=False, kind="stable", ignore_index=True)
    return table[columns]
