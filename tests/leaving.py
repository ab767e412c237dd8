"""A company that is trained in a moment: accounts come every week, or less often, until they leave for good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

START = pd.Timestamp("2023-01-02", tz="UTC")
PLAN = """
[data]
path = "history"
[churn]
kind = "departure"
confirm_days = 30
[cutoffs]
every = "84d"
[horizons]
days = [30, 60]
"""
QUICK = """
[backtest]
audits = false
bootstrap = 20
retrain_every = 50
[tracking]
enabled = false
"""


def company(folder: Path, accounts: int = 40, leavers: int = 30, weeks: int = 80, more: str = "") -> Path:
    """Write the history and a plan; those who leave do so one after the other, somewhat quieter before.

    Parameters
    ----------
    more
        Sections to add to the plan.
    """
    rng, rows, first = np.random.default_rng(0), [], weeks // 4
    names = [f"A{i:03d}" for i in range(accounts)]
    for i, name in enumerate(names):
        last = first + int((weeks - first) * 0.9 * i / leavers) if i < leavers else weeks
        week = np.arange(last)
        often = rng.uniform(0.4, 1.0) * np.where((last - week < 10) & (last < weeks), 0.7, 1.0)
        came = (rng.random(last) < often) | (week == last - 1)
        rows += [(name, START + pd.Timedelta(days=7 * int(one), hours=i % 24)) for one in week[came]]
    (folder / "history").mkdir(parents=True)
    known = pd.DataFrame({"account_id": names, "name": names, "valid_from": START})
    known.to_csv(folder / "history" / "accounts.csv", index=False)
    usage = pd.DataFrame(rows, columns=["account_id", "occurred_at"])
    usage.to_csv(folder / "history" / "usage.csv", index=False)
    plan = folder / "plan.toml"
    plan.write_text(PLAN + QUICK + more, encoding="utf-8")
    return plan


def days_before_the_end(days: int, weeks: int = 80) -> str:
    """Give a day as a command takes it; the last visit is in the last week."""
    return f"{START + pd.Timedelta(days=7 * (weeks - 1) - days):%Y-%m-%d}"
