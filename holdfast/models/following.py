"""What follows from a sign by arithmetic: its readings against a past that stays, and shares of the same whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.indicators.expression import Operation
from holdfast.features.kernel.measurement import MOST_TIMES

if TYPE_CHECKING:
    from holdfast.features.indicators.indicator import Indicator

    Known = Mapping[str, Indicator]

WHOLE = ("goals_reached", "goals_behind")  # shares of the same goals: no goal is both
GOALS = ("goals_reached", "goal_progress")  # a goal that is reached has come all the way
TOGETHER = (*WHOLE, GOALS[1])
_SLOPE = 1.5  # of three readings, see `variants.trend`
_ROUNDING = 1e-9


def past_of(known: Known, now: pd.Series, name: str) -> tuple[float, ...] | None:
    """Tell the earlier readings that a variant compares with, latest first; none where they cannot be told from it.

    Parameters
    ----------
    now
        The signs of an account.
    """
    one = known[name]
    if one.how is None or one.variant_of not in known:
        return None
    value, reading = float(now[one.variant_of]), float(now[name])
    if not np.isfinite([value, reading]).all():
        return None
    if one.how.kind == "move":
        return (value - reading,)
    if one.how.kind == "change":
        return _ratio_past(value, reading, counted=_counted(one))
    return _trend_past(known, now, one) if one.how.kind == "trend" else None


def reading_of(one: Indicator, value: float, past: tuple[float, ...]) -> float:
    """Read a variant anew where its sign has another value and the past stays what it was."""
    kind, before = one.how and one.how.kind, past[0]
    if kind == "move":
        return value - before
    if kind == "trend":
        return _SLOPE * (value - past[1]) / max(value + before + past[1], _ROUNDING)
    if before == 0.0:
        return 1.0 if value == 0.0 else MOST_TIMES
    return min(value / before, MOST_TIMES) if _counted(one) else value / before


def sign_of(one: Indicator, reading: float, past: tuple[float, ...]) -> float:
    """Tell the value of the sign with which a variant would read so, the past being what it was."""
    kind, before = one.how and one.how.kind, past[0]
    if kind == "move":
        return before + reading
    if kind == "trend":
        return (reading * (before + past[1]) + _SLOPE * past[1]) / max(_SLOPE - reading, _ROUNDING)
    return before * reading


def at_odds(then: pd.Series) -> bool:
    """Tell whether more goals would be reached or behind than there are."""
    return all(name in then for name in WHOLE) and float(then[list(WHOLE)].sum()) > 1.0 + _ROUNDING


def falls_short(then: pd.Series) -> bool:
    """Tell whether goals would have come less far, in the mean, than those reached alone make it."""
    reached, way = GOALS
    return float(then[way]) < float(then[reached]) - _ROUNDING


def _ratio_past(value: float, ratio: float, *, counted: bool) -> tuple[float, ...] | None:
    if value == 0.0 and ratio == 1.0 and counted:
        return (0.0,)
    told = value > 0.0 and ratio > 0.0 and not (counted and ratio >= MOST_TIMES)
    return (value / ratio,) if told else None


def _trend_past(known: Known, now: pd.Series, one: Indicator) -> tuple[float, ...] | None:
    """Solve the slope for the first of three readings; the second is known from the change over as many days."""
    value, slope = float(now[one.variant_of]), float(now[one.name])
    days = one.how and one.how.days
    for other in known.values():
        if other.variant_of == one.variant_of and other.how and (other.how.kind, other.how.days) == ("change", days):
            middle = past_of(known, now, other.name)
            if middle is not None and slope > -_SLOPE + _ROUNDING:
                first = (_SLOPE * value - slope * (value + middle[0])) / (_SLOPE + slope)
                return (middle[0], max(first, 0.0))
    return None


def _counted(one: Indicator) -> bool:
    return isinstance(one.expression, Operation) and one.expression.operator == "vs"
