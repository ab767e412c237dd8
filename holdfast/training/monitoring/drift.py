"""Drift: which signs of a day are spread otherwise than in training, beyond chance and beyond what is usual.

Every sign is asked two questions: whether its values lie elsewhere (Kolmogorov-Smirnov, on the quantiles that were
kept), and whether more or fewer are missing (Fisher's exact test); every text of the context, whether it has words that
training did not know (the same test). Rows of one account are not counted as several accounts, and a sign that goes up
and down from day to day must go further. All questions of a day are answered together: the chance that a company
without drift hears of any is at most the level (Holm, which holds however the signs hang together).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, kstwo, norm
from scipy.stats import t as student

from holdfast.training.hypotheses.verdicts import holm
from holdfast.training.monitoring.reference import FEWEST_DAYS, words

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.metrics import Floats
    from holdfast.training.monitoring.reference import Reference, Spread

LEVEL = 0.05
SPREAD, UNIT, MISSING, CATEGORY = "spread", "unit", "missing", "category"
COLUMNS = ("sign", "kind", "before", "now", "distance", "p", "adjusted", "drifts")
UNITS = (60, 100, 1000)  # hours and minutes, euros and cents, shares and percent, seconds and milliseconds
_DECILES = np.linspace(0.1, 0.9, 9)
_NEAR, _ALIKE = 0.1, 0.15  # decades: from the factor, and of one decile from another


@dataclass(frozen=True)
class _Question:
    sign: str
    kind: str
    before: float
    now: float
    distance: float
    p: float


def drift(now: Snapshot, reference: Reference, level: float = LEVEL) -> pd.DataFrame:
    """Hold the accounts of a day against those that a model learned from.

    Parameters
    ----------
    now
        Accounts at risk on one day.
    level
        The chance that a company without drift hears of any.

    Returns
    -------
    DataFrame
        One row per question, the surest first: ``sign``; ``kind`` (``spread``, ``unit`` where all deciles are
        multiplied alike, ``missing``, ``category``); ``before, now`` (medians, or shares of accounts); ``distance`` (by
        how much a share of accounts differs, at most); ``p``, ``adjusted`` (for all questions) and ``drifts``. No row
        where the model learned from too few days to know what is usual.
    """
    if reference.days < FEWEST_DAYS or not len(now):
        return pd.DataFrame(columns=list(COLUMNS))
    tests = 2 * len(reference.signs) + len(reference.categories)
    found = pd.DataFrame(list(_questions(now, reference, _doubt(reference.days, level / max(tests, 1)))))
    found["adjusted"] = holm(found["p"].to_numpy())
    found["drifts"] = found["adjusted"] < level
    found["kind"] = [
        UNIT if sure and kind == SPREAD and unit_factor(now.indicators[sign], reference.signs[sign]) else kind
        for sign, kind, sure in found[["sign", "kind", "drifts"]].itertuples(index=False, name=None)
    ]
    told = found.sort_values(["adjusted", "p", "sign", "kind"], kind="stable", ignore_index=True)
    return told[list(COLUMNS)]


def unit_factor(values: pd.Series, before: Spread) -> int:
    """Give the factor between units by which all values are multiplied, negative where divided; 0 where by none.

    Examples
    --------
    >>> from holdfast.training.monitoring.reference import Spread
    >>> euros, days = np.arange(1.0, 401.0), np.arange(400) % 4
    >>> unit_factor(pd.Series(100 * euros), Spread.of(euros, np.arange(400), days))
    100
    """
    seen = values.dropna().to_numpy(float)
    was, became = before.at(_DECILES), np.quantile(seen, _DECILES) if len(seen) else np.zeros(len(_DECILES))
    both = (was * became > 0) & (np.abs(was) > 1e-12)
    if both.sum() < len(_DECILES) / 2 or (was[~both] * became[~both] < 0).any():
        return 0
    decades = np.log10(became[both] / was[both])
    middle = float(np.median(decades))
    factor = min(UNITS, key=lambda one: abs(abs(middle) - np.log10(one)))
    alike = np.abs(decades - middle).max() <= _ALIKE and abs(abs(middle) - np.log10(factor)) <= _NEAR
    return int(np.copysign(factor, middle)) if alike else 0


def _questions(now: Snapshot, reference: Reference, doubt: float) -> Iterator[_Question]:
    for name, before in reference.signs.items():
        values = now.indicators[name].to_numpy(float)
        seen = values[np.isfinite(values)]
        if len(seen) and len(before.edges):
            yield _elsewhere(name, seen, before, doubt)
        lost = 1 - len(seen) / len(values)
        rest = before.missing_unsteady * doubt
        accounts = before.accounts / max(1 - before.missing, 1e-9) if before.accounts else len(values)
        p = _otherwise(lost, len(values), before.missing, accounts, rest)
        yield _Question(name, MISSING, before.missing, lost, abs(lost - before.missing), p)
    for name, category in reference.categories.items():
        unknown = float((~words(now.context[name]).isin(list(category.shares))).mean())
        p = _otherwise(unknown, len(now), 0.0, category.accounts, 0.0)
        yield _Question(name, CATEGORY, 0.0, unknown, unknown, p)


def _elsewhere(name: str, seen: Floats, before: Spread, doubt: float) -> _Question:
    distance = float(np.abs(before.share(seen) - before.below).max())
    n = 1 / (1 / len(seen) + 1 / before.accounts + before.unsteady * doubt)
    p = float(kstwo.sf(distance, max(int(n), 1)))
    return _Question(name, SPREAD, before.median, float(np.median(seen)), distance, p)


def _otherwise(now: float, accounts: int, before: float, reference: float, unsteady: float) -> float:
    """Test two shares, counted on so many accounts as their variance, with that from day to day, allows for."""
    chance = 1 / accounts + 1 / reference
    shrunk = chance / (chance + unsteady)
    n, m = max(int(accounts * shrunk), 1), max(int(reference * shrunk), 1)
    here, there = round(now * n), round(before * m)
    return float(fisher_exact(np.array([[here, n - here], [there, m - there]])).pvalue)


def _doubt(days: float, chance: float) -> float:
    """Give by how much the variance from day to day is to count, seen on so few days, for a tail of that chance."""
    tail = chance / 2
    return float((1 + 1 / days) * (student.isf(tail, days - 1) / norm.isf(tail)) ** 2)
