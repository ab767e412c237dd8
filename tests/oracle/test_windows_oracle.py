"""Every verb over a window against SQL, for every kind of filter, on many small worlds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.features.indicators.conditions import Condition, column
from holdfast.features.indicators.expression import Expression, Window
from holdfast.features.indicators.sources import Source, invoices, tickets, touchpoints, usage
from tests.oracle.worlds import DAY_US, Case, World, asked, compare, kernel, world

WORLDS = range(15)
WINDOWS = (None, 7.0, 2.5, 0.25)
AGE = "(epoch_us(T) - epoch_us(occ))"
LATEST = "ORDER BY occ, known_at, source, source_id"
FILTERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("", {}, "true"),
    ("value", {"kind": "login"}, "kind = 'login'"),
    ("tuple", {"event": ("open", "NA")}, "event IN ('open', 'NA')"),
    ("number", {"count": 2.0}, "count = 2"),
    ("numbers", {"where": column("count").isin(1.0, 3.0)}, "count IN (1, 3)"),
    ("flag", {"advanced": 1.0}, "advanced"),
    ("below", {"where": column("duration_min") < 5}, "duration_min < 5"),
    ("at most", {"where": column("duration_min") <= 5}, "duration_min <= 5"),
    ("above", {"where": column("duration_min") > 5}, "duration_min > 5"),
    ("at least", {"where": column("duration_min") >= 5}, "duration_min >= 5"),
    ("known", {"where": column("person_id").known()}, "person_id IS NOT NULL"),
    ("missing", {"where": column("person_id").missing()}, "person_id IS NULL"),
    ("notin", {"where": column("person_id").notin("p", "s")}, "(person_id IS NULL OR person_id NOT IN ('p', 's'))"),
    ("two", {"kind": ("login", "api"), "where": column("duration_min") > 2}, "kind <> 'feature' AND duration_min > 2"),
    ("none", {"event": "never"}, "event = 'never'"),
)
MILESTONES: tuple[tuple[str, Source, dict[str, Any], str], ...] = (
    ("answered", touchpoints, {"where": column("replied_at").known()}, "replied_at IS NOT NULL"),
    ("rated", tickets, {"where": column("satisfaction").known()}, "satisfaction IS NOT NULL"),
    ("satisfied", tickets, {"where": column("satisfaction") >= 0.5}, "satisfaction >= 0.5"),
    ("unhappy", tickets, {"satisfaction": 0.0}, "satisfaction = 0"),
    (
        "not unhappy",
        tickets,
        {"where": column("satisfaction").notin(0.0)},
        "(satisfaction IS NULL OR satisfaction <> 0)",
    ),
    ("unrated", tickets, {"where": column("satisfaction").missing()}, "satisfaction IS NULL"),
    ("unanswered", touchpoints, {"where": column("replied_at").missing()}, "replied_at IS NULL"),
    ("valid", invoices, {"where": column("voided_at").missing()}, "voided_at IS NULL"),
    ("paid", invoices, {"where": column("amount_paid") > 4}, "amount_paid > 4"),
    (
        "solved and high",
        tickets,
        {"priority": "high", "where": column("solved_at").known()},
        "priority = 'high' AND solved_at IS NOT NULL",
    ),
)


def _inside(days: float | None, ago: float = 0.0) -> str:
    """The window (T - ago - days, T - ago], in SQL."""
    end = f"occ <= T - INTERVAL {round(ago * 24)} HOUR"
    return end if days is None else f"{end} AND occ > T - INTERVAL {round((ago + days) * 24)} HOUR"


def _irregular(days: list[int], _: int) -> float:
    gaps = np.diff(sorted(days))
    return float(np.std(gaps) / np.mean(gaps)) if len(gaps) >= 2 else np.nan


def _often(pairs: list[str], _: int) -> float:
    return sum(n >= 2 for n in Counter(pair.rsplit("|", 1)[0] for pair in pairs).values())


def _slope(length: float) -> Callable[[list[float], int], float]:
    """Fit a line through the heights of equal buckets, oldest first, and divide it by their mean."""

    def fit(heights: list[float], _: int) -> float:
        if not sum(heights):
            return np.nan
        place = np.arange(len(heights)) * length / len(heights) / 30
        return float(np.polyfit(place, heights, 1)[0] / np.mean(heights))

    return fit


def _quiet(days: float | None, ago: float) -> Callable[[list[int], int], float]:
    """Find the longest stretch of the window without a record."""

    def longest(times: list[int], cutoff: int) -> float:
        end = cutoff - round(ago * DAY_US)
        start = [min(times)] if days is None and times else [] if days is None else [end - round(days * DAY_US)]
        return max(np.diff([*start, *sorted(times), end]), default=np.nan) / DAY_US

    return longest


def _verbs(days: float | None, keys: dict[str, Any]) -> dict[str, tuple[Window, str, dict[str, Any]]]:
    """Every verb: the expression, and its SQL with C for what the window and the filter let in."""
    sums, mins, numbers = "duration_min", "duration_min", "FILTER (C AND duration_min IS NOT NULL)"
    verbs: dict[str, tuple[Window, str, dict[str, Any]]] = {
        "count": (usage.count(days=days, **keys), "count(*) FILTER (C)", {"nothing": 0.0}),
        "sum": (usage.sum(sums, days=days, **keys), f"sum(duration_min) {numbers}", {"nothing": 0.0}),
        "mean": (usage.mean(sums, days=days, **keys), f"sum(duration_min) {numbers} / count(*) {numbers}", {}),
        "min": (usage.min(mins, days=days, **keys), f"min(duration_min) {numbers}", {}),
        "max": (usage.max(mins, days=days, **keys), f"max(duration_min) {numbers}", {}),
        "distinct": (
            usage.distinct("person_id", days=days, **keys),
            "count(DISTINCT person_id) FILTER (C)",
            {"nothing": 0.0},
        ),
        "latest": (usage.latest(sums, days=days, **keys), f"last(duration_min {LATEST}) {numbers}", {}),
        "first": (usage.first(sums, days=days, **keys), f"first(duration_min {LATEST}) {numbers}", {}),
        "days_since": (usage.days_since(days=days, **keys), f"min({AGE}) FILTER (C) / {DAY_US}.0", {}),
        "days_since_first": (usage.days_since_first(days=days, **keys), f"max({AGE}) FILTER (C) / {DAY_US}.0", {}),
        "active_days": (
            usage.active_days(days=days, **keys),
            "count(DISTINCT occ::DATE) FILTER (C)",
            {"nothing": 0.0},
        ),
        "regularity": (
            usage.regularity(days=days, **keys),
            f"list(DISTINCT epoch_us(occ) // {DAY_US}) FILTER (C)",
            {"finish": _irregular, "rtol": 1e-9},
        ),
        "silence": (
            usage.silence(days=days, **keys),
            "list(epoch_us(occ)) FILTER (C)",
            {"nothing": np.nan if days is None else days, "finish": _quiet(days, 0.0)},
        ),
    }
    if days is not None:
        verbs["frequent"] = (
            usage.frequent("person_id", days=days, on_days=2, **keys),
            "list(DISTINCT person_id || '|' || occ::DATE::VARCHAR) FILTER (C AND person_id IS NOT NULL)",
            {"nothing": 0.0, "finish": _often},
        )
    return verbs


def _of_verbs() -> list[Case]:
    """Every verb over every window, each with several filters."""
    cases = []
    for w, days in enumerate(WINDOWS):
        for f, (name, keys, condition) in enumerate(FILTERS):
            for v, (verb, (leaf, sql, more)) in enumerate(_verbs(days, keys).items()):
                if f and (f + v + w) % 3:
                    continue
                where = sql.replace("FILTER (C", f"FILTER ({_inside(days)} AND {condition}")
                cases.append(Case(f"{verb} {name} {days or 'ever'}", leaf, "usage", where, **more))
    return cases


def _before() -> list[Case]:
    """The window before, and the one before that."""
    cases = []
    for verb, (leaf, sql, more) in _verbs(7.0, {"kind": ("login", "api")}).items():
        if verb in ("days_since", "days_since_first"):
            continue
        for ago in (7.0, 14.0):
            own = {**more, "finish": _quiet(7.0, ago)} if verb == "silence" else more
            earlier = leaf.vs_previous().right
            earlier = earlier if ago == 7.0 else earlier.vs_previous().right
            where = sql.replace("FILTER (C", f"FILTER ({_inside(7.0, ago)} AND kind <> 'feature'")
            cases.append(Case(f"{verb} before {ago}", earlier, "usage", where, **own))
    return cases


def _of_milestones() -> list[Case]:
    cases = []
    for name, source, keys, condition in MILESTONES:
        for days in (None, 7.0, 2.5):
            sql = f"count(*) FILTER ({_inside(days)} AND {condition})"
            cases.append(Case(f"{name} {days or 'ever'}", source.count(days=days, **keys), source.table, sql, 0.0))
    for days in (None, 7.0, 0.25):
        where = f"FILTER ({_inside(days)} AND satisfaction IS NOT NULL)"
        rating = {
            "sum": (tickets.sum("satisfaction", days=days), f"sum(satisfaction) {where}", 0.0),
            "mean": (tickets.mean("satisfaction", days=days), f"avg(satisfaction) {where}", np.nan),
            "max": (tickets.max("satisfaction", days=days), f"max(satisfaction) {where}", np.nan),
            "latest": (tickets.latest("satisfaction", days=days), f"last(satisfaction {LATEST}) {where}", np.nan),
            "first": (tickets.first("satisfaction", days=days), f"first(satisfaction {LATEST}) {where}", np.nan),
            "distinct": (tickets.distinct("satisfaction", days=days), f"count(DISTINCT satisfaction) {where}", 0.0),
        }
        cases += [
            Case(f"{verb} rating {days}", e, "tickets", sql, nothing) for verb, (e, sql, nothing) in rating.items()
        ]
    return cases


def _of_waits() -> list[Case]:
    cases = []
    for source, date, keys, condition in (
        (touchpoints, "replied_at", {"kind": "outreach"}, "kind = 'outreach'"),
        (touchpoints, "replied_at", {}, "true"),
        (tickets, "first_reply_at", {"priority": "high"}, "priority = 'high'"),
        (invoices, "paid_at", {"where": column("voided_at").missing()}, "voided_at IS NULL"),
        (
            tickets,
            "solved_at",
            {"where": column("satisfaction").notin(1.0)},
            "(satisfaction IS NULL OR satisfaction <> 1)",
        ),
    ):
        for days in (None, 7.0, 2.5):
            until = f"greatest(coalesce({date}, T), occ)"
            wait = f"avg(epoch_us({until}) - epoch_us(occ)) FILTER ({_inside(days)} AND {condition}) / 3.6e9"
            leaf = source.hours_to(date, days=days, **keys)
            cases.append(Case(f"{leaf}", leaf, source.table, wait, rtol=1e-9, atol=1e-9))  # 1e-9 hours: 4 us
            if days is not None:
                then = "(T - INTERVAL 72 HOUR)"
                until = f"greatest(least(coalesce({date}, {then}), {then}), occ)"
                wait = f"avg(epoch_us({until}) - epoch_us(occ)) FILTER ({_inside(days, 3.0)} AND {condition}) / 3.6e9"
                before = leaf.shifted(3.0)
                cases.append(Case(f"{before}", before, source.table, wait, rtol=1e-9, atol=1e-9))
    return cases


def _of_sums() -> list[Case]:
    """Decayed sums, trends, shares, and money over several tables."""
    cases = []
    for half, keys, condition in ((7.0, {}, "true"), (1.0, {"kind": "login"}, "kind = 'login'"), (0.5, {}, "advanced")):
        narrowed = keys or ({"advanced": 1.0} if condition == "advanced" else {})
        for name, value in (("", "1"), ("count", "count"), ("duration_min", "coalesce(duration_min, 0)")):
            leaf = usage.decayed(name, half_life=half, **narrowed)
            sql = f"sum({value} * 2.0 ** (-{AGE} / {half * DAY_US})) FILTER ({condition})"
            cases.append(Case(f"decayed {name} {half}", leaf, "usage", sql, 0.0, rtol=1e-9))
    for days, buckets, name in ((9.0, 3, ""), (7.0, 4, "count"), (5.0, 2, "duration_min"), (2.5, 10, "")):
        edges = [_inside(days / buckets, days - (i + 1) * days / buckets) for i in range(buckets)]
        added = "count(*)" if not name else f"sum({name})"
        sql = f"[{', '.join(f'coalesce({added} FILTER ({edge}), 0)' for edge in edges)}]"
        leaf = usage.trend(name, days=days, buckets=buckets)
        cases.append(Case(f"{leaf}", leaf, "usage", sql, finish=_slope(days), rtol=1e-9))
    shares: tuple[tuple[Condition, str], ...] = (
        (column("count") > 1, "count > 1"),
        (column("person_id").notin("p"), "(person_id IS NULL OR person_id <> 'p')"),
        (column("duration_min").known(), "duration_min IS NOT NULL"),
    )
    for where, condition in shares:
        for days in (None, 7.0, 0.25):
            both = f"count(*) FILTER ({_inside(days)} AND kind <> 'api' AND {condition})"
            sql = f"{both} / nullif(count(*) FILTER ({_inside(days)} AND kind <> 'api'), 0)"
            leaf = usage.share(where, days=days, kind=("login", "feature"))
            cases.append(Case(f"share {condition} {days}", leaf, "usage", sql))
    for days in (None, 7.0):
        leaf = invoices.sum("amount_paid", days=days)
        cases.append(Case(f"paid {days}", leaf, "invoices", f"sum(amount_paid) FILTER ({_inside(days)})", 0.0))
    return cases


def _aged_before() -> list[Case]:
    """How old the latest and the earliest record were when the window before ended."""
    cases = []
    for leaf, function in ((usage.days_since(days=7), "min"), (usage.days_since_first(days=7), "max")):
        sql = f"({function}({AGE}) FILTER ({_inside(7.0, 7.0)}) - {7 * DAY_US}) / {DAY_US}.0"
        cases.append(Case(f"{leaf} before", leaf.vs_previous().right, "usage", sql))
    return cases


CASES = [*_of_verbs(), *_before(), *_of_milestones(), *_of_waits(), *_of_sums()]


def _compared(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """0 stopped, 1 unchanged or both zero, at most 10, and 10 where something follows on nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(before > 0, np.minimum(now / before, 10), np.where(now > 0, 10.0, 1.0))
    return np.where(np.isnan(now) | np.isnan(before), np.nan, ratio)


VERSUS = ("count", "sum", "mean", "min", "max", "distinct", "latest", "active_days", "frequent")
BUILT: dict[str, tuple[Expression, Callable[[dict[str, np.ndarray]], np.ndarray]]] = {
    "at most": (usage.count(days=7).at_most(2), lambda told: np.where(told["count  7.0"] > 2, 2.0, told["count  7.0"])),
    "at least": (
        usage.mean("duration_min", days=7).at_least(5),
        lambda told: np.where(told["mean  7.0"] < 5, 5.0, told["mean  7.0"]),
    ),
    "sum of two": (
        usage.count(days=7) + usage.sum("duration_min", days=7) * 2 - 1,
        lambda told: told["count  7.0"] + told["sum  7.0"] * 2 - 1,
    ),
    "over": (
        1 / usage.count(days=7),
        lambda told: np.array([1 / n if n else np.nan for n in told["count  7.0"]]),
    ),
    "from": (10 - usage.days_since(), lambda told: 10 - told["days_since  ever"]),
    **{
        f"vs {verb}": (
            _verbs(7.0, {"kind": ("login", "api")})[verb][0].vs_previous(),
            lambda told, verb=verb: _compared(told[f"{verb} now"], told[f"{verb} before 7.0"]),
        )
        for verb in VERSUS
    },
}
AGED = _aged_before()
NOW = [
    Case(
        f"{verb} now", leaf, "usage", sql.replace("FILTER (C", f"FILTER ({_inside(7.0)} AND kind <> 'feature'"), **more
    )
    for verb, (leaf, sql, more) in _verbs(7.0, {"kind": ("login", "api")}).items()
]
Told = list[tuple[World, pd.DataFrame, dict[str, np.ndarray]]]


@pytest.fixture(scope="module")
def told() -> Told:
    """Every world, measured and asked."""
    pairs = []
    for seed in WORLDS:
        one = world(seed)
        leaves = {case.name: case.expression for case in (*CASES, *NOW, *AGED)}
        measured = kernel(one, leaves | {name: expression for name, (expression, _) in BUILT.items()})
        pairs.append((one, measured, asked(one, [*CASES, *NOW, *AGED], measured.index)))
        one.db.close()
    return pairs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verb_equals_sql(told: Told, case: Case) -> None:
    for one, measured, answers in told:
        compare(case, one.seed, measured[case.name], answers[case.name])


@pytest.mark.parametrize("case", AGED, ids=lambda case: case.name)
def test_an_age_in_the_window_before_counts_from_its_end(told: Told, case: Case) -> None:
    for one, measured, answers in told:
        compare(case, one.seed, measured[case.name], answers[case.name])


@pytest.mark.parametrize("name", BUILT)
def test_what_is_built_of_leaves(told: Told, name: str) -> None:
    for one, measured, answers in told:
        expected = BUILT[name][1](answers)
        compare(Case(name, BUILT[name][0], "", ""), one.seed, measured[name], expected)


def test_the_worlds_hold_what_the_oracle_is_for(told: Told) -> None:
    edges = late = corrected = empty = 0
    for one, measured, answers in told:
        records = one.history.records("usage")
        at, cutoffs = records.at, one.cutoffs.asi8
        edges += sum(np.isin(at, cutoffs - round(days * DAY_US)).sum() for days in (0, 0.25, 2.5, 7))
        late += (records.known > at).sum()
        corrected += (records.superseded < np.iinfo(np.int64).max).sum()
        empty += (answers["count  7.0"] == 0).sum()
        assert len(measured)
    assert min(edges, late, corrected, empty) > 50
