"""Every verb against independent SQL, on a coarse clock where ties, window edges, late and corrected records abound."""

# ruff: noqa: S608  (every piece of SQL is written here)
from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import Source, goals, invoices, subscriptions, touchpoints, usage

START = pd.Timestamp("2025-01-01")
SPAN = 150
CUTOFFS = pd.DatetimeIndex(
    [*(START + pd.Timedelta(days=d) for d in (0, 5, 20, 21, 50, 80, 110, 149)), START + pd.Timedelta(days=95.6)]
).sort_values()
ACCOUNTS = [f"a{i:02d}" for i in range(12)]
INSIDE = "occ <= T AND occ > T - INTERVAL 30 DAY"
LATEST = "ORDER BY occ, known_at, source, source_id"


def _days(rng: np.random.Generator, n: int, low: int = 0, high: int = SPAN) -> pd.Series:
    return START + pd.to_timedelta(rng.integers(low, high, n), unit="D").to_series(index=range(n))


def _versions(rng: np.random.Generator, frame: pd.DataFrame, at: str, changed: dict[str, pd.Series]) -> pd.DataFrame:
    """Let some rows arrive late, some be corrected later, and some be deleted."""
    n = len(frame)
    late = rng.choice([0, 0, 0, 0, 1, 4, 40], n)
    first = frame.assign(known_at=frame[at] + pd.to_timedelta(late, unit="D"), deleted=False)
    again = rng.random(n) < 0.2
    second = first[again].assign(**{name: values[again] for name, values in changed.items()})
    second["known_at"] += pd.to_timedelta(rng.integers(1, 60, again.sum()), unit="D")
    second["deleted"] = rng.random(again.sum()) < 0.4
    return pd.concat([first, second], ignore_index=True)


def _usage(rng: np.random.Generator, n: int = 900) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "account_id": rng.choice(ACCOUNTS[:-1], n, p=np.r_[0.5, np.full(10, 0.05)]),
            "source": "app",
            "source_id": [f"u{i}" for i in range(n)],
            "occurred_at": _days(rng, n),
            "person_id": rng.choice(["p", "q", "r", None], n),
            "event": rng.choice(["open", "save", "NA"], n),
            "kind": rng.choice(["login", "feature", "api"], n),
            "count": rng.integers(1, 5, n).astype(float),
            "duration_min": np.where(rng.random(n) < 0.3, np.nan, np.round(rng.normal(10, 5, n), 2)),
        }
    )
    changed = {
        "count": frame["count"] + 1,
        "duration_min": frame["duration_min"] - 1,
        "person_id": pd.Series("s", range(n)),
    }
    return _versions(rng, frame, "occurred_at", changed)


def _touchpoints(rng: np.random.Generator, n: int = 200) -> pd.DataFrame:
    at = _days(rng, n)
    waited = pd.to_timedelta(np.where(rng.random(n) < 0.4, np.nan, rng.integers(0, 30, n)), unit="D")
    return pd.DataFrame(
        {
            "account_id": rng.choice(ACCOUNTS, n),
            "source": "crm",
            "source_id": [f"t{i}" for i in range(n)],
            "occurred_at": at,
            "known_at": at,
            "deleted": False,
            "kind": rng.choice(["outreach", "survey"], n),
            "replied_at": at + waited,
        }
    )


def _invoices(rng: np.random.Generator, n: int = 250) -> pd.DataFrame:
    at = _days(rng, n)
    frame = pd.DataFrame(
        {
            "account_id": rng.choice(ACCOUNTS, n),
            "source": "billing",
            "source_id": [f"i{i}" for i in range(n)],
            "invoice_id": [f"i{i}" for i in range(n)],
            "issued_at": at,
            "due_at": at + pd.to_timedelta(rng.integers(0, 20, n), unit="D"),
            "amount": np.round(rng.gamma(2, 50, n), 2),
        }
    )
    paid = (at + pd.to_timedelta(rng.integers(0, 60, n), unit="D")).where(rng.random(n) < 0.7)
    return _versions(rng, frame.assign(paid_at=paid), "issued_at", {"amount": frame["amount"] * 2})


def _states(rng: np.random.Generator, name: str, n: int = 160) -> pd.DataFrame:
    """Versions of about 25 entities; ends come as a later version of the same spell, known when they have come."""
    number = rng.integers(0, 25, n)
    begun = _days(rng, n)
    frame = pd.DataFrame(
        {
            "account_id": [ACCOUNTS[i % len(ACCOUNTS)] for i in number],
            "source": "billing",
            "source_id": [f"s{i}" for i in range(n)],
            f"{name}_id": [f"{name}{i}" for i in number],
            "valid_from": begun,
            "known_at": begun + pd.to_timedelta(rng.choice([-3, 0, 0, 0, 5, 30], n), unit="D"),
            "status": rng.choice(["active", "active", "past_due", "paused"], n),
            "seats": np.where(rng.random(n) < 0.1, np.nan, rng.integers(1, 50, n)),
            "mrr": np.round(rng.gamma(2, 100, n), 2),
            "term_end": begun + pd.to_timedelta(rng.integers(5, 200, n), unit="D"),
            "deleted": False,
        }
    ).drop_duplicates([f"{name}_id", "valid_from"])
    again = frame[rng.random(len(frame)) < 0.35].copy()
    again["valid_to"] = again["valid_from"] + pd.to_timedelta(rng.integers(1, 40, len(again)), unit="D")
    again["known_at"] = np.maximum(again["known_at"] + pd.Timedelta(days=1), again["valid_to"])
    gone = frame[rng.random(len(frame)) < 0.1].assign(deleted=True)
    gone["known_at"] += pd.Timedelta(days=70)
    both = pd.concat([frame.assign(valid_to=pd.NaT), again, gone], ignore_index=True)
    return both.drop_duplicates([f"{name}_id", "valid_from", "known_at"]).reset_index(drop=True)


@pytest.fixture(scope="module", params=range(4))
def world(request: pytest.FixtureRequest) -> Iterator[tuple[History, duckdb.DuckDBPyConnection]]:
    rng = np.random.default_rng(request.param)
    frames = {
        "accounts": pd.DataFrame({"account_id": ACCOUNTS, "valid_from": START - pd.Timedelta(days=9)}),
        "usage": _usage(rng),
        "touchpoints": _touchpoints(rng),
        "invoices": _invoices(rng),
        "subscriptions": _states(rng, "subscription"),
        "goals": _states(rng, "goal").rename(columns={"seats": "actual", "mrr": "target", "term_end": "due_at"}),
    }
    order = {name: frame.sample(frac=1, random_state=request.param) for name, frame in frames.items()}
    history = History.from_frames(order, end=START + pd.Timedelta(days=SPAN))
    db = duckdb.connect()
    db.register("cutoffs", pd.DataFrame({"T": CUTOFFS}))
    for name, at, key in [
        ("usage", "occurred_at", "source, source_id"),
        ("touchpoints", "occurred_at", "source, source_id"),
        ("invoices", "issued_at", "invoice_id"),
    ]:
        db.register("raw", frames[name])
        db.execute(
            f"CREATE TABLE {name} AS SELECT * FROM (SELECT *, {at} AS occ, row_number() OVER "
            f"(PARTITION BY T, {key} ORDER BY known_at DESC) AS n FROM raw JOIN cutoffs ON known_at <= T) "
            "WHERE n = 1 AND NOT deleted AND occ <= T"
        )
    for name in ("subscriptions", "goals"):
        db.register("raw", frames[name])
        for ago in (0, 30):
            db.execute(
                f"CREATE TABLE {name}_{ago} AS SELECT *, valid_from AS occ FROM (SELECT *, row_number() OVER "
                f"(PARTITION BY T, {name[:-1]}_id ORDER BY valid_from DESC, known_at DESC) AS n "
                f"FROM raw JOIN cutoffs ON known_at <= T AND valid_from <= T - INTERVAL {ago} DAY) "
                f"WHERE n = 1 AND NOT deleted AND (valid_to IS NULL OR valid_to > T - INTERVAL {ago} DAY)"
            )
    yield history, db
    db.close()


def _kernel(history: History, expression: Expression) -> np.ndarray:
    about = {"dimension": "product", "healthy": "unclear", "unit": "u", "title": "t", "curve": None}
    own = Indicator(expression, name="x", evidence="{value}", **about)
    measured = Catalog((own,)).measure(history, CUTOFFS).indicators["x"]
    return measured.unstack().reindex(ACCOUNTS).to_numpy()


def _sql(db: duckdb.DuckDBPyConnection, value: str, source: str, where: str = "true") -> np.ndarray:
    rows = db.execute(f"SELECT account_id, T, {value} AS v FROM {source} WHERE {where} GROUP BY account_id, T").df()
    wide = rows.pivot_table(index="account_id", columns="T", values="v", dropna=False)
    return wide.reindex(index=ACCOUNTS, columns=CUTOFFS).to_numpy(dtype=float)


PREVIOUS = "occ <= T - INTERVAL 30 DAY AND occ > T - INTERVAL 60 DAY"
AGE = "epoch(T - occ) / 86400.0"
CASES = {
    "count": (usage.count(days=30), "count(*)", "usage", INSIDE, 0.0),
    "count ever": (usage.count(), "count(*)", "usage", "true", 0.0),
    "count logins": (usage.count(days=30, kind="login"), "count(*)", "usage", f"{INSIDE} AND kind = 'login'", 0.0),
    "count of two": (
        usage.count(days=30, event=("open", "NA")),
        "count(*)",
        "usage",
        f"{INSIDE} AND event IN ('open', 'NA')",
        0.0,
    ),
    "count not": (
        usage.count(days=30, where=column("person_id").notin("p")),
        "count(*)",
        "usage",
        f"{INSIDE} AND (person_id IS NULL OR person_id <> 'p')",
        0.0,
    ),
    "count long": (
        usage.count(days=30, where=column("duration_min") >= 10),
        "count(*)",
        "usage",
        f"{INSIDE} AND duration_min >= 10",
        0.0,
    ),
    "sum": (usage.sum("duration_min", days=30), "sum(duration_min)", "usage", INSIDE, 0.0),
    "mean": (usage.mean("duration_min", days=30), "avg(duration_min)", "usage", INSIDE, np.nan),
    "min": (usage.min("duration_min", days=30), "min(duration_min)", "usage", INSIDE, np.nan),
    "max": (usage.max("duration_min", days=30), "max(duration_min)", "usage", INSIDE, np.nan),
    "max ever": (usage.max("duration_min"), "max(duration_min)", "usage", "true", np.nan),
    "distinct": (usage.distinct("person_id", days=30), "count(DISTINCT person_id)", "usage", INSIDE, 0.0),
    "distinct ever": (usage.distinct("person_id"), "count(DISTINCT person_id)", "usage", "true", 0.0),
    "distinct before": (
        usage.distinct("person_id", days=30).vs_previous().right,
        "count(DISTINCT person_id)",
        "usage",
        PREVIOUS,
        0.0,
    ),
    "count before": (usage.count(days=30).vs_previous().right, "count(*)", "usage", PREVIOUS, 0.0),
    "latest": (
        usage.latest("duration_min"),
        f"last(duration_min {LATEST}) FILTER (duration_min IS NOT NULL)",
        "usage",
        "true",
        np.nan,
    ),
    "latest in window": (
        usage.latest("duration_min", days=30),
        f"last(duration_min {LATEST}) FILTER (duration_min IS NOT NULL)",
        "usage",
        INSIDE,
        np.nan,
    ),
    "first": (
        usage.first("duration_min"),
        f"first(duration_min {LATEST}) FILTER (duration_min IS NOT NULL)",
        "usage",
        "true",
        np.nan,
    ),
    "days_since": (usage.days_since(), f"min({AGE})", "usage", "true", np.nan),
    "days_since save": (usage.days_since(event="save"), f"min({AGE})", "usage", "event = 'save'", np.nan),
    "days_since_first": (usage.days_since_first(), f"max({AGE})", "usage", "true", np.nan),
    "active_days": (usage.active_days(days=30), "count(DISTINCT occ::DATE)", "usage", INSIDE, 0.0),
    "active_days ever": (usage.active_days(), "count(DISTINCT occ::DATE)", "usage", "true", 0.0),
    "share": (
        usage.share(column("count") > 2, days=30),
        "count(*) FILTER (count > 2) / count(*)",
        "usage",
        INSIDE,
        np.nan,
    ),
    "decayed": (usage.decayed("count", half_life=7), f"sum(count * 2.0 ** (-{AGE} / 7))", "usage", "true", 0.0),
    "decayed rows": (usage.decayed(half_life=30), f"sum(2.0 ** (-{AGE} / 30))", "usage", "true", 0.0),
    "decayed money": (
        usage.decayed("duration_min", half_life=2),
        f"sum(duration_min * 2.0 ** (-{AGE} / 2))",
        "usage",
        f"duration_min IS NOT NULL AND {AGE} <= 128",
        0.0,
    ),
    "invoices amount": (invoices.sum("amount", days=30), "sum(amount)", "invoices", INSIDE, 0.0),
    "hours_to": (
        touchpoints.hours_to("replied_at", days=30, kind="outreach"),
        "avg(epoch(least(coalesce(replied_at, T), T) - occ) / 3600.0)",
        "touchpoints",
        f"{INSIDE} AND kind = 'outreach'",
        np.nan,
    ),
    "share answered": (
        touchpoints.share(column("replied_at").known(), days=30),
        "count(*) FILTER (replied_at <= T) / count(*)",
        "touchpoints",
        INSIDE,
        np.nan,
    ),
    "open": (invoices.open().count(), "count(*)", "invoices", "(paid_at IS NULL OR paid_at > T)", 0.0),
    "open amount": (invoices.open().sum("amount"), "sum(amount)", "invoices", "(paid_at IS NULL OR paid_at > T)", 0.0),
    "overdue": (
        invoices.open(since="due_at").count(),
        "count(*)",
        "invoices",
        "(paid_at IS NULL OR paid_at > T) AND due_at <= T",
        0.0,
    ),
    "days late": (
        invoices.open(since="due_at").longest(),
        "max(epoch(T - due_at)) / 86400.0",
        "invoices",
        "(paid_at IS NULL OR paid_at > T) AND due_at <= T",
        0.0,
    ),
    "active seats": (
        subscriptions.active().sum("seats"),
        "sum(seats)",
        "subscriptions_0",
        "status IN ('active', 'past_due')",
        0.0,
    ),
    "active count": (
        subscriptions.active().count(),
        "count(*)",
        "subscriptions_0",
        "status IN ('active', 'past_due')",
        0.0,
    ),
    "active mrr ago": (
        subscriptions.active(ago=30).sum("mrr"),
        "sum(mrr)",
        "subscriptions_30",
        "status IN ('active', 'past_due')",
        0.0,
    ),
    "state mean": (goals.active(status="paused").mean("target"), "avg(target)", "goals_0", "status = 'paused'", np.nan),
    "state max": (goals.active().max("actual"), "max(actual)", "goals_0", "true", np.nan),
    "state min": (goals.active(ago=30).min("actual"), "min(actual)", "goals_30", "true", np.nan),
    "state longest": (goals.active().longest(), f"max({AGE})", "goals_0", "true", 0.0),
    "state until": (
        goals.active().days_until("due_at"),
        "min(epoch(due_at - T) / 86400.0) FILTER (due_at > T)",
        "goals_0",
        "true",
        np.nan,
    ),
    "state latest": (
        goals.active().latest("target"),
        f"last(target {LATEST}) FILTER (target IS NOT NULL)",
        "goals_0",
        "true",
        np.nan,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_verb_equals_sql(world: tuple[History, duckdb.DuckDBPyConnection], case: str) -> None:
    expression, value, source, where, nothing = CASES[case]
    expected = _sql(world[1], value, source, where)
    expected = np.where(np.isnan(expected), nothing, expected)
    np.testing.assert_allclose(_kernel(world[0], expression), expected, rtol=1e-9, atol=1e-9)


def test_regularity_equals_sql(world: tuple[History, duckdb.DuckDBPyConnection]) -> None:
    gaps = (
        "(SELECT account_id, T, date_diff('day', lag(day) OVER (PARTITION BY account_id, T ORDER BY day), day) AS gap "
        f"FROM (SELECT DISTINCT account_id, T, occ::DATE AS day FROM usage WHERE {INSIDE}))"
    )
    spread = "CASE WHEN count(gap) >= 2 THEN stddev_pop(gap) / avg(gap) END"
    expected = _sql(world[1], spread, gaps)
    np.testing.assert_allclose(_kernel(world[0], usage.regularity(days=30)), expected, rtol=1e-9, atol=1e-9)


def test_frequent_equals_sql(world: tuple[History, duckdb.DuckDBPyConnection]) -> None:
    persons = (
        "(SELECT account_id, T, person_id, count(DISTINCT occ::DATE) AS days FROM usage "
        f"WHERE {INSIDE} AND person_id IS NOT NULL GROUP BY ALL)"
    )
    expected = np.nan_to_num(_sql(world[1], "count(*)", persons, "days >= 3"))
    np.testing.assert_array_equal(_kernel(world[0], usage.frequent("person_id", days=30, on_days=3)), expected)


def test_trend_equals_sql(world: tuple[History, duckdb.DuckDBPyConnection]) -> None:
    heights = [
        np.nan_to_num(
            _sql(
                world[1],
                "sum(count)",
                "usage",
                f"occ <= T - INTERVAL {30 - 10 * i - 10} DAY AND occ > T - INTERVAL {30 - 10 * i} DAY",
            )
        )
        for i in range(3)
    ]
    with np.errstate(invalid="ignore"):
        expected = (heights[2] - heights[0]) / 2 / (10 / 30) / (sum(heights) / 3)
    measured = _kernel(world[0], usage.trend("count", days=30, buckets=3))
    np.testing.assert_allclose(measured, expected, rtol=1e-9, atol=1e-9)


def test_vs_previous_is_defined_at_zero(world: tuple[History, duckdb.DuckDBPyConnection]) -> None:
    now, before = (_sql(world[1], "count(*)", "usage", where) for where in (INSIDE, PREVIOUS))
    now, before = np.nan_to_num(now), np.nan_to_num(before)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(before > 0, np.minimum(now / before, 10), np.where(now > 0, 10, 1))
    np.testing.assert_allclose(_kernel(world[0], Source("usage").count(days=30).vs_previous()), expected, rtol=1e-12)


def test_the_world_holds_what_the_oracle_is_for(world: tuple[History, duckdb.DuckDBPyConnection]) -> None:
    records = world[0].records("usage")
    edge = np.isin(records.at, CUTOFFS.as_unit("us").asi8)
    assert edge.sum() > 10
    assert (records.known > records.at).sum() > 100
    assert (records.superseded < np.iinfo(np.int64).max).sum() > 100
