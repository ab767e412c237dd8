"""A store answers what the history in memory answers, bit for bit."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.history.part import from_tables, to_tables
from holdfast.features.history.stored import StoredHistory
from holdfast.features.history.tables import ACTIVITY_TABLES
from holdfast.features.snapshot import Snapshot
from holdfast.serving.command import run
from holdfast.serving.contract.cadence import stale

Frames = Mapping[str, pd.DataFrame]
LATER = pd.Timedelta(hours=77, minutes=7)


def dump(frames: Frames, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        if len(frame):
            frame.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def messy(folder: Path) -> dict[str, pd.DataFrame]:
    """Give a simulated company with late rows, corrections, deletions, repetitions, strangers and moved records."""
    frames = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    usage, tickets = frames["usage"], frames["tickets"]
    corrected = usage.sample(150, random_state=1).assign(duration_min=1.0, known_basis="history")
    deleted = usage.drop(corrected.index).sample(60, random_state=2).assign(deleted=True)
    late = [frame.assign(known_at=frame["known_at"] + LATER) for frame in (corrected, deleted)]
    strange = usage.sample(9, random_state=3)
    strange = strange.assign(account_id="zzz", source_id=strange["source_id"] + "-strange")
    frames["usage"] = pd.concat([usage, *late, usage.sample(40, random_state=4), strange], ignore_index=True)
    moved = tickets.sample(20, random_state=5)
    owners = np.random.default_rng(0).permutation(moved["account_id"].to_numpy())
    moved = moved.assign(account_id=owners, known_at=moved["known_at"] + LATER)
    frames["tickets"] = pd.concat([tickets, moved], ignore_index=True)
    return frames


def deliveries(frames: Frames, count: int) -> list[dict[str, pd.DataFrame]]:
    """Cut tables into deliveries by the day a row became known; accounts come with the first that tells of them."""
    known = pd.DatetimeIndex(frames["usage"]["known_at"]).sort_values()
    cuts = known[[len(known) * (count + i) // (2 * count) for i in range(1, count)]]
    place = {name: np.searchsorted(cuts, pd.DatetimeIndex(frame["known_at"])) for name, frame in frames.items()}
    return [
        {name: frame[place[name] == i].reset_index(drop=True) for name, frame in frames.items()} for i in range(count)
    ]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], History]:
    base = tmp_path_factory.mktemp("company")
    hf.simulate(accounts=40, seed=1, months=18).write(base / "plain")
    parts = deliveries(messy(base / "plain"), 3)
    whole = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    sources = [dump(part, base / f"part{i}") for i, part in enumerate(parts)]
    source = dump(whole, base / "whole")
    return source, sources, History.read(source)


@lru_cache(maxsize=1)
def in_memory(history: History) -> Snapshot:
    """Measure the company that all stores are held against, once."""
    return hf.catalog.measure(history, hf.cutoffs(history, every="56d"))


def same_snapshot(one: History, two: History) -> None:
    first, second = in_memory(one), hf.catalog.measure(two, hf.cutoffs(one, every="56d"))
    for name in ("indicators", "context", "exposure", "coverage"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)


def same_labels(one: History, two: History, kind: str) -> None:
    cutoffs = hf.cutoffs(one, every="56d")
    first, second = (hf.label(history, cutoffs, churn=kind) for history in (one, two))
    pd.testing.assert_frame_equal(first.frame, second.frame, check_exact=True)
    pd.testing.assert_series_equal(first.at_risk, second.at_risk)
    pd.testing.assert_series_equal(first.event_at, second.event_at)
    assert (first.findings, first.dropped, first.end) == (second.findings, second.dropped, second.end)
    then = first.known(cutoffs[-1]).frame, second.known(cutoffs[-1]).frame
    pd.testing.assert_frame_equal(*then, check_exact=True)


def same_outline(one: History, two: History) -> None:
    assert (one.tables, list(one.accounts)) == (two.tables, list(two.accounts))
    assert (one.start, one.end, one.now, one.stated_end) == (two.start, two.end, two.now, two.stated_end)
    assert {name: one.supplied(name) for name in one.tables} == {name: two.supplied(name) for name in two.tables}
    assert {name: one.watermark(name) for name in one.tables} == {name: two.watermark(name) for name in two.tables}
    pd.testing.assert_frame_equal(one.report(), two.report())


def same_records(one: History, two: History) -> None:
    for name in one.tables:
        first, second = one.records(name), two.records(name)
        for clock in ("account", "at", "known", "superseded"):
            np.testing.assert_array_equal(getattr(first, clock), getattr(second, clock))
        assert set(first.columns) == set(second.columns)
        for column in first.columns:
            values = second.columns[column]
            texts = isinstance(values.dtype, pd.CategoricalDtype)
            pd.testing.assert_series_equal(first.columns[column], values.astype("str") if texts else values)


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("buckets", [1, 7, 64])
def test_a_store_measures_and_labels_as_memory_does(company, tmp_path, buckets):
    source, _, memory = company
    stored = History.build(source, tmp_path / "store", buckets=buckets)
    same_outline(memory, stored)
    same_snapshot(memory, stored)
    if buckets == 7:
        same_records(memory, stored)
        same_labels(memory, stored, "notice")
        stored.verify()


def test_the_buckets_ascend_and_share_what_holds_for_all(company, tmp_path):
    source, _, memory = company
    stored = History.build(source, tmp_path / "store", buckets=5)
    parts = list(stored.buckets())
    assert len(parts) == 5
    assert [name for part in parts for name in part.accounts] == list(memory.accounts)
    for part in parts:
        assert (part.tables, part.start, part.end, part.now) == (memory.tables, memory.start, memory.end, memory.now)
        assert part.watermark("usage") == memory.watermark("usage")


@pytest.mark.parametrize("kind", ["silence", "departure"])
def test_the_other_kinds_of_churn_are_labelled_alike(company, tmp_path, kind):
    source, _, memory = company
    same_labels(memory, History.build(source, tmp_path / "store", buckets=4), kind)


def test_a_kind_of_activity_may_be_absent_from_a_bucket_but_not_from_all(company, tmp_path):
    source, _, memory = company
    stored = History.build(source, tmp_path / "store", buckets=7)
    rare = memory.records("touchpoints").columns["kind"].value_counts().index[-1]
    cutoffs = hf.cutoffs(memory)[-8:-4]
    churn = hf.Churn("silence", activity=(f"touchpoints.{rare}",), settlement_days=0)
    one, two = (hf.label(history, cutoffs, churn=churn, horizons=(30,)).frame for history in (memory, stored))
    pd.testing.assert_frame_equal(one, two)
    with pytest.raises(DataError, match="rows of the kind 'ritual'"):
        hf.label(stored, cutoffs, churn=hf.Churn("silence", activity=("touchpoints.ritual",)))


@pytest.mark.parametrize("buckets", [1, 3])
def test_deliveries_add_up_to_what_all_files_together_say(company, tmp_path, buckets):
    _, sources, memory = company
    store = tmp_path / "store"
    stored = History.build(sources[0], store, buckets=buckets)
    before = hashes(store)
    for source in sources[1:]:
        stored = stored.append(source)
    landed = {name: hashed for name, hashed in before.items() if name != "manifest.json"}
    assert landed.items() <= hashes(store).items()
    assert not stored.ready
    same_outline(memory, stored)
    same_snapshot(memory, stored)
    same_labels(memory, stored, "notice")
    compacted = stored.compact()
    assert compacted.ready
    same_outline(memory, compacted)
    same_records(memory, compacted)
    same_snapshot(memory, compacted)
    same_labels(memory, compacted, "notice")
    assert compacted.fingerprint() == memory.fingerprint()


def test_the_same_files_again_change_nothing(company, tmp_path):
    _, sources, _ = company
    stored = History.build(sources[0], tmp_path / "store", buckets=3)
    before = hashes(tmp_path / "store")
    again = stored.append(sources[0])
    assert again.parts == stored.parts
    assert hashes(tmp_path / "store") == before


def test_recent_rows_are_those_of_the_newest_deliveries(company, tmp_path):
    _, sources, _ = company
    stored = History.build(sources[0], tmp_path / "store", buckets=3).append(sources[1])
    rows = [part["usage"] for part in stored.recent(stored.parts[0]) if "usage" in part]
    delivered = pd.read_parquet(sources[1] / "usage.parquet")
    assert sorted(pd.concat(rows)["source_id"]) == sorted(delivered["source_id"])
    assert all("usage" not in part for part in stored.recent(stored.parts[1]))
    with pytest.raises(UsageError, match="recent"):
        list(stored.compact().recent(stored.parts[0]))


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_store_cut_off_is_the_history_cut_off(company, tmp_path, share):
    source, _, memory = company
    stored = History.build(source, tmp_path / "store", buckets=4)
    instant = (memory.start + (memory.end - memory.start) * share).floor("D")
    one, two = memory.until(instant), stored.until(instant)
    same_outline(one, two)
    same_records(one, two)
    assert one.fingerprint() == two.fingerprint()
    views = memory.as_of(instant), stored.as_of(instant)
    for name in views[0]:
        texts = {c: "str" for c in views[1][name] if isinstance(views[1][name][c].dtype, pd.CategoricalDtype)}
        pd.testing.assert_frame_equal(views[0][name], views[1][name].astype(texts), check_like=True)
    for history, view in zip((memory, stored), views, strict=True):
        alone = history.as_of(instant, ("usage", "none such"))
        assert alone.tables == ("usage",)
        pd.testing.assert_frame_equal(alone["usage"], view["usage"])


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_a_store_whose_rows_all_count_is_cut_off_where_it_lies(company, tmp_path, share):
    plain = company[0].parent / "plain"
    memory, stored = History.read(plain), History.build(plain, tmp_path / "store", buckets=4)
    instant = (memory.start + (memory.end - memory.start) * share).floor("D")
    before = hashes(tmp_path / "store")
    one, two = memory.until(instant), stored.until(instant)
    assert two.folder == stored.folder
    same_outline(one, two)
    same_records(one, two)
    assert one.fingerprint() == two.fingerprint()
    same_snapshot(one, two)
    same_labels(one, two, "notice")
    for name in ("subscriptions", "invoices", "tickets"):
        alone = two.records(name, ["ends_at", "amount_paid", "satisfaction"]).columns
        pd.testing.assert_frame_equal(alone, one.records(name).columns[list(alone)], check_column_type=False)
    earlier = instant - pd.Timedelta(days=40)
    again, at_once = two.until(earlier), memory.until(earlier)
    same_outline(at_once, again)
    same_records(at_once, again)
    one.write(tmp_path / "one")
    two.write(tmp_path / "two")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    two.verify()
    for change in (two.compact, lambda: two.append(plain)):
        with pytest.raises(UsageError, match="open the store itself"):
            change()
    assert hashes(tmp_path / "store") == before


def test_sentences_and_silence_are_those_of_the_history_in_memory(company, tmp_path):
    source, _, memory = company
    stored = History.build(source, tmp_path / "store", buckets=4)
    day = memory.start + pd.Timedelta(days=300)
    X = hf.catalog.measure(memory, [day])
    pairs = X.indicators.droplevel("cutoff").rename_axis(columns="indicator").stack().rename("value").reset_index()
    pairs = pairs.sample(500, random_state=0)
    told = [Catalog(X.catalog, fixed=True).sentences(one, pairs, day) for one in (memory, stored)]
    assert told[0].tolist() == told[1].tolist()
    for at in pd.date_range(memory.start + pd.Timedelta(days=5), memory.end, freq="40D"):
        assert stale(memory, at) == stale(stored, at) == stale(memory.until(at), at)
    later = memory.end + pd.Timedelta(days=60)
    assert stale(memory, later) == stale(stored, later) == [one for one in ACTIVITY_TABLES if one in memory]


def test_another_clock_sets_other_rows_aside(company, tmp_path):
    source, _, memory = company
    store, clock = tmp_path / "store", memory.end - pd.Timedelta(days=90)
    History.build(source, store, buckets=3)
    opened, read = History.open(store, clock=clock), History.read(source, clock=clock)
    assert not opened.ready
    same_outline(read, opened)
    same_records(read, opened)


def test_the_strict_clock_is_kept_by_a_store(tmp_path):
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a", "b"], "known_at": ["2025-01-01", "2025-01-01"]}),
        "usage": pd.DataFrame(
            {
                "account_id": ["a", "b", "b"],
                "occurred_at": ["2025-01-05", "2025-01-06", "2025-01-07"],
                "known_at": ["2025-01-05", None, "2025-01-08"],
            }
        ),
    }
    source = dump(frames, tmp_path / "source")
    memory = History.read(source, strict_clock=True)
    stored = History.build(source, tmp_path / "store", buckets=2, strict_clock=True)
    same_outline(memory, stored)
    with pytest.raises(UsageError, match="strict clock"):
        History.open(History.build(source, tmp_path / "loose").folder, strict_clock=True)


def test_written_tables_are_those_that_memory_writes(company, tmp_path):
    source, _, memory = company
    memory.write(tmp_path / "one")
    History.build(source, tmp_path / "store", buckets=3).write(tmp_path / "two")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_a_bucket_goes_out_and_comes_back_as_arrow(company, tmp_path):
    source, _, memory = company
    stored = History.build(source, tmp_path / "store", buckets=3)
    cutoffs = hf.cutoffs(memory, every="56d")
    for bucket in stored.buckets():
        again = from_tables(to_tables(bucket))
        one, two = (hf.catalog.measure(part, cutoffs) for part in (bucket, again))
        pd.testing.assert_frame_equal(one.indicators, two.indicators, check_exact=True)


def test_reading_a_folder_that_is_a_store_opens_it(company, tmp_path):
    source, _, memory = company
    History.build(source, tmp_path / "store", buckets=2)
    opened = History.read(tmp_path / "store")
    assert isinstance(opened, StoredHistory)
    same_outline(memory, opened)
    assert "accounts" in opened._repr_html_()


def test_the_command_builds_appends_and_says_when_there_is_nothing_to_do(company, tmp_path, capsys):
    _, sources, memory = company
    store = str(tmp_path / "store")
    assert run(["ingest", str(sources[0]), store, "--buckets", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["buckets"] == 3
    assert run(["ingest", str(sources[1]), store]) == 0
    assert "--compact" in capsys.readouterr().out
    assert run(["ingest", str(sources[1]), store]) == 10
    capsys.readouterr()
    assert run(["ingest", str(sources[1]), store, "--compact"]) == 0
    assert capsys.readouterr().out.startswith("compacted: ")
    assert run(["ingest", str(sources[1]), store, "--compact"]) == 10
    assert run(["ingest", str(sources[2]), store, "--compact"]) == 0
    same_outline(memory, History.open(store))
    assert run(["ingest", str(sources[2]), store, "--buckets", "4"]) == 2


def test_a_name_used_for_two_accounts_at_once_is_refused_across_buckets(tmp_path):
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a", "b"], "valid_from": ["2025-01-01"] * 2}),
        "usage": pd.DataFrame(
            {"account_id": ["a", "b"], "occurred_at": ["2025-01-05"] * 2, "source_id": ["1", "1"], "source": "crm"}
        ),
    }
    source = dump(frames, tmp_path / "source")
    with pytest.raises(DataError, match="duplicate rows that differ"):
        History.read(source)
    with pytest.raises(DataError, match="duplicate rows that differ"):
        History.build(source, tmp_path / "store", buckets=2)
    shutil.rmtree(tmp_path / "store")
