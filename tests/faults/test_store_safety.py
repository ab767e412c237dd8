"""A store touches nothing that is not its own, and trusts nothing that is not what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import holdfast as hf
from holdfast import safely
from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.features.history import History, building, delivering

NAMES = [f"a{i}" for i in range(6)]


def delivery(folder: Path, first: int = 0, days: int = 5) -> Path:
    folder.mkdir(parents=True)
    if first == 0:
        pd.DataFrame({"account_id": NAMES, "valid_from": "2025-01-01"}).to_csv(folder / "accounts.csv", index=False)
    stamps = [pd.Timestamp("2025-01-01") + pd.Timedelta(days=first + day) for day in range(days)]
    rows = [{"account_id": name, "occurred_at": at, "count": i} for at in stamps for i, name in enumerate(NAMES)]
    pd.DataFrame(rows).to_csv(folder / "usage.csv", index=False)
    return folder


@pytest.mark.parametrize("name", ["records", "landed", ".tmp-thesis", ".building", ".lock"])
def test_a_build_leaves_what_is_somebodys(tmp_path, name):
    store, source = tmp_path / "work", delivery(tmp_path / "one")
    mine = store / name if name.startswith(".") and name != ".tmp-thesis" else store / name / "precious.xlsx"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    with pytest.raises(UsageError, match="a new or empty folder"):
        History.build(source, store)
    assert mine.read_text() == "years of work"


@pytest.mark.parametrize(("source", "store"), [("proj/landed", "proj"), ("proj", "proj/store"), ("proj", "proj")])
def test_a_source_and_a_store_lie_apart(tmp_path, source, store):
    delivery(tmp_path / source)
    with pytest.raises(UsageError, match="apart from the source"):
        History.build(tmp_path / source, tmp_path / store)
    assert len(list((tmp_path / source).glob("*.csv"))) == 2
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "other")
    delivery(tmp_path / "other" / "landed" / "0007" / "mine")
    with pytest.raises(UsageError, match="apart from the source"):
        stored.append(tmp_path / "other" / "landed" / "0007" / "mine")


def test_what_is_not_its_own_stays_in_the_folders_of_a_store(tmp_path):
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "store")
    mine = [tmp_path / "store" / name for name in ("landed/notes.txt", "records/0000/usage/x.csv", ".tmp-mine")]
    for path in mine:
        path.write_text("mine")
    stored.append(delivery(tmp_path / "two", 5)).compact()
    assert [path.read_text() for path in mine] == ["mine"] * 3


@pytest.mark.parametrize("below", ["landed", "records", "landed/0000", "landed/0000/usage"])
def test_no_link_is_followed_out_of_a_store(tmp_path, below):
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "store")
    aside = tmp_path / "aside"
    (tmp_path / "store" / below).rename(aside)
    (aside / "thesis.txt").write_text("mine")
    (aside / "00009.parquet").write_text("mine")
    (tmp_path / "store" / below).symlink_to(aside)
    before = sorted(aside.rglob("*"))
    for attempt in (lambda: stored.append(delivery(tmp_path / "two", 5)), stored.compact, stored.verify):
        with pytest.raises(DataError, match="found a link"):
            attempt()
    assert sorted(aside.rglob("*")) == before


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "store")
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "store" / ".lock").unlink()
    (tmp_path / "store" / ".lock").symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(HoldfastError, match="store"):
        stored.compact()
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["landed", "records"])
def test_no_flipped_byte_of_a_page_goes_unnoticed(tmp_path, kind):
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "store")
    path = next((tmp_path / "store" / kind).rglob("usage/*.parquet"))
    whole, footer = path.read_bytes(), pq.ParquetFile(path).metadata.serialized_size

    def read() -> object:
        opened = History.open(tmp_path / "store")
        return (
            opened.until(opened.end).fingerprint()
            if kind == "landed"
            else opened.records("usage").columns["count"].tolist()
        )

    expected, refused = read(), 0
    for place in range(4, len(whole) - footer - 8, 29):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        try:
            found = read()
        except DataError:
            refused += 1
        else:
            assert found == expected
    assert refused
    path.write_bytes(whole)
    stored.verify()


def test_a_reader_outlives_one_compaction_and_is_told_after_the_next(tmp_path):
    store = tmp_path / "store"
    stored = History.build(delivery(tmp_path / "one"), store, buckets=2)
    first = stored.append(delivery(tmp_path / "two", 5))
    cutoffs = [first.end]
    expected = hf.catalog.measure(first, cutoffs).indicators
    reader, other = History.open(store), History.open(store)
    compacted = first.compact()
    pd.testing.assert_frame_equal(hf.catalog.measure(reader, cutoffs).indicators, expected)
    again = compacted.append(delivery(tmp_path / "three", 10))
    pd.testing.assert_frame_equal(hf.catalog.measure(History.open(store, end=first.end), cutoffs).indicators, expected)
    again.compact()
    with pytest.raises(DataError, match=r"moved on.*open it again"):
        other.fingerprint()
    assert {*History.open(store).manifest.held} == {
        path.relative_to(store).as_posix() for path in store.rglob("*.parquet")
    }


def test_every_folder_up_to_the_store_reaches_the_disk(tmp_path, monkeypatch):
    flushed: list[Path] = []

    def recorded(path: Path) -> None:
        flushed.append(Path(path))

    for module in (building, delivering, safely):
        monkeypatch.setattr(module, "flush", recorded)
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "store")
    store = tmp_path / "store"
    needed = {one for name in stored.manifest.files for one in (store / name).parents if store in (one, *one.parents)}
    assert needed <= {*flushed}
    last = {path: place for place, path in enumerate(flushed)}
    assert all(last[path] < last[path.parent] for path in needed - {store})


def test_compacting_under_another_clock_keeps_the_clock_of_the_store(tmp_path):
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "store")
    end = stored.end
    History.open(tmp_path / "store", clock="2025-01-03").compact()
    assert History.open(tmp_path / "store").manifest.clock is None
    assert History.open(tmp_path / "store").end == end


def _in(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def damage(manifest: dict[str, Any]) -> None:
        place = manifest
        for step in path[:-1]:
            place = place[step]
        if value is None:
            place.pop(path[-1])
        else:
            place[path[-1]] = value

    return damage


def _every(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def damage(manifest: dict[str, Any]) -> None:
        for entry in manifest["files"].values():
            if value is None:
                entry.pop(key)
            else:
                entry[key] = value

    return damage


FACTS = ("buckets", 0, "facts")
ENTRY = {"bytes": 1, "sha256": "0" * 64, "footer": "0" * 64}


@pytest.mark.parametrize(
    "damage",
    [
        _every("footer", None),
        _every("sha256", 7),
        _every("bytes", "many"),
        _in("files", "landed/x", value=ENTRY),
        _in("files", "landed/0000/usage/../../../../x.parquet", value=ENTRY),
        _in("files", "landed/0000/evil/00000.parquet", value=ENTRY),
        _in("files", "landed/0009/usage/00000.parquet", value=ENTRY),
        _in("files", "landed/0000/usage/00009.parquet", value=ENTRY),
        _in("files", "landed/\u0660\u0660/usage/00000.parquet", value=ENTRY),
        _in("files", value=[]),
        _in("files", value={}),
        _in("former", value=["../x"]),
        _in("former", value="x"),
        _in(*FACTS, "evil", value={"rows": 1}),
        _in(*FACTS, "usage", "rows", value="x"),
        _in(*FACTS, "usage", "known_last", value=1.5),
        _in(*FACTS, "usage", "defaults", value=[1]),
        _in(*FACTS, "usage", "filled", value=[1]),
        _in("generation", value="../../../evil"),
        _in("generation", value="1"),
        _in("generation", value=0),
        _in("generation", value=True),
        _in("columns", "usage", value=["account_id", "nope"]),
        _in("columns", "usage", value="account_id"),
        _in("shared", "usage", value=[1]),
        _in("parts", value=[]),
        _in("parts", 0, "name", value="..0"),
        _in("parts", 0, "name", value="²"),
        _in("parts", 0, "reach", "usage", "top", value=["x"]),
        _in("parts", 0, "reach", value={}),
        _in("parts", 0, "rows", "usage", value="many"),
        _in("parts", 0, "dialects", "usage", value={"colour": "red"}),
        _in("parts", 0, "findings", "", value=[["HF999", "x", 1, "y"]]),
        _in("parts", 0, "sources", "usage.csv", "sha256", value=None),
        _in("buckets", 0, "records", value="0007"),
        _in("buckets", 0, "records", value=0),
        _in("buckets", 0, "accounts", value="x"),
        _in("boundaries", value="a"),
        _in("boundaries", value=[1]),
        _in("strict_clock", value="no"),
        _in("clock", value="soon"),
        _in("end", value=[1]),
    ],
)
def test_a_manifest_with_anything_of_another_kind_is_refused_in_one_line(damaged, damage):
    store, manifest = damaged
    damage(manifest)
    (store / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"manifest\.json: expected the manifest of a store"):
        History.open(store)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    base = tmp_path_factory.mktemp("sound")
    History.build(delivery(base / "one"), base / "store", buckets=2)
    return base / "store", (base / "store" / "manifest.json").read_text()


@pytest.fixture
def damaged(sound: tuple[Path, str]) -> tuple[Path, dict[str, Any]]:
    return sound[0], json.loads(sound[1])


def test_an_empty_delivery_is_none(tmp_path):
    stored = History.build(delivery(tmp_path / "one"), tmp_path / "store")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="at least one table"):
        stored.append(tmp_path / "nothing")
    assert History.open(tmp_path / "store").parts == stored.parts


@pytest.mark.parametrize("what", ["build", "append"])
def test_a_failure_leaves_no_files_behind(tmp_path, what):
    store = tmp_path / "store"
    stored = History.build(delivery(tmp_path / "one"), store) if what == "append" else None
    before = sorted(store.rglob("*.parquet"))
    bad = delivery(tmp_path / "bad", 0 if stored is None else 5)
    (bad / "usage.csv").write_text("account_id,occurred_at\na0,soon\n")
    pd.DataFrame({"account_id": NAMES, "valid_from": "2025-01-01"}).to_csv(bad / "accounts.csv", index=False)
    with pytest.raises(DataError, match="row 1"):
        History.build(bad, store) if stored is None else stored.append(bad)
    assert sorted(store.rglob("*.parquet")) == before
    assert not (store / ".building").exists()


def test_there_are_as_many_buckets_as_files_can_be_open(tmp_path):
    with pytest.raises(UsageError, match="1 to 512"):
        History.build(delivery(tmp_path / "one"), tmp_path / "store", buckets=513)


_MANY = """
import resource, sys
from pathlib import Path
import pandas as pd
from holdfast.features.history import History
base = Path(sys.argv[1])
names = [f"a{i:04d}" for i in range(520)]
(base / "one").mkdir()
pd.DataFrame({"account_id": names, "valid_from": "2025-01-01"}).to_csv(base / "one" / "accounts.csv", index=False)
pd.DataFrame({"account_id": names, "occurred_at": "2025-01-02"}).to_csv(base / "one" / "usage.csv", index=False)
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
assert len(History.build(base / "one", base / "store", buckets=512).accounts) == 520
"""


def test_the_most_buckets_fit_the_usual_number_of_open_files(tmp_path):
    done = subprocess.run([sys.executable, "-c", _MANY, str(tmp_path)], capture_output=True, env={**os.environ})
    assert done.returncode == 0, done.stderr.decode()[-500:]
