"""Plots of importance and dependence; each takes and returns Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from holdfast.models.explain import CONTEXT
from holdfast.training.plots import COLOURS, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 15


def plot_importance(rows: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the shares of the strongest signs, and a dot for what is lost when their values are exchanged.

    Context, such as the contract, is no sign and left out; shares are of what the signs say.
    """
    ax, rows = axes_or_new(ax), rows[rows["dimension"] != CONTEXT]
    shown = rows.head(SHOWN).iloc[::-1]
    places = range(len(shown))
    told = rows["share"].sum()
    ax.barh(places, shown["share"] / (told or 1.0), color=COLOURS[0], height=0.62, label="share of the risk told")
    total = float(rows["lost"].clip(lower=0).sum())
    if total > 0:
        lost = shown[["lost", "low", "high"]] / total
        ax.hlines(places, lost["low"], lost["high"], color=COLOURS[1], linewidth=1.2)
        ax.plot(lost["lost"], places, "o", markersize=4, color=COLOURS[1], label="share of what is lost when exchanged")
    ax.set_yticks(list(places), [_short(title) for title in shown["title"]])
    ax.set_xlabel("share")
    ax.set_title("Which signs count")
    ax.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    return ax


def plot_dependence(table: pd.DataFrame, title: str, ax: Axes | None = None) -> Axes:
    """Draw what a sign adds to the risk along its values; dashed, what the curve says they are worth."""
    ax = axes_or_new(ax)
    ax.axhline(0.0, color="#bbbbbb", linewidth=1)
    ax.fill_between(table["value"], table["low"], table["high"], color=COLOURS[0], alpha=0.15, linewidth=0)
    ax.plot(table["value"], table["contribution"], marker="o", markersize=4, color=COLOURS[0], label="in the data")
    ax.set_xlabel(_short(title))
    ax.set_ylabel("adds to the log-hazard of churn")
    ax.set_title("What a value is worth")
    if table["curve"].notna().any():
        other = ax.twinx()
        other.plot(table["value"], 100 * table["curve"], "--", color=COLOURS[1], label="declared curve")
        other.set_ylim(105, -5)  # healthy below, as little risk is
        other.set_ylabel("declared health, 100 at the bottom")
        lines = [*ax.get_lines()[1:2], *other.get_lines()]
        ax.legend(lines, ["in the data", "declared curve"], frameon=False, fontsize="small")
    return ax


def _short(title: str) -> str:
    """Keep a label on one line, and hostile markup of mathematics from being read."""
    plain = title.replace("$", r"\$")
    return plain if len(plain) <= 44 else f"{plain[:43]}…"
