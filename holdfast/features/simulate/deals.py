"""What a simulated company is sold: first contracts, renewals, expansions and contractions, as versions by stage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import instants, labels, pick, rows
from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.world import World, share

__all__ = ["deals"]

_KINDS = ("renewal", "expansion", "new", "contraction")
_RENEWAL, _EXPANSION, _NEW, _CONTRACTION = range(len(_KINDS))
_OUTLOOK = np.array([1.5, -0.2, 0.0, 0.5])  # forecast at average health; for a contraction health argues against
_STAGES = ("qualified", "negotiation", "closed won", "closed lost")
_QUALIFIED, _NEGOTIATION, _WON, _LOST = range(len(_STAGES))
_BUDGETS = ("none", "contested", "dedicated")


def deals(world: World, growth: Growth) -> pd.DataFrame:
    """Write renewal deals of terms longer than a month, deals of expansion and contraction, and the first contracts.

    The probability is a forecast from health on the day it was written, with the error of a forecast; the budget grows
    and shrinks with business health.
    """
    talked = pd.concat([_renewals(world), _expansions(world, growth)], ignore_index=True)
    asked = _contractions(world, growth)
    first = pd.DataFrame({
        "account": np.arange(world.accounts), "kind": _NEW, "size": 12.0, "opened": world.book.signup + 0.0,
        "closing": world.book.signup + 0.0, "closed": world.book.signup + 0.0, "won": True,
    })  # fmt: skip
    steps = _noted(_steps(world, talked), world.rng["deals"])
    more = _noted(_steps(world, pd.concat([asked, first], ignore_index=True)), world.rng["sales"])
    more["deal"] += steps["deal"].max() + 1 if len(steps) else 0
    return _rows(world, growth, pd.concat([steps, more], ignore_index=True))


def _renewals(world: World) -> pd.DataFrame:
    exits, terms = world.exits, world.terms
    long = terms[(world.book.term[terms["account"]] > 1) & (terms["start"] < exits.end[terms["account"]])]
    account, closing = long["account"].to_numpy(), long["end"].to_numpy(dtype=np.float64)
    opened = np.maximum(closing - world.book.notice_days[account] - 60, long["start"].to_numpy()) + 0.4
    lost = exits.end[account] <= closing
    return pd.DataFrame({
        "account": account, "kind": _RENEWAL, "size": world.book.term[account] + 0.0, "opened": opened,
        "closing": closing, "closed": np.where(lost, np.maximum(exits.known[account], opened + 0.1), closing),
        "won": ~lost,
    })  # fmt: skip


def _expansions(world: World, growth: Growth) -> pd.DataFrame:
    talks = growth.talks
    opened = talks["talked"] + 7
    told = np.maximum(world.exits.known[talks["account"]], opened + 0.1)
    return pd.DataFrame({
        "account": talks["account"], "kind": _EXPANSION, "size": 12 * talks["extra"], "opened": opened,
        "closing": talks["closed"], "closed": np.minimum(talks["closed"], told), "won": talks["won"],
    })  # fmt: skip


def _contractions(world: World, growth: Growth) -> pd.DataFrame:
    """Open a deal when fewer seats are asked for; some are talked out of it, some leave instead."""
    rng, health = world.rng["sales"], world.latent.health
    kept, when = world.weekly_visits(rng, 0.002 * np.exp(-0.6 * health["product"] - 0.4 * health["business"]))
    cuts = growth.cuts
    account, made = np.concatenate([cuts["account"].to_numpy(), kept]), np.pad(cuts["won"].to_numpy(), (0, len(kept)))
    opened = np.concatenate([cuts["asked"].to_numpy(), when])
    less = np.concatenate([cuts["less"].to_numpy(), rng.uniform(0.1, 0.4, len(kept))])
    settled = 7.0 * (world.week(opened) + 1)  # seats change with the week
    dropped = np.minimum(opened + rng.uniform(7, 21, len(opened)), np.maximum(world.exits.known[account], opened + 0.1))
    return pd.DataFrame({
        "account": account, "kind": _CONTRACTION, "size": 12 * less, "opened": opened,
        "closing": settled, "closed": np.where(made, settled, dropped), "won": made,
    })  # fmt: skip


def _steps(world: World, deal: pd.DataFrame) -> pd.DataFrame:
    """Give one row per stage of every deal that was opened before its account decided to leave."""
    deal = deal[deal["opened"] < world.exits.onset[deal["account"]]].reset_index(drop=True)
    opened = deal.assign(deal=deal.index, stage=_QUALIFIED, day=deal["opened"])
    moved = deal.assign(deal=deal.index, stage=_NEGOTIATION, day=deal["opened"] + 20)
    moved = moved[moved["day"] < np.minimum(moved["closed"], world.exits.onset[moved["account"]])]
    closed = deal.assign(deal=deal.index, stage=np.where(deal["won"], _WON, _LOST), day=deal["closed"])
    return pd.concat([opened[opened["kind"] != _NEW], moved, closed], ignore_index=True)


def _noted(step: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(step)
    return step.assign(error=rng.normal(0, 0.8, n), doubt=rng.normal(0, 0.6, n), lag=rng.exponential(1.5, n))


def _rows(world: World, growth: Growth, step: pd.DataFrame) -> pd.DataFrame:
    account, day = step["account"].to_numpy(), step["day"].to_numpy()
    kind, stage = step["kind"].to_numpy(), step["stage"].to_numpy()
    over, won, mrr = stage >= _WON, stage == _WON, growth.mrr(world, account, day)
    outlook = sum(0.6 * world.state(name, account, day) for name in world.latent.health)
    forecast = share(_OUTLOOK[kind] + np.where(kind == _CONTRACTION, -1, 1) * outlook + step["error"].to_numpy())
    b = world.state("business", account, day)
    money = 12 * mrr * np.exp(0.15 + 0.2 * b + world.rng["budgets"].normal(0, 0.1, len(step)))
    return rows(
        world, "crm", labels("D", np.arange(len(step))), account, day + step["lag"].to_numpy(), "history",
        {
            "deal_id": labels("D", step["deal"].to_numpy() + 1),
            "kind": pick(_KINDS, kind),
            "stage": pick(_STAGES, stage),
            "is_closed": over,
            "is_won": won,
            "amount": np.round(mrr * step["size"].to_numpy(), 2),
            "currency": pick(["EUR"], np.zeros_like(account)),
            "close_date": instants(world, np.floor(step["closing"].to_numpy())),
            "probability": np.where(over, won, np.round(forecast, 2)).astype(np.float64),
            "budget_status": pick(_BUDGETS, np.digitize(b + step["doubt"].to_numpy(), [-0.9, -0.1])),
            "budget_amount": np.round(money, -2),
        },
        {"valid_from": day},
    )  # fmt: skip
