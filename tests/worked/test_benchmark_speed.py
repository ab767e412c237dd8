"""The speed benchmark is honest: every engine computes the same, the scan reads what it claims, the sets repeat."""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks lie beside the package, not in it
from benchmarks.speed.aggregates import NAMES
from benchmarks.speed.clock import CUTOFFS, END, START
from benchmarks.speed.compare import Equality, compare
from benchmarks.speed.engines import duckdb_sql, holdfast, pandas_loop, scan, shared_few
from benchmarks.speed.environments import made
from benchmarks.speed.figures import exponents, figures, with_build
from benchmarks.speed.generate import Size, generate
from benchmarks.speed.harness import child, lay_prompt
from benchmarks.speed.registry import ENGINES
from benchmarks.speed.shared import NAMES as SHARED
from benchmarks.speed.table import table

COMPANY = Size("test", 40, 8_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company small enough for a test."""
    made = tmp_path_factory.mktemp("speed")
    generate(COMPANY, made)
    return made


@pytest.fixture(scope="module")
def reference(folder: Path) -> Path:
    holdfast.write(holdfast.run(folder), folder / "holdfast.parquet")
    return folder / "holdfast.parquet"


@pytest.mark.parametrize("engine", [pandas_loop, duckdb_sql])
def test_every_engine_gives_the_same_sixty_aggregates(folder: Path, reference: Path, engine: object) -> None:
    engine.write(engine.run(folder), folder / "peer.parquet")  # type: ignore[attr-defined] # a module
    found = compare(reference, folder / "peer.parquet")
    assert not found.wrong
    assert found.cells == pq.ParquetFile(reference).metadata.num_rows * 60
    assert found.largest < 1e-6


@pytest.mark.parametrize("name", ["polars", "featuretools"])
def test_peers_in_environments_of_their_own_agree_too(name: str, folder: Path, tmp_path: Path) -> None:
    engine = ENGINES[name]
    if not made(engine):
        pytest.skip(f"no environment for {name} in the cache: python -m benchmarks.speed tiny makes it")
    lay_prompt(folder)
    part = folder / engine.part
    child(engine, part, part, tmp_path / "peer.parquet")
    own = shared_few if engine.part else holdfast
    own.write(own.run(part), tmp_path / "own.parquet")
    found = compare(tmp_path / "own.parquet", tmp_path / "peer.parquet")
    assert not found.wrong
    assert found.cells > 0


def test_sixty_aggregates_are_declared_and_none_of_them_stands_still(reference: Path) -> None:
    frame = pd.read_parquet(reference)
    assert len(NAMES) == 60
    assert list(frame.columns) == list(NAMES)
    assert (frame.nunique() > 3).all()
    assert len(CUTOFFS) == 24
    assert set(SHARED) <= set(NAMES)


def test_a_wrong_cell_a_missing_value_and_a_lost_row_are_noticed(reference: Path, tmp_path: Path) -> None:
    right = pd.read_parquet(reference)
    wrong = right.copy()
    wrong.iloc[7, wrong.columns.get_loc("people_30")] += 1.0
    wrong.iloc[9, wrong.columns.get_loc("events_slope_90")] = np.nan
    assert set(_compared(reference, wrong, tmp_path).wrong) >= {"people_30"}
    assert set(_compared(reference, right.iloc[1:], tmp_path).wrong) == {"rows"}
    assert set(_compared(reference, right.drop(columns="unpaid"), tmp_path).wrong) == {"unpaid"}
    near = right * (1 + 1e-9)
    assert not _compared(reference, near.sample(frac=1, random_state=1), tmp_path).wrong


def _compared(reference: Path, frame: pd.DataFrame, out: Path) -> Equality:
    frame.to_parquet(out / "changed.parquet")
    return compare(reference, out / "changed.parquet")


def test_the_same_size_gives_the_same_bytes_and_arrives_in_order(folder: Path, tmp_path: Path) -> None:
    generate(COMPANY, tmp_path)
    for path in sorted(folder.glob("*/*.parquet")):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()
    usage = pd.read_parquet(folder / "history" / "usage.parquet")
    assert usage["known_at"].is_monotonic_increasing
    late = usage["known_at"] - usage["occurred_at"]
    assert 0.02 < (late > pd.Timedelta(0)).mean() < 0.04
    assert late.max() < pd.Timedelta(days=20)
    assert late[late > pd.Timedelta(0)].min() >= pd.Timedelta(hours=1)
    assert usage["occurred_at"].min() >= START
    assert usage["known_at"].max() < END
    assert (usage["occurred_at"] != usage["occurred_at"].dt.floor("D")).all()
    assert usage["event"].nunique() == 30
    signed = pd.read_parquet(folder / "history" / "accounts.parquet").set_index("account_id")["valid_from"]
    assert (usage["occurred_at"] > usage["account_id"].map(signed)).all()


def test_the_next_day_holds_what_arrives_on_it_alone(folder: Path) -> None:
    for name, closing in (("usage", None), ("tickets", "solved_at"), ("invoices", "paid_at")):
        before, after = (pd.read_parquet(folder / part / f"{name}.parquet") for part in ("history", "next_day"))
        assert before["known_at"].max() < END
        assert after["known_at"].between(END, END + timedelta(days=1), inclusive="left").all()
        if closing:
            assert before[closing].max() < END


def test_the_scan_cannot_be_answered_without_the_values(folder: Path) -> None:
    told = scan.run(folder).to_pylist()[0]
    usage = pq.read_table(folder / "history" / "usage.parquet")
    assert set(told) == set(usage.column_names)
    assert told["count"] == sum(usage["count"].to_pylist())
    assert told["person_id"] == sum(len(one) for one in usage["person_id"].to_pylist())
    instants = usage["known_at"].cast(pa.int64()).to_numpy()
    assert told["known_at"] == np.bitwise_xor.reduce(instants)


def test_ratios_come_from_the_least_of_the_runs() -> None:
    runs = {
        "holdfast": [{"cpu": 2.0, "rss_mb": 90.0}, {"cpu": 1.0, "rss_mb": 100.0}],
        "pandas": [{"cpu": 30.0, "rss_mb": 500.0}],
        "scan": [{"cpu": 0.25, "rss_mb": 50.0}],
    }
    small = figures("S", runs, {})
    assert (small["ratio_pandas"], small["ratio_scan"]) == (30.0, 4.0)
    assert (small["spread"]["holdfast"], small["rss_mb"]["holdfast"]) == (1.0, 100)
    large = small | {"cpu": {"holdfast": 10.0}}
    assert exponents({"S": small, "M": large}) == {"holdfast": {"S-M": 1.0}}
    more = {"equal": {}, "build": None, "machine": "one", "versions": {"duckdb": "2"}, "together": ["holdfast"]}
    laid = table({"S": small | more, "M": large | more})
    assert "| holdfast | 1.00 | 10.00 |" in laid
    assert "| pandas, the first loop | 30.00\\* |" in laid
    assert "times as long" not in laid
    assert with_build(small | {"build": {"cpu": 2.0}}) == {"ratio_pandas_with_build": 10.0}


def test_every_engine_but_the_one_to_come_is_there() -> None:
    assert {one.name for one in ENGINES.values() if not one.exists} <= {"daily"}
    assert not ENGINES["pandas"].runs_at("L")
    assert (ENGINES["duckdb"].repeats("M", 3), ENGINES["duckdb"].repeats("L", 3)) == (3, 1)
