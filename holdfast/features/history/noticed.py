"""What was noticed in single rows, counted for exactly the rows that are left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.defaults import BASIS, CLAMPED, FLAGS, LOST, UNDATED, default_bit
from holdfast.features.history.landing import Landed
from holdfast.features.history.tables import BASES, NO_CURRENCY, SOURCE_ID, Table
from holdfast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = {
    "HF007": (LOST, "hold a number that is not finite or a date outside 1970 to 2199"),
    "HF010": (CLAMPED, "happened after they were known"),
    "HF017": (UNDATED, "hold values that were overwritten without a date"),
}
_MONEY = {"subscriptions": "mrr", "invoices": "amount", "deals": "amount", "goals": "value_delivered"}


def noticed(landed: Mapping[str, Landed]) -> Iterator[Finding]:
    """Count per table the defaults, the losses and the oddities of single rows."""
    for name, one in landed.items():
        yield from _defaults(one)
        flags = one.frame[FLAGS].to_numpy()
        basis = one.frame[BASIS].to_numpy()
        yield from _counted(
            "HF002", name, basis == BASES.index("assumed"), "have no known_at; the event's time is taken"
        )
        for code, (bit, what) in _BITS.items():
            yield from _counted(code, name, flags & bit > 0, what)
        yield from _currencies(name, one.frame)
        yield from _counted("HF019", name, _over_at_once(one.frame), "have a valid_to that is not after valid_from")


def supplied(table: Table, frame: pd.DataFrame) -> frozenset[str]:
    """Give the canonical columns that hold a value which is no default."""
    flags = frame[FLAGS].to_numpy()
    candidates = (*(name for name in table.columns if name in frame), "known_basis")
    delivered = (n for n in candidates if n not in table.defaulted or not (flags & default_bit(table, n)).all())
    return frozenset(name for name in delivered if name == "known_basis" or frame[name].notna().any())


def _counted(code: str, name: str, where: NDArray[np.bool_], what: str) -> Iterator[Finding]:
    if count := int(where.sum()):
        yield Finding(code, name, count, f"{count} of {len(where)} rows {what}")


def _defaults(one: Landed) -> Iterator[Finding]:
    flags = one.frame[FLAGS].to_numpy()
    counts = {name: len(flags) for name in ("source", SOURCE_ID) if name not in one.frame}
    counts |= {name: int((flags & default_bit(one.table, name) > 0).sum()) for name in one.table.defaulted}
    told = [f"{name} ({count})" for name, count in counts.items() if count and name != "known_at"]
    if told:
        yield Finding("HF001", one.table.name, max(counts.values()), f"rows given a default: {', '.join(told)}")


def _currencies(name: str, frame: pd.DataFrame) -> Iterator[Finding]:
    if not {"currency", _MONEY.get(name, "")} <= set(frame):
        return
    paid = frame["currency"][frame[_MONEY[name]].notna() & (frame["currency"] != NO_CURRENCY)].value_counts()
    if len(paid) > 1:
        told = ", ".join(f"{str(currency)[:10]!r} ({count})" for currency, count in paid.head(5).items())
        yield Finding("HF018", name, len(paid), f"amounts are kept as delivered, in {len(paid)} currencies: {told}")


def _over_at_once(frame: pd.DataFrame) -> NDArray[np.bool_]:
    if "valid_to" not in frame:
        return np.zeros(len(frame), dtype=bool)
    return (frame["valid_to"] <= frame["valid_from"]).to_numpy()
