"""Everything that reads what holds, or what is open, against SQL on many small worlds."""

# ruff: noqa: S608  (every piece of SQL is written here)
from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.expression import Reading
from holdfast.features.indicators.sources import Held, Source, goals, invoices, people, subscriptions, tickets
from tests.oracle.worlds import AGOS, DAY_US, STATES, Case, World, asked, compare, kernel, world

WORLDS = range(100, 112)
LATEST = "ORDER BY occ, known_at, source, source_id"
RUNNING = "status NOT IN ('trialing', 'paused', 'canceled', 'draft')"
STATE_FILTERS: tuple[tuple[Source, dict[str, Any], str], ...] = (
    (subscriptions, {}, RUNNING),
    (subscriptions, {"plan": "x"}, f"{RUNNING} AND plan = 'x'"),
    (subscriptions, {"status": ("active", "paused")}, f"{RUNNING} AND status IN ('active', 'paused')"),
    (subscriptions, {"where": column("seats") >= 5}, f"{RUNNING} AND seats >= 5"),
    (subscriptions, {"where": column("plan").notin("x")}, f"{RUNNING} AND (plan IS NULL OR plan <> 'x')"),
    (subscriptions, {"where": column("plan").known()}, f"{RUNNING} AND plan IS NOT NULL"),
    (
        subscriptions,
        {"where": column("cancel_requested_at").known()},
        f"{RUNNING} AND cancel_requested_at IS NOT NULL",
    ),
    (subscriptions, {"cancel_reason": "price"}, f"{RUNNING} AND cancel_reason = 'price'"),
    (
        subscriptions,
        {"where": column("cancel_reason").notin("price")},
        f"{RUNNING} AND (cancel_reason IS NULL OR cancel_reason <> 'price')",
    ),
    (goals, {}, "true"),
    (goals, {"kind": "milestone", "status": ("open", "done")}, "kind = 'milestone' AND status IS NOT NULL"),
    (goals, {"where": column("target") < 5}, "target < 5"),
    (people, {"role": "champion"}, "role = 'champion'"),
)
NUMBER = {"subscriptions": "seats", "goals": "target"}
DATE = {"subscriptions": "term_end", "goals": "due_at", "invoices": "due_at"}
CHANGING = {
    "subscriptions": ("seats", "plan", "status", "mrr", "cancel_reason", "term_end"),
    "goals": ("status", "target"),
    "people": ("title",),
}
OPEN_FILTERS: tuple[tuple[Source, str, dict[str, Any], str], ...] = (
    (invoices, "", {}, "true"),
    (invoices, "due_at", {}, "true"),
    (invoices, "", {"where": column("amount") > 5}, "amount > 5"),
    (invoices, "due_at", {"where": column("due_at").known()}, "due_at IS NOT NULL"),
    (tickets, "", {}, "true"),
    (tickets, "", {"priority": "high"}, "priority = 'high'"),
    (tickets, "first_reply_at", {"where": column("priority").notin("low")}, "(priority IS NULL OR priority <> 'low')"),
    (tickets, "", {"where": column("satisfaction") >= 0.5}, "satisfaction >= 0.5"),
)


def _hours(ago: int) -> str:
    return f"(T - INTERVAL {ago} HOUR)"


def _numbers(held: Held, name: str, where: str) -> list[tuple[str, Reading, str, float]]:
    """The verbs that reduce a column of numbers."""
    there = f"FILTER ({where} AND {name} IS NOT NULL)"
    return [
        ("sum", held.sum(name), f"sum({name}) {there}", 0.0),
        ("mean", held.mean(name), f"sum({name}) {there} / count(*) {there}", np.nan),
        ("min", held.min(name), f"min({name}) {there}", np.nan),
        ("max", held.max(name), f"max({name}) {there}", np.nan),
        ("latest", held.latest(name), f"last({name} {LATEST}) {there}", np.nan),
    ]


def _common(held: Held, where: str, ago: int, began: str, date: str) -> list[tuple[str, Reading, str, float]]:
    passed = f"epoch_us({_hours(ago)}) - epoch_us({began})"
    verbs = [
        ("count", held.count(), f"count(*) FILTER ({where})", 0.0),
        ("longest", held.longest(), f"max({passed}) FILTER ({where}) / {DAY_US}.0", 0.0),
    ]
    if date:
        left = f"epoch_us({date}) - epoch_us({_hours(ago)})"
        ahead = f"FILTER ({where} AND {date} > {_hours(ago)})"
        verbs.append((f"until {date}", held.days_until(date), f"min({left}) {ahead} / {DAY_US}.0", np.nan))
    return verbs


def _of_states() -> list[Case]:
    cases = []
    for source, keys, where in STATE_FILTERS:
        for ago in AGOS:
            held, name = source.active(ago=ago / 24, **keys), source.table
            verbs = _common(held, where, ago, "occ", DATE.get(name, ""))
            if name in NUMBER:
                verbs += _numbers(held, NUMBER[name], where)
            cases += [Case(f"{one}", one, f"{name}_{ago}", sql, nothing) for _, one, sql, nothing in verbs]
    return cases


def _of_changes() -> list[Case]:
    """Days since a value changed; the views are laid by `_lay_changes`."""
    cases = []
    for source, keys, where in STATE_FILTERS:
        for ago in AGOS:
            for name in CHANGING[source.table]:
                leaf = source.active(ago=ago / 24, **keys).days_since_change(name)
                sql = f"min(epoch_us({_hours(ago)}) - epoch_us(begun_{name})) FILTER ({where}) / {DAY_US}.0"
                cases.append(Case(f"{leaf}", leaf, f"changed_{source.table}_{ago}", sql))
    return cases


def _of_open() -> list[Case]:
    cases = []
    for source, since, keys, condition in OPEN_FILTERS:
        closings = ("paid_at", "voided_at") if source is invoices else ("solved_at",)
        for ago in AGOS:
            then = _hours(ago)
            still = " AND ".join(f"({one} IS NULL OR {one} > {then})" for one in closings)
            where = f"{condition} AND {still} AND occ <= {then}" + (f" AND {since} <= {then}" if since else "")
            held = source.open(since=since, ago=ago / 24, **keys)
            verbs = _common(held, where, ago, f"greatest(occ, {since})" if since else "occ", DATE.get(source.table, ""))
            if source is invoices:
                verbs += _numbers(held, "amount", where)
            cases += [Case(f"{one}", one, source.table, sql, nothing) for _, one, sql, nothing in verbs]
    return cases


def _lay_changes(one: World) -> None:
    """Walk each entity's versions in order: a run begins where the value differs from the one before."""
    for name, ago in product(STATES, AGOS):
        entity, values = STATES[name][0], CHANGING[name]
        held = " AND ".join(f"held.{part} = seen.{part}" for part in ("T", *entity.split(", "), "valid_from"))
        fresh = ", ".join(
            f"lag(occ) OVER run IS NULL OR {value} IS DISTINCT FROM lag({value}) OVER run AS fresh_{value}"
            for value in values
        )
        begun = ", ".join(f"max(CASE WHEN fresh_{value} THEN occ END) OVER run AS begun_{value}" for value in values)
        run = f"WINDOW run AS (PARTITION BY T, {entity} ORDER BY occ)"
        one.db.execute(
            f"CREATE TABLE changed_{name}_{ago} AS "
            f"WITH told AS (SELECT *, {fresh} FROM {name}_{ago}_seen WHERE NOT deleted {run}), "
            f"seen AS (SELECT *, {begun} FROM told {run}) "
            f"SELECT seen.* FROM seen SEMI JOIN {name}_{ago} AS held ON {held}"
        )


CASES = [*_of_states(), *_of_changes(), *_of_open()]
Told = list[tuple[World, pd.DataFrame, dict[str, np.ndarray]]]


@pytest.fixture(scope="module")
def told() -> Told:
    """Every world, measured and asked."""
    pairs = []
    for seed in WORLDS:
        one = world(seed)
        _lay_changes(one)
        measured = kernel(one, {case.name: case.expression for case in CASES})
        pairs.append((one, measured, asked(one, CASES, measured.index)))
        one.db.close()
    return pairs


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_reading_equals_sql(told: Told, case: Case) -> None:
    for one, measured, answers in told:
        compare(case, one.seed, measured[case.name], answers[case.name])


def test_names_are_distinct() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_worlds_hold_what_the_oracle_is_for(told: Told) -> None:
    deleted = late = changed = 0
    for one, _, answers in told:
        records = one.history.records("subscriptions")
        deleted += int(records.columns.get("deleted", pd.Series(dtype=bool)).sum())
        late += int((records.known > records.at).sum())
        plain = answers["goals.active().longest()"]
        since = answers["goals.active().days_since_change(status)"]
        changed += int((since < plain).sum())
    assert min(deleted, late, changed) > 20
