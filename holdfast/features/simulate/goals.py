"""What the accounts of a simulated company want to reach: goals against their targets, and stages of the start."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.world import World

__all__ = ["goals"]

# name, unit, where it starts, where it should end: costs are to fall
_GOALS = (("Hours saved", "hours", 0, 400), ("Faster close", "days", 0, 5), ("Fewer errors", "percent", 0, 20),
          ("Cost per case", "euro", 100, 80))  # fmt: skip
_STAGES = ("Set up", "Data connected", "Team trained")
_STATUS = ("planned", "reached", "behind", "on track", "late")
_PLANNED, _REACHED, _BEHIND, _ON_TRACK, _LATE = range(len(_STATUS))


def goals(world: World, growth: Growth) -> pd.DataFrame:
    """Write one goal per account, measured once a quarter, and the stages of its start: planned, late, reached."""
    both = pd.concat([_measured(world, growth), _stages(world)], ignore_index=True)
    account = both["account"].to_numpy()
    return rows(
        world, "success plans", labels("G", np.arange(len(both))), account, both["known"].to_numpy(), "snapshot",
        {
            "goal_id": both["goal"].array,
            "kind": pick(["goal", "milestone"], both["kind"].to_numpy()),
            "name": both["name"].array,
            "unit": both["unit"].array,
            "baseline": both["baseline"].to_numpy(),
            "target": both["target"].to_numpy(),
            "actual": both["actual"].to_numpy(),
            "status": pick(_STATUS, both["status"].to_numpy()),
            "value_delivered": both["value"].to_numpy(),
            "currency": pick(["EUR"], np.where(both["value"].notna(), 0, -1)),
        },
        {"valid_from": both["day"].to_numpy(), "due_at": both["due"].to_numpy()},
    )  # fmt: skip


def _measured(world: World, growth: Growth) -> pd.DataFrame:
    rng, n = world.rng["goals"], world.accounts
    quarters = np.arange(30.0, world.days, 91.0)
    account = np.repeat(np.arange(n), len(quarters))
    day = np.maximum(world.book.signup[account], 0) + np.tile(quarters, n)
    keep = world.live(account, day) & (day < world.exits.onset[account])
    account, day = account[keep], day[keep]
    reach = 0.75 + 0.22 * world.state("product", account, day) + 0.1 * world.state("business", account, day)
    reach = np.clip(reach + rng.normal(0, 0.15, len(day)), 0, 1.5)
    which = account % len(_GOALS)
    start, target = (np.array([float(one[place]) for one in _GOALS])[which] for place in (2, 3))
    months = np.minimum((day - world.book.signup[account]) / 30.4375, 12.0)
    return pd.DataFrame({
        "account": account,
        "goal": labels("G", account + 1),
        "day": day,
        "known": day + rng.exponential(5.0, len(day)),
        "kind": 0,
        "name": pick([one[0] for one in _GOALS], which),
        "unit": pick([one[1] for one in _GOALS], which),
        "baseline": start,
        "target": target,
        "actual": np.round(start + reach * (target - start), 2),
        "due": world.book.signup[account] + 365.0 * np.ceil((day - world.book.signup[account] + 1) / 365.0),
        "status": np.select([reach < 0.6, reach >= 1.0], [_BEHIND, _REACHED], _ON_TRACK),
        "value": np.round(reach * 3.0 * months * growth.mrr(world, account, day), 2),
    })  # fmt: skip


def _stages(world: World) -> pd.DataFrame:
    """Plan the stages at signup, due after one to three months; the better the product fits, the sooner reached."""
    rng, n = world.rng["milestones"], world.accounts
    account, stage = np.repeat(np.arange(n), len(_STAGES)), np.tile(np.arange(len(_STAGES)), n)
    planned = world.book.signup[account].astype(float)
    due = planned + 30.0 * (stage + 1)
    pace = rng.lognormal(0, 0.4, len(account)) * np.exp(-0.35 * world.state("product", account, planned + 30))
    reached = planned + 25.0 * (stage + 1) * pace
    came = (reached < np.minimum(world.exits.onset[account], world.days)) & (rng.random(len(account)) < 0.93)
    noted = reached + rng.exponential(3.0, len(account))
    plan = pd.DataFrame({
        "account": account, "goal": labels("M", account * len(_STAGES) + stage + 1), "day": planned, "known": planned,
        "kind": 1, "name": pick(_STAGES, stage), "unit": pick(["stage"], np.full(len(stage), -1)),
        "baseline": np.nan, "target": np.nan, "actual": np.nan, "due": due, "status": _PLANNED, "value": np.nan,
    })  # fmt: skip
    done = plan.assign(day=reached, known=noted, status=_REACHED)[came]
    overdue = due + 1.0
    late = (overdue < np.where(came, reached, np.inf)) & (overdue < np.minimum(world.exits.onset[account], world.days))
    behind = plan.assign(day=overdue, known=overdue + 0.25, status=_LATE)[late]
    stages: pd.DataFrame = pd.concat([plan, done, behind], ignore_index=True)
    return stages
