"""Money in one currency: every amount is converted as its row lands, at the rates that were stated.

The rates are the same for all days, as in reports at constant currency: so an account grows when it pays more, and not
when a currency moves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.tables import NO_CURRENCY, Table

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.history.facts import Facts

MONEY: Mapping[str, tuple[str, ...]] = {
    "accounts": (),
    "subscriptions": ("mrr",),
    "invoices": ("amount", "amount_paid"),
    "deals": ("amount", "budget_amount"),
    "goals": ("value_delivered",),
}
"""The columns of each table that are amounts in its ``currency``."""

CODE = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Rates:
    """What one unit of other currencies is worth in one of them.

    Parameters
    ----------
    currency
        The one that all amounts are told in, three capital letters.
    worth
        By currency, how many of those one unit is worth.

    Raises
    ------
    UsageError
        When a currency is not three capital letters, or a rate is no positive number.

    Examples
    --------
    >>> Rates("EUR", {"USD": 0.92}).worth["USD"]
    0.92
    """

    currency: str
    worth: Mapping[str, float]

    def __post_init__(self) -> None:
        for code in (self.currency, *self.worth):
            if not CODE.fullmatch(code):
                raise UsageError("rates", "a currency as three capital letters", repr(code), "write it like EUR")
        for code, rate in self.worth.items():
            if not (np.isfinite(rate) and rate > 0) or (code == self.currency and rate != 1):
                expected = "1, since it is the currency of all" if code == self.currency else "a positive number"
                do = f"say how many {self.currency} one {code} is worth"
                raise UsageError(f"rates, {code}", expected, repr(rate), do)

    def exchange(self, table: Table, frame: pd.DataFrame, where: str) -> None:
        """Convert the amounts of some rows in place; what has no currency is taken to be told in the common one.

        Raises
        ------
        DataError
            When an amount is in a currency without a rate.
        """
        amounts = [name for name in MONEY.get(table.name, ()) if name in frame]
        if table.name not in MONEY or "currency" not in frame:
            return
        told = frame["currency"].str.strip().str.upper()
        told = told.where(told.notna() & (told != NO_CURRENCY) & (told != ""))
        rate = told.map({**self.worth, self.currency: 1.0}).astype(float)
        strange = told[told.notna() & rate.isna() & frame[amounts].notna().any(axis=1)]
        if len(strange):
            raise self._unknown(Counter(strange), where)
        for name in amounts:
            frame[name] = frame[name] * rate.fillna(1.0)
        frame["currency"] = frame["currency"].where(told.isna(), self.currency)

    def _unknown(self, rows: Counter[str], where: str) -> DataError:
        found = in_words(rows)
        hint = did_you_mean(next(iter(rows)), self.worth) if self.worth else f"say what one is worth in {self.currency}"
        return DataError(f"{where}, column currency", f"{self.currency}, or a currency with a rate", found, hint)


def currencies(facts: Iterable[Facts]) -> Counter[str]:
    """Count the rows with an amount by currency, over tables."""
    found: Counter[str] = Counter()
    for one in facts:
        for code, rows in one.currencies.items():
            found[code.strip().upper()] += rows
    return found


def in_words(rows: Mapping[str, int]) -> str:
    """Name currencies with their rows, the most frequent first.

    Examples
    --------
    >>> in_words({"USD": 3, "EUR": 1200})
    'EUR (1,200 rows), USD (3 rows)'
    """
    return ", ".join(f"{code[:10]} ({rows[code]:,} row{'s' * (rows[code] > 1)})" for code in by_rows(rows))


def by_rows(rows: Mapping[str, int]) -> list[str]:
    """Order currencies, the most frequent first."""
    return sorted(rows, key=lambda code: (-rows[code], code))
