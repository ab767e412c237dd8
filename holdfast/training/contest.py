"""The contest: all models of one horizon measured on the same rows, and each against the best baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.training import bootstrap
from holdfast.training.metrics import NAMES, PLAIN, ece_floor
from holdfast.training.verdict import BASELINES, RANKING, Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.metrics import Floats

CHANCE = 0.5  # the AUC of who ranks nobody


@dataclass(frozen=True)
class Scores:
    """Hold the metrics of all models at one horizon, on the rows that all of them predicted.

    Attributes
    ----------
    values
        By model, (1 + replicates, metrics); the first row is the sample itself.
    floors
        By model, the calibration error that is noise.
    n, events
        Rows, and rows that churned.
    evidence
        Accounts with the rarer outcome.
    """

    values: dict[str, Floats]
    n: int
    events: int
    evidence: int
    floors: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, rows: pd.DataFrame, code: NDArray[np.intp], names: list[str], weights: Floats, least: int = 0
    ) -> Scores | None:
        """Measure the models on long rows of one horizon; None when they share no row.

        Parameters
        ----------
        code
            Position of each row's account in the columns of `weights`, see `bootstrap.draw`.
        least
            With less evidence rows are counted, and no model is measured.
        """
        keys = pd.MultiIndex.from_arrays([code, rows["cutoff"]])
        present = [name for name in names if (rows["model"] == name).any()]
        shared = pd.Series(1, index=keys).groupby(level=[0, 1], sort=True).size()
        shared = shared[shared == len(present)]
        if shared.empty:
            return None
        p: dict[str, Floats] = {}
        for name in present:
            mask = (rows["model"] == name).to_numpy()
            mine = rows.loc[mask, ["p", "y"]].set_axis(keys[mask]).loc[shared.index]
            p[name], y = mine["p"].to_numpy(), mine["y"].to_numpy()
        account = shared.index.get_level_values(0).to_numpy()
        counts = len(y), int(y.sum()), bootstrap.rarer(account, y)
        if counts[-1] < least:
            return cls({}, *counts)
        base, context = p.get("base_rate", np.full(len(y), y.mean())), p.get("context")
        values = {name: bootstrap.replicate(y, one, base, account, weights, context) for name, one in p.items()}
        floors = {name: ece_floor(one) for name, one in p.items()}
        return cls(values, *counts, floors)

    def tidy(self, horizon: int) -> pd.DataFrame:
        """Give ``model, horizon, metric, value, low, high``."""
        frames = []
        for name, values in self.values.items():
            low, high = bootstrap.interval(values[1:], evidence=self.evidence)
            plain = [self.floors.get(name, math.nan), float(self.n), float(self.events)]
            counts = pd.DataFrame({"metric": PLAIN, "value": plain})
            frame = pd.DataFrame({"metric": NAMES, "value": values[0], "low": low, "high": high})
            frames.append(pd.concat([frame, counts]).assign(model=name, horizon=horizon))
        return pd.concat(frames)[["model", "horizon", "metric", "value", "low", "high"]]

    def compare(self, horizon: int) -> list[Comparison]:
        """Set every model that is no baseline against the baseline with the best AUC, paired by replicate.

        Where every baseline ranks worse than chance, chance is what is to beat: the base rate, which ranks nobody.
        """
        at = NAMES.index("auc")
        there = [name for name in RANKING if name in self.values] or list(self.values)
        strength = {name: self.values[name][0, at] for name in there}
        best = max(strength, key=lambda name: -1.0 if math.isnan(strength[name]) else strength[name])
        rival = self.values[best][:, [at]]
        if strength[best] < CHANCE:
            level = self.values.get("base_rate", self.values[best])[:, [at]]  # over refits it follows a trend of churn
            best, rival = "base_rate", np.maximum(level, CHANCE)
        found = []
        for name in (name for name in self.values if name not in BASELINES):
            difference = self.values[name][:, [at]] - rival
            low, high = bootstrap.interval(difference[1:], evidence=self.evidence)
            bounds = (float(difference[0, 0]), float(low[0]), float(high[0]))
            found.append(Comparison(name, best, horizon, *bounds, evidence=self.evidence))
        return found
