"""Telling a company otherwise: what each law changes, none of which may matter to an honest indicator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.tables import ACTIVITY_TABLES, TABLES
from holdfast.features.proof.altering import altered, clones, coming, corrections, happened
from holdfast.features.proof.edits import Edit, EditKind, Otherwise, stacked
from holdfast.features.time import DAY_US, days, instants, micro, micros

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from holdfast.features.proof.told import Company

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_SOON = np.array([1, 1_000_000, DAY_US // 24, DAY_US // 5, DAY_US // 2, DAY_US, 3 * DAY_US, 9 * DAY_US, 40 * DAY_US])
_REMOVED, _CHANGED, _CORRECTED = 0.3, 0.4, 0.15


def another_future(company: Company, cutoff: pd.Timestamp, seed: int) -> Otherwise:
    """Change, delete and add what is known after a cutoff, or lies after it; everyone goes on, the silent too."""
    rng, after = np.random.default_rng(seed), micro(cutoff)
    stacks, edits = {}, []
    for name, frame in company.frames.items():
        future = micros(frame["known_at"]) > after
        told, touched = coming(name, frame, after, rng)
        ahead = ~future & (happened(name, frame) > after)
        whole = future | ahead
        draw = rng.random(len(frame))
        removed = future & (draw < _REMOVED)
        changed = (future & ~removed & (draw < _REMOVED + _CHANGED)) | (~future & (touched | ahead))
        otherwise = [told[changed & ~whole], altered(name, told[changed & whole], rng)]
        added = _added(company, name, after, rng)
        stacks[name] = stacked(frame, pd.concat(otherwise).sort_index(), added)
        edits += _edits(name, removed=removed, changed=changed, added=np.ones(len(added), dtype=bool))
    return Otherwise(company, stacks, tuple(edits))


def _added(company: Company, name: str, after: int, rng: np.random.Generator) -> pd.DataFrame:
    """Give rows that become known after an instant: new records, late ones, corrections, and another account."""
    frame, end = company.frames[name], micro(company.end)
    past = np.flatnonzero(micros(frame["known_at"]) <= after)
    if not len(past) or after >= end:
        return frame.iloc[:0]
    soon = np.minimum(after + _SOON, end)
    corrected = past[rng.random(len(past)) < _CORRECTED]
    known = rng.choice(soon, len(corrected)) + np.arange(7, 7 + len(corrected))  # no two versions at one instant
    parts = [corrections(frame, corrected, known, name, rng)]
    few = _per_account(frame, past, rng, 2)
    at = after - rng.choice(np.append(_SOON[:-1] - 1, 20 * DAY_US), len(few))
    if name != "accounts":
        parts.append(clones(frame, few, at, rng.choice(soon, len(few)), name, "late"))
        many = _per_account(frame, past, rng, 4)
        at = rng.choice(soon, len(many))
        parts.append(clones(frame, many, at, at, name, "new"))
    template = past[:1] if name in ("accounts", *ACTIVITY_TABLES) else past[:0]
    at = np.full(len(template), soon[5])
    arriving = clones(frame, template, at, at, name, "other")
    parts.append(arriving.assign(account_id=str(company.accounts[0]) + "~new"))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _per_account(frame: pd.DataFrame, rows: Ints, rng: np.random.Generator, most: int) -> Ints:
    """Draw a few rows of every account."""
    drawn = pd.Series(rng.permutation(rows))
    place = drawn.groupby(frame["account_id"].to_numpy()[drawn]).cumcount()
    return np.sort(drawn[place < most].to_numpy())


def no_future(company: Company, cutoff: pd.Timestamp) -> Otherwise:
    """Leave out what is known after a cutoff, and the dates that have not come."""
    after = micro(cutoff)
    stacks, edits = {}, []
    for name, frame in company.frames.items():
        future = micros(frame["known_at"]) > after
        told, touched = coming(name, frame, after, None)
        changed = ~future & touched
        stacks[name] = stacked(frame, told[changed], frame.iloc[:0])
        edits += _edits(name, removed=future, changed=changed)
    return Otherwise(company, stacks, tuple(edits))


def another_past(company: Company, seed: int) -> Otherwise:
    """Change, remove and add what is known of all accounts at any time: something of it must matter."""
    rng = np.random.default_rng(seed)
    told = other_neighbours(company, frozenset(), seed)
    frame, time = company.frames["accounts"], TABLES["accounts"].time
    other = altered("accounts", frame, rng)
    other[time] = other[time] - pd.Timedelta(days=9)
    stacks = {**told.stacks, "accounts": stacked(frame, other, frame.iloc[:0])}
    edits = _edits("accounts", changed=np.ones(len(frame), dtype=bool))
    return Otherwise(company, stacks, (*told.edits, *edits))


def other_neighbours(company: Company, spared: frozenset[str], seed: int) -> Otherwise:
    """Change, remove and add records of the accounts that are not spared, at any time; the accounts themselves stay."""
    rng = np.random.default_rng(seed)
    theirs = set(company.accounts) - spared
    stacks, edits = {}, []
    for name, frame in company.frames.items():
        if name == "accounts":
            continue
        other = frame["account_id"].isin(theirs).to_numpy()
        draw = rng.random(len(frame))
        rows = _per_account(frame, np.flatnonzero(other), rng, 3)
        at = happened(name, frame)[rows] - rng.integers(0, 3, len(rows)) * DAY_US
        added = clones(frame, rows, at, np.maximum(at, micros(frame["known_at"])[rows]), name, "more")
        removed, changed = other & (draw < _REMOVED), other & (draw >= _REMOVED) & (draw < _REMOVED + 2 * _CHANGED)
        stacks[name] = stacked(frame, altered(name, frame[changed], rng), added)
        edits += _edits(name, removed=removed, changed=changed, added=np.ones(len(rows), dtype=bool))
    return Otherwise(company, stacks, tuple(edits))


def absent(company: Company, present: Iterable[str]) -> Otherwise:
    """Leave out every account but some."""
    gone = ~company.accounts.isin(list(present))
    return Otherwise(company, {}, tuple(Edit("", "absent", int(row)) for row in np.flatnonzero(gone)))


def shuffled(company: Company, seed: int) -> Otherwise:
    """Deliver the rows of every table in another order."""
    rows = ((name, row) for name, frame in company.frames.items() for row in range(len(frame)))
    return Otherwise(company, {}, tuple(Edit(name, "moved", row) for name, row in rows), seed)


def other_labels(company: Company, seed: int) -> Otherwise:
    """Take exits back, move them, and let others leave, as known from the start."""
    rng, frame = np.random.default_rng(seed), company.frames["churn"]
    dates = [one for one in ("notice_at", "ended_at") if one in frame]
    earlier = altered("churn", frame, rng).assign(**{one: frame[one] - pd.Timedelta(days=9) for one in dates})
    removed = rng.random(len(frame)) < 0.5
    stays = ~company.accounts.isin(frame["account_id"])
    first = int(micros([min(company.arrived)])[0])
    at = np.full(int(stays.sum()), first + days(1))
    rows = np.zeros(len(at), dtype=np.int64)
    added = clones(frame, rows, at, at, "churn", "label").assign(account_id=company.accounts[stays])
    for one in dates:
        added[one] = instants(at)
    edits = _edits("churn", removed=removed, changed=~removed, added=np.ones(len(added), dtype=bool))
    return Otherwise(company, {"churn": stacked(frame, earlier[~removed], added)}, tuple(edits))


def window_edges(company: Company, cutoff: pd.Timestamp, lookback: float, tables: Iterable[str]) -> Otherwise:
    """Place records just outside a window: at its open end, before it, and a microsecond after the cutoff."""
    now = micro(cutoff)
    start = now - days(lookback)
    outside = [(start, start), (start, now), (start - 1, now), (now + 1, now + 1), (now - 1, now + 1)]
    return _placed(company, outside, tables)


def within(company: Company, instants_us: tuple[int, ...], tables: Iterable[str]) -> Otherwise:
    """Place records at instants, each known as it happens."""
    return _placed(company, [(one, one) for one in instants_us], tables)


def _placed(company: Company, where: list[tuple[int, int]], tables: Iterable[str]) -> Otherwise:
    """Place records like those of every account, one of each sort wherever they are to happen and to be known."""
    places, stacks, edits = np.array(where), {}, []
    for name in tables:
        frame = company.frames[name]
        sorts = ["account_id", *(one for one in ("kind", "event", "category", "direction") if one in frame)]
        one = np.flatnonzero(~frame.duplicated(sorts))
        rows = np.repeat(one, len(places))
        at, known = np.tile(places, (len(one), 1)).T
        added = clones(frame, rows, at, known, name, "edge")
        stacks[name] = stacked(frame, frame.iloc[:0], added)
        edits += _edits(name, added=np.ones(len(added), dtype=bool))
    return Otherwise(company, stacks, tuple(edits))


def happenings(company: Company) -> tuple[str, ...]:
    """Give the tables whose rows happen once: events and milestones, labels apart."""
    return tuple(name for name in company.frames if TABLES[name].shape in ("event", "milestone") and name != "churn")


def _edits(name: str, **which: Bools) -> list[Edit]:
    kinds: dict[str, EditKind] = {"removed": "removed", "changed": "changed", "added": "added"}
    return [Edit(name, kinds[kind], int(row)) for kind, mask in which.items() for row in np.flatnonzero(mask)]
