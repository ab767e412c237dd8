"""Money and seats in each other's place, told only where it is beyond doubt.

Nobody counts seats in cents. So where every ``mrr`` is a whole number and less than the ``seats`` beside it, and these
are amounts with two places, not all of them round, the columns were swapped. Where both are whole numbers nothing can
be said: many seats at a low price look the same. What costs nothing, or has no seats, does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.findings import Finding

if TYPE_CHECKING:
    from holdfast.features.history.records import Records

FEWEST_ROWS, BROKEN = 20, 0.1  # rows that count, and the share of them whose seats are not whole
_CLOSE = 1e-6  # of a cent


@dataclass
class Places:
    """Rows that tell both, those whose seats are not whole, and those that speak against a swap; add up."""

    rows: int = 0
    broken: int = 0
    against: int = 0

    def add(self, other: Places) -> None:
        """Take in the rows of other accounts."""
        self.rows, self.broken = self.rows + other.rows, self.broken + other.broken
        self.against += other.against


def places_of(records: Records) -> Places:
    """Count the rows of ``subscriptions``."""
    if not {"mrr", "seats"} <= set(records.columns):
        return Places()
    mrr, seats = (records.columns[name].to_numpy(dtype=np.float64) for name in ("mrr", "seats"))
    told = np.isfinite(mrr) & np.isfinite(seats) & (mrr != 0) & (seats != 0)
    mrr, seats = mrr[told], seats[told]
    cents = np.abs(100 * seats - np.rint(100 * seats)) < _CLOSE
    fits = (mrr == np.rint(mrr)) & (mrr > 0) & (mrr < seats) & cents
    return Places(len(mrr), int((seats != np.rint(seats)).sum()), int((~fits).sum()))


def swapped(seen: Places) -> Iterator[Finding]:
    """Tell that the columns stand in each other's place."""
    if seen.rows >= FEWEST_ROWS and not seen.against and seen.broken >= BROKEN * seen.rows:
        told = (
            f"all {seen.rows} rows have a whole mrr and more seats than that, and {seen.broken} have seats with cents"
        )
        yield Finding("HF074", "subscriptions, columns mrr and seats", seen.rows, told)
