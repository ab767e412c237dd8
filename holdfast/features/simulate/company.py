"""Simulate a B2B SaaS company whose churn law is known: canonical tables, and the truth apart from them."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.simulate import contracts, deals, goals, invoices, people, talks, usage
from holdfast.features.simulate import world as law
from holdfast.features.simulate.columns import instants, pick

if TYPE_CHECKING:
    from holdfast.features.history.history import History

__all__ = ["simulate", "simulate_frames", "write_company"]

Day = str | date | datetime | pd.Timestamp


def simulate(accounts: int = 2_000, seed: int = 0, months: int = 36, end: Day = "2026-01-01") -> History:
    """Simulate a company and read its tables through the same door as a real one.

    Parameters
    ----------
    accounts
        Accounts that were customers at any time; they arrive over the months, and some 60 % are there at the end.
    seed
        The same seed gives the same company.
    months
        Length of the history.
    end
        The day of the export, 00:00 UTC; nothing is known later.

    Returns
    -------
    History
        The canonical tables. The truth behind them is in ``simulate_frames``.
    """
    from holdfast.features.history.history import History

    return History.from_frames(simulate_frames(accounts, seed, months, end)[0], end=_midnight(end))


def simulate_frames(
    accounts: int = 2_000, seed: int = 0, months: int = 36, end: Day = "2026-01-01"
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Simulate a company as plain frames, with the truth.

    Returns
    -------
    tables, truth
        The canonical tables by name, and one row per account and week of its life: ``account_id, at`` (the week's
        first instant), ``product, relationship, business`` (latent health, standard deviation about 1),
        ``disengaged, sponsor``, and ``log_hazard`` (eta of a renewal decision, see ``world``).

    Raises
    ------
    UsageError
        For no account or less than three months.

    Examples
    --------
    >>> tables, truth = simulate_frames(accounts=20, seed=1, months=12)
    >>> sorted(tables)[:4]
    ['accounts', 'churn', 'deals', 'goals']
    >>> bool((tables["usage"]["known_at"] >= tables["usage"]["occurred_at"]).all())
    True
    """
    if accounts < 1 or months < 3:
        raise UsageError(
            "simulate",
            "at least 1 account and 3 months",
            f"{accounts} accounts, {months} months",
            "ask for more of them",
        )
    world = law.build_world(accounts, seed, months, _midnight(end))
    growth = contracts.grow(world)
    tables = {
        "accounts": people.accounts(world),
        "churn": contracts.churn(world),
        "deals": deals.deals(world, growth),
        "goals": goals.goals(world, growth),
        "invoices": invoices.invoices(world, growth),
        "people": people.people(world, growth),
        "subscriptions": contracts.subscriptions(world, growth),
        "tickets": usage.tickets(world, growth),
        "touchpoints": talks.touchpoints(world, growth),
        "usage": usage.usage(world, growth),
    }
    return tables, _truth(world)


def write_company(
    folder: str | Path,
    accounts: int = 2_000,
    seed: int = 0,
    months: int = 36,
    end: Day = "2026-01-01",
    format: Literal["parquet", "csv"] = "parquet",
) -> Path:
    """Write a simulated company: canonical tables to ``folder/history``, the truth to ``folder/truth``.

    Nothing else reads the truth; ``law.json`` beside it names the weights of the churn law.

    Returns
    -------
    Path
        The folder of the canonical tables, ready for ``History.read``.

    Raises
    ------
    UsageError
        For a format that is neither ``parquet`` nor ``csv``.
    """
    if format not in ("parquet", "csv"):
        raise UsageError("write_company, format", "'parquet' or 'csv'", repr(format), "choose one of them")
    tables, truth = simulate_frames(accounts, seed, months, end)
    history, apart = Path(folder) / "history", Path(folder) / "truth"
    for path in (history, apart):
        path.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        if format == "parquet":
            frame.to_parquet(history / f"{name}.parquet", index=False, compression="zstd")
        else:
            frame.to_csv(history / f"{name}.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    truth.to_parquet(apart / "states.parquet", index=False, compression="zstd")
    known = {
        "seed": seed,
        "end": str(_midnight(end)),
        "weights": dict(zip(law.SEGMENTS, law.WEIGHTS.tolist(), strict=True)),
        "dimensions": law.DIMENSIONS,
        "intercept": dict(zip(law.SEGMENTS, law.INTERCEPT.tolist(), strict=True)),
        "term_step": law.TERM_STEP,
        "sponsor": law.SPONSOR,
        "early": law.EARLY,
    }
    (apart / "law.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return history


def _truth(world: law.World) -> pd.DataFrame:
    account, day = world.grid
    living = world.live(account, day)
    account, day = account[living], day[living]
    week = world.week(day)
    return pd.DataFrame(
        {
            "account_id": pick(list(world.book.ids), account),
            "at": instants(world, day),
            **{name: world.latent.health[name][account, week] for name in law.DIMENSIONS},
            "disengaged": world.latent.disengaged[account, week],
            "sponsor": world.latent.sponsor[account, week],
            "log_hazard": law.log_hazard(world, account, day),
        }
    )


def _midnight(day: Day) -> pd.Timestamp:
    instant = pd.Timestamp(day)
    instant = instant.tz_localize("UTC") if instant.tz is None else instant.tz_convert("UTC")
    return instant.normalize()
