"""Drivers: the strongest reasons behind one account's risk, in sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.catalog.collection import Catalog
from holdfast.features.indicators.wording import written
from holdfast.features.snapshot import INDEX
from holdfast.models.groups import by_group
from holdfast.models.phrases import phrase
from holdfast.models.reasons import PAST_DAYS
from holdfast.models.strength import strengths

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.explain import Explanation
    from holdfast.models.health import HealthScore

DRIVERS = 3
KEPT = 8


REASON = (
    "account_id", "rank", "code", "dimension", "text", "value", "direction", "contribution", "strength", "others",
    "own_past", "peer_percentile", "beside",
)  # fmt: skip
"""One contribution to one account's log-hazard, with what was seen; positive raises the risk.

``code, dimension, text, value`` are of the sign that says most of it: its sentence and its figure. ``contribution`` is
that of the sign and of those that say nearly the same, whose names are ``others``, blank apart; ``strength``, by which
they are ranked, is told in `holdfast.models.strength`. ``own_past`` is the figure of the account 90 days before,
missing for changes and trends, whose sentence tells it; ``peer_percentile`` its place in its segment now, 0 to 100,
those level counted half; ``beside`` tells both in words.
"""


def signs(catalog: Iterable[Indicator]) -> list[str]:
    """Name the signs that can be a reason: those of health, which somebody could act on."""
    return [one.name for one in catalog if not one.calendar]


def drivers(
    parts: Iterable[Explanation],
    now: Snapshot,
    past: Snapshot,
    history: History,
    ids: Iterable[str],
    standings: pd.DataFrame,
    health: HealthScore | None = None,
) -> pd.DataFrame:
    """Rank the reasons of each account: what raises the risk, strongest first, then what lowers it, strongest first.

    Signs that say nearly the same are one reason. Segment, plan, the contract calendar and other context that nobody
    can act on, and what is not on record, is left to the full explanation.

    Parameters
    ----------
    parts
        Explanations of one day, of some accounts each.
    now, past
        All rows of that day, and those of the day to compare with.
    ids
        The accounts wanted; at most eight reasons each, the first three are the drivers shown.
    standings
        By account and sign, its place among the peers, 0 to 100.
    health
        Fitted; how strong a reason is, it says of what it weighs, see `holdfast.models.strength`.

    Returns
    -------
    DataFrame
        One row per account and reason, with the columns `REASON`.
    """
    wanted, told = set(ids), []
    for why in parts:
        part = _ranked(_contributions(why, wanted, health))
        told.append(part.assign(dimension=part["indicator"].map(why.sources["dimension"])))
    frame = pd.concat(told, ignore_index=True) if told else pd.DataFrame()
    if frame.empty:
        return pd.DataFrame(columns=list(REASON))
    known = {one.name: one for one in now.catalog}
    figures = {
        "value": _by_account(now.indicators),
        "own_past": _by_account(past.indicators.reindex(columns=now.indicators.columns)),
        "peer_percentile": standings,
    }
    frame["text"] = Catalog(now.catalog, fixed=True).sentences(history, frame, now.cutoffs[0], figures["value"])
    for name, table in figures.items():
        frame[name] = _looked_up(table, frame)
    frame["own_past"] = frame["own_past"].mask(frame["indicator"].map(lambda name: known[name].tells_past))
    frame["others"] = frame["others"].map(" ".join)
    frame["direction"] = np.where(frame["contribution"] < 0, "lowers", "raises")
    beside = zip(frame["indicator"], frame["own_past"], frame["peer_percentile"], strict=True)
    frame["beside"] = [_beside(known[name], own, peers) for name, own, peers in beside]
    return frame.rename(columns={"indicator": "code"})[list(REASON)]


def _contributions(why: Explanation, ids: set[str], health: HealthScore | None) -> pd.DataFrame:
    """List what can be a reason: signs of health that are on record and say something."""
    frame = why.frame().assign(strength=strengths(why, health).to_numpy().ravel())
    kept = frame["account_id"].isin(ids) & frame["indicator"].isin(signs(why.X.catalog))
    frame = frame[kept & (frame["contribution"] != 0.0) & frame["value"].notna()]
    return frame.assign(group=frame["indicator"].map(why.sources["group"]))


def _ranked(told: pd.DataFrame) -> pd.DataFrame:
    sums = told.groupby(["account_id", "group"], sort=True)[["contribution", "strength"]].sum().reset_index()
    sums = sums[sums["contribution"] != 0.0].assign(lowers=sums["contribution"] < 0)
    sums["order"] = (sums["strength"] * np.where(sums["lowers"], 1.0, -1.0)).clip(upper=0.0)
    sums["size"] = -sums["contribution"].abs()
    sums = sums.sort_values(["account_id", "lowers", "order", "size", "group"], kind="stable", ignore_index=True)
    sums["rank"] = sums.groupby("account_id").cumcount() + 1
    kept = sums.loc[sums["rank"] <= KEPT, ["account_id", "group", "rank"]]
    told = by_group(told.merge(kept[["account_id", "group"]], on=["account_id", "group"]), "account_id")
    return told.merge(kept, on=["account_id", "group"]).sort_values(["account_id", "rank"], ignore_index=True)


def _beside(sign: Indicator, own_past: float, peers: float) -> str:
    """Say what stands beside a reason, as far as it is known."""
    told = []
    if np.isfinite(own_past):
        past = written(own_past, sign.unit, sign.language)
        told.append(phrase(sign.language, "past", days=PAST_DAYS, value=past))
    if np.isfinite(peers):
        told.append(phrase(sign.language, "peers", place=peers))
    return "; ".join(told)


def _by_account(table: pd.DataFrame) -> pd.DataFrame:
    return table.droplevel(INDEX[1])


def _looked_up(table: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Pick the figure of each account and sign; missing where the account is not in the table."""
    row, accounts = pd.factorize(frame["account_id"])
    column, names = pd.factorize(frame["indicator"])
    return np.asarray(table.reindex(index=accounts, columns=names).to_numpy()[row, column])
