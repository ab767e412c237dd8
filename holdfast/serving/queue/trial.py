"""The trial within the queue: who is left alone, how long it takes to learn from it, and what has been learned."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.serving.queue.log import CALLED, DONE, in_trial
from holdfast.serving.queue.week import CALL, LATER, LEFT_ALONE, Queue, in_order, load_of
from holdfast.training.labels import data_end, label
from holdfast.training.queue.lots import draw_lots
from holdfast.training.queue.power import Power, power

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.training.labels import Churn


def leave_alone(queue: Queue, share: float, run: str) -> Queue:
    """Leave a random share of those to be called alone; their hours stay free, lest others enter outside the trial.

    Parameters
    ----------
    share
        Of those to be called; 0: none.
    run
        The seed: the same run leaves the same accounts alone.
    """
    called = queue.of(CALL)
    if not share or called.empty:
        return queue
    held = draw_lots(called.set_index("account_id")["risk"], share, run)
    rows = queue.rows.copy()
    rows.loc[rows["account_id"].isin(held.index[held]), "decision"] = LEFT_ALONE
    hours = dict(zip(queue.load["csm"], queue.load["hours"], strict=True))
    return replace(queue, rows=in_order(rows.drop(columns="rank")), load=load_of(rows, hours))


def power_of(queue: Queue, rest_days: int, share: float, points: float | None = None) -> Power:
    """Reckon how long a trial with this team and these accounts takes.

    An account that is in the trial rests until its outcome is seen, so a team that calls many soon runs out of accounts
    that are endangered: the stream, and the share that leaves, are those of the accounts that will be reached.

    Parameters
    ----------
    queue
        A whole week, nothing of it used up yet.
    rest_days
        Days until an account can enter again.
    share
        Share left alone as the plan has it, told beside the usual ones.
    points
        The effect to be shown; by default the one that is assumed.
    """
    rows = queue.rows[queue.rows["decision"].isin([CALL, LATER]) & (queue.rows["expected_saved"] > 0)]
    rounds = max(rest_days, 7) / 7
    weekly = min(float((rows["decision"] == CALL).sum()), len(rows) / rounds)
    reached = rows.assign(worth=rows["expected_saved"] / rows["hours"]).nlargest(math.ceil(weekly * rounds), "worth")
    base = float(reached["risk"].mean()) if len(reached) else 0.0
    wanted = 100 * base * queue.save_rate if points is None else points
    return power(base, wanted, weekly, queue.horizon, share)


def trials_of(log: pd.DataFrame, history: History, churn: Churn, horizon: int) -> pd.DataFrame:
    """Follow every decision of a lot: ``account_id, at, called, propensity, left, helped``.

    ``left`` is missing until the horizon is settled; decisions whose outcome will never be known, since the account
    merged for instance, are left out.

    Parameters
    ----------
    log
        See `interventions`.
    history
        As known today.
    horizon
        In days.
    """
    drawn = log[in_trial(log)].reset_index(drop=True)
    settled = drawn["at"] + pd.Timedelta(days=churn.resolution_days(horizon)) <= data_end(history, churn)
    left = pd.Series(np.nan, index=drawn.index)
    if settled.any():
        y = label(history, sorted(drawn.loc[settled, "at"].unique()), (horizon,), churn).frame[horizon]
        places = pd.MultiIndex.from_frame(drawn.loc[settled, ["account_id", "at"]])
        left[settled] = y.reindex(places).to_numpy(float)
    done = log[log["arm"] == DONE]
    helped = [_helped(done, row, horizon) for row in drawn[["account_id", "at"]].itertuples(index=False)]
    told = drawn[["account_id", "at", "propensity"]].assign(called=drawn["arm"] == CALLED, left=left, helped=helped)
    kept: pd.DataFrame = told[left.notna() | ~settled].reset_index(drop=True)
    return kept


def _helped(done: pd.DataFrame, row: tuple[str, pd.Timestamp], horizon: int) -> bool:
    account, at = row
    mine = done.loc[done["account_id"] == account, "at"]
    return bool(((mine >= at) & (mine <= at + pd.Timedelta(days=horizon))).any())
