"""Scores made elsewhere, judged by the same protocol: what they were worth before customers left.

A score is taken as it stood at each cutoff, the latest by then that is still fresh. It becomes a probability by a
hazard of one slope that is learned on earlier cutoffs alone, so that calibration and log loss can be told; at each
cutoff the ranks are those of the score itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError
from holdfast.features.history import History
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.bands import ACTION
from holdfast.models.external import SCORE, ExternalScore
from holdfast.training.backtest import Backtest, backtest
from holdfast.training.labels import Labels, label
from holdfast.training.metrics import Floats
from holdfast.training.rows import json_rows
from holdfast.training.views import wilson

FRESH = pd.Timedelta(days=45)  # an older score is none
EVERY = "28D"
GREEN = 60.0  # yellow and green of the bands: nobody would have looked


@dataclass(frozen=True)
class Audit:
    """What a score was worth.

    Attributes
    ----------
    result
        The backtest; the score is its model ``score``.
    bands
        ``band, low, high, rows, churned, rate, rate_low, rate_high, inverted``: what share left within the longest
        horizon, by band of the score, best first; inverted where more left than in the band below.
    green
        Of the accounts that left, the share whose last score before that day looked healthy; missing where none had a
        score.
    left, unseen
        Accounts that left; those of them without a fresh score when they did.
    """

    result: Backtest
    bands: pd.DataFrame
    green: float
    left: int
    unseen: int

    def frame(self) -> pd.DataFrame:
        """Return the metrics, see `Backtest.metrics`."""
        return self.result.metrics()

    def text(self) -> str:
        """Tell it in sentences."""
        told = [self.result.verdict, self.result.capacity().text("score")]
        if not np.isnan(self.green):
            told.append(f"{self.green:.0%} of those that left looked healthy (green or yellow) by their last score.")
        if self.unseen:
            told.append(f"{self.unseen} of {self.left} accounts that left had no score of the last {FRESH.days} days.")
        wrong = self.bands[self.bands["inverted"]]
        told += [f"More left of band {row['band']} than of the one below it." for row in wrong.to_dict("records")]
        return " ".join(filter(None, told))

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        green = None if np.isnan(self.green) else self.green
        told = {
            "in_words": self.text(),
            "bands": json_rows(self.bands),
            "green_churn": green,
            "left": self.left,
            "unseen": self.unseen,
        }
        return told | self.result.to_dict()

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.result.table().to_html(escape=True, float_format='{:.3f}'.format)}"


def audit(
    scores: pd.DataFrame,
    churned: pd.DataFrame,
    *,
    healthy: str = "high",
    horizons: tuple[int, ...] = (30, 60, 90),
    measured: Snapshot | None = None,
    bootstrap: int = 200,
    progress: bool = True,
) -> Audit:
    """Judge a score that was made elsewhere.

    Parameters
    ----------
    scores
        ``account_id, date, score``, also ``arr`` where it is known.
    churned
        ``account_id, date``: the day on which the loss could first be known. Whoever is not on it counts as having
        stayed for as long as there are fresh scores.
    healthy
        Whether ``high`` or ``low`` scores are healthy.
    measured
        The same accounts at the cutoffs of `cutoffs_of`, from their history: then recency, the contract context and
        the template with contract dates are judged beside the score, on the same rows.

    Raises
    ------
    DataError
        When there is no score, or nobody who left had one.
    TooFewEvents
        When too few left for any judgement.
    """
    if healthy not in ("high", "low"):
        raise UsageError("audit, healthy", "high or low", repr(healthy), "say which scores are healthy")
    stands = cutoffs_of(scores)
    y = label(_history(scores, churned), stands, horizons, "notice")
    table = _as_of(scores, stands)
    X = _snapshot(table, y) if measured is None else _beside(table, measured)
    known = y.on(X.index)
    baselines = ("base_rate", "age") if measured is None else ("base_rate", "age", "recency", "context", "template")
    models = {"score": ExternalScore(healthy)}
    result = backtest(models, X, known, baselines=baselines, bootstrap=bootstrap, progress=progress)
    green, left, unseen = _green(scores, churned, healthy)
    return Audit(result, _bands(X, known, healthy), green, left, unseen)


def cutoffs_of(scores: pd.DataFrame) -> pd.DatetimeIndex:
    """Give the cutoffs at which a score is judged: every four weeks, from its first day to its last.

    Raises
    ------
    DataError
        When there are fewer than three.
    """
    days = pd.DatetimeIndex(scores["date"]).floor("D")
    stands = pd.date_range(days.min(), days.max(), freq=EVERY, name="cutoff").as_unit("us") if len(days) else days
    if len(stands) < 3:
        do = "deliver the scores of a year, or more"
        raise DataError("scores, column date", "scores over three months and more", f"{len(stands)} cutoffs", do)
    return pd.DatetimeIndex(stands, name="cutoff")


def _history(scores: pd.DataFrame, churned: pd.DataFrame) -> History:
    """Lay scores and losses out as a history in which a score is a sign of life, and nothing else is known."""
    first = scores.groupby("account_id")["date"].min()
    frames = {
        "accounts": pd.DataFrame({"account_id": first.index, "valid_from": first.array, "known_at": first.array}),
        "usage": pd.DataFrame(
            {"account_id": scores["account_id"], "occurred_at": scores["date"], "known_at": scores["date"],
             "source_id": [f"s{place}" for place in range(len(scores))], "kind": "api"}
        ),
        "churn": pd.DataFrame(
            {"account_id": churned["account_id"], "notice_at": churned["date"], "known_at": churned["date"]}
        ),
    }  # fmt: skip
    frames["churn"] = frames["churn"][frames["churn"]["account_id"].isin(first.index)]
    if frames["churn"].empty:
        do = "use the same ids in both files"
        raise DataError("lost customers", "customers that have scores", "none of them", do)
    return History.from_frames(frames)


def _as_of(scores: pd.DataFrame, stands: pd.DatetimeIndex) -> pd.DataFrame:
    """Take the latest fresh score of every account at every cutoff, with what else is known."""
    told = scores.sort_values("date", kind="stable").assign(first=scores.groupby("account_id")["date"].transform("min"))
    grid = pd.MultiIndex.from_product([stands, told["account_id"].unique()], names=INDEX[::-1]).to_frame(index=False)
    rows = pd.merge_asof(
        grid, told, left_on="cutoff", right_on="date", by="account_id", tolerance=FRESH - pd.Timedelta(microseconds=1)
    ).dropna(subset="score")
    rows["tenure_days"] = (rows["cutoff"] - rows["first"]).dt.total_seconds() / 86_400
    rows["arr"] = rows.get("arr", np.nan)
    return rows.rename(columns={"score": SCORE}).set_index(INDEX)[[SCORE, "arr", "tenure_days"]].sort_index()


def _snapshot(table: pd.DataFrame, y: Labels) -> Snapshot:
    return Snapshot(
        indicators=pd.DataFrame(index=table.index),
        context=table.astype(float),
        exposure=pd.DataFrame(0.0, index=table.index, columns=list(y.horizons)),
        coverage=pd.DataFrame({"all": 1.0}, index=table.index),
        catalog=(),
    )


def _beside(table: pd.DataFrame, measured: Snapshot) -> Snapshot:
    """Put the score beside what was measured, on the rows that both have."""
    shared = measured.index.isin(table.index)
    if not shared.any():
        do = "use the account ids of the history in the file of scores"
        raise DataError("scores, column account_id", "accounts of the history", "none of them", do)
    rows = measured.rows(shared)
    return replace(rows, context=rows.context.assign(**{SCORE: table[SCORE].reindex(rows.index).to_numpy()}))


def _bands(X: Snapshot, y: Labels, healthy: str) -> pd.DataFrame:
    """Count who left within the longest horizon by band: those of the health score for 0 to 100, else fifths."""
    labels, values = y.frame.iloc[:, -1].to_numpy(float), X.context[SCORE].to_numpy(float)
    settled = np.isfinite(labels) & np.isfinite(values)
    worth = values if healthy == "high" else -values
    if _of_hundred(values[settled], healthy):
        edges, names = [band.low for band in ACTION.bands], [band.name for band in ACTION.bands]
        order = np.argsort(edges)
        edges, names = [edges[place] for place in order], [names[place] for place in order]
        edges[0] = -np.inf
    else:
        inner = np.unique(np.quantile(worth[settled], [0.2, 0.4, 0.6, 0.8])) if settled.any() else np.empty(0)
        edges = [-np.inf, *inner.tolist()]
        names = [f"fifth {len(edges) - place}" for place in range(len(edges))]
    place = np.searchsorted(edges[1:], worth, side="right")
    rows = []
    for number in reversed(range(len(names))):
        here = settled & (place == number)
        rows.append((names[number], edges[number], int(here.sum()), int(labels[here].sum())))
    table = pd.DataFrame(rows, columns=["band", "from", "rows", "churned"])
    table["rate"] = table["churned"] / table["rows"].where(table["rows"] > 0)
    table["rate_low"], table["rate_high"] = wilson(table["rate"].to_numpy(float), table["rows"].to_numpy(float))
    table["inverted"] = table["rate_low"] > table["rate_high"].shift(-1)  # beyond chance
    return table.replace([np.inf, -np.inf], np.nan)


def _green(scores: pd.DataFrame, churned: pd.DataFrame, healthy: str) -> tuple[float, int, int]:
    """Look at the last score before the day of each first loss, and count those that nobody would have looked at.

    A score of that very day may have been set because of the loss.
    """
    left = churned[["account_id"]].assign(date=churned["date"].dt.floor("D"))
    left = left.sort_values("date", kind="stable").drop_duplicates("account_id")
    last = pd.merge_asof(
        left, scores.sort_values("date", kind="stable")[["account_id", "date", "score"]], on="date", by="account_id",
        tolerance=FRESH - pd.Timedelta(microseconds=1), allow_exact_matches=False,
    )["score"].dropna()  # fmt: skip
    bound = GREEN if _of_hundred(scores["score"].to_numpy(float), healthy) else scores["score"].quantile(0.5)
    fine = last >= bound if healthy == "high" else last <= bound
    return (float(fine.mean()) if len(last) else np.nan), len(left), len(left) - len(last)


def _of_hundred(values: Floats, healthy: str) -> bool:
    """Tell whether scores run from 0 to 100, high healthy, so that the bands of a health score mean something."""
    return healthy == "high" and len(values) > 0 and values.min() >= 0 and bool(1 < values.max() <= 100)
