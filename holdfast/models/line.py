"""The line from what signs say to probabilities: calibration, then the contract calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.models.hazard import Floats, Link
from holdfast.models.periods import churn_probability


@dataclass(frozen=True)
class Line:
    """From the exposure-free log-hazard of churn to probabilities: total = slope * g + shift, then the calendar.

    Attributes
    ----------
    calendar
        (n, K): what intercepts and renewal decisions add to the log-hazard of each interval.
    horizons, rises, link
        As the model learned them.
    """

    slope: float
    shift: float
    calendar: Floats
    horizons: tuple[int, ...]
    rises: bool
    link: Link = "cloglog"

    def total(self, g: Floats) -> Floats:
        """Calibrate g (n,)."""
        calibrated: Floats = self.slope * g + self.shift
        return calibrated

    def probabilities(self, total: Floats) -> Floats:
        """Probability of churn by each horizon (n, K)."""
        toward_event = total if self.rises else -total
        return churn_probability(toward_event[:, None] + self.calendar, rises=self.rises, link=self.link)

    def rows(self, mask: NDArray[np.bool_]) -> Line:
        """Keep the rows where a mask holds."""
        return replace(self, calendar=self.calendar[mask])
