"""Laws of deliveries to a store: whatever columns a delivery has or lacks, the store says what memory says."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.features.history import History, sharing, splitting

USAGE = pd.DataFrame(
    {
        "account_id": ["a", "b", "c", "a", "b"],
        "source_id": ["1", "2", "3", "4", "5"],
        "occurred_at": pd.date_range("2025-01-02", periods=5, freq="D", tz="UTC"),
        "known_at": pd.date_range("2025-01-03", periods=5, freq="D", tz="UTC"),
        "kind": ["login", "api", "login", "api", "login"],
        "person_id": ["p", "q", "p", "r", "q"],
        "count": [1.0, 2.0, 3.0, 4.0, 5.0],
        "known_basis": "created",
    }
)
ACCOUNTS = pd.DataFrame({"account_id": ["a", "b", "c"], "segment": ["S", "L", "S"], "valid_from": "2025-01-01"})


def dump(frames: dict[str, pd.DataFrame], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def later(frame: pd.DataFrame) -> pd.DataFrame:
    moved = {name: frame[name] + pd.Timedelta(days=9) for name in ("occurred_at", "known_at")}
    return frame.assign(**moved, source_id=[f"n{name}" for name in frame["source_id"]])


def answers(history: History) -> list[object]:
    instant = history.start + pd.Timedelta(days=11)
    cutoffs = [history.start + pd.Timedelta(days=days) for days in (3, 6, 11)]
    cells = hf.catalog.measure(history, cutoffs).indicators
    told = [history.tables, list(history.accounts), history.report().to_dict("list"), history.fingerprint()]
    return [
        *told,
        cells.astype(object).where(cells.notna(), None).to_dict("list"),
        history.until(instant).fingerprint(),
    ]


COLUMNS = ["kind", "person_id", "count", "source_id", "known_at", "known_basis"]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("without", [["kind"], ["person_id", "kind"], ["count"], ["source_id"], ["known_at"], COLUMNS])
def test_a_delivery_may_have_other_columns(tmp_path, first, without):
    whole, poor = (USAGE, later(USAGE).drop(columns=without))
    if first:
        whole, poor = USAGE.drop(columns=without), later(USAGE)
    memory = History.from_frames({"accounts": ACCOUNTS, "usage": pd.concat([whole, poor], ignore_index=True)})
    stored = History.build(
        dump({"accounts": ACCOUNTS, "usage": whole}, tmp_path / "one"), tmp_path / "store", buckets=2
    )
    stored = stored.append(dump({"usage": poor}, tmp_path / "two"))
    expected = answers(memory)
    assert answers(stored) == expected
    assert answers(stored.compact()) == expected
    assert answers(History.open(tmp_path / "store")) == expected


NAMES = [f"a{i}" for i in range(8)]


def tickets(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "ticket_id", "known_at"])
    return frame.assign(opened_at="2025-01-02", known_at=pd.to_datetime(frame["known_at"], utc=True))


def moved_once(folder: Path) -> tuple[History, dict[str, pd.DataFrame]]:
    """Build a store of eight buckets, where the ticket t1 moved from a1 to a5."""
    own = [(name, f"t{name[1:]}", "2025-01-02") for name in NAMES]
    frames = {
        "accounts": pd.DataFrame({"account_id": NAMES, "valid_from": "2025-01-01"}),
        "tickets": tickets(*own, ("a5", "t1", "2025-01-04")),
    }
    return History.build(dump(frames, folder / "one"), folder / "store", buckets=8), frames


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("a7", "new", "2025-01-08"), {7}),
        (("a3", "t1", "2025-01-08"), {1, 3, 5}),
        (("a1", "new", "2025-01-08"), {1, 5}),
        (("a6", "t2", "2025-01-08"), {2, 6}),
    ],
)
def test_a_delivery_outdates_only_the_buckets_that_it_concerns(tmp_path, row, expected):
    stored, frames = moved_once(tmp_path)
    new = tickets(row)
    after = stored.append(dump({"tickets": new}, tmp_path / "two"))
    outdated = {number for number, one in enumerate(after.manifest.buckets) if one.records is None}
    assert outdated == {bisect_right(after.manifest.boundaries, f"a{number}") for number in expected}
    assert len(outdated) < 4 < len(after.manifest.buckets)
    whole = pd.concat([frames["tickets"], new], ignore_index=True)
    memory = History.from_frames({"accounts": frames["accounts"], "tickets": whole})
    for history in (after, after.compact()):
        for clock in ("account", "at", "known", "superseded"):
            assert (
                getattr(history.records("tickets"), clock).tolist()
                == getattr(memory.records("tickets"), clock).tolist()
            )
        assert history.fingerprint() == memory.fingerprint()


def test_under_another_clock_a_record_has_not_moved_yet(tmp_path):
    _, frames = moved_once(tmp_path)
    stored = History.open(tmp_path / "store", clock="2025-01-03")
    memory = History.from_frames(frames, clock="2025-01-03")
    assert stored.records("tickets").superseded.tolist() == memory.records("tickets").superseded.tolist()


def test_a_bucket_that_has_grown_is_cut_again(tmp_path, monkeypatch):
    stored, frames = moved_once(tmp_path)
    whole = dict(frames)
    monkeypatch.setattr(splitting, "BUCKET_ROWS", 20)
    names = [f"b{i:02d}" for i in range(30)]
    new = {
        "accounts": pd.DataFrame({"account_id": [*names, "a3x"], "valid_from": "2025-01-05"}),
        "tickets": tickets(
            *((name, f"{name}-{k}", "2025-01-06") for name in names for k in range(3)),
            ("b29", "b01-0", "2025-01-08"),
            ("b00", "t0", "2025-01-08"),
            *(("a3x", f"x{k}", "2025-01-09") for k in range(60)),
        ),
    }
    before = History.open(tmp_path / "store").append(dump(new, tmp_path / "two"))
    whole = {name: pd.concat([frames[name], new[name]], ignore_index=True) for name in frames}
    memory = History.from_frames(whole)
    after = before.compact()
    assert len(after.manifest.buckets) > len(stored.manifest.buckets) + 2
    rows = [len(bucket.records("tickets")) for bucket in after.buckets() if "a3x" not in bucket.accounts]
    assert max(rows) <= 40
    for history in (before, after, History.open(tmp_path / "store")):
        assert list(history.accounts) == list(memory.accounts)
        for clock in ("account", "at", "known", "superseded"):
            one, two = (getattr(part.records("tickets"), clock) for part in (history, memory))
            assert one.tolist() == two.tolist()
        assert history.fingerprint() == memory.fingerprint()
    after.verify()
    assert after.compact().manifest == after.manifest
    late = tickets(("b07", "b21-1", "2025-01-12"))
    grown = after.append(dump({"tickets": late}, tmp_path / "three"))
    whole["tickets"] = pd.concat([whole["tickets"], late], ignore_index=True)
    assert (
        grown.records("tickets").superseded.tolist()
        == History.from_frames(whole).records("tickets").superseded.tolist()
    )
    assert sum(len(part["tickets"]) for part in grown.recent(after.parts[-1]) if "tickets" in part) == 1
    with pytest.raises(UsageError, match="recent"):
        list(grown.recent(after.parts[0]))


def test_most_buckets_bound_the_cuts(tmp_path, monkeypatch):
    stored, _ = moved_once(tmp_path)
    monkeypatch.setattr(splitting, "BUCKET_ROWS", 1)
    monkeypatch.setattr(splitting, "MOST_BUCKETS", len(stored.manifest.buckets) + 1)
    new = {
        "accounts": pd.DataFrame({"account_id": [f"b{i}" for i in range(9)], "valid_from": "2025-01-05"}),
        "tickets": tickets(*((f"b{i}", f"b{i}", "2025-01-06") for i in range(9))),
    }
    after = stored.append(dump(new, tmp_path / "two")).compact()
    assert len(after.manifest.buckets) == len(stored.manifest.buckets) + 1
    assert len(after.accounts) == 17


def test_names_of_several_buckets_are_found(tmp_path, monkeypatch):
    paths = {}
    for bucket in range(3):
        names = [f"own-{bucket}-{n}" for n in range(200)] + [f"both-{n:03d}" for n in range(bucket, 150 + bucket)]
        paths[bucket] = [tmp_path / f"{bucket}.parquet"]
        pd.DataFrame({"source_id": [*names, None]}).to_parquet(paths[bucket][0])
    late = tuple(f"both-{n:03d}" for n in range(2, 151))
    assert sharing.shared_names(tmp_path, "usage", paths, paths) == ("both-001", *late)
    assert sharing.shared_names(tmp_path, "usage", paths, {2: paths[2]}) == late
    monkeypatch.setattr(sharing, "MOST_SHARED", 149)
    with pytest.raises(DataError, match="over 149 that name rows of several accounts"):
        sharing.shared_names(tmp_path, "usage", paths, paths)


def test_names_of_many_buckets_are_found_in_little_memory(tmp_path, monkeypatch):
    """As many scans as there are buckets would each hold a part of it."""
    monkeypatch.setattr(sharing, "_MEMORY", "24MB")
    paths = {bucket: [tmp_path / f"{bucket:04d}.parquet"] for bucket in range(150)}
    for bucket, (path,) in paths.items():
        names = [*(f"own-{bucket}-{n}" for n in range(4_000)), "both"]
        pd.DataFrame({"source_id": names}).to_parquet(path, compression=None)
    assert sharing.shared_names(tmp_path, "usage", paths, paths) == ("both",)
