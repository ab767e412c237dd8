"""The autopsy of lost customers: what was knowable 90, 60 and 30 days before each of them left.

Nothing is learned here, so that no loss explains itself: signs are read at the last cutoff at least so many days before
the loss, and judged by their declared curves and the template score, which knew none of these customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.models.bands import ACTION
from holdfast.progress import progress
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.health import HealthScore
    from holdfast.training.labels import Labels

LEADS = (90, 60, 30)
WARNING, FINE = 0.2, 0.6  # worth of a value, 0 to 1: up to the one it warned, from the other on it looked well
ALARMED = ("orange", "red")
_SHOWN = 5


@dataclass(frozen=True)
class Autopsy:
    """The last customers that were lost.

    Attributes
    ----------
    losses
        One row each, latest first: ``account_id, left, arr`` (at the last reading), for each lead ``health_90, band_90,
        warnings_90`` (signs that warned) and, where predictions of the time are given, ``p_90``; ``warned_days`` (the
        earliest lead at which the band was orange or red; 0 when it never was).
    signs
        One row per loss and sign with a curve at the last reading: ``account_id, indicator, title, dimension, value,
        points`` (0 to 100), ``state`` (``warned``, ``fine``, ``between``, ``missing``) and, where it warned, the
        ``sentence``.
    others
        Of the accounts that stayed, and have not left since, the share that stood in orange or red on the same days.
    """

    losses: pd.DataFrame
    signs: pd.DataFrame
    others: float

    def frame(self) -> pd.DataFrame:
        """Return the losses."""
        return self.losses

    @property
    def catchable(self) -> pd.DataFrame:
        """The losses that stood in orange or red 30 days before, or earlier."""
        return self.losses[self.losses["warned_days"] > 0]

    def silent(self) -> pd.DataFrame:
        """Count, by sign, in how many losses it looked well at the last reading, and in how many it warned."""
        told = self.signs.pivot_table(
            index=["indicator", "title", "dimension"], columns="state", values="points", aggfunc="size", fill_value=0
        )
        told = told.reindex(columns=["fine", "warned"], fill_value=0).reset_index().rename_axis(columns=None)
        return told.sort_values(["fine", "warned", "indicator"], ascending=[False, True, True], ignore_index=True)

    def text(self) -> str:
        """Tell it in sentences."""
        n, caught, worth = len(self.losses), self.catchable, self.losses["arr"].sum()
        stake = "" if self.losses["arr"].isna().all() else f" ({worth:,.0f} a year)"
        part = "" if self.losses["arr"].isna().all() else f" ({caught['arr'].sum():,.0f})"
        early = int((self.losses["warned_days"] == LEADS[0]).sum())
        told = [
            f"Of the last {n} customers lost{stake}, {len(caught)}{part} stood in orange or red 30 days before or "
            f"earlier, {early} of them {LEADS[0]} days before. So did {self.others:.0%} of the accounts that stayed."
        ]
        if n - len(caught):
            told.append(f"{n - len(caught)} looked well enough to the end by the template score.")
        quiet = self.silent().query("fine > warned").head(3)["title"].tolist()
        if quiet:
            told.append(f"Signs that looked well most often: {', '.join(quiet)}.")
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {
            "in_words": self.text(),
            "others_alarmed": self.others,
            "losses": json_rows(self.losses),
            "signs": json_rows(self.signs),
            "silent": json_rows(self.silent()),
        }

    def _repr_html_(self) -> str:
        from html import escape

        return (
            f"<p>{escape(self.text())}</p>{self.losses.to_html(escape=True, index=False, float_format='{:.0f}'.format)}"
        )


def autopsy(
    X: Snapshot,
    y: Labels,
    health: HealthScore,
    history: History,
    *,
    last: int = 20,
    predictions: pd.DataFrame | None = None,
) -> Autopsy:
    """Look at the last customers lost, one by one.

    Parameters
    ----------
    X, y
        Snapshot and labels of the same history, at regular cutoffs.
    health
        A template, which has learned nothing.
    history
        Where the sentences are read.
    last
        How many.
    predictions
        Those of a backtest, ``account_id, cutoff, horizon, model, p``: what the churn model said at the time.

    Raises
    ------
    UsageError
        When `last` is not 1 or more, or the health score was learned.
    TooFewEvents
        When nobody was lost whose past was measured.
    """
    if last < 1:
        raise UsageError("autopsy, last", "a number of customers, 1 or more", str(last), "correct it")
    if health.learned:
        do = "take HealthScore.template()"
        raise UsageError("autopsy, health", "a template", "weights that were learned from these losses", do)
    read = _readings(X, y, last)
    if read.empty:
        do = "lengthen the history, or add cutoffs"
        raise TooFewEvents("autopsy", f"a loss with a cutoff {LEADS[-1]} days before it", "none", do)
    keys = pd.MultiIndex.from_frame(read[["account_id", "cutoff"]])
    rows = X.rows(X.index.isin(keys))
    worth, scores = rows.curved(), health.score(rows)
    table = _losses(read, rows, worth, scores, predictions)
    final = read.sort_values("lead").drop_duplicates("account_id").set_index("account_id")["cutoff"]
    others = _alarmed(X.rows(_stayed(X, y, read["cutoff"])), health)
    return Autopsy(table, _signs(table["account_id"], final, rows, worth, history), others)


def _readings(X: Snapshot, y: Labels, last: int) -> pd.DataFrame:
    """Find, for each of the last losses and each lead, the last cutoff that lies so many days before: long."""
    event = y.on(X.index).event_at.dropna()
    known = event.groupby(level="account_id").max().rename("left").reset_index()
    known = known.sort_values(["left", "account_id"], ascending=[False, True], kind="stable")
    cutoffs = X.index.to_frame(index=False).merge(known, on="account_id")
    parts = []
    for lead in LEADS:
        before = cutoffs[cutoffs["cutoff"] <= cutoffs["left"] - pd.Timedelta(days=lead)]
        latest = before.sort_values("cutoff", kind="stable").drop_duplicates("account_id", keep="last")
        parts.append(latest.assign(lead=lead))
    long = pd.concat(parts, ignore_index=True)
    there = known[known["account_id"].isin(long.loc[long["lead"] == LEADS[-1], "account_id"])].head(last)
    return long[long["account_id"].isin(there["account_id"])].reset_index(drop=True)


def _stayed(X: Snapshot, y: Labels, cutoffs: pd.Series) -> NDArray[np.bool_]:
    """Mark, on the same days, those that were seen to stay and did not leave later either."""
    labels = y.on(X.index)
    stayed = (labels.frame == 0).any(axis=1) & labels.event_at.isna()
    return np.asarray(X.index.get_level_values("cutoff").isin(cutoffs) & stayed)


def _alarmed(rows: Snapshot, health: HealthScore) -> float:
    bands = ACTION.names_of(health.score(rows).dropna())
    return float(bands.isin(ALARMED).mean()) if len(bands) else np.nan


def _losses(
    read: pd.DataFrame, rows: Snapshot, worth: pd.DataFrame, scores: pd.Series, predictions: pd.DataFrame | None
) -> pd.DataFrame:
    warnings = (worth <= WARNING).sum(axis=1)
    told = read[["account_id", "left"]].drop_duplicates("account_id")
    told = told.sort_values(["left", "account_id"], ascending=[False, True], kind="stable", ignore_index=True)
    arr = rows.context["arr"] if "arr" in rows.context else pd.Series(np.nan, index=rows.index)
    asked = None if predictions is None else _asked(predictions)
    for lead in LEADS:
        here = read[read["lead"] == lead].set_index("account_id")["cutoff"].reindex(told["account_id"])
        keys = pd.MultiIndex.from_arrays([here.index, pd.DatetimeIndex(here)], names=rows.index.names)
        score = scores.reindex(keys).to_numpy(float)
        told[f"health_{lead}"] = score
        told[f"band_{lead}"] = ACTION.names_of(pd.Series(score)).to_numpy()
        told[f"warnings_{lead}"] = warnings.reindex(keys).to_numpy(float)
        if asked is not None:
            told[f"p_{lead}"] = asked.reindex(keys).to_numpy(float)
        if lead == LEADS[-1]:
            told.insert(2, "arr", arr.reindex(keys).to_numpy(float))
    alarmed = np.column_stack([told[f"band_{lead}"].isin(ALARMED) for lead in LEADS])
    told["warned_days"] = np.where(alarmed.any(axis=1), np.array(LEADS)[alarmed.argmax(axis=1)], 0)
    return told


def _asked(predictions: pd.DataFrame) -> pd.Series:
    longest = predictions["horizon"].max()
    mine = predictions[(predictions["model"] == "churn") & (predictions["horizon"] == longest)]
    found: pd.Series = mine.set_index(["account_id", "cutoff"])["p"]
    return found


def _signs(
    accounts: pd.Series, final: pd.Series, rows: Snapshot, worth: pd.DataFrame, history: History
) -> pd.DataFrame:
    """Tell what each sign said at the last reading; those that warned, in their sentences."""
    known = {one.name: one for one in rows.catalog if one.curve is not None and not one.calendar}
    parts = []
    days = pd.DatetimeIndex(final.unique()).sort_values()
    for cutoff in progress(days, "evidence", len(days)):
        ids = [account for account in accounts if final[account] == cutoff]
        keys = pd.MultiIndex.from_product([ids, [cutoff]], names=rows.index.names)
        points = worth.reindex(index=keys, columns=list(known)).droplevel("cutoff")
        values = rows.indicators.reindex(index=keys, columns=list(known)).droplevel("cutoff")
        loud = [name for name in known if (points[name] <= WARNING).any()]
        said = Catalog(tuple(known[name] for name in loud), fixed=True).evidence(history, ids, cutoff)
        for account, (name, one) in product(ids, known.items()):
            value, score = (float(table.loc[account, name]) for table in (values, points))
            state = _state(value, score)
            told = str(said.at[account, name]) if state == "warned" else ""
            parts.append((account, name, one.title, one.dimension, value, 100 * score, state, told))
    columns = ["account_id", "indicator", "title", "dimension", "value", "points", "state", "sentence"]
    table = pd.DataFrame(parts, columns=columns)
    order = {account: place for place, account in enumerate(accounts)}
    return table.sort_values(
        ["account_id", "points", "indicator"],
        key=lambda column: column.map(order) if column.name == "account_id" else column,
        kind="stable",
        ignore_index=True,
    )


def _state(value: float, worth: float) -> str:
    if np.isnan(value) or np.isnan(worth):
        return "missing"
    return "warned" if worth <= WARNING else "fine" if worth >= FINE else "between"
