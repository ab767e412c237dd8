"""Runs put into a ledger by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd

from holdfast.serving.ledger.store import Ledger, stamp

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Chances = Mapping[str, Mapping[int, float]]
"""By account and horizon."""


def put(ledger: Ledger, *days: str, chances: Chances, kind: str = "served", model: str = "m") -> None:
    """Enter a run of each day, named by its day, kind and model, with the same chances."""
    with ledger.writing() as db:
        for day in days:
            name, as_of = f"{day} {kind} {model}", stamp(pd.Timestamp(day, tz="UTC"))
            db.execute(
                "INSERT INTO run VALUES (?, ?, ?, ?, 'x', 'x', 'x', '', 'x', ?)", (name, as_of, kind, model, stamp(NOW))
            )
            for account, by_horizon in chances.items():
                db.execute("INSERT INTO score VALUES (?, ?, 'scored', 50.0, 'yellow', 1.0)", (name, account))
                for horizon, p in by_horizon.items():
                    db.execute("INSERT INTO chance VALUES (?, ?, ?, ?)", (name, account, horizon, p))


def outcomes(ledger: Ledger) -> pd.DataFrame:
    """Give every outcome that was written: as_of, account_id, horizon, known_on, state, churned."""
    asked = "SELECT as_of, account_id, horizon, substr(known_on, 1, 10) AS known_on, state, churned FROM outcome"
    order = " JOIN reading ON number = reading ORDER BY as_of, account_id, horizon, number"
    return ledger.read(asked + order)
