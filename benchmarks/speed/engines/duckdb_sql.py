"""DuckDB SQL: cells between the edges of all windows, and running maxima of the last day seen for distinct counts.

Of the formulations tried it is the fastest (ASOF joins on cumulative sums and daily buckets with range joins take two
to six times as long). Nothing happens exactly at midnight, so whole days tell the windows apart.
"""

# every query is put together from names and numbers of this module
from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.speed.clock import CUTOFF_DAYS, CUTOFFS, DAY_US, DAYS, EDGE_DAYS, MOST, OFFSETS, START, day, micro

BANDS = dict(zip(OFFSETS[1:], range(1, len(OFFSETS)), strict=True))  # a window of so many days is its first bands
KINDS = ("login", "feature", "api")
MEMORY = "3500MB"  # what does not fit goes to disk: at L alone


def run(folder: Path) -> pa.Table:
    with TemporaryDirectory(dir=folder) as spill, duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(f"SET temp_directory = '{spill}'")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        for name in ("usage", "tickets", "invoices", "accounts"):
            path = folder / "history" / f"{name}.parquet"
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}')")
        _clock(connection)
        for step in (*_PASSES, *_WINDOWS, *_MILESTONES):
            connection.execute(step)
        return connection.sql(_RESULT).to_arrow_table()


def write(result: pa.Table, out: Path) -> None:
    pq.write_table(result, out)


def _clock(connection: duckdb.DuckDBPyConnection) -> None:
    """Lay out small tables of days, cutoffs and bands: everything about time that joins need."""
    first = day(START)
    days = pa.table({"day": list(range(first, first + DAYS + 1))})
    cutoffs = pa.table({"k": list(range(len(CUTOFFS))), "cutoff": list(CUTOFFS), "day": list(CUTOFF_DAYS),
                        "us": [micro(one) for one in CUTOFFS]})  # fmt: skip
    bands = [
        (cell, k, band)
        for k, cutoff in enumerate(CUTOFF_DAYS)
        for band in range(1, len(OFFSETS))
        for cell, edge in enumerate(EDGE_DAYS)
        if cutoff - OFFSETS[band] < edge <= cutoff - OFFSETS[band - 1]
    ]
    band = pa.table(dict(zip(("cell", "k", "band"), map(list, zip(*bands, strict=True)), strict=True)))
    edges = pa.table({"cell": list(range(len(EDGE_DAYS))), "day": list(EDGE_DAYS)})
    for name, table in {"days_": days, "cutoffs": cutoffs, "bands": band, "edges": edges}.items():
        connection.register("given", table)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
    # cell: the first edge after the day; k: the first cutoff after it; k30: the first cutoff 30 days after it
    connection.execute("""
        CREATE TABLE clock AS SELECT day,
            (SELECT min(cell) FROM edges e WHERE e.day > d.day) AS cell,
            (SELECT min(k) FROM cutoffs c WHERE c.day > d.day) AS k,
            (SELECT min(k) FROM cutoffs c WHERE c.day - 30 > d.day) AS k30,
            (SELECT min(us) FROM cutoffs c WHERE c.day > d.day) AS us
        FROM days_ d""")


_DAY = f"epoch_us({{}}) // {DAY_US}"
_KNOWN = f"JOIN clock n ON n.day = {_DAY.format('known_at')}"
_HAPPENED = f"JOIN clock o ON o.day = {_DAY.format('occurred_at')}"


def _decay(half_life: int) -> str:
    return f"sum(pow(2, (epoch_us(occurred_at) - n.us) / {half_life * DAY_US}.0)) AS half_{half_life}"


def _last_seen(name: str, entity: str, source: str, reach: int = len(CUTOFFS)) -> str:
    """From each arrival of an entity to its next: the last day on which it was seen so far."""
    return f"""
        CREATE TABLE {name} AS SELECT account_id, unnest(range(k, least(until, k + {reach}))) AS k, seen FROM (
            SELECT account_id, k, max(last) OVER own AS seen, lead(k, 1, {len(CUTOFFS)}) OVER own AS until
            FROM ({source}) WINDOW own AS (PARTITION BY account_id, {entity} ORDER BY k))"""


_PASSES = (
    f"""CREATE TABLE cells AS SELECT account_id, o.cell, n.k, count(*) AS events,
        sum(duration_min) AS minutes, sum("count") AS amount, max(occurred_at) AS last_any,
        {", ".join(f"count(*) FILTER (kind = '{kind}') AS {kind}" for kind in KINDS)},
        {", ".join(f"max(occurred_at) FILTER (kind = '{kind}') AS last_{kind}" for kind in KINDS)},
        {_decay(7)}, {_decay(30)}
        FROM usage {_HAPPENED} {_KNOWN} WHERE n.k IS NOT NULL GROUP BY ALL""",
    f"""CREATE TABLE active AS SELECT account_id, o.cell, first AS k, count(*) AS days FROM (
            SELECT account_id, {_DAY.format("occurred_at")} AS day, min(n.k) AS first
            FROM usage {_KNOWN} WHERE n.k IS NOT NULL GROUP BY ALL) u
        JOIN clock o ON o.day = u.day GROUP BY ALL""",
    f"""CREATE TABLE persons AS SELECT account_id, person_id, n.k, greatest(n.k, o.k30) AS before,
        o.k30 IS NOT NULL AS ever_before, max(o.day) AS last
        FROM usage {_HAPPENED} {_KNOWN} WHERE n.k IS NOT NULL GROUP BY ALL""",
    _last_seen("people", "person_id", "SELECT account_id, person_id, k, max(last) AS last FROM persons GROUP BY ALL"),
    _last_seen("people_before", "person_id", """SELECT account_id, person_id, before AS k, max(last) AS last
        FROM persons WHERE ever_before GROUP BY ALL""", 4),
    _last_seen("kinds", "event", f"""SELECT account_id, event, n.k, max({_DAY.format("occurred_at")}) AS last
        FROM usage {_KNOWN} WHERE n.k IS NOT NULL GROUP BY ALL""", 8),
)  # fmt: skip


def _windowed(column: str, name: str, days: tuple[int, ...]) -> str:
    return ", ".join(f"sum({column}) FILTER (band <= {BANDS[one]}) AS {name}_{one}" for one in days)


def _between(column: str, name: str, low: int, high: int) -> str:
    return f"sum({column}) FILTER (band > {BANDS[low]} AND band <= {BANDS[high]}) AS {name}"


_STEPS = (0, 30, 60, 90, 120, 150, 180)
_MONTHS = [
    f"sum({column}) FILTER (band > {BANDS.get(low, 0)} AND band <= {BANDS[high]}) AS {column}_{high // 30}"
    for column, steps in (("events", _STEPS), ("minutes", _STEPS[:4]))
    for low, high in pairwise(steps)
]

_WINDOWS = (
    f"""CREATE TABLE windows AS SELECT account_id, b.k, {_windowed("events", "events", (7, 30, 60, 90, 180))},
        {", ".join(_windowed(kind, kind, (30, 90)) for kind in KINDS)},
        {_windowed("minutes", "minutes", (30, 60, 90))}, {_windowed("amount", "amount", (30, 90, 180))},
        {_between("events", "before_30", 30, 60)}, {_between("events", "before_90", 90, 180)},
        {_between("minutes", "minutes_before", 30, 60)}, {", ".join(_MONTHS).replace("AS ", "AS month_")}
        FROM cells c JOIN bands b ON b.cell = c.cell AND c.k <= b.k GROUP BY ALL""",
    f"""CREATE TABLE active_windows AS SELECT account_id, b.k, {_windowed("days", "active", (7, 30, 60, 90, 180))},
        {_between("days", "active_before", 30, 60)}
        FROM active c JOIN bands b ON b.cell = c.cell AND c.k <= b.k GROUP BY ALL""",
    f"""CREATE TABLE distinct_people AS SELECT account_id, k, count(*) AS people_ever,
        {", ".join(f"count(*) FILTER (seen >= c.day - {d}) AS people_{d}" for d in (7, 30, 60, 90, 180))}
        FROM people JOIN cutoffs c USING (k) GROUP BY ALL""",
    """CREATE TABLE distinct_before AS SELECT account_id, k, count(*) FILTER (seen >= c.day - 60) AS people_before
        FROM people_before JOIN cutoffs c USING (k) GROUP BY ALL""",
    f"""CREATE TABLE distinct_kinds AS SELECT account_id, k,
        {", ".join(f"count(*) FILTER (seen >= c.day - {d}) AS kinds_{d}" for d in (30, 90, 180))}
        FROM kinds JOIN cutoffs c USING (k) GROUP BY ALL""",
    # what is added up since the beginning, carried from cutoff to cutoff; decayed sums rise and fall with the clock
    f"""CREATE TABLE running AS SELECT account_id, k, known, cutoff,
        sum(events) OVER own AS events_ever, sum(days) OVER own AS active_ever,
        {", ".join(f"max(last_{kind}) OVER own AS last_{kind}" for kind in ("any", *KINDS))},
        {", ".join(f"sum(half_{h} * pow(2, (day - {CUTOFF_DAYS[0]}) / {h}.0)) OVER own"
                   f" * pow(2, -(day - {CUTOFF_DAYS[0]}) / {h}.0) AS half_{h}" for h in (7, 30))}
        FROM (SELECT account_id, known_at <= cutoff AS known, cutoffs.* FROM accounts, cutoffs)
        LEFT JOIN (SELECT account_id, k, sum(events) AS events, sum(half_7) AS half_7, sum(half_30) AS half_30,
            {", ".join(f"max(last_{kind}) AS last_{kind}" for kind in ("any", *KINDS))}
            FROM cells GROUP BY ALL) USING (account_id, k)
        LEFT JOIN (SELECT account_id, k, sum(days) AS days FROM active GROUP BY ALL) USING (account_id, k)
        WINDOW own AS (PARTITION BY account_id ORDER BY k)""",
)  # fmt: skip

_AGE = f"(c.us - epoch_us({{}})) / {DAY_US}.0"
_MILESTONES = (
    f"""CREATE TABLE ticketed AS SELECT account_id, k, count(*) AS tickets_ever,
        {", ".join(f"count(*) FILTER (opened_at > cutoff - INTERVAL {d} DAY) AS tickets_{d}" for d in (30, 90, 180))},
        count(*) FILTER (open) AS tickets_open, max({_AGE.format("opened_at")}) FILTER (open) AS tickets_open_age
        FROM (SELECT *, solved_at IS NULL OR solved_at > cutoff AS open
            FROM tickets JOIN cutoffs ON known_at <= cutoff AND opened_at <= cutoff) c GROUP BY ALL""",
    f"""CREATE TABLE billed AS SELECT account_id, k, sum(amount) AS billed_ever,
        {", ".join(f"sum(amount) FILTER (issued_at > cutoff - INTERVAL {d} DAY) AS billed_{d}" for d in (90, 180))},
        sum(amount) FILTER (open) AS unpaid, sum(amount) FILTER (open AND due_at <= cutoff) AS overdue,
        count(*) FILTER (open AND due_at <= cutoff) AS overdue_invoices,
        max({_AGE.format("due_at")}) FILTER (open AND due_at <= cutoff) AS overdue_days
        FROM (SELECT *, paid_at IS NULL OR paid_at > cutoff AS open
            FROM invoices JOIN cutoffs ON known_at <= cutoff AND issued_at <= cutoff) c GROUP BY ALL""",
)


def _versus(now: str, before: str) -> str:
    none = f"CASE WHEN coalesce({now}, 0) = 0 THEN 1.0 ELSE {MOST} END"
    compared = f"least(coalesce({now}, 0) / {before}::DOUBLE, {MOST})"
    return f"CASE WHEN coalesce({before}, 0) = 0 THEN {none} ELSE {compared} END AS {now}_vs"


def _slope(column: str, months: int) -> str:
    height = [f"coalesce(month_{column}_{month}, 0)" for month in range(months, 0, -1)]
    place = [n - (months - 1) / 2 for n in range(months)]
    up = " + ".join(f"{x} * {h}" for x, h in zip(place, height, strict=True))
    mean = f"(({' + '.join(height)}) / {months}.0)"
    squares = sum(x * x for x in place)
    return f"(({up}) / {squares}) / nullif({mean}, 0) AS {column}_slope_{months * 30}"


_ZERO = (
    *(f"{name}_{d}" for name in ("events", "people", "active") for d in (7, 30, 60, 90, 180, "ever")),
    *(f"{kind}_{d}" for kind in KINDS for d in (30, 90)),
    *(f"minutes_{d}" for d in (30, 60, 90)),
    *(f"{name}_{d}" for name in ("amount", "kinds") for d in (30, 90, 180)),
    *(f"tickets_{d}" for d in (30, 90, 180, "ever", "open", "open_age")),
    *(f"billed_{d}" for d in (90, 180, "ever")),
    *("unpaid", "overdue", "overdue_invoices", "overdue_days"),
)
_RESULT = f"""SELECT account_id, cutoff, {", ".join(f"coalesce({name}, 0)::DOUBLE AS {name}" for name in _ZERO)},
    {", ".join(f"coalesce(half_{h}, 0) AS events_half_{h}" for h in (7, 30))},
    {", ".join(f"(epoch_us(cutoff) - epoch_us(last_{k})) / {DAY_US}.0 AS since_{k}" for k in ("any", *KINDS))},
    {_versus("events_30", "before_30")}, {_versus("events_90", "before_90")}, {_versus("people_30", "people_before")},
    {_versus("active_30", "active_before")}, {_versus("minutes_30", "minutes_before")},
    {_slope("events", 3)}, {_slope("events", 6)}, {_slope("minutes", 3)}
    FROM running {" ".join(f"LEFT JOIN {name} USING (account_id, k)" for name in (
        "windows", "active_windows", "distinct_people", "distinct_before", "distinct_kinds", "ticketed", "billed"))}
    WHERE known"""  # fmt: skip
