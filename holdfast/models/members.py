"""The two learners of the churn model, averaged on the log-hazard: an anchored regression and boosted trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from holdfast.features.snapshot import Snapshot
from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Exposure, Floats, HazardFit, fit_calendar
from holdfast.models.periods import TREES_FROM, Observed
from holdfast.models.rehearsal import Rehearsal
from holdfast.models.ridge import fit_ridge
from holdfast.models.trees import Trees, fit_trees, monotone_signs

ENOUGH = 100_000  # rows: of more, the trees are rehearsed on a part of the accounts
LARGE = 250_000  # rows: of more, scales and the regression learn from a part of the accounts, the trees from all
_CHUNK = 20_000


@dataclass(frozen=True)
class Members:
    """The regression and, where there were events enough, the trees, averaged on the log-hazard.

    The intercepts in ``calendar`` belong to the average, fitted once more when its two parts are known; ``share`` is
    that of the trees in it.
    """

    ridge: HazardFit
    trees: Trees | None
    calendar: HazardFit
    share: float = 0.5

    def parts(self, design: Floats, features: Floats) -> tuple[Floats, Floats | None]:
        """Give the exposure-free log-hazards (n,) of the regression, and of the trees where there are any."""
        return self.ridge.g(design), None if self.trees is None else self.trees.g(features)

    def blend(self, regression: Floats, trees: Floats | None) -> Floats:
        """Average what both say (n,)."""
        return regression if trees is None else (1.0 - self.share) * regression + self.share * trees

    def g(self, design: Floats, features: Floats) -> Floats:
        """Average the exposure-free log-hazards (n,)."""
        return self.blend(*self.parts(design, features))

    def eta(self, design: Floats, features: Floats, exposure: Exposure) -> Floats:
        """Set the average in its calendar (n, K)."""
        return self.calendar.eta(self.g(design, features), exposure)

    def to_dict(self) -> dict[str, Any]:
        """State as plain lists and numbers."""
        return {
            "ridge": self.ridge.to_dict(),
            "calendar": self.calendar.to_dict(),
            "trees": None if self.trees is None else self.trees.to_dict(),
            "share": self.share,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Restore from `to_dict`, to the last bit."""
        trees = None if state["trees"] is None else Trees.from_dict(state["trees"])
        ridge, calendar = HazardFit.from_dict(state["ridge"]), HazardFit.from_dict(state["calendar"])
        return cls(ridge, trees, calendar, float(state["share"]))


def learn(
    observed: Observed,
    some: NDArray[np.bool_],
    design: Floats,
    encoding: Encoding,
    strength: float,
    how: Rehearsal,
    seed: int,
) -> Members:
    """Fit both learners as rehearsed: regression and calendar to some rows, given their design, the trees to all."""
    sample = observed.periods.rows(some)
    ridge = fit_ridge(design, sample, encoding, strength, observed.evidence)
    grown = None
    if observed.evidence >= TREES_FROM:
        signs = monotone_signs(encoding, observed.health_sign)
        features = encoding.features(observed.X)
        grown = fit_trees(features, observed.periods, signs, seed, rounds=how.rounds, leaves=how.leaves)
    if grown is None:
        return Members(ridge, None, ridge.calendar, how.share)
    mean = (1.0 - how.share) * ridge.g(design) + how.share * grown.g[some]
    return Members(ridge, grown.trees, fit_calendar(sample, mean), how.share)


def average(members: Members, encoding: Encoding, X: Snapshot) -> Floats:
    """Compute the average log-hazard of many rows, chunk by chunk."""
    place, parts = np.arange(len(X)), []
    for start in range(0, len(X), _CHUNK):
        some = X if len(X) <= _CHUNK else X.rows((place >= start) & (place < start + _CHUNK))
        parts.append(members.g(encoding.design(some), encoding.features(some)))
    return np.concatenate(parts) if parts else np.empty(0)
