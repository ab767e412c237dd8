"""The year as a picture: performance, drift, and which model was in service."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.year.company import DAY, Company
from benchmarks.year.living import Year


def draw(company: Company, year: Year, promotions: pd.DataFrame, path: Path) -> None:
    """Draw realised AUC, the effect of drift and the models in service over the year, with the faults behind them."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    auc, drift, models = figure.subplots(3, 1, sharex=True, height_ratios=[3, 3, 2])
    realised, effect = _performance(year), _effect(year)
    for horizon, rows in realised.groupby("horizon"):
        auc.plot(rows["as_of"], rows["auc"], marker="o", ms=3, label=f"{horizon} days")
    if len(realised):
        auc.legend(frameon=False, ncols=3)
    auc.set_ylabel("AUC, as it came out")
    drift.plot(effect["day"], effect["queue"], marker="o", ms=3)
    drift.set_ylabel("share of the queue\nthat drift changes")
    for place, row in enumerate(promotions.to_dict("records")):
        models.annotate(row["model"][:6], (row["day"], place % 3), fontsize=8)
        for axes in (auc, drift, models):
            axes.axvline(row["day"], color="#3B6EA5", lw=0.8, ls=":")
    models.set_ylim(-0.5, 3)
    models.set_yticks([])
    models.set_ylabel("promotions")
    for fault in company.faults:
        for axes in (auc, drift, models):
            axes.axvspan(
                fault.first, min(fault.last + DAY, company.day(company.days)), color="#D9A066", alpha=0.25, lw=0
            )
        auc.annotate(
            fault.name, (fault.first, 1.0), xycoords=("data", "axes fraction"), fontsize=7, rotation=20, va="bottom"
        )
    figure.savefig(path, dpi=110)


def _performance(year: Year) -> pd.DataFrame:
    told = [row for one in year.told for row in one["said"].get("performance", ()) if row["kind"] == "realised"]
    if not told:
        return pd.DataFrame(columns=["as_of", "horizon", "auc"])
    rows = pd.DataFrame(told).drop_duplicates(["as_of", "horizon"], keep="last").dropna(subset=["auc"])
    return rows.assign(as_of=pd.to_datetime(rows["as_of"])).sort_values("as_of")


def _effect(year: Year) -> pd.DataFrame:
    rows = [(one["day"], one["said"]["together"]["queue"]) for one in year.told if "together" in one["said"]]
    return pd.DataFrame(rows, columns=["day", "queue"])
