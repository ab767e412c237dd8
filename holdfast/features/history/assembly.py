"""Tables meeting each other: what needs more than one row to decide, decided for exactly the rows that are given.

Everything here is a function of the rows at hand, so that a history cut off at T is the history that would have been
read at T. Rows of different accounts meet only where they claim the same name; what else concerns all rows, the limits
of the future, is passed in, so that accounts can be assembled bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.defaults import BASIS, DIGEST, FLAGS, OUTSIDE, default_bit
from holdfast.features.history.facts import Facts, most
from holdfast.features.history.landing import digest
from holdfast.features.history.naming import digests, name_rows, plain, without_repetition
from holdfast.features.history.noticed import tally
from holdfast.features.history.records import Records, group, superseded
from holdfast.features.history.tables import SOURCE_ID, TABLES, Table
from holdfast.features.time import FOREVER, instants, micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LATEST = instants(np.array([FOREVER]))[0]
ARRIVED = "_arrived"  # when a row of another bucket arrived, int64 microseconds


@dataclass(frozen=True)
class Assembly:
    """What became of the rows.

    Attributes
    ----------
    accounts
        The account ids, sorted.
    kept
        Per table the rows that count, sorted by (account, at, known, source, source_id).
    aside
        Per table the rows left out that another cutoff might let in.
    facts
        Per table what is known of it as a whole.
    """

    accounts: pd.Index
    kept: dict[str, pd.DataFrame]
    aside: dict[str, list[pd.DataFrame]]
    facts: dict[str, Facts]


def assemble(
    frames: Mapping[str, pd.DataFrame],
    limits: Mapping[str, int],
    elsewhere: Mapping[str, pd.DataFrame] | None = None,
) -> Assembly:
    """Decide what counts among the given rows.

    Parameters
    ----------
    frames
        Rows as landed, by table.
    limits
        By table the last instant that is not in the future; rows known later are set aside.
    elsewhere
        By table rows of other accounts that have a name in common with the given ones.

    Raises
    ------
    DataError
        When two different rows claim to be the same version of the same record.
    """
    aside: dict[str, list[pd.DataFrame]] = {name: [] for name in frames}
    facts = {name: Facts(landed=len(frame)) for name, frame in frames.items()}
    present = _without_future(frames, limits, aside, facts)
    present["accounts"] = _date_accounts(present, aside, facts)
    accounts = account_ids(present["accounts"])
    kept = {}
    for name, frame in present.items():
        table = TABLES[name]
        known, codes = of_known_accounts(table, frame, accounts, aside, facts)
        ordered = _ordered(table, known, codes)
        kept[name] = without_repetition(table, ordered, aside, facts, (elsewhere or {}).get(name))
        facts[name] += tally(table, kept[name], happened(table, kept[name]))
    return Assembly(accounts, kept, aside, facts)


def account_ids(frame: pd.DataFrame) -> pd.Index:
    """Give the accounts that rows of ``accounts`` name, sorted."""
    ids: pd.Index = pd.Index(np.sort(frame["account_id"].dropna().unique().astype(object)), dtype="str")
    return ids


def _without_future(
    frames: Mapping[str, pd.DataFrame],
    limits: Mapping[str, int],
    aside: dict[str, list[pd.DataFrame]],
    facts: dict[str, Facts],
) -> dict[str, pd.DataFrame]:
    """Set aside what is known after the limit of its table."""
    present = {}
    for name, frame in frames.items():
        known = micros(frame["known_at"])
        late = known > limits.get(name, FOREVER)
        if late.any():
            aside[name].append(frame[late])
            facts[name] = replace(facts[name], late=int(late.sum()), late_first=int(known[late].min()))
        past = known[~late] if late.any() else known
        facts[name] = replace(facts[name], past_last=int(past.max(initial=-FOREVER)))
        present[name] = frame[~late].reset_index(drop=True) if late.any() else frame
    return present


def _date_accounts(
    present: Mapping[str, pd.DataFrame], aside: dict[str, list[pd.DataFrame]], facts: dict[str, Facts]
) -> pd.DataFrame:
    """Date accounts that came without a start by the first that was known of them in any table.

    Where that is a dated row of the same account, the row without a date says nothing that it does not.
    """
    table, frame = TABLES["accounts"], present["accounts"].copy(deep=False)
    undated = (frame[FLAGS].to_numpy() & default_bit(table, table.time)) > 0
    if undated.any():
        first = _first_known(present, frame["account_id"])
        frame["valid_from"] = frame["valid_from"].mask(undated, first)
        frame["known_at"] = frame["known_at"].fillna(frame["valid_from"])
        silent = undated & ((frame[FLAGS].to_numpy() & default_bit(table, "known_at")) > 0)
        moments = group([frame[name] for name in ("account_id", "valid_from", "known_at")])
        silent &= frame["known_at"].notna().to_numpy() & np.isin(moments, moments[~undated])
        if silent.any():
            facts["accounts"] = replace(facts["accounts"], repeated=int(silent.sum()))
            aside["accounts"].append(present["accounts"][silent])
            frame = frame[~silent].reset_index(drop=True)
    dateless = frame["known_at"].isna().to_numpy()
    if dateless.any():
        outside = dateless & ((frame[FLAGS].to_numpy() & OUTSIDE) > 0)
        facts["accounts"] = replace(facts["accounts"], undated=int(dateless.sum()), outside=int(outside.sum()))
        frame = frame[~dateless].reset_index(drop=True)
    return frame


def _first_known(present: Mapping[str, pd.DataFrame], ids: pd.Series) -> pd.Series:
    """Give for each id the first instant at which a row of it is known in any table, missing when there is none."""
    names = pd.Index(ids.dropna().unique().astype(object), dtype="str")
    first = np.full(len(names) + 1, FOREVER, dtype=np.int64)
    for frame in present.values():
        known, place = micros(frame["known_at"]), positions(names, frame["account_id"])
        real = frame["known_at"].notna().to_numpy() & (place >= 0)
        np.minimum.at(first, place[real], known[real])
    found = first[positions(names, ids)]
    return pd.Series(instants(np.where(found < FOREVER, found, 0))).mask(found == FOREVER)


def positions(accounts: pd.Index, ids: pd.Series) -> NDArray[np.intp]:
    """Give the position of each id among the accounts, -1 for none."""
    if isinstance(ids.dtype, pd.CategoricalDtype):
        places = accounts.get_indexer(pd.Index(ids.cat.categories))
        return np.asarray(np.append(places, -1)[ids.cat.codes.to_numpy()])
    return np.asarray(accounts.get_indexer(pd.Index(ids)))


def of_known_accounts(
    table: Table,
    frame: pd.DataFrame,
    accounts: pd.Index,
    aside: dict[str, list[pd.DataFrame]],
    facts: dict[str, Facts],
) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Set aside rows of accounts that are not known; give the others, with the position of the account of each."""
    codes = positions(accounts, frame["account_id"])
    unknown = codes < 0
    if not unknown.any():
        return frame, codes
    names = frame.loc[unknown, "account_id"].astype("str").fillna("(empty)").value_counts(sort=False)
    counts = {str(name): int(count) for name, count in names.items()}
    facts[table.name] = replace(
        facts[table.name], unknown=int(unknown.sum()), unknown_ids=len(counts), unknown_most=most(counts)
    )
    aside[table.name].append(frame[unknown])
    return frame[~unknown].reset_index(drop=True), codes[~unknown]


def happened(table: Table, frame: pd.DataFrame) -> NDArray[np.int64]:
    """Give the event time of rows; a departure without notice happens when it ends, or when it is known."""
    times = frame[table.time]
    if table.name == "churn":
        times = times.fillna(frame["ended_at"]) if "ended_at" in frame else times
        times = times.fillna(frame["known_at"])
    return micros(times)


def _ordered(table: Table, frame: pd.DataFrame, codes: NDArray[np.intp]) -> pd.DataFrame:
    """Sort rows by (account, at, known, source, source_id), and name those that came without a name."""
    at = happened(table, frame)
    order = _by_account_and_time(codes, at)
    same = (np.diff(codes[order]) == 0) & (np.diff(at[order]) == 0)
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        moment = np.append(0, np.cumsum(~same))[tied]
        order[tied] = order[tied][_fine_order(table, frame.take(order[tied]), moment)]
    frame = frame.take(order).reset_index(drop=True)
    return name_rows(table, frame)


def _by_account_and_time(codes: NDArray[np.intp], at: NDArray[np.int64]) -> NDArray[np.intp]:
    order = np.argsort(at, kind="stable")
    few = codes.astype(np.uint16) if codes.max(initial=0) < 1 << 16 else codes  # numpy sorts 16 bits by radix
    return np.asarray(order[np.argsort(few[order], kind="stable")])


def _fine_order(table: Table, frame: pd.DataFrame, moment: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order rows of the same account and instant by their second clock, their names and their content."""
    named = [pd.factorize(frame[name].astype("str"), sort=True)[0] for name in (SOURCE_ID, "source") if name in frame]
    clear = [*named, micros(frame["known_at"]), moment]
    order = np.lexsort(clear)
    alike = np.logical_and.reduce([np.diff(key[order]) == 0 for key in clear])
    if not alike.any():
        return order
    late = [name for name in table.columns if name in table.late and name in frame]
    keys: list[NDArray[np.generic]] = [digest(frame, late)]
    # earliest first, and what is still open last, so that a date blanked by a cutoff leaves the order of alike rows
    keys += [micros(frame[date].fillna(_LATEST)) for date in reversed(list(table.milestones)) if date in frame]
    keys.append(digests(table, frame))
    return np.lexsort((*keys, *clear))


def arrivals(accounts: pd.Index, frame: pd.DataFrame) -> NDArray[np.int64]:
    """Give for each account the instant at which it was first known, from the rows of ``accounts``."""
    first = np.full(len(accounts), FOREVER, dtype=np.int64)
    np.minimum.at(first, positions(accounts, frame["account_id"]), micros(frame["known_at"]))
    return first


def records_of(
    table: Table,
    frame: pd.DataFrame,
    accounts: pd.Index,
    arrived: NDArray[np.int64],
    elsewhere: pd.DataFrame | None = None,
) -> Records:
    """Lay out the rows of a table as records.

    A row arrives with its account at the earliest. What never counts, because it was corrected before it arrived, is
    dropped; so is a deletion of anything but a state, which has done its work by superseding.

    Parameters
    ----------
    elsewhere
        Rows of other accounts that have a name in common with the given ones.
    """
    codes = positions(accounts, frame["account_id"]).astype(np.int32)
    known = np.maximum(micros(frame["known_at"]), arrived[codes])
    until = _until(table, frame, known, elsewhere)
    given = {"account_id", "known_at", DIGEST, FLAGS, BASIS} | (set() if table.name == "churn" else {table.time})
    columns = frame[[name for name in frame.columns if name not in given]]
    counts = known < until
    if "deleted" in columns:
        gone = (columns["deleted"] == 1.0).to_numpy()
        state = table.shape == "state" and bool(gone.any())
        columns = columns.assign(deleted=gone) if state else columns.drop(columns="deleted")
        counts &= state | ~gone
    records = Records(codes, happened(table, frame), known, until, columns)
    return records if counts.all() else records.take(counts)


def _until(
    table: Table, frame: pd.DataFrame, known: NDArray[np.int64], elsewhere: pd.DataFrame | None
) -> NDArray[np.int64]:
    """Tell from when on each row is superseded, by rows of the same name, of whatever account."""
    if SOURCE_ID in table.key and SOURCE_ID not in frame:
        return np.full(len(frame), FOREVER, dtype=np.int64)
    names = [name for name in table.key if name in frame]
    if elsewhere is None or not len(elsewhere):
        return superseded([frame[name] for name in names], micros(frame["known_at"]), known)
    both = pd.concat([frame[names].astype(plain(frame, names)), elsewhere[names]], ignore_index=True)
    known_at = np.concatenate([micros(frame["known_at"]), micros(elsewhere["known_at"])])
    arrived = np.concatenate([known, elsewhere[ARRIVED].to_numpy()])
    return superseded([both[name] for name in names], known_at, arrived)[: len(frame)]
