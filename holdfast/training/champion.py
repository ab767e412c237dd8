"""The model in service beside those that were tested, on the days that came after it was trained.

A champion has learned from the past that a backtest walks over, so there it would only remember. It is judged where it
had to predict: at the cutoffs from the day on which it was trained, on the same rows as the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import draw_accounts, interval
from holdfast.training.contest import Scores
from holdfast.training.metrics import NAMES
from holdfast.training.rows import json_rows
from holdfast.training.verdict import MIN_EVENTS, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.health import HealthScore
    from holdfast.training.backtest import Backtest

CHAMPION = "champion"
_COLUMNS = ["model", "horizon", "auc", "log_loss", "difference", "low", "high", "skill", "skill_low", "skill_high"]


class Predicts(Protocol):
    """A model that was fitted already."""

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Give probabilities on the index of X, one column per horizon in days."""
        ...


@dataclass(frozen=True)
class Champion:
    """The model in service.

    Attributes
    ----------
    version, model, learned_until
        Which one, the model, and the day until which it learned.
    health
        The health score beside it.
    signs
        The indicators that it reads, of which more may be measured by now; None: all there are.
    """

    version: str
    model: Predicts
    learned_until: pd.Timestamp
    health: HealthScore | None = None
    signs: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SinceChampion:
    """The champion and the others since it was trained.

    Attributes
    ----------
    rows
        ``model, horizon, auc, log_loss, difference, low, high`` (AUC above that of the champion), ``skill, skill_low,
        skill_high`` (share of its log loss that is gone), ``n, events, evidence``; paired 95 % intervals.
    champion
        Which one, and until when it learned.
    """

    rows: pd.DataFrame
    champion: Champion

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self) -> str:
        """Say it in sentences."""
        day = f"{self.champion.learned_until:%Y-%m-%d}"
        if self.rows.empty:
            return f"The champion learned until {day}; nothing that came after has settled, so it cannot be compared."
        told = []
        for horizon, mine in self.rows[self.rows["model"] != CHAMPION].groupby("horizon", sort=True):
            if mine["evidence"].iloc[0] < MIN_EVENTS:
                told.append(f"at {horizon} days {mine['evidence'].iloc[0]} accounts left, and {MIN_EVENTS} are needed")
                continue
            better = [in_words(row["model"]) for row in mine.to_dict("records") if row["skill_low"] > 0]
            worse = [in_words(row["model"]) for row in mine.to_dict("records") if row["skill_high"] < 0]
            found = [f"{', '.join(better)} better"] * bool(better) + [f"{', '.join(worse)} worse"] * bool(worse)
            told.append(f"at {horizon} days {' and '.join(found) or 'no difference beyond chance'}")
        return f"Against the champion, on what came after {day}: {'; '.join(told)}."

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {
            "version": self.champion.version,
            "learned_until": f"{self.champion.learned_until:%Y-%m-%d}",
            "in_words": self.text(),
            "rows": json_rows(self.rows),
        }

    def _repr_html_(self) -> str:
        from html import escape

        table = self.rows.to_html(escape=True, index=False, float_format="{:.3f}".format)
        return f"<p>{escape(self.text())}</p>{table}"


def since_champion(
    result: Backtest, champion: Champion, X: Snapshot, models: Sequence[str], *, replicates: int = 200, seed: int = 0
) -> SinceChampion:
    """Judge the champion and some of the models that were tested on the days that came after its training.

    Parameters
    ----------
    result, X
        The backtest, and the snapshot it walked over.
    models
        Those to set against the champion.

    Raises
    ------
    BundleError
        When the champion reads a sign that was not measured.
    """
    known = came_after(result, champion, X, models)
    if known.empty:
        return SinceChampion(pd.DataFrame(columns=[*_COLUMNS, "n", "events", "evidence"]), champion)
    code, weights = draw_accounts(known["account_id"], replicates, seed)
    parts = []
    for horizon in sorted(known["horizon"].unique()):
        here = (known["horizon"] == horizon).to_numpy()
        scores = Scores.of(known[here], code[here], [CHAMPION, *models], weights)
        if scores is not None and CHAMPION in scores.values:
            parts.append(_against(scores).assign(horizon=horizon))
    columns = [*_COLUMNS, "n", "events", "evidence"]
    rows = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return SinceChampion(rows, champion)


def came_after(result: Backtest, champion: Champion, X: Snapshot, models: Sequence[str]) -> pd.DataFrame:
    """Give the settled predictions of the champion and of models that were tested, at the cutoffs since it learned.

    Returns
    -------
    DataFrame
        Long, see `Backtest.frame`; the champion is the model ``champion``. Empty where nothing has settled.

    Raises
    ------
    BundleError
        When the champion reads a sign that was not measured.
    """
    tested = result.frame()
    later = tested[(tested["cutoff"] >= champion.learned_until) & tested["model"].isin(models)]
    if later.dropna(subset=["p", "y"]).empty:
        return later.iloc[:0].astype({"model": str})
    keys = pd.MultiIndex.from_frame(later[["account_id", "cutoff"]].drop_duplicates())
    rows = X.rows(X.index.isin(keys))
    p = champion.model.predict_proba(rows if champion.signs is None else rows.knowing(champion.signs))
    own = later.drop_duplicates(["account_id", "cutoff", "horizon"]).assign(model=CHAMPION)
    own = own[own["horizon"].isin(p.columns)]
    place = p.index.get_indexer(pd.MultiIndex.from_frame(own[["account_id", "cutoff"]]))
    own["p"] = p.to_numpy()[place, p.columns.get_indexer(pd.Index(own["horizon"]))]
    return pd.concat([later.astype({"model": str}), own]).dropna(subset=["p", "y"])


def _against(scores: Scores) -> pd.DataFrame:
    auc, loss = NAMES.index("auc"), NAMES.index("log_loss")
    old, found = scores.values[CHAMPION], []
    for name, values in scores.values.items():
        gain = np.column_stack([values[:, auc] - old[:, auc], 1 - values[:, loss] / old[:, loss]])
        low, high = interval(gain[1:], evidence=scores.evidence)
        figures = (gain[0, 0], low[0], high[0], gain[0, 1], low[1], high[1])
        found.append((name, values[0, auc], values[0, loss], *figures, scores.n, scores.events, scores.evidence))
    columns = [one for one in _COLUMNS if one != "horizon"]
    return pd.DataFrame(found, columns=[*columns, "n", "events", "evidence"])
