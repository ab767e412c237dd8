"""From a score, or a few columns, to probabilities: a hazard of few slopes, learned on training rows only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.snapshot import Snapshot
from holdfast.models.hazard import Exposure, Floats, HazardFit, fit_hazard
from holdfast.models.periods import Observed, by_days, churn_frame, exposure
from holdfast.models.timing import Timing

_LIGHT = 1.0


@dataclass(frozen=True)
class ScoreHazard:
    """A hazard on standardised columns (n, p); a missing value counts as the training mean.

    Attributes
    ----------
    calendar
        Whether renewal decisions enter as exposure; else intervals count by their days.
    """

    horizons: tuple[int, ...]
    rises: bool
    calendar: bool
    center: Floats
    scale: Floats
    fit: HazardFit
    timing: Timing

    @classmethod
    def learn(cls, values: Floats, observed: Observed, *, calendar: bool) -> ScoreHazard:
        """Fit slopes and intercepts on what was observed."""
        held = np.where(np.isfinite(values), values, np.nan)
        present = np.isfinite(held).sum(axis=0)
        center = np.nansum(held, axis=0) / np.maximum(present, 1)
        scale = np.sqrt(np.nansum((held - center) ** 2, axis=0) / np.maximum(present, 1))
        scale = np.where(scale > 1e-12, scale, 1.0)
        nothing = HazardFit(np.empty(0), np.empty(0), 0.0)
        bare = cls(observed.horizons, observed.rises, calendar, center, scale, nothing, observed.timing)
        periods = observed.periods if calendar else observed.without_calendar().periods
        fit = fit_hazard(bare._design(values), periods, np.full(values.shape[1], _LIGHT))
        return replace(bare, fit=fit)

    def predict(self, values: Floats, X: Snapshot) -> pd.DataFrame:
        """Probability of churn within each horizon for the rows of X, whose values are given."""
        eta = self.fit.eta(self.fit.g(self._design(values)), self._exposure(X))
        return churn_frame(eta, X, self.horizons, rises=self.rises)

    def to_dict(self) -> dict[str, Any]:
        """State as plain lists and numbers."""
        return {
            "horizons": list(self.horizons),
            "rises": self.rises,
            "calendar": self.calendar,
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "fit": self.fit.to_dict(),
            "timing": self.timing.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> ScoreHazard:
        """Restore from `to_dict`, to the last bit."""
        return cls(
            horizons=tuple(state["horizons"]),
            rises=bool(state["rises"]),
            calendar=bool(state["calendar"]),
            center=np.array(state["center"], float),
            scale=np.array(state["scale"], float),
            fit=HazardFit.from_dict(state["fit"]),
            timing=Timing.from_dict(state["timing"]),
        )

    def _design(self, values: Floats) -> Floats:
        z = (values - self.center) / self.scale
        return np.where(np.isfinite(z), z, 0.0)

    def _exposure(self, X: Snapshot) -> Exposure:
        if not self.calendar:
            return by_days(X, self.horizons)
        return exposure(X, self.horizons, decided=self.rises, timing=self.timing)
