"""Jumps of a unit or a currency: cents for euros, percent for shares, seconds for minutes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from holdfast.findings import Finding
from holdfast.serving.contract.spread import LAGS, STEPS, Spread, by_month, median
from holdfast.serving.contract.tally import month_name

FACTORS = {
    60: "as between hours, minutes and seconds",
    100: "as between major and minor units of money, or shares and percent",
    1000: "as between thousands and ones, or seconds and milliseconds",
}
NEAR = 0.1  # decades; tells 60 from 100
FEWEST_ACCOUNTS, FEWEST_ROWS = 5, 20
MOST_OF = 0.5
ALIKE = 0.5  # decades from the median change; one account's months differ among themselves


def near(steps: float) -> int:
    """Give the factor that a change is near, negative where it is a division; 0 where there is none.

    Examples
    --------
    >>> near(40), near(-36), near(3)
    (100, -60, 0)
    """
    decades = abs(steps) / STEPS
    best = min(FACTORS, key=lambda factor: abs(decades - math.log10(factor)))
    return int(math.copysign(best, steps)) if abs(decades - math.log10(best)) <= NEAR else 0


def jumps(spreads: Mapping[tuple[str, str], Spread]) -> Iterator[Finding]:
    """Tell in which months the numbers of a column jump by a factor between units.

    It is read within accounts, where at least five tell the month and one before it: their median change must be near
    a factor, and most of them near that. Else it is read from the median of all rows.
    """
    for (table, column), spread in spreads.items():
        found = _within(spread) or _among(spread)
        for month, factor, seen, of, what in found:
            way = "up" if factor > 0 else "down"
            told = f"in {month_name(month)} {seen} of {of} {what} jump {way} by a factor near {abs(factor)}"
            yield Finding("HF054", f"{table}, column {column}", seen, f"{told}, {FACTORS[abs(factor)]}")


def currencies(accounts: Mapping[str, tuple[int, int]]) -> Iterator[Finding]:
    """Tell in which tables accounts change their currency.

    Parameters
    ----------
    accounts
        By table, the accounts that have a currency, and those that have several.
    """
    for table, (whole, several) in accounts.items():
        if several:
            told = f"{several} of {whole} accounts have amounts in several currencies, one after the other"
            yield Finding("HF054", f"{table}, column currency", several, told)


Jump = tuple[int, int, int, int, str]


def _within(spread: Spread) -> list[Jump]:
    """Look within accounts; of the months in which one jump is seen, the first that shows it in full is told."""
    seen: dict[int, tuple[int, int, int]] = {}
    for lag in LAGS:
        for month, changes in by_month(spread.changes[lag]).items():
            middle, accounts = median(changes), int(changes.sum())
            alike = int(changes[np.abs(changes.index.to_numpy() - middle) <= ALIKE * STEPS].sum())
            if accounts >= FEWEST_ACCOUNTS and near(middle) and alike > MOST_OF * accounts:
                seen[month] = max(seen.get(month, (0, 0, 0)), (middle, alike, accounts), key=lambda one: abs(one[0]))
    return [_jump(seen, together) for together in _runs(sorted(seen))]


def _runs(months: list[int]) -> list[list[int]]:
    """Put months that follow each other together.

    Examples
    --------
    >>> _runs([3, 4, 9])
    [[3, 4], [9]]
    """
    runs: list[list[int]] = []
    for month in months:
        if runs and month - runs[-1][-1] == 1:
            runs[-1].append(month)
        else:
            runs.append([month])
    return runs


def _jump(seen: Mapping[int, tuple[int, int, int]], months: list[int]) -> Jump:
    factors = {month: near(seen[month][0]) for month in months}
    factor = max(factors.values(), key=abs)
    month = next(month for month in months if factors[month] == factor)
    return (month, factor, seen[month][1], seen[month][2], "accounts")


def _among(spread: Spread) -> list[Jump]:
    """Look at the median of all rows, where too few accounts can be followed from month to month."""
    if any(sum(counts.values()) >= FEWEST_ACCOUNTS for counts in spread.changes.values()):
        return []
    months = {month: rows for month, rows in by_month(spread.sizes).items() if rows.sum() >= FEWEST_ROWS}
    found, names = [], list(months)
    middles = np.array([median(months[month]) for month in names])
    for i in range(1, len(names)):
        same_sign = middles[i] * middles[i - 1] > 0
        factor = near(abs(int(middles[i])) - abs(int(middles[i - 1]))) if same_sign else 0
        if factor:
            rows = int(months[names[i]].sum())
            found.append((names[i], factor, rows, rows, "rows"))
    return found
