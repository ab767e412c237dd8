"""Simulate a B2B SaaS company whose churn law is known: canonical tables, and the truth apart from them."""

from __future__ import annotations

from datetime import date, datetime
from numbers import Integral
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.simulate import contracts, deals, goals, invoices, people, talks, usage
from holdfast.features.simulate import world as law
from holdfast.features.simulate.columns import instants, pick
from holdfast.features.simulate.latent import DIMENSIONS
from holdfast.features.simulate.scenario import Scenario
from holdfast.features.time import to_instant

if TYPE_CHECKING:
    from holdfast.features.history.history import History

__all__ = ["frames_of", "simulate", "simulate_frames", "to_midnight"]

Day = str | date | datetime | pd.Timestamp


def simulate(
    accounts: int = 2_000,
    seed: int = 0,
    months: int = 36,
    end: Day = "2026-01-01",
    scenario: Scenario | None = None,
) -> History:
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
    scenario
        What may be different: no programme that helps, a shock, drift, a weak signal.

    Returns
    -------
    History
        The canonical tables. The truth behind them is in ``simulate_frames``.
    """
    from holdfast.features.history.history import History

    tables, _ = simulate_frames(accounts, seed, months, end, scenario)
    return History.from_frames({name: table for name, table in tables.items() if len(table)}, end=to_midnight(end))


def simulate_frames(
    accounts: int = 2_000,
    seed: int | tuple[int, ...] = 0,
    months: int = 36,
    end: Day = "2026-01-01",
    scenario: Scenario | None = None,
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
        For no account, less than three months, a number that is not whole, or a negative seed.

    Examples
    --------
    >>> tables, truth = simulate_frames(accounts=20, seed=1, months=12)
    >>> sorted(tables)[:4]
    ['accounts', 'churn', 'deals', 'goals']
    >>> bool((tables["usage"]["known_at"] >= tables["usage"]["occurred_at"]).all())
    True
    """
    _refuse("accounts", accounts, 1)
    _refuse("months", months, 3)
    for part in seed if isinstance(seed, tuple) else (seed,):
        _refuse("seed", part, 0)
    world = law.build_world(accounts, seed, months, to_midnight(end), scenario)
    return frames_of(world), _truth(world)


def frames_of(world: law.World) -> dict[str, pd.DataFrame]:
    """Write the canonical tables of a world."""
    growth = contracts.grow(world)
    return {
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


def _refuse(name: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or int(value) < least:
        raise UsageError(f"simulate, {name}", f"a whole number from {least} on", repr(value), "correct it")


def _truth(world: law.World) -> pd.DataFrame:
    account, day = world.grid
    living = world.live(account, day)
    account, day = account[living], day[living]
    week = world.week(day)
    return pd.DataFrame(
        {
            "account_id": pick(list(world.book.ids), account),
            "at": instants(world, day),
            **{name: world.latent.health[name][account, week] for name in DIMENSIONS},
            "disengaged": world.latent.disengaged[account, week],
            "sponsor": world.latent.sponsor[account, week],
            "log_hazard": law.log_hazard(world, account, day),
        }
    )


def to_midnight(day: Day) -> pd.Timestamp:
    """Read a day as the instant at which it begins, 00:00 UTC."""
    return to_instant(day).normalize()
