"""Tables meeting each other: what needs more than one row to decide, decided for exactly the rows that are given.

Everything here is a function of the rows at hand, so that a history cut off at T is the history that would have been
read at T.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.defaults import BASIS, DIGEST, FLAGS, default_bit
from holdfast.features.history.landing import digest
from holdfast.features.history.records import Records, group, superseded
from holdfast.features.history.tables import SOURCE_ID, TABLES, Table
from holdfast.features.time import FOREVER, days, instants, micro, micros
from holdfast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LATEST = instants(np.array([FOREVER]))[0]
_TAIL_ROWS, _TAIL_SHARE, _TAIL_GAP = 50, 0.001, days(365)


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
    """

    accounts: pd.Index
    kept: dict[str, pd.DataFrame]
    aside: dict[str, list[pd.DataFrame]]
    findings: list[Finding]


def assemble(frames: Mapping[str, pd.DataFrame], clock: pd.Timestamp | None) -> Assembly:
    """Decide what counts among the given rows.

    Parameters
    ----------
    frames
        Rows as landed, by table.
    clock
        Rows known later than this are set aside; None when no clock is trusted.

    Raises
    ------
    DataError
        When two different rows claim to be the same version of the same record.
    """
    aside: dict[str, list[pd.DataFrame]] = {name: [] for name in frames}
    findings: list[Finding] = []
    present = _without_future(frames, clock, aside, findings)
    present["accounts"] = _date_accounts(present, findings)
    accounts = pd.Index(np.sort(present["accounts"]["account_id"].dropna().unique().astype(object)), dtype="str")
    kept = {}
    for name, frame in present.items():
        table = TABLES[name]
        known = _of_known_accounts(table, frame, accounts, aside, findings)
        ordered = _ordered(table, known, accounts)
        kept[name] = _without_repetition(table, ordered, aside, findings)
    return Assembly(accounts, kept, aside, findings)


def _without_future(
    frames: Mapping[str, pd.DataFrame],
    clock: pd.Timestamp | None,
    aside: dict[str, list[pd.DataFrame]],
    findings: list[Finding],
) -> dict[str, pd.DataFrame]:
    """Set aside what is known after the clock, or lies far behind the end of its table or of all tables."""
    known = {name: micros(frame["known_at"])[frame["known_at"].notna().to_numpy()] for name, frame in frames.items()}
    limit = FOREVER if clock is None else micro(clock)
    if known:
        limit = min(
            limit, _tail(np.concatenate([_top(times) for times in known.values()]), sum(map(len, known.values())))
        )
    present = {}
    for name, frame in frames.items():
        start = min(limit, _tail(_top(known[name]), len(known[name])))
        late = micros(frame["known_at"]) > start
        if late.any():
            aside[name].append(frame[late])
            first, count = frame.loc[late, "known_at"].min(), int(late.sum())
            after = f"{count} of {len(frame)} rows are dated {first:%Y-%m-%d} or later"
            findings.append(Finding("HF006", name, count, after))
        present[name] = frame[~late].reset_index(drop=True) if late.any() else frame
    return present


def _top(times: NDArray[np.int64]) -> NDArray[np.int64]:
    keep = min(len(times), _TAIL_ROWS + 1)
    return np.partition(times, len(times) - keep)[len(times) - keep :] if keep else times


def _tail(top: NDArray[np.int64], rows: int) -> int:
    """Give the last instant before an isolated tail, `FOREVER` when there is none.

    A tail is at most 50 rows, fewer than one in a thousand, more than a year behind everything before it.
    """
    top = np.sort(top)[-(_TAIL_ROWS + 1) :]
    for i in np.flatnonzero(np.diff(top) > _TAIL_GAP):
        if len(top) - 1 - i < _TAIL_SHARE * rows:
            return int(top[i])
    return FOREVER


def _date_accounts(present: Mapping[str, pd.DataFrame], findings: list[Finding]) -> pd.DataFrame:
    """Date accounts that came without a start by the first that was known of them in any table."""
    table, frame = TABLES["accounts"], present["accounts"].copy(deep=False)
    undated = (frame[FLAGS].to_numpy() & default_bit(table, table.time)) > 0
    if undated.any():
        first = _first_known(present).reindex(frame["account_id"]).reset_index(drop=True)
        frame["valid_from"] = frame["valid_from"].mask(undated, first)
        frame["known_at"] = frame["known_at"].fillna(frame["valid_from"])
    dateless = frame["known_at"].isna().to_numpy()
    if dateless.any():
        count = int(dateless.sum())
        findings.append(Finding("HF005", "accounts", count, f"{count} accounts have neither a date nor any record"))
        frame = frame[~dateless].reset_index(drop=True)
    return frame


def _first_known(present: Mapping[str, pd.DataFrame]) -> pd.Series:
    firsts = [
        frame["known_at"].groupby(frame["account_id"], sort=False).min() for frame in present.values() if len(frame)
    ]
    joined: pd.Series = pd.concat(firsts).groupby(level=0).min()
    return joined


def _of_known_accounts(
    table: Table, frame: pd.DataFrame, accounts: pd.Index, aside: dict[str, list[pd.DataFrame]], findings: list[Finding]
) -> pd.DataFrame:
    unknown = accounts.get_indexer(pd.Index(frame["account_id"])) < 0
    if not unknown.any():
        return frame
    worst = frame.loc[unknown, "account_id"].fillna("(empty)").sort_values().value_counts(sort=False)
    worst = worst.sort_values(ascending=False, kind="stable")
    shown = ", ".join(f"{str(name)[:40]!r} ({count})" for name, count in worst.head(5).items())
    count = int(unknown.sum())
    findings.append(Finding("HF004", table.name, count, f"{count} of {len(frame)} rows, of {len(worst)} ids: {shown}"))
    aside[table.name].append(frame[unknown])
    return frame[~unknown].reset_index(drop=True)


def happened(table: Table, frame: pd.DataFrame) -> NDArray[np.int64]:
    """Give the event time of rows; a departure without notice happens when it ends, or when it is known."""
    times = frame[table.time]
    if table.name == "churn":
        times = times.fillna(frame["ended_at"]) if "ended_at" in frame else times
        times = times.fillna(frame["known_at"])
    return micros(times)


def _ordered(table: Table, frame: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Sort rows by (account, at, known, source, source_id), and name those that came without a name."""
    codes, at = accounts.get_indexer(pd.Index(frame["account_id"])), happened(table, frame)
    order = np.lexsort((at, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(at[order]) == 0)
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        moment = np.append(0, np.cumsum(~same))[tied]
        order[tied] = order[tied][_fine_order(table, frame.take(order[tied]), moment)]
    frame = frame.take(order).reset_index(drop=True)
    own = [c.name for c in table.columns.values() if c.default == SOURCE_ID]
    return _name_rows(frame, own) if own or (SOURCE_ID in frame and frame[SOURCE_ID].isna().any()) else frame


def _fine_order(table: Table, frame: pd.DataFrame, moment: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order rows of the same account and instant by their second clock, their names and their content."""
    late = [name for name in table.columns if name in table.late and name in frame]
    keys: list[NDArray[np.generic]] = [digest(frame, late)]
    # earliest first, and what is still open last, so that a date blanked by a cutoff leaves the order of alike rows
    keys += [micros(frame[date].fillna(_LATEST)) for date in reversed(list(table.milestones)) if date in frame]
    keys.append(frame[DIGEST].to_numpy())
    keys += [pd.factorize(frame[name], sort=True)[0] for name in (SOURCE_ID, "source") if name in frame]
    return np.lexsort((*keys, micros(frame["known_at"]), moment))


def _name_rows(frame: pd.DataFrame, own: list[str]) -> pd.DataFrame:
    names = source_ids(frame)
    if SOURCE_ID in frame:
        names = frame[SOURCE_ID] = frame[SOURCE_ID].fillna(names)
    for name in own:
        frame[name] = frame[name].fillna(names) if name in frame else names
    return frame


def source_ids(frame: pd.DataFrame) -> pd.Series:
    """Name rows by the hash of their content, and an ordinal where several rows are alike."""
    hashes = frame[DIGEST].to_numpy()
    hexed = np.frombuffer(hashes.astype(">u8").tobytes().hex().encode(), dtype="S16").astype("U16")
    names = pd.Series(hexed, dtype="str")
    repeated = pd.Series(hashes).groupby(hashes).cumcount().to_numpy()
    again = repeated > 0
    if again.any():
        names[again] = [f"{name}-{n:06d}" for name, n in zip(names[again], repeated[again], strict=True)]
    return names


def _without_repetition(
    table: Table, frame: pd.DataFrame, aside: dict[str, list[pd.DataFrame]], findings: list[Finding]
) -> pd.DataFrame:
    """Count a version of a record once when it is delivered twice alike; refuse it when the two differ."""
    keys = [frame[name] for name in table.key if name in frame]
    if table.shape != "state" and SOURCE_ID in table.key and SOURCE_ID not in frame:
        return frame
    codes = group([*keys, frame["known_at"]])
    if not len(codes) or int(codes.max()) + 1 == len(codes):
        return frame
    repeated = pd.Series(codes).duplicated().to_numpy()
    content = [name for name in table.columns if name in frame]
    if group([frame[name] for name in content]).max() != codes.max():
        _refuse_duplicates(table, frame, codes, content)
    count = int(repeated.sum())
    findings.append(Finding("HF008", table.name, count, f"{count} of {len(frame)} rows repeat another in full"))
    aside[table.name].append(frame[repeated])
    return frame[~repeated].reset_index(drop=True)


def _refuse_duplicates(table: Table, frame: pd.DataFrame, codes: NDArray[np.int64], content: list[str]) -> None:
    distinct = pd.DataFrame({"key": codes, "row": group([frame[name] for name in content])}).drop_duplicates()
    clash = distinct["key"][distinct["key"].duplicated()].unique()
    key = [name for name in table.key if name in frame]
    rows = frame[np.isin(codes, clash[:3])].drop_duplicates([*key, "known_at"])
    shown = "; ".join(", ".join(f"{n}={str(row[n])[:60]}" for n in (*key, "known_at")) for _, row in rows.iterrows())
    raise DataError(
        table.name,
        f"one row for each {', '.join(key)} and known_at",
        f"duplicate rows that differ, for {len(clash)} keys: {shown}",
        "keep one of them, or give the correction its own later known_at",
    )


def arrivals(accounts: pd.Index, frame: pd.DataFrame) -> NDArray[np.int64]:
    """Give for each account the instant at which it was first known, from the rows of ``accounts``."""
    first = np.full(len(accounts), FOREVER, dtype=np.int64)
    np.minimum.at(first, accounts.get_indexer(pd.Index(frame["account_id"])), micros(frame["known_at"]))
    return first


def records_of(table: Table, frame: pd.DataFrame, accounts: pd.Index, arrived: NDArray[np.int64]) -> Records:
    """Lay out the rows of a table as records.

    A row arrives with its account at the earliest. What never counts, because it was corrected before it arrived, is
    dropped; so is a deletion of anything but a state, which has done its work by superseding.
    """
    codes = accounts.get_indexer(pd.Index(frame["account_id"])).astype(np.int32)
    known_at = micros(frame["known_at"])
    known = np.maximum(known_at, arrived[codes])
    nameless = SOURCE_ID in table.key and SOURCE_ID not in frame
    keys = [frame[name] for name in table.key if name in frame]
    until = np.full(len(frame), FOREVER, dtype=np.int64) if nameless else superseded(keys, known_at, known)
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
