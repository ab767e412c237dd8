"""The walk: models that learned from the past alone, each with later rows to be judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

import numpy as np
import pandas as pd
from sklearn.base import clone

from holdfast.errors import TooFewEvents
from holdfast.features.snapshot import Snapshot
from holdfast.models.plain import PlainOutcomes, read
from holdfast.progress import progress
from holdfast.training.folds import folds
from holdfast.training.labels import Labels

if TYPE_CHECKING:
    from holdfast.models.churn import ChurnModel

JUDGED = 0.3  # share of the accounts to judge by, where there is no time to walk through


@dataclass(frozen=True)
class Refit:
    """A model, what it learned from, and rows that it has not seen, with their labels.

    Attributes
    ----------
    trained_at
        The day on which it was fitted; None where the rows know no time.
    learned
        Rows and labels it learned from.
    X, y
        Later rows with a settled label at some horizon, and the labels, one column per horizon.
    """

    trained_at: pd.Timestamp | None
    model: ChurnModel
    learned: tuple[Snapshot, Any]
    X: Snapshot
    y: pd.DataFrame


def walk(model: ChurnModel, X: Any, y: Any, *, refits: int, retrain_every: int) -> tuple[Refit, ...]:
    """Fit to what was known on each of the last days of training, or to a part of the accounts where time is unknown.

    Raises
    ------
    TooFewEvents
        When no day of training has enough events before it and labels after it.
    """
    if not isinstance(y, Labels):
        return (_apart(model, X, y),)
    labels = y.on(X.index)
    plan = folds(labels, retrain_every)[-refits:]
    found = []
    for fold in progress(plan, "refits", len(plan)):
        known, tested = fold.training(labels), fold.tested(labels)
        some = known.frame.notna().any(axis=1).to_numpy()
        later = tested & labels.frame.notna().any(axis=1).to_numpy()
        if not later.any():
            continue
        learned = X.rows(some), known.rows(some)
        try:
            fitted = clone(model).fit(*learned)
        except TooFewEvents:
            continue
        found.append(Refit(fold.trained_at, fitted, learned, X.rows(later), labels.frame[later]))
    if not found:
        do = "lengthen the history, or add cutoffs"
        raise TooFewEvents("importance", "a day with enough events before and labels after it", "none", do)
    return tuple(found)


def _apart(model: ChurnModel, X: Any, y: Any) -> Refit:
    """Keep some accounts of a table without time to judge by."""
    fitted = clone(model)
    rows, outcomes = read(fitted, X, y)
    ids = rows.index.get_level_values("account_id")
    judged = np.array([crc32(b"judged" + str(one).encode()) for one in ids]) < JUDGED * 2**32
    told = cast("PlainOutcomes", outcomes)
    learned = rows.rows(~judged), replace(told, frame=told.frame[~judged])
    fitted.fit(*learned)
    return Refit(None, fitted, learned, rows.rows(judged), told.frame[judged])


def pooled(refits: Sequence[Refit]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the later rows of all refits together: indicators, and labels."""
    return (pd.concat([one.X.indicators for one in refits]), pd.concat([one.y for one in refits]))
