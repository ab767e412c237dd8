"""Why: the risk of each account split exactly over indicators, dimensions and context.

Contributions are on the log-hazard scale and always read the same way: positive raises the probability of churn,
negative lowers it. They hold at every horizon, since neither interval nor calendar interacts with the indicators. A
plain frame has no time: there they are on the scale of the log-odds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.errors import HoldfastError, UsageError
from holdfast.features.context import NUMBERS, TEXTS
from holdfast.features.snapshot import Snapshot
from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Floats
from holdfast.models.line import Line

if TYPE_CHECKING:
    import shap
    from matplotlib.axes import Axes

    from holdfast.models.churn import ChurnModel

Bools = NDArray[np.bool_]
CONTEXT = "context"
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Explanation:
    """Contributions of indicators and context to the log-hazard of churn, calendar and calibration apart.

    Attributes
    ----------
    contributions
        Rows of the snapshot x indicators and context fields; positive raises the probability of churn.
    base
        What an account has before anything is known of it; base + the contributions of a row = its g.
    g
        The exposure-free log-hazard of churn of each row.
    line
        What calibration makes of g, and what the contract calendar adds to it in each interval.
    sources
        One row per column of contributions: ``title, dimension`` (``context`` for what is no health) and ``group``, the
        first of the signs that say nearly the same.
    X
        The rows explained.
    companions
        The indicators that move along with each.
    """

    contributions: pd.DataFrame
    base: float
    g: pd.Series
    line: Line
    sources: pd.DataFrame
    X: Snapshot
    companions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        gap = float(np.abs(self.base + self.contributions.sum(axis=1) - self.g).max()) if len(self.g) else 0.0
        if not gap <= _TOLERANCE:
            raise HoldfastError(
                "Explanation", "contributions that add up", f"a gap of {gap:g}", "report this as a fault"
            )

    @property
    def calibration(self) -> pd.Series:
        """What calibration adds to the g of each row: base + contributions + calibration = total."""
        return (self.total - self.g).rename("calibration")

    @property
    def total(self) -> pd.Series:
        """The calibrated log-hazard of each row, contract calendar apart."""
        return pd.Series(self.line.total(self.g.to_numpy()), index=self.g.index, name="total")

    def probabilities(self) -> pd.DataFrame:
        """Probability of churn by horizon, as the model predicts it."""
        p = self.line.probabilities(self.total.to_numpy())
        return pd.DataFrame(p, index=self.g.index, columns=pd.Index(self.line.horizons, name="horizon"))

    def effects(self, horizon: int, parts: pd.DataFrame | None = None) -> pd.DataFrame:
        """Tell what each source does to the probability of churn by a horizon: with it, less without it.

        Without it means: contributing nothing, as for the average account. These effects answer one question each and
        do not add up; the contributions do.

        Parameters
        ----------
        parts
            Contributions on the same rows, such as sums of several sources; by default each source by itself.

        Raises
        ------
        UsageError
            When the model did not learn that horizon.
        """
        if horizon not in self.line.horizons:
            known = ", ".join(map(str, self.line.horizons))
            raise UsageError("Explanation.effects", f"a horizon of {known} days", str(horizon), "choose one of them")
        place, g = self.line.horizons.index(horizon), self.g.to_numpy()
        told = self.line.probabilities(self.line.total(g))[:, place]
        effects = {
            name: told - self.line.probabilities(self.line.total(g - part.to_numpy()))[:, place]
            for name, part in (self.contributions if parts is None else parts).items()
        }
        return pd.DataFrame(effects, index=self.g.index)

    def rows(self, mask: Bools) -> Explanation:
        """Keep the rows where a mask holds."""
        return replace(
            self, contributions=self.contributions[mask], g=self.g[mask], line=self.line.rows(mask), X=self.X.rows(mask)
        )

    def place_of(self, account_id: str) -> int:
        """Find the row of an account at its last cutoff.

        Raises
        ------
        UsageError
            When the account is not among the rows explained.
        """
        ids = self.contributions.index.get_level_values("account_id")
        places = np.flatnonzero(ids == account_id)
        if len(places) == 0:
            near = get_close_matches(str(account_id), [str(one) for one in ids.unique()[:10_000]], n=1)
            hint = f"did you mean {near[0]!r}?" if near else "measure it, or correct the id"
            raise UsageError("Explanation", "an account of the snapshot", f"{account_id!r}", hint)
        return int(places[-1])

    def frame(self) -> pd.DataFrame:
        """One row per account, cutoff and source: account_id, cutoff, indicator, dimension, contribution, value.

        The value is missing where the source is a text of the context.
        """
        n, sources = self.contributions.shape
        index = self.contributions.index
        return pd.DataFrame(
            {
                "account_id": np.repeat(index.get_level_values("account_id").to_numpy(dtype=object), sources),
                "cutoff": index.get_level_values("cutoff").repeat(sources),
                "indicator": np.tile(self.sources.index.to_numpy(dtype=object), n),
                "dimension": np.tile(self.sources["dimension"].to_numpy(dtype=object), n),
                "contribution": self.contributions.to_numpy().ravel(),
                "value": self.values().to_numpy().ravel(),
            }
        )

    def values(self) -> pd.DataFrame:
        """Tabulate what the accounts showed, on the columns of the contributions; texts are missing."""
        return pd.DataFrame({name: self.value(name) for name in self.contributions.columns})

    def value(self, name: str) -> pd.Series:
        """Tell what the accounts showed of one sign, or field of the context; texts are missing."""
        return pd.to_numeric(_field(self.X, name), errors="coerce")

    def account(self, account_id: str) -> pd.DataFrame:
        """Tell what drives one account at its last cutoff, strongest first.

        Columns: indicator, title, dimension, group, value, contribution. `holdfast.reasons` adds the evidence.

        Raises
        ------
        UsageError
            When the account is not among the rows explained.
        """
        row = self.place_of(account_id)
        table = self.sources.rename_axis("indicator").reset_index()
        table["value"] = [_field(self.X, name).iloc[row] for name in table["indicator"]]
        table["contribution"] = self.contributions.iloc[row].to_numpy()
        return table.iloc[np.argsort(-np.abs(table["contribution"].to_numpy()), kind="stable")].reset_index(drop=True)

    def importance(self) -> pd.DataFrame:
        """Mean size of the contributions by source, largest first, with its share."""
        size = self.contributions.abs().mean()
        table = self.sources.assign(mean_size=size, share=size / size.sum() if size.sum() > 0 else 0.0)
        return table.rename_axis("indicator").sort_values("mean_size", ascending=False, kind="stable").reset_index()

    def groups(self) -> pd.DataFrame:
        """Contributions summed by group, on the rows of the snapshot; a group goes by its first sign."""
        groups = self.sources["group"].to_numpy()
        return self.contributions.T.groupby(groups, sort=False).sum().T

    def dimensions(self) -> pd.DataFrame:
        """Contributions summed by dimension, on the rows of the snapshot."""
        return self.contributions.T.groupby(self.sources["dimension"].to_numpy()).sum().T

    def shap(self, *, grouped: bool = False) -> shap.Explanation:
        """Hand the same contributions to the plots of shap, by sign or summed by group."""
        from holdfast.models.explain_plots import as_shap

        return as_shap(self, grouped=grouped)

    def plot_waterfall(self, account_id: str, ax: Axes | None = None) -> Axes:
        """Draw how the signs of one account add up."""
        from holdfast.models.explain_plots import plot_waterfall

        return plot_waterfall(self, account_id, ax)

    def plot_beeswarm(self, ax: Axes | None = None) -> Axes:
        """Draw what each sign adds for every account."""
        from holdfast.models.explain_plots import plot_beeswarm

        return plot_beeswarm(self, ax)

    def plot_dependence(self, name: str, ax: Axes | None = None) -> Axes:
        """Draw what one sign adds against its value."""
        from holdfast.models.explain_plots import plot_dependence

        return plot_dependence(self, name, ax)

    def _repr_html_(self) -> str:
        return str(self.importance().head(15).to_html(escape=True, index=False, float_format="{:.3f}".format))


def explain(model: ChurnModel, X: Snapshot) -> Explanation:
    """Explain the average of regression and trees: closed form for the one, TreeSHAP for the other."""
    encoding, members = model.encoding_, model.members_
    design, features = encoding.design(X), encoding.features(X)
    toward_churn = 1.0 if model.rises_ else -1.0
    parts = regression_parts(encoding, design, members.ridge.coef, X)
    g, base = members.ridge.g(design), 0.0
    if members.trees is not None:
        contributions = members.trees.contributions(features)
        g = (1.0 - members.share) * g + members.share * contributions.sum(axis=1)
        base = members.share * float(contributions[0, -1]) if len(X) else 0.0
        parts = {name: (1.0 - members.share) * values for name, values in parts.items()}
        for source, values in zip(encoding.feature_sources, contributions.T[:-1], strict=True):
            parts[source] = parts[source] + members.share * values
    sources = _sources(encoding, X)
    return Explanation(
        contributions=pd.DataFrame({name: toward_churn * parts[name] for name in sources.index}, index=X.index),
        base=toward_churn * base,
        g=pd.Series(toward_churn * g, index=X.index, name="g"),
        line=line_of(model, X),
        sources=sources,
        X=X,
        companions=encoding.companions,
    )


def line_of(model: ChurnModel, X: Snapshot) -> Line:
    """Give what calibration and the contract calendar make of the g of rows."""
    calibration, exposure = model.calibration_, model.exposure(X)
    slope, calendar = calibration.slope, model.members_.calendar.eta(np.zeros(len(X)), exposure)
    beyond = exposure.offset + slope * (calendar - exposure.offset)
    shift = calibration.shift if model.rises_ else -calibration.shift
    return Line(slope, shift, beyond, model.horizons_, model.rises_, model.link_)


def regression_parts(encoding: Encoding, design: Floats, coef: Floats, X: Snapshot) -> dict[str, Floats]:
    """Coefficient times standardised value, by source; the template score is handed on to its indicators."""
    parts = {name: np.zeros(len(X)) for name in (*encoding.indicators, *encoding.context)}
    template = dict(encoding.template_parts(X))
    for column, values, weight in zip(encoding.columns, design.T, coef, strict=True):
        if column.role == "template":
            for name, part in template.items():
                if column.level in ("", encoding.dimensions[name]):
                    parts[name] += weight * part / column.scale
        else:
            parts[column.source] += weight * values
    return parts


def _sources(encoding: Encoding, X: Snapshot) -> pd.DataFrame:
    titles = {one.name: one.title for one in X.catalog}
    told = {column.source for column in encoding.columns}
    names = [*encoding.indicators, *(name for name in encoding.context if name in told)]
    return pd.DataFrame(
        {
            "title": [titles.get(name, _title(name)) for name in names],
            "dimension": [encoding.dimensions.get(name, CONTEXT) for name in names],
            "group": [encoding.groups.get(name, name) for name in names],
        },
        index=pd.Index(names, name="indicator"),
    )


def _title(name: str) -> str:
    """Call context by its name, which people read; a column of a plain table keeps its own."""
    return name.replace("_", " ").capitalize() if name in (*TEXTS, *NUMBERS) else name


def _field(X: Snapshot, name: str) -> pd.Series:
    return X.indicators[name] if name in X.indicators.columns else X.context[name]
