"""What a company sees of its accounts week by week, read from the canonical tables, each row in the week it was known.

A channel holds what was seen per account and week, and how likely that is given the hidden state: the constants are
those of the simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.latent import Bools, Floats, State
from holdfast.features.simulate.talks import RESCUE
from holdfast.features.simulate.usage import ramp, season
from holdfast.features.simulate.world import World, share

Expected = Callable[[State, int], Floats]  # of a state (n, m) in a week


@dataclass(frozen=True)
class Counts:
    """Events per week, Poisson: what was seen (n, weeks), and the rate that a state and week expect."""

    seen: Floats
    rate: Expected

    def log_likelihood(self, state: State, week: int) -> Floats:
        """Give the log-likelihood (n, m) of a week."""
        rate = self.rate(state, week)
        return np.asarray(self.seen[:, week, None] * np.log(rate) - rate)


@dataclass(frozen=True)
class Measures:
    """Figures with normal errors: their sum and number (n, weeks), the mean a state expects, and the error's spread."""

    total: Floats
    number: Floats
    mean: Expected
    spread: float

    def log_likelihood(self, state: State, week: int) -> Floats:
        """Give the log-likelihood (n, m) of a week."""
        number = self.number[:, week, None]
        average = self.total[:, week, None] / np.maximum(number, 1)
        return np.asarray(-0.5 * number * ((average - self.mean(state, week)) / self.spread) ** 2)


@dataclass(frozen=True)
class Trials:
    """Successes among tries (n, weeks), and the chance that a state expects."""

    won: Floats
    lost: Floats
    chance: Expected

    def log_likelihood(self, state: State, week: int) -> Floats:
        """Give the log-likelihood (n, m) of a week."""
        chance = np.clip(self.chance(state, week), 1e-6, 1 - 1e-6)
        return np.asarray(self.won[:, week, None] * np.log(chance) + self.lost[:, week, None] * np.log1p(-chance))


Channel = Counts | Measures | Trials


@dataclass(frozen=True)
class Observables:
    """The channels of a company, weekly actions apart, and what its programme decided.

    Attributes
    ----------
    actions
        Logins and started workflows (n, weeks); missing where they arrived late.
    scale
        What multiplies the activity of a state: seats, season and ramp (n, weeks) each.
    looked, helped, sponsor
        Decisions of the programme, and whether a sponsor is known to be in office (n, weeks).
    """

    channels: Mapping[str, Channel]
    actions: Floats
    seats: Floats
    tempo: Floats
    looked: Bools
    helped: Bools
    sponsor: Bools

    def activity(self, reach: Floats, state: State, habit: Floats, week: int) -> Floats:
        """Give the actions that are expected in a week (n, m)."""
        active = np.maximum(1.0, np.round(self.seats[:, week, None] * reach))
        rate = 0.58 * 0.85 * active * np.exp(0.3 * state.health[0] + 0.4 * habit)
        return np.asarray(rate * self.tempo[:, week, None])


def observe(world: World, growth: Growth, tables: Mapping[str, pd.DataFrame]) -> Observables:
    """Read what can be seen of a company from its tables."""
    grid = _Grid(world)
    usage = tables["usage"].drop_duplicates("source_id")
    told = usage[usage["kind"].isin(["login", "flow_start"])]
    late = told[told["known_at"] - told["occurred_at"] > pd.Timedelta(days=4)]
    actions = grid.count(told, "occurred_at", told["count"])
    actions[grid.count(late, "occurred_at") > 0] = np.nan
    talks = tables["touchpoints"].drop_duplicates(["source_id", "status", "replied_at"])
    rescues = talks[talks["playbook"] == RESCUE]
    helped = rescues[rescues["status"] == "done"]
    channels = _talking(world, grid, talks) | _using(grid, usage) | _paying(grid, tables)
    channels |= _asking(world, grid, growth, tables)
    return Observables(
        channels=channels,
        actions=actions,
        seats=growth.seats.astype(float),
        tempo=season(world) * ramp(world),
        looked=grid.count(rescues, "occurred_at") > 0,
        helped=grid.count(helped, "occurred_at") > 0,
        sponsor=grid.standing(tables["people"][tables["people"]["role"] == "exec_sponsor"]),
    )


class _Grid:
    """Accounts by weeks."""

    def __init__(self, world: World) -> None:
        self.place = pd.Series(np.arange(world.accounts), index=world.book.ids)
        self.start, self.shape = world.start, (world.accounts, world.weeks)

    def week(self, at: pd.Series) -> Floats:
        return np.asarray(np.floor((at - self.start).dt.total_seconds().to_numpy() / (7 * 86_400)), dtype=float)

    def count(self, rows: pd.DataFrame, at: str = "known_at", weight: pd.Series | Floats | None = None) -> Floats:
        """Add the rows, or their weights, by account and week."""
        table, week = np.zeros(self.shape), self.week(rows[at])
        inside = (week >= 0) & (week < self.shape[1])
        who = self.place[rows["account_id"]].to_numpy()[inside]
        worth = np.ones(inside.sum()) if weight is None else np.asarray(weight, dtype=float)[inside]
        np.add.at(table, (who, week[inside].astype(int)), worth)
        return table

    def measures(self, rows: pd.DataFrame, values: Floats, mean: Expected, spread: float) -> Measures:
        """Collect figures by account and week."""
        there = np.isfinite(values)
        rows, values = rows[there], values[there]
        return Measures(self.count(rows, weight=values), self.count(rows), mean, spread)

    def standing(self, offices: pd.DataFrame) -> Bools:
        """Say in which weeks somebody was known to be in office."""
        changes = np.zeros(self.shape)
        opened = offices[offices["valid_to"].isna()]
        begun = np.clip(self.week(opened["known_at"]), 0, self.shape[1] - 1).astype(int)
        np.add.at(changes, (self.place[opened["account_id"]].to_numpy(), begun), 1)
        changes -= self.count(offices[offices["valid_to"].notna()])
        return np.asarray(np.cumsum(changes, axis=1) > 0)


def _talking(world: World, grid: _Grid, talks: pd.DataFrame) -> dict[str, Channel]:
    touch = np.array([0.5, 1.0, 1.5])[world.book.segment][:, None]
    held = talks["status"].isin(["held", "done"])

    def kind(name: str) -> pd.DataFrame:
        return talks[(talks["kind"] == name) & held]

    surveys, reviews = kind("survey"), talks[talks["kind"] == "review"]
    nps, csat = (surveys[surveys["subtype"] == name] for name in ("nps", "csat"))
    answers = talks[(talks["kind"] == "outreach") & talks["replied_at"].notna()]
    voiced = talks[talks["sentiment"].notna()]
    mood, talk = voiced["sentiment"].to_numpy(), voiced["kind"].to_numpy() == "expansion"

    def business(s: State, _: int) -> Floats:
        return 0.1 + 0.25 * s.health[1] + 0.2 * s.health[2]

    return {
        "messages": Counts(grid.count(kind("message")), lambda s, _: 0.05 * touch * np.exp(0.35 * s.health[1])),
        "calls": Counts(grid.count(kind("call")), lambda s, _: 0.05 * touch * np.exp(0.3 * s.health[1])),
        "meetings": Counts(grid.count(kind("meeting")), lambda s, _: 0.06 * touch * np.exp(0.25 * s.health[1])),
        "advocacy": Counts(
            grid.count(kind("advocacy")), lambda s, _: 0.004 * np.exp(0.6 * s.health[0] + 0.5 * s.health[1])
        ),
        "budget": Counts(grid.count(kind("budget")), lambda s, _: 0.006 * np.exp(-0.6 * s.health[2])),
        "expansion": Counts(
            grid.count(kind("expansion")), lambda s, _: 0.007 * np.exp(0.4 * s.health[0] + 0.3 * s.health[2])
        ),
        "reviews held": Counts(
            grid.count(reviews[reviews["status"] == "held"]), lambda s, _: 0.08 * touch * share(1.3 + 0.9 * s.health[1])
        ),
        "reviews missed": Counts(
            grid.count(reviews[reviews["status"].isin(["no_show", "cancelled"])]),
            lambda s, _: 0.08 * touch * share(-1.3 - 0.9 * s.health[1]),
        ),
        "answers": Counts(grid.count(answers), lambda s, _: 0.12 * touch * share(0.5 + 0.8 * s.health[1])),
        "surveys": Counts(grid.count(nps), lambda s, _: share(-0.3 + 0.7 * s.health[1]) / 26),
        "nps": grid.measures(nps, nps["score"].to_numpy(), lambda s, _: 7.2 + s.health[0] + 1.1 * s.health[1], 1.25),
        "csat": grid.measures(csat, csat["score"].to_numpy(), lambda s, _: 3.7 + 0.6 * s.health[1], 0.75),
        "mood": grid.measures(voiced[~talk], mood[~talk], lambda s, _: 0.1 + 0.25 * s.health[1], 0.3),
        "mood on business": grid.measures(voiced[talk], mood[talk], business, 0.3),
    }


def _using(grid: _Grid, usage: pd.DataFrame) -> dict[str, Channel]:
    done, failed = (grid.count(usage[usage["kind"] == kind], "occurred_at") for kind in ("flow_done", "flow_fail"))
    feature = usage[usage["kind"] == "feature"]
    deep = feature["advanced"].to_numpy(dtype=bool)

    def breadth(s: State, _: int) -> Floats:
        return 1.0 - np.minimum(4.0 / np.clip(6.0 + 2.0 * s.health[0], 2.0, 12.0), 1.0) ** (1 / 1.6)

    return {
        "workflows": Trials(done, failed, lambda s, _: share(1.0 + 0.7 * s.health[0])),
        "breadth": Trials(grid.count(feature[deep], "occurred_at"), grid.count(feature[~deep], "occurred_at"), breadth),
    }


def _paying(grid: _Grid, tables: Mapping[str, pd.DataFrame]) -> dict[str, Channel]:
    paid = tables["invoices"].dropna(subset=["paid_at"])
    number, attempts = grid.count(paid), paid["failed_attempts"].to_numpy()
    smooth = paid[attempts == 0]
    late = (smooth["paid_at"] - smooth["due_at"]) > pd.Timedelta(days=3)
    return {
        "failed attempts": Counts(
            grid.count(paid, weight=attempts),
            lambda s, week: np.maximum(number[:, week, None], 1e-9) * np.exp(-2.2 - 0.7 * s.health[2]),
        ),
        "late payments": Trials(
            grid.count(smooth[late]), grid.count(smooth[~late]), lambda s, _: 0.75 * share(-1.5 - 0.9 * s.health[2])
        ),
    }


def _asking(world: World, grid: _Grid, growth: Growth, tables: Mapping[str, pd.DataFrame]) -> dict[str, Channel]:
    tickets = tables["tickets"].drop_duplicates("ticket_id")
    size = np.log1p(growth.seats)
    goals = tables["goals"][tables["goals"]["kind"] == "goal"]
    way = ((goals["actual"] - goals["baseline"]) / (goals["target"] - goals["baseline"])).to_numpy()
    deals = tables["deals"]
    day = (deals["valid_from"] - world.start).dt.total_seconds().to_numpy() / 86_400
    revenue = growth.mrr(world, grid.place[deals["account_id"]].to_numpy(), day)
    money = np.log(deals["budget_amount"].to_numpy() / (12 * revenue))
    mood = tickets["sentiment"].to_numpy() + 0.3 * tickets["category"].isin(["bug", "performance"]).to_numpy()
    return {
        "tickets": Counts(
            grid.count(tickets, "opened_at"),
            lambda s, week: 0.07 * size[:, week, None] * np.exp(-0.3 * s.health[0]) * (1 + 0.4 * s.disengaged),
        ),
        "ticket mood": grid.measures(tickets, mood, lambda s, _: 0.1 + 0.2 * s.health[0] + 0.25 * s.health[1], 0.37),
        "goals": grid.measures(
            goals, way, lambda s, _: np.maximum(0.75 + 0.22 * s.health[0] + 0.1 * s.health[2], 0), 0.15
        ),
        "budget lines": grid.measures(deals, money, lambda s, _: 0.15 + 0.2 * s.health[2], 0.11),
    }
