"""The catalogue of indicators: one module per dimension, one declaration per indicator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.catalog import business, orders, product, relationship
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.evidence import said_values
from holdfast.features.catalog.measure import instants_of

if TYPE_CHECKING:
    from holdfast.features.history.history import History, Instant
    from holdfast.features.indicators.indicator import Indicator

catalog = Catalog.of(product, relationship, business, orders, adaptive=True)


def evidence_values(
    indicator: Indicator, history: History, account_ids: Iterable[str], cutoff: Instant
) -> list[dict[str, float]]:
    """Measure what the evidence of one indicator names, one mapping per account, for `Indicator.sentence`."""
    ids = pd.Index(list(account_ids), dtype="str")
    measured = said_values([indicator], history, ids, instants_of([cutoff], history))
    return measured[0][1] if measured else [{} for _ in ids]
