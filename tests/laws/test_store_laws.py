"""Laws of a store: however rows are cut into deliveries and buckets, it says what memory says."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError
from holdfast.features.history import History
from holdfast.features.time import FOREVER

START = pd.Timestamp("2025-01-01", tz="UTC")
LAW = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
)
hours = st.integers(0, 40).map(lambda n: START + pd.Timedelta(hours=6 * n))
later = st.one_of(st.none(), hours)
account = st.sampled_from(["a", "b", "c", "d", "unknown"])
names = st.sampled_from(["1", "2", "3", "4", "5", None])


def table(**cells: st.SearchStrategy[object]) -> st.SearchStrategy[pd.DataFrame]:
    rows = st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=12)
    return rows.map(lambda drawn: pd.DataFrame(drawn, columns=list(cells)))


companies = st.fixed_dictionaries(
    {
        "accounts": table(
            account_id=st.sampled_from(["a", "b", "c", "d"]),
            segment=st.sampled_from([None, "S", "L"]),
            valid_from=later,
            known_at=later,
        ).map(lambda frame: frame.drop_duplicates(["account_id", "valid_from", "known_at"])),
        "usage": table(
            account_id=account,
            source_id=names,
            occurred_at=hours,
            known_at=later,
            count=st.sampled_from([None, 1.0, 2.5]),
            deleted=st.sampled_from([None, None, False, True]),
        ),
    },
    optional={
        "tickets": table(
            account_id=account,
            ticket_id=st.sampled_from(["t", "u", "v", None]),
            opened_at=hours,
            known_at=hours,
            solved_at=later,
            satisfaction=st.sampled_from([None, 0.0, 1.0]),
            deleted=st.sampled_from([None, False, True]),
        )
    },
)


def typed(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give every column the type it has in a file, empty ones too."""
    times = {"valid_from", "known_at", "occurred_at", "opened_at", "solved_at"}
    kinds = {"count": "float64", "satisfaction": "float64", "deleted": "boolean"}
    return {
        name: frame.astype({c: "datetime64[us, UTC]" if c in times else kinds.get(c, "str") for c in frame})
        for name, frame in frames.items()
    }


def dump(frames: dict[str, pd.DataFrame], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        if len(frame):
            frame.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def answers(history: History) -> list[object]:
    told = [history.tables, list(history.accounts), history.start, history.end, history.report().to_dict("list")]
    for name in history.tables:
        records = history.records(name)
        clocks = [getattr(records, one).tolist() for one in ("account", "at", "known", "superseded")]
        cells = {
            c: records.columns[c].astype(object).where(records.columns[c].notna(), None).tolist()
            for c in records.columns
        }
        told += [name, history.supplied(name), history.watermark(name), clocks, dict(sorted(cells.items()))]
    return [*told, history.fingerprint()]


@LAW
@given(frames=companies, data=st.data())
def test_deliveries_and_buckets_change_nothing(frames, data):
    frames = typed(frames)
    count, buckets = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    parts = {
        name: data.draw(st.lists(st.integers(0, count - 1), min_size=len(f), max_size=len(f)))
        for name, f in frames.items()
    }
    parts["accounts"][0] = parts["usage"][0] = 0
    cut = [{name: f[np.array(parts[name]) == i] for name, f in frames.items()} for i in range(count)]
    cut = [one for one in cut if any(len(f) for f in one.values())]
    whole = {name: pd.concat([one[name] for one in cut], ignore_index=True) for name in frames}
    with tempfile.TemporaryDirectory() as base:
        sources = [dump(one, Path(base) / f"part{i}") for i, one in enumerate(cut)]
        try:
            memory = History.read(dump(whole, Path(base) / "whole"))
        except DataError:
            assume(False)
            raise
        try:
            stored = History.build(sources[0], Path(base) / "store", buckets=buckets)
        except DataError:  # the first delivery alone is no history
            assume(False)
            raise
        for source in sources[1:]:
            stored = stored.append(source)
        assert answers(stored) == answers(memory)
        assert answers(stored.compact()) == answers(memory)


@pytest.mark.parametrize(
    "ids",
    [
        ["busy"] * 300 + [f"a{i}" for i in range(300)],
        [f"a{i:04d}" for i in range(600)],
        ["only"] * 600,
        ["Ä", "a", "Z", "z", "10", "9", "𝄞", " ", "a b", "\u00a0"] * 60,
    ],
)
def test_ranges_are_balanced_and_whole_whatever_the_accounts(ids, tmp_path):
    usage = pd.DataFrame({"account_id": ids, "occurred_at": pd.date_range("2025-01-01", periods=600, freq="h")})
    frames = {"accounts": pd.DataFrame({"account_id": sorted(set(ids))}), "usage": usage}
    source = dump(frames, tmp_path / "source")
    memory, stored = History.read(source), History.build(source, tmp_path / "store", buckets=6)
    assert list(stored.accounts) == list(memory.accounts) == sorted(set(ids))
    assert stored.fingerprint() == memory.fingerprint()
    rows = [len(bucket.records("usage")) for bucket in stored.buckets()]
    assert sum(rows) == 600
    assert max(rows) <= max(2 * 600 / 6, usage["account_id"].value_counts().max() + 600 / 6)
    assert all((bucket.records("usage").superseded == FOREVER).all() for bucket in stored.buckets())
