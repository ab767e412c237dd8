"""Buckets measured apart, as Arrow tables that travelled, give the rows of the whole, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import to_tables

CUTOFFS = pd.to_datetime(["2025-05-01", "2025-06-01 09:30", "2025-12-31"], utc=True, format="ISO8601")


def travelled(table: pa.Table) -> pa.Table:
    """Send a table through a file of Arrow's own format."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


@pytest.fixture(scope="module")
def history() -> hf.History:
    return hf.simulate(accounts=30, seed=3, months=14)


@pytest.mark.parametrize("buckets", [1, 5])
def test_buckets_sent_as_arrow_measure_as_the_whole(history: hf.History, buckets: int, tmp_path: Path):
    whole = hf.catalog.measure(history, CUTOFFS)
    history.write(tmp_path / "tables")
    stored = hf.History.build(tmp_path / "tables", tmp_path / "store", buckets=buckets, end=history.end)
    fitted, found = Catalog(whole.catalog), []
    for bucket in stored.buckets():
        sent = {name: travelled(table) for name, table in to_tables(bucket).items()}
        found.append(travelled(fitted.measure_batch(sent, CUTOFFS)))
    together = fitted.with_peers(pa.concat_tables(found, promote_options="permissive")).to_pandas()
    expected = whole.frame().reset_index()
    assert len(found) > 1 or buckets == 1
    pd.testing.assert_frame_equal(together, expected, check_exact=True, check_dtype=False)


def test_a_catalogue_that_chooses_its_columns_measures_no_bucket_apart(history: hf.History):
    with pytest.raises(UsageError, match="adaptive"):
        hf.catalog.measure_batch(to_tables(history), CUTOFFS)
