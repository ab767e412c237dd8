"""Spans in which an account is under contract and has not given notice, from the versions of its subscriptions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.exposure import renews_itself
from holdfast.features.time import FOREVER, days
from holdfast.training.outlook import NEVER, first_of, latest, texts, times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.records import Records
    from holdfast.training.churn import Churn
    from holdfast.training.outlook import Instants

RUNNING = ("active", "past_due", "paused")


@dataclass(frozen=True)
class Spans:
    """Half-open spans [start, stop) of accounts.

    Attributes
    ----------
    told
        Whether the span was stopped by word of the customer or the vendor, and not by the mere end of a term.
    full
        Where the span would have stopped without notice.
    """

    account: NDArray[np.int32]
    start: Instants
    stop: Instants
    told: NDArray[np.bool_]
    full: Instants

    def without_notice(self) -> Spans:
        """Let each span run as if no notice had been given."""
        return replace(self, stop=self.full)

    def joined(self) -> Spans:
        """Join the spans of an account that overlap or touch; what is left between them is time without a contract."""
        order = np.lexsort((self.stop, self.start, self.account))
        account, start, stop = self.account[order], self.start[order], self.stop[order]
        reach = pd.Series(stop).groupby(account).cummax().to_numpy(dtype=np.int64)
        opens = np.ones(len(account), dtype=bool)
        opens[1:] = (account[1:] != account[:-1]) | (start[1:] > reach[:-1])
        if not len(account):
            return self
        first = np.flatnonzero(opens)
        end = np.append(first[1:], len(account)) - 1
        part = np.cumsum(opens) - 1
        told = np.zeros(len(first), dtype=bool)
        np.logical_or.at(told, part, self.told[order] & (stop == reach[end][part]))
        real = reach[end] > start[first]
        first, end, told = first[real], end[real], told[real]
        return Spans(account[first], start[first], reach[end], told, reach[end])


def covered(size: int, cutoffs: Instants, rows: Spans) -> NDArray[np.bool_]:
    """Tell which accounts are inside a span at each cutoff, (accounts, cutoffs)."""
    return latest(size, cutoffs, rows.account, rows.stop, rows.start) > cutoffs


def spans(records: Records, churn: Churn, *, as_it_came: bool) -> Spans:
    """Read the spans of every version of every subscription.

    A version runs from its ``valid_from`` until the next version of the same subscription. It is stopped by a
    cancellation request, by a version that is no longer running, or ``grace_days`` after its term or validity ended,
    whichever comes first; none of them before it was known. A term that renews itself does not end, see
    `holdfast.features.exposure.renews_itself`.

    Parameters
    ----------
    as_it_came
        Whether to rebuild what was believed at the time, version by version as it became known (who is at risk), or to
        read the last word on each version (what really happened).
    """
    rows = dated(records, churn, as_it_came=as_it_came)
    account, told = rows["account"].to_numpy(dtype=np.int32), rows["told"].to_numpy(dtype=np.bool_)
    return Spans(account, rows["start"].to_numpy(), rows["stop"].to_numpy(), told, rows["full"].to_numpy())


def dated(records: Records, churn: Churn, *, as_it_came: bool) -> pd.DataFrame:
    """Date each version that runs, as `spans` does: ``row`` (its place in the records), account and the dates."""
    rows = versions(records)
    if not as_it_came:
        rows = rows[rows["superseded"] == FOREVER]
    else:
        rows = rows.assign(at=np.maximum(rows["at"], rows["known"]))
    replaced, ousted = _replaced(rows)
    lapse = np.maximum(_later(rows["end"].to_numpy(), days(churn.grace_days)), rows["end_told"].to_numpy())
    full = np.minimum.reduce([replaced, rows["superseded"].to_numpy(), lapse])
    cancelled = rows[["cancel", "cancel_told"]].max(axis=1).to_numpy()
    start = rows["at"].to_numpy()
    stop = np.maximum(np.minimum(full, cancelled), start)
    told = (stop == cancelled) | ((stop == replaced) & ousted)
    live = rows["running"].to_numpy() & (full > start)
    found = rows[["row", "account"]].assign(start=start, stop=stop, told=told, full=full)
    kept: pd.DataFrame = found[live].reset_index(drop=True)
    return kept


def starts(records: Records) -> tuple[NDArray[np.int32], Instants]:
    """Give (account, instant) of each start of a subscription or of a new term, when it could be known."""
    rows = versions(records)
    rows = rows[(rows["superseded"] == FOREVER) & rows["running"] & (rows["cancel"] == FOREVER)]
    begins = first_of([rows["entity"]], rows["at"].to_numpy()) == rows["at"]
    told = first_of([rows["entity"], rows["term_start"]], rows["known"].to_numpy())
    renewed = np.maximum(rows["term_start"], told)
    when = np.where(begins, np.maximum(rows["at"], rows["known"]), renewed)
    kept = (begins | (rows["term_start"] > NEVER)).to_numpy()
    return rows["account"].to_numpy(dtype=np.int32)[kept], when[kept]


def versions(records: Records) -> pd.DataFrame:
    """Lay out the versions, ordered by subscription and time, with the instants at which each end was first told.

    Returns
    -------
    DataFrame
        ``row`` (its place in the records), ``account, entity`` (the subscription), ``at, known, superseded``,
        ``term_start, cancel, end, running``, and the instants ``cancel_told, end_told, over_told``.
    """
    columns = records.columns
    names = pd.factorize(columns["subscription_id"])[0].astype(np.int64)
    rows = pd.DataFrame(
        {
            "row": np.arange(len(records)),
            "account": records.account,
            "entity": records.account.astype(np.int64) * (names.max(initial=0) + 1) + names,
            "at": records.at,
            "known": records.known,
            "superseded": records.superseded,
            "term_start": times(columns, "term_start", NEVER),
            "cancel": times(columns, "cancel_requested_at", FOREVER),
            "end": _ends(columns),
            "running": np.isin(texts(columns, "status", "active").astype(str), RUNNING) & ~deleted(columns),
        }
    ).sort_values(["entity", "at", "known"], kind="stable", ignore_index=True)
    for date in ("cancel", "end"):
        dated = rows[date] < FOREVER
        told = first_of([rows["entity"], rows[date]], rows["known"].to_numpy())
        rows[f"{date}_told"] = np.where(dated, told, NEVER)
    word = first_of([rows["entity"], rows["at"], rows["running"]], rows["known"].to_numpy())
    rows["over_told"] = np.where(rows["running"], NEVER, word)
    return rows


def _ends(columns: pd.DataFrame) -> Instants:
    """Give the end of what is agreed: of the validity, of the service, or of a term that does not renew itself."""
    absent = np.full(len(columns), np.nan)
    renews, notice = (
        columns[name].to_numpy(dtype=float, na_value=np.nan) if name in columns else absent
        for name in ("auto_renew", "notice_days")
    )
    term = np.where(renews_itself(renews, notice), FOREVER, times(columns, "term_end", FOREVER))
    return np.asarray(
        np.minimum.reduce([term, times(columns, "valid_to", FOREVER), times(columns, "ends_at", FOREVER)])
    )


def deleted(columns: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows say that a record is no more."""
    return columns["deleted"].to_numpy(dtype=bool) if "deleted" in columns else np.zeros(len(columns), dtype=bool)


def _replaced(rows: pd.DataFrame) -> tuple[Instants, NDArray[np.bool_]]:
    """Give the instant from which a later version of the same subscription counts, and whether that one ends it."""
    counts = rows[["at", "over_told"]].max(axis=1)
    back = counts[::-1].groupby(rows["entity"][::-1], sort=False)
    nearest = back.cummin()[::-1].groupby(rows["entity"], sort=False).shift(-1, fill_value=FOREVER)
    ended = (~rows["running"]).groupby(rows["entity"], sort=False).shift(-1, fill_value=False)
    return nearest.to_numpy(dtype=np.int64), ended.to_numpy(dtype=bool)


def _later(instants: Instants, by: int) -> Instants:
    return np.where(instants > FOREVER - by, FOREVER, instants + by)
