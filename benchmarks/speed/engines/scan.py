"""DuckDB merely reads the columns of usage that the aggregates need, from the same landed Parquet: the floor.

Each column is folded into one number that no statistics of the file can give: a count, a smallest or a largest value
is answered from the footer without a page being read (``max(account_id)`` over ten million rows takes a millisecond),
but the sum of the lengths of texts, the sum of numbers and the exclusive or of instants depend on every value, so that
each page must be read, decompressed and decoded. They cost next to nothing beyond that (hashing the texts would add a
third).
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

TEXTS = ("account_id", "person_id", "event", "kind")
NUMBERS = ("count", "duration_min")
TIMES = ("occurred_at", "known_at")


def run(folder: Path) -> pa.Table:
    folds = [
        *(f"sum(strlen({name}))" for name in TEXTS),
        *(f'sum("{name}")' for name in NUMBERS),
        *(f"bit_xor(epoch_us({name}))" for name in TIMES),
    ]
    named = [f'{fold} AS "{name}"' for fold, name in zip(folds, (*TEXTS, *NUMBERS, *TIMES), strict=True)]
    with duckdb.connect(config={"threads": 1}) as connection:
        path = folder / "history" / "usage.parquet"
        return connection.sql(f"SELECT {', '.join(named)} FROM read_parquet('{path}')").to_arrow_table()  # our own path


def write(result: pa.Table, out: Path) -> None:
    pq.write_table(result, out)
