"""Outcomes: how it ended for those who were scored, read as it becomes known; what was said before stays.

A reading looks at what can have changed since the last one and at nothing else: the cells that have settled since, and
all cells of accounts of which something came later than the labels allow for.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.time import micro
from holdfast.serving.ledger.store import ERASED, Ledger, stamp
from holdfast.training.label_cells import Question, read_bucket
from holdfast.training.label_changes import Some, changes
from holdfast.training.label_ground import ground
from holdfast.training.label_ledger import CENSORED, FINAL, OPEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.training.churn import Churn

logger = logging.getLogger("holdfast.ledger")
AT_ONCE = 2_000_000  # cells that are read together
_CELL = ["as_of", "account_id", "horizon"]
_NOTHING = pd.DataFrame({name: pd.Series(dtype=object) for name in (*_CELL, "before", "state", "churned")})
_PAIRS = """
SELECT r.run_id, r.as_of, c.horizon,
       coalesce((SELECT settled FROM matured m WHERE m.run_id = r.run_id AND m.horizon = c.horizon
                 ORDER BY reading DESC LIMIT 1), 0) AS read
FROM run r JOIN chance c ON c.run_id = r.run_id
    AND c.account_id = (SELECT account_id FROM chance WHERE run_id = r.run_id ORDER BY account_id LIMIT 1)
ORDER BY r.as_of, c.horizon, r.run_id"""
_SCORED = """
SELECT ?1 AS as_of, c.account_id, c.horizon, o.state, o.churned
FROM (SELECT DISTINCT account_id, horizon FROM run JOIN chance USING (run_id)
      WHERE as_of = ?1 AND horizon IN (SELECT value FROM json_each(?2))) c
LEFT JOIN (SELECT account_id, horizon, state, churned, max(reading) FROM outcome WHERE as_of = ?1
           GROUP BY account_id, horizon) o USING (account_id, horizon)"""
_READ = """
SELECT as_of, account_id, horizon, state, churned FROM (
    SELECT as_of, account_id, horizon, state, churned, max(reading) FROM outcome
    WHERE as_of = ?1 AND account_id NOT GLOB ?2 GROUP BY as_of, account_id, horizon)"""
_READ_OF = """
SELECT as_of, account_id, horizon, state, churned FROM (
    SELECT as_of, account_id, horizon, state, churned, max(reading) FROM outcome
    WHERE as_of = ?1 AND account_id IN (SELECT value FROM json_each(?2)) GROUP BY as_of, account_id, horizon)"""


@dataclass(frozen=True)
class Reading:
    """What a reading of outcomes found.

    Attributes
    ----------
    known_on
        The day as of which they were read.
    settled
        Cells that were read for the first time.
    reopened
        Cells that read otherwise than before.
    sound
        Whether what was known at earlier readings still stands as it was, and churn means what it meant; else only
        reading all of them anew tells what has become of them.
    """

    known_on: pd.Timestamp
    settled: int = 0
    reopened: int = 0
    sound: bool = True


@dataclass(frozen=True)
class _Last:
    number: int
    known_on: pd.Timestamp
    through: pd.Timestamp
    rule: str
    ground: str


def mature(ledger: Ledger, history: History, rule: Churn, at: datetime, *, anew: bool = False) -> Reading:
    """Read the outcomes of what was served, as far as they are settled, and write down what is new or otherwise.

    Parameters
    ----------
    history
        As known on the day as of which they are read; a day before that of the last reading changes nothing.
    rule
        What counts as churn.
    at
        When this is done.
    anew
        Whether to read every cell again, whatever came.

    Raises
    ------
    DataError
        When the history lacks the tables of this definition, or is to be read anew and ends before the last reading.
    PublishError
        When the ledger cannot be read or written.
    """
    day, last = history.now, _last(ledger)
    moved = _moved(ledger, rule, day, anew=anew)
    due = moved[moved["settled"]]
    if last is None and due.empty:
        return Reading(day)
    if last is not None and anew and day < last.known_on:
        expected, do = f"one that reaches to {last.known_on:%Y-%m-%d}, the last reading", "deliver what was there then"
        raise DataError("the history", expected, f"one that ends on {day:%Y-%m-%d}", do)
    if last is not None and (day < last.known_on or (day == last.known_on and due.empty and not anew)):
        return Reading(last.known_on)
    sound = last is None or anew or _sound(last, history, rule)
    cells = _scored(ledger, due)
    rows = [_otherwise(some, history, rule, day, None) for some in _together(cells)]
    accounts = None if anew or last is None else _touched(history, rule, last.through, day)
    if last is not None and (accounts is None or len(accounts)):
        cells = _read_before(ledger, accounts)
        rows += [_otherwise(some, history, rule, day, accounts) for some in _together(cells)]
    found = pd.concat([_NOTHING, *rows], ignore_index=True).drop_duplicates(_CELL)
    _write(ledger, _next(last, history, rule, day, sound=sound), at, found, moved)
    if not sound:
        logger.warning("what was known at earlier readings of outcomes was rewritten, or churn means something else")
    first = int(found["before"].isna().sum())
    return Reading(day, first, len(found) - first, sound)


def stands(ledger: Ledger, history: History, rule: Churn) -> bool:
    """Tell whether outcomes were read, and what was known at the last reading stands as it was."""
    last = _last(ledger)
    return last is not None and _sound(last, history, rule)


def ground_now(ledger: Ledger, history: History, rule: Churn) -> tuple[int, str]:
    """Give the number of the last reading of outcomes, and the hash of its ground as a history has it.

    Raises
    ------
    LookupError
        When outcomes were never read.
    """
    last = _last(ledger)
    if last is None:
        raise LookupError("no reading of outcomes")
    return last.number, ground(history, rule, last.through)


def _last(ledger: Ledger) -> _Last | None:
    asked = "SELECT number, known_on, through, rule_sha256, ground_sha256 FROM reading ORDER BY number DESC LIMIT 1"
    for number, known_on, through, rule, of in ledger.read(asked).itertuples(index=False, name=None):
        return _Last(int(number), pd.Timestamp(known_on), pd.Timestamp(through), rule, of)
    return None


def _moved(ledger: Ledger, rule: Churn, day: pd.Timestamp, *, anew: bool) -> pd.DataFrame:
    """Find the horizons of runs that have settled and are not read, or, read anew, are open again by this rule.

    Returns
    -------
    DataFrame
        ``run_id, as_of, horizon, settled``.
    """
    pairs = ledger.read(_PAIRS)
    settled, read = _settled(pairs, rule, day), pairs["read"].to_numpy() == 1
    found: pd.DataFrame = pairs.assign(settled=settled)[(settled & ~read) | (~settled & read & anew)]
    return found


def _settled(cells: pd.DataFrame, rule: Churn, day: pd.Timestamp) -> NDArray[np.bool_]:
    waits = pd.to_timedelta([rule.resolution_days(int(days)) for days in cells["horizon"]], unit="D")
    return np.asarray(pd.DatetimeIndex(pd.to_datetime(cells["as_of"], utc=True)) + waits <= day)


def _sound(last: _Last, history: History, rule: Churn) -> bool:
    return last.rule == _hash(rule) and last.ground == ground(history, rule, last.through)


def _touched(history: History, rule: Churn, through: pd.Timestamp, day: pd.Timestamp) -> pd.Index:
    """Find the accounts of which something became known since that concerns what had been read."""
    found, start = [], micro(through)
    for bucket in history.buckets():
        rows = changes(bucket, rule)
        mine = rows[(rows["at"] <= start) & (rows["when"] > start) & (rows["when"] <= micro(day))]
        found.append(bucket.accounts[np.unique(mine["account"].to_numpy(np.intp))])
    return found[0].append(found[1:])


def _scored(ledger: Ledger, due: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Give the cells that are due, day by day, with what is written of them by another run of the day."""
    for as_of, horizons in due.groupby("as_of", sort=True)["horizon"]:
        yield ledger.read(_SCORED, (as_of, json.dumps(sorted({int(days) for days in horizons}))))


def _read_before(ledger: Ledger, accounts: pd.Index | None) -> Iterator[pd.DataFrame]:
    """Give the cells that were read before, day by day, of some accounts or of all."""
    for as_of in ledger.read("SELECT DISTINCT as_of FROM run ORDER BY as_of")["as_of"]:
        if accounts is None:
            yield ledger.read(_READ, (as_of, f"{ERASED}*"))  # of whom nothing can be read any more
        else:
            yield ledger.read(_READ_OF, (as_of, json.dumps(accounts.tolist())))


def _together(days: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Put the cells of several days together, as many as are read at once."""
    held: list[pd.DataFrame] = []
    for cells in days:
        held.append(cells)
        if sum(map(len, held)) >= AT_ONCE:
            yield pd.concat(held, ignore_index=True)
            held = []
    if any(map(len, held)):
        yield pd.concat([one for one in held if len(one)], ignore_index=True)


def _otherwise(
    cells: pd.DataFrame, history: History, rule: Churn, day: pd.Timestamp, accounts: pd.Index | None
) -> pd.DataFrame:
    """Read cells, and keep those that read otherwise than is written: ``before`` and the new ``state, churned``."""
    stands = pd.DatetimeIndex(pd.to_datetime(cells["as_of"].unique(), utc=True), name="cutoff").as_unit("us")
    horizons = tuple(sorted(int(one) for one in cells["horizon"].unique()))
    asked = Question(stands.sort_values(), horizons, rule, day, micro(day))
    read = [_long(some, asked) for some in _some(history, accounts)]
    before = cells.rename(columns={"state": "before", "churned": "value_before"})
    now = before.merge(pd.concat(read, ignore_index=True), on=_CELL, how="left")
    settled = _settled(now, rule, day)
    now["state"] = np.where(settled, np.where(now["churned"].isna(), CENSORED, FINAL), OPEN)
    now.loc[now["state"] == OPEN, "churned"] = np.nan
    same = (now["churned"] == now["value_before"].astype(float)) | (now["churned"].isna() & now["value_before"].isna())
    return now.loc[~(same & (now["state"] == now["before"])), [*_CELL, "before", "state", "churned"]]


def _some(history: History, accounts: pd.Index | None) -> Iterator[History]:
    for bucket in history.buckets():
        if accounts is None:
            yield bucket
            continue
        places = np.sort(bucket.accounts.get_indexer(accounts))
        if len(places := places[places >= 0]):
            yield Some.of(bucket, places)


def _long(history: History, asked: Question) -> pd.DataFrame:
    """Read the labels of all accounts at some days, one row per cell; missing where it has none."""
    frame = read_bucket(history, asked).frame
    ids = frame.index.get_level_values("account_id")
    days = pd.DatetimeIndex(frame.index.get_level_values("cutoff")).strftime("%Y-%m-%dT%H:%M:%SZ")
    parts = [
        pd.DataFrame({"as_of": days, "account_id": ids, "horizon": horizon, "churned": frame[horizon].to_numpy()})
        for horizon in asked.horizons
    ]
    return pd.concat(parts, ignore_index=True)


def _next(last: _Last | None, history: History, rule: Churn, day: pd.Timestamp, *, sound: bool) -> _Last:
    """Describe this reading; where the past does not stand as it was, it vouches for no more than the last one did."""
    number = 1 if last is None else last.number + 1
    if last is not None and not sound:
        return _Last(number, day, last.through, last.rule, last.ground)
    through = day - pd.Timedelta(days=rule.settlement_days)
    return _Last(number, day, through, _hash(rule), ground(history, rule, through))


def _hash(rule: Churn) -> str:
    return hashlib.sha256(json.dumps(asdict(rule), sort_keys=True).encode()).hexdigest()


def _write(ledger: Ledger, reading: _Last, at: datetime, found: pd.DataFrame, moved: pd.DataFrame) -> None:
    """Write the reading, the cells that read otherwise, and what has been read by now, in one transaction."""
    head = (reading.number, stamp(reading.known_on), stamp(reading.through), reading.rule, reading.ground, stamp(at))
    columns = [found[name].tolist() for name in (*_CELL, "state", "churned")]
    cells = (
        (as_of, account, int(days), reading.number, state, None if churned != churned else int(churned))
        for as_of, account, days, state, churned in zip(*columns, strict=True)
    )
    pairs = [moved[name].tolist() for name in ("run_id", "horizon", "settled")]
    read = [(run, days, reading.number, int(settled)) for run, days, settled in zip(*pairs, strict=True)]
    with ledger.writing() as db:
        db.execute("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?)", head)
        db.executemany("INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?)", cells)
        db.executemany("INSERT INTO matured VALUES (?, ?, ?, ?)", read)
