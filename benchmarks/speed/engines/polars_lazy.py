"""Polars, lazy and streaming: the same cells and running maxima as the SQL, in expressions.

Polars lives in an environment of its own; this module imports nothing of holdfast.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from pathlib import Path

import polars as pl

from benchmarks.speed.clock import CUTOFF_DAYS, CUTOFFS, DAY_US, DAYS, EDGE_DAYS, MOST, OFFSETS, START, day

FACTS = {"version": pl.__version__}
KINDS = ("login", "feature", "api")
KEYS = ["account_id", "k"]
_MONTH_BANDS = ((0, 30), (30, 60), (60, 90), (90, 120), (120, 150), (150, 180))  # days before the cutoff


def run(folder: Path) -> pl.DataFrame:
    usage, tickets, invoices, accounts = (
        pl.scan_parquet(folder / "history" / f"{name}.parquet") for name in ("usage", "tickets", "invoices", "accounts")
    )
    events = _dated(usage)
    cells = _cells(events).collect(engine="streaming").lazy()
    active = _active(events).collect(engine="streaming").lazy()
    before = (pl.max_horizontal("k", "k30").alias("before"), pl.col("k30").is_not_null().alias("ever_before"))
    people = _last_days(events, "person_id", *before).collect(engine="streaming").lazy()
    parts = [
        _windows(cells),
        _active_windows(active),
        _distinct(people, "person_id", "k", "people", (7, 30, 60, 90, 180, None)),
        _distinct(people.filter("ever_before"), "person_id", "before", "before", (60,), reach=4),
        _distinct(_last_days(events, "event"), "event", "k", "kinds", (30, 90, 180), reach=8),
        _tickets(tickets),
        _invoices(invoices),
    ]
    whole = _running(accounts, cells, active)
    for part in pl.collect_all(parts, engine="streaming"):
        whole = whole.join(part.lazy(), on=KEYS, how="left")
    return _finished(whole).collect(engine="streaming")


def write(result: pl.DataFrame, out: Path) -> None:
    result.write_parquet(out)


def _cutoffs() -> pl.LazyFrame:
    numbers = pl.Series("k", range(len(CUTOFFS)), dtype=pl.Int32)
    times = pl.Series("cutoff", CUTOFFS, dtype=pl.Datetime("us", "UTC"))
    return pl.LazyFrame([numbers, times, pl.Series("c_day", CUTOFF_DAYS, dtype=pl.Int32)])


def _dated(usage: pl.LazyFrame) -> pl.LazyFrame:
    """Add the day, its cell (the first edge behind it), and the first cutoff that knows it: k (k30: 30 days later)."""
    days = range(day(START), day(START) + DAYS)

    def first(edges: Iterable[int]) -> list[int | None]:
        return [next((n for n, edge in enumerate(edges) if edge > one), None) for one in days]

    clock = pl.LazyFrame({
        "day": days, "cell": first(EDGE_DAYS), "k30": first([c - 30 for c in CUTOFF_DAYS]), "k": first(CUTOFF_DAYS),
        "c_day": [next((c for c in CUTOFF_DAYS if c > one), None) for one in days],
    }, schema=dict.fromkeys(("day", "cell", "k30", "k", "c_day"), pl.Int32))  # fmt: skip
    known = clock.select(known_day="day", k="k", c_day="c_day").filter(pl.col("k").is_not_null())
    return (
        usage.with_columns(
            (pl.col("occurred_at").dt.epoch("us") // DAY_US).cast(pl.Int32).alias("day"),
            (pl.col("known_at").dt.epoch("us") // DAY_US).cast(pl.Int32).alias("known_day"),
        )
        .join(clock.select("day", "cell", "k30"), on="day")
        .join(known, on="known_day")
    )


def _cells(events: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("occurred_at").dt.epoch("us") / DAY_US - pl.col("c_day")
    return events.group_by("account_id", "cell", "k").agg(
        pl.len().cast(pl.Int64).alias("events"),
        pl.col("duration_min").sum().alias("minutes"),
        pl.col("count").sum().alias("amount"),
        pl.col("occurred_at").max().alias("last_any"),
        *((pl.col("kind") == kind).sum().cast(pl.Int64).alias(kind) for kind in KINDS),
        *(pl.when(pl.col("kind") == kind).then("occurred_at").max().alias(f"last_{kind}") for kind in KINDS),
        *((age * (log(2) / half)).exp().sum().alias(f"half_{half}") for half in (7, 30)),
    )


def _active(events: pl.LazyFrame) -> pl.LazyFrame:
    days = events.group_by("account_id", "day").agg(pl.col("k").min(), pl.col("cell").first())
    return days.group_by("account_id", "cell", "k").agg(pl.len().cast(pl.Int64).alias("days"))


def _banded(cells: pl.LazyFrame) -> pl.LazyFrame:
    """Pair every cell with the cutoffs that look at it and know it; ``band`` is the window's end that it reaches."""
    rows = [
        (cell, k, OFFSETS[band])
        for k, cutoff in enumerate(CUTOFF_DAYS)
        for band in range(1, len(OFFSETS))
        for cell, edge in enumerate(EDGE_DAYS)
        if cutoff - OFFSETS[band] < edge <= cutoff - OFFSETS[band - 1]
    ]
    bands = pl.LazyFrame(rows, schema=dict.fromkeys(("cell", "k", "band"), pl.Int32), orient="row")
    return cells.rename({"k": "known"}).join(bands, on="cell").filter(pl.col("known") <= pl.col("k"))


def _within(column: str, high: int, low: int = 0) -> pl.Expr:
    return pl.when((pl.col("band") > low) & (pl.col("band") <= high)).then(column).sum()


def _windows(cells: pl.LazyFrame) -> pl.LazyFrame:
    return _banded(cells).group_by(KEYS).agg(
        *(_within("events", days).alias(f"events_{days}") for days in (7, 30, 60, 90, 180)),
        *(_within(kind, days).alias(f"{kind}_{days}") for kind in KINDS for days in (30, 90)),
        *(_within("minutes", days).alias(f"minutes_{days}") for days in (30, 60, 90)),
        *(_within("amount", days).alias(f"amount_{days}") for days in (30, 90, 180)),
        _within("events", 60, 30).alias("events_before_30"),
        _within("events", 180, 90).alias("events_before_90"),
        _within("minutes", 60, 30).alias("minutes_before_30"),
        *(_within("events", high, low).alias(f"month_events_{high}") for low, high in _MONTH_BANDS),
        *(_within("minutes", high, low).alias(f"month_minutes_{high}") for low, high in _MONTH_BANDS[:3]),
    )  # fmt: skip


def _active_windows(active: pl.LazyFrame) -> pl.LazyFrame:
    return _banded(active).group_by(KEYS).agg(
        *(_within("days", days).alias(f"active_{days}") for days in (7, 30, 60, 90, 180)),
        _within("days", 60, 30).alias("active_before_30"),
    )  # fmt: skip


def _last_days(events: pl.LazyFrame, entity: str, *visible: pl.Expr) -> pl.LazyFrame:
    """Give the last day of each entity among what the same cutoff was the first to know."""
    return events.group_by("account_id", entity, "k", *visible).agg(pl.col("day").max().alias("seen"))


def _distinct(
    days: pl.LazyFrame, entity: str, visible: str, name: str, windows: tuple[int | None, ...], reach: int = len(CUTOFFS)
) -> pl.LazyFrame:
    """Count entities by the last day on which each had been seen, carried from its arrivals to the cutoffs."""
    own = ["account_id", entity]
    seen = days.group_by(*own, pl.col(visible).alias("k")).agg(pl.col("seen").max()).sort(*own, "k")
    same = (pl.col("account_id") == pl.col("account_id").shift(-1)) & (pl.col(entity) == pl.col(entity).shift(-1))
    following = pl.when(same).then(pl.col("k").shift(-1)).otherwise(len(CUTOFFS))
    until = pl.min_horizontal(following, pl.col("k") + reach)
    carried = seen.with_columns(pl.col("seen").cum_max().over(own), until.alias("until"))
    at_cutoffs = carried.with_columns(pl.int_ranges("k", "until", dtype=pl.Int32).alias("k")).explode("k")
    return (
        at_cutoffs.join(_cutoffs(), on="k")
        .group_by(KEYS)
        .agg(
            (pl.len() if days is None else (pl.col("seen") >= pl.col("c_day") - days).sum()).alias(
                f"{name}_{days or 'ever'}"
            )
            for days in windows
        )
    )


def _running(accounts: pl.LazyFrame, cells: pl.LazyFrame, active: pl.LazyFrame) -> pl.LazyFrame:
    """Carry from cutoff to cutoff what is added up since the beginning; decayed sums fall with the clock."""
    lasts = [f"last_{kind}" for kind in ("any", *KINDS)]
    halves = {half: (pl.col("c_day") - CUTOFF_DAYS[0]) * (log(2) / half) for half in (7, 30)}
    new = cells.group_by(KEYS).agg(
        pl.col("events").sum(), *(pl.col(one).max() for one in lasts), *(pl.col(f"half_{h}").sum() for h in halves)
    )
    grid = accounts.select("account_id", "known_at").join(_cutoffs(), how="cross")
    both = grid.join(new, on=KEYS, how="left").join(
        active.group_by(KEYS).agg(pl.col("days").sum()), on=KEYS, how="left"
    )
    return (
        both.sort(KEYS)
        .with_columns(
            pl.col("events").fill_null(0).cum_sum().over("account_id").alias("events_ever"),
            pl.col("days").fill_null(0).cum_sum().over("account_id").alias("active_ever"),
            *(pl.col(one).cum_max().forward_fill().over("account_id") for one in lasts),
            *(
                ((pl.col(f"half_{h}").fill_null(0.0) * up.exp()).cum_sum().over("account_id") * (-up).exp()).alias(
                    f"events_half_{h}"
                )
                for h, up in halves.items()
            ),
        )
        .filter(pl.col("known_at") <= pl.col("cutoff"))
        .select(*KEYS, "cutoff", "events_ever", "active_ever", *lasts, *(f"events_half_{h}" for h in halves))
    )


def _seen(rows: pl.LazyFrame, at: str, closing: str) -> pl.LazyFrame:
    """Pair every record with the cutoffs that know it, and tell whether it is open there."""
    paired = rows.join(_cutoffs(), how="cross").filter(
        (pl.col("known_at") <= pl.col("cutoff")) & (pl.col(at) <= pl.col("cutoff"))
    )
    return paired.with_columns(
        (pl.col(closing).is_null() | (pl.col(closing) > pl.col("cutoff"))).alias("open"),
        ((pl.col("cutoff") - pl.col(at)).dt.total_microseconds() / DAY_US).alias("age"),
    )


def _tickets(tickets: pl.LazyFrame) -> pl.LazyFrame:
    return _seen(tickets, "opened_at", "solved_at").group_by(KEYS).agg(
        *((pl.col("age") < days).sum().alias(f"tickets_{days}") for days in (30, 90, 180)),
        pl.len().alias("tickets_ever"),
        pl.col("open").sum().alias("tickets_open"),
        pl.when("open").then("age").max().alias("tickets_open_age"),
    )  # fmt: skip


def _invoices(invoices: pl.LazyFrame) -> pl.LazyFrame:
    late = ((pl.col("cutoff") - pl.col("due_at")).dt.total_microseconds() / DAY_US).alias("late")
    overdue = pl.col("open") & (pl.col("late") >= 0)
    return _seen(invoices, "issued_at", "paid_at").with_columns(late).group_by(KEYS).agg(
        *(pl.when(pl.col("age") < days).then("amount").sum().alias(f"billed_{days}") for days in (90, 180)),
        pl.col("amount").sum().alias("billed_ever"),
        pl.when("open").then("amount").sum().alias("unpaid"),
        pl.when(overdue).then("amount").sum().alias("overdue"),
        overdue.sum().alias("overdue_invoices"),
        pl.when(overdue).then("late").max().alias("overdue_days"),
    )  # fmt: skip


def _finished(whole: pl.LazyFrame) -> pl.LazyFrame:
    times = [f"last_{kind}" for kind in ("any", *KINDS)]
    filled = whole.with_columns(pl.all().exclude("account_id", "k", "cutoff", *times).cast(pl.Float64).fill_null(0.0))
    before = {"events_30": "events_before_30", "events_90": "events_before_90", "people_30": "before_60",
              "active_30": "active_before_30", "minutes_30": "minutes_before_30"}  # fmt: skip
    since = [
        ((pl.col("cutoff") - pl.col(last)).dt.total_microseconds() / DAY_US).alias(last.replace("last", "since"))
        for last in times
    ]
    versus = [
        pl.when(pl.col(previous) > 0)
        .then(pl.min_horizontal(pl.col(now) / pl.col(previous), pl.lit(MOST)))
        .otherwise(pl.when(pl.col(now) > 0).then(MOST).otherwise(1.0))
        .alias(f"{now}_vs")
        for now, previous in before.items()
    ]
    slopes = [_slope("events", 3), _slope("events", 6), _slope("minutes", 3)]
    with_all = filled.with_columns(*since, *versus, *slopes)
    return with_all.select(pl.exclude("k", *times, *before.values(), "^month_.*$"))


def _slope(column: str, months: int) -> pl.Expr:
    height = [pl.col(f"month_{column}_{30 * month}") for month in range(months, 0, -1)]
    place = [n - (months - 1) / 2 for n in range(months)]
    up = pl.sum_horizontal(x * one for x, one in zip(place, height, strict=True)) / sum(x * x for x in place)
    mean = pl.sum_horizontal(height) / months
    return pl.when(mean != 0).then(up / mean).alias(f"{column}_slope_{30 * months}")
