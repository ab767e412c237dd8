"""Weights for all accounts together, and for segments that have churned enough to be heard: partial pooling.

A segment's weights are learned by the formula of the whole, with the pooled weights as prior; how much they hold it is
chosen by the segment's own validation forward in time. A segment with fewer events takes the pooled weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.models.hazard import Floats
from holdfast.models.periods import Observed
from holdfast.models.weights import LearnedWeights, choose_alpha, fit_weights

SEGMENT_FROM = 100  # accounts of the rarer outcome in a segment from which on it has weights of its own
SEGMENT_ALPHAS = (20.0, 60.0, 200.0, 600.0)


@dataclass(frozen=True)
class Pooled:
    """What was learned: the weights of all, the chosen strength of the prior, and the weights of segments.

    ``heard`` counts the accounts of the rarer outcome, by segment.
    """

    every: LearnedWeights
    alpha: float
    segments: dict[str, Floats]
    heard: dict[str, int]


def learn_pooled(
    curves: Floats, context: Floats, observed: Observed, prior: Floats, alphas: tuple[float, ...], segment: pd.Series
) -> Pooled:
    """Learn the weights of all accounts, and those of every segment with a hundred churned accounts.

    Parameters
    ----------
    curves, context
        (n, J) on [0, 1] with nothing missing, and (n, p) standardised.
    segment
        (n,) the segment of each row.
    """
    alpha = choose_alpha(curves, context, observed, prior, alphas)
    every = fit_weights(curves, context, observed.periods, prior, alpha, sign=observed.health_sign)
    names = segment.to_numpy(dtype=object)
    heard = {str(name): _rarer(observed, names == name) for name in sorted(set(names[pd.notna(names)]), key=str)}
    segments = {}
    for name, events in heard.items():
        here = names == name
        if events < SEGMENT_FROM or here.all():
            continue
        some = replace(observed.rows(here), events=events)
        strength = choose_alpha(curves[here], context[here], some, every.weights, SEGMENT_ALPHAS)
        own = fit_weights(curves[here], context[here], some.periods, every.weights, strength, sign=observed.health_sign)
        segments[name] = own.weights
    return Pooled(every, alpha, segments, heard)


def _rarer(observed: Observed, here: NDArray[np.bool_]) -> int:
    """Count the accounts of the rarer outcome among some rows: an event in any interval, or none in any."""
    event, seen = observed.periods.event, observed.periods.weight > 0
    accounts = observed.X.index.get_level_values("account_id")
    both = ((event > 0) & seen, (event == 0) & seen)
    return min(int(accounts[one.any(axis=1) & here].nunique()) for one in both)
