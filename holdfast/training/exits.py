"""Competing exits: who leaves by choice, whose payment fails, who merges away; each apart from the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.training.churn import EXITS, Churn
from holdfast.training.labels import Labels, label

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.training.labels import Cutoffs


def labels_by_exit(
    history: History, cutoffs: Cutoffs, horizons: Iterable[int] = (30, 60, 90), churn: Churn | str = "notice"
) -> dict[str, Labels]:
    """Label each kind of exit apart: the others end the observation and are no event.

    Returns
    -------
    dict
        Labels by kind of exit, for the kinds that the churn list holds.
    """
    rule, ahead = Churn.of(churn), tuple(horizons)
    kinds = _kinds(history)
    return {kind: label(history, cutoffs, ahead, replace(rule, lost=(kind,))) for kind in kinds}


def exits_frame(labels: dict[str, Labels]) -> pd.DataFrame:
    """Tabulate what was labelled, one row per kind of exit and horizon: rows, events, accounts, rate."""
    tables = {kind: one.summary()[["labelled", "events", "accounts", "rate"]] for kind, one in labels.items()}
    if not tables:
        return pd.DataFrame(columns=["labelled", "events", "accounts", "rate"])
    return pd.concat(tables, names=["exit", "horizon"])


def _kinds(history: History) -> list[str]:
    if "churn" not in history:
        return []
    columns = history.records("churn").columns
    found = set(columns["kind"].dropna().astype(str)) if "kind" in columns else {EXITS[0]}
    return [kind for kind in EXITS if kind in found]
