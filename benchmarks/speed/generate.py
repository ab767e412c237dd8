"""Generate the history of a company: two years, in the order of arrival, as a warehouse would export it.

Every day is drawn from a seed of its own and written as it is drawn, so that a hundred million events pass through a
few hundred megabytes. No event happens exactly at midnight: engines that work on whole days lose nothing by it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.speed.clock import DAY_US, DAYS, START, micro
from holdfast.progress import progress

Ints = NDArray[np.int64]
Columns = dict[str, pa.Array]

VERSION = 1  # raised whenever the same size would give other rows: cached sets are made anew
ROW_GROUP = 2**18
_SEED = 20250607
_TIME = pa.timestamp("us", "UTC")
_BEGIN, _FINISH = micro(START), micro(START) + DAYS * DAY_US

KINDS = ("login", "feature", "api", "flow_start", "flow_done", "flow_fail", "integration_on", "integration_off")
_SINGLE = ("login", *KINDS[3:])
EVENTS = (*_SINGLE, *(f"api_{n}" for n in range(4)), *(f"feature_{n:02d}" for n in range(20)))
_KIND_OF = np.array([KINDS.index(name.split("_")[0] if name[:3] in ("api", "fea") else name) for name in EVENTS])
_OFTEN = np.array([22, 4, 3, 1, 0.3, 0.2, 6, 4, 3, 2, *(40 / rank for rank in range(1, 21))])
_WEEK = np.array([1.0, 1.05, 1.05, 1.0, 0.9, 0.3, 0.25])
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 8, 14, 16, 16, 14, 10, 13, 16, 15, 13, 9, 6, 4, 3, 2, 2, 1], dtype=float)
_LATE, _HOUR_US = 0.03, DAY_US // 24


@dataclass(frozen=True)
class Size:
    """How many accounts and usage events a set holds."""

    name: str
    accounts: int
    events: int

    @cached_property
    def per_day(self) -> Ints:
        """Events of each day: a week's rhythm on slow growth, adding up to all of them."""
        days = np.arange(DAYS)
        weight = _WEEK[(START.weekday() + days) % 7] * (1 + 0.5 * days / DAYS)
        until = np.rint(np.cumsum(weight) / weight.sum() * self.events).astype(np.int64)
        return np.asarray(np.diff(until, prepend=0))


SIZES = {
    one.name: one
    for one in (
        Size("tiny", 60, 20_000),
        Size("S", 1_000, 1_000_000),
        Size("M", 10_000, 10_000_000),
        Size("L", 50_000, 100_000_000),
    )
}


class Company:
    """The accounts of one size: when they come and go, how large they are, who works there."""

    def __init__(self, size: Size) -> None:
        rng = np.random.default_rng([_SEED, size.accounts])
        self.size, number = size, size.accounts
        before = rng.random(number) < 0.6
        span = np.where(before, -700, 600) * DAY_US
        self.since = _BEGIN + (span * rng.random(number)).astype(np.int64)
        stays = np.where(rng.random(number) < 0.25, rng.uniform(60, 730, number), 10_000) * DAY_US
        self.until = np.maximum(self.since, _BEGIN) + stays.astype(np.int64)
        self.weight = rng.lognormal(0.0, 1.2, number)
        self.growth = rng.normal(0.0, 0.5, number)
        people = np.clip(rng.lognormal(2.55, 0.9, number), 1, 400).astype(np.int64)
        self.first_person, self.people = np.cumsum(people) - people, people
        self.ids = pa.array([f"A{n:07d}" for n in range(number)])
        self.person_ids = pa.array([f"P{n:08d}" for n in range(int(people.sum()))])

    def usage(self, day: int) -> dict[str, Ints]:
        """Draw the events that happen on one day, as codes."""
        rng = np.random.default_rng([_SEED, self.size.accounts, day])
        begin = _BEGIN + day * DAY_US
        lives = (self.since < begin) & (begin + DAY_US <= self.until)
        share = np.where(lives, self.weight * np.exp(self.growth * day / DAYS), 0.0)
        number = self.size.per_day[min(day, DAYS - 1)]
        account = np.repeat(np.arange(len(share)), rng.multinomial(number, share / share.sum()))
        person = self.first_person[account] + (self.people[account] * rng.random(number) ** 2).astype(np.int64)
        event = np.searchsorted(np.cumsum(_OFTEN) / _OFTEN.sum(), rng.random(number))
        clock = np.append(0, np.cumsum(_HOURS) / _HOURS.sum())
        at = (np.interp(rng.random(number), clock, np.arange(25)) * _HOUR_US).astype(np.int64)
        at = begin + np.clip(at, 1, DAY_US - 1)
        lag = np.exp(rng.uniform(np.log(_HOUR_US), np.log(20 * DAY_US), number)).astype(np.int64)
        known = at + np.where(rng.random(number) < _LATE, lag, 0)
        many = np.isin(_KIND_OF[event], [1, 2])
        count = np.where(many, rng.geometric(0.5, number), 1)
        timed = _KIND_OF[event] < 2
        minutes = np.where(timed, np.rint(rng.lognormal(2.0, 1.0, number) * 100), -1).astype(np.int64)
        return {"account": account, "person": person, "event": event, "count": count, "minutes": minutes,
                "at": at, "known": known}  # fmt: skip

    def usage_columns(self, drawn: dict[str, Ints]) -> Columns:
        """Spell out drawn events."""
        timed = drawn["minutes"] >= 0
        return {
            "account_id": self.ids.take(pa.array(drawn["account"])),
            "person_id": self.person_ids.take(pa.array(drawn["person"])),
            "event": pa.array(EVENTS).take(pa.array(drawn["event"])),
            "kind": pa.array(KINDS).take(pa.array(_KIND_OF[drawn["event"]])),
            "count": pa.array(drawn["count"]),
            "duration_min": pa.array(drawn["minutes"] / 100, mask=~timed),
            "occurred_at": _times(drawn["at"]),
            "known_at": _times(drawn["known"]),
        }

    def accounts(self) -> pa.Table:
        """Give the table of accounts, in the order of their arrival."""
        order = np.argsort(self.since, kind="stable")
        since = _times(self.since[order])
        return pa.table({"account_id": self.ids.take(pa.array(order)), "valid_from": since, "known_at": since})

    def tickets(self, begin: int, finish: int) -> pa.Table:
        """Draw tickets and give what arrives in [begin, finish), as far as it was known by then."""
        rng = np.random.default_rng([_SEED, self.size.accounts, 100_001])
        low, high = np.maximum(self.since, _BEGIN), np.minimum(self.until, _FINISH + DAY_US)
        months = np.maximum(high - low, 0) / (30 * DAY_US)
        account = np.repeat(np.arange(len(months)), rng.poisson(0.5 * rng.lognormal(0.0, 0.7, len(months)) * months))
        opened = low[account] + (rng.random(len(account)) * (high - low)[account]).astype(np.int64)
        solved = opened + (rng.lognormal(0.5, 1.3, len(account)) * DAY_US).astype(np.int64)
        solved[rng.random(len(account)) < 0.03] = 2 * _FINISH
        return self._milestones("T", account, {"opened_at": opened}, {"solved_at": solved}, {}, begin, finish)

    def invoices(self, begin: int, finish: int) -> pa.Table:
        """Draw monthly invoices and give what arrives in [begin, finish), as far as it was known by then."""
        rng = np.random.default_rng([_SEED, self.size.accounts, 100_002])
        month = int(30.4375 * DAY_US)
        low, high = np.maximum(self.since, _BEGIN), np.minimum(self.until, _FINISH + DAY_US)
        number = np.maximum((high - low) // month + 1, 0)
        account = np.repeat(np.arange(len(number)), number)
        nth = np.arange(len(account)) - np.repeat(np.cumsum(number) - number, number)
        issued = low[account] + nth * month + 1
        due = issued + 30 * DAY_US
        paid = issued + (rng.lognormal(3.2, 0.45, len(account)) * DAY_US).astype(np.int64)
        paid[rng.random(len(account)) < 0.04] = 2 * _FINISH
        amount = np.rint(self.weight[account] * 50_000 * rng.uniform(0.9, 1.1, len(account))) / 100
        beside = {"due_at": _times(due), "amount": pa.array(amount)}
        return self._milestones("I", account, {"issued_at": issued}, {"paid_at": paid}, beside, begin, finish)

    def _milestones(
        self,
        letter: str,
        account: Ints,
        opening: dict[str, Ints],
        closing: dict[str, Ints],
        beside: Columns,
        begin: int,
        finish: int,
    ) -> pa.Table:
        """Give the records that open or close in [begin, finish): a record that opened before is delivered again."""
        (opens, at), (closes, done) = next(iter(opening.items())), next(iter(closing.items()))
        new = (begin <= at) & (at < finish)
        again = (at < begin) & (begin <= done) & (done < finish)
        known = np.where(new, at, done)
        order = np.flatnonzero(new | again)
        order = order[np.argsort(known[order], kind="stable")]
        name = {"T": "ticket_id", "I": "invoice_id"}[letter]
        columns: Columns = {
            name: pa.array([f"{letter}{n:08d}" for n in order.tolist()]),
            "account_id": self.ids.take(pa.array(account[order])),
            opens: _times(at[order]),
            **{key: column.take(pa.array(order)) for key, column in beside.items()},
            closes: pa.array(done[order], pa.int64(), mask=done[order] >= finish).cast(_TIME),
            "known_at": _times(known[order]),
        }
        return pa.table(columns)


def generate(size: Size, folder: Path) -> dict[str, int]:
    """Write ``history/`` (all tables) and ``next_day/`` (what arrives on the day after); return the rows of each."""
    company = Company(size)
    history, after = folder / "history", folder / "next_day"
    for part in (history, after):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    rows = _write_usage(company, history / "usage.parquet", after / "usage.parquet")
    for name, table in {
        "history/accounts": company.accounts(),
        "history/tickets": company.tickets(_BEGIN, _FINISH),
        "history/invoices": company.invoices(_BEGIN, _FINISH),
        "next_day/accounts": company.accounts().slice(0, 1),
        "next_day/tickets": company.tickets(_FINISH, _FINISH + DAY_US),
        "next_day/invoices": company.invoices(_FINISH, _FINISH + DAY_US),
    }.items():
        pq.write_table(table, folder / f"{name}.parquet")
        rows[name] = table.num_rows
    return rows


def _write_usage(company: Company, path: Path, after: Path) -> dict[str, int]:
    """Write usage in the order of arrival; what arrives late waits, what arrives after the next day never does."""
    waiting = {name: part[:0] for name, part in company.usage(0).items()}
    schema = pa.table(company.usage_columns(waiting)).schema
    rows = 0
    with pq.ParquetWriter(path, schema) as writer:
        pending: list[dict[str, Ints]] = []
        for day in progress(range(DAYS), f"generating {company.size.name}", DAYS):
            arrived, waiting = _arrived(waiting, company.usage(day), _BEGIN + (day + 1) * DAY_US)
            pending.append(arrived)
            if sum(len(part["at"]) for part in pending) >= ROW_GROUP or day == DAYS - 1:
                table = pa.table(company.usage_columns(_joined(pending)))
                writer.write_table(table, row_group_size=ROW_GROUP)
                rows, pending = rows + table.num_rows, []
    arrived, _ = _arrived(waiting, company.usage(DAYS), _FINISH + DAY_US)
    pq.write_table(pa.table(company.usage_columns(arrived)), after)
    return {"history/usage": rows, "next_day/usage": len(arrived["at"])}


def _arrived(waiting: dict[str, Ints], drawn: dict[str, Ints], until: int) -> tuple[dict[str, Ints], dict[str, Ints]]:
    """Split events into those known before an instant, in that order, and the rest."""
    both = _joined([waiting, drawn])
    here = both["known"] < until
    order = np.flatnonzero(here)
    order = order[np.argsort(both["known"][order], kind="stable")]
    return {n: part[order] for n, part in both.items()}, {n: part[~here] for n, part in both.items()}


def _joined(parts: list[dict[str, Ints]]) -> dict[str, Ints]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _times(micros: Ints) -> pa.Array:
    return pa.array(micros, pa.int64()).cast(_TIME)
