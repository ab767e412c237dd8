"""One column of the regression's design, on the scale of the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.models.hazard import Floats

Role = Literal["template", "indicator", "gap", "number", "level"]


@dataclass(frozen=True)
class Column:
    """One column of the regression's design.

    Attributes
    ----------
    source
        The indicator or context field it stems from.
    role
        ``indicator`` and ``number``: signed log of the value; ``gap``: whether the value is missing; ``level``: whether
        a text equals ``level``; ``template``: the template score, or its part in the dimension ``level``.
    center, scale, low, high
        Mean, standard deviation and range over the training rows; values outside the range are read as its ends.
    expected
        Its coefficient, on the standardised scale, before any data.
    """

    source: str
    role: Role
    center: float
    scale: float
    low: float
    high: float
    level: str = ""
    expected: float = 0.0

    def standardise(self, values: Floats) -> Floats:
        """Put values on the scale of the training rows; missing becomes the mean."""
        z = (np.clip(values, self.low, self.high) - self.center) / self.scale
        return np.where(np.isfinite(z), z, 0.0)


def signed_log(values: Floats) -> Floats:
    """Compress counts and amounts, and leave shares nearly as they are.

    Examples
    --------
    >>> signed_log(np.array([-np.e + 1, 0.0, np.e - 1])).round(6).tolist()
    [-1.0, 0.0, 1.0]
    """
    logs: Floats = np.sign(values) * np.log1p(np.abs(values))
    return logs
