"""Next quarter's retention of revenue, from each account's own probability to leave and what it pays.

Accounts leave or stay by chance, each by itself, so what is lost is a sum of unequal coins (Poisson-binomial, weighted
by revenue); it is drawn. Where the probabilities come with intervals, their uncertainty is drawn too, the same way for
all accounts at once, since they share one model: the widest that these intervals allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from holdfast.errors import DataError, UsageError
from holdfast.training.kpis.terms import FEW
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DRAWS, LEVEL = 10_000, 0.9
_CHUNK = 4_000_000  # numbers drawn at once
_LEAST = 1e-9


@dataclass(frozen=True)
class Forecast:
    """Retention of revenue over the next 90 days.

    Attributes
    ----------
    grr, grr_low, grr_high
        Share of today's revenue that stays, expected, with a 90 % interval. Contraction is not forecast.
    nrr, nrr_low, nrr_high
        The same with growth; missing where no growth is told.
    accounts, arr
        What it is reckoned from.
    left_out
        Accounts without a probability or a revenue.
    holds
        What the interval holds, in words.
    """

    grr: float
    grr_low: float
    grr_high: float
    nrr: float
    nrr_low: float
    nrr_high: float
    accounts: int
    arr: float
    left_out: int
    holds: str

    def frame(self) -> pd.DataFrame:
        """Return one row per figure: ``figure, value, low, high``."""
        told = [("grr", self.grr, self.grr_low, self.grr_high), ("nrr", self.nrr, self.nrr_low, self.nrr_high)]
        return pd.DataFrame(told, columns=["figure", "value", "low", "high"])

    def text(self) -> str:
        """Tell it in sentences."""
        told = f"Of {self.arr:,.0f} a year from {self.accounts} accounts, {self.grr:.1%} is expected to stay over the "
        told += f"next 90 days (90 % interval {self.grr_low:.1%} to {self.grr_high:.1%}); {self.holds}."
        if not np.isnan(self.nrr):
            told += f" With growth: {self.nrr:.1%} ({self.nrr_low:.1%} to {self.nrr_high:.1%})."
        told += " Accounts that stay are taken to pay no less: contraction is not forecast."
        if self.left_out:
            told += f" {self.left_out} accounts have no probability or no revenue, and are left out."
        return told

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        told: dict[str, Any] = json_rows(pd.DataFrame([asdict(self)]))[0]
        return told | {"in_words": self.text()}

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.frame().to_html(escape=True, index=False, na_rep='')}"


def forecast(
    scores_rows: pd.DataFrame, *, expansion: pd.DataFrame | Mapping[str, float] | None = None, seed: int = 0
) -> Forecast:
    """Forecast GRR, and NRR where growth is told, over the next 90 days.

    Parameters
    ----------
    scores_rows
        ``account_id, arr, p90``, and ``p90_low, p90_high`` (90 %) where the probabilities have intervals; one currency.
    expansion
        ``account_id, p`` (probability to grow within 90 days, if it stays) and ``growth`` (by what share of its
        revenue); or the same two numbers for everybody, ``{"p": 0.05, "growth": 0.2}``, an assumption then.

    Raises
    ------
    DataError
        When columns are absent, a probability lies outside 0 to 1, revenue is negative, there are several currencies,
        or nothing is left.

    Examples
    --------
    >>> rows = pd.DataFrame({"account_id": ["a", "b"], "arr": [100.0, 300.0], "p90": [0.5, 0.1]})
    >>> round(forecast(rows).grr, 6)
    0.8
    """
    rows, left_out = checked(scores_rows)
    arr, p = rows["arr"].to_numpy(float), rows["p90"].to_numpy(float)
    low, high = _bounds(rows, p)
    grow, by = _growth(rows, expansion)
    total = float(arr.sum())
    lost, grown = (drawn / total for drawn in _drawn(arr, (p, low, high), (grow, by), seed))
    kept = np.maximum(1.0 - lost, 0.0)
    grr = 1.0 - float((p * arr).sum()) / total
    more = float(((1 - p) * grow * by * arr).sum()) / total
    tail = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low_end, high_end = (float(one) for one in np.quantile(kept, tail))
    nrr_ends = np.quantile(kept + grown, tail) if expansion is not None else np.full(2, np.nan)
    nrr = grr + more if expansion is not None else np.nan
    sure = bool((low == high).all())
    holds = "the interval holds chance " + ("alone" if sure else "and the uncertainty of the probabilities")
    nrr_low, nrr_high = (float(one) for one in nrr_ends)
    return Forecast(grr, low_end, high_end, float(nrr), nrr_low, nrr_high, len(rows), total, left_out, holds)


def past_growth(table: pd.DataFrame) -> dict[str, float] | None:
    """Read from the last four whole quarters how often accounts grew, and by how much; None below five that did.

    Parameters
    ----------
    table
        One currency and segment of `Kpis` by quarter, see `Kpis.of`.
    """
    last = table[~table["partial"].astype(bool)].tail(4)
    grown, start = float(last["accounts_grown"].sum()), float(last["accounts_start"].sum())
    share = float(last["mrr_expansion"].sum()) / max(float(last["mrr_start"].sum()), _LEAST)
    return {"p": grown / start, "growth": share * start / grown} if grown >= FEW and share > 0 else None


def checked(scores: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Give the rows that can be reckoned with, by account, and how many cannot."""
    lacking = [name for name in ("account_id", "arr", "p90") if name not in scores]
    if lacking:
        raise DataError("forecast", "columns account_id, arr, p90", f"no {', '.join(lacking)}", "give the scores")
    finite = np.isfinite(scores[["arr", "p90"]].to_numpy(float)).all(axis=1)
    rows: pd.DataFrame = scores.loc[finite]
    if rows.empty or not float(rows["arr"].sum()) > 0:
        raise DataError("forecast", "scored accounts with revenue", "none", "score the accounts, and deliver mrr")
    if "currency" in rows and rows["currency"].fillna("").nunique() > 1:
        do = "forecast each currency by itself"
        raise DataError("forecast", "one currency", ", ".join(sorted(rows["currency"].fillna("").unique())), do)
    if not rows["p90"].between(0, 1).all() or (rows["arr"] < 0).any() or rows["account_id"].duplicated().any():
        raise DataError("forecast", "p90 from 0 to 1, arr 0 or more, an account once", "others", "correct the rows")
    ordered = rows.sort_values("account_id", kind="stable", ignore_index=True)
    return ordered, len(scores) - len(rows)


def _bounds(rows: pd.DataFrame, p: Floats) -> tuple[Floats, Floats]:
    """Give the interval of each probability; it is the probability itself where none is told."""
    if not {"p90_low", "p90_high"} <= set(rows.columns):
        return p, p
    low, high = (rows[name].astype(float).fillna(rows["p90"]).to_numpy(float) for name in ("p90_low", "p90_high"))
    return np.asarray(np.clip(np.minimum(low, p), 0, 1)), np.asarray(np.clip(np.maximum(high, p), 0, 1))


def _growth(rows: pd.DataFrame, expansion: pd.DataFrame | Mapping[str, float] | None) -> tuple[Floats, Floats]:
    none = np.zeros(len(rows))
    if expansion is None:
        return none, none
    if isinstance(expansion, pd.DataFrame):
        told = expansion.set_index("account_id").reindex(rows["account_id"]) if "account_id" in expansion else expansion
    else:
        told = pd.DataFrame(dict(expansion), index=rows.index)
    if not {"p", "growth"} <= set(told.columns) or len(told) != len(rows):
        raise UsageError("forecast, expansion", "account_id, p, growth", ", ".join(map(str, told)), "give those")
    grow, by = (np.asarray(told[name].astype(float).fillna(0.0), dtype=np.float64) for name in ("p", "growth"))
    if not (((grow >= 0) & (grow <= 1)).all() and (by >= 0).all()):
        raise UsageError("forecast, expansion", "p from 0 to 1, growth 0 or more", "others", "correct them")
    return grow, by


def _drawn(
    arr: Floats, chances: tuple[Floats, Floats, Floats], growth: tuple[Floats, Floats], seed: int
) -> tuple[Floats, Floats]:
    """Draw what leaves, and what the rest grows by, (draws,) each."""
    rng, size = np.random.default_rng(seed), max(1, _CHUNK // len(arr))
    grow, by = growth
    lost, grown = np.empty(DRAWS), np.zeros(DRAWS)
    for begin in range(0, DRAWS, size):
        part = slice(begin, min(begin + size, DRAWS))
        shape = (part.stop - begin, len(arr))
        moved = _moved(*chances, rng.standard_normal(shape[0]))
        leaves = rng.random(shape) < moved
        lost[part] = leaves @ arr
        if grow.any():
            grown[part] = (~leaves & (rng.random(shape) < grow)) @ (arr * by)
    return lost, grown


def _moved(p: Floats, low: Floats, high: Floats, z: Floats) -> Floats:
    """Move all probabilities together within their intervals, on the scale of the logit, (draws, accounts)."""
    if (low == high).all():
        return p[None, :]
    at, down, up = (logit(np.clip(one, _LEAST, 1 - _LEAST)) for one in (p, low, high))
    step = z[:, None] / norm.ppf((1 + LEVEL) / 2)
    moved = expit(at + step * np.where(step < 0, at - down, up - at))
    return np.where(low == high, p, moved)
