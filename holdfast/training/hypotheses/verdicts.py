"""The verdict, written once, and corrected for the number of claims: of many, some look true by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.training.bootstrap import LEVEL

if TYPE_CHECKING:
    from holdfast.training.hypotheses.found import Found
    from holdfast.training.metrics import Floats

HOLDS, FAILS, OPEN, UNMEASURED = "holds", "does not hold", "cannot tell", "not measured"
VERDICTS = (HOLDS, FAILS, OPEN, UNMEASURED)
_CHANCE = 1 - LEVEL


def holm(p: Sequence[float] | Floats) -> Floats:
    """Correct chances for their number by Holm's rule; what is missing is no test.

    Whatever depends on what, the chance that any claim is judged wrongly stays below the level.

    Examples
    --------
    >>> holm([0.01, 0.04, float("nan"), 0.03]).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    chance = np.asarray(p, dtype=float)
    adjusted = np.full(len(chance), np.nan)
    order = np.argsort(chance, kind="stable")[: int(np.isfinite(chance).sum())]
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(chance[order] * np.arange(len(order), 0, -1)))
    return adjusted


def judged(found: Sequence[Found | str]) -> list[tuple[str, str]]:
    """Give verdict and reason of each measurement; a text is why there is none.

    A claim holds, or does not, when the whole 95 % interval says so, and still does after Holm's correction for all
    that were measured.
    """
    chances = [np.nan if isinstance(one, str) else one.p for one in found]
    return [_verdict(one, chance) for one, chance in zip(found, holm(chances), strict=True)]


def _verdict(one: Found | str, corrected: float) -> tuple[str, str]:
    if isinstance(one, str):
        return UNMEASURED, one
    if one.too_few:
        return OPEN, one.too_few
    if corrected <= _CHANCE:
        return (HOLDS, one.told + one.holds) if one.satisfied else (FAILS, one.told + one.fails)
    alone = "hold" if one.satisfied else "not hold"
    chance = f": by itself it would {alone}, but among so many claims one such may be chance"
    return OPEN, one.told + (chance if one.p <= _CHANCE else one.open)
