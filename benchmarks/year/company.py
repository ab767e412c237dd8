"""The company of the year: its history as it becomes known, and the faults that befall its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import holdfast as hf

Frames = dict[str, pd.DataFrame]
DAY = pd.Timedelta(days=1)
PLAN = """
[data]
path = "history"
[churn]
kind = "notice"
[cutoffs]
every = "28d"
[backtest]
audits = false
bootstrap = 200
[gate]
min_events = 20
unjudged = "pass"
[tracking]
enabled = false
"""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with the data.

    Attributes
    ----------
    code
        The finding it must raise, or one of several; empty when scoring must refuse the day.
    first, last
        The days on which it lies in what is delivered.
    """

    name: str
    code: str
    first: pd.Timestamp
    last: pd.Timestamp


@dataclass(frozen=True)
class Company:
    """A company, day by day.

    Attributes
    ----------
    frames
        Every row with the instant at which it became known.
    first, days
        The first day of the year, and how many are lived through.
    """

    frames: Frames
    first: pd.Timestamp
    days: int
    faults: tuple[Fault, ...]

    def day(self, number: int) -> pd.Timestamp:
        """Give a day of the year."""
        return self.first + number * DAY

    def deliver(self, day: pd.Timestamp, folder: Path) -> None:
        """Write what is delivered on the morning of a day, in place of what was there."""
        folder.mkdir(parents=True, exist_ok=True)
        broken = {one.name for one in self.faults if one.first <= day <= one.last}
        for name, frame in self.frames.items():
            rows = frame[frame["known_at"] <= day + pd.Timedelta(hours=5)]
            if name == "usage" and "a column is renamed" in broken:
                rows = rows.rename(columns={"occurred_at": "event_time"})
            if name == "tickets" and "half a table" in broken:
                rows = rows.head(len(rows) // 3)
            rows.to_parquet(folder / f"{name}.parquet", index=False)


def company(accounts: int, days: int, seed: int) -> Company:
    """Simulate a company with two years behind it and a year before it, in which rows come late and data go wrong."""
    end = pd.Timestamp("2026-01-01", tz="UTC")
    first = end - days * DAY
    with TemporaryDirectory() as folder:
        months = 24 + -(-days // 30)
        hf.simulate(accounts=accounts, seed=seed, months=months, end=f"{end:%Y-%m-%d}").write(Path(folder) / "history")
        frames = {path.stem: pd.read_parquet(path) for path in sorted((Path(folder) / "history").glob("*.parquet"))}

    def at(share: float) -> pd.Timestamp:
        return first + int(share * days) * DAY

    faults = (
        Fault("a source stands still", "HF014", at(0.15), at(0.15) + 29 * DAY),
        Fault("a column is renamed", "", at(0.30), at(0.30)),
        Fault("half a table", "", at(0.40), at(0.40)),
        Fault("amounts in cents", "HF086 HF055", at(0.50), end),
        Fault("use is cut to a third", "HF081 HF083", at(0.75), at(0.75) + 60 * DAY),
    )
    _late(frames, np.random.default_rng(seed), at)
    _frozen(frames["tickets"], at(0.15), 30)
    _hundredfold(frames["invoices"], at(0.50))
    frames["usage"] = _quiet(frames["usage"], at(0.75), np.random.default_rng(seed + 1))
    return Company(frames, first, days, faults)


def _late(frames: Frames, rng: np.random.Generator, at: Callable[[float], pd.Timestamp]) -> None:
    """Let visits of weeks come all at once, three times, and every fourth notice three weeks late."""
    usage = frames["usage"]
    once = ~usage["source_id"].duplicated(keep=False)
    for share in (0.2, 0.45, 0.65):
        arrival = at(share)
        held = usage["known_at"].between(arrival - 21 * DAY, arrival) & once & (rng.random(len(usage)) < 0.1)
        usage.loc[held, "known_at"] = arrival
    churn = frames["churn"]
    late = (churn["known_at"] > at(0.0)) & (rng.random(len(churn)) < 0.25)
    churn.loc[late, "known_at"] += 21 * DAY


def _frozen(tickets: pd.DataFrame, since: pd.Timestamp, days: int) -> None:
    """Let nothing of a source arrive for some days; then all of it comes."""
    known = tickets["known_at"]
    held = known.between(since, since + days * DAY)
    within_minutes = ((known[held] - since) / 10_000).dt.floor("us")  # versions of a row come one after the other
    tickets.loc[held, "known_at"] = since + days * DAY + within_minutes


def _hundredfold(invoices: pd.DataFrame, since: pd.Timestamp) -> None:
    """Let amounts come in cents from a day on."""
    later = invoices["known_at"] > since
    for name in ("amount", "amount_paid"):
        invoices.loc[later, name] *= 100


def _quiet(usage: pd.DataFrame, since: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    """Keep a third of the visits from a day on: a tracker that was switched off in most places."""
    return usage[(usage["known_at"] <= since) | (rng.random(len(usage)) < 1 / 3)].reset_index(drop=True)
