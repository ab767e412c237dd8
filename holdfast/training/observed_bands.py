"""Bands of a health score against what happened: how many left from each, in which order, and who was missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.models.bands import ACTION, BandPolicy
from holdfast.models.polarity import both_names
from holdfast.training.bootstrap import draw_accounts, interval, rarer, ratios
from holdfast.training.phrases import capital
from holdfast.training.readings import last_before_exit, readings, shared
from holdfast.training.rows import json_rows, stacked
from holdfast.training.views import wilson

if TYPE_CHECKING:
    from holdfast.training.metrics import Floats

MISSED, ALARMED = "left although held healthy", "stayed although held at risk"
_FINE, _WORST = 2, 1  # the two best bands hold nobody at risk; the worst one does
_REPLICATES = 200


@dataclass(frozen=True)
class ObservedBands:
    """What became of the accounts of each band.

    Attributes
    ----------
    rows
        One row per model and band, best first: ``model, band, rows, accounts, churned, rate, low, high`` (share that
        left within the horizon; accounts drawn together), ``per_decision`` (those that left, for each renewal decision
        within the horizon) and ``inverted``: more left than from the next worse band, beyond chance.
    errors
        ``model, error, share, low, high, of``: of the accounts that left, the share whose last band was one of the two
        best; of the rows in the worst band with a renewal decision ahead, the share that stayed. ``of`` counts what the
        share is taken of.
    horizon
        Days ahead.
    """

    rows: pd.DataFrame
    errors: pd.DataFrame
    horizon: int

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self, model: str) -> str:
        """Say it in sentences; nothing for what is no health score."""
        mine = self.rows[(self.rows["model"] == model) & (self.rows["rows"] > 0)]
        if mine.empty:
            return ""
        rates = ", ".join(f"{row['rate']:.1%} of {row['band']}" for row in mine.to_dict("records"))
        told = [f"Within {self.horizon} days churned {rates}."]
        wrong = mine.loc[mine["inverted"], "band"].tolist()
        told += [f"More churned of {band} than of the band below it." for band in wrong]
        for one in self.errors[self.errors["model"] == model].dropna(subset="share").to_dict("records"):
            seen = "exits" if one["error"] == MISSED else f"readings in {ACTION.names[-1]} before a decision"
            told.append(f"{capital(both_names(one['error']))}: {one['share']:.0%} of {one['of']} {seen}.")
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        words = {str(model): self.text(str(model)) for model in self.rows["model"].unique()}
        return {
            "horizon": self.horizon,
            "in_words": words,
            "rows": json_rows(self.rows),
            "errors": json_rows(self.errors),
        }

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(escape=True, index=False, float_format="{:.3f}".format))


def observed_bands(
    predictions: pd.DataFrame, facts: pd.DataFrame, policy: BandPolicy = ACTION, *, seed: int = 0
) -> ObservedBands:
    """Set the bands that health scores gave at the time against who left within the longest horizon.

    Parameters
    ----------
    predictions
        Long, see `Backtest.frame`; models without ``health`` are left out, and those with it told on
        the rows that all of them have.
    facts
        What is known of each account at each cutoff, see `Backtest`.
    """
    horizon = int(predictions["horizon"].max())
    told = shared(readings(predictions, facts).dropna(subset=["health"])).reset_index(drop=True)
    told["code"], weights = draw_accounts(told["account_id"], _REPLICATES, seed)
    told = told.assign(band=policy.names_of(told["health"]), decisions=told[f"decisions_{horizon}"])
    tables, errors = [], []
    for model, rows in told.groupby("model", observed=True, sort=False):
        tables.append(_by_band(rows, policy, weights).assign(model=str(model)))
        errors.append(_errors(rows, policy, weights).assign(model=str(model)))
    columns = ["model", "band", "rows", "accounts", "churned", "rate", "low", "high", "per_decision", "inverted"]
    wrong = ["model", "error", "share", "low", "high", "of"]
    return ObservedBands(stacked(tables, columns), stacked(errors, wrong), horizon)


def _by_band(rows: pd.DataFrame, policy: BandPolicy, weights: Floats) -> pd.DataFrame:
    settled, found = rows[rows["y"].notna()], []
    for band in policy.names:
        mine = settled[settled["band"] == band]
        y = mine["y"].to_numpy(float)
        rate, low, high = _share(y, mine["code"].to_numpy(), weights)
        decided = mine["decisions"].fillna(0.0).to_numpy(float)
        per = y[decided > 0].sum() / decided.sum() if decided.sum() > 0 else np.nan
        found.append((band, len(mine), mine["code"].nunique(), int(y.sum()), rate, low, high, per))
    columns = ["band", "rows", "accounts", "churned", "rate", "low", "high", "per_decision"]
    table = pd.DataFrame(found, columns=columns)
    return table.assign(inverted=table["low"] > table["high"].shift(-1))  # beyond chance


def _errors(rows: pd.DataFrame, policy: BandPolicy, weights: Floats) -> pd.DataFrame:
    """Look at the last band before each exit, and at the worst band before each decision."""
    last = last_before_exit(rows)
    fine = np.asarray(last["band"].isin(policy.names[:_FINE]), dtype=float)
    worst = rows[(rows["band"] == policy.names[-_WORST]) & rows["y"].notna() & (rows["decisions"] > 0)]
    stayed = 1.0 - worst["y"].to_numpy(float)
    found = [
        (MISSED, *_share(fine, last["code"].to_numpy(), weights), len(last)),
        (ALARMED, *_share(stayed, worst["code"].to_numpy(), weights), len(worst)),
    ]
    return pd.DataFrame(found, columns=["error", "share", "low", "high", "of"])


def _share(flags: Floats, code: Any, weights: Floats) -> tuple[float, float, float]:
    drawn = ratios(flags, np.ones(len(flags)), code, weights)
    low, high = interval(drawn[1:, None], evidence=rarer(code, flags))
    if drawn[0] in (0.0, 1.0):  # where nothing varies, drawing tells nothing of what was not seen
        low, high = wilson(drawn[:1], np.array([float(len(np.unique(code)))]))
    return float(drawn[0]), float(low[0]), float(high[0])
