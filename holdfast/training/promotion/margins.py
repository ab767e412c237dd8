"""Margins: how far a challenger may fall behind the model in service, or move what people see."""

from __future__ import annotations

from dataclasses import dataclass

LEVEL = 0.9
"""Of the intervals of the gate: five challengers in a hundred that are as bad as a margin allows get through."""


@dataclass(frozen=True)
class Margins:
    """What the clauses of the gate ask for.

    Attributes
    ----------
    min_events
        Accounts that left, and accounts that stayed, without which a model is not promoted.
    skill
        Share of the champion's log loss by which the challenger may be worse.
    revenue
        Share of the revenue that left by which it may catch less.
    capacity
        Accounts called at each cutoff: a number, or below 1 a share.
    calibration
        Share by which the churn that it tells may differ from what happened.
    segment
        Share of the champion's log loss by which it may be worse within a segment.
    reasons
        Least overlap of the first three reasons of each account.
    bands, alerts
        Share of the accounts that may change their band, and that may more be in orange or red.
    unjudged
        Whether a comparison that cannot be made lets the challenger through.
    """

    min_events: int = 20
    skill: float = 0.02
    revenue: float = 0.05
    capacity: float = 0.05
    calibration: float = 0.25
    segment: float = 0.05
    reasons: float = 0.5
    bands: float = 0.25
    alerts: float = 0.05
    unjudged: bool = True
