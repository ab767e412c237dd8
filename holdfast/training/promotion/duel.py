"""The duel: champion and challenger on the same rows, none of which either had learned from.

The champion is judged as it stands on what came after it learned. Where too few accounts have left since then, the two
ways of learning are compared instead: what the walks forward of both told of the same accounts on the same days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import draw_accounts, interval, rarer, ratios
from holdfast.training.capacity import listed
from holdfast.training.champion import CHAMPION
from holdfast.training.metrics import Floats, losses
from holdfast.training.promotion.margins import LEVEL
from holdfast.training.verdict import MIN_EVENTS

CHALLENGER = "challenger"
SINCE, WALKS = "since the champion learned", "in the walks forward of both"
_KEYS = ["account_id", "cutoff", "horizon"]


@dataclass(frozen=True)
class Gain:
    """How much better the challenger is than the champion, with its 90 % interval; negative where it is worse."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Duel:
    """The rows on which both are judged, for each horizon those with enough evidence.

    Attributes
    ----------
    rows
        Long: ``account_id, cutoff, horizon, model`` (``champion``, ``challenger``)``, p, y``; every row twice.
    grounds
        By horizon, where the rows are from.
    why
        By horizon, why nothing can be judged.
    replicates, seed
        Of the draws of accounts.
    """

    rows: pd.DataFrame
    grounds: Mapping[int, str]
    why: Mapping[int, str]
    replicates: int = 200
    seed: int = 0

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons that can be judged."""
        return tuple(sorted(self.grounds))

    def of(self, horizon: int) -> pd.DataFrame:
        """Give the rows of one horizon."""
        return self.rows[self.rows["horizon"] == horizon]

    def skill(self, rows: pd.DataFrame) -> Gain:
        """Give the share of the champion's log loss that is gone."""
        code, weights = draw_accounts(rows["account_id"], self.replicates, self.seed)
        loss, champion = losses(rows["y"], rows["p"]), (rows["model"] == CHAMPION).to_numpy()
        return _gain(1 - ratios(loss * ~champion, loss * champion, code, weights), evidence(rows))

    def caught(self, rows: pd.DataFrame, arr: pd.Series, capacity: float) -> Gain:
        """Give the share of the revenue that left, or of the accounts, that is caught beyond what the champion catches.

        Parameters
        ----------
        arr
            Revenue of the accounts, on the index of rows; missing throughout where it is not known.
        capacity
            Accounts called at each cutoff: a number, or below 1 a share.
        """
        worth = arr.fillna(0.0) if arr.notna().any() else pd.Series(1.0, index=rows.index)
        code, weights = draw_accounts(rows["account_id"], self.replicates, self.seed)
        told = rows.assign(rank_by=rows["p"] * worth, lost=rows["y"] * worth)
        drawn = {}
        for model in (CHAMPION, CHALLENGER):
            here = (rows["model"] == model).to_numpy()
            mine = told[here]
            lost = mine["lost"].to_numpy(float)
            drawn[model] = ratios(lost * listed(mine, capacity), lost, code[here], weights)
        return _gain(drawn[CHALLENGER] - drawn[CHAMPION], evidence(rows))


def duel(
    since: pd.DataFrame,
    walked: pd.DataFrame,
    before: pd.DataFrame,
    horizons: Sequence[int],
    *,
    replicates: int = 200,
    seed: int = 0,
) -> Duel:
    """Lay out the rows on which champion and challenger are judged.

    Parameters
    ----------
    since
        Both since the champion learned, see `champion.came_after`; the model that is not the champion challenges it.
    walked, before
        What the walks forward of the challenger and of the champion told: ``account_id, cutoff, horizon, p, y``, one
        model each; labels are those of the challenger.
    horizons
        Those of the challenger.
    """
    frozen = since.assign(model=np.where(since["model"] == CHAMPION, CHAMPION, CHALLENGER))
    parts, grounds, why = [], {}, {}
    for horizon in horizons:
        found = {SINCE: _both(frozen, horizon), WALKS: paired(before, walked, horizon)}
        seen = {ground: evidence(rows) for ground, rows in found.items()}
        ground = next((one for one, accounts in seen.items() if accounts >= MIN_EVENTS), None)
        if ground is None:
            counts = " and ".join(f"{accounts} {one}" for one, accounts in seen.items())
            why[horizon] = f"the rarer outcome was seen in {counts} accounts, and {MIN_EVENTS} are needed"
            continue
        grounds[horizon] = ground
        parts.append(found[ground])
    columns = [*_KEYS, "model", "p", "y"]
    rows = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return Duel(rows, grounds, why, replicates, seed)


def evidence(rows: pd.DataFrame) -> int:
    """Count the accounts with the rarer outcome.

    Examples
    --------
    >>> evidence(pd.DataFrame({"account_id": ["a", "a", "b"], "y": [1.0, 0.0, 0.0]}))
    1
    """
    return rarer(rows["account_id"], rows["y"])


def paired(before: pd.DataFrame, walked: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Give what two walks forward told of the same accounts on the same days, with the labels of the challenger's."""
    old, new = (one[one["horizon"] == horizon] for one in (before, walked))
    both = new.merge(old[[*_KEYS, "p"]], on=_KEYS, suffixes=("", "_before")).dropna(subset=["p", "p_before", "y"])
    parts = [both.assign(model=CHALLENGER), both.assign(model=CHAMPION, p=both["p_before"])]
    return pd.concat(parts, ignore_index=True)[[*_KEYS, "model", "p", "y"]]


def _both(rows: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Keep the settled rows of a horizon that both predicted."""
    mine = rows[rows["horizon"] == horizon].dropna(subset=["p", "y"])
    return mine[mine.groupby(_KEYS, sort=False)["model"].transform("size") == 2]


def _gain(drawn: Floats, accounts: int) -> Gain:
    low, high = interval(drawn[1:, None], LEVEL, evidence=accounts)
    return Gain(float(drawn[0]), float(low[0]), float(high[0]))
