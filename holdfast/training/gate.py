"""The publish gate: whether newly learned weights may replace those in use.

Weights that people steer by must not jump. New ones are published only when enough accounts churned, when they predict
what came after them better than the current ones do, and when no dimension moves by more than ten points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import clone

from holdfast.models.hazard import fit_hazard, row_losses
from holdfast.models.periods import LEARNED_FROM, Observed, last_block, observe
from holdfast.training.bootstrap import draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.hazard import Floats, Periods
    from holdfast.models.health import HealthScore
    from holdfast.models.outcomes import Outcomes

MOST_MOVED = 10.0  # points by which the weight of a dimension may move at a refit
LOWER = 0.2  # quantile of the drawn gains that must lie above 0
_LATE = 0.25
_REPLICATES = 500


@dataclass(frozen=True)
class Gate:
    """The clauses of the gate: ``clause, bound, found, passed``, one row each."""

    clauses: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether every clause is met."""
        return bool(self.clauses["passed"].all())

    def frame(self) -> pd.DataFrame:
        """Return the clauses."""
        return self.clauses

    def _repr_html_(self) -> str:
        return str(self.clauses.to_html(escape=True, index=False))


def publish_gate(current: HealthScore, candidate: HealthScore, X: Snapshot, y: Outcomes, *, seed: int = 0) -> Gate:
    """Ask whether the weights of a fitted candidate may replace the current ones.

    For the gain in deviance the candidate learns anew from the earlier part of the rows and both are judged on the
    later part, beside the same context and calendar; accounts are drawn in pairs.

    Parameters
    ----------
    current, candidate
        The score in use, which may be a template, and the one fitted to X and y.
    """
    observed = observe(X, y)
    moves = max(_furthest(by_dimension(current, candidate, X, of)) for of in _weighed_apart(current, candidate, X))
    gain = _gain(current, candidate, observed, seed)
    rows = [
        ("accounts that churned", f">= {LEARNED_FROM}", float(observed.evidence), observed.evidence >= LEARNED_FROM),
        ("deviance gained on later rows, lower bound", "> 0", gain, gain > 0),
        ("points a dimension moves, at most", f"<= {MOST_MOVED:g}", moves, moves <= MOST_MOVED),
    ]
    return Gate(pd.DataFrame(rows, columns=["clause", "bound", "found", "passed"]))


def by_dimension(current: HealthScore, candidate: HealthScore, X: Snapshot, segment: str | None = None) -> pd.DataFrame:
    """Set the weights of two scores side by side: points of 100 by dimension, columns ``in_use`` and ``new``.

    Parameters
    ----------
    segment
        Whose weights; default: those of everybody that has none of its own.
    """
    dimension = {one.name: one.dimension for one in X.catalog}

    def shares(health: HealthScore) -> pd.Series:
        by = health.weighting(X)
        weights = by.base if segment is None else by.segments.get(segment, by.base)
        return 100.0 * weights.groupby([dimension.get(str(name), "gone") for name in weights.index]).sum()

    return pd.DataFrame({"in_use": shares(current), "new": shares(candidate)}).fillna(0.0).rename_axis("dimension")


def _weighed_apart(current: HealthScore, candidate: HealthScore, X: Snapshot) -> list[str | None]:
    """Name the segments that either score weighs apart, and nobody's for the rest."""
    return [None, *sorted({*current.weighting(X).segments, *candidate.weighting(X).segments})]


def _furthest(sides: pd.DataFrame) -> float:
    return float((sides["new"] - sides["in_use"]).abs().max())


def moved_in_words(sides: pd.DataFrame) -> str:
    """Name the dimensions that move by more than a refit may move them; nothing where none does.

    Examples
    --------
    >>> moved_in_words(pd.DataFrame({"in_use": [31.0, 69.0], "new": [44.0, 56.0]}, index=["business", "product"]))
    'Look at the new weights before people steer by them, in points of 100: business 44 (was 31), product 56 (was 69).'
    """
    far = sides[(sides["new"] - sides["in_use"]).abs() > MOST_MOVED]
    told = ", ".join(f"{name} {row['new']:.0f} (was {row['in_use']:.0f})" for name, row in far.iterrows())
    return f"Look at the new weights before people steer by them, in points of 100: {told}." if told else ""


def _gain(current: HealthScore, candidate: HealthScore, observed: Observed, seed: int) -> float:
    """Give the lower bound of the deviance gained per row; missing where the history is too short to ask."""
    blocks = last_block(observed, share=_LATE)
    if blocks is None or candidate.context_ is None:
        return float("nan")
    early, late = blocks
    before, after = early.seen, late.seen
    blind = clone(candidate).learn_from(replace(observed.rows(before), periods=early.rows(before)))
    context = candidate.context_.design(observed.X)
    losses = [
        _losses(health.index(observed.X), context, early.rows(before), late.rows(after), before, after)
        for health in (current, blind)
    ]
    code = pd.factorize(observed.X.index.get_level_values("account_id")[after])[0]
    weights = draw(int(code.max()) + 1, _REPLICATES, seed)
    gains = weights @ np.bincount(code, weights=losses[0] - losses[1]) / len(code)
    return float(np.quantile(gains, LOWER))


def _losses(
    index: Floats, context: Floats, early: Periods, late: Periods, before: NDArray[np.bool_], after: NDArray[np.bool_]
) -> Floats:
    design = np.column_stack([index, context])
    center, scale = design[before].mean(axis=0), design[before].std(axis=0)
    design = (design - center) / np.where(scale > 1e-12, scale, 1.0)
    fit = fit_hazard(design[before], early, np.ones(design.shape[1]), tolerance=1e-8)
    return row_losses(fit.eta(fit.g(design[after]), late.exposure), late)
