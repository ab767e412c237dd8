"""Importance: which signs count, by four measures that answer different questions, and which reasons to be wary of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.findings import Finding
from holdfast.models.explain import CONTEXT
from holdfast.models.interactions import interactions
from holdfast.training.importance import dependence as along
from holdfast.training.importance.marks import marks, named
from holdfast.training.importance.measures import dropped, permuted, ranked, sizes
from holdfast.training.importance.walk import Refit, pooled, walk
from holdfast.training.leaks import leaks
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.explain import Explanation
    from holdfast.training.labels import Labels

DROPPED, REFITS = 10, 3


@dataclass(frozen=True, eq=False)
class Importance:
    """What each group of signs is worth on rows later than those that were learned from.

    Attributes
    ----------
    rows
        One row per group, largest share first: ``group, title, dimension, signs`` (how many say nearly the same),
        ``share`` (of the mean size of contributions), ``lost, low, high`` (rise of the log loss at the longest horizon
        that is settled, when its values are exchanged between accounts), ``refit`` (rise when the model is fitted
        without it; missing where that was not asked), ``auc_<days>`` (how well the best of its signs alone ranks who
        leaves between the horizon before and this one), ``named`` (share of accounts that it is among the first three
        reasons of), ``rank_low, rank_high`` (over the refits) and ``mark``.
    interactions
        See `holdfast.models.interactions.interactions`.
    findings
        Signs that rank churn too well to be true.
    refits
        The days of training; None where the rows know no time.
    """

    rows: pd.DataFrame
    interactions: pd.DataFrame
    findings: tuple[Finding, ...]
    refits: tuple[pd.Timestamp | None, ...]
    _explained: tuple[Explanation, ...] = field(repr=False)
    _lost: pd.DataFrame = field(repr=False)
    _ranked: pd.DataFrame = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def dimensions(self) -> pd.DataFrame:
        """Sum the shares by dimension: ``dimension, share``."""
        sums = self.rows.groupby("dimension")["share"].sum()
        return sums.sort_values(ascending=False, kind="stable").reset_index()

    def segments(self) -> pd.DataFrame:
        """Give the shares inside each segment: ``part`` (the segment)``, group, mean_size, share``."""
        told = []
        for why in (one for one in self._explained if "segment" in one.X.context):
            by = why.X.context["segment"].astype(object)
            by = by.where(by.notna(), "").astype(str)
            counts = by.value_counts().rename("rows")
            told.append(sizes(why, by.to_numpy(dtype=object)).merge(counts, left_on="part", right_index=True))
        if not told:
            return pd.DataFrame(columns=["part", "group", "mean_size", "share"])
        joined = pd.concat(told, ignore_index=True)
        joined["mean_size"] *= joined["rows"]
        sums = joined.groupby(["part", "group"], as_index=False)[["mean_size", "rows"]].sum()
        sums["mean_size"] /= sums.pop("rows")
        return sums.assign(share=sums["mean_size"] / sums.groupby("part")["mean_size"].transform("sum"))

    def over_time(self) -> pd.DataFrame:
        """Give the shares at each refit: ``part`` (the day of training)``, group, mean_size, share``."""
        told = [sizes(why).assign(part=day) for day, why in zip(self.refits, self._explained, strict=True)]
        return pd.concat(told, ignore_index=True)

    def horizons(self) -> pd.DataFrame:
        """Give what is lost at each horizon when values are exchanged: ``group, horizon, lost, low, high``."""
        return self._lost

    def alone(self) -> pd.DataFrame:
        """Give how well each sign alone ranks who leaves next: ``indicator, horizon, auc``."""
        return self._ranked

    def curves(self) -> pd.DataFrame:
        """Compare where declared curves and the data say that health begins, the widest effects first."""
        table = along.against_curves(self._explained)
        return table.sort_values("range", ascending=False, kind="stable", ignore_index=True)

    def dependence(self, name: str) -> pd.DataFrame:
        """Follow the contribution of a sign along its values, beside its declared curve.

        Raises
        ------
        UsageError
            When the model has no such sign.
        """
        known = [str(one) for one in self._explained[0].contributions]
        if name not in known:
            raise UsageError("Importance.dependence", "a sign of the model", repr(name), did_you_mean(name, known))
        return along.dependence(self._explained, name)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the largest shares, with what is lost when values are exchanged beside them."""
        from holdfast.training.importance.plots import plot_importance

        return plot_importance(self.rows, ax)

    def plot_dependence(self, name: str, ax: Axes | None = None) -> Axes:
        """Draw the contribution of a sign along its values, with the declared curve."""
        from holdfast.training.importance.plots import plot_dependence

        told, titles = self.dependence(name), self._explained[0].sources["title"]
        return plot_dependence(told, str(titles[name]), ax)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values."""
        tables = {
            "groups": self.rows,
            "dimensions": self.dimensions(),
            "segments": self.segments(),
            "over_time": self.over_time().assign(part=lambda table: table["part"].map(_day)),
            "horizons": self.horizons(),
            "alone": self.alone(),
            "curves": self.curves(),
            "interactions": self.interactions,
        }
        told: dict[str, Any] = {name: json_rows(table) for name, table in tables.items()}
        told["refits"] = [_day(day) for day in self.refits]
        told["findings"] = [{"code": one.code, "where": one.where, "message": one.message} for one in self.findings]
        return told

    def _repr_html_(self) -> str:
        warned = "".join(f"<p><strong>{escape(str(one))}</strong></p>" for one in self.findings)
        return warned + self.rows.head(20).to_html(escape=True, index=False, float_format="{:.3f}".format)


def importance(
    model: ChurnModel,
    X: Snapshot | pd.DataFrame,
    y: Labels | Any,
    *,
    refits: int = REFITS,
    retrain_every: int = 3,
    without: int = DROPPED,
    seed: int = 0,
) -> Importance:
    """Measure what each sign is worth, on rows later than those that were learned from.

    Parameters
    ----------
    model
        Its parameters count; it is fitted anew.
    X, y
        A snapshot and labels; or a plain frame with a label of two classes, some rows of which are kept to judge by.
    refits, retrain_every
        The last so many days of training are looked at, each a number of cutoffs after the one before.
    without
        For so many of the groups that lose most the model is also fitted without them.

    Raises
    ------
    TooFewEvents
        When no day of training has enough events before it and labels after it.
    """
    steps = walk(model, X, y, refits=refits, retrain_every=retrain_every)
    explained = tuple(one.model.explain(one.X) for one in steps)
    groups = _groups(explained)
    lost = permuted(steps, groups, seed=seed)
    indicators, labels = pooled(steps)
    encoding, rises = steps[-1].model.encoding_, steps[-1].model.rises_
    alone = ranked(indicators, labels, encoding.signs, rises=rises)
    longest = lost[lost["horizon"] == lost["horizon"].max()]
    heaviest = longest.sort_values("lost", ascending=False, kind="stable")["group"].head(without)
    settled = longest["horizon"].iloc[0]
    judged = max(steps, key=lambda one: int((one.y[settled] == 1).sum()))  # the last one may have few labels yet
    refit = dropped(judged, {name: groups[name] for name in heaviest})
    found = tuple(leaks(indicators, labels, dated=steps[0].trained_at is not None))
    rows = _rows(steps, explained, groups, longest, refit, alone)
    rows["mark"] = marks(rows, along.against_curves(explained), groups, {one.where for one in found})
    return Importance(
        rows=rows,
        interactions=interactions(steps[-1].model, steps[-1].X),
        findings=found,
        refits=tuple(one.trained_at for one in steps),
        _explained=explained,
        _lost=lost,
        _ranked=alone,
    )


def _day(day: pd.Timestamp | None) -> str | None:
    return None if day is None else f"{day:%Y-%m-%d}"


def _groups(explained: Sequence[Explanation]) -> dict[str, tuple[str, ...]]:
    """Collect the members of each group, as the last refit sees them."""
    groups = explained[-1].sources["group"]
    return {str(name): tuple(map(str, members)) for name, members in groups.groupby(groups, sort=False).groups.items()}


def _rows(
    steps: Sequence[Refit],
    explained: Sequence[Explanation],
    groups: Mapping[str, tuple[str, ...]],
    longest: pd.DataFrame,
    refit: pd.DataFrame,
    alone: pd.DataFrame,
) -> pd.DataFrame:
    last, sources = list(groups), explained[-1].sources
    regrouped = [_regrouped(why, groups) for why in explained]
    weight = np.array([len(one.X) for one in steps], dtype=float)
    size = sum(w * parts.abs().mean() for w, parts in zip(weight, regrouped, strict=True)) / weight.sum()
    ranks = pd.concat([parts.abs().mean().rank(ascending=False, method="first") for parts in regrouped], axis=1)
    table = pd.DataFrame(
        {
            "title": sources.loc[last, "title"],
            "dimension": sources.loc[last, "dimension"],
            "signs": [len(groups[name]) for name in last],
            "share": (size / size.sum() if size.sum() > 0 else size)[last],
        },
        index=pd.Index(last, name="group"),
    )
    table = table.join(longest.set_index("group")[["lost", "low", "high"]])
    table["refit"] = refit.set_index("group")["lost"].reindex(table.index)
    best = alone.assign(group=alone["indicator"].map(sources["group"])).dropna(subset=["group"])
    aucs = best.groupby(["group", "horizon"])["auc"].max().unstack()
    table = table.join(aucs.add_prefix("auc_"))
    fixed = {one.name for one in explained[-1].X.catalog if one.calendar}
    table["named"] = named(regrouped, (table["dimension"] != CONTEXT) & ~table.index.isin(fixed))
    table["rank_low"], table["rank_high"] = ranks.min(axis=1).astype(int), ranks.max(axis=1).astype(int)
    return table.sort_values("share", ascending=False, kind="stable").reset_index()


def _regrouped(why: Explanation, groups: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Sum contributions by the groups of the last refit, whatever the groups of this one were."""
    parts = why.contributions
    return pd.DataFrame(
        {name: parts.reindex(columns=list(members), fill_value=0.0).sum(axis=1) for name, members in groups.items()}
    )
