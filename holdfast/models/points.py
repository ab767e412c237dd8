"""Health points: a score taken apart into what each sign adds to it or takes from it, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.health import HealthScore


@dataclass(frozen=True)
class HealthPoints:
    """Points of health by sign: base + the contributions of a row + clip = its score.

    Attributes
    ----------
    base
        The score of an account whose every sign is as in the mean of training, by the weights of its segment.
    contributions
        Rows x what is weighed; positive is healthy. What is missing adds nothing.
    clip
        What is cut off, or filled up, where the sum lies beyond 0 or 100.
    """

    base: pd.Series
    contributions: pd.DataFrame
    clip: pd.Series

    @property
    def score(self) -> pd.Series:
        """The sum: the score, and what it would be where too little is on record for one."""
        return (self.base + self.contributions.sum(axis=1) + self.clip).rename("health")

    def frame(self) -> pd.DataFrame:
        """One column per sign beside base and clip."""
        return self.contributions.assign(base=self.base, clip=self.clip)

    def _repr_html_(self) -> str:
        told = pd.concat([self.base.rename("base"), self.contributions, self.clip.rename("clip"), self.score], axis=1)
        return str(told.head(10).to_html(escape=True, max_cols=12, float_format="{:.2f}".format))


def health_points(health: HealthScore, X: Snapshot) -> HealthPoints:
    """Take the scores of fitted weights apart, on the unclipped scale with the clip as a line of its own.

    Examples
    --------
    >>> import holdfast as hf
    >>> history = hf.simulate(accounts=60, seed=0, months=18)
    >>> days = hf.cutoffs(history, every="28d")
    >>> X, y = hf.catalog.measure(history, days), hf.label(history, days)
    >>> health = hf.HealthScore.template().fit(X, y)
    >>> points, scores = health_points(health, X), health.score(X)
    >>> bool(((points.score - scores).dropna().abs() < 1e-9).all())
    True
    """
    check_is_fitted(health)
    weights, curves = health.weights_of(X), health.curves(X)
    span = health.anchors.span
    names = list(weights.columns)
    reference = health.reference_[names]
    beyond = (curves[names] - reference).to_numpy(float)
    contributions = pd.DataFrame(span * weights.to_numpy(float) * beyond, X.index, names)
    base = health.anchors.beyond(weights.to_numpy(float) @ reference.to_numpy(float))
    unclipped = base + contributions.sum(axis=1).to_numpy()
    clip = np.clip(unclipped, 0.0, 100.0) - unclipped
    return HealthPoints(pd.Series(base, X.index), contributions, pd.Series(clip, X.index))
