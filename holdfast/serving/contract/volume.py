"""Months with a hole: a table that holds less than half of what the months before lead one to expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from holdfast.findings import Finding
from holdfast.serving.contract.tally import SHOWN, month_name

BEFORE = 6  # months that say what to expect
FEWEST_BEFORE = 3
FEWEST_ROWS = 30
LEFT = 0.5


def holes(months: Mapping[str, Counter[int]]) -> Iterator[Finding]:
    """Tell which months of a table have a hole; the first and the last month with rows are not whole, and not judged.

    Parameters
    ----------
    months
        By table, the rows that happened in each month (months since 1970).

    Examples
    --------
    >>> rows = Counter({0: 40, 1: 100, 2: 100, 3: 100, 4: 30, 5: 100, 6: 50})
    >>> [one.message for one in holes({"usage": rows})]
    ['1970-05: 30 rows, where 100 were usual']
    """
    for table, rows in months.items():
        found = [(month, had, usual) for month, had, usual in _against_before(rows) if had < LEFT * usual]
        if found:
            shown = [f"{month_name(month)}: {had} rows, where {usual:g} were usual" for month, had, usual in found]
            more = f" and {len(found) - SHOWN} more months" if len(found) > SHOWN else ""
            yield Finding("HF052", table, len(found), "; ".join(shown[:SHOWN]) + more)


def _against_before(rows: Counter[int]) -> Iterator[tuple[int, int, float]]:
    if not rows:
        return
    first, last = min(rows), max(rows)
    for month in range(first + 1 + FEWEST_BEFORE, last):
        usual = float(np.median([rows[one] for one in range(max(first + 1, month - BEFORE), month)]))
        if usual >= FEWEST_ROWS:
            yield month, rows[month], usual
