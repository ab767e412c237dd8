"""Plots of a backtest, in colours that the colour-blind tell apart; each takes and returns Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.training.verdict import BASELINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito, Color Universal Design, 2008; grey shades for baselines
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREYS = {"base_rate": "#bbbbbb", "recency": "#8c8c8c", "context": "#666666", "template": "#333333"}  # the rest is told
DASHES = {"base_rate": ":", "recency": "-.", "context": "--", "template": (0, (5, 1))}


def plot_calibration(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw predicted against observed churn at the longest horizon, by model; on the diagonal they agree."""
    ax, rows = axes_or_new(ax), _longest(frame)
    top = max(rows["predicted"].max(), rows["observed"].max(), 0.01) * 1.05
    ax.plot([0, top], [0, top], color="#bbbbbb", linewidth=1)
    for name, part in _by_model(rows[~rows["model"].isin(["base_rate", "recency", "context"])]):
        style = _style(name, rows)
        ax.plot(part["predicted"], part["observed"], marker="o", markersize=4, label=name, **style)
        ax.fill_between(part["predicted"], part["low"], part["high"], color=style["color"], alpha=0.12, linewidth=0)
    return _finish(ax, "predicted probability", "observed share", f"Calibration, {rows['horizon'].max()} days", top)


def plot_lift(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of churn caught against the share of accounts contacted, at the longest horizon."""
    ax, rows = axes_or_new(ax), _longest(frame)
    for name, part in _by_model(rows):
        ax.plot(part["share"], part["captured"], label=name, **_style(name, rows))
    title = f"Churn caught within {rows['horizon'].max()} days"
    return _finish(ax, "share of accounts contacted, most probable first", "share of churn caught", title, 1.0)


def plot_lead_time(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of churned accounts that stood among the most probable fifth, by weeks before they churned."""
    ax = axes_or_new(ax)
    for name, part in _by_model(frame):
        ax.plot(part["weeks"], part["share"], marker="o", markersize=4, label=name, **_style(name, frame))
    if frame.empty:
        ax.text(0.5, 0.5, "silence has no day of churn", ha="center", va="center", transform=ax.transAxes)
        return ax
    ax.invert_xaxis()
    ax.set_ylim(0, 1)
    ax.set_xlabel("weeks before churn")
    ax.set_ylabel("share already in the top fifth")
    ax.set_title("How early it was seen")
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_held(curve: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of the accounts that left and had been on the list without a gap for so many days, by model."""
    ax = axes_or_new(ax)
    for name, part in _by_model(curve[curve["model"] != "base_rate"]):
        ax.plot(part["days"], part["share"], label=name, **_style(name, curve))
    top = float(curve["days"].max())
    ax = _finish(ax, "days on the list before they left", "share of accounts that left", "How long they were held", 1.0)
    ax.set_xlim(0, top)
    return ax


def plot_over_time(importance: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of each dimension in what a model reads, by the day on which it was trained."""
    ax = axes_or_new(ax)
    shares = importance.groupby(["trained_at", "dimension"], observed=True)["share"].sum().unstack(fill_value=0)
    shares = shares.div(shares.sum(axis=1), axis=0)
    for place, name in enumerate(shares.mean().sort_values(ascending=False).index):
        colour = COLOURS[place % len(COLOURS)]
        ax.plot(shares.index, shares[name], marker="o", markersize=4, color=colour, label=str(name))
    ax.set_ylim(0, 1)
    ax.set_ylabel("share of what is told")
    ax.set_title("What counts, over time")
    ax.tick_params(axis="x", rotation=30)
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_importance(importance: pd.DataFrame, ax: Axes | None = None, shown: int = 12) -> Axes:
    """Draw the share of the heaviest signs in what a model reads, as it was trained last."""
    ax = axes_or_new(ax)
    last = importance[importance["trained_at"] == importance["trained_at"].max()]
    heavy = last.sort_values("share", ascending=False, kind="stable").head(shown).iloc[::-1]
    ax.barh(range(len(heavy)), 100.0 * heavy["share"], color=COLOURS[0])
    ax.set_yticks(range(len(heavy)), [str(title).replace("$", r"\$")[:36] for title in heavy["title"]])
    ax.set_xlabel("share of what is told, %")
    ax.set_title("What counts")
    return ax


def plot_weights(table: pd.DataFrame, ax: Axes | None = None, shown: int = 12) -> Axes:
    """Draw learned weights with their intervals beside those of the template: the dimensions, then the heaviest signs.

    Parameters
    ----------
    table
        From `holdfast.models.audit.weight_table`.
    """
    ax = axes_or_new(ax)
    whole, signs = table[table["indicator"] == ""], table[table["indicator"] != ""]
    heavy = signs.sort_values("weight", ascending=False, kind="stable").head(shown)
    rows = pd.concat([whole, heavy]).iloc[::-1]
    places = range(len(rows))
    colours = [COLOURS[1] if name == "" else COLOURS[0] for name in rows["indicator"]]
    ax.hlines(places, rows["low"], rows["high"], color=colours, linewidth=1.6)
    ax.scatter(rows["weight"], places, color=colours, s=22, zorder=3, label="learned")
    ax.scatter(rows["template"], places, facecolor="none", edgecolor="#333333", s=26, zorder=2, label="by hand")
    titles = [title if name else dimension for name, title, dimension in
              rows[["indicator", "title", "dimension"]].itertuples(index=False)]  # fmt: skip
    ax.set_yticks(list(places), [title.replace("$", r"\$")[:36] for title in titles])
    ax.set_xlim(left=0)
    ax.set_xlabel("weight, of 100")
    ax.set_title("Weights")
    ax.legend(frameon=False, fontsize="small", loc="lower right")
    return ax


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the axes given, else new ones."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(5.5, 4.5), layout="constrained")[1]


def _longest(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.query("horizon == horizon.max()")


def _by_model(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    names = [name for name in dict.fromkeys(frame["model"]) if name not in BASELINES or name in GREYS]
    return [(str(name), frame[frame["model"] == name]) for name in names]


def _style(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    if name in BASELINES:
        return {"color": GREYS[name], "linestyle": DASHES[name], "linewidth": 1.2}
    own = [one for one in dict.fromkeys(frame["model"]) if one not in BASELINES]
    return {"color": COLOURS[own.index(name) % len(COLOURS)], "linewidth": 1.8}


def _finish(ax: Axes, x: str, y: str, title: str, top: float) -> Axes:
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_title(title)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small")
    return ax
