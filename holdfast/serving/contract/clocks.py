"""On what ground it is told when rows could be known, and what a backtest may therefore use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from holdfast.features.history.tables import BASES
from holdfast.findings import Finding

if TYPE_CHECKING:
    from holdfast.features.history import History

MEANINGS = {
    "event": "received by a server then: the past can be replayed",
    "created": "written down then: the past can be replayed",
    "history": "versions: the past can be replayed, overwritten values included",
    "snapshot": "seen in snapshots: changes between two of them are lost",
    "assumed": "taken from the event's own time: late arrival cannot be replayed, so a backtest may look too good",
}


def clocks(history: History) -> Iterator[Finding]:
    """Tell for each table the share of its rows by ``known_basis``, and what that means; counted are assumed rows."""
    for table in history.tables:
        facts = history.facts_of(table)
        bases = sorted(facts.bases.items(), key=lambda one: (-one[1], BASES.index(one[0])))
        if bases:
            shares = "; ".join(f"{_share(rows, facts.rows)} {name} ({MEANINGS[name]})" for name, rows in bases)
            yield Finding("HF059", table, facts.bases.get("assumed", 0), f"{facts.rows} rows: {shares}")


def _share(rows: int, whole: int) -> str:
    """Write a share so that all and nearly all look different.

    Examples
    --------
    >>> _share(999_999, 1_000_000), _share(5, 5)
    ('99.9 %', '100 %')
    """
    return "100 %" if rows == whole else f"{max(min(100 * rows / whole, 99.9), 0.1):.1f} %"
