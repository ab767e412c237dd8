"""Small companies on a coarse clock, and what SQL sees of them at each cutoff.

Every world is drawn from a seed that also draws its manners: whole days or steps of six hours, crowded or nearly
empty, with or without corrections, one cutoff or many, at midnight or at odd instants. Numbers are quarters, so that
sums are exact in SQL too.
"""

# ruff: noqa: S608  (every piece of SQL is written here)
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Indicator

START = pd.Timestamp("2024-02-16")  # the leap day lies inside
DAYS = 24
END = START + pd.Timedelta(days=DAYS + 30)
DAY_US = 86_400_000_000

VIEWS = {
    "usage": ("least(occurred_at, known_at)", "source, source_id", "*"),
    "touchpoints": (
        "least(occurred_at, known_at)",
        "source, source_id",
        "* REPLACE (CASE WHEN replied_at <= T THEN replied_at END AS replied_at)",
    ),
    "tickets": (
        "least(opened_at, known_at)",
        "ticket_id",
        "* REPLACE (CASE WHEN solved_at <= T THEN solved_at END AS solved_at, "
        "CASE WHEN first_reply_at <= T THEN first_reply_at END AS first_reply_at, CASE WHEN "
        "coalesce(satisfaction_at, solved_at, T) <= T THEN satisfaction END AS satisfaction)",
    ),
    "invoices": (
        "issued_at",
        "invoice_id",
        "* REPLACE (CASE WHEN paid_at <= T THEN paid_at END AS paid_at, "
        "CASE WHEN paid_at <= T OR paid_at IS NULL THEN amount_paid END AS amount_paid, "
        "CASE WHEN voided_at <= T THEN voided_at END AS voided_at)",
    ),
}
STATES = {
    "subscriptions": (
        "subscription_id",
        "* REPLACE (CASE WHEN cancel_requested_at <= T THEN cancel_requested_at END AS cancel_requested_at, "
        "CASE WHEN cancel_requested_at IS NULL OR cancel_requested_at <= T THEN cancel_reason END AS cancel_reason)",
    ),
    "goals": ("goal_id", "*"),
    "people": ("person_id, account_id, role", "*"),
}
AGOS = (0, 60, 120)  # hours


@dataclass(frozen=True)
class World:
    """A history, the cutoffs at which it is read, and the same rows in a database.

    The database holds a view per table: the rows visible at each cutoff T, ``occ`` being when they happened. Of a
    state it holds, for each of `AGOS`, the version per entity that counts (``<table>_<ago>``) and every version that
    can be seen (``<table>_<ago>_seen``).
    """

    seed: int
    history: History
    cutoffs: pd.DatetimeIndex
    db: duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Case:
    """An expression, and the same thing asked in SQL: an aggregate over a view, grouped by account and cutoff.

    Attributes
    ----------
    nothing
        What is expected where SQL has no row, or nothing to say.
    finish
        What is left to do with the answer, given also T in microseconds.
    rtol, atol
        0 asks for the same bits.
    """

    name: str
    expression: Expression
    view: str
    sql: str
    nothing: float = np.nan
    finish: Callable[[Any, int], float] | None = None
    rtol: float = 0.0
    atol: float = 1e-12


@dataclass
class Draw:
    """A seed's manners, and the columns it can draw."""

    seed: int
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.hours = (24, 6)[self.seed % 2]
        self.rows = (300, 25, 120)[self.seed % 3]
        self.again = (0.3, 0.0, 0.5)[self.seed // 2 % 3]
        self.lags = ([0, 0, 0, 1, 3, 10], [0], [0, 2, 5])[self.seed // 3 % 3]
        self.accounts = [f"a{i}" for i in range((9, 3, 5)[self.seed % 3])]

    def times(self, n: int, low: int = 0, high: int = DAYS) -> pd.Series:
        steps = self.rng.integers(low * 24 // self.hours, high * 24 // self.hours, n)
        return pd.Series(START + pd.to_timedelta(steps * self.hours, unit="h"))

    def later(self, at: pd.Series, days: Sequence[float], missing: float = 0.0) -> pd.Series:
        after = at + pd.to_timedelta(self.rng.choice(days, len(at)) * 24, unit="h")
        return after.mask(self.rng.random(len(at)) < missing)

    def one_of(self, values: Sequence[object], n: int) -> pd.Series:
        return pd.Series([values[i] for i in self.rng.integers(0, len(values), n)])

    def quarters(self, n: int, missing: float = 0.0) -> pd.Series:
        return pd.Series(self.rng.integers(1, 40, n) / 4).mask(self.rng.random(n) < missing)

    def versions(self, frame: pd.DataFrame, key: list[str], change: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
        """Add corrections and deletions that are known later, or sooner, than what they correct; in any order."""
        again = change(frame[self.rng.random(len(frame)) < self.again].copy())
        again["known_at"] += pd.to_timedelta(self.rng.choice([-2, 1, 4, 9], len(again)), unit="D")
        again["deleted"] = self.rng.random(len(again)) < 0.35
        both = pd.concat([frame.assign(deleted=False), again], ignore_index=True)
        return both.drop_duplicates([*key, "known_at"]).sample(frac=1, random_state=self.seed, ignore_index=True)


def _usage(draw: Draw) -> pd.DataFrame:
    n = draw.rows
    at = draw.times(n)
    frame = pd.DataFrame(
        {
            "account_id": draw.one_of([*draw.accounts[:-1], draw.accounts[0]], n),
            "source": draw.one_of(["app", "web"], n),
            "source_id": [f"u{i}" for i in range(n)],
            "occurred_at": at,
            "known_at": draw.later(at, [*draw.lags, *([-1] if draw.seed % 4 == 0 else [])]),
            "person_id": draw.one_of(["p", "q", "r", None], n),
            "event": draw.one_of(["open", "save", "NA"], n),
            "kind": draw.one_of(["login", "feature", "api"], n),
            "advanced": draw.one_of([True, False, None], n).astype("boolean"),
            "count": draw.one_of([1.0, 2.0, 3.0], n),
            "duration_min": draw.quarters(n, 0.3),
        }
    )

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        moved = draw.rng.random(len(rows)) < 0.3
        rows["occurred_at"] = rows["occurred_at"].mask(moved, draw.times(len(rows)).to_numpy())
        rows["account_id"] = rows["account_id"].mask(draw.rng.random(len(rows)) < 0.2, draw.accounts[-1])
        return rows.assign(person_id="s", count=rows["count"] + 1)

    return draw.versions(frame, ["source", "source_id"], change)


def _touchpoints(draw: Draw) -> pd.DataFrame:
    n = draw.rows
    at = draw.times(n)
    frame = pd.DataFrame(
        {
            "account_id": draw.one_of(draw.accounts, n),
            "source": "crm",
            "source_id": [f"t{i}" for i in range(n)],
            "occurred_at": at,
            "known_at": draw.later(at, draw.lags),
            "kind": draw.one_of(["outreach", "survey"], n),
            "score": draw.one_of([0.0, 5.0, 9.0, 10.0, np.nan], n),
            "replied_at": draw.later(at, [-1, 0, 0.25, 2, 8], 0.4),
        }
    )
    return draw.versions(frame, ["source", "source_id"], lambda rows: rows.assign(score=9.0))


def _tickets(draw: Draw) -> pd.DataFrame:
    n = draw.rows
    at = draw.times(n)
    rated = draw.one_of([0.0, 0.5, 1.0, None], n).astype(float)
    frame = pd.DataFrame(
        {
            "account_id": draw.one_of(draw.accounts, n),
            "ticket_id": [f"k{i}" for i in range(n)],
            "source": "desk",
            "source_id": [f"k{i}" for i in range(n)],
            "opened_at": at,
            "known_at": draw.later(at, draw.lags),
            "first_reply_at": draw.later(at, [0, 1, 3], 0.3),
            "solved_at": draw.later(at, [0.25, 2, 9], 0.3),
            "satisfaction": rated,
            "satisfaction_at": draw.later(at, [1, 9, 12], 0.5).where(rated.notna()),
            "priority": draw.one_of(["low", "high", None], n),
        }
    )
    return draw.versions(frame, ["ticket_id"], lambda rows: rows.assign(priority="high", satisfaction=0.5))


def _invoices(draw: Draw) -> pd.DataFrame:
    n = draw.rows
    at = draw.times(n)
    frame = pd.DataFrame(
        {
            "account_id": draw.one_of(draw.accounts, n),
            "invoice_id": [f"i{i}" for i in range(n)],
            "source": "billing",
            "source_id": [f"i{i}" for i in range(n)],
            "issued_at": at,
            "known_at": draw.later(at, [-3, *draw.lags]),
            "due_at": draw.later(at, [0, 5, 10], 0.2),
            "amount": draw.quarters(n),
            "paid_at": draw.later(at, [0, 3, 8, 15], 0.3),
            "voided_at": draw.later(at, [2, 20], 0.8),
        }
    )
    frame["amount_paid"] = frame["amount"].where(frame["paid_at"].notna())
    return draw.versions(frame, ["invoice_id"], lambda rows: rows.assign(amount=rows["amount"] * 2))


def _state(draw: Draw, entity: str, **columns: Callable[[int], pd.Series]) -> pd.DataFrame:
    n = draw.rows // 2
    number = draw.rng.integers(0, max(n // 4, 2), n)
    at = draw.times(n)
    own = {name: column(n) for name, column in columns.items()}
    frame = pd.DataFrame(
        {
            "account_id": [draw.accounts[i % len(draw.accounts)] for i in number],
            entity: [f"e{i}" for i in number],
            "source": "crm",
            "source_id": [f"s{i}" for i in range(n)],
            "valid_from": at,
            "known_at": draw.later(at, [-4, *draw.lags]),
            "valid_to": draw.later(at, [1, 4, 12], 0.6),
            **own,
        }
    )

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        other = {name: column(len(rows)).to_numpy() for name, column in columns.items() if name != "role"}
        ended = draw.later(rows["valid_from"], [1, 6], 0.5)
        return rows.assign(**other, valid_to=ended)

    return draw.versions(frame, [entity, *(["role"] if "role" in own else []), "valid_from"], change)


def draw_frames(draw: Draw) -> dict[str, pd.DataFrame]:
    """Draw every table of a world."""

    def dates(n: int) -> pd.Series:
        return draw.times(n, 0, DAYS + 20).mask(draw.rng.random(n) < 0.2)

    known = pd.Series(START).repeat(len(draw.accounts)).reset_index(drop=True)
    known = known.mask(draw.rng.random(len(known)) < 0.3, START + pd.Timedelta(days=9))
    return {
        "accounts": pd.DataFrame(
            {"account_id": draw.accounts, "valid_from": START - pd.Timedelta(days=1), "known_at": known}
        ),
        "usage": _usage(draw),
        "touchpoints": _touchpoints(draw),
        "tickets": _tickets(draw),
        "invoices": _invoices(draw),
        "subscriptions": _state(
            draw,
            "subscription_id",
            status=lambda n: draw.one_of(["active", "active", "past_due", "paused", "canceled"], n),
            plan=lambda n: draw.one_of(["x", "y", None], n),
            seats=lambda n: draw.one_of([1.0, 5.0, 8.0, np.nan], n),
            mrr=lambda n: draw.quarters(n, 0.1),
            term_end=dates,
            cancel_requested_at=dates,
            cancel_reason=lambda n: draw.one_of(["price", "other", None], n),
        ),
        "goals": _state(
            draw,
            "goal_id",
            kind=lambda n: draw.one_of(["goal", "milestone"], n),
            status=lambda n: draw.one_of(["open", "done", None], n),
            target=lambda n: draw.quarters(n, 0.1),
            due_at=dates,
        ),
        "people": _state(
            draw,
            "person_id",
            role=lambda n: draw.one_of(["user", "champion"], n),
            title=lambda n: draw.one_of(["a", "b", None], n),
        ),
    }


def _cutoffs(draw: Draw) -> pd.DatetimeIndex:
    midnights = [START + pd.Timedelta(days=d) for d in (1, 9, 10, 13, 14, 20, DAYS)]
    grid = [START + pd.Timedelta(hours=6 * k) for k in (37, 38, 53, 78)]
    odd = [START + pd.Timedelta(days=d) for d in (7.3, 13.50001, 21.987654321)]
    chosen = (midnights, midnights[3:4], odd, grid, [*midnights, *grid, *odd])[draw.seed % 5]
    return pd.DatetimeIndex(chosen).as_unit("us").sort_values()


def world(seed: int) -> World:
    """Draw a world."""
    draw = Draw(seed)
    frames, cutoffs = draw_frames(draw), _cutoffs(draw)
    db = duckdb.connect()
    db.register("cutoffs", pd.DataFrame({"T": cutoffs}))
    db.register("accounts", frames["accounts"][["account_id", "known_at"]].rename(columns={"known_at": "met"}))
    for name, (at, key, columns) in VIEWS.items():
        db.register("raw", frames[name])
        db.execute(
            f"CREATE TABLE {name} AS SELECT {columns} FROM (SELECT *, {at} AS occ, row_number() OVER "
            f"(PARTITION BY T, {key} ORDER BY known_at DESC) AS n FROM raw JOIN accounts USING (account_id) "
            "JOIN cutoffs ON greatest(known_at, met) <= T) WHERE n = 1 AND NOT deleted AND occ <= T"
        )
    for name, (entity, columns) in STATES.items():
        db.register("raw", frames[name])
        for ago in AGOS:
            db.execute(
                f"CREATE TABLE {name}_{ago}_seen AS SELECT {columns} FROM (SELECT *, valid_from AS occ, row_number() "
                f"OVER (PARTITION BY T, {entity}, valid_from ORDER BY known_at DESC) AS n FROM raw "
                f"JOIN accounts USING (account_id) JOIN cutoffs ON greatest(known_at, met) <= T) "
                f"WHERE n = 1 AND valid_from <= T - INTERVAL {ago} HOUR"
            )
            db.execute(
                f"CREATE TABLE {name}_{ago} AS SELECT * FROM {name}_{ago}_seen "
                f"QUALIFY row_number() OVER (PARTITION BY T, {entity} ORDER BY valid_from DESC) = 1 "
                f"AND NOT deleted AND (valid_to IS NULL OR valid_to > T - INTERVAL {ago} HOUR)"
            )
    return World(seed, History.from_frames(frames, end=END), cutoffs, db)


def kernel(one: World, expressions: dict[str, Expression]) -> pd.DataFrame:
    """Measure expressions through the public face: one column each, a row per account known at a cutoff."""
    about: Any = {"dimension": "product", "healthy": "unclear", "unit": "u", "title": "t", "curve": None}
    named = [Indicator(e, name=f"c{i}", evidence="{value}", **about) for i, e in enumerate(expressions.values())]
    measured = Catalog(tuple(named)).measure(one.history, one.cutoffs.tz_localize("UTC"))
    assert not measured.left_out
    return measured.indicators.set_axis(list(expressions), axis=1)


def asked(one: World, cases: Sequence[Case], index: pd.MultiIndex) -> dict[str, np.ndarray]:
    """Ask SQL for every case, a handful per query: what planning costs grows with the square of their number."""
    answers: dict[str, np.ndarray] = {}
    for view in sorted({case.view for case in cases}):
        mine = [case for case in cases if case.view == view]
        for few in (mine[i : i + 16] for i in range(0, len(mine), 16)):
            columns = ", ".join(f"{case.sql} AS c{i}" for i, case in enumerate(few))
            rows = one.db.execute(f"SELECT account_id, T, {columns} FROM {view} GROUP BY account_id, T").fetchall()
            found = {(row[0], pd.Timestamp(row[1], tz="UTC")): row[2:] for row in rows}
            for i, case in enumerate(few):
                answers[case.name] = np.array([_answer(case, found.get(key), i, key[1]) for key in index], dtype=float)
    return answers


def _answer(case: Case, row: tuple[Any, ...] | None, place: int, cutoff: pd.Timestamp) -> float:
    value = None if row is None else row[place]
    if case.finish is not None and value is not None:
        value = case.finish(value, (cutoff - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, "us"))
    return case.nothing if value is None or value != value else float(value)


def compare(case: Case, seed: int, measured: pd.Series, expected: np.ndarray) -> None:
    """Say where the kernel and SQL differ, by account and cutoff."""
    got = measured.to_numpy()
    if case.rtol:
        same = np.isclose(got, expected, rtol=case.rtol, atol=case.atol, equal_nan=True)
    else:
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    first = int(np.argmin(same))
    assert same.all(), (
        f"{case.expression}, world {seed}, {measured.index[first]}: "
        f"measured {got[first]!r}, SQL {expected[first]!r}; {(~same).sum()} of {len(same)} differ"
    )
