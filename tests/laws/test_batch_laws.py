"""Buckets measured apart, as Arrow tables that travelled, give the rows of the whole, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.peers import standings
from holdfast.features.catalog.placing import STANDINGS, place, write_standings
from holdfast.features.catalog.snapshot_files import SnapshotFiles
from holdfast.features.history import to_tables
from holdfast.features.snapshot import joined

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


@pytest.mark.parametrize("buckets", [1, 5])
def test_buckets_measured_apart_and_placed_are_the_whole(history: hf.History, buckets: int, tmp_path: Path):
    """Shares of peers count in the coverage where a score is made of them."""
    curved = replace(hf.catalog["usage_30_peers"], name="usage_peers_scored", curve=hf.catalog["usage_30"].curve)
    whole = hf.catalog.adding(curved).measure(history, CUTOFFS)
    history.write(tmp_path / "tables")
    stored = hf.History.build(tmp_path / "tables", tmp_path / "store", buckets=buckets, end=history.end)
    files = SnapshotFiles(tmp_path, whole.catalog, sum(1 for _ in stored.buckets()))
    for number, bucket in enumerate(stored.buckets()):
        files.write(number, Catalog(whole.catalog).measure(bucket, CUTOFFS, together=False))
    place(files, CUTOFFS)
    found = joined([files.read(number) for number in range(files.buckets)])
    for name in ("indicators", "context", "exposure", "coverage", "inapplicable", "calendar"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(whole, name), check_exact=True)
    assert whole.indicators["usage_peers_scored"].notna().any()
    write_standings(files, CUTOFFS[-1], ["usage_30", "open_tickets"])
    beside = np.concatenate([files.matrix(number, STANDINGS) for number in range(files.buckets)], axis=1)
    expected = standings(whole.at(CUTOFFS[-1]), ["usage_30", "open_tickets"])
    np.testing.assert_array_equal(beside.T, expected.to_numpy())


def test_sentences_read_the_place_among_peers_from_what_was_measured(history: hf.History):
    X = hf.catalog.measure(history, CUTOFFS).at(CUTOFFS[-1])
    ids = X.index.get_level_values("account_id")
    pairs = pd.DataFrame({"account_id": ids, "indicator": "usage_30_peers"})
    fitted, measured = Catalog(X.catalog), X.indicators.droplevel("cutoff")
    told = fitted.sentences(history, pairs, CUTOFFS[-1], measured)
    assert told.tolist() == fitted.sentences(history, pairs, CUTOFFS[-1]).tolist()
    other = fitted.sentences(history, pairs, CUTOFFS[-1], measured + 0.05)
    assert (other != told).any()
